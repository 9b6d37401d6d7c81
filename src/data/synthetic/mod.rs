//! The synthetic regression tasks of MMoE §3.2, whose relatedness is one number.
//!
//! The paper's question is how related tasks must be before sharing hurts, and its instrument is a
//! pair of tasks with a chosen **task correlation** p: for orthonormal u₁, u₂ in R^d
//!
//! ```text
//! w₁ = c·u₁        w₂ = c·(p·u₁ + √(1 - p²)·u₂)        x ~ N(0, I_d)
//! y_k = t_k + Σᵢ sin(αᵢ t_k + βᵢ) + ε_k        t_k = w_k·x        ε_k ~ N(0, σ²)
//! ```
//!
//! so that p is the cosine of the two weight vectors. With more than one pair, all vectors are
//! orthonormal across pairs and p holds within each. [`SyntheticSpec`] names the constants and
//! knows what follows from them in closed form; [`Generator`] is one seed of it.

mod closed_forms;

use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::pearson::PairSums;
use super::projections::{Lanes, orthonormal, pad, project, sine_of};
use super::shuffle::EpochOrder;
use super::source::{self, Feed, LabelMeasurement, Rows, Source};
use super::stream::{Purpose, Stream};
use super::{Batch, Task};
use crate::simd::CpuFeatures;
use crate::simd::sine;

/// The source of training examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrainingSet {
    /// Every step sees examples never seen before.
    Fresh,
    /// A finite training set, visited in a new random order each epoch.
    Rows {
        /// Its number of examples.
        rows: usize,
    },
}

/// `"fresh"` or `{ rows = 10000 }`, as in an experiment file.
impl Serialize for TrainingSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fresh => serializer.serialize_str("fresh"),
            Self::Rows { rows } => {
                let mut table = serializer.serialize_struct("Source", 1)?;
                table.serialize_field("rows", rows)?;
                table.end()
            }
        }
    }
}

/// The constants of MMoE §3.2, most of which the paper leaves open.
///
/// Assumed valid: `dim >= 2 * pairs >= 2`, `alpha` and `beta` equally long, everything finite,
/// `scale > 0`, `noise_std >= 0`, a finite source not empty.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SyntheticSpec {
    /// Inputs of an example: d.
    pub dim: usize,
    /// Pairs of tasks; within a pair the weights' cosine is p, across pairs it is 0.
    pub pairs: usize,
    /// Length of the weight vectors: c, the standard deviation of t.
    pub scale: f64,
    /// Frequencies of the sines: α.
    pub alpha: Vec<f64>,
    /// Phases of the sines: β, in radians.
    pub beta: Vec<f64>,
    /// Standard deviation of the label noise: σ.
    pub noise_std: f64,
    /// Whether labels are moved and scaled to mean 0 and variance 1 (by the closed forms, so
    /// exactly in distribution and not by a sample).
    pub standardise_labels: bool,
    /// Fresh examples or a finite training set.
    pub source: TrainingSet,
    /// Points over which the label correlation is measured (MMoE figure 2).
    pub label_points: usize,
}

impl Source for SyntheticSpec {
    fn kind(&self) -> &'static str {
        "synthetic"
    }

    fn task(&self) -> Task {
        Task::Regression
    }

    fn features(&self) -> usize {
        self.dim
    }

    fn tasks(&self) -> usize {
        Self::tasks(self)
    }

    fn identity(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("specifications are plain data")
    }

    fn table(&self) -> toml::Table {
        source::table(self)
    }

    fn has_task_correlations(&self) -> bool {
        true
    }

    fn loss_unit(&self) -> f64 {
        if self.standardise_labels { 1.0 } else { self.label_variance() }
    }

    fn label_measurement(&self) -> Option<LabelMeasurement> {
        Some(LabelMeasurement { pairs: self.pairs, points: self.label_points })
    }

    fn generated(&self) -> Option<Arc<dyn Rows>> {
        Some(Arc::new(self.clone()))
    }
}

impl Rows for SyntheticSpec {
    fn feed(self: Arc<Self>, seed: u64, task_correlations: &[f64]) -> Box<dyn Feed> {
        Box::new(Generator::new(&self, seed, task_correlations))
    }

    /// Inputs, labels and their noise.
    fn batch_bytes(&self, training: usize, held_out: usize, label_sets: usize) -> u64 {
        source::float_bytes(training + held_out, self.dim + self.tasks() * (label_sets + 1))
    }
}

/// One seed of a [`SyntheticSpec`], for several task correlations at once.
///
/// Inputs, noise and the orthonormal vectors depend on the seed only; all correlations share them.
/// A label is a function of (specification, seed, p, row) whatever other correlations are asked
/// for.
#[derive(Clone, Debug)]
pub struct Generator {
    spec: SyntheticSpec,
    seed: u64,
    task_correlations: Vec<f64>,
    /// Orthonormal, `[2 * pairs][dim]`.
    vectors: Vec<Vec<f64>>,
    /// The same in single precision, each padded with zeros to whole [`Lanes`].
    padded: Vec<Vec<Lanes>>,
    /// (α, β) in single precision.
    waves: Vec<(f32, f32)>,
    /// The order of the epoch last visited, for a finite source.
    order: EpochOrder,
    /// Validation rows.
    validation_rows: usize,
}

impl Generator {
    /// The data of `seed`, with one label set for each of `task_correlations` (each in [-1, 1]).
    pub fn new(spec: &SyntheticSpec, seed: u64, task_correlations: &[f64]) -> Self {
        let vectors = orthonormal(Stream::new(seed, Purpose::TaskVectors), spec.tasks(), spec.dim);
        let padded = vectors.iter().map(|vector| pad(vector)).collect();
        Self {
            seed,
            task_correlations: task_correlations.to_vec(),
            vectors,
            padded,
            waves: spec.waves().map(|(a, b)| (a as f32, b as f32)).collect(),
            order: EpochOrder::new(seed),
            validation_rows: 0,
            spec: spec.clone(),
        }
    }

    /// The tasks' weight vectors w at task correlation `p`, `[tasks][dim]` (MMoE §3.2, step 2).
    pub fn weight_vectors(&self, p: f64) -> Vec<Vec<f64>> {
        let c = self.spec.scale;
        let q = sine_of(p);
        let mut weights = Vec::with_capacity(self.spec.tasks());
        for pair in self.vectors.chunks_exact(2) {
            weights.push(pair[0].iter().map(|u| c * u).collect());
            let mixed = pair[0].iter().zip(&pair[1]).map(|(u, v)| c * (p * u + q * v));
            weights.push(mixed.collect());
        }
        weights
    }

    /// The examples of optimiser step `step`, counted from 0, for batches of `batch_size`.
    ///
    /// Fresh data: rows `step * batch_size ..` of the seed's endless stream. A finite set: the same
    /// positions in the sequence of its epochs' random orders, so that a batch may span two epochs
    /// and every epoch visits every row once. Any step can be asked for, in any order; consecutive
    /// steps are cheapest, since an epoch's order is kept until another is needed.
    pub fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        let first = step * batch_size as u64;
        let streams = (Purpose::TrainingInputs, Purpose::TrainingNoise);
        match self.spec.source {
            TrainingSet::Fresh => self.fill(streams, RowNumbers::From(first), batch_size, batch),
            TrainingSet::Rows { rows } => {
                let mut numbers = std::mem::take(&mut batch.scratch.row_numbers);
                self.order.rows(first, batch_size, rows, &mut numbers);
                self.fill(streams, RowNumbers::List(&numbers), batch_size, batch);
                batch.scratch.row_numbers = numbers;
            }
        }
    }

    /// The first `rows` examples of the seed's held-out stream.
    pub fn held_out(&self, rows: usize, batch: &mut Batch) {
        self.held_out_from(0, rows, batch);
    }

    /// `rows` examples of the held-out stream from `first_row` on, for evaluation in parts.
    pub fn held_out_from(&self, first_row: u64, rows: usize, batch: &mut Batch) {
        let streams = (Purpose::HeldOutInputs, Purpose::HeldOutNoise);
        self.fill(streams, RowNumbers::From(first_row), rows, batch);
    }

    /// Pearson correlation of the labels of each pair over `label_points` examples of a stream of
    /// their own: one trial of MMoE figure 2. Shape `[task correlations][pairs]`.
    pub fn label_correlations(&self) -> Vec<Vec<f64>> {
        // Enough rows to amortise a fill, few enough for the second-level cache.
        const BLOCK_ROWS: usize = 256;
        let streams = (Purpose::LabelInputs, Purpose::LabelNoise);
        let mut sums = vec![vec![PairSums::default(); self.spec.pairs]; self.task_correlations.len()];
        let mut batch = Batch::new();
        for first in (0..self.spec.label_points).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(self.spec.label_points - first);
            self.fill(streams, RowNumbers::From(first as u64), rows, &mut batch);
            for (set, sums) in sums.iter_mut().enumerate() {
                for (pair, sums) in sums.iter_mut().enumerate() {
                    sums.add(batch.labels(set, 2 * pair), batch.labels(set, 2 * pair + 1));
                }
            }
        }
        let correlations = |sums: &Vec<PairSums>| sums.iter().map(PairSums::correlation).collect();
        sums.iter().map(correlations).collect()
    }

    fn fill(
        &self,
        (inputs, noise): (Purpose, Purpose),
        numbers: RowNumbers<'_>,
        rows: usize,
        batch: &mut Batch,
    ) {
        let (dim, tasks) = (self.spec.dim, self.spec.tasks());
        batch.reshape(rows, dim, tasks, self.task_correlations.len());
        let inputs = Stream::new(self.seed, inputs);
        let noise = Stream::new(self.seed, noise);
        let scratch = &mut batch.scratch;
        match numbers {
            RowNumbers::From(first) => {
                inputs.normals(first, rows, dim, &mut batch.x);
                noise.normals(first, rows, tasks, &mut scratch.noise);
            }
            RowNumbers::List(list) => {
                inputs.normals_of_rows(list, dim, &mut batch.x);
                noise.normals_of_rows(list, tasks, &mut scratch.noise);
            }
        }
        if rows > 0 {
            project(CpuFeatures::best(), &self.padded, dim, &batch.x, &mut scratch.projections);
            self.label(batch);
        }
    }

    /// Labels from projections and noise. The first task of a pair is the same for every
    /// correlation: computed once, then copied.
    fn label(&self, batch: &mut Batch) {
        let (rows, tasks) = (batch.rows, batch.tasks);
        let c = self.spec.scale as f32;
        let Batch { y, scratch, .. } = batch;
        for (set, &p) in self.task_correlations.iter().enumerate() {
            let (before, labels) = y.split_at_mut(set * tasks * rows);
            let (p, q) = (p as f32, sine_of(p) as f32);
            for task in 0..tasks {
                let to = &mut labels[task * rows..][..rows];
                if task % 2 == 0 && set > 0 {
                    to.copy_from_slice(&before[task * rows..][..rows]);
                    continue;
                }
                let first = &scratch.projections[(task & !1) * rows..][..rows];
                let second = &scratch.projections[(task | 1) * rows..][..rows];
                if task % 2 == 0 {
                    for (t, s) in to.iter_mut().zip(first) {
                        *t = c * s;
                    }
                } else {
                    for ((t, s1), s2) in to.iter_mut().zip(first).zip(second) {
                        *t = c * (p * s1 + q * s2);
                    }
                }
                sine::add_sines(CpuFeatures::best(), &self.waves, to);
                self.add_noise(&scratch.noise[task..], to);
            }
        }
    }

    /// Adds the noise of one task (`noise` is `[rows, tasks]`, from that task's column on) and
    /// standardises if asked to.
    fn add_noise(&self, noise: &[f32], y: &mut [f32]) {
        let sigma = self.spec.noise_std as f32;
        let (mean, unit) = if self.spec.standardise_labels {
            let unit = 1.0 / self.spec.label_variance().sqrt();
            (self.spec.label_mean() as f32, unit as f32)
        } else {
            (0.0, 1.0)
        };
        for (y, e) in y.iter_mut().zip(noise.iter().step_by(self.spec.tasks())) {
            *y = (*y + sigma * e - mean) * unit;
        }
    }
}

impl Feed for Generator {
    fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        Self::training_batch(self, step, batch_size, batch);
    }

    fn held_out(&self, rows: usize, batch: &mut Batch) {
        Self::held_out(self, rows, batch);
    }

    fn hold_back(&mut self, rows: usize) {
        self.validation_rows = rows;
    }

    /// Rows of a stream of their own, whether training rows are fresh or a finite set.
    fn validation(&self, batch: &mut Batch) {
        let streams = (Purpose::ValidationInputs, Purpose::ValidationNoise);
        self.fill(streams, RowNumbers::From(0), self.validation_rows, batch);
    }

    fn label_correlations(&self) -> Vec<Vec<f64>> {
        Self::label_correlations(self)
    }
}

/// Rows of a stream.
enum RowNumbers<'a> {
    From(u64),
    List(&'a [u64]),
}

#[cfg(test)]
mod tests;
