//! Successive halving (Jamieson and Talwalkar, AISTATS 2016): candidates are drawn once and climb rungs, each of
//! which trains longer and keeps fewer.

use serde::{Deserialize, Serialize};

/// Most combinations of choices: all are listed before candidates are drawn from them.
pub(super) const MOST_COMBINATIONS: usize = 1_000_000;

/// One round of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Seeds of every candidate: 0 to n − 1, so that the next rung's are more of the same.
    pub seeds: u64,
    /// Optimiser steps.
    pub steps: u64,
    /// How many candidates go on.
    pub keep: usize,
}

/// `count` different numbers below `of`, or all, in an order that hashes of `key` and the numbers give.
pub(super) fn drawn(of: usize, count: usize, key: &str) -> Vec<usize> {
    let hash = |number: usize| *blake3::hash(format!("{key} {number}").as_bytes()).as_bytes();
    let mut numbers: Vec<([u8; 32], usize)> = (0..of).map(|number| (hash(number), number)).collect();
    numbers.sort_unstable();
    numbers.into_iter().take(count).map(|(_, number)| number).collect()
}
