//! `--set key=value`: changes of an experiment's TOML before it is read.

use toml::{Table, Value};

use super::axis::quoted;
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
        let (key, value) = split_outside_quotes(text, '=')
            .ok_or_else(|| wrong("expected key=value, such as grid.seeds=20"))?;
        let mut key = key_parts(key);
        if key.iter().any(String::is_empty) {
            return Err(wrong("expected a key such as grid.seeds before '='"));
        }
        if key.len() == 1
            && let Some((section, _)) = sections.iter().find(|(_, keys)| keys.contains(&key[0].as_str()))
        {
            key.insert(0, section.to_string());
        }
        // An axis is one key, with its dots.
        if key.starts_with(&["grid".into(), "vary".into()]) && key.len() > 3 {
            key = vec![key[0].clone(), key[1].clone(), key[2..].join(".")];
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
        self.key.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".")
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

/// The text before and after the first `separator` that no quotes enclose.
fn split_outside_quotes(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == separator => return Some((&text[..at], &text[at + c.len_utf8()..])),
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
        }
    }
    None
}

/// The parts of a dotted key; a part in quotes may have dots.
fn key_parts(key: &str) -> Vec<String> {
    let part = |text: &str| {
        let text = text.trim();
        let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
        inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
    };
    let mut parts = Vec::new();
    let mut rest = key;
    while let Some((first, after)) = split_outside_quotes(rest, '.') {
        parts.push(part(first));
        rest = after;
    }
    parts.push(part(rest));
    parts
}

/// Whether one of two key paths lies within the other: `grid.models[1]` and `grid.models`.
pub(super) fn related(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    within(a, b) || within(b, a)
}
