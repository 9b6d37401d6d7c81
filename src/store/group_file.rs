//! One file a finished group, `groups/<identity>.json`: what a killed sweep goes on from.
//!
//! The first line is a header with the hash of the second, which holds the records. A file that does not
//! parse, or whose hash or identity is not what it should be, is reported and trained again, never trusted.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{StoreError, atomic};
use crate::engine::train::GroupRecord;
use crate::experiment::plan::{Group, Identity, SCHEMA};

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// Version of specifications and of this file.
    schema: u32,
    /// Identity of the group, also the file's name.
    group: Identity,
    /// Identities of its runs, in their order.
    runs: Vec<Identity>,
    /// Identity of its label measurements, if it has any.
    labels: Option<Identity>,
    /// BLAKE3 of the second line.
    blake3: String,
}

/// A group file that was found whole.
pub struct Found {
    /// Identities of its runs, in the order of the record.
    pub runs: Vec<Identity>,
    /// Identity of its label measurements, if it has any.
    pub labels: Option<Identity>,
    /// What the group left.
    pub record: GroupRecord,
}

/// Where a group's file lies within the folder of groups.
pub fn path(folder: &Path, group: &Identity) -> PathBuf {
    folder.join(format!("{group}.json"))
}

/// Writes a finished group into the folder of groups.
pub fn write(folder: &Path, group: &Group, record: &GroupRecord) -> Result<(), StoreError> {
    let body = serde_json::to_string(record).expect("records are plain data");
    let header = Header {
        schema: SCHEMA,
        group: group.identity.clone(),
        runs: group.runs.iter().map(|run| run.identity.clone()).collect(),
        labels: group.label_identity.clone(),
        blake3: blake3::hash(body.as_bytes()).to_hex().to_string(),
    };
    let header = serde_json::to_string(&header).expect("headers are plain data");
    atomic::write(&path(folder, &group.identity), format!("{header}\n{body}\n").as_bytes())
}

/// Reads a group file and checks everything that can be checked.
pub fn read(path: &Path) -> Result<Found, StoreError> {
    let text = std::fs::read_to_string(path).map_err(StoreError::io(path, "read"))?;
    let damaged = |line, problem: &str| StoreError::malformed(path, Some(line), problem);
    let (header, rest) = text.split_once('\n').ok_or_else(|| damaged(1, "is cut off within its header"))?;
    let header: Header = serde_json::from_str(header)
        .map_err(|error| damaged(1, &format!("is no group file of this program: {error}")))?;
    if header.schema != SCHEMA {
        let problem = format!("has schema {}, this program writes {SCHEMA}", header.schema);
        return Err(damaged(1, &problem));
    }
    if path.file_stem().is_none_or(|stem| stem != header.group.0.as_str()) {
        return Err(damaged(1, &format!("belongs to group {}", header.group)));
    }
    let body = rest.strip_suffix('\n').ok_or_else(|| damaged(2, "is cut off"))?;
    if blake3::hash(body.as_bytes()).to_hex().as_str() != header.blake3 {
        return Err(damaged(2, "does not have the hash that its header says"));
    }
    let record: GroupRecord =
        serde_json::from_str(body).map_err(|error| damaged(2, &format!("holds no records: {error}")))?;
    if record.runs.len() != header.runs.len() {
        return Err(damaged(2, "does not have the runs that its header names"));
    }
    Ok(Found { runs: header.runs, labels: header.labels, record })
}
