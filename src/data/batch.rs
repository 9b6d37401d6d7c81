//! Batches: rows as an engine reads them.

use std::any::Any;
use std::sync::{Arc, OnceLock};

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
    /// An engine's own form of the inputs, cached for the next population that reads this batch; every fill empties it.
    pub(crate) cached: OnceLock<Arc<dyn Any + Send + Sync>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    /// Stream rows of the batch's examples, `[rows]`.
    pub(super) row_numbers: Vec<u64>,
    /// Label noise, `[rows, tasks]`.
    pub(super) noise: Vec<f32>,
    /// Projections of x on the task vectors, `[tasks, rows]`.
    pub(super) projections: Vec<f32>,
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
    pub fn join<'a>(&mut self, batches: impl IntoIterator<Item = &'a Self>) {
        self.clear_cache();
        self.label_sets = 0;
        self.x.clear();
        self.y.clear();
        for batch in batches {
            let shape = (batch.rows, batch.features, batch.tasks);
            if self.label_sets == 0 {
                (self.rows, self.features, self.tasks) = shape;
            }
            assert_eq!(shape, (self.rows, self.features, self.tasks), "batches of one shape are joined");
            self.label_sets += batch.label_sets;
            self.x.extend_from_slice(&batch.x);
            self.y.extend_from_slice(&batch.y);
        }
    }

    /// Drops an engine's own form of the inputs.
    pub(crate) fn clear_cache(&mut self) {
        self.cached = OnceLock::new();
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

    /// The labels of all tasks in one label set, `[tasks, rows]`.
    ///
    /// # Panics
    /// If `label_set` is out of range.
    pub fn label_set(&self, label_set: usize) -> &[f32] {
        let each = self.tasks * self.rows;
        &self.y[label_set * each..][..each]
    }

    /// Gives every buffer the length of the new shape; allocates only to grow.
    pub(super) fn reshape(&mut self, rows: usize, features: usize, tasks: usize, label_sets: usize) {
        self.clear_cache();
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
