//! Figures of studies of classification tasks.

use crate::figure::{Figure, boxed};
use crate::store::Study;

mod auc;

/// The figures that a study has data for, in the order of its page.
pub fn figures(study: &Study) -> Vec<Box<dyn Figure>> {
    boxed(auc::figure(study)).into_iter().collect()
}
