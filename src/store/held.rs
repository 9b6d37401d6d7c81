//! The results in a folder that a sweep of another experiment would replace.

use std::collections::HashSet;

use super::StoreError;
use super::folder::{Finished, Folder};
use crate::experiment::Experiment;
use crate::experiment::plan::{Identity, Plan};

impl Folder {
    /// The experiment of the study here, if it has results that `plan` does not have: its tables would lose them. None
    /// where there is no study, or nothing of it is done, or `plan` has every run of it that is done.
    ///
    /// # Errors
    /// There are tables without `study.toml`, or a file cannot be read or is invalid.
    pub fn replaced_by(&self, plan: &Plan, finished: &Finished) -> Result<Option<Experiment>, StoreError> {
        let has = |name: &str| self.path().join(name).exists();
        if !has("study.toml") && !has("manifest.json") && !has("runs.csv") {
            return Ok(None);
        }
        let held = self.experiment()?;
        let kept: HashSet<&Identity> = identities(plan).collect();
        let lost = self.done(&held, finished)?.iter().any(|identity| !kept.contains(identity));
        Ok(lost.then_some(held))
    }

    /// Identities of the runs and label measurements of an experiment that are done: in group files, or in the tables
    /// alone, because group files may be deleted.
    fn done(&self, experiment: &Experiment, finished: &Finished) -> Result<HashSet<Identity>, StoreError> {
        let plan = Plan::new(experiment);
        let mut done: HashSet<Identity> =
            identities(&plan).filter(|identity| finished.has(identity)).cloned().collect();
        let in_groups = done_runs(&plan, finished);
        if self.manifest().is_ok_and(|tables| in_groups == 0 || tables.runs_done > in_groups) {
            let missing = self.missing_of_tables(experiment, &plan)?.0;
            let missing = Plan::part(missing);
            let missing: HashSet<&Identity> = identities(&missing).collect();
            done.extend(identities(&plan).filter(|identity| !missing.contains(identity)).cloned());
        }
        Ok(done)
    }

    /// Number of runs in the tables, where it is larger than the number of runs of `plan` in group files: a merge of an
    /// incomplete sweep would lose the others.
    ///
    /// # Errors
    /// The group files cannot be read.
    pub fn runs_in_tables_alone(&self, plan: &Plan) -> Result<Option<[usize; 2]>, StoreError> {
        let Ok(tables) = self.manifest() else { return Ok(None) };
        let in_groups = done_runs(plan, &self.finished()?);
        Ok((tables.runs_done > in_groups).then_some([tables.runs_done, in_groups]))
    }

    /// Declares the tables here void, by removing `manifest.json`: the next merge writes them anew.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn discard_tables(&self) -> Result<(), StoreError> {
        let path = self.path().join("manifest.json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io(&path, "remove")(error))
            }
            _ => Ok(()),
        }
    }
}

/// Identities of all runs and label measurements of a plan.
fn identities(plan: &Plan) -> impl Iterator<Item = &Identity> {
    let labels = plan.groups.iter().filter_map(|group| group.label_identity.as_ref());
    plan.runs().map(|run| &run.identity).chain(labels)
}

/// Number of runs of a plan that are finished.
fn done_runs(plan: &Plan, finished: &Finished) -> usize {
    plan.runs().filter(|run| finished.has(&run.identity)).count()
}
