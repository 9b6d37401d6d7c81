//! Predicted memory of a sweep, before it starts.

use std::sync::Arc;

use super::objective;
use crate::data::{Rows, Task};
use crate::experiment::engine::Engine;
use crate::experiment::plan::{Group, Plan, PlannedRun};
use crate::experiment::{DeviceChoice, Experiment};
use crate::model::{Layout, Parameter, Role};

/// The program itself with its allocator's reserves.
const BASE: u64 = 30 << 20;

/// Predicted peak of resident memory in bytes, with `threads` groups in flight; on a GPU all of them are.
pub fn peak_bytes(experiment: &Experiment, plan: &Plan, threads: usize) -> u64 {
    let rows: Vec<u64> = experiment.variants().iter().map(rows_bytes).collect();
    let groups = plan
        .groups
        .iter()
        .map(|group| group_bytes(experiment.variant(group.variant), group, rows[group.variant]));
    let training = match experiment.train.device {
        DeviceChoice::Cpu => groups.max().unwrap_or(0).saturating_mul(threads.min(plan.groups.len()) as u64),
        // All groups at once; each group's rows are there twice more where they are joined, for this step and the next.
        DeviceChoice::Cuda(_) => groups.fold(0, u64::saturating_add).saturating_mul(3),
    };
    let others =
        [opening_bytes(experiment), training, drawing_bytes(experiment), records_bytes(experiment, plan)];
    others.into_iter().fold(BASE, u64::saturating_add)
}

/// Rows that are read: encoded, and as text while they are encoded.
fn opening_bytes(experiment: &Experiment) -> u64 {
    let mut read: Vec<&Arc<dyn Rows>> = Vec::new();
    for rows in std::iter::once(experiment).chain(experiment.variants()).filter_map(|at| at.rows.as_ref()) {
        if read.iter().all(|other| !Arc::ptr_eq(other, rows)) {
            read.push(rows);
        }
    }
    2 * read.into_iter().map(|rows| rows.bytes()).sum::<u64>()
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

/// Bytes of as many floats as the product of `factors`. Products saturate: what nobody has memory for must not look
/// small.
fn floats(factors: &[usize]) -> u64 {
    factors.iter().fold(4, |bytes, &n| bytes.saturating_mul(n as u64))
}

/// One group while it trains: its rows, of at most `rows` bytes, and every model's population.
fn group_bytes(experiment: &Experiment, group: &Group, rows: u64) -> u64 {
    // Populations train in turn, but the allocator keeps what each of them needed: tensors of different models
    // have different sizes.
    (0..experiment.models.len())
        .map(|model| population_bytes(experiment, group, model))
        .fold(rows, u64::saturating_add)
}

/// The rows of a group of a variant, with what they are batched and scored in. Rows that are read are there once
/// for all groups: [`opening_bytes`].
fn rows_bytes(experiment: &Experiment) -> u64 {
    let train = &experiment.train;
    let Some(rows) = experiment.rows() else { return 0 };
    let label_sets = experiment.grid.task_correlations.len().max(1);
    let batches =
        rows.batch_bytes(train.batch_size, train.held_out_rows + train.recipe.validation_rows, label_sets);
    let scores = rows.scored_rows() as u64 * objective::scoring_bytes(experiment.data.task());
    rows.feed_bytes().saturating_add(batches).saturating_add(scores)
}

/// The runs of a model in a group; on a GPU only what their parameters start from, as the rest is not in this machine's
/// memory.
fn population_bytes(experiment: &Experiment, group: &Group, model: usize) -> u64 {
    let train = &experiment.train;
    let runs = group.runs.iter().filter(|run| run.model == model).count();
    let model = &experiment.models[model];
    let network = experiment.network(model);
    let state = State { runs, parameters: network.layout().count() };
    if experiment.train.device != DeviceChoice::Cpu {
        return state.initial_bytes();
    }
    let activations =
        Activations::new(network.layout(), experiment.problem().features, experiment.train.batch_size);
    let step = match Engine::for_model(experiment, model) {
        Engine::Fused => activations.fused_bytes(),
        Engine::Graph => activations.graph_bytes(runs).saturating_add(state.gradient_bytes()),
    };
    let dropout = if train.recipe.dropout > 0.0 { activations.dropout_bytes() } else { 0 };
    // The best parameters of every run, all of them while the runs that improved are copied, and the start of the
    // population that is scored.
    let best = match train.recipe.validation_rows > 0 && experiment.data.task() != Task::Regression {
        true => 3 * state.initial_bytes(),
        false => 0,
    };
    state.bytes().saturating_add(step).saturating_add(dropout).saturating_add(best)
}

/// Tensors that a population holds from its first step to its last.
struct State {
    runs: usize,
    /// Scalars of a run.
    parameters: usize,
}

impl State {
    /// Parameters, their gradient and two moments.
    const COPIES: usize = 4;
    /// Gradients of a parameter that autograd holds at once, at most.
    const GRADIENTS: usize = 4;

    fn bytes(&self) -> u64 {
        floats(&[Self::COPIES, self.runs, self.parameters])
    }

    fn initial_bytes(&self) -> u64 {
        floats(&[self.runs, self.parameters])
    }

    fn gradient_bytes(&self) -> u64 {
        floats(&[Self::GRADIENTS, self.runs, self.parameters])
    }
}

/// Intermediate results that a step keeps of every row of its batch.
struct Activations {
    rows: usize,
    /// Units of a row, in all layers: parameters that are no embeddings, per input.
    units: usize,
}

impl Activations {
    /// Floats of a unit that the fused engines hold, at most: one run's buffers, forward and backward, serve all runs.
    const FUSED: usize = 4;
    /// Floats of a unit that dropout's factors take, in both engines.
    const DROPOUT: usize = 2;
    /// Floats of a unit that the graph engine holds, at most: every intermediate of all runs, forward and backward.
    const GRAPH: usize = 10;

    fn dropout_bytes(&self) -> u64 {
        floats(&[Self::DROPOUT, self.rows.next_multiple_of(32), self.units])
    }

    fn new(layout: &Layout, features: usize, rows: usize) -> Self {
        let is_looked_up = |parameter: &&Parameter| matches!(parameter.role, Role::Embedding { .. });
        let embeddings: usize = layout.parameters.iter().filter(is_looked_up).map(Parameter::count).sum();
        Self { rows, units: (layout.count() - embeddings).div_ceil(features) }
    }

    fn fused_bytes(&self) -> u64 {
        floats(&[Self::FUSED, self.rows, self.units])
    }

    fn graph_bytes(&self, runs: usize) -> u64 {
        floats(&[Self::GRAPH, runs, self.rows, self.units])
    }
}

/// Text of a point without its numbers, and of one number with its comma, at their longest.
const POINT: u64 = 100;
const NUMBER: u64 = 16;
/// Text of the four scores and ten deciles of a model of click and conversion, names and numbers at their longest.
const SCORES: u64 = 4 * 400 + 10 * 160;

/// Upper bound of the text of the largest group's records, in bytes.
pub fn largest_record_bytes(experiment: &Experiment, plan: &Plan) -> u64 {
    let by_variant: Vec<Vec<u64>> = experiment.variants().iter().map(run_record_bytes).collect();
    let bytes = |group: &Group| {
        let run = |run: &PlannedRun| 4 * POINT + by_variant[group.variant][run.model];
        group.runs.iter().fold(0u64, |bytes, planned| bytes.saturating_add(run(planned)))
    };
    plan.groups.iter().map(bytes).max().unwrap_or(0)
}

/// Upper bound of the text of a run's record, for every model of a variant.
fn run_record_bytes(experiment: &Experiment) -> Vec<u64> {
    let (problem, train) = (experiment.problem(), &experiment.train);
    let tasks = problem.tasks as u64;
    let points = train.steps / train.log_every + 2;
    let gate_points = train.steps / train.log_gates_every + 2;
    experiment
        .models
        .iter()
        .map(|model| {
            let network = model.sizes.configuration.build(problem);
            let experts =
                network.mixture().map_or_else(|| widest_gate(network.layout()), |shape| shape.experts);
            let experts = experts as u64;
            let curve = points.saturating_mul(POINT + 3 * tasks * NUMBER).saturating_add(SCORES);
            curve.saturating_add(gate_points.saturating_mul(tasks * (POINT + experts * NUMBER)))
        })
        .collect()
}

/// Bound of the experts that a gate of a model outside the mixture family chooses from; 0 where it has no gates.
fn widest_gate(layout: &Layout) -> usize {
    let gates = layout.parameters.iter().filter(|parameter| matches!(parameter.role, Role::Gate { .. }));
    gates.filter_map(|gate| gate.shape.last().copied()).max().unwrap_or(0)
}

/// All records in memory while they are merged and reported on: points of curves and gates, the CSV text of
/// the largest table beside them.
fn records_bytes(experiment: &Experiment, plan: &Plan) -> u64 {
    let largest = experiment.variants().iter().map(run_bytes).max().unwrap_or(0);
    largest.saturating_mul(plan.runs().count() as u64)
}

/// The records of a run of a variant in memory.
fn run_bytes(experiment: &Experiment) -> u64 {
    let (tasks, train) = (experiment.problem().tasks as u64, &experiment.train);
    /// A list's own size and its allocation's overhead.
    const LIST: u64 = 40;
    let points = train.steps / train.log_every + 2;
    let point = 8 + 2 * (LIST + 4 * tasks) + 25 * (4 + 2 * tasks);
    let gate_points = train.steps / train.log_gates_every + 2;
    let gate = tasks * (16 + LIST + 8 * 4);
    200 + points.saturating_mul(point).saturating_add(gate_points.saturating_mul(gate))
}
