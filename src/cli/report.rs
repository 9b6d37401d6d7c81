//! `sweep report`: writes figures and report again, from the CSV files of a study, or from the finished groups of a
//! study that is still being trained.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::DONE;
use super::output::{note, show};
use crate::store::{Folder, Study};
use crate::study::{self, Figures};

/// Writes the report of the study in `path`; returns the exit code.
pub fn run(path: &Path) -> Result<u8> {
    let folder = Folder::new(path);
    let mut study = folder.read_latest()?;
    if let Some(missing) = crate::report::partial(&study) {
        note(&missing);
    }
    study::add_means(&mut study);
    let figures = Figures::from_study(&study);
    if let Some(left_out) = figures.note(&study, path) {
        note(&left_out);
    }
    show(&format!("{}\n", write(&study, figures, &folder)?.display()));
    Ok(DONE)
}

/// Writes figures and report; returns the report's path.
pub fn write_report(mut study: Study, folder: &Folder) -> Result<PathBuf> {
    study::add_means(&mut study);
    write(&study, Figures::from_study(&study), folder)
}

fn write(study: &Study, figures: Figures, folder: &Folder) -> Result<PathBuf> {
    study::write_report(study, figures, folder.path())
        .with_context(|| format!("cannot write the report of {}", folder.path().display()))
}
