//! Group files, `groups/<identity>.json`: one for each finished group, from which a sweep resumes.
//!
//! The first line is a header with the hash of the second line, which holds the records. A file that does not parse, or
//! has a wrong hash or identity, is reported and its group is trained again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::manifest::check_schema;
use super::{StoreError, atomic, regular_file};
use crate::experiment::plan::{Group, Identity, SCHEMA};
use crate::record::GroupRecord;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// Version of specifications and of this format.
    schema: u32,
    /// Identity of the group, which is also the name of the file.
    group: Identity,
    /// Identities of its runs, in their order.
    runs: Vec<Identity>,
    /// Identity of its label measurements, if it has any.
    labels: Option<Identity>,
    /// BLAKE3 of the second line.
    blake3: String,
}

/// The contents of a valid group file.
pub struct Found {
    /// Identities of its runs, in the order of the record.
    pub runs: Vec<Identity>,
    /// Identity of its label measurements, if it has any.
    pub labels: Option<Identity>,
    /// The records of the group.
    pub record: GroupRecord,
}

/// Path of a group's file in the folder of groups.
pub fn path(folder: &Path, group: &Identity) -> PathBuf {
    folder.join(format!("{group}.json"))
}

/// Writes the file of a finished group into the folder of groups.
///
/// # Errors
/// The file cannot be written.
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

/// Limit of the size of a group file in bytes, twice that of 30 runs of two tasks with a hundred thousand logged points.
/// Larger files are not read, and a sweep that would write one is refused.
pub const LARGEST_GROUP: u64 = 1 << 30;

/// Reads the text of a group file.
fn text(path: &Path) -> Result<String, StoreError> {
    let file = regular_file(path)?;
    if file.metadata().is_ok_and(|about| about.len() > LARGEST_GROUP) {
        return Err(StoreError::malformed(path, None, "is larger than any group file"));
    }
    std::io::read_to_string(file).map_err(StoreError::io(path, "read"))
}

/// Reads and checks a group file.
///
/// # Errors
/// The file cannot be read, is not a group file, is damaged, or belongs to another group or schema.
pub fn read(path: &Path) -> Result<Found, StoreError> {
    let text = text(path)?;
    let damaged = |line, problem: &str| StoreError::malformed(path, Some(line), problem);
    let (header, rest) = text.split_once('\n').ok_or_else(|| damaged(1, "is cut off within its header"))?;
    check_schema(path, header)?;
    let header: Header = serde_json::from_str(header)
        .map_err(|error| damaged(1, &format!("is not a group file of this program: {error}")))?;
    if path.file_stem().is_none_or(|stem| stem != header.group.0.as_str()) {
        return Err(damaged(1, &format!("belongs to group {}", header.group)));
    }
    if Identity::for_group(&header.runs, header.labels.as_ref()) != header.group {
        return Err(damaged(1, "does not name the runs of its group"));
    }
    let body = rest.strip_suffix('\n').ok_or_else(|| damaged(2, "is cut off"))?;
    if blake3::hash(body.as_bytes()).to_hex().as_str() != header.blake3 {
        return Err(damaged(2, "does not have the hash in its header"));
    }
    let record: GroupRecord =
        serde_json::from_str(body).map_err(|error| damaged(2, &format!("has invalid records: {error}")))?;
    if record.runs.len() != header.runs.len() {
        return Err(damaged(2, "has another number of runs than its header"));
    }
    Ok(Found { runs: header.runs, labels: header.labels, record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::train_group;
    use crate::experiment::library;
    use crate::experiment::plan::Plan;

    /// The file of a group that was trained for one step.
    fn written(folder: &Path) -> PathBuf {
        let sets =
            ["grid.seeds=1", "grid.models=[\"mmoe\"]", "train.steps=1", "data.dim=4", "data.label_points=10"];
        let experiment = library::find("ci", &sets.map(String::from)).unwrap();
        let group = &Plan::new(&experiment).groups[0];
        let record = train_group(&experiment, group, &()).unwrap().unwrap();
        write(folder, group, &record).unwrap();
        path(folder, &group.identity)
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        assert!(read(&path).is_ok());
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                std::fs::write(&path, bad).unwrap();
                assert!(read(&path).is_err(), "bit {bit} of byte {at}");
            }
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(read(&path).is_err(), "cut after {at} bytes");
        }
    }

    #[cfg(unix)]
    #[test]
    fn pipes_folders_and_huge_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let reason = |name: &str| read(&folder.path().join(name)).err().unwrap().to_string();
        let readable = nix::sys::stat::Mode::S_IRWXU;
        nix::unistd::mkfifo(&folder.path().join("pipe.json"), readable).unwrap();
        assert!(reason("pipe.json").ends_with("is not a regular file"));
        std::fs::create_dir(folder.path().join("folder.json")).unwrap();
        assert!(reason("folder.json").ends_with("is not a regular file"));
        let huge = std::fs::File::create(folder.path().join("huge.json")).unwrap();
        huge.set_len(LARGEST_GROUP + 1).unwrap();
        assert!(reason("huge.json").ends_with("is larger than any group file"));
    }
}
