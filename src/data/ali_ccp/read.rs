//! One period of the log: a skeleton of samples, then the common features that they point to.

use std::collections::HashMap;
use std::path::Path;

use super::lines::Lines;
use super::schema::{COMMON, COMMON_COLUMNS, Field, HALF, SAMPLE, SAMPLE_COLUMNS};
use crate::data::checks::{KeySample, key};
use crate::data::error::ParseError;
use crate::data::left_out::LeftOut;
use crate::data::{DataError, files};

/// Stands for the number of a word where the row has no word of the field.
pub const ABSENT: u32 = u32::MAX;

/// Longest common feature index in bytes; the published ones are 16 hexadecimal digits.
const LONGEST_INDEX: usize = 64;

/// Most bytes of a file that a message repeats.
const SHOWN: usize = 40;

/// The part of a period that is read, and how.
pub struct Reader<'a> {
    /// Most lines of the skeleton, from its start; 0 for all.
    pub rows: usize,
    /// Whether malformed lines are left out and counted.
    pub skip_bad: bool,
    /// Largest share of malformed lines of a file.
    pub max_skipped: f64,
    /// Hash of the lines that were used.
    pub hasher: &'a mut blake3::Hasher,
    /// The number of a word: the field's index among the eighteen, and the word's id.
    pub word: &'a mut dyn FnMut(usize, u64) -> u32,
}

/// Samples of a period with their common features. Words are numbers of [`Reader::word`].
#[derive(Debug)]
pub struct Period {
    /// Words of the samples, `[rows, HALF]`.
    pub sample: Vec<u32>,
    /// Rows of `common` that the samples point to, `[rows]`.
    pub pointers: Vec<u32>,
    /// Whether the samples were clicked and bought, `[rows]`.
    pub labels: Vec<[bool; 2]>,
    /// Words of the common features, `[indexes, HALF]`.
    pub common: Vec<u32>,
    /// A hash of the samples' labels and features, those in common too, `[rows]`. Sample id and index do not count.
    pub keys: Vec<u64>,
    /// The numbers of the samples.
    pub ids: KeySample,
    /// Lines of the skeleton and of the common features that were left out. Lines that nothing points to do not count.
    pub left_out: [LeftOut; 2],
}

/// The common features that samples point to.
#[derive(Default)]
struct Wanted {
    /// Row of `common` by the text of its index.
    indexes: HashMap<Box<[u8]>, u32>,
    /// Line of the skeleton that was the first to point there.
    first: Vec<u64>,
    found: Vec<bool>,
    /// Hashes of the common features.
    keys: Vec<u64>,
}

impl Wanted {
    fn index(&mut self, text: &[u8], line: u64) -> u32 {
        if let Some(&index) = self.indexes.get(text) {
            return index;
        }
        let index = self.first.len() as u32;
        self.indexes.insert(text.into(), index);
        self.first.push(line);
        self.found.push(false);
        self.keys.push(0);
        index
    }

    /// The first index in the order of the skeleton that was not found, and its line.
    fn missing(&self) -> Option<(&[u8], u64)> {
        let missing = self.found.iter().position(|found| !found)?;
        let (text, _) = self.indexes.iter().find(|(_, index)| **index as usize == missing)?;
        Some((text, self.first[missing]))
    }
}

impl Period {
    /// No samples yet.
    pub fn of(skeleton: &Path, common: &Path) -> Self {
        Self {
            sample: Vec::new(),
            pointers: Vec::new(),
            labels: Vec::new(),
            common: Vec::new(),
            keys: Vec::new(),
            ids: KeySample::default(),
            left_out: [skeleton, common].map(LeftOut::of),
        }
    }

    /// Samples.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// Reads a skeleton and the common features that go with it.
    ///
    /// # Errors
    /// Files that cannot be read; malformed lines and missing common features, unless they are to be left out.
    pub fn read(skeleton: &Path, common: &Path, reader: &mut Reader) -> Result<Self, DataError> {
        let mut period = Self::of(skeleton, common);
        let mut wanted = Wanted::default();
        period.read_skeleton(skeleton, reader, &mut wanted)?;
        period.left_out[0].judge(reader.max_skipped)?;
        period.read_common(common, reader, &mut wanted)?;
        if let Some((index, line)) = wanted.missing() {
            let problem = format!(
                "{}: is not in {}; expected an index that is, so both files whole and of one download",
                shown(index),
                files::name(common)
            );
            let error = ParseError::of_field(3, SAMPLE_COLUMNS[3], problem);
            if !reader.skip_bad {
                return Err(error.at(skeleton, line));
            }
            period.leave_out(&wanted.found, error, line);
        }
        if !period.left_out[1].is_empty() {
            period.left_out[1].judge(reader.max_skipped)?;
        }
        period.left_out[0].judge(reader.max_skipped)?;
        let samples = period.keys.iter_mut().zip(&period.pointers);
        samples.for_each(|(sample, &index)| *sample = key((*sample, wanted.keys[index as usize])));
        Ok(period)
    }

    fn read_skeleton(
        &mut self,
        path: &Path,
        reader: &mut Reader,
        wanted: &mut Wanted,
    ) -> Result<(), DataError> {
        let mut lines = Lines::open(path)?;
        reader.hasher.update(b"\0skeleton\0");
        let mut read = 0;
        while (reader.rows == 0 || read < reader.rows)
            && let Some(line) = lines.read()?
        {
            read += 1;
            self.left_out[0].count();
            let sample = line.and_then(|line| {
                hash(reader.hasher, line);
                Sample::parse(line)
            });
            match sample {
                Ok(sample) => {
                    self.ids.add(key(sample.id));
                    if sample.labels == [false, true] {
                        self.left_out[0].sound_row("bought without a click", lines.number());
                        continue;
                    }
                    self.labels.push(sample.labels);
                    self.keys.push(key((sample.labels, sample.list)));
                    self.sample.extend(sample.words.numbers(HALF, reader.word));
                    let index = sample.index.to_vec();
                    self.pointers.push(wanted.index(&index, lines.number()));
                }
                Err(error) => {
                    let (number, columns) = (lines.number(), SAMPLE_COLUMNS.len());
                    self.left_out[0].malformed_row(error, number, lines.last(), columns, reader.skip_bad)?;
                }
            }
        }
        Ok(())
    }

    /// Where samples are limited, reads as far as the last line that is wanted: the rest belongs to samples that are
    /// not read. Else to the end, so that a packed file is checked whole.
    fn read_common(
        &mut self,
        path: &Path,
        reader: &mut Reader,
        wanted: &mut Wanted,
    ) -> Result<(), DataError> {
        let mut lines = Lines::open(path)?;
        reader.hasher.update(b"\0common\0");
        self.common.resize(wanted.first.len() * HALF, ABSENT);
        let mut missing = wanted.first.len();
        // Lines that nothing points to are not checked, but for the first: a file in another form has no others.
        let mut first = None;
        while (missing > 0 || reader.rows == 0)
            && let Some(line) = lines.read()?
        {
            match line.and_then(|line| self.common(line, reader, wanted)) {
                Ok(true) => {
                    self.left_out[1].count();
                    missing -= 1;
                }
                Ok(false) if first.is_none() => first = Some((lines.number(), lines.last().to_vec())),
                Ok(false) => {}
                Err(error) => self.malformed_common(error, lines.number(), lines.last(), reader.skip_bad)?,
            }
        }
        if missing > 0
            && let Some((number, line)) = first
            && let Err(error) = common_words(line.trim_ascii())
        {
            self.malformed_common(error, number, &line, reader.skip_bad)?;
        }
        Ok(())
    }

    fn malformed_common(
        &mut self,
        error: ParseError,
        number: u64,
        line: &[u8],
        skip: bool,
    ) -> Result<(), DataError> {
        self.left_out[1].count();
        self.left_out[1].malformed_row(error, number, line, COMMON_COLUMNS.len(), skip)
    }

    /// Keeps a line's common features; false for a line that nothing points to.
    fn common(&mut self, line: &[u8], reader: &mut Reader, wanted: &mut Wanted) -> Result<bool, ParseError> {
        // No index is longer, so nothing further along can end one that is wanted.
        let head = &line[..line.len().min(LONGEST_INDEX + 1)];
        let text = head.split(|byte| *byte == b',').next().unwrap_or(head);
        let Some(&index) = wanted.indexes.get(text) else { return Ok(false) };
        let index = index as usize;
        hash(reader.hasher, line);
        let (words, list) = common_words(line)?;
        if wanted.found[index] {
            let problem = format!("{}: is there a second time; expected every index once", shown(text));
            return Err(
                ParseError::of_field(0, COMMON_COLUMNS[0], problem).because("a second line of an index")
            );
        }
        wanted.keys[index] = key(list);
        self.common[index * HALF..][..HALF].copy_from_slice(&words.numbers(0, reader.word));
        wanted.found[index] = true;
        Ok(true)
    }

    /// Leaves out the samples whose common features were not found.
    fn leave_out(&mut self, found: &[bool], first: ParseError, line: u64) {
        let keep: Vec<bool> = self.pointers.iter().map(|&index| found[index as usize]).collect();
        let rows = keep.iter().filter(|keep| !**keep).count();
        self.left_out[0].malformed_rows(rows, first.because("without common features"), line);
        let mut kept = 0;
        for row in (0..self.count()).filter(|&row| keep[row]) {
            self.labels[kept] = self.labels[row];
            self.pointers[kept] = self.pointers[row];
            self.keys[kept] = self.keys[row];
            self.sample.copy_within(row * HALF..(row + 1) * HALF, kept * HALF);
            kept += 1;
        }
        self.labels.truncate(kept);
        self.pointers.truncate(kept);
        self.keys.truncate(kept);
        self.sample.truncate(kept * HALF);
    }
}

/// A line of the skeleton.
struct Sample<'a> {
    id: &'a [u8],
    labels: [bool; 2],
    index: &'a [u8],
    list: &'a [u8],
    words: Words,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, ParseError> {
        let [id, click, purchase, index, count, list] = columns(line, &SAMPLE_COLUMNS)?;
        let label = |column: usize, text: &[u8]| match text {
            b"0" => Ok(false),
            b"1" => Ok(true),
            _ => Err(ParseError::of_field(
                column,
                SAMPLE_COLUMNS[column],
                format!("{}: expected 0 or 1", shown(text)),
            )),
        };
        let labels = [label(1, click)?, label(2, purchase)?];
        if index.is_empty() || index.len() > LONGEST_INDEX {
            let problem = format!("{}: expected an index of 1 to {LONGEST_INDEX} bytes", shown(index));
            return Err(ParseError::of_field(3, SAMPLE_COLUMNS[3], problem));
        }
        Ok(Self { id, labels, index, list, words: words(&SAMPLE, &SAMPLE_COLUMNS, count, list)? })
    }
}

/// The words of a line of common features, and its feature list.
fn common_words(line: &[u8]) -> Result<(Words, &[u8]), ParseError> {
    let [_, count, list] = columns(line, &COMMON_COLUMNS)?;
    Ok((words(&COMMON, &COMMON_COLUMNS, count, list)?, list))
}

/// A line's columns.
fn columns<'a, const N: usize>(line: &'a [u8], names: &[&str; N]) -> Result<[&'a [u8]; N], ParseError> {
    let mut columns = [&line[..0]; N];
    let mut count = 0;
    for text in line.split(|byte| *byte == b',') {
        if let Some(column) = columns.get_mut(count) {
            *column = text;
        }
        count += 1;
    }
    match count == N {
        true => Ok(columns),
        false => {
            let problem = format!("has {count} columns; expected {N}: {}", names.join(", "));
            Err(ParseError::of_line("another number of columns", problem))
        }
    }
}

/// The word of every field that has one, with its value.
struct Words([Option<(u64, f64)>; HALF]);

impl Words {
    /// Numbers of the words, for fields whose indexes begin at `first`.
    fn numbers(&self, first: usize, number: &mut dyn FnMut(usize, u64) -> u32) -> [u32; HALF] {
        std::array::from_fn(|field| self.0[field].map_or(ABSENT, |(word, _)| number(first + field, word)))
    }
}

/// Picks a word of every field from a feature list: of several the one of the largest value, of equal ones the
/// first. `count` and `list` are the last two columns of a line.
fn words(fields: &[Field; HALF], columns: &[&str], count: &[u8], list: &[u8]) -> Result<Words, ParseError> {
    let last = columns.len() - 1;
    let wrong = |index: usize, feature: &[u8], remedy: &str| {
        let problem = format!("feature {} is {}: expected {remedy}", index + 1, shown(feature));
        ParseError::of_field(last, columns[last], problem)
    };
    let expected: usize = number(count).ok_or_else(|| {
        let problem = format!("{}: expected the number of features in the list", shown(count));
        ParseError::of_field(last - 1, columns[last - 1], problem)
    })?;
    let mut words = Words([None; HALF]);
    let mut found = 0;
    if !list.is_empty() {
        for (index, feature) in list.split(|byte| *byte == 1).enumerate() {
            found += 1;
            let parts = split(feature, 2).and_then(|(id, rest)| Some((id, split(rest, 3)?)));
            let Some((id, (word, value))) = parts else {
                return Err(wrong(index, feature, "field, id and value with \\u{2} and \\u{3} between"));
            };
            let Some(at) = fields.iter().position(|field| field.id.as_bytes() == id) else { continue };
            let word = number(word).ok_or_else(|| wrong(index, feature, "a whole number as its id"))?;
            let value: Option<f64> = number(value).filter(|value: &f64| value.is_finite());
            let value = value.ok_or_else(|| wrong(index, feature, "a number as its value"))?;
            if words.0[at].is_none_or(|(_, largest)| value > largest) {
                words.0[at] = Some((word, value));
            }
        }
    }
    match found == expected {
        true => Ok(words),
        false => {
            let problem = format!("{expected}: the list has {found} features; expected equal numbers");
            Err(ParseError::of_field(last - 1, columns[last - 1], problem))
        }
    }
}

fn split(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The beginning of a text, in quotes and without control characters.
fn shown(text: &[u8]) -> String {
    let cut = if text.len() > SHOWN { " …" } else { "" };
    format!("{:?}{cut}", String::from_utf8_lossy(&text[..text.len().min(SHOWN)]))
}

/// A line without its end, so that it does not matter how lines end.
fn hash(hasher: &mut blake3::Hasher, line: &[u8]) {
    hasher.update(line).update(b"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE_LINE: &[u8] = b"1,1,0,bacff91692951881,4,205\x024186222\x031.0\x01853\x027\x030.5\
        \x01853\x029\x032.5\x01853\x028\x032.5";

    /// The words of a skeleton's line by their ids, or what is wrong with it.
    fn sample(line: &[u8]) -> Result<Vec<(usize, u64)>, ParseError> {
        let mut found = Vec::new();
        Sample::parse(line)?.words.numbers(HALF, &mut |field, word| {
            found.push((field, word));
            0
        });
        Ok(found)
    }

    fn with(from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = SAMPLE_LINE.windows(from.len()).position(|part| part == from).expect("the line has it");
        [&SAMPLE_LINE[..at], to, &SAMPLE_LINE[at + from.len()..]].concat()
    }

    #[test]
    fn of_several_words_the_one_of_the_largest_value_is_read_and_of_equal_ones_the_first() {
        assert_eq!(sample(SAMPLE_LINE).unwrap(), [(9, 4_186_222), (17, 9)]);
    }

    #[test]
    fn a_malformed_sample_is_told_by_its_column() {
        let features = ", field 6 (feature list)";
        for (line, field, problem) in [
            (
                b"1,0,0".to_vec(),
                "",
                "has 3 columns; expected 6: sample id, click, purchase, common feature index, number of features, \
                 feature list",
            ),
            (with(b",1,0,", b",2,0,"), ", field 2 (click)", "\"2\": expected 0 or 1"),
            (with(b",1,0,", b",1,yes,"), ", field 3 (purchase)", "\"yes\": expected 0 or 1"),
            (
                with(b"bacff91692951881", b""),
                ", field 4 (common feature index)",
                "\"\": expected an index of 1 to 64 bytes",
            ),
            (
                with(b",4,", b",four,"),
                ", field 5 (number of features)",
                "\"four\": expected the number of features in the list",
            ),
            (
                with(b",4,", b",5,"),
                ", field 5 (number of features)",
                "5: the list has 4 features; expected equal numbers",
            ),
            (
                with(b"205\x02", b"205"),
                features,
                "feature 1 is \"2054186222\\u{3}1.0\": expected field, id and value with \\u{2} and \\u{3} between",
            ),
            (
                with(b"4186222", b"-1"),
                features,
                "feature 1 is \"205\\u{2}-1\\u{3}1.0\": expected a whole number as its id",
            ),
            (
                with(b"\x030.5", b"\x03NaN"),
                features,
                "feature 2 is \"853\\u{2}7\\u{3}NaN\": expected a number as its value",
            ),
        ] {
            let ParseError { field: found, problem: told, .. } = sample(&line).unwrap_err();
            assert_eq!((&*found, &*told), (field, problem));
        }
    }

    #[test]
    fn a_sample_without_features_has_no_words() {
        assert_eq!(sample(b"1,0,0,ab,0,").unwrap(), []);
    }
}
