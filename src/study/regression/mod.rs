//! Studies of generated regression tasks (MMoE §3.2 and §5): losses against task correlation.

pub mod calibration;
mod claims;
pub mod convergence;
mod figures;
pub mod generator_fit;
mod page;
pub mod reference;

use super::settings::{self, Compared};
use super::{StudyKind, baselines};
use crate::analysis::gain::{Outcome, Outcomes};
use crate::analysis::{Measure, RunValue, TaskLoss, selected_runs};
use crate::claim::ClaimResult;
use crate::data::SyntheticSpec;
use crate::experiment::Condition;
use crate::figure::by_setting::Scale;
use crate::figure::theme::measured;
use crate::figure::{Figure, boxed};
use crate::report::{Content, diverged};
use crate::store::{RunRecord, Study};

/// The kind of study in this folder.
pub struct Regression;

/// The final loss of a run.
fn loss(measure: Measure) -> impl Fn(&RunRecord) -> Option<f64> {
    move |run| measure.final_loss(run)
}

/// The reported loss, by which settings are compared.
fn compared(value: &dyn RunValue, measure: Measure) -> Compared<'_> {
    Compared { value, name: measure.rows.loss(), scale: Scale::Size, decimals: 4 }
}

impl StudyKind for Regression {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(&study.at_base())
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

    /// The loss of a model that knows everything but the noise. On a finite set of rows a model may learn the noise too, which
    /// is no merit: the gap does not reward it.
    fn optimum(&self, study: &Study, condition: &Condition) -> Option<f64> {
        study.experiment.at(&condition.setting).data.synthetic().map(SyntheticSpec::noise_floor)
    }

    fn optimum_name(&self, study: &Study) -> String {
        // Settings may have a noise each.
        let data = study.experiment.data.synthetic().filter(|_| study.experiment.grid.axes.is_empty());
        let floor = data.map(|data| format!(", {}", measured(data.noise_floor())));
        format!("the loss of the noise alone{}", floor.unwrap_or_default())
    }

    fn figures(&self, study: &Study) -> Vec<Box<dyn Figure>> {
        let mut drawn = figures::figures(&study.at_base());
        let measure = Measure::from_study(study);
        let runs = selected_runs(study, measure);
        drawn.extend(boxed(settings::figure(study, "settings", &runs, &compared(&loss(measure), measure))));
        drawn
    }

    fn content(&self, study: &Study) -> Content {
        let mut content = page::content(&study.at_base());
        content.paragraph += &settings::note(study);
        let measure = Measure::from_study(study);
        let runs = selected_runs(study, measure);
        content.before_figures.extend(settings::section(study, &runs, &compared(&loss(measure), measure)));
        settings::of_all(&mut content, diverged::section(study));
        content
    }
}
