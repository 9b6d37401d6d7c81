//! `sweep status`: the done, missing and damaged runs of a study.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::output::show;
use super::{DONE, FAILED, Refused};
use crate::experiment::plan::Group;
use crate::report::words::{count, plural};
use crate::store::{CURVES, FINAL_GATES, Folder, GATES, MEANS, StoreError, StudyStatus, commands};

/// Limit of the printed ranges of missing seeds.
const SHOWN: usize = 12;

/// Prints the status of the study in `path`. Returns exit code 0 if it is complete, else 1. Whatever keeps the study from
/// being read is a [`Refused`], so that 1 means one thing.
pub fn run(path: &Path) -> Result<u8> {
    let status = Folder::new(path).status().map_err(|error| Refused(error.to_string()))?;
    show(&text(&status, path)?);
    Ok(if status.is_complete() { DONE } else { FAILED })
}

fn text(status: &StudyStatus, path: &Path) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let StudyStatus { experiment, plan, missing, damaged, .. } = status;
    let (resume, report) = (commands::resume(path), commands::report(path));
    if experiment.tune.is_some() {
        writeln!(text, "study           {}: {}", experiment.name, experiment.title)?;
        writeln!(text, "tuning          not finished; the runs are not known yet")?;
        writeln!(text, "resume with     {resume}")?;
        return Ok(text);
    }
    let runs = plan.runs().count();
    let diverged = match status.runs_diverged {
        0 => String::new(),
        n => format!(", {} of them diverged", count(n)),
    };
    writeln!(text, "study           {}: {}", experiment.name, experiment.title)?;
    writeln!(text, "runs            {} of {} are done{diverged}", count(status.runs_done), count(runs))?;
    let groups = plan.groups.len();
    writeln!(text, "groups          {} of {} are done", count(groups - missing.len()), count(groups))?;
    if !missing.is_empty() {
        writeln!(text, "missing         seeds {}", seeds(missing))?;
    }
    let (other, damaged): (Vec<_>, Vec<_>) =
        damaged.iter().partition(|error| matches!(error, StoreError::Schema { .. }));
    for error in &other {
        writeln!(text, "other schema    {error}")?;
    }
    for error in &damaged {
        writeln!(text, "damaged         {error}")?;
    }
    if !damaged.is_empty() {
        writeln!(text, "                (damaged groups are not used; the next sweep trains them again)")?;
    }
    if status.unfinished > 0 {
        writeln!(
            text,
            "unfinished      {} named .writing-*: being written, or left by a killed process; to be deleted when no sweep \
             is running",
            plural(status.unfinished, "file")
        )?;
    }
    match &status.tables {
        None if !other.is_empty() => writeln!(text, "tables          none yet")?,
        None => writeln!(text, "tables          none yet; `{report}` writes those of the finished runs")?,
        Some(manifest) if status.tables_are_behind() => writeln!(
            text,
            "tables          of {}; `{report}` adds the other finished runs",
            plural(manifest.runs_done, "run")
        )?,
        Some(_) => writeln!(text, "tables          of all finished runs")?,
    }
    let large: Vec<&str> =
        status.missing_tables.iter().copied().filter(|name| [CURVES, GATES].contains(name)).collect();
    if !large.is_empty() {
        writeln!(
            text,
            "missing files   {}, the single steps of every run; reports draw {MEANS} and {FINAL_GATES} instead, and leave \
             out figures of what these lack; `{resume}` restores them, and trains the runs that {} lacks",
            large.join(", "),
            path.join("groups").display()
        )?;
    }
    if !status.is_complete() && other.is_empty() {
        writeln!(text, "resume with     {resume}")?;
    }
    Ok(text)
}

/// Seeds of groups as ranges: "0 to 3, 7, 9 to 12".
fn seeds(groups: &[Group]) -> String {
    let mut seeds: Vec<u64> = groups.iter().map(|group| group.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let ranges: Vec<String> = seeds
        .chunk_by(|a, b| a + 1 == *b)
        .map(|range| match range {
            [one] => one.to_string(),
            [first, .., last] => format!("{first} to {last}"),
            [] => String::new(),
        })
        .collect();
    match ranges.len() {
        n if n > SHOWN => format!("{} and {} more ranges", ranges[..SHOWN].join(", "), n - SHOWN),
        _ => ranges.join(", "),
    }
}
