//! The training loop that both engines share: what is trained when, what is logged, and what happens to a
//! run whose loss is no longer a number.

use std::time::Instant;

use candle_core::{Device, Result};

use super::fused::FusedPopulation;
use super::graph::GraphPopulation;
use super::{Evaluation, Population, Start, StartRun};
use crate::data::Batch;
use crate::data::synthetic::Generator;
use crate::experiment::plan::{Engine, Group, PlannedRun};
use crate::experiment::{DeviceChoice, Experiment, Train};
use crate::model::Model;
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
    let records = train_together(experiment, std::slice::from_ref(group), watch, make)?;
    Ok(records.map(|mut records| records.remove(0)))
}

/// Trains several groups side by side, the runs of a model in one population: what fills a GPU. Every group's
/// record is the same as if it were trained alone, but for rounding on a GPU. One group at a time for the fused
/// engine, which shares its inputs between runs. `None` where the watch gave them up.
pub fn train_together(
    experiment: &Experiment,
    groups: &[Group],
    watch: &dyn Watch,
    make: &Maker,
) -> Result<Option<Vec<GroupRecord>>> {
    let began = Instant::now();
    let mut sources: Vec<Source> = groups.iter().map(|group| Source::new(experiment, group)).collect();
    let models = build_models(experiment, groups);
    let mut teams = teams(experiment, groups, &models, &sources, make)?;
    let (mut held_out, mut batch) = (Batch::default(), Batch::default());
    let train = &experiment.train;
    fill(&mut sources, &mut held_out, |generator, batch| generator.held_out(train.held_out_rows, batch));
    let steps = if teams.is_empty() { 0 } else { train.steps };
    for step in 0..=steps {
        if watch.cancelled() {
            return Ok(None);
        }
        if teams.iter().all(|team| team.alive.is_empty()) {
            break;
        }
        fill(&mut sources, &mut batch, |generator, batch| {
            generator.training_batch(step, train.batch_size, batch);
        });
        for team in teams.iter_mut().filter(|team| !team.alive.is_empty()) {
            let run_steps = team.step(step, train, &batch, &held_out)?;
            watch.trained(run_steps);
        }
    }
    let runs: usize = groups.iter().map(|group| group.runs.len()).sum();
    let seconds = began.elapsed().as_secs_f64() / runs.max(1) as f64;
    let mut of_group: Vec<Vec<RunRecord>> = vec![Vec::new(); groups.len()];
    for team in teams {
        for (mut record, group) in team.records.into_iter().zip(team.groups) {
            record.label_correlation = sources[group].mean_label_correlation(record.key.task_correlation);
            record.seconds = seconds;
            of_group[group].push(record);
        }
    }
    let records = groups.iter().zip(&sources).zip(of_group).map(|((group, source), runs)| GroupRecord {
        runs,
        labels: labels(experiment, group, &source.correlations, &source.label_correlations),
    });
    Ok(Some(records.collect()))
}

/// Where the batches of a group come from.
struct Source {
    generator: Generator,
    /// Task correlations, one a label set.
    correlations: Vec<f64>,
    /// Measured correlations of the labels, of every label set and pair.
    label_correlations: Vec<Vec<f64>>,
    batch: Batch,
}

impl Source {
    fn new(experiment: &Experiment, group: &Group) -> Self {
        let correlations = correlations_of(group);
        let generator = Generator::new(&experiment.data, group.seed, &correlations);
        let label_correlations = generator.label_correlations();
        Self { generator, correlations, label_correlations, batch: Batch::default() }
    }

    /// Which of its label sets has this task correlation.
    fn label_set(&self, task_correlation: f64) -> usize {
        let at = self.correlations.iter().position(|&p| p == task_correlation);
        at.expect("every run's correlation is generated")
    }

    fn mean_label_correlation(&self, task_correlation: f64) -> f64 {
        let of_pairs = &self.label_correlations[self.label_set(task_correlation)];
        of_pairs.iter().sum::<f64>() / of_pairs.len() as f64
    }
}

/// Fills `batch` from all sources; straight where there is one.
fn fill(sources: &mut [Source], batch: &mut Batch, mut of: impl FnMut(&mut Generator, &mut Batch)) {
    if let [one] = sources {
        return of(&mut one.generator, batch);
    }
    let mut batches = Vec::with_capacity(sources.len());
    for source in sources.iter_mut() {
        of(&mut source.generator, &mut source.batch);
        batches.push(std::mem::take(&mut source.batch));
    }
    batch.join(&batches);
    for (source, batch) in sources.iter_mut().zip(batches) {
        source.batch = batch;
    }
}

/// The task correlations that a group needs labels of, each once.
fn correlations_of(group: &Group) -> Vec<f64> {
    let runs = group.runs.iter().map(|run| run.key.task_correlation);
    let mut correlations: Vec<f64> = runs.chain(group.label_correlations.iter().copied()).collect();
    correlations.sort_by(f64::total_cmp);
    correlations.dedup();
    correlations
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
                points: experiment.data.label_points,
                label_correlation,
            });
        }
    }
    records
}

/// The networks of the groups' models, by the model's place in the experiment.
fn build_models(experiment: &Experiment, groups: &[Group]) -> Vec<(usize, Box<dyn Model>)> {
    let mut numbers: Vec<usize> = groups.iter().flat_map(|group| &group.runs).map(|run| run.model).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let problem = experiment.problem();
    numbers
        .into_iter()
        .map(|number| (number, experiment.models[number].sizes.configuration.build(problem)))
        .collect()
}

/// The runs of one model within groups that are trained together, with what they have logged.
struct Team<'a> {
    population: Box<dyn Population + 'a>,
    /// For every run still in the population, its place in `records`.
    alive: Vec<usize>,
    records: Vec<RunRecord>,
    /// For every record, its group.
    groups: Vec<usize>,
    losses: Vec<f32>,
}

fn teams<'a>(
    experiment: &Experiment,
    groups: &[Group],
    models: &'a [(usize, Box<dyn Model>)],
    sources: &[Source],
    make: &Maker,
) -> Result<Vec<Team<'a>>> {
    let runs =
        || groups.iter().enumerate().flat_map(|(at, group)| group.runs.iter().map(move |run| (at, run)));
    models
        .iter()
        .map(|(number, model)| {
            let runs: Vec<_> = runs().filter(|(_, run)| run.model == *number).collect();
            Team::new(experiment, *number, model.as_ref(), &runs, sources, make)
        })
        .collect()
}

impl<'a> Team<'a> {
    fn new(
        experiment: &Experiment,
        number: usize,
        model: &'a dyn Model,
        runs: &[(usize, &PlannedRun)],
        sources: &[Source],
        make: &Maker,
    ) -> Result<Self> {
        let train = &experiment.train;
        let engine = Engine::of(experiment, &experiment.models[number]);
        let mut parameters = Vec::with_capacity(runs.len() * model.layout().count());
        for of_seed in runs.chunk_by(|a, b| a.1.key.seed == b.1.key.seed) {
            // All runs of a seed start from the same draws.
            let first = train.init.draw(model.layout(), of_seed[0].1.key.seed);
            of_seed.iter().for_each(|_| parameters.extend_from_slice(&first));
        }
        let start_run = |&(group, run): &(usize, &PlannedRun)| {
            let before: usize = sources[..group].iter().map(|source| source.correlations.len()).sum();
            let label_set = before + sources[group].label_set(run.key.task_correlation);
            StartRun { input_set: group, ..StartRun::new(label_set, run.key.learning_rate) }
        };
        let start = Start { model, runs: runs.iter().map(start_run).collect(), parameters };
        let records = runs
            .iter()
            .map(|(_, run)| RunRecord {
                key: run.key.clone(),
                status: Status::Finished,
                steps: 0,
                label_correlation: f64::NAN,
                parameters: model.layout().count(),
                engine: engine.label(train.device),
                seconds: 0.0,
                curve: Vec::new(),
                gates: Vec::new(),
            })
            .collect();
        Ok(Self {
            population: make(engine, train.device, start)?,
            alive: (0..runs.len()).collect(),
            records,
            groups: runs.iter().map(|(group, _)| *group).collect(),
            losses: Vec::new(),
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
        let finite = self.finite(batch.tasks, evaluation.as_ref());
        if let Some(evaluation) = evaluation {
            let with_gates = last || step.is_multiple_of(train.log_gates_every);
            self.log(step, batch.tasks, &evaluation, with_gates, &finite);
        }
        self.settle(step, last, &finite)?;
        Ok(run_steps)
    }

    /// For every run in the population, whether all its losses are numbers.
    fn finite(&self, tasks: usize, evaluation: Option<&Evaluation>) -> Vec<bool> {
        let all = |losses: &[f32], run: usize| losses[run * tasks..][..tasks].iter().all(|l| l.is_finite());
        (0..self.alive.len())
            .map(|run| all(&self.losses, run) && evaluation.is_none_or(|e| all(&e.losses, run)))
            .collect()
    }

    /// Adds a point to the curves of the runs whose losses are numbers.
    fn log(&mut self, step: u64, tasks: usize, evaluation: &Evaluation, with_gates: bool, finite: &[bool]) {
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
    match (engine, start.model.mixture()) {
        (Engine::Fused, Some(shape)) => Ok(Box::new(FusedPopulation::new(shape, start)?)),
        (Engine::Fused, None) => candle_core::bail!("the fused engine trains the mixture family alone"),
        (Engine::Graph, _) => Ok(Box::new(GraphPopulation::new(start, device(choice)?)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::library;
    use crate::experiment::plan::Plan;

    struct Nobody;

    impl Watch for Nobody {
        fn trained(&self, _: u64) {}

        fn cancelled(&self) -> bool {
            false
        }
    }

    #[test]
    fn groups_trained_together_are_the_same_bits_as_apart() {
        let sets = [
            "grid.seeds=[3, 5, 8]",
            "grid.learning_rates=[0.01, 1e8]",
            "train.engine=graph",
            "train.steps=12",
            "log_every=4",
            "log_gates_every=4",
            "train.batch_size=16",
            "held_out_rows=300",
            "data.dim=11",
            "label_points=50",
        ];
        let experiment = library::find("ci", &sets.map(String::from)).unwrap();
        let mut plan = Plan::new(&experiment);
        // A group of which something is finished already has fewer runs, and other label sets.
        let rest = plan.groups[1].runs.iter().filter(|run| run.correlation > 0).cloned().collect();
        plan.groups[1] = Group::new(&experiment, 5, rest, Vec::new());
        let untimed = |mut record: GroupRecord| {
            record.runs.iter_mut().for_each(|run| run.seconds = 0.0);
            record
        };
        let apart: Vec<_> = plan
            .groups
            .iter()
            .map(|group| untimed(train_group(&experiment, group, &Nobody).unwrap().unwrap()))
            .collect();
        let together = train_together(&experiment, &plan.groups, &Nobody, &population).unwrap().unwrap();
        let together: Vec<_> = together.into_iter().map(untimed).collect();
        assert!(apart[0].runs.iter().any(|run| run.status == Status::Diverged), "some runs leave on the way");
        assert_eq!(apart, together);
    }
}
