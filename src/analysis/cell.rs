//! Cells: the runs of a study that differ in seed only, and which of their losses is looked at.

use crate::experiment::{Condition, ReportedLoss};
use crate::store::{CurvePoint, RunRecord, Study};

/// Rows that a loss is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSet {
    /// The step's training batch.
    Train,
    /// The held-out rows.
    HeldOut,
}

/// Whose loss it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskLoss {
    /// One task's, from 1. The paper reports one task, because the two are symmetric (MMoE §5).
    Task(usize),
    /// The mean over tasks.
    Mean,
}

/// The loss that a figure or a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Rows it is measured on.
    pub rows: RowSet,
    /// Whose loss.
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
    /// What the experiment wants to be shown: the loss of task 1, as the paper reports one task, on the rows of
    /// `report.loss`.
    pub fn shown(study: &Study) -> Self {
        let rows = match study.experiment.report.loss {
            ReportedLoss::HeldOut => RowSet::HeldOut,
            ReportedLoss::Training => RowSet::Train,
        };
        Self { rows, ..Self::default() }
    }

    /// This loss at a logged point; NaN where the study has no such task.
    pub fn of(self, point: &CurvePoint) -> f64 {
        let losses = match self.rows {
            RowSet::Train => &point.train_loss,
            RowSet::HeldOut => &point.held_out_loss,
        };
        match self.task {
            TaskLoss::Task(number) => losses.get(number - 1).map_or(f64::NAN, |&loss| loss.into()),
            TaskLoss::Mean => losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64,
        }
    }

    /// This loss at the end of a run; nothing for a run that diverged.
    pub fn final_loss(self, run: &RunRecord) -> Option<f64> {
        run.last().map(|point| self.of(point))
    }
}

/// The runs of one model, condition and learning rate, by seed.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// Their task correlation and swept value.
    pub condition: Condition,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Its runs in the order of their seeds, diverged ones included.
    pub runs: Vec<&'a RunRecord>,
}

impl Cell<'_> {
    /// Final losses of the runs that finished.
    pub fn final_losses(&self, measure: Measure) -> Vec<f64> {
        self.runs.iter().filter_map(|run| measure.final_loss(run)).collect()
    }
}

/// The cells of a study in the order of its plan: model, condition, learning rate. Runs that are not
/// there (a partial study) are left out; so are cells without runs.
pub fn cells(study: &Study) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell> = Vec::new();
    for run in &study.runs {
        let key = &run.key;
        match cells.last_mut() {
            Some(cell)
                if cell.model == key.model
                    && cell.condition == key.condition
                    && cell.learning_rate == key.learning_rate =>
            {
                cell.runs.push(run);
            }
            _ => cells.push(Cell {
                model: &key.model,
                condition: key.condition,
                learning_rate: key.learning_rate,
                runs: vec![run],
            }),
        }
    }
    cells
}
