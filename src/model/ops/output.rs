//! y_k = h_k · o_k + d_k, the scalar that tower k ends in: h `[runs, tasks, batch, hidden]`, o
//! `[runs, tasks, hidden]`, d `[runs, tasks]`, y `[runs, tasks, batch]`.
//!
//! Backward: ∂h_k = ∂y_k o_k, ∂o_k = Σ_batch ∂y_k h_k, ∂d_k = Σ_batch ∂y_k.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::{floats, read, result, tensor};

struct Output;

/// The prediction of every tower: `hidden` is `[runs, tasks, batch, units]`, `weight` `[runs, tasks, units]`, `bias`
/// `[runs, tasks]`; the result is `[runs, tasks, batch]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn output(hidden: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    hidden.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Output)
}

impl CustomOp3 for Output {
    fn name(&self) -> &'static str {
        "output"
    }

    fn cpu_fwd(
        &self,
        h: &CpuStorage,
        hl: &Layout,
        o: &CpuStorage,
        ol: &Layout,
        d: &CpuStorage,
        dl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (runs, tasks, batch, hidden) = hl.shape().dims4()?;
        let (h, o, d) = (floats(h, hl)?, floats(o, ol)?, floats(d, dl)?);
        let mut y = Vec::with_capacity(runs * tasks * batch);
        for ((h, o), d) in h.chunks_exact(batch * hidden).zip(o.chunks_exact(hidden)).zip(d) {
            y.extend(h.chunks_exact(hidden).map(|h| d + h.iter().zip(o).map(|(h, o)| h * o).sum::<f32>()));
        }
        result(y, (runs, tasks, batch))
    }

    fn bwd(
        &self,
        h: &Tensor,
        o: &Tensor,
        d: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, _, batch, hidden) = h.dims4()?;
        let gradient = gradient.contiguous()?;
        let mut to_h = Vec::with_capacity(h.elem_count());
        let mut to_o = vec![0.0; o.elem_count()];
        let (h_values, o_values, gradient) = (read(h)?, read(o)?, read(&gradient)?);
        let each = h_values.chunks_exact(batch * hidden).zip(o_values.chunks_exact(hidden));
        let each = each.zip(gradient.chunks_exact(batch)).zip(to_o.chunks_exact_mut(hidden));
        let mut to_d = Vec::with_capacity(d.elem_count());
        for (((h, o), gradient), to_o) in each {
            for (h, &gradient) in h.chunks_exact(hidden).zip(gradient) {
                to_h.extend(o.iter().map(|o| gradient * o));
                for (to_o, h) in to_o.iter_mut().zip(h) {
                    *to_o += gradient * h;
                }
            }
            to_d.push(gradient.iter().sum());
        }
        Ok((tensor(to_h, h.shape())?, tensor(to_o, o.shape())?, tensor(to_d, d.shape())?))
    }
}
