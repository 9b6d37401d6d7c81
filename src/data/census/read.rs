//! The original files, row by row: 42 fields separated by commas, plain or gzipped.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::schema::{CATEGORICAL, FIELDS, Kind, NUMERIC, label};
use crate::data::checks::key;
use crate::data::error::ParseError;
use crate::data::left_out::LeftOut;
use crate::data::{DataError, files};

/// Longest line that is read as a row, in bytes: a hundred times the longest of the published rows, 628.
const LONGEST_LINE: u64 = 1 << 16;

/// Most characters of a word that a message shows; the longest of the published rows has 47.
const LONGEST_SHOWN: usize = 60;

/// Rows as the file has them: words become numbers in the order of their first appearance.
#[derive(Debug)]
pub struct RawRows {
    /// Words of every categorical input, by number.
    pub words: Vec<Words>,
    /// Numbers of words, `[rows, CATEGORICAL]`.
    pub codes: Vec<u32>,
    /// `[rows, NUMERIC]`; NaN where the file has `?`.
    pub numbers: Vec<f32>,
    /// Labels, `[rows]` each: education, marital status, income.
    pub labels: [Vec<bool>; 3],
    /// A hash of every row's fields, `[rows]`.
    pub keys: Vec<u64>,
    /// Rows that were left out, by file.
    pub left_out: Vec<LeftOut>,
    hasher: blake3::Hasher,
}

/// The words of one column.
#[derive(Debug, Default)]
pub struct Words {
    numbers: HashMap<Box<str>, u32>,
}

impl Words {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(word.into(), number);
        number
    }

    /// The words with their numbers, sorted by word.
    pub fn sorted(&self) -> Vec<(&str, u32)> {
        let mut words: Vec<(&str, u32)> = self.numbers.iter().map(|(word, &n)| (&**word, n)).collect();
        words.sort_unstable();
        words
    }
}

impl Default for RawRows {
    /// No rows yet.
    fn default() -> Self {
        Self {
            words: (0..CATEGORICAL).map(|_| Words::default()).collect(),
            codes: Vec::new(),
            numbers: Vec::new(),
            labels: Default::default(),
            keys: Vec::new(),
            left_out: Vec::new(),
            hasher: blake3::Hasher::new(),
        }
    }
}

impl RawRows {
    /// Number of rows.
    pub fn count(&self) -> usize {
        self.labels[0].len()
    }

    /// Hash of the text that was read, however it was packed.
    pub fn digest(&self) -> String {
        self.hasher.finalize().to_hex()[..32].to_string()
    }

    /// Appends the rows of a file. A malformed row is an error, or is left out and counted where `skip_bad`.
    ///
    /// # Errors
    /// If the file cannot be read, its first rows are all malformed, or a row is malformed and `skip_bad` is false.
    pub fn read(&mut self, path: &Path, skip_bad: bool) -> Result<(), DataError> {
        self.append(path, files::open(path)?, skip_bad)
    }

    fn append(&mut self, path: &Path, text: impl Read, skip_bad: bool) -> Result<(), DataError> {
        let mut reader = BufReader::with_capacity(1 << 18, text);
        let mut left_out = LeftOut::of(path);
        let (mut line, mut number, mut too_long) = (Vec::new(), 0u64, false);
        loop {
            line.clear();
            let piece = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            if piece.map_err(|error| files::refused(path, number + 1, error))? == 0 {
                break;
            }
            self.hasher.update(&line);
            let unfinished = line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n");
            if std::mem::replace(&mut too_long, unfinished) {
                // More of a line that was judged already.
                continue;
            }
            number += 1;
            // Files that were joined have byte order marks within.
            let bytes = line.strip_prefix(files::BYTE_ORDER_MARK).unwrap_or(&line);
            let text = String::from_utf8_lossy(bytes);
            if !too_long && text.trim().is_empty() {
                continue;
            }
            left_out.count();
            let row = match too_long {
                true => Err(ParseError::of_line("too long", "is longer than a row can be".into())),
                false => self.row(text.trim()),
            };
            if let Err(error) = row {
                left_out.malformed_row(error, number, bytes, FIELDS.len(), skip_bad)?;
            }
        }
        self.left_out.push(left_out);
        Ok(())
    }

    /// Appends a row, or nothing at all.
    fn row(&mut self, line: &str) -> Result<(), ParseError> {
        let mut codes = [0; CATEGORICAL];
        let mut numbers = [0.0; NUMERIC];
        let mut labels = [false; 3];
        let (mut category, mut number, mut found) = (0, 0, 0);
        let words: Vec<&str> = line.split(',').map(str::trim).collect();
        if words.len() != FIELDS.len() {
            let problem = format!("has {} fields; expected {}", words.len(), FIELDS.len());
            return Err(ParseError::of_line("another number of fields", problem));
        }
        for (index, (word, field)) in words.iter().zip(&FIELDS).enumerate() {
            let wrong = |remedy: &str| {
                ParseError::of_field(index, field.name, format!("{}: expected {remedy}", shown(word)))
            };
            match field.kind {
                Kind::Category => category += 1,
                Kind::Number | Kind::Amount => {
                    numbers[number] = match *word {
                        "?" => f32::NAN,
                        text => text
                            .parse()
                            .ok()
                            .filter(|x: &f32| x.is_finite() && (field.kind == Kind::Number || *x >= 0.0))
                            .ok_or_else(|| wrong("a number, or ? where it is not known"))?,
                    };
                    number += 1;
                }
                Kind::Weight => {}
                Kind::Education | Kind::Marital | Kind::Income => {
                    let remedy = match field.kind {
                        Kind::Income => "\"- 50000.\" or \"50000+.\"",
                        _ => "one of the words that census-income.names lists for it",
                    };
                    labels[found] = label(field.kind, word).ok_or_else(|| wrong(remedy))?;
                    found += 1;
                }
            }
        }
        debug_assert_eq!((category, number, found), (CATEGORICAL, NUMERIC, 3));
        // The words of a row that is left out do not count as seen, so they are numbered last.
        let categories = words.iter().zip(&FIELDS).filter(|(_, field)| field.kind.is_category());
        for ((code, column), (word, _)) in codes.iter_mut().zip(&mut self.words).zip(categories) {
            *code = column.number(word);
        }
        self.keys.push(key(&words));
        self.codes.extend(codes);
        self.numbers.extend(numbers);
        self.labels.iter_mut().zip(labels).for_each(|(column, label)| column.push(label));
        Ok(())
    }
}

/// A word in quotes, cut where it is longer than any.
fn shown(word: &str) -> String {
    match word.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{:?}…", &word[..end]),
        None => format!("{word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURE: &str = include_str!("../../../tests/census/census-income.test");

    fn read(text: &str, skip: bool) -> Result<RawRows, DataError> {
        let mut rows = RawRows::default();
        rows.append(Path::new("census-income.test"), text.as_bytes(), skip)?;
        Ok(rows)
    }

    /// The fixture with a text of one line (from 1) replaced.
    fn with(line: usize, from: &str, to: &str) -> String {
        let lines = FIXTURE.lines().enumerate().map(|(at, text)| match at + 1 == line {
            true => {
                assert!(text.contains(from), "{text}");
                text.replacen(from, to, 1) + "\n"
            }
            false => text.to_string() + "\n",
        });
        lines.collect()
    }

    #[test]
    fn rows_are_read_as_they_stand() {
        let rows = read(FIXTURE, false).unwrap();
        assert_eq!(rows.count(), 12);
        assert_eq!(rows.numbers[..NUMERIC], [38.0, 650.0, 0.0, 0.0, 0.0, 4.0, 12.0]);
        let positive = |label: usize| rows.labels[label].iter().filter(|yes| **yes).count();
        assert_eq!([positive(0), positive(1), positive(2)], [5, 5, 3]);
        let sex: Vec<&str> = rows.words[8].sorted().into_iter().map(|(word, _)| word).collect();
        assert_eq!(sex, ["Female", "Male"]);
    }

    #[test]
    fn malformed_rows_are_named_or_counted() {
        for (text, message) in [
            (with(3, ", Never married", ""), "census-income.test:3: has 41 fields; expected 42"),
            (
                with(4, "44, ", "forty, "),
                "census-income.test:4, field 1 (age): \"forty\": expected a number, or ? where it is not known",
            ),
            (
                with(2, "High school graduate", "High scool graduate"),
                "census-income.test:2, field 5 (education): \"High scool graduate\": expected one of the words that \
                 census-income.names lists for it",
            ),
            (
                with(1, "- 50000.", "50000."),
                "census-income.test:1, field 42 (income): \"50000.\": expected \"- 50000.\" or \"50000+.\"",
            ),
        ] {
            let error = read(&text, false).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
            assert!(error.ends_with("; --skip-bad-rows leaves such rows out and counts them"), "{error}");
            let rows = read(&text, true).unwrap();
            assert_eq!((rows.count(), rows.left_out[0].total()), (11, 1));
        }
    }

    #[test]
    fn lines_without_an_end_are_not_held_in_memory() {
        for length in [LONGEST_LINE as usize, 3 * LONGEST_LINE as usize, (1 << 20) + 17] {
            let long = with(7, "", &"x".repeat(length));
            let error = read(&long, false).unwrap_err().to_string();
            assert!(error.starts_with("census-income.test:7: is longer than a row can be;"), "{error}");
            let rows = read(&long, true).unwrap();
            assert_eq!((rows.count(), rows.left_out[0].total()), (11, 1));
            assert_eq!(rows.digest(), blake3::hash(long.as_bytes()).to_hex()[..32]);
        }
        let error = read(&with(4, "44, ", &format!("{}, ", "x".repeat(999))), false).unwrap_err().to_string();
        assert!(error.len() < 300, "{error}");
    }

    #[test]
    fn the_digest_is_of_the_text() {
        let digest = |text: &str| read(text, true).unwrap().digest();
        assert_eq!(digest(FIXTURE), digest(FIXTURE));
        assert_ne!(digest(FIXTURE), digest(&with(1, "38", "39")));
    }
}
