//! `sweep report`: figures and report again, from the CSV files of a study.

use std::path::Path;

use anyhow::Result;

use super::{DONE, print, run};
use crate::store::Folder;

/// Reports on the study in `path`.
pub fn run(path: &Path) -> Result<u8> {
    let folder = Folder::new(path);
    let study = folder.read()?;
    print(&format!("{}\n", run::report(&study, &folder)?.display()))?;
    Ok(DONE)
}
