//! A search over experiments by successive halving: the combinations of choices on several axes are the candidates.

use std::path::Path;

use serde::Deserialize;

use super::error::LoadError;
use super::halving::{MOST_COMBINATIONS, Rung};
use super::library;
use super::schema::Experiment;
use super::text::{read_text, syntax};

/// The built-in search: `experiments/calibration/search.toml`.
const BUILT_IN: &str = include_str!("../../experiments/calibration/search.toml");
/// Its name in messages.
const BUILT_IN_NAME: &str = "calibration/search.toml (built in)";

/// A search file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Name of the experiment that the choices change.
    pub base: String,
    /// Number of combinations to try.
    pub candidates: usize,
    /// Seed of the draw of combinations.
    #[serde(default)]
    pub draw: u64,
    /// The axes.
    pub axes: Vec<Axis>,
    /// Rungs, from the cheapest to the most expensive.
    pub rungs: Vec<Rung>,
}

/// An axis of the search.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Name: a column of the results.
    pub name: String,
    /// Its values.
    pub choices: Vec<Choice>,
}

/// A value of an axis.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Name in the results.
    pub name: String,
    /// Changes of the base experiment as `key=value`, as for `--set`.
    pub set: Vec<String>,
}

/// A combination of choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Hash of the choices, which names the candidate's folder.
    pub id: String,
    /// Name of the choice on every axis.
    pub choices: Vec<String>,
    /// All changes of the base experiment.
    pub overrides: Vec<String>,
}

impl Search {
    /// Loads the search in the file at `path`, or the built-in search.
    ///
    /// # Errors
    /// The file cannot be read, is not a search, or has an empty axis or no rung.
    pub fn load(path: Option<&Path>) -> Result<Self, LoadError> {
        let Some(path) = path else { return Self::parse(BUILT_IN_NAME, BUILT_IN) };
        let text = read_text(path)?;
        Self::parse(&path.display().to_string(), &text)
    }

    fn parse(file: &str, text: &str) -> Result<Self, LoadError> {
        let search: Self = toml::from_str(text).map_err(|error| syntax(file, text, &error))?;
        let invalid = |key: &str, remedy: &str| LoadError::Invalid {
            location: file.to_string(),
            key: key.to_string(),
            value: None,
            remedy: remedy.to_string(),
        };
        if let Some(axis) = search.axes.iter().find(|axis| axis.choices.is_empty()) {
            return Err(invalid(&format!("axes.{}", axis.name), "expected at least one choice"));
        }
        if search.rungs.is_empty() || search.rungs.iter().any(|rung| rung.keep == 0) {
            return Err(invalid("rungs", "expected at least one rung, each keeping at least one candidate"));
        }
        if search.combinations() > MOST_COMBINATIONS {
            return Err(invalid(
                "axes",
                &format!("expected at most {MOST_COMBINATIONS} combinations of choices"),
            ));
        }
        if search.candidates == 0 {
            return Err(invalid("candidates", "expected a whole number of at least 1"));
        }
        Ok(search)
    }

    /// Number of all combinations.
    pub fn combinations(&self) -> usize {
        self.axes.iter().fold(1, |n, axis| n.saturating_mul(axis.choices.len()))
    }

    /// The candidates of the first rung: `candidates` combinations drawn by hash, or all of them.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut all: Vec<(blake3::Hash, Candidate)> = (0..self.combinations())
            .map(|number| {
                let candidate = self.candidate(number);
                (blake3::hash(format!("{} {}", self.draw, candidate.id).as_bytes()), candidate)
            })
            .collect();
        all.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        all.truncate(self.candidates);
        all.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// The combination with this number in mixed radix.
    fn candidate(&self, mut number: usize) -> Candidate {
        let (mut choices, mut overrides) = (Vec::new(), Vec::new());
        for axis in &self.axes {
            let choice = &axis.choices[number % axis.choices.len()];
            number /= axis.choices.len();
            choices.push(choice.name.clone());
            overrides.extend(choice.set.iter().cloned());
        }
        let id = blake3::hash(format!("{} {overrides:?}", self.base).as_bytes()).to_hex()[..12].to_string();
        Candidate { id, choices, overrides }
    }

    /// The experiment of a candidate on a rung; `extra` changes are applied last.
    ///
    /// # Errors
    /// The changes do not give a valid experiment.
    pub fn experiment(
        &self,
        candidate: &Candidate,
        rung: Rung,
        extra: &[String],
    ) -> Result<Experiment, LoadError> {
        let mut overrides = candidate.overrides.clone();
        overrides.push(format!("grid.seeds={}", rung.seeds));
        overrides.push(format!("train.steps={}", rung.steps));
        overrides.extend_from_slice(extra);
        library::find(&self.base, &overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_search_names_valid_experiments() {
        let search = Search::load(None).unwrap();
        let candidates = search.candidates();
        assert_eq!(candidates.len(), search.candidates.min(search.combinations()));
        for candidate in &candidates {
            search.experiment(candidate, search.rungs[0], &[]).unwrap();
        }
    }

    #[test]
    fn candidates_are_different_and_always_the_same() {
        let search = Search { candidates: usize::MAX, ..Search::load(None).unwrap() };
        let mut ids: Vec<String> = search.candidates().into_iter().map(|candidate| candidate.id).collect();
        assert_eq!(ids, search.candidates().iter().map(|c| c.id.clone()).collect::<Vec<_>>());
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), search.combinations());
        let few = Search { candidates: 5, ..search.clone() }.candidates();
        let other = Search { candidates: 5, draw: 77, ..search }.candidates();
        assert_ne!(few, other);
    }

    #[test]
    fn mistakes_name_the_file_and_the_key() {
        let wrong = "base = \"quick\"\ncandidates = 1\naxes = [{ name = \"a\", choices = [] }]\nrungs = []";
        assert_eq!(
            Search::parse("s.toml", wrong).unwrap_err().to_string(),
            "s.toml: axes.a: expected at least one choice"
        );
        let unknown = "base = \"quick\"\ncandidate = 1";
        let message = Search::parse("s.toml", unknown).unwrap_err().to_string();
        assert!(message.starts_with("s.toml:2") && message.contains("candidate"), "{message}");
    }
}
