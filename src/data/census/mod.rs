//! Census-Income (KDD): the real data of MMoE §6.3, two binary tasks for every person asked.
//!
//! The original files are read ([`schema`], [`mod@read`]), divided and encoded (`encode`) once, when a study is
//! opened; every run then draws its batches from the same [`Census`]. A seed changes a run's first parameters
//! and the order of its batches, never the division of rows, as in the paper.
//!
//! **Division.** With both files, training is the first and the rows of the second are divided 1:1 at random
//! into validation and test, as the paper does. With one file, its rows are divided 4:1:1, which are the
//! paper's proportions. [`CensusSpec::split`] draws another division.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::checks::{self, Columns, DataCheck, KeySample, Labelled};
use super::left_out::LeftOut;
use super::shuffle::EpochOrder;
use super::source::{self, ClassRecord, Embedding, Feed, Opened, Rows, Source};
use super::{Batch, DataError, DataSpec, Subset, Task, files};
use schema::{CATEGORICAL, FIELDS, NUMERIC};

mod encode;
pub mod read;
pub mod schema;

pub use encode::encode;

/// Names of the original files: training and test.
const ORIGINALS: [&str; 2] = ["census-income.data", "census-income.test"];

/// Address of the data set.
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

/// The files, the division of their rows and the tasks.
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
    /// Largest share of a file's rows that may be left out as malformed.
    pub max_skipped: f64,
    /// Hash of the files' text. Empty until they are opened; where it is given, they must have it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

impl CensusSpec {
    /// Names of the main and the auxiliary task.
    pub fn task_names(&self) -> [&'static str; 2] {
        match self.main {
            MainTask::Income => ["income above $50,000", "never married"],
            MainTask::Education => ["education of at least college", "never married"],
        }
    }

    /// Reads, divides and encodes the files. The specification comes back with their digest.
    ///
    /// # Errors
    /// Files that are missing, cannot be read or are not those of the digest; malformed rows, unless they are to be
    /// left out; rows that cannot be learned from.
    pub fn read(&self) -> Result<(Self, Census), DataError> {
        let found = ORIGINALS.map(|name| files::find(&self.path, name));
        if found.iter().all(Option::is_none) {
            let expected = format!("{}, {} or both", ORIGINALS[0], ORIGINALS[1]);
            return Err(DataError::NoFiles { path: self.path.clone(), expected, published: PUBLISHED });
        }
        let mut rows = read::RawRows::default();
        let mut lengths = [0; 2];
        for (length, file) in lengths.iter_mut().zip(&found) {
            let before = rows.count();
            if let Some(path) = file {
                rows.read(path, self.skip_bad_rows)?;
                rows.left_out.iter().try_for_each(|file| file.judge(self.max_skipped))?;
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
        let files: Vec<String> = found.iter().flatten().map(|path| files::name(path)).collect();
        let skipped = rows.left_out.iter().map(LeftOut::malformed).sum();
        let spec = Self { digest, ..self.clone() };
        let (census, keys) = encode(&rows, lengths, &spec)
            .map_err(|problem| DataError::Unfit { path: self.path.clone(), problem })?;
        let checks = census.check(&files, &rows.left_out, &keys);
        Ok((spec, Census { files, skipped, checks, ..census }))
    }
}

impl Source for CensusSpec {
    fn kind(&self) -> &'static str {
        "census"
    }

    fn task(&self) -> Task {
        Task::Classification
    }

    fn features(&self) -> usize {
        CATEGORICAL * self.embedding_units + NUMERIC
    }

    fn tasks(&self) -> usize {
        Self::task_names(self).len()
    }

    fn task_names(&self) -> Vec<&'static str> {
        Self::task_names(self).to_vec()
    }

    /// The files by their content, wherever they are.
    fn identity(&self) -> serde_json::Value {
        serde_json::json!({
            "kind": "census",
            "digest": self.digest,
            "main": self.main,
            "split": self.split,
            "embedding_units": self.embedding_units,
        })
    }

    fn table(&self) -> toml::Table {
        source::table(self)
    }

    fn has_categorical(&self) -> bool {
        true
    }

    fn has_validation_rows(&self) -> bool {
        true
    }

    fn open(&self) -> Result<Option<Opened>, DataError> {
        let (spec, census) = self.read()?;
        Ok(Some(Opened { spec: DataSpec::Census(spec), rows: Arc::new(census) }))
    }
}

/// Encoded rows: training, then validation, then test.
#[derive(Debug, Clone)]
pub struct Census {
    /// The specification that they were read by.
    pub spec: CensusSpec,
    /// Names of the files that were found.
    pub files: Vec<String>,
    /// Malformed rows that were left out.
    pub skipped: usize,
    /// What was found out about the files.
    pub checks: Vec<DataCheck>,
    /// Rows of the embedding table: the values of all categorical features in the training rows.
    pub vocabulary: usize,
    /// Inputs, `[rows, CATEGORICAL + NUMERIC]`: rows of the embedding table, `vocabulary` for a value that no
    /// training row has; then numeric features with mean 0 and variance 1 over the training rows.
    x: Vec<f32>,
    /// Labels 0 and 1 of the main and the auxiliary task, `[rows]` each.
    y: [Vec<f32>; 2],
    /// Number of rows of each set.
    sizes: [usize; 3],
}

/// Columns of a row.
const COLUMNS: usize = CATEGORICAL + NUMERIC;

impl Census {
    /// Range of the rows of a set.
    pub fn rows(&self, set: Subset) -> Range<usize> {
        let before = self.sizes[..set as usize].iter().sum();
        before..before + self.sizes[set as usize]
    }

    /// Rows of all sets.
    pub fn len(&self) -> usize {
        self.y[0].len()
    }

    /// Whether there are no rows: never, where they come from [`CensusSpec::read`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Labels of a task (0 or 1) in a set.
    pub fn labels(&self, set: Subset, task: usize) -> &[f32] {
        &self.y[task][self.rows(set)]
    }

    /// Pearson correlation of the two labels over a set.
    pub fn label_correlation(&self, set: Subset) -> f64 {
        let mut sums = super::pearson::PairSums::default();
        sums.add(self.labels(set, 0), self.labels(set, 1));
        sums.correlation()
    }

    /// Checks the rows of files, whose names are in the order of [`ORIGINALS`]; `keys` are those of the rows in the order
    /// of the sets.
    fn check(&self, files: &[String], left_out: &[LeftOut], keys: &[u64]) -> Vec<DataCheck> {
        let (training, scored) = keys.split_at(self.sizes[0]);
        let mut trained = KeySample::default();
        training.iter().for_each(|&key| trained.add(key));
        // Rows to score on come from the last file, be there one or two.
        let file = files.last().map_or("", String::as_str);
        let kinds = ["validation and test rows", "every field"];
        let shared = checks::shared_rows(file, kinds, &trained, scored.iter().copied());
        let names = |wanted: fn(schema::Kind) -> bool| {
            FIELDS.iter().filter(move |field| wanted(field.kind)).map(|field| field.name)
        };
        let columns = Columns {
            names: names(schema::Kind::is_category).chain(names(schema::Kind::is_number)).collect(),
            categorical: CATEGORICAL,
            unknown: self.vocabulary as f32,
        };
        let labelled = |rows: Range<usize>| Labelled {
            x: &self.x[rows.start * COLUMNS..rows.end * COLUMNS],
            labels: [&self.y[0][rows.clone()], &self.y[1][rows]],
        };
        let [training, scored] = [0..self.sizes[0], self.sizes[0]..self.len()].map(labelled);
        let tasks = self.spec.task_names();
        let mut found: Vec<DataCheck> = left_out.iter().flat_map(LeftOut::checks).collect();
        found.push(shared);
        found.extend(checks::revealing_columns(file, &columns, tasks, &training, &scored));
        found
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

impl Rows for Census {
    fn feed(self: Arc<Self>, seed: u64, _: &[f64]) -> Box<dyn Feed> {
        Box::new(CensusFeed { census: self, order: EpochOrder::new(seed), rows: Vec::new(), held_back: 0 })
    }

    /// With a fan-in of 1 an embedding weighs as much as the standardised numeric features beside it.
    fn embedding(&self) -> Option<Embedding> {
        Some(Embedding {
            categorical: CATEGORICAL,
            vocabulary: self.vocabulary,
            units: self.spec.embedding_units,
            fan_in: 1,
        })
    }

    /// Embedded inputs, labels and as much again.
    fn batch_bytes(&self, training: usize, held_out: usize, label_sets: usize) -> u64 {
        let rows = training + held_out + self.scored_rows();
        source::float_bytes(rows, self.spec.features() + self.y.len() * (label_sets + 1))
    }

    fn scored_rows(&self) -> usize {
        self.rows(Subset::Validation).len().max(self.rows(Subset::Test).len())
    }

    fn bytes(&self) -> u64 {
        4 * (self.x.len() + 2 * self.len()) as u64
    }

    fn classes(&self) -> Vec<ClassRecord> {
        let class = |subset, (task, name): (usize, &str)| {
            let labels = self.labels(subset, task);
            ClassRecord {
                subset,
                task: task + 1,
                name: name.to_string(),
                rows: labels.len(),
                positives: labels.iter().filter(|label| **label > 0.0).count(),
                label_correlation: super::defined::defined(self.label_correlation(subset)),
                skipped_rows: self.skipped,
            }
        };
        let of_subset =
            |subset| self.spec.task_names().into_iter().enumerate().map(move |task| class(subset, task));
        Subset::ALL.into_iter().flat_map(of_subset).collect()
    }

    fn checks(&self) -> Vec<DataCheck> {
        self.checks.clone()
    }
}

/// The batches of one seed.
#[derive(Debug, Clone)]
struct CensusFeed {
    census: Arc<Census>,
    order: EpochOrder,
    rows: Vec<u64>,
    /// Validation rows that a step is chosen on.
    held_back: usize,
}

impl Feed for CensusFeed {
    /// Every epoch visits every training row once, in an order of its own; a batch may span two epochs.
    fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        let rows = self.census.rows(Subset::Training);
        self.order.rows(step * batch_size as u64, batch_size, rows.len(), &mut self.rows);
        batch.reshape(batch_size, COLUMNS, 2, 1);
        for (index, &row) in self.rows.iter().enumerate() {
            let row = rows.start + row as usize;
            batch.x[index * COLUMNS..][..COLUMNS].copy_from_slice(&self.census.x[row * COLUMNS..][..COLUMNS]);
            for (task, labels) in self.census.y.iter().enumerate() {
                batch.y[task * batch_size + index] = labels[row];
            }
        }
    }

    /// The first validation rows; the first test rows where a step is chosen on validation rows.
    fn held_out(&self, rows: usize, batch: &mut Batch) {
        let subset = if self.held_back > 0 { Subset::Test } else { Subset::Validation };
        self.census.fill(subset, 0..rows, batch);
    }

    fn hold_back(&mut self, rows: usize) {
        self.held_back = rows;
    }

    /// The first rows of the validation subset.
    fn validation(&self, batch: &mut Batch) {
        self.census.fill(Subset::Validation, 0..self.held_back, batch);
    }

    fn scored(&self, subset: Subset, batch: &mut Batch) {
        self.census.fill(subset, 0..usize::MAX, batch);
    }

    /// The correlation over the training rows.
    fn label_correlations(&self) -> Vec<Vec<f64>> {
        vec![vec![self.census.label_correlation(Subset::Training)]]
    }
}
