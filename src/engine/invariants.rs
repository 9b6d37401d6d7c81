//! What must hold whatever the results are: mistakes that a comparison with earlier results cannot find where those were
//! made with the same mistake.
//!
//! 1. **Parts of a model start apart.** Experts that start from equal values are given equal gradients by a gate that
//!    weighs them equally, and stay one expert for ever. The same holds for towers and gates.
//! 2. **Held-out rows are not trained on.**

use std::collections::HashSet;

use candle_core::Result;
use serde::Serialize;

use super::cohort::{Cohort, cohorts, networks};
use super::loaders::DataLoaders;
use super::train::PopulationFactory;
use crate::data::Batch;
use crate::experiment::Experiment;
use crate::experiment::plan::Plan;
use crate::model::{Layout, Parameter, Role};

/// Something that must hold, and whether it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invariant {
    /// What must hold, such as `experts and towers of mmoe start from different values`.
    pub name: String,
    /// What was found instead; none where it holds.
    pub broken: Option<String>,
}

/// Tests the invariants on the first seed of an experiment, whose populations come from `factory`: the initial parameters
/// of every model, and the rows of all steps. Nothing is trained.
///
/// # Errors
/// If a population cannot be created or read.
pub fn test(experiment: &Experiment, factory: &PopulationFactory) -> Result<Vec<Invariant>> {
    let plan = Plan::new(experiment);
    let mut found: Vec<Invariant> = Vec::new();
    for (number, group) in
        plan.groups.chunk_by(|a, b| a.seed == b.seed).next().unwrap_or_default().iter().enumerate()
    {
        let groups = std::slice::from_ref(group);
        let mut loaders = DataLoaders::new(experiment, groups);
        let networks = networks(experiment, groups);
        let cohorts = cohorts(experiment, groups, &networks, &loaders, factory)?;
        for ((model, network), cohort) in networks.iter().zip(&cohorts) {
            let invariant = parts_start_apart(&experiment.models[*model].name, network.layout(), cohort)?;
            if !found.contains(&invariant) {
                found.push(invariant);
            }
        }
        // Rows of categories repeat: two persons may have the same age, work and town.
        if number == 0 && !experiment.data.source().has_categorical() {
            found.push(held_out_is_not_trained_on(experiment, &mut loaders));
        }
    }
    Ok(found)
}

/// No two parts of a drawn parameter hold the same numbers.
fn parts_start_apart(model: &str, layout: &Layout, cohort: &Cohort) -> Result<Invariant> {
    let parameters = cohort.parameters()?;
    let one_run = parameters.get(..layout.count()).unwrap_or_default();
    let equal = layout.parameters.iter().zip(layout.ranges()).find_map(|(parameter, range)| {
        let drawn = !matches!(parameter.role, Role::Bias { .. } | Role::Mixing { .. });
        let [first, second] = equal_parts(parameter, one_run.get(range).filter(|_| drawn)?)?;
        Some(format!(
            "parts {} and {} of {} start from equal values, so that they learn the same",
            first + 1,
            second + 1,
            parameter.name
        ))
    });
    Ok(Invariant { name: format!("parts of {model} start from different values"), broken: equal })
}

/// The first two equal parts of a parameter, counted from 0: blocks of columns (experts, gates), in every matrix of a
/// stack (towers).
fn equal_parts(parameter: &Parameter, values: &[f32]) -> Option<[usize; 2]> {
    let columns = *parameter.shape.last()?;
    let matrices = if parameter.shape.len() > 2 { parameter.shape[0] } else { 1 };
    let width = columns / parameter.blocks;
    let mut parts: Vec<Vec<u32>> = Vec::new();
    for matrix in values.chunks_exact(parameter.count() / matrices) {
        for block in 0..parameter.blocks {
            let rows = matrix.chunks_exact(columns);
            let part = rows.flat_map(|row| &row[block * width..][..width]).map(|x| x.to_bits()).collect();
            if let Some(first) = parts.iter().position(|other| *other == part) {
                return Some([first, parts.len()]);
            }
            parts.push(part);
        }
    }
    None
}

/// No held-out row has the inputs of a row that is trained on.
fn held_out_is_not_trained_on(experiment: &Experiment, loaders: &mut DataLoaders) -> Invariant {
    let train = &experiment.train;
    let mut batch = Batch::default();
    loaders.fill(&mut batch, |feed, batch| feed.held_out(train.held_out_rows, batch));
    let held_out: HashSet<blake3::Hash> = rows(&batch).collect();
    let mut shared = HashSet::new();
    for step in 0..train.steps {
        loaders.fill_step(step, train.batch_size, &mut batch);
        shared.extend(rows(&batch).filter(|row| held_out.contains(row)));
    }
    let broken = (!shared.is_empty())
        .then(|| format!("{} of {} held-out rows are trained on", shared.len(), held_out.len()));
    Invariant { name: "held-out rows are not trained on".into(), broken }
}

/// Hashes of the inputs of a batch's rows.
fn rows(batch: &Batch) -> impl Iterator<Item = blake3::Hash> {
    batch.x.chunks_exact(batch.features.max(1)).map(|row| {
        let mut hasher = blake3::Hasher::new();
        for x in row {
            hasher.update(&x.to_le_bytes());
        }
        hasher.finalize()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::population;
    use crate::experiment::library;

    #[test]
    fn every_architecture_and_every_generator_keeps_them() {
        let funnel = ["data.training_impressions=500", "data.test_impressions=400"];
        let small: [(&str, &[&str]); 4] = [
            ("models", &["train.steps=3"]),
            ("quick", &["train.steps=40", "data.source={rows=1000}"]),
            ("quick", &["train.steps=3", "train.init=glorot_uniform", "train.engine=graph"]),
            ("esmm", &[funnel[0], funnel[1], "train.steps=3"]),
        ];
        for (name, sets) in small {
            let sets: Vec<String> = sets
                .iter()
                .chain(&["grid.seeds=1", "train.batch_size=64"])
                .map(|set| set.to_string())
                .collect();
            let experiment = library::find(name, &sets).unwrap();
            let found = test(&experiment, &population).unwrap();
            let of_rows = usize::from(!experiment.data.source().has_categorical());
            assert_eq!(found.len(), experiment.models.len() + of_rows, "{name}: {found:#?}");
            assert!(found.iter().all(|invariant| invariant.broken.is_none()), "{name}: {found:#?}");
        }
    }

    #[test]
    fn equal_experts_and_equal_towers_are_found() {
        let experts = Parameter::weight("expert.weight", &[2, 6], 2, 2).in_blocks(3);
        let apart = [1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12.];
        assert_eq!(equal_parts(&experts, &apart), None);
        let equal = [1., 2., 3., 4., 1., 2., 7., 8., 9., 10., 7., 8.];
        assert_eq!(equal_parts(&experts, &equal), Some([0, 2]));
        let towers = Parameter::weight("tower.weight", &[2, 2, 2], 2, 2);
        assert_eq!(equal_parts(&towers, &[1., 2., 3., 4., 1., 2., 3., 4.]), Some([0, 1]));
        assert_eq!(equal_parts(&towers, &[1., 2., 3., 4., 1., 2., 3., 5.]), None);
    }
}
