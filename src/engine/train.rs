//! The training loop that both engines share: what is trained when, what is logged, and what happens to a
//! run whose loss is no longer a number.

use std::time::Instant;

use candle_core::{Device, Result};

use super::fused::FusedPopulation;
use super::graph::GraphPopulation;
use super::heads::HeadsPopulation;
use super::score::Score;
use super::{Evaluation, Population, Start, StartRun, funnel_score};
use crate::data::{Batch, Feed, ImpressionFeed, Labels, Subset};
use crate::experiment::plan::{Engine, Group, PlannedRun};
use crate::experiment::{DeviceChoice, Experiment, Train};
use crate::model::{Model, Objective};
use crate::store::{CurvePoint, GatePoint, LabelRecord, RunRecord, Status};

/// What a finished group leaves.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GroupRecord {
    /// One record a run, in the group's order.
    pub runs: Vec<RunRecord>,
    /// Label correlations measured on this seed.
    pub labels: Vec<LabelRecord>,
}

/// Who watches a group being trained.
pub trait Watch: Sync {
    /// `run_steps` more optimiser steps of single runs are done.
    fn trained(&self, run_steps: u64);
    /// Whether the group is to be given up.
    fn cancelled(&self) -> bool;
}

/// The device of an experiment. Fails where the binary was built without CUDA, or the device is not there.
pub fn device(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda(number) => Device::new_cuda(number),
    }
}

/// Makes the population of an engine on a device from what it starts with.
pub type Maker = dyn for<'a> Fn(Engine, DeviceChoice, Start<'a>) -> Result<Box<dyn Population + 'a>> + Sync;

/// Trains a group from its first step to its last. `None` where the watch gave it up.
pub fn train_group(experiment: &Experiment, group: &Group, watch: &dyn Watch) -> Result<Option<GroupRecord>> {
    train_group_on(experiment, group, watch, &population)
}

/// As [`train_group`] on populations that `make` makes: where tests plant mistakes.
pub fn train_group_on(
    experiment: &Experiment,
    group: &Group,
    watch: &dyn Watch,
    make: &Maker,
) -> Result<Option<GroupRecord>> {
    let began = Instant::now();
    let correlations = correlations_of(group);
    let data = experiment.data_at(group.runs.first().map_or(f64::NAN, |run| run.key.setting));
    let mut feed = Feed::new(&data, &experiment.opened, group.seed, &correlations);
    let label_correlations = feed.label_correlations();
    let models = build_models(experiment, group);
    let mut teams = teams(experiment, group, &models, &correlations, make)?;
    let mut held_out = Batch::default();
    feed.held_out(experiment.train.held_out_rows, &mut held_out);
    let mut batch = Batch::default();
    let train = &experiment.train;
    let steps = if teams.is_empty() { 0 } else { train.steps };
    for step in 0..=steps {
        if watch.cancelled() {
            return Ok(None);
        }
        if teams.iter().all(|team| team.alive.is_empty()) {
            break;
        }
        feed.training_batch(step, train.batch_size, &mut batch);
        for team in teams.iter_mut().filter(|team| !team.alive.is_empty()) {
            let run_steps = team.step(step, train, &batch, &held_out)?;
            watch.trained(run_steps);
        }
    }
    if experiment.data.labels() == Labels::Binary {
        match &feed {
            Feed::Impressions(feed) => score_conversions(feed, &mut teams, &mut batch)?,
            _ => score(&feed, &mut teams, &mut batch)?,
        }
    }
    let seconds = began.elapsed().as_secs_f64() / group.runs.len().max(1) as f64;
    let mean_correlation = |p: f64| {
        let at = position(&correlations, p);
        label_correlations[at].iter().sum::<f64>() / label_correlations[at].len() as f64
    };
    let runs = teams
        .into_iter()
        .flat_map(|team| team.records)
        .map(|mut record| {
            record.label_correlation = mean_correlation(record.key.task_correlation);
            record.seconds = seconds;
            record
        })
        .collect();
    let labels = labels(experiment, group, &correlations, &label_correlations);
    Ok(Some(GroupRecord { runs, labels }))
}

/// The task correlations that a group needs labels of, each once.
fn correlations_of(group: &Group) -> Vec<f64> {
    let runs = group.runs.iter().map(|run| run.key.task_correlation);
    let mut correlations: Vec<f64> = runs.chain(group.label_correlations.iter().copied()).collect();
    correlations.sort_by(f64::total_cmp);
    correlations.dedup();
    correlations
}

/// Place of a run's task correlation among those that are generated.
fn position(correlations: &[f64], p: f64) -> usize {
    // By order, not equality: data without the knob have NaN.
    correlations.iter().position(|c| c.total_cmp(&p).is_eq()).expect("every run's correlation is generated")
}

/// Scores the runs that finished on all rows that are not trained on.
fn score(feed: &Feed, teams: &mut [Team], batch: &mut Batch) -> Result<()> {
    for subset in [Subset::Validation, Subset::Test] {
        feed.scored(subset, batch);
        for team in teams.iter_mut().filter(|team| !team.alive.is_empty()) {
            let logits = team.population.predict(batch)?;
            for (&run, logits) in team.alive.iter().zip(logits.chunks_exact(batch.tasks * batch.rows)) {
                if logits.iter().any(|logit| !logit.is_finite()) {
                    team.records[run].status = Status::Diverged;
                    team.records[run].scores.clear();
                    continue;
                }
                let of_task = logits.chunks_exact(batch.rows).enumerate();
                let scores =
                    of_task.map(|(task, logits)| Score::of(subset, task + 1, logits, batch.labels(0, task)));
                team.records[run].scores.extend(scores);
            }
        }
    }
    Ok(())
}

/// Scores the runs that finished on all impressions of the second period.
fn score_conversions(feed: &ImpressionFeed, teams: &mut [Team], batch: &mut Batch) -> Result<()> {
    let test = &feed.log().test;
    feed.test(test.len(), batch);
    for team in teams.iter_mut().filter(|team| !team.alive.is_empty()) {
        let Objective::Conversion(method) = team.objective else {
            candle_core::bail!("only models of click and conversion are trained on impressions");
        };
        let logits = team.population.predict(batch)?;
        for (&run, logits) in team.alive.iter().zip(logits.chunks_exact(method.heads() * batch.rows)) {
            let record = &mut team.records[run];
            if logits.iter().all(|logit| logit.is_finite()) {
                (record.funnel, record.deciles) = funnel_score::scores(method, logits, test);
            } else {
                record.status = Status::Diverged;
            }
        }
    }
    Ok(())
}

fn labels(
    experiment: &Experiment,
    group: &Group,
    correlations: &[f64],
    measured: &[Vec<f64>],
) -> Vec<LabelRecord> {
    let mut records = Vec::new();
    for (&task_correlation, pairs) in correlations.iter().zip(measured) {
        if !group.label_correlations.contains(&task_correlation) {
            continue;
        }
        for (pair, &label_correlation) in pairs.iter().enumerate() {
            records.push(LabelRecord {
                task_correlation,
                seed: group.seed,
                pair: pair + 1,
                points: experiment.data.synthetic().map_or(0, |spec| spec.label_points),
                label_correlation,
            });
        }
    }
    records
}

/// The networks of a group's models, by the model's place in the experiment.
fn build_models(experiment: &Experiment, group: &Group) -> Vec<(usize, Box<dyn Model>)> {
    let mut numbers: Vec<usize> = group.runs.iter().map(|run| run.model).collect();
    numbers.dedup();
    numbers.into_iter().map(|number| (number, experiment.network(&experiment.models[number]))).collect()
}

/// The runs of one model within a group, with what they have logged.
struct Team<'a> {
    population: Box<dyn Population + 'a>,
    /// For every run still in the population, its place in `records`.
    alive: Vec<usize>,
    records: Vec<RunRecord>,
    losses: Vec<f32>,
    /// Losses of a run.
    tasks: usize,
    objective: Objective,
}

fn teams<'a>(
    experiment: &Experiment,
    group: &Group,
    models: &'a [(usize, Box<dyn Model>)],
    correlations: &[f64],
    make: &Maker,
) -> Result<Vec<Team<'a>>> {
    models
        .iter()
        .map(|(number, model)| {
            let runs: Vec<&PlannedRun> = group.runs.iter().filter(|run| run.model == *number).collect();
            Team::new(experiment, *number, model.as_ref(), &runs, correlations, make)
        })
        .collect()
}

impl<'a> Team<'a> {
    fn new(
        experiment: &Experiment,
        number: usize,
        model: &'a dyn Model,
        runs: &[&PlannedRun],
        correlations: &[f64],
        make: &Maker,
    ) -> Result<Self> {
        let train = &experiment.train;
        let engine = Engine::of(experiment, &experiment.models[number]);
        // All runs of a seed start from the same draws.
        let first = train.init.draw(model.layout(), runs[0].key.seed);
        let start = Start {
            model,
            runs: runs
                .iter()
                .map(|run| {
                    let label_set = position(correlations, run.key.task_correlation);
                    StartRun::new(label_set, run.key.learning_rate, run.key.seed)
                })
                .collect(),
            parameters: first.repeat(runs.len()),
            labels: experiment.data.labels(),
        };
        let records = runs
            .iter()
            .map(|run| RunRecord {
                key: run.key.clone(),
                status: Status::Finished,
                steps: 0,
                label_correlation: f64::NAN,
                parameters: model.layout().count(),
                engine: engine.label(train.device),
                seconds: 0.0,
                curve: Vec::new(),
                gates: Vec::new(),
                scores: Vec::new(),
                funnel: Vec::new(),
                deciles: Vec::new(),
            })
            .collect();
        Ok(Self {
            population: make(engine, train.device, start)?,
            alive: (0..runs.len()).collect(),
            records,
            losses: Vec::new(),
            tasks: experiment.problem().tasks,
            objective: model.objective(),
        })
    }

    /// One step of every run, logged where it is time; the step after the last only logs. Gives the
    /// optimiser steps done.
    fn step(&mut self, step: u64, train: &Train, batch: &Batch, held_out: &Batch) -> Result<u64> {
        let last = step == train.steps;
        let evaluation = match last || step.is_multiple_of(train.log_every) {
            true => Some(self.population.evaluate(held_out)?),
            false => None,
        };
        if last {
            self.losses = self.population.evaluate(batch)?.losses;
        } else {
            self.population.step(batch, &mut self.losses)?;
        }
        let run_steps = if last { 0 } else { self.alive.len() as u64 };
        let finite = self.finite(evaluation.as_ref());
        if let Some(evaluation) = evaluation {
            let with_gates = last || step.is_multiple_of(train.log_gates_every);
            self.log(step, &evaluation, with_gates, &finite);
        }
        self.settle(step, last, &finite)?;
        Ok(run_steps)
    }

    /// For every run in the population, whether all its losses are numbers.
    fn finite(&self, evaluation: Option<&Evaluation>) -> Vec<bool> {
        let tasks = self.tasks;
        let all = |losses: &[f32], run: usize| losses[run * tasks..][..tasks].iter().all(|l| l.is_finite());
        (0..self.alive.len())
            .map(|run| all(&self.losses, run) && evaluation.is_none_or(|e| all(&e.losses, run)))
            .collect()
    }

    /// Adds a point to the curves of the runs whose losses are numbers.
    fn log(&mut self, step: u64, evaluation: &Evaluation, with_gates: bool, finite: &[bool]) {
        let tasks = self.tasks;
        for (place, &run) in self.alive.iter().enumerate().filter(|(place, _)| finite[*place]) {
            let of_run = |losses: &[f32]| losses[place * tasks..][..tasks].to_vec();
            let record = &mut self.records[run];
            record.curve.push(CurvePoint {
                step,
                train_loss: of_run(&self.losses),
                held_out_loss: of_run(&evaluation.losses),
            });
            if let Some(gates) = evaluation.gates.as_ref().filter(|_| with_gates) {
                record.gates.extend((0..tasks).map(|task| {
                    // Where all tasks share one gate, it stands for each of them.
                    let gate = place * gates.gates + task.min(gates.gates - 1);
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

    /// Ends the runs whose losses are no numbers, and all of them after the last step.
    fn settle(&mut self, step: u64, last: bool, finite: &[bool]) -> Result<()> {
        for (&run, finite) in self.alive.iter().zip(finite) {
            if !finite {
                self.records[run].status = Status::Diverged;
                self.records[run].steps = step;
            } else if last {
                self.records[run].steps = step;
            }
        }
        if finite.iter().all(|&finite| finite) {
            return Ok(());
        }
        self.population.retain(finite)?;
        let mut keep = finite.iter();
        self.alive.retain(|_| *keep.next().expect("one entry a run"));
        Ok(())
    }
}

/// The population of an engine.
pub fn population<'a>(
    engine: Engine,
    choice: DeviceChoice,
    start: Start<'a>,
) -> Result<Box<dyn Population + 'a>> {
    match (engine, start.model.mixture(), start.model.heads()) {
        (Engine::Graph, ..) => Ok(Box::new(GraphPopulation::new(start, device(choice)?)?)),
        (Engine::Fused, Some(shape), _) => Ok(Box::new(FusedPopulation::new(shape, start)?)),
        (Engine::Fused, None, Some(shape)) => Ok(Box::new(HeadsPopulation::new(shape, start)?)),
        (Engine::Fused, None, None) => candle_core::bail!("the fused engine does not train this model"),
    }
}
