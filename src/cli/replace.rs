//! `sweep run` replaces no results silently: another experiment in a folder that holds a study is refused, unless
//! `--replace` is given.

use std::collections::BTreeSet;

use anyhow::Result;
use indicatif::HumanCount;

use super::Refused;
use super::output::note;
use crate::experiment::Experiment;
use crate::experiment::difference::{self, Difference};
use crate::experiment::plan::Plan;
use crate::store::{Finished, Folder};

/// Results that a sweep would replace.
pub struct Replaced {
    folder: Folder,
    /// Number of runs in group files there, which stay.
    runs: usize,
    /// What is there, in a line, and more lines on how it differs.
    reason: String,
}

/// The results in `folder` that a sweep of `experiment` would replace, if there are any. More seeds, rates, correlations
/// and models, another title and other settings of the report replace nothing.
pub fn replaced(folder: &Folder, experiment: &Experiment, finished: &Finished) -> Option<Replaced> {
    let reason = match folder.replaced_by(&Plan::new(experiment), finished) {
        Ok(None) => return None,
        Ok(Some(held)) => {
            let other = difference::replacing(&held, experiment);
            // Where the difference lies in no setting, as with rows of files that were changed, the reason is short.
            holds_another(&other)
        }
        Err(error) => format!("holds results that cannot be told from those of another experiment: {error}"),
    };
    Some(Replaced { folder: folder.clone(), runs: finished.runs.len(), reason })
}

/// As [`replaced`] for an experiment before its tuning: its models are not known yet, so only its other settings are
/// compared with a study that is there.
pub fn replaced_before_tuning(
    folder: &Folder,
    experiment: &Experiment,
    finished: &Finished,
) -> Option<Replaced> {
    let held = folder.experiment().ok().filter(|held| held.tune.is_none() && folder.manifest().is_ok())?;
    let mut other = difference::replacing(&held, experiment);
    other.retain(|found| {
        !["models.", "tune.", "grid.learning_rates"].iter().any(|tuned| found.key.starts_with(tuned))
    });
    let mut reason = holds_another(&other);
    if other_trials(folder, experiment) {
        if other.is_empty() {
            reason += ":";
        }
        reason += "\n  tune: other trials there than now";
    } else if other.is_empty() {
        return None;
    }
    Some(Replaced { folder: folder.clone(), runs: finished.runs.len(), reason })
}

/// Whether the tuning of the study in `folder` began with other trials, seeds or steps than that of `experiment`.
fn other_trials(folder: &Folder, experiment: &Experiment) -> bool {
    let there = folder.trials().unwrap_or_default();
    let there: BTreeSet<_> = there
        .iter()
        .filter(|trial| trial.rung == 1)
        .map(|trial| (trial.trial.clone(), trial.sizes.clone(), trial.seeds, trial.steps))
        .collect();
    let Some(rung) = experiment.tune.as_ref().and_then(|tune| tune.rungs.first()) else { return false };
    let now: BTreeSet<_> = experiment
        .trials()
        .iter()
        .map(|trial| (trial.spec.name.clone(), trial.sizes(), rung.seeds, rung.steps))
        .collect();
    !there.is_empty() && there != now
}

/// The reason for experiments that differ in these settings.
fn holds_another(other: &[Difference]) -> String {
    let lines = other
        .iter()
        .map(|Difference { key, first, second }| format!("\n  {key}: {first} there, {second} now"));
    format!(
        "holds another experiment{}{}",
        if other.is_empty() { "" } else { ":" },
        lines.collect::<String>()
    )
}

impl Replaced {
    /// Goes on if the user asked for it.
    ///
    /// # Errors
    /// `replace` is false.
    pub fn settle(self, replace: bool) -> Result<()> {
        if !replace {
            return Err(Refused(self.to_string()).into());
        }
        let path = self.folder.path().display();
        let kept = format!("Its tables are replaced; {}.", self.rest());
        note(&format!("{path} {}\n{kept}", self.reason));
        Ok(self.folder.discard_tables()?)
    }
}

impl Replaced {
    /// What is left of the experiment without its tables.
    fn rest(&self) -> String {
        match self.runs {
            0 => "groups/ holds none of its runs".into(),
            n => format!(
                "its {} runs in groups/ stay, so it can be put back without training",
                HumanCount(n as u64)
            ),
        }
    }
}

impl std::fmt::Display for Replaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {}\nGive another folder with --out, or --replace to replace its tables, figures and report; {}",
            self.folder.path().display(),
            self.reason,
            self.rest()
        )
    }
}
