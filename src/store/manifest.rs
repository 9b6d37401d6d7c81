//! `manifest.json`: the program, the machine and the cost of a study.

use serde::{Deserialize, Serialize};

use std::path::Path;

use super::{RunRecord, Status, StoreError, machine};
use crate::experiment::plan::SCHEMA;

/// The contents of `manifest.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout of these files.
    pub schema: u32,
    /// Version of this program.
    pub version: String,
    /// Commit that the program was built from, if known.
    pub commit: Option<String>,
    /// Command line of the last session that extended the study.
    pub command: String,
    /// Name of the CPU.
    pub cpu: String,
    /// Instruction sets that the engines can use.
    pub cpu_features: Vec<String>,
    /// Number of training threads.
    pub threads: usize,
    /// Number of shards; 1 where one process trained the study.
    #[serde(default = "one")]
    pub shards: usize,
    /// Number of runs in the plan.
    pub runs_planned: usize,
    /// Number of finished and diverged runs.
    pub runs_done: usize,
    /// Number of diverged runs.
    pub runs_diverged: usize,
    /// Number of group files.
    pub groups: usize,
    /// Wall-clock seconds of training in all sessions. For shards, whose overlap is unknown, the sum over groups.
    pub wall_seconds: f64,
    /// CPU seconds of training in all sessions and threads; for shards as above.
    pub cpu_seconds: f64,
    /// Peak resident memory in bytes.
    pub peak_memory_bytes: u64,
    /// BLAKE3 of the tables of results: runs.csv (without `seconds`), curves.csv, gates.csv, those of the kind of study
    /// (scores.csv, or funnel.csv and deciles.csv) and labels.csv. Equal where all results are equal.
    pub digest: String,
}

/// Refuses a manifest or a header of a group file of another schema, whatever else that schema puts into it.
///
/// # Errors
/// The text has another schema. Text without a schema passes.
pub(super) fn check_schema(path: &Path, text: &str) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    match serde_json::from_str(text) {
        Ok(Version { schema }) if schema != SCHEMA => {
            Err(StoreError::Schema { path: path.to_owned(), schema })
        }
        _ => Ok(()),
    }
}

/// Default for old manifests, which do not have the number of shards.
fn one() -> usize {
    1
}

/// One session of training, for the manifest.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Command line.
    pub command: String,
    /// Number of training threads.
    pub threads: usize,
    /// Wall-clock seconds.
    pub wall_seconds: f64,
    /// CPU seconds.
    pub cpu_seconds: f64,
    /// Whether it resumed a study, whose time then counts too.
    pub resumed: bool,
    /// Number of shards, if the sweep was divided.
    pub shards: Option<usize>,
}

/// Result of a merge, for the manifest.
pub(super) struct Merged<'a> {
    /// Number of runs in the plan.
    pub runs_planned: usize,
    /// Finished and diverged runs.
    pub runs: &'a [RunRecord],
    /// Number of group files.
    pub groups: usize,
    /// BLAKE3 of the tables.
    pub digest: String,
}

impl Manifest {
    /// The manifest after a session; `before` is the manifest of the sessions that it resumes.
    pub(super) fn new(merged: Merged, session: &Session, before: &Self) -> Self {
        let Merged { runs_planned, runs, groups, digest } = merged;
        // Sessions of shards overlap, and a process that trained nothing has no time: then the times of groups are summed.
        let (wall_seconds, cpu_seconds) = match session.shards.is_some() || session.threads == 0 {
            true => {
                let seconds = runs.iter().map(|run| run.seconds).sum();
                (seconds, seconds)
            }
            false => (before.wall_seconds + session.wall_seconds, before.cpu_seconds + session.cpu_seconds),
        };
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_string(),
            commit: machine::commit(),
            command: session.command.clone(),
            cpu: machine::cpu(),
            cpu_features: machine::cpu_features(),
            threads: session.threads.max(1),
            shards: session.shards.unwrap_or(1),
            runs_planned,
            runs_done: runs.len(),
            runs_diverged: runs.iter().filter(|run| run.status == Status::Diverged).count(),
            groups,
            wall_seconds,
            cpu_seconds,
            peak_memory_bytes: before.peak_memory_bytes.max(machine::peak_memory_bytes()),
            digest,
        }
    }
}
