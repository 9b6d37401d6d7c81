//! h = ReLU(x W + b) for inputs that all runs share: x `[batch, features]`, W `[runs, features, columns]`,
//! b `[runs, columns]`, h `[runs, batch, columns]`.
//!
//! Backward, with ∂z = ∂h where h > 0 and 0 elsewhere: ∂W = xᵀ ∂z, ∂b = Σ_batch ∂z, and nothing for x, which
//! is data. So ReLU'(0) = 0, as in PyTorch; Candle's own has 1 there.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::elementwise::{masked_with_sums, push_copies, relu};
use super::product::{Before, Matrix, product};
use super::{floats, read, result, tensor};
use crate::simd::CpuFeatures;

struct Hidden;

/// ReLU(x W + b) for every run: x `[batch, features]`, W `[runs, features, columns]`, b `[runs, columns]`; the result is
/// `[runs, batch, columns]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn hidden(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Hidden)
}

impl CustomOp3 for Hidden {
    fn name(&self) -> &'static str {
        "hidden"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, features) = xl.shape().dims2()?;
        let (runs, _, columns) = wl.shape().dims3()?;
        let x = Matrix::new(floats(x, xl)?, batch, features);
        let cpu = CpuFeatures::best();
        let mut h = Vec::with_capacity(runs * batch * columns);
        let each = floats(w, wl)?.chunks_exact(features * columns).zip(floats(b, bl)?.chunks_exact(columns));
        for (w, b) in each {
            let start = h.len();
            push_copies(&mut h, b, batch);
            product(x, Matrix::new(w, features, columns), &mut h[start..], Before::Added);
            relu(cpu, &mut h[start..]);
        }
        result(h, (runs, batch, columns))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        h: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (runs, batch, columns) = h.dims3()?;
        let features = x.dim(1)?;
        let gradient = gradient.contiguous()?;
        let (x, h, gradient) = (read(x)?, read(h)?, read(&gradient)?);
        let x = Matrix::new(&x, batch, features).transposed();
        let cpu = CpuFeatures::best();
        let mut masked = vec![0.0; batch * columns];
        let mut weight = vec![0.0; runs * features * columns];
        let mut bias = vec![0.0; runs * columns];
        let each = h.chunks_exact(batch * columns).zip(gradient.chunks_exact(batch * columns));
        let out = weight.chunks_exact_mut(features * columns).zip(bias.chunks_exact_mut(columns));
        for ((h, gradient), (weight, bias)) in each.zip(out) {
            masked_with_sums(cpu, h, gradient, &mut masked, bias);
            product(x, Matrix::new(&masked, batch, columns), weight, Before::Forgotten);
        }
        Ok((None, tensor(weight, w.shape())?, tensor(bias, b.shape())?))
    }
}
