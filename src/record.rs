//! Records of runs: what engines produce, group files and CSV files keep, and the analysis reads.
//!
//! Field names are the wire format of group files; a renamed field keeps its old name there.

use serde::{Deserialize, Serialize};

use crate::data::Subset;
use crate::data::defined::read_defined;
pub use crate::data::{ClassRecord, DataCheck};
use crate::experiment::plan::RunKey;
use crate::experiment::{Condition, Setting};

/// Outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Trained to its last step, or until its validation loss stopped falling.
    Finished,
    /// A loss became NaN or infinite; `steps` says when.
    Diverged,
}

impl Status {
    /// The word in `runs.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
        }
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Identity within the study.
    pub key: RunKey,
    /// Outcome.
    pub status: Status,
    /// Optimiser steps done. For a diverged run: the steps done when the first loss that is not finite was
    /// seen.
    pub steps: u64,
    /// Pearson correlation of the labels, measured on the data of this seed; the mean over pairs of tasks. None where
    /// one of them does not vary.
    #[serde(deserialize_with = "read_defined")]
    pub label_correlation: Option<f64>,
    /// Trainable scalars.
    pub parameters: usize,
    /// Engine and device that trained it, such as `graph-cpu`.
    pub engine: String,
    /// Wall-clock seconds of its group, divided by the group's runs. A measurement of the machine: the one
    /// value here that does not follow from the run's specification.
    pub seconds: f64,
    /// The logged step with the lowest validation loss, whose losses and scores are the run's; none without validation rows
    /// and for a run that diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_step: Option<u64>,
    /// Losses at the logged steps, in order; the last point of a finished run is at `steps`.
    pub curve: Vec<CurvePoint>,
    /// Gate use at the logged steps, in order; empty for models without gates.
    pub gates: Vec<GatePoint>,
    /// Scores of a finished classifier, by subset and task; empty where labels are numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
    /// Scores of a finished model of click and conversion; empty for others.
    #[serde(rename = "funnel", default, skip_serializing_if = "Vec::is_empty")]
    pub conversion_scores: Vec<ConversionScore>,
    /// Mean pCVR beside the truth, by decile of the true pCTR; empty where the truth is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deciles: Vec<Decile>,
}

impl RunRecord {
    /// A run before its first step, with the number of its parameters and its engine's label.
    pub fn new(key: RunKey, parameters: usize, engine: String) -> Self {
        Self {
            key,
            status: Status::Finished,
            steps: 0,
            label_correlation: None,
            parameters,
            engine,
            seconds: 0.0,
            best_step: None,
            curve: Vec::new(),
            gates: Vec::new(),
            scores: Vec::new(),
            conversion_scores: Vec::new(),
            deciles: Vec::new(),
        }
    }

    /// Its score on a subset for a task (from 1); nothing for a run that diverged.
    pub fn score(&self, subset: Subset, task: usize) -> Option<&Score> {
        self.scores.iter().find(|score| score.subset == subset && score.task == task)
    }

    /// Its gates at its last logged step, a point for each task; none for a run that diverged or has no gates.
    pub fn final_gates(&self) -> Option<&[GatePoint]> {
        let step = self.gates.last().filter(|_| self.status == Status::Finished)?.step;
        Some(&self.gates[self.gates.partition_point(|point| point.step < step)..])
    }

    /// The point whose losses a finished run is reported with: that of the best step, where there is one, else the last.
    pub fn reported(&self) -> Option<&CurvePoint> {
        let last = self.last()?;
        let best = self.best_step.and_then(|best| self.curve.iter().find(|point| point.step == best));
        Some(best.unwrap_or(last))
    }

    /// The last logged point of a run that finished.
    pub fn last(&self) -> Option<&CurvePoint> {
        match self.status {
            Status::Finished => self.curve.last(),
            Status::Diverged => None,
        }
    }
}

/// Losses at one logged step: of the parameters as they stand before that step's update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Optimiser steps done so far.
    pub step: u64,
    /// Mean squared error on this step's training batch, or cross-entropy in nats, per task.
    pub train_loss: Vec<f32>,
    /// The same on the held-out rows, per task.
    pub held_out_loss: Vec<f32>,
    /// The same on the validation rows; empty where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_loss: Vec<f32>,
}

/// Use of one task's gate at one logged step, over the held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatePoint {
    /// Optimiser steps done so far.
    pub step: u64,
    /// Task, from 1. Where all tasks share a gate, each task has its own equal point.
    pub task: usize,
    /// Mean softmax weight per expert.
    pub mean_weight: Vec<f32>,
    /// Mean entropy of a row's weights in nats: 0 (one expert) to ln(experts) (all alike).
    pub entropy: f32,
}

/// Mean of a quantity over runs at a logged step: what figures of single steps draw.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanRecord {
    /// Name of the model.
    pub model: String,
    /// Condition of the runs.
    pub condition: Condition,
    /// Learning rates of the runs, as tables write them: one, or those of both halves of the seeds.
    pub learning_rates: String,
    /// The quantity: a loss, named as its column of `curves.csv`, or a use of gates.
    pub quantity: String,
    /// Optimiser steps done.
    pub step: u64,
    /// Mean over runs.
    pub mean: f64,
    /// Ends of its 95 % interval; none over a single run.
    pub ends: Option<(f64, f64)>,
    /// Runs behind the mean.
    pub runs: usize,
}

/// Result of a trial on a rung of a tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Rung, from 1.
    pub rung: usize,
    /// Name of the model in the experiment.
    pub model: String,
    /// Name of the trial, such as `mmoe.03`.
    pub trial: String,
    /// Its sizes, as `key=value`, separated by spaces.
    pub sizes: String,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Trainable scalars.
    pub parameters: usize,
    /// Runs.
    pub seeds: u64,
    /// Optimiser steps of a run.
    pub steps: u64,
    /// Runs that diverged; a trial with any is the worst.
    pub diverged: usize,
    /// Mean AUC of the main task on the validation rows; none where no run finished.
    #[serde(deserialize_with = "read_defined")]
    pub validation_auc: Option<f64>,
    /// Whether the next rung trains it.
    pub kept: bool,
}

/// Measured correlation of the labels of one seed at one task correlation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelRecord {
    /// Cosine p of the weight vectors.
    pub task_correlation: f64,
    /// The values of the keys that vary. A group does not record them: settings of equal data share a measurement.
    #[serde(default, skip_serializing_if = "Setting::is_empty")]
    pub setting: Setting,
    /// Seed of the data.
    pub seed: u64,
    /// Pair of tasks, from 1.
    pub pair: usize,
    /// Rows it was measured on.
    pub points: usize,
    /// Pearson correlation of the pair's labels; none where one of them does not vary.
    #[serde(deserialize_with = "read_defined")]
    pub label_correlation: Option<f64>,
}

/// Results of a finished group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// One record a run, in the group's order.
    pub runs: Vec<RunRecord>,
    /// Label correlations measured on this seed.
    pub labels: Vec<LabelRecord>,
}

/// Scores of one task's predictions on one subset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Rows it was measured on.
    pub subset: Subset,
    /// Task, from 1.
    pub task: usize,
    /// Area under the ROC curve; none where rows of one kind are missing.
    #[serde(deserialize_with = "read_defined")]
    pub auc: Option<f64>,
    /// Mean cross-entropy in nats.
    pub log_loss: f64,
    /// Expected calibration error over ten bins of about equal counts, 0 to 1.
    pub calibration_error: f64,
    /// Mean predicted probability; a calibrated model's is the share of positives.
    pub mean_prediction: f64,
    /// Share of positive rows.
    pub positive_rate: f64,
}

/// A predicted probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// pCTR.
    Click,
    /// pCVR.
    Conversion,
    /// pCTCVR.
    ClickAndConversion,
}

/// Impressions that a prediction is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// Those that were clicked.
    Clicked,
    /// All.
    All,
}

/// Scores of one prediction on one space of test impressions; none where the rows that they need are missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConversionScore {
    /// The prediction.
    pub target: Target,
    /// The impressions.
    pub space: Space,
    /// Probability that a positive has a higher prediction than a negative. Of labels; of pCVR on all impressions
    /// that of outcomes drawn by the true pCVR, in expectation.
    #[serde(deserialize_with = "read_defined")]
    pub auc: Option<f64>,
    /// Mean cross-entropy in nats, in expectation over outcomes where the true probability is known.
    #[serde(deserialize_with = "read_defined")]
    pub log_loss: Option<f64>,
    /// Expected calibration error over ten bins of about equal counts, 0 to 1; as above.
    #[serde(deserialize_with = "read_defined")]
    pub calibration_error: Option<f64>,
    /// Mean of |prediction − true probability|; none where that is not known.
    #[serde(deserialize_with = "read_defined")]
    pub absolute_error: Option<f64>,
    /// Mean prediction.
    #[serde(deserialize_with = "read_defined")]
    pub mean_prediction: Option<f64>,
    /// Mean true probability, or share of positive labels where that is not known.
    #[serde(deserialize_with = "read_defined")]
    pub mean_truth: Option<f64>,
    /// Share of impressions whose prediction is above 1.
    #[serde(deserialize_with = "read_defined")]
    pub above_one: Option<f64>,
}

/// Mean pCVR beside the truth over a decile of the test impressions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// Decile by rising true pCTR, from 1.
    pub decile: usize,
    /// Mean true pCTR.
    #[serde(deserialize_with = "read_defined")]
    pub mean_ctr: Option<f64>,
    /// Mean predicted pCVR.
    #[serde(deserialize_with = "read_defined")]
    pub mean_prediction: Option<f64>,
    /// Mean true pCVR.
    #[serde(deserialize_with = "read_defined")]
    pub mean_truth: Option<f64>,
}
