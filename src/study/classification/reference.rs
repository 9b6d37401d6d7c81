//! MMoE's Tables 1 and 2 as data.

use crate::analysis::reference::rows;
use crate::data::census::MainTask;

/// A row of MMoE's Table 1 or 2: AUCs on the test rows.
#[derive(Debug, Clone, PartialEq)]
pub struct AucRow {
    /// Architecture's name in our registry.
    pub model: String,
    /// Main task, of the run that is best on it.
    pub main_best: f64,
    /// Main task, mean over 400 runs.
    pub main_mean: f64,
    /// Auxiliary task, of the run that is best on the main task.
    pub auxiliary_with_best: f64,
    /// Auxiliary task, mean over 400 runs.
    pub auxiliary_mean: f64,
}

/// Table 1 (income) or 2 (education).
pub fn auc_table(main: MainTask) -> Vec<AucRow> {
    let text = match main {
        MainTask::Income => include_str!("../../../results/reference/mmoe_table1_census_income.csv"),
        MainTask::Education => include_str!("../../../results/reference/mmoe_table2_census_education.csv"),
    };
    // The headers name the task, so columns are read by position.
    let rows: Vec<(String, f64, f64, f64, f64)> = rows(text);
    rows.into_iter()
        .map(|(model, main_best, main_mean, auxiliary_with_best, auxiliary_mean)| AucRow {
            model,
            main_best,
            main_mean,
            auxiliary_with_best,
            auxiliary_mean,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_1_and_2_have_seven_models() {
        let [income, education] = [MainTask::Income, MainTask::Education].map(auc_table);
        assert_eq!((income.len(), education.len()), (7, 7));
        assert_eq!(
            (income[6].model.as_str(), income[6].main_best, income[6].auxiliary_mean),
            ("mmoe", 0.941, 0.9927)
        );
        assert_eq!((education[1].model.as_str(), education[1].main_mean), ("shared_bottom", 0.8813));
    }
}
