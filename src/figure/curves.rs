//! Learning curves, as in Figures 3 and 4: mean losses with their bands, the paper's beside them.

use plotters::prelude::*;

use super::canvas::Drawing;
use super::frame::Swatch;
use super::panel::{Axis, Panel, round_up};
use super::theme;
use crate::analysis::MeanCurve;
use crate::record::Status;
use crate::store::Study;

/// A model's mean loss at a task correlation, with the paper's.
pub struct ModelCurve {
    /// Name of the model.
    pub model: String,
    /// Task correlation of its runs, where the data has one.
    pub task_correlation: Option<f64>,
    /// Our mean over runs.
    pub mean: MeanCurve,
    /// Step and loss of the paper's curve up to our last step; empty where it has none for these sizes.
    pub paper: Vec<(f64, f64)>,
}

impl ModelCurve {
    /// The last mean of a curve that ends above an axis.
    fn ends_above(&self, y: &Axis) -> Option<f64> {
        self.mean.loss.last().map(|loss| loss.estimate).filter(|loss| *loss > y.range.end)
    }
}

/// Most curves of a panel whose bands are distinguishable. With more curves, whiskers after the last step show the
/// uncertainty.
const MOST_BANDS: usize = 6;
/// Distance of these whiskers, as a share of the steps, at which caps of neighbours just do not touch.
const WHISKER_GAP: f64 = 0.035;

/// Whether a panel of so many curves has whiskers instead of bands.
pub fn crowded(curves: usize) -> bool {
    curves > MOST_BANDS
}

/// An axis of steps with room for the whiskers of so many curves.
pub fn with_room(mut axis: Axis, curves: usize) -> Axis {
    if crowded(curves) {
        axis.range.end *= 1.0 + WHISKER_GAP * (curves + 1) as f64;
    }
    axis
}

/// The mark of a curve in the legend.
pub fn swatch(colour: RGBColor, curves: usize) -> Swatch {
    if crowded(curves) { Swatch::Line(colour) } else { Swatch::Band(colour) }
}

/// The kind of uncertainty shown, for a caption.
pub fn uncertainty_note(curves: usize) -> &'static str {
    match crowded(curves) {
        true => {
            "with 95 % bootstrap intervals over runs of the loss after the last step at the right, in the order \
             of the legend"
        }
        false => "with 95 % bootstrap bands over runs",
    }
}

/// Draws curves on a panel, each with its uncertainty and the paper's curve in its colour: bands below, so that
/// they tint no line, or whiskers after the last step where there are too many curves. A curve that ends above the axis `y`
/// has a triangle at its end.
///
/// # Errors
/// If the drawing backend fails.
pub fn draw_curves(panel: &Panel, curves: &[(&ModelCurve, RGBColor)], y: &Axis) -> Drawing {
    let crowded = crowded(curves.len());
    for (curve, colour) in curves.iter().filter(|_| !crowded) {
        panel.band(&curve.mean.band(), *colour)?;
    }
    for (curve, colour) in curves {
        panel.dashed(&curve.paper, *colour)?;
    }
    for (curve, colour) in curves {
        panel.line(&curve.mean.points(), *colour)?;
    }
    for (curve, colour) in curves {
        if let (Some(_), Some(&step)) = (curve.ends_above(y), curve.mean.steps.last()) {
            panel.above(step as f64, *colour)?;
        }
    }
    // All after the longest curve: one of a model whose runs stopped early has its whisker beside the others.
    let end = curves.iter().filter_map(|(curve, _)| curve.mean.steps.last()).max();
    for (index, (curve, colour)) in curves.iter().enumerate().filter(|_| crowded) {
        let (Some(&step), Some(last)) = (end, curve.mean.loss.last()) else { continue };
        let x = step as f64 * (1.0 + WHISKER_GAP * (index + 1) as f64);
        if let Some(ends) = last.ends {
            panel.whisker(x, ends, *colour)?;
        }
        panel.point_within((x, last.estimate), *colour)?;
    }
    Ok(())
}

/// The axis of steps, up to the last that a run took.
pub fn step_axis(study: &Study, label: &str, ticks: usize) -> Axis {
    Axis::new(label, 0.0..last_step(study).max(1) as f64, ticks, theme::step)
}

/// The last step of a study's runs: the planned one or, where runs stop early, that of the run that was trained the longest.
pub fn last_step(study: &Study) -> u64 {
    let train = &study.experiment.train;
    let finished = study.runs.iter().filter(|run| run.status == Status::Finished);
    let longest = train.recipe.stop.and_then(|_| finished.map(|run| run.steps).max());
    longest.unwrap_or(train.steps)
}

/// The axis of losses, from 0 to a round value above all means from step `from` on. It ends at
/// 1.2 times the highest loss at the start at most: a model that got worse than untrained leaves the panel, and the
/// others stay readable. Where most of them got worse, the axis holds half of the curves.
pub fn loss_axis(curves: &[ModelCurve], from: f64, label: &str) -> Axis {
    let heights = |from: f64| {
        curves
            .iter()
            .flat_map(|curve| curve.mean.points().into_iter().chain(curve.paper.iter().copied()))
            .filter(move |point| point.0 >= from)
            .map(|point| point.1)
    };
    let start = curves.iter().filter_map(|curve| curve.mean.loss.first()).map(|loss| loss.estimate);
    let mut tops: Vec<f64> = curves
        .iter()
        .filter_map(|curve| {
            curve.mean.points().into_iter().filter(|point| point.0 >= from).map(|at| at.1).reduce(f64::max)
        })
        .collect();
    tops.sort_by(f64::total_cmp);
    let half = tops.get(tops.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    let limit = half.max(1.2 * start.fold(0.0, f64::max));
    let highest = heights(from).fold(0.0, f64::max);
    let highest = if limit > 0.0 { highest.min(limit) } else { highest };
    let top = if highest > 0.0 { round_up(highest * 1.02) } else { 1.0 };
    Axis::new(label, 0.0..top, 6, theme::measured)
}

/// The number of curves that end above an axis, and their losses, for a caption; empty where none does.
pub fn above_note(curves: &[ModelCurve], y: &Axis) -> String {
    let above: Vec<f64> = curves.iter().filter_map(|curve| curve.ends_above(y)).collect();
    let highest = above.iter().copied().fold(0.0, f64::max);
    match above.len() {
        0 => String::new(),
        1 => format!(
            " One curve ends above its panel, at a loss of {} (triangle at the edge).",
            theme::measured(highest)
        ),
        n => format!(
            " {n} curves end above their panels, at losses of up to {} (triangles at the edge).",
            theme::measured(highest)
        ),
    }
}

/// The number of diverged runs of some curves, for a caption; empty where none diverged.
pub fn diverged_note(curves: &[ModelCurve]) -> String {
    let diverged: usize = curves.iter().map(|curve| curve.mean.diverged).sum();
    let runs: usize = curves.iter().map(|curve| curve.mean.runs).sum::<usize>() + diverged;
    match diverged {
        0 => String::new(),
        1 => format!(" One of the {} runs diverged; no mean includes it.", theme::thousands(runs as u64)),
        n => format!(
            " {} of the {} runs diverged; no mean includes them.",
            theme::thousands(n as u64),
            theme::thousands(runs as u64)
        ),
    }
}

/// The number of runs of some curves that stopped early, and what stands for them; empty where all were trained to the end.
pub fn stopped_note(curves: &[ModelCurve]) -> String {
    let stopped: usize = curves.iter().map(|curve| curve.mean.stopped).sum();
    let runs: usize = curves.iter().map(|curve| curve.mean.runs).sum();
    let runs = theme::thousands(runs as u64);
    let counted = match stopped {
        0 => return String::new(),
        1 => format!("One of the {runs} runs"),
        n => format!("{} of the {runs} runs", theme::thousands(n as u64)),
    };
    format!(
        " {counted} stopped earlier than others of the same curve; from there on the last loss stands in the mean. \
         Tables have the losses of each run's best step."
    )
}

/// The number of runs of some curves: "200 runs", or "190 to 200 runs" where they differ.
pub fn runs_note(curves: &[ModelCurve]) -> String {
    let fewest = curves.iter().map(|curve| curve.mean.runs).min().unwrap_or(0);
    let most = curves.iter().map(|curve| curve.mean.runs).max().unwrap_or(0);
    match (fewest, most) {
        (1, 1) => "1 run".to_owned(),
        (fewest, most) if fewest == most => format!("{most} runs"),
        (fewest, most) => format!("{fewest} to {most} runs"),
    }
}
