//! Experiments: what to generate, train and log, read from a TOML file and checked once.
//!
//! The first stage of the journey. [`Experiment`] can only hold values that make sense, so nothing after
//! it asks again; [`plan`] turns it into runs and groups.

mod condition;
mod data;
pub mod engine;
mod error;
mod grid;
pub mod halving;
pub mod library;
mod limits;
pub mod load;
mod models;
mod overrides;
pub mod parameter_matching;
pub mod plan;
mod schema;
pub mod search;
mod section;
pub mod shard;
mod study_toml;
mod text;
mod train;
pub mod tune;

pub use condition::{Condition, Sweep};
pub use error::LoadError;
pub use schema::{
    Choices, DeviceChoice, EngineChoice, Experiment, Grid, ModelSpec, Report, ReportedLoss, Train, Tune,
    is_plain_name,
};
