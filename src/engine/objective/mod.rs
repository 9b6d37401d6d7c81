//! Losses and scores, one file a task.
//!
//! The graph engine knows the trait alone. The fused engines have their objective built in: that of the mixture family
//! is [`Regression`], that of towers is [`conversion::Predictions`].

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use candle_core::{Device, Result, Tensor};

pub mod classification;
pub mod conversion;
pub mod regression;

pub use classification::Classification;
pub use conversion::Conversion;
pub use regression::Regression;

use crate::data::{Batch, Impressions, Subset, Task};
use crate::model::Model;
use crate::record::RunRecord;

/// Loss and scores of the runs of a population.
pub trait Objective: Send {
    /// Losses of all runs on a batch; predictions are `[runs, outputs, rows]`.
    ///
    /// # Errors
    /// If predictions and targets do not fit each other, or Candle fails on their device.
    fn loss(&self, predictions: &Tensor, targets: &Targets) -> Result<Loss>;

    /// Adds the losses of some rows of a batch to `sums`, `[runs, tasks]`, which is empty before the first rows;
    /// predictions are `[runs, outputs, rows]`. Nothing is trained.
    ///
    /// # Errors
    /// As [`Self::loss`].
    fn add_losses(
        &self,
        sums: &mut Vec<f64>,
        predictions: &Tensor,
        targets: &Targets,
        rows: Range<usize>,
    ) -> Result<()>;

    /// Whether the use of gates is logged beside the losses.
    fn logs_gates(&self) -> bool {
        true
    }

    /// Subsets that predictions are scored on, in order.
    fn scored_subsets(&self) -> &'static [Subset];

    /// Adds the scores of one run's predictions, `[outputs, rows]`, to its record.
    fn score(&self, rows: &ScoredRows, predictions: &[f32], record: &mut RunRecord);
}

/// The objective of a task, for a model.
///
/// # Errors
/// If conversions are to be learned by a model that has no method for them.
pub fn for_task(task: Task, model: &dyn Model) -> Result<Box<dyn Objective>> {
    Ok(match (task, model.method()) {
        (Task::Regression, _) => Box::new(Regression),
        (Task::Classification, _) => Box::new(Classification),
        (Task::Conversion, Some(method)) => Box::new(Conversion { method }),
        (Task::Conversion, None) => candle_core::bail!("this model has no method to learn conversions"),
    })
}

/// Memory in bytes of a row while predictions are scored, for a group of runs.
pub fn scoring_bytes(task: Task) -> u64 {
    match task {
        // Scored in place.
        Task::Regression | Task::Classification => 0,
        Task::Conversion => conversion::SCORING_BYTES,
    }
}

/// Losses of a population on a batch.
pub struct Loss {
    /// Means over rows, `[runs, tasks]`.
    pub losses: Vec<f32>,
    /// A scalar whose gradient is, for every run, that of the run's objective.
    pub objective: Tensor,
}

impl Loss {
    /// The objective is the sum of losses, `[runs, tasks]`.
    fn sum_of(losses: Tensor) -> Result<Self> {
        Ok(Self { losses: losses.flatten_all()?.to_vec1::<f32>()?, objective: losses.sum_all()? })
    }
}

/// The labels of a batch that each run learns.
pub struct Targets<'a> {
    batch: &'a Batch,
    device: &'a Device,
    /// One entry a run.
    label_sets: Vec<usize>,
    tensor: OnceCell<Tensor>,
}

impl<'a> Targets<'a> {
    /// Targets of runs that learn these label sets, on the device of their predictions.
    pub fn new(batch: &'a Batch, label_sets: Vec<usize>, device: &'a Device) -> Self {
        Self { batch, device, label_sets, tensor: OnceCell::new() }
    }

    /// Labels of every run, `[runs, tasks, rows]`, on the device.
    fn tensor(&self) -> Result<Tensor> {
        if let Some(tensor) = self.tensor.get() {
            return Ok(tensor.clone());
        }
        let Batch { label_sets, tasks, rows, ref y, .. } = *self.batch;
        let sets = Tensor::from_slice(y, (label_sets, tasks, rows), self.device)?;
        let own: Vec<u32> = self.label_sets.iter().map(|&set| set as u32).collect();
        let tensor = sets.index_select(&Tensor::from_vec(own, self.label_sets.len(), self.device)?, 0)?;
        Ok(self.tensor.get_or_init(|| tensor).clone())
    }

    /// Labels of every run on some rows, `[runs, tasks, rows]`, on the device.
    fn tensor_of_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        self.tensor()?.narrow(2, rows.start, rows.len())?.contiguous()
    }

    /// Labels of every run on some rows, `[tasks, rows]` each.
    fn by_run(&self, rows: Range<usize>) -> impl Iterator<Item = Cow<'a, [f32]>> {
        let (batch, all) = (self.batch, self.batch.rows);
        self.label_sets.iter().map(move |&set| {
            let labels = batch.label_set(set);
            match rows.len() == all {
                true => labels.into(),
                false => labels.chunks_exact(all).flat_map(|labels| &labels[rows.clone()]).copied().collect(),
            }
        })
    }
}

/// Rows that a run's predictions are scored on.
pub struct ScoredRows<'a> {
    /// The subset.
    pub subset: Subset,
    /// Number of rows.
    pub count: usize,
    /// The run's labels, `[tasks, rows]`.
    pub labels: &'a [f32],
    /// The same rows as impressions, where they are those.
    pub impressions: Option<&'a Impressions>,
}

/// Adds the elements of `values` to `sums`, which is empty before the first.
pub(super) fn add(sums: &mut Vec<f64>, values: &Tensor) -> Result<()> {
    let values = values.flatten_all()?.to_vec1::<f32>()?;
    sums.resize(values.len(), 0.0);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += f64::from(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::classification::cross_entropy;
    use super::regression::mean_squared_error;
    use super::*;
    use candle_core::{DType, Device, Var};

    /// Loss and gradient of the predictions in a precision, on labels made by `label`.
    fn of(
        loss: fn(&Tensor, &Tensor) -> Result<Tensor>,
        label: fn(f64) -> f64,
        dtype: DType,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let values =
            |scale: f64, shift: f64| (0..30).map(move |i| scale * (f64::from(i) * 0.7 + shift).sin());
        let tensor = |numbers: Vec<f64>| {
            Tensor::from_vec(numbers, (2, 3, 5), &Device::Cpu)?.to_dtype(DType::F32)?.to_dtype(dtype)
        };
        let p = Var::from_tensor(&tensor(values(3.0, 0.1).collect())?)?;
        let y = tensor(values(1.0, 0.5).map(label).collect())?;
        let loss = loss(&p, &y)?;
        // The gradient of a transposed sum comes in strided.
        let scale = Tensor::arange(1.0, 7.0, &Device::Cpu)?.reshape((3, 2))?.to_dtype(dtype)?;
        let gradients = (loss.t()? * scale)?.sum_all()?.backward()?;
        let numbers = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        Ok((numbers(&loss)?, numbers(gradients.get(&p).expect("of p"))?))
    }

    #[test]
    fn losses_agree_with_plain_operations() -> Result<()> {
        type Case = (fn(&Tensor, &Tensor) -> Result<Tensor>, fn(f64) -> f64);
        let cases: [Case; 2] =
            [(mean_squared_error, |y| y), (cross_entropy, |y| if y > 0.0 { 1.0 } else { 0.0 })];
        for (loss, label) in cases {
            let (custom, custom_p) = of(loss, label, DType::F32)?;
            let (plain, plain_p) = of(loss, label, DType::F64)?;
            for (custom, plain) in custom.iter().chain(&custom_p).zip(plain.iter().chain(&plain_p)) {
                // Five sums of rounded products.
                assert!((custom - plain).abs() < 1e-6 * (1.0 + plain.abs()), "{custom} and {plain}");
            }
        }
        Ok(())
    }
}
