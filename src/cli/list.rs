//! `sweep list`: the experiments, architectures and studies there are.

use std::path::Path;

use anyhow::Result;

use super::DONE;
use crate::experiment::library;
use crate::model::REGISTRY;
use crate::store::Folder;

/// Prints them.
pub fn run() -> Result<u8> {
    println!("Experiments (sweep run <name>):");
    for (name, experiment) in library::all() {
        match experiment {
            Ok(experiment) => println!("  {name:<18} {}", experiment.title),
            Err(error) => println!("  {name:<18} cannot be read: {error}"),
        }
    }
    println!("\nArchitectures (grid.models):");
    for architecture in REGISTRY {
        println!("  {:<18} {}", architecture.name, architecture.summary);
    }
    println!("\nStudies (sweep report results/<name>):");
    let mut none = true;
    for path in folders(Path::new("results")) {
        let folder = Folder::new(&path);
        let Ok(manifest) = folder.manifest() else { continue };
        let state = format!("{} of {} runs", manifest.runs_done, manifest.runs_planned);
        println!("  {:<18} {state}", path.file_name().unwrap_or_default().to_string_lossy());
        none = false;
    }
    if none {
        println!("  none yet");
    }
    Ok(DONE)
}

fn folders(path: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}
