//! The CSV files of a study: tidy, one row an observation, columns that pandas and polars read as they are.
//!
//! | file | columns |
//! |---|---|
//! | `runs.csv` | model, task_correlation, learning_rate, seed, status, steps, final_train_loss_k, final_held_out_loss_k (mean squared error of task k; empty where the run diverged), label_correlation, parameters, engine, seconds |
//! | `curves.csv` | model, task_correlation, learning_rate, seed, step, train_loss_k, held_out_loss_k |
//! | `gates.csv` | model, task_correlation, learning_rate, seed, step, task, expert, mean_weight, entropy (nats; of the whole gate, equal in the rows of its experts) |
//! | `scores.csv` (yes-or-no labels) | model, learning_rate, seed, subset, task, auc, log_loss (nats), calibration_error, mean_prediction, positive_rate |
//! | `funnel.csv` (impressions) | model, task_correlation, learning_rate, seed, target, space, auc, log_loss (nats), calibration_error, absolute_error, mean_prediction, mean_truth, above_one |
//! | `deciles.csv` (impressions) | model, task_correlation, learning_rate, seed, decile, mean_ctr, mean_prediction, mean_truth |
//! | `labels.csv` | task_correlation, seed, pair, points, label_correlation |
//!
//! Where a number of the funnel is varied, it has a column of its name after task_correlation.
//! Where labels are yes or no, losses are cross-entropies in nats; where tasks are what they are,
//! task_correlation is empty. Tasks and experts count from 1. Numbers are written with as many digits as bring back the same bits.
//! `seconds` measures the machine; every other value follows from the run's specification.

use std::path::Path;

use super::StoreError;
use crate::data::SweptParameter;
use crate::record::RunRecord;
use reader::malformed;

pub mod curves;
pub mod funnel;
pub mod gates;
mod keys;
pub mod labels;
mod reader;
pub mod runs;
pub mod scores;

/// Rows as CSV, with a header.
pub fn rows_to_csv<T: serde::Serialize>(rows: &[T]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| writer.serialize(row).expect("rows are plain data"));
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("rows are text")
}

/// Rows of a file that [`rows_to_csv`] wrote; none where there is no such file.
pub fn read_rows<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, StoreError> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).map_err(|error| malformed(path, &error))?;
    reader.deserialize().collect::<Result<_, _>>().map_err(|error| malformed(path, &error))
}

/// Runs of `runs.csv`, with what the other tables have for them. Rows of those must come in the order of the runs,
/// as they are written.
///
/// # Errors
/// A table cannot be read, lacks a column, or holds a value or an order of rows that this program does not write.
pub fn read_runs(folder: &Path, swept: Option<SweptParameter>) -> Result<Vec<RunRecord>, StoreError> {
    let mut runs = runs::read(folder, swept)?;
    curves::read_into(&mut runs, folder, swept)?;
    gates::read_into(&mut runs, folder, swept)?;
    scores::read_into(&mut runs, folder)?;
    funnel::read_into(&mut runs, folder, swept)?;
    Ok(runs)
}
