//! Mean loss curves, as in Figures 3 and 4.

use super::interval::Interval;
use super::measure::Measure;
use super::statistics::{Bootstrap, Confidence};
use crate::store::RunRecord;

/// Resamples of a band: its ends need no tail probabilities, and a report draws a thousand points.
pub const BAND_RESAMPLES: usize = 2_000;

/// The mean over runs of a loss at every logged step.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanCurve {
    /// Logged steps, rising.
    pub steps: Vec<u64>,
    /// Mean loss at each step with its 95 % bootstrap interval over runs.
    pub loss: Vec<Interval>,
    /// Runs behind every mean: those that finished.
    pub runs: usize,
    /// Runs left out of every mean, at every step, because they diverged at some step: a mean whose members
    /// change on the way would jump.
    pub diverged: usize,
}

impl MeanCurve {
    /// The mean curve of runs that were logged at the same steps, as all runs of a study are. Without a
    /// single finished run it has no steps.
    pub fn new(runs: &[&RunRecord], measure: Measure) -> Self {
        let finished: Vec<&RunRecord> = runs.iter().copied().filter(|run| run.last().is_some()).collect();
        let steps: Vec<u64> =
            finished.first().map_or(Vec::new(), |run| run.curve.iter().map(|point| point.step).collect());
        let rows: Vec<Vec<f64>> = finished
            .iter()
            .map(|run| {
                debug_assert!(run.curve.iter().map(|point| point.step).eq(steps.iter().copied()));
                run.curve.iter().map(|point| measure.at(point)).collect()
            })
            .collect();
        let bootstrap = Bootstrap { resamples: BAND_RESAMPLES, ..Bootstrap::default() };
        let loss = bootstrap.means(&rows).iter().map(Confidence::interval).collect();
        Self { steps, loss, runs: finished.len(), diverged: runs.len() - finished.len() }
    }

    /// Step and mean loss, in the order of steps.
    pub fn points(&self) -> Vec<(f64, f64)> {
        self.steps.iter().zip(&self.loss).map(|(&step, loss)| (step as f64, loss.estimate)).collect()
    }

    /// Step, lower and upper end of the interval, where there is one.
    pub fn band(&self) -> Vec<(f64, f64, f64)> {
        self.steps
            .iter()
            .zip(&self.loss)
            .filter(|(_, loss)| loss.low.is_finite() && loss.high.is_finite())
            .map(|(&step, loss)| (step as f64, loss.low, loss.high))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn diverged_runs_are_counted_and_left_out() {
        let study = Sample { seeds: 12, diverged: 2, ..Sample::default() }.study();
        let runs: Vec<&RunRecord> = study.runs.iter().take(12).collect();
        let curve = MeanCurve::new(&runs, Measure::default());
        assert_eq!((curve.runs, curve.diverged), (10, 2));
        assert_eq!(curve.steps.len(), curve.loss.len());
        assert!(curve.loss.iter().all(|loss| loss.low <= loss.estimate && loss.estimate <= loss.high));
    }

    #[test]
    fn without_a_finished_run_there_is_no_curve() {
        let study = Sample { seeds: 3, diverged: 3, ..Sample::default() }.study();
        let runs: Vec<&RunRecord> = study.runs.iter().take(3).collect();
        let curve = MeanCurve::new(&runs, Measure::default());
        assert_eq!((curve.runs, curve.diverged, curve.steps.len()), (0, 3, 0));
    }
}
