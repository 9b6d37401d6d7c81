//! Typed access to one section of an experiment: each key is taken once, with what it may be, and what is
//! left over at the end is a mistake.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use super::error::Mistake;
use crate::model::Architecture;

/// A table of an experiment. Readers take its keys out one by one.
pub(super) struct Section {
    path: String,
    table: Table,
}

/// A range of whole numbers.
pub(super) fn whole(range: RangeInclusive<u64>) -> RangeInclusive<u64> {
    range
}

impl Section {
    /// A section at `path` (empty for the whole document).
    pub fn new(path: &str, table: Table) -> Self {
        Self { path: path.to_string(), table }
    }

    /// Path of the section.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Names of the remaining keys.
    pub fn names(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// A mistake about one of its keys.
    pub fn mistake(&self, key: &str, value: impl ToString, remedy: impl Into<String>) -> Mistake {
        Mistake { key: self.key(key), value: Some(value.to_string()), remedy: expected(remedy.into()) }
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    /// Whether a key is present.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Takes a key, if it is present.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    /// Takes a required key.
    ///
    /// # Errors
    /// The key is missing.
    pub fn require(&mut self, key: &str, remedy: &str) -> Result<Value, Mistake> {
        self.take(key).ok_or_else(|| Mistake {
            key: self.key(key),
            value: None,
            remedy: format!("is missing; expected {remedy}"),
        })
    }

    /// Takes a subsection; empty where it is missing.
    pub fn section(&mut self, key: &str) -> Result<Section, Mistake> {
        match self.take(key) {
            None => Ok(Section::new(&self.key(key), Table::new())),
            Some(Value::Table(table)) => Ok(Section::new(&self.key(key), table)),
            Some(other) => Err(self.mistake(key, other, format!("a section: [{}]", self.key(key)))),
        }
    }

    /// The remaining keys with their values.
    pub fn rest(self) -> Table {
        self.table
    }

    /// Takes text, or gives the default.
    pub fn text_or(&mut self, key: &str, default: &str) -> Result<String, Mistake> {
        match self.take(key) {
            None => Ok(default.to_string()),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.mistake(key, other, "text in quotes")),
        }
    }

    /// Takes true or false, or gives the default.
    pub fn flag(&mut self, key: &str, default: bool) -> Result<bool, Mistake> {
        match self.take(key) {
            None => Ok(default),
            Some(Value::Boolean(flag)) => Ok(flag),
            Some(other) => Err(self.mistake(key, other, "true or false")),
        }
    }

    /// Takes a whole number in `range`; required unless there is a default.
    pub fn whole(
        &mut self,
        key: &str,
        range: RangeInclusive<u64>,
        default: Option<u64>,
    ) -> Result<u64, Mistake> {
        let remedy = format!("a whole number from {} to {}", range.start(), range.end());
        let value = match (self.take(key), default) {
            (Some(value), _) => value,
            (None, Some(default)) => return Ok(default),
            (None, None) => return self.require(key, &remedy).map(|_| 0),
        };
        match value.as_integer().and_then(|n| u64::try_from(n).ok()).filter(|n| range.contains(n)) {
            Some(n) => Ok(n),
            None => Err(self.mistake(key, value, remedy)),
        }
    }

    /// Takes a number in `range`; required unless there is a default.
    pub fn number(
        &mut self,
        key: &str,
        range: RangeInclusive<f64>,
        remedy: &str,
        default: Option<f64>,
    ) -> Result<f64, Mistake> {
        let value = match (self.take(key), default) {
            (Some(value), _) => value,
            (None, Some(default)) => return Ok(default),
            (None, None) => self.require(key, remedy)?,
        };
        as_number(&value).filter(|x| range.contains(x)).ok_or_else(|| self.mistake(key, value, remedy))
    }

    /// Takes a list of numbers in `range`; may be empty.
    pub fn numbers(
        &mut self,
        key: &str,
        range: RangeInclusive<f64>,
        remedy: &str,
    ) -> Result<Vec<f64>, Mistake> {
        let remedy = format!("a list of {remedy}");
        let value = self.require(key, &remedy)?;
        value
            .as_array()
            .and_then(|list| list.iter().map(|x| as_number(x).filter(|x| range.contains(x))).collect())
            .ok_or_else(|| self.mistake(key, value, remedy))
    }

    /// Takes a list of different numbers in `range`, at least one, and sorts it. Numbers that differ only after the sixth
    /// digit are refused: tables and figures would show two of one name.
    pub fn sorted_numbers(
        &mut self,
        key: &str,
        range: RangeInclusive<f64>,
        remedy: &str,
    ) -> Result<Vec<f64>, Mistake> {
        let shown = self.table.get(key).map(Value::to_string).unwrap_or_default();
        let mut numbers = self.numbers(key, range, remedy)?;
        // -0 and 0 are one number, and one identity.
        numbers.iter_mut().for_each(|x| *x += 0.0);
        numbers.sort_by(f64::total_cmp);
        if numbers.is_empty() || numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.mistake(key, shown, format!("a list of {remedy}, at least one")));
        }
        let six_digits = |x: f64| format!("{x:.5e}");
        if let Some(pair) = numbers.windows(2).find(|pair| six_digits(pair[0]) == six_digits(pair[1])) {
            let remedy = format!(
                "numbers that differ in their first six digits; {} and {} do not, so leave one of them out",
                pair[0], pair[1]
            );
            return Err(self.mistake(key, shown, remedy));
        }
        Ok(numbers)
    }

    /// As [`Self::sorted_numbers`], or the default where the key is missing or the list is empty.
    pub fn sorted_numbers_or(
        &mut self,
        key: &str,
        range: RangeInclusive<f64>,
        remedy: &str,
        default: Vec<f64>,
    ) -> Result<Vec<f64>, Mistake> {
        match self.table.get(key) {
            None => Ok(default),
            Some(Value::Array(list)) if list.is_empty() => {
                self.take(key);
                Ok(default)
            }
            Some(_) => self.sorted_numbers(key, range, remedy),
        }
    }

    /// Takes a list of names.
    pub fn words(&mut self, key: &str) -> Result<Vec<String>, Mistake> {
        let remedy = "a list of names in quotes";
        let value = self.require(key, remedy)?;
        value
            .as_array()
            .and_then(|list| list.iter().map(|word| word.as_str().map(str::to_string)).collect())
            .ok_or_else(|| self.mistake(key, value, remedy))
    }

    /// Takes one of a few words; required unless there is a default.
    pub fn word<T: Copy>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
        default: Option<T>,
    ) -> Result<T, Mistake> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let remedy = match names[..] {
            [only] => format!("\"{only}\""),
            _ => format!("one of {}", names.join(", ")),
        };
        let value = match (self.take(key), default) {
            (Some(value), _) => value,
            (None, Some(default)) => return Ok(default),
            (None, None) => self.require(key, &remedy)?,
        };
        let given = value.as_str().unwrap_or_default();
        match words.iter().find(|(name, _)| *name == given) {
            Some((_, meaning)) => Ok(*meaning),
            None => {
                let remedy = format!("{remedy}{}", did_you_mean(given, &names));
                Err(self.mistake(key, &value, remedy))
            }
        }
    }

    /// Refuses remaining keys, which are unknown. `known` are the allowed keys.
    pub fn finish(self, known: &[&str]) -> Result<(), Mistake> {
        let Some((key, _)) = self.table.iter().next() else { return Ok(()) };
        let known: Vec<&str> = match self.path.is_empty() {
            true => vec!["name", "title", "description", "data", "grid", "models", "train", "report", "tune"],
            false => known.to_vec(),
        };
        let hint = did_you_mean(key, &known);
        Err(Mistake {
            key: self.key(key),
            value: None,
            remedy: format!("unknown key; expected one of {}{hint}", known.join(", ")),
        })
    }
}

/// A remedy as a sentence.
pub(super) fn expected(remedy: String) -> String {
    format!("expected {remedy}")
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64)).filter(|x| x.is_finite())
}

/// `; did you mean "x"?` where a known word resembles `given`, else empty.
pub(super) fn did_you_mean(given: &str, known: &[&str]) -> String {
    /// Jaro–Winkler similarity at which a word counts as a misspelling; unrelated keys of this project stay
    /// below 0.75.
    const CLOSE: f64 = 0.8;
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(given, word), word))
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| format!("; did you mean \"{word}\"?"))
        .unwrap_or_default()
}

/// The mistake in a model's sizes that serde refused. The message names the key; else it is the one that serde also
/// refuses alone.
pub(super) fn size_mistake(
    path: &str,
    sizes: &Table,
    architecture: &Architecture,
    error: &toml::de::Error,
) -> Mistake {
    let message = error.message();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field") {
        let hint = did_you_mean(quoted[0], &quoted[1..]);
        return Mistake {
            key: format!("{path}.{}", quoted[0]),
            value: None,
            remedy: format!("unknown key; expected one of {}{hint}", quoted[1..].join(", ")),
        };
    }
    let alone =
        |key: &str, value: &Value| (architecture.parse)(Table::from_iter([(key.into(), value.clone())]));
    let wrong = sizes.iter().find(|(key, value)| alone(key, value).is_err());
    let remedy = match message.split_once(": expected ") {
        Some((_, remedy)) => remedy,
        None if message.contains("expected f64") => "a number",
        None => "a whole number of at least 1",
    };
    Mistake {
        key: wrong.map_or(path.to_string(), |(key, _)| format!("{path}.{key}")),
        value: wrong.map(|(_, value)| value.to_string()),
        remedy: expected(remedy.into()),
    }
}

/// Refuses control characters, which would move a terminal's cursor or break a page.
pub(super) fn printable(section: &Section, key: &str, text: &str) -> Result<(), Mistake> {
    match text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        false => Ok(()),
        true => Err(section.mistake(key, format!("{text:?}"), "text without control characters")),
    }
}
