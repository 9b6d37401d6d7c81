//! Scores and errors of models of click and conversion against a key that varies: a panel a measure, a curve a model.

use super::super::metric::{Metric, MetricKind};
use super::super::runs::{SweptAxis, model_runs};
use super::colour;
use crate::figure::by_setting::{BySetting, Facet, Scale, Words};
use crate::figure::theme::Palette;
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

/// The figure of a study of several conditions; none for a study of one condition, or without finished runs.
pub fn figure(study: &Study) -> Option<BySetting> {
    let varied = SweptAxis::from_study(study)?;
    let (runs, palette) = (model_runs(study), Palette::new(&study.experiment));
    let (values, conditions): (Vec<_>, Vec<_>) = varied.conditions.into_iter().unzip();
    let facets: Vec<Facet> = PANELS
        .iter()
        .map(|(heading, metric, scale)| Facet {
            heading: (*heading).to_owned(),
            value: metric,
            scale: *scale,
            conditions: conditions.clone(),
        })
        .collect();
    let words = Words {
        name: "funnel_knob",
        title: format!("Scores and errors by {}", varied.name),
        caption: format!(
            "Scores on the test impressions against the {}: means over at most {} seeds with 95 % bootstrap bands. Each seed \
             draws its own impressions, which all models share: bands may overlap where a paired difference is significant. \
             pCVR on all impressions is compared with the known truth.",
            varied.title,
            study.experiment.grid.seeds.len()
        ),
        axis: varied.name,
    };
    let colour = |model: &_| colour(&study.experiment, &palette, model);
    BySetting::new(words, &runs, &values, &facets, 2, colour)
}
