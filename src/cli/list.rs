//! `sweep list`: lists experiments, architectures and studies.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::DONE;
use super::output::print;
use crate::experiment::library;
use crate::model::{REGISTRY, towers};
use crate::report::words::{count, plural};
use crate::store::Folder;

/// Prints the lists; returns the exit code.
pub fn run() -> Result<u8> {
    let mut text = String::new();
    writeln!(text, "Experiments (sweep run <name>):")?;
    for (name, experiment) in library::all() {
        match experiment {
            Ok(experiment) => writeln!(text, "  {name:<22} {}", experiment.title)?,
            Err(error) => writeln!(text, "  {name:<22} cannot be read: {error}")?,
        }
    }
    for (what, registry) in [("Models", REGISTRY), ("Models for conversion data", towers::REGISTRY)] {
        writeln!(text, "\n{what} (grid.models):")?;
        for architecture in registry {
            writeln!(text, "  {:<22} {}", architecture.name, architecture.summary)?;
        }
    }
    writeln!(text, "\nStudies (sweep report results/<name>):")?;
    let mut none = true;
    for path in folders(Path::new("results")) {
        let folder = Folder::new(&path);
        let Ok(manifest) = folder.manifest() else { continue };
        let state = format!("{} of {}", count(manifest.runs_done), plural(manifest.runs_planned, "run"));
        writeln!(text, "  {:<22} {state}", path.file_name().unwrap_or_default().to_string_lossy())?;
        none = false;
    }
    if none {
        writeln!(text, "  none yet")?;
    }
    print(&text)?;
    Ok(DONE)
}

fn folders(path: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}
