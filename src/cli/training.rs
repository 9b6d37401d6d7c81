//! Training an experiment in its folder, as every command that trains does it.

use std::ffi::OsString;
use std::time::Instant;

use anyhow::Result;

use super::output::note;
use super::progress::Reporter;
use super::{DONE, FAILED, INTERRUPTED, Refused};
use crate::experiment::plan::Plan;
use crate::experiment::{DeviceChoice, Experiment};
use crate::report::words::{count, plural};
use crate::store::{Finished, Folder, Session, Study, commands, machine};
use crate::{engine, schedule};

/// Result of one session of training.
pub struct Outcome {
    /// The session, for the manifest.
    pub session: Session,
    /// Groups that failed.
    pub failures: usize,
    /// Whether Ctrl-C was pressed.
    pub interrupted: bool,
}

impl Outcome {
    /// Exit code of the command.
    pub fn code(&self) -> u8 {
        match self {
            Self { interrupted: true, .. } => INTERRUPTED,
            Self { failures: 1.., .. } => FAILED,
            _ => DONE,
        }
    }
}

/// Trains the runs of `plan` that are not among `finished`.
pub fn train(
    experiment: &Experiment,
    plan: &Plan,
    folder: &Folder,
    finished: &Finished,
    threads: usize,
) -> Result<Outcome> {
    for damaged in &finished.damaged {
        note(&format!("warning: {damaged}; its runs are trained again"));
    }
    let missing = plan.missing(experiment, |identity| finished.has(identity));
    let here = plan.runs().filter(|run| finished.has(&run.identity)).count();
    let began = (Instant::now(), machine::cpu_seconds());
    let progress = Reporter::new(experiment, here, &missing, threads)?;
    let failures = schedule::train(experiment, &missing, folder, threads, &progress);
    progress.end();
    for failure in &failures {
        note(&format!("error: {failure}"));
    }
    let session = Session {
        command: this_command(),
        threads,
        wall_seconds: began.0.elapsed().as_secs_f64(),
        cpu_seconds: machine::cpu_seconds() - began.1,
        resumed: here > 0,
        shards: None,
    };
    Ok(Outcome { session, failures: failures.len(), interrupted: progress.interrupted() })
}

/// Says after an interruption what is stored and how to go on.
pub fn note_interruption(stored: &str) {
    note(&format!("Interrupted: {stored}. To go on: {}", this_command()));
}

/// "9 of 27 runs stored", of a study whose tables may lack some of them.
///
/// # Errors
/// The folder cannot be read.
pub fn stored(plan: &Plan, folder: &Folder) -> Result<String> {
    let finished = folder.finished()?;
    let done = plan.runs().filter(|run| finished.has(&run.identity)).count();
    Ok(format!("{} of {} stored", count(done), plural(plan.runs().count(), "run")))
}

/// Trains the runs of an experiment that are not among `finished` in its folder and writes the tables; none after Ctrl-C.
pub fn train_study(
    experiment: &Experiment,
    folder: &Folder,
    finished: &Finished,
    threads: usize,
) -> Result<Option<Study>> {
    let plan = Plan::new(experiment);
    folder.create(experiment)?;
    let outcome = train(experiment, &plan, folder, finished, threads)?;
    match outcome.interrupted {
        true => Ok(None),
        false => Ok(Some(folder.merge(experiment, &plan, &outcome.session)?)),
    }
}

/// Threads to train on: `wanted`, or one a core.
pub fn threads(wanted: Option<u16>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    wanted.map_or(cores, usize::from)
}

/// Folder of the runs of a rung of a tuning.
pub fn rung_folder(folder: &Folder, number: usize) -> Folder {
    Folder::new(folder.path().join("tuning").join(format!("rung-{number}")))
}

/// Refuses a folder with results of another schema, before anything is written.
pub fn check_schema(folder: &Folder, finished: &Finished) -> Result<()> {
    folder.check_schema(finished).map_err(|error| Refused(error.to_string()).into())
}

/// Refuses a device that this program or machine does not have, before anything is written.
pub fn check_device(choice: DeviceChoice) -> Result<()> {
    let why = match (choice, cfg!(feature = "cuda")) {
        (DeviceChoice::Cpu, _) => return Ok(()),
        (_, false) => "this program was built without CUDA; build with --features cuda".to_string(),
        (_, true) => match engine::device::check(choice) {
            Ok(()) => return Ok(()),
            Err(error) => engine::device::explain(&error),
        },
    };
    Err(Refused(format!("train.device = \"{choice}\": {why}")).into())
}

/// The command that is running, as a user would type it.
pub fn this_command() -> String {
    command(std::env::args_os())
}

/// The command line for the manifest. The program is called `sweep` there, whatever its file is called on this machine.
fn command(arguments: impl Iterator<Item = OsString>) -> String {
    let words: Vec<String> = arguments.skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    commands::line(std::iter::once("sweep").chain(words.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_calls_the_program_sweep() {
        let kept = |words: &[&str]| command(words.iter().map(OsString::from));
        assert_eq!(kept(&["/home/some one/target/release/sweep", "run", "a/b.toml"]), "sweep run a/b.toml");
        assert_eq!(kept(&["./sweep"]), "sweep");
        assert_eq!(kept(&["sweep", "run"]), "sweep run");
        assert_eq!(kept(&["/tmp/sweep3", "run", "figure3"]), "sweep run figure3");
    }
}
