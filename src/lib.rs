//! `mmoe-study`: how related must tasks be before sharing hurts, and which architecture survives it?
//!
//! An **experiment** file is planned into **runs**, runs are trained in groups by an **engine** on **data** it
//! can make again at will, every finished group lands atomically in the **store**, and everything a person
//! looks at is computed from the store alone.
//!
//! - [`experiment`]: the TOML schema with its checks; the plan: runs, groups and their identities.
//! - [`simd`]: loops compiled for every vector width, and the choice at run time.
//! - [`data`]: where rows come from (MMoE §3.2, Census-Income, a simulated funnel, Ali-CCP), on counter-based streams.
//! - [`model`]: one file an architecture, in layers with a leading run axis; `ops`, what layers are on a CPU.
//! - [`record`]: the records of runs that engines produce and the store keeps.
//! - [`engine`]: what trains a group, and the training loop that engines share.
//! - [`schedule`]: groups onto threads.
//! - [`store`]: group files, resume, and the CSV files of a study.
//! - [`analysis`]: means, intervals, selection of learning rates, comparison with the paper.
//! - [`claim`]: how claims are tested and what verdicts mean.
//! - [`figure`]: the paper's figures with the paper's data over them.
//! - [`report`]: one page that says what was run and what came of it.
//! - [`study`]: the kinds of studies; each brings its claims, figures and sections.
//! - [`cli`]: the commands of `sweep`.

pub mod analysis;
pub mod claim;
pub mod cli;
pub mod data;
pub mod engine;
pub mod experiment;
pub mod figure;
pub mod model;
pub mod record;
pub mod report;
pub mod schedule;
pub mod simd;
pub mod store;
pub mod study;
