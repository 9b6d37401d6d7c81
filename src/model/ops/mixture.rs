//! m_k = Σ_i g_k,i f_i for every row: g `[runs, batch, gates, experts]`, f `[runs, batch, experts · units]`
//! expert after expert, m `[runs, gates, batch, units]`.
//!
//! Backward: ∂f_i = Σ_k g_k,i ∂m_k and ∂g_k,i = ∂m_k · f_i.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::{floats, read, result, tensor};
use crate::data::simd::{Simd, multiversion};

/// Units that are summed side by side: the paper's experts have 16, one vector of AVX-512.
const LANES: usize = 16;

struct Mixture;

/// Mixtures of experts.
pub fn mixture(gates: &Tensor, experts: &Tensor) -> Result<Tensor> {
    gates.contiguous()?.apply_op2(&experts.contiguous()?, Mixture)
}

/// Sizes of one population's mixtures.
#[derive(Clone, Copy)]
struct Sizes {
    runs: usize,
    batch: usize,
    gates: usize,
    experts: usize,
    units: usize,
}

impl Sizes {
    fn of(gates: &Shape, experts: &Shape) -> Result<Self> {
        let (runs, batch, gates, number) = gates.dims4()?;
        let (_, _, columns) = experts.dims3()?;
        Ok(Self { runs, batch, gates, experts: number, units: columns / number })
    }
}

impl CustomOp2 for Mixture {
    fn name(&self) -> &'static str {
        "mixture"
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        gl: &Layout,
        f: &CpuStorage,
        fl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::of(gl.shape(), fl.shape())?;
        let mut m = vec![0.0; sizes.runs * sizes.gates * sizes.batch * sizes.units];
        forward(Simd::best(), floats(g, gl)?, floats(f, fl)?, &mut m, sizes);
        result(m, (sizes.runs, sizes.gates, sizes.batch, sizes.units))
    }

    fn bwd(
        &self,
        g: &Tensor,
        f: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::of(g.shape(), f.shape())?;
        let gradient = gradient.contiguous()?;
        let (mut to_g, mut to_f) = (vec![0.0; g.elem_count()], vec![0.0; f.elem_count()]);
        backward(Simd::best(), &read(g)?, &read(f)?, &read(&gradient)?, &mut to_g, &mut to_f, sizes);
        Ok((tensor(to_g, g.shape())?, tensor(to_f, f.shape())?))
    }
}

multiversion! {
    fn forward(g: &[f32], f: &[f32], m: &mut [f32], sizes: Sizes) = forward_body;
}

#[inline(always)]
fn forward_body(g: &[f32], f: &[f32], m: &mut [f32], sizes: Sizes) {
    let Sizes { batch, gates, experts, units, .. } = sizes;
    let rows = g.chunks_exact(gates * experts).zip(f.chunks_exact(experts * units));
    for (row, (g, f)) in rows.enumerate() {
        let (run, row) = (row / batch, row % batch);
        for (k, g) in g.chunks_exact(experts).enumerate() {
            let m = &mut m[((run * gates + k) * batch + row) * units..][..units];
            let (blocks, rest) = m.as_chunks_mut::<LANES>();
            for (block, m) in blocks.iter_mut().enumerate() {
                let mut sum = [0.0; LANES];
                for (&g, f) in g.iter().zip(f.chunks_exact(units)) {
                    let f: &[f32; LANES] = f[block * LANES..].first_chunk().expect("a whole block");
                    for (sum, f) in sum.iter_mut().zip(f) {
                        *sum += g * f;
                    }
                }
                *m = sum;
            }
            let start = units - rest.len();
            for (u, m) in rest.iter_mut().enumerate() {
                *m = g.iter().zip(f.chunks_exact(units)).map(|(g, f)| g * f[start + u]).sum();
            }
        }
    }
}

multiversion! {
    fn backward(
        g: &[f32],
        f: &[f32],
        gradient: &[f32],
        to_g: &mut [f32],
        to_f: &mut [f32],
        sizes: Sizes,
    ) = backward_body;
}

#[inline(always)]
fn backward_body(g: &[f32], f: &[f32], gradient: &[f32], to_g: &mut [f32], to_f: &mut [f32], sizes: Sizes) {
    let Sizes { batch, gates, experts, units, .. } = sizes;
    let given = g.chunks_exact(gates * experts).zip(f.chunks_exact(experts * units));
    let wanted = to_g.chunks_exact_mut(gates * experts).zip(to_f.chunks_exact_mut(experts * units));
    for (row, ((g, f), (to_g, to_f))) in given.zip(wanted).enumerate() {
        let (run, row) = (row / batch, row % batch);
        let of_gate = |k: usize| &gradient[((run * gates + k) * batch + row) * units..][..units];
        for (i, (f, to_f)) in f.chunks_exact(units).zip(to_f.chunks_exact_mut(units)).enumerate() {
            let (blocks, rest) = f.as_chunks::<LANES>();
            let (to_blocks, to_rest) = to_f.as_chunks_mut::<LANES>();
            for k in 0..gates {
                let (weight, from) = (g[k * experts + i], of_gate(k));
                let (from_blocks, from_rest) = from.as_chunks::<LANES>();
                let mut products = [0.0; LANES];
                for ((f, to_f), from) in blocks.iter().zip(&mut *to_blocks).zip(from_blocks) {
                    for lane in 0..LANES {
                        to_f[lane] += weight * from[lane];
                        products[lane] += f[lane] * from[lane];
                    }
                }
                let mut sum = sum(products);
                for ((f, to_f), from) in rest.iter().zip(&mut *to_rest).zip(from_rest) {
                    *to_f += weight * from;
                    sum += f * from;
                }
                to_g[k * experts + i] = sum;
            }
        }
    }
}

/// Sum of the lanes, halves onto halves: an order that vectors have and every width shares.
#[inline(always)]
fn sum(lanes: [f32; LANES]) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
    let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
