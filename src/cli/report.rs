//! `sweep report`: writes figures and report again, from the CSV files of a study, or from the finished groups of a
//! study that is still being trained.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{DONE, print, printable};
use crate::store::{Folder, Study};

/// Writes the report of the study in `path`; returns the exit code.
pub fn run(path: &Path) -> Result<u8> {
    let folder = Folder::new(path);
    let study = folder.read_latest()?;
    if let Some(missing) = crate::report::partial(&study) {
        eprintln!("{missing}");
    }
    if let Some(left_out) = crate::study::left_out(&study, &path.display().to_string()) {
        eprintln!("{}", printable(&left_out));
    }
    print(&format!("{}\n", write_report(&study, &folder)?.display()))?;
    Ok(DONE)
}

/// Writes figures and report; returns the report's path.
pub fn write_report(study: &Study, folder: &Folder) -> Result<PathBuf> {
    crate::study::write_report(study, folder.path())
        .with_context(|| format!("cannot write the report of {}", folder.path().display()))
}
