//! The section `[grid]`: models, conditions, learning rates and seeds, whose combinations are the runs.

use toml::Value;

use super::condition::Sweep;
use super::data::{parameter_range, rules};
use super::error::Mistake;
use super::limits::MOST_RUNS;
use super::schema::Grid;
use super::section::{Section, expected};
use crate::data::{Axes, DataSpec, SweptParameter};

/// Keys of `[grid]`.
pub(super) const KEYS: &[&str] =
    &["models", "task_correlations", "vary", "values", "learning_rates", "seeds"];

/// The keys that data with these axes has.
fn keys(axes: Axes) -> Vec<&'static str> {
    let has = |key: &&&str| match **key {
        "task_correlations" => axes.task_correlations,
        "vary" | "values" => !axes.swept.is_empty(),
        _ => true,
    };
    KEYS.iter().filter(has).copied().collect()
}

/// Reads `[grid]`.
pub(super) fn read(mut section: Section, data: &DataSpec) -> Result<Grid, Mistake> {
    let models = section.words("models")?;
    let remedy = "cosines from -1 to 1, each once";
    let axes = data.source().axes();
    let task_correlations = match axes.task_correlations {
        true => section.sorted_numbers("task_correlations", -1.0..=1.0, remedy)?,
        false => Vec::new(),
    };
    let sweep = match axes.swept {
        [] => None,
        parameters => sweep(&mut section, parameters)?,
    };
    // Regression always needs them, so that a mistake is reported at this key; elsewhere each model may have its own.
    let needed = rules(data.task()).needs_grid_rates && !models.is_empty();
    let learning_rates = match needed {
        false => section.sorted_numbers_or(
            "learning_rates",
            f64::MIN_POSITIVE..=1e12,
            "learning rates above 0",
            vec![],
        )?,
        true => section.sorted_numbers(
            "learning_rates",
            f64::MIN_POSITIVE..=1e12,
            "learning rates above 0, each once",
        )?,
    };
    let seeds = seeds(&mut section)?;
    section.finish(&keys(axes))?;
    let grid = Grid { models, task_correlations, sweep, learning_rates, seeds };
    count_runs(&grid)?;
    Ok(grid)
}

/// Reads `vary` and `values`: the swept parameter; none where `vary` is missing.
fn sweep(section: &mut Section, parameters: &[SweptParameter]) -> Result<Option<Sweep>, Mistake> {
    if !section.has("vary") {
        return match section.take("values") {
            None => Ok(None),
            Some(values) => {
                Err(section.mistake("values", values, "grid.vary beside it, which names the parameter"))
            }
        };
    }
    let words: Vec<_> = parameters.iter().map(|&parameter| (parameter.key(), parameter)).collect();
    let parameter = section.word("vary", &words, None)?;
    let (range, remedy) = parameter_range(parameter);
    let values = section.sorted_numbers("values", range, &format!("different values: {remedy}"))?;
    Ok(Some(Sweep { parameter, values }))
}

/// Reads `seeds`: a count n (seeds 0 to n − 1) or a list.
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

/// Refuses a grid of too many runs.
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
        remedy: expected(format!("at most {MOST_RUNS} runs in total (this grid has {runs})")),
    })
}
