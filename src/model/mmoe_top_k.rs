//! MMoE with sparse gates: every row of every task uses its k best experts alone (the gate of Shazeer et al. 2017,
//! equations 3 to 5, without its noise and its load balancing).
//!
//! ```text
//! z_k(x) = x W_gk
//! g_k(x) = softmax over the `top_k` largest of z_k(x), 0 for the other experts
//! ```
//!
//! All experts are computed all the same: what is studied here is the choice, not the saving. The gradient
//! goes through the experts in use; which experts those are is not differentiated.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::mixture::{MixtureShape, Routing, experts, gated};
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Model, Parameters, Problem, layers, size,
};

/// Sizes; experts and towers are MMoE's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MmoeTopK {
    /// Number of experts.
    pub experts: usize,
    /// Units of an expert's one layer.
    pub expert_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
    /// Experts that a row of a task uses, from 1 to `experts`.
    pub top_k: usize,
}

impl Default for MmoeTopK {
    fn default() -> Self {
        Self { experts: 8, expert_units: 16, tower_units: 8, top_k: 2 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "mmoe_top_k",
    title: "MMoE, top-k gates",
    summary: "MMoE whose gates use the k best experts of every row",
    source: "Shazeer et al. 2017",
    colour: Colour::Olive,
    learning: None,
    width: "expert_units",
    parse: super::parse::<MmoeTopK>,
};

impl Configuration for MmoeTopK {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("experts", self.experts)?;
        size("expert_units", self.expert_units)?;
        size("tower_units", self.tower_units)?;
        match (1..=self.experts).contains(&self.top_k) {
            true => Ok(()),
            false => {
                let remedy = format!("a whole number from 1 to {}, the number of experts", self.experts);
                Err(InvalidSize::new("top_k", self.top_k, remedy))
            }
        }
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        let shape = MixtureShape {
            features: problem.features,
            experts: self.experts,
            expert_units: self.expert_units,
            tasks: problem.tasks,
            tower_units: self.tower_units,
            routing: Routing::GatePerTask,
        };
        Box::new(Network { layout: shape.layout(), tasks: problem.tasks, top_k: self.top_k })
    }
}

struct Network {
    layout: Layout,
    tasks: usize,
    top_k: usize,
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let experts = experts(parameters, x)?;
        let logits = layers::gate_logits(x, parameters.get("gate.weight")?, self.tasks)?;
        let gates = layers::softmax_of_kept(&logits, &layers::largest(&logits, self.top_k)?)?;
        gated(parameters, &experts, &gates)
    }
}
