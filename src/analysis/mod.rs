//! What a study says: everything here is computed from the store alone.
//!
//! [`cell`] puts runs together, [`selection`] picks a learning rate for every model and correlation without
//! flattering it, [`interval`] and [`bootstrap`] say how sure a number is. [`curve`], [`histogram`] and
//! [`summary`] are what figures and tables show; [`reference`](mod@reference) is the paper's own data, and [`distance`] how
//! far a study is from it.

pub mod bootstrap;
pub mod cell;
pub mod curve;
pub mod distance;
pub mod histogram;
pub mod interval;
pub mod reference;
pub mod selection;
pub mod summary;

pub use cell::{Cell, Measure, RowSet, TaskLoss, cells};
pub use curve::MeanCurve;
pub use histogram::Histogram;
pub use interval::Interval;
pub use selection::{Reported, reported};
pub use summary::Summary;
