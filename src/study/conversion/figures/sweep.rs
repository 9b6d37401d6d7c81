//! Scores and errors of models of click and conversion against a swept parameter: a panel a measure, a curve a model.

use super::super::metric::{Metric, MetricKind};
use super::super::runs::{SweptAxis, model_runs};
use super::{curve, models};
use crate::figure::canvas::{Area, Drawing};
use crate::figure::emphasis::{self, Curve, CurvePanel};
use crate::figure::frame::Frame;
use crate::figure::panel::{Axis, Heading, Panel};
use crate::figure::theme::Palette;
use crate::figure::{Figure, theme};
use crate::record::Space;
use crate::store::Study;

/// Heading and metric of every panel, and its scale.
const PANELS: [(&str, Metric, Scale); 6] = [
    ("AUC of pCVR, clicked impressions", Metric::CLICKED_AUC, Scale::Score),
    ("AUC of pCVR, all impressions", Metric::cvr(Space::All, MetricKind::Auc), Scale::Score),
    ("AUC of pCTCVR", Metric::JOINT_AUC, Scale::Score),
    ("|mean pCVR / truth − 1|, all", Metric::cvr(Space::All, MetricKind::Distortion), Scale::Size),
    (
        "Mean |pCVR − truth| / mean truth, all",
        Metric::cvr(Space::All, MetricKind::RelativeError),
        Scale::Size,
    ),
    ("Calibration error of pCVR, all", Metric::cvr(Space::All, MetricKind::CalibrationError), Scale::Size),
];

/// Farthest below the best mean at a setting that is drawn: the paper's models lie within 0.035.
const REACH: f64 = 0.1;
/// Approximate width of a panel's plot: half of the canvas less labels.
const PLOT: i32 = 1_700;

#[derive(Clone, Copy)]
enum Scale {
    /// Higher is better.
    Score,
    /// 0 is best.
    Size,
}

/// The figure of a study of several conditions.
pub struct Sweep {
    varied: SweptAxis,
    panels: Vec<CurvePanel>,
    x: Axis,
    seeds: usize,
}

impl Sweep {
    /// None for a study of one condition, or without finished runs.
    pub fn from_study(study: &Study) -> Option<Self> {
        let varied = SweptAxis::from_study(study)?;
        let (runs, palette) = (model_runs(study), Palette::new(&study.experiment));
        let panel = |(heading, metric, scale): (&str, Metric, Scale)| {
            let curves: Vec<Curve> = models(&runs)
                .into_iter()
                .map(|model| {
                    let at = |(number, (_, condition)): (usize, &(f64, _))| {
                        let found = runs
                            .iter()
                            .find(|runs| runs.model.name == model.name && runs.condition == *condition)?;
                        Some((number as f64, found.mean(metric)?))
                    };
                    let values = varied.conditions.iter().enumerate().filter_map(at).collect();
                    curve(study, &palette, model, values)
                })
                .collect();
            let y = match scale {
                Scale::Score => emphasis::score_axis(&curves, REACH),
                Scale::Size => emphasis::size_axis(&curves),
            };
            CurvePanel { heading: heading.to_owned(), curves, y }
        };
        let panels: Vec<CurvePanel> = PANELS.into_iter().map(panel).collect();
        let ticks = varied.conditions.iter().map(|(value, _)| theme::number(*value)).collect();
        let x = emphasis::axis(&varied.name, ticks, PLOT, &panels);
        let seeds = study.experiment.grid.seeds.len();
        runs.iter().any(|runs| runs.runs.len() > runs.diverged()).then_some(Self { varied, panels, x, seeds })
    }
}

impl Figure for Sweep {
    fn name(&self) -> &'static str {
        "funnel_knob"
    }

    fn heading(&self) -> &'static str {
        "By setting"
    }

    fn frame(&self) -> Frame {
        Frame {
            title: format!("Scores and errors by {}", self.varied.name),
            legend: emphasis::legend(emphasis::crowded(&self.panels[0].curves)),
            panels: self.panels.len(),
            columns: 2,
            // Twelve names below each other.
            panel_height: 1_300,
        }
    }

    fn caption(&self) -> String {
        format!(
            "Scores on the test impressions against the {}: means over at most {} seeds with 95 % bootstrap bands, with \
             settings evenly spaced. Each seed draws its own impressions, which all models share: bands may overlap where \
             a paired difference is significant. pCVR on all impressions is compared with the known truth.{}",
            self.varied.title,
            self.seeds,
            emphasis::note(emphasis::crowded(&self.panels[0].curves))
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, CurvePanel { heading, curves, y }) in panels.iter().zip(&self.panels) {
            // Some run finished; what it has no number for needs the true probabilities.
            Panel::draw(
                area,
                &Heading::short(heading),
                (&self.x, y),
                "not known of these impressions",
                |panel| emphasis::draw(panel, curves, y),
            )?;
        }
        Ok(())
    }
}
