//! Studies of impressions, clicks and conversions (ESMM), simulated or from a log.

mod claims;
mod evidence;

use super::StudyKind;
use crate::claim::ClaimResult;
use crate::store::Study;

/// The kind of study in this folder.
pub struct Conversion;

impl StudyKind for Conversion {
    fn claims(&self, study: &Study) -> Vec<ClaimResult> {
        claims::run(study)
    }
}
