//! `--set key=value`: changes of an experiment's TOML before it is read.

use toml::{Table, Value};

use super::error::LoadError;
use super::text::{table, written};
use crate::model::REGISTRY;

/// One `--set key=value`.
pub(super) struct Override {
    /// The text of the `--set`.
    pub text: String,
    key: Vec<String>,
    value: Value,
    /// The value as TOML in the key `value`, as it was written.
    source: String,
}

impl Override {
    /// Reads `key=value`. A key without a section belongs to the first of `sections` that has it.
    ///
    /// # Errors
    /// The text is not `key=value`.
    pub fn parse(text: &str, sections: &[(&str, &[&str])]) -> Result<Self, LoadError> {
        let wrong = |remedy: &str| LoadError::Override { text: text.to_string(), remedy: remedy.to_string() };
        let (key, value) =
            text.split_once('=').ok_or_else(|| wrong("expected key=value, such as grid.seeds=20"))?;
        let mut key: Vec<String> = key.trim().split('.').map(|part| part.trim().to_string()).collect();
        if key.iter().any(String::is_empty) {
            return Err(wrong("expected a key such as grid.seeds before '='"));
        }
        if key.len() == 1
            && let Some((section, _)) = sections.iter().find(|(_, keys)| keys.contains(&key[0].as_str()))
        {
            key.insert(0, section.to_string());
        }
        // A value that is not TOML is a word: --set train.engine=graph
        let source = format!("value = {value}");
        let value = match table(&source) {
            Ok(mut table) if table.len() == 1 => table.remove("value").expect("the one key"),
            _ => Value::String(value.trim().to_string()),
        };
        Ok(Self { text: text.to_string(), key, value, source })
    }

    /// Path of the changed key, such as `grid.seeds`.
    pub fn path(&self) -> String {
        self.key.join(".")
    }

    /// The value of a key as it is written, if the key is the changed one or within it and `shown` is its value in other
    /// words.
    pub fn written(&self, key: &str, shown: &str) -> Option<String> {
        let within = key.strip_prefix(&self.path())?;
        written(&self.source, &format!("value{within}"), shown)
    }

    /// Whether an experiment has another value than this one. The folder of its rows is no part of it.
    pub fn is_news(&self, table: &Table) -> bool {
        let (first, rest) = self.key.split_first().expect("a key has at least one part");
        let value = rest.iter().fold(table.get(first), |value, part| value?.get(part));
        value != Some(&self.value) && self.path() != "data.path"
    }

    /// Adds the change to an experiment's list of changes, in place of an earlier one of the same key.
    pub fn note_in(&self, changed: &mut Vec<String>) {
        let start = format!("{} = ", self.path());
        changed.retain(|change| !change.starts_with(&start));
        changed.push(format!("{start}{}", self.value));
    }

    /// Sets the key in the table of an experiment.
    ///
    /// # Errors
    /// A part of the path is not a section.
    pub fn apply(&self, table: &mut Table) -> Result<(), LoadError> {
        let (last, sections) = self.key.split_last().expect("a key has at least one part");
        let mut table = table;
        for (depth, section) in sections.iter().enumerate() {
            let entry = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            table = match entry {
                Value::Table(inner) => inner,
                _ => {
                    return Err(LoadError::Override {
                        text: self.text.clone(),
                        remedy: format!("{} is not a section", self.key[..=depth].join(".")),
                    });
                }
            };
        }
        if last == "match_parameters" {
            // The match replaces the width that the file gives.
            REGISTRY.iter().for_each(|architecture| drop(table.remove(architecture.width)));
        }
        table.insert(last.clone(), self.value.clone());
        Ok(())
    }
}

/// Whether one of two key paths lies within the other: `grid.models[1]` and `grid.models`.
pub(super) fn related(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    within(a, b) || within(b, a)
}
