//! Classification: labels are 0 or 1, predictions are logits, the loss is the cross-entropy, and predictions are scored
//! on validation and test rows.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use super::{Loss, Objective, ScoredRows, Targets, add};
use crate::data::Subset;
use crate::engine::metrics;
use crate::model::ops;
use crate::record::{RunRecord, Score};

/// Every task's mean cross-entropy.
pub struct Classification;

impl Objective for Classification {
    fn loss(&self, logits: &Tensor, targets: &Targets) -> Result<Loss> {
        Loss::sum_of(cross_entropy(logits, &targets.tensor()?)?)
    }

    fn add_losses(
        &self,
        sums: &mut Vec<f64>,
        logits: &Tensor,
        targets: &Targets,
        rows: Range<usize>,
    ) -> Result<()> {
        let count = rows.len() as f64;
        add(sums, &(cross_entropy(logits, &targets.tensor_of_rows(rows)?)? * count)?)
    }

    fn scored_subsets(&self) -> &'static [Subset] {
        &[Subset::Validation, Subset::Test]
    }

    fn score(&self, rows: &ScoredRows, logits: &[f32], record: &mut RunRecord) {
        let tasks = logits.chunks_exact(rows.count).zip(rows.labels.chunks_exact(rows.count));
        let score = |(task, (logits, labels))| score(rows.subset, task, logits, labels);
        record.scores.extend((1..).zip(tasks).map(score));
    }
}

/// Scores of a task, counted from 1, from its logits and labels, `[rows]` each.
fn score(subset: Subset, task: usize, logits: &[f32], labels: &[f32]) -> Score {
    let [logits, labels] =
        [logits, labels].map(|values| -> Vec<f64> { values.iter().copied().map(f64::from).collect() });
    let probabilities: Vec<f64> = logits.iter().map(|&logit| metrics::sigmoid(logit)).collect();
    // By logit: large ones have equal probabilities.
    let order = metrics::ascending(&logits);
    Score {
        subset,
        task,
        auc: metrics::auc(&logits, &labels, &order),
        log_loss: metrics::log_loss_of_logits(&logits, &labels),
        calibration_error: metrics::calibration_error(&probabilities, &labels, &order),
        mean_prediction: metrics::mean(&probabilities),
        positive_rate: metrics::mean(&labels),
    }
}

/// Mean cross-entropy of logits z and labels y of 0 or 1, max(z, 0) − y z + ln(1 + e^−|z|) on average, in nats
/// per run and task. With ∂z = (σ(z) − y) / rows, and on the CPU in f32 nothing for the labels.
///
/// # Errors
/// If predictions and labels differ in shape, or Candle fails on the device.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    if ops::fit(&[logits, labels]) {
        return logits.contiguous()?.apply_op2(&labels.contiguous()?, CrossEntropy);
    }
    let softplus = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    (logits.relu()? - (labels * logits)? + softplus)?.mean(D::Minus1)
}

struct CrossEntropy;

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(
        &self,
        z: &CpuStorage,
        zl: &Layout,
        y: &CpuStorage,
        yl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (runs, tasks, rows) = zl.shape().dims3()?;
        let (z, y) = (ops::floats(z, zl)?, ops::floats(y, yl)?);
        let entropy = |(z, y): (&f32, &f32)| z.max(0.0) - y * z + (-z.abs()).exp().ln_1p();
        // A logit that is not finite must show in the loss; `max` would hide it.
        let sum = |(z, y): (&[f32], &[f32])| match z.iter().all(|z| z.is_finite()) {
            true => z.iter().zip(y).map(entropy).sum::<f32>(),
            false => f32::NAN,
        };
        let means = z.chunks_exact(rows).zip(y.chunks_exact(rows)).map(|both| sum(both) / rows as f32);
        Ok((CpuStorage::F32(means.collect()), (runs, tasks).into()))
    }

    fn bwd(
        &self,
        z: &Tensor,
        y: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (.., rows) = z.dims3()?;
        let gradient = gradient.contiguous()?;
        let (z_values, y, gradient) = (ops::read(z)?, ops::read(y)?, ops::read(&gradient)?);
        let mut to_z = Vec::with_capacity(z_values.len());
        for ((z, y), gradient) in z_values.chunks_exact(rows).zip(y.chunks_exact(rows)).zip(&*gradient) {
            let factor = gradient / rows as f32;
            to_z.extend(z.iter().zip(y).map(|(z, y)| factor * (1.0 / (1.0 + (-z).exp()) - y)));
        }
        Ok((Some(Tensor::from_vec(to_z, z.shape(), z.device())?), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn a_logit_that_is_not_finite_has_no_finite_loss() -> Result<()> {
        for logit in [f32::NAN, f32::INFINITY] {
            let logits = Tensor::from_vec(vec![0.0, logit], (1, 1, 2), &Device::Cpu)?;
            let loss = cross_entropy(&logits, &Tensor::ones((1, 1, 2), DType::F32, &Device::Cpu)?)?;
            assert!(loss.flatten_all()?.to_vec1::<f32>()?[0].is_nan());
        }
        Ok(())
    }
}
