//! The batches of groups that are trained together: every group's own, joined.
//!
//! A group's runs share their inputs. Groups have seeds of their own, so a batch for several of them has an input
//! set a group; their label sets stand one after the other in the same order.

use rayon::prelude::*;

use super::metrics;
use crate::data::defined::defined;
use crate::data::{Batch, Feed, Impressions};
use crate::experiment::plan::Group;
use crate::experiment::{Experiment, Setting};
use crate::record::LabelRecord;

/// The rows of several groups.
pub struct DataLoaders(Vec<DataLoader>);

/// The rows of one group.
struct DataLoader {
    feed: Box<dyn Feed>,
    /// Task correlations, one a label set; one none where the data has no such axis.
    correlations: Vec<Option<f64>>,
    /// Measured correlations of the labels, of every label set and pair.
    label_correlations: Vec<Vec<f64>>,
    /// The group's part of a batch.
    batch: Batch,
}

impl DataLoaders {
    /// One loader a group, in their order.
    pub fn new(experiment: &Experiment, groups: &[Group]) -> Self {
        Self(groups.par_iter().map(|group| DataLoader::new(experiment, group)).collect())
    }

    /// Fills `batch` with what `take` takes from every group's feed, side by side; straight where there is one. Several
    /// are filled on all cores: a GPU would wait for one.
    pub fn fill(&mut self, batch: &mut Batch, take: impl Fn(&mut dyn Feed, &mut Batch) + Sync) {
        if let [one] = &mut self.0[..] {
            return take(&mut *one.feed, batch);
        }
        self.0.par_iter_mut().for_each(|loader| take(&mut *loader.feed, &mut loader.batch));
        batch.join(self.0.iter().map(|loader| &loader.batch));
    }

    /// Fills `batch` with the training rows of a step, counted from 0.
    pub(super) fn fill_step(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        self.fill(batch, |feed, batch| feed.training_batch(step, batch_size, batch));
    }

    /// The test rows of a group as impressions, where they are those.
    pub fn test_impressions(&self, group: usize) -> Option<&Impressions> {
        self.0[group].feed.test_impressions()
    }

    /// Index of the label set, in a joined batch, that a group's runs of a task correlation learn.
    pub fn label_set(&self, group: usize, task_correlation: Option<f64>) -> usize {
        let before: usize = self.0[..group].iter().map(|loader| loader.correlations.len()).sum();
        before + self.0[group].label_set(task_correlation)
    }

    /// Mean over pairs of the measured correlation of a group's labels; none where labels do not vary.
    pub fn mean_label_correlation(&self, group: usize, task_correlation: Option<f64>) -> Option<f64> {
        let loader = &self.0[group];
        defined(metrics::mean(&loader.label_correlations[loader.label_set(task_correlation)]))
    }

    /// The measured correlations that `group`, the one at this index, is to record.
    pub fn labels(&self, experiment: &Experiment, index: usize, group: &Group) -> Vec<LabelRecord> {
        let loader = &self.0[index];
        let measurement = experiment.data.source().label_measurement();
        let mut records = Vec::new();
        for (&task_correlation, pairs) in loader.correlations.iter().zip(&loader.label_correlations) {
            let recorded = task_correlation.filter(|p| group.label_correlations.contains(p));
            let Some(task_correlation) = recorded else { continue };
            for (pair, &label_correlation) in pairs.iter().enumerate() {
                records.push(LabelRecord {
                    task_correlation,
                    setting: Setting::default(),
                    seed: group.seed,
                    pair: pair + 1,
                    points: measurement.map_or(0, |measured| measured.points),
                    label_correlation: defined(label_correlation),
                });
            }
        }
        records
    }
}

/// The training batches of all steps, in order; while one is trained on, the next is filled beside it where there are
/// several groups. A GPU does not wait while the rows of many seeds are generated; one group has its thread for both.
pub struct Batches<'a> {
    loaders: &'a mut DataLoaders,
    batch_size: usize,
    /// The step of `current`, from 0, and of the last batch.
    step: u64,
    last: u64,
    current: Batch,
    following: Batch,
}

impl<'a> Batches<'a> {
    /// Batches of `batch_size` rows, of step 0 to step `last`.
    pub fn new(loaders: &'a mut DataLoaders, batch_size: usize, last: u64) -> Self {
        let mut current = Batch::default();
        loaders.fill_step(0, batch_size, &mut current);
        Self { loaders, batch_size, step: 0, last, current, following: Batch::default() }
    }

    /// Hands the next batch to `train` and fills the one after it. After the last batch comes the last again.
    ///
    /// # Errors
    /// Those of `train`.
    pub fn next<E>(&mut self, train: impl FnOnce(&Batch) -> Result<(), E>) -> Result<(), E> {
        let Self { loaders, batch_size, current, following, .. } = self;
        let next = (self.step < self.last).then_some(self.step + 1);
        match next {
            Some(next) if loaders.0.len() > 1 => {
                std::thread::scope(|scope| {
                    scope.spawn(|| loaders.fill_step(next, *batch_size, following));
                    train(current)
                })?;
                std::mem::swap(current, following);
                // Here, not in the thread that fills it next: a GPU frees memory in the order of a thread's own work,
                // and the work that reads this was queued by this thread.
                following.clear_cache();
            }
            Some(next) => {
                train(current)?;
                loaders.fill_step(next, *batch_size, current);
            }
            None => train(current)?,
        }
        self.step = next.unwrap_or(self.step);
        Ok(())
    }
}

impl DataLoader {
    fn new(experiment: &Experiment, group: &Group) -> Self {
        let correlations = task_correlations(group);
        let given: Vec<f64> = correlations.iter().copied().flatten().collect();
        let mut feed = experiment.feed(group.seed, &given);
        if experiment.train.recipe.validation_rows > 0 {
            feed.hold_back(experiment.train.recipe.validation_rows);
        }
        let label_correlations = feed.label_correlations();
        Self { feed, correlations, label_correlations, batch: Batch::default() }
    }

    /// Index of the group's own label set of this task correlation.
    fn label_set(&self, task_correlation: Option<f64>) -> usize {
        let at = self.correlations.iter().position(|&p| p == task_correlation);
        at.expect("every run's correlation is generated")
    }
}

/// The task correlations that a group needs labels of, each once, in rising order.
fn task_correlations(group: &Group) -> Vec<Option<f64>> {
    let runs = group.runs.iter().map(|run| run.key.condition.task_correlation);
    let measured = group.label_correlations.iter().copied().map(Some);
    let mut correlations: Vec<Option<f64>> = runs.chain(measured).collect();
    correlations.sort_by(|a, b| a.partial_cmp(b).expect("correlations of a grid are numbers"));
    correlations.dedup();
    correlations
}
