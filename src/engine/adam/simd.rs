//! Adam on one run's padded parameters in the vectors of `fused::simd`, in one pass over gradient, moments and parameters.
//!
//! The divider sets the pace, not memory: a root and a quotient a parameter. So two quotients share one
//! division, 1/a = b / (ab) and 1/b = a / (ab), at the price of two more roundings. Denominators lie between
//! ε = 1e-8 and √f32::MAX, within rounding, so their product is a normal float.

use super::{BETA_1, BETA_2, Correction, EPSILON};
use crate::engine::fused::simd::{Job, Simd};

/// One step: θ ← θ − decay · θ − step · m / (√v · root + ε) with the moments updated before. All slices have the same
/// length, a multiple of 32; padding has gradient 0 and stays 0.
pub struct Adam<'a> {
    /// θ.
    pub theta: &'a mut [f32],
    /// First moment m.
    pub first: &'a mut [f32],
    /// Second moment v.
    pub second: &'a mut [f32],
    /// The gradient.
    pub gradient: &'a [f32],
    /// What the gradient is multiplied by: 1 unless it is clipped.
    pub scale: f32,
    /// This step's correction for this run's learning rate.
    pub correction: Correction,
}

impl Job for Adam<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Adam { theta, first, second, gradient, scale, correction } = self;
        let count = gradient.len();
        assert!(theta.len() == count && first.len() == count && second.len() == count);
        assert_eq!(count % (2 * S::LANES), 0);
        let beta_1 = simd.splat(BETA_1 as f32);
        let beta_2 = simd.splat(BETA_2 as f32);
        let rest_1 = simd.splat((1.0 - BETA_1) as f32);
        let rest_2 = simd.splat((1.0 - BETA_2) as f32);
        let epsilon = simd.splat(EPSILON as f32);
        let step = simd.splat(correction.step as f32);
        let root = simd.splat(correction.root as f32);
        let scale = simd.splat(scale);
        let decay = simd.splat(correction.decay as f32);
        for pair in (0..count).step_by(2 * S::LANES) {
            let mut moment = [simd.zero(); 2];
            let mut denominator = [simd.zero(); 2];
            for j in 0..2 {
                let at = pair + j * S::LANES;
                // SAFETY: `pair` is a multiple of 2 · LANES below `count`, itself such a multiple.
                unsafe {
                    let g = simd.mul(scale, simd.load(gradient, at));
                    let m = simd.mul_add(beta_1, simd.load(first, at), simd.mul(rest_1, g));
                    let v = simd.mul_add(beta_2, simd.load(second, at), simd.mul(rest_2, simd.mul(g, g)));
                    simd.store(first, at, m);
                    simd.store(second, at, v);
                    moment[j] = simd.mul(step, m);
                    denominator[j] = simd.mul_add(simd.sqrt(v), root, epsilon);
                }
            }
            let both = simd.div(simd.splat(1.0), simd.mul(denominator[0], denominator[1]));
            for j in 0..2 {
                let at = pair + j * S::LANES;
                let inverse = simd.mul(both, denominator[1 - j]);
                // SAFETY: as above.
                unsafe {
                    let theta_j = simd.load(theta, at);
                    let kept = simd.neg_mul_add(decay, theta_j, theta_j);
                    let theta_j = simd.neg_mul_add(moment[j], inverse, kept);
                    simd.store(theta, at, theta_j);
                }
            }
        }
    }
}
