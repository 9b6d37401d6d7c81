//! The runs of a model: the one way in which runs are put together for figures, tables and tests.

use super::interval::Interval;
use super::measure::Measure;
use super::statistics::{Bootstrap, Confidence, summary};
use crate::experiment::{Condition, ModelSpec};
use crate::record::RunRecord;
use crate::store::Study;

/// Runs of one model under one condition, one a seed.
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    /// The model.
    pub model: &'a ModelSpec,
    /// Their task correlation and setting.
    pub condition: Condition,
    /// Learning rates of the even and of the odd half of the seeds. They differ only where each half has a rate of its
    /// own ([`selection`](super::selection)).
    pub learning_rates: [f64; 2],
    /// The runs in the order of their seeds, diverged ones included.
    pub runs: Vec<&'a RunRecord>,
}

/// A number of a run, such as its final loss or its AUC.
pub trait RunValue: Sync {
    /// The number; none for a run that does not have it, as a diverged run has no final loss.
    fn value(&self, run: &RunRecord) -> Option<f64>;
}

impl<F: Fn(&RunRecord) -> Option<f64> + Sync> RunValue for F {
    fn value(&self, run: &RunRecord) -> Option<f64> {
        self(run)
    }
}

impl<'a> Runs<'a> {
    /// The numbers of the runs that have one, by seed.
    pub fn values(&self, value: impl RunValue) -> Vec<f64> {
        self.runs.iter().filter_map(|run| value.value(run)).collect()
    }

    /// Mean of [`Self::values`] with its 95 % bootstrap interval over runs; none without values.
    pub fn mean(&self, value: impl RunValue) -> Option<Interval> {
        Bootstrap::default().sample(&self.values(value), summary::mean).interval()
    }

    /// Final losses of the runs that finished.
    pub fn final_losses(&self, measure: Measure) -> Vec<f64> {
        self.values(|run: &RunRecord| measure.final_loss(run))
    }

    /// Number of runs that diverged.
    pub fn diverged(&self) -> usize {
        self.runs.iter().filter(|run| run.last().is_none()).count()
    }

    /// The run of a seed.
    pub fn run(&self, seed: u64) -> Option<&'a RunRecord> {
        self.runs.iter().copied().find(|run| run.key.seed == seed)
    }

    /// Number of these runs minus that of another model's, on the seeds that have both.
    pub fn differences(&self, other: &Self, value: impl RunValue) -> Vec<f64> {
        let difference = |run: &&RunRecord| {
            Some(value.value(run)? - other.run(run.key.seed).and_then(|run| value.value(run))?)
        };
        self.runs.iter().filter_map(difference).collect()
    }

    /// Mean of [`Self::differences`] with its 95 % bootstrap interval over seeds; none without common seeds.
    pub fn difference(&self, other: &Self, value: impl RunValue) -> Option<Interval> {
        Bootstrap::for_means().sample(&self.differences(other, value), summary::mean).interval()
    }

    /// The learning rate for a table: one number, or those of both halves of the seeds.
    pub fn learning_rate_label(&self) -> String {
        match self.learning_rates {
            [even, odd] if even == odd => format!("{even}"),
            [even, odd] => format!("{even} / {odd}"),
        }
    }
}

/// The runs of a study by model, condition and learning rate, in the order of its plan. Runs that are missing (a
/// partial study) are left out, and so are runs of a model that the experiment does not have.
pub fn runs_by_rate(study: &Study) -> Vec<Runs<'_>> {
    let same = |a: &RunRecord, b: &RunRecord| {
        let (a, b) = (&a.key, &b.key);
        a.model == b.model && a.condition == b.condition && a.learning_rate == b.learning_rate
    };
    let models = study.experiment.models_by_setting();
    let runs = study.runs.chunk_by(same).filter_map(|runs| {
        let key = &runs[0].key;
        let model = models.get(&key.condition.setting)?.iter().find(|model| model.name == key.model)?;
        Some(Runs {
            model,
            condition: key.condition.clone(),
            learning_rates: [key.learning_rate; 2],
            runs: runs.iter().collect(),
        })
    });
    runs.collect()
}
