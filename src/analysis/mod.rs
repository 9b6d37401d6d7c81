//! Analysis of a study, computed from the store alone.
//!
//! [`runs`] puts runs together, [`measure`] is the loss that is looked at, [`selection`] picks a learning rate for every model and correlation without
//! flattering it, [`interval`] holds estimates with their uncertainty. [`curve`], [`histogram`] and
//! [`losses`] are what figures and tables show; [`mod@reference`] is the paper's own data, and [`distance`] how
//! far a study is from it. [`statistics`] makes every number that has an interval, [`comparison`] holds
//! one study against another, [`gates`] sums up how
//! experts are used. [`classification`] sums up the scores of classifiers, [`funnel`] those of models of click
//! and conversion, [`tuning`] ranks the trials of a tuning. [`generator_fit`] and [`calibration`] look for what the paper does not give: its generator's
//! parameters, and its way to train.

pub mod calibration;
pub mod classification;
pub mod comparison;
pub mod curve;
pub mod distance;
pub mod funnel;
pub mod gates;
pub mod generator_fit;
pub mod histogram;
pub mod interval;
pub mod losses;
pub mod measure;
pub mod reference;
pub mod runs;
pub mod selection;
pub mod statistics;
#[cfg(test)]
pub(crate) mod testing;
pub mod tuning;

pub use curve::MeanCurve;
pub use histogram::Histogram;
pub use interval::Interval;
pub use losses::LossSummary;
pub use measure::{Measure, RowSet, TaskLoss};
pub use runs::{RunValue, Runs, runs_by_rate};
pub use selection::selected_runs;
