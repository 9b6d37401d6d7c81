//! Reading an experiment: TOML text and `--set` overrides in, a checked [`Experiment`] out.
//!
//! Every mistake ends in one message that names the file and line (or the `--set`), the key, its value and what
//! would be right.

use std::path::Path;

use toml::{Table, Value};

use super::error::{LoadError, Mistake};
use super::overrides::{Override, related};
use super::schema::{Experiment, Grid, ModelSpec, Report, ReportedLoss, Tune, is_plain_name};
use super::section::{Section, did_you_mean, printable};
use super::text::{line_of, read_text, syntax, table as read_table, written};
use super::variant::Variants;
use super::{axis, data, grid, models, train, tune};
use crate::model::Problem;

/// Keys of `[report]`.
const REPORT_KEYS: &[&str] = &["loss", "baseline"];

/// The sections with their keys, for `--set` without a section: the first that has the key is meant.
const SECTIONS: &[(&str, &[&str])] = &[
    ("data", data::SYNTHETIC_KEYS),
    ("grid", grid::KEYS),
    ("train", train::KEYS),
    ("tune", tune::KEYS),
    ("report", REPORT_KEYS),
    ("data", data::CENSUS_KEYS),
    ("data", data::FUNNEL_KEYS),
    ("data", data::ALI_CCP_KEYS),
];

/// Reads the experiment file at `path` and applies `key=value` overrides in order.
///
/// # Errors
/// The file cannot be read or is not TOML, or a key or value is not allowed.
pub fn load(path: &Path, overrides: &[String]) -> Result<Experiment, LoadError> {
    let text = read_text(path)?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    parse(&name, &path.display().to_string(), &text, overrides)
}

/// Reads an experiment from `text`; messages call it `file`.
///
/// # Errors
/// The text is not TOML, or a key or value is not allowed.
pub fn parse(name: &str, file: &str, text: &str, overrides: &[String]) -> Result<Experiment, LoadError> {
    let mut table = read_table(text).map_err(|error| syntax(file, text, &error))?;
    axis::flatten(&mut table);
    let overrides =
        overrides.iter().map(|text| Override::parse(text, SECTIONS)).collect::<Result<Vec<_>, _>>()?;
    let mut changed = Vec::new();
    for change in &overrides {
        if change.is_news(&table) {
            changed.push(change);
        }
        change.apply(&mut table)?;
    }
    axis::flatten(&mut table);
    let read = complete(name, table).map(|mut experiment| {
        changed.into_iter().for_each(|change| change.note_in(&mut experiment.changed));
        experiment
    });
    read.map_err(|mistake| {
        let origin = overrides.iter().rev().find(|change| related(&mistake.key, &change.path()));
        let shown = mistake.value.as_deref().unwrap_or_default();
        let as_written = match origin {
            Some(change) => change.written(&mistake.key, shown),
            None => written(text, &mistake.key, shown),
        };
        let value = mistake.value.map(|value| shortened(as_written.unwrap_or(value)));
        let location = match origin {
            Some(change) => format!("--set {}", change.text),
            None => match line_of(text, &mistake.key) {
                Some(line) => format!("{file}:{line}"),
                None => file.to_string(),
            },
        };
        LoadError::Invalid { location, key: mistake.key, value, remedy: mistake.remedy }
    })
}

/// A value for a message, cut where it is longer than a few lines, such as a list of a thousand seeds.
fn shortened(value: String) -> String {
    const LONGEST: usize = 240;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    }
}

/// The whole experiment out of a table, at every setting of its axes. A required key that only `[grid.vary]` gives has its
/// first value there.
fn complete(name: &str, mut table: Table) -> Result<Experiment, Mistake> {
    let mut filled: Vec<String> = Vec::new();
    let mut base = loop {
        match experiment(name, table.clone()) {
            Ok(base) => break base,
            Err(mistake) if axis::fill(&mut table, &mistake.key) => filled.push(mistake.key),
            Err(mistake) if filled.contains(&mistake.key) => {
                return Err(Mistake { key: axis::path(&mistake.key), ..mistake });
            }
            Err(mistake) => return Err(mistake),
        }
    };
    if let Some(axis) =
        base.grid.axes.iter().find(|axis| base.tune.is_some() && axis.key.starts_with("models."))
    {
        return Err(Mistake {
            key: axis::path(&axis.key),
            value: None,
            remedy: "cannot vary beside [tune], which chooses the sizes".into(),
        });
    }
    base.variants = Variants::read(&base)?;
    Ok(base)
}

/// The experiment out of a table, at its own values of the keys that vary.
fn experiment(name: &str, table: Table) -> Result<Experiment, Mistake> {
    let mut root = Section::new("", table);
    let name = root.text_or("name", name)?;
    if !is_plain_name(&name) {
        let remedy = "letters, digits, '-', '_' and '.' only, not starting with '.'";
        return Err(root.mistake("name", &name, remedy));
    }
    let title = root.text_or("title", &name)?;
    let description = root.text_or("description", "")?;
    for (key, text) in [("title", &title), ("description", &description)] {
        printable(&root, key, text)?;
    }
    let changed = changes(&mut root)?;
    let data = data::read(root.section("data")?)?;
    let grid = grid::read(root.section("grid")?, &data)?;
    let problem = Problem { features: data.source().features(), tasks: data.source().tasks() };
    let models = models::read(root.section("models")?, &grid.models, &data, problem)?;
    let tuning = root.section("tune")?;
    data::check(&data, &models, problem, !tuning.names().is_empty())?;
    let train = train::read(root.section("train")?, &models, &data, problem)?;
    let report = report(root.section("report")?, &models)?;
    let tune = Tune::read(tuning, &models)?;
    check_learning_rates(&grid, &models, tune.is_some())?;
    root.finish(&[])?;
    Ok(Experiment {
        name,
        title,
        description,
        changed,
        data,
        rows: None,
        grid,
        models,
        train,
        tune,
        report,
        variants: Variants::default(),
    })
}

/// Reads `changed`, which the program writes into `study.toml`.
fn changes(root: &mut Section) -> Result<Vec<String>, Mistake> {
    const REMEDY: &str =
        "the list of changed keys in quotes that the program writes, such as [\"grid.seeds = 8\"]";
    let changes = match root.take("changed") {
        None => return Ok(Vec::new()),
        Some(Value::Array(changes)) => changes,
        Some(other) => return Err(root.mistake("changed", other, REMEDY)),
    };
    let text = |change: Value| match change {
        Value::String(text) => printable(root, "changed", &text).map(|()| text),
        other => Err(root.mistake("changed", other, REMEDY)),
    };
    changes.into_iter().map(text).collect()
}

/// Refuses a model without a learning rate: neither the grid, its own table nor the tuning gives one.
fn check_learning_rates(grid: &Grid, models: &[ModelSpec], tuned: bool) -> Result<(), Mistake> {
    if tuned || !grid.learning_rates.is_empty() {
        return Ok(());
    }
    let Some(model) = models.iter().find(|model| model.learning_rate.is_none()) else { return Ok(()) };
    Err(Mistake {
        key: "grid.learning_rates".into(),
        value: None,
        remedy: format!(
            "is missing; expected a list of learning rates above 0: {} has no learning rate of its own",
            model.name
        ),
    })
}

/// Reads `[report]`: what figures, tables and claims show.
fn report(mut section: Section, models: &[ModelSpec]) -> Result<Report, Mistake> {
    let words = [("held_out", ReportedLoss::HeldOut), ("training", ReportedLoss::Training)];
    let loss = section.word("loss", &words, Some(ReportedLoss::default()))?;
    let baselines = section.names_or_none("baseline")?;
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    if let Some(name) = baselines.iter().find(|name| !names.contains(&name.as_str())) {
        let remedy = format!("a model of grid.models ({}){}", names.join(", "), did_you_mean(name, &names));
        return Err(section.mistake("baseline", format!("{name:?}"), remedy));
    }
    section.finish(REPORT_KEYS)?;
    Ok(Report { loss, baselines })
}
