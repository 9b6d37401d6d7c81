//! Classifiers by model: what their runs score on rows that they were not trained on, as MMoE's Tables 1 and 2
//! have it.

use super::interval::Interval;
use super::statistics::{Bootstrap, Confidence, summary};
use crate::data::Subset;
use crate::experiment::ModelSpec;
use crate::record::Score;
use crate::store::{RunRecord, Study};

/// The main task.
pub const MAIN: usize = 1;
/// The auxiliary task.
pub const AUXILIARY: usize = 2;

/// The runs of a model.
#[derive(Debug, Clone)]
pub struct ModelScores<'a> {
    /// The model.
    pub model: &'a ModelSpec,
    /// Its runs by seed, diverged ones included.
    pub runs: Vec<&'a RunRecord>,
}

/// The models of a study with their runs, in the order of the experiment; models without runs are left out.
pub fn models(study: &Study) -> Vec<ModelScores<'_>> {
    let models = study.experiment.models.iter().map(|model| ModelScores {
        model,
        runs: study.runs.iter().filter(|run| run.key.model == model.name).collect(),
    });
    models.filter(|scores| !scores.runs.is_empty()).collect()
}

impl ModelScores<'_> {
    /// A number of the runs that finished, by seed.
    pub fn values(&self, subset: Subset, task: usize, value: fn(&Score) -> f64) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.score(subset, task)).map(value).collect()
    }

    /// Its mean over runs, with its 95 % bootstrap interval.
    pub fn mean(&self, subset: Subset, task: usize, value: fn(&Score) -> f64) -> Interval {
        Bootstrap::default().sample(&self.values(subset, task, value), summary::mean).interval()
    }

    /// Runs that diverged.
    pub fn diverged(&self) -> usize {
        self.runs.iter().filter(|run| run.last().is_none()).count()
    }

    /// The run with the highest AUC of the main task on a subset. On the test rows it is what the paper's tables
    /// call best, and flatters; on the validation rows it is the run that would be used.
    pub fn best(&self, subset: Subset) -> Option<&RunRecord> {
        let auc = |run: &RunRecord| run.score(subset, MAIN).map(|score| score.auc);
        let finished = self.runs.iter().filter(|run| auc(run).is_some());
        // Of equal runs the first.
        finished
            .copied()
            .rev()
            .max_by(|a, b| auc(a).partial_cmp(&auc(b)).unwrap_or(std::cmp::Ordering::Equal))
    }
}
