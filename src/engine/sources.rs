//! Where the batches of groups come from that are trained together: every group's own way through the data, joined.
//!
//! A group's runs share their inputs. Groups have seeds of their own, so a batch for several of them has an input
//! set a group; their label sets stand one after the other in the same order.

use rayon::prelude::*;

use crate::data::{Batch, Feed};
use crate::experiment::Experiment;
use crate::experiment::plan::Group;
use crate::record::LabelRecord;

/// The ways of several groups through the data.
pub struct Sources(Vec<Source>);

/// The way of one group.
struct Source {
    feed: Box<dyn Feed>,
    /// Task correlations, one a label set; one none where the data has no such axis.
    correlations: Vec<Option<f64>>,
    /// Measured correlations of the labels, of every label set and pair.
    label_correlations: Vec<Vec<f64>>,
    /// Its part of a batch.
    batch: Batch,
}

impl Sources {
    /// One source a group, in their order.
    pub fn new(experiment: &Experiment, groups: &[Group]) -> Self {
        Self(groups.par_iter().map(|group| Source::new(experiment, group)).collect())
    }

    /// Fills `batch` with what `of` takes from every feed, side by side; straight where there is one. Several are filled
    /// on all cores: a GPU would wait for one.
    pub fn fill(&mut self, batch: &mut Batch, of: impl Fn(&mut dyn Feed, &mut Batch) + Sync) {
        if let [one] = &mut self.0[..] {
            return of(&mut *one.feed, batch);
        }
        self.0.par_iter_mut().for_each(|source| of(&mut *source.feed, &mut source.batch));
        batch.join(self.0.iter().map(|source| &source.batch));
    }

    /// A group's way through the data.
    pub fn feed(&self, group: usize) -> &dyn Feed {
        &*self.0[group].feed
    }

    /// Which of a joined batch's label sets a group's runs of a task correlation learn.
    pub fn label_set(&self, group: usize, task_correlation: Option<f64>) -> usize {
        let before: usize = self.0[..group].iter().map(|source| source.correlations.len()).sum();
        before + self.0[group].label_set(task_correlation)
    }

    /// Mean over pairs of the measured correlation of a group's labels.
    pub fn mean_label_correlation(&self, group: usize, task_correlation: Option<f64>) -> f64 {
        let source = &self.0[group];
        let of_pairs = &source.label_correlations[source.label_set(task_correlation)];
        of_pairs.iter().sum::<f64>() / of_pairs.len() as f64
    }

    /// The measured correlations that `group`, the one at this place, is to record.
    pub fn labels(&self, experiment: &Experiment, place: usize, group: &Group) -> Vec<LabelRecord> {
        let source = &self.0[place];
        let mut records = Vec::new();
        for (&task_correlation, pairs) in source.correlations.iter().zip(&source.label_correlations) {
            let recorded = task_correlation.filter(|p| group.label_correlations.contains(p));
            let Some(task_correlation) = recorded else { continue };
            for (pair, &label_correlation) in pairs.iter().enumerate() {
                records.push(LabelRecord {
                    task_correlation,
                    seed: group.seed,
                    pair: pair + 1,
                    points: experiment
                        .data
                        .source()
                        .label_measurement()
                        .map_or(0, |measured| measured.points),
                    label_correlation,
                });
            }
        }
        records
    }
}

impl Source {
    fn new(experiment: &Experiment, group: &Group) -> Self {
        let correlations = correlations_of(group);
        // Runs of one group share the swept value: their impressions are the same.
        let swept_value = group.runs.first().and_then(|run| run.key.condition.swept_value);
        let given: Vec<f64> = correlations.iter().copied().flatten().collect();
        let feed = experiment.feed(swept_value, group.seed, &given);
        let label_correlations = feed.label_correlations();
        Self { feed, correlations, label_correlations, batch: Batch::default() }
    }

    /// Which of its own label sets has this task correlation.
    fn label_set(&self, task_correlation: Option<f64>) -> usize {
        let at = self.correlations.iter().position(|&p| p == task_correlation);
        at.expect("every run's correlation is generated")
    }
}

/// The task correlations that a group needs labels of, each once, in rising order.
fn correlations_of(group: &Group) -> Vec<Option<f64>> {
    let runs = group.runs.iter().map(|run| run.key.condition.task_correlation);
    let measured = group.label_correlations.iter().copied().map(Some);
    let mut correlations: Vec<Option<f64>> = runs.chain(measured).collect();
    correlations.sort_by(|a, b| a.partial_cmp(b).expect("correlations of a grid are numbers"));
    correlations.dedup();
    correlations
}
