//! The section `[data]`: one reader for each kind of data, and the rules of each kind for the rest of an experiment.

use toml::Value;

use super::error::Mistake;
use super::limits::{MAX_GROUP_RUNS, MAX_GROUP_RUNS_OF_ROWS, MOST};
use super::schema::ModelSpec;
use super::section::{Section, expected, whole};
use crate::data::census::{CensusSpec, MainTask};
use crate::data::impressions::LARGEST_VOCABULARY;
use crate::data::left_out::MAX_SKIPPED;
use crate::data::{AliCcpSpec, DataSpec, FunnelSpec, SyntheticSpec, Task, TrainingSet};
use crate::model::towers::{self, Method};
use crate::model::{Architecture, Problem, REGISTRY};
use crate::simd::sine::LARGEST_ARGUMENT;

/// Keys of `[data]` for synthetic tasks.
pub(super) const SYNTHETIC_KEYS: &[&str] = &[
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
];

/// Keys of `[data]` for the census.
pub(super) const CENSUS_KEYS: &[&str] =
    &["kind", "path", "main", "split", "embedding_units", "skip_bad_rows", "max_skipped", "digest"];

/// Keys of `[data]` for simulated impressions.
pub(super) const FUNNEL_KEYS: &[&str] = &[
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

/// Keys of `[data]` for Ali-CCP.
pub(super) const ALI_CCP_KEYS: &[&str] =
    &["kind", "path", "rows", "min_count", "embedding_units", "skip_bad_rows", "max_skipped", "digest"];

/// A reader of the section for one kind of data.
type Kind = fn(Section) -> Result<DataSpec, Mistake>;

/// Reads `[data]`.
pub(super) fn read(mut section: Section) -> Result<DataSpec, Mistake> {
    let kinds: [(&str, Kind); 4] =
        [("synthetic", synthetic), ("census", census), ("funnel", funnel), ("ali_ccp", ali_ccp)];
    let kind = section.word("kind", &kinds, None)?;
    kind(section)
}

/// Rules for the rest of an experiment, by the task that its models learn.
pub(super) struct Rules {
    /// The architectures that can be trained.
    pub architectures: &'static [Architecture],
    /// Most runs of a group.
    pub largest_group: usize,
    /// Whether `[grid]` has to name learning rates. Elsewhere each model may have its own.
    pub needs_grid_rates: bool,
}

/// The rules for a task.
pub(super) fn rules(task: Task) -> Rules {
    let rows =
        Rules { architectures: REGISTRY, largest_group: MAX_GROUP_RUNS_OF_ROWS, needs_grid_rates: false };
    match task {
        Task::Regression => Rules { largest_group: MAX_GROUP_RUNS, needs_grid_rates: true, ..rows },
        Task::Classification => rows,
        Task::Conversion => Rules { architectures: towers::REGISTRY, ..rows },
    }
}

/// Refuses models and tuning that do not fit the data.
pub(super) fn check(
    data: &DataSpec,
    models: &[ModelSpec],
    problem: Problem,
    tuned: bool,
) -> Result<(), Mistake> {
    let source = data.source();
    if !source.knows_times() {
        check_times(models, problem)?;
    }
    match source.has_validation_rows() {
        true => Ok(()),
        false => check_untuned(tuned),
    }
}

/// Refuses `[tune]` for data without validation rows.
fn check_untuned(tuned: bool) -> Result<(), Mistake> {
    if !tuned {
        return Ok(());
    }
    Err(Mistake {
        key: "tune".into(),
        value: Some("…".into()),
        remedy: expected(
            "no such section: this data has no validation rows; use sweep calibrate to search".into(),
        ),
    })
}

/// Refuses models that learn from the times of conversions, which Ali-CCP does not have.
fn check_times(models: &[ModelSpec], problem: Problem) -> Result<(), Mistake> {
    let needs_times = |model: &ModelSpec| {
        model.sizes.configuration.build(problem).method().is_some_and(Method::needs_times)
    };
    let Some(index) = models.iter().position(needs_times) else { return Ok(()) };
    Err(Mistake {
        key: format!("grid.models[{index}]"),
        value: Some(format!("{:?}", models[index].name)),
        remedy: "learns from the times of conversions, which Ali-CCP does not have; expected another model"
            .into(),
    })
}

fn census(mut section: Section) -> Result<DataSpec, Mistake> {
    let path = section.text_or("path", "data")?.into();
    let main =
        section.word("main", &[("income", MainTask::Income), ("education", MainTask::Education)], None)?;
    let split = section.whole("split", whole(0..=i64::MAX as u64), Some(0))?;
    let embedding_units = section.whole("embedding_units", whole(1..=1024), Some(4))? as usize;
    let skip_bad_rows = section.flag("skip_bad_rows", false)?;
    let max_skipped = section.number("max_skipped", 0.0..=1.0, Some(MAX_SKIPPED))?;
    let digest = section.text_or("digest", "")?;
    section.finish(CENSUS_KEYS)?;
    Ok(DataSpec::Census(CensusSpec {
        path,
        main,
        split,
        embedding_units,
        skip_bad_rows,
        max_skipped,
        digest,
    }))
}

fn funnel(mut section: Section) -> Result<DataSpec, Mistake> {
    let training_impressions = section.whole("training_impressions", whole(1..=MOST), None)? as usize;
    let test_impressions =
        section.whole("test_impressions", whole(1..=MOST), Some(training_impressions as u64))? as usize;
    let fields = section.whole("fields", whole(1..=1000), Some(6))? as usize;
    // Two categories have a single contrast, so a second effect could not be uncorrelated with the first.
    let words = section.whole("words", whole(3..=1_000_000), Some(500))? as usize;
    if fields * words > LARGEST_VOCABULARY {
        let remedy = format!(
            "at most {LARGEST_VOCABULARY} words in all fields together (there are {})",
            fields * words
        );
        return Err(section.mistake("words", words, remedy));
    }
    let zipf = section.number("zipf", 0.0..=4.0, Some(1.0))?;
    // Each of the two scores needs two orthonormal vectors.
    let numbers = section.whole("numbers", whole(4..=1000), Some(8))? as usize;
    let word_share = section.number("word_share", 0.0..=1.0, Some(0.5))?;
    let signal = section.number("signal", 0.0..=20.0, Some(1.5))?;
    let share = section.number("share", 1e-6..=1.0, Some(1.0))?;
    let mut rate = |key: &str, default| section.number(key, 1e-6..=0.99, Some(default));
    let click_rate = rate("click_rate", 0.04)?;
    let conversion_rate = rate("conversion_rate", 0.1)?;
    let selection = section.number("selection", 0.0..=20.0, Some(1.5))?;
    let mean_delay = section.number("mean_delay", 0.0..=1e3, Some(0.0))?;
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
    let max_skipped = section.number("max_skipped", 0.0..=1.0, Some(MAX_SKIPPED))?;
    let digest = section.text_or("digest", "")?;
    section.finish(ALI_CCP_KEYS)?;
    Ok(DataSpec::AliCcp(AliCcpSpec {
        path,
        rows,
        min_count,
        embedding_units,
        skip_bad_rows,
        max_skipped,
        digest,
    }))
}

fn synthetic(mut section: Section) -> Result<DataSpec, Mistake> {
    let pairs = section.whole("pairs", whole(1..=64), Some(1))? as usize;
    let dim = section.whole("dim", whole(2 * pairs as u64..=100_000), Some(100))? as usize;
    let scale = section.number("scale", 0.0..=1e6, None)?;
    let alpha = section.numbers("alpha", -1e3..=1e3, "numbers")?;
    let beta = section.numbers("beta", -1e3..=1e3, "numbers")?;
    if alpha.len() != beta.len() {
        return Err(section.mistake(
            "beta",
            format!("{beta:?}"),
            format!("as many numbers as alpha, which has {}", alpha.len()),
        ));
    }
    let noise_std = section.number("noise_std", 0.0..=1e6, None)?;
    let standardise_labels = section.flag("standardise_labels", true)?;
    let source = source(&mut section)?;
    let label_points = section.whole("label_points", whole(2..=MOST), Some(10_000))? as usize;
    let spec =
        SyntheticSpec { dim, pairs, scale, alpha, beta, noise_std, standardise_labels, source, label_points };
    if !(spec.label_variance() > 0.0 && spec.label_variance().is_finite()) {
        return Err(section.mistake(
            "scale",
            format!("{scale}"),
            "a scale or noise_std above 0 (the variance of the labels would be 0)",
        ));
    }
    // No draw reaches eight standard deviations; sines of larger arguments would lose precision.
    let reach = |(a, b): (&f64, &f64)| a.abs() * scale * 8.0 + b.abs();
    let farthest = spec.alpha.iter().zip(&spec.beta).map(reach).fold(0.0, f64::max);
    if farthest > LARGEST_ARGUMENT {
        let remedy = format!("|alpha| · scale · 8 + |beta| of at most {LARGEST_ARGUMENT} (it is {farthest})");
        return Err(section.mistake("scale", scale, remedy));
    }
    section.finish(SYNTHETIC_KEYS)?;
    Ok(DataSpec::Synthetic(spec))
}

/// Reads `source`: `"fresh"` or `{ rows = N }`.
fn source(section: &mut Section) -> Result<TrainingSet, Mistake> {
    let remedy = "\"fresh\" (new rows every step) or { rows = N } (a finite training set)";
    match section.take("source") {
        None => Ok(TrainingSet::Fresh),
        Some(Value::String(word)) if word == "fresh" => Ok(TrainingSet::Fresh),
        Some(Value::Table(table)) => {
            let mut inner = Section::new("data.source", table);
            let rows = inner.whole("rows", whole(1..=MOST), None)? as usize;
            inner.finish(&["rows"])?;
            Ok(TrainingSet::Rows { rows })
        }
        Some(other) => Err(section.mistake("source", &other, remedy)),
    }
}
