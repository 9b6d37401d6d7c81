//! AUCs of the runs of every model on the test rows, a panel for each task, with the paper's means.

use plotters::prelude::DrawingBackend;

use super::frame::{Entry, Frame, Swatch};
use super::panel::{Area, Axis, Drawing, Heading, Panel};
use super::{Figure, theme};
use crate::analysis::Interval;
use crate::analysis::classification::models;
use crate::analysis::reference::{AucRow, auc_table};
use crate::data::Subset;
use crate::store::Study;

/// Farthest below the best mean that is drawn: a model far below all others would squeeze these together.
const REACH: f64 = 0.03;
/// Height of a model's row on the canvas.
const ROW: u32 = 150;

/// The figure of a study of classifiers.
pub struct Auc {
    tasks: Vec<TaskPanel>,
    colours: Vec<plotters::prelude::RGBColor>,
}

/// One task.
struct TaskPanel {
    name: String,
    /// Models from the first to the last.
    rows: Vec<Row>,
    x: Axis,
}

struct Row {
    title: String,
    runs: Vec<f64>,
    mean: Interval,
    paper: Option<f64>,
}

impl Auc {
    /// Nothing for a study without scores.
    pub fn of(study: &Study) -> Option<Self> {
        let census = study.experiment.data.census()?;
        let models = models(study);
        let paper = auc_table(census.main);
        let means: [fn(&AucRow) -> f64; 2] = [|row| row.main_mean, |row| row.auxiliary_mean];
        let tasks =
            census.task_names().into_iter().zip(means).enumerate().filter_map(|(task, (name, of_paper))| {
                let rows: Vec<Row> = models
                    .iter()
                    .map(|scores| Row {
                        title: scores.model.title.clone(),
                        runs: scores.values(Subset::Test, task + 1, |score| score.auc),
                        mean: scores.mean(Subset::Test, task + 1, |score| score.auc),
                        paper: paper
                            .iter()
                            .find(|row| row.model == scores.model.architecture.name)
                            .map(of_paper),
                    })
                    .collect();
                let x = axis(&rows)?;
                Some(TaskPanel { name: format!("Task {}: {name}", task + 1), rows, x })
            });
        let tasks: Vec<TaskPanel> = tasks.collect();
        let colours = models.iter().map(|m| theme::model(&study.experiment, &m.model.name)).collect();
        (!tasks.is_empty()).then_some(Self { tasks, colours })
    }

    fn frame(&self) -> Frame {
        let rows = self.tasks.iter().map(|task| task.rows.len()).max().unwrap_or(0) as u32;
        let legend = vec![
            Entry::new(Swatch::Point(theme::FAINT), "a run"),
            Entry::new(Swatch::Line(theme::INK), "95 % interval of the mean"),
            Entry::new(Swatch::Square(theme::PAPER), "mean in the paper"),
        ];
        Frame {
            title: self.title(),
            legend,
            panels: self.tasks.len(),
            columns: 1,
            panel_height: 400 + ROW * rows,
        }
    }
}

/// From the lowest to the highest value within reach of the best mean; nothing without finished runs.
fn axis(rows: &[Row]) -> Option<Axis> {
    let best = rows.iter().map(|row| row.mean.estimate).filter(|mean| mean.is_finite()).reduce(f64::max)?;
    let values = rows.iter().flat_map(|row| row.runs.iter().copied().chain(row.paper));
    let near: Vec<f64> = values.filter(|value| *value >= best - REACH).collect();
    let low = near.iter().copied().fold(best, f64::min);
    let high = near.iter().copied().fold(best, f64::max);
    // A margin, so that no marker lies on an edge; more than none where all values are equal.
    let margin = (0.05 * (high - low)).max(1e-4);
    Some(Axis::new("AUC on the test rows", low - margin..high + margin, 6, theme::number))
}

impl Figure for Auc {
    fn name(&self) -> &'static str {
        "auc"
    }

    fn title(&self) -> String {
        "How well the models rank people they have not seen".to_owned()
    }

    fn caption(&self) -> String {
        "Area under the ROC curve of every run on the test rows, the mean with its 95 % bootstrap interval over runs, \
         and the paper's mean of 400 runs on its own division of the rows. What is more than 0.03 below the best mean is \
         written, not drawn."
            .to_owned()
    }

    fn size(&self) -> (u32, u32) {
        self.frame().size()
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawing<DB> {
        for (area, task) in self.frame().draw(area)?.iter().zip(&self.tasks) {
            self.draw_task(area, task)?;
        }
        Ok(())
    }
}

impl Auc {
    fn draw_task<DB: DrawingBackend>(&self, area: &Area<DB>, task: &TaskPanel) -> Drawing<DB> {
        let height = |place: usize| (task.rows.len() - place) as f64;
        let ticks = task.rows.iter().enumerate().map(|(place, row)| (height(place), row.title.clone()));
        let range = 0.4..task.rows.len() as f64 + 0.6;
        let y = Axis { label: String::new(), range, ticks: ticks.collect() };
        let panel = Panel::new(area, &Heading::short(&task.name), &task.x, &y)?;
        let shown = |value: f64| task.x.range.contains(&value);
        for (place, row) in task.rows.iter().enumerate() {
            let (at, colour) = (height(place), self.colours[place]);
            for (number, &auc) in row.runs.iter().enumerate().filter(|(_, auc)| shown(**auc)) {
                // Runs in turn on five heights, so that equal ones can be told apart.
                panel.speck((auc, at + 0.07 * (number % 5) as f64 - 0.14), colour)?;
            }
            if shown(row.mean.low) && shown(row.mean.high) {
                panel.span(row.mean.low..row.mean.high, at, theme::INK)?;
            }
            if let Some(paper) = row.paper.filter(|paper| shown(*paper)) {
                panel.square((paper, at), theme::PAPER)?;
            }
            let beyond = [("mean", Some(row.mean.estimate)), ("paper", row.paper)];
            let beyond = beyond.into_iter().filter_map(|(what, value)| {
                let value = value.filter(|value| !shown(*value))?;
                Some(format!("{what} {}", theme::decimals(value, 4)))
            });
            let text = beyond.collect::<Vec<_>>().join(", ");
            panel.note((task.x.range.end, at + 0.3), &text)?;
        }
        Ok(())
    }
}
