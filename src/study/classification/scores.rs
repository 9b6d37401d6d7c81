//! Classifiers by model: scores on rows that they were not trained on, as in MMoE's Tables 1 and 2.

use crate::analysis::selection::selected_runs_by;
use crate::analysis::{RunValue, Runs};
use crate::data::Subset;
use crate::record::{RunRecord, Score};
use crate::store::Study;

/// The main task.
pub const MAIN: usize = 1;
/// The auxiliary task.
pub const AUXILIARY: usize = 2;

/// A number of the scores of a run.
#[derive(Clone, Copy)]
pub struct ScoreValue {
    /// Rows that the predictions are scored on.
    pub subset: Subset,
    /// Task, from 1.
    pub task: usize,
    /// The number, where it is defined.
    pub value: fn(&Score) -> Option<f64>,
}

impl ScoreValue {
    /// AUC of a task on a subset.
    pub fn auc(subset: Subset, task: usize) -> Self {
        Self { subset, task, value: |score| score.auc }
    }
}

impl RunValue for ScoreValue {
    fn value(&self, run: &RunRecord) -> Option<f64> {
        run.score(self.subset, self.task).and_then(self.value)
    }
}

/// The runs of every model of a study, at the learning rates with the highest mean AUC of the main task on the
/// validation rows.
pub fn model_runs(study: &Study) -> Vec<Runs<'_>> {
    let auc = ScoreValue::auc(Subset::Validation, MAIN);
    selected_runs_by(study, |run| auc.value(run).map(|auc| -auc))
}

/// The run with the highest AUC of the main task on a subset; of equal runs the first. On the test rows it is what the
/// paper's tables call best, and flatters; on the validation rows it is the run that would be used.
pub fn best<'a>(runs: &Runs<'a>, subset: Subset) -> Option<&'a RunRecord> {
    let auc = |run: &RunRecord| ScoreValue::auc(subset, MAIN).value(run);
    let finished = runs.runs.iter().copied().filter(|run| auc(run).is_some());
    finished.rev().max_by(|a, b| auc(a).partial_cmp(&auc(b)).unwrap_or(std::cmp::Ordering::Equal))
}
