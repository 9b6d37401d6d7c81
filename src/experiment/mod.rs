//! Experiments: what to generate, train and log, read from a TOML file and checked once.
//!
//! The first stage of the journey. [`Experiment`] can only hold values that make sense, so nothing after
//! it asks again; [`plan`] turns it into runs and groups.

use serde::{Deserialize, Serialize};

use crate::data::census::schema;
use crate::data::{DataError, DataSpec, Knob, Opened};
use crate::model::embedded::Embedded;
use crate::model::initialise::Init;
use crate::model::{Architecture, Model, Problem, Sizes};

mod condition;
pub mod library;
pub mod load;
pub mod matching;
pub mod plan;
pub mod search;
mod section;
pub mod shard;
pub mod tune;

use condition::axis;
pub use condition::{Condition, Sweep};
pub use load::LoadError;
use load::resized;
pub use tune::Tune;

/// A checked experiment.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Name of the study, and of its folder in `results/`: the file's name without `.toml`.
    pub name: String,
    /// One line for headings.
    pub title: String,
    /// A few sentences on what it asks.
    pub description: String,
    /// What the rows are.
    pub data: DataSpec,
    /// What was opened of them: [`Experiment::open`].
    pub opened: Opened,
    /// What is varied.
    pub grid: Grid,
    /// The models of `grid.models`, in that order.
    pub models: Vec<ModelSpec>,
    /// How it is trained.
    pub train: Train,
    /// How sizes and learning rates are chosen first, if they are.
    pub tune: Option<Tune>,
    /// What figures, tables and claims show of it.
    pub report: Report,
}

/// What is varied: every combination is a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grid {
    /// Names of the models; may be empty where only labels are studied.
    pub models: Vec<String>,
    /// Task correlations, −1 to 1, in rising order; empty where rows are read and their correlation cannot be set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_correlations: Vec<f64>,
    /// The parameter of the data that is swept beside them, if one is: `vary` and `values` in TOML.
    #[serde(skip)]
    pub sweep: Option<Sweep>,
    /// Adam's step sizes, in rising order; for models without one of their own.
    pub learning_rates: Vec<f64>,
    /// Seeds, in rising order.
    pub seeds: Vec<u64>,
}

/// A model of an experiment: an architecture with its sizes under a name.
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
    /// Its own step size of Adam, in the place of the grid's.
    pub learning_rate: Option<f64>,
}

impl Grid {
    /// The swept parameter, if there is one.
    pub fn swept_parameter(&self) -> Option<Knob> {
        self.sweep.as_ref().map(|sweep| sweep.parameter)
    }

    /// Values of the swept parameter; empty where none is swept.
    pub fn swept_values(&self) -> &[f64] {
        self.sweep.as_ref().map_or(&[], |sweep| &sweep.values)
    }

    /// Its task correlations; one `None` where the data has no such axis.
    pub fn correlation_axis(&self) -> Vec<Option<f64>> {
        axis(&self.task_correlations)
    }

    /// Every combination of task correlation and swept value, the latter in the inner loop.
    pub fn conditions(&self) -> Vec<Condition> {
        let swept_values = axis(self.swept_values());
        let conditions = self.correlation_axis().into_iter().flat_map(|task_correlation| {
            swept_values.iter().map(move |&swept_value| Condition { task_correlation, swept_value })
        });
        conditions.collect()
    }
}

/// How every run is trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Train {
    /// Optimiser steps.
    pub steps: u64,
    /// Rows of a step's batch.
    pub batch_size: usize,
    /// Losses are logged at every multiple of this, and after the last step.
    pub log_every: u64,
    /// Gate statistics are logged at every multiple of this (itself a multiple of `log_every`), and after
    /// the last step.
    pub log_gates_every: u64,
    /// First values of the parameters.
    pub init: Init,
    /// Which engine trains.
    pub engine: EngineChoice,
    /// Where it trains.
    pub device: DeviceChoice,
    /// Rows of the held-out set.
    pub held_out_rows: usize,
}

/// What figures, tables and claims show of a study. No run depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Whose losses.
    pub loss: ReportedLoss,
}

/// Rows whose losses are reported; both are logged. The paper does not say which it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedLoss {
    /// The held-out rows.
    #[default]
    HeldOut,
    /// The step's training batch.
    Training,
}

/// Which engine trains the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The fastest that can train the model on the device.
    Auto,
    /// Plain Candle ops and autograd: any model, any device.
    Graph,
    /// One custom op per model: the mixture family on the CPU.
    Fused,
}

/// Where the runs are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The CPU.
    Cpu,
    /// The CUDA device of this number.
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

impl Experiment {
    /// What the data asks of an architecture.
    pub fn problem(&self) -> Problem {
        Problem { features: self.data.features(), tasks: self.data.tasks() }
    }

    /// The data at a value of the swept parameter; as the experiment has it where none is swept.
    pub fn data_at(&self, swept_value: Option<f64>) -> DataSpec {
        match self.grid.swept_parameter().zip(swept_value) {
            Some((parameter, value)) => self.data.with(parameter, value),
            None => self.data.clone(),
        }
    }

    /// The experiment with its rows opened, where they have to be; the specification of the data then says which
    /// they are. Planning and training need it.
    pub fn open(mut self) -> Result<Self, DataError> {
        (self.data, self.opened) = self.data.open()?;
        Ok(self)
    }

    /// The network of a model: the architecture, behind embeddings where rows have words.
    pub fn network(&self, model: &ModelSpec) -> Box<dyn Model> {
        /// Variance 1/100 of the first values of embeddings of impressions: most words of a log are rare, and what
        /// is not learned of them is noise.
        const FAN_IN: usize = 100;
        let network = model.sizes.configuration.build(self.problem());
        match (&self.data, &self.opened) {
            (DataSpec::Census(spec), Opened::Census(census)) => {
                Box::new(Embedded::new(schema::CATEGORIES, census.words, spec.embedding_units, 1, network))
            }
            (DataSpec::Funnel(spec), _) => {
                let words = spec.fields * spec.words;
                Box::new(Embedded::new(spec.fields, words, spec.embedding_units, FAN_IN, network))
            }
            (DataSpec::AliCcp(spec), Opened::AliCcp(read)) => {
                let (fields, words) = (read.log.fields, read.log.words);
                Box::new(Embedded::new(fields, words, spec.embedding_units, FAN_IN, network))
            }
            _ => network,
        }
    }

    /// Step sizes of a model's runs.
    pub fn learning_rates<'a>(&'a self, model: &'a ModelSpec) -> &'a [f64] {
        model.learning_rate.as_ref().map_or(&self.grid.learning_rates, std::slice::from_ref)
    }

    /// Title of a model in figures; its name where the experiment does not know it.
    pub fn model_title<'a>(&'a self, name: &'a str) -> &'a str {
        self.models.iter().find(|model| model.name == name).map_or(name, |model| &model.title)
    }

    /// The experiment with every default filled in, as `study.toml` has it. Reading it back gives the same
    /// experiment.
    pub fn to_toml(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("title".into(), self.title.clone().into());
        table.insert("description".into(), self.description.clone().into());
        let mut data = match &self.data {
            DataSpec::Synthetic(spec) => section(spec),
            DataSpec::Census(spec) => section(spec),
            DataSpec::Funnel(spec) => section(spec),
            DataSpec::AliCcp(spec) => section(spec),
        };
        data.insert("kind".into(), self.data.kind().into());
        table.insert("data".into(), data.into());
        let mut grid = section(&self.grid);
        if let Some(Sweep { parameter, values }) = &self.grid.sweep {
            grid.insert("vary".into(), parameter.key().into());
            grid.insert("values".into(), values.clone().into());
        }
        table.insert("grid".into(), grid.into());
        table.insert("train".into(), section(&self.train).into());
        let models: toml::Table = self
            .models
            .iter()
            .map(|model| {
                let mut sizes = model.sizes.table.clone();
                sizes.insert("architecture".into(), model.architecture.name.into());
                sizes.extend(model.learning_rate.map(|rate| ("learning_rate".to_string(), rate.into())));
                (model.name.clone(), sizes.into())
            })
            .collect();
        table.insert("models".into(), models.into());
        table.insert("report".into(), section(&self.report).into());
        if let Some(tune) = &self.tune {
            table.insert("tune".into(), tune.to_toml().into());
        }
        table
    }
}

/// A section of an experiment as a TOML table.
fn section(fields: &impl Serialize) -> toml::Table {
    toml::Table::try_from(fields).expect("sections hold numbers, strings and lists")
}
