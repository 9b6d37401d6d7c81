//! The store: everything that is kept of a study, in files that people and pandas can read.
//!
//! Training hands finished groups to the store; analysis, figures and report read studies from it and from
//! nothing else.

pub(crate) mod atomic;
mod csv;
mod error;
mod folder;
mod group_file;
pub mod machine;
mod manifest;
#[cfg(test)]
pub(crate) mod sample;
mod status;

use crate::experiment::Experiment;
pub use crate::record::{ClassRecord, CurvePoint, GatePoint, LabelRecord, RunRecord, Status, TrialRecord};
pub use error::StoreError;
pub use folder::{Finished, Folder};
pub use group_file::LARGEST_GROUP;
pub use manifest::{Manifest, Session};
pub use status::StudyStatus;

/// A study as it lies on disk: `results/<name>/`.
#[derive(Debug, Clone)]
pub struct Study {
    /// The resolved experiment (`study.toml`).
    pub experiment: Experiment,
    /// How it came to be (`manifest.json`).
    pub manifest: Manifest,
    /// Runs in the order of the plan: model, task correlation, setting, learning rate, seed.
    pub runs: Vec<RunRecord>,
    /// Label correlations, by task correlation and seed.
    pub labels: Vec<LabelRecord>,
    /// Distribution of yes-or-no labels, by subset and task; empty where labels are numbers.
    pub classes: Vec<ClassRecord>,
    /// Trials of the tuning, by rung; empty where nothing was tuned.
    pub trials: Vec<TrialRecord>,
}
