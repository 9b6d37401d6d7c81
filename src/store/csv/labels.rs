//! `labels.csv`: one row for each task correlation, seed and pair of tasks.

use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::{axis_columns, number, setting};
use super::reader::TableReader;
use crate::experiment::Axis;
use crate::record::LabelRecord;
use crate::store::StoreError;

/// The table.
pub fn to_csv(labels: &[LabelRecord], axes: &[Axis]) -> String {
    let mut text = format!("task_correlation{},seed,pair,points,label_correlation\n", axis_columns(axes));
    for LabelRecord { task_correlation, setting: at, seed, pair, points, label_correlation } in labels {
        write!(text, "{task_correlation}").expect("writing to a string");
        setting(&mut text, at);
        write!(text, ",{seed},{pair},{points}").expect("writing to a string");
        number(&mut text, *label_correlation);
        text.push('\n');
    }
    text
}

/// Reads the table.
///
/// # Errors
/// The table cannot be read, lacks a column or has an invalid value.
pub fn read(folder: &Path, axes: &[Axis]) -> Result<Vec<LabelRecord>, StoreError> {
    let path = folder.join("labels.csv");
    let mut table = TableReader::open(&path)?;
    let [p, seed, pair] = [table.column("task_correlation")?, table.column("seed")?, table.column("pair")?];
    let [points, label] = [table.column("points")?, table.column("label_correlation")?];
    let setting = table.setting_columns(axes)?;
    let mut labels = Vec::new();
    let mut row = StringRecord::new();
    while table.next(&mut row)? {
        labels.push(LabelRecord {
            task_correlation: table.parse(&row, p)?,
            setting: table.setting(&row, &setting)?,
            seed: table.parse(&row, seed)?,
            pair: table.parse(&row, pair)?,
            points: table.parse(&row, points)?,
            label_correlation: table.parse_defined(&row, label)?,
        });
    }
    Ok(labels)
}
