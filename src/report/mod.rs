//! stub
use std::path::{Path, PathBuf};
/// stub
pub fn write(_: &crate::store::Study, folder: &Path) -> std::io::Result<PathBuf> {
    Ok(folder.join("report.html"))
}
