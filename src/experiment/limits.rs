//! Limits of sizes: far above any use, and low enough that no count overflows.

use crate::bounds::Bounds;

/// Limit of most sizes: the product of two of them does not overflow.
pub(super) const MOST: u64 = 1 << 31;
/// Limit of the runs of an experiment, 185 times the paper's study: their plan takes half a gigabyte.
pub(super) const MOST_RUNS: usize = 1_000_000;

/// Step sizes of Adam. A step of 1e12 leaves every range in which a loss is finite.
pub(super) const LEARNING_RATE: Bounds<f64> = Bounds::above(0.0, 1e12);
/// Seeds in a list: TOML has no larger whole number.
pub(super) const SEED: Bounds<u64> = Bounds::within(0, i64::MAX as u64);
/// Seeds given by their count; [`MOST_RUNS`] limits them further.
pub(super) const COUNT_OF_SEEDS: Bounds<u64> = Bounds::within(1, 10_000_000);

/// Limit of the runs in a group: a larger population falls out of the cache, and a killed process loses more.
pub(super) const MAX_GROUP_RUNS: usize = 30;
/// The same for classification and conversion, whose runs take seconds: a group should take a minute at most.
pub const MAX_GROUP_RUNS_OF_ROWS: usize = 8;
