//! The section `[train]`: how every run is trained.

use super::engine::Engine;
use super::error::Mistake;
use super::limits::MOST;
use super::recipe;
use super::schema::{DeviceChoice, EngineChoice, ModelSpec, Train};
use super::section::{Section, whole};
use crate::data::DataSpec;
use crate::model::Problem;
use crate::model::initialise::Init;

/// Keys of `[train]`.
pub(super) const KEYS: &[&str] = &[
    "steps",
    "batch_size",
    "log_every",
    "log_gates_every",
    "init",
    "engine",
    "device",
    "held_out_rows",
    "weight_decay",
    "schedule",
    "clip_norm",
    "dropout",
    "validation_rows",
    "stop",
];

/// Reads `[train]`.
pub(super) fn read(
    mut section: Section,
    models: &[ModelSpec],
    data: &DataSpec,
    problem: Problem,
) -> Result<Train, Mistake> {
    let needed = !models.is_empty();
    let steps = section.whole("steps", whole(1..=MOST), (!needed).then_some(1))?;
    let batch_size = section.whole("batch_size", whole(1..=1_000_000), (!needed).then_some(1))? as usize;
    let log_every = section.whole("log_every", whole(1..=MOST), Some(100))?;
    let log_gates_every = section.whole("log_gates_every", whole(1..=MOST), Some(10 * log_every))?;
    if !log_gates_every.is_multiple_of(log_every) {
        let remedy = format!("a multiple of train.log_every, which is {log_every}");
        return Err(section.mistake("log_gates_every", log_gates_every, remedy));
    }
    let inits = [
        ("truncated_normal_fan_in", Init::TruncatedNormalFanIn),
        ("glorot_uniform", Init::GlorotUniform),
        ("he_normal", Init::HeNormal),
        ("uniform_fan_in", Init::UniformFanIn),
    ];
    let init = section.word("init", &inits, Some(Init::TruncatedNormalFanIn))?;
    let engines =
        [("auto", EngineChoice::Auto), ("graph", EngineChoice::Graph), ("fused", EngineChoice::Fused)];
    let engine = section.word("engine", &engines, Some(EngineChoice::Auto))?;
    let device = section.text_or("device", "cpu")?;
    let device: DeviceChoice = device.parse().map_err(|()| {
        section.mistake("device", format!("{device:?}"), "\"cpu\", \"cuda\" or \"cuda:<number>\"")
    })?;
    let held_out_rows = section.whole("held_out_rows", whole(1..=1_000_000), Some(1024))? as usize;
    if engine == EngineChoice::Fused {
        if device != DeviceChoice::Cpu {
            return Err(section.mistake(
                "engine",
                "\"fused\"",
                "\"graph\" or \"auto\": the fused engine does not run on a CUDA device",
            ));
        }
        if let Some(model) = models.iter().find(|model| !Engine::fused_can_train(problem, data, model)) {
            let remedy = format!(
                "\"graph\" or \"auto\": the fused engine trains the mixture family for regression and the towers for \
                 conversion; it cannot train {} on this data",
                model.name
            );
            return Err(section.mistake("engine", "\"fused\"", remedy));
        }
    }
    let recipe = recipe::read(&mut section, steps, problem.tasks)?;
    section.finish(KEYS)?;
    Ok(Train { steps, batch_size, log_every, log_gates_every, init, engine, device, held_out_rows, recipe })
}
