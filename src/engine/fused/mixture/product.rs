//! The matrix products: one register tile, C (+)= A · B, that all kernels of the mixture family are built on.
//!
//! ```text
//!                 k ─►                    j ─► (contiguous, vectors)
//!        A  i │ scalars, broadcast    B  k │ vectors
//! ```
//!
//! A tile of [`Simd::TILE`] rows i by two vectors j stays in registers over the whole depth k: each step
//! loads two vectors, broadcasts one scalar a row, and does two fused multiply-adds with each. On AVX-512
//! that is 24 multiply-adds for 14 loads, so the multipliers and not the load ports set the pace.
//!
//! | product | i | j | k |
//! |---|---|---|---|
//! | first layer | units and logits | rows of a panel | features |
//! | tower, and back | tower units / units | rows of a panel | units / tower units |
//! | weight gradients | units and logits / units | features / tower units | rows |
//!
//! Rows i are cut into equal blocks rather than into full ones and a small rest (113 = 7 · 11 + 3 · 12), since
//! a thin tile starves the multipliers.

use super::simd::{Column, PANEL, Simd, flat};

/// The left operand: element (i, k) is `data[at + i · row + k · step]`.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    /// Holds the elements.
    pub data: &'a [f32],
    /// Element (0, 0).
    pub at: usize,
    /// From row to row.
    pub row: usize,
    /// From k to k + 1.
    pub step: usize,
}

/// Adds A · B to a register tile.
///
/// # Safety
/// For i < ROWS, k < depth: element (i, k) of `a` is inside `a.data`, and
/// `at + k · stride + VECTORS · LANES <= b.len()`.
#[inline(always)]
unsafe fn multiply<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    tile: &mut [[S::V; VECTORS]; ROWS],
    depth: usize,
    a: Left,
    b: &[f32],
    at: usize,
    stride: usize,
) {
    for k in 0..depth {
        let mut right = [simd.zero(); VECTORS];
        for (j, right) in right.iter_mut().enumerate() {
            // SAFETY: promised by the caller.
            *right = unsafe { simd.load(b, at + k * stride + j * S::LANES) };
        }
        for (i, row) in tile.iter_mut().enumerate() {
            // SAFETY: promised by the caller.
            let left = unsafe { simd.broadcast(a.data, a.at + i * a.row + k * a.step) };
            for (sum, &right) in row.iter_mut().zip(&right) {
                *sum = simd.mul_add(left, right, *sum);
            }
        }
    }
}

/// Calls `$body` with a const `ROWS` equal to `$rows`, for 1 to 12 rows as far as the instruction set's tile
/// goes.
macro_rules! with_rows {
    ($rows:expr, $limit:expr, $rows_const:ident => $body:expr) => {
        with_rows!(@ $rows, $limit, $rows_const => $body, 1 2 3 4 5 6 7 8 9 10 11 12)
    };
    (@ $rows:expr, $limit:expr, $rows_const:ident => $body:expr, $($n:literal)*) => {
        match $rows {
            $($n if $n <= $limit => { const $rows_const: usize = $n; $body })*
            _ => unreachable!("a block of rows is 1 to {} rows", $limit),
        }
    };
}

/// Cuts `rows` into equal blocks of at most `limit`: (first row, rows) of each.
#[inline(always)]
fn blocks(rows: usize, limit: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(limit);
    (0..count).map(move |block| {
        let first = block * rows / count;
        (first, (block + 1) * rows / count - first)
    })
}

/// Last operation on a panel product before it is written.
pub trait Finish {
    /// Vector `v` of row `i` finished.
    fn finish<S: Simd>(&self, simd: S, i: usize, v: usize, sum: S::V) -> S::V;
}

/// The product itself.
#[derive(Clone, Copy)]
pub struct Plain;

impl Finish for Plain {
    #[inline(always)]
    fn finish<S: Simd>(&self, _: S, _: usize, _: usize, sum: S::V) -> S::V {
        sum
    }
}

/// ReLU.
pub struct Relu;

impl Finish for Relu {
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, _: usize, _: usize, sum: S::V) -> S::V {
        simd.relu(sum)
    }
}

/// ReLU, and dropout of it: a unit's rows that are kept, times the factor of those.
#[derive(Clone, Copy)]
pub struct Dropped<'a> {
    /// For every row of the product, the bits of the columns' rows that are kept.
    pub kept: &'a [u32],
    /// The factor of what is kept.
    pub scale: f32,
}

impl Finish for Dropped<'_> {
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, i: usize, v: usize, sum: S::V) -> S::V {
        let scaled = simd.mul(simd.relu(sum), simd.splat(self.scale));
        simd.where_bits(self.kept[i] >> (v * S::LANES), scaled)
    }
}

/// The product times a factor.
#[derive(Clone, Copy)]
pub struct Scaled(pub f32);

impl Finish for Scaled {
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, _: usize, _: usize, sum: S::V) -> S::V {
        simd.mul(sum, simd.splat(self.0))
    }
}

/// ReLU's derivative: the product where the activation is positive, else 0 (relu'(0) = 0); then another operation.
pub struct Masked<'a, F>(pub &'a [Column], pub F);

impl<F: Finish> Finish for Masked<'_, F> {
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, i: usize, v: usize, sum: S::V) -> S::V {
        self.1.finish(simd, i, v, simd.where_positive(simd.get(&self.0[i], v), sum))
    }
}

/// Product with the columns of a panel: `out[i] = finish(bias(i) + Σ_k a(i, k) · b[k])`; `bias`, where there
/// is one, has its value i at `bias + i · a.row` in `a.data`.
#[inline(always)]
pub fn panel<S: Simd, F: Finish>(
    simd: S,
    a: Left,
    bias: Option<usize>,
    b: &[Column],
    out: &mut [Column],
    finish: F,
) {
    let (rows, depth) = (out.len(), b.len());
    assert!(rows > 0 && depth > 0);
    let last = (rows - 1) * a.row;
    assert!(a.at + last + (depth - 1) * a.step < a.data.len());
    assert!(bias.is_none_or(|bias| bias + last < a.data.len()));
    let wide = 2 * S::LANES;
    for (first, rows) in blocks(rows, S::TILE) {
        let a = Left { at: a.at + first * a.row, ..a };
        let bias = bias.map(|bias| bias + first * a.row);
        with_rows!(rows, S::TILE, ROWS => {
            for half in 0..PANEL / wide {
                let mut tile = [[simd.zero(); 2]; ROWS];
                if let Some(bias) = bias {
                    for (i, row) in tile.iter_mut().enumerate() {
                        // SAFETY: the last row's bias was checked above.
                        *row = [unsafe { simd.broadcast(a.data, bias + i * a.row) }; 2];
                    }
                }
                // SAFETY: the last row's last element of `a` was checked above; `b` holds `depth` columns.
                unsafe { multiply::<S, ROWS, 2>(simd, &mut tile, depth, a, flat(b), half * wide, PANEL) };
                for (i, row) in tile.iter().enumerate() {
                    for (j, &sum) in row.iter().enumerate() {
                        let v = half * 2 + j;
                        simd.put(&mut out[first + i], v, finish.finish(simd, first + i, v, sum));
                    }
                }
            }
        });
    }
}

/// The left operand of a gradient: `rows` columns from `first` on in each panel of `columns` columns.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    /// `[panels, columns]`.
    pub data: &'a [Column],
    /// Columns of a panel.
    pub columns: usize,
    /// First column used.
    pub first: usize,
    /// Columns used: rows of the gradient.
    pub rows: usize,
}

/// Destination of a gradient: element (i, j) is `data[at + i · stride + j]`.
pub struct Gradient<'a> {
    /// Holds the elements.
    pub data: &'a mut [f32],
    /// Element (0, 0).
    pub at: usize,
    /// From row to row.
    pub stride: usize,
}

/// Gradient of a weight: `c(i, j) = Σ_r a(i, r) · b[r, j]` over `depth` rows of the batch, j < `width` (a
/// multiple of 8), where `b` has `width_b` floats a row and j starts at `b_at`; added to what is there unless
/// `fresh`.
#[inline(always)]
pub fn gradient<S: Simd>(
    simd: S,
    a: Columns,
    depth: usize,
    (b, stride): (&[f32], usize),
    width: usize,
    c: &mut Gradient,
    fresh: bool,
) {
    let mut j = 0;
    while width - j >= 2 * S::LANES {
        strip::<S, 2>(simd, a, depth, (b, j, stride), c, fresh);
        j += 2 * S::LANES;
    }
    while width - j >= S::LANES {
        strip::<S, 1>(simd, a, depth, (b, j, stride), c, fresh);
        j += S::LANES;
    }
    if j < width {
        strip::<S::Half, 1>(simd.half(), a, depth, (b, j, stride), c, fresh);
        j += 8;
    }
    assert_eq!(j, width, "padded to whole vectors of 8");
}

/// `VECTORS` vectors of [`gradient`], from feature `j` on.
#[inline(always)]
fn strip<S: Simd, const VECTORS: usize>(
    simd: S,
    a: Columns,
    depth: usize,
    (b, j, stride): (&[f32], usize, usize),
    c: &mut Gradient,
    fresh: bool,
) {
    let width = VECTORS * S::LANES;
    assert!(depth > 0 && a.rows > 0 && a.first + a.rows <= a.columns);
    assert!(depth.div_ceil(PANEL) * a.columns <= a.data.len());
    assert!((depth - 1) * stride + j + width <= b.len());
    assert!(c.at + (a.rows - 1) * c.stride + j + width <= c.data.len());
    let data = flat(a.data);
    for (first, rows) in blocks(a.rows, S::TILE) {
        let to = c.at + first * c.stride + j;
        with_rows!(rows, S::TILE, ROWS => {
            let mut tile = [[simd.zero(); VECTORS]; ROWS];
            if !fresh {
                for (i, row) in tile.iter_mut().enumerate() {
                    for (v, sum) in row.iter_mut().enumerate() {
                        // SAFETY: the last row's last vector was checked above.
                        *sum = unsafe { simd.load(c.data, to + i * c.stride + v * S::LANES) };
                    }
                }
            }
            let mut row = 0;
            while row < depth {
                let left = Left {
                    data,
                    at: (row / PANEL * a.columns + a.first + first) * PANEL,
                    row: PANEL,
                    step: 1,
                };
                let count = (depth - row).min(PANEL);
                // SAFETY: `a.data` holds every panel up to the last row, `b` every row: checked above.
                unsafe { multiply::<S, ROWS, VECTORS>(simd, &mut tile, count, left, b, row * stride + j, stride) };
                row += count;
            }
            for (i, row) in tile.iter().enumerate() {
                for (v, &sum) in row.iter().enumerate() {
                    // SAFETY: as for the loads above.
                    unsafe { simd.store(c.data, to + i * c.stride + v * S::LANES, sum) };
                }
            }
        });
    }
}
