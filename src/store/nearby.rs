//! The studies near a path that has none, for its message.

use std::path::{Path, PathBuf};

use super::StoreError;
use crate::experiment::closest;

/// Folder of studies where a command does not say otherwise.
const RESULTS: &str = "results";
/// Limit of the named studies.
const SHOWN: usize = 8;

/// The error of a path without a study.
pub fn no_study(path: &Path) -> StoreError {
    let problem = problem(path);
    StoreError::NoStudy {
        path: path.to_owned(),
        problem,
        remedy: remedy(path, &near(path, Path::new(RESULTS))),
    }
}

fn problem(path: &Path) -> &'static str {
    match (path.is_file(), path.exists()) {
        (true, _) => "is a file; expected the folder of a study",
        (_, false) => "no such folder",
        _ => "no study here (study.toml is missing)",
    }
}

/// Studies in the folder itself, beside it, around it and in `results`.
fn near(path: &Path, results: &Path) -> Vec<PathBuf> {
    let parent = path.parent().map(|parent| if parent == "" { Path::new(".") } else { parent });
    let mut found: Vec<PathBuf> =
        parent.filter(|parent| is_study(parent)).map(Path::to_owned).into_iter().collect();
    for folder in [Some(path), parent, Some(results)].into_iter().flatten() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut studies: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| is_study(path)).collect();
        studies.sort();
        found.extend(studies);
    }
    let plain = |path: &PathBuf| path.strip_prefix(".").unwrap_or(path).to_owned();
    let mut plain: Vec<PathBuf> = found.iter().map(plain).collect();
    let mut seen = std::collections::HashSet::new();
    plain.retain(|path| seen.insert(path.clone()));
    plain
}

fn is_study(path: &Path) -> bool {
    path.join("study.toml").is_file()
}

fn remedy(path: &Path, near: &[PathBuf]) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names: Vec<String> = near.iter().map(|path| name(path)).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some(meant) = closest(&name(path), &known).and_then(|meant| known.iter().position(|n| *n == meant))
    {
        return format!("did you mean {}?", near[meant].display());
    }
    let shown: Vec<String> = near.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    match near.len() {
        0 => "`sweep run` trains a study".into(),
        n if n > SHOWN => format!("there are {} and {} more", shown.join(", "), n - SHOWN),
        _ => format!("there are {}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn studies_near_a_path_are_named() {
        let desk = tempfile::tempdir().unwrap();
        let study = |name: &str| {
            let folder = desk.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("study.toml"), "").unwrap();
        };
        let message = |name: &str| {
            let path = desk.path().join(name);
            let text =
                format!("{}; {}", problem(&path), remedy(&path, &near(&path, &desk.path().join("results"))));
            text.replace(&format!("{}/", desk.path().display()), "")
        };
        assert_eq!(message("alone"), "no such folder; `sweep run` trains a study");
        study("all/figure4");
        study("all/quick");
        assert_eq!(message("all"), "no study here (study.toml is missing); there are all/figure4, all/quick");
        assert_eq!(message("all/figre4"), "no such folder; did you mean all/figure4?");
        assert_eq!(message("all/xyz"), "no such folder; there are all/figure4, all/quick");
        assert_eq!(
            message("all/quick/study.toml"),
            "is a file; expected the folder of a study; there are all/quick"
        );
        (0..9).for_each(|number| study(&format!("all/{number}")));
        assert!(message("all/xyz").ends_with("all/6, all/7 and 3 more"), "{}", message("all/xyz"));
    }
}
