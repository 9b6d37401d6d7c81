//! The learning rate of every model and condition, chosen so that choosing does not flatter.
//!
//! The paper grid-searches Adam's step size. A loss reported on the runs it was selected by is too low, the
//! more so the fewer the runs. So the seeds are split into two halves by turns, and the runs of one half are
//! reported at the learning rate that did best on the other (cross-fitting).

use super::cell::{Cell, Measure, cells};
use crate::experiment::Condition;
use crate::store::{RunRecord, Study};

/// The runs that stand for a model under a condition: one a seed, at cross-fitted learning rates.
#[derive(Debug, Clone)]
pub struct Reported<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// Their task correlation and swept value.
    pub condition: Condition,
    /// Learning rate of the even and of the odd half of the seeds (equal where both halves agree, or where
    /// there is but one).
    pub learning_rates: [f64; 2],
    /// One run a seed, by seed, diverged ones included.
    pub runs: Vec<&'a RunRecord>,
}

impl Reported<'_> {
    /// Final losses of the runs that finished.
    pub fn final_losses(&self, measure: Measure) -> Vec<f64> {
        self.runs.iter().filter_map(|run| measure.final_loss(run)).collect()
    }

    /// How many runs diverged.
    pub fn diverged(&self) -> usize {
        self.runs.iter().filter(|run| run.last().is_none()).count()
    }

    /// The learning rate in words: one number, or both halves' choices.
    pub fn learning_rate_label(&self) -> String {
        label(self.learning_rates)
    }
}

/// Learning rates of both halves of the seeds in words: one number where they agree.
pub fn label([even, odd]: [f64; 2]) -> String {
    if even == odd { format!("{even}") } else { format!("{even} / {odd}") }
}

/// The reported runs of every model and condition, in the order of the plan. `measure` is the loss
/// by which learning rates are chosen.
pub fn reported(study: &Study, measure: Measure) -> Vec<Reported<'_>> {
    reported_by(study, |run| measure.final_loss(run))
}

/// The same where learning rates are chosen by another number of finished runs, the lower the better.
pub fn reported_by(study: &Study, loss: impl Fn(&RunRecord) -> Option<f64>) -> Vec<Reported<'_>> {
    let cells = cells(study);
    cells
        .chunk_by(|a, b| a.model == b.model && a.condition == b.condition)
        .map(|rates| {
            // A seed's half follows its place among all seeds of the experiment, so that a partial study
            // halves as the whole one does.
            let half = |run: &RunRecord| {
                study.experiment.grid.seeds.iter().position(|&s| s == run.key.seed).unwrap_or(0) % 2
            };
            // The even half is reported at the odd half's choice and the other way round.
            let choice = [1, 0].map(|other| best(rates, |run| half(run) == other, &loss));
            let mut runs: Vec<&RunRecord> = rates
                .iter()
                .flat_map(|cell| cell.runs.iter().copied())
                .filter(|run| run.key.learning_rate == choice[half(run)])
                .collect();
            runs.sort_by_key(|run| run.key.seed);
            Reported { model: rates[0].model, condition: rates[0].condition, learning_rates: choice, runs }
        })
        .collect()
}

/// The learning rate with the lowest mean final loss over the runs that `counts` names. A diverged run counts
/// as an infinite loss; where nothing finished, or nothing counts, the lowest learning rate stands.
fn best(
    rates: &[Cell],
    counts: impl Fn(&RunRecord) -> bool,
    loss: impl Fn(&RunRecord) -> Option<f64>,
) -> f64 {
    let mean = |cell: &Cell| {
        let losses: Vec<f64> = cell
            .runs
            .iter()
            .filter(|run| counts(run))
            .map(|run| loss(run).unwrap_or(f64::INFINITY))
            .collect();
        match losses.len() {
            0 => f64::INFINITY,
            n => losses.iter().sum::<f64>() / n as f64,
        }
    };
    rates
        .iter()
        .min_by(|a, b| mean(a).total_cmp(&mean(b)))
        .expect("a chunk has at least one cell")
        .learning_rate
}
