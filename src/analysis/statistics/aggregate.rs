//! Numbers for all runs of a model that a few bad runs do not move (Agarwal et al. 2021, "Deep Reinforcement Learning at
//! the Edge of the Statistical Precipice", §4.2 and §4.3).

use super::bootstrap::{Bootstrap, Resampled};
use super::proportion::Proportion;
use super::summary;

/// Interquartile mean: the mean of the middle half, ⌊n/4⌋ values cut from either end. Values may be infinite.
///
/// It sorts once; a resample counts how often it has each value.
pub fn interquartile_mean(values: &[f64], bootstrap: &Bootstrap) -> Resampled {
    let sorted = summary::sorted(values);
    bootstrap.rows(sorted.len(), |rows| {
        let mut counts = vec![0; sorted.len()];
        for &row in rows {
            counts[row] += 1;
        }
        middle_mean(&sorted, &counts)
    })
}

/// The interquartile mean of rising values, of which each is there so many times.
fn middle_mean(sorted: &[f64], counts: &[usize]) -> f64 {
    let total: usize = counts.iter().sum();
    let (from, to) = (total / 4, total - total / 4);
    let (mut sum, mut before) = (0.0, 0);
    for (value, count) in sorted.iter().zip(counts) {
        let kept = (before + count).min(to).saturating_sub(before.max(from));
        // Not 0 · ∞.
        if kept > 0 {
            sum += value * kept as f64;
        }
        before += count;
    }
    sum / (to - from) as f64
}

/// Optimality gap: the mean amount by which losses miss `optimum`, max(loss − optimum, 0). A loss below it, which
/// chance alone can give, counts as one that reaches it.
pub fn optimality_gap(losses: &[f64], optimum: f64, bootstrap: &Bootstrap) -> Resampled {
    let misses: Vec<f64> = losses.iter().map(|loss| (loss - optimum).max(0.0)).collect();
    bootstrap.sample(&misses, summary::mean)
}

/// Performance profile: for every threshold the share of runs whose loss is not above it (§4.2, which has it for
/// scores).
pub fn performance_profile(losses: &[f64], thresholds: &[f64]) -> Vec<Proportion> {
    let sorted = summary::sorted(losses);
    let up_to = |threshold: &f64| sorted.partition_point(|loss| loss <= threshold);
    thresholds.iter().map(|threshold| Proportion { count: up_to(threshold), of: sorted.len() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::Confidence;
    use crate::analysis::testing::ends;

    const SAMPLE: [f64; 10] = [0.31, 0.05, 0.11, 0.07, 0.45, 0.06, 0.08, 0.21, 0.09, 0.05];

    #[test]
    fn the_interquartile_mean_is_that_of_sorted_resamples() {
        for values in [&SAMPLE[..], &SAMPLE[..7], &SAMPLE[..1], &[0.1, f64::INFINITY, 0.3, 0.2, 0.4]] {
            let bootstrap = Bootstrap { resamples: 500, ..Bootstrap::default() };
            let found = interquartile_mean(values, &bootstrap);
            let direct = bootstrap.sample(&summary::sorted(values), summary::interquartile_mean);
            let near = |a: f64, b: f64| a == b || (a - b).abs() < 1e-12 || a.is_nan() && b.is_nan();
            assert!(near(found.estimate(), summary::interquartile_mean(values)), "{values:?}");
            for probability in [0.025, 0.3, 0.975] {
                let (a, b) = (found.bound(probability), direct.bound(probability));
                assert!(near(a, b), "{values:?} at {probability}: {a}, not {b}");
            }
        }
    }

    #[test]
    fn one_run_in_four_may_diverge_before_the_interquartile_mean_does() {
        let losses = |diverged: usize| -> Vec<f64> {
            (0..8).map(|i| if i < diverged { f64::INFINITY } else { 0.1 * i as f64 }).collect()
        };
        let of = |diverged| interquartile_mean(&losses(diverged), &Bootstrap::default());
        // 0.2 and 0.3 are cut below, two infinite values above: the mean of 0.4, 0.5, 0.6, 0.7.
        assert!((of(2).estimate() - 0.55).abs() < 1e-12);
        assert_eq!(of(3).interval(), None);
    }

    #[test]
    fn the_optimality_gap_is_the_mean_of_what_is_missing() {
        // (0.05 + 0 + 0.25 + 0) / 4, by hand; the last two reach the optimum.
        let gap = optimality_gap(&[0.15, 0.1, 0.35, 0.02], 0.1, &Bootstrap::default());
        assert!((gap.estimate() - 0.075).abs() < 1e-12, "{}", gap.estimate());
        let (low, high) = ends(&gap);
        assert!((0.0..0.075).contains(&low) && high > 0.075);
        // Where every loss misses the optimum it is the mean less the optimum, and so are its bounds.
        let bootstrap = Bootstrap::for_means();
        let (gap, mean) =
            (optimality_gap(&SAMPLE, 0.01, &bootstrap), bootstrap.sample(&SAMPLE, summary::mean));
        assert!((gap.estimate() - (mean.estimate() - 0.01)).abs() < 1e-12);
        assert!((ends(&gap).1 - (ends(&mean).1 - 0.01)).abs() < 1e-9);
    }

    #[test]
    fn a_profile_counts_the_runs_up_to_a_threshold() {
        let losses = [0.2, 0.1, f64::INFINITY, 0.2, 0.4];
        let thresholds = [0.05, 0.1, 0.15, 0.2, 0.4, 1.0];
        let shares: Vec<f64> =
            performance_profile(&losses, &thresholds).iter().map(Confidence::estimate).collect();
        assert_eq!(shares, [0.0, 0.2, 0.2, 0.6, 0.8, 0.8], "counted by hand; a diverged run never counts");
        // By brute force over the resamples, a bootstrap of the share has Wilson's width to a few hundredths.
        let many: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
        let wilson = performance_profile(&many, &[0.3])[0];
        let drawn = Bootstrap {
            method: super::super::bootstrap::Method::Percentile,
            expand: false,
            ..Bootstrap::default()
        }
        .sample(&many, |values| values.iter().filter(|value| **value <= 0.3).count() as f64 / 200.0);
        let ((a, b), (c, d)) = (ends(&wilson), ends(&drawn));
        assert!((a - c).abs() < 0.01 && (b - d).abs() < 0.01, "{a} {b} {c} {d}");
    }
}
