//! A vectorised sine for the labels' Σ sin(α t + β).

use super::simd::widest;

/// Largest magnitude of an argument that [`sine`] is made and tested for.
pub const LARGEST_ARGUMENT: f64 = 1000.0;

/// sin x for |x| ≤ [`LARGEST_ARGUMENT`], to 5e-7 (plus what the rounding of x itself costs).
#[inline(always)]
pub fn sine(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to the nearest whole number and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // π in three parts; whole multiples up to 2¹² of the first two are exact (Cody & Waite 1980).
    const PI: [f32; 3] = [3.140_625, 0.000_967_741, -8.742_278e-8];
    let shifted = x * std::f32::consts::FRAC_1_PI + ROUND;
    let turns = shifted - ROUND;
    let rest = ((x - turns * PI[0]) - turns * PI[1]) - turns * PI[2];
    // Taylor's series to r¹¹ on −π/2 to π/2; what is left out is under 6e-8.
    let square = rest * rest;
    let series = -1.0 / 39_916_800.0;
    let series = series * square + 1.0 / 362_880.0;
    let series = series * square - 1.0 / 5_040.0;
    let series = series * square + 1.0 / 120.0;
    let series = series * square - 1.0 / 6.0;
    let sine = rest + rest * square * series;
    // Odd multiples of π turn the sign.
    f32::from_bits(sine.to_bits() ^ (shifted.to_bits() << 31))
}

widest! {
    /// Writes t + Σᵢ sin(αᵢ t + βᵢ) to `out` for every t of `t`; `waves` are (αᵢ, βᵢ).
    pub fn add_waves(t: &[f32], waves: &[(f32, f32)], out: &mut [f32]) = add_waves_body;
}

#[inline(always)]
fn add_waves_body(t: &[f32], waves: &[(f32, f32)], out: &mut [f32]) {
    out.copy_from_slice(t);
    for &(alpha, beta) in waves {
        for (out, &t) in out.iter_mut().zip(t) {
            *out += sine(alpha * t + beta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_is_close_over_its_whole_range() {
        let mut worst: f64 = 0.0;
        for step in -1_000_000..=1_000_000 {
            let x = (f64::from(step) * LARGEST_ARGUMENT * 1e-6) as f32;
            worst = worst.max((f64::from(sine(x)) - f64::from(x).sin()).abs());
        }
        assert!(worst < 5e-7, "{worst}");
    }

    #[test]
    fn waves_are_added_alike_on_every_instruction_set() {
        let t: Vec<f32> = (0..999).map(|i| (i as f32 - 500.0) * 0.01).collect();
        let waves = [(3.71, 1.55), (14.63, -0.3)];
        let (mut widest, mut portable) = (vec![0.0; 999], vec![0.0; 999]);
        add_waves(&t, &waves, &mut widest);
        add_waves_body(&t, &waves, &mut portable);
        assert_eq!(widest, portable);
        for (&t, &y) in t.iter().zip(&widest) {
            let exact = waves.iter().fold(f64::from(t), |sum, &(alpha, beta)| {
                sum + (f64::from(alpha) * f64::from(t) + f64::from(beta)).sin()
            });
            // Rounding of α t + β, up to 75 here, dominates.
            assert!((f64::from(y) - exact).abs() < 1e-5, "{t}");
        }
    }
}
