//! Rows of a file that are left out: how many, why, and whether that is too many.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::checks::{Check, CheckResult, DataCheck, counted, percent};
use super::error::ParseError;
use super::{DataError, files};

/// Share of a file's rows that may be malformed where they are left out, unless `data.max_skipped` says otherwise. The
/// published files have none; a few lines of a log may be damaged, but where more are, the file is not what it seems.
pub const MAX_SKIPPED: f64 = 0.05;

/// Rows after which a file without a good one is given up, so that this takes no hours.
const ENOUGH: usize = 100_000;

/// Reasons that a message gives.
const SHOWN: usize = 2;

/// The rows of a file, counted while it is read.
#[derive(Debug)]
pub struct LeftOut {
    path: PathBuf,
    rows: usize,
    malformed: usize,
    reasons: BTreeMap<String, Reason>,
}

/// Rows that were left out for one reason.
#[derive(Debug)]
struct Reason {
    rows: usize,
    malformed: bool,
    /// The first of them: line, field and problem; empty where nothing is wrong with it.
    first: String,
    line: u64,
}

impl LeftOut {
    /// No rows yet.
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), rows: 0, malformed: 0, reasons: BTreeMap::new() }
    }

    /// Counts a row, whatever becomes of it.
    pub fn count(&mut self) {
        self.rows += 1;
    }

    /// Whether no row was counted.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Malformed rows.
    pub fn malformed(&self) -> usize {
        self.malformed
    }

    /// All rows that are left out.
    pub fn total(&self) -> usize {
        self.reasons.values().map(|reason| reason.rows).sum()
    }

    /// Leaves out a malformed row; an error where malformed rows are not to be left out. `text` is the row, of which a
    /// message may say what it looks like; `columns` is the number of its columns.
    ///
    /// # Errors
    /// The row where not `skip`; many rows, all of them malformed.
    pub fn malformed_row(
        &mut self,
        error: ParseError,
        line: u64,
        text: &[u8],
        columns: usize,
        skip: bool,
    ) -> Result<(), DataError> {
        if !skip {
            return Err(error.looking_like(look(text, columns)).at(&self.path, line));
        }
        self.malformed += 1;
        match self.reasons.get_mut(&error.reason) {
            Some(reason) => reason.rows += 1,
            None => {
                let ParseError { field, problem, reason } = error.looking_like(look(text, columns));
                let first = format!("line {line}{field}: {problem}");
                self.reasons.insert(reason, Reason { rows: 1, malformed: true, first, line });
            }
        }
        match self.malformed == self.rows && self.rows >= ENOUGH {
            true => self.some_are_good(),
            false => Ok(()),
        }
    }

    /// Leaves out rows that are malformed for one reason, which is found when all are counted; `error` is that of the first.
    pub fn malformed_rows(&mut self, rows: usize, error: ParseError, line: u64) {
        self.malformed += rows;
        let ParseError { field, problem, reason } = error;
        let first = format!("line {line}{field}: {problem}");
        self.reasons.insert(reason, Reason { rows, malformed: true, first, line });
    }

    /// Leaves out a row with which nothing is wrong.
    pub fn sound_row(&mut self, reason: &str, line: u64) {
        match self.reasons.get_mut(reason) {
            Some(reason) => reason.rows += 1,
            None => {
                let first = String::new();
                self.reasons.insert(reason.into(), Reason { rows: 1, malformed: false, first, line });
            }
        }
    }

    /// Refuses a file without rows, without a good row, and with more malformed rows than the share `most`.
    ///
    /// # Errors
    /// Such a file.
    pub fn judge(&self, most: f64) -> Result<(), DataError> {
        if self.rows == 0 {
            let problem = "has no rows; expected the published file".to_string();
            return Err(DataError::File { path: self.path.clone(), problem });
        }
        self.some_are_good()?;
        if self.malformed as f64 <= most * self.rows as f64 {
            return Ok(());
        }
        let problem = format!(
            "{} of {} malformed ({}), more than data.max_skipped = {most} allows: {}; expected the published file, or a \
             higher data.max_skipped",
            counted(self.malformed),
            match self.rows {
                1 => "1 row is".to_string(),
                rows => format!("{} rows are", counted(rows)),
            },
            percent(self.malformed, self.rows),
            self.examples()
        );
        Err(DataError::File { path: self.path.clone(), problem })
    }

    fn some_are_good(&self) -> Result<(), DataError> {
        if self.malformed < self.rows {
            return Ok(());
        }
        let problem = format!(
            "none of the {} rows read can be used: {}; expected the published file",
            counted(self.rows),
            self.examples()
        );
        Err(DataError::File { path: self.path.clone(), problem })
    }

    /// The commonest reasons for malformed rows, each with its first row.
    fn examples(&self) -> String {
        let mut reasons: Vec<&Reason> = self.reasons.values().filter(|reason| reason.malformed).collect();
        reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.rows), reason.line));
        let mut examples: Vec<String> = reasons
            .iter()
            .take(SHOWN)
            .map(|reason| match reason.rows {
                1 => reason.first.clone(),
                rows => format!("{} (and {} like it)", reason.first, counted(rows - 1)),
            })
            .collect();
        if reasons.len() > SHOWN {
            let rest: usize = reasons[SHOWN..].iter().map(|reason| reason.rows).sum();
            examples.push(format!("{} for other reasons", counted(rest)));
        }
        examples.join("; ")
    }

    /// What there is to say of the rows: a record for each reason, or one that none was left out.
    pub fn checks(&self) -> Vec<DataCheck> {
        let (file, of) = (files::name(&self.path), self.rows);
        let record = |subject: &str, found: usize, result, text| DataCheck {
            check: Check::LeftOut,
            file: file.clone(),
            subject: subject.into(),
            found,
            of,
            result,
            text,
        };
        if self.reasons.is_empty() {
            let text = format!("No row of {file} was left out.");
            return vec![record("", 0, CheckResult::Passed, text)];
        }
        let mut reasons: Vec<(&String, &Reason)> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, reason)| (std::cmp::Reverse(reason.rows), reason.line));
        let text = |name: &str, reason: &Reason| {
            let was = if reason.rows == 1 { "was" } else { "were" };
            let first = match (reason.first.is_empty(), reason.rows) {
                (true, _) => String::new(),
                (false, 1) => format!(" ({})", reason.first),
                (false, _) => format!(" (first: {})", reason.first),
            };
            let (rows, of) = (counted(reason.rows), counted(of));
            format!("{rows} of {of} rows of {file} {was} left out: {name}{first}.")
        };
        reasons
            .into_iter()
            .map(|(name, reason)| record(name, reason.rows, CheckResult::Noted, text(name, reason)))
            .collect()
    }
}

/// What a malformed row looks like; none where nothing can be said. `columns` is the number of columns of a good row.
fn look(text: &[u8], columns: usize) -> Option<&'static str> {
    // No good row is longer than this, and a message is no place to search for more.
    let text = &text[..text.len().min(1 << 16)];
    let separated = |by: u8| text.split(move |&byte| byte == by);
    let start = text.trim_ascii_start();
    if [&b"<!doctype"[..], b"<html", b"<?xml"]
        .iter()
        .any(|tag| start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
    {
        return Some("it looks like a web page, not like rows");
    }
    // A feature list may contain anything, but no good row has another separator as often as it needs commas.
    for (separator, what) in [
        (b';', "its fields seem to be separated by semicolons; expected commas"),
        (b'\t', "its fields seem to be separated by tabs; expected commas"),
        (b'|', "its fields seem to be separated by bars; expected commas"),
    ] {
        if separated(separator).count() == columns {
            return Some(what);
        }
    }
    let quoted = separated(b',').filter(|field| {
        let field = field.trim_ascii();
        field.len() > 1 && field.starts_with(b"\"") && field.ends_with(b"\"")
    });
    if 2 * quoted.count() > columns {
        return Some("its fields seem to be in quotes; expected none");
    }
    let ends = text.trim_ascii().split(|&byte| byte == b'\r').count();
    if ends > 2 {
        return Some("its lines seem to end in carriage returns alone; expected line feeds");
    }
    let names = separated(b',').all(|field| !field.is_empty() && !field.iter().any(u8::is_ascii_digit));
    if names && separated(b',').count() == columns {
        return Some("it seems to be a header, a line of column names; expected rows alone");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(reason: &'static str) -> ParseError {
        ParseError::of_line(reason, format!("has {reason}"))
    }

    fn judged(rows: usize, malformed: usize, most: f64) -> Result<(), String> {
        let mut left_out = LeftOut::of(Path::new("rows.csv"));
        for row in 0..rows {
            left_out.count();
            if row < malformed {
                let reason = ["one fault", "another fault", "a third fault"][row.min(5) / 2];
                left_out.malformed_row(error(reason), row as u64 + 1, b"", 3, true).unwrap();
            }
        }
        left_out.judge(most).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_judged_by_its_share_of_malformed_rows() {
        assert_eq!(judged(100, 5, 0.05), Ok(()));
        assert_eq!(judged(100, 99, 1.0), Ok(()));
        assert_eq!(
            judged(100, 6, 0.05).unwrap_err(),
            "rows.csv: 6 of 100 rows are malformed (6.00 %), more than data.max_skipped = 0.05 allows: line 1: has one \
             fault (and 1 like it); line 3: has another fault (and 1 like it); 2 for other reasons; expected the published \
             file, or a higher data.max_skipped"
        );
        assert_eq!(
            judged(2, 2, 1.0).unwrap_err(),
            "rows.csv: none of the 2 rows read can be used: line 1: has one fault (and 1 like it); expected the published \
             file"
        );
        assert_eq!(judged(0, 0, 1.0).unwrap_err(), "rows.csv: has no rows; expected the published file");
    }

    #[test]
    fn a_file_without_a_good_row_is_given_up_early() {
        let mut left_out = LeftOut::of(Path::new("rows.csv"));
        let given_up = (1..).find(|&line| {
            left_out.count();
            left_out.malformed_row(error("a fault"), line, b"", 3, true).is_err()
        });
        assert_eq!(given_up, Some(ENOUGH as u64));
    }

    #[test]
    fn what_is_left_out_is_told_by_reason_and_what_is_sound_is_not_held_against_the_file() {
        let mut left_out = LeftOut::of(Path::new("folder/rows.csv"));
        for line in 1..=1_000 {
            left_out.count();
            match line {
                1..=900 => left_out.sound_row("bought without a click", line),
                901 => left_out.malformed_row(error("a fault"), line, b"", 3, true).unwrap(),
                _ => {}
            }
        }
        left_out.judge(0.05).unwrap();
        assert_eq!((left_out.malformed(), left_out.total()), (1, 901));
        let texts: Vec<String> = left_out.checks().into_iter().map(|check| check.text).collect();
        assert_eq!(
            texts,
            [
                "900 of 1,000 rows of rows.csv were left out: bought without a click.",
                "1 of 1,000 rows of rows.csv was left out: a fault (line 901: has a fault)."
            ]
        );
    }

    #[test]
    fn rows_in_another_form_are_told_by_their_look() {
        for (text, words) in [
            (&b"1;2;3"[..], "semicolons"),
            (b"1\t2\t3", "tabs"),
            (b"1|2|3", "bars"),
            (b"\"1\",\"a b\", \"3\"", "quotes"),
            (b"age,worker,income", "header"),
            (b"1,2,3\r4,5,6\r7,8,9", "carriage returns"),
            (b"<!DOCTYPE html>", "web page"),
        ] {
            let found = look(text, 3).unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(text)));
            assert!(found.contains(words), "{found}");
        }
        for text in [&b"1,2"[..], b"1,2,x", b"1, \"2\", 3\r", b""] {
            assert_eq!(look(text, 3), None, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
