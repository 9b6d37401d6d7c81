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

/// How long a group is trained to find the rate.
const PROBE: Duration = Duration::from_millis(700);

/// Prints runs, groups, operations, memory and time of what is missing.
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
    models(&mut text, experiment)?;
    let bytes = memory::peak_bytes(experiment, plan, threads);
    writeln!(text, "memory          {} at its peak", HumanBytes(bytes))?;
    if let Some(group) = missing.iter().find(|group| !group.runs.is_empty()) {
        let train = &experiment.train;
        writeln!(text, "steps           {} of {} rows", HumanCount(train.steps), train.batch_size)?;
        let operations = operations(experiment, &missing);
        writeln!(text, "operations      {operations:.3e} useful floating-point operations")?;
        let rate = rate(experiment, group)? * threads.min(missing.len()) as f64;
        let run_steps = runs as f64 * experiment.train.steps as f64;
        writeln!(text, "rate            {} run-steps/s, from a probe of one group", HumanCount(rate as u64))?;
        writeln!(text, "time            {}", HumanDuration(Duration::from_secs_f64(run_steps / rate)))?;
    }
    writeln!(text, "Nothing was trained or written.")?;
    super::print(&text)
}

/// Every model with its sizes and what they come to, in all and as the paper counts.
fn models(text: &mut String, experiment: &Experiment) -> Result<()> {
    for model in &experiment.models {
        let network = model.sizes.configuration.build(experiment.problem());
        let sizes: Vec<String> =
            model.sizes.table.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        writeln!(
            text,
            "model           {}: {}; {} parameters, {} of them weights of hidden layers",
            model.name,
            sizes.join(", "),
            HumanCount(network.layout().count() as u64),
            HumanCount(network.layout().budget() as u64)
        )?;
    }
    Ok(())
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
