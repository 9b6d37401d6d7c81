//! Progressive Layered Extraction (Tang et al., RecSys 2020, §4.3): extraction layers on top of each other, that
//! part what is shared from what is a task's own step by step.
//!
//! ```text
//! level 1   all experts and gates read x
//! level j   task k's experts and gate read m_k of level j − 1; the shared experts read its m_s
//! m_k       a gate over the experts of task k and the shared ones
//! m_s       a gate over all experts, on every level but the last (equation 7)
//! towers    read m_k of the last level
//! ```
//!
//! One level is [`super::cgc`]. The gates that are logged are those of the tasks on the last level.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::extraction::Extraction;
use super::layout::{Layout, Parameter};
use super::mixture::{experts, gated, tower_parameters};
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Model, Parameters, Problem, layers, size,
    size_or_none,
};

/// Sizes; the defaults spend the mixtures' budget: 8 · 14 · (100 + 14) + 2 · 14 · 8 = 12,992 of 13,056 weights for
/// two tasks of 100 inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ple {
    /// Extraction layers.
    pub levels: usize,
    /// Experts of every task's own, on every level.
    pub task_experts: usize,
    /// Experts that all tasks share, on every level; 0: as many levels for each task, and nothing shared.
    pub shared_experts: usize,
    /// Units of an expert's one layer.
    pub expert_units: usize,
    /// Units of a tower's one hidden layer.
    pub tower_units: usize,
}

impl Default for Ple {
    fn default() -> Self {
        Self { levels: 2, task_experts: 2, shared_experts: 4, expert_units: 14, tower_units: 8 }
    }
}

/// Entry of the registry.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "ple",
    title: "PLE",
    summary: "levels of shared and tasks' own experts, one on the other",
    source: "Tang et al. 2020, §4.3",
    colour: Colour::Indigo,
    learning: None,
    width: "expert_units",
    parse: super::parse::<Ple>,
};

impl Configuration for Ple {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        size("levels", self.levels)?;
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
        let shares = self.shared_experts > 0;
        for level in 1..=self.levels {
            if shares && level > 1 && level == self.levels {
                // m_s of the level below mixes all its experts, so that every task needs all that lies below.
                parameters.iter_mut().for_each(|parameter| parameter.needed_by_a_task = [1, 1]);
            }
            if level > 1 {
                parameters.extend(inner_parameters(extraction, level));
            }
            if shares && level < self.levels {
                let inputs = if level == 1 { problem.features } else { self.expert_units };
                let (name, n) = (format!("shared_gate_{level}.weight"), extraction.experts());
                parameters.push(Parameter::gate(name, &[inputs, n], inputs, n));
            }
        }
        parameters.extend(tower_parameters(problem.tasks, self.expert_units, self.tower_units));
        Box::new(Network { layout: Layout::new(parameters), extraction, levels: self.levels })
    }
}

/// Experts and tasks' gates of a level above the first.
fn inner_parameters(extraction: Extraction, level: usize) -> Vec<Parameter> {
    let Extraction { tasks: k, task_experts: m, shared_experts: s, units: h } = extraction;
    let c = extraction.choices();
    let mut parameters = vec![
        Parameter::weight(format!("task_expert_{level}.weight"), &[k, h, m * h], h, h)
            .in_blocks(m)
            .needed_by_a_task(1, k),
        Parameter::bias(format!("task_expert_{level}.bias"), &[k, m * h], h),
    ];
    if s > 0 {
        parameters.extend([
            Parameter::weight(format!("shared_expert_{level}.weight"), &[h, s * h], h, h).in_blocks(s),
            Parameter::bias(format!("shared_expert_{level}.bias"), &[s * h], h),
        ]);
    }
    parameters.push(Parameter::gate(format!("gate_{level}.weight"), &[k, h, c], h, c));
    parameters
}

struct Network {
    layout: Layout,
    extraction: Extraction,
    levels: usize,
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let tasks = self.extraction.tasks;
        let mut experts = experts(parameters, x)?;
        let mut gates = self.extraction.gates(x, parameters.get("gate.weight")?)?;
        // What the shared experts of the next level read, and their gate: x on the first.
        let mut shared_input = (self.extraction.shared_experts > 0).then(|| x.clone());
        for level in 2..=self.levels {
            if let Some(input) = &shared_input {
                let weight = parameters.get(&format!("shared_gate_{}.weight", level - 1))?;
                gates = Tensor::cat(&[gates, layers::softmax_gates(input, weight, 1)?], 2)?;
            }
            let mixed = layers::mix(&gates, &experts)?;
            let of_tasks = mixed.narrow(1, 0, tasks)?.contiguous()?;
            shared_input =
                shared_input.map(|_| mixed.narrow(1, tasks, 1)?.squeeze(1)?.contiguous()).transpose()?;
            experts = self.inner_experts(parameters, level, &of_tasks, shared_input.as_ref())?;
            gates = self.inner_gates(parameters, level, &of_tasks)?;
        }
        gated(parameters, &experts, &gates)
    }
}

impl Network {
    /// Experts of a level above the first, `[runs, batch, experts · units]`: the tasks' read `of_tasks`,
    /// `[runs, tasks, batch, units]`, the shared ones, where there are any, `shared`, `[runs, batch, units]`.
    fn inner_experts(
        &self,
        parameters: &Parameters,
        level: usize,
        of_tasks: &Tensor,
        shared: Option<&Tensor>,
    ) -> Result<Tensor> {
        let of_level = |part: &str, what: &str| parameters.get(&format!("{part}_expert_{level}.{what}"));
        let own = layers::tower(of_tasks, of_level("task", "weight")?, of_level("task", "bias")?)?;
        let own = own.transpose(1, 2)?.flatten_from(2)?;
        parameters.kept(match shared {
            None => own,
            Some(input) => {
                let shared =
                    layers::hidden(input, of_level("shared", "weight")?, of_level("shared", "bias")?)?;
                Tensor::cat(&[own, shared], 2)?
            }
        })
    }

    /// The tasks' gates of a level above the first, `[runs, batch, tasks, experts]`.
    fn inner_gates(&self, parameters: &Parameters, level: usize, of_tasks: &Tensor) -> Result<Tensor> {
        let logits = of_tasks.matmul(parameters.get(&format!("gate_{level}.weight"))?)?;
        self.extraction.over_all_experts(&layers::softmax(&logits)?.transpose(1, 2)?)
    }
}
