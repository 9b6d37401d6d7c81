//! `sweep run`: trains the missing runs of an experiment, merges them and writes the report. `--dry-run` prints an
//! `estimate`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::estimate::{self, Estimate};
use super::output::{note, print, show};
use super::replace::{self, Replaced};
use super::report::write_report;
use super::training::{Outcome, check_device, check_schema, note_interruption, stored, this_command, train};
use super::{DONE, INTERRUPTED, Refused, training, tune};
use crate::data::CheckResult;
use crate::experiment::plan::Plan;
use crate::experiment::shard::{Shard, ShardError};
use crate::experiment::{DeviceChoice, Experiment, library};
use crate::report::words::{count, plural};
use crate::store::{Finished, Folder, commands};

/// Options of `sweep run`.
#[derive(Debug, Args)]
pub struct Options {
    /// Change a key of the experiment, such as grid.seeds=20 or train.init=he_normal; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder of the study [default: results/ with the experiment's name]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Training threads [default: one for each core; a GPU uses one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Device: cpu, cuda or cuda:1; the same as --set train.device=…
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Give all other models of the grid the width that matches the parameter count of this one, such as mmoe; the
    /// same as --set models.NAME.match_parameters=… for each
    #[arg(long, value_name = "MODEL")]
    match_parameters: Option<String>,
    /// Train shard i (from 0) of n. By default the shard comes from the environment of a batch system (Slurm array,
    /// indexed Kubernetes job, AWS Batch array job). All shards write into one folder
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Print the runs to be trained, with their memory and time, and stop
    #[arg(long)]
    dry_run: bool,
    /// Leave malformed rows of the data out and count them, up to the share data.max_skipped of a file; the same as
    /// --set data.skip_bad_rows=true
    #[arg(long)]
    skip_bad_rows: bool,
    /// Do not write figures and report
    #[arg(long)]
    no_report: bool,
    /// Replace the tables, figures and report of another experiment in the folder; finished runs in its groups/ stay
    #[arg(long)]
    replace: bool,
}

/// Runs the experiment called `name`; returns the exit code.
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
    let shard = shard(options)?;
    check_shard(&experiment, shard)?;
    estimate::check_reading(&experiment)?;
    let experiment = experiment.open()?;
    print_checks(&experiment);
    let threads = threads(options, experiment.train.device);
    let folder =
        Folder::new(options.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name)));
    let finished = folder.finished()?;
    check_schema(&folder, &finished)?;
    let replaced = replaced(&experiment, &folder, &finished, options.replace)?;
    let stages = estimate::stages(&experiment, &folder, &finished, shard)?;
    let enough_memory = estimate::check_memory(&stages, threads);
    if options.dry_run {
        print(&Estimate::new(&stages, threads, enough_memory.is_ok())?.to_string())?;
        enough_memory?;
        if let Some(replaced) = replaced {
            note(&format!("warning: {replaced}"));
        }
        print("Nothing was trained or written.\n")?;
        return Ok(DONE);
    }
    enough_memory?;
    replaced.map_or(Ok(()), |replaced| replaced.settle(options.replace))?;
    // A study that was tuned stays what it is until the winners are known to be the same.
    if experiment.tune.is_none() || folder.manifest().is_err() {
        folder.create(&experiment)?;
    }
    let tuned = experiment.tune.is_some();
    let Some(experiment) = tune::tuned(&experiment, &folder, threads, options.replace)? else {
        return Ok(INTERRUPTED);
    };
    if tuned && let Some(replaced) = replace::replaced(&folder, &experiment, &finished) {
        replaced.settle(options.replace)?;
    }
    folder.create(&experiment)?;
    let plan = Plan::new(&experiment);
    let part = shard.map_or_else(|| plan.clone(), |shard| shard.select(&plan));
    let mut outcome = train(&experiment, &part, &folder, &finished, threads)?;
    outcome.session.shards = shard.map(Shard::count);
    conclude(&experiment, &plan, &folder, outcome, options.no_report)
}

/// The results that the sweep would replace, if there are any. Before a tuning only its first rung is known.
fn replaced(
    experiment: &Experiment,
    folder: &Folder,
    finished: &Finished,
    replace: bool,
) -> Result<Option<Replaced>> {
    let Some(rung) = experiment.tune.as_ref().and_then(|tune| tune.rungs.first()) else {
        return Ok(replace::replaced(folder, experiment, finished));
    };
    let found = replace::replaced_before_tuning(folder, experiment, finished);
    // `tuned` replaces the rungs, if they are to be replaced.
    if found.is_some() || replace {
        return Ok(found);
    }
    let (stage, folder) = (experiment.rung(1, *rung, &experiment.trials()), training::rung_folder(folder, 1));
    Ok(replace::replaced(&folder, &stage, &folder.finished()?))
}

/// Number of training threads. A GPU uses one, because all groups are one population there.
fn threads(options: &Options, device: DeviceChoice) -> usize {
    match device {
        DeviceChoice::Cpu => training::threads(options.threads),
        DeviceChoice::Cuda(_) => 1,
    }
}

/// Says what the files of the data are found to be, beside good rows.
fn print_checks(experiment: &Experiment) {
    for check in experiment.rows.iter().flat_map(|rows| rows.checks()) {
        let word = match check.result {
            CheckResult::Passed | CheckResult::NotChecked => continue,
            CheckResult::Noted => "note",
            CheckResult::Warning => "warning",
        };
        note(&format!("{word}: {}", check.text));
    }
}

/// The shard of `--shard`, or the one that a batch system assigns.
fn shard(options: &Options) -> Result<Option<Shard>, ShardError> {
    if let Some(shard) = options.shard {
        return Ok(Some(shard));
    }
    let assigned = Shard::assigned(|name| std::env::var(name).ok())?;
    if let Some((shard, variable)) = assigned {
        note(&format!("shard {shard}, from {variable}"));
    }
    Ok(assigned.map(|(shard, _)| shard))
}

/// Refuses shards of an experiment with tuning: the winners of a rung are known only when all its runs are done, and
/// shards do not wait for each other.
fn check_shard(experiment: &Experiment, shard: Option<Shard>) -> Result<()> {
    let (Some(shard), Some(_)) = (shard, &experiment.tune) else { return Ok(()) };
    let text = format!(
        "shard {shard}: {} has [tune], whose rungs cannot be divided into shards; first run it whole with \
         --set grid.seeds=1, then run the resulting study.toml, which records the winners, with all seeds in shards",
        experiment.name
    );
    Err(Refused(text).into())
}

/// Merges the finished runs and writes the report; says how to resume if runs are missing.
fn conclude(
    experiment: &Experiment,
    plan: &Plan,
    folder: &Folder,
    outcome: Outcome,
    no_report: bool,
) -> Result<u8> {
    let incomplete = outcome.interrupted || outcome.failures > 0;
    if incomplete && let Some([tables, groups]) = folder.runs_in_tables_alone(plan)? {
        note(&format!(
            "{}: the tables and the report stay as they are, because they hold {} and groups/ holds {}.",
            folder.path().display(),
            plural(tables, "run"),
            count(groups)
        ));
        match outcome.interrupted {
            true => note_interruption(&stored(plan, folder)?),
            false => note_failures(&outcome),
        }
        return Ok(outcome.code());
    }
    let study = match outcome.session.shards {
        Some(_) => folder.merge_if_complete(experiment, plan, &outcome.session)?,
        None => Some(folder.merge(experiment, plan, &outcome.session)?),
    };
    let Some(study) = study else { return conclude_shard(plan, folder, &outcome) };
    let manifest = &study.manifest;
    let diverged = match manifest.runs_diverged {
        0 => String::new(),
        n => format!(", {} of them diverged", count(n)),
    };
    let (done, planned) = (count(manifest.runs_done), plural(manifest.runs_planned, "run"));
    if outcome.interrupted {
        note_interruption(&format!("{done} of {planned} stored{diverged}"));
        return Ok(outcome.code());
    }
    note(&format!("{done} of {planned} in {}{diverged}", folder.path().display()));
    note_failures(&outcome);
    let last_line = match no_report {
        true => folder.path().to_owned(),
        false => write_report(study, folder)?,
    };
    show(&format!("{}\n", last_line.display()));
    Ok(outcome.code())
}

/// Concludes a shard while groups are missing.
fn conclude_shard(plan: &Plan, folder: &Folder, outcome: &Outcome) -> Result<u8> {
    if outcome.interrupted {
        note_interruption(&stored(plan, folder)?);
        return Ok(outcome.code());
    }
    note_failures(outcome);
    if outcome.code() == DONE {
        let status = commands::status(folder.path());
        note(&format!(
            "This shard is done. The last shard to finish writes the tables and the report. `{status}` shows the missing \
             groups."
        ));
    }
    show(&format!("{}\n", folder.path().display()));
    Ok(outcome.code())
}

/// Says how to go on after failures.
fn note_failures(outcome: &Outcome) {
    if outcome.failures > 0 {
        note(&format!("{} failed. To try again: {}", plural(outcome.failures, "group"), this_command()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::FAILED;
    use crate::engine::train::train_group;
    use crate::experiment::plan::Group;
    use crate::schedule::{self, GroupError};
    use crate::store::Session;

    #[test]
    fn a_group_that_fails_or_panics_is_reported_and_the_others_are_trained() {
        let sets =
            ["grid.seeds=5", "train.steps=20", "data.dim=8", "data.label_points=50", "train.batch_size=8"];
        let experiment = library::find("ci", &sets.map(String::from)).unwrap();
        let (plan, directory) = (Plan::new(&experiment), tempfile::tempdir().unwrap());
        let folder = Folder::new(directory.path());
        folder.create(&experiment).unwrap();
        let sound = |group: &Group| train_group(&experiment, group, &());
        let faulty = |group: &Group| match group.seed {
            1 => panic!("planted in seed {}", group.seed),
            3 => candle_core::bail!("planted too"),
            _ => sound(group),
        };
        let failures = schedule::train_by(&plan.groups, &folder, 2, &(), &faulty);
        let mut messages: Vec<String> = failures.iter().map(GroupError::to_string).collect();
        messages.sort_by_key(|message| message.contains("seed 3"));
        assert!(messages[0].ends_with("(seed 1) panicked: planted in seed 1"), "{messages:?}");
        assert!(messages[1].contains("(seed 3): planted too"), "{messages:?}");
        let outcome = |failures| Outcome { session: Session::default(), failures, interrupted: false };
        assert_eq!(conclude(&experiment, &plan, &folder, outcome(failures.len()), true).unwrap(), FAILED);
        let status = folder.status().unwrap();
        assert_eq!(status.missing.iter().map(|group| group.seed).collect::<Vec<_>>(), [1, 3]);
        assert!(schedule::train_by(&status.missing, &folder, 2, &(), &sound).is_empty());
        assert_eq!(conclude(&experiment, &plan, &folder, outcome(0), true).unwrap(), DONE);
        assert!(folder.status().unwrap().is_complete());
    }

    #[test]
    fn a_sweep_that_ends_early_keeps_tables_of_more_runs_than_its_groups() {
        let sets =
            ["grid.seeds=2", "train.steps=20", "data.dim=8", "data.label_points=50", "train.batch_size=8"];
        let experiment = library::find("ci", &sets.map(String::from)).unwrap();
        let (plan, directory) = (Plan::new(&experiment), tempfile::tempdir().unwrap());
        let folder = Folder::new(directory.path());
        folder.create(&experiment).unwrap();
        let sound = |group: &Group| train_group(&experiment, group, &());
        assert!(schedule::train_by(&plan.groups, &folder, 2, &(), &sound).is_empty());
        let outcome = |interrupted| Outcome { session: Session::default(), failures: 0, interrupted };
        assert_eq!(conclude(&experiment, &plan, &folder, outcome(false), true).unwrap(), DONE);
        let whole = folder.manifest().unwrap();
        // As in a clone, whose tables are committed and whose group files are not.
        folder.remove_groups().unwrap();
        folder.create(&experiment).unwrap();
        assert!(schedule::train_by(&plan.groups[..1], &folder, 2, &(), &sound).is_empty());
        assert_eq!(conclude(&experiment, &plan, &folder, outcome(true), true).unwrap(), INTERRUPTED);
        assert_eq!(folder.manifest().unwrap(), whole);
        // Tables that hold no more than the groups are written anew.
        folder.discard_tables().unwrap();
        assert_eq!(conclude(&experiment, &plan, &folder, outcome(true), true).unwrap(), INTERRUPTED);
        assert_eq!(folder.manifest().unwrap().runs_done, plan.groups[0].runs.len());
    }

    #[test]
    fn a_group_that_cannot_be_stored_stops_the_sweep() {
        let sets =
            ["grid.seeds=9", "train.steps=20", "data.dim=8", "data.label_points=50", "train.batch_size=8"];
        let experiment = library::find("ci", &sets.map(String::from)).unwrap();
        let (plan, directory) = (Plan::new(&experiment), tempfile::tempdir().unwrap());
        // The folder of the groups does not exist.
        let folder = Folder::new(directory.path());
        let sound = |group: &Group| train_group(&experiment, group, &());
        let failures = schedule::train_by(&plan.groups, &folder, 1, &(), &sound);
        assert!(matches!(failures[..], [GroupError::Store(_)]), "{failures:?}");
    }
}
