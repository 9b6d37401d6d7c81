//! The loss that every model is trained on.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use crate::model::ops;

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

    #[test]
    fn agrees_with_plain_operations() -> Result<()> {
        let values = |shift: f64| {
            let numbers: Vec<f32> = (0..30).map(|i| (f64::from(i) * 0.7 + shift).sin() as f32).collect();
            Tensor::from_vec(numbers, (2, 3, 5), &Device::Cpu)
        };
        let of = |dtype: DType| -> Result<(Vec<f64>, Vec<f64>)> {
            let p = Var::from_tensor(&values(0.1)?.to_dtype(dtype)?)?;
            let loss = mean_squared_error(&p, &values(0.5)?.to_dtype(dtype)?)?;
            // The gradient of a transposed sum comes in strided.
            let scale = Tensor::arange(1.0, 7.0, &Device::Cpu)?.reshape((3, 2))?.to_dtype(dtype)?;
            let gradients = (loss.t()? * scale)?.sum_all()?.backward()?;
            let numbers = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
            Ok((numbers(&loss)?, numbers(gradients.get(&p).expect("of p"))?))
        };
        let ((custom, custom_p), (plain, plain_p)) = (of(DType::F32)?, of(DType::F64)?);
        for (custom, plain) in custom.iter().chain(&custom_p).zip(plain.iter().chain(&plain_p)) {
            // Five sums of rounded products.
            assert!((custom - plain).abs() < 1e-6 * (1.0 + plain.abs()), "{custom} and {plain}");
        }
        Ok(())
    }
}
