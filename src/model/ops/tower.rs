//! h_k = ReLU(m_k T_k + c_k), the hidden layer of tower k: m `[runs, tasks, batch, units]`, or
//! `[runs, 1, batch, units]` or `[runs, batch, units]` where all towers read the same; T
//! `[runs, tasks, units, hidden]`, c `[runs, tasks, hidden]`, h `[runs, tasks, batch, hidden]`.
//!
//! Backward, with ∂z = ∂h where h > 0 and 0 elsewhere: ∂m_k = ∂z_k T_kᵀ (summed over towers that share m),
//! ∂T_k = m_kᵀ ∂z_k, ∂c_k = Σ_batch ∂z_k.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::elementwise::{masked_with_sums, push_copies, relu};
use super::product::{Before, Matrix, product};
use super::{floats, read, result, tensor};
use crate::simd::CpuFeatures;

struct Tower;

/// The hidden layer of every tower: `input` is `[runs, tasks, batch, units]`, or `[runs, batch, units]` where all towers
/// read the same; `weight` is `[runs, tasks, units, hidden]`, `bias` `[runs, tasks, hidden]`; the result is
/// `[runs, tasks, batch, hidden]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn tower(input: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    input.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Tower)
}

/// Rows of a batch, and whether all towers read the same input.
fn batch_and_shared(input: &Shape, tasks: usize) -> Result<(usize, bool)> {
    match *input.dims() {
        [_, inputs, batch, _] => Ok((batch, inputs < tasks)),
        [_, batch, _] => Ok((batch, true)),
        _ => candle_core::bail!("towers do not read {input:?}"),
    }
}

impl CustomOp3 for Tower {
    fn name(&self) -> &'static str {
        "tower"
    }

    fn cpu_fwd(
        &self,
        m: &CpuStorage,
        ml: &Layout,
        t: &CpuStorage,
        tl: &Layout,
        c: &CpuStorage,
        cl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (runs, tasks, units, hidden) = tl.shape().dims4()?;
        let (batch, shared) = batch_and_shared(ml.shape(), tasks)?;
        let (m, t, c) = (floats(m, ml)?, floats(t, tl)?, floats(c, cl)?);
        let cpu = CpuFeatures::best();
        let mut h = Vec::with_capacity(runs * tasks * batch * hidden);
        let towers = t.chunks_exact(units * hidden).zip(c.chunks_exact(hidden));
        for (tower, (t, c)) in towers.enumerate() {
            let from = if shared { tower / tasks } else { tower };
            let m = Matrix::new(&m[from * batch * units..][..batch * units], batch, units);
            let start = h.len();
            push_copies(&mut h, c, batch);
            product(m, Matrix::new(t, units, hidden), &mut h[start..], Before::Added);
            relu(cpu, &mut h[start..]);
        }
        result(h, (runs, tasks, batch, hidden))
    }

    fn bwd(
        &self,
        m: &Tensor,
        t: &Tensor,
        c: &Tensor,
        h: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, tasks, units, hidden) = t.dims4()?;
        let (batch, shared) = batch_and_shared(m.shape(), tasks)?;
        let gradient = gradient.contiguous()?;
        let mut to_m = vec![0.0; m.elem_count()];
        let mut to_t = vec![0.0; t.elem_count()];
        let mut to_c = vec![0.0; c.elem_count()];
        let mut masked = vec![0.0; batch * hidden];
        let cpu = CpuFeatures::best();
        let (m_values, t_values, h, gradient) = (read(m)?, read(t)?, read(h)?, read(&gradient)?);
        let given = h.chunks_exact(batch * hidden).zip(gradient.chunks_exact(batch * hidden));
        let given = given.zip(t_values.chunks_exact(units * hidden));
        let wanted = to_t.chunks_exact_mut(units * hidden).zip(to_c.chunks_exact_mut(hidden));
        for (tower, (((h, gradient), t), (to_t, to_c))) in given.zip(wanted).enumerate() {
            let from = if shared { tower / tasks } else { tower };
            let place = from * batch * units..(from + 1) * batch * units;
            masked_with_sums(cpu, h, gradient, &mut masked, to_c);
            let masked = Matrix::new(&masked, batch, hidden);
            let m = Matrix::new(&m_values[place.clone()], batch, units);
            product(m.transposed(), masked, to_t, Before::Forgotten);
            // The first tower of several that share an input overwrites.
            let first = !shared || tower % tasks == 0;
            let before = if first { Before::Forgotten } else { Before::Added };
            product(masked, Matrix::new(t, units, hidden).transposed(), &mut to_m[place], before);
        }
        Ok((tensor(to_m, m.shape())?, tensor(to_t, t.shape())?, tensor(to_c, c.shape())?))
    }
}
