//! AUCs of the runs of every model on the test rows, a panel a task, with the paper's means.

use super::super::reference::{AucRow, auc_table};
use super::super::scores::{ScoreValue, model_runs};
use crate::data::Subset;
use crate::figure::dot_plot::{DotPanel, DotPlot, Row};
use crate::figure::theme::Palette;
use crate::store::Study;

/// Farthest below the best mean that is drawn.
const REACH: f64 = 0.03;

/// The mean of a task in a row of the paper's table.
type PaperMean = fn(&AucRow) -> f64;

/// The figure of AUCs; none for a study without scores.
pub fn figure(study: &Study) -> Option<DotPlot> {
    let census = study.experiment.data.census()?;
    let (models, palette) = (model_runs(study), Palette::new(&study.experiment));
    let paper = auc_table(census.main);
    let means: [PaperMean; 2] = [|row| row.main_mean, |row| row.auxiliary_mean];
    let panel = |((task, name), paper_mean): ((usize, &str), PaperMean)| {
        let rows = models.iter().map(|scores| Row {
            title: scores.model.title.clone(),
            colour: palette.colour(&scores.model.name),
            runs: scores.values(ScoreValue::auc(Subset::Test, task)),
            mean: scores.mean(ScoreValue::auc(Subset::Test, task)),
            paper: paper.iter().find(|row| row.model == scores.model.architecture.name).map(paper_mean),
        });
        DotPanel::new(format!("Task {task}: {name}"), rows.collect(), "AUC on the test rows", REACH)
    };
    let panels: Vec<DotPanel> = (1..).zip(census.task_names()).zip(means).filter_map(panel).collect();
    (!panels.is_empty()).then(|| DotPlot {
        name: "auc",
        heading: "AUC by model",
        title: "AUC on the test rows",
        caption: "Area under the ROC curve on the test rows: a dot a run, the mean with its 95 % bootstrap interval over \
                  runs, and the paper's mean of 400 runs on its own split of the rows. Values more than 0.03 below the \
                  best mean are written, not drawn."
            .to_owned(),
        panels,
    })
}
