//! Analysis of a study, computed from the store alone and free of kinds of studies.
//!
//! - [`runs`]: the runs of a model under a condition; [`measure`]: the loss that is looked at; [`selection`]: the
//!   learning rate of every model and condition, chosen so that the choice does not flatter.
//! - [`curve`], [`histogram`], [`losses`], [`interval`]: what figures and tables show of them.
//! - [`gain`]: gain of sharing over a baseline. [`robust`]: summaries that a few bad runs do not move. [`gates`]: use of the experts. [`comparison`]: two studies side by side.
//! - [`distance`]: distance between curves and between histograms. [`mod@reference`]: published data.
//! - [`statistics`]: every number that has an interval.

pub mod comparison;
pub mod curve;
pub mod distance;
pub mod gain;
pub mod gates;
pub mod histogram;
pub mod interval;
pub mod losses;
pub mod measure;
pub mod reference;
pub mod robust;
pub mod runs;
pub mod selection;
pub mod statistics;
#[cfg(test)]
pub(crate) mod testing;

pub use curve::MeanCurve;
pub use histogram::Histogram;
pub use interval::Interval;
pub use losses::LossSummary;
pub use measure::{Measure, RowSet, TaskLoss};
pub use runs::{RunValue, Runs, runs_by_rate};
pub use selection::selected_runs;
