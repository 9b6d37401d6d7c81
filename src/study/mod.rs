//! Kinds of studies: claims, figures, tables and words, by the task that models learn.
//!
//! Each kind of study is one folder that implements [`StudyKind`]; [`kind`] is the one place that picks it. Everything
//! below this module is free of kinds.

pub mod classification;
pub mod conversion;
pub mod regression;

use std::path::{Path, PathBuf};

use crate::analysis::TaskLoss;
use crate::claim::ClaimResult;
use crate::data::Task;
use crate::experiment::ModelSpec;
use crate::figure::{self, Figure};
use crate::model::Role;
use crate::report::{self, Content, ReportError, words};
use crate::store::{Study, commands};

/// A kind of study.
pub trait StudyKind: Sync {
    /// Tests the papers' claims about such data on a study.
    fn claims(&self, study: &Study) -> Vec<ClaimResult>;

    /// The figures that a study has data for, in the order of its page.
    fn figures(&self, study: &Study) -> Vec<Box<dyn Figure>>;

    /// Words and tables of the study's page.
    fn content(&self, study: &Study) -> Content;

    /// The task by whose loss two studies are compared, and its name.
    fn compared_task(&self) -> (TaskLoss, &'static str) {
        (TaskLoss::Task(1), "task 1")
    }
}

/// The kind of study that trains models on a task.
pub fn kind(task: Task) -> &'static dyn StudyKind {
    match task {
        Task::Regression => &regression::Regression,
        Task::Classification => &classification::Classification,
        Task::Conversion => &conversion::Conversion,
    }
}

/// The kind of a study.
pub fn kind_of(study: &Study) -> &'static dyn StudyKind {
    kind(study.experiment.data.task())
}

/// The figures of a study.
pub struct Figures {
    /// Every figure that the study has data for: those of its kind, then those of its gates.
    pub drawn: Vec<Box<dyn Figure>>,
    /// Names of the figures whose tables the study's folder lacks.
    left_out: Vec<&'static str>,
}

impl Figures {
    /// Takes the data of all figures from a study.
    pub fn from_study(study: &Study) -> Self {
        let of_kind = kind_of(study).figures(study);
        let (mut drawn, without_curves): (Vec<_>, Vec<_>) =
            of_kind.into_iter().partition(|figure| study.has_curves() || !figure.needs_curves());
        drawn.extend(figure::of_gates(study));
        let mut left_out: Vec<_> = without_curves.iter().map(|figure| figure.name()).collect();
        let drawn_with_gates = !study.has_gates() && study.experiment.grid.sweep.is_none();
        if drawn_with_gates && study.experiment.models.iter().any(|model| has_gates(study, model)) {
            left_out.extend(figure::GATE_FIGURES);
        }
        Self { drawn, left_out }
    }

    /// The tables that the study's folder lacks, the figures that are left out for it, and the command that restores
    /// them, in sentences; none where no table is missing. The command names the folder `folder`.
    pub fn note(&self, study: &Study, folder: &Path) -> Option<String> {
        if study.missing_tables.is_empty() {
            return None;
        }
        let list = |names: &[&str]| words::list(names.iter().map(|name| name.to_string()));
        let missing = format!(
            "{} {} missing",
            list(&study.missing_tables),
            if study.missing_tables.len() == 1 { "is" } else { "are" }
        );
        let figures = match &self.left_out[..] {
            [] => String::new(),
            [figure] => format!(", so {figure} is left out"),
            figures => format!(", so {} are left out", list(figures)),
        };
        Some(format!(
            "{missing}{figures}. `{}` restores the files; it trains the runs that {} lacks.",
            commands::resume(folder),
            folder.join("groups").display()
        ))
    }
}

/// Whether a model has gates.
fn has_gates(study: &Study, model: &ModelSpec) -> bool {
    let network = model.sizes.configuration.build(study.experiment.problem());
    network.layout().parameters.iter().any(|parameter| matches!(parameter.role, Role::Gate { .. }))
}

/// Writes the report of a study into `folder`: its figures, `claims.csv` and `report.html`, whose path is returned. Only the
/// study is read; files of an earlier report are replaced.
///
/// # Errors
///
/// A figure cannot be drawn, or a file not written.
pub fn write_report(study: &Study, figures: &Figures, folder: &Path) -> Result<PathBuf, ReportError> {
    let kind = kind_of(study);
    let note = figures.note(study, &report::shown_path(folder));
    report::write(study, folder, &kind.claims(study), &figures.drawn, note, kind.content(study))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn claims_of_a_kind_have_different_names_in_snake_case() {
        let study = Sample { seeds: 1, ..Sample::default() }.study();
        for task in [Task::Regression, Task::Classification, Task::Conversion] {
            let claims = kind(task).claims(&study);
            assert!(claims.len() >= 6);
            for (i, claim) in claims.iter().enumerate() {
                assert_eq!(claim.number, i + 1);
                assert!(claims[..i].iter().all(|other| other.name != claim.name), "{}", claim.name);
                assert!(claim.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", claim.name);
            }
        }
    }
}
