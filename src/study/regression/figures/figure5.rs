//! Figure 5: the spread of the runs' final losses, a histogram for every model and task correlation.

use plotters::prelude::RGBColor;

use super::super::reference;
use crate::analysis::histogram::{BIN_WIDTH, bin};
use crate::analysis::{Histogram, Measure, selected_runs};
use crate::figure::canvas::{Area, Drawing};
use crate::figure::frame::{Entry, Frame, Swatch};
use crate::figure::panel::{Axis, Heading, Panel, round_up, round_values};
use crate::figure::theme::Palette;
use crate::figure::{Figure, NO_RUN_FINISHED, facets, theme};
use crate::store::Study;

/// Bins that the paper's histograms need: up to a loss of 2/3.
const FEWEST_BINS: usize = 20;
/// Most bins that are distinguishable: up to a loss of 3.
const MOST_BINS: usize = 90;
/// Share of all runs that the bins hold at least, where [`MOST_BINS`] allow it.
const HELD: f64 = 0.99;
/// Width of the bar of losses beyond the last bin, and of the space before it, in bins.
const OVERFLOW_BAR: f64 = 1.6;
const OVERFLOW_GAP: f64 = 0.8;

/// Figure 5 of a study.
pub struct Figure5 {
    /// The measure in words.
    loss: &'static str,
    /// Name, title and colour of every model with runs.
    models: Vec<(String, String, RGBColor)>,
    correlations: Vec<f64>,
    panels: Vec<Spread>,
    bins: usize,
    x: Axis,
    y: Axis,
}

/// One panel: a model at a task correlation.
struct Spread {
    model: String,
    task_correlation: f64,
    ours: Histogram,
    /// The paper's counts scaled to our number of runs.
    paper: Option<Vec<f64>>,
}

impl Figure5 {
    /// None for a study without runs.
    pub fn from_study(study: &Study) -> Option<Self> {
        let experiment = &study.experiment;
        let palette = Palette::new(experiment);
        let measure = Measure::from_study(study);
        let reported = selected_runs(study, measure);
        if reported.is_empty() {
            return None;
        }
        let bins = bins(reported.iter().flat_map(|r| r.final_losses(measure)).collect());
        let panels: Vec<Spread> = reported
            .iter()
            .filter_map(|reported| {
                let task_correlation = reported.condition.task_correlation?;
                let ours = Histogram::new(&reported.final_losses(measure), reported.diverged(), bins);
                let scale = ours.runs() as f64 / reference::RUNS as f64;
                let paper = reference::final_losses(experiment, &reported.model.name, task_correlation);
                let paper = paper.map(|paper| {
                    paper.with_bins(bins).counts.iter().map(|&count| count as f64 * scale).collect()
                });
                let model = reported.model.name.clone();
                Some(Spread { model, task_correlation, ours, paper })
            })
            .collect();
        let models = experiment
            .models
            .iter()
            .filter(|model| panels.iter().any(|panel| panel.model == model.name))
            .map(|model| (model.name.clone(), model.title.clone(), palette.colour(&model.name)))
            .collect();
        let correlations = experiment.grid.task_correlations.iter().copied();
        let correlations = correlations.filter(|&c| panels.iter().any(|p| p.task_correlation == c)).collect();
        let (x, y) = (loss_axis(bins, &panels), run_axis(&panels));
        Some(Self { loss: measure.rows.loss(), models, correlations, panels, bins, x, y })
    }

    fn draw_panel(&self, area: &Area, model: usize, correlation: f64) -> Drawing {
        let (name, title, colour) = &self.models[model];
        let heading = Heading::cell(title, Some(correlation));
        let found = self.panels.iter().find(|p| p.model == *name && p.task_correlation == correlation);
        Panel::draw(area, &heading, (&self.x, &self.y), NO_RUN_FINISHED, |panel| match found {
            Some(spread) => self.draw_spread(panel, spread, *colour),
            None => Ok(()),
        })
    }

    fn draw_spread(&self, panel: &Panel, spread: &Spread, colour: RGBColor) -> Drawing {
        let edges: Vec<f64> = (0..=self.bins).map(|bin| bin as f64 * BIN_WIDTH).collect();
        for (sides, &count) in edges.windows(2).zip(&spread.ours.counts) {
            if count > 0 {
                panel.bar(sides[0]..sides[1], count as f64, colour)?;
            }
        }
        if spread.ours.overflow > 0 {
            let from = edges[self.bins] + OVERFLOW_GAP * BIN_WIDTH;
            panel.bar(from..from + OVERFLOW_BAR * BIN_WIDTH, spread.ours.overflow as f64, colour)?;
        }
        if let Some(paper) = &spread.paper {
            panel.outline(&edges, paper, theme::PAPER)?;
        }
        let runs = spread.ours.runs();
        let note = match spread.ours.diverged {
            0 => format!("{runs} runs"),
            n if n == runs => format!("all {runs} runs diverged"),
            n => format!("{runs} runs, {n} diverged"),
        };
        let corner = (self.x.range.end, self.y.range.end);
        panel.note(corner, note.replacen("1 runs", "1 run", usize::from(runs == 1)).as_str())
    }
}

impl Figure for Figure5 {
    fn name(&self) -> &'static str {
        "figure5"
    }

    fn heading(&self) -> &'static str {
        "Figure 5"
    }

    fn frame(&self) -> Frame {
        let mut legend: Vec<Entry> =
            self.models.iter().map(|(_, title, colour)| Entry::new(Swatch::Bar(*colour), title)).collect();
        if self.panels.iter().any(|panel| panel.paper.is_some()) {
            legend.push(Entry::new(Swatch::Outline(theme::PAPER), "paper, scaled to our number of runs"));
        }
        Frame {
            title: "Final losses of the runs".to_owned(),
            legend,
            panels: facets::cells(self.models.len(), self.correlations.len()).len(),
            columns: facets::columns(self.correlations.len()),
            panel_height: 940,
        }
    }

    fn caption(&self) -> String {
        let paper = if self.panels.iter().any(|panel| panel.paper.is_some()) {
            "Black outline: the paper's Figure 5, its 200 runs a panel scaled to the number of ours. "
        } else {
            ""
        };
        let overflow: usize = self.panels.iter().map(|panel| panel.ours.overflow).sum();
        let overflow = match overflow {
            0 => String::new(),
            n => format!(
                "The separate bar at the right of a panel counts losses of {} and more ({n} in all). ",
                theme::decimals(self.bins as f64 * BIN_WIDTH, 2)
            ),
        };
        format!(
            "{} of task 1 after the last step, in bins of 1/30 as in the paper, the same axes in all \
             panels; every run at its cross-fitted learning rate. {paper}{overflow}A robust model has one narrow \
             peak; runs in a second peak at high losses got stuck. Diverged runs have no loss; the panel's \
             corner counts them.",
            self.loss
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        let cells = facets::cells(self.models.len(), self.correlations.len());
        for (area, cell) in panels.iter().zip(cells) {
            if let Some((model, correlation)) = cell {
                self.draw_panel(area, model, self.correlations[correlation])?;
            }
        }
        Ok(())
    }
}

/// The number of bins that hold nearly all losses.
fn bins(mut losses: Vec<f64>) -> usize {
    losses.sort_by(f64::total_cmp);
    let held = (losses.len() as f64 * HELD).ceil() as usize;
    let highest = held.checked_sub(1).map_or(0.0, |index| losses[index]);
    (bin(highest) + 1).clamp(FEWEST_BINS, MOST_BINS)
}

/// The axis of losses, with room for the overflow where a panel has one.
fn loss_axis(bins: usize, panels: &[Spread]) -> Axis {
    let last = bins as f64 * BIN_WIDTH;
    let mut axis = Axis::new("Final loss", 0.0..last, 4, theme::number);
    if panels.iter().any(|panel| panel.ours.overflow > 0) {
        let from = last + OVERFLOW_GAP * BIN_WIDTH;
        axis.range.end = from + (OVERFLOW_BAR + 0.4) * BIN_WIDTH;
        axis.ticks =
            round_values(&(0.0..last * 0.85), 3).into_iter().map(|v| (v, theme::number(v))).collect();
        axis.ticks.push((from + OVERFLOW_BAR / 2.0 * BIN_WIDTH, format!("≥ {}", theme::decimals(last, 2))));
    }
    axis
}

/// The axis of runs, high enough for every bar and outline.
fn run_axis(panels: &[Spread]) -> Axis {
    let ours = panels.iter().flat_map(|p| p.ours.counts.iter().chain([&p.ours.overflow])).map(|&n| n as f64);
    let paper = panels.iter().filter_map(|panel| panel.paper.as_ref()).flatten().copied();
    let highest = ours.chain(paper).fold(1.0, f64::max);
    // Room above the bars for the note in the corner.
    let top = round_up(highest * 1.05);
    let mut axis = Axis::new("Runs", 0.0..top, 4, theme::number);
    axis.ticks.retain(|(value, _)| value.fract() == 0.0);
    axis
}
