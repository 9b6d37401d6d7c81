//! What Figures 3 and 4 have in common: mean loss curves with their bands, the paper's beside them.

use plotters::prelude::*;

use super::MEASURE;
use super::panel::{Axis, Drawing, Panel, round_up};
use super::theme;
use crate::analysis::{MeanCurve, Reported, reference};
use crate::store::Study;

/// A model's mean loss at a task correlation, with all that a panel needs.
pub struct ModelCurve {
    /// Name of the model.
    pub model: String,
    /// Cosine of the weight vectors.
    pub task_correlation: f64,
    /// Ours.
    pub mean: MeanCurve,
    /// The paper's, step and loss, where it has one for a model of these sizes, up to our last step.
    pub paper: Vec<(f64, f64)>,
}

impl ModelCurve {
    /// The curve of a model's reported runs.
    pub fn of(study: &Study, reported: &Reported) -> Self {
        let paper = reference::curve(&study.experiment, reported.model, reported.task_correlation);
        let mut paper = paper.map_or(Vec::new(), |curve| curve.points);
        paper.retain(|point| point.0 <= study.experiment.train.steps as f64);
        Self {
            model: reported.model.to_owned(),
            task_correlation: reported.task_correlation,
            mean: MeanCurve::of(&reported.runs, MEASURE),
            paper,
        }
    }
}

/// Draws curves on a panel, each with its band and the paper's curve in its colour: bands below, so that they
/// tint no line.
pub fn draw_curves<DB: DrawingBackend>(panel: &Panel<DB>, curves: &[(&ModelCurve, RGBColor)]) -> Drawing<DB> {
    for (curve, colour) in curves {
        panel.band(&curve.mean.band(), *colour)?;
    }
    for (curve, colour) in curves {
        panel.dashed(&curve.paper, *colour)?;
    }
    for (curve, colour) in curves {
        panel.line(&curve.mean.points(), *colour)?;
    }
    Ok(())
}

/// The axis of steps.
pub fn step_axis(study: &Study, label: &str, ticks: usize) -> Axis {
    Axis::new(label, 0.0..study.experiment.train.steps.max(1) as f64, ticks, theme::step)
}

/// The axis of losses, from 0 to a round value above all means from step `from` on. It never goes beyond
/// 1.2 times the highest loss at the start: a model that got worse than untrained leaves the panel, and the
/// others stay readable.
pub fn loss_axis(curves: &[ModelCurve], from: f64, label: &str) -> Axis {
    let heights = |from: f64| {
        curves
            .iter()
            .flat_map(|curve| curve.mean.points().into_iter().chain(curve.paper.iter().copied()))
            .filter(move |point| point.0 >= from && point.1.is_finite())
            .map(|point| point.1)
    };
    let start = curves.iter().filter_map(|curve| curve.mean.loss.first()).map(|loss| loss.estimate);
    let limit = 1.2 * start.filter(|loss| loss.is_finite()).fold(0.0, f64::max);
    let highest = heights(from).fold(0.0, f64::max);
    let highest = if limit > 0.0 { highest.min(limit) } else { highest };
    let top = if highest > 0.0 { round_up(highest * 1.02) } else { 1.0 };
    Axis::new(label, 0.0..top, 6, theme::number)
}

/// How many of some curves' runs diverged, in words for a caption; empty where none did.
pub fn diverged_note(curves: &[ModelCurve]) -> String {
    let diverged: usize = curves.iter().map(|curve| curve.mean.diverged).sum();
    let runs: usize = curves.iter().map(|curve| curve.mean.runs).sum::<usize>() + diverged;
    match diverged {
        0 => String::new(),
        1 => format!(" One of the {} runs diverged and is in no mean.", theme::thousands(runs as u64)),
        n => format!(
            " {} of the {} runs diverged and are in no mean.",
            theme::thousands(n as u64),
            theme::thousands(runs as u64)
        ),
    }
}

/// Runs behind the curves: "200 runs", or "190 to 200 runs" where they differ.
pub fn runs_note(curves: &[ModelCurve]) -> String {
    let fewest = curves.iter().map(|curve| curve.mean.runs).min().unwrap_or(0);
    let most = curves.iter().map(|curve| curve.mean.runs).max().unwrap_or(0);
    match (fewest, most) {
        (1, 1) => "1 run".to_owned(),
        (fewest, most) if fewest == most => format!("{most} runs"),
        (fewest, most) => format!("{fewest} to {most} runs"),
    }
}
