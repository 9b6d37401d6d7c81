//! Ali-CCP: impressions of a shop with clicks and conversions, the public data set of ESMM.
//!
//! Each of two periods, training and test, is a pair of files without headers, plain or gzipped:
//!
//! | file | a line |
//! |---|---|
//! | `sample_skeleton_*.csv` | sample id, click, purchase, common feature index, number of features, feature list |
//! | `common_features_*.csv` | common feature index, number of features, feature list |
//!
//! A feature list joins features by `\x01`; a feature is `field\x02id\x03value`. What the rows of one user have in
//! common is written once and pointed to by its index, which belongs to one period's pair. [`schema`] says which
//! fields are read and which are not; [`mod@read`] reads a pair, `encode` numbers its words.
//!
//! **One word of a field.** Of several the one of the largest value is read, of equal ones the first. A row
//! without a word, or with one that fewer than [`AliCcpSpec::min_count`] training rows have, reads the word that
//! the table does not have. Values serve for nothing else: there are no numeric inputs.
//!
//! **Purchases without a click.** Where the file says that a row was bought and not clicked, the purchase came
//! about some other way; ESMM's conversion is what follows a click. Such rows are left out, as the literature
//! does, and counted ([`AliCcp::unclicked`]).
//!
//! **Memory.** The published files hold about 160 GB of text. They are streamed: first a period's skeleton, as far
//! as [`AliCcpSpec::rows`], then its common features, where rows are limited only as far as the last that is
//! pointed to. Lines that nothing points to are passed over, so neither are they checked. What is held is a line
//! of at most [`lines::LONGEST`] bytes; [`ROW_BYTES`] for every row; [`READING_BYTES`] more, and at worst as much
//! again while vectors grow, for the rows of the period that is being read; about 130 bytes for every index that
//! is pointed to; and about 60 for every word (a table of hashes, at worst twice as large as its entries, and the
//! list that sorts it). The checks add some tens of megabytes at most ([`super::checks`]).

use std::path::PathBuf;
use std::sync::Arc;

use super::checks::{self, Columns, DataCheck, KeySample, Labelled};
use super::impressions::{self, ImpressionFeed, ImpressionLog, Impressions};
use super::left_out::LeftOut;
use super::source::{self, ClassRecord, Embedding, Feed, Opened, Rows, Source};
use super::{DataError, DataSpec, Subset, Task, files};
use encode::{Vocabulary, encode, fits, usable};
use read::{Period, Reader};
use schema::{COMMON, Field, HALF, SAMPLE};

mod encode;
pub mod lines;
pub mod read;
pub mod schema;

/// The files: skeleton and common features of training, then of test.
pub const FILES: [&str; 4] = [
    "sample_skeleton_train.csv",
    "common_features_train.csv",
    "sample_skeleton_test.csv",
    "common_features_test.csv",
];

/// Address of the data set.
const PUBLISHED: &str = "https://tianchi.aliyun.com/dataset/408";

/// Categorical inputs of a row.
pub const FIELDS: usize = 2 * HALF;

/// Numeric inputs of a row.
pub const NUMERIC: usize = 0;

/// Bytes of an encoded row: its inputs and two labels, as `f32`.
pub const ROW_BYTES: u64 = 4 * (FIELDS as u64 + NUMERIC as u64 + 2);

/// Bytes of a row between reading and encoding: its own words, its pointer to the common ones, its labels, its key.
pub const READING_BYTES: u64 = 4 * (HALF as u64 + 1) + 2 + 8;

/// The part of the published files that is read, and its encoding.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AliCcpSpec {
    /// Folder with the four files.
    pub path: PathBuf,
    /// Most lines of either skeleton, from its start; 0 for all.
    pub rows: usize,
    /// Training rows that a word must be in; others read as words that the table does not have.
    pub min_count: u32,
    /// Units of the embedding of every categorical input.
    pub embedding_units: usize,
    /// Whether malformed lines are left out and counted; an error otherwise.
    pub skip_bad_rows: bool,
    /// Largest share of a file's lines that may be left out as malformed.
    pub max_skipped: f64,
    /// Hash of the lines that are used. Empty until they are read; where it is given, they must have it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// A log that was read.
#[derive(Debug, Clone)]
pub struct AliCcp {
    /// The specification that they were read by.
    pub spec: AliCcpSpec,
    /// The rows.
    pub log: Arc<ImpressionLog>,
    /// Names of the files that were read, in the order of [`FILES`].
    pub files: Vec<String>,
    /// Lines that were left out because they are malformed, and rows that were because their common features are.
    pub skipped: usize,
    /// Rows that were left out because they were bought without a click.
    pub unclicked: usize,
    /// What was found out about the files.
    pub checks: Vec<DataCheck>,
}

impl AliCcpSpec {
    /// Reads and encodes the files. The specification comes back with the digest of the lines that are used.
    ///
    /// # Errors
    /// Files that are missing, cannot be read or are not those of the digest; malformed lines, unless they are to be
    /// left out; rows that cannot be learned from.
    pub fn read(&self) -> Result<(Self, AliCcp), DataError> {
        let unfit = |problem: String| DataError::Unfit { path: self.path.clone(), problem };
        let found = FILES.map(|name| files::find(&self.path, name));
        let [Some(skeleton), Some(common), Some(test_skeleton), Some(test_common)] = &found else {
            let missing = FILES.iter().zip(&found).filter(|(_, file)| file.is_none());
            let missing = missing.map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            let expected = format!("{} ({missing}: not there)", FILES.join(", "));
            return Err(DataError::NoFiles { path: self.path.clone(), expected, published: PUBLISHED });
        };
        let mut hasher = blake3::Hasher::new();
        let mut vocabulary = Vocabulary::new();
        let mut checks = Vec::new();
        let mut left_out = Vec::new();
        let mut read = |paths: [&PathBuf; 2], word: &mut dyn FnMut(usize, u64) -> u32| {
            let Self { rows, skip_bad_rows: skip_bad, max_skipped, .. } = *self;
            let mut reader = Reader { rows, skip_bad, max_skipped, hasher: &mut hasher, word };
            let mut period = Period::read(paths[0], paths[1], &mut reader)?;
            if period.count() == 0 {
                let (left_out, name) = (period.left_out[0].total(), paths[0].display());
                return Err(unfit(format!(
                    "{name} has no rows ({left_out} were left out); expected lines of {}",
                    schema::SAMPLE_COLUMNS.join(", ")
                )));
            }
            checks.extend(period.left_out.iter().flat_map(LeftOut::checks));
            checks.push(checks::repeated_ids(&files::name(paths[0]), schema::SAMPLE_COLUMNS[0], &period.ids));
            left_out.extend(period.left_out.iter().map(|file| [file.malformed(), file.total()]));
            let keys = std::mem::take(&mut period.keys);
            Ok((period, keys))
        };

        let (period, keys) = read([skeleton, common], &mut |field, word| vocabulary.learn(field, word))?;
        let mut trained = KeySample::default();
        keys.into_iter().for_each(|key| trained.add(key));
        let rows = vocabulary.settle(&period, self.min_count);
        let words = vocabulary.words();
        fits(words).map_err(unfit)?;
        let training = encode(period, words, |field, number| rows[field][number as usize]);
        usable("training", &training).map_err(unfit)?;
        drop(rows);

        let (period, keys) =
            read([test_skeleton, test_common], &mut |field, word| vocabulary.find(field, word))?;
        let test = encode(period, words, |_, row| row);
        usable("test", &test).map_err(unfit)?;

        let digest = hasher.finalize().to_hex()[..32].to_string();
        if !self.digest.is_empty() && self.digest != digest {
            let (path, expected) = (self.path.clone(), self.digest.clone());
            return Err(DataError::Changed { path, found: digest, expected });
        }
        let file = files::name(test_skeleton);
        let kinds = ["rows", "labels and all features"];
        checks.push(checks::shared_rows(&file, kinds, &trained, keys.into_iter()));
        checks.extend(revealing(&file, &training, &test, words));
        let files = found.iter().flatten().map(|path| files::name(path)).collect();
        let log = Arc::new(ImpressionLog {
            categorical: FIELDS,
            numeric: NUMERIC,
            vocabulary: words,
            training,
            test,
        });
        let [skipped, total] =
            [0, 1].map(|which| left_out.iter().map(|file: &[usize; 2]| file[which]).sum::<usize>());
        let spec = Self { digest, ..self.clone() };
        Ok((spec.clone(), AliCcp { spec, log, files, skipped, unclicked: total - skipped, checks }))
    }
}

/// Names of the labels that are learned.
const LABELS: [&str; 2] = ["click", "click and conversion"];

/// The fields that give a label away on their own.
fn revealing(file: &str, training: &Impressions, test: &Impressions, words: usize) -> Vec<DataCheck> {
    let names = COMMON.iter().chain(&SAMPLE).map(|field| field.name).collect();
    let columns = Columns { names, categorical: FIELDS, unknown: words as f32 };
    let [training, test] =
        [training, test].map(|rows| Labelled { x: &rows.x, labels: [&rows.click, &rows.conversion] });
    checks::revealing_columns(file, &columns, LABELS, &training, &test)
}

impl Source for AliCcpSpec {
    fn kind(&self) -> &'static str {
        "ali_ccp"
    }

    fn task(&self) -> Task {
        Task::Conversion
    }

    fn features(&self) -> usize {
        FIELDS * self.embedding_units + NUMERIC
    }

    /// Click and conversion.
    fn tasks(&self) -> usize {
        2
    }

    /// The lines by their content, wherever they are.
    fn identity(&self) -> serde_json::Value {
        serde_json::json!({
            "kind": "ali_ccp",
            "digest": self.digest,
            "min_count": self.min_count,
            "embedding_units": self.embedding_units,
        })
    }

    fn table(&self) -> toml::Table {
        source::table(self)
    }

    fn has_categorical(&self) -> bool {
        true
    }

    /// Without indexes and words, whose number only the files tell.
    fn reading_bytes(&self) -> Option<u64> {
        let rows = self.rows as u64;
        (rows > 0).then(|| rows.saturating_mul(2 * ROW_BYTES + READING_BYTES))
    }

    fn open(&self) -> Result<Option<Opened>, DataError> {
        let (spec, read) = self.read()?;
        Ok(Some(Opened { spec: DataSpec::AliCcp(spec), rows: Arc::new(read) }))
    }
}

impl Rows for AliCcp {
    fn feed(self: Arc<Self>, seed: u64, _: &[f64]) -> Box<dyn Feed> {
        Box::new(ImpressionFeed::new(Arc::clone(&self.log), seed))
    }

    fn embedding(&self) -> Option<Embedding> {
        Some(impressions::embedding(self.log.categorical, self.log.vocabulary, self.spec.embedding_units))
    }

    fn scored_rows(&self) -> usize {
        self.log.test.len()
    }

    fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    fn batch_bytes(&self, training: usize, held_out: usize, _: usize) -> u64 {
        impressions::batch_bytes(training, held_out, self.log.test.len(), self.log.columns())
    }

    /// The order of the training rows.
    fn feed_bytes(&self) -> u64 {
        8 * self.log.training.len() as u64
    }

    /// Clicks and conversions of both periods.
    fn classes(&self) -> Vec<ClassRecord> {
        let period = |(subset, rows): (Subset, &Impressions)| {
            let label_correlation = super::defined::defined(rows.label_correlation());
            let labels = LABELS.into_iter().zip([rows.clicks(), rows.conversions()]);
            (1..)
                .zip(labels)
                .map(|(task, (name, positives))| ClassRecord {
                    subset,
                    task,
                    name: name.to_string(),
                    rows: rows.len(),
                    positives,
                    label_correlation,
                    skipped_rows: self.skipped + self.unclicked,
                })
                .collect::<Vec<_>>()
        };
        let periods = [(Subset::Training, &self.log.training), (Subset::Test, &self.log.test)];
        periods.into_iter().flat_map(period).collect()
    }

    fn checks(&self) -> Vec<DataCheck> {
        self.checks.clone()
    }
}

impl AliCcp {
    /// The categorical inputs of a row, in order.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        COMMON.into_iter().chain(SAMPLE)
    }
}
