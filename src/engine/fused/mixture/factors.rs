//! Dropout of the mixture family: factors of all units in a step. Runs of a seed share them, so they are drawn once a step.

use super::geometry::Geometry;
use super::pass::Kept;
use super::simd::{Column, PANEL, flat_mut};
use crate::engine::StartRun;
use crate::model::dropout;

/// The factors of one seed and step.
#[derive(Debug, Clone, Default)]
pub struct Factors {
    /// Seed, step and rows that they are of.
    drawn: Option<(u64, u64, usize)>,
    /// `[panels, experts · expert_units]`.
    experts: Vec<Column>,
    /// `[panels, tasks · tower_units]`.
    hidden: Vec<Column>,
    buffer: Vec<f32>,
}

impl Factors {
    /// The factors of a run at a step, counted from 0, on a batch of `rows`; none without dropout.
    pub fn kept(
        &mut self,
        geometry: &Geometry,
        run: &StartRun,
        (step, rows): (u64, usize),
    ) -> Option<Kept<'_>> {
        let rate = run.recipe.dropout;
        if rate == 0.0 {
            return None;
        }
        if self.drawn != Some((run.seed, step, rows)) {
            let shape = geometry.shape;
            let layers =
                [(geometry.units, &mut self.experts), (shape.tasks * shape.tower_units, &mut self.hidden)];
            for (layer, (units, columns)) in (0..).zip(layers) {
                dropout::factors(rate, run.seed, (step, layer), units, rows, &mut self.buffer);
                columns.resize(self.buffer.len() / PANEL, Column::ZERO);
                flat_mut(columns).copy_from_slice(&self.buffer);
            }
            self.drawn = Some((run.seed, step, rows));
        }
        Some(Kept { experts: &self.experts, hidden: &self.hidden, scale: dropout::scale(rate) })
    }
}

/// A panel has the rows that stand together.
const _: () = assert!(PANEL == dropout::ROWS);
