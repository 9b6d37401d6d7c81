//! The plan: the runs of an experiment, their identities, and the groups in which they are trained.
//!
//! The identity of a run is a hash of everything that its result depends on, and of nothing else. Groups only decide
//! which runs of a seed are trained side by side, and shards which process trains a group; neither changes a result.
//! Runs of one identity are trained once.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::axis::Setting;
use super::condition::Condition;
use super::data::rules;
use super::engine::Engine;
pub use super::limits::MAX_GROUP_RUNS_OF_ROWS;
use super::schema::{Experiment, ModelSpec};
use super::variant::Place;

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
    /// Task correlation and setting.
    #[serde(flatten)]
    pub condition: Condition,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Seed of data and initial parameters.
    pub seed: u64,
}

impl RunKey {
    /// Its numbers as bits, which have a total equality.
    fn bits(&self) -> (&str, (Option<u64>, &Setting), u64, u64) {
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
    /// Index of its model in the variant of its group.
    pub model: usize,
    /// Index of its point of the grid, by model, condition and learning rate: the order of the tables.
    pub point: usize,
    /// Hash of its specification.
    pub identity: Identity,
}

/// Runs of one seed that are trained side by side, and the labels measured with them.
#[derive(Debug, Clone)]
pub struct Group {
    /// Hash of its content.
    pub identity: Identity,
    /// Index of the variant of the experiment that its runs belong to.
    pub variant: usize,
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
    /// Runs of the same identity as a run of a group: they are in the tables, too.
    again: Vec<PlannedRun>,
    /// For every variant, the settings whose labels its groups measure, with their indices.
    labelled: Vec<Vec<(usize, Setting)>>,
}

impl Plan {
    /// The plan of an experiment.
    pub fn new(experiment: &Experiment) -> Self {
        let points = points(experiment);
        let specifications = Specifications::new(experiment);
        let first = specifications.first(&points);
        let labelled = labelled(experiment);
        let (mut groups, mut again) = (Vec::new(), Vec::new());
        for &seed in &experiment.grid.seeds {
            let mut by_variant = vec![Vec::new(); experiment.variants().len()];
            for (index, point) in points.iter().enumerate() {
                let run = point.run(index, experiment, &specifications, seed);
                if first[index] { by_variant[point.variant].push(run) } else { again.push(run) }
            }
            for (variant, runs) in by_variant.into_iter().enumerate() {
                let measures = !labelled[variant].is_empty();
                groups.extend(split(experiment.variant(variant), variant, seed, runs, measures));
            }
        }
        Self { groups, again, labelled }
    }

    /// What a resumed sweep has to train: groups of the runs and label measurements that are not `done` yet. Runs of one
    /// identity, such as those of two models of equal sizes, are trained once.
    pub fn missing(&self, experiment: &Experiment, done: impl Fn(&Identity) -> bool) -> Vec<Group> {
        let rest = |group: &Group| {
            let runs: Vec<_> = group.runs.iter().filter(|run| !done(&run.identity)).cloned().collect();
            let labels = match &group.label_identity {
                Some(identity) if !done(identity) => group.label_correlations.clone(),
                _ => Vec::new(),
            };
            (!runs.is_empty() || !labels.is_empty()).then(|| {
                Group::new(experiment.variant(group.variant), group.variant, group.seed, runs, labels)
            })
        };
        self.groups.iter().filter_map(rest).collect()
    }

    /// All runs of the plan: those that are trained, then those of the same identity as one of them.
    pub fn runs(&self) -> impl Iterator<Item = &PlannedRun> {
        self.groups.iter().flat_map(|group| &group.runs).chain(&self.again)
    }

    /// Number of the runs that are trained, each identity once.
    pub fn trained(&self) -> usize {
        self.groups.iter().map(|group| group.runs.len()).sum()
    }

    /// The settings whose labels a group measures, if it does, with their indices in the grid.
    pub fn labelled(&self, group: &Group) -> &[(usize, Setting)] {
        self.labelled.get(group.variant).map_or(&[], |settings| settings)
    }

    /// The part of the plan with these groups, to train them.
    pub fn part(groups: Vec<Group>) -> Self {
        Self { groups, again: Vec::new(), labelled: Vec::new() }
    }
}

/// For every variant, the settings whose labels its groups measure, with their indices. Of variants of equal data the first measures them all;
/// other labels do not depend on the seed and need no measurement.
fn labelled(experiment: &Experiment) -> Vec<Vec<(usize, Setting)>> {
    let variants = experiment.variants();
    let mut labelled = vec![Vec::new(); variants.len()];
    let first: Vec<Option<usize>> = variants
        .iter()
        .map(|variant| {
            variant.data.source().label_measurement()?;
            variants.iter().position(|other| other.data == variant.data)
        })
        .collect();
    for (setting, place) in experiment.grid.settings().into_iter().enumerate().zip(experiment.places()) {
        if let Some(measuring) = first[place.variant] {
            labelled[measuring].push(setting);
        }
    }
    labelled
}

/// Splits the runs of a seed and variant into groups. The first one measures the labels, which is cheap. Impressions
/// differ by task correlation, so for conversion each has groups of its own.
fn split(
    experiment: &Experiment,
    variant: usize,
    seed: u64,
    mut runs: Vec<PlannedRun>,
    measures: bool,
) -> Vec<Group> {
    if experiment.data.source().shares_inputs() {
        return split_evenly(experiment, variant, seed, runs, measures);
    }
    let correlation = |run: &PlannedRun| run.key.condition.task_correlation;
    // A stable sort: within a group, runs stay in the order of models and learning rates.
    runs.sort_by(|a, b| correlation(a).partial_cmp(&correlation(b)).expect("correlations are numbers"));
    let alike = runs.chunk_by(|a, b| correlation(a) == correlation(b));
    alike.flat_map(|runs| split_evenly(experiment, variant, seed, runs.to_vec(), measures)).collect()
}

fn split_evenly(
    experiment: &Experiment,
    variant: usize,
    seed: u64,
    runs: Vec<PlannedRun>,
    measures: bool,
) -> Vec<Group> {
    let most = rules(experiment.data.task()).largest_group;
    let parts = runs.len().div_ceil(most).max(usize::from(measures));
    let size = runs.len().div_ceil(parts.max(1)).max(1);
    let mut rest = runs.into_iter().peekable();
    let mut groups = Vec::new();
    while groups.len() < parts && (groups.is_empty() || rest.peek().is_some()) {
        let measured = groups.is_empty() && measures;
        let label_correlations =
            if measured { experiment.grid.task_correlations.clone() } else { Vec::new() };
        let runs = rest.by_ref().take(size).collect();
        groups.push(Group::new(experiment, variant, seed, runs, label_correlations));
    }
    groups
}

impl Group {
    /// The group of these runs of a seed and a variant of an experiment, which is `experiment`.
    pub fn new(
        experiment: &Experiment,
        variant: usize,
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
        Self { identity, variant, seed, runs, label_correlations, label_identity }
    }
}

/// A point of the grid: every seed has a run there.
struct GridPoint {
    /// Index of the model in the experiment.
    grid_model: usize,
    /// Index of the variant, and of the model in it.
    variant: usize,
    model: usize,
    condition: Condition,
    learning_rate: f64,
}

/// The points of the grid by model, condition and learning rate.
fn points(experiment: &Experiment) -> Vec<GridPoint> {
    let (conditions, places) = (experiment.grid.conditions(), experiment.places());
    // Settings are in the inner loop of conditions.
    let placed = || conditions.iter().zip(places.iter().cycle());
    let of_model = |(grid_model, spec)| {
        let rates = experiment.learning_rates(spec);
        let at = move |(condition, place): (&Condition, &Place)| {
            let (variant, model) = (place.variant, place.models[grid_model]);
            let condition = condition.clone();
            let point = move |&learning_rate| GridPoint {
                grid_model,
                variant,
                model,
                condition: condition.clone(),
                learning_rate,
            };
            rates.iter().map(point)
        };
        placed().flat_map(at)
    };
    experiment.models.iter().enumerate().flat_map(of_model).collect()
}

impl GridPoint {
    /// The run of a seed; `index` is that of the point.
    fn run(
        &self,
        index: usize,
        experiment: &Experiment,
        specifications: &Specifications,
        seed: u64,
    ) -> PlannedRun {
        let model = experiment.models[self.grid_model].name.clone();
        let (condition, learning_rate) = (self.condition.clone(), self.learning_rate);
        let key = RunKey { model, condition, learning_rate, seed };
        PlannedRun { identity: specifications.identity(self, seed), key, model: self.model, point: index }
    }
}

/// The parts of the specifications that the identities of runs are hashes of.
struct Specifications {
    /// For each variant and model, the part that its runs share.
    models: Vec<Vec<serde_json::Map<String, serde_json::Value>>>,
}

impl Specifications {
    fn new(experiment: &Experiment) -> Self {
        let of_variant = |variant: &Experiment| {
            let data = variant.data.source().identity();
            let model = |model| {
                let mut specification = model_specification(variant, model);
                specification.insert("data".into(), data.clone());
                specification
            };
            variant.models.iter().map(model).collect()
        };
        Self { models: experiment.variants().iter().map(of_variant).collect() }
    }

    /// For every point, whether no point before it has runs of the same identity.
    fn first(&self, points: &[GridPoint]) -> Vec<bool> {
        let mut seen = HashSet::new();
        points.iter().map(|point| seen.insert(self.identity(point, 0))).collect()
    }

    fn identity(&self, point: &GridPoint, seed: u64) -> Identity {
        let mut specification = self.models[point.variant][point.model].clone();
        specification.insert("task_correlation".into(), point.condition.task_correlation.into());
        specification.insert("learning_rate".into(), point.learning_rate.into());
        specification.insert("seed".into(), seed.into());
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
