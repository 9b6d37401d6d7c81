//! The statistics that tables, figures and claims share, one idea a file; nothing here knows what a run is.
//!
//! [`confidence`] says what an interval procedure gives, and everything uncertain implements it: [`bootstrap`]
//! (the bootstrap, for any statistic), [`paired`] (two models on the same seeds), [`proportion`] (shares of
//! runs), [`spread`] (ratios of variances), [`improvement`] (who wins), [`aggregate`] (all runs of a model), [`equivalence`] (sameness).
//! A statistic that resamples may be undefined for is NaN inside this module. What leaves it is an `Option`: an
//! [`Interval`](super::Interval) or a number.
//!
//! [`holm`] corrects for asking often, [`rank`] and [`summary`] are the plain numbers below them.

pub mod aggregate;
pub mod bootstrap;
pub mod confidence;
pub mod equivalence;
pub mod holm;
pub mod improvement;
pub mod normal;
pub mod paired;
pub mod proportion;
pub mod rank;
pub mod spread;
pub mod summary;

pub use bootstrap::{Bootstrap, Resampled};
pub use confidence::Confidence;
