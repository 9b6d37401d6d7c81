//! g = eᶻ / Σ eᶻ over the last axis, with ∂z_i = g_i (∂g_i − Σ_j ∂g_j g_j).
//!
//! The largest of a row is subtracted before, so that no power overflows.

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};

use super::{floats, read, result, tensor};
use crate::simd::{CpuFeatures, multiversion};

struct Softmax;

/// Softmax over the last axis of `logits`, `[…, choices]`; the result has the same shape.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn softmax(logits: &Tensor) -> Result<Tensor> {
    logits.contiguous()?.apply_op1(Softmax)
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, z: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let choices = layout.shape().dim(D::Minus1)?;
        let mut g = floats(z, layout)?.to_vec();
        forward(CpuFeatures::best(), &mut g, choices);
        result(g, layout.shape().clone())
    }

    fn bwd(&self, _: &Tensor, g: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let mut z = read(&gradient)?.to_vec();
        backward(CpuFeatures::best(), &read(g)?, &mut z, g.dim(D::Minus1)?);
        tensor(z, g.shape())
    }
}

multiversion! {
    /// Logits become weights, in rows of `choices`.
    fn forward(values: &mut [f32], choices: usize) = forward_body;
}

#[inline(always)]
fn forward_body(values: &mut [f32], choices: usize) {
    // The paper's number of experts, known to the compiler, is several times as fast.
    match choices {
        8 => forward_rows(values, 8),
        _ => forward_rows(values, choices),
    }
}

#[inline(always)]
fn forward_rows(values: &mut [f32], choices: usize) {
    for row in values.chunks_exact_mut(choices) {
        // NaN goes through: the largest of a row with NaN may miss it, its power does not.
        let largest = row.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
        row.iter_mut().for_each(|value| *value -= largest);
    }
    values.iter_mut().for_each(|value| *value = exp(*value));
    for row in values.chunks_exact_mut(choices) {
        let scale = 1.0 / row.iter().sum::<f32>();
        row.iter_mut().for_each(|value| *value *= scale);
    }
}

multiversion! {
    /// Gradients of weights become gradients of logits, in rows of `choices`.
    fn backward(weights: &[f32], gradient: &mut [f32], choices: usize) = backward_body;
}

#[inline(always)]
fn backward_body(weights: &[f32], gradient: &mut [f32], choices: usize) {
    match choices {
        8 => backward_rows(weights, gradient, 8),
        _ => backward_rows(weights, gradient, choices),
    }
}

#[inline(always)]
fn backward_rows(weights: &[f32], gradient: &mut [f32], choices: usize) {
    for (weights, gradient) in weights.chunks_exact(choices).zip(gradient.chunks_exact_mut(choices)) {
        let mean: f32 = weights.iter().zip(&*gradient).map(|(w, g)| w * g).sum();
        for (weight, gradient) in weights.iter().zip(gradient) {
            *gradient = weight * (*gradient - mean);
        }
    }
}

/// eᵃ for a ≤ 0, within 2 units in the last place down to e⁻⁸⁷; smaller a count as −87. NaN stays.
///
/// a = n ln 2 + r with |r| ≤ ln 2 / 2; ln 2 is split so that n times its upper part is exact, and eʳ is its
/// Taylor polynomial of degree 7, whose remainder (5e-9) is below half a unit in the last place.
#[inline(always)]
fn exp(a: f32) -> f32 {
    /// e⁻⁸⁷ is the last whole power that is a normal float.
    const LOWEST: f32 = -87.0;
    /// The upper 10 bits of ln 2.
    const LN_2_UPPER: f32 = 0.693_359_4;
    const LN_2_LOWER: f32 = (std::f64::consts::LN_2 - LN_2_UPPER as f64) as f32;
    /// 1.5 · 2²³: adding it leaves no bits after the point.
    const SHIFT: f32 = 12_582_912.0;
    let a = if a < LOWEST { LOWEST } else { a };
    let shifted = a * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (a - n * LN_2_UPPER) - n * LN_2_LOWER;
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + coefficient;
    }
    // The whole number stands in the last bits of `shifted`; 127 is the exponent's bias, 23 the mantissa's
    // width.
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(SHIFT.to_bits()).wrapping_add(127) << 23);
    sum * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_right_to_the_last_places() {
        for step in 0..87_000 {
            let a = -(step as f32) / 1000.0;
            let exact = f64::from(a).exp();
            assert!((f64::from(exp(a)) / exact - 1.0).abs() < 2.5e-7, "{a}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), exp(-87.0));
        assert!(exp(f32::NAN).is_nan());
    }
}
