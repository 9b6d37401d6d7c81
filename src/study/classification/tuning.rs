//! Ranking of the trials on a rung of a tuning.

use super::scores::MAIN;
use crate::analysis::statistics::summary;
use crate::data::Subset;
use crate::experiment::Experiment;
use crate::experiment::halving::Rung;
use crate::experiment::tune::Trial;
use crate::store::{RunRecord, Study, TrialRecord};

/// A trial with its scores.
#[derive(Debug, Clone)]
pub struct RankedTrial {
    /// The trial.
    pub trial: Trial,
    /// Its scores.
    pub record: TrialRecord,
}

/// The trials of a rung from the best to the worst of every model, model after model, `rung.keep` of each kept.
/// The mean validation AUC of the main task decides (MMoE §6.3); a trial with a run that diverged is worse than any
/// without. Equal trials stay in the order in which they were drawn.
pub fn rank_trials(
    experiment: &Experiment,
    study: &Study,
    trials: Vec<Trial>,
    number: usize,
    rung: Rung,
) -> Vec<RankedTrial> {
    let mut ranked: Vec<RankedTrial> = trials
        .into_iter()
        .map(|trial| {
            let runs = study.runs.iter().filter(|run| run.key.model == trial.spec.name).collect();
            let record = record(experiment, &trial, runs, number, rung);
            RankedTrial { trial, record }
        })
        .collect();
    let score = |trial: &RankedTrial| match trial.record.diverged {
        0 => trial.record.validation_auc.unwrap_or(f64::NEG_INFINITY),
        _ => f64::NEG_INFINITY,
    };
    ranked.sort_by(|a, b| a.trial.model.cmp(&b.trial.model).then_with(|| score(b).total_cmp(&score(a))));
    for of_model in ranked.chunk_by_mut(|a, b| a.trial.model == b.trial.model) {
        of_model.iter_mut().take(rung.keep).for_each(|trial| trial.record.kept = true);
    }
    ranked
}

fn record(
    experiment: &Experiment,
    trial: &Trial,
    runs: Vec<&RunRecord>,
    number: usize,
    rung: Rung,
) -> TrialRecord {
    let aucs: Vec<f64> = runs.iter().filter_map(|run| run.score(Subset::Validation, MAIN)?.auc).collect();
    TrialRecord {
        rung: number,
        model: experiment.models[trial.model].name.clone(),
        trial: trial.spec.name.clone(),
        sizes: trial.sizes(),
        learning_rate: trial.spec.learning_rate.expect("every trial draws one"),
        parameters: runs.first().map_or(0, |run| run.parameters),
        seeds: rung.seeds,
        steps: rung.steps,
        diverged: runs.len() - aucs.len(),
        validation_auc: summary::mean_if_any(&aucs),
        kept: false,
    }
}
