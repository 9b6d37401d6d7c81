//! Multi-gate Mixture-of-Experts (MMoE §4.2): every task mixes the shared experts with a gate of its own.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::mixture::{MixtureShape, Routing};
use super::{
    Architecture, Configuration, Forward, InvalidSize, Model, Parameters, Problem, at_least_one, layers,
};

/// Sizes; the defaults are the paper's (§5).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mmoe {
    /// Number of experts.
    pub experts: usize,
    /// Units of an expert's one layer.
    pub expert_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
}

impl Default for Mmoe {
    fn default() -> Self {
        Self { experts: 8, expert_units: 16, tower_units: 8 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "mmoe",
    title: "MMoE",
    summary: "experts mixed by one softmax gate per task",
    width: "expert_units",
    parse: super::parse::<Mmoe>,
};

impl Configuration for Mmoe {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        at_least_one("experts", self.experts)?;
        at_least_one("expert_units", self.expert_units)?;
        at_least_one("tower_units", self.tower_units)
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
        Box::new(Network { layout: shape.layout(), shape })
    }
}

struct Network {
    shape: MixtureShape,
    layout: Layout,
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let experts = layers::hidden(x, parameters.get("expert.weight")?, parameters.get("expert.bias")?)?;
        let gates = layers::softmax_gates(x, parameters.get("gate.weight")?, self.shape.gates())?;
        let predictions = layers::towers(parameters, &layers::mix(&gates, &experts)?)?;
        Ok(Forward { predictions, gates: Some(gates.transpose(1, 2)?) })
    }

    fn mixture(&self) -> Option<MixtureShape> {
        Some(self.shape)
    }
}
