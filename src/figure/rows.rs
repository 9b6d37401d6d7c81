//! Panels with a row for every model: its runs as specks, their mean with its interval, the paper's mean.

use plotters::prelude::RGBColor;

use super::canvas::{Area, Drawing};
use super::frame::{Entry, Swatch};
use super::panel::{Axis, Heading, Panel};
use super::theme;
use crate::analysis::Interval;

/// Height of a model's row on the canvas.
const ROW: u32 = 150;

/// A panel of rows.
pub struct RowPanel {
    name: String,
    rows: Vec<Row>,
    x: Axis,
}

/// A model's runs.
pub struct Row {
    /// Title of the model.
    pub title: String,
    /// Its colour.
    pub colour: RGBColor,
    /// A number of every run that has it.
    pub runs: Vec<f64>,
    /// Its mean.
    pub mean: Interval,
    /// The paper's mean, where it belongs beside ours.
    pub paper: Option<f64>,
}

impl RowPanel {
    /// The panel `name` of models from the first to the last, with values down to `reach` below the best mean: a model
    /// far below all others would squeeze these together. Nothing without finished runs.
    pub fn new(name: String, rows: Vec<Row>, label: &str, reach: f64) -> Option<Self> {
        let x = axis(&rows, label, reach)?;
        Some(Self { name, rows, x })
    }

    /// Height on the canvas.
    pub fn height(&self) -> u32 {
        400 + ROW * self.rows.len() as u32
    }

    /// Draws it.
    pub fn draw(&self, area: &Area) -> Drawing {
        let height = |place: usize| (self.rows.len() - place) as f64;
        let ticks = self.rows.iter().enumerate().map(|(place, row)| (height(place), row.title.clone()));
        let range = 0.4..self.rows.len() as f64 + 0.6;
        let y = Axis { label: String::new(), range, ticks: ticks.collect() };
        let panel = Panel::new(area, &Heading::short(&self.name), &self.x, &y)?;
        let shown = |value: f64| self.x.range.contains(&value);
        for (place, row) in self.rows.iter().enumerate() {
            let at = height(place);
            for (number, &auc) in row.runs.iter().enumerate().filter(|(_, auc)| shown(**auc)) {
                // Runs in turn on five heights, so that equal ones can be told apart.
                panel.speck((auc, at + 0.07 * (number % 5) as f64 - 0.14), row.colour)?;
            }
            if shown(row.mean.estimate) {
                let held = |end: f64| end.clamp(self.x.range.start, self.x.range.end);
                panel.span(held(row.mean.low)..held(row.mean.high), at, theme::INK)?;
            }
            if let Some(paper) = row.paper.filter(|paper| shown(*paper)) {
                panel.square((paper, at), theme::PAPER)?;
            }
            let beyond = [("mean", Some(row.mean.estimate)), ("paper", row.paper)];
            let beyond = beyond.into_iter().filter_map(|(what, value)| {
                let value = value.filter(|value| !shown(*value))?;
                Some(format!("{what} {}", theme::decimals(value, 4)))
            });
            // Only what is below the axis is not shown: it stands at the axis' lower end.
            let text = beyond.collect::<Vec<_>>().join(", ");
            if !text.is_empty() {
                panel.note_from((self.x.range.start, at + 0.3), &format!(" ← {text}"))?;
            }
        }
        Ok(())
    }
}

/// What stands for what, but the paper's means.
pub fn legend() -> Vec<Entry> {
    vec![
        Entry::new(Swatch::Point(theme::FAINT), "a run"),
        Entry::new(Swatch::Line(theme::INK), "95 % interval of the mean"),
    ]
}

/// From the lowest to the highest value within reach of the best mean; nothing without finished runs.
fn axis(rows: &[Row], label: &str, reach: f64) -> Option<Axis> {
    let best = rows.iter().map(|row| row.mean.estimate).filter(|mean| mean.is_finite()).reduce(f64::max)?;
    let values = rows.iter().flat_map(|row| row.runs.iter().copied().chain(row.paper));
    let near: Vec<f64> = values.filter(|value| *value >= best - reach).collect();
    let low = near.iter().copied().fold(best, f64::min);
    let high = near.iter().copied().fold(best, f64::max);
    // A margin, so that no marker lies on an edge; more than none where all values are equal.
    let margin = (0.05 * (high - low)).max(1e-4);
    Some(Axis::new(label, low - margin..high + margin, 6, theme::number))
}
