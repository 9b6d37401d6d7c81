//! Clipping of a run's gradient by its norm over all parameters (Pascanu, Mikolov & Bengio 2013, algorithm 1):
//! g ← g · c / ‖g‖ where ‖g‖ > c.
//!
//! The sum of squares is taken in blocks of f32 lanes that are the same at every vector width, and the blocks are
//! added in f64: the same bits on every CPU. Where f32 has no number for it, it is taken again in f64.

use crate::simd::{CpuFeatures, multiversion};

/// Elements of a block: a block's sum has few enough terms a lane for rounding not to show.
const BLOCK: usize = 4096;
/// Partial sums of a block: eight of the widest vectors, so that no addition waits for the one before.
const LANES: usize = 128;

/// Scales a run's gradient, `[parameters]`, to a norm of at most `limit`. A gradient that is not finite stays so: the
/// run's loss shows it.
pub fn clip(gradient: &mut [f32], limit: f64) {
    let factor = factor(gradient, limit);
    if factor != 1.0 {
        multiply(CpuFeatures::best(), gradient, factor);
    }
}

/// What a run's gradient, `[parameters]`, is multiplied by for a norm of at most `limit`.
pub fn factor(gradient: &[f32], limit: f64) -> f32 {
    scale(squared_norm(gradient), limit) as f32
}

/// What a gradient of this squared norm is multiplied by for a norm of at most `limit`.
pub fn scale(squared_norm: f64, limit: f64) -> f64 {
    let norm = squared_norm.sqrt();
    // False where the norm is NaN.
    if norm > limit { limit / norm } else { 1.0 }
}

/// Σ g².
pub fn squared_norm(gradient: &[f32]) -> f64 {
    squared_norm_on(CpuFeatures::best(), gradient)
}

fn squared_norm_on(cpu: CpuFeatures, gradient: &[f32]) -> f64 {
    /// Below this a block may have lost squares that are no normal numbers.
    const SMALLEST: f64 = 1e-30;
    let mut blocks = 0.0;
    add_squares(cpu, gradient, &mut blocks);
    match blocks.is_finite() && (blocks > SMALLEST || blocks == 0.0 && gradient.iter().all(|g| *g == 0.0)) {
        true => blocks,
        false => gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum(),
    }
}

multiversion! {
    /// Adds the squares, summed by block in f32.
    fn add_squares(gradient: &[f32], sum: &mut f64) = add_squares_body;
}

#[inline(always)]
fn add_squares_body(gradient: &[f32], sum: &mut f64) {
    for block in gradient.chunks(BLOCK) {
        let mut lanes = [0.0f32; LANES];
        let (whole, rest) = block.as_chunks::<LANES>();
        for values in whole {
            for (lane, value) in lanes.iter_mut().zip(values) {
                *lane += value * value;
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane += value * value;
        }
        *sum += lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
    }
}

multiversion! {
    /// g ← g · scale.
    pub(super) fn multiply(values: &mut [f32], scale: f32) = multiply_body;
}

#[inline(always)]
fn multiply_body(values: &mut [f32], scale: f32) {
    for value in values {
        *value *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|i| size * (i as f32 * 0.7 + 0.1).sin()).collect()
    }

    #[test]
    fn the_norm_is_that_of_f64_at_every_width_and_size() {
        // Squares of 1e-30 are below f32's smallest number, those of 1e25 above its largest.
        for size in [1e-30, 1e-12, 1e-3, 1.0, 1e10, 1e25] {
            for count in [1, 31, 32, 33, 4096, 20_000] {
                let gradient = gradient(count, size);
                let expected: f64 = gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
                let of = |cpu| squared_norm_on(cpu, &gradient);
                for cpu in CpuFeatures::available() {
                    assert_eq!(of(cpu), of(CpuFeatures::available()[0]), "{}", cpu.name());
                }
                // 32 additions a lane of 2⁻²⁴ each.
                assert!((squared_norm(&gradient) / expected - 1.0).abs() < 1e-5, "{size} {count}");
            }
        }
        assert_eq!(squared_norm(&[0.0; 40]), 0.0);
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_keep_their_bits() {
        let mut long = gradient(5000, 1.0);
        let direction: Vec<f32> = long.clone();
        clip(&mut long, 2.0);
        assert!((squared_norm(&long).sqrt() - 2.0).abs() < 1e-5);
        let norm = squared_norm(&direction).sqrt() as f32;
        assert!(long.iter().zip(&direction).all(|(ours, g)| (ours - g * 2.0 / norm).abs() < 1e-6));
        let mut short = direction.clone();
        clip(&mut short, 1e3);
        assert_eq!(short, direction);
    }

    #[test]
    fn a_gradient_that_is_not_finite_stays_so() {
        for wrong in [f32::NAN, f32::INFINITY] {
            let mut gradient = vec![1.0, wrong, 2.0];
            clip(&mut gradient, 1.0);
            assert!(gradient.iter().any(|g| !g.is_finite()), "{gradient:?}");
        }
    }
}
