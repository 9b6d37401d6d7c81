//! The condition of a run: where it stands in the grid beside its model, learning rate and seed.

use serde::{Deserialize, Serialize};

use super::axis::Setting;

/// Where a run stands on the axes of its grid. An axis that the data does not have is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Condition {
    /// Cosine p of the two tasks' weight vectors, or the correlation of the scores of click and conversion; none
    /// where rows are read and their correlation cannot be set.
    pub task_correlation: Option<f64>,
    /// The values of the keys that vary.
    #[serde(default, skip_serializing_if = "Setting::is_empty")]
    pub setting: Setting,
}

impl Condition {
    /// Its task correlation as bits, for keys that are hashed.
    pub(super) fn bits(&self) -> (Option<u64>, &Setting) {
        (self.task_correlation.map(f64::to_bits), &self.setting)
    }

    /// The condition without its task correlation.
    pub fn without_correlation(&self) -> Self {
        Self { task_correlation: None, setting: self.setting.clone() }
    }

    /// The values of the keys that vary, for CSV files.
    pub fn axis_values(&self) -> Vec<String> {
        self.setting.iter().map(|(_, value)| value.to_string()).collect()
    }

    /// The values of its axes for tables, such as `0.5` or `0.5, data.noise_std = 1`; empty where there is no axis.
    pub fn label(&self, format: fn(f64) -> String) -> String {
        let setting = Some(self.setting.label(format)).filter(|label| !label.is_empty());
        self.task_correlation.map(format).into_iter().chain(setting).collect::<Vec<_>>().join(", ")
    }
}

/// Every value of an axis; one `None` where there is no such axis.
pub(super) fn axis(values: &[f64]) -> Vec<Option<f64>> {
    match values {
        [] => vec![None],
        values => values.iter().copied().map(Some).collect(),
    }
}
