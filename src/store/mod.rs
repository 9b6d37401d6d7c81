//! The store: everything that is kept of a study, in files that people and pandas can read.
//!
//! Training hands finished groups to the store; analysis, figures and report read studies from it and from
//! nothing else.

pub(crate) mod atomic;
mod error;
pub mod folder;
#[cfg(test)]
pub(crate) mod funnel_sample;
mod group_file;
pub mod machine;

#[cfg(test)]
pub(crate) mod sample;
mod state;
mod tables;

use crate::experiment::Experiment;
pub use crate::record::{ClassRecord, CurvePoint, GatePoint, LabelRecord, RunRecord, Status, TrialRecord};
pub use error::StoreError;
pub use folder::Folder;
pub use group_file::LARGEST_GROUP;
pub use state::State;

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

/// How a study came to be: `manifest.json`.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Manifest {
    /// Version of the layout of these files.
    pub schema: u32,
    /// Version of this program.
    pub version: String,
    /// Commit that built it, where known.
    pub commit: Option<String>,
    /// Command line that made or last extended the study.
    pub command: String,
    /// CPU's name.
    pub cpu: String,
    /// Instruction sets that the engines may use.
    pub cpu_features: Vec<String>,
    /// Threads that trained.
    pub threads: usize,
    /// Shards that it was divided into; 1 where one process trained it.
    #[serde(default = "one")]
    pub shards: usize,
    /// Runs of the plan.
    pub runs_planned: usize,
    /// Runs that are here.
    pub runs_done: usize,
    /// Of those, diverged.
    pub runs_diverged: usize,
    /// Groups trained or found.
    pub groups: usize,
    /// Wall-clock seconds spent training, over all sessions. Of shards no one knows how they overlapped: the sum
    /// over groups.
    pub wall_seconds: f64,
    /// CPU seconds spent training, over all sessions and threads; of shards as above.
    pub cpu_seconds: f64,
    /// Largest resident memory seen, in bytes.
    pub peak_memory_bytes: u64,
    /// BLAKE3 of runs.csv (without `seconds`), curves.csv, gates.csv, scores.csv (where there is one) and
    /// labels.csv: equal where all results are equal.
    pub digest: String,
}

/// Manifests from before there were shards do not say how many.
fn one() -> usize {
    1
}
