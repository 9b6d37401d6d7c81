//! `sweep run`: trains what is missing of an experiment, then merges, draws and reports.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use super::progress::Progress;
use super::{DONE, FAILED, INTERRUPTED, Refused, estimate, print, tune};
use crate::experiment::plan::Plan;
use crate::experiment::{DeviceChoice, Experiment, library};
use crate::store::folder::{Finished, Session};
use crate::store::{Folder, Study, machine};
use crate::{engine, schedule};

/// Options of a run.
#[derive(Debug, Args)]
pub struct Options {
    /// Change a key of the experiment, such as grid.seeds=20 or train.init=he_normal; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder of the study [default: in results/, by the experiment's name]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Threads, each on a group of its own [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Where to train: cpu, cuda or cuda:1; the same as --set train.device=…
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Give all other models of the grid the width that makes them as large as this one, such as mmoe; the same
    /// as --set models.<name>.match_parameters=… for each
    #[arg(long, value_name = "MODEL")]
    match_parameters: Option<String>,
    /// Say what would be trained, how much memory and time it takes, and stop
    #[arg(long)]
    dry_run: bool,
    /// Leave out malformed rows of the data and count them; the same as --set data.skip_bad_rows=true
    #[arg(long)]
    skip_bad_rows: bool,
    /// Leave out figures and report
    #[arg(long)]
    no_report: bool,
}

/// Runs the experiment called `name`.
pub fn run(name: &str, options: &Options) -> Result<u8> {
    let mut overrides = options.overrides.clone();
    overrides.extend(options.device.iter().map(|device| format!("train.device={device}")));
    overrides.extend(options.skip_bad_rows.then(|| "data.skip_bad_rows=true".to_string()));
    let mut experiment = library::find(name, &overrides)?;
    if let Some(target) = &options.match_parameters {
        let others = experiment.grid.models.iter().filter(|model| *model != target);
        overrides.extend(others.map(|model| format!("models.{model}.match_parameters={target}")));
        experiment = library::find(name, &overrides)?;
    }
    check_device(experiment.train.device)?;
    let experiment = experiment.open()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.map_or(cores, usize::from);
    let folder =
        Folder::new(options.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name)));
    if options.dry_run {
        estimate::print(&experiment, &folder, threads)?;
        return Ok(DONE);
    }
    folder.create(&experiment)?;
    let Some(experiment) = tune::tuned(&experiment, &folder, threads)? else {
        eprintln!("Interrupted. What is finished is stored; the same command goes on from there.");
        return Ok(INTERRUPTED);
    };
    let plan = Plan::new(&experiment);
    let finished = folder.finished()?;
    folder.create(&experiment)?;
    let outcome = train(&experiment, &plan, &folder, &finished, threads)?;
    conclude(&experiment, &plan, &folder, outcome, options.no_report)
}

/// What a sitting came to.
pub(super) struct Outcome {
    /// For the manifest.
    pub session: Session,
    /// Groups that failed.
    pub failures: usize,
    /// Whether Ctrl-C was pressed.
    pub interrupted: bool,
}

/// Trains what `finished` does not have.
pub(super) fn train(
    experiment: &Experiment,
    plan: &Plan,
    folder: &Folder,
    finished: &Finished,
    threads: usize,
) -> Result<Outcome> {
    for damaged in &finished.damaged {
        eprintln!("warning: {damaged}; its runs are trained again");
    }
    let missing = plan.missing(experiment, |identity| finished.has(identity));
    let resumed = plan.runs().any(|run| finished.has(&run.identity));
    let began = (Instant::now(), machine::cpu_seconds());
    let progress = Progress::new(experiment, plan, &missing, threads)?;
    let failures = schedule::train(experiment, &missing, folder, threads, &progress);
    progress.end();
    for failure in &failures {
        eprintln!("error: {failure}");
    }
    let session = Session {
        command: std::env::args().collect::<Vec<_>>().join(" "),
        threads,
        wall_seconds: began.0.elapsed().as_secs_f64(),
        cpu_seconds: machine::cpu_seconds() - began.1,
        resumed,
    };
    Ok(Outcome { session, failures: failures.len(), interrupted: progress.interrupted() })
}

/// Merges what there is and reports on it; says how to go on where something is missing.
fn conclude(
    experiment: &Experiment,
    plan: &Plan,
    folder: &Folder,
    outcome: Outcome,
    no_report: bool,
) -> Result<u8> {
    let study = folder.merge(experiment, plan, folder.finished()?, &outcome.session)?;
    let manifest = &study.manifest;
    let diverged = match manifest.runs_diverged {
        0 => String::new(),
        n => format!(", {n} of them diverged"),
    };
    let (done, planned) = (manifest.runs_done, manifest.runs_planned);
    eprintln!("{done} of {planned} runs are in {}{diverged}", folder.path().display());
    if outcome.interrupted {
        eprintln!("Interrupted. What is finished is stored; the same command goes on from there.");
        return Ok(INTERRUPTED);
    }
    if outcome.failures > 0 {
        eprintln!("{} groups failed. The same command tries them again.", outcome.failures);
    }
    let last_line = match no_report {
        true => folder.path().to_owned(),
        false => report(&study, folder)?,
    };
    print(&format!("{}\n", last_line.display()))?;
    Ok(if outcome.failures > 0 { FAILED } else { DONE })
}

/// Draws and writes the report; gives its path.
pub fn report(study: &Study, folder: &Folder) -> Result<PathBuf> {
    crate::report::write(study, folder.path())
        .with_context(|| format!("cannot report on {}", folder.path().display()))
}

/// Refuses a device that this binary or machine does not have, before anything is written.
fn check_device(choice: DeviceChoice) -> Result<()> {
    let opened = engine::train::device(choice);
    if let (DeviceChoice::Cuda(_), Err(error)) = (choice, opened) {
        let remedy = match cfg!(feature = "cuda") {
            true => "a driver and a device of that number are needed",
            false => "this program was built without CUDA; build with --features cuda",
        };
        let text = format!("train.device = \"{choice}\": {remedy} ({error})");
        return Err(Refused(text).into());
    }
    Ok(())
}
