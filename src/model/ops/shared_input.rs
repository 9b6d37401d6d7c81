//! x W for inputs that all runs share: `[batch, features]` × `[runs, features, columns]` =
//! `[runs, batch, columns]`, with ∂W = xᵀ ∂y alone. x is data: its gradient would be as much work as the
//! weights' and nobody asks for it.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::product::{Before, Matrix, product};
use super::{floats, read, result, tensor};

struct SharedInput;

/// x W for every run: x `[batch, features]`, W `[runs, features, columns]`; the result is `[runs, batch, columns]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn shared_input(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&weight.contiguous()?, SharedInput)
}

impl CustomOp2 for SharedInput {
    fn name(&self) -> &'static str {
        "shared-input"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, features) = xl.shape().dims2()?;
        let (runs, _, columns) = wl.shape().dims3()?;
        let x = Matrix::new(floats(x, xl)?, batch, features);
        let mut y = vec![0.0; runs * batch * columns];
        let each = floats(w, wl)?.chunks_exact(features * columns).zip(y.chunks_exact_mut(batch * columns));
        for (w, y) in each {
            product(x, Matrix::new(w, features, columns), y, Before::Forgotten);
        }
        result(y, (runs, batch, columns))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (runs, features, columns) = w.dims3()?;
        let batch = x.dim(0)?;
        let gradient = gradient.contiguous()?;
        let (x, gradient) = (read(x)?, read(&gradient)?);
        let x = Matrix::new(&x, batch, features).transposed();
        let mut weight = vec![0.0; runs * features * columns];
        let each = gradient.chunks_exact(batch * columns).zip(weight.chunks_exact_mut(features * columns));
        for (gradient, weight) in each {
            product(x, Matrix::new(gradient, batch, columns), weight, Before::Forgotten);
        }
        Ok((None, tensor(weight, w.shape())?))
    }
}
