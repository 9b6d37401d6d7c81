//! `scores.csv`: one row for each run, subset and task of a classification.

use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::number;
use super::read_rows;
use super::reader::find_run;
use crate::data::Subset;
use crate::data::defined::read_defined;
use crate::experiment::Condition;
use crate::experiment::plan::RunKey;
use crate::record::{RunRecord, Score};
use crate::store::StoreError;

/// The table.
pub fn to_csv(runs: &[RunRecord]) -> String {
    let mut text = "model,learning_rate,seed,subset,task,auc,log_loss,calibration_error,mean_prediction,\
                    positive_rate\n"
        .to_string();
    for run in runs {
        let RunKey { model, learning_rate, seed, .. } = &run.key;
        for score in &run.scores {
            let Score { subset, task, auc, log_loss, calibration_error, .. } = score;
            let (subset, mean, positive) = (subset.as_str(), score.mean_prediction, score.positive_rate);
            write!(text, "{model},{learning_rate},{seed},{subset},{task}").expect("writing to a string");
            number(&mut text, *auc);
            writeln!(text, ",{log_loss},{calibration_error},{mean},{positive}").expect("writing to a string");
        }
    }
    text
}

/// Reads the scores into their runs, where the table exists.
pub(super) fn read_into(runs: &mut [RunRecord], folder: &Path) -> Result<(), StoreError> {
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
    let mut current = 0;
    for row in read_rows::<Row>(&path)? {
        let Row { model, learning_rate, seed, subset, task, auc, log_loss, .. } = row;
        let Row { calibration_error, mean_prediction, positive_rate, .. } = row;
        let key = RunKey { model, condition: Condition::default(), learning_rate, seed };
        let score = Score { subset, task, auc, log_loss, calibration_error, mean_prediction, positive_rate };
        find_run(runs, &mut current, &key, &path, &StringRecord::new())?.scores.push(score);
    }
    Ok(())
}
