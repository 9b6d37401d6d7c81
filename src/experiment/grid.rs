//! The section `[grid]`: models, conditions, learning rates and seeds, whose combinations are the runs.

use toml::Value;

use super::condition::Sweep;
use super::data::{parameter_bounds, rules};
use super::error::Mistake;
use super::limits::{COUNT_OF_SEEDS, LEARNING_RATE, MOST_RUNS, SEED};
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
    let axes = data.source().axes();
    let task_correlations = match axes.task_correlations {
        true => section.sorted_numbers("task_correlations", -1.0..=1.0, "cosines")?,
        false => Vec::new(),
    };
    let sweep = match axes.swept {
        [] => None,
        parameters => sweep(&mut section, parameters)?,
    };
    // Regression always needs them, so that a mistake is reported at this key; elsewhere each model may have its own.
    let needed = rules(data.task()).needs_grid_rates && !models.is_empty();
    let learning_rates = match needed {
        false => section.sorted_numbers_or("learning_rates", LEARNING_RATE, "learning rates", vec![])?,
        true => section.sorted_numbers("learning_rates", LEARNING_RATE, "learning rates")?,
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
    let values = section.sorted_numbers("values", parameter_bounds(parameter), "values")?;
    Ok(Some(Sweep { parameter, values }))
}

/// Reads `seeds`: a count n (seeds 0 to n − 1) or a list.
fn seeds(section: &mut Section) -> Result<Vec<u64>, Mistake> {
    let remedy =
        format!("a count {}, or a list of different whole numbers {}", COUNT_OF_SEEDS.range(), SEED.range());
    let value = section.require("seeds", &remedy)?;
    let whole = |value: &Value| value.as_integer().and_then(|n| u64::try_from(n).ok());
    let seeds = match &value {
        Value::Array(list) if !list.is_empty() => {
            list.iter().map(|seed| whole(seed).filter(|seed| SEED.contains(*seed))).collect()
        }
        count => whole(count).filter(|n| COUNT_OF_SEEDS.contains(*n)).map(|n| (0..n).collect()),
    };
    let sorted = seeds.and_then(|mut seeds: Vec<u64>| {
        seeds.sort_unstable();
        seeds.windows(2).all(|pair| pair[0] < pair[1]).then_some(seeds)
    });
    sorted.ok_or_else(|| section.mistake("seeds", value, remedy))
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
