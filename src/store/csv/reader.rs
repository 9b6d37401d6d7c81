//! Reading a table: columns by name, errors with file and line.

use std::collections::HashMap;
use std::path::Path;

use csv::StringRecord;

use crate::data::SweptParameter;
use crate::data::defined::defined;
use crate::experiment::plan::RunKey;
use crate::experiment::{Condition, is_plain_name};
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
#[derive(Clone, Copy)]
pub(super) struct CellColumns {
    model: usize,
    task_correlation: usize,
    swept_value: Option<usize>,
}

/// Indices of the columns that name a run.
#[derive(Clone, Copy)]
pub(super) struct KeyColumns {
    cell: CellColumns,
    learning_rate: usize,
    seed: usize,
}

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
    pub fn cell_columns(&self, swept: Option<SweptParameter>) -> Result<CellColumns, StoreError> {
        Ok(CellColumns {
            model: self.column("model")?,
            task_correlation: self.column("task_correlation")?,
            swept_value: swept.map(|parameter| self.column(parameter.key())).transpose()?,
        })
    }

    /// Indices of the columns that name a run.
    pub fn key_columns(&self, swept: Option<SweptParameter>) -> Result<KeyColumns, StoreError> {
        Ok(KeyColumns {
            cell: self.cell_columns(swept)?,
            learning_rate: self.column("learning_rate")?,
            seed: self.column("seed")?,
        })
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
    pub fn cell(&self, row: &StringRecord, columns: CellColumns) -> Result<(String, Condition), StoreError> {
        let model: String = self.parse(row, columns.model)?;
        if !is_plain_name(&model) {
            let problem = format!("model = {model:?}: expected letters, digits, '-', '_' and '.' only");
            return Err(self.wrong(row, problem));
        }
        let condition = Condition {
            task_correlation: self.optional(row, columns.task_correlation)?,
            swept_value: columns.swept_value.map(|column| self.parse(row, column)).transpose()?,
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
    pub fn key(&self, row: &StringRecord, columns: KeyColumns) -> Result<RunKey, StoreError> {
        let (model, condition) = self.cell(row, columns.cell)?;
        Ok(RunKey {
            model,
            condition,
            learning_rate: self.parse(row, columns.learning_rate)?,
            seed: self.parse(row, columns.seed)?,
        })
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
