//! One-gate Mixture-of-Experts (MMoE §4.1, §5): all tasks read the same mixture of experts.

use serde::{Deserialize, Serialize};

use super::mixture::{ExpertSizes, Routing};
use super::{Architecture, Colour, Configuration, InvalidSize, Model, Problem};

/// Sizes; by default the paper's (§5), the `Default` of [`ExpertSizes`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Omoe(ExpertSizes);

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "omoe",
    title: "OMoE",
    summary: "experts mixed by one softmax gate for all tasks",
    source: "MMoE §4.1",
    colour: Colour::Blue,
    learning: None,
    width: "expert_units",
    parse: super::parse::<Omoe>,
};

impl Configuration for Omoe {
    fn check(&self) -> Result<(), InvalidSize> {
        self.0.check()
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        Box::new(self.0.build(problem, Routing::OneGate))
    }
}
