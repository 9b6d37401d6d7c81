//! The learning rate of every model and condition, chosen so that the choice does not flatter.
//!
//! The paper grid-searches Adam's step size. A loss reported on the runs it was selected by is too low, the
//! more so the fewer the runs. So the seeds are split into two halves by turns, and the runs of one half are
//! reported at the learning rate that did best on the other (cross-fitting).

use super::measure::Measure;
use super::runs::{Runs, runs_by_rate};
use crate::record::RunRecord;
use crate::store::Study;

/// The runs that stand for every model and condition: one a seed, at cross-fitted learning rates, in the order of the
/// plan. `measure` is the loss by which learning rates are chosen.
pub fn selected_runs(study: &Study, measure: Measure) -> Vec<Runs<'_>> {
    selected_runs_by(study, |run| measure.final_loss(run))
}

/// The same where learning rates are chosen by another number of finished runs, the lower the better.
pub fn selected_runs_by(study: &Study, loss: impl Fn(&RunRecord) -> Option<f64>) -> Vec<Runs<'_>> {
    // A seed's half follows its index among all seeds of the experiment, so that a partial study halves as the whole
    // one does.
    let index = |run: &RunRecord| study.experiment.grid.seeds.iter().position(|&s| s == run.key.seed);
    let half = |run: &RunRecord| index(run).unwrap_or(0) % 2;
    runs_by_rate(study)
        .chunk_by(|a, b| a.model.name == b.model.name && a.condition == b.condition)
        .map(|rates| {
            // The even half is reported at the odd half's choice and the other way round.
            let choice = [1, 0].map(|other| best(rates, |run| half(run) == other, &loss));
            let mut runs: Vec<&RunRecord> = rates
                .iter()
                .flat_map(|runs| runs.runs.iter().copied())
                .filter(|run| run.key.learning_rate == choice[half(run)])
                .collect();
            runs.sort_by_key(|run| run.key.seed);
            Runs { learning_rates: choice, runs, ..rates[0].clone() }
        })
        .collect()
}

/// The learning rate with the lowest mean final loss over the runs that `counts` selects. A diverged run counts
/// as an infinite loss; where nothing finished, or nothing counts, the lowest learning rate stands.
fn best(
    rates: &[Runs],
    counts: impl Fn(&RunRecord) -> bool,
    loss: impl Fn(&RunRecord) -> Option<f64>,
) -> f64 {
    let mean = |runs: &Runs| {
        let losses: Vec<f64> = runs
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
    let lowest = rates.iter().min_by(|a, b| mean(a).total_cmp(&mean(b)));
    lowest.expect("a chunk has at least one learning rate").learning_rates[0]
}
