//! `curves.csv`: one row for each run and logged step.

use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::{key, key_columns, losses, task_columns};
use super::reader::{TableReader, find_run};
use super::runs::is_validated;
use crate::data::SweptParameter;
use crate::record::{CurvePoint, RunRecord, Status};
use crate::store::{CURVES, StoreError};

/// The table.
pub fn to_csv(runs: &[RunRecord], swept: Option<SweptParameter>, tasks: usize) -> String {
    let validated = is_validated(runs);
    let mut text = format!(
        "{},step{}{}{}\n",
        key_columns(swept),
        task_columns("train_loss", tasks),
        task_columns("held_out_loss", tasks),
        if validated { task_columns("validation_loss", tasks) } else { String::new() }
    );
    for run in runs {
        for point in &run.curve {
            key(&mut text, &run.key);
            write!(text, ",{}", point.step).expect("writing to a string");
            losses(&mut text, Some(&point.train_loss), tasks);
            losses(&mut text, Some(&point.held_out_loss), tasks);
            if validated {
                losses(&mut text, Some(&point.validation_loss), tasks);
            }
            text.push('\n');
        }
    }
    text
}

/// Reads the curves into their runs.
pub(super) fn read_into(
    runs: &mut [RunRecord],
    folder: &Path,
    swept: Option<SweptParameter>,
) -> Result<(), StoreError> {
    let path = folder.join(CURVES);
    let mut table = TableReader::open(&path)?;
    let keys = table.key_columns(swept)?;
    let step = table.column("step")?;
    let [train, held_out, validation] =
        ["train_loss", "held_out_loss", "validation_loss"].map(|prefix| table.task_columns(prefix));
    let mut row = StringRecord::new();
    let mut current = 0;
    while table.next(&mut row)? {
        let key = table.key(&row, keys)?;
        let point = CurvePoint {
            step: table.parse(&row, step)?,
            train_loss: table.losses(&row, &train)?,
            held_out_loss: table.losses(&row, &held_out)?,
            validation_loss: table.losses(&row, &validation)?,
        };
        let curve = &mut find_run(runs, &mut current, &key, &path, &row)?.curve;
        if curve.last().is_some_and(|last| last.step >= point.step) {
            return Err(
                table.wrong(&row, format!("step = {}: expected rising steps within a run", point.step))
            );
        }
        curve.push(point);
    }
    let steps = |run: &RunRecord| run.curve.iter().map(|point| point.step).collect::<Vec<_>>();
    check_steps(&path, runs.iter().map(|run| (run, steps(run))))
}

/// Refuses runs with other logged steps than the rest: a finished run has all of them up to its last step, which may be
/// one of its own where it stopped early; a diverged run has the first ones.
pub(super) fn check_steps<'a>(
    path: &Path,
    runs: impl Iterator<Item = (&'a RunRecord, Vec<u64>)> + Clone,
) -> Result<(), StoreError> {
    let longest = runs.clone().map(|(_, steps)| steps).max_by_key(Vec::len).unwrap_or_default();
    for (run, steps) in runs {
        let own = |step: &u64| run.status == Status::Finished && *step == run.steps;
        let shared = &steps[..steps.len() - usize::from(steps.last().is_some_and(own))];
        let whole = run.status == Status::Diverged
            || longest[shared.len()..].first().is_none_or(|next| *next >= run.steps);
        if !(whole && longest.starts_with(shared)) {
            let problem = format!("lacks steps of {:?} which other runs have", run.key);
            return Err(StoreError::malformed(path, None, problem));
        }
    }
    Ok(())
}
