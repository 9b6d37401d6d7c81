//! `sweep run --dry-run`: the cost of an experiment.

use std::fmt::{Display, Formatter};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use crate::engine::memory;
use crate::engine::train::{Progress, train_group};
use crate::experiment::plan::{Group, Plan};
use crate::experiment::shard::Shard;
use crate::experiment::{Experiment, Train};
use crate::report::words::{count, plural};
use crate::store::{Finished, Folder, LARGEST_GROUP, machine};

use super::Refused;
use super::progress::steps_label;
use super::training::{check_schema, rung_folder};

/// Time for which a group is trained after its first step to measure the rate.
const PROBE: Duration = Duration::from_millis(700);

/// A stage of training: a rung of the tuning, or the experiment itself.
pub struct Stage {
    experiment: Experiment,
    plan: Plan,
    missing: Vec<Group>,
}

impl Stage {
    fn new(experiment: Experiment, plan: Plan, finished: &Finished) -> Self {
        let missing = plan.missing(&experiment, |identity| finished.has(identity));
        Self { experiment, plan, missing }
    }

    fn runs(&self) -> usize {
        self.missing.iter().map(|group| group.runs.len()).sum()
    }
}

/// The stages of an experiment; the last is the part of `shard`. `finished` are the groups in `folder`. The trials that
/// will be promoted are not known yet, so the first ones stand for them.
///
/// # Errors
/// The folder of a rung cannot be read, or has results of another schema.
pub fn stages(
    experiment: &Experiment,
    folder: &Folder,
    finished: &Finished,
    shard: Option<Shard>,
) -> Result<Vec<Stage>> {
    let mut trials = experiment.trials();
    let mut stages = Vec::new();
    for (number, &rung) in (1..).zip(experiment.tune.iter().flat_map(|tune| &tune.rungs)) {
        let stage = experiment.rung(number, rung, &trials);
        let folder = rung_folder(folder, number);
        let finished = folder.finished()?;
        check_schema(&folder, &finished)?;
        let plan = Plan::new(&stage);
        stages.push(Stage::new(stage, plan, &finished));
        let of_models = trials.chunk_by(|a, b| a.model == b.model);
        trials = of_models.flat_map(|trials| trials[..rung.keep].to_vec()).collect();
    }
    let last = experiment.tuned(&trials);
    let plan = Plan::new(&last);
    let part = shard.map_or_else(|| plan.clone(), |shard| shard.select(&plan));
    stages.push(Stage::new(last, part, finished));
    Ok(stages)
}

/// Checks that every stage fits into memory, before anything is trained or written.
///
/// # Errors
/// A stage needs more memory than is available, or its groups would be too large to store.
pub fn check_memory(stages: &[Stage], threads: usize) -> Result<()> {
    let available = machine::available_memory_bytes();
    for Stage { experiment, plan, .. } in stages {
        let record = memory::largest_record_bytes(experiment, plan);
        if record > LARGEST_GROUP {
            let text = format!(
                "train.log_every = {}: a group would have {} of records; the limit is {}. Log less often.",
                experiment.train.log_every,
                HumanBytes(record),
                HumanBytes(LARGEST_GROUP)
            );
            return Err(Refused(text).into());
        }
        let needed = memory::peak_bytes(experiment, plan, threads);
        if let Some(available) = available.filter(|available| needed > *available) {
            let text = format!(
                "{} needs {} of memory; only {} is available. Reduce --threads, train.batch_size, \
                 train.held_out_rows, the sizes of models or the number of runs, or increase train.log_every.",
                experiment.name,
                HumanBytes(needed),
                HumanBytes(available)
            );
            return Err(Refused(text).into());
        }
    }
    Ok(())
}

/// Checks that the rows of the data fit into memory, as far as their size is known before they are read.
///
/// # Errors
/// Reading the rows needs more memory than is available.
pub fn check_reading(experiment: &Experiment) -> Result<()> {
    let needed = experiment.data.source().reading_bytes();
    let (Some(needed), Some(available)) = (needed, machine::available_memory_bytes()) else { return Ok(()) };
    if needed <= available {
        return Ok(());
    }
    let text = format!(
        "reading data.rows needs {} of memory; only {} is available. Reduce data.rows.",
        HumanBytes(needed),
        HumanBytes(available)
    );
    Err(Refused(text).into())
}

/// The cost of all stages. Its display is the output of `--dry-run`.
pub struct Estimate<'a> {
    /// The experiment itself.
    experiment: &'a Experiment,
    /// For every rung of the tuning: missing runs, all runs, steps of a run.
    rungs: Vec<[u64; 3]>,
    /// Missing runs, and all runs.
    runs: [usize; 2],
    groups: usize,
    threads: usize,
    /// Predicted peak of memory in bytes.
    memory: u64,
    /// Cost of training; none if no run is missing or memory does not suffice.
    training: Option<Cost>,
}

/// Cost of training.
struct Cost {
    /// Useful floating-point operations.
    operations: f64,
    /// Run-steps per second on all threads.
    rate: f64,
    time: Duration,
}

impl<'a> Estimate<'a> {
    /// The estimate for the missing runs. If `timed`, trains a group for a moment to measure the rate.
    pub fn new(stages: &'a [Stage], threads: usize, timed: bool) -> Result<Self> {
        let (last, rungs) = stages.split_last().expect("the experiment itself is a stage");
        let peaks = stages.iter().map(|stage| memory::peak_bytes(&stage.experiment, &stage.plan, threads));
        let rung = |stage: &Stage| {
            [stage.runs() as u64, stage.plan.runs().count() as u64, stage.experiment.train.steps]
        };
        Ok(Self {
            experiment: &last.experiment,
            rungs: rungs.iter().map(rung).collect(),
            runs: [last.runs(), last.plan.runs().count()],
            groups: last.missing.len(),
            threads,
            memory: peaks.max().unwrap_or(0),
            training: match last.missing.iter().find(|group| timed && !group.runs.is_empty()) {
                Some(group) => Some(Cost::new(stages, last, group, threads)?),
                None => None,
            },
        })
    }
}

impl Cost {
    /// The cost of all stages at the measured rate of `group`.
    fn new(stages: &[Stage], last: &Stage, group: &Group, threads: usize) -> Result<Self> {
        let rate = rate(&last.experiment, group)? * threads.min(last.missing.len()) as f64;
        let operations: f64 = stages.iter().map(|stage| operations(&stage.experiment, &stage.missing)).sum();
        // Settings and rungs may have other sizes, batches and steps than the group of the probe.
        let probed = std::slice::from_ref(group);
        let per_run_step = self::operations(&last.experiment, probed) / run_steps(&last.experiment, probed);
        let seconds = operations / per_run_step / rate;
        Ok(Self { operations, rate, time: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX) })
    }
}

impl Display for Estimate<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { experiment, runs: [missing, all], groups, threads, .. } = self;
        writeln!(f, "experiment      {}: {}", experiment.name, experiment.title)?;
        for (number, [missing, all, steps]) in (1..).zip(&self.rungs) {
            let (all, steps) = (plural(*all as usize, "run"), plural(*steps as usize, "step"));
            writeln!(f, "rung {number}          {} of {all} of {steps} to be trained", HumanCount(*missing))?;
        }
        writeln!(f, "runs            {} of {} are to be trained", count(*missing), count(*all))?;
        writeln!(f, "groups          {} on {}", count(*groups), plural(*threads, "thread"))?;
        for axis in &experiment.grid.axes {
            let values: Vec<String> = axis.values.iter().map(|value| value.to_string()).collect();
            writeln!(f, "varies          {}: {}", axis.key, values.join(", "))?;
        }
        for model in &experiment.models {
            let network = model.sizes.configuration.build(experiment.problem());
            let sizes: Vec<String> =
                model.sizes.table.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            writeln!(
                f,
                "model           {}: {}; {}, {} of them weights of hidden layers",
                model.name,
                sizes.join(", "),
                plural(network.layout().count(), "parameter"),
                count(network.layout().budget())
            )?;
        }
        writeln!(f, "memory          {} at its peak", HumanBytes(self.memory))?;
        let Some(Cost { operations, rate, time }) = &self.training else { return Ok(()) };
        let batch_sizes = || experiment.variants().iter().map(|variant| variant.train.batch_size);
        let rows = match (batch_sizes().min(), batch_sizes().max()) {
            (Some(fewest), Some(most)) if fewest < most => format!("{fewest} to {}", plural(most, "row")),
            _ => plural(experiment.train.batch_size, "row"),
        };
        let stops = experiment.variants().iter().any(|variant| variant.train.recipe.stop.is_some());
        let most = if stops { "at most " } else { "" };
        writeln!(f, "each run        {most}{} of {rows}", steps_label(experiment))?;
        let recipe = &experiment.train.recipe;
        for words in recipe.words().into_iter().chain(recipe.selection()) {
            writeln!(f, "                {words}")?;
        }
        writeln!(f, "operations      {operations:.3e} useful floating-point operations")?;
        writeln!(f, "rate            {} run-steps/s, from a probe of one group", HumanCount(*rate as u64))?;
        writeln!(f, "time            {most}{}", HumanDuration(*time))
    }
}

/// Floating-point operations of training: 2 for each multiply-add, forward and backward; for models outside the mixture
/// family, 6 for each parameter and row.
fn operations(experiment: &Experiment, groups: &[Group]) -> f64 {
    let per_run = |variant: &Experiment| -> Vec<f64> {
        let rows = variant.train.batch_size as f64 * variant.train.steps as f64;
        let of_model = |model| {
            let network = variant.network(model);
            rows * match network.mixture() {
                Some(shape) => shape.flops_per_row(),
                None => 6.0 * network.layout().count() as f64,
            }
        };
        variant.models.iter().map(of_model).collect()
    };
    let per_run: Vec<Vec<f64>> = experiment.variants().iter().map(per_run).collect();
    let of_group =
        |group: &Group| group.runs.iter().map(|run| per_run[group.variant][run.model]).sum::<f64>();
    groups.iter().map(of_group).sum()
}

/// Steps of all runs of groups.
fn run_steps(experiment: &Experiment, groups: &[Group]) -> f64 {
    let steps = |group: &Group| experiment.variant(group.variant).train.steps as f64;
    groups.iter().map(|group| group.runs.len() as f64 * steps(group)).sum()
}

/// Run-steps per second on one thread, evaluations included.
fn rate(experiment: &Experiment, group: &Group) -> Result<f64> {
    let probe = Probe {
        runs: group.runs.len() as u64,
        done: AtomicU64::new(0),
        began: OnceLock::new(),
        over: AtomicBool::new(false),
    };
    let start = Instant::now();
    train_group(experiment, group, &probe)?;
    let done = probe.done.load(Ordering::Relaxed);
    let (steps, time) = match probe.began.get() {
        Some(began) if done > probe.runs => (done - probe.runs, began.elapsed()),
        _ => (done, start.elapsed()),
    };
    let variant = experiment.variant(group.variant);
    Ok(steps as f64 / time.as_secs_f64() / (1.0 + evaluation(&variant.train)))
}

/// Time of the evaluations of a run over that of its steps: a row that is evaluated goes forward only, which is a third of
/// the operations.
fn evaluation(train: &Train) -> f64 {
    let rows = (train.held_out_rows + train.recipe.validation_rows) as f64;
    rows / 3.0 / (train.batch_size as f64 * train.log_every as f64)
}

/// Cancels a group when the time is up. It runs from the end of the first step, before which rows are made and all runs
/// are evaluated.
struct Probe {
    /// Runs of the group.
    runs: u64,
    done: AtomicU64,
    began: OnceLock<Instant>,
    over: AtomicBool,
}

impl Progress for Probe {
    fn trained(&self, run_steps: u64) {
        let done = self.done.fetch_add(run_steps, Ordering::Relaxed) + run_steps;
        if done >= self.runs && self.began.get_or_init(Instant::now).elapsed() > PROBE {
            self.over.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}
