//! Custom operations behind the layers: what the graph engine runs on a CPU in f32.
//!
//! Candle's own operations are general; a training step of small networks pays for that. A product always
//! has both gradients, also that of plain data; ReLU's backward pass builds a mask; a sum over the batch
//! walks memory the long way; `exp` is a library call an element. Each operation here is one equation of the
//! networks with its backward pass, for every run of a population, and computes one run after the other:
//! a run's bits do not depend on the runs beside it.
//!
//! `layers` calls them where [`fit`] says so, and plain Candle operations in f64, where the gradient checks are.
//! `tests` compares both. `gpu`, with the feature `cuda`, has the same equations for a GPU.
//!
//! | operation | equation |
//! |---|---|
//! | [`embedding`] | rows of a table side by side |
//! | [`shared_input`] | x W, without a gradient of x |
//! | [`hidden`] | ReLU(x W + b), without a gradient of x |
//! | [`softmax`] | eᶻ / Σ eᶻ |
//! | [`largest`] | 1 for the k largest, else 0 |
//! | [`mixture`] | m_k = Σ_i g_k,i f_i |
//! | [`tower`] | ReLU(m_k T_k + c_k) |
//! | [`output`] | h_k · o_k + d_k |
//!
//! Arguments are contiguous: the functions that apply the operations see to it. Gradients that come in may
//! be strided, and are made contiguous.
//!
//! # Errors
//! Every operation fails where shapes do not fit each other, or where a tensor is not f32 on the CPU.

use std::ops::Deref;

use candle_core::{CpuStorage, DType, Layout, Result, Shape, Storage, Tensor, bail};

pub mod elementwise;
pub mod embedding;
#[cfg(feature = "cuda")]
pub mod gpu;
pub mod hidden;
pub mod largest;
pub mod mixture;
pub mod output;
pub mod product;
pub mod shared_input;
pub mod softmax;
pub mod tower;

#[cfg(test)]
mod tests;

/// Whether these operations compute with these tensors: f32 on the CPU.
pub fn fit(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| tensor.device().is_cpu() && tensor.dtype() == DType::F32)
}

/// Whether Adam's operations in place compute with these tensors: f32, on the CPU or a GPU.
pub fn in_place(tensors: &[&Tensor]) -> bool {
    #[cfg(feature = "cuda")]
    if gpu::fit(tensors) {
        return true;
    }
    fit(tensors)
}

/// The floats of a contiguous tensor, as an operation's forward pass gets it.
///
/// # Errors
/// If the tensor is not contiguous f32.
pub fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("custom operations take contiguous f32"),
    }
}

/// The floats of a contiguous tensor, to write to.
///
/// # Errors
/// If the tensor is not contiguous f32.
pub fn floats_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => bail!("custom operations take contiguous f32"),
    }
}

/// The floats of a contiguous tensor on the CPU, as backward passes read them. The tensor cannot be changed
/// while they are.
///
/// # Errors
/// If the tensor is not contiguous f32 on the CPU.
pub fn read(tensor: &Tensor) -> Result<impl Deref<Target = [f32]>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some(range) = layout.contiguous_offsets() else { bail!("custom operations take contiguous f32") };
    match &*storage {
        Storage::Cpu(CpuStorage::F32(_)) => Ok(Floats { storage, range }),
        _ => bail!("custom operations take f32 on the CPU"),
    }
}

/// The floats behind a guard of a tensor's storage.
struct Floats<Guard> {
    storage: Guard,
    range: (usize, usize),
}

impl<Guard: Deref<Target = Storage>> Deref for Floats<Guard> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.0..self.range.1],
            _ => unreachable!("`read` looked"),
        }
    }
}

/// The result of a forward pass.
fn result(values: Vec<f32>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(values), shape.into()))
}

/// A gradient.
fn tensor(values: Vec<f32>, shape: &Shape) -> Result<Option<Tensor>> {
    Tensor::from_vec(values, shape, &candle_core::Device::Cpu).map(Some)
}
