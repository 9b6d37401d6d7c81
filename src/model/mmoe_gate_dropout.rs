//! MMoE whose gates do without some experts while training, so that no gate settles on one expert (Zhao et al.,
//! RecSys 2019, §4.2.1, against gates that polarise).
//!
//! ```text
//! g_k(x) = softmax over the experts that were not dropped, 0 for the others
//! ```
//!
//! Every row of every task drops every expert with probability `gate_dropout`, at every step anew; a row that
//! would drop all of them drops none. Nothing is dropped in evaluation. The training loss that is logged is
//! that of the gates with their experts dropped, except after the last step.

use candle_core::{D, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::mixture::{MixtureShape, Routing, experts, gated};
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Model, Noise, Parameters, Problem, layers,
    size, within,
};
use crate::bounds::Bounds;
use crate::data::stream::Purpose;

/// Sizes; experts and towers are MMoE's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MmoeGateDropout {
    /// Number of experts.
    pub experts: usize,
    /// Units of an expert's one layer.
    pub expert_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
    /// Probability that a row of a task does without an expert, from 0 to below 1; 0.1 is Zhao et al.'s.
    pub gate_dropout: f64,
}

impl Default for MmoeGateDropout {
    fn default() -> Self {
        Self { experts: 8, expert_units: 16, tower_units: 8, gate_dropout: 0.1 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "mmoe_gate_dropout",
    title: "MMoE, gate dropout",
    summary: "MMoE whose gates do without some experts while training",
    source: "Zhao et al. 2019",
    colour: Colour::Wine,
    learning: None,
    width: "expert_units",
    parse: super::parse::<MmoeGateDropout>,
};

impl Configuration for MmoeGateDropout {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("experts", self.experts)?;
        size("expert_units", self.expert_units)?;
        size("tower_units", self.tower_units)?;
        within("gate_dropout", self.gate_dropout, Bounds::below(0.0, 1.0))
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
        Box::new(Network { layout: shape.layout(), tasks: problem.tasks, gate_dropout: self.gate_dropout })
    }
}

struct Network {
    layout: Layout,
    tasks: usize,
    gate_dropout: f64,
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let logits = layers::gate_logits(x, parameters.get("gate.weight")?, self.tasks)?;
        gated(parameters, &experts(parameters, x)?, &layers::softmax(&logits)?)
    }

    fn training_forward(&self, parameters: &Parameters, x: &Tensor, noise: &Noise) -> Result<Forward> {
        let logits = layers::gate_logits(x, parameters.get("gate.weight")?, self.tasks)?;
        let draws = noise.uniform(Purpose::GateDropout, &logits.dims()[1..], logits.device())?;
        let kept = draws.ge(self.gate_dropout)?.to_dtype(logits.dtype())?;
        let none_kept = kept.sum_keepdim(D::Minus1)?.eq(0.0)?.to_dtype(logits.dtype())?;
        let kept = kept.broadcast_add(&none_kept)?;
        gated(parameters, &experts(parameters, x)?, &layers::softmax_of_kept(&logits, &kept)?)
    }
}
