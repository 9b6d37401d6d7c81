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
use crate::figure::{self, Figure};
use crate::report::{self, Content, ReportError};
use crate::store::Study;

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

/// Every figure that a study has data for: those of its kind, then those of its gates.
pub fn figures(study: &Study) -> Vec<Box<dyn Figure>> {
    let mut figures = kind_of(study).figures(study);
    figures.extend(figure::of_gates(study));
    figures
}

/// Writes the report of a study into `folder`: figures, `claims.csv` and `report.html`, whose path is returned. Only the
/// study is read; files of an earlier report are replaced.
///
/// # Errors
///
/// A figure cannot be drawn, or a file not written.
pub fn write_report(study: &Study, folder: &Path) -> Result<PathBuf, ReportError> {
    let kind = kind_of(study);
    report::write(study, folder, &kind.claims(study), &figures(study), kind.content(study))
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
                assert!(claims[..i].iter().all(|other| other.name != claim.name), "{}", claim.name);
                assert!(claim.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", claim.name);
            }
        }
    }
}
