//! What is made of a study: its claims, figures, tables and words, by the task that its models learn.
//!
//! Each kind of study is one folder that implements [`StudyKind`]; [`kind`] is the one place that picks it. Everything
//! below this module is free of kinds.

pub mod classification;
pub mod conversion;
pub mod regression;

use crate::claim::ClaimResult;
use crate::data::Task;
use crate::store::Study;

/// What a kind of study brings to the report and to `sweep claims`.
pub trait StudyKind: Sync {
    /// Tests the papers' claims about such data on a study.
    fn claims(&self, study: &Study) -> Vec<ClaimResult>;
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
pub fn of(study: &Study) -> &'static dyn StudyKind {
    kind(study.experiment.data.task())
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
