//! `runs.csv`: one row for each run.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::{key, key_columns, losses, number, task_columns};
use super::reader::TableReader;
use crate::experiment::Axis;
use crate::record::{CurvePoint, RunRecord, Status};
use crate::store::StoreError;

/// The table; without its last column, `seconds`, where `timed` is false.
pub fn to_csv(runs: &[RunRecord], axes: &[Axis], tasks: usize, timed: bool) -> String {
    let validated = is_validated(runs);
    let best = match validated {
        true => {
            BEST.iter().fold(",best_step".to_string(), |columns, name| columns + &task_columns(name, tasks))
        }
        false => String::new(),
    };
    let mut text = format!(
        "{},status,steps{}{}{best},label_correlation,parameters,engine{}\n",
        key_columns(axes),
        task_columns("final_train_loss", tasks),
        task_columns("final_held_out_loss", tasks),
        if timed { ",seconds" } else { "" },
    );
    for run in runs {
        key(&mut text, &run.key);
        write!(text, ",{},{}", run.status.as_str(), run.steps).expect("writing to a string");
        losses(&mut text, run.last().map(|point| &point.train_loss[..]), tasks);
        losses(&mut text, run.last().map(|point| &point.held_out_loss[..]), tasks);
        if validated {
            let best = run.best_step.and(run.reported());
            write!(text, ",{}", best.map_or(String::new(), |best| best.step.to_string())).expect("as above");
            losses(&mut text, best.map(|point| &point.train_loss[..]), tasks);
            losses(&mut text, best.map(|point| &point.held_out_loss[..]), tasks);
            losses(&mut text, best.map(|point| &point.validation_loss[..]), tasks);
        }
        number(&mut text, run.label_correlation);
        write!(text, ",{},{}", run.parameters, run.engine).expect("writing to a string");
        if timed {
            write!(text, ",{:.3}", run.seconds).expect("writing to a string");
        }
        text.push('\n');
    }
    text
}

/// Columns of the losses at the best step, before the number of the task.
const BEST: [&str; 3] = ["best_train_loss", "best_held_out_loss", "best_validation_loss"];

/// Whether steps were chosen on validation rows.
pub(super) fn is_validated(runs: &[RunRecord]) -> bool {
    runs.iter().flat_map(|run| run.curve.first()).any(|point| !point.validation_loss.is_empty())
}

/// Reads the runs, without the contents of other tables.
pub fn read(folder: &Path, axes: &[Axis]) -> Result<Vec<RunRecord>, StoreError> {
    let path = folder.join("runs.csv");
    let mut table = TableReader::open(&path)?;
    let keys = table.key_columns(axes)?;
    let [status, steps] = [table.column("status")?, table.column("steps")?];
    let [label, parameters] = [table.column("label_correlation")?, table.column("parameters")?];
    let [engine, seconds] = [table.column("engine")?, table.column("seconds")?];
    let best = table.column("best_step").ok();
    let mut runs: Vec<RunRecord> = Vec::new();
    let mut seen = HashSet::new();
    let mut row = StringRecord::new();
    while table.next(&mut row)? {
        let status = match &row[status] {
            "finished" => Status::Finished,
            "diverged" => Status::Diverged,
            other => {
                return Err(table.wrong(&row, format!("status = {other:?}: expected finished or diverged")));
            }
        };
        let key = table.key(&row, &keys)?;
        if !seen.insert(key.clone()) {
            return Err(table.wrong(&row, "is a duplicate: expected each run once".into()));
        }
        runs.push(RunRecord {
            status,
            steps: table.parse(&row, steps)?,
            best_step: match best.filter(|&best| !row[best].is_empty()) {
                Some(best) => Some(table.parse(&row, best)?),
                None => None,
            },
            label_correlation: table.parse_defined(&row, label)?,
            seconds: table.parse(&row, seconds)?,
            ..RunRecord::new(key, table.parse(&row, parameters)?, table.parse(&row, engine)?)
        });
    }
    Ok(runs)
}

/// Gives every finished run the last point of its curve from its final losses, and the best one before it.
pub(super) fn read_final_losses_into(runs: &mut [RunRecord], folder: &Path) -> Result<(), StoreError> {
    let path = folder.join("runs.csv");
    let mut table = TableReader::open(&path)?;
    let [train, held_out] =
        ["final_train_loss", "final_held_out_loss"].map(|prefix| table.task_columns(prefix));
    let [best_train, best_held_out, best_validation] = BEST.map(|prefix| table.task_columns(prefix));
    let mut row = StringRecord::new();
    for run in runs {
        let read = table.next(&mut row)?;
        if read && run.status == Status::Finished {
            if let Some(step) = run.best_step.filter(|step| *step < run.steps) {
                run.curve.push(CurvePoint {
                    step,
                    train_loss: table.losses(&row, &best_train)?,
                    held_out_loss: table.losses(&row, &best_held_out)?,
                    validation_loss: table.losses(&row, &best_validation)?,
                });
            }
            run.curve.push(CurvePoint {
                step: run.steps,
                train_loss: table.losses(&row, &train)?,
                held_out_loss: table.losses(&row, &held_out)?,
                validation_loss: Vec::new(),
            });
        }
    }
    Ok(())
}
