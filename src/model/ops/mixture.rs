//! m_k = Σ_i g_k,i f_i for every row: g `[runs, batch, gates, experts]`, f `[runs, batch, experts · units]`
//! expert after expert, m `[runs, gates, batch, units]`.
//!
//! Backward: ∂f_i = Σ_k g_k,i ∂m_k and ∂g_k,i = ∂m_k · f_i.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::{floats, read, result, tensor};
use crate::simd::{CpuFeatures, multiversion};

/// The paper's expert units: loops whose length the compiler knows are several times as fast.
const PAPER_UNITS: usize = 16;

/// Lanes of a sum of products: a vector of AVX2.
const LANES: usize = 8;

struct Mixture;

/// Mixtures of `experts`, `[runs, batch, experts · units]`, by `gates`, `[runs, batch, gates, experts]`; the result is
/// `[runs, gates, batch, units]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
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
    fn new(gates: &Shape, experts: &Shape) -> Result<Self> {
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
        let sizes = Sizes::new(gl.shape(), fl.shape())?;
        let mut m = vec![0.0; sizes.runs * sizes.gates * sizes.batch * sizes.units];
        forward(CpuFeatures::best(), floats(g, gl)?, floats(f, fl)?, &mut m, sizes);
        result(m, (sizes.runs, sizes.gates, sizes.batch, sizes.units))
    }

    fn bwd(
        &self,
        g: &Tensor,
        f: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::new(g.shape(), f.shape())?;
        let gradient = gradient.contiguous()?;
        let (mut to_g, mut to_f) = (vec![0.0; g.elem_count()], vec![0.0; f.elem_count()]);
        let cpu = CpuFeatures::best().without_avx512();
        backward(cpu, &read(g)?, &read(f)?, &read(&gradient)?, &mut to_g, &mut to_f, sizes);
        Ok((tensor(to_g, g.shape())?, tensor(to_f, f.shape())?))
    }
}

multiversion! {
    fn forward(g: &[f32], f: &[f32], m: &mut [f32], sizes: Sizes) = forward_body;
}

#[inline(always)]
fn forward_body(g: &[f32], f: &[f32], m: &mut [f32], sizes: Sizes) {
    match sizes.units {
        PAPER_UNITS => forward_rows(g, f, m, sizes, PAPER_UNITS),
        units => forward_rows(g, f, m, sizes, units),
    }
}

#[inline(always)]
fn forward_rows(g: &[f32], f: &[f32], m: &mut [f32], sizes: Sizes, units: usize) {
    let Sizes { batch, gates, experts, .. } = sizes;
    let rows = g.chunks_exact(gates * experts).zip(f.chunks_exact(experts * units));
    for (row, (g, f)) in rows.enumerate() {
        let (run, row) = (row / batch, row % batch);
        for (k, g) in g.chunks_exact(experts).enumerate() {
            let m = &mut m[((run * gates + k) * batch + row) * units..][..units];
            m.fill(0.0);
            for (&g, f) in g.iter().zip(f.chunks_exact(units)) {
                for (m, f) in m.iter_mut().zip(f) {
                    *m += g * f;
                }
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
    match sizes.units {
        PAPER_UNITS => backward_rows(g, f, gradient, to_g, to_f, sizes, PAPER_UNITS),
        units => backward_rows(g, f, gradient, to_g, to_f, sizes, units),
    }
}

#[inline(always)]
fn backward_rows(
    g: &[f32],
    f: &[f32],
    gradient: &[f32],
    to_g: &mut [f32],
    to_f: &mut [f32],
    sizes: Sizes,
    units: usize,
) {
    let Sizes { batch, gates, experts, .. } = sizes;
    let given = g.chunks_exact(gates * experts).zip(f.chunks_exact(experts * units));
    let wanted = to_g.chunks_exact_mut(gates * experts).zip(to_f.chunks_exact_mut(experts * units));
    for (row, ((g, f), (to_g, to_f))) in given.zip(wanted).enumerate() {
        let (run, row) = (row / batch, row % batch);
        for k in 0..gates {
            let gradient = &gradient[((run * gates + k) * batch + row) * units..][..units];
            let of_gate = k * experts..(k + 1) * experts;
            for (to_f, &g) in to_f.chunks_exact_mut(units).zip(&g[of_gate.clone()]) {
                for (to_f, gradient) in to_f.iter_mut().zip(gradient) {
                    *to_f += g * gradient;
                }
            }
            for (f, to_g) in f.chunks_exact(units).zip(&mut to_g[of_gate]) {
                *to_g = dot(f, gradient);
            }
        }
    }
}

/// Σ a b in lanes, then halves onto halves: one order for every width of vectors.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] += a * b;
    }
    let four: [f32; 4] = std::array::from_fn(|lane| lanes[lane] + lanes[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
