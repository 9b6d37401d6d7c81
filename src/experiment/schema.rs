//! The contents of an experiment. Values are checked when they are read; later code does not check again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Value;

use super::axis::{self, Axis, Setting};
use super::condition::{Condition, axis};
use super::halving::Rung;
use super::parameter_matching::ParameterMatch;
use super::recipe::Recipe;
use super::variant::Variants;
use crate::data::{DataError, DataSpec, Embedding, Feed, Opened, Rows};
use crate::model::embedded::Embedded;
use crate::model::initialise::Init;
use crate::model::{Architecture, Model, Problem, Sizes};

/// A checked experiment.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Name of the study and of its folder in `results/`; by default the file's name without `.toml`.
    pub name: String,
    /// Title in headings.
    pub title: String,
    /// A few sentences on the question it asks.
    pub description: String,
    /// Keys that `--set` changed in its file, as `grid.seeds = 8`. Title and description do not know of them.
    pub changed: Vec<String>,
    /// Specification of the data.
    pub data: DataSpec,
    /// The rows, where they are in files and have been read: [`Experiment::open`].
    pub rows: Option<Arc<dyn Rows>>,
    /// The grid of runs.
    pub grid: Grid,
    /// The models of `grid.models`, in that order.
    pub models: Vec<ModelSpec>,
    /// How runs are trained.
    pub train: Train,
    /// How sizes and learning rates are tuned first, if they are.
    pub tune: Option<Tune>,
    /// Settings of figures, tables and claims.
    pub report: Report,
    /// The experiment at the settings of its axes; empty where nothing varies.
    pub(super) variants: Variants,
}

/// The grid: every combination of its values is a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grid {
    /// Names of the models; empty where only labels are studied.
    pub models: Vec<String>,
    /// Task correlations, −1 to 1, in rising order; empty where rows are read and their correlation cannot be set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_correlations: Vec<f64>,
    /// The keys that vary, with their values: `vary` in TOML.
    #[serde(skip)]
    pub axes: Vec<Axis>,
    /// Learning rates of Adam, in rising order, for models without one of their own.
    pub learning_rates: Vec<f64>,
    /// Seeds, in rising order.
    pub seeds: Vec<u64>,
}

/// A model: an architecture with its sizes, under a name.
#[derive(Debug, Clone)]
pub struct ModelSpec {
    /// Name in the experiment and in the CSV files.
    pub name: String,
    /// Name in figures.
    pub title: String,
    /// The architecture.
    pub architecture: &'static Architecture,
    /// Its sizes.
    pub sizes: Sizes,
    /// Its own learning rate, instead of the grid's.
    pub learning_rate: Option<f64>,
    /// The budget that its width was chosen for.
    pub(super) parameter_match: Option<ParameterMatch>,
}

impl ModelSpec {
    /// A model of these sizes, with its name as its title.
    pub fn new(name: &str, architecture: &'static Architecture, sizes: Sizes) -> Self {
        let (name, title) = (name.to_string(), name.to_string());
        Self { name, title, architecture, sizes, learning_rate: None, parameter_match: None }
    }
}

impl Grid {
    /// The axis of a key, if it varies.
    pub fn axis(&self, key: &str) -> Option<&Axis> {
        self.axes.iter().find(|axis| &*axis.key == key)
    }

    /// Every combination of the values that vary, the last axis in the inner loop; one empty setting where nothing does.
    pub fn settings(&self) -> Vec<Setting> {
        axis::settings(&self.axes)
    }

    /// The axes that have several values, those of numbers first: figures draw them in this order.
    pub fn drawn_axes(&self) -> Vec<&Axis> {
        let mut axes: Vec<&Axis> = self.axes.iter().filter(|axis| axis.values.len() > 1).collect();
        axes.sort_by_key(|axis| axis.numbers().is_none());
        axes
    }

    /// A setting in words, such as `training rows 500, experts of mmoe 8`.
    pub fn setting_label(&self, setting: &Setting, format: fn(f64) -> String) -> String {
        let value = |axis: &Axis| Some(format!("{} {}", axis.name(), setting.get(&axis.key)?.label(format)));
        self.axes.iter().filter_map(value).collect::<Vec<_>>().join(", ")
    }

    /// Keys of the axes beside the task correlation, as columns of CSV files have them.
    pub fn axis_names(&self) -> Vec<String> {
        self.axes.iter().map(|axis| axis.key.to_string()).collect()
    }

    /// Its task correlations; one `None` where the data has no such axis.
    pub fn correlation_axis(&self) -> Vec<Option<f64>> {
        axis(&self.task_correlations)
    }

    /// Every combination of task correlation and setting, the latter in the inner loop.
    pub fn conditions(&self) -> Vec<Condition> {
        let settings = self.settings();
        let conditions = self.correlation_axis().into_iter().flat_map(|task_correlation| {
            settings.iter().map(move |setting| Condition { task_correlation, setting: setting.clone() })
        });
        conditions.collect()
    }
}

/// Whether a name is a plain path component on every system.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// How every run is trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Train {
    /// Optimiser steps.
    pub steps: u64,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Losses are logged at every multiple of this, and after the last step.
    pub log_every: u64,
    /// Gate statistics are logged at every multiple of this (itself a multiple of `log_every`), and after
    /// the last step.
    pub log_gates_every: u64,
    /// Initialisation of the parameters.
    pub init: Init,
    /// Choice of the engine.
    pub engine: EngineChoice,
    /// Choice of the device.
    pub device: DeviceChoice,
    /// Rows of the held-out set.
    pub held_out_rows: usize,
    /// Changes of plain Adam.
    #[serde(flatten)]
    pub recipe: Recipe,
}

/// Settings of figures, tables and claims. No run depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Rows whose losses are reported.
    pub loss: ReportedLoss,
    /// Names of the models that others are compared with; empty for the kind's own, which share nothing.
    #[serde(rename = "baseline", skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<String>,
}

/// Rows whose losses are reported; both are logged. The paper does not say which ones it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedLoss {
    /// The held-out rows.
    #[default]
    HeldOut,
    /// The training batch of the step.
    Training,
}

/// Choice of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The fastest that can train the model on the device.
    Auto,
    /// Candle ops and autograd: any model, any device.
    Graph,
    /// Custom kernels for the mixture family and the towers, on the CPU.
    Fused,
}

/// Choice of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The CPU.
    Cpu,
    /// The CUDA device with this number.
    Cuda(usize),
}

impl Serialize for DeviceChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", number)) => number.parse().map(Self::Cuda).map_err(drop),
            _ => Err(()),
        }
    }
}

/// The choices of a tuning, and its budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Tune {
    /// Number of combinations tried of every model.
    pub trials: usize,
    /// Seed of the draw of combinations.
    pub draw: u64,
    /// Learning rates to choose from, for every model.
    pub learning_rates: Vec<f64>,
    /// Rungs, from the cheapest to the most expensive; the last keeps one trial of every model.
    pub rungs: Vec<Rung>,
    /// Names of models with the choices of their sizes.
    pub models: Vec<(String, Choices)>,
}

/// Sizes of a model, each with the values to choose from.
pub type Choices = Vec<(String, Vec<Value>)>;

impl Experiment {
    /// Inputs and outputs of a network on this data.
    pub fn problem(&self) -> Problem {
        Problem { features: self.data.source().features(), tasks: self.data.source().tasks() }
    }

    /// The experiment with its rows read, where they are in files; the specification of the data then has their digest.
    /// Planning and training need it.
    ///
    /// # Errors
    /// Those of [`Source::open`](crate::data::Source::open).
    pub fn open(mut self) -> Result<Self, DataError> {
        // Rows are read once for all variants of equal data.
        let mut opened: Vec<(DataSpec, Opened)> = Vec::new();
        for experiment in std::iter::once(&self).chain(&self.variants.experiments) {
            if opened.iter().all(|(spec, _)| *spec != experiment.data)
                && let Some(rows) = experiment.data.source().open()?
            {
                opened.push((experiment.data.clone(), rows));
            }
        }
        let give = |data: &mut DataSpec, own: &mut Option<Arc<dyn Rows>>| {
            if let Some((_, Opened { spec, rows })) = opened.iter().find(|(spec, _)| spec == data) {
                (*data, *own) = (spec.clone(), Some(rows.clone()));
            }
        };
        give(&mut self.data, &mut self.rows);
        for Experiment { data, rows, .. } in &mut self.variants.experiments {
            give(data, rows);
        }
        Ok(self)
    }

    /// The rows; none where they are in files that have not been read.
    pub fn rows(&self) -> Option<Arc<dyn Rows>> {
        self.rows.clone().or_else(|| self.data.source().generated())
    }

    /// The batches of a seed, with labels for each of `task_correlations`.
    ///
    /// # Panics
    /// If the rows are in files that have not been read: [`Experiment::open`].
    pub fn feed(&self, seed: u64, task_correlations: &[f64]) -> Box<dyn Feed> {
        let rows = self.rows().expect("files are read before their rows are used");
        rows.feed(seed, task_correlations)
    }

    /// The network of a model: its architecture, behind embeddings where the data has categorical features.
    pub fn network(&self, model: &ModelSpec) -> Box<dyn Model> {
        let network = model.sizes.configuration.build(self.problem());
        match self.rows().and_then(|rows| rows.embedding()) {
            Some(Embedding { categorical, vocabulary, units, fan_in }) => {
                Box::new(Embedded::new(categorical, vocabulary, units, fan_in, network))
            }
            None => network,
        }
    }

    /// Learning rates of a model's runs.
    pub fn learning_rates<'a>(&'a self, model: &'a ModelSpec) -> &'a [f64] {
        model.learning_rate.as_ref().map_or(&self.grid.learning_rates, std::slice::from_ref)
    }

    /// Title of a model in figures; its name where the experiment does not have it.
    pub fn model_title<'a>(&'a self, name: &'a str) -> &'a str {
        self.models.iter().find(|model| model.name == name).map_or(name, |model| &model.title)
    }
}
