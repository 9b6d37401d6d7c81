//! Sizes beyond which nothing is taken: far above any use, and low enough that no count overflows.

/// Largest sizes taken: far beyond any use, and small enough that no product of two overflows.
pub(super) const MOST: u64 = 1 << 31;
/// Largest number of units, experts or tasks of a model: with 100,000 inputs its parameters can still be counted.
pub(super) const MOST_UNITS: i64 = 1_000_000;
/// Most runs of an experiment, 185 times the paper's study: a plan of them takes half a gigabyte.
pub(super) const MOST_RUNS: usize = 1_000_000;
