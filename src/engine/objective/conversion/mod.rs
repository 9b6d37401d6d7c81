//! Click and conversion: predictions are logits of click, conversion and for some methods a third thing; the loss is
//! that of the model's method, and predictions are scored on the test impressions.

use std::ops::Range;

use candle_core::{Result, Tensor};

mod loss;
mod score;

pub use loss::{LOSSES, MOST_TOWERS, Predictions};
pub use score::{conversion_probability, joint_probability, scores};

use super::{Loss, Objective, ScoredRows, Targets};
use crate::data::Subset;
use crate::experiment::plan::MAX_GROUP_RUNS_OF_ROWS;
use crate::model::towers::Method;
use crate::record::RunRecord;

/// Memory in bytes of a test row while it is scored: sixteen doubles (three predictions, labels and truths, with their
/// orders and bins) and the logits of a group's runs.
pub const SCORING_BYTES: u64 = (8 * 16 + 4 * MOST_TOWERS * MAX_GROUP_RUNS_OF_ROWS) as u64;

/// The loss of a method.
pub struct Conversion {
    /// The way conversion is learned.
    pub method: Method,
}

impl Objective for Conversion {
    fn loss(&self, logits: &Tensor, targets: &Targets) -> Result<Loss> {
        let (_, towers, rows) = logits.dims3()?;
        let values = logits.flatten_all()?.to_vec1::<f32>()?;
        let (mut losses, mut gradient) = (Vec::new(), Vec::with_capacity(values.len()));
        for (logits, labels) in values.chunks_exact(towers * rows).zip(targets.by_run(0..rows)) {
            let predictions = Predictions { method: self.method, logits, labels: &labels };
            losses.extend(predictions.gradient(&mut gradient));
        }
        // Its derivative by the logits is the objective's.
        let gradient = Tensor::from_vec(gradient, logits.shape(), logits.device())?;
        Ok(Loss { losses, objective: (logits * gradient)?.sum_all()? })
    }

    fn add_losses(
        &self,
        sums: &mut Vec<f64>,
        logits: &Tensor,
        targets: &Targets,
        rows: Range<usize>,
    ) -> Result<()> {
        let (runs, towers, count) = logits.dims3()?;
        sums.resize(runs * LOSSES, 0.0);
        let values = logits.flatten_all()?.to_vec1::<f32>()?;
        let runs = values.chunks_exact(towers * count).zip(targets.by_run(rows));
        for ((logits, labels), sums) in runs.zip(sums.as_chunks_mut::<LOSSES>().0) {
            Predictions { method: self.method, logits, labels: &labels }.add_losses(sums);
        }
        Ok(())
    }

    /// Studies of conversion have no table of gates.
    fn logs_gates(&self) -> bool {
        false
    }

    fn scored_subsets(&self) -> &'static [Subset] {
        &[Subset::Test]
    }

    fn score(&self, rows: &ScoredRows, logits: &[f32], record: &mut RunRecord) {
        let impressions = rows.impressions.expect("conversions are learned from impressions");
        (record.conversion_scores, record.deciles) = scores(self.method, logits, impressions);
    }
}
