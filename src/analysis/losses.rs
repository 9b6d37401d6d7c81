//! Summary of final losses, as in a row of the report's table.

use super::interval::Interval;
use super::statistics::{Bootstrap, Confidence, summary};

/// Summary of the final losses of the runs that finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossSummary {
    /// Mean, with its 95 % bootstrap interval over runs.
    pub mean: Interval,
    /// Median.
    pub median: f64,
    /// Standard deviation of the runs (n − 1); none for fewer than two.
    pub sd: Option<f64>,
    /// Lowest.
    pub lowest: f64,
    /// Highest.
    pub highest: f64,
}

impl LossSummary {
    /// The summary of final `losses`; none without any.
    pub fn new(losses: &[f64]) -> Option<Self> {
        let sorted = summary::sorted(losses);
        Some(Self {
            mean: Bootstrap::default().sample(losses, summary::mean).interval()?,
            median: summary::quantile_of_sorted(&sorted, 0.5),
            sd: summary::deviation(losses),
            lowest: *sorted.first()?,
            highest: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_mean_median_deviation_and_range() {
        let summary = LossSummary::new(&[4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!((summary.mean.estimate, summary.median), (2.5, 2.5));
        assert!((summary.sd.unwrap() - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((summary.lowest, summary.highest), (1.0, 4.0));
    }

    #[test]
    fn what_too_few_runs_cannot_give_is_not_there() {
        assert_eq!(LossSummary::new(&[]), None);
        let one = LossSummary::new(&[0.5]).unwrap();
        assert_eq!((one.mean, one.sd), (Interval { estimate: 0.5, ends: None }, None));
    }
}
