//! `gates.csv`: one row for each run, logged step, task and expert. `final_gates.csv` has those of the last step of finished
//! runs.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::curves::check_steps;
use super::keys::{key, key_columns};
use super::reader::{TableReader, find_run};
use crate::experiment::{Axis, Setting};
use crate::record::{GatePoint, RunRecord};
use crate::store::StoreError;

/// The table.
pub fn to_csv(runs: &[RunRecord], axes: &[Axis]) -> String {
    table(runs, axes, |run| &run.gates)
}

/// The table of the last logged step of finished runs.
pub fn final_to_csv(runs: &[RunRecord], axes: &[Axis]) -> String {
    table(runs, axes, |run| run.final_gates().unwrap_or_default())
}

fn table(runs: &[RunRecord], axes: &[Axis], points: impl Fn(&RunRecord) -> &[GatePoint]) -> String {
    let mut text = format!("{},step,task,expert,mean_weight,entropy\n", key_columns(axes));
    for run in runs {
        for point in points(run) {
            for (expert, weight) in point.mean_weight.iter().enumerate() {
                key(&mut text, &run.key);
                let GatePoint { step, task, entropy, .. } = point;
                writeln!(text, ",{step},{task},{},{weight},{entropy}", expert + 1)
                    .expect("writing to a string");
            }
        }
    }
    text
}

/// Reads the gate statistics in the table `name` into their runs.
pub(super) fn read_into(
    runs: &mut [RunRecord],
    folder: &Path,
    name: &str,
    axes: &[Axis],
) -> Result<(), StoreError> {
    let path = folder.join(name);
    let mut table = TableReader::open(&path)?;
    let keys = table.key_columns(axes)?;
    let [step, task] = [table.column("step")?, table.column("task")?];
    let [weight, entropy] = [table.column("mean_weight")?, table.column("entropy")?];
    let expert = table.column("expert")?;
    let mut row = StringRecord::new();
    let mut current = 0;
    while table.next(&mut row)? {
        let key = table.key(&row, &keys)?;
        let (step, task) = (table.parse(&row, step)?, table.parse(&row, task)?);
        let weight = table.parse(&row, weight)?;
        let entropy = table.parse(&row, entropy)?;
        let gates = &mut find_run(runs, &mut current, &key, &path, &row)?.gates;
        let expert: usize = table.parse(&row, expert)?;
        let expected = match gates.last_mut() {
            Some(gate) if gate.step == step && gate.task == task => {
                gate.mean_weight.push(weight);
                gate.mean_weight.len()
            }
            Some(gate) if (gate.step, gate.task) > (step, task) => {
                return Err(table.wrong(&row, "expected rising steps and tasks within a run".into()));
            }
            _ => {
                gates.push(GatePoint { step, task, mean_weight: vec![weight], entropy });
                1
            }
        };
        if expert != expected {
            return Err(table.wrong(&row, format!("expert = {expert}: expected {expected}")));
        }
    }
    check_gates(&path, runs)
}

/// Refuses missing or repeated tasks and experts: all runs of a model and setting have the same ones at every logged step.
fn check_gates(path: &Path, runs: &[RunRecord]) -> Result<(), StoreError> {
    let steps = |run: &RunRecord| {
        run.gates.chunk_by(|a, b| a.step == b.step).map(|points| points[0].step).collect::<Vec<_>>()
    };
    let models: HashSet<&str> = runs.iter().map(|run| run.key.model.as_str()).collect();
    for model in models {
        let of_model = runs.iter().filter(|run| run.key.model == model);
        check_steps(path, of_model.map(|run| (run, steps(run))))?;
    }
    let mut of_model: HashMap<(&str, &Setting), Vec<(usize, usize)>> = HashMap::new();
    for run in runs {
        for points in run.gates.chunk_by(|a, b| a.step == b.step) {
            let gates: Vec<_> = points.iter().map(|point| (point.task, point.mean_weight.len())).collect();
            let expected =
                of_model.entry((&run.key.model, &run.key.condition.setting)).or_insert_with(|| gates.clone());
            if *expected != gates {
                let problem = format!(
                    "lacks or repeats rows of {:?} at step {}: the tasks or experts differ from other steps of {}",
                    run.key, points[0].step, run.key.model
                );
                return Err(StoreError::malformed(path, None, problem));
            }
        }
    }
    Ok(())
}
