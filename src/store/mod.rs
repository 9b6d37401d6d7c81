//! The store: the files of a study, which people and pandas can read.
//!
//! Training writes finished groups to the store. Analysis, figures and report read studies from the store only.

pub(crate) mod atomic;
pub mod commands;
mod csv;
mod error;
mod folder;
mod group_file;
mod held;
pub mod machine;
mod manifest;
mod nearby;
#[cfg(test)]
pub(crate) mod sample;
mod status;

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use crate::experiment::{Condition, Experiment, Setting};
pub use crate::record::{
    ClassRecord, CurvePoint, DataCheck, GatePoint, LabelRecord, MeanRecord, RunRecord, Status, TrialRecord,
};
pub use error::StoreError;
pub use folder::{Finished, Folder};
pub use group_file::LARGEST_GROUP;
pub use manifest::{Manifest, Session};
pub use status::StudyStatus;

/// Opens a file of a study for reading.
///
/// # Errors
/// It is missing, cannot be read, or is a pipe or folder; opening a pipe would wait for ever.
fn regular_file(path: &Path) -> Result<File, StoreError> {
    let about = std::fs::metadata(path).map_err(StoreError::io(path, "read"))?;
    if !about.is_file() {
        return Err(StoreError::malformed(path, None, "is not a regular file"));
    }
    File::open(path).map_err(StoreError::io(path, "read"))
}

/// A study: the contents of `results/<name>/`.
#[derive(Debug, Clone)]
pub struct Study {
    /// The resolved experiment (`study.toml`).
    pub experiment: Experiment,
    /// Program, machine and cost (`manifest.json`).
    pub manifest: Manifest,
    /// Runs, ordered by model, condition, learning rate and seed.
    pub runs: Vec<RunRecord>,
    /// Label correlations, ordered by task correlation and seed.
    pub labels: Vec<LabelRecord>,
    /// Class counts by subset and task; empty for regression.
    pub classes: Vec<ClassRecord>,
    /// What was found out about the files of rows; empty where rows are generated.
    pub data_checks: Vec<DataCheck>,
    /// Trials of the tuning by rung; empty without tuning.
    pub trials: Vec<TrialRecord>,
    /// Means by step, which stand in for [`CURVES`] and [`GATES`]; empty where neither is missing.
    pub means: Vec<MeanRecord>,
    /// Tables that the folder lacks: [`CURVES`] and [`GATES`] may be deleted, [`FINAL_GATES`] has not been written yet.
    pub missing_tables: Vec<&'static str>,
}

/// The table of loss curves. It is large and may be deleted: `runs.csv` has final losses, and [`MEANS`] the means that
/// figures draw.
pub const CURVES: &str = "curves.csv";
/// The table of gate statistics. It is large and may be deleted: [`FINAL_GATES`] has those of the last step, and [`MEANS`]
/// the means that figures draw.
pub const GATES: &str = "gates.csv";
/// The table of means over runs by step. A report writes it.
pub const MEANS: &str = "means.csv";
/// The table of gate statistics after the last step. A report writes it.
pub const FINAL_GATES: &str = "final_gates.csv";

impl Study {
    /// Whether runs have loss curves. Without them, a finished run has its last point only.
    pub fn has_curves(&self) -> bool {
        !self.missing_tables.contains(&CURVES)
    }

    /// The study at a setting, as if nothing varied: its experiment, runs, labels and means there.
    pub fn at(&self, setting: &Setting) -> Self {
        fn only<T: Clone>(all: &[T], setting: &Setting, of: fn(&mut T) -> &mut Setting) -> Vec<T> {
            let here = |record: &T| {
                let mut record = record.clone();
                (std::mem::take(of(&mut record)) == *setting).then_some(record)
            };
            all.iter().filter_map(here).collect()
        }
        Self {
            experiment: self.experiment.at(setting),
            manifest: self.manifest.clone(),
            runs: only(&self.runs, setting, |run| &mut run.key.condition.setting),
            labels: only(&self.labels, setting, |label| &mut label.setting),
            classes: self.classes.clone(),
            data_checks: self.data_checks.clone(),
            trials: self.trials.clone(),
            means: only(&self.means, setting, |mean| &mut mean.condition.setting),
            missing_tables: self.missing_tables.clone(),
        }
    }

    /// The study at its [base setting](Experiment::base_setting), for what a study of one setting shows; the study itself
    /// where nothing varies.
    pub fn at_base(&self) -> Cow<'_, Self> {
        match self.experiment.grid.axes.is_empty() {
            true => Cow::Borrowed(self),
            false => Cow::Owned(self.at(&self.experiment.base_setting())),
        }
    }

    /// Whether runs of models with gates have gate statistics of every logged step.
    pub fn has_gates(&self) -> bool {
        !self.missing_tables.contains(&GATES)
    }

    /// Whether runs of models with gates have gate statistics of their last step.
    pub fn has_final_gates(&self) -> bool {
        self.has_gates() || !self.missing_tables.contains(&FINAL_GATES)
    }

    /// The mean of a quantity by step, of these runs; empty where the table does not have it.
    pub fn mean_of(
        &self,
        model: &str,
        condition: &Condition,
        learning_rates: &str,
        quantity: &str,
    ) -> Vec<&MeanRecord> {
        let wanted = |record: &&MeanRecord| {
            (record.model.as_str(), record.learning_rates.as_str(), record.quantity.as_str())
                == (model, learning_rates, quantity)
                && record.condition == *condition
        };
        self.means.iter().filter(wanted).collect()
    }
}
