//! Columns that several tables share: those that name a run, those of each task, and numbers that may not be defined.

use std::fmt::Write;

use crate::experiment::plan::RunKey;
use crate::experiment::{Axis, Condition, Setting};

/// Header of the columns that name a model and a condition, with which tables begin.
pub(super) fn cell_columns(axes: &[Axis]) -> String {
    format!("model,task_correlation{}", axis_columns(axes))
}

/// Header of the columns that name a run.
pub(super) fn key_columns(axes: &[Axis]) -> String {
    format!("{},learning_rate,seed", cell_columns(axes))
}

/// Header of the columns of the axes, each after a comma. Keys never need quotes.
pub(super) fn axis_columns(axes: &[Axis]) -> String {
    axes.iter().map(|axis| format!(",{}", axis.key)).collect()
}

/// Header of the columns `<prefix>_1`, `<prefix>_2`, … of the tasks, each after a comma.
pub(super) fn task_columns(prefix: &str, tasks: usize) -> String {
    (1..=tasks).fold(String::new(), |mut columns, task| {
        write!(columns, ",{prefix}_{task}").expect("writing to a string");
        columns
    })
}

/// Starts a row with the columns that name its model and condition. Names of models never need quotes.
pub(super) fn cell(row: &mut String, model: &str, condition: &Condition) {
    write!(row, "{model},").expect("writing to a string");
    if let Some(task_correlation) = condition.task_correlation {
        write!(row, "{task_correlation}").expect("writing to a string");
    }
    setting(row, &condition.setting);
}

/// Starts a row with the columns that name its run.
pub(super) fn key(row: &mut String, key: &RunKey) {
    cell(row, &key.model, &key.condition);
    write!(row, ",{},{}", key.learning_rate, key.seed).expect("writing to a string");
}

/// Adds the values of a setting, each after a comma. A list, such as `[64, 32]`, needs quotes.
pub(super) fn setting(row: &mut String, setting: &Setting) {
    for (_, value) in setting.iter() {
        let text = value.to_string();
        match text.contains([',', '"']) {
            true => write!(row, ",\"{}\"", text.replace('"', "\"\"")),
            false => write!(row, ",{text}"),
        }
        .expect("writing to a string");
    }
}

/// Adds the losses of the tasks, each after a comma; empty where there are none.
pub(super) fn losses(row: &mut String, losses: Option<&[f32]>, tasks: usize) {
    for task in 0..tasks {
        row.push(',');
        if let Some(loss) = losses.and_then(|losses| losses.get(task)) {
            write!(row, "{loss}").expect("writing to a string");
        }
    }
}

/// Adds a number after a comma; nothing after it where the number is not defined.
pub(super) fn number(row: &mut String, number: Option<f64>) {
    row.push(',');
    if let Some(number) = number {
        write!(row, "{number}").expect("writing to a string");
    }
}
