//! Studies of the census rows (MMoE §6.3): AUCs of two yes-or-no tasks.

mod claims;

use super::StudyKind;
use crate::claim::ClaimResult;
use crate::store::Study;

/// The kind of study in this folder.
pub struct Classification;

impl StudyKind for Classification {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(study)
    }
}
