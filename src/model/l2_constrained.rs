//! L2-constrained (Duong et al. 2015, as MMoE §6.1 uses it): a network of its own for every task, held together
//! by a penalty on the distance between their parameters.
//!
//! ```text
//! objective = Σ_k loss_k + strength · Σ_{i<j} ‖θ_i − θ_j‖²
//! ```
//!
//! θ_k are weights and biases of task k's hidden layers, its bottom's and its tower's. The scalar outputs are
//! free: tasks of opposite sign can share all that comes before. Strength 0 is single-task, a large one a
//! shared bottom whose towers are shared too.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::mixture::{MixtureShape, Routing};
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Model, Parameters, Problem, layers, size,
    within,
};
use crate::bounds::Bounds;

/// Sizes; 60 units a task spend the mixtures' budget, as single-task does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct L2Constrained {
    /// Units of every task's own layer.
    pub bottom_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
    /// Factor of the squared distances; 0 or more. The paper tunes it and does not say what it came to.
    pub strength: f64,
}

impl Default for L2Constrained {
    fn default() -> Self {
        Self { bottom_units: 60, tower_units: 8, strength: 1e-3 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "l2_constrained",
    title: "L2-constrained",
    summary: "a network for every task, their parameters pulled together by a penalty",
    source: "Duong et al. 2015; MMoE §6.1",
    colour: Colour::Orange,
    learning: None,
    width: "bottom_units",
    parse: super::parse::<L2Constrained>,
};

impl Configuration for L2Constrained {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("bottom_units", self.bottom_units)?;
        size("tower_units", self.tower_units)?;
        within("strength", self.strength, Bounds::within(0.0, 1e12))
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        let shape = MixtureShape {
            features: problem.features,
            experts: problem.tasks,
            expert_units: self.bottom_units,
            tasks: problem.tasks,
            tower_units: self.tower_units,
            routing: Routing::Own,
        };
        Box::new(Network { layout: shape.layout(), shape, strength: self.strength })
    }
}

struct Network {
    shape: MixtureShape,
    layout: Layout,
    strength: f64,
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let bottoms = layers::hidden(x, parameters.get("expert.weight")?, parameters.get("expert.bias")?)?;
        let own = layers::split_columns(&parameters.kept(bottoms)?, self.shape.tasks)?.transpose(1, 2)?;
        let predictions = layers::towers(parameters, &own)?;
        Ok(Forward { predictions, gates: None })
    }

    fn penalty(&self, parameters: &Parameters) -> Result<Option<Tensor>> {
        let MixtureShape { features, tasks, expert_units, tower_units, .. } = self.shape;
        if tasks == 1 {
            return Ok(None);
        }
        // Every hidden parameter as [runs, rows, tasks, columns].
        let shapes = [
            ("expert.weight", features, expert_units),
            ("expert.bias", 1, expert_units),
            ("tower.weight", 1, expert_units * tower_units),
            ("tower.bias", 1, tower_units),
        ];
        let mut sum: Option<Tensor> = None;
        for (name, rows, columns) in shapes {
            let parameter = parameters.get(name)?;
            let theta = parameter.reshape((parameter.dim(0)?, rows, tasks, columns))?;
            let distances = squared_distances(&theta)?;
            sum = Some(match sum {
                Some(sum) => (sum + distances)?,
                None => distances,
            });
        }
        sum.map(|sum| sum * self.strength).transpose()
    }
}

/// Σ_{i<j} ‖θ_i − θ_j‖² of every run, `[runs]`, for θ `[runs, rows, tasks, columns]`: the number of tasks times
/// Σ_k ‖θ_k − θ̄‖², θ̄ being the tasks' mean.
fn squared_distances(theta: &Tensor) -> Result<Tensor> {
    let from_mean = theta.broadcast_sub(&theta.mean_keepdim(2)?)?;
    from_mean.sqr()?.sum((1, 2, 3))? * theta.dim(2)? as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn distances_are_those_of_all_pairs() {
        // One run, two rows, three tasks, two columns: θ_k of row r is (r + k², k).
        let values: Vec<f64> =
            (0..6).flat_map(|i| [(i / 3) as f64 + f64::from(i % 3).powi(2), f64::from(i % 3)]).collect();
        let theta = Tensor::from_vec(values, (1, 2, 3, 2), &Device::Cpu).unwrap();
        let sum = squared_distances(&theta).unwrap().to_vec1::<f64>().unwrap();
        // Pairs (0,1), (0,2), (1,2) are apart by (1, 1), (4, 2) and (3, 1) in each of the two rows.
        assert!((sum[0] - 2.0 * (2.0 + 20.0 + 10.0)).abs() < 1e-12, "{sum:?}");
    }
}
