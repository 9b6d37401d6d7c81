//! AUCs of every model of click and conversion on the test impressions: a panel for pCVR as a log can score it, for
//! pCVR on all impressions, and for pCTCVR. The paper's AUCs are of other data and stand in the report's table.

use super::canvas::{Area, Drawing};
use super::frame::Frame;
use super::rows::{self, Row, RowPanel};
use super::{Figure, theme};
use crate::analysis::funnel::{Aspect, Quantity, Varied, model_runs};
use crate::record::Space;
use crate::store::Study;

/// Farthest below the best mean that is drawn: the paper's models lie within 0.035.
const REACH: f64 = 0.1;

/// What has a panel.
const PANELS: [(&str, Quantity); 3] = [
    ("pCVR on clicked impressions", Quantity::CLICKED_AUC),
    ("pCVR on all impressions, outcomes as the truth has them", Quantity::of_cvr(Space::All, Aspect::Auc)),
    ("pCTCVR on all impressions", Quantity::JOINT_AUC),
];

/// The figure of a study of one place.
pub struct FunnelScores {
    panels: Vec<RowPanel>,
    /// Whether impressions are made, seed by seed, with a known truth.
    made: bool,
}

impl FunnelScores {
    /// Nothing for a study that varies something, or without scores.
    pub fn of(study: &Study) -> Option<Self> {
        if Varied::of(study).is_some() {
            return None;
        }
        let models = model_runs(study);
        let panel = |(name, quantity): (&str, Quantity)| {
            let rows = models.iter().map(|runs| Row {
                title: runs.model.title.clone(),
                colour: theme::model(&study.experiment, &runs.model.name),
                runs: runs.values(quantity),
                mean: runs.mean(quantity),
                paper: None,
            });
            RowPanel::new(name.to_owned(), rows.collect(), "AUC on the test impressions", REACH)
        };
        let panels: Vec<RowPanel> = PANELS.into_iter().filter_map(panel).collect();
        let made = study.experiment.data.funnel().is_some();
        (!panels.is_empty()).then_some(Self { panels, made })
    }
}

impl Figure for FunnelScores {
    fn name(&self) -> &'static str {
        "funnel_scores"
    }

    fn heading(&self) -> &'static str {
        "AUC by model"
    }

    fn frame(&self) -> Frame {
        Frame {
            title: "How well the models rank impressions they have not seen".to_owned(),
            legend: rows::legend(),
            panels: self.panels.len(),
            columns: 1,
            panel_height: self.panels.iter().map(RowPanel::height).max().unwrap_or(0),
        }
    }

    fn caption(&self) -> String {
        let seeds = match self.made {
            true => {
                "A seed draws impressions as well as first parameters, so most of the scatter of runs is common to all \
                 models: differences, paired by seed, are in the table. On all impressions pCVR is scored in expectation \
                 over outcomes drawn by the true pCVR, which no log can do."
            }
            false => {
                "A seed draws first parameters and the order of batches; all runs share their impressions. Differences, \
                 paired by seed, are in the table."
            }
        };
        format!(
            "Area under the ROC curve of every run on the test impressions, and the mean with its 95 % bootstrap interval \
             over runs. {seeds} What is more than 0.1 below the best mean is written, not drawn."
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, panel) in panels.iter().zip(&self.panels) {
            panel.draw(area)?;
        }
        Ok(())
    }
}
