//! Studies of the census rows (MMoE §6.3): AUCs of two yes-or-no tasks.

mod claims;
mod figures;
mod page;
mod reference;
mod scores;
pub mod tuning;

use super::{StudyKind, baselines};
use crate::analysis::RunValue;
use crate::analysis::gain::{Outcome, Outcomes};
use crate::claim::ClaimResult;
use crate::data::Subset;
use crate::figure::Figure;
use crate::report::Content;
use crate::store::{RunRecord, Study};
use scores::{AUXILIARY, MAIN, ScoreValue, model_runs};

/// The kind of study in this folder.
pub struct Classification;

impl StudyKind for Classification {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(study)
    }

    fn outcomes<'a>(&self, study: &'a Study) -> Outcomes<'a> {
        let auc = |task: usize| {
            let score = ScoreValue::auc(Subset::Test, task);
            let value = Box::new(move |run: &RunRecord| score.value(run));
            let title = match task {
                MAIN => "AUC of the main task on the test rows",
                _ => "AUC of the auxiliary task on the test rows",
            };
            Outcome {
                name: "auc",
                task: task.to_string(),
                title: title.into(),
                higher_is_better: true,
                value,
            }
        };
        Outcomes {
            runs: model_runs(study),
            outcomes: [MAIN, AUXILIARY].map(auc).into(),
            baselines: baselines(study, "single_task"),
        }
    }

    fn figures(&self, study: &Study) -> Vec<Box<dyn Figure>> {
        figures::figures(study)
    }

    fn content(&self, study: &Study) -> Content {
        page::content(study)
    }
}
