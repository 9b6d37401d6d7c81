//! `scores.csv`: one row for each run, subset and task of a classification.

use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::{axis_columns, number, setting};
use super::reader::{TableReader, find_run, malformed};
use crate::data::Subset;
use crate::data::defined::read_defined;
use crate::experiment::plan::RunKey;
use crate::experiment::{Axis, Condition};
use crate::record::{RunRecord, Score};
use crate::store::StoreError;

/// The table.
pub fn to_csv(runs: &[RunRecord], axes: &[Axis]) -> String {
    let mut text = format!(
        "model{},learning_rate,seed,subset,task,auc,log_loss,calibration_error,mean_prediction,positive_rate\n",
        axis_columns(axes)
    );
    for run in runs {
        let RunKey { model, condition, learning_rate, seed } = &run.key;
        for score in &run.scores {
            let Score { subset, task, auc, log_loss, calibration_error, .. } = score;
            let (subset, mean, positive) = (subset.as_str(), score.mean_prediction, score.positive_rate);
            text.push_str(model);
            setting(&mut text, &condition.setting);
            write!(text, ",{learning_rate},{seed},{subset},{task}").expect("writing to a string");
            number(&mut text, *auc);
            writeln!(text, ",{log_loss},{calibration_error},{mean},{positive}").expect("writing to a string");
        }
    }
    text
}

/// Reads the scores into their runs, where the table exists.
pub(super) fn read_into(runs: &mut [RunRecord], folder: &Path, axes: &[Axis]) -> Result<(), StoreError> {
    #[derive(serde::Deserialize)]
    struct Row {
        model: String,
        learning_rate: f64,
        seed: u64,
        subset: Subset,
        task: usize,
        #[serde(deserialize_with = "read_defined")]
        auc: Option<f64>,
        log_loss: f64,
        calibration_error: f64,
        mean_prediction: f64,
        positive_rate: f64,
    }
    let path = folder.join("scores.csv");
    if !path.exists() {
        return Ok(());
    }
    let mut table = TableReader::open(&path)?;
    let columns = table.setting_columns(axes)?;
    let headers = table.headers.clone();
    let (mut record, mut current) = (StringRecord::new(), 0);
    while table.next(&mut record)? {
        let row: Row = record.deserialize(Some(&headers)).map_err(|error| malformed(&path, &error))?;
        let Row { model, learning_rate, seed, subset, task, auc, log_loss, .. } = row;
        let Row { calibration_error, mean_prediction, positive_rate, .. } = row;
        let condition = Condition { task_correlation: None, setting: table.setting(&record, &columns)? };
        let key = RunKey { model, condition, learning_rate, seed };
        let score = Score { subset, task, auc, log_loss, calibration_error, mean_prediction, positive_rate };
        find_run(runs, &mut current, &key, &path, &record)?.scores.push(score);
    }
    Ok(())
}
