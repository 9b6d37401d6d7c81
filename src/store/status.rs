//! How far a study is: what of its plan is done, missing or damaged.

use super::folder::{Finished, Folder};
use std::collections::HashSet;

use super::{Manifest, Status, StoreError, Study, atomic, csv};
use crate::experiment::Experiment;
use crate::experiment::plan::{Group, Plan};

/// How far a study is.
#[derive(Debug)]
pub struct StudyStatus {
    /// The experiment, from `study.toml`.
    pub experiment: Experiment,
    /// Everything it is to train.
    pub plan: Plan,
    /// What is still to be trained, as groups.
    pub missing: Vec<Group>,
    /// Runs that are done.
    pub runs_done: usize,
    /// Of those, diverged.
    pub runs_diverged: usize,
    /// Group files that cannot be trusted, with the reason.
    pub damaged: Vec<StoreError>,
    /// Files that were being written when a process was killed, or are being written now.
    pub unfinished: usize,
    /// The manifest of the tables; none where there are no tables yet.
    pub tables: Option<Manifest>,
}

impl StudyStatus {
    /// Whether every run and label measurement of the plan is done. Before it is tuned, a study has no plan yet.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.experiment.tune.is_none()
    }

    /// Whether group files hold more runs of the plan than the tables do.
    pub fn tables_are_behind(&self) -> bool {
        self.tables.as_ref().is_none_or(|manifest| manifest.runs_done < self.runs_done)
    }
}

impl Folder {
    /// How far the study is. Group files are looked at, not the tables, unless there are no group files: those
    /// of a complete study may be deleted.
    pub fn status(&self) -> Result<StudyStatus, StoreError> {
        let experiment = self.experiment()?;
        let plan = Plan::new(&experiment);
        let finished = self.finished()?;
        let tables = match self.manifest() {
            Ok(manifest) => Some(manifest),
            Err(StoreError::NoTables { .. }) => None,
            Err(error) => return Err(error),
        };
        let (missing, runs) = match (&tables, finished.groups) {
            (Some(_), 0) => self.missing_of_tables(&experiment, &plan)?,
            _ => missing_of_groups(&experiment, &plan, &finished),
        };
        Ok(StudyStatus {
            missing,
            runs_done: runs.len(),
            runs_diverged: runs.iter().filter(|status| **status == Status::Diverged).count(),
            damaged: finished.damaged,
            unfinished: self.unfinished(),
            tables,
            experiment,
            plan,
        })
    }

    /// The study as far as it is. Its tables are written again first where group files hold more than they do, as
    /// when no shard has found the plan complete yet.
    pub fn read_latest(&self) -> Result<Study, StoreError> {
        let status = self.status()?;
        // What is not tuned yet has runs of its rungs only.
        if status.experiment.tune.is_some() || !status.tables_are_behind() {
            return self.read();
        }
        self.merge_again(&status.experiment, &status.plan, status.tables)
    }

    /// What of the plan the tables lack, and how the runs ended that they have.
    fn missing_of_tables(
        &self,
        experiment: &Experiment,
        plan: &Plan,
    ) -> Result<(Vec<Group>, Vec<Status>), StoreError> {
        let runs = csv::read_runs(self.path(), experiment.grid.swept_parameter())?;
        let labels = csv::labels::read(self.path())?;
        let here: HashSet<_> = runs.iter().map(|run| &run.key).collect();
        let mut done: HashSet<_> =
            plan.runs().filter(|run| here.contains(&run.key)).map(|run| &run.identity).collect();
        let seeds: HashSet<u64> = labels.iter().map(|label| label.seed).collect();
        for group in &plan.groups {
            if let Some(identity) = &group.label_identity
                && seeds.contains(&group.seed)
            {
                done.insert(identity);
            }
        }
        let missing = plan.missing(experiment, |identity| done.contains(identity));
        Ok((missing, runs.iter().map(|run| run.status).collect()))
    }

    /// Number of files that a killed process left behind, or a living one is writing.
    fn unfinished(&self) -> usize {
        let folders = [self.path().to_owned(), self.groups()];
        let entries =
            folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(atomic::UNFINISHED)).count()
    }
}

/// What of the plan no group file has, and how the runs ended that they have.
fn missing_of_groups(experiment: &Experiment, plan: &Plan, finished: &Finished) -> (Vec<Group>, Vec<Status>) {
    let missing = plan.missing(experiment, |identity| finished.has(identity));
    let runs = plan.runs().filter_map(|run| finished.runs.get(&run.identity));
    (missing, runs.map(|run| run.status).collect())
}
