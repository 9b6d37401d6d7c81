//! Single-task: every task has a bottom layer and a tower of its own, and nothing is shared.

use serde::{Deserialize, Serialize};

use super::mixture::{Mixture, MixtureShape, Routing};
use super::{Architecture, Colour, Configuration, InvalidSize, Model, Problem, size};

/// Sizes; 60 units a task spend the mixtures' budget: 13,056 / (2 · (100 + 8)).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SingleTask {
    /// Units of every task's own layer.
    pub bottom_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
}

impl Default for SingleTask {
    fn default() -> Self {
        Self { bottom_units: 60, tower_units: 8 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "single_task",
    title: "Single-task",
    summary: "a network of its own for every task: nothing is shared",
    source: "",
    colour: Colour::Grey,
    learning: None,
    width: "bottom_units",
    parse: super::parse::<SingleTask>,
};

impl Configuration for SingleTask {
    fn check(&self) -> Result<(), InvalidSize> {
        size("bottom_units", self.bottom_units)?;
        size("tower_units", self.tower_units)
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        Box::new(Mixture::new(MixtureShape {
            features: problem.features,
            experts: problem.tasks,
            expert_units: self.bottom_units,
            tasks: problem.tasks,
            tower_units: self.tower_units,
            routing: Routing::Own,
        }))
    }
}
