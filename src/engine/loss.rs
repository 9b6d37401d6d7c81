//! The losses that models are trained on.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use crate::data::Task;
use crate::model::ops;

/// The loss per run and task that a task is trained on, `[runs, tasks]`; predictions and labels are
/// `[runs, tasks, rows]`.
pub fn loss(task: Task) -> fn(&Tensor, &Tensor) -> Result<Tensor> {
    match task {
        Task::Regression => mean_squared_error,
        Task::Classification | Task::Conversion => cross_entropy,
    }
}

/// Mean cross-entropy of logits z and labels y of 0 or 1, max(z, 0) − y z + ln(1 + e^−|z|) on average, in nats
/// per run and task. With ∂z = (σ(z) − y) / rows, and on the CPU in f32 nothing for the labels.
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
        // A logit that is no number must show in the loss; `max` would hide it.
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

/// Mean squared error per run and task, `[runs, tasks]`; predictions and labels are `[runs, tasks, rows]`.
/// With ∂p = 2 (p − y) / rows, and on the CPU in f32 nothing for the labels.
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

#[cfg(test)]
mod tests {
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
    fn agree_with_plain_operations() -> Result<()> {
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

    #[test]
    fn a_logit_that_is_no_number_is_no_loss() -> Result<()> {
        for logit in [f32::NAN, f32::INFINITY] {
            let logits = Tensor::from_vec(vec![0.0, logit], (1, 1, 2), &Device::Cpu)?;
            let loss = cross_entropy(&logits, &Tensor::ones((1, 1, 2), DType::F32, &Device::Cpu)?)?;
            assert!(loss.flatten_all()?.to_vec1::<f32>()?[0].is_nan());
        }
        Ok(())
    }
}
