//! Rows that models are trained on, and the random streams that generated rows are drawn from.
//!
//! Two properties hold throughout. Every batch can be produced alone: streams are counters, not states ([`philox`],
//! [`stream`]), so step 7,000 of seed 12 needs no step before it. And the bits depend on the specification and the seed
//! only: neither on the CPU's vector width ([`crate::simd`]) nor on what else is trained beside it.
//!
//! Each kind of data is a folder. It has a specification (plain configuration, a [`Source`]), rows that all runs of a
//! study share ([`Rows`]), and the batches of one seed (a [`Feed`], which fills a reusable [`Batch`]):
//!
//! | kind | specification | rows | feed | task |
//! |---|---|---|---|---|
//! | [`synthetic`], MMoE §3.2 | [`SyntheticSpec`] | generated | [`Generator`] | [`Task::Regression`] |
//! | [`census`], MMoE §6.3 | [`CensusSpec`] | [`Census`] | of a training set | [`Task::Classification`] |
//! | [`ali_ccp`], ESMM §3.1 | [`AliCcpSpec`] | [`AliCcp`] | [`ImpressionFeed`] | [`Task::Conversion`] |
//! | [`funnel`], for ESMM | [`FunnelSpec`] | generated | [`ImpressionFeed`] | [`Task::Conversion`] |
//!
//! Later stages ask a specification for its [`Task`] or for a property ([`DataSpec::source`]), not for its kind.

pub mod ali_ccp;
mod batch;
pub mod census;
pub mod checks;
pub mod defined;
mod error;
mod files;
pub mod funnel;
pub mod impressions;
pub mod left_out;
pub mod normal;
mod pearson;
pub mod philox;
mod projections;
mod shuffle;
pub mod source;
pub mod stream;
mod subset;
pub mod synthetic;

pub use ali_ccp::{AliCcp, AliCcpSpec};
pub use batch::Batch;
pub use census::{Census, CensusSpec};
pub use checks::{Check, CheckResult, DataCheck};
pub use error::DataError;
pub use funnel::FunnelSpec;
pub use impressions::{ImpressionFeed, ImpressionLog, Impressions, Label};
pub use source::{ClassRecord, Embedding, Feed, LabelMeasurement, Opened, Rows, Source};
pub use stream::{Purpose, Stream, StreamRng};
pub use subset::Subset;
pub use synthetic::{Generator, SyntheticSpec, TrainingSet};

/// The specification of a study's rows.
#[derive(Clone, Debug, PartialEq)]
pub enum DataSpec {
    /// Generated as in MMoE §3.2.
    Synthetic(SyntheticSpec),
    /// Read from the files of Census-Income (MMoE §6.3).
    Census(CensusSpec),
    /// Simulated impressions with known probabilities of click and conversion.
    Funnel(FunnelSpec),
    /// Impressions read from the files of Ali-CCP (ESMM §3.1).
    AliCcp(AliCcpSpec),
}

/// A task that is learned from rows. It decides the models, the loss, the scores and the report of a study.
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
    /// The specification, whatever its kind: the one match that names every kind of data.
    pub fn source(&self) -> &dyn Source {
        match self {
            Self::Synthetic(spec) => spec,
            Self::Census(spec) => spec,
            Self::Funnel(spec) => spec,
            Self::AliCcp(spec) => spec,
        }
    }

    /// The task that is learned from the rows.
    pub fn task(&self) -> Task {
        self.source().task()
    }

    /// The constants of the generator of MMoE §3.2, for what follows from them in closed form.
    pub fn synthetic(&self) -> Option<&SyntheticSpec> {
        match self {
            Self::Synthetic(spec) => Some(spec),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn synthetic_mut(&mut self) -> Option<&mut SyntheticSpec> {
        match self {
            Self::Synthetic(spec) => Some(spec),
            _ => None,
        }
    }

    /// The specification of census rows, for the table of the paper that they belong to.
    pub fn census(&self) -> Option<&CensusSpec> {
        match self {
            Self::Census(spec) => Some(spec),
            _ => None,
        }
    }
}
