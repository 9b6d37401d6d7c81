//! Positions of a run's parameters in the padded vector that the kernels read and write.
//!
//! The kernels work with columns over rows of the batch, so the first layer is stored transposed: one row of
//! [`Geometry::stride`] floats for each hidden unit and each gate logit, its weights followed by its bias and
//! zeros. The bias stands where the inputs have a column of ones ([`super::packed`]), which makes its gradient
//! part of the weight gradient's product. Gate rows have a bias slot too; it stays 0.
//!
//! | part | shape | holds |
//! |---|---|---|
//! | first layer | `[experts · expert_units + gates · experts, stride]` | w₀ … w_{d−1}, bias, 0 … |
//! | towers, one block for each input that towers read | `[expert_units + 1, hidden_stride]` | T, then the bias row; columns are the units of all towers that read this input |
//! | outputs | `[tasks, tower_units + 1]` | o, then d |
//!
//! Padding is 0, has gradient 0 and so stays 0.

use crate::model::{MixtureShape, Routing};

use super::simd::PANEL;

/// Rows of the first layer and of the towers are padded to whole vectors of 8: the narrowest that any path
/// uses for the last columns.
const NARROWEST: usize = 8;

/// Sizes and offsets of one run's padded parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    /// The sizes it was made for.
    pub shape: MixtureShape,
    /// Units of all experts.
    pub units: usize,
    /// Units of all experts and logits of all gates: rows of the first layer.
    pub columns: usize,
    /// Floats in a row of the first layer.
    pub stride: usize,
    /// Distinct inputs that towers read.
    pub inputs: usize,
    /// Towers that read one input.
    pub towers: usize,
    /// Floats in a row of a tower block.
    pub hidden_stride: usize,
    /// Start of the tower blocks.
    pub tower_at: usize,
    /// Floats in a tower block.
    pub tower_block: usize,
    /// Start of the outputs.
    pub output_at: usize,
    /// Floats of one run, a multiple of [`PANEL`].
    pub padded: usize,
}

impl Geometry {
    /// The geometry of a shape.
    pub fn new(shape: MixtureShape) -> Self {
        let units = shape.experts * shape.expert_units;
        let columns = units + shape.gates() * shape.experts;
        let stride = (shape.features + 1).next_multiple_of(NARROWEST);
        let inputs = match shape.routing {
            Routing::Shared | Routing::OneGate => 1,
            Routing::Own | Routing::GatePerTask => shape.tasks,
        };
        let towers = shape.tasks / inputs;
        let hidden_stride = (towers * shape.tower_units).next_multiple_of(NARROWEST);
        let tower_at = columns * stride;
        let tower_block = (shape.expert_units + 1) * hidden_stride;
        let output_at = tower_at + inputs * tower_block;
        let padded = (output_at + shape.tasks * (shape.tower_units + 1)).next_multiple_of(PANEL);
        Self {
            shape,
            units,
            columns,
            stride,
            inputs,
            towers,
            hidden_stride,
            tower_at,
            tower_block,
            output_at,
            padded,
        }
    }

    /// For every parameter in layout order, where it stands in the padded vector.
    pub fn positions(&self) -> Vec<usize> {
        let MixtureShape { features, experts, expert_units, tasks, tower_units, .. } = self.shape;
        let row = |column: usize, feature: usize| column * self.stride + feature;
        let hidden = |task: usize, unit: usize, hidden: usize| {
            let (input, tower) = (task / self.towers, task % self.towers);
            self.tower_at
                + input * self.tower_block
                + unit * self.hidden_stride
                + tower * tower_units
                + hidden
        };
        let output = |task: usize, hidden: usize| self.output_at + task * (tower_units + 1) + hidden;

        let mut at = Vec::new();
        for feature in 0..features {
            at.extend((0..self.units).map(|column| row(column, feature)));
        }
        at.extend((0..self.units).map(|column| row(column, features)));
        for feature in 0..features {
            at.extend((0..self.shape.gates() * experts).map(|logit| row(self.units + logit, feature)));
        }
        for task in 0..tasks {
            for unit in 0..expert_units {
                at.extend((0..tower_units).map(|t| hidden(task, unit, t)));
            }
        }
        for task in 0..tasks {
            at.extend((0..tower_units).map(|t| hidden(task, expert_units, t)));
        }
        for task in 0..tasks {
            at.extend((0..tower_units).map(|t| output(task, t)));
        }
        at.extend((0..tasks).map(|task| output(task, tower_units)));
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_a_place_of_its_own() {
        for routing in [Routing::Shared, Routing::Own, Routing::OneGate, Routing::GatePerTask] {
            let experts = match routing {
                Routing::Shared => 1,
                Routing::Own => 3,
                _ => 5,
            };
            let shape =
                MixtureShape { features: 10, experts, expert_units: 7, tasks: 3, tower_units: 5, routing };
            let geometry = Geometry::new(shape);
            let mut positions = geometry.positions();
            assert_eq!(positions.len(), shape.layout().count(), "{routing:?}");
            positions.sort_unstable();
            positions.dedup();
            assert_eq!(positions.len(), shape.layout().count(), "{routing:?}");
            assert!(positions.iter().all(|&at| at < geometry.padded));
        }
    }
}
