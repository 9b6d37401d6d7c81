//! `means.csv`: one row for each model, condition, quantity and logged step, with the mean over runs.

use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::keys::{cell, cell_columns};
use super::reader::TableReader;
use crate::data::defined::defined;
use crate::experiment::Axis;
use crate::record::MeanRecord;
use crate::store::{MEANS, StoreError};

/// The table.
pub fn to_csv(means: &[MeanRecord], axes: &[Axis]) -> String {
    let mut text = format!("{},learning_rates,quantity,step,mean,low,high,runs\n", cell_columns(axes));
    for record in means {
        let MeanRecord { learning_rates, quantity, step, runs, .. } = record;
        cell(&mut text, &record.model, &record.condition);
        write!(text, ",{learning_rates},{quantity},{step}").expect("writing to a string");
        let ends = record.ends.map_or(",".to_owned(), |(low, high)| format!("{low},{high}"));
        writeln!(text, ",{},{ends},{runs}", record.mean).expect("writing to a string");
    }
    text
}

/// Reads the table.
pub fn read(folder: &Path, axes: &[Axis]) -> Result<Vec<MeanRecord>, StoreError> {
    let path = folder.join(MEANS);
    let mut table = TableReader::open(&path)?;
    let cell = table.cell_columns(axes)?;
    let [rates, quantity, step] =
        [table.column("learning_rates")?, table.column("quantity")?, table.column("step")?];
    let [mean, low, high] = [table.column("mean")?, table.column("low")?, table.column("high")?];
    let runs = table.column("runs")?;
    let mut means: Vec<MeanRecord> = Vec::new();
    let mut row = StringRecord::new();
    while table.next(&mut row)? {
        let (model, condition) = table.cell(&row, &cell)?;
        let finite = |column| {
            let value = table.parse(&row, column)?;
            defined(value).ok_or_else(|| table.wrong(&row, format!("{value}: expected a finite number")))
        };
        let ends = match [low, high].map(|column| row.get(column).unwrap_or_default()) {
            ["", ""] => None,
            _ => Some((finite(low)?, finite(high)?)),
        };
        let record = MeanRecord {
            model,
            condition,
            learning_rates: table.parse(&row, rates)?,
            quantity: table.parse(&row, quantity)?,
            step: table.parse(&row, step)?,
            mean: finite(mean)?,
            ends,
            runs: table.parse(&row, runs)?,
        };
        if let Some(last) = means.last()
            && last.step >= record.step
            && (&last.model, &last.condition, &last.learning_rates, &last.quantity)
                == (&record.model, &record.condition, &record.learning_rates, &record.quantity)
        {
            let problem = format!("step = {}: expected rising steps of {}", record.step, record.quantity);
            return Err(table.wrong(&row, problem));
        }
        means.push(record);
    }
    Ok(means)
}
