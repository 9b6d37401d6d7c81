//! What the paper's own figures say to each comparison.
//!
//! Figures 2, 4 and 5 as data (`results/reference/`). Curves give means at step 9,900, the last they show;
//! the histograms of Figure 5 give losses to half a bin (1/60), each run at the middle of its bin.

use serde::Deserialize;

use super::evidence::Contender;

/// Last step of Figure 4's curves.
const LAST_STEP: u64 = 9_900;

const FIGURE_2: &str = include_str!("../../../results/reference/mmoe_figure2.csv");
const FIGURE_4: &str = include_str!("../../../results/reference/mmoe_figure4.csv");
const FIGURE_5: &str = include_str!("../../../results/reference/mmoe_figure5.csv");

#[derive(Deserialize)]
struct LabelRow {
    task_correlation: f64,
    label_correlation: f64,
}

#[derive(Deserialize)]
struct CurveRow {
    correlation: f64,
    model: String,
    step: u64,
    loss: f64,
}

#[derive(Deserialize)]
struct BinRow {
    correlation: f64,
    model: String,
    bin_low: f64,
    bin_high: f64,
    runs_of_200: usize,
}

/// Rows of one of the files above.
fn rows<T: serde::de::DeserializeOwned>(file: &str) -> impl Iterator<Item = T> {
    csv::Reader::from_reader(file.as_bytes())
        .into_deserialize()
        .map(|row| row.expect("the reference data is part of the program"))
        .collect::<Vec<T>>()
        .into_iter()
}

/// Mean label correlation at a task correlation (Figure 2).
pub(super) fn label_correlation(task_correlation: f64) -> Option<f64> {
    rows::<LabelRow>(FIGURE_2)
        .find(|row| row.task_correlation == task_correlation)
        .map(|row| row.label_correlation)
}

/// Mean loss at step 9,900 (Figure 4).
pub(super) fn mean_loss(model: Contender, task_correlation: f64) -> Option<f64> {
    rows::<CurveRow>(FIGURE_4)
        .find(|row| {
            row.step == LAST_STEP && row.correlation == task_correlation && row.model == model.architecture()
        })
        .map(|row| row.loss)
}

/// Final losses of the 200 runs (Figure 5), each at the middle of its bin.
pub(super) fn final_losses(model: Contender, task_correlation: f64) -> Option<Vec<f64>> {
    let losses: Vec<f64> = rows::<BinRow>(FIGURE_5)
        .filter(|row| row.correlation == task_correlation && row.model == model.architecture())
        .flat_map(|row| std::iter::repeat_n((row.bin_low + row.bin_high) / 2.0, row.runs_of_200))
        .collect();
    (!losses.is_empty()).then_some(losses)
}

/// Share of the 200 runs that end at `threshold` or above (Figure 5). Exact where the threshold is the edge
/// of a bin.
pub(super) fn share_at_least(threshold: f64, model: Contender, task_correlation: f64) -> Option<f64> {
    let losses = final_losses(model, task_correlation)?;
    Some(losses.iter().filter(|&&loss| loss >= threshold).count() as f64 / losses.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::summary;

    #[test]
    fn every_histogram_has_two_hundred_runs_and_the_mean_of_its_curve() {
        for model in Contender::ALL {
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
        assert_eq!(mean_loss(Contender::Mmoe, 0.7), None);
        assert_eq!(final_losses(Contender::Mmoe, 0.7), None);
        assert_eq!(label_correlation(0.0), None);
        assert_eq!(label_correlation(1.0), Some(0.99656));
    }
}
