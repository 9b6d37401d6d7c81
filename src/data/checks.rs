//! What rows of files are found to be, beside good rows: left out, numbered twice, in both periods, or with a column
//! that gives a label away.
//!
//! A check warns and changes nothing: what a run sees is what the files say. It looks at every row where there are few
//! and at a bounded sample where there are many, so that its memory and time are bounded for files of any size.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// Share of held-out rows that may equal a training row before it is a warning.
///
/// People of the census are alike now and then: of the 99,762 rows of the published test file, divided at random into
/// halves, 0.9 % of either half equal a row of the other in all 42 fields; divided 4:1:1, 1.2 % of the last two parts equal
/// a row of the first. A file that contains a part of the other has far more than four times that.
pub const MAX_SHARED: f64 = 0.05;

/// Area under the ROC curve from which a column alone gives a label away.
///
/// Of the census rows the best single column for "never married" is "detailed household and family stat" with 0.979; for
/// income and education it is the occupation with 0.871 and 0.805. A copy of the label has 1.
pub const REVEALING: f64 = 0.99;

/// Rows of either kind that an area is measured on at least. Ten and ten rows have 184,756 orders, of
/// which two have an area this high, so that chance alone does not make one of forty columns a warning.
const FEWEST: usize = 10;

/// Most rows of a subset on which columns are judged: every row, every second … of it, so that there are no more.
pub const MOST_ROWS: usize = 500_000;

/// Most words of a column that are told apart, which bounds the memory of the counts. Of a column with more, some share
/// a count; a column that gives a label away has few.
const MOST_WORDS: usize = 1 << 20;

/// Most keys that a [`KeySample`] holds: about 9 MB.
pub const MOST_KEYS: usize = 1 << 18;

/// Most columns that a message names.
const SHOWN: usize = 3;

/// A check of the rows of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Rows that are not used.
    LeftOut,
    /// Rows with the number of an earlier row.
    RepeatedIds,
    /// Rows to score on that are also trained on.
    SharedRows,
    /// Columns that alone rank rows by a label.
    RevealingColumns,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// Nothing was found, or no more than is usual.
    Passed,
    /// There was too little to judge by.
    NotChecked,
    /// Something was found that needs no remedy.
    Noted,
    /// Results may not mean what they seem to mean.
    Warning,
}

/// What was found out about a file by one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataCheck {
    /// The check.
    pub check: Check,
    /// Name of the file.
    pub file: String,
    /// The reason for leaving rows out, or the label that columns are judged by; empty elsewhere.
    pub subject: String,
    /// Rows that were found, or columns.
    pub found: usize,
    /// Rows or columns that were looked at.
    pub of: usize,
    /// The result.
    pub result: CheckResult,
    /// The same in sentences.
    pub text: String,
}

/// The hash of a row or of a number, alike in every process.
pub(super) fn key(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// How often every key occurs, for all keys or a sample of at most [`MOST_KEYS`] of them. Whether a key is in the sample
/// depends on its hash alone, so a key of the sample is counted every time.
#[derive(Debug, Default)]
pub struct KeySample {
    counts: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// Leading bits of a key that must be 0.
    zeros: u32,
}

/// The hash of a key, which is one already. Its leading bits, 0 in a sample, come to the middle, which a table does not use.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers of 64 bits");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key.rotate_left(32);
    }
}

impl KeySample {
    /// Counts a key.
    pub fn add(&mut self, key: u64) {
        if !self.samples(key) {
            return;
        }
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
        while self.counts.len() > MOST_KEYS {
            self.zeros += 1;
            let zeros = self.zeros;
            self.counts.retain(|key, _| key.leading_zeros() >= zeros);
        }
    }

    fn samples(&self, key: u64) -> bool {
        key.leading_zeros() >= self.zeros
    }

    /// Whether every key was counted.
    fn is_whole(&self) -> bool {
        self.zeros == 0
    }
}

/// Warns of numbers of rows that occur more than once, where every row should have its own. `what` names them.
pub(super) fn repeated_ids(file: &str, what: &str, ids: &KeySample) -> DataCheck {
    let of: usize = ids.counts.values().map(|&count| count as usize).sum();
    let found = of - ids.counts.len();
    let sample = if ids.is_whole() { "" } else { " in a sample" };
    let record = |result, text| DataCheck {
        check: Check::RepeatedIds,
        file: file.into(),
        subject: what.into(),
        found,
        of,
        result,
        text,
    };
    match found {
        0 => record(
            CheckResult::Passed,
            format!("Every {what} of {file} occurs once ({} rows{sample}).", counted(of)),
        ),
        _ => record(
            CheckResult::Warning,
            format!(
                "{} of {} rows{sample} of {file} have the {what} of an earlier row ({}); expected every {what} once. Parts \
                 of the file may have been joined twice.",
                counted(found),
                counted(of),
                percent(found, of)
            ),
        ),
    }
}

/// Warns of rows to score on that equal a training row: which rows these are, and in what they are equal.
pub(super) fn shared_rows(
    file: &str,
    [rows, equal]: [&str; 2],
    training: &KeySample,
    scored: impl Iterator<Item = u64>,
) -> DataCheck {
    let (mut found, mut of) = (0, 0);
    for key in scored.filter(|&key| training.samples(key)) {
        of += 1;
        found += usize::from(training.counts.contains_key(&key));
    }
    let sample = if training.is_whole() { "" } else { " in a sample" };
    let text = format!(
        "{} of {} {rows}{sample} of {file} equal a training row in {equal} ({})",
        counted(found),
        counted(of),
        percent(found, of)
    );
    let usual = format!("{} %", 100.0 * MAX_SHARED);
    let (result, text) = match found as f64 > MAX_SHARED * of as f64 {
        true => (
            CheckResult::Warning,
            format!(
                "{text}, more than {usual}. Scores on rows that were trained on tell what was memorised; expected other \
                 rows."
            ),
        ),
        false => (CheckResult::Passed, format!("{text}; up to {usual} raises no warning.")),
    };
    DataCheck { check: Check::SharedRows, file: file.into(), subject: String::new(), found, of, result, text }
}

/// Rows of a subset: inputs `[rows, columns]` and the labels of every task, `[rows]`.
pub(super) struct Labelled<'a> {
    pub x: &'a [f32],
    pub labels: [&'a [f32]; 2],
}

/// Columns of a row: first those that hold the row of a table, then numbers.
pub(super) struct Columns {
    pub names: Vec<&'static str>,
    pub categorical: usize,
    /// Stands for a word that the table does not have.
    pub unknown: f32,
}

/// Warns of columns that alone rank the scored rows of a file by a label: categories by the share of positive training
/// rows, numbers by their order. A record for each of the two tasks.
pub(super) fn revealing_columns(
    file: &str,
    columns: &Columns,
    tasks: [&str; 2],
    training: &Labelled,
    scored: &Labelled,
) -> Vec<DataCheck> {
    let of = columns.names.len();
    let [training, scored] = [training, scored].map(|rows| Looked { rows, columns: of });
    let mut areas = [const { Vec::new() }; 2];
    for column in 0..of {
        let found = match column < columns.categorical {
            true => areas_of_words(column, columns.unknown, &training, &scored),
            false => areas_of_numbers(column, &scored),
        };
        areas.iter_mut().zip(found).for_each(|(areas, area)| areas.extend(area));
    }
    let record = |(task, areas): (&str, Vec<f64>)| {
        let (result, found, text) = match areas.len() == of {
            true => judged(&columns.names, task, &areas),
            false => {
                let text = format!(
                    "Whether a column gives \u{201c}{task}\u{201d} away was not checked: {file} has fewer than {FEWEST} rows \
                     of either kind to score on."
                );
                (CheckResult::NotChecked, 0, text)
            }
        };
        let (file, subject) = (file.to_string(), task.to_string());
        DataCheck { check: Check::RevealingColumns, file, subject, found, of, result, text }
    };
    tasks.into_iter().zip(areas).map(record).collect()
}

/// The result for a task, the number of columns that give it away, and the same in sentences.
fn judged(names: &[&str], task: &str, areas: &[f64]) -> (CheckResult, usize, String) {
    let mut order: Vec<usize> = (0..areas.len()).collect();
    order.sort_by(|&a, &b| areas[b].total_cmp(&areas[a]));
    let named = |&column: &usize| format!("\u{201c}{}\u{201d} ({:.4})", names[column], areas[column]);
    let found = areas.iter().filter(|area| **area >= REVEALING).count();
    if found == 0 {
        let text = format!(
            "No column alone has an AUC of {REVEALING} or more for \u{201c}{task}\u{201d}. The highest: {}.",
            named(&order[0])
        );
        return (CheckResult::Passed, 0, text);
    }
    let list: Vec<String> = order.iter().take(found.min(SHOWN)).map(named).collect();
    let more = if found > SHOWN { format!(" and {} more", found - SHOWN) } else { String::new() };
    let columns = if found == 1 { "One column alone has" } else { "Some columns alone have" };
    let text = format!(
        "{columns} an AUC of {REVEALING} or more for \u{201c}{task}\u{201d}: {}{more}. Such a column gives the label away; \
         expected columns that are known before the label.",
        list.join(", ")
    );
    (CheckResult::Warning, found, text)
}

/// The rows of a subset that are looked at.
struct Looked<'a> {
    rows: &'a Labelled<'a>,
    columns: usize,
}

impl Looked<'_> {
    /// The values of a column, with the labels.
    fn column(&self, column: usize) -> impl Iterator<Item = (f32, [bool; 2])> {
        let Labelled { x, labels } = self.rows;
        let step = labels[0].len().div_ceil(MOST_ROWS).max(1);
        let rows = (0..labels[0].len()).step_by(step);
        rows.map(move |row| (x[row * self.columns + column], labels.map(|labels| labels[row] > 0.0)))
    }
}

/// Rows with one word: all, and those positive for each task.
type Counts = [u32; 3];

/// The area of every task with the share of positive training rows of a word as its score. None where there are too few
/// rows.
fn areas_of_words(column: usize, unknown: f32, training: &Looked, scored: &Looked) -> [Option<f64>; 2] {
    // A column's words are neighbours in the table.
    let known = training.column(column).map(|(word, _)| word).filter(|word| *word != unknown);
    let (first, last) =
        known.fold((unknown, 0.0f32), |(first, last), word| (first.min(word), last.max(word)));
    let words = (last as usize).saturating_sub(first as usize) + 1;
    let slots = words.min(MOST_WORDS);
    let count = |rows: &Looked| {
        let mut counts: Vec<Counts> = vec![[0; 3]; slots + 1];
        for (word, labels) in rows.column(column) {
            let slot =
                if word == unknown { slots } else { (word as usize).saturating_sub(first as usize) % slots };
            let counts = &mut counts[slot];
            counts[0] += 1;
            labels.into_iter().zip(&mut counts[1..]).for_each(|(label, count)| *count += u32::from(label));
        }
        counts
    };
    let (training, scored) = (count(training), count(scored));
    [1, 2].map(|task| {
        let all: [f64; 2] = [0, task].map(|at| training.iter().map(|counts| f64::from(counts[at])).sum());
        let score = |counts: &Counts| match counts[0] {
            0 => all[1] / all[0],
            rows => f64::from(counts[task]) / f64::from(rows),
        };
        let words = training.iter().zip(&scored).filter(|(_, scored)| scored[0] > 0);
        area(
            words
                .map(|(training, scored)| (score(training), [scored[0] - scored[task], scored[task]]))
                .collect(),
        )
    })
}

/// The area of every task with a number as its score, whichever way it runs. None where there are too few rows.
fn areas_of_numbers(column: usize, scored: &Looked) -> [Option<f64>; 2] {
    [0, 1].map(|task| {
        let rows = scored.column(column);
        let groups = rows.map(|(number, labels)| match labels[task] {
            true => (f64::from(number), [0, 1]),
            false => (f64::from(number), [1, 0]),
        });
        area(groups.collect()).map(|area| area.max(1.0 - area))
    })
}

/// Area under the ROC curve of scores, each with its negative and positive rows. None with fewer than [`FEWEST`] rows of
/// either kind.
fn area(mut groups: Vec<(f64, [u32; 2])>) -> Option<f64> {
    groups.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut above, mut rows) = (0.0, [0.0; 2]);
    for tied in groups.chunk_by(|(a, _), (b, _)| a == b) {
        let [negative, positive] =
            [0, 1].map(|kind| tied.iter().map(|(_, n)| f64::from(n[kind])).sum::<f64>());
        above += positive * (rows[0] + negative / 2.0);
        rows = [rows[0] + negative, rows[1] + positive];
    }
    let enough = rows.iter().all(|rows| *rows >= FEWEST as f64);
    enough.then(|| above / (rows[0] * rows[1]))
}

/// A number with commas between thousands.
pub(super) fn counted(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A share in per cent.
pub(super) fn percent(part: usize, whole: usize) -> String {
    format!("{:.2} %", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_keys_are_all_counted_and_of_many_a_sample_that_knows_the_share() {
        let keys = |count: usize, repeated: usize| {
            let mut keys = KeySample::default();
            (0..count).chain(0..repeated).for_each(|id| keys.add(key(id)));
            keys
        };
        let check = repeated_ids("rows.csv", "sample id", &keys(1_000, 0));
        assert_eq!(
            (check.result, check.found, check.of, &*check.text),
            (CheckResult::Passed, 0, 1_000, "Every sample id of rows.csv occurs once (1,000 rows).")
        );
        let check = repeated_ids("rows.csv", "sample id", &keys(1_000, 1));
        assert_eq!((check.result, check.found, check.of), (CheckResult::Warning, 1, 1_001));
        assert!(
            check
                .text
                .starts_with("1 of 1,001 rows of rows.csv have the sample id of an earlier row (0.10 %)")
        );

        let many = 3 * MOST_KEYS;
        let sample = keys(many, many / 4);
        assert!(sample.counts.len() <= MOST_KEYS && !sample.is_whole());
        let check = repeated_ids("rows.csv", "sample id", &sample);
        // A fifth of all rows repeat; the sample has some 200,000 keys, so the share's standard error is below 0.001.
        assert!(
            (check.found as f64 / check.of as f64 - 0.2).abs() < 0.005,
            "{} of {}",
            check.found,
            check.of
        );
        assert!(check.text.contains("rows in a sample of rows.csv"), "{}", check.text);
    }

    #[test]
    fn shared_rows_are_a_warning_above_the_limit() {
        let mut training = KeySample::default();
        (0..100u64).for_each(|row| training.add(key(row)));
        let check = |shared: u64| {
            let scored = (0..shared).chain(1_000..1_100 - shared).map(key);
            shared_rows("rows.test", ["test rows", "every field"], &training, scored)
        };
        for (shared, result) in
            [(0, CheckResult::Passed), (5, CheckResult::Passed), (6, CheckResult::Warning)]
        {
            let check = check(shared);
            assert_eq!((check.result, check.found as u64, check.of), (result, shared, 100));
        }
        let text = check(100).text;
        assert!(
            text.starts_with(
                "100 of 100 test rows of rows.test equal a training row in every field (100.00 %)"
            )
        );
        assert!(text.ends_with("expected other rows."), "{text}");
        // Of many rows a sample tells the share.
        (0..2 * MOST_KEYS as u64).for_each(|row| training.add(key(row)));
        let check = check_of_many(&training);
        assert!(
            (check.found as f64 / check.of as f64 - 0.5).abs() < 0.005,
            "{} of {}",
            check.found,
            check.of
        );
    }

    fn check_of_many(training: &KeySample) -> DataCheck {
        let rows = MOST_KEYS as u64..3 * MOST_KEYS as u64;
        shared_rows("rows.test", ["test rows", "every field"], training, rows.map(key))
    }

    /// Rows of three columns: a word that follows the first label, a word that follows neither, a number that follows the
    /// second label against its order.
    fn rows(count: usize, wrong: usize) -> (Vec<f32>, [Vec<f32>; 2]) {
        let label = |row: usize, task: usize| f32::from(u8::from(key((row, task)).is_multiple_of(4)));
        let row = |row: usize| {
            let word = if row < wrong { 1.0 - label(row, 0) } else { label(row, 0) };
            [word, 2.0 + (key((row, 7)) % 50) as f32, -label(row, 1) - row as f32 / (2 * count) as f32]
        };
        (
            (0..count).flat_map(row).collect(),
            [0, 1].map(|task| (0..count).map(|row| label(row, task)).collect()),
        )
    }

    fn revealing(count: usize, wrong: usize) -> Vec<DataCheck> {
        let (x, labels) = rows(count, wrong);
        let labelled = || Labelled { x: &x, labels: [&labels[0], &labels[1]] };
        let columns = Columns { names: vec!["word", "other word", "number"], categorical: 2, unknown: 60.0 };
        revealing_columns("rows.csv", &columns, ["first", "second"], &labelled(), &labelled())
    }

    #[test]
    fn a_column_that_gives_a_label_away_is_a_warning_whichever_way_it_runs() {
        let checks = revealing(4_000, 0);
        let told: Vec<_> =
            checks.iter().map(|check| (check.result, check.found, check.of, &*check.subject)).collect();
        assert_eq!(told, [(CheckResult::Warning, 1, 3, "first"), (CheckResult::Warning, 1, 3, "second")]);
        assert!(
            checks[0].text.contains("\u{201c}first\u{201d}: \u{201c}word\u{201d} (1.0000). Such a column")
        );
        assert!(checks[1].text.contains("\u{201c}number\u{201d} (1.0000)"), "{}", checks[1].text);
        // One word in ten says the opposite.
        let checks = revealing(4_000, 400);
        assert_eq!(checks[0].result, CheckResult::Passed, "{}", checks[0].text);
        assert!(checks[0].text.contains("The highest: \u{201c}word\u{201d} (0."), "{}", checks[0].text);
        let checks = revealing(20, 0);
        assert!(checks.iter().all(|check| check.result == CheckResult::NotChecked), "{checks:?}");
    }

    #[test]
    fn a_column_with_a_word_for_every_row_gives_nothing_away() {
        let labels: Vec<f32> = (0..200).map(|row| f32::from(u8::from(row % 3 == 0))).collect();
        let training: Vec<f32> = (0..200).map(|row| row as f32).collect();
        let unknown = vec![200.0; 200];
        let labelled = |x| Labelled { x, labels: [&labels, &labels] };
        let columns = Columns { names: vec!["number of the row"], categorical: 1, unknown: 200.0 };
        let checks =
            revealing_columns("rows.csv", &columns, ["a", "b"], &labelled(&training), &labelled(&unknown));
        assert!(checks.iter().all(|check| check.result == CheckResult::Passed), "{checks:?}");
        assert!(
            checks[0].text.ends_with("\u{201c}number of the row\u{201d} (0.5000)."),
            "{}",
            checks[0].text
        );
    }

    #[test]
    fn areas_are_those_of_the_curve() {
        let one = |label: bool| if label { [0, 1] } else { [1, 0] };
        let rows = |scores: &[(f64, bool)]| -> Vec<(f64, [u32; 2])> {
            (0..FEWEST).flat_map(|_| scores.iter().map(|&(score, label)| (score, one(label)))).collect()
        };
        assert_eq!(area(rows(&[(0.1, false), (0.2, true)])), Some(1.0));
        assert_eq!(area(rows(&[(0.3, false), (0.2, true)])), Some(0.0));
        assert_eq!(area(rows(&[(0.3, false), (0.3, true)])), Some(0.5));
        assert_eq!(area(rows(&[(0.1, false), (0.3, false), (0.2, true)])), Some(0.5));
        assert_eq!(area(vec![(0.1, [FEWEST as u32, 0]), (0.2, [0, FEWEST as u32 - 1])]), None);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([counted(0), counted(999), counted(85_000_000)], ["0", "999", "85,000,000"]);
        assert_eq!([percent(1, 8), percent(0, 0)], ["12.50 %", "0.00 %"]);
    }
}
