//! Which engine trains a model: the choice `auto` resolved.

use serde::Serialize;

use super::schema::{DeviceChoice, EngineChoice, Experiment, ModelSpec};
use crate::data::DataSpec;
use crate::model::Problem;

/// The engine that will train a model, the choice `auto` being resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Plain Candle ops and autograd.
    Graph,
    /// One custom op per model, mixture family, CPU.
    Fused,
}

impl Engine {
    /// The engine for a model: as chosen, or the fastest that can.
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

    /// Whether the fused engine can train a model: the mixture family on numbers, heads on impressions. Embeddings
    /// want the gradient of a network's inputs, which it does not have for the mixture family.
    pub fn fused_can_train(problem: Problem, data: &DataSpec, model: &ModelSpec) -> bool {
        let network = model.sizes.configuration.build(problem);
        network.heads().is_some() || (network.mixture().is_some() && !data.source().has_categorical())
    }

    /// The name in `runs.csv`, with the kind of device.
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
