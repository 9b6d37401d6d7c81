//! Multi-gate Mixture-of-Experts (MMoE §4.2): every task mixes the shared experts with a gate of its own.

use serde::{Deserialize, Serialize};

use super::mixture::{ExpertSizes, Routing};
use super::{Architecture, Colour, Configuration, InvalidSize, Model, Problem};

/// Sizes; by default the paper's (§5), the `Default` of [`ExpertSizes`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mmoe(ExpertSizes);

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "mmoe",
    title: "MMoE",
    summary: "experts mixed by one softmax gate per task",
    source: "MMoE §4.2",
    colour: Colour::Green,
    learning: None,
    width: "expert_units",
    parse: super::parse::<Mmoe>,
};

impl Configuration for Mmoe {
    fn check(&self) -> Result<(), InvalidSize> {
        self.0.check()
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        Box::new(self.0.build(problem, Routing::GatePerTask))
    }
}
