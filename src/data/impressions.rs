//! Impressions with their outcomes: the rows of conversion models, simulated or read from a log.
//!
//! An impression is shown; some are clicked, and some clicks lead to a conversion, possibly days later (ESMM §2).
//! A row has categorical and numeric features. Rows lie in the order of time.

use std::ops::Range;
use std::sync::Arc;

use rand::Rng;

use super::pearson::PairSums;
use super::shuffle::EpochOrder;
use super::source::{Embedding, Feed, float_bytes};
use super::stream::{Purpose, Stream};
use super::{Batch, Subset};

/// Most rows of an embedding table: their indexes are stored as `f32`, which has every whole number up to this.
pub const LARGEST_VOCABULARY: usize = 1 << 24;

/// Number of labels of an impression, in the order of `Batch::y`, `[LABELS, rows]`.
pub const LABELS: usize = 4;

/// A label of an impression, by its row in `Batch::y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Whether it was clicked, 0 or 1.
    Click = 0,
    /// Whether the click was seen to lead to a conversion by the end of training, 0 or 1; 0 without a click.
    Conversion = 1,
    /// For a conversion the time from click to conversion, else the time from click to the end of training; in
    /// units of the training window, 0 to 1. 0 without a click, and where times are not known.
    Waited = 2,
    /// A uniform draw from (0, 1) of this row and step, for methods that sample rows.
    Uniform = 3,
}

/// Impressions of one period: rows of equal length, with labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impressions {
    /// Inputs, `[rows, categorical + numeric]`: rows of the embedding table, `vocabulary` for a value that the table
    /// does not have; then numeric features.
    pub x: Vec<f32>,
    /// 1 where it was clicked, `[rows]`.
    pub click: Vec<f32>,
    /// 1 where a click was seen to lead to a conversion, `[rows]`.
    pub conversion: Vec<f32>,
    /// [`Label::Waited`], `[rows]`; empty where times are not known.
    pub waited: Vec<f32>,
    /// The probabilities behind simulated outcomes; none where impressions are read.
    pub truth: Option<Truth>,
}

/// The probabilities that impressions were drawn from, `[rows]` each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Probability of a click.
    pub click: Vec<f32>,
    /// Probability of a conversion after a click, whether it was clicked or not.
    pub conversion: Vec<f32>,
}

impl Impressions {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.click.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.click.is_empty()
    }

    /// Clicks.
    pub fn clicks(&self) -> usize {
        self.click.iter().filter(|click| **click > 0.0).count()
    }

    /// Conversions that were seen.
    pub fn conversions(&self) -> usize {
        self.conversion.iter().filter(|conversion| **conversion > 0.0).count()
    }

    /// Pearson correlation of clicks and conversions that were seen; NaN where there are none.
    pub fn label_correlation(&self) -> f64 {
        let mut sums = PairSums::default();
        sums.add(&self.click, &self.conversion);
        sums.correlation()
    }

    /// Resident size in bytes.
    pub fn bytes(&self) -> u64 {
        let truth = self.truth.as_ref().map_or(0, |truth| truth.click.len() + truth.conversion.len());
        let floats = self.x.len() + self.click.len() + self.conversion.len() + self.waited.len() + truth;
        4 * floats as u64
    }
}

/// A log of impressions in two periods: the first is trained on, the second tested on (ESMM §3.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImpressionLog {
    /// Categorical features of a row.
    pub categorical: usize,
    /// Numeric features of a row.
    pub numeric: usize,
    /// Rows of the embedding table: the values of all categorical features.
    pub vocabulary: usize,
    /// The first period.
    pub training: Impressions,
    /// The second.
    pub test: Impressions,
}

impl ImpressionLog {
    /// Columns of a row.
    pub fn columns(&self) -> usize {
        self.categorical + self.numeric
    }

    /// Resident size in bytes.
    pub fn bytes(&self) -> u64 {
        self.training.bytes() + self.test.bytes()
    }
}

/// The embeddings of impressions. First values have variance 1/100: most words of a log are rare, and what is not
/// learned of them is noise.
pub fn embedding(categorical: usize, vocabulary: usize, units: usize) -> Embedding {
    Embedding { categorical, vocabulary, units, fan_in: 100 }
}

/// Bytes of batches of impressions: of training rows, held-out rows and all `test` rows, each with all labels.
pub(super) fn batch_bytes(training: usize, held_out: usize, test: usize, columns: usize) -> u64 {
    float_bytes(training + held_out.min(test) + test, columns + LABELS)
}

/// The batches of one seed from a log.
#[derive(Clone, Debug)]
pub struct ImpressionFeed {
    log: Arc<ImpressionLog>,
    order: EpochOrder,
    /// The stream of the uniforms of training rows.
    sampling: Stream,
    rows: Vec<u64>,
    /// Latest rows of the first period that are kept for validation.
    held_back: usize,
}

impl ImpressionFeed {
    /// The batches of `seed`.
    pub fn new(log: Arc<ImpressionLog>, seed: u64) -> Self {
        let sampling = Stream::new(seed, Purpose::Sampling);
        Self { log, order: EpochOrder::new(seed), sampling, rows: Vec::new(), held_back: 0 }
    }
}

impl ImpressionFeed {
    /// Puts rows of a period into a batch; their [`Label::Uniform`] is 0.
    fn put(&self, period: &Impressions, rows: Range<usize>, batch: &mut Batch) {
        let columns = self.log.columns();
        batch.reshape(rows.len(), columns, LABELS, 1);
        batch.x.copy_from_slice(&period.x[rows.start * columns..rows.end * columns]);
        batch.y.fill(0.0);
        rows.enumerate().for_each(|(index, row)| period.put_labels(row, index, batch));
    }
}

impl Feed for ImpressionFeed {
    /// Every epoch visits every row of the first period that is not held back once, in an order of its own; a batch may span
    /// two epochs.
    fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        let (rows, first) = (&self.log.training, step * batch_size as u64);
        self.order.rows(first, batch_size, rows.len() - self.held_back, &mut self.rows);
        let columns = self.log.columns();
        batch.reshape(batch_size, columns, LABELS, 1);
        for (index, &row) in self.rows.iter().enumerate() {
            let row = row as usize;
            batch.x[index * columns..][..columns].copy_from_slice(&rows.x[row * columns..][..columns]);
            rows.put_labels(row, index, batch);
            let word = self.sampling.rng(first + index as u64).next_u32();
            // The last words round to 1.
            let uniform = ((f64::from(word) + 0.5) / 2f64.powi(32)) as f32;
            batch.y[Label::Uniform as usize * batch_size + index] = uniform.min(1.0 - f32::EPSILON / 2.0);
        }
    }

    /// The first rows of the second period; their [`Label::Uniform`] is 0.
    fn held_out(&self, rows: usize, batch: &mut Batch) {
        let test = &self.log.test;
        self.put(test, 0..rows.min(test.len()), batch);
    }

    /// The latest rows of the first period, and no more than half of it.
    fn hold_back(&mut self, rows: usize) {
        self.held_back = rows.min(self.log.training.len() / 2);
    }

    fn validation(&self, batch: &mut Batch) {
        let training = &self.log.training;
        self.put(training, training.len() - self.held_back..training.len(), batch);
    }

    fn scored(&self, subset: Subset, batch: &mut Batch) {
        match subset {
            Subset::Test => self.held_out(usize::MAX, batch),
            Subset::Training | Subset::Validation => batch.reshape(0, 0, 0, 0),
        }
    }

    /// The correlation of clicks and conversions of the training rows.
    fn label_correlations(&self) -> Vec<Vec<f64>> {
        vec![vec![self.log.training.label_correlation()]]
    }

    fn test_impressions(&self) -> Option<&Impressions> {
        Some(&self.log.test)
    }
}

impl Impressions {
    /// Puts the labels of a row at an index of a batch.
    fn put_labels(&self, row: usize, index: usize, batch: &mut Batch) {
        let rows = batch.rows;
        let mut put = |label: Label, value| batch.y[label as usize * rows + index] = value;
        put(Label::Click, self.click[row]);
        put(Label::Conversion, self.conversion[row]);
        put(Label::Waited, self.waited.get(row).copied().unwrap_or(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose word is their number.
    fn log(training: usize, test: usize) -> Arc<ImpressionLog> {
        let rows = |from: usize, count: usize| {
            let numbers = || (from..from + count).map(|row| row as f32);
            Impressions {
                x: numbers().flat_map(|row| [row, -row]).collect(),
                click: numbers().map(|row| row % 2.0).collect(),
                conversion: numbers().map(|row| f32::from(u8::from(row % 4.0 == 1.0))).collect(),
                waited: numbers().map(|row| row / 100.0).collect(),
                truth: None,
            }
        };
        let vocabulary = training + test;
        Arc::new(ImpressionLog {
            categorical: 1,
            numeric: 1,
            vocabulary,
            training: rows(0, training),
            test: rows(training, test),
        })
    }

    #[test]
    fn an_epoch_visits_every_training_row_once_with_its_facts() {
        let mut feed = ImpressionFeed::new(log(10, 4), 7);
        let mut batch = Batch::new();
        let mut seen = Vec::new();
        for step in 0..4 {
            feed.training_batch(step, 5, &mut batch);
            for index in 0..5 {
                let row = batch.x[2 * index];
                assert_eq!(batch.x[2 * index + 1], -row);
                assert_eq!(batch.labels(0, Label::Click as usize)[index], row % 2.0);
                assert_eq!(batch.labels(0, Label::Waited as usize)[index], row / 100.0);
                let uniform = batch.labels(0, Label::Uniform as usize)[index];
                assert!(uniform > 0.0 && uniform < 1.0);
                seen.push((row as usize, uniform.to_bits()));
            }
        }
        for epoch in seen.chunks(10) {
            let mut rows: Vec<usize> = epoch.iter().map(|(row, _)| *row).collect();
            rows.sort_unstable();
            assert_eq!(rows, (0..10).collect::<Vec<_>>());
        }
        let mut uniforms: Vec<u32> = seen.iter().map(|(_, uniform)| *uniform).collect();
        uniforms.sort_unstable();
        uniforms.dedup();
        assert_eq!(uniforms.len(), 20, "of every row and epoch its own");
        // Any step can be had alone.
        let mut alone = Batch::new();
        ImpressionFeed::new(log(10, 4), 7).training_batch(3, 5, &mut alone);
        assert_eq!((alone.x, alone.y), (batch.x, batch.y));
    }

    #[test]
    fn the_latest_training_rows_are_held_back_and_never_trained_on() {
        let mut feed = ImpressionFeed::new(log(10, 4), 7);
        feed.hold_back(3);
        let mut batch = Batch::new();
        feed.training_batch(0, 14, &mut batch);
        let mut rows: Vec<f32> = batch.x.chunks(2).map(|row| row[0]).collect();
        rows.sort_by(f32::total_cmp);
        let twice = (0..7).flat_map(|row| [row as f32; 2]).collect::<Vec<_>>();
        assert_eq!(rows, twice);
        feed.validation(&mut batch);
        assert_eq!(batch.x, [7.0, -7.0, 8.0, -8.0, 9.0, -9.0]);
        assert_eq!(batch.labels(0, Label::Click as usize), [1.0, 0.0, 1.0]);
        feed.hold_back(100);
        feed.validation(&mut batch);
        assert_eq!(batch.rows, 5, "half is left to train on");
    }

    #[test]
    fn test_rows_are_those_of_the_second_period() {
        let feed = ImpressionFeed::new(log(10, 4), 7);
        let mut batch = Batch::new();
        feed.held_out(3, &mut batch);
        assert_eq!(batch.x, [10.0, -10.0, 11.0, -11.0, 12.0, -12.0]);
        feed.held_out(usize::MAX, &mut batch);
        assert_eq!((batch.rows, batch.tasks), (4, LABELS));
        assert_eq!(batch.labels(0, Label::Conversion as usize), [0.0, 0.0, 0.0, 1.0]);
    }
}
