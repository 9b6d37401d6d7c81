//! The plan: the runs of an experiment, their identities, and the groups in which they are trained.
//!
//! The identity of a run is a hash of everything that its result depends on, and of nothing else. Groups only decide
//! which runs of a seed are trained side by side, and shards which process trains a group; neither changes a result.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::data::rules;
use super::engine::Engine;
pub use super::limits::MAX_GROUP_RUNS_OF_ROWS;
use super::schema::{Experiment, ModelSpec};

/// Version of the meaning of a specification. Raised when the same specification would give another result (a change
/// of generator, initialisation or arithmetic), so that old groups are never taken for new ones.
pub const SCHEMA: u32 = 1;

/// Identity of a run or group: a BLAKE3 hash in hexadecimal, cut to 32 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Identity(pub String);

impl Identity {
    fn from_specification(specification: &impl Serialize) -> Self {
        let canonical = serde_json::to_vec(specification).expect("specifications are plain data");
        Self(blake3::hash(&canonical).to_hex()[..32].to_string())
    }

    /// Identity of the group with these runs, in this order, and this label measurement.
    pub fn for_group<'a>(runs: impl IntoIterator<Item = &'a Self>, labels: Option<&Self>) -> Self {
        Self::from_specification(&(runs.into_iter().collect::<Vec<_>>(), labels))
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a run within its study.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunKey {
    /// Name of the model in the experiment.
    pub model: String,
    /// Task correlation and swept value.
    #[serde(flatten)]
    pub condition: Condition,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Seed of data and initial parameters.
    pub seed: u64,
}

impl RunKey {
    /// Its numbers as bits, which have a total equality.
    fn bits(&self) -> (&str, [Option<u64>; 2], u64, u64) {
        let Self { model, condition, learning_rate, seed } = self;
        (model, condition.bits(), learning_rate.to_bits(), *seed)
    }
}

impl PartialEq for RunKey {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for RunKey {}

impl std::hash::Hash for RunKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

/// One run of the plan.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// Its key in the CSV files.
    pub key: RunKey,
    /// Index of its model in the experiment.
    pub model: usize,
    /// Index of its condition in the grid.
    pub condition: usize,
    /// Hash of its specification.
    pub identity: Identity,
}

/// Runs of one seed that are trained side by side, and the labels measured with them.
#[derive(Debug, Clone)]
pub struct Group {
    /// Hash of its content.
    pub identity: Identity,
    /// Seed of all its runs.
    pub seed: u64,
    /// Its runs, in the order of the plan.
    pub runs: Vec<PlannedRun>,
    /// Task correlations at which it measures the label correlation.
    pub label_correlations: Vec<f64>,
    /// Hash of everything that the measurement depends on; none without a measurement.
    pub label_identity: Option<Identity>,
}

/// All groups of an experiment.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Groups by seed.
    pub groups: Vec<Group>,
}

impl Plan {
    /// The plan of an experiment.
    pub fn new(experiment: &Experiment) -> Self {
        let points = points(experiment);
        let specifications = Specifications::new(experiment);
        let groups = experiment.grid.seeds.iter().flat_map(|&seed| {
            let runs = points.iter().map(|point| point.run(experiment, &specifications, seed)).collect();
            split(experiment, seed, runs)
        });
        Self { groups: groups.collect() }
    }

    /// What a resumed sweep has to train: groups of the runs and label measurements that are not `done` yet. Runs of one
    /// identity, such as those of two models of equal sizes, are trained once.
    pub fn missing(&self, experiment: &Experiment, done: impl Fn(&Identity) -> bool) -> Vec<Group> {
        let mut seen = HashSet::new();
        let mut rest = |group: &Group| {
            let new = |run: &&PlannedRun| !done(&run.identity) && seen.insert(run.identity.clone());
            let runs: Vec<_> = group.runs.iter().filter(new).cloned().collect();
            let labels = match &group.label_identity {
                Some(identity) if !done(identity) => group.label_correlations.clone(),
                _ => Vec::new(),
            };
            (!runs.is_empty() || !labels.is_empty()).then(|| Group::new(experiment, group.seed, runs, labels))
        };
        self.groups.iter().filter_map(&mut rest).collect()
    }

    /// All runs of the plan.
    pub fn runs(&self) -> impl Iterator<Item = &PlannedRun> {
        self.groups.iter().flat_map(|group| &group.runs)
    }
}

/// Splits the runs of a seed into groups. The first one measures the labels, which is cheap. Impressions differ by
/// condition, so for conversion each condition has groups of its own.
fn split(experiment: &Experiment, seed: u64, mut runs: Vec<PlannedRun>) -> Vec<Group> {
    if experiment.data.source().shares_inputs() {
        return split_evenly(experiment, seed, runs);
    }
    // A stable sort: within a group, runs stay in the order of models and learning rates.
    runs.sort_by_key(|run| run.condition);
    let alike = runs.chunk_by(|a, b| a.condition == b.condition);
    alike.flat_map(|runs| split_evenly(experiment, seed, runs.to_vec())).collect()
}

fn split_evenly(experiment: &Experiment, seed: u64, runs: Vec<PlannedRun>) -> Vec<Group> {
    let most = rules(experiment.data.task()).largest_group;
    let parts = runs.len().div_ceil(most).max(1);
    let size = runs.len().div_ceil(parts).max(1);
    let mut rest = runs.into_iter().peekable();
    let mut groups = Vec::new();
    while groups.is_empty() || rest.peek().is_some() {
        // Other labels do not depend on the seed and need no measurement.
        let measured = groups.is_empty() && experiment.data.source().label_measurement().is_some();
        let label_correlations =
            if measured { experiment.grid.task_correlations.clone() } else { Vec::new() };
        groups.push(Group::new(experiment, seed, rest.by_ref().take(size).collect(), label_correlations));
    }
    groups
}

impl Group {
    /// The group of these runs of a seed.
    pub fn new(
        experiment: &Experiment,
        seed: u64,
        runs: Vec<PlannedRun>,
        label_correlations: Vec<f64>,
    ) -> Self {
        let labels = serde_json::json!({
            "schema": SCHEMA,
            "data": experiment.data.source().identity(),
            "seed": seed,
            "label_correlations": label_correlations,
        });
        let label_identity = (!label_correlations.is_empty()).then(|| Identity::from_specification(&labels));
        let identity = Identity::for_group(runs.iter().map(|run| &run.identity), label_identity.as_ref());
        Self { identity, seed, runs, label_correlations, label_identity }
    }
}

/// A point of the grid: every seed has a run there.
struct GridPoint {
    /// Index of the model in the experiment.
    model: usize,
    /// Index of the condition in the grid, and the condition.
    condition: (usize, Condition),
    learning_rate: f64,
}

/// The points of the grid by model, condition and learning rate.
fn points(experiment: &Experiment) -> Vec<GridPoint> {
    let conditions: Vec<(usize, Condition)> = experiment.grid.conditions().into_iter().enumerate().collect();
    let of_model = |(model, spec)| {
        let rates = experiment.learning_rates(spec).iter();
        let point = move |condition, learning_rate| GridPoint { model, condition, learning_rate };
        conditions.iter().flat_map(move |&condition| rates.clone().map(move |&rate| point(condition, rate)))
    };
    experiment.models.iter().enumerate().flat_map(of_model).collect()
}

impl GridPoint {
    /// The run of a seed.
    fn run(&self, experiment: &Experiment, specifications: &Specifications, seed: u64) -> PlannedRun {
        let Self { model, condition: (condition, values), learning_rate } = *self;
        let name = experiment.models[model].name.clone();
        let key = RunKey { model: name, condition: values, learning_rate, seed };
        PlannedRun { identity: specifications.identity(self, &key), key, model, condition }
    }
}

/// The parts of the specifications that the identities of runs are hashes of.
struct Specifications {
    /// For each model, the part that its runs share.
    models: Vec<serde_json::Map<String, serde_json::Value>>,
    /// For each condition, the identity of its data.
    data: Vec<serde_json::Value>,
}

impl Specifications {
    fn new(experiment: &Experiment) -> Self {
        let conditions = experiment.grid.conditions().into_iter();
        Self {
            models: experiment.models.iter().map(|model| model_specification(experiment, model)).collect(),
            data: conditions.map(|at| experiment.data_at(at.swept_value).source().identity()).collect(),
        }
    }

    fn identity(&self, point: &GridPoint, key: &RunKey) -> Identity {
        let mut specification = self.models[point.model].clone();
        specification.insert("data".into(), self.data[point.condition.0].clone());
        specification.insert("task_correlation".into(), key.condition.task_correlation.into());
        specification.insert("learning_rate".into(), key.learning_rate.into());
        specification.insert("seed".into(), key.seed.into());
        Identity::from_specification(&specification)
    }
}

/// The part of the specification that all runs of a model share.
fn model_specification(
    experiment: &Experiment,
    model: &ModelSpec,
) -> serde_json::Map<String, serde_json::Value> {
    let train = &experiment.train;
    let specification = serde_json::json!({
        "schema": SCHEMA,
        "architecture": model.architecture.name,
        "sizes": model.sizes.table,
        "steps": train.steps,
        "batch_size": train.batch_size,
        "log_every": train.log_every,
        "log_gates_every": train.log_gates_every,
        "init": train.init,
        "held_out_rows": train.held_out_rows,
        "engine": Engine::for_model(experiment, model).label(train.device),
    });
    let fields = |value| match value {
        serde_json::Value::Object(fields) => fields,
        _ => unreachable!("the specification is an object"),
    };
    let mut specification = fields(specification);
    // Keys that have their defaults are not there: identities are those of a program without them.
    specification.extend(fields(serde_json::to_value(train.recipe).expect("a recipe is plain data")));
    specification
}
