//! Summary of final losses, as in a row of the report's table.

use super::interval::Interval;
use super::statistics::{Bootstrap, Confidence, summary};

/// Summary of the final losses of some runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossSummary {
    /// Mean, with its 95 % bootstrap interval over runs.
    pub mean: Interval,
    /// Median.
    pub median: f64,
    /// Standard deviation of the runs (n − 1); NaN for fewer than two.
    pub sd: f64,
    /// Lowest.
    pub lowest: f64,
    /// Highest.
    pub highest: f64,
    /// Runs that finished: those in all of the above.
    pub finished: usize,
    /// Runs that diverged: in none of the above.
    pub diverged: usize,
}

impl LossSummary {
    /// The summary of final `losses`, beside `diverged` runs that have none. All values are NaN where no run
    /// finished.
    pub fn new(losses: &[f64], diverged: usize) -> Self {
        let sorted = summary::sorted(losses);
        Self {
            mean: Bootstrap::default().sample(losses, summary::mean).interval(),
            median: summary::quantile_of_sorted(&sorted, 0.5),
            sd: summary::variance(losses).sqrt(),
            lowest: sorted.first().copied().unwrap_or(f64::NAN),
            highest: sorted.last().copied().unwrap_or(f64::NAN),
            finished: losses.len(),
            diverged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_mean_median_deviation_and_range() {
        let summary = LossSummary::new(&[4.0, 1.0, 2.0, 3.0], 2);
        assert_eq!((summary.mean.estimate, summary.median), (2.5, 2.5));
        assert!((summary.sd - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((summary.lowest, summary.highest), (1.0, 4.0));
        assert_eq!((summary.finished, summary.diverged), (4, 2));
    }

    #[test]
    fn nothing_finished_is_nan_not_a_panic() {
        let summary = LossSummary::new(&[], 5);
        assert!(summary.mean.estimate.is_nan() && summary.median.is_nan() && summary.sd.is_nan());
    }
}
