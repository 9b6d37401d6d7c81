//! `sweep check`: trains the CI study and compares it with the baseline, to detect changes of code that break
//! convergence. Beside the comparison it tests what must hold of any study.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::output::show;
use super::{BAD_REQUEST, DONE, FAILED, INTERRUPTED, Refused, training};
use crate::engine::{invariants, train};
use crate::experiment::plan::Plan;
use crate::experiment::{Experiment, library};
use crate::store::{Finished, Folder, StoreError, Study, machine};
use crate::study::regression::convergence::{Check, DECIDED, Finding, Outcome, Verdict, check};

/// The results are not shown to be equal, nor to differ.
const UNDECIDED: u8 = 3;

/// Experiment of the baseline.
const EXPERIMENT: &str = "ci";

/// Options of `sweep check`.
#[derive(Debug, Args)]
pub struct Options {
    /// Folder of the baseline
    #[arg(long, value_name = "FOLDER", default_value = "results/baseline")]
    baseline: PathBuf,
    /// Change a key of the experiment that is trained, such as grid.seeds=20
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Training threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print the check as JSON
    #[arg(long)]
    json: bool,
    /// Replace the baseline by the newly trained study; needs --why
    #[arg(long, requires = "why")]
    update: bool,
    /// Reason for the new baseline, which is added to its WHY.md
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Trains and compares, or replaces the baseline; returns the exit code.
pub fn run(options: &Options) -> Result<u8> {
    let experiment = library::find(EXPERIMENT, &options.overrides)?;
    training::check_device(experiment.train.device)?;
    let baseline = Folder::new(&options.baseline);
    if let (true, Some(why)) = (options.update, &options.why) {
        return update(&experiment, &baseline, why, options);
    }
    let before = baseline.read().map_err(|error| match error {
        StoreError::NoStudy { path, .. } => Refused(format!(
            "{}: no baseline here; run in the repository, or give --baseline",
            path.display()
        )),
        error => Refused(error.to_string()),
    })?;
    if let Some(outcome) = Check::not_comparable(&before.experiment, &experiment) {
        return conclude(&outcome, &before, options.json);
    }
    let temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
    let (folder, threads) = (Folder::new(temporary.path()), training::threads(options.threads));
    let Some(after) = training::train_study(&experiment, &folder, &Finished::default(), threads)? else {
        training::note_interruption("a check stores nothing");
        return Ok(INTERRUPTED);
    };
    let invariants = invariants::test(&experiment, &train::population)?;
    conclude(&check(&before, &after).with_invariants(invariants), &before, options.json)
}

/// Prints a check and gives its exit code.
fn conclude(outcome: &Check, baseline: &Study, json: bool) -> Result<u8> {
    match json {
        true => show(&format!("{}\n", serde_json::to_string_pretty(outcome)?)),
        false => show(&text(outcome, baseline)?),
    }
    Ok(match outcome.verdict {
        Verdict::Same => DONE,
        Verdict::Regressed => FAILED,
        Verdict::NotComparable => BAD_REQUEST,
        Verdict::Undecided => UNDECIDED,
    })
}

/// Replaces the baseline by a newly trained study and adds the reason to its `WHY.md`.
fn update(experiment: &Experiment, folder: &Folder, why: &str, options: &Options) -> Result<u8> {
    let (finished, threads) = (folder.finished()?, training::threads(options.threads));
    let Some(study) = training::train_study(experiment, folder, &finished, threads)? else {
        training::note_interruption(&training::stored(&Plan::new(experiment), folder)?);
        return Ok(INTERRUPTED);
    };
    folder.remove_groups()?;
    let path = folder.path().join("WHY.md");
    let before =
        std::fs::read_to_string(&path).unwrap_or_else(|_| "# Why the baseline is what it is\n".into());
    let commit = machine::commit().unwrap_or_else(|| "an unknown commit".into());
    let entry = format!("\n- at {commit}, digest {}…: {why}\n", &study.manifest.digest[..16]);
    folder.write_table("WHY.md", format!("{before}{entry}").as_bytes())?;
    show(&format!("{}\n", folder.path().display()));
    Ok(DONE)
}

/// The check as text.
fn text(check: &Check, baseline: &Study) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    if !check.settings.is_empty() {
        writeln!(text, "Settings of the baseline → of this study:")?;
        for difference in &check.settings {
            writeln!(text, "  {difference}")?;
        }
    }
    let width = check.findings.iter().map(|finding| finding.cell.len()).max().unwrap_or(0);
    for finding in &check.findings {
        writeln!(text, "{}", line(finding, width))?;
    }
    for invariant in &check.invariants {
        match &invariant.broken {
            None => writeln!(text, "pass  {}", invariant.name)?,
            Some(broken) => writeln!(text, "FAIL  {}: {broken}", invariant.name)?,
        }
    }
    if check.findings.iter().any(|finding| finding.p.is_some()) {
        writeln!(
            text,
            "p: probability of so small a difference of mean final losses if the true one were the margin. Below {DECIDED} \
             the losses are shown to be equal within the margin."
        )?;
    }
    let same_machine =
        baseline.manifest.cpu == machine::cpu() && baseline.manifest.cpu_features == machine::cpu_features();
    if same_machine && !check.bit_equal && check.verdict == Verdict::Same {
        writeln!(
            text,
            "The baseline comes from the same kind of machine, but bits differ: the arithmetic has changed."
        )?;
    }
    let verdict = match check.verdict {
        Verdict::Same => "same",
        Verdict::Regressed => "REGRESSED",
        Verdict::Undecided => "UNDECIDED",
        Verdict::NotComparable => "not comparable",
    };
    writeln!(text, "{verdict}: {}", check.reason)?;
    Ok(text)
}

/// A line of the table.
fn line(finding: &Finding, width: usize) -> String {
    let (mark, words) = match finding.outcome {
        Outcome::Equal => ("pass", ""),
        Outcome::Undecided => ("open", "  not shown to be equal"),
        Outcome::Different => ("FAIL", "  shown to differ"),
    };
    let Finding { cell, test, baseline, fresh, change, margin, p, .. } = finding;
    let p = p.map_or(String::new(), |p| format!("  p = {p:.1e}"));
    format!(
        "{mark}  {cell:<width$}  {test:<16}  {baseline:>8.4} → {fresh:>8.4}  change {change:+.5}, margin {margin}{p}{words}"
    )
}
