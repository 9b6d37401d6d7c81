//! Ratios of the variances of two models' losses.

use super::bootstrap::{Bootstrap, Resampled};
use super::summary;

/// Ratio of two samples' variances, var(a) / var(b), bootstrapped on the log scale with rows drawn whole.
///
/// The F test of two variances trusts in normality, which bimodal losses break badly; the bootstrap does not.
/// Drawn from Figure 5's own histograms, one side of its
/// 95 % interval errs in 1.5 to 3.3 % of pairs of equally distributed samples of 200, 1.4 to 6 % of 100, and 5 to
/// 8 % of 20 where bad runs are rare (nominal 2.5 %): of few runs, those that would make the variance are missing.
/// Bounds are of the ratio itself. Undefined (NaN) where a variance is 0.
///
/// # Panics
/// If the samples differ in length.
pub fn variance_ratio(a: &[f64], b: &[f64], bootstrap: &Bootstrap) -> Resampled {
    mean_variance_ratio(&[(a, b)], bootstrap)
}

/// Geometric mean of the variance ratios of several pairs of samples that share their rows.
///
/// # Panics
/// If the samples differ in length, or there are none.
pub fn mean_variance_ratio(pairs: &[(&[f64], &[f64])], bootstrap: &Bootstrap) -> Resampled {
    let rows = pairs[0].0.len();
    assert!(pairs.iter().all(|(a, b)| a.len() == rows && b.len() == rows), "all samples share their rows");
    let log_ratio = |drawn: &[usize]| {
        let variance = |column: &[f64]| {
            let values: Vec<f64> = drawn.iter().map(|&row| column[row]).collect();
            summary::variance(&values)
        };
        let sum: f64 = pairs.iter().map(|(a, b)| (variance(a) / variance(b)).ln()).sum();
        let mean = sum / pairs.len() as f64;
        // A resample of equal values has no ratio.
        if mean.is_finite() { mean } else { f64::NAN }
    };
    bootstrap.rows(rows, log_ratio).map(f64::exp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::Confidence;
    use crate::analysis::testing::ends;

    /// Losses of two modes, as in Figure 5.
    fn bimodal(n: usize, bad_every: usize, bad: f64) -> Vec<f64> {
        (0..n).map(|i| if i % bad_every == 0 { bad } else { 0.05 } + 0.001 * (i % 7) as f64).collect()
    }

    #[test]
    fn the_interval_of_a_ratio_agrees_with_scipy() {
        // scipy 1.17.1: stats.bootstrap((a, b), lambda a, b, axis=-1: np.log(a.var(axis, ddof=1) /
        //   b.var(axis, ddof=1)), paired=True, n_resamples=100_000, method='BCa', rng=1), then exp
        let (a, b) = (bimodal(60, 3, 0.45), bimodal(60, 4, 0.25));
        let ratio = Bootstrap { resamples: 50_000, expand: false, ..Bootstrap::default() };
        let ratio = variance_ratio(&a, &b, &ratio);
        assert!((ratio.estimate() - 4.746870997).abs() < 1e-6, "{ratio:?}");
        let (low, high) = ends(&ratio);
        assert!((low / 3.390296 - 1.0).abs() < 0.02, "{low}");
        assert!((high / 7.285621 - 1.0).abs() < 0.02, "{high}");
    }

    #[test]
    fn the_inverse_ratio_has_the_inverse_interval() {
        let (a, b) = (bimodal(60, 3, 0.45), bimodal(60, 4, 0.25));
        let there = variance_ratio(&a, &b, &Bootstrap::default());
        let back = variance_ratio(&b, &a, &Bootstrap::default());
        assert!((ends(&there).0 * ends(&back).1 - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_sample_without_spread_has_no_ratio() {
        assert!(variance_ratio(&bimodal(20, 3, 0.4), &[0.1; 20], &Bootstrap::default()).interval().is_none());
    }
}
