//! Studies of the census rows (MMoE §6.3): AUCs of two yes-or-no tasks.

mod claims;
mod figures;
mod page;
mod reference;
mod scores;
pub mod tuning;

use super::StudyKind;
use crate::claim::ClaimResult;
use crate::figure::Figure;
use crate::report::Content;
use crate::store::Study;

/// The kind of study in this folder.
pub struct Classification;

impl StudyKind for Classification {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(study)
    }

    fn figures(&self, study: &Study) -> Vec<Box<dyn Figure>> {
        figures::figures(study)
    }

    fn content(&self, study: &Study) -> Content {
        page::content(study)
    }
}
