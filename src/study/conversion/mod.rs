//! Studies of impressions, clicks and conversions (ESMM), simulated or from Ali-CCP's log. Both have the
//! claims of `claims` and the page of `page`.

mod claims;
mod evidence;
mod figures;
mod metric;
mod page;
mod reference;
mod runs;

use super::{StudyKind, baselines, settings};
use crate::analysis::gain::{Outcome, Outcomes};
use crate::analysis::{Runs, TaskLoss};
use crate::claim::ClaimResult;
use crate::experiment::Condition;
use crate::figure::Figure;
use crate::report::Content;
use crate::store::Study;
use metric::Metric;

/// The kind of study in this folder.
pub struct Conversion;

impl StudyKind for Conversion {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(study)
    }

    fn outcomes<'a>(&self, study: &'a Study) -> Outcomes<'a> {
        let auc = |(task, metric): (&str, Metric)| Outcome {
            name: "auc",
            task: task.to_owned(),
            title: metric.label(),
            higher_is_better: true,
            value: Box::new(metric),
        };
        Outcomes {
            runs: runs::model_runs(study),
            outcomes: [("cvr", Metric::CLICKED_AUC), ("ctcvr", Metric::JOINT_AUC)].map(auc).into(),
            baselines: baselines(study, "base"),
        }
    }

    /// A perfect ranking. Outcomes that are drawn at random allow none, and how close one can come is not known.
    fn optimum(&self, _: &Study, _: &Condition) -> Option<f64> {
        Some(1.0)
    }

    fn optimum_name(&self, _: &Study) -> String {
        "an AUC of 1".to_owned()
    }

    fn figures(&self, study: &Study) -> Vec<Box<dyn Figure>> {
        figures::figures(study)
    }

    fn content(&self, study: &Study) -> Content {
        let mut content = page::content(study);
        content.paragraph += &settings::note(study);
        content
    }

    fn drawn_runs<'a>(&self, study: &'a Study) -> Vec<Runs<'a>> {
        runs::model_runs(study)
    }

    fn compared_task(&self) -> (TaskLoss, &'static str) {
        (TaskLoss::Task(2), "conversions (pCTCVR)")
    }
}
