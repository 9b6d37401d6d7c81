//! The section `[grid]`: models, conditions, learning rates and seeds, whose combinations are the runs.

use toml::Value;

use super::axis;
use super::data::rules;
use super::error::Mistake;
use super::limits::{COUNT_OF_SEEDS, LEARNING_RATE, MOST_RUNS, SEED};
use super::schema::Grid;
use super::section::{Section, expected};
use crate::data::DataSpec;

/// Keys of `[grid]`.
pub(super) const KEYS: &[&str] = &["models", "task_correlations", "vary", "learning_rates", "seeds"];

/// The keys for data whose tasks have a correlation that can be set, or not.
fn keys(has_task_correlations: bool) -> Vec<&'static str> {
    let has = |key: &&&str| has_task_correlations || **key != "task_correlations";
    KEYS.iter().filter(has).copied().collect()
}

/// Reads `[grid]`.
pub(super) fn read(mut section: Section, data: &DataSpec) -> Result<Grid, Mistake> {
    let models = section.words("models")?;
    let has_task_correlations = data.source().has_task_correlations();
    let task_correlations = match has_task_correlations {
        true => section.sorted_numbers("task_correlations", -1.0..=1.0, "cosines")?,
        false => Vec::new(),
    };
    let axes = axis::read(&mut section, &models)?;
    // Regression always needs them, so that a mistake is reported at this key; elsewhere each model may have its own.
    let needed = rules(data.task()).needs_grid_rates && !models.is_empty();
    let learning_rates = match needed {
        false => section.sorted_numbers_or("learning_rates", LEARNING_RATE, "learning rates", vec![])?,
        true => section.sorted_numbers("learning_rates", LEARNING_RATE, "learning rates")?,
    };
    let seeds = seeds(&mut section)?;
    section.finish(&keys(has_task_correlations))?;
    let grid = Grid { models, task_correlations, axes, learning_rates, seeds };
    count_runs(&grid)?;
    Ok(grid)
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
