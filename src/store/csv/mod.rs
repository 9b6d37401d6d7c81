//! The CSV files of a study: tidy tables with one row for each observation, which pandas and polars read as they are.
//!
//! | file | columns |
//! |---|---|
//! | `runs.csv` | model, task_correlation, learning_rate, seed, status, steps, final_train_loss_k, final_held_out_loss_k (loss of task k; empty where the run diverged), best_step, best_train_loss_k, best_held_out_loss_k, best_validation_loss_k (with validation rows), label_correlation, parameters, engine, seconds |
//! | `curves.csv` | model, task_correlation, learning_rate, seed, step, train_loss_k, held_out_loss_k, validation_loss_k (with validation rows) |
//! | `gates.csv` | model, task_correlation, learning_rate, seed, step, task, expert, mean_weight, entropy (nats; of the gate, equal in the rows of its experts) |
//! | `means.csv` | model, task_correlation, learning_rates, quantity, step, mean, low, high, runs |
//! | `final_gates.csv` | as `gates.csv`, last logged step of finished runs only |
//! | `scores.csv` (classification) | model, learning_rate, seed, subset, task, auc, log_loss (nats), calibration_error, mean_prediction, positive_rate |
//! | `funnel.csv` (conversion) | model, task_correlation, learning_rate, seed, target, space, auc, log_loss (nats), calibration_error, absolute_error, mean_prediction, mean_truth, above_one |
//! | `deciles.csv` (conversion) | model, task_correlation, learning_rate, seed, decile, mean_ctr, mean_prediction, mean_truth |
//! | `labels.csv` | task_correlation, seed, pair, points, label_correlation |
//!
//! Every key that varies has a column of its name after `task_correlation` (after `model` in `scores.csv`), and
//! `task_correlation` is empty where the data has no task correlation. Losses are mean squared errors for regression and
//! cross-entropies in nats otherwise. Tasks and experts are counted from 1. A number that is not defined, such as the AUC of
//! rows of one kind, is empty. Numbers have enough digits to restore the same bits. `seconds` is a measurement of the machine;
//! every other value depends on the run's specification only.

use std::path::Path;

use super::{CURVES, FINAL_GATES, GATES, StoreError, regular_file};
use crate::experiment::Axis;
use crate::record::RunRecord;
use reader::malformed;

pub mod curves;
pub mod funnel;
pub mod gates;
mod keys;
pub mod labels;
pub mod means;
mod reader;
pub mod runs;
pub mod scores;

/// Records as CSV with a header.
pub fn rows_to_csv<T: serde::Serialize>(rows: &[T]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| writer.serialize(row).expect("rows are plain data"));
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("rows are text")
}

/// Reads records that [`rows_to_csv`] wrote; empty where there is no such file.
///
/// # Errors
/// The file cannot be read or has an invalid row.
pub fn read_rows<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, StoreError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_reader(regular_file(path)?);
    reader.deserialize().collect::<Result<_, _>>().map_err(|error| malformed(path, &error))
}

/// Reads `runs.csv` and the other tables of runs, whose rows must have the order of the runs. [`CURVES`] and [`GATES`] may
/// be missing; then runs have their last step only, from `runs.csv` and [`FINAL_GATES`].
///
/// # Errors
/// A table cannot be read, lacks a column, or has an invalid value or order of rows.
pub fn read_runs(folder: &Path, axes: &[Axis]) -> Result<Vec<RunRecord>, StoreError> {
    let mut runs = runs::read(folder, axes)?;
    match folder.join(CURVES).exists() {
        true => curves::read_into(&mut runs, folder, axes)?,
        false => runs::read_final_losses_into(&mut runs, folder)?,
    }
    if let Some(name) = [GATES, FINAL_GATES].into_iter().find(|name| folder.join(name).exists()) {
        gates::read_into(&mut runs, folder, name, axes)?;
    }
    scores::read_into(&mut runs, folder, axes)?;
    funnel::read_into(&mut runs, folder, axes)?;
    Ok(runs)
}
