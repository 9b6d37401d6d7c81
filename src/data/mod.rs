//! What the models are trained on, and the random streams it is made from.
//!
//! Data is the first stage of a run's journey and the only one that draws random numbers by the
//! billion. Two properties hold throughout. Every batch can be made alone: streams are counters,
//! not states ([`philox`], [`normal`]), so step 7,000 of seed 12 needs no step before it. And the
//! bits depend on nothing but the specification and the seed: not on the CPU's vector width
//! ([`simd`]), not on what else is made beside it.
//!
//! [`synthetic`] is the generator of MMoE §3.2. Each kind of data has a specification (plain
//! configuration) and a generator (one seed of it) with the methods `training_batch` and
//! `held_out`, which fill a reusable [`Batch`].

pub mod normal;
pub mod philox;
pub mod simd;
pub mod sine;
pub mod synthetic;

pub use normal::{Purpose, Stream, StreamRng};
pub use synthetic::{Generator, Source, SyntheticSpec};

/// Rows of inputs with their labels, in buffers that are reused from one fill to the next.
///
/// The runs of a group share their inputs and differ in task correlation, so one x comes with
/// several label sets. Batches of several seeds can be joined to one, of as many input sets.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Number of examples.
    pub rows: usize,
    /// Inputs of an example: the d of the paper.
    pub features: usize,
    /// Labels of an example within one label set.
    pub tasks: usize,
    /// Label sets: one a task correlation.
    pub label_sets: usize,
    /// Inputs, `[rows, features]`; of joined batches `[input_sets, rows, features]`.
    pub x: Vec<f32>,
    /// Labels, `[label_sets, tasks, rows]`.
    pub y: Vec<f32>,
    /// Working memory of the generators: kept here so that a generator can be shared.
    pub(crate) scratch: Scratch,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    /// Stream rows of the batch's examples, `[rows]`.
    row_numbers: Vec<u64>,
    /// Label noise, `[rows, tasks]`.
    noise: Vec<f32>,
    /// Projections of x on the task vectors, `[tasks, rows]`.
    projections: Vec<f32>,
}

impl Batch {
    /// An empty batch; the first fill gives it its shape.
    pub fn new() -> Self {
        Self::default()
    }

    /// Input sets: 1 unless batches were joined.
    pub fn input_sets(&self) -> usize {
        match self.rows * self.features {
            0 => 1,
            one => self.x.len() / one,
        }
    }

    /// Becomes all of `batches` side by side: their input sets, and their label sets, in order.
    ///
    /// # Panics
    /// If they differ in rows, features or tasks.
    pub fn join(&mut self, batches: &[Batch]) {
        let first = &batches[0];
        (self.rows, self.features, self.tasks) = (first.rows, first.features, first.tasks);
        self.label_sets = batches.iter().map(|batch| batch.label_sets).sum();
        self.x.clear();
        self.y.clear();
        for batch in batches {
            assert_eq!((batch.rows, batch.features, batch.tasks), (self.rows, self.features, self.tasks));
            self.x.extend_from_slice(&batch.x);
            self.y.extend_from_slice(&batch.y);
        }
    }

    /// The labels of one task in one label set, `[rows]`.
    ///
    /// # Panics
    /// If `label_set` or `task` is out of range.
    pub fn labels(&self, label_set: usize, task: usize) -> &[f32] {
        assert!(label_set < self.label_sets && task < self.tasks);
        let start = (label_set * self.tasks + task) * self.rows;
        &self.y[start..start + self.rows]
    }

    /// Gives every buffer the length of the new shape; allocates only to grow.
    fn reshape(&mut self, rows: usize, features: usize, tasks: usize, label_sets: usize) {
        self.rows = rows;
        self.features = features;
        self.tasks = tasks;
        self.label_sets = label_sets;
        self.x.resize(rows * features, 0.0);
        self.y.resize(label_sets * tasks * rows, 0.0);
        self.scratch.noise.resize(rows * tasks, 0.0);
        self.scratch.projections.resize(tasks * rows, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_finds_its_way_through_the_layout() {
        let mut batch = Batch::new();
        batch.reshape(3, 5, 2, 4);
        for (i, y) in batch.y.iter_mut().enumerate() {
            *y = i as f32;
        }
        assert_eq!(batch.labels(2, 1), [15.0, 16.0, 17.0]);
        assert_eq!(batch.x.len(), 15);
    }
}
