//! Groups that a GPU trains as one population.

use super::graph::EVALUATION_ROWS;
use crate::experiment::Experiment;
use crate::experiment::plan::Group;
use crate::model::{Layout, Parameter, Role};

/// Splits groups of one variant of an experiment, which is `experiment`, into runs of consecutive ones that a GPU can train as one population: Candle's kernels count the
/// elements of a tensor in 32 bits and would begin again at 0 beyond them. Memory is not considered.
pub fn gpu_populations<'a>(experiment: &Experiment, groups: &'a [Group]) -> Vec<&'a [Group]> {
    /// Half of what 32 bits count: a kernel's threads go on from an element by as many as there are.
    const MOST: usize = i32::MAX as usize;
    let train = &experiment.train;
    let rows = train.batch_size.max(train.held_out_rows.min(EVALUATION_ROWS));
    let largest: Vec<usize> = experiment
        .models
        .iter()
        .map(|model| largest_tensor(experiment.network(model).layout(), experiment.problem().features, rows))
        .collect();
    let mut populations = Vec::new();
    let (mut first, mut elements) = (0, vec![0usize; largest.len()]);
    for (at, group) in groups.iter().enumerate() {
        let mut grown = elements.clone();
        group
            .runs
            .iter()
            .for_each(|run| grown[run.model] = grown[run.model].saturating_add(largest[run.model]));
        if at > first && grown.iter().any(|&elements| elements > MOST) {
            populations.push(&groups[first..at]);
            grown.iter_mut().zip(&elements).for_each(|(grown, before)| *grown -= before);
            first = at;
        }
        elements = grown;
    }
    populations.push(&groups[first..]);
    populations
}

/// Elements of the largest tensor of one run: its inputs, what goes into or comes out of one of its layers, or a
/// parameter's moments.
fn largest_tensor(layout: &Layout, features: usize, rows: usize) -> usize {
    let elements = |parameter: &Parameter| {
        let beside = match parameter.role {
            // Rows of it are looked up; what comes out goes into the first layer.
            Role::Embedding { .. } => 1,
            // Which experts a gate keeps is found by comparing each with each.
            Role::Gate { fan_in, .. } => {
                let gates = parameter.count() / fan_in.max(1);
                gates * gates.div_ceil(parameter.blocks.max(1))
            }
            Role::Weight { fan_in, fan_out } => parameter.count() / fan_in.min(fan_out).max(1),
            _ => 1,
        };
        (2 * parameter.count()).max(rows.saturating_mul(beside))
    };
    let layers = layout.parameters.iter().map(elements).max().unwrap_or(0);
    layers.max(rows.saturating_mul(features))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::library;
    use crate::experiment::plan::Plan;

    #[test]
    fn a_gpu_trains_the_papers_grid_as_one_population() {
        let experiment = library::find("figure4", &["grid.seeds=200".into()]).unwrap();
        let plan = Plan::new(&experiment);
        assert_eq!(gpu_populations(&experiment, &plan.groups).len(), 1);
    }

    #[test]
    fn no_tensor_of_a_population_has_more_elements_than_a_kernel_counts() {
        let sets = ["grid.seeds=20", "train.batch_size=200000"].map(String::from);
        let experiment = library::find("ci", &sets).unwrap();
        let plan = Plan::new(&experiment);
        let populations = gpu_populations(&experiment, &plan.groups);
        assert!(populations.len() > 1 && populations.iter().all(|groups| !groups.is_empty()));
        let seeds = populations.concat().iter().map(|group| group.seed).collect::<Vec<_>>();
        assert_eq!(seeds, plan.groups.iter().map(|group| group.seed).collect::<Vec<_>>());
        for groups in populations {
            // MMoE's hidden layer, 8 experts of 16 units.
            let runs = groups.iter().flat_map(|group| &group.runs).filter(|run| run.model == 3).count();
            assert!(runs * 200_000 * 128 <= i32::MAX as usize);
        }
    }
}
