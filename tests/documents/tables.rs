//! Readers of committed results: CSV files, tables of reports, experiments.

use std::collections::HashMap;

use crate::markdown::root;

/// Rows of a CSV file, by column.
#[derive(Clone)]
pub struct Csv {
    pub rows: Vec<HashMap<String, String>>,
}

impl Csv {
    /// The file at a path from the root.
    pub fn read(path: &str) -> Self {
        let mut reader =
            csv::Reader::from_path(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { rows: reader.deserialize().map(|row| row.unwrap()).collect() }
    }

    /// The rows with these values in these columns. Numbers are compared as numbers.
    pub fn with(&self, wanted: &[(&str, &str)]) -> Self {
        let same = |have: &str, want: &str| match (have.parse::<f64>(), want.parse::<f64>()) {
            (Ok(have), Ok(want)) => have == want,
            _ => have == want,
        };
        let fits =
            |row: &&HashMap<String, String>| wanted.iter().all(|(column, value)| same(&row[*column], value));
        Self { rows: self.rows.iter().filter(fits).cloned().collect() }
    }

    pub fn numbers(&self, column: &str) -> Vec<f64> {
        self.rows.iter().map(|row| row[column].parse().unwrap_or(f64::NAN)).collect()
    }

    pub fn mean(&self, column: &str) -> f64 {
        mean(&self.numbers(column))
    }

    /// The only row.
    pub fn only(&self) -> &HashMap<String, String> {
        assert_eq!(self.rows.len(), 1, "{:?}", self.rows);
        &self.rows[0]
    }

    /// A number of the only row.
    pub fn number(&self, column: &str) -> f64 {
        self.only()[column].parse().unwrap()
    }

    /// The distinct values of a column, in the order of the file.
    pub fn values(&self, column: &str) -> Vec<&str> {
        let mut values: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !values.contains(&row[column].as_str()) {
                values.push(&row[column]);
            }
        }
        values
    }
}

pub fn mean(numbers: &[f64]) -> f64 {
    assert!(!numbers.is_empty());
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// A TOML file at a path from the root.
pub fn toml_file(path: &str) -> toml::Table {
    std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

/// The tables of a study's report with these columns, as rows of cells without the header. Reports are committed. They
/// contain intervals, and results from `curves.csv` and `gates.csv` where these are too large to commit.
pub fn report_tables(study: &str, columns: &[&str]) -> Vec<Vec<Vec<String>>> {
    let path = format!("results/{study}/report.html");
    let page = std::fs::read_to_string(root().join(&path)).unwrap();
    let texts = page.split("<table").skip(1).map(|rest| rest.split("</table>").next().unwrap());
    let tables = texts.map(|table| table.split("<tr").skip(1).map(cells).collect::<Vec<Vec<String>>>());
    let has = |header: &Vec<String>| columns.iter().all(|column| header.iter().any(|cell| cell == column));
    let wanted = tables.filter(|table| table.first().is_some_and(has));
    let wanted: Vec<_> = wanted.map(|mut table| table.split_off(1)).collect();
    assert!(!wanted.is_empty(), "{path}: no table has the columns {columns:?}");
    wanted
}

/// The row of a table that begins with these cells.
pub fn row<'a>(table: &'a [Vec<String>], begins: &[&str]) -> &'a [String] {
    table
        .iter()
        .find(|row| row.iter().zip(begins).all(|(cell, begin)| cell == begin))
        .unwrap_or_else(|| panic!("{begins:?}"))
}

/// The numbers of a text such as `−0.0133 [−0.0194, −0.0068]`.
pub fn numbers_in(text: &str) -> Vec<f64> {
    let plain = text.replace('−', "-");
    plain.split([' ', '[', ']', ',']).filter_map(|part| part.parse().ok()).collect()
}

fn cells(row: &str) -> Vec<String> {
    let ends = row.replace("</th>", "</td>");
    let cells = ends.split("</td>").collect::<Vec<_>>();
    let text = |cell: &&str| -> String {
        // The text before the first `<` is the tail of the row's own tag.
        let plain: String =
            cell.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
        plain.replace("&amp;", "&").replace("&#39;", "'").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    cells[..cells.len() - 1].iter().map(text).collect()
}
