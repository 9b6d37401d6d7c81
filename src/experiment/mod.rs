//! Experiments: data, models, grid and training, read from a TOML file.
//!
//! [`load`] reads a file and checks every value, so that an [`Experiment`] is always valid; [`plan`] turns it into runs
//! and groups; [`shard`] divides a plan among processes; [`tune`] and [`search`] look for sizes, learning rates and
//! protocols by successive halving.

mod axis;
mod condition;
mod data;
pub mod difference;
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
mod recipe;
mod schema;
pub mod search;
mod section;
pub mod shard;
mod study_toml;
mod text;
mod train;
pub mod tune;
mod variant;

pub use axis::{Axis, AxisValue, Setting};
pub use condition::Condition;
pub use error::LoadError;
pub use recipe::{Decay, Recipe, Schedule, Stop, StopOn};
pub use schema::{
    Choices, DeviceChoice, EngineChoice, Experiment, Grid, ModelSpec, Report, ReportedLoss, Train, Tune,
    is_plain_name,
};
pub(crate) use section::closest;
