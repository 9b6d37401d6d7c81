//! The training loop that both engines share: what is trained when, what is logged, and what happens to a
//! run whose loss is no longer a number.

use std::time::Instant;

use candle_core::Result;

use super::fused::FusedPopulation;
use super::graph::GraphPopulation;
use super::heads::HeadsPopulation;
use super::sources::Sources;
use super::{Evaluation, Population, Start, StartRun, device, funnel_score};
use crate::data::{Batch, Subset, Task};
use crate::experiment::engine::Engine;
use crate::experiment::plan::{Group, PlannedRun};
use crate::experiment::{DeviceChoice, Experiment, Train};
use crate::model::{Model, Objective};
use crate::record::Score;
use crate::record::{CurvePoint, GatePoint, GroupRecord, RunRecord, Status};

/// Who watches a group being trained.
pub trait Watch: Sync {
    /// `run_steps` more optimiser steps of single runs are done.
    fn trained(&self, run_steps: u64);
    /// Whether the group is to be given up.
    fn cancelled(&self) -> bool;
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
/// record is the same as if it were trained alone, but for its time, which is shared, and rounding on a GPU. Fails
/// for several groups of the fused engine, whose runs share their inputs. `None` where the watch gave them up.
pub fn train_together(
    experiment: &Experiment,
    groups: &[Group],
    watch: &dyn Watch,
    make: &Maker,
) -> Result<Option<Vec<GroupRecord>>> {
    let began = Instant::now();
    let mut sources = Sources::new(experiment, groups);
    let models = build_models(experiment, groups);
    let mut teams = teams(experiment, groups, &models, &sources, make)?;
    let (mut held_out, mut batch, mut next) = (Batch::default(), Batch::default(), Batch::default());
    let train = &experiment.train;
    sources.fill(&mut held_out, |feed, batch| feed.held_out(train.held_out_rows, batch));
    let steps = if teams.is_empty() { 0 } else { train.steps };
    let fill = |sources: &mut Sources, step: u64, batch: &mut Batch| {
        sources.fill(batch, |feed, batch| feed.training_batch(step, train.batch_size, batch));
    };
    fill(&mut sources, 0, &mut batch);
    for step in 0..=steps {
        if watch.cancelled() {
            return Ok(None);
        }
        if teams.iter().all(|team| team.alive.is_empty()) {
            break;
        }
        // A GPU does not wait while the rows of many seeds are made; one group has its thread for both.
        let ahead = groups.len() > 1 && step < steps;
        std::thread::scope(|scope| -> Result<()> {
            if ahead {
                scope.spawn(|| fill(&mut sources, step + 1, &mut next));
            }
            for team in teams.iter_mut().filter(|team| !team.alive.is_empty()) {
                let run_steps = team.step(step, train, &batch, &held_out)?;
                watch.trained(run_steps);
            }
            Ok(())
        })?;
        if ahead {
            std::mem::swap(&mut batch, &mut next);
            // Here, not in the thread that fills it next: a GPU frees memory in the order of a thread's own work, and the
            // work that reads this was queued by this thread.
            next.forget_made();
        } else if step < steps {
            fill(&mut sources, step + 1, &mut batch);
        }
    }
    match experiment.data.task() {
        Task::Regression => {}
        Task::Classification => score(&mut sources, &mut teams, &mut batch)?,
        Task::Conversion => score_conversions(&mut sources, &mut teams, &mut batch)?,
    }
    let runs: usize = groups.iter().map(|group| group.runs.len()).sum();
    let seconds = began.elapsed().as_secs_f64() / runs.max(1) as f64;
    let mut of_group: Vec<Vec<RunRecord>> = vec![Vec::new(); groups.len()];
    for team in teams {
        for (mut record, group) in team.records.into_iter().zip(team.groups) {
            record.label_correlation =
                sources.mean_label_correlation(group, record.key.condition.task_correlation);
            record.seconds = seconds;
            of_group[group].push(record);
        }
    }
    let records = groups
        .iter()
        .zip(of_group)
        .enumerate()
        .map(|(place, (group, runs))| GroupRecord { runs, labels: sources.labels(experiment, place, group) });
    Ok(Some(records.collect()))
}

/// Scores the runs that finished on all rows that are not trained on.
fn score(sources: &mut Sources, teams: &mut [Team], batch: &mut Batch) -> Result<()> {
    for subset in [Subset::Validation, Subset::Test] {
        sources.fill(batch, |feed, batch| feed.scored(subset, batch));
        for team in teams.iter_mut().filter(|team| !team.alive.is_empty()) {
            let logits = team.population.predict(batch)?;
            for (&run, logits) in team.alive.iter().zip(logits.chunks_exact(batch.tasks * batch.rows)) {
                if logits.iter().any(|logit| !logit.is_finite()) {
                    team.records[run].status = Status::Diverged;
                    team.records[run].scores.clear();
                    continue;
                }
                let set =
                    sources.label_set(team.groups[run], team.records[run].key.condition.task_correlation);
                let of_task = logits.chunks_exact(batch.rows).enumerate();
                let scores = of_task
                    .map(|(task, logits)| Score::of(subset, task + 1, logits, batch.labels(set, task)));
                team.records[run].scores.extend(scores);
            }
        }
    }
    Ok(())
}

/// Scores the runs that finished on all impressions of the second period.
fn score_conversions(sources: &mut Sources, teams: &mut [Team], batch: &mut Batch) -> Result<()> {
    sources.fill(batch, |feed, batch| feed.scored(Subset::Test, batch));
    for team in teams.iter_mut().filter(|team| !team.alive.is_empty()) {
        let Objective::Conversion(method) = team.objective else {
            candle_core::bail!("only models of click and conversion are trained on impressions");
        };
        let logits = team.population.predict(batch)?;
        for (&run, logits) in team.alive.iter().zip(logits.chunks_exact(method.heads() * batch.rows)) {
            let record = &mut team.records[run];
            let Some(test) = sources.feed(team.groups[run]).test_impressions() else {
                candle_core::bail!("conversions are scored on impressions");
            };
            if logits.iter().all(|logit| logit.is_finite()) {
                (record.funnel, record.deciles) = funnel_score::scores(method, logits, test);
            } else {
                record.status = Status::Diverged;
            }
        }
    }
    Ok(())
}

/// The networks of the groups' models, by the model's place in the experiment.
fn build_models(experiment: &Experiment, groups: &[Group]) -> Vec<(usize, Box<dyn Model>)> {
    let mut numbers: Vec<usize> = groups.iter().flat_map(|group| &group.runs).map(|run| run.model).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().map(|number| (number, experiment.network(&experiment.models[number]))).collect()
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
    /// Losses of a run.
    tasks: usize,
    objective: Objective,
}

fn teams<'a>(
    experiment: &Experiment,
    groups: &[Group],
    models: &'a [(usize, Box<dyn Model>)],
    sources: &Sources,
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
        sources: &Sources,
        make: &Maker,
    ) -> Result<Self> {
        let train = &experiment.train;
        let engine = Engine::for_model(experiment, &experiment.models[number]);
        let mut parameters = Vec::with_capacity(runs.len() * model.layout().count());
        for of_seed in runs.chunk_by(|a, b| a.1.key.seed == b.1.key.seed) {
            // All runs of a seed start from the same draws.
            let first = train.init.draw(model.layout(), of_seed[0].1.key.seed);
            of_seed.iter().for_each(|_| parameters.extend_from_slice(&first));
        }
        let start_run = |&(group, run): &(usize, &PlannedRun)| {
            let label_set = sources.label_set(group, run.key.condition.task_correlation);
            let start = StartRun::new(label_set, run.key.learning_rate, run.key.seed);
            StartRun { input_set: group, ..start }
        };
        let start = Start {
            model,
            runs: runs.iter().map(start_run).collect(),
            parameters,
            task: experiment.data.task(),
        };
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
                scores: Vec::new(),
                funnel: Vec::new(),
                deciles: Vec::new(),
            })
            .collect();
        Ok(Self {
            population: make(engine, train.device, start)?,
            alive: (0..runs.len()).collect(),
            records,
            groups: runs.iter().map(|(group, _)| *group).collect(),
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
    let one_input = start.runs.iter().all(|run| run.input_set == 0);
    match (engine, start.model.mixture(), start.model.heads()) {
        (Engine::Graph, ..) => Ok(Box::new(GraphPopulation::new(start, device::open(choice)?)?)),
        (Engine::Fused, ..) if !one_input => {
            candle_core::bail!("the fused engine trains one group at a time")
        }
        (Engine::Fused, Some(shape), _) => Ok(Box::new(FusedPopulation::new(shape, start)?)),
        (Engine::Fused, None, Some(shape)) => Ok(Box::new(HeadsPopulation::new(shape, start)?)),
        (Engine::Fused, None, None) => candle_core::bail!("the fused engine does not train this model"),
    }
}

/// Who only lets train.
#[cfg(test)]
pub(crate) struct Nobody;

#[cfg(test)]
impl Watch for Nobody {
    fn trained(&self, _: u64) {}

    fn cancelled(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::library;
    use crate::experiment::plan::Plan;

    /// Without the one thing that is shared.
    fn untimed(mut record: GroupRecord) -> GroupRecord {
        record.runs.iter_mut().for_each(|run| run.seconds = 0.0);
        record
    }

    /// The records of `groups`, trained one after the other and, the same bits, together.
    fn apart_and_together(experiment: &Experiment, groups: &[Group]) -> Vec<GroupRecord> {
        let apart = groups.iter().map(|group| train_group(experiment, group, &Nobody).unwrap().unwrap());
        let apart: Vec<_> = apart.map(untimed).collect();
        let together = train_together(experiment, groups, &Nobody, &population).unwrap().unwrap();
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
        let rest = plan.groups[1].runs.iter().filter(|run| run.condition > 0).cloned().collect();
        plan.groups[1] = Group::new(&experiment, 5, rest, Vec::new());
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
            "grid.vary=mean_delay",
            "grid.values=[0.0, 0.5]",
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
        let plan = Plan::new(&experiment);
        assert!(plan.groups.len() >= 4, "settings have groups of their own");
        let apart = apart_and_together(&experiment, &plan.groups);
        assert!(apart.iter().flat_map(|group| &group.runs).all(|run| run.funnel.len() == 4));
    }

    #[test]
    fn the_fused_engine_refuses_several_groups() {
        let experiment = library::find("ci", &["grid.seeds=2".into()]).unwrap();
        let plan = Plan::new(&experiment);
        let error = train_together(&experiment, &plan.groups, &Nobody, &population).unwrap_err();
        assert!(error.to_string().contains("one group at a time"), "{error}");
    }
}
