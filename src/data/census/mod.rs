//! Census-Income (KDD): the real data of MMoE §6.3, two tasks of yes or no for every person asked.
//!
//! The original files are read ([`schema`], [`mod@read`]), divided and encoded (`encode`) once, when a study is
//! opened; every run then draws its batches from the same [`Census`]. A seed changes a run's first parameters
//! and the order of its batches, never the division of rows, as in the paper.
//!
//! **Division.** With both files, training is the first and the rows of the second are divided 1:1 at random
//! into validation and test, as the paper does. With one file, its rows are divided 4:1:1, which are the
//! paper's proportions. [`CensusSpec::split`] draws another division.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Batch;
use super::shuffle::EpochOrder;
use schema::{CATEGORIES, NUMBERS};

mod encode;
pub mod read;
pub mod schema;

pub use encode::encode;

/// Names of the original files: training and test.
const FILES: [&str; 2] = ["census-income.data", "census-income.test"];

/// Where the data set is published.
const PUBLISHED: &str = "https://doi.org/10.24432/C5N30T";

/// The main task; the auxiliary one is "never married" either way (MMoE §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MainTask {
    /// Income above $50,000 (Table 1).
    Income,
    /// Education of at least college (Table 2).
    Education,
}

/// Which rows, divided how, for which tasks.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CensusSpec {
    /// Folder with the original files.
    pub path: PathBuf,
    /// The main task.
    pub main: MainTask,
    /// Draws the random division of rows.
    pub split: u64,
    /// Units of the embedding of every categorical input.
    pub embedding_units: usize,
    /// Whether malformed rows are left out and counted; an error otherwise.
    pub skip_bad_rows: bool,
    /// Hash of the files' text. Empty until they are opened; where it is given, they must have it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

impl CensusSpec {
    /// Inputs of a network behind the embeddings.
    pub fn width(&self) -> usize {
        CATEGORIES * self.embedding_units + NUMBERS
    }

    /// What the tasks are called.
    pub fn task_names(&self) -> [&'static str; 2] {
        match self.main {
            MainTask::Income => ["income above $50,000", "never married"],
            MainTask::Education => ["education of at least college", "never married"],
        }
    }

    /// What a run's result depends on: the files by their content, wherever they lie.
    pub fn identity(&self) -> serde_json::Value {
        serde_json::json!({
            "kind": "census",
            "digest": self.digest,
            "main": self.main,
            "split": self.split,
            "embedding_units": self.embedding_units,
        })
    }

    /// Reads, divides and encodes the files; the specification comes back with their digest.
    pub fn open(&self) -> Result<(Self, Census), DataError> {
        let found = FILES.map(|name| read::find(&self.path, name));
        if found.iter().all(Option::is_none) {
            let expected = format!("{}, {} or both", FILES[0], FILES[1]);
            return Err(DataError::NoFiles { path: self.path.clone(), expected, published: PUBLISHED });
        }
        let mut rows = read::RawRows::default();
        let mut lengths = [0; 2];
        for (length, file) in lengths.iter_mut().zip(&found) {
            let before = rows.count();
            if let Some(path) = file {
                rows.read(path, self.skip_bad_rows)?;
            }
            *length = rows.count() - before;
        }
        let digest = rows.digest();
        if !self.digest.is_empty() && self.digest != digest {
            return Err(DataError::Changed {
                path: self.path.clone(),
                found: digest,
                expected: self.digest.clone(),
            });
        }
        let files = found.iter().flatten().filter_map(|path| path.file_name());
        let files: Vec<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
        let census = encode(&rows, lengths, self.main, self.split)
            .map_err(|problem| DataError::Unfit { path: self.path.clone(), problem })?;
        let spec = Self { digest, ..self.clone() };
        Ok((spec, Census { files, skipped: rows.skipped, ..census }))
    }
}

/// Why the rows of a study cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The system refused.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Files that are needed are not there.
    #[error(
        "data.path = {path:?}: expected a folder with {expected}, plain or with .gz; the data set is published at \
         {published}, and --set data.path=FOLDER names the folder it was unpacked to"
    )]
    NoFiles {
        /// The folder.
        path: PathBuf,
        /// The files that would be right.
        expected: String,
        /// Where the data set is published.
        published: &'static str,
    },
    /// A packed file that breaks off or is damaged.
    #[error(
        "{}:{line}: the packed text breaks off or is damaged ({source}); expected a whole file, which gzip -t tells",
        path.display()
    )]
    Packed {
        /// The file.
        path: PathBuf,
        /// Line that could not be read whole, from 1.
        line: u64,
        /// What was found.
        source: std::io::Error,
    },
    /// A row that is not one of the data set.
    #[error("{}:{line}{field}: {problem}; --skip-bad-rows leaves such rows out and counts them", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Number and name of the field, if it is one; starts with a comma.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Other rows than the study was made with.
    #[error(
        "data.digest = {expected:?}: the files in {path:?} are others, with digest {found:?}; expected the files that \
         the study was made with, or no digest"
    )]
    Changed {
        /// The folder.
        path: PathBuf,
        /// Digest of the files there.
        found: String,
        /// The digest asked for.
        expected: String,
    },
    /// Rows that no study can be made with.
    #[error("data.path = {path:?}: {problem}")]
    Unfit {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl DataError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What rows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    /// Trained on.
    Training,
    /// Looked at to choose sizes and learning rates.
    Validation,
    /// Reported.
    Test,
}

impl Subset {
    /// All, in the order in which rows lie.
    pub const ALL: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// The word in CSV files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Encoded rows: training, then validation, then test.
#[derive(Debug, Clone)]
pub struct Census {
    /// Names of the files that were found.
    pub files: Vec<String>,
    /// Malformed rows that were left out.
    pub skipped: usize,
    /// Rows of the embedding table: words of all categorical inputs in the training rows.
    pub words: usize,
    /// Inputs, `[rows, CATEGORIES + NUMBERS]`: rows of the embedding table, `words` for a word that no
    /// training row has; then numbers with mean 0 and variance 1 over the training rows.
    x: Vec<f32>,
    /// Labels 0 and 1 of the main and the auxiliary task, `[rows]` each.
    y: [Vec<f32>; 2],
    /// Number of rows of each set.
    sizes: [usize; 3],
}

/// Columns of a row.
const COLUMNS: usize = CATEGORIES + NUMBERS;

impl Census {
    /// Where the rows of a set lie.
    pub fn rows(&self, set: Subset) -> Range<usize> {
        let before = self.sizes[..set as usize].iter().sum();
        before..before + self.sizes[set as usize]
    }

    /// Rows of all sets.
    pub fn len(&self) -> usize {
        self.y[0].len()
    }

    /// Whether there are no rows: never, where they come from [`CensusSpec::open`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Labels of a task (0 or 1) in a set.
    pub fn labels(&self, set: Subset, task: usize) -> &[f32] {
        &self.y[task][self.rows(set)]
    }

    /// Resident size in bytes.
    pub fn bytes(&self) -> u64 {
        4 * (self.x.len() + 2 * self.len()) as u64
    }

    /// Pearson correlation of the two labels over a set.
    pub fn label_correlation(&self, set: Subset) -> f64 {
        let mut sums = super::correlation::PairSums::default();
        sums.add(self.labels(set, 0), self.labels(set, 1));
        sums.correlation()
    }

    /// Puts rows of a set, from `range` within it, into a batch.
    pub fn fill(&self, set: Subset, range: Range<usize>, batch: &mut Batch) {
        let all = self.rows(set);
        let rows = all.start + range.start.min(all.len())..all.start + range.end.min(all.len());
        batch.reshape(rows.len(), COLUMNS, 2, 1);
        batch.x.copy_from_slice(&self.x[rows.start * COLUMNS..rows.end * COLUMNS]);
        for (labels, y) in self.y.iter().zip(batch.y.chunks_exact_mut(rows.len().max(1))) {
            y.copy_from_slice(&labels[rows.clone()]);
        }
    }
}

/// One seed's way through the rows.
#[derive(Debug, Clone)]
pub struct CensusFeed {
    census: Arc<Census>,
    order: EpochOrder,
    numbers: Vec<u64>,
}

impl CensusFeed {
    /// The way of `seed`.
    pub fn new(census: Arc<Census>, seed: u64) -> Self {
        Self { census, order: EpochOrder::new(seed), numbers: Vec::new() }
    }

    /// The rows.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// The rows of optimiser step `step`, counted from 0: every epoch visits every training row once, in an
    /// order of its own; a batch may span two.
    pub fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        let rows = self.census.rows(Subset::Training);
        self.order.rows(step * batch_size as u64, batch_size, rows.len(), &mut self.numbers);
        batch.reshape(batch_size, COLUMNS, 2, 1);
        for (place, &number) in self.numbers.iter().enumerate() {
            let row = rows.start + number as usize;
            batch.x[place * COLUMNS..][..COLUMNS].copy_from_slice(&self.census.x[row * COLUMNS..][..COLUMNS]);
            for (task, labels) in self.census.y.iter().enumerate() {
                batch.y[task * batch_size + place] = labels[row];
            }
        }
    }

    /// The first `rows` of the validation set, or all.
    pub fn held_out(&self, rows: usize, batch: &mut Batch) {
        self.census.fill(Subset::Validation, 0..rows, batch);
    }
}
