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

use crate::experiment::Experiment;
pub use crate::record::{
    ClassRecord, CurvePoint, DataCheck, GatePoint, LabelRecord, RunRecord, Status, TrialRecord,
};
pub use error::StoreError;
pub use folder::{Finished, Folder};
pub use group_file::LARGEST_GROUP;
pub use manifest::{Manifest, Session};
pub use status::StudyStatus;

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
    /// Tables that the folder lacks: [`CURVES`] and [`GATES`] may be deleted.
    pub missing_tables: Vec<&'static str>,
}

/// The table of loss curves. It is large and may be deleted; final losses are in `runs.csv` too.
pub const CURVES: &str = "curves.csv";
/// The table of gate statistics. It is large and may be deleted.
pub const GATES: &str = "gates.csv";

impl Study {
    /// Whether runs have loss curves. Without them, a finished run has its last point only.
    pub fn has_curves(&self) -> bool {
        !self.missing_tables.contains(&CURVES)
    }

    /// Whether runs of models with gates have gate statistics.
    pub fn has_gates(&self) -> bool {
        !self.missing_tables.contains(&GATES)
    }
}
