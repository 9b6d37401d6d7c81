//! Published data of the papers, embedded in the program: `results/reference/*.csv`.
//!
//! Every report can show its study beside the paper. Each kind of study reads the tables and figures of its own tasks;
//! gates are common to all.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A bar of MMoE's Figure 6: production data, four experts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct GateWeight {
    /// `engagement` or `satisfaction`.
    pub task: String,
    /// Expert, from 0.
    pub expert: usize,
    /// Mean softmax weight.
    pub mean_gate_weight: f64,
}

/// Figure 6: gate weights on production data.
pub fn figure6() -> Vec<GateWeight> {
    rows(include_str!("../../results/reference/mmoe_figure6.csv"))
}

/// The rows of an embedded file.
///
/// # Panics
/// If the text is not a table of such rows; tests read every embedded file.
pub fn rows<T: DeserializeOwned>(text: &str) -> Vec<T> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("embedded files are read by tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_of_figure_6_sum_to_1() {
        assert_eq!(figure6().len(), 8);
        for task in ["engagement", "satisfaction"] {
            let sum: f64 = figure6().iter().filter(|g| g.task == task).map(|g| g.mean_gate_weight).sum();
            assert!((sum - 1.0).abs() < 1e-3, "{task}: {sum}");
        }
    }
}
