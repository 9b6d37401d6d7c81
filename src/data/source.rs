//! The interface of every kind of data: its specification is a [`Source`], its rows are [`Rows`], and a seed reads them
//! through a [`Feed`].

use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::defined::read_defined;
use super::{Batch, DataCheck, DataError, DataSpec, Impressions, Subset, Task};

/// A specification of rows: plain configuration, before any file is read.
pub trait Source: Debug {
    /// The word for `data.kind`.
    fn kind(&self) -> &'static str;

    /// The task that is learned from the rows.
    fn task(&self) -> Task;

    /// Inputs of an architecture: behind the embeddings, where there are any.
    fn features(&self) -> usize;

    /// Labels of a row.
    fn tasks(&self) -> usize;

    /// Names of the tasks; empty where they have numbers only.
    fn task_names(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Everything that a run's result depends on.
    fn identity(&self) -> serde_json::Value;

    /// The section `[data]` without its `kind`, every default filled in.
    fn table(&self) -> toml::Table;

    /// Whether the correlation of the tasks can be set: an axis of every grid over such data.
    fn has_task_correlations(&self) -> bool {
        false
    }

    /// Variance of labels as trained on, the unit of losses; 1 where losses are nats.
    fn loss_unit(&self) -> f64 {
        1.0
    }

    /// The label correlations that are measured for every seed; none where labels are read.
    fn label_measurement(&self) -> Option<LabelMeasurement> {
        None
    }

    /// Whether rows have categorical features, which networks read through embeddings.
    fn has_categorical(&self) -> bool {
        false
    }

    /// Whether runs of a seed have the same inputs at every point of the axes.
    fn shares_inputs(&self) -> bool {
        true
    }

    /// Whether there are validation rows, on which sizes and learning rates can be chosen.
    fn has_validation_rows(&self) -> bool {
        false
    }

    /// Whether the times of conversions are known.
    fn knows_times(&self) -> bool {
        false
    }

    /// Whether the probabilities that labels were drawn from are known.
    fn knows_probabilities(&self) -> bool {
        false
    }

    /// Most bytes that reading takes, as far as they are known before it; none where rows are generated or all rows of
    /// a file are read.
    fn reading_bytes(&self) -> Option<u64> {
        None
    }

    /// The rows, where they are generated: nothing has to be read for them.
    fn generated(&self) -> Option<Arc<dyn Rows>> {
        None
    }

    /// Reads the rows; nothing where they are generated.
    ///
    /// # Errors
    /// Files that are missing, cannot be read, are not those of the digest or have no usable rows.
    fn open(&self) -> Result<Option<Opened>, DataError> {
        Ok(None)
    }
}

/// Rows that were read from files.
pub struct Opened {
    /// Their specification, with the digest of the files.
    pub spec: DataSpec,
    /// The rows.
    pub rows: Arc<dyn Rows>,
}

/// The label correlations that are measured for every seed and task correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelMeasurement {
    /// Pairs of tasks.
    pub pairs: usize,
    /// Rows that a correlation is measured on.
    pub points: usize,
}

/// The rows of a study, once for all its runs.
pub trait Rows: Debug + Send + Sync {
    /// The batches of `seed`. Generated rows have labels for each of `task_correlations`, generated impressions for the
    /// first; rows that are read have one set of labels.
    fn feed(self: Arc<Self>, seed: u64, task_correlations: &[f64]) -> Box<dyn Feed>;

    /// The embeddings that a network reads the rows through; none where all inputs are numbers.
    fn embedding(&self) -> Option<Embedding> {
        None
    }

    /// Rows of the largest subset that predictions are scored on.
    fn scored_rows(&self) -> usize {
        0
    }

    /// Resident size in bytes of what all runs share.
    fn bytes(&self) -> u64 {
        0
    }

    /// Memory in bytes that a feed takes at its peak beside what all share.
    fn feed_bytes(&self) -> u64 {
        0
    }

    /// Memory in bytes of the batches of a group: `training` rows to train on, `held_out` rows that are not, and the rows
    /// that predictions are scored on, with `label_sets` sets of labels.
    fn batch_bytes(&self, training: usize, held_out: usize, label_sets: usize) -> u64;

    /// The distribution of labels of 0 and 1, by subset and task; empty where rows are generated.
    fn classes(&self) -> Vec<ClassRecord> {
        Vec::new()
    }

    /// What was found out about the files; empty where rows are generated.
    fn checks(&self) -> Vec<DataCheck> {
        Vec::new()
    }
}

/// The batches of one seed.
pub trait Feed: Debug + Send + Sync {
    /// Puts the rows of optimiser step `step`, counted from 0, into `batch`. Every step can be asked for alone.
    fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch);

    /// Puts `rows` rows that are not trained on into `batch`, or as many as there are.
    fn held_out(&self, rows: usize, batch: &mut Batch);

    /// Keeps up to `rows` rows for validation: from now on they are not trained on, and [`Self::held_out`] gives others.
    /// Without this call there are no validation rows apart.
    fn hold_back(&mut self, rows: usize);

    /// Puts the rows that [`Self::hold_back`] keeps into `batch`.
    fn validation(&self, batch: &mut Batch);

    /// Puts all rows of a subset that predictions are scored on into `batch`; none where nothing is scored on it.
    fn scored(&self, _: Subset, batch: &mut Batch) {
        batch.reshape(0, 0, 0, 0);
    }

    /// Measured correlation of labels, `[label sets][pairs]`.
    fn label_correlations(&self) -> Vec<Vec<f64>>;

    /// The impressions that conversions are scored on; none where rows are no impressions.
    fn test_impressions(&self) -> Option<&Impressions> {
        None
    }
}

/// Embeddings of categorical features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// Categorical features of a row, its first columns.
    pub categorical: usize,
    /// Rows of the table of embeddings: the values of all categorical features.
    pub vocabulary: usize,
    /// Units of an embedding.
    pub units: usize,
    /// First values have variance 1/`fan_in`.
    pub fan_in: usize,
}

/// The distribution of one task's labels over a subset of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassRecord {
    /// The subset.
    pub subset: Subset,
    /// Task, from 1.
    pub task: usize,
    /// Its name.
    pub name: String,
    /// Number of rows.
    pub rows: usize,
    /// Number of positive rows.
    pub positives: usize,
    /// Pearson correlation of the subset's two labels; none where one of them does not vary.
    #[serde(deserialize_with = "read_defined")]
    pub label_correlation: Option<f64>,
    /// Rows that were left out of all subsets: malformed, or bought without a click.
    pub skipped_rows: usize,
}

/// Bytes of `rows` rows of `floats` single-precision numbers. It saturates: what no machine has must not look small.
pub(super) fn float_bytes(rows: usize, floats: usize) -> u64 {
    4u64.saturating_mul(rows as u64).saturating_mul(floats as u64)
}

/// A specification as a TOML table.
pub(super) fn table(spec: &impl Serialize) -> toml::Table {
    toml::Table::try_from(spec).expect("specifications hold numbers, strings and lists")
}
