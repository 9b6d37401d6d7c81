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
//! and differ only in how an expert reaches a tower: [`Routing`]. A model that belongs to the family says so
//! with a [`MixtureShape`], and the fused engine can then train it; what the architecture is stands in its
//! own file.

use super::layout::{Layout, Parameter};

/// How experts reach the towers.
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
    /// How experts reach towers.
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
        let mut parameters = vec![
            Parameter::weight("expert.weight", &[d, n * h], d, h).in_blocks(n),
            Parameter::bias("expert.bias", &[n * h], d),
        ];
        if gates > 0 {
            parameters
                .push(Parameter::unbudgeted_weight("gate.weight", &[d, gates * n], d, n).in_blocks(gates));
        }
        parameters.extend(towers(k, h, t));
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

/// The parameters that `layers::towers` reads: `tasks` towers of one hidden layer over `inputs`, each with a
/// scalar output.
pub fn towers(tasks: usize, inputs: usize, units: usize) -> [Parameter; 4] {
    [
        Parameter::weight("tower.weight", &[tasks, inputs, units], inputs, units),
        Parameter::bias("tower.bias", &[tasks, units], inputs),
        Parameter::unbudgeted_weight("output.weight", &[tasks, units], units, 1),
        Parameter::bias("output.bias", &[tasks], units),
    ]
}
