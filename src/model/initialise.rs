//! First values of the parameters, from counter-based streams.
//!
//! A parameter's draws are keyed by the run's seed and the parameter's name, so that models of one seed start
//! from the same draws wherever their shapes agree: OMoE's one gate is MMoE's first, their experts and towers
//! are equal. Paired differences between models are the sharper for it.

use rand_distr::{Distribution, StandardNormal, Uniform};
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Parameter, Role};
use crate::data::stream::{Purpose, Stream};

/// Distributions of first values. Biases start at 0 unless stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Normal with variance 1/fan_in, cut off at two standard deviations (of the uncut normal, which is
    /// widened so that the variance after the cut is 1/fan_in). JAX's and Keras' `lecun_normal`.
    TruncatedNormalFanIn,
    /// U(±√(6/(fan_in + fan_out))) (Glorot & Bengio 2010, equation 16).
    GlorotUniform,
    /// Normal with variance 2/fan_in, cut off as above (He et al. 2015, §2.2).
    HeNormal,
    /// Weights and biases U(±1/√fan_in): what PyTorch's `Linear` does.
    UniformFanIn,
}

/// Standard deviation of a standard normal that is cut off at ±2:
/// √(1 − 4 φ(2) / (2 Φ(2) − 1)).
const TRUNCATED_STD: f64 = 0.879_625_661_034_239_8;

impl Init {
    /// Initial parameters of one run, flat in layout order.
    pub fn draw(self, layout: &Layout, seed: u64) -> Vec<f32> {
        let mut flat = Vec::with_capacity(layout.count());
        for parameter in &layout.parameters {
            self.draw_parameter(parameter, seed, &mut flat);
        }
        flat
    }

    fn draw_parameter(self, parameter: &Parameter, seed: u64, flat: &mut Vec<f32>) {
        let draws = self.draws(parameter, seed);
        // Draws come block by block; in memory the blocks stand side by side in every row.
        let columns = parameter.shape[parameter.shape.len() - 1];
        let width = columns / parameter.blocks;
        let rows = parameter.count() / columns;
        for row in 0..rows {
            for block in 0..parameter.blocks {
                let start = (block * rows + row) * width;
                flat.extend_from_slice(&draws[start..start + width]);
            }
        }
    }

    /// As many values as the parameter has, block after block.
    fn draws(self, parameter: &Parameter, seed: u64) -> Vec<f32> {
        let count = parameter.count();
        let mut rng = Stream::new(seed, Purpose::Init).rng(name_key(&parameter.name));
        match parameter.role {
            Role::Weight { fan_in, fan_out }
            | Role::Gate { fan_in, fan_out }
            | Role::Embedding { fan_in, fan_out } => self.weights(&mut rng, fan_in, fan_out, count),
            Role::Bias { fan_in } if self == Self::UniformFanIn => {
                uniform(&mut rng, (1.0 / fan_in as f64).sqrt(), count)
            }
            Role::Bias { .. } => vec![0.0; count],
            Role::Factor { fan_in } => truncated_normal(&mut rng, (1.0 / fan_in as f64).sqrt(), count),
            Role::Mixing { own } => mixing(parameter.shape[0], own),
        }
    }

    fn weights(self, rng: &mut impl rand::Rng, fan_in: usize, fan_out: usize, count: usize) -> Vec<f32> {
        match self {
            Self::TruncatedNormalFanIn => truncated_normal(rng, (1.0 / fan_in as f64).sqrt(), count),
            Self::HeNormal => truncated_normal(rng, (2.0 / fan_in as f64).sqrt(), count),
            Self::GlorotUniform => uniform(rng, (6.0 / (fan_in + fan_out) as f64).sqrt(), count),
            Self::UniformFanIn => uniform(rng, (1.0 / fan_in as f64).sqrt(), count),
        }
    }
}

/// Row of the stream of initial values that belongs to a parameter's name: the first eight bytes of its hash.
fn name_key(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

/// Normals of standard deviation `std` after being cut off at two of the uncut ones.
fn truncated_normal(rng: &mut impl rand::Rng, std: f64, count: usize) -> Vec<f32> {
    let uncut = std / TRUNCATED_STD;
    let draw = || loop {
        let z: f64 = StandardNormal.sample(rng);
        if z.abs() <= 2.0 {
            break (z * uncut) as f32;
        }
    };
    std::iter::repeat_with(draw).take(count).collect()
}

/// `own` on the diagonal, the rest of 1 spread over the others of the row.
fn mixing(tasks: usize, own: f64) -> Vec<f32> {
    let others = (1.0 - own) / tasks.saturating_sub(1).max(1) as f64;
    let value = |index: usize| match (index / tasks == index % tasks, tasks) {
        (true, 1) => 1.0,
        (true, _) => own,
        (false, _) => others,
    };
    (0..tasks * tasks).map(|index| value(index) as f32).collect()
}

/// Uniform draws between −`bound` and `bound`.
fn uniform(rng: &mut impl rand::Rng, bound: f64, count: usize) -> Vec<f32> {
    let distribution = Uniform::new(-bound, bound).expect("a fan is at least 1");
    distribution.sample_iter(rng).take(count).map(|u| u as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MixtureShape, Routing};

    fn shape(routing: Routing) -> MixtureShape {
        MixtureShape { features: 100, experts: 8, expert_units: 16, tasks: 2, tower_units: 8, routing }
    }

    /// Variance and largest magnitude of a parameter's draws over 50 seeds.
    fn spread(init: Init, name: &str) -> (f64, f64) {
        let layout = shape(Routing::GatePerTask).layout();
        let position = layout.position(name).unwrap();
        let range = layout.ranges()[position].clone();
        let draws: Vec<f64> = (0..50)
            .flat_map(|seed| init.draw(&layout, seed)[range.clone()].to_vec())
            .map(f64::from)
            .collect();
        let variance = draws.iter().map(|w| w * w).sum::<f64>() / draws.len() as f64;
        (variance, draws.iter().fold(0.0, |a: f64, w| a.max(w.abs())))
    }

    #[test]
    fn weights_have_the_variance_and_bounds_of_their_initialiser() {
        // 50 seeds × 12,800 weights: the standard error of a variance is under 0.2 % of it.
        for (init, name, variance, bound) in [
            (Init::TruncatedNormalFanIn, "expert.weight", 0.01, 0.2 / TRUNCATED_STD),
            (Init::HeNormal, "expert.weight", 0.02, 0.2 * 2f64.sqrt() / TRUNCATED_STD),
            (Init::GlorotUniform, "expert.weight", 2.0 / 116.0, (6f64 / 116.0).sqrt()),
            (Init::UniformFanIn, "expert.weight", 0.01 / 3.0, 0.1),
            (Init::UniformFanIn, "expert.bias", 0.01 / 3.0, 0.1),
        ] {
            let (seen, largest) = spread(init, name);
            let tolerance = if name.ends_with("bias") { 0.05 } else { 0.01 };
            assert!((seen / variance - 1.0).abs() < tolerance, "{init:?} {name}: {seen} for {variance}");
            assert!(largest <= bound * 1.000_001 && largest > bound * 0.98, "{init:?} {name}: {largest}");
        }
        assert_eq!(spread(Init::HeNormal, "tower.bias"), (0.0, 0.0));
    }

    #[test]
    fn mixing_starts_near_the_identity() {
        assert_eq!(mixing(1, 0.9), [1.0]);
        assert_eq!(mixing(2, 0.75), [0.75, 0.25, 0.25, 0.75]);
        assert_eq!(mixing(3, 0.5), [0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0.25, 0.25, 0.5]);
    }

    #[test]
    fn models_of_a_seed_share_their_draws() {
        let one = shape(Routing::OneGate).layout();
        let many = shape(Routing::GatePerTask).layout();
        let (a, b) = (Init::TruncatedNormalFanIn.draw(&one, 7), Init::TruncatedNormalFanIn.draw(&many, 7));
        let of = |layout: &Layout, flat: &[f32], name: &str| {
            flat[layout.ranges()[layout.position(name).unwrap()].clone()].to_vec()
        };
        for name in ["expert.weight", "tower.weight", "output.weight"] {
            assert_eq!(of(&one, &a, name), of(&many, &b, name), "{name}");
        }
        let (gate, gates) = (of(&one, &a, "gate.weight"), of(&many, &b, "gate.weight"));
        for row in 0..100 {
            assert_eq!(gate[row * 8..][..8], gates[row * 16..][..8], "first gate, row {row}");
        }
        assert_ne!(a, Init::TruncatedNormalFanIn.draw(&one, 8));
    }
}
