//! The mixture family's step as Candle sees it: in-place operations on one tensor of training state.
//!
//! State is `[runs, 3, padded]`: parameters, first and second moment of a run stand together, so that a run's
//! step, which is taken as a whole before the next run's, works on one contiguous piece of memory.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, bail};

use super::factors::Factors;
use super::geometry::Geometry;
use super::packed::Packed;
use super::pass::{Pass, Scratch, Wanted};
use super::simd::Instructions;
use crate::engine::adam::simd::Adam;
use crate::engine::{StartRun, clip};

/// Parameters and two moments.
pub const PARTS: usize = 3;

/// One optimiser step of every run: loss and gradient in one pass, then Adam while the gradient is in cache.
pub struct TrainStep<'a> {
    /// Sizes and offsets.
    pub geometry: &'a Geometry,
    /// Instruction set.
    pub instructions: Instructions,
    /// The batch.
    pub packed: &'a Packed,
    /// One entry a run.
    pub runs: &'a [StartRun],
    /// Number of this step, from 1.
    pub step: u64,
    /// Buffers that it writes.
    pub work: RefCell<Work<'a>>,
}

/// Buffers that a step writes beside the state.
pub struct Work<'a> {
    /// Working memory of a pass.
    pub scratch: &'a mut Scratch,
    /// One run's gradient, `[padded]`.
    pub gradient: &'a mut [f32],
    /// Factors of dropout.
    pub factors: &'a mut Factors,
    /// `[runs, tasks]`.
    pub losses: &'a mut [f32],
}

impl InplaceOp1 for TrainStep<'_> {
    fn name(&self) -> &'static str {
        "mixture-train-step"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Work { scratch, gradient, factors, losses } = &mut *self.work.borrow_mut();
        let padded = self.geometry.padded;
        let state = state_mut(storage, layout, self.runs.len() * PARTS * padded)?;
        let losses = losses.chunks_exact_mut(self.geometry.shape.tasks);
        for ((state, run), losses) in state.chunks_exact_mut(PARTS * padded).zip(self.runs).zip(losses) {
            let (theta, moments) = state.split_at_mut(padded);
            let (first, second) = moments.split_at_mut(padded);
            self.instructions.run(Pass {
                geometry: self.geometry,
                theta,
                packed: self.packed,
                label_set: run.label_set,
                scratch,
                losses,
                kept: factors.kept(self.geometry, run, (self.step - 1, self.packed.rows)),
                wanted: Wanted::Gradient(gradient),
            });
            let scale = run.recipe.clip_norm.map_or(1.0, |limit| clip::factor(gradient, limit));
            let correction = run.correction_at(self.step);
            self.instructions.run(Adam { theta, first, second, gradient, scale, correction });
        }
        Ok(())
    }
}

/// The floats of a contiguous tensor of `count` elements.
fn state_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout, count: usize) -> Result<&'a mut [f32]> {
    let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
        bail!("the fused engine's state is contiguous f32");
    };
    if end - start != count {
        bail!("the fused engine's state has {} elements instead of {count}", end - start);
    }
    Ok(&mut values[start..end])
}
