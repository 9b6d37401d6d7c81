//! Adam on slices of one run on a CPU, in plain loops that the compiler vectorises for the instructions at hand.
//!
//! Two passes over memory, because an in-place operation of Candle changes one tensor: the moments from the gradient,
//! then the parameters from the moments.

use super::{BETA_1, BETA_2, Correction, EPSILON};
use crate::simd::{CpuFeatures, multiversion};

/// One step of a run: θ, its moments m and v, and its gradient, `[parameters]` each.
pub fn step(
    theta: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
    correction: Correction,
) {
    update_moments(CpuFeatures::best(), first, second, gradient);
    update_parameters(CpuFeatures::best(), theta, first, second, correction);
}

multiversion! {
    /// m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g².
    pub(super) fn update_moments(first: &mut [f32], second: &mut [f32], gradient: &[f32]) = update_moments_body;
}

#[inline(always)]
fn update_moments_body(first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
    for ((m, v), g) in first.iter_mut().zip(second).zip(gradient) {
        *m = BETA_1 as f32 * *m + (1.0 - BETA_1) as f32 * g;
        *v = BETA_2 as f32 * *v + (1.0 - BETA_2) as f32 * (g * g);
    }
}

multiversion! {
    /// θ ← θ − decay · θ − step · m / (√v · root + ε).
    pub(super) fn update_parameters(
        theta: &mut [f32],
        first: &[f32],
        second: &[f32],
        correction: Correction,
    ) = update_parameters_body;
}

#[inline(always)]
fn update_parameters_body(theta: &mut [f32], first: &[f32], second: &[f32], correction: Correction) {
    let [step, root, decay] =
        [correction.step, correction.root, correction.decay].map(|number| number as f32);
    for ((theta, m), v) in theta.iter_mut().zip(first).zip(second) {
        *theta = *theta - decay * *theta - step * m / (v.sqrt() * root + EPSILON as f32);
    }
}
