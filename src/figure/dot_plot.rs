//! Dot plots: a panel a score and a row a model, with a dot a run, the interval of their mean and the paper's mean.

use plotters::prelude::RGBColor;

use super::canvas::{Area, Drawing};
use super::frame::{Entry, Frame, Swatch};
use super::panel::{Axis, Heading, Panel};
use super::{Figure, NO_RUN_FINISHED, theme};
use crate::analysis::Interval;

/// Height of a model's row on the canvas.
const ROW: u32 = 150;
/// Height of a panel's heading and axis.
const AROUND_ROWS: u32 = 400;

/// A figure of dot plots below each other.
pub struct DotPlot {
    /// Name of its files.
    pub name: &'static str,
    /// Heading above it on a page.
    pub heading: &'static str,
    /// Title of the drawing.
    pub title: &'static str,
    /// Caption.
    pub caption: String,
    /// Panels from top to bottom.
    pub panels: Vec<DotPanel>,
}

impl Figure for DotPlot {
    fn name(&self) -> &'static str {
        self.name
    }

    fn heading(&self) -> &'static str {
        self.heading
    }

    fn frame(&self) -> Frame {
        let mut legend = vec![
            Entry::new(Swatch::Point(theme::FAINT), "a run"),
            Entry::new(Swatch::Line(theme::INK), "95 % interval of the mean"),
        ];
        if self.panels.iter().flat_map(|panel| &panel.rows).any(|row| row.paper.is_some()) {
            legend.push(Entry::new(Swatch::Square(theme::PAPER), "mean in the paper"));
        }
        Frame {
            title: self.title.to_owned(),
            legend,
            panels: self.panels.len(),
            columns: 1,
            panel_height: self.panels.iter().map(DotPanel::height).max().unwrap_or(0),
        }
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        panels.iter().zip(&self.panels).try_for_each(|(area, panel)| panel.draw(area))
    }
}

/// One dot plot.
pub struct DotPanel {
    name: String,
    rows: Vec<Row>,
    x: Axis,
}

/// The runs of a model.
pub struct Row {
    /// Title of the model.
    pub title: String,
    /// Colour of the model.
    pub colour: RGBColor,
    /// The score of every run that has it.
    pub runs: Vec<f64>,
    /// Mean over these runs; none without any.
    pub mean: Option<Interval>,
    /// The paper's mean, where it belongs beside ours.
    pub paper: Option<f64>,
}

impl DotPanel {
    /// The panel `name` of models from the first to the last, with values down to `reach` below the best mean, since a
    /// model far below the others would squeeze these together. None without finished runs.
    pub fn new(name: String, rows: Vec<Row>, label: &str, reach: f64) -> Option<Self> {
        let x = axis(&rows, label, reach)?;
        Some(Self { name, rows, x })
    }

    fn height(&self) -> u32 {
        AROUND_ROWS + ROW * self.rows.len() as u32
    }

    fn draw(&self, area: &Area) -> Drawing {
        let height = |index: usize| (self.rows.len() - index) as f64;
        let ticks = self.rows.iter().enumerate().map(|(index, row)| (height(index), row.title.clone()));
        let range = 0.4..self.rows.len() as f64 + 0.6;
        let y = Axis { label: String::new(), range, ticks: ticks.collect() };
        Panel::draw(area, &Heading::short(&self.name), (&self.x, &y), NO_RUN_FINISHED, |panel| {
            self.draw_rows(panel)
        })
    }

    fn draw_rows(&self, panel: &Panel) -> Drawing {
        let height = |index: usize| (self.rows.len() - index) as f64;
        let shown = |value: f64| self.x.range.contains(&value);
        for (index, row) in self.rows.iter().enumerate() {
            let at = height(index);
            for (number, &auc) in row.runs.iter().enumerate().filter(|(_, auc)| shown(**auc)) {
                // Runs take turns on five heights, so that equal ones stay visible.
                panel.speck((auc, at + 0.07 * (number % 5) as f64 - 0.14), row.colour)?;
            }
            let mean = row.mean.map(|mean| mean.estimate);
            if let Some((low, high)) = row.mean.filter(|mean| shown(mean.estimate)).and_then(|mean| mean.ends)
            {
                let held = |end: f64| end.clamp(self.x.range.start, self.x.range.end);
                panel.span(held(low)..held(high), at, theme::INK)?;
            }
            if let Some(paper) = row.paper.filter(|paper| shown(*paper)) {
                panel.square((paper, at), theme::PAPER)?;
            }
            let beyond = [("mean", mean), ("paper", row.paper)];
            let beyond = beyond.into_iter().filter_map(|(what, value)| {
                let value = value.filter(|value| !shown(*value))?;
                Some(format!("{what} {}", theme::decimals(value, 4)))
            });
            // Values below the axis stand in words at its lower end.
            let text = beyond.collect::<Vec<_>>().join(", ");
            if !text.is_empty() {
                panel.note_from((self.x.range.start, at + 0.3), &format!(" ← {text}"))?;
            }
        }
        Ok(())
    }
}

/// The axis from the lowest to the highest value within reach of the best mean; none without finished runs.
fn axis(rows: &[Row], label: &str, reach: f64) -> Option<Axis> {
    let best = rows.iter().filter_map(|row| Some(row.mean?.estimate)).reduce(f64::max)?;
    let values = rows.iter().flat_map(|row| row.runs.iter().copied().chain(row.paper));
    let near: Vec<f64> = values.filter(|value| *value >= best - reach).collect();
    let low = near.iter().copied().fold(best, f64::min);
    let high = near.iter().copied().fold(best, f64::max);
    // A margin keeps markers off the edges, also where all values are equal.
    let margin = (0.05 * (high - low)).max(1e-4);
    Some(Axis::new(label, low - margin..high + margin, 6, theme::number))
}
