//! Regression: labels are numbers, the loss is the mean squared error, and nothing else is scored.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use super::{Loss, Objective, ScoredRows, Targets, add};
use crate::data::Subset;
use crate::model::ops;
use crate::record::RunRecord;

/// Every task's mean squared error.
pub struct Regression;

impl Objective for Regression {
    fn loss(&self, predictions: &Tensor, targets: &Targets) -> Result<Loss> {
        Loss::sum_of(mean_squared_error(predictions, &targets.tensor()?)?)
    }

    fn add_losses(
        &self,
        sums: &mut Vec<f64>,
        predictions: &Tensor,
        targets: &Targets,
        rows: Range<usize>,
    ) -> Result<()> {
        let labels = targets.tensor_of_rows(rows)?;
        add(sums, &(predictions - labels)?.sqr()?.sum(D::Minus1)?)
    }

    fn scored_subsets(&self) -> &'static [Subset] {
        &[]
    }

    fn score(&self, _: &ScoredRows, _: &[f32], _: &mut RunRecord) {}
}

/// Mean squared error per run and task, `[runs, tasks]`; predictions and labels are `[runs, tasks, rows]`.
/// With ∂p = 2 (p − y) / rows, and on the CPU in f32 nothing for the labels.
///
/// # Errors
/// If predictions and labels differ in shape, or Candle fails on the device.
pub fn mean_squared_error(predictions: &Tensor, labels: &Tensor) -> Result<Tensor> {
    if ops::fit(&[predictions, labels]) {
        return predictions.contiguous()?.apply_op2(&labels.contiguous()?, MeanSquaredError);
    }
    (predictions - labels)?.sqr()?.mean(D::Minus1)
}

struct MeanSquaredError;

impl CustomOp2 for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mean-squared-error"
    }

    fn cpu_fwd(
        &self,
        p: &CpuStorage,
        pl: &Layout,
        y: &CpuStorage,
        yl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (runs, tasks, rows) = pl.shape().dims3()?;
        let (p, y) = (ops::floats(p, pl)?, ops::floats(y, yl)?);
        let squares = |(p, y): (&[f32], &[f32])| p.iter().zip(y).map(|(p, y)| (p - y) * (p - y)).sum::<f32>();
        let means = p.chunks_exact(rows).zip(y.chunks_exact(rows)).map(|both| squares(both) / rows as f32);
        Ok((CpuStorage::F32(means.collect()), (runs, tasks).into()))
    }

    fn bwd(
        &self,
        p: &Tensor,
        y: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (.., rows) = p.dims3()?;
        let gradient = gradient.contiguous()?;
        let (p_values, y, gradient) = (ops::read(p)?, ops::read(y)?, ops::read(&gradient)?);
        let mut to_p = Vec::with_capacity(p_values.len());
        for ((p, y), gradient) in p_values.chunks_exact(rows).zip(y.chunks_exact(rows)).zip(&*gradient) {
            let factor = gradient * 2.0 / rows as f32;
            to_p.extend(p.iter().zip(y).map(|(p, y)| factor * (p - y)));
        }
        Ok((Some(Tensor::from_vec(to_p, p.shape(), p.device())?), None))
    }
}
