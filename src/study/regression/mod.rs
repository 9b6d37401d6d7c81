//! Studies of generated regression tasks (MMoE §3.2 and §5): losses against task correlation.

pub mod calibration;
mod claims;
pub mod convergence;
mod figures;
pub mod generator_fit;
mod page;
pub mod reference;

use super::{StudyKind, baselines};
use crate::analysis::gain::{Outcome, Outcomes};
use crate::analysis::{Measure, TaskLoss, selected_runs};
use crate::claim::ClaimResult;
use crate::figure::Figure;
use crate::report::Content;
use crate::store::{RunRecord, Study};

/// The kind of study in this folder.
pub struct Regression;

impl StudyKind for Regression {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(study)
    }

    fn outcomes<'a>(&self, study: &'a Study) -> Outcomes<'a> {
        let reported = Measure::from_study(study);
        let outcome = |task: TaskLoss, name: String| {
            let measure = Measure { task, ..reported };
            let value = Box::new(move |run: &RunRecord| measure.final_loss(run));
            let title = match task {
                TaskLoss::Mean => "loss, mean over tasks".to_owned(),
                TaskLoss::Task(task) => format!("loss of task {task}"),
            };
            Outcome { name: "loss", task: name, title, higher_is_better: false, value }
        };
        let tasks = study.experiment.problem().tasks;
        let of_tasks =
            (1..=tasks).filter(|_| tasks > 1).map(|task| outcome(TaskLoss::Task(task), task.to_string()));
        Outcomes {
            runs: selected_runs(study, Measure { task: TaskLoss::Mean, ..reported }),
            outcomes: std::iter::once(outcome(TaskLoss::Mean, "mean".into())).chain(of_tasks).collect(),
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
