//! 1 for the k largest entries of the last axis, 0 for the others: a choice, which has no gradient.

use candle_core::{D, Device, Result, Tensor};

use super::read;

/// 1 where an entry of `logits`, `[…, choices]`, is among the `count` largest of its row, else 0, in the same shape. Of
/// equal ones the first are taken. NaN is always kept, so that a diverged run shows in its loss.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn largest(logits: &Tensor, count: usize) -> Result<Tensor> {
    let choices = logits.dim(D::Minus1)?;
    let logits = logits.contiguous()?;
    let mut keep = Vec::with_capacity(logits.elem_count());
    for row in read(&logits)?.chunks_exact(choices) {
        keep.extend(row.iter().enumerate().map(|(i, own)| {
            let before = row[..i].iter().filter(|other| *other >= own).count();
            let after = row[i + 1..].iter().filter(|other| *other > own).count();
            f32::from(u8::from(before + after < count))
        }));
    }
    Tensor::from_vec(keep, logits.shape(), &Device::Cpu)
}
