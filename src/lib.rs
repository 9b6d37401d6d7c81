//! `mmoe-study`: how related must tasks be before sharing hurts, and which architecture survives it?
//!
//! The program is `sweep` (see `README.md`); this library is what it is made of. An **experiment** is planned into
//! **runs**, an **engine** trains the runs in groups on **data**, the **store** keeps every finished group, and claims,
//! figures and the report are computed from the store alone.
//!
//! # Where to start
//!
//! | I want to | start at |
//! |---|---|
//! | load an experiment, or build one from TOML text | [`experiment::library::find`], [`experiment::load::parse`] |
//! | train it and read the losses | [`engine::train::train_group`], [`record::RunRecord`] |
//! | train it on all cores | [`schedule::train`] |
//! | resume it | [`store::Folder::finished`], [`experiment::plan::Plan::missing`] |
//! | see what a model computes, or add one | [`model`], one file each |
//! | add a source of rows | [`data`], one folder each |
//! | add a kind of study | [`study::StudyKind`], one folder each |
//! | read a finished study | [`store::Folder::read`] |
//! | test the paper's claims on it | [`study::StudyKind::claims`] |
//! | compute a mean with its interval, or a paired difference | [`analysis::statistics`] |
//!
//! ## Train an experiment and read its losses
//!
//! ```
//! use mmoe_study::engine::train::train_group;
//! use mmoe_study::experiment::library;
//! use mmoe_study::experiment::plan::Plan;
//!
//! // `quick`, cut down to one model, two task correlations, one seed and twenty steps.
//! let overrides = [
//!     "grid.models=[\"mmoe\"]",
//!     "grid.task_correlations=[0.5, 1.0]",
//!     "grid.seeds=1",
//!     "train.steps=20",
//!     "train.batch_size=32",
//!     "train.log_every=10",
//!     "train.held_out_rows=64",
//! ];
//! // `open` reads the files of data that have files.
//! let experiment = library::find("quick", &overrides.map(String::from))?.open()?;
//! let plan = Plan::new(&experiment);
//! assert_eq!(plan.runs().count(), 2);
//!
//! for group in &plan.groups {
//!     let record = train_group(&experiment, group, &())?.expect("nobody cancels it");
//!     for run in &record.runs {
//!         let steps: Vec<u64> = run.curve.iter().map(|point| point.step).collect();
//!         assert_eq!(steps, [0, 10, 20]);
//!         let last = run.last().expect("it did not diverge");
//!         assert_eq!(last.held_out_loss.len(), 2); // one loss a task
//!         println!("{:?}: {:?}", run.key, last.held_out_loss);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## One forward pass
//!
//! A population of runs is one set of tensors, `[runs, shape…]` each. These are two runs of MMoE on three rows:
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use mmoe_study::model::initialise::Init;
//! use mmoe_study::model::{Parameters, Problem, architecture};
//!
//! let mmoe = architecture("mmoe").expect("a name of the registry");
//! let sizes = (mmoe.parse)("experts = 4".parse()?)?;
//! let model = sizes.configuration.build(Problem { features: 10, tasks: 2 });
//!
//! // First values of the runs with seeds 0 and 1, in the order of the layout.
//! let flat: Vec<f32> = [0, 1].map(|seed| Init::GlorotUniform.draw(model.layout(), seed)).concat();
//! let flat = Tensor::from_vec(flat, (2, model.layout().count()), &Device::Cpu)?;
//! let mut tensors = Vec::new();
//! for (parameter, range) in model.layout().parameters.iter().zip(model.layout().ranges()) {
//!     let shape = [&[2], &parameter.shape[..]].concat();
//!     tensors.push(flat.narrow(1, range.start, range.len())?.reshape(shape)?);
//! }
//!
//! let x = Tensor::ones((3, 10), DType::F32, &Device::Cpu)?;
//! let forward = model.forward(&Parameters::new(model.layout(), &tensors), &x)?;
//! assert_eq!(forward.predictions.dims(), [2, 2, 3]); // [runs, tasks, batch]
//! assert_eq!(forward.gates.expect("MMoE has gates").dims(), [2, 2, 3, 4]); // [runs, gates, batch, experts]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## The claims of a study
//!
//! ```
//! use mmoe_study::claim::Verdict;
//! use mmoe_study::store::Folder;
//! use mmoe_study::study;
//!
//! let study = Folder::new("results/census-income").read()?;
//! let claims = study::kind_of(&study).claims(&study);
//! for claim in &claims {
//!     println!("{}: {}", claim.statement, claim.verdict.as_str());
//! }
//! assert!(claims.iter().any(|claim| claim.verdict == Verdict::Supported));
//! # Ok::<(), mmoe_study::store::StoreError>(())
//! ```
//!
//! # The modules
//!
//! A module imports only from those above it in this list; `tests/layering.rs` holds that.
//!
//! - [`bounds`]: bounds of the numbers that a user gives, with their words.
//! - [`simd`]: loops compiled for every vector width, and the choice at run time.
//! - [`data`]: rows. Generated regression tasks (MMoE §3.2), Census-Income, simulated impressions, Ali-CCP.
//! - [`model`]: the architectures, in layers with a leading run axis.
//! - [`experiment`]: the TOML schema and its checks; the plan of runs and groups with their identities.
//! - [`record`]: what is kept of a run.
//! - [`engine`]: the training loop, the two engines, objectives, metrics and Adam.
//! - [`store`]: group files, resume, and the CSV files of a study.
//! - [`schedule`]: groups onto threads or a GPU.
//! - [`analysis`]: means, intervals, selection of learning rates, distance to the paper's curves.
//! - [`claim`]: how a claim is tested, and what a verdict means.
//! - [`figure`]: panels, axes and colours; figures that suit every kind of study.
//! - [`report`]: the page of a study.
//! - [`study`]: the kinds of studies. Each brings its claims, figures and sections.
//! - [`cli`]: the commands of `sweep`.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(test, allow(clippy::print_stdout, clippy::print_stderr))]

pub mod analysis;
pub mod bounds;
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
