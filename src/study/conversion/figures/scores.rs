//! AUCs of every model of click and conversion on the test impressions: a panel each for pCVR as a log can score it, pCVR
//! on all impressions, and pCTCVR. The paper's AUCs are of other data and stand in the report's table.

use super::super::metric::{Metric, MetricKind};
use super::super::runs::{SweptAxis, model_runs};
use crate::figure::dot_plot::{DotPanel, DotPlot, Row};
use crate::figure::theme::Palette;
use crate::record::Space;
use crate::store::Study;

/// Farthest below the best mean that is drawn: the paper's models lie within 0.035.
const REACH: f64 = 0.1;

/// Heading and score of every panel.
const PANELS: [(&str, Metric); 3] = [
    ("pCVR on clicked impressions", Metric::CLICKED_AUC),
    ("pCVR on all impressions, in expectation over true outcomes", Metric::cvr(Space::All, MetricKind::Auc)),
    ("pCTCVR on all impressions", Metric::JOINT_AUC),
];

/// The figure of AUCs; none for a study of several conditions, or without scores.
pub fn figure(study: &Study) -> Option<DotPlot> {
    if SweptAxis::from_study(study).is_some() {
        return None;
    }
    let (models, palette) = (model_runs(study), Palette::new(&study.experiment));
    let panel = |(name, metric): (&str, Metric)| {
        let rows = models.iter().map(|runs| Row {
            title: runs.model.title.clone(),
            colour: palette.colour(&runs.model.name),
            runs: runs.values(metric),
            mean: runs.mean(metric),
            paper: None,
        });
        DotPanel::new(name.to_owned(), rows.collect(), "AUC on the test impressions", REACH)
    };
    let panels: Vec<DotPanel> = PANELS.into_iter().filter_map(panel).collect();
    // Simulated impressions have true probabilities.
    let seeds = match study.experiment.data.source().knows_probabilities() {
        true => {
            "A seed draws impressions as well as first parameters, so the models share most of the scatter of runs; the \
             table shows differences paired by seed. On all impressions pCVR is scored in expectation over outcomes drawn \
             by the true pCVR, which no log contains."
        }
        false => {
            "A seed draws first parameters and the order of batches; all runs share their impressions. The table shows \
             differences paired by seed."
        }
    };
    (!panels.is_empty()).then(|| DotPlot {
        name: "funnel_scores",
        heading: "AUC by model",
        title: "AUC on the test impressions",
        caption: format!(
            "Area under the ROC curve on the test impressions: a dot a run, and the mean with its 95 % bootstrap interval \
             over runs. {seeds} Values more than 0.1 below the best mean are written, not drawn."
        ),
        panels,
    })
}
