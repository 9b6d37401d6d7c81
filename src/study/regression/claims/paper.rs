//! The paper's own values of each comparison.
//!
//! Figures 2, 4 and 5 as data (`results/reference/`). Curves give means at step 9,900, the last they show;
//! the histograms of Figure 5 give losses to half a bin (1/60), each run at the middle of its bin.

use super::super::reference;
use super::evidence::PaperModel;
use crate::analysis::histogram::BIN_WIDTH;

/// Last step of Figure 4's curves.
const LAST_STEP: f64 = 9_900.0;

/// Mean label correlation at a task correlation (Figure 2).
pub(super) fn label_correlation(task_correlation: f64) -> Option<f64> {
    let points = reference::figure2();
    points.iter().find(|p| p.task_correlation == task_correlation).map(|point| point.label_correlation)
}

/// Mean loss at step 9,900 (Figure 4).
pub(super) fn mean_loss(model: PaperModel, task_correlation: f64) -> Option<f64> {
    let curves = reference::figure4();
    let mut of_model = curves.iter().filter(|curve| curve.architecture == model.architecture());
    let curve = of_model.find(|curve| curve.task_correlation == task_correlation)?;
    curve.points.iter().find(|point| point.0 == LAST_STEP).map(|point| point.1)
}

/// Final losses of the 200 runs (Figure 5), each at the middle of its bin.
pub(super) fn final_losses(model: PaperModel, task_correlation: f64) -> Option<Vec<f64>> {
    let panels = reference::figure5();
    let mut of_model = panels.iter().filter(|panel| panel.architecture == model.architecture());
    let panel = of_model.find(|panel| panel.task_correlation == task_correlation)?;
    let bins = panel.histogram.counts.iter().enumerate();
    Some(bins.flat_map(|(bin, &runs)| std::iter::repeat_n((bin as f64 + 0.5) * BIN_WIDTH, runs)).collect())
}

/// Share of the 200 runs that end at `threshold` or above (Figure 5). Exact where the threshold is the edge
/// of a bin.
pub(super) fn share_at_least(threshold: f64, model: PaperModel, task_correlation: f64) -> Option<f64> {
    let losses = final_losses(model, task_correlation)?;
    Some(losses.iter().filter(|&&loss| loss >= threshold).count() as f64 / losses.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::summary;

    #[test]
    fn every_histogram_has_two_hundred_runs_and_the_mean_of_its_curve() {
        for model in PaperModel::ALL {
            for p in [0.5, 0.9, 1.0] {
                let losses = final_losses(model, p).expect("in Figure 5");
                assert_eq!(losses.len(), 200);
                // A tenth of a bin: binning moves a mean of 200 by less.
                let curve = mean_loss(model, p).expect("in Figure 4");
                assert!((summary::mean(&losses) - curve).abs() < 0.0034, "{model:?} {p}");
            }
        }
    }

    #[test]
    fn correlations_that_the_paper_did_not_try_have_no_value() {
        assert_eq!(mean_loss(PaperModel::Mmoe, 0.7), None);
        assert_eq!(final_losses(PaperModel::Mmoe, 0.7), None);
        assert_eq!(label_correlation(0.0), None);
        assert_eq!(label_correlation(1.0), Some(0.99656));
    }
}
