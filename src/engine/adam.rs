//! Adam's constants (Kingma & Ba 2015, algorithm 1), "with the default setting" as MMoE §3.3 has it.

/// Decay of the first moment.
pub const BETA_1: f64 = 0.9;
/// Decay of the second moment.
pub const BETA_2: f64 = 0.999;
/// Added to the root of the corrected second moment.
pub const EPSILON: f64 = 1e-8;

/// Step size and second-moment scale with the bias corrections folded in, for step `t` (from 1):
/// θ ← θ − `step` · m / (√v · `root` + ε).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// lr / (1 − β₁ᵗ).
    pub step: f64,
    /// 1 / √(1 − β₂ᵗ).
    pub root: f64,
}

impl Correction {
    /// The correction of step `t`, counted from 1.
    pub fn at(t: u64, learning_rate: f64) -> Self {
        // Past the range of i32 both powers are 0 in f64.
        let t = i32::try_from(t).unwrap_or(i32::MAX);
        Self { step: learning_rate / (1.0 - BETA_1.powi(t)), root: 1.0 / (1.0 - BETA_2.powi(t)).sqrt() }
    }
}
