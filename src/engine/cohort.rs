//! The runs of one model within groups that are trained together: one population, and the records of its runs.
//! A run whose losses are not finite has diverged: it is marked and dropped. One that stops early is dropped too.

use candle_core::Result;

use super::loaders::DataLoaders;
use super::objective::{self, Objective, ScoredRows};
use super::selection::Selection;
use super::train::PopulationFactory;
use super::{Evaluation, Population, Start, StartRun};
use crate::data::{Batch, Subset, Task};
use crate::experiment::engine::Engine;
use crate::experiment::plan::{Group, PlannedRun};
use crate::experiment::{Experiment, Train};
use crate::model::Model;
use crate::record::{CurvePoint, GatePoint, RunRecord, Status};

/// The runs of one model, with their records.
pub struct Cohort<'a> {
    population: Box<dyn Population + 'a>,
    objective: Box<dyn Objective>,
    /// For every run still in the population, the index of its record.
    active: Vec<usize>,
    records: Vec<RunRecord>,
    /// For every record, the index of its group.
    groups: Vec<usize>,
    /// Losses of the last step, `[active runs, tasks]`.
    losses: Vec<f32>,
    /// Losses of a run.
    tasks: usize,
    /// The choice of a step, where there are validation rows.
    selection: Option<Selection>,
    /// What the population was started with, to start it again from the parameters of the best steps.
    network: &'a dyn Model,
    engine: Engine,
    train: Train,
    task: Task,
    /// One a record.
    start_runs: Vec<StartRun>,
}

/// Rows that are not trained on.
pub struct Unseen<'a> {
    /// Those that losses are reported of.
    pub held_out: &'a Batch,
    /// Those that a step is chosen on; none where the last counts.
    pub validation: &'a Batch,
}

/// The networks of the groups' models, with their index in the experiment.
pub fn networks(experiment: &Experiment, groups: &[Group]) -> Vec<(usize, Box<dyn Model>)> {
    let mut models: Vec<usize> = groups.iter().flat_map(|group| &group.runs).map(|run| run.model).collect();
    models.sort_unstable();
    models.dedup();
    models.into_iter().map(|model| (model, experiment.network(&experiment.models[model]))).collect()
}

/// One cohort a network: the runs of its model in all groups.
///
/// # Errors
/// If a population cannot be created: its engine does not train the model, or the device fails.
pub fn cohorts<'a>(
    experiment: &Experiment,
    groups: &[Group],
    networks: &'a [(usize, Box<dyn Model>)],
    loaders: &DataLoaders,
    factory: &PopulationFactory,
) -> Result<Vec<Cohort<'a>>> {
    let runs =
        || groups.iter().enumerate().flat_map(|(at, group)| group.runs.iter().map(move |run| (at, run)));
    networks
        .iter()
        .map(|(model, network)| {
            let runs: Vec<_> = runs().filter(|(_, run)| run.model == *model).collect();
            Cohort::new(experiment, *model, network.as_ref(), &runs, loaders, factory)
        })
        .collect()
}

impl<'a> Cohort<'a> {
    /// Runs of the model at this index, each with the index of its group.
    fn new(
        experiment: &Experiment,
        model: usize,
        network: &'a dyn Model,
        runs: &[(usize, &PlannedRun)],
        loaders: &DataLoaders,
        factory: &PopulationFactory,
    ) -> Result<Self> {
        let train = &experiment.train;
        let engine = Engine::for_model(experiment, &experiment.models[model]);
        let start_run = |&(group, run): &(usize, &PlannedRun)| {
            let label_set = loaders.label_set(group, run.key.condition.task_correlation);
            let start = StartRun::new(label_set, run.key.learning_rate, run.key.seed);
            StartRun { input_set: group, recipe: train.recipe, steps: train.steps, ..start }
        };
        let start_runs: Vec<StartRun> = runs.iter().map(start_run).collect();
        let start = Start {
            model: network,
            runs: start_runs.clone(),
            parameters: initial_parameters(train, network, runs),
            task: experiment.data.task(),
        };
        let (count, label) = (network.layout().count(), engine.label(train.device));
        let record = |(_, run): &(usize, &PlannedRun)| RunRecord::new(run.key.clone(), count, label.clone());
        Ok(Self {
            objective: objective::for_task(start.task, network)?,
            population: factory(engine, train.device, start)?,
            active: (0..runs.len()).collect(),
            records: runs.iter().map(record).collect(),
            groups: runs.iter().map(|(group, _)| *group).collect(),
            losses: Vec::new(),
            tasks: experiment.problem().tasks,
            selection: Selection::new(&train.recipe, runs.len()),
            network,
            engine,
            train: train.clone(),
            task: experiment.data.task(),
            start_runs,
        })
    }

    /// The parameters of the runs as they stand, flat in layout order: `[active runs, parameters]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn parameters(&self) -> Result<Vec<f32>> {
        self.population.parameters()
    }

    /// Whether any of its runs is still trained.
    pub fn is_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Whether its runs are scored on a subset.
    pub fn is_scored_on(&self, subset: Subset) -> bool {
        self.objective.scored_subsets().contains(&subset)
    }

    /// Scores the active runs on all rows of a subset, which `batch` holds. A run whose predictions are not all finite
    /// has diverged and has no scores.
    ///
    /// # Errors
    /// If the population cannot predict.
    pub fn score(&mut self, subset: Subset, batch: &Batch, loaders: &DataLoaders) -> Result<()> {
        let predictions = self.population.predict(batch)?;
        let each = predictions.len() / self.active.len();
        for (&run, predictions) in self.active.iter().zip(predictions.chunks_exact(each)) {
            let (record, group) = (&mut self.records[run], self.groups[run]);
            if predictions.iter().any(|prediction| !prediction.is_finite()) {
                record.status = Status::Diverged;
                record.scores.clear();
                continue;
            }
            let set = loaders.label_set(group, record.key.condition.task_correlation);
            let rows = ScoredRows {
                subset,
                count: batch.rows,
                labels: batch.label_set(set),
                impressions: loaders.test_impressions(group),
            };
            self.objective.score(&rows, predictions, record);
        }
        Ok(())
    }

    /// Starts the population again with the finished runs, from the parameters of their best steps. Without a selection, and
    /// where nothing is scored, it stays as it is.
    ///
    /// # Errors
    /// As [`cohorts`].
    pub fn return_to_best(&mut self, factory: &PopulationFactory) -> Result<()> {
        let Some(selection) = self.selection.as_ref().filter(|_| self.keeps_parameters()) else {
            return Ok(());
        };
        // Its memory is free before that of the next.
        self.population.retain(&vec![false; self.active.len()])?;
        let finished = |run: &usize| self.records[*run].status == Status::Finished;
        self.active = (0..self.records.len()).filter(finished).collect();
        if self.active.is_empty() {
            return Ok(());
        }
        let start = Start {
            model: self.network,
            runs: self.active.iter().map(|&run| self.start_runs[run]).collect(),
            parameters: self.active.iter().flat_map(|&run| selection.parameters(run)).copied().collect(),
            task: self.task,
        };
        self.population = factory(self.engine, self.train.device, start)?;
        Ok(())
    }

    /// Whether predictions at the best step will be asked for.
    fn keeps_parameters(&self) -> bool {
        !self.objective.scored_subsets().is_empty()
    }

    /// Notes validation losses of the active runs at a logged step, `[active runs, tasks]`, and keeps what a run that
    /// improved is scored with. Gives for every run in the population whether it stops here.
    fn select(&mut self, step: u64, losses: &[f32]) -> Result<Vec<bool>> {
        let keeps = self.keeps_parameters();
        let Some(selection) = &mut self.selection else { return Ok(vec![false; self.active.len()]) };
        let mut parameters: Option<Vec<f32>> = None;
        let mut stopped = Vec::with_capacity(self.active.len());
        for (index, (&run, losses)) in self.active.iter().zip(losses.chunks_exact(self.tasks)).enumerate() {
            let outcome = selection.note(run, step, losses);
            stopped.push(outcome.stopped);
            if outcome.improved && keeps {
                let all = match &parameters {
                    Some(all) => all,
                    None => parameters.insert(self.population.parameters()?),
                };
                let each = all.len() / self.active.len();
                selection.keep(run, &all[index * each..][..each]);
            }
        }
        Ok(stopped)
    }

    /// The records, each with the index of its group.
    pub fn into_records(self) -> impl Iterator<Item = (usize, RunRecord)> {
        self.groups.into_iter().zip(self.records)
    }

    /// One step of every run, logged where it is time; the step after the last only logs. A run that stops here leaves
    /// after it. Returns the optimiser steps done, over all runs.
    ///
    /// # Errors
    /// If the population fails: see [`Population`].
    pub fn step(&mut self, step: u64, train: &Train, batch: &Batch, unseen: &Unseen) -> Result<u64> {
        let last = step == train.steps;
        let logged = last || step.is_multiple_of(train.log_every);
        let evaluation = match logged {
            true => Some(self.population.evaluate(unseen.held_out)?),
            false => None,
        };
        let validation = match logged && self.selection.is_some() {
            true => self.population.evaluate(unseen.validation)?.losses,
            false => Vec::new(),
        };
        let stopped = match validation.is_empty() {
            true => vec![false; self.active.len()],
            false => self.select(step, &validation)?,
        };
        if last {
            self.losses = self.population.evaluate(batch)?.losses;
        } else {
            self.population.step(batch, &mut self.losses)?;
        }
        let run_steps = if last { 0 } else { self.active.len() as u64 };
        let finite = self.finite(evaluation.as_ref(), &validation);
        if let Some(evaluation) = evaluation {
            let all_gates = last || step.is_multiple_of(train.log_gates_every);
            let with_gates: Vec<bool> = stopped.iter().map(|stopped| all_gates || *stopped).collect();
            self.log(step, (&evaluation, &validation), &with_gates, &finite);
        }
        self.drop_done(step, last, &finite, &stopped)?;
        Ok(run_steps)
    }

    /// For every run in the population, whether all its losses are finite.
    fn finite(&self, evaluation: Option<&Evaluation>, validation: &[f32]) -> Vec<bool> {
        let tasks = self.tasks;
        let all = |losses: &[f32], run: usize| losses[run * tasks..][..tasks].iter().all(|l| l.is_finite());
        (0..self.active.len())
            .map(|run| {
                let validated = validation.is_empty() || all(validation, run);
                all(&self.losses, run) && validated && evaluation.is_none_or(|e| all(&e.losses, run))
            })
            .collect()
    }

    /// Adds a point to the curves of the runs whose losses are finite.
    fn log(
        &mut self,
        step: u64,
        (evaluation, validation): (&Evaluation, &[f32]),
        with_gates: &[bool],
        finite: &[bool],
    ) {
        let tasks = self.tasks;
        for (index, &run) in self.active.iter().enumerate().filter(|(index, _)| finite[*index]) {
            let own = |losses: &[f32]| losses[index * tasks..][..tasks].to_vec();
            let record = &mut self.records[run];
            record.curve.push(CurvePoint {
                step,
                train_loss: own(&self.losses),
                held_out_loss: own(&evaluation.losses),
                validation_loss: if validation.is_empty() { Vec::new() } else { own(validation) },
            });
            if let Some(gates) = evaluation.gates.as_ref().filter(|_| with_gates[index]) {
                record.gates.extend((0..tasks).map(|task| {
                    // Where all tasks share one gate, it stands for each of them.
                    let gate = index * gates.gates + task.min(gates.gates - 1);
                    GatePoint {
                        step,
                        task: task + 1,
                        mean_weight: gates.mean_weight[gate * gates.experts..][..gates.experts].to_vec(),
                        entropy: gates.entropy[gate],
                    }
                }));
            }
        }
    }

    /// Marks runs with non-finite losses as diverged and removes them and those that stop; notes the steps of all that are
    /// done.
    fn drop_done(&mut self, step: u64, last: bool, finite: &[bool], stopped: &[bool]) -> Result<()> {
        for ((&run, finite), stopped) in self.active.iter().zip(finite).zip(stopped) {
            if !finite {
                self.records[run].status = Status::Diverged;
                self.records[run].steps = step;
            } else if last || *stopped {
                self.records[run].steps = step;
                self.records[run].best_step = self.selection.as_ref().map(|selection| selection.step(run));
            }
        }
        // After the last step all that are left are scored.
        let goes_on = |(finite, stopped): (&bool, &bool)| *finite && (last || !*stopped);
        let keep: Vec<bool> = finite.iter().zip(stopped).map(goes_on).collect();
        if keep.iter().all(|&keep| keep) {
            return Ok(());
        }
        self.population.retain(&keep)?;
        let mut keep = keep.iter();
        self.active.retain(|_| *keep.next().expect("one entry a run"));
        Ok(())
    }
}

/// Initial parameters of runs, `[runs, parameters]`: all runs of a seed start from the same draws.
fn initial_parameters(train: &Train, network: &dyn Model, runs: &[(usize, &PlannedRun)]) -> Vec<f32> {
    let mut parameters = Vec::with_capacity(runs.len() * network.layout().count());
    for same_seed in runs.chunk_by(|a, b| a.1.key.seed == b.1.key.seed) {
        let draws = train.init.draw(network.layout(), same_seed[0].1.key.seed);
        same_seed.iter().for_each(|_| parameters.extend_from_slice(&draws));
    }
    parameters
}
