//! Studies of generated regression tasks (MMoE §3.2 and §5): losses against task correlation.

pub mod calibration;
mod claims;
pub mod convergence;
mod figures;
pub mod generator_fit;
mod page;
pub mod reference;

use super::StudyKind;
use crate::claim::ClaimResult;
use crate::figure::Figure;
use crate::report::Content;
use crate::store::Study;

/// The kind of study in this folder.
pub struct Regression;

impl StudyKind for Regression {
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
