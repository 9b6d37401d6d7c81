//! `curves.csv`: one row for each run and logged step.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::{key, key_columns, losses, task_columns};
use super::reader::{TableReader, find_run};
use super::runs::is_validated;
use crate::experiment::{Axis, Setting};
use crate::record::{CurvePoint, RunRecord, Status};
use crate::store::{CURVES, StoreError};

/// The table.
pub fn to_csv(runs: &[RunRecord], axes: &[Axis], tasks: usize) -> String {
    let validated = is_validated(runs);
    let mut text = format!(
        "{},step{}{}{}\n",
        key_columns(axes),
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
pub(super) fn read_into(runs: &mut [RunRecord], folder: &Path, axes: &[Axis]) -> Result<(), StoreError> {
    let path = folder.join(CURVES);
    let mut table = TableReader::open(&path)?;
    let keys = table.key_columns(axes)?;
    let step = table.column("step")?;
    let [train, held_out, validation] =
        ["train_loss", "held_out_loss", "validation_loss"].map(|prefix| table.task_columns(prefix));
    let mut row = StringRecord::new();
    let mut current = 0;
    while table.next(&mut row)? {
        let key = table.key(&row, &keys)?;
        let point = CurvePoint {
            step: table.parse(&row, step)?,
            train_loss: table.losses(&row, &train)?,
            held_out_loss: table.losses(&row, &held_out)?,
            validation_loss: table.losses_if_any(&row, &validation)?,
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

/// Refuses runs with other logged steps than the rest of their setting: a finished run has all of them up to its last step,
/// which may be one of its own where it stopped early; a diverged run has the first ones.
pub(super) fn check_steps<'a>(
    path: &Path,
    runs: impl Iterator<Item = (&'a RunRecord, Vec<u64>)> + Clone,
) -> Result<(), StoreError> {
    // Without the last step of a finished run, which may be its own.
    let shared = |run: &RunRecord, steps: &[u64]| {
        let own = run.status == Status::Finished && steps.last() == Some(&run.steps);
        steps[..steps.len() - usize::from(own)].to_vec()
    };
    let mut longest: HashMap<&Setting, Vec<u64>> = HashMap::new();
    for (run, steps) in runs.clone() {
        let entry = longest.entry(&run.key.condition.setting).or_default();
        let shared = shared(run, &steps);
        if shared.len() > entry.len() {
            *entry = shared;
        }
    }
    let logged = runs.clone().any(|(_, steps)| !steps.is_empty());
    for (run, steps) in runs {
        let longest = &longest[&run.key.condition.setting];
        let ended = !logged || steps.last() == Some(&run.steps);
        let shared = shared(run, &steps);
        let whole = ended && longest.get(shared.len()).is_none_or(|next| *next >= run.steps);
        if !(longest.starts_with(&shared) && (whole || run.status == Status::Diverged)) {
            let problem = format!("lacks steps of {:?} which other runs have", run.key);
            return Err(StoreError::malformed(path, None, problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn runs_may_stop_at_steps_of_their_own_and_miss_none_before() {
        let run = Sample { seeds: 1, ..Sample::default() }.study().runs[0].clone();
        let checked = |runs: &[(Status, &[u64])]| {
            let runs: Vec<_> = runs
                .iter()
                .map(|(status, steps)| {
                    let last = steps.last().copied().unwrap_or_default();
                    (RunRecord { status: *status, steps: last, ..run.clone() }, steps.to_vec())
                })
                .collect();
            check_steps(Path::new("curves.csv"), runs.iter().map(|(run, steps)| (run, steps.clone()))).is_ok()
        };
        let (finished, diverged) = (Status::Finished, Status::Diverged);
        assert!(checked(&[(finished, &[0, 10, 20, 25]), (finished, &[0, 10, 20, 25])]));
        // Stopped before the last step; gates are logged at a stop between two logged steps too.
        assert!(checked(&[(finished, &[0, 10, 20, 25]), (finished, &[0, 10]), (finished, &[0, 10, 17])]));
        assert!(checked(&[(finished, &[0, 40]), (finished, &[0, 60]), (diverged, &[0])]));
        assert!(checked(&[(finished, &[]), (finished, &[])]), "models without gates");
        assert!(!checked(&[(finished, &[0, 10, 20, 25]), (finished, &[0, 20, 25])]));
        assert!(!checked(&[(finished, &[0, 10, 20]), (diverged, &[0, 15])]));
        let lost = [(RunRecord { steps: 20, ..run.clone() }, vec![0, 10])];
        assert!(
            check_steps(Path::new("curves.csv"), lost.iter().map(|(run, steps)| (run, steps.clone())))
                .is_err()
        );
    }
}
