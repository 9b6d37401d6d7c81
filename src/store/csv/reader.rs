//! Reading a table: columns by name, errors with file and line.

use std::collections::HashMap;
use std::path::Path;

use csv::StringRecord;

use crate::data::defined::defined;
use crate::experiment::plan::RunKey;
use crate::experiment::{Axis, AxisValue, Condition, Setting, is_plain_name};
use crate::record::RunRecord;
use crate::store::{StoreError, regular_file};

/// A CSV file being read.
pub(super) struct TableReader<'a> {
    path: &'a Path,
    reader: csv::Reader<std::fs::File>,
    pub headers: StringRecord,
    /// Index of every column by its name.
    columns: HashMap<String, usize>,
}

/// Indices of the columns that name a model and a condition.
pub(super) struct CellColumns<'x> {
    model: usize,
    task_correlation: usize,
    setting: SettingColumns<'x>,
}

/// Indices of the columns that name a run.
pub(super) struct KeyColumns<'x> {
    cell: CellColumns<'x>,
    learning_rate: usize,
    seed: usize,
}

/// The axes with the indices of their columns.
pub(super) type SettingColumns<'x> = Vec<(&'x Axis, usize)>;

impl<'a> TableReader<'a> {
    /// Opens a table and reads its header.
    pub fn open(path: &'a Path) -> Result<Self, StoreError> {
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(regular_file(path)?);
        let headers = reader.headers().map_err(|error| malformed(path, &error))?.clone();
        // Of several columns with one name, the first counts.
        let mut columns = HashMap::new();
        for (at, name) in headers.iter().enumerate() {
            columns.entry(name.to_string()).or_insert(at);
        }
        Ok(Self { path, reader, headers, columns })
    }

    /// Index of a required column.
    pub fn column(&self, name: &str) -> Result<usize, StoreError> {
        self.columns
            .get(name)
            .copied()
            .ok_or_else(|| StoreError::malformed(self.path, Some(1), format!("has no column {name:?}")))
    }

    /// Indices of the columns `<prefix>_1`, `<prefix>_2`, …, as many as there are.
    pub fn task_columns(&self, prefix: &str) -> Vec<usize> {
        (1..).map_while(|task| self.column(&format!("{prefix}_{task}")).ok()).collect()
    }

    /// Indices of the columns that name a model and a condition.
    pub fn cell_columns<'x>(&self, axes: &'x [Axis]) -> Result<CellColumns<'x>, StoreError> {
        Ok(CellColumns {
            model: self.column("model")?,
            task_correlation: self.column("task_correlation")?,
            setting: self.setting_columns(axes)?,
        })
    }

    /// Indices of the columns that name a run.
    pub fn key_columns<'x>(&self, axes: &'x [Axis]) -> Result<KeyColumns<'x>, StoreError> {
        Ok(KeyColumns {
            cell: self.cell_columns(axes)?,
            learning_rate: self.column("learning_rate")?,
            seed: self.column("seed")?,
        })
    }

    /// Indices of the columns of the axes.
    pub fn setting_columns<'x>(&self, axes: &'x [Axis]) -> Result<SettingColumns<'x>, StoreError> {
        axes.iter().map(|axis| Ok((axis, self.column(&axis.key)?))).collect()
    }

    /// The setting of a row: on every axis one of its values.
    pub fn setting(&self, row: &StringRecord, columns: &SettingColumns) -> Result<Setting, StoreError> {
        let value = |&(axis, column): &(&Axis, usize)| {
            let text = &row[column];
            let number = text.parse::<f64>().ok();
            let same = |value: &&AxisValue| match value {
                AxisValue::Number(value) => number == Some(*value),
                AxisValue::Word(word) => word == text,
            };
            match axis.values.iter().find(same) {
                Some(value) => Ok((axis.key.clone(), value.clone())),
                None => {
                    let values: Vec<String> = axis.values.iter().map(AxisValue::to_string).collect();
                    let expected = values.join(", ");
                    Err(self.wrong(row, format!("{} = {text:?}: expected one of {expected}", axis.key)))
                }
            }
        };
        Ok(Setting::new(columns.iter().map(value).collect::<Result<Vec<_>, _>>()?))
    }

    /// Reads the next row; false at the end.
    pub fn next(&mut self, row: &mut StringRecord) -> Result<bool, StoreError> {
        self.reader.read_record(row).map_err(|error| malformed(self.path, &error))
    }

    /// Value of a column.
    pub fn parse<T: std::str::FromStr>(&self, row: &StringRecord, column: usize) -> Result<T, StoreError> {
        let text = row.get(column).unwrap_or_default();
        text.parse().map_err(|_| {
            let line = row.position().map(csv::Position::line);
            let header = &self.headers[column];
            let wanted = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
            let problem = format!("{header} = {text:?}: expected a value of type {wanted}");
            StoreError::malformed(self.path, line, problem)
        })
    }

    /// A number that may not be defined: none where the column is empty, or not a finite number.
    pub fn parse_defined(&self, row: &StringRecord, column: usize) -> Result<Option<f64>, StoreError> {
        match row.get(column) {
            Some("") => Ok(None),
            _ => Ok(defined(self.parse(row, column)?)),
        }
    }

    /// An error at a row.
    pub fn wrong(&self, row: &StringRecord, problem: String) -> StoreError {
        StoreError::malformed(self.path, row.position().map(csv::Position::line), problem)
    }

    /// Model and condition of a row.
    pub fn cell(&self, row: &StringRecord, columns: &CellColumns) -> Result<(String, Condition), StoreError> {
        let model: String = self.parse(row, columns.model)?;
        if !is_plain_name(&model) {
            let problem = format!("model = {model:?}: expected letters, digits, '-', '_' and '.' only");
            return Err(self.wrong(row, problem));
        }
        let condition = Condition {
            task_correlation: self.optional(row, columns.task_correlation)?,
            setting: self.setting(row, &columns.setting)?,
        };
        Ok((model, condition))
    }

    /// Value of a column that may be empty.
    pub fn optional<T: std::str::FromStr>(
        &self,
        row: &StringRecord,
        column: usize,
    ) -> Result<Option<T>, StoreError> {
        match row.get(column) {
            Some("") => Ok(None),
            _ => self.parse(row, column).map(Some),
        }
    }

    /// Key of a row's run.
    pub fn key(&self, row: &StringRecord, columns: &KeyColumns) -> Result<RunKey, StoreError> {
        let (model, condition) = self.cell(row, &columns.cell)?;
        Ok(RunKey {
            model,
            condition,
            learning_rate: self.parse(row, columns.learning_rate)?,
            seed: self.parse(row, columns.seed)?,
        })
    }

    /// Losses of the tasks; none where the columns are empty.
    pub fn losses_if_any(&self, row: &StringRecord, columns: &[usize]) -> Result<Vec<f32>, StoreError> {
        match columns.iter().all(|&column| row.get(column) == Some("")) {
            true => Ok(Vec::new()),
            false => self.losses(row, columns),
        }
    }

    /// Losses of the tasks.
    pub fn losses(&self, row: &StringRecord, columns: &[usize]) -> Result<Vec<f32>, StoreError> {
        columns.iter().map(|&column| self.parse(row, column)).collect()
    }
}

/// An error of the CSV parser.
pub(super) fn malformed(path: &Path, error: &csv::Error) -> StoreError {
    let line = error.position().map(csv::Position::line);
    StoreError::malformed(path, line, format!("is not a table of this program: {error}"))
}

/// The run of a row, which is the one at `current` or a later one.
pub(super) fn find_run<'r>(
    runs: &'r mut [RunRecord],
    current: &mut usize,
    key: &RunKey,
    path: &Path,
    row: &StringRecord,
) -> Result<&'r mut RunRecord, StoreError> {
    while *current < runs.len() && runs[*current].key != *key {
        *current += 1;
    }
    runs.get_mut(*current).ok_or_else(|| {
        let line = row.position().map(csv::Position::line);
        StoreError::malformed(path, line, format!("has a run that runs.csv lacks or has earlier: {key:?}"))
    })
}
