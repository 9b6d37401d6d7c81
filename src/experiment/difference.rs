//! The settings in which two experiments differ, key by key.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

use super::schema::Experiment;

/// Longest list that is shown whole.
const SHOWN: usize = 8;

/// A key of which two experiments have different values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The key, such as `train.steps`.
    pub key: String,
    /// The value in the first experiment, for people: long lists are shortened.
    pub first: String,
    /// The value in the second.
    pub second: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} → {}", self.key, self.first, self.second)
    }
}

/// The keys in which two experiments differ, in alphabetical order. Names, titles and descriptions are no settings, and
/// of a model that one experiment lacks only its name in `grid.models` is told.
pub fn differences(first: &Experiment, second: &Experiment) -> Vec<Difference> {
    let (a, b) = (settings(first, second), settings(second, first));
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = keys.into_iter().filter(|key| a.get(*key) != b.get(*key));
    differs
        .map(|key| Difference { key: key.clone(), first: shown(a.get(key)), second: shown(b.get(key)) })
        .collect()
}

/// The settings in which an experiment keeps nothing of an earlier one's runs: those of [`differences`] that are more than
/// longer lists of the grid and settings of the report.
pub fn replacing(earlier: &Experiment, now: &Experiment) -> Vec<Difference> {
    let (a, b) = (settings(earlier, now), settings(now, earlier));
    let grows = |key: &str| match (a.get(key), b.get(key)) {
        (Some(Value::Array(few)), Some(Value::Array(more))) if key.starts_with("grid.") => {
            few.iter().all(|value| more.contains(value))
        }
        _ => false,
    };
    let all = differences(earlier, now).into_iter();
    all.filter(|difference| !difference.key.starts_with("report.") && !grows(&difference.key)).collect()
}

/// Every setting of an experiment by its dotted key, without those of models that the `other` lacks.
fn settings(experiment: &Experiment, other: &Experiment) -> BTreeMap<String, Value> {
    let mut table = experiment.to_toml();
    ["title", "description"].iter().for_each(|key| drop(table.remove(*key)));
    if let Some(Value::Table(models)) = table.get_mut("models") {
        models.retain(|name, _| other.grid.models.iter().any(|model| model == name));
        for (_, model) in models.iter_mut() {
            model.as_table_mut().map(|model| model.remove("title"));
        }
    }
    let mut flat = BTreeMap::new();
    flatten("", table, &mut flat);
    flat
}

fn flatten(path: &str, table: Table, flat: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let key = if path.is_empty() { key } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, flat),
            value => drop(flat.insert(key, value)),
        }
    }
}

/// A value for people.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "not set".into(),
        Some(Value::Array(list)) => list_shown(list),
        Some(value) => value.to_string(),
    }
}

/// A list: whole numbers without a gap as a range, a long one with its first values and its length.
fn list_shown(list: &[Value]) -> String {
    let whole: Option<Vec<i64>> = list.iter().map(Value::as_integer).collect();
    match whole.as_deref() {
        Some([first, .., last]) if list.len() > 2 && last - first == list.len() as i64 - 1 => {
            format!("{first} to {last}")
        }
        _ if list.len() > SHOWN => {
            let first: Vec<String> = list[..3].iter().map(Value::to_string).collect();
            format!("[{}, … {} values]", first.join(", "), list.len())
        }
        _ => Value::Array(list.to_vec()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::library;

    fn quick(sets: &[&str]) -> Experiment {
        library::find("quick", &sets.iter().map(|set| set.to_string()).collect::<Vec<_>>()).unwrap()
    }

    fn lines(differences: Vec<Difference>) -> Vec<String> {
        differences.iter().map(Difference::to_string).collect()
    }

    #[test]
    fn every_kind_of_setting_is_named_with_both_values() {
        let a = quick(&["grid.seeds=20", "train.steps=200"]);
        let b = quick(&[
            "grid.seeds=[1, 5, 9]",
            "train.steps=300",
            "train.init=he_normal",
            "models.mmoe.experts=4",
            "data.source={rows=10000}",
            "report.loss=training",
        ]);
        let expected = [
            "data.source \"fresh\" → not set",
            "data.source.rows not set → 10000",
            "grid.seeds 0 to 19 → [1, 5, 9]",
            "models.mmoe.experts 8 → 4",
            "models.single_task.bottom_units 60 → 31",
            "report.loss \"held_out\" → \"training\"",
            "train.init \"truncated_normal_fan_in\" → \"he_normal\"",
            "train.steps 200 → 300",
        ];
        assert_eq!(lines(differences(&a, &b)), expected);
        assert_eq!(differences(&a, &a), []);
    }

    #[test]
    fn a_study_may_grow_and_be_reported_otherwise() {
        let a =
            quick(&["grid.seeds=[3, 4]", "grid.models=[\"mmoe\", \"omoe\"]", "grid.learning_rates=[0.01]"]);
        let more = quick(&[
            "title=Another title",
            "grid.seeds=5",
            "grid.models=[\"cgc\", \"omoe\", \"mmoe\"]",
            "grid.learning_rates=[0.001, 0.01]",
            "report.loss=training",
        ]);
        assert_eq!(replacing(&a, &more), []);
        let lost: Vec<String> = replacing(&more, &a).into_iter().map(|found| found.key).collect();
        assert_eq!(lost, ["grid.learning_rates", "grid.models", "grid.seeds"]);
        assert_eq!(
            lines(replacing(&a, &quick(&["grid.seeds=5", "train.batch_size=32"])))[0].split(' ').next(),
            Some("train.batch_size")
        );
    }

    #[test]
    fn long_lists_are_shortened() {
        let numbers = |list: &[i64]| list.iter().map(|&n| Value::from(n)).collect::<Vec<_>>();
        assert_eq!(list_shown(&numbers(&[0, 1])), "[0, 1]");
        assert_eq!(list_shown(&numbers(&[4, 5, 6])), "4 to 6");
        assert_eq!(list_shown(&numbers(&[1, 3, 5, 7, 9, 11, 13, 15, 17])), "[1, 3, 5, … 9 values]");
        assert_eq!(list_shown(&[]), "[]");
    }
}
