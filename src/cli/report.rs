//! `sweep report`: figures and report again, from the CSV files of a study; of a study that is still being
//! trained, from what is done.

use std::path::Path;

use anyhow::Result;

use super::{DONE, print, run};
use crate::store::Folder;

/// Reports on the study in `path`.
pub fn run(path: &Path) -> Result<u8> {
    let folder = Folder::new(path);
    let study = folder.read_latest()?;
    if let Some(missing) = crate::report::partial(&study) {
        eprintln!("{missing}");
    }
    print(&format!("{}\n", run::report(&study, &folder)?.display()))?;
    Ok(DONE)
}
