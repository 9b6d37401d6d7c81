//! The fused engine: models whose step is one pass over slices on a CPU, instead of dozens of tensor operations.
//!
//! [`mixture`] trains the mixture family (regression), near the peak of the CPU's multipliers; [`towers`] trains
//! embeddings with towers (click and conversion). Every run is computed by itself, in an order that depends on shapes
//! and the CPU alone: its bits do not depend on the runs beside it. The graph engine is the reference of both.
//!
//! `simd` has the vectors of `mixture` and its Adam: AVX-512, AVX2, portable, and which of them this CPU has.

pub mod mixture;
pub mod simd;
pub mod towers;

pub use mixture::MixturePopulation;
pub use towers::TowersPopulation;
