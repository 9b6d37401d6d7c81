//! Adam on Candle's tensors, on a parameter of all runs at once.
//!
//! In f32, on the CPU and on a GPU, operations in place: nothing is allocated and nothing of the graph is kept. Any other
//! tensor takes plain operations, which the gradient tests in f64 need.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var};

use super::cpu::{update_moments, update_parameters};
use super::{BETA_1, BETA_2, Correction, EPSILON};
use crate::model::ops::{self, floats, floats_mut};
use crate::simd::CpuFeatures;

/// One step of every run, each with its own correction: parameter and gradient `[runs, shape…]`, moments
/// `[2, runs, shape…]`.
///
/// # Errors
/// If the tensors have other shapes, or Candle fails on their device.
pub fn step(
    parameter: &Var,
    moments: &mut Tensor,
    gradient: &Tensor,
    corrections: &[Correction],
) -> Result<()> {
    if ops::in_place(&[parameter.as_tensor(), gradient]) {
        moments.inplace_op2(&gradient.contiguous()?, &UpdateMoments)?;
        parameter.inplace_op2(moments, &UpdateParameters { corrections })
    } else {
        *moments = step_in_plain_operations(parameter, moments, gradient, corrections)?;
        Ok(())
    }
}

/// m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g²: moments `[2, runs, shape…]`, gradient `[runs, shape…]`.
struct UpdateMoments;

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
        super::cuda::update_moments(moments, ml, gradient, gl)
    }
}

/// θ ← θ − decay · θ − step · m / (√v · root + ε), every run with its own correction: parameters `[runs, shape…]`, moments
/// `[2, runs, shape…]`.
struct UpdateParameters<'a> {
    /// One entry a run.
    corrections: &'a [Correction],
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
        super::cuda::update_parameters(theta, tl, moments, ml, self.corrections)
    }
}

/// The same in plain operations. Returns the new moments, `[2, runs, shape…]`.
pub(super) fn step_in_plain_operations(
    parameter: &Var,
    moments: &Tensor,
    gradient: &Tensor,
    corrections: &[Correction],
) -> Result<Tensor> {
    let root = corrections.first().map_or(1.0, |correction| correction.root);
    let steps: Vec<f64> = corrections.iter().map(|correction| correction.step).collect();
    let mut per_run = vec![1; parameter.rank()];
    per_run[0] = corrections.len();
    let for_runs = |values: Vec<f64>| {
        Tensor::from_vec(values, per_run.clone(), parameter.device())?.to_dtype(parameter.dtype())
    };
    let scale = for_runs(steps)?;
    let decay = for_runs(corrections.iter().map(|correction| correction.decay).collect())?;
    // Detached: moments that kept their graph would keep every step's tensors alive.
    let gradient = gradient.detach();
    let first = ((moments.get(0)? * BETA_1)? + (&gradient * (1.0 - BETA_1))?)?;
    let second = ((moments.get(1)? * BETA_2)? + (gradient.sqr()? * (1.0 - BETA_2))?)?;
    let change = (&first / ((second.sqrt()? * root)? + EPSILON)?)?.broadcast_mul(&scale)?;
    let theta = parameter.as_tensor();
    let kept = (theta - theta.broadcast_mul(&decay)?)?;
    parameter.set(&(kept - change)?.detach())?;
    Ok(Tensor::stack(&[first, second], 0)?.detach())
}
