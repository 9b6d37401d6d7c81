//! What the models are trained on, and the random streams it is made from.
//!
//! Data is the first stage of a run's journey and the only one that draws random numbers by the
//! billion. Two properties hold throughout. Every batch can be made alone: streams are counters,
//! not states ([`philox`], [`stream`]), so step 7,000 of seed 12 needs no step before it. And the
//! bits depend on nothing but the specification and the seed: not on the CPU's vector width
//! ([`crate::simd`]), not on what else is made beside it.
//!
//! Each kind of data has a specification (plain configuration, [`DataSpec`]), what is opened of it once for a
//! whole study ([`Opened`]), and one seed's way through it ([`Feed`]) with the methods `training_batch` and
//! `held_out`, which fill a reusable [`Batch`]:
//!
//! | kind | specification | opened | feed | labels |
//! |---|---|---|---|---|
//! | [`synthetic`], MMoE §3.2 | [`SyntheticSpec`] | nothing: rows are made | [`Generator`] | numbers |
//! | [`census`], MMoE §6.3 | [`CensusSpec`] | [`Census`] | [`census::CensusFeed`] | yes or no |
//! | [`ali_ccp`], ESMM §3.1 | [`AliCcpSpec`] | [`AliCcp`] | [`ImpressionFeed`] | click and conversion |
//! | [`funnel`], for ESMM | [`FunnelSpec`] | nothing: rows are made | [`ImpressionFeed`] | click and conversion |
//!
//! Later stages ask a specification for its [`Task`], not for its name: the task decides the loss, the scores and
//! the report.

use std::sync::Arc;

pub mod ali_ccp;
mod batch;
pub mod census;
mod correlation;
pub mod funnel;
pub mod impressions;
pub mod knob;
pub mod normal;
pub mod philox;
mod projections;
mod shuffle;
pub mod stream;
pub mod synthetic;

pub use ali_ccp::{AliCcp, AliCcpSpec};
pub use batch::Batch;
pub use census::{Census, CensusSpec, DataError, Subset};
pub use funnel::FunnelSpec;
pub use impressions::{Fact, ImpressionFeed, ImpressionLog, Impressions};
pub use knob::Knob;
pub use stream::{Purpose, Stream, StreamRng};
pub use synthetic::{Generator, Source, SyntheticSpec};

/// What the rows of a study are.
#[derive(Clone, Debug, PartialEq)]
pub enum DataSpec {
    /// Made by the generator of MMoE §3.2.
    Synthetic(SyntheticSpec),
    /// Read from the files of Census-Income (MMoE §6.3).
    Census(CensusSpec),
    /// Impressions with known probabilities of click and conversion.
    Funnel(FunnelSpec),
    /// Impressions read from the files of Ali-CCP (ESMM §3.1).
    AliCcp(AliCcpSpec),
}

/// What is learned from rows: it decides the models, the loss, the scores and the report of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Labels are numbers. Models predict them; losses are mean squared errors.
    Regression,
    /// Labels are 0 or 1. Models give logits; losses are cross-entropies, and predictions are scored.
    Classification,
    /// Rows are impressions, which may be clicked and then convert. Models give logits; the method decides the
    /// loss, and predictions are scored.
    Conversion,
}

impl DataSpec {
    /// The specification of the generator, where rows are generated.
    pub fn synthetic(&self) -> Option<&SyntheticSpec> {
        match self {
            Self::Synthetic(spec) => Some(spec),
            Self::Census(_) | Self::Funnel(_) | Self::AliCcp(_) => None,
        }
    }

    /// The specification of the generator, to be changed.
    pub fn synthetic_mut(&mut self) -> Option<&mut SyntheticSpec> {
        match self {
            Self::Synthetic(spec) => Some(spec),
            Self::Census(_) | Self::Funnel(_) | Self::AliCcp(_) => None,
        }
    }

    /// Variance of labels as trained on, the unit of losses; 1 where losses are nats.
    pub fn label_variance(&self) -> f64 {
        match self.synthetic() {
            Some(spec) if !spec.standardise_labels => spec.label_variance(),
            _ => 1.0,
        }
    }

    /// The specification of the census rows, where they are those.
    pub fn census(&self) -> Option<&CensusSpec> {
        match self {
            Self::Census(spec) => Some(spec),
            Self::Synthetic(_) | Self::Funnel(_) | Self::AliCcp(_) => None,
        }
    }

    /// The specification of the funnel, where impressions are made.
    pub fn funnel(&self) -> Option<&FunnelSpec> {
        match self {
            Self::Funnel(spec) => Some(spec),
            Self::Synthetic(_) | Self::Census(_) | Self::AliCcp(_) => None,
        }
    }

    /// Which rows of Ali-CCP, where they are those.
    pub fn ali_ccp(&self) -> Option<&AliCcpSpec> {
        match self {
            Self::AliCcp(spec) => Some(spec),
            _ => None,
        }
    }

    /// The same data with another number: `value` for `knob`. Data without knobs are what they are.
    pub fn with(&self, knob: Knob, value: f64) -> Self {
        match self {
            Self::Funnel(spec) => Self::Funnel(knob.set(spec.clone(), value)),
            other => other.clone(),
        }
    }

    /// The word for `data.kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Synthetic(_) => "synthetic",
            Self::Census(_) => "census",
            Self::Funnel(_) => "funnel",
            Self::AliCcp(_) => "ali_ccp",
        }
    }

    /// What is learned from the rows.
    pub fn task(&self) -> Task {
        match self {
            Self::Synthetic(_) => Task::Regression,
            Self::Census(_) => Task::Classification,
            Self::Funnel(_) | Self::AliCcp(_) => Task::Conversion,
        }
    }

    /// Inputs of an architecture: behind the embeddings, where there are any.
    pub fn features(&self) -> usize {
        match self {
            Self::Synthetic(spec) => spec.dim,
            Self::Census(spec) => spec.width(),
            Self::Funnel(spec) => spec.width(),
            Self::AliCcp(spec) => spec.width(),
        }
    }

    /// Labels of a row.
    pub fn tasks(&self) -> usize {
        match self {
            Self::Synthetic(spec) => spec.tasks(),
            Self::Census(spec) => spec.task_names().len(),
            // Click and conversion.
            Self::Funnel(_) | Self::AliCcp(_) => 2,
        }
    }

    /// What a run's result depends on.
    pub fn identity(&self) -> serde_json::Value {
        match self {
            Self::Synthetic(spec) => serde_json::to_value(spec).expect("specifications are plain data"),
            Self::Census(spec) => spec.identity(),
            Self::Funnel(spec) => serde_json::json!({ "kind": "funnel", "spec": spec }),
            Self::AliCcp(spec) => spec.identity(),
        }
    }

    /// Opens what has to be opened. The specification comes back with what was found out.
    pub fn open(&self) -> Result<(Self, Opened), DataError> {
        match self {
            Self::Synthetic(_) | Self::Funnel(_) => Ok((self.clone(), Opened::Generated)),
            Self::Census(spec) => {
                let (spec, census) = spec.open()?;
                Ok((Self::Census(spec), Opened::Census(Arc::new(census))))
            }
            Self::AliCcp(spec) => {
                let (spec, log) = spec.open()?;
                Ok((Self::AliCcp(spec), Opened::AliCcp(Arc::new(log))))
            }
        }
    }
}

/// What is opened of a study's data, once for all its runs.
#[derive(Clone, Debug)]
pub enum Opened {
    /// Nothing: every row can be made at will.
    Generated,
    /// Encoded rows.
    Census(Arc<Census>),
    /// A log of impressions.
    AliCcp(Arc<AliCcp>),
}

impl Opened {
    /// Resident size in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Generated => 0,
            Self::Census(census) => census.bytes(),
            Self::AliCcp(read) => read.log.bytes(),
        }
    }
}

/// One seed's way through the data.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Rows made by a generator.
    Synthetic(Generator),
    /// Rows of the census.
    Census(census::CensusFeed),
    /// Impressions.
    Impressions(ImpressionFeed),
}

impl Feed {
    /// The way of `seed`; rows that are made have labels for each of `task_correlations`, impressions for the first.
    ///
    /// # Panics
    /// If `opened` was from another kind of specification.
    pub fn new(spec: &DataSpec, opened: &Opened, seed: u64, task_correlations: &[f64]) -> Self {
        match (spec, opened) {
            (DataSpec::Synthetic(spec), _) => Self::Synthetic(Generator::new(spec, seed, task_correlations)),
            (DataSpec::Census(_), Opened::Census(census)) => {
                Self::Census(census::CensusFeed::new(Arc::clone(census), seed))
            }
            (DataSpec::Funnel(spec), _) => Self::Impressions(ImpressionFeed::new(
                Arc::new(spec.generate(seed, task_correlations[0])),
                seed,
            )),
            (DataSpec::AliCcp(_), Opened::AliCcp(read)) => {
                Self::Impressions(ImpressionFeed::new(Arc::clone(&read.log), seed))
            }
            (DataSpec::Census(_) | DataSpec::AliCcp(_), _) => panic!("files are opened before they are fed"),
        }
    }

    /// The rows of optimiser step `step`, counted from 0.
    pub fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        match self {
            Self::Synthetic(generator) => generator.training_batch(step, batch_size, batch),
            Self::Census(feed) => feed.training_batch(step, batch_size, batch),
            Self::Impressions(feed) => feed.training_batch(step, batch_size, batch),
        }
    }

    /// `rows` rows that are not trained on, or as many as there are.
    pub fn held_out(&self, rows: usize, batch: &mut Batch) {
        match self {
            Self::Synthetic(generator) => generator.held_out(rows, batch),
            Self::Census(feed) => feed.held_out(rows, batch),
            Self::Impressions(feed) => feed.test(rows, batch),
        }
    }

    /// Measured correlation of labels, `[task correlations][pairs]`; one pair where rows are read, and that of clicks
    /// and conversions where they are impressions.
    pub fn label_correlations(&self) -> Vec<Vec<f64>> {
        match self {
            Self::Synthetic(generator) => generator.label_correlations(),
            Self::Census(feed) => vec![vec![feed.census().label_correlation(Subset::Training)]],
            Self::Impressions(feed) => vec![vec![feed.log().training.label_correlation()]],
        }
    }

    /// All rows of a subset that predictions are scored on; no rows where labels are numbers, and of impressions the
    /// test rows alone.
    pub fn scored(&self, subset: Subset, batch: &mut Batch) {
        match self {
            Self::Synthetic(_) => batch.reshape(0, 0, 0, 0),
            Self::Census(feed) => feed.census().fill(subset, 0..usize::MAX, batch),
            Self::Impressions(feed) if subset == Subset::Test => feed.test(usize::MAX, batch),
            Self::Impressions(_) => batch.reshape(0, 0, 0, 0),
        }
    }
}
