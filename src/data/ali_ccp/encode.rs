//! From words to rows of the embedding table. The table has the words of the training rows alone.

use std::collections::HashMap;

use super::FIELDS;
use super::read::{ABSENT, Period};
use super::schema::HALF;
use crate::data::Impressions;
use crate::data::impressions::LARGEST_VOCABULARY;

/// Words of every field with their numbers: first those of their appearance, then those of the embedding table.
#[derive(Debug)]
pub struct Vocabulary {
    numbers: [HashMap<u64, u32>; FIELDS],
    words: usize,
}

impl Vocabulary {
    /// No words yet.
    pub fn new() -> Self {
        Self { numbers: Default::default(), words: 0 }
    }

    /// Rows of the embedding table.
    pub fn words(&self) -> usize {
        self.words
    }

    /// The number of a word, a new one where it has none.
    pub fn learn(&mut self, field: usize, word: u64) -> u32 {
        let new = self.numbers[field].len() as u32;
        *self.numbers[field].entry(word).or_insert(new)
    }

    /// The row of a word in the embedding table; [`ABSENT`] for a word that it does not have.
    pub fn find(&self, field: usize, word: u64) -> u32 {
        self.numbers[field].get(&word).copied().unwrap_or(ABSENT)
    }

    /// Gives the words that at least `min_count` rows have their rows of the embedding table, field after field
    /// and sorted, and forgets the others. Returns a row for every number of every field, [`ABSENT`] for words
    /// that are forgotten.
    pub fn settle(&mut self, period: &Period, min_count: u32) -> [Vec<u32>; FIELDS] {
        let mut rows: [Vec<u32>; FIELDS] = std::array::from_fn(|field| vec![0; self.numbers[field].len()]);
        each_row(period, |field, number| {
            let count = &mut rows[field][number as usize];
            *count = count.saturating_add(1);
        });
        self.words = 0;
        for (numbers, rows) in self.numbers.iter_mut().zip(&mut rows) {
            // A word of common features whose samples were all left out is in no row.
            let least = min_count.max(1);
            numbers.retain(|_, number| {
                let keep = rows[*number as usize] >= least;
                rows[*number as usize] = ABSENT;
                keep
            });
            let mut sorted: Vec<(u64, u32)> = numbers.iter().map(|(&word, &number)| (word, number)).collect();
            sorted.sort_unstable();
            for (word, number) in sorted {
                let row = self.words as u32;
                rows[number as usize] = row;
                numbers.insert(word, row);
                self.words += 1;
            }
            numbers.shrink_to_fit();
        }
        rows
    }
}

/// Calls `with` with every word of every row: the field's index and the word's number.
fn each_row(period: &Period, mut with: impl FnMut(usize, u32)) {
    for (sample, &pointer) in period.sample.chunks_exact(HALF).zip(&period.pointers) {
        let common = &period.common[pointer as usize * HALF..][..HALF];
        let row = common.iter().chain(sample).enumerate();
        row.filter(|(_, number)| **number != ABSENT).for_each(|(field, number)| with(field, *number));
    }
}

/// The rows of a period: the user's fields, then the sample's. `row` gives the row of the embedding table for a
/// field's index and a word's number.
pub fn encode(period: Period, words: usize, row: impl Fn(usize, u32) -> u32) -> Impressions {
    let mut x = Vec::with_capacity(period.count() * FIELDS);
    for (sample, &pointer) in period.sample.chunks_exact(HALF).zip(&period.pointers) {
        let common = &period.common[pointer as usize * HALF..][..HALF];
        x.extend(common.iter().chain(sample).enumerate().map(|(field, &number)| {
            let row = if number == ABSENT { ABSENT } else { row(field, number) };
            if row == ABSENT { words as f32 } else { row as f32 }
        }));
    }
    let label =
        |which: usize| period.labels.iter().map(|labels| f32::from(u8::from(labels[which]))).collect();
    Impressions { x, click: label(0), conversion: label(1), ..Impressions::default() }
}

/// Refuses a table without rows, and one that `f32` cannot number.
pub fn fits(words: usize) -> Result<(), String> {
    match words {
        0 => Err(
            "no word is in data.min_count training rows; expected a lower data.min_count or more data.rows"
                .into(),
        ),
        1..=LARGEST_VOCABULARY => Ok(()),
        _ => Err(format!(
            "the training rows have {words} words; expected at most {LARGEST_VOCABULARY}, so a higher data.min_count or \
             fewer data.rows"
        )),
    }
}

/// Refuses a period whose labels are all alike: nothing could be learnt, or no AUC be measured.
pub fn usable(period: &str, rows: &Impressions) -> Result<(), String> {
    let (clicks, conversions) = (rows.clicks(), rows.conversions());
    let alike = |some: usize, all: usize, what: &str| match some == 0 || some == all {
        false => Ok(()),
        true => Err(format!(
            "{some} of the {all} {period} {what}; expected some and not all, so other files or more data.rows"
        )),
    };
    alike(clicks, rows.len(), "rows are clicked")?;
    alike(conversions, clicks, "clicks are converted")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rows: two of one user, the second without a shop.
    fn period(word: &mut dyn FnMut(usize, u64) -> u32) -> Period {
        let mut numbers = |first: usize, ids: [u64; HALF]| -> Vec<u32> {
            let number = |(field, id): (usize, u64)| if id == 0 { ABSENT } else { word(first + field, id) };
            ids.into_iter().enumerate().map(number).collect()
        };
        let sample = [
            numbers(HALF, [50, 4, 3, 1, 1, 1, 1, 1, 1]),
            numbers(HALF, [40, 4, 0, 1, 1, 1, 1, 1, 1]),
            numbers(HALF, [50, 4, 3, 1, 1, 1, 1, 1, 1]),
        ]
        .concat();
        let common =
            [numbers(0, [900, 1, 1, 1, 1, 1, 1, 1, 1]), numbers(0, [800, 1, 1, 1, 1, 1, 1, 1, 1])].concat();
        let labels = vec![[true, true], [true, false], [false, false]];
        let files = ["skeleton", "common"].map(std::path::Path::new);
        Period { sample, pointers: vec![0, 0, 1], labels, common, ..Period::of(files[0], files[1]) }
    }

    #[test]
    fn rows_of_the_table_are_sorted_field_by_field_and_rare_words_have_none() {
        let mut vocabulary = Vocabulary::new();
        let training = period(&mut |field, word| vocabulary.learn(field, word));
        let rows = vocabulary.settle(&training, 1);
        // Two users, eight fields of one word, two items, a category, a shop and six fields of one word.
        assert_eq!(vocabulary.words(), 2 + 8 + 2 + 8);
        let log = encode(training, vocabulary.words(), |field, number| rows[field][number as usize]);
        let row = |row: usize| &log.x[row * FIELDS..][..FIELDS];
        assert_eq!([row(0)[0], row(1)[0], row(2)[0]], [1.0, 1.0, 0.0], "users 800 and 900");
        assert_eq!([row(0)[9], row(1)[9]], [11.0, 10.0], "items 40 and 50");
        assert_eq!([row(0)[11], row(1)[11]], [13.0, 20.0], "no shop: no row of the table");
        assert_eq!((&log.click[..], &log.conversion[..]), (&[1.0, 1.0, 0.0][..], &[1.0, 0.0, 0.0][..]));

        let mut vocabulary = Vocabulary::new();
        let training = period(&mut |field, word| vocabulary.learn(field, word));
        vocabulary.settle(&training, 2);
        assert_eq!(vocabulary.words(), 20 - 2, "user 800 and item 40 are in one row each");
        assert_eq!(
            [vocabulary.find(0, 900), vocabulary.find(0, 800), vocabulary.find(9, 40)],
            [0, ABSENT, ABSENT]
        );
    }

    #[test]
    fn a_table_that_inputs_cannot_number_is_refused() {
        assert_eq!((LARGEST_VOCABULARY as f32) as usize, LARGEST_VOCABULARY);
        assert_ne!(((LARGEST_VOCABULARY + 1) as f32) as usize, LARGEST_VOCABULARY + 1);
        fits(LARGEST_VOCABULARY).unwrap();
        let problem = fits(LARGEST_VOCABULARY + 1).unwrap_err();
        assert!(
            problem.contains("16777217 words; expected at most 16777216, so a higher data.min_count"),
            "{problem}"
        );
    }
}
