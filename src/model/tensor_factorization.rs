//! Tensor-factorisation (Yang & Hospedales 2017): the first layers of all tasks are one tensor, and what they
//! share is its low rank.
//!
//! The tasks' weights W_k, stacked, are a tensor over inputs × units × tasks, in Tucker's form (MMoE §6.1):
//!
//! ```text
//! W(a, b, k) = Σ_{i,j,l} S(i, j, l) U1(a, i) U2(b, j) U3(k, l)
//! h_k        = ReLU(x W_k + b_k)
//! ```
//!
//! W itself is never built over all inputs: x U1 comes first, which all tasks share. Biases and towers are the
//! tasks' own. The core and the factors of units and tasks start at variance 1/(terms they are summed
//! over), so that W starts as an ordinary weight would.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Parameter};
use super::mixture::tower_parameters;
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Model, Parameters, Problem, layers, size,
};

/// Sizes; the defaults spend the mixtures' budget: 100 · 32 + 2 · 32 · 32 + 32 · 163 + 2 · 2 + 2 · 163 · 8 = 13,076
/// weights for two tasks of 100 inputs, 13,056 being the mixtures'.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TensorFactorization {
    /// Units of every task's layer.
    pub bottom_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
    /// Columns of U1: the inputs' rank.
    pub input_rank: usize,
    /// Columns of U2: the units' rank.
    pub unit_rank: usize,
    /// Columns of U3: the tasks' rank. With fewer than tasks, the tasks' weights depend on each other.
    pub task_rank: usize,
}

impl Default for TensorFactorization {
    fn default() -> Self {
        Self { bottom_units: 163, tower_units: 8, input_rank: 32, unit_rank: 32, task_rank: 2 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "tensor_factorization",
    title: "Tensor-factorisation",
    summary: "the tasks' first layers are one tensor of low rank (Tucker)",
    source: "Yang & Hospedales 2017",
    colour: Colour::SkyBlue,
    learning: None,
    width: "bottom_units",
    parse: super::parse::<TensorFactorization>,
};

impl Configuration for TensorFactorization {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("bottom_units", self.bottom_units)?;
        size("tower_units", self.tower_units)?;
        size("input_rank", self.input_rank)?;
        size("unit_rank", self.unit_rank)?;
        size("task_rank", self.task_rank)
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        let (d, k, h) = (problem.features, problem.tasks, self.bottom_units);
        let (i, j, l) = (self.input_rank, self.unit_rank, self.task_rank);
        let mut parameters = vec![
            Parameter::weight("input_factor.weight", &[d, i], d, h),
            Parameter::factor("core.weight", &[l, i, j], i),
            Parameter::factor("unit_factor.weight", &[j, h], j),
            Parameter::factor("task_factor.weight", &[k, l], l),
            Parameter::bias("bottom.bias", &[k, h], d),
        ];
        parameters.extend(tower_parameters(k, h, self.tower_units));
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
        let shared = layers::linear(x, parameters.get("input_factor.weight")?)?;
        let bottoms = layers::tower(&shared, &self.weights(parameters)?, parameters.get("bottom.bias")?)?;
        let predictions = layers::towers(parameters, &parameters.kept(bottoms)?)?;
        Ok(Forward { predictions, gates: None })
    }
}

impl Network {
    /// Σ_{j,l} S(i, j, l) U2(b, j) U3(k, l): what stands behind x U1, `[runs, tasks, input_rank, units]`.
    fn weights(&self, parameters: &Parameters) -> Result<Tensor> {
        let core = parameters.get("core.weight")?;
        let (runs, _, i, j) = core.dims4()?;
        let of_tasks = parameters.get("task_factor.weight")?.matmul(&core.flatten_from(2)?)?;
        let weights =
            of_tasks.reshape((runs, self.tasks * i, j))?.matmul(parameters.get("unit_factor.weight")?)?;
        let units = weights.dim(2)?;
        weights.reshape((runs, self.tasks, i, units))
    }
}
