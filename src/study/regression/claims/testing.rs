//! Studies with given final losses, for the tests of the claims.

use super::evidence::PaperModel;
use super::{paper, run};
use crate::analysis::statistics::rank::ranks;
use crate::analysis::testing;
pub(super) use crate::analysis::testing::noise;
use crate::claim::ClaimResult;
use crate::store::Study;

/// A study of the paper's three models whose final losses are `loss(model, task correlation, seed)`; none
/// for a run that diverged.
pub(super) fn study(
    task_correlations: &[f64],
    seeds: u64,
    loss: impl Fn(PaperModel, f64, u64) -> Option<f64>,
) -> Study {
    testing::study(task_correlations, seeds, |name, p, seed| {
        let model = PaperModel::ALL.into_iter().find(|model| model.architecture() == name);
        loss(model.expect("one of the three"), p, seed)
    })
}

/// The runs of Figure 5 as a study: 200 a condition, in an order of their own for each.
pub(super) fn figure_five() -> Study {
    study(&[0.5, 0.9, 1.0], 200, |model, p, seed| {
        let losses = paper::final_losses(model, p)?;
        let order =
            ranks(&(0..200).map(|s| noise(s ^ p.to_bits() ^ ((model as u64) << 20))).collect::<Vec<_>>());
        Some(losses[order[seed as usize] as usize - 1])
    })
}

/// The result of one claim.
pub(super) fn result(name: &str, study: &Study) -> ClaimResult {
    run(study).into_iter().find(|result| result.name == name).expect("a claim of this name")
}

/// Asserts the verdict on one claim, and shows its comparisons where it is another.
#[track_caller]
pub(super) fn check(name: &str, verdict: &str, study: &Study) {
    let result = result(name, study);
    assert_eq!(result.verdict.as_str(), verdict, "{result:#?}");
}
