//! The graph engine: Candle tensors and autograd, for any model and device.
//!
//! Written for reading, and the reference that the fused engine is tested against. A population of R runs is
//! one set of tensors with a leading run axis; the sum of all runs' losses has, for every run, that run's own
//! gradient, because runs never mix.
//!
//! On the CPU the layers, the loss and Adam are custom operations (`model::ops`, `objective`, `adam`), which
//! is most of its speed there; `benches/NOTES-graph.md` has the measurements. On a GPU layers, embeddings and Adam are kernels
//! of their own (`model::ops::gpu`).

use std::sync::Arc;

use candle_core::{D, DType, Device, Result, Tensor, Var};

use super::adam::{self, Correction};
use super::objective::{self, Objective, Targets};
use super::{Evaluation, GateUse, Population, Start, StartRun, clip};
use crate::data::Batch;
use crate::model::{Dropout, Model, Noise, Parameters};

/// Most rows of one forward pass outside training: bounds the memory of held-out evaluation.
pub const EVALUATION_ROWS: usize = 256;

/// A population of runs as Candle tensors.
pub struct GraphPopulation<'a> {
    model: &'a dyn Model,
    device: Device,
    objective: Box<dyn Objective>,
    runs: Vec<StartRun>,
    /// `[runs, shape…]` in layout order.
    parameters: Vec<Var>,
    /// First and second moments of each parameter, `[2, runs, shape…]`.
    moments: Vec<Tensor>,
    /// Optimiser steps done.
    steps: u64,
}

impl<'a> GraphPopulation<'a> {
    /// A population on `device`, before its first step.
    ///
    /// # Errors
    /// If Candle fails on the device, or the model cannot learn the task.
    pub fn new(start: Start<'a>, device: Device) -> Result<Self> {
        let runs = start.runs.len();
        let layout = start.model.layout();
        let flat = Tensor::from_vec(start.parameters, (runs, layout.count()), &Device::Cpu)?;
        let parameters = layout
            .parameters
            .iter()
            .zip(layout.ranges())
            .map(|(parameter, range)| {
                let shape: Vec<usize> =
                    std::iter::once(runs).chain(parameter.shape.iter().copied()).collect();
                let values = flat.narrow(1, range.start, range.len())?.reshape(shape)?.to_device(&device)?;
                Var::from_tensor(&values.contiguous()?)
            })
            .collect::<Result<Vec<_>>>()?;
        let moments = parameters
            .iter()
            .map(|p| {
                let shape: Vec<usize> = std::iter::once(2).chain(p.dims().iter().copied()).collect();
                Tensor::zeros(shape, p.dtype(), &device)
            })
            .collect::<Result<Vec<_>>>()?;
        let Start { model, runs, task, .. } = start;
        let objective = objective::for_task(task, model)?;
        Ok(Self { model, device, objective, runs, parameters, moments, steps: 0 })
    }

    /// Inputs of some rows of a batch, on the device: `[rows, features]`, or every run's own,
    /// `[runs, rows, features]`, where the batch has several input sets.
    fn inputs(&self, batch: &Batch, rows: std::ops::Range<usize>) -> Result<Tensor> {
        let part = rows.start * batch.features..rows.end * batch.features;
        let shape = (batch.input_sets(), rows.len(), batch.features);
        let sets = match rows.len() == batch.rows {
            true => self.whole_inputs(batch, shape)?,
            false => {
                let sets = batch.x.chunks_exact(batch.rows * batch.features);
                let parts: Vec<&[f32]> = sets.map(|x| &x[part.clone()]).collect();
                Tensor::from_vec(parts.concat(), shape, &self.device)?
            }
        };
        match batch.input_sets() {
            1 => sets.squeeze(0),
            _ => self.for_runs(&sets, |run| run.input_set),
        }
    }

    /// All inputs of a batch on the device, brought there by the first population that asks.
    fn whole_inputs(&self, batch: &Batch, shape: (usize, usize, usize)) -> Result<Tensor> {
        if let Some(x) = batch.cached.get().and_then(|cached| cached.downcast_ref::<Tensor>())
            && x.device().same_device(&self.device)
        {
            return Ok(x.clone());
        }
        let x = Tensor::from_slice(&batch.x, shape, &self.device)?;
        if !self.device.is_cpu() {
            _ = batch.cached.set(Arc::new(x.clone()));
        }
        Ok(x)
    }

    /// Selects every run's own of `sets`, `[sets, …]`, into `[runs, …]`.
    fn for_runs(&self, sets: &Tensor, own: impl Fn(&StartRun) -> usize) -> Result<Tensor> {
        let own: Vec<u32> = self.runs.iter().map(|run| own(run) as u32).collect();
        sets.index_select(&Tensor::from_vec(own, self.runs.len(), &self.device)?, 0)
    }

    /// The labels of a batch that the runs learn.
    fn targets<'b>(&'b self, batch: &'b Batch) -> Targets<'b> {
        Targets::new(batch, self.runs.iter().map(|run| run.label_set).collect(), &self.device)
    }

    /// θ ← θ − lr λ θ − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε), every run at its own learning rate lr and decay λ, with the
    /// gradient clipped where the recipe says so.
    fn adam(&mut self, gradients: &candle_core::backprop::GradStore) -> Result<()> {
        self.steps += 1;
        let corrections: Vec<Correction> =
            self.runs.iter().map(|run| run.correction_at(self.steps)).collect();
        let gradients = self.parameters.iter().map(|parameter| match gradients.get(parameter.as_tensor()) {
            Some(gradient) => Ok(gradient.detach()),
            None => candle_core::bail!("a parameter of the model has no part in its predictions"),
        });
        let gradients = self.clipped(gradients.collect::<Result<_>>()?)?;
        for ((parameter, moments), gradient) in self.parameters.iter().zip(&mut self.moments).zip(&gradients)
        {
            adam::tensor::step(parameter, moments, gradient, &corrections)?;
        }
        Ok(())
    }

    /// The gradients, `[runs, shape…]` each, every run's scaled to the norm that its recipe allows.
    fn clipped(&self, gradients: Vec<Tensor>) -> Result<Vec<Tensor>> {
        if self.runs.iter().all(|run| run.recipe.clip_norm.is_none()) {
            return Ok(gradients);
        }
        let mut squares = vec![0.0; self.runs.len()];
        for gradient in &gradients {
            let of_runs = squared_norms(&gradient.flatten_from(1)?)?;
            squares.iter_mut().zip(of_runs).for_each(|(sum, square)| *sum += square);
        }
        let scale = |(run, &square): (&StartRun, &f64)| match run.recipe.clip_norm {
            Some(limit) => clip::scale(square, limit) as f32,
            None => 1.0,
        };
        let scales: Vec<f32> = self.runs.iter().zip(&squares).map(scale).collect();
        let scaled = |gradient: Tensor| {
            let mut shape = vec![1; gradient.rank()];
            shape[0] = scales.len();
            gradient.broadcast_mul(&Tensor::from_slice(&scales, shape, &self.device)?)
        };
        gradients.into_iter().map(scaled).collect()
    }
}

/// Σ g² of every run: gradients are `[runs, elements]`.
fn squared_norms(gradient: &Tensor) -> Result<Vec<f64>> {
    if gradient.device().is_cpu() {
        return Ok(gradient.to_vec2::<f32>()?.iter().map(|run| clip::squared_norm(run)).collect());
    }
    gradient.to_dtype(DType::F64)?.sqr()?.sum(D::Minus1)?.to_vec1()
}

impl Population for GraphPopulation<'_> {
    fn step(&mut self, batch: &Batch, losses: &mut Vec<f32>) -> Result<()> {
        let tensors: Vec<Tensor> = self.parameters.iter().map(|p| p.as_tensor().clone()).collect();
        let x = self.inputs(batch, 0..batch.rows)?;
        let seeds: Vec<u64> = self.runs.iter().map(|run| run.seed).collect();
        let noise = Noise::new(&seeds, self.steps);
        let dropout = Dropout::new(super::dropout_rate(&self.runs), noise);
        let parameters = Parameters::new(self.model.layout(), &tensors).dropping(dropout.as_ref());
        let forward = self.model.training_forward(&parameters, &x, &noise)?;
        let mut loss = self.objective.loss(&forward.predictions, &self.targets(batch))?;
        losses.clear();
        losses.append(&mut loss.losses);
        let mut objective = loss.objective;
        if let Some(penalty) = self.model.penalty(&parameters)? {
            objective = (objective + penalty.sum_all()?)?;
        }
        let gradients = objective.backward()?;
        drop((forward, objective, tensors));
        self.adam(&gradients)
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Evaluation> {
        // Detached parameters: no graph is kept.
        let tensors: Vec<Tensor> = self.parameters.iter().map(|p| p.as_detached_tensor()).collect();
        let targets = self.targets(batch);
        let mut sums = Sums::default();
        for start in (0..batch.rows).step_by(EVALUATION_ROWS) {
            let rows = start..(start + EVALUATION_ROWS).min(batch.rows);
            let x = self.inputs(batch, rows.clone())?;
            let forward = self.model.forward(&Parameters::new(self.model.layout(), &tensors), &x)?;
            self.objective.add_losses(&mut sums.losses, &forward.predictions, &targets, rows)?;
            if self.objective.logs_gates() {
                sums.add_gates(&forward)?;
            }
        }
        Ok(sums.mean(batch.rows))
    }

    fn predict(&mut self, batch: &Batch) -> Result<Vec<f32>> {
        let tensors: Vec<Tensor> = self.parameters.iter().map(|p| p.as_detached_tensor()).collect();
        let mut pieces: Vec<(usize, Vec<f32>)> = Vec::new();
        for start in (0..batch.rows).step_by(EVALUATION_ROWS) {
            let x = self.inputs(batch, start..(start + EVALUATION_ROWS).min(batch.rows))?;
            let forward = self.model.forward(&Parameters::new(self.model.layout(), &tensors), &x)?;
            let rows = forward.predictions.dim(2)?;
            pieces.push((rows, forward.predictions.flatten_all()?.to_vec1()?));
        }
        // Joined here: all rows of all runs can be more than a GPU's tensor holds.
        let towers = pieces.first().map_or(0, |(rows, piece)| piece.len() / rows);
        let for_tower =
            |tower: usize| pieces.iter().map(move |(rows, piece)| &piece[tower * rows..][..*rows]);
        Ok((0..towers).flat_map(for_tower).flatten().copied().collect())
    }

    fn retain(&mut self, keep: &[bool]) -> Result<()> {
        let kept: Vec<u32> = (0..).zip(keep).filter(|(_, keep)| **keep).map(|(run, _)| run).collect();
        self.runs = kept.iter().map(|&run| self.runs[run as usize]).collect();
        if kept.is_empty() {
            return Ok(());
        }
        let index = Tensor::from_vec(kept.clone(), kept.len(), &self.device)?;
        for (parameter, moments) in self.parameters.iter_mut().zip(&mut self.moments) {
            *parameter = Var::from_tensor(&parameter.as_tensor().index_select(&index, 0)?)?;
            *moments = moments.index_select(&index, 1)?;
        }
        Ok(())
    }

    fn parameters(&self) -> Result<Vec<f32>> {
        let flat =
            self.parameters.iter().map(|p| p.as_tensor().flatten_from(1)).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&flat, 1)?.flatten_all()?.to_vec1()
    }
}

/// Sums over rows of what an evaluation reports as means, in f64.
#[derive(Default)]
struct Sums {
    losses: Vec<f64>,
    weights: Vec<f64>,
    entropy: Vec<f64>,
    gates: usize,
    experts: usize,
}

impl Sums {
    fn add_gates(&mut self, forward: &crate::model::Forward) -> Result<()> {
        if let Some(gates) = &forward.gates {
            (_, self.gates, _, self.experts) = gates.dims4()?;
            objective::add(&mut self.weights, &gates.sum(2)?)?;
            // 0 · ln 0 counts as 0: the smallest normal number under the logarithm changes nothing else.
            let logs = gates.maximum(f32::MIN_POSITIVE)?.log()?;
            objective::add(&mut self.entropy, &(gates * logs)?.sum(D::Minus1)?.sum(D::Minus1)?.neg()?)?;
        }
        Ok(())
    }

    fn mean(self, rows: usize) -> Evaluation {
        let mean = |sums: Vec<f64>| sums.into_iter().map(|sum| (sum / rows as f64) as f32).collect();
        let gates = (self.gates > 0).then(|| GateUse {
            gates: self.gates,
            experts: self.experts,
            mean_weight: mean(self.weights),
            entropy: mean(self.entropy),
        });
        Evaluation { losses: mean(self.losses), gates }
    }
}
