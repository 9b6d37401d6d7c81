//! The condition of a run: where it stands in the grid beside its model, learning rate and seed.

use serde::{Deserialize, Serialize};

use crate::data::SweptParameter;

/// Values of the axes of a grid that change the data. An axis that the data does not have is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Condition {
    /// Cosine p of the two tasks' weight vectors, or the correlation of the scores of click and conversion; none
    /// where rows are read and their correlation cannot be set.
    pub task_correlation: Option<f64>,
    /// Value of the swept parameter; none where the grid sweeps none.
    #[serde(rename = "setting", default, skip_serializing_if = "Option::is_none")]
    pub swept_value: Option<f64>,
}

impl Condition {
    /// Its numbers as bits, for keys that are hashed.
    pub(super) fn bits(self) -> [Option<u64>; 2] {
        [self.task_correlation, self.swept_value].map(|value| value.map(f64::to_bits))
    }

    /// The condition without its task correlation.
    pub fn setting(self) -> Self {
        Self { task_correlation: None, ..self }
    }

    /// The values of the axes beside the task correlation, for CSV files.
    pub fn axis_values(self) -> Vec<String> {
        self.swept_value.iter().map(f64::to_string).collect()
    }

    /// The values of its axes for tables, such as `0.5` or `0.5, 1.5`; empty where the data has no axis.
    pub fn label(self, format: fn(f64) -> String) -> String {
        let values: Vec<String> =
            [self.task_correlation, self.swept_value].into_iter().flatten().map(format).collect();
        values.join(", ")
    }
}

/// A parameter of the simulated click-conversion funnel that a grid sweeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The parameter.
    pub parameter: SweptParameter,
    /// Its values, in rising order; at least one.
    pub values: Vec<f64>,
}

/// Every value of an axis; one `None` where there is no such axis.
pub(super) fn axis(values: &[f64]) -> Vec<Option<f64>> {
    match values {
        [] => vec![None],
        values => values.iter().copied().map(Some).collect(),
    }
}
