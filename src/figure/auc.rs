//! AUCs of the runs of every model on the test rows, a panel for each task, with the paper's means.

use super::canvas::{Area, Drawing};
use super::frame::{Entry, Frame, Swatch};
use super::rows::{self, Row, RowPanel};
use super::{Figure, theme};
use crate::analysis::classification::{ScoreValue, model_runs};
use crate::analysis::reference::{AucRow, auc_table};
use crate::data::Subset;
use crate::store::Study;

/// Farthest below the best mean that is drawn.
const REACH: f64 = 0.03;

/// The figure of a study of classifiers.
pub struct Auc {
    tasks: Vec<RowPanel>,
}

impl Auc {
    /// Nothing for a study without scores.
    pub fn of(study: &Study) -> Option<Self> {
        let census = study.experiment.data.census()?;
        let models = model_runs(study);
        let paper = auc_table(census.main);
        let means: [fn(&AucRow) -> f64; 2] = [|row| row.main_mean, |row| row.auxiliary_mean];
        let tasks =
            census.task_names().into_iter().zip(means).enumerate().filter_map(|(task, (name, of_paper))| {
                let rows = models
                    .iter()
                    .map(|scores| Row {
                        title: scores.model.title.clone(),
                        colour: theme::model(&study.experiment, &scores.model.name),
                        runs: scores.values(ScoreValue::auc(Subset::Test, task + 1)),
                        mean: scores.mean(ScoreValue::auc(Subset::Test, task + 1)),
                        paper: paper
                            .iter()
                            .find(|row| row.model == scores.model.architecture.name)
                            .map(of_paper),
                    })
                    .collect();
                let name = format!("Task {}: {name}", task + 1);
                RowPanel::new(name, rows, "AUC on the test rows", REACH)
            });
        let tasks: Vec<RowPanel> = tasks.collect();
        (!tasks.is_empty()).then_some(Self { tasks })
    }
}

impl Figure for Auc {
    fn name(&self) -> &'static str {
        "auc"
    }

    fn heading(&self) -> &'static str {
        "AUC by model"
    }

    fn frame(&self) -> Frame {
        let mut legend = rows::legend();
        legend.push(Entry::new(Swatch::Square(theme::PAPER), "mean in the paper"));
        Frame {
            title: "How well the models rank people they have not seen".to_owned(),
            legend,
            panels: self.tasks.len(),
            columns: 1,
            panel_height: self.tasks.iter().map(RowPanel::height).max().unwrap_or(0),
        }
    }

    fn caption(&self) -> String {
        "Area under the ROC curve of every run on the test rows, the mean with its 95 % bootstrap interval over runs, \
         and the paper's mean of 400 runs on its own division of the rows. What is more than 0.03 below the best mean is \
         written, not drawn."
            .to_owned()
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, task) in panels.iter().zip(&self.tasks) {
            task.draw(area)?;
        }
        Ok(())
    }
}
