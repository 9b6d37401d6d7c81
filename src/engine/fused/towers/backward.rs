//! The pass back through towers, from the gradient of logits to that of parameters.

use std::ops::Range;

use super::{Ranges, Work};
use crate::model::TowersShape;
use crate::model::ops::elementwise::masked_with_sums;
use crate::model::ops::product::{Before, Matrix, product};
use crate::simd::{CpuFeatures, multiversion};

/// The part of a range that belongs to a tower, where each has `size` values.
fn part(range: &Range<usize>, tower: usize, size: usize) -> Range<usize> {
    range.start + tower * size..range.start + (tower + 1) * size
}

/// The gradient of a tower's output layer, with ∂z of the hidden layer below it left in `work.masked` and
/// `work.sums`.
pub(super) fn output_gradient(
    shape: &TowersShape,
    ranges: &Ranges,
    parameters: &[f32],
    tower: usize,
    rows: usize,
    work: &mut Work,
) {
    let units = *shape.hidden.last().expect("a tower has hidden layers");
    let logit_gradient = &work.logit_gradient[tower * rows..][..rows];
    work.gradient[ranges.output_bias.start + tower] = logit_gradient.iter().sum();
    let hidden = work.units.last().expect("a tower has hidden layers");
    let weight = part(&ranges.output_weight, tower, units);
    work.masked[0].resize(rows * units, 0.0);
    work.sums.resize(units, 0.0);
    output_backward(
        CpuFeatures::best(),
        &hidden[tower * rows * units..][..rows * units],
        &parameters[weight.clone()],
        logit_gradient,
        &mut work.masked[0],
        &mut work.gradient[weight],
        &mut work.sums,
    );
}

/// A hidden layer of one tower. While the pass back is at it, `work.masked[0]` has its ∂z, `[rows, units]`, and
/// `work.sums` the sums of that over rows.
pub(super) struct LayerView {
    /// Index of the hidden layer whose units are its inputs; none for the first, whose inputs are embedded rows.
    pub below: Option<usize>,
    tower: usize,
    /// The tower's table of embeddings.
    table: usize,
    inputs: usize,
    units: usize,
    /// Ranges of the tower's weight, `[inputs, units]`, and bias, `[units]`, in a run's flat vector.
    weight: Range<usize>,
    bias: Range<usize>,
}

impl LayerView {
    /// The hidden layers of a tower, from its inputs on.
    pub fn for_tower(
        shape: &TowersShape,
        ranges: &Ranges,
        tower: usize,
    ) -> impl DoubleEndedIterator<Item = Self> {
        (0..shape.hidden.len()).map(move |layer| {
            let below = layer.checked_sub(1);
            let inputs = below.map_or(shape.features, |below| shape.hidden[below]);
            let units = shape.hidden[layer];
            let (weight, bias) = &ranges.layers[layer];
            Self {
                below,
                tower,
                table: shape.table_of(tower),
                inputs,
                units,
                weight: part(weight, tower, inputs * units),
                bias: part(bias, tower, units),
            }
        })
    }

    /// Inputs of the layer, `[rows, inputs]`.
    fn input<'a>(&self, rows: usize, input: &'a [f32], units: &'a [Vec<f32>]) -> &'a [f32] {
        let (all, index) = match self.below {
            Some(below) => (&units[below][..], self.tower),
            None => (input, self.table),
        };
        &all[index * rows * self.inputs..][..rows * self.inputs]
    }

    /// The gradient of its weight and bias.
    pub fn weight_gradient(&self, rows: usize, work: &mut Work) {
        work.gradient[self.bias.clone()].copy_from_slice(&work.sums);
        product(
            Matrix::new(self.input(rows, &work.input, &work.units), rows, self.inputs).transposed(),
            Matrix::new(&work.masked[0], rows, self.units),
            &mut work.gradient[self.weight.clone()],
            Before::Forgotten,
        );
    }

    /// ∂z of the layer below, in the place of its own.
    pub fn unit_gradient(&self, parameters: &[f32], rows: usize, below: usize, work: &mut Work) {
        let [masked, to_units] = &mut work.masked;
        to_units.resize(rows * self.inputs, 0.0);
        product(
            Matrix::new(masked, rows, self.units),
            Matrix::new(&parameters[self.weight.clone()], self.inputs, self.units).transposed(),
            to_units,
            Before::Forgotten,
        );
        let units = &work.units[below][self.tower * rows * self.inputs..][..rows * self.inputs];
        masked.resize(rows * self.inputs, 0.0);
        work.sums.resize(self.inputs, 0.0);
        masked_with_sums(CpuFeatures::best(), units, to_units, masked, &mut work.sums);
    }

    /// The gradient of the embedded words that the first layer reads. Numbers beside them are data: no gradient.
    pub fn word_gradient(&self, parameters: &[f32], rows: usize, word_columns: usize, work: &mut Work) {
        let weight = &parameters[self.weight.clone()][..word_columns * self.units];
        let to = &mut work.word_gradient[self.table * rows * word_columns..][..rows * word_columns];
        // The first tower of several that share a table overwrites.
        let before = if self.table == self.tower { Before::Forgotten } else { Before::Added };
        product(
            Matrix::new(&work.masked[0], rows, self.units),
            Matrix::new(weight, word_columns, self.units).transposed(),
            to,
            before,
        );
    }
}

multiversion! {
    /// With g the gradient of h · o + d, `[rows]`: `masked` = g o where h > 0, else 0, `[rows, units]`, `sums` its
    /// sums over rows, and `to_weight` = Σ_rows g h.
    pub(super) fn output_backward(
        h: &[f32],
        weight: &[f32],
        gradient: &[f32],
        masked: &mut [f32],
        to_weight: &mut [f32],
        sums: &mut [f32],
    ) = output_backward_body;
}

#[inline(always)]
fn output_backward_body(
    h: &[f32],
    weight: &[f32],
    gradient: &[f32],
    masked: &mut [f32],
    to_weight: &mut [f32],
    sums: &mut [f32],
) {
    let units = weight.len();
    to_weight.fill(0.0);
    sums.fill(0.0);
    for ((h, masked), &g) in h.chunks_exact(units).zip(masked.chunks_exact_mut(units)).zip(gradient) {
        let sums = to_weight.iter_mut().zip(sums.iter_mut());
        for (((&h, masked), weight), (to_weight, sum)) in h.iter().zip(masked).zip(weight).zip(sums) {
            *masked = if h > 0.0 { g * weight } else { 0.0 };
            *sum += *masked;
            *to_weight += g * h;
        }
    }
}
