//! Cross-stitch (Misra et al. 2016): a network of its own for every task; after every hidden layer each task goes
//! on with a learned mixture of all tasks' units.
//!
//! ```text
//! h_k = ReLU(x W_k + b_k)              u_k = Σ_j α_kj h_j          bottoms, stitched
//! v_k = ReLU(u_k T_k + c_k)            w_k = Σ_j β_kj v_j          towers, stitched
//! y_k = w_k · o_k + d_k
//! ```
//!
//! α and β, `[tasks, tasks]`, start at `own_share` on the diagonal and the rest of 1 in equal parts beside it,
//! as Misra et al. start from convex combinations. They are trained at the learning rate of everything else;
//! there they have one of their own.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Parameter};
use super::mixture::tower_parameters;
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Model, Parameters, Problem, layers, size,
    within,
};
use crate::bounds::Bounds;

/// Sizes; 60 units a task spend the mixtures' budget, as single-task does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossStitch {
    /// Units of every task's own layer.
    pub bottom_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
    /// What a task starts with of its own units, from 0 to 1; 0.9 is Misra et al.'s choice (§5.1).
    pub own_share: f64,
}

impl Default for CrossStitch {
    fn default() -> Self {
        Self { bottom_units: 60, tower_units: 8, own_share: 0.9 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "cross_stitch",
    title: "Cross-stitch",
    summary: "a network for every task, mixed by learned weights after every layer",
    source: "Misra et al. 2016",
    colour: Colour::Purple,
    learning: None,
    width: "bottom_units",
    parse: super::parse::<CrossStitch>,
};

impl Configuration for CrossStitch {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("bottom_units", self.bottom_units)?;
        size("tower_units", self.tower_units)?;
        within("own_share", self.own_share, Bounds::within(0.0, 1.0))
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        let (d, k, h) = (problem.features, problem.tasks, self.bottom_units);
        let mut parameters = vec![
            Parameter::weight("expert.weight", &[d, k * h], d, h).in_blocks(k),
            Parameter::bias("expert.bias", &[k * h], d),
            Parameter::mixing("bottom_stitch.weight", k, self.own_share),
            Parameter::mixing("tower_stitch.weight", k, self.own_share),
        ];
        parameters.extend(tower_parameters(k, h, self.tower_units));
        // Every task's units reach every task.
        parameters.iter_mut().for_each(|parameter| parameter.needed_by_a_task = [1, 1]);
        Box::new(Network { layout: Layout::new(parameters), tasks: k })
    }
}

struct Network {
    layout: Layout,
    tasks: usize,
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let bottoms = layers::hidden(x, parameters.get("expert.weight")?, parameters.get("expert.bias")?)?;
        let bottoms = layers::split_columns(&parameters.kept(bottoms)?, self.tasks)?.transpose(1, 2)?;
        let bottoms = layers::stitch(&bottoms, parameters.get("bottom_stitch.weight")?)?;
        let towers = layers::tower(&bottoms, parameters.get("tower.weight")?, parameters.get("tower.bias")?)?;
        let towers = layers::stitch(&parameters.kept(towers)?, parameters.get("tower_stitch.weight")?)?;
        let (weight, bias) = (parameters.get("output.weight")?, parameters.get("output.bias")?);
        Ok(Forward { predictions: layers::output(&towers, weight, bias)?, gates: None })
    }
}
