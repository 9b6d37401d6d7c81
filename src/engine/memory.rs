//! How much memory a sweep takes, before it starts.

use super::graph::EVALUATION_ROWS;
use super::objective;
use crate::experiment::engine::Engine;
use crate::experiment::plan::{Group, Plan};
use crate::experiment::{Condition, DeviceChoice, Experiment};
use crate::model::{Layout, Parameter, Role};

/// The program itself with its allocator's reserves.
const BASE: u64 = 30 << 20;

/// Predicted peak of resident memory in bytes, with `threads` groups in flight; on a GPU all of them are.
pub fn peak_bytes(experiment: &Experiment, plan: &Plan, threads: usize) -> u64 {
    let of_groups = plan.groups.iter().map(|group| group_bytes(experiment, group));
    let training = match experiment.train.device {
        DeviceChoice::Cpu => {
            of_groups.max().unwrap_or(0).saturating_mul(threads.min(plan.groups.len()) as u64)
        }
        // All groups at once; each group's rows are there twice more where they are joined, for this step and the next.
        DeviceChoice::Cuda(_) => of_groups.fold(0, u64::saturating_add).saturating_mul(3),
    };
    let others =
        [opening_bytes(experiment), training, drawing_bytes(experiment), records_bytes(experiment, plan)];
    others.into_iter().fold(BASE, u64::saturating_add)
}

/// Rows that are read: encoded, and as words while they are encoded.
fn opening_bytes(experiment: &Experiment) -> u64 {
    2 * experiment.rows.as_ref().map_or(0, |rows| rows.bytes())
}

/// The largest figure while it is drawn: Figure 5, a row of panels for every model and three correlations. The
/// memory of training is still held by then.
fn drawing_bytes(experiment: &Experiment) -> u64 {
    /// Bytes of a row of panels: 4,000 by 940 pixels of three channels, and a quarter more for the PNG of half
    /// the size.
    const ROW: u64 = 4_000 * 940 * 3 * 5 / 4;
    /// Title and legend, and what small figures need in any case.
    const LEAST: u64 = 8 << 20;
    let blocks = experiment.grid.task_correlations.len().max(1).div_ceil(3);
    LEAST + ROW * (experiment.models.len() * blocks) as u64
}

/// One group while it trains; on a GPU only its rows and what its parameters start from, as the rest is not in this
/// machine's memory.
fn group_bytes(experiment: &Experiment, group: &Group) -> u64 {
    let problem = experiment.problem();
    let train = &experiment.train;
    // What nobody has memory for must not look small: products saturate.
    let floats = |factors: &[usize]| factors.iter().fold(4u64, |bytes, &n| bytes.saturating_mul(n as u64));
    let label_sets = experiment.grid.task_correlations.len().max(1);
    // Rows that are read are there once for all groups: `opening_bytes`.
    let of_condition = |condition: &Condition| {
        let Some(rows) = experiment.rows_at(condition.swept_value) else { return 0 };
        let batches = rows.batch_bytes(train.batch_size, train.held_out_rows, label_sets);
        let scores = rows.scored_rows() as u64 * objective::scoring_bytes(experiment.data.task());
        rows.feed_bytes().saturating_add(batches).saturating_add(scores)
    };
    let data = experiment.grid.conditions().iter().map(of_condition).max().unwrap_or(0);
    let models = experiment.models.iter().enumerate().map(|(number, model)| {
        let runs = group.runs.iter().filter(|run| run.model == number).count();
        let network = experiment.network(model);
        if train.device != DeviceChoice::Cpu {
            return (floats(&[runs, network.layout().count()]), 0);
        }
        // Parameters, gradient and two moments.
        let state = floats(&[4, runs, network.layout().count()]);
        // What a step keeps of every row: the fused engine reuses one run's buffers, the graph engine holds
        // every intermediate of all runs, forward and backward.
        let layout = network.layout();
        let table =
            layout.parameters.iter().filter(|parameter| matches!(parameter.role, Role::Embedding { .. }));
        let beside: usize = layout.count() - table.map(Parameter::count).sum::<usize>();
        let widest = beside.div_ceil(problem.features);
        let step = match Engine::for_model(experiment, model) {
            Engine::Fused => floats(&[4, train.batch_size, widest]),
            Engine::Graph => floats(&[10, runs, train.batch_size, widest]).saturating_add(floats(&[
                4,
                runs,
                network.layout().count(),
            ])),
        };
        (state, step)
    });
    // Populations train in turn, but the allocator keeps what each of them needed: tensors of different models
    // have different sizes.
    models.fold(data, |bytes, (state, step)| bytes.saturating_add(state).saturating_add(step))
}

/// Groups in a row that a GPU can train as one population: Candle's kernels count the elements of a tensor in 32 bits,
/// and would begin again at 0 beyond them. Not a bound of memory.
pub fn populations<'a>(experiment: &Experiment, groups: &'a [Group]) -> Vec<&'a [Group]> {
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
    let of_parameter = |parameter: &Parameter| {
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
    let of_layers = layout.parameters.iter().map(of_parameter).max().unwrap_or(0);
    of_layers.max(rows.saturating_mul(features))
}

/// Upper bound of the text of the largest group's records, in bytes.
pub fn largest_record_bytes(experiment: &Experiment, plan: &Plan) -> u64 {
    /// Text of a point without its numbers, and of one number with its comma, at their longest.
    const POINT: u64 = 100;
    const NUMBER: u64 = 16;
    /// Text of the four scores and ten tenths of a model of click and conversion, names and numbers at their longest.
    const SCORES: u64 = 4 * 400 + 10 * 160;
    let (problem, train) = (experiment.problem(), &experiment.train);
    let tasks = problem.tasks as u64;
    let points = train.steps / train.log_every + 2;
    let gate_points = train.steps / train.log_gates_every + 2;
    let of_model: Vec<u64> = experiment
        .models
        .iter()
        .map(|model| {
            let network = model.sizes.configuration.build(problem);
            let experts =
                network.mixture().map_or_else(|| widest_gate(network.layout()), |shape| shape.experts);
            let experts = experts as u64;
            let curve = points.saturating_mul(POINT + 2 * tasks * NUMBER).saturating_add(SCORES);
            curve.saturating_add(gate_points.saturating_mul(tasks * (POINT + experts * NUMBER)))
        })
        .collect();
    let of_group = |group: &Group| {
        group.runs.iter().fold(0u64, |bytes, run| bytes.saturating_add(4 * POINT + of_model[run.model]))
    };
    plan.groups.iter().map(of_group).max().unwrap_or(0)
}

/// Bound of the experts that a gate of a model outside the mixture family chooses from; 0 where it has no gates.
fn widest_gate(layout: &Layout) -> usize {
    let gates = layout.parameters.iter().filter(|parameter| matches!(parameter.role, Role::Gate { .. }));
    gates.filter_map(|gate| gate.shape.last().copied()).max().unwrap_or(0)
}

/// All records in memory while they are merged and reported on: points of curves and gates, the CSV text of
/// the largest table beside them.
fn records_bytes(experiment: &Experiment, plan: &Plan) -> u64 {
    let (tasks, train) = (experiment.problem().tasks as u64, &experiment.train);
    /// A list's own size and its allocation's overhead.
    const LIST: u64 = 40;
    let points = train.steps / train.log_every + 2;
    let point = 8 + 2 * (LIST + 4 * tasks) + 25 * (4 + 2 * tasks);
    let gate_points = train.steps / train.log_gates_every + 2;
    let gate = tasks * (16 + LIST + 8 * 4);
    let run = 200 + points.saturating_mul(point).saturating_add(gate_points.saturating_mul(gate));
    run.saturating_mul(plan.runs().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::library;

    #[test]
    fn a_gpu_trains_the_papers_grid_as_one_population() {
        let experiment = library::find("figure4", &["grid.seeds=200".into()]).unwrap();
        let plan = Plan::new(&experiment);
        assert_eq!(populations(&experiment, &plan.groups).len(), 1);
    }

    #[test]
    fn no_tensor_of_a_population_has_more_elements_than_a_kernel_counts() {
        let sets = ["grid.seeds=20", "train.batch_size=200000"].map(String::from);
        let experiment = library::find("ci", &sets).unwrap();
        let plan = Plan::new(&experiment);
        let populations = populations(&experiment, &plan.groups);
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
