//! `manifest.json`: how a study came to be.

use serde::{Deserialize, Serialize};

use super::{RunRecord, Status, machine};
use crate::experiment::plan::SCHEMA;

/// How a study came to be: `manifest.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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

/// One sitting of a sweep, for the manifest.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Command line.
    pub command: String,
    /// Threads that trained.
    pub threads: usize,
    /// Wall-clock seconds.
    pub wall_seconds: f64,
    /// CPU seconds.
    pub cpu_seconds: f64,
    /// Whether it went on from groups that were there, whose time then counts too.
    pub resumed: bool,
    /// Shards that the sweep was divided into, where it was.
    pub shards: Option<usize>,
}

/// What a merge found, for the manifest.
pub(super) struct Merged<'a> {
    /// Runs of the plan.
    pub runs_planned: usize,
    /// Runs that are here.
    pub runs: &'a [RunRecord],
    /// Group files.
    pub groups: usize,
    /// BLAKE3 of the tables.
    pub digest: String,
}

impl Manifest {
    /// The manifest of a merge in this session; `before` is the manifest of the sessions that it resumes.
    pub(super) fn new(merged: Merged, session: &Session, before: &Self) -> Self {
        let Merged { runs_planned, runs, groups, digest } = merged;
        // Sessions of shards overlap, and a process that trained nothing has no time: then the groups' own count.
        let (wall_seconds, cpu_seconds) = match session.shards.is_some() || session.threads == 0 {
            true => (runs.iter().map(|run| run.seconds).sum(), runs.iter().map(|run| run.seconds).sum()),
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
