//! Losses that figures, tables and tests are about.

use crate::experiment::ReportedLoss;
use crate::store::{CurvePoint, RunRecord, Study};

/// Rows that a loss is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSet {
    /// The step's training batch.
    Train,
    /// The held-out rows.
    HeldOut,
}

/// The task of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskLoss {
    /// One task, from 1. The paper reports one task, because the two are symmetric (MMoE §5).
    Task(usize),
    /// The mean over tasks.
    Mean,
}

/// The loss that a figure or a test is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Rows it is measured on.
    pub rows: RowSet,
    /// Task it is measured on.
    pub task: TaskLoss,
}

impl RowSet {
    /// The loss on these rows, for the start of a sentence.
    pub fn loss(self) -> &'static str {
        match self {
            Self::Train => "Training loss (on the step's batch)",
            Self::HeldOut => "Held-out loss",
        }
    }
}

impl Default for Measure {
    /// Task 1 on held-out rows.
    fn default() -> Self {
        Self { rows: RowSet::HeldOut, task: TaskLoss::Task(1) }
    }
}

impl Measure {
    /// The loss that an experiment reports: of task 1, on the rows of `report.loss`.
    pub fn from_study(study: &Study) -> Self {
        let rows = match study.experiment.report.loss {
            ReportedLoss::HeldOut => RowSet::HeldOut,
            ReportedLoss::Training => RowSet::Train,
        };
        Self { rows, ..Self::default() }
    }

    /// This loss at a logged point; none where the study does not have the task, or where the loss is not finite.
    pub fn at(self, point: &CurvePoint) -> Option<f64> {
        let losses = match self.rows {
            RowSet::Train => &point.train_loss,
            RowSet::HeldOut => &point.held_out_loss,
        };
        let loss = match self.task {
            TaskLoss::Task(number) => f64::from(*losses.get(number - 1)?),
            TaskLoss::Mean => losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64,
        };
        loss.is_finite().then_some(loss)
    }

    /// Name of this loss in tables, such as `train_loss_1`; none for a mean over tasks, which they do not have.
    pub fn column(self) -> Option<String> {
        let rows = match self.rows {
            RowSet::Train => "train_loss",
            RowSet::HeldOut => "held_out_loss",
        };
        match self.task {
            TaskLoss::Task(number) => Some(format!("{rows}_{number}")),
            TaskLoss::Mean => None,
        }
    }

    /// This loss of a run: at its best step where it was chosen on validation rows, else at its end; none for a run that
    /// diverged.
    pub fn final_loss(self, run: &RunRecord) -> Option<f64> {
        run.reported().and_then(|point| self.at(point))
    }
}
