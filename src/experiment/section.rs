//! Typed access to one section of an experiment: each key is taken once, with what it may be, and what is
//! left over at the end is a mistake.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use super::error::Mistake;
use crate::bounds::Bounds;
use crate::model::{Architecture, SIZE};

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

    /// Takes a whole number within `bounds`; required unless there is a default.
    pub fn whole(
        &mut self,
        key: &str,
        bounds: impl Into<Bounds<u64>>,
        default: Option<u64>,
    ) -> Result<u64, Mistake> {
        let bounds = bounds.into();
        let value = match (self.take(key), default) {
            (Some(value), _) => value,
            (None, Some(default)) => return Ok(default),
            (None, None) => return self.require(key, &bounds.a()).map(|_| 0),
        };
        match value.as_integer().and_then(|n| u64::try_from(n).ok()).filter(|n| bounds.contains(*n)) {
            Some(n) => Ok(n),
            None => Err(self.mistake(key, &value, within_or_digits(bounds, &value))),
        }
    }

    /// Takes a number within `bounds`; required unless there is a default.
    pub fn number(
        &mut self,
        key: &str,
        bounds: impl Into<Bounds<f64>>,
        default: Option<f64>,
    ) -> Result<f64, Mistake> {
        let bounds = bounds.into();
        let value = match (self.take(key), default) {
            (Some(value), _) => value,
            (None, Some(default)) => return Ok(default),
            (None, None) => self.require(key, &bounds.a())?,
        };
        as_number(&value).filter(|x| bounds.contains(*x)).ok_or_else(|| self.mistake(key, value, bounds.a()))
    }

    /// Takes a list of numbers within `bounds`, which messages call `what`; may be empty.
    pub fn numbers(
        &mut self,
        key: &str,
        bounds: impl Into<Bounds<f64>>,
        what: &str,
    ) -> Result<Vec<f64>, Mistake> {
        let bounds = bounds.into();
        self.list(key, bounds, &format!("a list of {what} {}", bounds.range()))
    }

    /// Takes a list of different numbers within `bounds`, at least one, which messages call `what`, and sorts it. Numbers that
    /// differ only after the sixth digit are refused: tables and figures would show two of one name.
    pub fn sorted_numbers(
        &mut self,
        key: &str,
        bounds: impl Into<Bounds<f64>>,
        what: &str,
    ) -> Result<Vec<f64>, Mistake> {
        let bounds = bounds.into();
        let remedy = format!("a list of {what} {}, at least one, each once", bounds.range());
        let shown = self.table.get(key).map(Value::to_string).unwrap_or_default();
        let mut numbers = self.list(key, bounds, &remedy)?;
        // -0 and 0 are one number, and one identity.
        numbers.iter_mut().for_each(|x| *x += 0.0);
        numbers.sort_by(f64::total_cmp);
        if numbers.is_empty() || numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.mistake(key, shown, remedy));
        }
        match look_alike(&numbers) {
            Some(remedy) => Err(self.mistake(key, shown, remedy)),
            None => Ok(numbers),
        }
    }

    fn list(&mut self, key: &str, bounds: Bounds<f64>, remedy: &str) -> Result<Vec<f64>, Mistake> {
        let value = self.require(key, remedy)?;
        value
            .as_array()
            .and_then(|list| list.iter().map(|x| as_number(x).filter(|x| bounds.contains(*x))).collect())
            .ok_or_else(|| self.mistake(key, value, remedy))
    }

    /// As [`Self::sorted_numbers`], or the default where the key is missing or the list is empty.
    pub fn sorted_numbers_or(
        &mut self,
        key: &str,
        bounds: impl Into<Bounds<f64>>,
        what: &str,
        default: Vec<f64>,
    ) -> Result<Vec<f64>, Mistake> {
        match self.table.get(key) {
            None => Ok(default),
            Some(Value::Array(list)) if list.is_empty() => {
                self.take(key);
                Ok(default)
            }
            Some(_) => self.sorted_numbers(key, bounds, what),
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

    /// Takes a name or a list of names; none where the key is missing.
    pub fn names_or_none(&mut self, key: &str) -> Result<Vec<String>, Mistake> {
        match self.table.get(key) {
            None => Ok(Vec::new()),
            Some(Value::String(name)) => {
                let names = vec![name.clone()];
                self.take(key);
                Ok(names)
            }
            Some(Value::Array(_)) => self.words(key),
            Some(other) => Err(self.mistake(key, other, "a name in quotes, or a list of them")),
        }
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
            true => vec![
                "name",
                "title",
                "description",
                "changed",
                "data",
                "grid",
                "models",
                "train",
                "report",
                "tune",
            ],
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

/// The bounds of a whole number. For a value within them that has a point or an exponent, such as `1e3`, also its digits.
fn within_or_digits(bounds: Bounds<u64>, value: &Value) -> String {
    match value.as_float().filter(|x| x.fract() == 0.0 && *x >= 0.0 && bounds.contains(*x as u64)) {
        Some(x) => format!("{bounds}, in digits: {x}"),
        None => bounds.a(),
    }
}

/// What is expected instead of sorted numbers of which two differ only after the sixth digit; none where all differ.
pub(super) fn look_alike(numbers: &[f64]) -> Option<String> {
    let six_digits = |x: f64| format!("{x:.5e}");
    let pair = numbers.windows(2).find(|pair| six_digits(pair[0]) == six_digits(pair[1]))?;
    Some(format!(
        "numbers that differ in their first six digits; {} and {} do not, so leave one of them out",
        pair[0], pair[1]
    ))
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64)).filter(|x| x.is_finite())
}

/// `; did you mean "x"?` where a known word resembles `given`, else empty.
pub(super) fn did_you_mean(given: &str, known: &[&str]) -> String {
    closest(given, known).map(|word| format!("; did you mean \"{word}\"?")).unwrap_or_default()
}

/// The known word that resembles `given` most, if one does.
pub(crate) fn closest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Jaro–Winkler similarity at which a word counts as a misspelling; unrelated keys of this project stay
    /// below 0.75.
    const CLOSE: f64 = 0.8;
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(given, word), *word))
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
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
    let with = |key: &str, value: Value| (architecture.parse)(Table::from_iter([(key.into(), value)]));
    let Some((key, value)) = sizes.iter().find(|(key, value)| with(key, (*value).clone()).is_err()) else {
        return Mistake { key: path.to_string(), value: None, remedy: expected(SIZE.a()) };
    };
    let remedy = match message.split_once(": expected ") {
        Some((_, remedy)) => remedy.to_string(),
        None => size_remedy(sizes, key, value, architecture),
    };
    Mistake { key: format!("{path}.{key}"), value: Some(value.to_string()), remedy: expected(remedy) }
}

/// The values that a size may have whose value serde refused: those that the check of the sizes names when the key has a
/// value that no size has.
fn size_remedy(sizes: &Table, key: &str, value: &Value, architecture: &Architecture) -> String {
    let with = |value: Value| {
        let mut sizes = sizes.clone();
        sizes.insert(key.into(), value);
        (architecture.parse)(sizes).ok().map(|sizes| sizes.configuration.check())
    };
    let refused = |value: Value| with(value)?.err().filter(|invalid| invalid.key == key);
    let outside = [0.into(), i64::MAX.into(), f64::NAN.into()];
    let remedy = outside.into_iter().find_map(refused).map(|invalid| invalid.remedy);
    let digits = value.as_float().filter(|x| x.fract() == 0.0).map(|x| x as i64);
    match digits.filter(|whole| with((*whole).into()).is_some_and(|checked| checked.is_ok())) {
        Some(whole) => format!("{}, in digits: {whole}", remedy.unwrap_or_else(|| SIZE.a())),
        None => remedy.unwrap_or_else(|| SIZE.a()),
    }
}

/// Refuses control characters, which would move a terminal's cursor or break a page.
pub(super) fn printable(section: &Section, key: &str, text: &str) -> Result<(), Mistake> {
    match text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        false => Ok(()),
        true => Err(section.mistake(key, format!("{text:?}"), "text without control characters")),
    }
}
