//! `funnel.csv` and `deciles.csv`: the scores of a model of click and conversion.

use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::{key, key_columns};
use super::reader::{TableReader, find_run, malformed};
use crate::experiment::Axis;
use crate::record::RunRecord;
use crate::store::StoreError;

/// `funnel.csv`.
pub fn to_csv(runs: &[RunRecord], axes: &[Axis]) -> String {
    records_to_csv(
        runs,
        axes,
        "target,space,auc,log_loss,calibration_error,absolute_error,mean_prediction,mean_truth,above_one",
        |run| &run.conversion_scores,
    )
}

/// `deciles.csv`.
pub fn deciles_to_csv(runs: &[RunRecord], axes: &[Axis]) -> String {
    records_to_csv(runs, axes, "decile,mean_ctr,mean_prediction,mean_truth", |run| &run.deciles)
}

/// A table of records of runs: the columns that name the run, then those of the record.
fn records_to_csv<T: serde::Serialize>(
    runs: &[RunRecord],
    axes: &[Axis],
    columns: &str,
    records: fn(&RunRecord) -> &Vec<T>,
) -> String {
    let mut text = format!("{},{columns}\n", key_columns(axes));
    for run in runs {
        let rows = headless_csv(records(run));
        for row in rows.lines() {
            key(&mut text, &run.key);
            writeln!(text, ",{row}").expect("writing to a string");
        }
    }
    text
}

/// Records as CSV without a header.
fn headless_csv<T: serde::Serialize>(rows: &[T]) -> String {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    rows.iter().for_each(|row| writer.serialize(row).expect("rows are plain data"));
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("rows are text")
}

/// Reads the scores and deciles into their runs, where the tables exist.
pub(super) fn read_into(runs: &mut [RunRecord], folder: &Path, axes: &[Axis]) -> Result<(), StoreError> {
    read_records(&folder.join("funnel.csv"), axes, runs, |run| &mut run.conversion_scores)?;
    read_records(&folder.join("deciles.csv"), axes, runs, |run| &mut run.deciles)
}

/// Reads the records of a table into their runs, where the table exists.
fn read_records<T: serde::de::DeserializeOwned>(
    path: &Path,
    axes: &[Axis],
    runs: &mut [RunRecord],
    records: fn(&mut RunRecord) -> &mut Vec<T>,
) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let mut table = TableReader::open(path)?;
    let keys = table.key_columns(axes)?;
    let headers = table.headers.clone();
    let (mut row, mut current) = (StringRecord::new(), 0);
    while table.next(&mut row)? {
        let key = table.key(&row, &keys)?;
        let record = row.deserialize(Some(&headers)).map_err(|error| malformed(path, &error))?;
        records(find_run(runs, &mut current, &key, path, &row)?).push(record);
    }
    Ok(())
}
