//! One run's pass over a batch: losses, and for training the gradient with it.
//!
//! The batch goes through in blocks of `BLOCK` panels. Each panel goes forward and backward to the gradient
//! of the first layer's output while it is in the first-level cache; then the block's share of the first
//! layer's weight gradient, the largest product of the backward pass, is taken at once, its register tiles
//! summing over all rows of the block. Scratch does not depend on the batch.
//!
//! relu'(0) is 0, as in PyTorch. A unit that dropout drops is 0 too, so the same comparison keeps its gradient 0; the
//! gradient of the others is multiplied by the factor that they were, before either is written.

use super::geometry::Geometry;
use super::mixing;
use super::packed::{Packed, untranspose};
use super::product::{
    Columns, Dropped, Finish, Gradient, Left, Masked, Plain, Relu, Scaled, gradient, panel,
};
use super::simd::{Column, Job, PANEL, Simd, flat, flat_mut};
use crate::model::Routing;

/// Panels whose weight gradient is taken at once: 128 rows. A strip of 32 features of that many rows is
/// 16 KiB, half of the first-level cache, and a register tile is loaded and stored once for every 128 rows.
const BLOCK: usize = 4;

/// Working memory of a pass; one serves all runs of a population, one after the other.
#[derive(Debug, Clone)]
pub struct Scratch {
    /// Activations of the experts, `[experts · expert_units]`.
    experts: Vec<Column>,
    /// Softmax weights, `[gates · experts]`.
    gates: Vec<Column>,
    /// Mixtures, `[gates, expert_units]`.
    mixed: Vec<Column>,
    /// Their gradient.
    d_mixed: Vec<Column>,
    /// Activations of the towers, `[inputs, hidden_stride]`.
    hidden: Vec<Column>,
    /// Their gradient; padding stays 0.
    d_hidden: Vec<Column>,
    /// The gradient of one input's towers with the rows of the panel as rows, `[PANEL, hidden_stride]`.
    d_hidden_rows: Vec<Column>,
    /// Gradient of the first layer's output, `[BLOCK, columns]`.
    d_first: Vec<Column>,
    /// Sums over the panels: `[tasks]` losses.
    losses: Vec<Column>,
    /// Sums over the panels: `[tasks, tower_units + 1]` gradients of o and d.
    outputs: Vec<Column>,
    /// Sums over the panels: `[gates · experts]` softmax weights.
    gate_weights: Vec<Column>,
    /// Sums over the panels: `[gates]` entropies.
    entropies: Vec<Column>,
}

impl Scratch {
    /// Memory for a geometry.
    pub fn new(geometry: &Geometry) -> Self {
        let columns = |count: usize| vec![Column::ZERO; count];
        let shape = geometry.shape;
        let hidden = geometry.inputs * geometry.hidden_stride;
        let mixed = shape.gates() * shape.expert_units;
        Self {
            experts: columns(geometry.units),
            gates: columns(shape.gates() * shape.experts),
            mixed: columns(mixed),
            d_mixed: columns(mixed),
            hidden: columns(hidden),
            d_hidden: columns(hidden),
            d_hidden_rows: columns(geometry.hidden_stride),
            d_first: columns(BLOCK * geometry.columns),
            losses: columns(shape.tasks),
            outputs: columns(shape.tasks * (shape.tower_units + 1)),
            gate_weights: columns(shape.gates() * shape.experts),
            entropies: columns(shape.gates()),
        }
    }
}

/// Results of a pass beside the losses.
pub enum Wanted<'a> {
    /// The gradient of the sum of the tasks' losses, `[padded]`.
    Gradient(&'a mut [f32]),
    /// Use of the gates.
    Gates {
        /// Mean weight, `[gates, experts]`.
        mean_weight: &'a mut [f32],
        /// Mean entropy in nats, `[gates]`.
        entropy: &'a mut [f32],
    },
}

/// Dropout of a pass that gives a gradient.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// The experts' units that are kept, a bit a row, `[panels, experts · expert_units]`.
    pub experts: &'a [u32],
    /// The towers' units that are kept, a bit a row, `[panels, tasks · tower_units]`.
    pub hidden: &'a [u32],
    /// The factor of units that are kept.
    pub scale: f32,
}

impl<'a> Kept<'a> {
    /// Dropout of `count` units of the experts from `first` on.
    fn of_experts(&self, first: usize, count: usize) -> Dropped<'a> {
        Dropped { kept: &self.experts[first..][..count], scale: self.scale }
    }

    /// Dropout of `count` units of the towers from `first` on.
    fn of_hidden(&self, first: usize, count: usize) -> Dropped<'a> {
        Dropped { kept: &self.hidden[first..][..count], scale: self.scale }
    }
}

/// A pass of one run.
pub struct Pass<'a> {
    /// Sizes and offsets.
    pub geometry: &'a Geometry,
    /// The run's padded parameters.
    pub theta: &'a [f32],
    /// The batch.
    pub packed: &'a Packed,
    /// Label set that the run learns.
    pub label_set: usize,
    /// Working memory.
    pub scratch: &'a mut Scratch,
    /// Mean squared errors, `[tasks]`.
    pub losses: &'a mut [f32],
    /// Dropout, while training with it.
    pub kept: Option<Kept<'a>>,
    /// Results beside the losses.
    pub wanted: Wanted<'a>,
}

impl Job for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        self.scratch.losses.fill(Column::ZERO);
        self.scratch.outputs.fill(Column::ZERO);
        self.scratch.gate_weights.fill(Column::ZERO);
        self.scratch.entropies.fill(Column::ZERO);
        for p in 0..self.packed.panels {
            self.forward(simd, p);
            self.errors(simd, p);
            match &mut self.wanted {
                Wanted::Gates { .. } => self.watch_gates(simd, p),
                Wanted::Gradient(_) => {
                    if let Some(kept) = self.kept {
                        scale(simd, &mut self.scratch.d_hidden, kept.scale);
                    }
                    match self.kept {
                        None => self.backward(simd, p, Plain),
                        Some(kept) => self.backward(simd, p, Scaled(kept.scale)),
                    }
                    if p % BLOCK == BLOCK - 1 || p + 1 == self.packed.panels {
                        self.first_layer_gradient(simd, p - p % BLOCK);
                    }
                }
            }
        }
        self.finish(simd);
    }
}

impl Pass<'_> {
    /// Experts, gates, mixtures and towers' hidden layers of panel `p`.
    #[inline(always)]
    fn forward<S: Simd>(&mut self, simd: S, p: usize) {
        let Self { geometry: g, theta, scratch, kept, .. } = self;
        let x = self.packed.panel(p);
        let experts = Left { data: theta, at: 0, row: g.stride, step: 1 };
        let (to, bias) = (&mut scratch.experts, Some(g.shape.features));
        match kept {
            None => panel(simd, experts, bias, x, to, Relu),
            Some(kept) => panel(simd, experts, bias, x, to, kept.of_experts(p * g.units, g.units)),
        }
        if g.shape.gates() > 0 {
            let gates = Left { at: g.units * g.stride, ..experts };
            panel(simd, gates, None, x, &mut scratch.gates, Plain);
            for logits in scratch.gates.chunks_exact_mut(g.shape.experts) {
                mixing::softmax(simd, logits);
            }
            let (gates, experts) = (&scratch.gates, &scratch.experts);
            mixing::mix(simd, gates, experts, g.shape.expert_units, &mut scratch.mixed);
        }
        let units = g.shape.expert_units;
        let inputs = if g.shape.gates() > 0 { &scratch.mixed } else { &scratch.experts };
        for input in 0..g.inputs {
            let at = g.tower_at + input * g.tower_block;
            let towers = Left { data: theta, at, row: 1, step: g.hidden_stride };
            let bias = at + units * g.hidden_stride;
            let hidden = &mut scratch.hidden[input * g.hidden_stride..][..g.towers * g.shape.tower_units];
            let inputs = &inputs[input * units..][..units];
            match kept {
                None => panel(simd, towers, Some(bias), inputs, hidden, Relu),
                Some(kept) => {
                    let first = p * g.shape.tasks * g.shape.tower_units + input * hidden.len();
                    let finish = kept.of_hidden(first, hidden.len());
                    panel(simd, towers, Some(bias), inputs, hidden, finish);
                }
            }
        }
    }

    /// Predictions and squared errors of panel `p`; from them the gradients of the output layer (summed) and
    /// of the towers' hidden layers.
    #[inline(always)]
    fn errors<S: Simd>(&mut self, simd: S, p: usize) {
        let Self { geometry: g, theta, scratch, packed, label_set, .. } = self;
        let units = g.shape.tower_units;
        let weight = packed.weight(p);
        for task in 0..g.shape.tasks {
            let at = task / g.towers * g.hidden_stride + task % g.towers * units;
            let hidden = &scratch.hidden[at..][..units];
            let d_hidden = &mut scratch.d_hidden[at..][..units];
            let output = &theta[g.output_at + task * (units + 1)..][..units + 1];
            let d_output = &mut scratch.outputs[task * (units + 1)..][..units + 1];
            let label = packed.label(*label_set, task, p);
            for v in 0..PANEL / S::LANES {
                let mut prediction = simd.splat(output[units]);
                for (h, &o) in hidden.iter().zip(output) {
                    prediction = simd.mul_add(simd.get(h, v), simd.splat(o), prediction);
                }
                let error = simd.sub(prediction, simd.get(label, v));
                let weighted = simd.mul(error, simd.get(&weight, v));
                let loss = simd.mul_add(error, weighted, simd.get(&scratch.losses[task], v));
                simd.put(&mut scratch.losses[task], v, loss);
                let d = simd.add(weighted, weighted);
                let sum = simd.add(simd.get(&d_output[units], v), d);
                simd.put(&mut d_output[units], v, sum);
                for t in 0..units {
                    let h = simd.get(&hidden[t], v);
                    let sum = simd.mul_add(d, h, simd.get(&d_output[t], v));
                    simd.put(&mut d_output[t], v, sum);
                    let dh = simd.where_positive(h, simd.mul(d, simd.splat(output[t])));
                    simd.put(&mut d_hidden[t], v, dh);
                }
            }
        }
    }

    /// From the towers' hidden layers back to the first layer's output: gradient of the towers, and the
    /// panel's part of `d_first`, of the experts finished by `finish`.
    #[inline(always)]
    fn backward<S: Simd, F: Finish + Copy>(&mut self, simd: S, p: usize, finish: F) {
        let Self { geometry: g, theta, scratch, packed, wanted, .. } = self;
        let Wanted::Gradient(out) = wanted else { return };
        let units = g.shape.expert_units;
        let gated = g.shape.gates() > 0;
        let rows = packed.rows_of(p);
        let fresh = p == 0;
        let d_first = &mut scratch.d_first[p % BLOCK * g.columns..][..g.columns];
        let (d_experts, d_logits) = d_first.split_at_mut(g.units);
        for input in 0..g.inputs {
            let at = g.tower_at + input * g.tower_block;
            let d_hidden = &scratch.d_hidden[input * g.hidden_stride..][..g.hidden_stride];
            untranspose(simd, d_hidden, flat_mut(&mut scratch.d_hidden_rows));
            let right = (flat(&scratch.d_hidden_rows), g.hidden_stride);

            let inputs = if gated { &scratch.mixed } else { &scratch.experts };
            let left = Columns { data: inputs, columns: inputs.len(), first: input * units, rows: units };
            let mut to = Gradient { data: out, at, stride: g.hidden_stride };
            gradient(simd, left, rows, right, g.hidden_stride, &mut to, fresh);
            let one = Columns { data: &[Column::ONE], columns: 1, first: 0, rows: 1 };
            to.at += units * g.hidden_stride;
            gradient(simd, one, rows, right, g.hidden_stride, &mut to, fresh);

            let towers = Left { data: theta, at, row: g.hidden_stride, step: 1 };
            let d_hidden = &d_hidden[..g.towers * g.shape.tower_units];
            let range = input * units..(input + 1) * units;
            if gated {
                panel(simd, towers, None, d_hidden, &mut scratch.d_mixed[range], Plain);
            } else {
                let mask = Masked(&scratch.experts[range.clone()], finish);
                panel(simd, towers, None, d_hidden, &mut d_experts[range], mask);
            }
        }
        if gated {
            let layer = (scratch.gates.as_slice(), scratch.experts.as_slice(), units);
            mixing::unmix(simd, finish, layer, &scratch.d_mixed, d_experts, d_logits);
        }
    }

    /// The first layer's weight gradient over the block of panels from `from` on.
    #[inline(always)]
    fn first_layer_gradient<S: Simd>(&mut self, simd: S, from: usize) {
        let Self { geometry: g, scratch, packed, wanted, .. } = self;
        let Wanted::Gradient(out) = wanted else { return };
        let rows = (packed.rows - from * PANEL).min(BLOCK * PANEL);
        let left = Columns { data: &scratch.d_first, columns: g.columns, first: 0, rows: g.columns };
        for strip in packed.strips(g.stride, from * PANEL) {
            let mut to = Gradient { data: out, at: strip.first, stride: g.stride };
            gradient(simd, left, rows, (strip.data, strip.width), strip.width, &mut to, from == 0);
        }
    }

    /// Adds the gates' use in panel `p`.
    #[inline(always)]
    fn watch_gates<S: Simd>(&mut self, simd: S, p: usize) {
        let Self { geometry: g, scratch, packed, .. } = self;
        let weight = packed.weight(p);
        for (gate, sum) in scratch.gates.iter().zip(&mut scratch.gate_weights) {
            for v in 0..PANEL / S::LANES {
                let value = simd.mul_add(simd.get(gate, v), simd.get(&weight, v), simd.get(sum, v));
                simd.put(sum, v, value);
            }
        }
        let gates = scratch.gates.chunks_exact(g.shape.experts);
        for (gate, sum) in gates.zip(&mut scratch.entropies) {
            for (row, sum) in sum.0.iter_mut().enumerate() {
                // 0 ln 0 is 0: a weight that underflowed says nothing.
                let entropy: f32 =
                    gate.iter().map(|g| g.0[row]).filter(|&g| g > 0.0).map(|g| -g * g.ln()).sum();
                *sum += entropy * weight.0[row];
            }
        }
    }

    /// Sums over the lanes.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        let Self { geometry: g, scratch, wanted, losses, .. } = self;
        totals(simd, &scratch.losses, losses);
        match wanted {
            Wanted::Gates { mean_weight, entropy } => {
                totals(simd, &scratch.gate_weights, mean_weight);
                totals(simd, &scratch.entropies, entropy);
            }
            Wanted::Gradient(out) => {
                totals(simd, &scratch.outputs, &mut out[g.output_at..]);
                // Gates have no bias: what gathered in its slot is dropped, so that it stays 0.
                if matches!(g.shape.routing, Routing::OneGate | Routing::GatePerTask) {
                    for row in out[..g.tower_at].chunks_exact_mut(g.stride).skip(g.units) {
                        row[g.shape.features] = 0.0;
                    }
                }
            }
        }
    }
}

/// Multiplies columns by a number.
#[inline(always)]
fn scale<S: Simd>(simd: S, columns: &mut [Column], factor: f32) {
    let factor = simd.splat(factor);
    for column in columns {
        for v in 0..PANEL / S::LANES {
            let product = simd.mul(simd.get(column, v), factor);
            simd.put(column, v, product);
        }
    }
}

/// The sum of every column's rows.
// A closure in `finish` would not inherit the instructions, and be called 20 times a step without them.
#[inline(always)]
fn totals<S: Simd>(simd: S, columns: &[Column], to: &mut [f32]) {
    for (column, to) in columns.iter().zip(to) {
        let mut sum = simd.get(column, 0);
        for v in 1..PANEL / S::LANES {
            sum = simd.add(sum, simd.get(column, v));
        }
        *to = simd.sum(sum);
    }
}
