//! Engines, which train a population of runs side by side.
//!
//! An engine turns initial parameters and batches into losses; a [`Population`] is what it trains.
//!
//! | module | holds |
//! |---|---|
//! | [`train`] | the training loop that all engines share |
//! | `cohort` | the runs of one model while they are trained: curves, gates, scores, and dropping runs that diverge |
//! | [`loaders`] | the batches of a group, or of several joined |
//! | [`graph`] | the engine of Candle's tensors and autograd, for any model and device |
//! | [`fused`] | the engine of one custom operation a model, on a CPU: the mixture family, and towers |
//! | `selection` | the step of a run that counts, chosen on validation rows |
//! | [`objective`] | losses and scores of regression, classification and conversion |
//! | [`metrics`] | AUC, log-loss and calibration |
//! | [`invariants`] | what must hold whatever the results are: parts of a model start apart, held-out rows are not trained on |
//! | [`adam`] | the optimiser |
//! | [`clip`] | clipping of gradients |
//! | [`device`] | the device that an engine computes on, and its errors in plain words |
//! | [`memory`] | predicted memory of a study |
//! | [`gpu_populations()`] | groups that a GPU trains as one population |

use crate::data::{Batch, Task};
use crate::experiment::Recipe;
use adam::Correction;

pub mod adam;
pub mod clip;
mod cohort;
pub mod device;
pub mod fused;
mod gpu_populations;
pub mod graph;
pub mod invariants;
pub mod loaders;
pub mod memory;
pub mod metrics;
pub mod objective;
mod selection;
pub mod train;

pub use gpu_populations::gpu_populations;

/// Runs of one model that are trained side by side: on the same inputs, or each on its seed's where runs of
/// several seeds are trained together.
///
/// Every run depends on its own parameters, labels and learning rate alone: its bits are the same whatever is trained
/// beside it.
pub trait Population: Send {
    /// One Adam step on `batch`. Writes each run's loss on the batch (mean squared error, or cross-entropy where
    /// labels are binary), before the step, to `losses`, `[runs, tasks]`. A run's objective is the sum of its
    /// tasks' losses and its model's penalty.
    ///
    /// # Errors
    /// If the batch does not fit the model, or Candle fails on the device.
    fn step(&mut self, batch: &Batch, losses: &mut Vec<f32>) -> candle_core::Result<()>;

    /// Losses and gate use on `batch` as the parameters stand; nothing is trained.
    ///
    /// # Errors
    /// If the batch does not fit the model, or Candle fails on the device.
    fn evaluate(&mut self, batch: &Batch) -> candle_core::Result<Evaluation>;

    /// Predictions on `batch` as the parameters stand, `[runs, tasks, rows]`: logits where labels are binary.
    ///
    /// # Errors
    /// If the batch does not fit the model, or Candle fails on the device.
    fn predict(&mut self, batch: &Batch) -> candle_core::Result<Vec<f32>>;

    /// Drops the runs whose entry is false; the others keep their order.
    ///
    /// # Errors
    /// If Candle fails on the device.
    fn retain(&mut self, keep: &[bool]) -> candle_core::Result<()>;

    /// The parameters of every run, flat in layout order: `[runs, parameters]`.
    ///
    /// # Errors
    /// If Candle fails on the device.
    fn parameters(&self) -> candle_core::Result<Vec<f32>>;
}

/// The start of a population.
pub struct Start<'a> {
    /// The architecture of all its runs.
    pub model: &'a dyn crate::model::Model,
    /// One entry a run.
    pub runs: Vec<StartRun>,
    /// Initial parameters, flat in layout order: `[runs, parameters]`.
    pub parameters: Vec<f32>,
    /// The task, which decides the loss.
    pub task: Task,
}

/// Settings in which the runs of a population differ.
#[derive(Debug, Clone, Copy)]
pub struct StartRun {
    /// Index of the batch's input set that it reads: 0 unless seeds are trained together.
    pub input_set: usize,
    /// Index of the batch's label set that it learns.
    pub label_set: usize,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Seed of the noise that some models are trained with.
    pub seed: u64,
    /// Adam's bias correction at a step and learning rate: [`Correction::at`], unless a test plants a mistake.
    pub correction: fn(u64, f64) -> Correction,
    /// Changes of plain Adam.
    pub recipe: Recipe,
    /// Steps that are planned: what a schedule of the learning rate ends with.
    pub steps: u64,
}

impl StartRun {
    /// A run with plain Adam as it should be.
    pub fn new(label_set: usize, learning_rate: f64, seed: u64) -> Self {
        Self {
            input_set: 0,
            label_set,
            learning_rate,
            seed,
            correction: Correction::at,
            recipe: Recipe::default(),
            steps: 0,
        }
    }

    /// The correction of step `t`, counted from 1, at that step's learning rate and with its decay.
    fn correction_at(&self, t: u64) -> Correction {
        let rate = self.learning_rate * self.recipe.schedule.factor(t, self.steps);
        Correction { decay: rate * self.recipe.weight_decay, ..(self.correction)(t, rate) }
    }
}

/// The share of hidden units that the runs of a population do without in a step: all have the same.
fn dropout_rate(runs: &[StartRun]) -> f64 {
    runs.first().map_or(0.0, |run| run.recipe.dropout)
}

/// Losses and gate use on rows that are not trained on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// Mean squared error or cross-entropy, `[runs, tasks]`.
    pub losses: Vec<f32>,
    /// Use of the gates; none without gates.
    pub gates: Option<GateUse>,
}

/// Gate statistics of a population, over the rows of one evaluation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GateUse {
    /// Gates of a run: 1 where all tasks share it, else one a task.
    pub gates: usize,
    /// Experts that a gate chooses among.
    pub experts: usize,
    /// Mean softmax weight, `[runs, gates, experts]`.
    pub mean_weight: Vec<f32>,
    /// Mean entropy of a row's weights in nats, `[runs, gates]`: 0 when every row uses one expert,
    /// ln(experts) when all are used alike.
    pub entropy: Vec<f32>,
}
