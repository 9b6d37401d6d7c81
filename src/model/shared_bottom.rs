//! Shared-bottom (MMoE §3.1): one layer that every tower reads, the classic way to share (Caruana).

use serde::{Deserialize, Serialize};

use super::mixture::{Mixture, MixtureShape, Routing};
use super::{Architecture, Colour, Configuration, InvalidSize, Model, Problem, size};

/// Sizes; 113 units spend the mixtures' budget: 13,056 / (100 + 16) of the paper (§5).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedBottom {
    /// Units of the shared layer.
    pub bottom_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
}

impl Default for SharedBottom {
    fn default() -> Self {
        Self { bottom_units: 113, tower_units: 8 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "shared_bottom",
    title: "Shared-bottom",
    summary: "one bottom layer that every task's tower reads",
    source: "Caruana 1997; MMoE §3.1",
    colour: Colour::Vermilion,
    learning: None,
    width: "bottom_units",
    parse: super::parse::<SharedBottom>,
};

impl Configuration for SharedBottom {
    fn check(&self) -> Result<(), InvalidSize> {
        size("bottom_units", self.bottom_units)?;
        size("tower_units", self.tower_units)
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        Box::new(Mixture::new(MixtureShape {
            features: problem.features,
            experts: 1,
            expert_units: self.bottom_units,
            tasks: problem.tasks,
            tower_units: self.tower_units,
            routing: Routing::Shared,
        }))
    }
}
