//! `sweep claims`: tests the papers' claims on a study.

use std::path::Path;

use anyhow::Result;

use super::DONE;
use super::output::print;
use crate::claim::table;
use crate::store::Folder;
use crate::study;

/// Tests the claims on the study in `path`, prints them and writes `claims.csv`; `parts` shows every
/// comparison behind a verdict.
pub fn run(path: &Path, parts: bool) -> Result<u8> {
    let folder = Folder::new(path);
    let study = folder.read()?;
    let results = study::kind_of(&study).claims(&study);
    let mut csv = Vec::new();
    table::write_csv(&results, &mut csv)?;
    let path = folder.write_table("claims.csv", &csv)?;
    print(&format!("{}{}\n", table::text(&results, parts), path.display()))?;
    Ok(DONE)
}
