//! Loops over whole rows that several operations share.

use crate::simd::multiversion;

multiversion! {
    /// ReLU in place; NaN stays, so that a diverged run shows in its loss.
    pub fn relu(values: &mut [f32]) = relu_body;
}

#[inline(always)]
fn relu_body(values: &mut [f32]) {
    for value in values {
        *value = if *value < 0.0 { 0.0 } else { *value };
    }
}

multiversion! {
    /// ReLU's backward pass with its sum over the batch: `masked` = `gradient` where `active` > 0, else 0,
    /// all `[batch, columns]`; `sums`, `[columns]`, takes the sums of `masked` over the batch.
    pub fn masked_with_sums(
        active: &[f32],
        gradient: &[f32],
        masked: &mut [f32],
        sums: &mut [f32],
    ) = masked_with_sums_body;
}

#[inline(always)]
fn masked_with_sums_body(active: &[f32], gradient: &[f32], masked: &mut [f32], sums: &mut [f32]) {
    let columns = sums.len();
    sums.fill(0.0);
    let rows = active.chunks_exact(columns).zip(gradient.chunks_exact(columns));
    for ((active, gradient), masked) in rows.zip(masked.chunks_exact_mut(columns)) {
        for (((&active, &gradient), masked), sum) in
            active.iter().zip(gradient).zip(masked).zip(sums.iter_mut())
        {
            let value = if active > 0.0 { gradient } else { 0.0 };
            *masked = value;
            *sum += value;
        }
    }
}

/// Appends `rows` copies of `row`, such as a bias to which a product is added.
pub fn push_copies(out: &mut Vec<f32>, row: &[f32], rows: usize) {
    for _ in 0..rows {
        out.extend_from_slice(row);
    }
}
