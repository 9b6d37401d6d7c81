//! Reading an experiment: TOML text and `--set` overrides in, a checked [`Experiment`] out.
//!
//! Every mistake a person can make here ends in one message that names the file and line (or the `--set`),
//! the key, the value it got and what would be right.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::{Table, Value};

use super::matching::{self, Wish};
use super::plan::Engine;
use super::section::{Section, did_you_mean, expected, whole};
use super::tune::{self, Tune};
use super::{DeviceChoice, EngineChoice, Experiment, Grid, ModelSpec, Report, ReportedLoss, Sweep, Train};
use crate::data::census::{CensusSpec, MainTask};
use crate::data::impressions::MOST_WORDS;
use crate::data::synthetic::{Source, SyntheticSpec};
use crate::data::{self, AliCcpSpec, DataSpec, FunnelSpec, Knob, Task};
use crate::model::initialise::Init;
use crate::model::{Architecture, Problem, REGISTRY, Sizes, architecture, towers};
use crate::simd::sine::LARGEST_ARGUMENT;

/// Why an experiment could not be read.
#[derive(Debug, Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("no experiment {name:?}: looked for {looked_for}{suggestion}")]
    Missing {
        /// What was asked for.
        name: String,
        /// The paths that were tried.
        looked_for: String,
        /// What there is, or what may have been meant.
        suggestion: String,
    },
    /// The file is there but cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML.
    #[error("{place}: not valid TOML: {message}")]
    Syntax {
        /// File, line and column.
        place: String,
        /// What the parser said.
        message: String,
    },
    /// A `--set` that is not `key=value`.
    #[error("--set {text}: {remedy}")]
    Override {
        /// What was given.
        text: String,
        /// What would be right.
        remedy: String,
    },
    /// A key that cannot be, or a value that it cannot have.
    #[error("{place}: {key}{}: {remedy}", value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default())]
    Invalid {
        /// File and line, or the `--set` that brought the value.
        place: String,
        /// Path of the key, such as `grid.seeds`.
        key: String,
        /// The value it got, if it has one.
        value: Option<String>,
        /// What would be right.
        remedy: String,
    },
}

/// A mistake, before the place where it was made is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Path of the key.
    pub key: String,
    /// The value it got, if it has one.
    pub value: Option<String>,
    /// What would be right.
    pub remedy: String,
}

/// Keys of the sections, for `--set` without a section and for "did you mean".
const KEYS: &[(&str, &[&str])] = &[
    (
        "data",
        &[
            "kind",
            "dim",
            "pairs",
            "scale",
            "alpha",
            "beta",
            "noise_std",
            "standardise_labels",
            "source",
            "label_points",
        ],
    ),
    ("grid", &["models", "task_correlations", "learning_rates", "seeds"]),
    (
        "train",
        &["steps", "batch_size", "log_every", "log_gates_every", "init", "engine", "device", "held_out_rows"],
    ),
    ("tune", tune::KEYS),
    ("report", &["loss"]),
    ("data", CENSUS_KEYS),
    ("data", FUNNEL_KEYS),
    ("data", ALI_CCP_KEYS),
    ("grid", FUNNEL_GRID_KEYS),
];

/// Keys of `[data]` where rows are those of the census.
const CENSUS_KEYS: &[&str] = &["kind", "path", "main", "split", "embedding_units", "skip_bad_rows", "digest"];

/// Keys of `[data]` where impressions are made.
const FUNNEL_KEYS: &[&str] = &[
    "kind",
    "training_impressions",
    "test_impressions",
    "fields",
    "words",
    "zipf",
    "numbers",
    "word_share",
    "signal",
    "share",
    "click_rate",
    "conversion_rate",
    "selection",
    "mean_delay",
    "embedding_units",
];

/// Keys of `[data]` where impressions are those of Ali-CCP.
const ALI_CCP_KEYS: &[&str] =
    &["kind", "path", "rows", "min_count", "embedding_units", "skip_bad_rows", "digest"];

/// Keys of `[grid]` where impressions are made.
const FUNNEL_GRID_KEYS: &[&str] =
    &["models", "task_correlations", "vary", "values", "learning_rates", "seeds"];

/// Largest sizes taken: far beyond any use, and small enough that no product of two overflows.
pub(super) const MOST: u64 = 1 << 31;
/// Largest number of units, experts or tasks of a model: with 100,000 inputs its parameters can still be counted.
const MOST_UNITS: i64 = 1_000_000;
/// Most runs of an experiment, 185 times the paper's study: a plan of them takes half a gigabyte.
pub(super) const MOST_RUNS: usize = 1_000_000;
/// Largest experiment file in bytes; a seed a line for a hundred thousand lines is a fiftieth of it.
const LARGEST_FILE: u64 = 32 << 20;

/// Reads the experiment file at `path` and applies `key=value` overrides in order.
pub fn load(path: &Path, overrides: &[String]) -> Result<Experiment, LoadError> {
    let text = read_text(path)?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    parse(&name, &path.display().to_string(), &text, overrides)
}

/// The text of a file of ours: nothing that is no file, no text, or so long that it is neither.
pub(super) fn read_text(path: &Path) -> Result<String, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() || about.len() > LARGEST_FILE {
        return Err(failed(std::io::Error::other("it is no file of at most 32 MiB")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// Reads an experiment from `text`; `file` is what messages call it.
pub fn parse(name: &str, file: &str, text: &str, overrides: &[String]) -> Result<Experiment, LoadError> {
    let mut table: Table = text.parse().map_err(|error| syntax(file, text, &error))?;
    let overrides = overrides.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
    for change in &overrides {
        change.apply(&mut table)?;
    }
    experiment(name, table).map_err(|mistake| {
        let origin = overrides.iter().rev().find(|change| related(&mistake.key, &change.key.join(".")));
        let place = match origin {
            Some(change) => format!("--set {}", change.text),
            None => match line_of(text, &mistake.key) {
                Some(line) => format!("{file}:{line}"),
                None => file.to_string(),
            },
        };
        LoadError::Invalid { place, key: mistake.key, value: mistake.value, remedy: mistake.remedy }
    })
}

/// The whole experiment out of a table.
fn experiment(name: &str, table: Table) -> Result<Experiment, Mistake> {
    let mut root = Section::new("", table);
    let name = root.text_or("name", name)?;
    if !is_plain_name(&name) {
        return Err(root.mistake(
            "name",
            &name,
            "letters, digits, '-', '_' and '.' only, not starting with '.'",
        ));
    }
    let title = root.text_or("title", &name)?;
    let description = root.text_or("description", "")?;
    for (key, text) in [("title", &title), ("description", &description)] {
        printable(&root, key, text)?;
    }
    let data = data(root.section("data")?)?;
    let (grid, model_names) = grid(root.section("grid")?, &data)?;
    count_runs(&grid)?;
    let problem = Problem { features: data.features(), tasks: data.tasks() };
    let models = models(root.section("models")?, &model_names, registry(&data), problem)?;
    if let Some(place) = models.iter().position(needs_times).filter(|_| data.ali_ccp().is_some()) {
        return Err(Mistake {
            key: format!("grid.models[{place}]"),
            value: Some(format!("{:?}", models[place].name)),
            remedy:
                "is trained on the times of conversions, which Ali-CCP does not have; expected another model"
                    .into(),
        });
    }
    let train = train(root.section("train")?, &models, &data)?;
    let report = report(root.section("report")?)?;
    let tuning = root.section("tune")?;
    if data.census().is_none() && !tuning.names().is_empty() {
        return Err(root.mistake(
            "tune",
            "…",
            "no such section: generated data have no validation rows; sweep calibrate searches there",
        ));
    }
    let tune = Tune::read(tuning, &models)?;
    let rateless = |model: &&ModelSpec| model.learning_rate.is_none() && tune.is_none();
    if let Some(model) = models.iter().find(rateless).filter(|_| grid.learning_rates.is_empty()) {
        return Err(Mistake {
            key: "grid.learning_rates".into(),
            value: None,
            remedy: format!(
                "is missing; expected a list of step sizes above 0: {} has none of its own",
                model.name
            ),
        });
    }
    root.finish(&[])?;
    Ok(Experiment {
        name,
        title,
        description,
        data,
        opened: data::Opened::Generated,
        grid,
        models,
        train,
        tune,
        report,
    })
}

/// Whether a model is trained on how long conversions were waited for.
fn needs_times(model: &ModelSpec) -> bool {
    model.architecture.name == "delayed_feedback"
}

/// The architectures that can learn what the data has.
fn registry(data: &DataSpec) -> &'static [Architecture] {
    if data.task() == Task::Conversion { towers::REGISTRY } else { REGISTRY }
}

/// Refuses text that would move the cursor of a terminal or break a page.
fn printable(section: &Section, key: &str, text: &str) -> Result<(), Mistake> {
    match text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        false => Ok(()),
        true => Err(section.mistake(key, format!("{text:?}"), "text without control characters")),
    }
}

/// Refuses more runs than can be planned.
fn count_runs(grid: &Grid) -> Result<(), Mistake> {
    let Grid { models, learning_rates, seeds, .. } = grid;
    let factors = [models.len(), grid.conditions().len(), learning_rates.len(), seeds.len()];
    let runs = factors.iter().fold(1usize, |runs, &n| runs.saturating_mul(n.max(1)));
    if runs <= MOST_RUNS {
        return Ok(());
    }
    Err(Mistake {
        key: "grid.seeds".into(),
        value: Some(seeds.len().to_string()),
        remedy: expected(format!("at most {MOST_RUNS} runs in all (this grid has {runs})")),
    })
}

/// Reads the section on what is shown.
fn report(mut section: Section) -> Result<Report, Mistake> {
    let words = [("held_out", ReportedLoss::HeldOut), ("training", ReportedLoss::Training)];
    let loss = section.word("loss", &words, Some(ReportedLoss::default()))?;
    section.finish(&["loss"])?;
    Ok(Report { loss })
}

/// Names that are one plain path component everywhere.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Reads the section of a kind of data.
type Kind = fn(Section) -> Result<DataSpec, Mistake>;

fn data(mut section: Section) -> Result<DataSpec, Mistake> {
    let kinds: [(&str, Kind); 4] =
        [("synthetic", synthetic), ("census", census), ("funnel", funnel), ("ali_ccp", ali_ccp)];
    let kind = section.word("kind", &kinds, None)?;
    kind(section)
}

fn census(mut section: Section) -> Result<DataSpec, Mistake> {
    let path = section.text_or("path", "data")?.into();
    let main =
        section.word("main", &[("income", MainTask::Income), ("education", MainTask::Education)], None)?;
    let split = section.whole("split", whole(0..=i64::MAX as u64), Some(0))?;
    let embedding_units = section.whole("embedding_units", whole(1..=1024), Some(4))? as usize;
    let skip_bad_rows = section.flag("skip_bad_rows", false)?;
    let digest = section.text_or("digest", "")?;
    section.finish(CENSUS_KEYS)?;
    Ok(DataSpec::Census(CensusSpec { path, main, split, embedding_units, skip_bad_rows, digest }))
}

fn funnel(mut section: Section) -> Result<DataSpec, Mistake> {
    let training_impressions = section.whole("training_impressions", whole(1..=MOST), None)? as usize;
    let test_impressions =
        section.whole("test_impressions", whole(1..=MOST), Some(training_impressions as u64))? as usize;
    let fields = section.whole("fields", whole(1..=1000), Some(6))? as usize;
    // Two words have one contrast: no room for a second effect that is uncorrelated with the first.
    let words = section.whole("words", whole(3..=1_000_000), Some(500))? as usize;
    if fields * words > MOST_WORDS {
        let remedy = format!("at most {MOST_WORDS} words in all fields (they have {})", fields * words);
        return Err(section.mistake("words", words, remedy));
    }
    let zipf = section.number("zipf", 0.0..=4.0, "a number from 0 to 4", Some(1.0))?;
    // Two orthonormal vectors for each of two scores.
    let numbers = section.whole("numbers", whole(4..=1000), Some(8))? as usize;
    let word_share = section.number("word_share", 0.0..=1.0, "a number from 0 to 1", Some(0.5))?;
    let signal = section.number("signal", 0.0..=20.0, "a number from 0 to 20", Some(1.5))?;
    let mut knob = |knob: Knob, default| {
        let (range, remedy) = knob_range(knob);
        section.number(knob.key(), range, remedy, Some(default))
    };
    let share = knob(Knob::Share, 1.0)?;
    let click_rate = knob(Knob::ClickRate, 0.04)?;
    let conversion_rate = knob(Knob::ConversionRate, 0.1)?;
    let selection = knob(Knob::Selection, 1.5)?;
    let mean_delay = knob(Knob::MeanDelay, 0.0)?;
    let embedding_units = section.whole("embedding_units", whole(1..=1024), Some(8))? as usize;
    section.finish(FUNNEL_KEYS)?;
    Ok(DataSpec::Funnel(FunnelSpec {
        training_impressions,
        test_impressions,
        share,
        fields,
        words,
        zipf,
        numbers,
        word_share,
        click_rate,
        conversion_rate,
        selection,
        signal,
        mean_delay,
        embedding_units,
    }))
}

fn ali_ccp(mut section: Section) -> Result<DataSpec, Mistake> {
    let path = section.text_or("path", "data")?.into();
    let rows = section.whole("rows", whole(0..=MOST), Some(1_000_000))? as usize;
    let min_count = section.whole("min_count", whole(1..=1_000_000_000), Some(10))? as u32;
    let embedding_units = section.whole("embedding_units", whole(1..=1024), Some(18))? as usize;
    let skip_bad_rows = section.flag("skip_bad_rows", false)?;
    let digest = section.text_or("digest", "")?;
    section.finish(ALI_CCP_KEYS)?;
    Ok(DataSpec::AliCcp(AliCcpSpec { path, rows, min_count, embedding_units, skip_bad_rows, digest }))
}

/// What a knob may be, and in words.
fn knob_range(knob: Knob) -> (RangeInclusive<f64>, &'static str) {
    match knob {
        Knob::Selection => (0.0..=20.0, "a number from 0 to 20"),
        Knob::Share => (1e-6..=1.0, "a number from 0.000001 to 1"),
        Knob::ClickRate | Knob::ConversionRate => (1e-6..=0.99, "a number from 0.000001 to 0.99"),
        Knob::MeanDelay => (0.0..=1e3, "a number from 0 to 1000"),
    }
}

fn synthetic(mut section: Section) -> Result<DataSpec, Mistake> {
    let pairs = section.whole("pairs", whole(1..=64), Some(1))? as usize;
    let dim = section.whole("dim", whole(2 * pairs as u64..=100_000), Some(100))? as usize;
    let scale = section.number("scale", 0.0..=1e6, "a number of at least 0", None)?;
    let alpha = section.numbers("alpha", -1e3..=1e3, "numbers from -1000 to 1000")?;
    let beta = section.numbers("beta", -1e3..=1e3, "numbers from -1000 to 1000")?;
    if alpha.len() != beta.len() {
        return Err(section.mistake(
            "beta",
            format!("{beta:?}"),
            format!("as many numbers as alpha has, which are {}", alpha.len()),
        ));
    }
    let noise_std = section.number("noise_std", 0.0..=1e6, "a number of at least 0", None)?;
    let standardise_labels = section.flag("standardise_labels", true)?;
    let source = source(&mut section)?;
    let label_points = section.whole("label_points", whole(2..=MOST), Some(10_000))? as usize;
    let spec =
        SyntheticSpec { dim, pairs, scale, alpha, beta, noise_std, standardise_labels, source, label_points };
    if !(spec.label_variance() > 0.0 && spec.label_variance().is_finite()) {
        return Err(section.mistake(
            "scale",
            format!("{scale}"),
            "labels that vary: a scale or noise_std above 0 (their variance is 0 with these)",
        ));
    }
    // Eight standard deviations of t never come up; sines of larger arguments would lose their digits.
    let reach = |(a, b): (&f64, &f64)| a.abs() * scale * 8.0 + b.abs();
    let farthest = spec.alpha.iter().zip(&spec.beta).map(reach).fold(0.0, f64::max);
    if farthest > LARGEST_ARGUMENT {
        let remedy = format!(
            "waves that stay within reach: |alpha| · scale · 8 + |beta| of at most {LARGEST_ARGUMENT} (it is \
             {farthest} with these)"
        );
        return Err(section.mistake("scale", scale, remedy));
    }
    section.finish(keys("data"))?;
    Ok(DataSpec::Synthetic(spec))
}

/// `"fresh"` or `{ rows = N }`.
fn source(section: &mut Section) -> Result<Source, Mistake> {
    let remedy = "\"fresh\" (new rows every step) or { rows = N } (a finite training set)";
    match section.take("source") {
        None => Ok(Source::Fresh),
        Some(Value::String(word)) if word == "fresh" => Ok(Source::Fresh),
        Some(Value::Table(table)) => {
            let mut inner = Section::new("data.source", table);
            let rows = inner.whole("rows", whole(1..=MOST), None)? as usize;
            inner.finish(&["rows"])?;
            Ok(Source::Rows { rows })
        }
        Some(other) => Err(section.mistake("source", &other, remedy)),
    }
}

/// The grid, and the names of its models as written.
fn grid(mut section: Section, data: &DataSpec) -> Result<(Grid, Vec<String>), Mistake> {
    let models = section.words("models")?;
    let remedy = "cosines from -1 to 1, each once";
    let task_correlations = match data {
        DataSpec::Synthetic(_) | DataSpec::Funnel(_) => {
            section.sorted_numbers("task_correlations", -1.0..=1.0, remedy)?
        }
        DataSpec::Census(_) | DataSpec::AliCcp(_) => Vec::new(),
    };
    let sweep = match data.funnel() {
        Some(_) => sweep(&mut section)?,
        None => None,
    };
    // Tasks that are generated always need them, so that the message comes at the key; elsewhere every model may
    // have its own.
    let learning_rates = match models.is_empty() || data.task() != Task::Regression {
        true => section.sorted_numbers_or(
            "learning_rates",
            f64::MIN_POSITIVE..=1e12,
            "step sizes above 0",
            vec![],
        )?,
        false => section.sorted_numbers(
            "learning_rates",
            f64::MIN_POSITIVE..=1e12,
            "step sizes above 0, each once",
        )?,
    };
    let seeds = seeds(&mut section)?;
    section.finish(match data {
        DataSpec::Synthetic(_) => keys("grid"),
        DataSpec::Census(_) | DataSpec::AliCcp(_) => &["models", "learning_rates", "seeds"],
        DataSpec::Funnel(_) => FUNNEL_GRID_KEYS,
    })?;
    Ok((Grid { models: models.clone(), task_correlations, sweep, learning_rates, seeds }, models))
}

/// The swept parameter with its values; none where `vary` is not there.
fn sweep(section: &mut Section) -> Result<Option<Sweep>, Mistake> {
    if !section.has("vary") {
        return match section.take("values") {
            None => Ok(None),
            Some(values) => Err(section.mistake("values", values, "grid.vary beside it, which says of what")),
        };
    }
    let parameter = section.word("vary", &Knob::ALL.map(|knob| (knob.key(), knob)), None)?;
    let (range, remedy) = knob_range(parameter);
    let values = section.sorted_numbers("values", range, &format!("different values: {remedy}"))?;
    Ok(Some(Sweep { parameter, values }))
}

/// A count n (seeds 0 to n − 1) or a list.
fn seeds(section: &mut Section) -> Result<Vec<u64>, Mistake> {
    let remedy = "a count of at least 1, or a list of different whole numbers of at least 0";
    let value = section.require("seeds", remedy)?;
    let wrong = |value: &Value| section.mistake("seeds", value, remedy);
    match &value {
        Value::Integer(count @ 1..=10_000_000) => Ok((0..*count as u64).collect()),
        Value::Array(list) if !list.is_empty() => {
            let mut seeds = list
                .iter()
                .map(|seed| seed.as_integer().and_then(|seed| u64::try_from(seed).ok()))
                .collect::<Option<Vec<u64>>>()
                .ok_or_else(|| wrong(&value))?;
            seeds.sort_unstable();
            match seeds.windows(2).all(|pair| pair[0] < pair[1]) {
                true => Ok(seeds),
                false => Err(wrong(&value)),
            }
        }
        other => Err(wrong(other)),
    }
}

/// The models of the grid: architectures by name, or entries of `[models]` that name one.
fn models(
    mut section: Section,
    names: &[String],
    registry: &[Architecture],
    problem: Problem,
) -> Result<Vec<ModelSpec>, Mistake> {
    let known: Vec<&str> = registry.iter().map(|architecture| architecture.name).collect();
    let mut given: Vec<(ModelSpec, Option<Wish>)> = Vec::new();
    for name in section.names() {
        given.push(model(&name, section.section(&name)?, &known)?);
    }
    let mut specs: Vec<(ModelSpec, Option<Wish>)> = Vec::new();
    for (position, name) in names.iter().enumerate() {
        let key = format!("grid.models[{position}]");
        let wrong = |remedy: String| Mistake {
            key: key.clone(),
            value: Some(format!("{name:?}")),
            remedy: expected(remedy),
        };
        if specs.iter().any(|(spec, _)| spec.name == *name) {
            return Err(wrong("each model once".into()));
        }
        let spec = match given.iter().find(|(given, _)| given.name == *name) {
            Some(given) => given.clone(),
            None if known.contains(&name.as_str()) => {
                model(name, Section::new(&format!("models.{name}"), Table::new()), &known)?
            }
            None => {
                let entries = given.iter().map(|(given, _)| given.name.as_str());
                let names: Vec<&str> = known.iter().copied().chain(entries).collect();
                return Err(wrong(format!(
                    "one of {}, or the name of a [models.{name}] table with its architecture{}",
                    known.join(", "),
                    did_you_mean(name, &names)
                )));
            }
        };
        specs.push(spec);
    }
    matching::granted(specs, &given, problem)
}

/// One `[models.<name>]` table: the model, and whether it is to be as large as another.
fn model(name: &str, mut section: Section, known: &[&str]) -> Result<(ModelSpec, Option<Wish>), Mistake> {
    if !is_plain_name(name) {
        return Err(Mistake {
            key: format!("models.{name:?}"),
            value: None,
            remedy: "a model's name has letters, digits, '-', '_' and '.' only".into(),
        });
    }
    let chosen = match known.contains(&name) {
        true => section.text_or("architecture", name)?,
        false => match section.take("architecture") {
            Some(Value::String(chosen)) => chosen,
            Some(other) => {
                return Err(section.mistake("architecture", other, format!("one of {}", known.join(", "))));
            }
            None => {
                let mistake = Mistake {
                    key: format!("models.{name}"),
                    value: None,
                    remedy: format!(
                        "not an architecture ({}); a model of another name says which it is with \
                         architecture = \"…\"{}",
                        known.join(", "),
                        did_you_mean(name, known)
                    ),
                };
                return Err(mistake);
            }
        },
    };
    let Some(architecture) = architecture(&chosen).filter(|_| known.contains(&chosen.as_str())) else {
        let hint = did_you_mean(&chosen, known);
        let remedy = format!("one of {}{hint}", known.join(", "));
        return Err(section.mistake("architecture", format!("{chosen:?}"), remedy));
    };
    let default_title = if name == chosen { architecture.title } else { name };
    let title = section.text_or("title", default_title)?;
    printable(&section, "title", &title)?;
    let remedy = "a step size above 0";
    let learning_rate = match section.take("learning_rate") {
        None => None,
        Some(Value::Float(rate)) if rate > 0.0 && rate <= 1e12 => Some(rate),
        Some(other) => return Err(section.mistake("learning_rate", other, remedy)),
    };
    let wish = Wish::take(&mut section, architecture)?;
    let path = section.path().to_string();
    let sizes = resized(architecture, section.rest(), &path)?;
    Ok((ModelSpec { name: name.to_string(), title, architecture, sizes, learning_rate }, wish))
}

/// Sizes out of the table at `path`, checked.
pub(super) fn resized(
    architecture: &'static Architecture,
    sizes: Table,
    path: &str,
) -> Result<Sizes, Mistake> {
    let parsed = (architecture.parse)(sizes.clone())
        .map_err(|error| super::section::size_mistake(path, &sizes, architecture, &error))?;
    if let Some((key, value)) = size_above(&parsed.table) {
        return Err(Mistake {
            key: format!("{path}.{key}"),
            value: Some(value.to_string()),
            remedy: expected(format!("a whole number of at most {MOST_UNITS}")),
        });
    }
    parsed.configuration.check().map_err(|invalid| Mistake {
        key: format!("{path}.{}", invalid.key),
        value: Some(invalid.value),
        remedy: expected(invalid.remedy.to_string()),
    })?;
    Ok(parsed)
}

/// A size that is larger than any may be.
fn size_above(sizes: &Table) -> Option<(&String, &Value)> {
    sizes.iter().find(|(_, value)| value.as_integer().is_some_and(|n| n > MOST_UNITS))
}

fn train(mut section: Section, models: &[ModelSpec], data: &DataSpec) -> Result<Train, Mistake> {
    let needed = !models.is_empty();
    let steps = section.whole("steps", whole(1..=MOST), (!needed).then_some(1))?;
    let batch_size = section.whole("batch_size", whole(1..=1_000_000), (!needed).then_some(1))? as usize;
    let log_every = section.whole("log_every", whole(1..=MOST), Some(100))?;
    let log_gates_every = section.whole("log_gates_every", whole(1..=MOST), Some(10 * log_every))?;
    if !log_gates_every.is_multiple_of(log_every) {
        let remedy = format!("a multiple of train.log_every, which is {log_every}");
        return Err(section.mistake("log_gates_every", log_gates_every, remedy));
    }
    let inits = [
        ("truncated_normal_fan_in", Init::TruncatedNormalFanIn),
        ("glorot_uniform", Init::GlorotUniform),
        ("he_normal", Init::HeNormal),
        ("uniform_fan_in", Init::UniformFanIn),
    ];
    let init = section.word("init", &inits, Some(Init::TruncatedNormalFanIn))?;
    let engines =
        [("auto", EngineChoice::Auto), ("graph", EngineChoice::Graph), ("fused", EngineChoice::Fused)];
    let engine = section.word("engine", &engines, Some(EngineChoice::Auto))?;
    let device = section.text_or("device", "cpu")?;
    let device: DeviceChoice = device.parse().map_err(|()| {
        section.mistake("device", format!("{device:?}"), "\"cpu\", \"cuda\" or \"cuda:<number>\"")
    })?;
    let held_out_rows = section.whole("held_out_rows", whole(1..=1_000_000), Some(1024))? as usize;
    if engine == EngineChoice::Fused {
        if device != DeviceChoice::Cpu {
            return Err(section.mistake(
                "engine",
                "\"fused\"",
                "\"graph\" or \"auto\" on a CUDA device: the fused engine is for the CPU",
            ));
        }
        let problem = Problem { features: data.features(), tasks: data.tasks() };
        if let Some(model) = models.iter().find(|model| !Engine::fused_can_train(problem, data, model)) {
            let remedy = format!(
                "\"graph\" or \"auto\": the fused engine trains the mixture family on generated tasks, and models of \
                 click and conversion but esmm_mmoe; not {} on these rows",
                model.name
            );
            return Err(section.mistake("engine", "\"fused\"", remedy));
        }
    }
    section.finish(keys("train"))?;
    Ok(Train { steps, batch_size, log_every, log_gates_every, init, engine, device, held_out_rows })
}

/// The keys of a section.
fn keys(section: &str) -> &'static [&'static str] {
    KEYS.iter().find(|(name, _)| *name == section).map_or(&[], |(_, keys)| keys)
}

/// One `--set key=value`.
struct Override {
    text: String,
    key: Vec<String>,
    value: Value,
}

impl Override {
    fn parse(text: &str) -> Result<Self, LoadError> {
        let wrong = |remedy: &str| LoadError::Override { text: text.to_string(), remedy: remedy.to_string() };
        let (key, value) =
            text.split_once('=').ok_or_else(|| wrong("expected key=value, such as grid.seeds=20"))?;
        let mut key: Vec<String> = key.trim().split('.').map(|part| part.trim().to_string()).collect();
        if key.iter().any(String::is_empty) {
            return Err(wrong("expected a key such as grid.seeds before '='"));
        }
        if key.len() == 1 {
            // A key alone means the one section that has it.
            if let Some((section, _)) = KEYS.iter().find(|(_, keys)| keys.contains(&key[0].as_str())) {
                key.insert(0, section.to_string());
            }
        }
        // What TOML does not understand is taken for a word: --set train.engine=graph
        let parsed = format!("value = {value}").parse::<Table>();
        let value = match parsed {
            Ok(mut table) if table.len() == 1 => table.remove("value").expect("the one key"),
            _ => Value::String(value.trim().to_string()),
        };
        Ok(Self { text: text.to_string(), key, value })
    }

    fn apply(&self, table: &mut Table) -> Result<(), LoadError> {
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
            // The width that the file gives is what is asked to be chosen instead.
            REGISTRY.iter().for_each(|architecture| drop(table.remove(architecture.width)));
        }
        table.insert(last.clone(), self.value.clone());
        Ok(())
    }
}

/// Whether one of two key paths lies within the other: `grid.models[1]` and `grid.models`.
fn related(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    within(a, b) || within(b, a)
}

/// A syntax error with file, line and column.
pub(super) fn syntax(file: &str, text: &str, error: &toml::de::Error) -> LoadError {
    let place = match error.span() {
        Some(span) => {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
            format!("{file}:{line}:{column}")
        }
        None => file.to_string(),
    };
    LoadError::Syntax { place, message: error.message().to_string() }
}

/// Line of a key path such as `grid.seeds` or `grid.models[1]`: of the deepest part that the text has.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    for part in key.split('.') {
        let name = part.split('[').next().unwrap_or(part);
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
        found = Some(key.span().start);
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found.map(|start| text[..start].matches('\n').count() + 1)
}
