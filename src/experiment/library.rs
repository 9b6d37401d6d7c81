//! The library of experiments: files in `experiments/`, and the project's own files, which are built into the
//! program so that it runs from any folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::LoadError;
use super::load;
use super::schema::Experiment;
use super::section::did_you_mean;

/// Folder of experiment files in the current folder.
const FOLDER: &str = "experiments";

/// The project's experiments by name.
const BUILT_IN: &[(&str, &str)] = &[
    ("ali-ccp", include_str!("../../experiments/ali-ccp.toml")),
    ("calibration", include_str!("../../experiments/calibration.toml")),
    ("census-education", include_str!("../../experiments/census-education.toml")),
    ("census-income", include_str!("../../experiments/census-income.toml")),
    ("ci", include_str!("../../experiments/ci.toml")),
    ("esmm", include_str!("../../experiments/esmm.toml")),
    ("esmm-delay", include_str!("../../experiments/esmm-delay.toml")),
    ("esmm-selection", include_str!("../../experiments/esmm-selection.toml")),
    ("esmm-sparsity", include_str!("../../experiments/esmm-sparsity.toml")),
    ("figure2", include_str!("../../experiments/figure2.toml")),
    ("figure3", include_str!("../../experiments/figure3.toml")),
    ("figure4", include_str!("../../experiments/figure4.toml")),
    ("models", include_str!("../../experiments/models.toml")),
    ("quick", include_str!("../../experiments/quick.toml")),
];

/// The experiment called `name`: a path that ends in `.toml`, a file of that name in `experiments/`, or a built-in
/// experiment. Applies `key=value` overrides in order.
///
/// # Errors
/// There is no such experiment, or it is not valid.
pub fn find(name: &str, overrides: &[String]) -> Result<Experiment, LoadError> {
    let path = path_of(name);
    if path.is_file() {
        return load::load(&path, overrides);
    }
    match BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        Some((_, text)) => load::parse(name, &format!("{name}.toml (built in)"), text, overrides),
        None => Err(missing(name, &path)),
    }
}

fn path_of(name: &str) -> PathBuf {
    match Path::new(name).extension() {
        Some(extension) if extension == "toml" => PathBuf::from(name),
        _ => Path::new(FOLDER).join(format!("{name}.toml")),
    }
}

fn missing(name: &str, path: &Path) -> LoadError {
    let names = names();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = did_you_mean(name, &known);
    LoadError::Missing {
        name: name.to_string(),
        looked_for: path.display().to_string(),
        suggestion: format!("; there are {}{hint}", known.join(", ")),
    }
}

/// Names of all experiments, sorted.
fn names() -> Vec<String> {
    let files = std::fs::read_dir(FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut names: Vec<String> =
        files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_string())).collect();
    names.extend(BUILT_IN.iter().map(|(name, _)| name.to_string()));
    names.sort();
    names.dedup();
    names
}

/// All experiments by name, each read or with the reason why it cannot be.
pub fn all() -> BTreeMap<String, Result<Experiment, LoadError>> {
    names().into_iter().map(|name| (name.clone(), find(&name, &[]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description is a constant of its file, while `--set` changes every number.
    #[test]
    fn descriptions_state_nothing_that_a_key_changes() {
        const NUMBERS: [&str; 11] =
            ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "minute", "minutes"];
        // Numbers of figures and tables, and of a label and a limit that no key changes.
        const FIXED: [&str; 4] = ["$50,000", "At 0 clicks", "Figures 3, 4 and 5", "Figures 4 and 5"];
        for (name, text) in BUILT_IN {
            let experiment = load::parse(name, name, text, &[]).unwrap();
            let text = format!("{} {}", experiment.title, experiment.description);
            let text = FIXED.iter().fold(text, |text, fixed| text.replace(fixed, ""));
            let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
            for (at, word) in words.iter().enumerate() {
                let name_before = at > 0 && ["Figure", "Table"].contains(&words[at - 1]);
                let number = word.starts_with(|c: char| c.is_ascii_digit()) && !name_before;
                assert!(!number && !NUMBERS.contains(&word.to_lowercase().as_str()), "{name}: {word}");
            }
        }
    }

    #[test]
    fn changes_are_remembered() {
        let text = BUILT_IN.iter().find(|(name, _)| *name == "quick").unwrap().1;
        let changed = |sets: &[&str], text: &str| {
            let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
            load::parse("quick", "quick", text, &sets).unwrap().changed
        };
        let sets = ["seeds=3", "data.dim=100", "grid.models=[\"mmoe\"]", "grid.seeds=4"];
        let expected = ["grid.models = [\"mmoe\"]", "grid.seeds = 4"];
        assert_eq!(changed(&sets, text), expected, "data.dim is 100 anyway");
        let again = format!("changed = {expected:?}\n{text}");
        assert_eq!(changed(&["grid.seeds=5"], &again), ["grid.models = [\"mmoe\"]", "grid.seeds = 5"]);
    }

    #[test]
    fn every_built_in_experiment_is_valid_and_survives_study_toml() {
        for (name, text) in BUILT_IN {
            let experiment = load::parse(name, name, text, &[]).unwrap();
            let again = load::parse(name, name, &experiment.to_toml().to_string(), &[]).unwrap();
            assert_eq!(experiment.to_toml(), again.to_toml(), "{name}");
            let titles = |experiment: &Experiment| {
                experiment.models.iter().map(|model| model.title.clone()).collect::<Vec<_>>()
            };
            assert_eq!(titles(&experiment), titles(&again), "{name}");
        }
    }
}
