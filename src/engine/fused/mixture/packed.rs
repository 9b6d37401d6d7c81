//! A batch as the kernels read it: packed once a step, shared by all runs of the population.
//!
//! The forward pass multiplies with columns over rows, x transposed in panels of [`PANEL`] rows; the weight
//! gradient sums over rows and wants features side by side, in strips of [`PANEL`] features so that a strip
//! of a block of rows stays in the first-level cache. Both are copies: 2 × 4 bytes an input, written once
//! and read by every run.

use crate::data::Batch;

use super::geometry::Geometry;
use super::simd::{Column, Job, Octet, PANEL, Simd, flat, flat_mut};

/// Packed inputs and labels.
#[derive(Debug, Default)]
pub struct Packed {
    /// Rows of the batch.
    pub rows: usize,
    /// Panels of rows, the last one padded with rows of zeros.
    pub panels: usize,
    features: usize,
    tasks: usize,
    /// `[panels, features]` columns.
    panel: Vec<Column>,
    /// Whole strips: `[strips, rows]`, a column's 32 floats being features of one row.
    strip: Vec<Column>,
    /// The last strip, `[rows, rest]` floats.
    rest: Vec<Column>,
    /// `[label_sets, tasks, panels]`.
    labels: Vec<Column>,
    /// 1 / rows for the rows of the last panel that exist, 0 for the others.
    last_weight: Option<Column>,
}

/// Features side by side for a range of rows: `width` floats a row.
#[derive(Clone, Copy)]
pub struct Strip<'a> {
    /// `[rows, width]`.
    pub data: &'a [f32],
    /// Floats a row: a multiple of 8.
    pub width: usize,
    /// First feature.
    pub first: usize,
}

impl Packed {
    /// Packs a batch; buffers grow to the largest batch seen and are kept.
    pub fn fill(&mut self, geometry: &Geometry, batch: &Batch) {
        let Batch { rows, features, tasks, label_sets, .. } = *batch;
        assert!(rows > 0 && batch.x.len() == rows * features, "x is [rows, features]");
        assert_eq!(batch.y.len(), label_sets * tasks * rows, "y is [label_sets, tasks, rows]");
        assert_eq!((features, tasks), (geometry.shape.features, geometry.shape.tasks));
        let panels = rows.div_ceil(PANEL);
        let whole = geometry.stride / PANEL;
        let rest = geometry.stride % PANEL;
        (self.rows, self.panels, self.features, self.tasks) = (rows, panels, features, tasks);
        self.panel.resize(panels * features, Column::ZERO);
        self.strip.resize(whole * rows, Column::ZERO);
        self.rest.resize((rows * rest).div_ceil(PANEL), Column::ZERO);
        self.labels.resize(label_sets * tasks * panels, Column::ZERO);

        let strips = flat_mut(&mut self.strip);
        let last = flat_mut(&mut self.rest);
        for (row, x) in batch.x.chunks_exact(features).enumerate() {
            // The features, then 1 for the bias, then padding: the last strip holds the end of all that.
            let mut first = 0;
            for strip in 0..whole {
                let to = &mut strips[(strip * rows + row) * PANEL..][..PANEL];
                copy_with_one(x, first, to);
                first += PANEL;
            }
            copy_with_one(x, first, &mut last[row * rest..][..rest]);
        }
        for (labels, y) in self.labels.chunks_exact_mut(panels).zip(batch.y.chunks_exact(rows)) {
            labels[panels - 1] = Column::ZERO;
            flat_mut(labels)[..rows].copy_from_slice(y);
        }
        self.last_weight = Some(Column(std::array::from_fn(|row| {
            if (panels - 1) * PANEL + row < rows { 1.0 / rows as f32 } else { 0.0 }
        })));
    }

    /// Rows of a panel that exist.
    pub fn rows_of(&self, panel: usize) -> usize {
        (self.rows - panel * PANEL).min(PANEL)
    }

    /// x of a panel, one column a feature.
    pub fn panel(&self, panel: usize) -> &[Column] {
        &self.panel[panel * self.features..][..self.features]
    }

    /// Labels of a task in a panel.
    pub fn label(&self, label_set: usize, task: usize, panel: usize) -> &Column {
        &self.labels[(label_set * self.tasks + task) * self.panels + panel]
    }

    /// Weight of each row of the panel in a mean over the batch.
    pub fn weight(&self, panel: usize) -> Column {
        match self.last_weight {
            Some(last) if panel + 1 == self.panels => last,
            _ => Column([1.0 / self.rows as f32; PANEL]),
        }
    }

    /// The strips of `stride` features, for rows from `from` on.
    pub fn strips(&self, stride: usize, from: usize) -> impl Iterator<Item = Strip<'_>> {
        let (whole, rest, rows) = (stride / PANEL, stride % PANEL, self.rows);
        (0..whole + usize::from(rest > 0)).map(move |strip| {
            if strip < whole {
                let data = &flat(&self.strip)[(strip * rows + from) * PANEL..(strip + 1) * rows * PANEL];
                Strip { data, width: PANEL, first: strip * PANEL }
            } else {
                let data = &flat(&self.rest)[from * rest..rows * rest];
                Strip { data, width: rest, first: whole * PANEL }
            }
        })
    }
}

/// `x[first..]`, then a 1, then zeros, as many as `to` takes.
#[inline(always)]
fn copy_with_one(x: &[f32], first: usize, to: &mut [f32]) {
    if first + to.len() <= x.len() {
        to.copy_from_slice(&x[first..first + to.len()]);
    } else {
        let count = x.len().saturating_sub(first);
        to[..count].copy_from_slice(&x[x.len() - count..]);
        to[count..].fill(0.0);
        if first <= x.len() {
            to[count] = 1.0;
        }
    }
}

/// Transposes x into the panels of `packed`, after [`Packed::fill`].
pub struct Transpose<'a> {
    /// The batch to fill.
    pub packed: &'a mut Packed,
    /// The batch to read.
    pub batch: &'a Batch,
}

impl Job for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Transpose { packed, batch } = self;
        let features = batch.features;
        for (p, panel) in packed.panel.chunks_exact_mut(features).enumerate() {
            let rows = (batch.rows - p * PANEL).min(PANEL);
            let x = &batch.x[p * PANEL * features..][..rows * features];
            transpose(simd, x, rows, features, panel);
        }
    }
}

/// `from`, `[rows, width]`, as columns of its rows; rows that are not there are 0.
#[inline(always)]
fn transpose<S: Simd>(simd: S, from: &[f32], rows: usize, width: usize, to: &mut [Column]) {
    /// Vectors of a half token have 8 lanes.
    const BLOCK: usize = 8;
    let half = simd.half();
    let whole = if rows == PANEL { width - width % BLOCK } else { 0 };
    for column in (0..whole).step_by(BLOCK) {
        for row in (0..PANEL).step_by(BLOCK) {
            let mut block = [half.zero(); BLOCK];
            for (i, v) in block.iter_mut().enumerate() {
                let at = (row + i) * width + column;
                assert!(at + BLOCK <= from.len());
                // SAFETY: just checked.
                *v = unsafe { half.load(from, at) };
            }
            for (v, column) in half.transpose(block).into_iter().zip(&mut to[column..column + BLOCK]) {
                half.put(column, row / BLOCK, v);
            }
        }
    }
    for (column, to) in to.iter_mut().enumerate().skip(whole) {
        for (row, value) in to.0.iter_mut().enumerate() {
            *value = if row < rows { from[row * width + column] } else { 0.0 };
        }
    }
}

/// Columns as rows: `to[row][column]` for `to` of `columns.len()` floats a row, a multiple of 8.
#[inline(always)]
pub fn untranspose<S: Simd>(simd: S, columns: &[Column], to: &mut [f32]) {
    /// Vectors of a half token have 8 lanes.
    const BLOCK: usize = 8;
    let half = simd.half();
    let width = columns.len();
    assert!(width.is_multiple_of(BLOCK) && to.len() >= width * PANEL);
    for first in (0..width).step_by(BLOCK) {
        for row in (0..PANEL).step_by(BLOCK) {
            let mut block = [half.zero(); BLOCK];
            for (v, column) in block.iter_mut().zip(&columns[first..first + BLOCK]) {
                *v = half.get(column, row / BLOCK);
            }
            for (i, v) in half.transpose(block).into_iter().enumerate() {
                // SAFETY: (row + i + 1) · width ≤ PANEL · width ≤ to.len().
                unsafe { half.store(to, (row + i) * width + first, v) };
            }
        }
    }
}
