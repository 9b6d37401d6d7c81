//! Successive halving (Jamieson and Talwalkar, AISTATS 2016): candidates are drawn once and climb rungs; each rung
//! trains them longer and keeps fewer. `cli::tune` climbs them for `[tune]`, `cli::calibrate` for `sweep calibrate`;
//! `study::classification::tuning` ranks the trials of `[tune]`.

use serde::{Deserialize, Serialize};

/// Limit of the number of combinations: all are listed before candidates are drawn from them.
pub(super) const MOST_COMBINATIONS: usize = 1_000_000;

/// One round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Number of seeds of every candidate: 0 to n − 1, so that the next rung reuses them.
    pub seeds: u64,
    /// Optimiser steps of a run.
    pub steps: u64,
    /// Number of candidates that are promoted.
    pub keep: usize,
}

/// `count` different numbers below `total`, or all, in the order of the hashes of `key` with the numbers.
pub(super) fn drawn(total: usize, count: usize, key: &str) -> Vec<usize> {
    let hash = |number: usize| *blake3::hash(format!("{key} {number}").as_bytes()).as_bytes();
    let mut numbers: Vec<([u8; 32], usize)> = (0..total).map(|number| (hash(number), number)).collect();
    numbers.sort_unstable();
    numbers.into_iter().take(count).map(|(_, number)| number).collect()
}
