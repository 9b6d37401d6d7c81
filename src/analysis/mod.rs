//! What a study says: everything here is computed from the store alone.
//!
//! [`cell`] puts runs together, [`selection`] picks a learning rate for every model and correlation without
//! flattering it, [`interval`] holds estimates with their uncertainty, [`reference`] the papers' own data.
//! [`statistics`] makes every number that has an interval, [`claims`] holds the paper's sentences against a
//! study, [`comparison`] one study against another, [`gates`] sums up how experts are used.

pub mod cell;
pub mod claims;
pub mod comparison;
pub mod gates;
pub mod interval;
pub mod selection;
pub mod statistics;

pub use cell::{Cell, Measure, RowSet, TaskLoss, cells};
pub use interval::Interval;
pub use selection::{Reported, reported};
