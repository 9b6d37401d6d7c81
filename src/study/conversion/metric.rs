//! Metrics of models of click and conversion on test impressions: those of ESMM's Table 2, and the distance of
//! predictions from true probabilities, which only simulated impressions have.

use crate::analysis::RunValue;
use crate::data::defined::defined;
use crate::record::{RunRecord, Space, Target};

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Area under the ROC curve.
    Auc,
    /// Mean cross-entropy in nats.
    LogLoss,
    /// Expected calibration error.
    CalibrationError,
    /// Mean of |prediction − true probability|.
    AbsoluteError,
    /// The same over the mean true probability: comparable between settings that change the rate.
    RelativeError,
    /// Mean prediction / mean true probability − 1: 0 is right on average.
    Bias,
    /// Distance of [`Self::Bias`] from 0.
    Distortion,
    /// Share of impressions whose prediction is above 1.
    AboveOne,
}

/// A metric of a run: of a predicted probability, on a space of impressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The predicted probability.
    pub target: Target,
    /// The impressions.
    pub space: Space,
    /// Kind of metric.
    pub kind: MetricKind,
}

impl Metric {
    /// AUC of pCVR on clicked impressions, which a log can measure.
    pub const CLICKED_AUC: Self = Self::cvr(Space::Clicked, MetricKind::Auc);
    /// AUC of pCTCVR.
    pub const JOINT_AUC: Self = Self::on_all(Target::ClickAndConversion, MetricKind::Auc);

    /// A metric of pCVR.
    pub const fn cvr(space: Space, kind: MetricKind) -> Self {
        Self { target: Target::Conversion, space, kind }
    }

    /// A metric on all impressions.
    pub const fn on_all(target: Target, kind: MetricKind) -> Self {
        Self { target, space: Space::All, kind }
    }

    /// Its value for a run; none for a run that diverged, or where the metric is not known.
    pub fn value(self, run: &RunRecord) -> Option<f64> {
        let score = run
            .conversion_scores
            .iter()
            .find(|score| score.target == self.target && score.space == self.space)?;
        let bias = || Some(score.mean_prediction? / score.mean_truth? - 1.0);
        let value = match self.kind {
            MetricKind::Auc => score.auc,
            MetricKind::LogLoss => score.log_loss,
            MetricKind::CalibrationError => score.calibration_error,
            MetricKind::AbsoluteError => score.absolute_error,
            MetricKind::RelativeError => Some(score.absolute_error? / score.mean_truth?),
            MetricKind::Bias => bias(),
            MetricKind::Distortion => bias().map(f64::abs),
            MetricKind::AboveOne => score.above_one,
        };
        // A ratio over a truth of 0 is not defined.
        value.and_then(defined)
    }

    /// Name of the metric in a comparison.
    pub fn label(self) -> String {
        let target = match self.target {
            Target::Click => "pCTR",
            Target::Conversion => "pCVR",
            Target::ClickAndConversion => "pCTCVR",
        };
        let space = match self.space {
            Space::Clicked => "clicked impressions",
            Space::All => "all impressions",
        };
        let metric = match self.kind {
            MetricKind::Auc => "AUC",
            MetricKind::LogLoss => "log-loss",
            MetricKind::CalibrationError => "calibration error",
            MetricKind::AbsoluteError => "mean error",
            MetricKind::RelativeError => "mean error over the mean truth",
            MetricKind::Bias => "bias of the mean",
            MetricKind::Distortion => "|bias of the mean|",
            MetricKind::AboveOne => "share above 1",
        };
        format!("{metric} of {target} on {space}")
    }
}

impl RunValue for Metric {
    fn value(&self, run: &RunRecord) -> Option<f64> {
        Self::value(*self, run)
    }
}
