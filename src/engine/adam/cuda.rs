//! Adam on a GPU: two kernels of `kernels.cu`, one for the moments, one for the parameters.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::{CudaStorage, Error, Layout, Result};

use super::{BETA_1, BETA_2, Correction, EPSILON};
use crate::model::ops::gpu;

/// m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g²: moments `[2, runs, shape…]`, gradient `[runs, shape…]`.
pub(super) fn update_moments(
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

/// θ ← θ − decay · θ − step · m / (√v · root + ε), every run with its own correction: parameters `[runs, shape…]`, moments
/// `[2, runs, shape…]`.
pub(super) fn update_parameters(
    theta: &mut CudaStorage,
    tl: &Layout,
    moments: &CudaStorage,
    ml: &Layout,
    corrections: &[Correction],
) -> Result<()> {
    let device = theta.device().clone();
    let count = tl.shape().elem_count();
    let (threads, each) = (gpu::number(count)?, gpu::number(count / corrections.len())?);
    let by_run = |number: fn(&Correction) -> f64| -> Vec<f32> {
        corrections.iter().map(|correction| number(correction) as f32).collect()
    };
    let steps = device.clone_htod(&by_run(|correction| correction.step))?;
    let decays = device.clone_htod(&by_run(|correction| correction.decay))?;
    // All runs have done the same number of steps.
    let root = corrections.first().map_or(1.0, |correction| correction.root) as f32;
    let epsilon = EPSILON as f32;
    let (stream, function) = gpu::load(&device, "adam_parameters")?;
    let (mut theta, moments) = (gpu::view_mut(theta, tl)?, gpu::view(moments, ml)?);
    let mut arguments = stream.launch_builder(&function);
    arguments.arg(&threads).arg(&each).arg(&mut theta).arg(&moments).arg(&steps).arg(&decays);
    arguments.arg(&root).arg(&epsilon);
    // SAFETY: the arguments are those of the kernel's declaration; moments are twice the parameters, and every
    // run has a step and a decay.
    unsafe { arguments.launch(gpu::config(threads)) }.map_err(Error::wrap)?;
    Ok(())
}
