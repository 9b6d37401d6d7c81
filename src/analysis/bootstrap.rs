//! How sure a mean over runs is: bias-corrected and accelerated (BCa) bootstrap intervals.
//!
//! Final losses are skewed (a few runs get stuck far above the rest), so an interval that is symmetric
//! around the mean misleads. BCa (Efron 1987) resamples whole runs, and corrects the percentiles for bias
//! and skewness. All points of a curve are resampled with the same runs: a [`Resamples`] is drawn once and
//! used for each of them.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::interval::Interval;

/// Resamples behind an interval. The ends are the 50th value or so from either side: their own Monte-Carlo
/// error is a few per cent of the interval's width.
const RESAMPLES: usize = 2_000;
/// Seed of the resampling, the same for every interval: a report drawn twice has the same numbers.
const SEED: u64 = 2018;
/// Standard normal quantile of 97.5 %.
const Z_975: f64 = 1.959_963_985;

/// The mean of `values`, one a run, with its 95 % BCa bootstrap interval.
///
/// A single value has no interval: its ends are NaN. Of no value at all, the estimate is NaN too. Below ten
/// values or so the interval is too narrow, as every bootstrap interval is: it cannot know of tails that it
/// never saw.
pub fn mean(values: &[f64]) -> Interval {
    Resamples::of(values.len()).mean(values)
}

/// Which runs stand in each resample, for a fixed number of runs.
#[derive(Debug, Clone)]
pub struct Resamples {
    runs: usize,
    /// `[RESAMPLES, runs]`, each an index below `runs`.
    picks: Vec<u32>,
}

impl Resamples {
    /// The resamples of `runs` runs; they depend on that number alone.
    pub fn of(runs: usize) -> Self {
        if runs < 2 {
            return Self { runs, picks: Vec::new() };
        }
        let mut rng = StdRng::seed_from_u64(SEED);
        let picks = (0..RESAMPLES * runs).map(|_| rng.random_range(0..runs as u32)).collect();
        Self { runs, picks }
    }

    /// The mean of `values`, one a run, with its interval.
    pub fn mean(&self, values: &[f64]) -> Interval {
        let rows: Vec<[f64; 1]> = values.iter().map(|&value| [value]).collect();
        self.means(&rows).pop().unwrap_or(Interval { estimate: f64::NAN, low: f64::NAN, high: f64::NAN })
    }

    /// The mean over runs of every point of a curve, with its interval. `rows` is `[runs, points]`; all rows
    /// are equally long.
    pub fn means(&self, rows: &[impl AsRef<[f64]>]) -> Vec<Interval> {
        assert_eq!(rows.len(), self.runs, "resamples are drawn for one number of runs");
        let Some(points) = rows.first().map(|row| row.as_ref().len()) else { return Vec::new() };
        // Replicates by point, `[points, RESAMPLES]`.
        let mut replicates = vec![Vec::with_capacity(RESAMPLES); points];
        let mut sum = vec![0.0; points];
        for picks in self.picks.chunks_exact(self.runs) {
            sum.fill(0.0);
            for &pick in picks {
                sum.iter_mut().zip(rows[pick as usize].as_ref()).for_each(|(sum, value)| *sum += value);
            }
            for (point, sum) in replicates.iter_mut().zip(&sum) {
                point.push(sum / self.runs as f64);
            }
        }
        (0..points)
            .map(|point| {
                let values: Vec<f64> = rows.iter().map(|row| row.as_ref()[point]).collect();
                bca(&values, &mut replicates[point])
            })
            .collect()
    }
}

/// The BCa interval of the mean of `values`, given the means of its resamples (Efron & Tibshirani 1993,
/// §14.3).
fn bca(values: &[f64], replicates: &mut [f64]) -> Interval {
    let n = values.len() as f64;
    let estimate = values.iter().sum::<f64>() / n;
    if replicates.is_empty() || !estimate.is_finite() {
        return Interval { estimate, low: f64::NAN, high: f64::NAN };
    }
    replicates.sort_by(f64::total_cmp);
    let total = replicates.len() as f64;
    let below = replicates.partition_point(|&r| r < estimate) as f64;
    let equal = replicates.partition_point(|&r| r <= estimate) as f64 - below;
    let bias = quantile_of_normal(((below + equal / 2.0) / total).clamp(0.5 / total, 1.0 - 0.5 / total));
    // The jackknife's skewness has a closed form for a mean.
    let squares: f64 = values.iter().map(|v| (v - estimate).powi(2)).sum();
    let cubes: f64 = values.iter().map(|v| (v - estimate).powi(3)).sum();
    let acceleration = if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 };
    let end = |z: f64| {
        let shifted = bias + z;
        let level = normal_below(bias + shifted / (1.0 - acceleration * shifted));
        quantile(replicates, level)
    };
    Interval { estimate, low: end(-Z_975), high: end(Z_975) }
}

/// The value below which a share `level` of the sorted values lies, interpolated between neighbours. NaN
/// where there are none.
pub fn quantile(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = level.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// Share of a standard normal below `z`, to 1e-7 (Abramowitz & Stegun 26.2.17): the levels it gives are
/// read off 2,000 resamples.
fn normal_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429]
        .iter()
        .rev()
        .fold(0.0, |sum, c| (sum + c) * t);
    let above = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() * series;
    if z < 0.0 { above } else { 1.0 - above }
}

/// The z with a share `level` of a standard normal below it, by bisection of [`normal_below`].
fn quantile_of_normal(level: f64) -> f64 {
    // 40 halvings of (−8, 8) leave 1.5e-11; beyond 8 lies less than 1e-15.
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if normal_below(middle) < level { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, Exp1, StandardNormal};

    use super::*;

    #[test]
    fn the_normal_distribution_is_the_textbooks() {
        assert!((normal_below(0.0) - 0.5).abs() < 1e-7);
        assert!((normal_below(Z_975) - 0.975).abs() < 1e-7);
        assert!((quantile_of_normal(0.025) + Z_975).abs() < 1e-5);
    }

    /// Share of 400 samples of `n` whose interval holds the true mean.
    fn coverage(n: usize, truth: f64, draw: impl Fn(&mut StdRng) -> f64) -> f64 {
        let mut rng = StdRng::seed_from_u64(7);
        let resamples = Resamples::of(n);
        let samples = 400;
        let held = (0..samples)
            .filter(|_| {
                let values: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
                let interval = resamples.mean(&values);
                interval.low <= truth && truth <= interval.high
            })
            .count();
        held as f64 / samples as f64
    }

    #[test]
    fn intervals_hold_the_true_mean_about_95_times_in_100() {
        // Two standard errors of a share of 0.95 over 400 samples are 0.022; skewed samples of 50 are known
        // to cover a little less.
        let normal = coverage(50, 0.0, |rng| StandardNormal.sample(rng));
        assert!((0.925..=0.975).contains(&normal), "{normal}");
        let skewed = coverage(50, 1.0, |rng| Exp1.sample(rng));
        assert!((0.91..=0.975).contains(&skewed), "{skewed}");
    }

    #[test]
    fn the_same_values_give_the_same_interval() {
        let values = [0.1, 0.2, 0.15, 0.6, 0.11];
        assert_eq!(mean(&values), mean(&values));
        let interval = mean(&values);
        assert!(interval.low < interval.estimate && interval.estimate < interval.high);
    }

    #[test]
    fn a_curve_gives_each_point_the_interval_that_it_has_alone() {
        let rows = [[1.0, 5.0], [2.0, 4.0], [4.0, 9.0]];
        let curve = Resamples::of(3).means(&rows);
        assert_eq!(curve[0], mean(&[1.0, 2.0, 4.0]));
        assert_eq!(curve[1], mean(&[5.0, 4.0, 9.0]));
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_no_mean() {
        let one = mean(&[0.25]);
        assert_eq!(one.estimate, 0.25);
        assert!(one.low.is_nan() && one.high.is_nan());
        assert!(mean(&[]).estimate.is_nan());
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let interval = mean(&[0.5; 20]);
        assert_eq!((interval.low, interval.high), (0.5, 0.5));
    }
}
