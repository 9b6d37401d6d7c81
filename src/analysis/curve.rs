//! Mean loss curves, as in Figures 3 and 4.

use super::interval::Interval;
use super::measure::Measure;
use super::runs::Runs;
use super::statistics::{Bootstrap, Confidence};
use crate::record::Status;
use crate::store::{MeanRecord, RunRecord, Study};

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
    /// Of the runs behind every mean, those that stopped before the last of these steps: they keep their last loss.
    pub stopped: usize,
}

impl MeanCurve {
    /// The mean curve of runs that were logged at the same steps, as all runs of a study are; one that stopped early
    /// keeps its last loss. Without a single finished run it has no steps.
    pub fn new(runs: &[&RunRecord], measure: Measure) -> Self {
        let finished: Vec<(&RunRecord, Vec<f64>)> =
            runs.iter().filter_map(|&run| Some((run, losses(run, measure)?))).collect();
        // Of runs of one length the first.
        let longest = finished.iter().rev().max_by_key(|(_, losses)| losses.len());
        let logged = longest.map_or(&[][..], |(run, _)| &run.curve[..]);
        let (runs_finished, all) = (finished.len(), runs.len());
        let held = |(run, losses): &(&RunRecord, Vec<f64>)| -> Vec<f64> {
            let at = |step| run.curve.partition_point(|point| point.step <= step).max(1);
            logged.iter().map(|point| losses[at(point.step) - 1]).collect()
        };
        let rows: Vec<Vec<f64>> = finished.iter().map(held).collect();
        let bootstrap = Bootstrap { resamples: BAND_RESAMPLES, ..Bootstrap::default() };
        let means = bootstrap.means(&rows);
        let known =
            logged.iter().zip(&means).filter_map(|(point, mean)| Some((point.step, mean.interval()?)));
        let (steps, loss): (Vec<u64>, _) = known.unzip();
        let stopped = stopped_before(runs, &steps);
        Self { steps, loss, runs: runs_finished, diverged: all - runs_finished, stopped }
    }

    /// The mean curve of runs of a study, from its table of means where that has it.
    pub fn of(study: &Study, runs: &Runs, measure: Measure) -> Self {
        Self::from_means(study, runs, measure).unwrap_or_else(|| Self::new(&runs.runs, measure))
    }

    fn from_means(study: &Study, runs: &Runs, measure: Measure) -> Option<Self> {
        let diverged = runs.diverged();
        let finished = runs.runs.len() - diverged;
        let means = means_of(study, runs, &measure.column()?, finished)?;
        let steps: Vec<u64> = means.iter().map(|mean| mean.step).collect();
        Some(Self {
            stopped: stopped_before(&runs.runs, &steps),
            steps,
            loss: means.iter().map(|mean| interval(mean)).collect(),
            runs: finished,
            diverged,
        })
    }

    /// Whether the curves of all these runs are known, from runs or from the table of means.
    pub fn are_known(study: &Study, runs: &[Runs], measure: Measure) -> bool {
        let known = |runs: &Runs| {
            runs.diverged() == runs.runs.len() || Self::from_means(study, runs, measure).is_some()
        };
        study.has_curves() || runs.iter().all(known)
    }

    /// The rows of the table of means for the curve of these runs.
    pub fn to_means(&self, runs: &Runs, quantity: &str) -> Vec<MeanRecord> {
        let points = self.steps.iter().zip(&self.loss);
        points.map(|(&step, loss)| mean_record(runs, quantity, step, *loss, self.runs)).collect()
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
            .filter_map(|(&step, loss)| loss.ends.map(|(low, high)| (step as f64, low, high)))
            .collect()
    }
}

/// The number of runs that finished before the last of these steps.
fn stopped_before(runs: &[&RunRecord], steps: &[u64]) -> usize {
    let before = |run: &&&RunRecord| run.status == Status::Finished && Some(&run.steps) < steps.last();
    runs.iter().filter(before).count()
}

/// The losses of a run that finished, at its logged steps.
fn losses(run: &RunRecord, measure: Measure) -> Option<Vec<f64>> {
    run.last()?;
    run.curve.iter().map(|point| measure.at(point)).collect()
}

/// The mean of a quantity by step in the study's table of means, if it is of `count` of these runs.
pub(super) fn means_of<'s>(
    study: &'s Study,
    runs: &Runs,
    quantity: &str,
    count: usize,
) -> Option<Vec<&'s MeanRecord>> {
    let rates = runs.learning_rate_label();
    let means = study.mean_of(&runs.model.name, &runs.condition, &rates, quantity);
    (!means.is_empty() && means.iter().all(|mean| mean.runs == count)).then_some(means)
}

/// A mean with its interval.
pub(super) fn interval(mean: &MeanRecord) -> Interval {
    Interval { estimate: mean.mean, ends: mean.ends }
}

/// A row of the table of means.
pub(super) fn mean_record(of: &Runs, quantity: &str, step: u64, mean: Interval, runs: usize) -> MeanRecord {
    MeanRecord {
        model: of.model.name.clone(),
        condition: of.condition.clone(),
        learning_rates: of.learning_rate_label(),
        quantity: quantity.to_owned(),
        step,
        mean: mean.estimate,
        ends: mean.ends,
        runs,
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
        assert!(curve.loss.iter().all(|loss| {
            let (low, high) = loss.ends.unwrap();
            low <= loss.estimate && loss.estimate <= high
        }));
    }

    #[test]
    fn runs_that_stopped_keep_their_last_loss_and_are_counted() {
        let mut study = Sample { seeds: 4, ..Sample::default() }.study();
        let measure = Measure::default();
        let (first, planned) = (&mut study.runs[0], study.experiment.train.steps);
        first.curve.truncate(2);
        first.steps = first.curve[1].step;
        let runs: Vec<&RunRecord> = study.runs.iter().take(4).collect();
        let curve = MeanCurve::new(&runs, measure);
        assert_eq!((curve.runs, curve.stopped, curve.steps.last()), (4, 1, Some(&planned)));
        let last = |run: &&RunRecord| measure.at(run.curve.last().unwrap()).unwrap();
        let mean = runs.iter().map(last).sum::<f64>() / 4.0;
        assert!((curve.loss.last().unwrap().estimate - mean).abs() < 1e-12);
        // A curve that ends where its runs stopped has none that stopped before.
        let curve = MeanCurve::new(&runs[..1], measure);
        assert_eq!((curve.runs, curve.stopped, curve.steps.len()), (1, 0, 2));
    }

    #[test]
    fn without_a_finished_run_there_is_no_curve() {
        let study = Sample { seeds: 3, diverged: 3, ..Sample::default() }.study();
        let runs: Vec<&RunRecord> = study.runs.iter().take(3).collect();
        let curve = MeanCurve::new(&runs, Measure::default());
        assert_eq!((curve.runs, curve.diverged, curve.steps.len()), (0, 3, 0));
    }
}
