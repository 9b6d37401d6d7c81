//! An extraction layer: what CGC has one of and PLE several (Tang et al. 2020, §4).
//!
//! Every task has experts of its own, and there are experts that all tasks share. A task's gate chooses among
//! its own and the shared ones:
//!
//! ```text
//! g_k(x) = softmax(x W_k) over the experts of task k and the shared ones (equations 1 to 3)
//! m_k(x) = Σ_i g_k(x)_i f_i(x)
//! ```
//!
//! Without shared experts nothing is shared: a mixture of experts for each task, which shows what an architecture
//! is worth apart from sharing.
//!
//! Experts stand in one order everywhere: those of task 1, of task 2 and so on, then the shared ones. Gates are
//! given over all of them, with 0 for the experts of other tasks.

use candle_core::{Result, Tensor};

use super::layers;
use super::layout::Parameter;

/// Sizes of an extraction layer; every count but that of shared experts is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extraction {
    /// Tasks.
    pub tasks: usize,
    /// Experts of every task's own.
    pub task_experts: usize,
    /// Experts that all tasks share.
    pub shared_experts: usize,
    /// Units of an expert's one layer.
    pub units: usize,
}

impl Extraction {
    /// All experts.
    pub fn experts(&self) -> usize {
        self.tasks * self.task_experts + self.shared_experts
    }

    /// Experts that a task's gate chooses among.
    pub fn choices(&self) -> usize {
        self.task_experts + self.shared_experts
    }

    /// Parameters of experts and tasks' gates that all read the same `inputs`: `expert.weight`,
    /// `expert.bias` and `gate.weight`, as the mixture family has them.
    pub fn parameters(&self, inputs: usize) -> Vec<Parameter> {
        let (n, h) = (self.experts(), self.units);
        let (gates, choices) = (self.tasks, self.choices());
        vec![
            Parameter::weight("expert.weight", &[inputs, n * h], inputs, h)
                .in_blocks(n)
                .needed_by_a_task(choices, n),
            Parameter::bias("expert.bias", &[n * h], inputs),
            Parameter::gate("gate.weight", &[inputs, gates * choices], inputs, choices).in_blocks(gates),
        ]
    }

    /// Gates of all tasks, `[runs, batch, tasks, choices]`, over all experts: `[runs, batch, tasks, experts]`
    /// with 0 for the experts of other tasks.
    pub fn over_all_experts(&self, gates: &Tensor) -> Result<Tensor> {
        let own = self.task_experts;
        let rows: Vec<Tensor> = (0..self.tasks)
            .map(|task| {
                let gate = gates.narrow(2, task, 1)?;
                // Zeros on both sides of the task's own experts stand where the other tasks' are.
                let padded =
                    gate.narrow(3, 0, own)?.pad_with_zeros(3, task * own, (self.tasks - 1 - task) * own)?;
                match self.shared_experts {
                    0 => Ok(padded),
                    shared => Tensor::cat(&[padded, gate.narrow(3, own, shared)?], 3),
                }
            })
            .collect::<Result<_>>()?;
        Tensor::cat(&rows, 2)
    }

    /// Gates of the tasks for experts that all read the same x, `[batch, features]` or `[runs, batch, features]`:
    /// `weight` is `[runs, features, tasks · choices]`, the result `[runs, batch, tasks, experts]`.
    pub fn gates(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        self.over_all_experts(&layers::softmax_gates(x, weight, self.tasks)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_task_sees_its_own_experts_and_the_shared_ones() {
        let layer = Extraction { tasks: 3, task_experts: 2, shared_experts: 1, units: 4 };
        let gates: Vec<f32> = (1..=9).map(|n| n as f32).collect();
        let gates = Tensor::from_vec(gates, (1, 1, 3, 3), &Device::Cpu).unwrap();
        let all = layer.over_all_experts(&gates).unwrap().flatten_to(2).unwrap();
        let expected = [
            [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0],
            [0.0, 0.0, 4.0, 5.0, 0.0, 0.0, 6.0],
            [0.0, 0.0, 0.0, 0.0, 7.0, 8.0, 9.0],
        ];
        assert_eq!(all.to_vec2::<f32>().unwrap(), expected.map(|row| row.to_vec()));
    }
}
