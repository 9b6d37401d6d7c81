//! How models of click and conversion fare as one thing is varied: a panel for every measure, a curve for every model.

use super::canvas::{Area, Drawing};
use super::frame::Frame;
use super::highlight::{self, Curve};
use super::panel::{Axis, Heading, Panel};
use super::{Figure, theme};
use crate::analysis::funnel::{Aspect, Quantity, Varied, model_runs};
use crate::record::Space;
use crate::store::Study;

/// What has a panel, and whether it is a score, of which more is better, or a size, which is to be 0.
const PANELS: [(&str, Quantity, Scale); 6] = [
    ("AUC of pCVR, clicked impressions", Quantity::CLICKED_AUC, Scale::Score),
    ("AUC of pCVR, all impressions", Quantity::of_cvr(Space::All, Aspect::Auc), Scale::Score),
    ("AUC of pCTCVR", Quantity::JOINT_AUC, Scale::Score),
    ("|mean pCVR / truth − 1|, all", Quantity::of_cvr(Space::All, Aspect::Distortion), Scale::Size),
    (
        "Mean |pCVR − truth| / mean truth, all",
        Quantity::of_cvr(Space::All, Aspect::RelativeError),
        Scale::Size,
    ),
    ("Calibration error of pCVR, all", Quantity::of_cvr(Space::All, Aspect::CalibrationError), Scale::Size),
];

/// Farthest below the best mean of a setting that is drawn: the paper's models lie within 0.035.
const REACH: f64 = 0.1;
/// Width of a panel's plot, about: half of the canvas less labels.
const PLOT: i32 = 1_700;

#[derive(Clone, Copy)]
enum Scale {
    Score,
    Size,
}

/// The figure of a study that varies something.
pub struct FunnelKnob {
    varied: Varied,
    panels: Vec<(&'static str, Vec<Curve>, Axis)>,
    x: Axis,
    seeds: usize,
}

impl FunnelKnob {
    /// Nothing for a study that varies nothing, or without scores.
    pub fn of(study: &Study) -> Option<Self> {
        let varied = Varied::of(study)?;
        let runs = model_runs(study);
        let panel = |(name, quantity, scale): (&'static str, Quantity, Scale)| {
            let curves: Vec<Curve> = highlight::models(&runs)
                .into_iter()
                .map(|model| {
                    let at = |(number, (_, condition)): (usize, &(f64, _))| {
                        let found = runs
                            .iter()
                            .find(|runs| runs.model.name == model.name && runs.condition == *condition)?;
                        Some((number as f64, found.mean(quantity)))
                    };
                    let values = varied.conditions.iter().enumerate().filter_map(at).collect();
                    Curve::new(&study.experiment, model, values)
                })
                .collect();
            let y = match scale {
                Scale::Score => highlight::score_axis(&curves, REACH),
                Scale::Size => highlight::size_axis(&curves),
            };
            (name, curves, y)
        };
        let panels: Vec<_> = PANELS.into_iter().map(panel).collect();
        let ticks = varied.conditions.iter().map(|(value, _)| theme::number(*value)).collect();
        let x =
            highlight::axis(&varied.name, ticks, PLOT, panels.iter().map(|(_, curves, y)| (&curves[..], y)));
        let seeds = study.experiment.grid.seeds.len();
        runs.iter().any(|runs| runs.runs.len() > runs.diverged()).then_some(Self { varied, panels, x, seeds })
    }
}

impl Figure for FunnelKnob {
    fn name(&self) -> &'static str {
        "funnel_knob"
    }

    fn heading(&self) -> &'static str {
        "By setting"
    }

    fn frame(&self) -> Frame {
        Frame {
            title: format!("Scores and errors by {}", self.varied.name),
            legend: highlight::legend(highlight::crowded(&self.panels[0].1)),
            panels: self.panels.len(),
            columns: 2,
            // Twelve names below each other.
            panel_height: 1_300,
        }
    }

    fn caption(&self) -> String {
        format!(
            "Scores on the test impressions against the {}: means over {} seeds at most with 95 % bootstrap bands, \
             settings evenly spaced. Each seed draws its own impressions, common to all models: bands may overlap where a \
             paired difference is clear. pCVR on all impressions is held against the known truth.{}",
            self.varied.title,
            self.seeds,
            highlight::note(highlight::crowded(&self.panels[0].1))
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, (name, curves, y)) in panels.iter().zip(&self.panels) {
            let panel = Panel::new(area, &Heading::short(*name), &self.x, y)?;
            highlight::draw(&panel, curves, y)?;
        }
        Ok(())
    }
}
