//! Limits of sizes: far above any use, and low enough that no count overflows.

/// Limit of most sizes: the product of two of them does not overflow.
pub(super) const MOST: u64 = 1 << 31;
/// Limit of the units, experts or tasks of a model: with 100,000 inputs its parameters can still be counted.
pub(super) const MOST_UNITS: i64 = 1_000_000;
/// Limit of the runs of an experiment, 185 times the paper's study: their plan takes half a gigabyte.
pub(super) const MOST_RUNS: usize = 1_000_000;

/// Limit of the runs in a group: a larger population falls out of the cache, and a killed process loses more.
pub(super) const MAX_GROUP_RUNS: usize = 30;
/// The same for classification and conversion, whose runs take seconds: a group should take a minute at most.
pub const MAX_GROUP_RUNS_OF_ROWS: usize = 8;
