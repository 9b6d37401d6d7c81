//! The status of a study: done, missing and damaged runs.

use super::folder::{Finished, Folder};
use std::collections::HashSet;

use super::{Manifest, Status, StoreError, Study, atomic, csv};
use crate::experiment::plan::{Group, Plan};
use crate::experiment::{Experiment, Setting};

/// The status of a study.
#[derive(Debug)]
pub struct StudyStatus {
    /// The experiment, from `study.toml`.
    pub experiment: Experiment,
    /// All runs.
    pub plan: Plan,
    /// Groups of the missing runs.
    pub missing: Vec<Group>,
    /// Number of finished and diverged runs.
    pub runs_done: usize,
    /// Number of diverged runs.
    pub runs_diverged: usize,
    /// Errors of invalid group files.
    pub damaged: Vec<StoreError>,
    /// Number of files that are being written, or were when a process was killed.
    pub unfinished: usize,
    /// Manifest of the tables; none without tables.
    pub tables: Option<Manifest>,
    /// Tables that were deleted, if there are tables: those of curves and gates may be.
    pub missing_tables: Vec<&'static str>,
}

impl StudyStatus {
    /// Whether every run and label measurement is done. A study that is still being tuned is never complete.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.experiment.tune.is_none()
    }

    /// Whether group files hold runs that the tables lack.
    pub fn tables_are_behind(&self) -> bool {
        self.tables.as_ref().is_none_or(|manifest| manifest.runs_done < self.runs_done)
    }
}

impl Folder {
    /// The status of the study, from its group files, or from its tables where there are no group files: those of a
    /// complete study may be deleted.
    ///
    /// # Errors
    /// There is no study, or a file cannot be read or is invalid.
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
            missing_tables: if tables.is_some() { self.missing_tables() } else { Vec::new() },
            tables,
            experiment,
            plan,
        })
    }

    /// Reads the study, complete or not. First merges group files that the tables lack, for example those of shards that
    /// are still running.
    ///
    /// # Errors
    /// There is no study, or a file cannot be read or written or is invalid.
    pub fn read_latest(&self) -> Result<Study, StoreError> {
        let status = self.status()?;
        // Before the end of the tuning there are only runs of its rungs.
        if status.experiment.tune.is_some() || !status.tables_are_behind() {
            return self.read();
        }
        // Tables of the readable group files alone would lack runs.
        if let Some(other) = status.damaged.iter().find_map(StoreError::other_schema) {
            return Err(other);
        }
        self.merge_again(&status.experiment, &status.plan, status.tables)
    }

    /// Groups of the runs that the tables lack, and the status of the runs that they have.
    pub(super) fn missing_of_tables(
        &self,
        experiment: &Experiment,
        plan: &Plan,
    ) -> Result<(Vec<Group>, Vec<Status>), StoreError> {
        let runs = csv::runs::read(self.path(), &experiment.grid.axes)?;
        let labels = csv::labels::read(self.path(), &experiment.grid.axes)?;
        let here: HashSet<_> = runs.iter().map(|run| &run.key).collect();
        let mut done: HashSet<_> =
            plan.runs().filter(|run| here.contains(&run.key)).map(|run| &run.identity).collect();
        let measured: HashSet<(&Setting, u64)> =
            labels.iter().map(|label| (&label.setting, label.seed)).collect();
        for group in &plan.groups {
            if let Some(identity) = &group.label_identity
                && plan.labelled(group).iter().all(|(_, setting)| measured.contains(&(setting, group.seed)))
            {
                done.insert(identity);
            }
        }
        let missing = plan.missing(experiment, |identity| done.contains(identity));
        Ok((missing, runs.iter().map(|run| run.status).collect()))
    }

    /// Number of files that are being written, or were when a process was killed.
    fn unfinished(&self) -> usize {
        let folders = [self.path().to_owned(), self.groups()];
        let entries =
            folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(atomic::UNFINISHED)).count()
    }
}

/// Groups of the runs that group files lack, and the status of the runs that they have.
fn missing_of_groups(experiment: &Experiment, plan: &Plan, finished: &Finished) -> (Vec<Group>, Vec<Status>) {
    let missing = plan.missing(experiment, |identity| finished.has(identity));
    let runs = plan.runs().filter_map(|run| finished.runs.get(&run.identity));
    (missing, runs.map(|run| run.status).collect())
}
