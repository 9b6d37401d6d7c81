//! Adam as in-place operations on a parameter of all runs: no tensor is made, nothing is kept of the graph.
//!
//! Two sweeps over memory, because an in-place operation changes one tensor: the moments from the gradient,
//! then the parameters from the moments.

#[cfg(feature = "cuda")]
use candle_core::backend::BackendStorage;
#[cfg(feature = "cuda")]
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, Error};

use super::adam::{BETA_1, BETA_2, Correction, EPSILON};
#[cfg(feature = "cuda")]
use crate::model::ops::gpu;
use crate::model::ops::{floats, floats_mut};
use crate::simd::{CpuFeatures, multiversion};

/// m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g²: moments `[2, runs, shape…]`, gradient `[runs, shape…]`.
pub struct UpdateMoments;

impl InplaceOp2 for UpdateMoments {
    fn name(&self) -> &'static str {
        "adam-moments"
    }

    fn cpu_fwd(
        &self,
        moments: &mut CpuStorage,
        ml: &Layout,
        gradient: &CpuStorage,
        gl: &Layout,
    ) -> Result<()> {
        let gradient = floats(gradient, gl)?;
        let (first, second) = floats_mut(moments, ml)?.split_at_mut(gradient.len());
        update_moments(CpuFeatures::best(), first, second, gradient);
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        moments: &mut CudaStorage,
        ml: &Layout,
        gradient: &CudaStorage,
        gl: &Layout,
    ) -> Result<()> {
        let device = moments.device().clone();
        let threads = gpu::number(gl.shape().elem_count())?;
        let betas = [BETA_1, BETA_2, 1.0 - BETA_1, 1.0 - BETA_2].map(|beta| beta as f32);
        let (stream, function) = gpu::load(&device, "adam_moments")?;
        let (mut moments, gradient) = (gpu::view_mut(moments, ml)?, gpu::view(gradient, gl)?);
        let mut arguments = stream.launch_builder(&function);
        arguments.arg(&threads).arg(&mut moments).arg(&gradient);
        betas.iter().for_each(|beta| _ = arguments.arg(beta));
        // SAFETY: the arguments are those of the kernel's declaration; moments are twice the gradient.
        unsafe { arguments.launch(gpu::config(threads)) }.map_err(Error::wrap)?;
        Ok(())
    }
}

multiversion! {
    /// m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g².
    pub(super) fn update_moments(first: &mut [f32], second: &mut [f32], gradient: &[f32]) = update_moments_body;
}

#[inline(always)]
fn update_moments_body(first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
    for ((m, v), g) in first.iter_mut().zip(second).zip(gradient) {
        *m = BETA_1 as f32 * *m + (1.0 - BETA_1) as f32 * g;
        *v = BETA_2 as f32 * *v + (1.0 - BETA_2) as f32 * (g * g);
    }
}

/// θ ← θ − step · m / (√v · root + ε), every run with its own correction: parameters `[runs, shape…]`, moments
/// `[2, runs, shape…]`.
pub struct UpdateParameters<'a> {
    /// One entry a run.
    pub corrections: &'a [Correction],
}

impl InplaceOp2 for UpdateParameters<'_> {
    fn name(&self) -> &'static str {
        "adam-parameters"
    }

    fn cpu_fwd(&self, theta: &mut CpuStorage, tl: &Layout, moments: &CpuStorage, ml: &Layout) -> Result<()> {
        let theta = floats_mut(theta, tl)?;
        let (first, second) = floats(moments, ml)?.split_at(theta.len());
        let each = theta.len() / self.corrections.len();
        let moments = first.chunks_exact(each).zip(second.chunks_exact(each));
        for ((theta, (first, second)), correction) in
            theta.chunks_exact_mut(each).zip(moments).zip(self.corrections)
        {
            update_parameters(CpuFeatures::best(), theta, first, second, *correction);
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        theta: &mut CudaStorage,
        tl: &Layout,
        moments: &CudaStorage,
        ml: &Layout,
    ) -> Result<()> {
        let device = theta.device().clone();
        let count = tl.shape().elem_count();
        let (threads, each) = (gpu::number(count)?, gpu::number(count / self.corrections.len())?);
        let steps: Vec<f32> = self.corrections.iter().map(|correction| correction.step as f32).collect();
        let steps = device.clone_htod(&steps)?;
        // All runs have done the same number of steps.
        let root = self.corrections.first().map_or(1.0, |correction| correction.root) as f32;
        let epsilon = EPSILON as f32;
        let (stream, function) = gpu::load(&device, "adam_parameters")?;
        let (mut theta, moments) = (gpu::view_mut(theta, tl)?, gpu::view(moments, ml)?);
        let mut arguments = stream.launch_builder(&function);
        arguments.arg(&threads).arg(&each).arg(&mut theta).arg(&moments).arg(&steps).arg(&root).arg(&epsilon);
        // SAFETY: the arguments are those of the kernel's declaration; moments are twice the parameters, and every
        // run has a step.
        unsafe { arguments.launch(gpu::config(threads)) }.map_err(Error::wrap)?;
        Ok(())
    }
}

multiversion! {
    /// θ ← θ − step · m / (√v · root + ε).
    pub(super) fn update_parameters(
        theta: &mut [f32],
        first: &[f32],
        second: &[f32],
        correction: Correction,
    ) = update_parameters_body;
}

#[inline(always)]
fn update_parameters_body(theta: &mut [f32], first: &[f32], second: &[f32], correction: Correction) {
    let (step, root) = (correction.step as f32, correction.root as f32);
    for ((theta, m), v) in theta.iter_mut().zip(first).zip(second) {
        *theta -= step * m / (v.sqrt() * root + EPSILON as f32);
    }
}
