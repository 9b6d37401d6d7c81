//! Customized Gate Control (Tang et al., RecSys 2020, §4.2): experts of every task's own beside shared ones, and
//! for every task a gate over its own and the shared.
//!
//! MMoE lets every task reach every expert; here a task's own experts learn from that task alone. The
//! equations are in [`super::extraction`].

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::extraction::Extraction;
use super::layout::Layout;
use super::mixture::{experts, gated, tower_parameters};
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Model, Parameters, Problem, size, size_or_none,
};

/// Sizes; for two tasks the defaults are MMoE's eight experts, half of them shared.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cgc {
    /// Experts of every task's own.
    pub task_experts: usize,
    /// Experts that all tasks share; 0: a mixture of experts for each task.
    pub shared_experts: usize,
    /// Units of an expert's one layer.
    pub expert_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
}

impl Default for Cgc {
    fn default() -> Self {
        Self { task_experts: 2, shared_experts: 4, expert_units: 16, tower_units: 8 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "cgc",
    title: "CGC",
    summary: "shared experts and experts of every task's own, one gate per task",
    source: "Tang et al. 2020, §4.2",
    colour: Colour::Brown,
    learning: None,
    width: "expert_units",
    parse: super::parse::<Cgc>,
};

impl Configuration for Cgc {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("task_experts", self.task_experts)?;
        size_or_none("shared_experts", self.shared_experts)?;
        size("expert_units", self.expert_units)?;
        size("tower_units", self.tower_units)
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        let extraction = Extraction {
            tasks: problem.tasks,
            task_experts: self.task_experts,
            shared_experts: self.shared_experts,
            units: self.expert_units,
        };
        let mut parameters = extraction.parameters(problem.features);
        parameters.extend(tower_parameters(problem.tasks, self.expert_units, self.tower_units));
        Box::new(Network { layout: Layout::new(parameters), extraction })
    }
}

struct Network {
    layout: Layout,
    extraction: Extraction,
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let experts = experts(parameters, x)?;
        let gates = self.extraction.gates(x, parameters.get("gate.weight")?)?;
        gated(parameters, &experts, &gates)
    }
}
