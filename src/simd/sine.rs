//! Sines in single precision that the compiler can vectorise.
//!
//! A label of MMoE §3.2 costs a handful of sines a task, and the C library's `sinf`, one call at a
//! time, would take longer than drawing the hundred inputs. The functions here are straight-line
//! multiplications and additions (no branches, no fused operations), so a loop over a slice becomes
//! vector code and gives the same bits on every CPU.
//!
//! The polynomials are minimax fits (Remez, absolute error) on [-π/2, π/2], made for this file;
//! [`crate::data::normal`] uses the same two.

use crate::simd::multiversion;

/// sin x for x in [-π/2, π/2]: x + x³·S(x²), fit error 5e-9.
#[inline(always)]
pub fn sin_half_turn(x: f32) -> f32 {
    let z = x * x;
    let s = 2.599_903_2e-6;
    let s = s * z - 1.980_654_8e-4;
    let s = s * z + 8.333_016e-3;
    let s = s * z - 1.666_665_7e-1;
    x + x * z * s
}

/// cos x for x in [-π/2, π/2]: 1 + x²·C(x²), fit error 5e-8.
#[inline(always)]
pub fn cos_half_turn(x: f32) -> f32 {
    let z = x * x;
    let c = 2.319_282_8e-5;
    let c = c * z - 1.385_586_2e-3;
    let c = c * z + 4.166_398_2e-2;
    let c = c * z - 4.999_993e-1;
    1.0 + z * c
}

/// 1.5 · 2²³: adding it pushes the fraction of a small number out of the mantissa, which rounds
/// to the nearest integer and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;
/// π in three parts (Cody and Waite). The first two have 8 and at most 12 significant
/// bits, so their products with a multiple of up to 12 bits are exact.
const PI_HIGH: f32 = 3.140_625;
const PI_MIDDLE: f32 = 9.677_41e-4;
const PI_LOW: f32 = -8.742_278e-8;

/// Largest magnitude of an argument that [`sin`] is made and tested for.
pub const LARGEST_ARGUMENT: f64 = 300.0;

/// sin x, with an absolute error below 2e-6 (in fact about 1.5e-7) for |x| ≤ 300.
///
/// x is reduced to x - kπ with k = round(x/π); an odd k turns the sign. Precision is lost only
/// slowly beyond 300, and altogether from about 1e6; infinities give NaN.
///
/// ```
/// assert!((mmoe_study::simd::sine::sin(100.0) - 100f32.sin()).abs() < 2e-6);
/// ```
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    let shifted = x * std::f32::consts::FRAC_1_PI + ROUND;
    let k = shifted - ROUND;
    let reduced = x - k * PI_HIGH - k * PI_MIDDLE - k * PI_LOW;
    let odd = shifted.to_bits() << 31;
    f32::from_bits(sin_half_turn(reduced).to_bits() ^ odd)
}

multiversion! {
    /// The nonlinearity of MMoE §3.2, eq. 3 in place of its argument: each element t becomes
    /// t + Σᵢ sin(αᵢ t + βᵢ), with `waves` = [(αᵢ, βᵢ)].
    pub fn add_sines(waves: &[(f32, f32)], t: &mut [f32]) = add_sines_body;
}

#[inline(always)]
fn add_sines_body(waves: &[(f32, f32)], t: &mut [f32]) {
    // Tiles small enough for a few vector registers: the sum stays there while waves go by.
    const TILE: usize = 64;
    let (tiles, rest) = t.as_chunks_mut::<TILE>();
    for tile in tiles {
        let mut sum = *tile;
        for &(alpha, beta) in waves {
            for lane in 0..TILE {
                sum[lane] += sin(alpha * tile[lane] + beta);
            }
        }
        *tile = sum;
    }
    for value in rest {
        let t = *value;
        for &(alpha, beta) in waves {
            *value += sin(alpha * t + beta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::CpuFeatures;

    /// 2e-6 is a fiftieth of a thousandth of the label noise (0.1), and ten times what is reached,
    /// so that a broken reduction fails while rounding never does.
    #[test]
    fn sine_is_within_two_millionths_up_to_three_hundred() {
        let mut worst = 0f64;
        for i in -3_000_000..=3_000_000 {
            let x = i as f32 * 1e-4;
            worst = worst.max((f64::from(sin(x)) - f64::from(x).sin()).abs());
        }
        assert!(worst <= 2e-6, "worst error {worst:e}");
    }

    /// Near multiples of π/2 the reduction is most delicate.
    #[test]
    fn sine_is_right_beside_multiples_of_a_quarter_turn() {
        for k in -190..=190 {
            let centre = (f64::from(k) * std::f64::consts::FRAC_PI_2) as f32;
            for ulps in -3..=3 {
                let x = f32::from_bits(centre.to_bits().wrapping_add_signed(ulps));
                if !x.is_finite() {
                    continue; // k = 0, three steps "below" zero
                }
                let error = (f64::from(sin(x)) - f64::from(x).sin()).abs();
                assert!(error <= 2e-6, "sin({x}): error {error:e}");
            }
        }
    }

    #[test]
    fn cosine_polynomial_is_within_three_ten_millionths() {
        for i in -15_707..=15_707 {
            let x = i as f32 * 1e-4;
            let error = (f64::from(cos_half_turn(x)) - f64::from(x).cos()).abs();
            assert!(error <= 3e-7, "cos({x}): error {error:e}");
        }
    }

    #[test]
    fn slices_equal_single_values_at_every_width_and_length() {
        let waves = [(3.71, 1.55), (14.63, -0.3), (0.5, 200.0)];
        for cpu in CpuFeatures::available() {
            for length in [0, 1, 63, 64, 65, 200] {
                let input: Vec<f32> = (0..length).map(|i| (i as f32 - 90.0) * 0.037).collect();
                let mut output = input.clone();
                add_sines(cpu, &waves, &mut output);
                for (&t, &got) in input.iter().zip(&output) {
                    let mut want = t;
                    for (alpha, beta) in waves {
                        want += sin(alpha * t + beta);
                    }
                    assert_eq!(got.to_bits(), want.to_bits(), "{}", cpu.name());
                }
            }
        }
    }
}
