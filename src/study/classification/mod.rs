//! Studies of the census rows (MMoE §6.3): AUCs of two yes-or-no tasks.

mod claims;
mod figures;
mod page;
mod reference;
mod scores;
pub mod tuning;

use super::settings::{self, Compared};
use super::{StudyKind, baselines};
use crate::analysis::RunValue;
use crate::analysis::gain::{Outcome, Outcomes};
use crate::claim::ClaimResult;
use crate::data::Subset;
use crate::experiment::Condition;
use crate::figure::by_setting::Scale;
use crate::figure::{Figure, boxed};
use crate::report::{Content, diverged};
use crate::store::{RunRecord, Study};
use scores::{AUXILIARY, MAIN, ScoreValue, model_runs};

/// The kind of study in this folder.
pub struct Classification;

/// AUC of the main task on the test rows.
fn main_auc() -> ScoreValue {
    ScoreValue::auc(Subset::Test, MAIN)
}

/// The score by which settings are compared.
fn compared(value: &ScoreValue) -> Compared<'_> {
    Compared { value, name: "AUC of the main task on the test rows", scale: Scale::Score, decimals: 4 }
}

impl StudyKind for Classification {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(&study.at_base())
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

    /// A perfect ranking. Outcomes that are drawn at random allow none, and how close one can come is not known.
    fn optimum(&self, _: &Study, _: &Condition) -> Option<f64> {
        Some(1.0)
    }

    fn optimum_name(&self, _: &Study) -> String {
        "an AUC of 1".to_owned()
    }

    fn figures(&self, study: &Study) -> Vec<Box<dyn Figure>> {
        let mut drawn = figures::figures(&study.at_base());
        drawn.extend(boxed(settings::figure(study, "settings", &model_runs(study), &compared(&main_auc()))));
        drawn
    }

    fn content(&self, study: &Study) -> Content {
        let mut content = page::content(&study.at_base());
        content.paragraph += &settings::note(study);
        content.before_figures.extend(settings::section(study, &model_runs(study), &compared(&main_auc())));
        settings::of_all(&mut content, diverged::section(study));
        content
    }
}
