//! Dropout of the mixture family: which units a step keeps. Runs of a seed keep the same, so they are drawn once a step.

use super::geometry::Geometry;
use super::pass::Kept;
use super::simd::PANEL;
use crate::engine::StartRun;
use crate::model::dropout;

/// The units that are kept in one step of a seed.
#[derive(Debug, Clone, Default)]
pub struct Factors {
    /// Seed, step and rows that they are of.
    drawn: Option<(u64, u64, usize)>,
    /// `[panels, experts · expert_units]`.
    experts: Vec<u32>,
    /// `[panels, tasks · tower_units]`.
    hidden: Vec<u32>,
}

impl Factors {
    /// What a run keeps at a step, counted from 0, on a batch of `rows`; none without dropout.
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
            for (layer, (units, kept)) in (0..).zip(layers) {
                dropout::kept(rate, run.seed, (step, layer), units, rows, kept);
            }
            self.drawn = Some((run.seed, step, rows));
        }
        Some(Kept { experts: &self.experts, hidden: &self.hidden, scale: dropout::scale(rate) })
    }
}

/// A panel has the rows that stand together.
const _: () = assert!(PANEL == dropout::ROWS);
