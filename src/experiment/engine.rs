//! The engine of a model: resolves `engine = "auto"`.

use serde::Serialize;

use super::schema::{DeviceChoice, EngineChoice, Experiment, ModelSpec};
use crate::data::DataSpec;
use crate::model::Problem;

/// The engine that trains a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Candle ops and autograd.
    Graph,
    /// Custom kernels for the mixture family and the towers, on the CPU.
    Fused,
}

impl Engine {
    /// The engine for a model: the chosen one, or for `auto` the fastest that can train it.
    pub fn for_model(experiment: &Experiment, model: &ModelSpec) -> Self {
        let train = &experiment.train;
        match train.engine {
            EngineChoice::Graph => Self::Graph,
            EngineChoice::Fused => Self::Fused,
            EngineChoice::Auto if train.device != DeviceChoice::Cpu => Self::Graph,
            EngineChoice::Auto if Self::fused_can_train(experiment.problem(), &experiment.data, model) => {
                Self::Fused
            }
            EngineChoice::Auto => Self::Graph,
        }
    }

    /// Whether the fused engine can train a model: the mixture family for regression, towers for conversion.
    pub fn fused_can_train(problem: Problem, data: &DataSpec, model: &ModelSpec) -> bool {
        let network = model.sizes.configuration.build(problem);
        network.towers().is_some() || (network.mixture().is_some() && !data.source().has_categorical())
    }

    /// Name in `runs.csv`, with the kind of device.
    pub fn label(self, device: DeviceChoice) -> String {
        let engine = match self {
            Self::Graph => "graph",
            Self::Fused => "fused",
        };
        let device = match device {
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Cuda(_) => "cuda",
        };
        format!("{engine}-{device}")
    }
}
