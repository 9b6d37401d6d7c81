//! The training loop that all engines share: what is trained and scored when. `cohort` drops the runs that diverge.

use std::collections::HashMap;
use std::time::Instant;

use candle_core::Result;

use super::cohort::{Cohort, Unseen, cohorts, networks};
use super::fused::{MixturePopulation, TowersPopulation};
use super::graph::GraphPopulation;
use super::loaders::{Batches, DataLoaders};
use super::{Population, Start, device};
use crate::data::{Batch, Subset};
use crate::experiment::engine::Engine;
use crate::experiment::plan::{Group, RunKey};
use crate::experiment::{DeviceChoice, Experiment, Train};
use crate::record::{GroupRecord, RunRecord};

/// Progress and cancellation callbacks of training.
pub trait Progress: Sync {
    /// `run_steps` more optimiser steps of single runs are done.
    fn trained(&self, run_steps: u64);
    /// Whether training is to stop: what is not finished is discarded.
    fn cancelled(&self) -> bool;
}

/// Callbacks that do nothing.
impl Progress for () {
    fn trained(&self, _: u64) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Creates the population of an engine on a device: [`population`], unless a test plants a mistake.
pub type PopulationFactory =
    dyn for<'a> Fn(Engine, DeviceChoice, Start<'a>) -> Result<Box<dyn Population + 'a>> + Sync;

/// Trains a group from its first step to its last. `None` if it was cancelled.
///
/// # Errors
/// If an engine cannot train a model, or its device fails: see [`device::explain`].
pub fn train_group(
    experiment: &Experiment,
    group: &Group,
    progress: &dyn Progress,
) -> Result<Option<GroupRecord>> {
    train_group_on(experiment, group, progress, &population)
}

/// As [`train_group`] on populations of another factory.
///
/// # Errors
/// As [`train_group`].
pub fn train_group_on(
    experiment: &Experiment,
    group: &Group,
    progress: &dyn Progress,
    factory: &PopulationFactory,
) -> Result<Option<GroupRecord>> {
    let records = train_together(experiment, std::slice::from_ref(group), progress, factory)?;
    Ok(records.map(|mut records| records.remove(0)))
}

/// Trains several groups of one variant side by side, the runs of a model in one population: what fills a GPU. Every group's
/// record is the same as if it were trained alone, but for its time, which is shared, and rounding on a GPU. `None` if
/// training was cancelled.
///
/// # Errors
/// As [`train_group`], and for several groups of a fused engine, whose runs share their inputs.
///
/// # Panics
/// If the groups are of several variants.
pub fn train_together(
    experiment: &Experiment,
    groups: &[Group],
    progress: &dyn Progress,
    factory: &PopulationFactory,
) -> Result<Option<Vec<GroupRecord>>> {
    let began = Instant::now();
    let variant = groups.first().map_or(0, |group| group.variant);
    assert!(groups.iter().all(|group| group.variant == variant), "groups of several variants share no rows");
    let experiment = experiment.variant(variant);
    let mut loaders = DataLoaders::new(experiment, groups);
    let networks = networks(experiment, groups);
    let mut cohorts = cohorts(experiment, groups, &networks, &loaders, factory)?;
    if !train_cohorts(&experiment.train, &mut cohorts, &mut loaders, progress)? {
        return Ok(None);
    }
    cohorts.iter_mut().try_for_each(|cohort| cohort.return_to_best(factory))?;
    score_cohorts(&mut cohorts, &mut loaders)?;
    Ok(Some(into_records(experiment, groups, cohorts, &loaders, began)))
}

/// Takes all steps, until no run is left. Gives whether it was not cancelled.
fn train_cohorts(
    train: &Train,
    cohorts: &mut [Cohort],
    loaders: &mut DataLoaders,
    progress: &dyn Progress,
) -> Result<bool> {
    let mut held_out = Batch::default();
    loaders.fill(&mut held_out, |feed, batch| feed.held_out(train.held_out_rows, batch));
    let mut validation = Batch::default();
    if train.recipe.validation_rows > 0 {
        loaders.fill(&mut validation, |feed, batch| feed.validation(batch));
    }
    let unseen = Unseen { held_out: &held_out, validation: &validation };
    let steps = if cohorts.is_empty() { 0 } else { train.steps };
    let mut batches = Batches::new(loaders, train.batch_size, steps);
    for step in 0..=steps {
        if progress.cancelled() {
            return Ok(false);
        }
        if !cohorts.iter().any(Cohort::is_active) {
            break;
        }
        batches.next(|batch| -> Result<()> {
            for cohort in cohorts.iter_mut().filter(|cohort| cohort.is_active()) {
                progress.trained(cohort.step(step, train, batch, &unseen)?);
            }
            Ok(())
        })?;
    }
    Ok(true)
}

/// Scores the runs that finished on all rows that are not trained on.
fn score_cohorts(cohorts: &mut [Cohort], loaders: &mut DataLoaders) -> Result<()> {
    let mut batch = Batch::default();
    for subset in [Subset::Validation, Subset::Test] {
        let scored = |cohort: &&mut Cohort| cohort.is_active() && cohort.is_scored_on(subset);
        let mut scored: Vec<_> = cohorts.iter_mut().filter(scored).collect();
        if scored.is_empty() {
            continue;
        }
        loaders.fill(&mut batch, |feed, batch| feed.scored(subset, batch));
        scored.iter_mut().try_for_each(|cohort| cohort.score(subset, &batch, loaders))?;
    }
    Ok(())
}

/// One record a group, in their order, with its runs in theirs and what is known of them.
fn into_records(
    experiment: &Experiment,
    groups: &[Group],
    cohorts: Vec<Cohort>,
    loaders: &DataLoaders,
    began: Instant,
) -> Vec<GroupRecord> {
    let runs: usize = groups.iter().map(|group| group.runs.len()).sum();
    let seconds = began.elapsed().as_secs_f64() / runs.max(1) as f64;
    let mut by_group: Vec<Vec<RunRecord>> = vec![Vec::new(); groups.len()];
    for (group, mut record) in cohorts.into_iter().flat_map(Cohort::into_records) {
        record.label_correlation =
            loaders.mean_label_correlation(group, record.key.condition.task_correlation);
        record.seconds = seconds;
        by_group[group].push(record);
    }
    let record = |(index, mut runs): (usize, Vec<RunRecord>)| {
        // A cohort has the runs of one model; in a group those of several models may alternate.
        let group = &groups[index];
        let places: HashMap<&RunKey, usize> = group.runs.iter().map(|run| &run.key).zip(0..).collect();
        runs.sort_by_key(|run| places[&run.key]);
        GroupRecord { runs, labels: loaders.labels(experiment, index, group) }
    };
    by_group.into_iter().enumerate().map(record).collect()
}

/// The population of an engine on a device.
///
/// # Errors
/// If the engine does not train the model, or not several groups together, or the device cannot be opened.
pub fn population<'a>(
    engine: Engine,
    choice: DeviceChoice,
    start: Start<'a>,
) -> Result<Box<dyn Population + 'a>> {
    let one_input = start.runs.iter().all(|run| run.input_set == 0);
    match (engine, start.model.mixture(), start.model.towers()) {
        (Engine::Graph, ..) => Ok(Box::new(GraphPopulation::new(start, device::open(choice)?)?)),
        (Engine::Fused, ..) if !one_input => {
            candle_core::bail!("the fused engine trains one group at a time")
        }
        (Engine::Fused, Some(shape), _) => Ok(Box::new(MixturePopulation::new(shape, start)?)),
        (Engine::Fused, None, Some(shape)) => Ok(Box::new(TowersPopulation::new(shape, start)?)),
        (Engine::Fused, None, None) => candle_core::bail!("the fused engine does not train this model"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::StopOn;
    use crate::experiment::library;
    use crate::experiment::plan::{Plan, PlannedRun};
    use crate::record::{CurvePoint, Status};

    /// Without the one thing that is shared.
    fn untimed(mut record: GroupRecord) -> GroupRecord {
        record.runs.iter_mut().for_each(|run| run.seconds = 0.0);
        record
    }

    /// The records of `groups`, trained one after the other and, the same bits, together.
    fn apart_and_together(experiment: &Experiment, groups: &[Group]) -> Vec<GroupRecord> {
        let apart = groups.iter().map(|group| train_group(experiment, group, &()).unwrap().unwrap());
        let apart: Vec<_> = apart.map(untimed).collect();
        let together = train_together(experiment, groups, &(), &population).unwrap().unwrap();
        let together: Vec<_> = together.into_iter().map(untimed).collect();
        assert_eq!(format!("{apart:?}"), format!("{together:?}"));
        apart
    }

    #[test]
    fn groups_trained_together_are_the_same_bits_as_apart() {
        let sets = [
            "grid.seeds=[3, 5, 8]",
            "grid.task_correlations=[0.5, 1.0]",
            "grid.learning_rates=[0.01, 1e8]",
            "train.engine=graph",
            "train.steps=8",
            "log_every=4",
            "log_gates_every=4",
            "train.batch_size=16",
            "held_out_rows=300",
            "data.dim=11",
            "label_points=50",
        ];
        // All architectures.
        let experiment = library::find("models", &sets.map(String::from)).unwrap();
        let mut plan = Plan::new(&experiment);
        // A group of which something is finished already has fewer runs, and other label sets.
        let related = |run: &&PlannedRun| run.key.condition.task_correlation == Some(1.0);
        let rest = plan.groups[1].runs.iter().filter(related).cloned().collect();
        plan.groups[1] = Group::new(&experiment, 0, 5, rest, Vec::new());
        let apart = apart_and_together(&experiment, &plan.groups);
        assert!(apart[0].runs.iter().any(|run| run.status == Status::Diverged), "some runs leave on the way");
        assert!(apart[0].runs.iter().any(|run| run.status == Status::Finished));
    }

    #[test]
    fn classifiers_trained_together_are_scored_the_same_as_apart() {
        // The twelve rows five times, so that all sets have rows of both kinds.
        let rows = include_str!("../../tests/census/census-income.test").repeat(5);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("census-income.test"), rows).unwrap();
        let path = format!("data.path={}", folder.path().display());
        let sets = [
            &path,
            "data.embedding_units=2",
            "grid.seeds=[3, 5]",
            "train.steps=8",
            "train.batch_size=5",
            "train.stop={patience=1}",
            "train.validation_rows=6",
            "train.clip_norm=0.5",
            "train.weight_decay=0.1",
            "log_every=4",
            "log_gates_every=4",
        ];
        let mut experiment = library::find("census-income", &sets.map(String::from)).unwrap().open().unwrap();
        experiment.tune = None;
        let plan = Plan::new(&experiment);
        let apart = apart_and_together(&experiment, &plan.groups);
        assert!(
            apart.iter().flat_map(|group| &group.runs).all(|run| run.scores.len() == 4),
            "subsets and tasks"
        );
    }

    #[test]
    fn impressions_trained_together_are_scored_the_same_as_apart() {
        let sets = [
            "grid.seeds=[3, 5]",
            "grid.learning_rates=[0.01]",
            "grid.vary.data.mean_delay=[0.0, 0.5]",
            "data.training_impressions=500",
            "data.test_impressions=400",
            "data.click_rate=0.3",
            "data.conversion_rate=0.3",
            "train.engine=graph",
            "train.steps=6",
            "log_every=3",
            "train.batch_size=64",
        ];
        let experiment = library::find("esmm", &sets.map(String::from)).unwrap();
        let mut groups = Plan::new(&experiment).groups;
        assert!(groups.len() >= 4, "settings have groups of their own");
        groups.sort_by_key(|group| group.variant);
        for groups in groups.chunk_by(|a, b| a.variant == b.variant) {
            assert!(groups.len() >= 2, "seeds have groups of their own");
            let apart = apart_and_together(&experiment, groups);
            assert!(apart.iter().flat_map(|group| &group.runs).all(|run| run.conversion_scores.len() == 4));
        }
    }

    /// The runs of the first group of an experiment with these changes.
    fn trained(name: &str, sets: &[&str]) -> Vec<RunRecord> {
        let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
        let experiment = library::find(name, &sets).unwrap();
        let group = &Plan::new(&experiment).groups[0];
        untimed(train_group(&experiment, group, &()).unwrap().unwrap()).runs
    }

    #[test]
    fn runs_that_stop_have_the_bits_of_runs_that_go_on() {
        for engine in ["train.engine=fused", "train.engine=graph"] {
            let sets = [
                engine,
                "grid.seeds=1",
                "grid.models=[\"shared_bottom\", \"mmoe\"]",
                "grid.learning_rates=[0.003, 0.03]",
                "train.steps=24",
                "log_every=3",
                "log_gates_every=6",
                "train.batch_size=16",
                "train.validation_rows=40",
                "held_out_rows=50",
                "data.source={rows=32}",
                "data.dim=11",
                "label_points=50",
            ];
            let on = trained("quick", &sets);
            let stopped = trained("quick", &[&sets[..], &["train.stop={patience=2}"]].concat());
            for (run, on) in stopped.iter().zip(&on) {
                let points = run.curve.len();
                assert_eq!(run.curve[..points - 1], on.curve[..points - 1]);
                let (ours, theirs) = (&run.curve[points - 1], &on.curve[points - 1]);
                assert_eq!((ours.step, &ours.held_out_loss), (theirs.step, &theirs.held_out_loss));
                assert_eq!(run.steps, ours.step);
                assert!(run.gates.is_empty() || run.gates.last().unwrap().step == run.steps);
                for run in [run, on] {
                    let loss = |point: &CurvePoint| StopOn::Mean.loss(&point.validation_loss);
                    let lowest = run.curve.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
                    assert_eq!((run.best_step, run.reported()), (Some(lowest.step), Some(lowest)));
                }
                let since = run.curve.iter().filter(|point| Some(point.step) > run.best_step).count();
                assert!(since == 2 || run.steps == 24 && since < 2, "{since} logged steps since the best");
            }
            let steps: Vec<u64> = stopped.iter().map(|run| run.steps).collect();
            assert!(steps.iter().any(|&s| s < 24) && steps.iter().any(|&s| s != steps[0]), "{steps:?}");
            assert_ne!(on[0].curve[0].validation_loss, on[0].curve[0].held_out_loss);
        }
    }

    #[test]
    fn scores_are_those_of_the_best_step() {
        for engine in ["train.engine=fused", "train.engine=graph"] {
            let sets = [
                engine,
                "grid.seeds=1",
                "grid.models=[\"base\", \"esmm\"]",
                "grid.learning_rates=[0.003, 0.1]",
                "data.training_impressions=300",
                "data.test_impressions=200",
                "data.click_rate=0.3",
                "data.conversion_rate=0.3",
                "log_every=2",
                "train.batch_size=64",
                "train.validation_rows=100",
            ];
            let with = |more: &[&str]| trained("esmm", &[&sets[..], more].concat());
            let runs = with(&["train.steps=12", "train.stop={patience=3}"]);
            assert!(runs.iter().any(|run| run.best_step < Some(run.steps)));
            for (index, run) in runs.iter().enumerate() {
                let best = run.best_step.unwrap();
                if best > 0 {
                    // The loss falls to its lowest there, so that step is the best of a study that ends with it.
                    let ends = &with(&[&format!("train.steps={best}")])[index];
                    assert_eq!((ends.best_step, ends.steps), (Some(best), best));
                    assert_eq!(run.conversion_scores, ends.conversion_scores);
                    assert_eq!(run.deciles, ends.deciles);
                }
            }
        }
    }

    #[test]
    fn the_fused_engine_refuses_several_groups() {
        let experiment = library::find("ci", &["grid.seeds=2".into()]).unwrap();
        let plan = Plan::new(&experiment);
        let error = train_together(&experiment, &plan.groups, &(), &population).unwrap_err();
        assert!(error.to_string().contains("one group at a time"), "{error}");
    }
}
