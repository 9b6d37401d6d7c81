//! The mixture family on a CPU, near the peak of its multipliers.
//!
//! A step is one pass over the batch and one pass of Adam, run after run, where the `graph` engine takes dozens of
//! tensor operations. It trains every model that is a
//! [`MixtureShape`]: shared-bottom, OMoE, MMoE and single-task are the same kernels with another
//! [`crate::model::Routing`]. The graph engine is the reference; `tests` compare gradients with autograd.
//!
//! | file | holds |
//! |---|---|
//! | `geometry` | where parameters stand in the padded vector |
//! | `packed` | the batch, laid out for both directions, shared by all runs |
//! | `factors` | dropout: the factors of all units in a step, shared by the runs of a seed |
//! | `product` | the register tile: every matrix product |
//! | `mixing` | softmax gates and mixtures, forward and backward |
//! | `pass` | one run's losses and gradient |
//! | `op` | all that as a Candle in-place operation on the population's state |
//!
//! Every run is computed by itself, in an order of operations that depends on the shape, the batch size and
//! the instruction set alone. So its bits do not depend on the runs beside it; they do depend on the CPU.
//! One population is single-threaded: threads go over seeds, outside.

use candle_core::{Device, Result, Tensor, bail};

use self::factors::Factors;
use self::geometry::Geometry;
use self::op::{PARTS, TrainStep, Work};
use self::packed::{Packed, Transpose};
use self::pass::{Pass, Scratch, Wanted};
use super::simd::{self, Instructions};
use crate::data::Batch;
use crate::engine::{Evaluation, GateUse, Population, Start, StartRun};
use crate::model::MixtureShape;

pub mod factors;
pub mod geometry;
pub mod mixing;
pub mod op;
pub mod packed;
pub mod pass;
pub mod product;
#[cfg(test)]
mod tests;

/// Runs of one member of the mixture family, trained on this CPU.
pub struct MixturePopulation {
    geometry: Geometry,
    instructions: Instructions,
    runs: Vec<StartRun>,
    /// `[runs, 3, padded]`: parameters, first moment, second moment.
    state: Tensor,
    /// Steps taken.
    steps: u64,
    packed: Packed,
    scratch: Scratch,
    gradient: Vec<f32>,
    factors: Factors,
}

impl MixturePopulation {
    /// A population before its first step, in the fastest instructions that this CPU has.
    ///
    /// # Errors
    /// If the number of initial parameters is not that of the layout.
    pub fn new(shape: MixtureShape, start: Start) -> Result<Self> {
        Self::with_instructions(shape, start, Instructions::best())
    }

    /// A population before its first step, in the given instructions.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_instructions(shape: MixtureShape, start: Start, instructions: Instructions) -> Result<Self> {
        let geometry = Geometry::new(shape);
        let (runs, count) = (start.runs.len(), shape.layout().count());
        if runs == 0 || start.parameters.len() != runs * count {
            bail!("{} initial parameters for {runs} runs of {count} each", start.parameters.len());
        }
        let positions = geometry.positions();
        let mut state = vec![0.0; runs * PARTS * geometry.padded];
        let states = state.chunks_exact_mut(PARTS * geometry.padded);
        for (state, parameters) in states.zip(start.parameters.chunks_exact(count)) {
            for (&at, &value) in positions.iter().zip(parameters) {
                state[at] = value;
            }
        }
        Ok(Self {
            instructions,
            state: Tensor::from_vec(state, (runs, PARTS, geometry.padded), &Device::Cpu)?,
            steps: 0,
            packed: Packed::default(),
            scratch: Scratch::new(&geometry),
            gradient: vec![0.0; geometry.padded],
            factors: Factors::default(),
            runs: start.runs,
            geometry,
        })
    }

    /// The instructions it computes in.
    pub fn instructions(&self) -> Instructions {
        self.instructions
    }

    /// Losses `[runs, tasks]` and gradients `[runs, parameters]` of the next step in layout order, as the parameters stand;
    /// nothing is trained. For comparisons with the graph engine.
    ///
    /// # Errors
    /// If the batch does not fit the model.
    pub fn gradients(&mut self, batch: &Batch) -> Result<(Vec<f32>, Vec<f32>)> {
        self.pack(batch)?;
        let theta = self.padded_parameters()?;
        let positions = self.geometry.positions();
        let tasks = self.geometry.shape.tasks;
        let mut losses = vec![0.0; self.runs.len() * tasks];
        let mut gradients = Vec::with_capacity(self.runs.len() * positions.len());
        for (r, theta) in theta.iter().enumerate() {
            self.instructions.run(Pass {
                geometry: &self.geometry,
                theta,
                packed: &self.packed,
                label_set: self.runs[r].label_set,
                scratch: &mut self.scratch,
                losses: &mut losses[r * tasks..][..tasks],
                kept: self.factors.kept(&self.geometry, &self.runs[r], (self.steps, batch.rows)),
                wanted: Wanted::Gradient(&mut self.gradient),
            });
            gradients.extend(positions.iter().map(|&at| self.gradient[at]));
        }
        Ok((losses, gradients))
    }

    /// Packs a batch for all runs.
    fn pack(&mut self, batch: &Batch) -> Result<()> {
        let shape = self.geometry.shape;
        let fits = batch.rows > 0
            && (batch.features, batch.tasks) == (shape.features, shape.tasks)
            && self.runs.iter().all(|run| run.label_set < batch.label_sets);
        if !fits {
            bail!(
                "a batch of {} rows, {} features, {} tasks and {} label sets does not fit {shape:?}",
                batch.rows,
                batch.features,
                batch.tasks,
                batch.label_sets
            );
        }
        self.packed.fill(&self.geometry, batch);
        self.instructions.run(Transpose { packed: &mut self.packed, batch });
        Ok(())
    }

    /// Every run's padded parameters.
    fn padded_parameters(&self) -> Result<Vec<Vec<f32>>> {
        self.state.narrow(1, 0, 1)?.squeeze(1)?.to_vec2()
    }
}

impl Population for MixturePopulation {
    fn step(&mut self, batch: &Batch, losses: &mut Vec<f32>) -> Result<()> {
        self.pack(batch)?;
        self.steps += 1;
        losses.resize(self.runs.len() * self.geometry.shape.tasks, 0.0);
        self.state.inplace_op1(&TrainStep {
            geometry: &self.geometry,
            instructions: self.instructions,
            packed: &self.packed,
            runs: &self.runs,
            step: self.steps,
            work: std::cell::RefCell::new(Work {
                scratch: &mut self.scratch,
                gradient: &mut self.gradient,
                factors: &mut self.factors,
                losses,
            }),
        })
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Evaluation> {
        self.pack(batch)?;
        let shape = self.geometry.shape;
        let (runs, tasks, gates, experts) = (self.runs.len(), shape.tasks, shape.gates(), shape.experts);
        let mut losses = vec![0.0; runs * tasks];
        let mut mean_weight = vec![0.0; runs * gates * experts];
        let mut entropy = vec![0.0; runs * gates];
        for (r, theta) in self.padded_parameters()?.iter().enumerate() {
            self.instructions.run(Pass {
                geometry: &self.geometry,
                theta,
                packed: &self.packed,
                label_set: self.runs[r].label_set,
                scratch: &mut self.scratch,
                losses: &mut losses[r * tasks..][..tasks],
                kept: None,
                wanted: Wanted::Gates {
                    mean_weight: &mut mean_weight[r * gates * experts..][..gates * experts],
                    entropy: &mut entropy[r * gates..][..gates],
                },
            });
        }
        let gates = (gates > 0).then_some(GateUse { gates, experts, mean_weight, entropy });
        Ok(Evaluation { losses, gates })
    }

    fn predict(&mut self, _: &Batch) -> Result<Vec<f32>> {
        candle_core::bail!(
            "the fused engine of the mixture family computes losses alone; the graph engine predicts"
        )
    }

    fn retain(&mut self, keep: &[bool]) -> Result<()> {
        if keep.len() != self.runs.len() {
            bail!("{} flags for {} runs", keep.len(), self.runs.len());
        }
        let kept: Vec<u32> = (0..).zip(keep).filter(|(_, keep)| **keep).map(|(r, _)| r).collect();
        let runs: Vec<StartRun> = kept.iter().map(|&r| self.runs[r as usize]).collect();
        self.state = if kept.is_empty() {
            Tensor::zeros((0, PARTS, self.geometry.padded), self.state.dtype(), &Device::Cpu)?
        } else {
            let indices = Tensor::from_vec(kept, runs.len(), &Device::Cpu)?;
            self.state.index_select(&indices, 0)?
        };
        self.runs = runs;
        Ok(())
    }

    fn parameters(&self) -> Result<Vec<f32>> {
        let positions = self.geometry.positions();
        let theta = self.padded_parameters()?;
        Ok(theta.iter().flat_map(|theta| positions.iter().map(|&at| theta[at])).collect())
    }
}
