//! The family that shared-bottom, OMoE, MMoE and single-task belong to: experts, gates and towers.
//!
//! All four compute, for task k (MMoE §4, equations 4 to 6),
//!
//! ```text
//! f_i(x) = ReLU(x W_i + b_i)                       expert i of n
//! g_k(x) = softmax(x W_gk)                         gate k, no bias
//! m_k(x) = Σ_i g_k(x)_i f_i(x)
//! y_k    = ReLU(m_k T_k + c_k) · o_k + d_k         tower k, one hidden layer, then a scalar
//! ```
//!
//! and differ only in how an expert reaches a tower: [`Routing`]. [`Mixture`] is the network of all of them; each has
//! its routing in its own file. The fused engine trains a model that has a [`MixtureShape`].

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::layout::{Layout, Parameter};
use super::{Forward, InvalidSize, Model, Parameters, Problem, layers, size};

/// The way from experts to towers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// One expert that every tower reads: the shared bottom. No gate.
    Shared,
    /// Tower k reads expert k alone: a separate network for every task. No gate.
    Own,
    /// One softmax gate that all towers share (OMoE).
    OneGate,
    /// One softmax gate for every task (MMoE).
    GatePerTask,
}

/// Sizes of a member of the family; every count is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixtureShape {
    /// Inputs (d of the paper).
    pub features: usize,
    /// Experts: 1 for [`Routing::Shared`], the number of tasks for [`Routing::Own`].
    pub experts: usize,
    /// Units of an expert's one layer.
    pub expert_units: usize,
    /// Tasks, one tower each.
    pub tasks: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
    /// The way from experts to towers.
    pub routing: Routing,
}

impl MixtureShape {
    /// Number of gates: 0, 1 or one a task.
    pub fn gates(&self) -> usize {
        match self.routing {
            Routing::Shared | Routing::Own => 0,
            Routing::OneGate => 1,
            Routing::GatePerTask => self.tasks,
        }
    }

    /// The parameters, in the order that both engines rely on:
    ///
    /// | name | shape |
    /// |---|---|
    /// | `expert.weight` | `[features, experts · expert_units]`, expert after expert |
    /// | `expert.bias` | `[experts · expert_units]` |
    /// | `gate.weight` (if gated) | `[features, gates · experts]`, gate after gate |
    /// | `tower.weight` | `[tasks, expert_units, tower_units]` |
    /// | `tower.bias` | `[tasks, tower_units]` |
    /// | `output.weight` | `[tasks, tower_units]` |
    /// | `output.bias` | `[tasks]` |
    pub fn layout(&self) -> Layout {
        let Self { features: d, experts: n, expert_units: h, tasks: k, tower_units: t, .. } = *self;
        let gates = self.gates();
        let needed = if self.routing == Routing::Own { 1 } else { n };
        let mut parameters = vec![
            Parameter::weight("expert.weight", &[d, n * h], d, h).in_blocks(n).needed_by_a_task(needed, n),
            Parameter::bias("expert.bias", &[n * h], d),
        ];
        if gates > 0 {
            parameters.push(Parameter::gate("gate.weight", &[d, gates * n], d, n).in_blocks(gates));
        }
        parameters.extend(tower_parameters(k, h, t));
        Layout::new(parameters)
    }

    /// Useful floating-point operations of one training step per row: 2 per multiply-add, forward and
    /// backward, without the input's gradient, activations, softmax, biases and Adam.
    pub fn flops_per_row(&self) -> f64 {
        let Self { features: d, experts: n, expert_units: h, tasks: k, tower_units: t, .. } = *self;
        let first = d * (n * h + self.gates() * n);
        let rest = self.gates() * n * h + k * (h * t + t);
        (2 * (2 * first + 3 * rest)) as f64
    }
}

/// Sizes of experts, gates and towers; the defaults are the paper's (§5).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpertSizes {
    /// Number of experts.
    pub experts: usize,
    /// Units of an expert's one layer.
    pub expert_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
}

impl Default for ExpertSizes {
    fn default() -> Self {
        Self { experts: 8, expert_units: 16, tower_units: 8 }
    }
}

impl ExpertSizes {
    /// Refuses sizes of 0.
    ///
    /// # Errors
    /// The first size that is 0.
    pub fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("experts", self.experts)?;
        size("expert_units", self.expert_units)?;
        size("tower_units", self.tower_units)
    }

    /// The network of these sizes.
    pub fn build(&self, problem: Problem, routing: Routing) -> Mixture {
        Mixture::new(MixtureShape {
            features: problem.features,
            experts: self.experts,
            expert_units: self.expert_units,
            tasks: problem.tasks,
            tower_units: self.tower_units,
            routing,
        })
    }
}

/// A network of the family.
pub struct Mixture {
    shape: MixtureShape,
    layout: Layout,
}

impl Mixture {
    /// The network of a shape.
    pub fn new(shape: MixtureShape) -> Self {
        Self { layout: shape.layout(), shape }
    }
}

impl Model for Mixture {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let ungated = |predictions| Forward { predictions, gates: None };
        match self.shape.routing {
            Routing::Shared => layers::towers(parameters, &experts(parameters, x)?).map(ungated),
            Routing::Own => {
                let own = layers::split_columns(&experts(parameters, x)?, self.shape.tasks)?;
                layers::towers(parameters, &own.transpose(1, 2)?).map(ungated)
            }
            Routing::OneGate | Routing::GatePerTask => {
                let experts = experts(parameters, x)?;
                let gates = layers::softmax_gates(x, parameters.get("gate.weight")?, self.shape.gates())?;
                gated(parameters, &experts, &gates)
            }
        }
    }

    fn mixture(&self) -> Option<MixtureShape> {
        Some(self.shape)
    }
}

/// f of every expert, `[runs, batch, experts · units]`, for x `[batch, features]` or `[runs, batch, features]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn experts(parameters: &Parameters, x: &Tensor) -> Result<Tensor> {
    parameters.kept(layers::hidden(x, parameters.get("expert.weight")?, parameters.get("expert.bias")?)?)
}

/// The towers' predictions from `experts`, `[runs, batch, experts · units]`, mixed by `gates`,
/// `[runs, batch, gates, experts]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn gated(parameters: &Parameters, experts: &Tensor, gates: &Tensor) -> Result<Forward> {
    let predictions = layers::towers(parameters, &layers::mix(gates, experts)?)?;
    Ok(Forward { predictions, gates: Some(gates.transpose(1, 2)?) })
}

/// The parameters that `layers::towers` reads: `tasks` towers of one hidden layer over `inputs`, each with a
/// scalar output.
pub fn tower_parameters(tasks: usize, inputs: usize, units: usize) -> [Parameter; 4] {
    [
        Parameter::weight("tower.weight", &[tasks, inputs, units], inputs, units).needed_by_a_task(1, tasks),
        Parameter::bias("tower.bias", &[tasks, units], inputs),
        Parameter::output("output.weight", &[tasks, units], units),
        Parameter::bias("output.bias", &[tasks], units),
    ]
}
