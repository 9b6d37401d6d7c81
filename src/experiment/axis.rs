//! The axes of a grid: keys of the experiment that `[grid.vary]` gives several values, and the settings that they make.
//!
//! An axis is a dotted key with a list of values, a *setting* one value of every axis. The experiment at a setting is the
//! experiment's own TOML with these keys changed, read by the ordinary readers
//! ([`variant`](super::variant)), so that a value is checked by its key's own rules.

use std::fmt::{Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::error::Mistake;
use super::section::{Section, did_you_mean, expected, look_alike};

/// Most settings of a grid: each is read and checked on its own.
const MOST_SETTINGS: usize = 10_000;

/// A value of an axis.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AxisValue {
    /// A number; never NaN, and never −0.
    Number(f64),
    /// A word, or a list or table as TOML writes it: `he_normal`, `[64, 32]`.
    Word(String),
}

impl AxisValue {
    /// The value in TOML; none for a number that is none.
    pub fn from_toml(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(whole) => Some(Self::Number(*whole as f64)),
            // -0 and 0 are one number.
            Value::Float(number) => (!number.is_nan()).then_some(Self::Number(number + 0.0)),
            Value::String(word) => Some(Self::Word(word.clone())),
            other => Some(Self::Word(other.to_string())),
        }
    }

    /// The number; none for a word.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Word(_) => None,
        }
    }

    /// Text of the value for readers, its number formatted by `format`.
    pub fn label(&self, format: fn(f64) -> String) -> String {
        match self {
            Self::Number(number) => format(*number),
            Self::Word(word) => word.clone(),
        }
    }
}

impl Display for AxisValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

impl PartialEq for AxisValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (Self::Word(a), Self::Word(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for AxisValue {}

impl Hash for AxisValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Number(number) => number.to_bits().hash(state),
            Self::Word(word) => word.hash(state),
        }
    }
}

/// An axis: a key and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The dotted key, such as `data.noise_std` or `models.mmoe.experts`: the name of its column in every table.
    pub key: Arc<str>,
    /// Its values, at least one: numbers in rising order, words in the order of the file.
    pub values: Vec<AxisValue>,
    /// The same as they are written in TOML.
    pub(super) toml: Vec<Value>,
}

impl Axis {
    /// The values as numbers; none where one of them is a word.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        self.values.iter().map(AxisValue::number).collect()
    }

    /// The last part of the key in words: `click rate` for `data.click_rate`.
    pub fn name(&self) -> String {
        match self.key.split('.').collect::<Vec<_>>()[..] {
            ["data", "source", "rows"] => "training rows".into(),
            ["models", .., model, size] => format!("{} of {model}", size.replace('_', " ")),
            [.., last] => last.replace('_', " "),
            [] => String::new(),
        }
    }

    /// The axis in words, with its unit where it has one.
    pub fn title(&self) -> String {
        match &*self.key {
            "data.selection" => "selection strength (standard deviation of the logit of pCTR)".into(),
            "data.share" => "share of the training impressions".into(),
            "data.click_rate" => "clicks per impression".into(),
            "data.conversion_rate" => "conversions per click".into(),
            "data.mean_delay" => "mean delay of conversions (training windows)".into(),
            "data.noise_std" => "standard deviation of the label noise".into(),
            "train.batch_size" => "rows of a step (batch size)".into(),
            "train.steps" => "training steps".into(),
            "train.init" => "initialisation".into(),
            _ => self.name(),
        }
    }
}

/// One value of every axis, each with its key, in the order of the axes. Empty where nothing varies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Setting(Arc<[(Arc<str>, AxisValue)]>);

impl Setting {
    /// The setting with these values.
    pub fn new(values: impl IntoIterator<Item = (Arc<str>, AxisValue)>) -> Self {
        Self(values.into_iter().collect())
    }

    /// Whether nothing varies.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, in the order of the axes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AxisValue)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// The value of an axis.
    pub fn get(&self, key: &str) -> Option<&AxisValue> {
        self.iter().find(|(other, _)| *other == key).map(|(_, value)| value)
    }

    /// Keys and values for tables, such as `data.noise_std = 1, train.init = he_normal`.
    pub fn label(&self, format: fn(f64) -> String) -> String {
        let values: Vec<String> =
            self.iter().map(|(key, value)| format!("{key} = {}", value.label(format))).collect();
        values.join(", ")
    }

    /// The setting with another value of an axis that it has.
    pub fn with(&self, key: &str, value: &AxisValue) -> Self {
        let values = self
            .0
            .iter()
            .map(|(other, old)| (other.clone(), if &**other == key { value.clone() } else { old.clone() }));
        Self::new(values)
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = Setting;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("the values of axes by their keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Setting, A::Error> {
                let mut values = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, AxisValue>()? {
                    values.push((key.into(), value));
                }
                Ok(Setting(values.into()))
            }

            // Group files had a number alone when one parameter could vary. The plan knows the run by its identity and
            // names its setting.
            fn visit_f64<E: Error>(self, _: f64) -> Result<Setting, E> {
                Ok(Setting::default())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Setting, E> {
                Ok(Setting::default())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Setting, E> {
                Ok(Setting::default())
            }

            fn visit_unit<E: Error>(self) -> Result<Setting, E> {
                Ok(Setting::default())
            }
        }
        deserializer.deserialize_any(Settings)
    }
}

/// All combinations of the values of axes, the last axis in the inner loop; one empty setting without axes.
pub(super) fn settings(axes: &[Axis]) -> Vec<Setting> {
    let mut all: Vec<Vec<(Arc<str>, AxisValue)>> = vec![Vec::new()];
    for axis in axes {
        let with = |setting: Vec<(Arc<str>, AxisValue)>| {
            axis.values.iter().map(move |value| {
                let mut longer = setting.clone();
                longer.push((axis.key.clone(), value.clone()));
                longer
            })
        };
        all = all.into_iter().flat_map(with).collect();
    }
    all.into_iter().map(Setting::new).collect()
}

/// The table `vary` with dotted keys: what is nested, as in `data.noise_std = [0.1, 1]`, is written as one key.
pub(super) fn flat(table: Table) -> Table {
    let mut flat_table = Table::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => flat_table
                .extend(flat(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value))),
            leaf => drop(flat_table.insert(key, leaf)),
        }
    }
    flat_table
}

/// Gives `grid.vary` of an experiment dotted keys.
pub(super) fn flatten(experiment: &mut Table) {
    let grid = experiment.get_mut("grid").and_then(Value::as_table_mut);
    if let Some(Value::Table(vary)) = grid.and_then(|grid| grid.get_mut("vary")) {
        *vary = flat(std::mem::take(vary));
    }
}

/// Gives a key that an experiment lacks its first value of `grid.vary`; whether it did.
pub(super) fn fill(experiment: &mut Table, key: &str) -> bool {
    let first = get(experiment, &["grid", "vary", key]).and_then(|list| list.as_array()?.first()).cloned();
    let parts: Vec<&str> = key.split('.').collect();
    match first {
        Some(first) if get(experiment, &parts).is_none() => {
            set(experiment, &parts, first);
            true
        }
        _ => false,
    }
}

/// Path of an axis in messages: `grid.vary."data.noise_std"`.
pub(super) fn path(key: &str) -> String {
    format!("grid.vary.{}", quoted(key))
}

/// A part of a path, in quotes where it has dots.
pub(super) fn quoted(part: &str) -> String {
    if part.contains('.') { format!("{part:?}") } else { part.to_owned() }
}

/// Reads `vary` of `[grid]` for a grid of these models.
pub(super) fn read(section: &mut Section, models: &[String]) -> Result<Vec<Axis>, Mistake> {
    let table = match section.take("vary") {
        None => return Ok(Vec::new()),
        Some(Value::Table(table)) => table,
        Some(other) => return Err(old_form(section, &other)),
    };
    let axes = table
        .into_iter()
        .map(|(key, value)| axis(key, value, models))
        .collect::<Result<Vec<Axis>, Mistake>>()?;
    let settings = axes.iter().fold(1usize, |count, axis| count.saturating_mul(axis.values.len()));
    if settings > MOST_SETTINGS {
        return Err(Mistake {
            key: "grid.vary".into(),
            value: None,
            remedy: expected(format!(
                "at most {MOST_SETTINGS} combinations of values (there are {settings}); vary fewer keys at once"
            )),
        });
    }
    Ok(axes)
}

/// The mistake of a `vary` that is not a table. Before every key could vary, it named a parameter of simulated impressions
/// and `values` had its values.
fn old_form(section: &mut Section, given: &Value) -> Mistake {
    let key = given.as_str().unwrap_or("noise_std");
    let key = if key.contains('.') { key.to_owned() } else { format!("data.{key}") };
    let values = section.take("values").map_or("[…]".to_owned(), |values| values.to_string());
    section.mistake(
        "vary",
        given,
        format!("a table of keys with their values: vary = {{ {key:?} = {values} }}"),
    )
}

fn axis(key: String, value: Value, models: &[String]) -> Result<Axis, Mistake> {
    let wrong = |value: Option<&Value>, remedy: String| Mistake {
        key: path(&key),
        value: value.map(Value::to_string),
        remedy,
    };
    if let Some(reason) = refusal(&key, models) {
        return Err(wrong(None, reason));
    }
    let remedy = || expected("a list of different values, at least one".into());
    let mut toml = match &value {
        Value::Array(list) if !list.is_empty() => list.clone(),
        other => return Err(wrong(Some(other), remedy())),
    };
    let values = |toml: &[Value]| toml.iter().map(AxisValue::from_toml).collect::<Option<Vec<AxisValue>>>();
    let mut read = values(&toml).ok_or_else(|| wrong(Some(&value), remedy()))?;
    let number = |value: &Value| AxisValue::from_toml(value).and_then(|value| value.number());
    if toml.iter().all(|value| number(value).is_some()) {
        toml.sort_by(|a, b| number(a).partial_cmp(&number(b)).expect("they are numbers"));
        read = values(&toml).expect("read above");
    }
    if (1..read.len()).any(|at| read[..at].contains(&read[at])) {
        return Err(wrong(Some(&value), remedy()));
    }
    let numbers: Option<Vec<f64>> = read.iter().map(AxisValue::number).collect();
    if let Some(remedy) = numbers.and_then(|numbers| look_alike(&numbers)) {
        return Err(wrong(Some(&value), expected(remedy)));
    }
    Ok(Axis { key: key.into(), values: read, toml })
}

/// Why a key cannot vary; none where it can, or where its section's reader will say that there is no such key.
fn refusal(key: &str, models: &[String]) -> Option<String> {
    let cannot = |reason: &str| Some(format!("cannot vary: {reason}"));
    match key.split('.').collect::<Vec<_>>()[..] {
        ["name" | "title" | "description"] => cannot("no run depends on it"),
        ["report", ..] => cannot("no run depends on it; `--set` and `sweep report` show a study another way"),
        ["grid", ..] => cannot("the keys of [grid] are axes already"),
        ["tune", ..] => cannot("[tune] chooses sizes and learning rates before the grid is trained"),
        ["data", "kind"] => cannot("every kind of data is a study of its own"),
        ["data", "main" | "pairs"] => cannot("it decides what the tasks are; make an experiment of each"),
        ["data", "rows"] => cannot("a study reads one set of lines"),
        ["data", "path" | "digest" | "skip_bad_rows" | "max_skipped"] => {
            cannot("a study reads one set of files")
        }
        ["train", "device"] => cannot("a study is trained on one device"),
        ["train", "log_every" | "log_gates_every"] => {
            cannot("all runs of a study are logged at the same steps")
        }
        ["models", _, ..] => {
            let Some((model, rest)) = model_of(key, models) else {
                return Some(expected(format!(
                    "models.<a model of grid.models>.<a size>; the models are {}",
                    models.join(", ")
                )));
            };
            match rest {
                "learning_rate" => cannot("grid.learning_rates is the axis of learning rates"),
                "title" => cannot("no run depends on it"),
                "architecture" | "match_parameters" | "match_by" => cannot(&format!(
                    "another architecture or budget is another model; give it a table and a name beside {model}"
                )),
                _ => None,
            }
        }
        ["data" | "train", _, ..] => None,
        [section, ..] => {
            let hint = did_you_mean(section, &["data", "models", "train"]);
            Some(expected(format!(
                "a key of [data], [models.NAME] or [train], such as \"data.noise_std\"{hint}"
            )))
        }
        [] => None,
    }
}

/// Model and size of `models.<model>.<size>`. Names of models may have dots.
fn model_of<'a>(key: &'a str, models: &'a [String]) -> Option<(&'a str, &'a str)> {
    let rest = key.strip_prefix("models.")?;
    models.iter().find_map(|model| Some((&**model, rest.strip_prefix(&**model)?.strip_prefix('.')?)))
}

/// The parts of a key.
pub(super) fn parts<'a>(key: &'a str, models: &'a [String]) -> Vec<&'a str> {
    match model_of(key, models) {
        Some((model, size)) => vec!["models", model, size],
        None => key.split('.').collect(),
    }
}

/// Sets a key in a table, which need not have its sections. A word in the place of a section, such as
/// `source = "fresh"`, gives way to it.
pub(super) fn set(table: &mut Table, parts: &[&str], value: Value) {
    let Some((last, sections)) = parts.split_last() else { return };
    let mut table = table;
    for section in sections {
        let entry = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
        if !entry.is_table() {
            *entry = Value::Table(Table::new());
        }
        table = entry.as_table_mut().expect("made one above");
    }
    table.insert((*last).to_owned(), value);
}

/// The value of a key in a table.
pub(super) fn get<'a>(table: &'a Table, parts: &[&str]) -> Option<&'a Value> {
    let (first, rest) = parts.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { get(value.as_table()?, rest) }
}
