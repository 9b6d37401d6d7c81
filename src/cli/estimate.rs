//! `sweep run --dry-run`: what an experiment would cost.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use crate::engine::memory;
use crate::engine::train::{Watch, train_group};
use crate::experiment::Experiment;
use crate::experiment::plan::{Group, Plan};
use crate::store::folder::Finished;
use crate::store::{LARGEST_GROUP, machine};

use super::Refused;

/// How long a group is trained to find the rate.
const PROBE: Duration = Duration::from_millis(700);

/// Refuses what takes more memory than there is, before anything is trained or written.
pub fn check_memory(experiment: &Experiment, plan: &Plan, threads: usize) -> Result<()> {
    let record = memory::largest_record_bytes(experiment, plan);
    if record > LARGEST_GROUP {
        let text = format!(
            "train.log_every = {}: a group would leave {} of records, and {} are taken at most: log less often",
            experiment.train.log_every,
            HumanBytes(record),
            HumanBytes(LARGEST_GROUP)
        );
        return Err(Refused(text).into());
    }
    let needed = memory::peak_bytes(experiment, plan, threads);
    match machine::available_memory_bytes() {
        Some(available) if needed > available => {
            let text = format!(
                "{} needs {} of memory at its peak, {} are available: fewer --threads, a smaller train.batch_size or \
                 train.held_out_rows, smaller models, fewer runs, or a larger train.log_every would need less",
                experiment.name,
                HumanBytes(needed),
                HumanBytes(available)
            );
            Err(Refused(text).into())
        }
        _ => Ok(()),
    }
}

/// Prints runs, groups, operations, memory and time of what is missing. Fails where there is too little memory.
pub fn print(experiment: &Experiment, plan: &Plan, finished: &Finished, threads: usize) -> Result<()> {
    let mut text = String::new();
    let missing = plan.missing(experiment, |identity| finished.has(identity));
    let runs: usize = missing.iter().map(|group| group.runs.len()).sum();
    let all = plan.runs().count();
    writeln!(text, "experiment      {}: {}", experiment.name, experiment.title)?;
    writeln!(
        text,
        "runs            {} of {} are to be trained",
        HumanCount(runs as u64),
        HumanCount(all as u64)
    )?;
    writeln!(text, "groups          {} on {threads} threads", missing.len())?;
    let bytes = memory::peak_bytes(experiment, plan, threads);
    writeln!(text, "memory          {} at its peak", HumanBytes(bytes))?;
    if let Err(refused) = check_memory(experiment, plan, threads) {
        super::print(&text)?;
        return Err(refused);
    }
    if let Some(group) = missing.iter().find(|group| !group.runs.is_empty()) {
        let train = &experiment.train;
        writeln!(text, "steps           {} of {} rows", HumanCount(train.steps), train.batch_size)?;
        let operations = operations(experiment, &missing);
        writeln!(text, "operations      {operations:.3e} useful floating-point operations")?;
        let rate = rate(experiment, group)? * threads.min(missing.len()) as f64;
        let run_steps = runs as f64 * experiment.train.steps as f64;
        writeln!(text, "rate            {} run-steps/s, from a probe of one group", HumanCount(rate as u64))?;
        let time = Duration::try_from_secs_f64(run_steps / rate).unwrap_or(Duration::MAX);
        writeln!(text, "time            {}", HumanDuration(time))?;
    }
    writeln!(text, "Nothing was trained or written.")?;
    super::print(&text)
}

/// 2 per multiply-add, forward and backward, of training alone; models outside the mixture family count 6 a
/// parameter and row.
fn operations(experiment: &Experiment, groups: &[Group]) -> f64 {
    let problem = experiment.problem();
    let per_row: Vec<f64> = experiment
        .models
        .iter()
        .map(|model| {
            let network = model.sizes.configuration.build(problem);
            match network.mixture() {
                Some(shape) => shape.flops_per_row(),
                None => 6.0 * network.layout().count() as f64,
            }
        })
        .collect();
    let rows = experiment.train.batch_size as f64 * experiment.train.steps as f64;
    groups.iter().flat_map(|group| &group.runs).fold(0.0, |sum, run| sum + per_row[run.model] * rows)
}

/// Run-steps a second of one thread.
fn rate(experiment: &Experiment, group: &Group) -> Result<f64> {
    let probe = Probe { began: Instant::now(), done: AtomicU64::new(0), over: AtomicBool::new(false) };
    train_group(experiment, group, &probe)?;
    Ok(probe.done.load(Ordering::Relaxed) as f64 / probe.began.elapsed().as_secs_f64())
}

/// Watches a group until the time is up.
struct Probe {
    began: Instant,
    done: AtomicU64,
    over: AtomicBool,
}

impl Watch for Probe {
    fn trained(&self, run_steps: u64) {
        self.done.fetch_add(run_steps, Ordering::Relaxed);
        if self.began.elapsed() > PROBE {
            self.over.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}
