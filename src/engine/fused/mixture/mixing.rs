//! Gates: softmax over the experts, m_k = Σ_i g_k,i f_i, and both backwards, for the rows of one panel.
//!
//! Everything is columns over rows, so a gate's weight for 16 rows is one vector and nothing is ever summed
//! across lanes. Gates are taken two at a time: an expert's activation, once loaded, feeds both.

use super::product::Finish;
use super::simd::{Column, PANEL, Simd};

/// Units that are mixed together: with two gates 8 accumulators, as many as AVX2 has room for.
const UNITS: usize = 4;

/// Softmax over `logits`, one column an expert, in place.
#[inline(always)]
pub fn softmax<S: Simd>(simd: S, logits: &mut [Column]) {
    for v in 0..PANEL / S::LANES {
        let mut most = simd.get(&logits[0], v);
        for logit in &logits[1..] {
            most = simd.max(most, simd.get(logit, v));
        }
        let mut sum = simd.zero();
        for logit in logits.iter_mut() {
            let weight = simd.exp(simd.sub(simd.get(logit, v), most));
            sum = simd.add(sum, weight);
            simd.put(logit, v, weight);
        }
        let scale = simd.div(simd.splat(1.0), sum);
        for weight in logits.iter_mut() {
            let value = simd.mul(simd.get(weight, v), scale);
            simd.put(weight, v, value);
        }
    }
}

/// m_k = Σ_i g_k,i f_i for every gate: `gates` `[gates, experts]`, `experts` `[experts, units]` and `mixed`
/// `[gates, units]` columns.
#[inline(always)]
pub fn mix<S: Simd>(simd: S, gates: &[Column], experts: &[Column], units: usize, mixed: &mut [Column]) {
    let count = experts.len() / units;
    for (gates, mixed) in gates.chunks(2 * count).zip(mixed.chunks_mut(2 * units)) {
        if gates.len() == 2 * count {
            mix_some::<S, 2>(simd, gates, experts, units, mixed);
        } else {
            mix_some::<S, 1>(simd, gates, experts, units, mixed);
        }
    }
}

#[inline(always)]
fn mix_some<S: Simd, const GATES: usize>(
    simd: S,
    gates: &[Column],
    experts: &[Column],
    units: usize,
    mixed: &mut [Column],
) {
    let whole = units - units % UNITS;
    for v in 0..PANEL / S::LANES {
        for unit in (0..whole).step_by(UNITS) {
            mix_units::<S, GATES, UNITS>(simd, v, gates, experts, (units, unit), mixed);
        }
        for unit in whole..units {
            mix_units::<S, GATES, 1>(simd, v, gates, experts, (units, unit), mixed);
        }
    }
}

#[inline(always)]
fn mix_units<S: Simd, const GATES: usize, const COUNT: usize>(
    simd: S,
    v: usize,
    gates: &[Column],
    experts: &[Column],
    (units, unit): (usize, usize),
    mixed: &mut [Column],
) {
    let count = gates.len() / GATES;
    let mut sums = [[simd.zero(); COUNT]; GATES];
    for (i, expert) in experts.chunks_exact(units).enumerate() {
        let weights: [S::V; GATES] = std::array::from_fn(|k| simd.get(&gates[k * count + i], v));
        for (u, activation) in expert[unit..unit + COUNT].iter().enumerate() {
            let activation = simd.get(activation, v);
            for (sums, &weight) in sums.iter_mut().zip(&weights) {
                sums[u] = simd.mul_add(weight, activation, sums[u]);
            }
        }
    }
    for (k, sums) in sums.iter().enumerate() {
        for (u, &sum) in sums.iter().enumerate() {
            simd.put(&mut mixed[k * units + unit + u], v, sum);
        }
    }
}

/// Backwards through mixture, softmax and the experts' ReLU: from ∂m `[gates, units]` to the gradients of the
/// experts' inputs `[experts, units]`, finished by `finish`, and of the logits `[gates, experts]`.
#[inline(always)]
pub fn unmix<S: Simd, F: Finish>(
    simd: S,
    finish: F,
    (gates, experts, units): (&[Column], &[Column], usize),
    d_mixed: &[Column],
    d_experts: &mut [Column],
    d_logits: &mut [Column],
) {
    let count = experts.len() / units;
    let pairs = d_mixed.len().div_ceil(2 * units);
    for pair in 0..pairs {
        let (first, last) = (pair == 0, pair + 1 == pairs);
        let gates = &gates[pair * 2 * count..];
        let d_mixed = &d_mixed[pair * 2 * units..];
        let d_logits = &mut d_logits[pair * 2 * count..];
        let layer = (gates, experts, units);
        if d_mixed.len() >= 2 * units {
            unmix_some::<S, F, 2>(simd, &finish, layer, d_mixed, d_experts, d_logits, (first, last));
        } else {
            unmix_some::<S, F, 1>(simd, &finish, layer, d_mixed, d_experts, d_logits, (first, last));
        }
    }
    for (gate, d_logits) in gates.chunks_exact(count).zip(d_logits.chunks_exact_mut(count)) {
        softmax_backward(simd, gate, d_logits);
    }
}

/// For `GATES` gates, adds g · ∂m to the experts' gradient (starts it if `first`, applies ReLU's derivative and
/// `finish` if `last`) and leaves ∂m · f in `d_weights`.
#[inline(always)]
fn unmix_some<S: Simd, F: Finish, const GATES: usize>(
    simd: S,
    finish: &F,
    (gates, experts, units): (&[Column], &[Column], usize),
    d_mixed: &[Column],
    d_experts: &mut [Column],
    d_weights: &mut [Column],
    (first, last): (bool, bool),
) {
    let count = experts.len() / units;
    let pairs = experts.chunks_exact(units).zip(d_experts.chunks_exact_mut(units));
    for (i, (expert, d_expert)) in pairs.enumerate() {
        // Two vectors at once: the sums over units are chains, and two chains a gate hide their latency.
        for v in (0..PANEL / S::LANES).step_by(2) {
            let weights: [[S::V; 2]; GATES] =
                std::array::from_fn(|k| std::array::from_fn(|j| simd.get(&gates[k * count + i], v + j)));
            let mut sums = [[simd.zero(); 2]; GATES];
            for (u, (f, df)) in expert.iter().zip(d_expert.iter_mut()).enumerate() {
                for j in 0..2 {
                    let activation = simd.get(f, v + j);
                    let mut sum = if first { simd.zero() } else { simd.get(df, v + j) };
                    for k in 0..GATES {
                        let d = simd.get(&d_mixed[k * units + u], v + j);
                        sum = simd.mul_add(weights[k][j], d, sum);
                        sums[k][j] = simd.mul_add(d, activation, sums[k][j]);
                    }
                    let sum = match last {
                        true => finish.finish(simd, u, v + j, simd.where_positive(activation, sum)),
                        false => sum,
                    };
                    simd.put(df, v + j, sum);
                }
            }
            for (k, sums) in sums.iter().enumerate() {
                for (j, &sum) in sums.iter().enumerate() {
                    simd.put(&mut d_weights[k * count + i], v + j, sum);
                }
            }
        }
    }
}

/// From ∂g to the gradient of the logits, g_i (∂g_i − Σ_j g_j ∂g_j), in place.
#[inline(always)]
fn softmax_backward<S: Simd>(simd: S, weights: &[Column], d: &mut [Column]) {
    for v in 0..PANEL / S::LANES {
        let mut mean = simd.zero();
        for (g, d) in weights.iter().zip(d.iter()) {
            mean = simd.mul_add(simd.get(g, v), simd.get(d, v), mean);
        }
        for (g, d) in weights.iter().zip(d.iter_mut()) {
            let value = simd.mul(simd.get(g, v), simd.sub(simd.get(d, v), mean));
            simd.put(d, v, value);
        }
    }
}
