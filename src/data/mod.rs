//! Data that can be made again at will: rows are a function of seed and row number, never of order.
//!
//! [`synthetic`] is the paper's generator; [`normal`] the counter-based streams it draws from. Engines see a
//! [`Batch`] and nothing else.

pub mod normal;
pub mod philox;
mod simd;
pub mod sine;
pub mod synthetic;

/// Rows that a group of runs is trained or evaluated on. Buffers are reused: filling allocates only while
/// they grow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Number of rows.
    pub rows: usize,
    /// Inputs of a row.
    pub features: usize,
    /// Tasks, one label each.
    pub tasks: usize,
    /// Sets of labels for the same inputs: one a task correlation.
    pub label_sets: usize,
    /// Inputs, `[rows, features]`.
    pub x: Vec<f32>,
    /// Labels, `[label_sets, tasks, rows]`.
    pub y: Vec<f32>,
}
