//! The convergence check notices what breaks training, and nothing else.
//!
//! Mistakes are planted where a programmer would make them: in the optimiser, in a model's forward pass, in
//! a configuration, in the data. Each must be caught; unchanged code must pass, also with other seeds.

mod common;

use std::sync::{Arc, Mutex, OnceLock};

use candle_core::{D, Result, Tensor};
use common::Desk;
use mmoe_study::data::{Batch, Feed, Rows};
use mmoe_study::engine::adam::Correction;
use mmoe_study::engine::train::{PopulationFactory, Progress, population, train_group_on};
use mmoe_study::engine::{Population, Start, invariants};
use mmoe_study::experiment::engine::Engine;
use mmoe_study::experiment::plan::{Group, Plan};
use mmoe_study::experiment::{DeviceChoice, Experiment, library};
use mmoe_study::model::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Layout, Model, Parameters, Problem,
};
use mmoe_study::model::{Sizes, architecture, layers};
use mmoe_study::store::Session;
use mmoe_study::store::{Folder, Study};
use mmoe_study::study::regression::convergence::{Check, Finding, Outcome, Verdict, check};

/// The CI experiment with the hundred steps in which mistakes must show.
fn experiment(overrides: &[&str]) -> Experiment {
    let overrides = ["train.steps=100", "grid.models=[\"shared_bottom\", \"omoe\", \"mmoe\"]"]
        .iter()
        .chain(overrides)
        .map(|text| text.to_string())
        .collect::<Vec<_>>();
    library::find("ci", &overrides).unwrap()
}

struct Quiet;

impl Progress for Quiet {
    fn trained(&self, _: u64) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Trains an experiment on two threads with populations of a factory.
fn study_on(experiment: &Experiment, make: &PopulationFactory) -> Study {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::new(place.path());
    folder.create(experiment).unwrap();
    let plan = Plan::new(experiment);
    let groups: Mutex<Vec<&Group>> = Mutex::new(plan.groups.iter().collect());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(group) = groups.lock().unwrap().pop() else { break };
                    let record = train_group_on(experiment, group, &Quiet, make).unwrap().unwrap();
                    folder.write_group(group, &record).unwrap();
                }
            });
        }
    });
    folder.merge(experiment, &plan, &Session::default()).unwrap()
}

fn study(overrides: &[&str]) -> Study {
    study_on(&experiment(overrides), &population)
}

/// Few seeds: mistakes show in early trajectories.
const FEW: &str = "grid.seeds=4";

/// The study of correct code.
fn baseline() -> &'static Study {
    static BASELINE: OnceLock<Study> = OnceLock::new();
    BASELINE.get_or_init(|| study(&[FEW]))
}

/// Asserts that the check of a study against the correct one fails for runs of `model`.
fn assert_caught(mistake: &str, planted: &Study, model: &str) {
    let found = check(baseline(), planted);
    assert_eq!(found.verdict, Verdict::Regressed, "{mistake}: {}", found.reason);
    let failed = |f: &Finding| f.outcome == Outcome::Different && f.cell.starts_with(model);
    assert!(found.findings.iter().any(failed), "{mistake}: {found:?}");
}

#[test]
fn the_same_code_is_the_same_bits() {
    let found = check(baseline(), &study(&[FEW]));
    assert_eq!((found.verdict, found.bit_equal), (Verdict::Same, true));
}

#[test]
fn the_other_engine_passes_though_its_bits_differ() {
    let found = check(baseline(), &study(&[FEW, "train.engine=graph"]));
    assert!(!found.bit_equal);
    assert_eq!(found.verdict, Verdict::Same, "{found:#?}");
}

#[test]
fn a_missing_bias_correction_is_caught() {
    for engine in ["train.engine=fused", "train.engine=graph"] {
        let planted = study_on(&experiment(&[FEW, engine]), &|engine, device, mut start| {
            for run in &mut start.runs {
                run.correction = |_, learning_rate| Correction { step: learning_rate, root: 1.0, decay: 0.0 };
            }
            population(engine, device, start)
        });
        assert_caught("no bias correction", &planted, "mmoe");
    }
}

#[test]
fn a_learning_rate_ten_per_cent_higher_is_caught() {
    let planted = study_on(&experiment(&[FEW]), &|engine, device, mut start| {
        for run in &mut start.runs {
            run.learning_rate *= 1.1;
        }
        population(engine, device, start)
    });
    for model in ["shared_bottom", "omoe", "mmoe"] {
        assert_caught("a higher learning rate", &planted, model);
    }
}

#[test]
fn experts_of_half_the_size_are_caught() {
    let sizes = ["models.mmoe.expert_units=8", "models.omoe.expert_units=8"];
    assert_caught("half the experts", &study(&[FEW, sizes[0], sizes[1]]), "mmoe");
}

/// MMoE with a mistake in its forward pass.
struct Broken {
    sound: Box<dyn Model>,
    forward: fn(&Parameters, &Tensor) -> Result<Forward>,
}

impl Model for Broken {
    fn layout(&self) -> &Layout {
        self.sound.layout()
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        (self.forward)(parameters, x)
    }
}

/// MMoE's experts and tasks in these tests.
const EXPERTS: usize = 8;
const TASKS: usize = 2;

fn experts(parameters: &Parameters, x: &Tensor) -> Result<Tensor> {
    layers::hidden(x, parameters.get("expert.weight")?, parameters.get("expert.bias")?)
}

/// Softmax over the batch instead of the experts.
fn wrong_axis(parameters: &Parameters, x: &Tensor) -> Result<Forward> {
    let logits = layers::linear(x, parameters.get("gate.weight")?)?;
    let gates = candle_nn::ops::softmax(&layers::split_columns(&logits, TASKS)?, 1)?;
    let predictions = layers::towers(parameters, &layers::mix(&gates, &experts(parameters, x)?)?)?;
    Ok(Forward { predictions, gates: Some(gates.transpose(1, 2)?) })
}

/// Towers that use only their biases: the mixture has no effect, but stays in the graph.
fn deaf_towers(parameters: &Parameters, x: &Tensor) -> Result<Forward> {
    let gates = layers::softmax_gates(x, parameters.get("gate.weight")?, TASKS)?;
    let mixed = layers::mix(&gates, &experts(parameters, x)?)?;
    let predictions = layers::towers(parameters, &(mixed * 1e-20)?)?;
    Ok(Forward { predictions, gates: Some(gates.transpose(1, 2)?) })
}

/// No mistake. It shows that the check catches the mistakes of the others, and nothing else.
fn sound(parameters: &Parameters, x: &Tensor) -> Result<Forward> {
    let gates = layers::softmax_gates(x, parameters.get("gate.weight")?, gate_count(parameters)?)?;
    let predictions = layers::towers(parameters, &layers::mix(&gates, &experts(parameters, x)?)?)?;
    Ok(Forward { predictions, gates: Some(gates.transpose(D::Minus2, 1)?) })
}

fn gate_count(parameters: &Parameters) -> Result<usize> {
    Ok(parameters.get("gate.weight")?.dim(2)? / EXPERTS)
}

/// A registry entry that builds MMoE with another forward pass.
macro_rules! broken {
    ($name:ident, $entry:ident, $forward:path) => {
        #[derive(Debug)]
        struct $name;

        impl Configuration for $name {
            fn check(&self) -> std::result::Result<(), InvalidSize> {
                Ok(())
            }

            fn build(&self, problem: Problem) -> Box<dyn Model> {
                let sound = (architecture("mmoe").unwrap().parse)(toml::Table::new()).unwrap();
                Box::new(Broken { sound: sound.configuration.build(problem), forward: $forward })
            }
        }

        static $entry: Architecture = Architecture {
            name: "mmoe",
            title: "MMoE",
            summary: "for a test",
            source: "",
            colour: Colour::Green,
            learning: None,
            width: "expert_units",
            parse: |table| Ok(Sizes { configuration: std::sync::Arc::new($name), table }),
        };
    };
}

broken!(WrongAxis, WRONG_AXIS, wrong_axis);
broken!(DeafTowers, DEAF_TOWERS, deaf_towers);
broken!(Sound, SOUND, sound);

/// The study with another MMoE.
fn study_with(entry: &'static Architecture) -> Study {
    let mut experiment = experiment(&[FEW]);
    let mmoe = experiment.models.iter_mut().find(|model| model.name == "mmoe").unwrap();
    mmoe.architecture = entry;
    mmoe.sizes = (entry.parse)(mmoe.sizes.table.clone()).unwrap();
    study_on(&experiment, &population)
}

#[test]
fn mistakes_in_a_forward_pass_are_caught() {
    let found = check(baseline(), &study_with(&SOUND));
    assert_eq!(found.verdict, Verdict::Same, "{found:#?}");
    assert_caught("softmax over the batch", &study_with(&WRONG_AXIS), "mmoe");
    assert_caught("towers that ignore their input", &study_with(&DEAF_TOWERS), "mmoe");
}

#[test]
fn unchanged_code_with_other_seeds_is_not_flagged() {
    let seeds = |from: u64| format!("grid.seeds={:?}", (from..from + 40).collect::<Vec<_>>());
    let before = study(&[&seeds(0)]);
    for from in [100, 200, 300, 400, 500] {
        let found: Check = check(&before, &study(&[&seeds(from)]));
        assert_eq!(found.verdict, Verdict::Same, "seeds from {from}: {found:#?}");
    }
}

/// What the check says of a mistake that must hold of no study, in the study itself.
fn broken(experiment: &Experiment, make: &PopulationFactory) -> Vec<String> {
    let tested = invariants::test(experiment, make).unwrap();
    tested.into_iter().filter_map(|invariant| invariant.broken).collect()
}

/// Every expert starts from the values of the first.
fn equal_experts(
    engine: Engine,
    device: DeviceChoice,
    mut start: Start<'_>,
) -> Result<Box<dyn Population + '_>> {
    let layout = start.model.layout();
    for run in start.parameters.chunks_exact_mut(layout.count()) {
        for (parameter, range) in layout.parameters.iter().zip(layout.ranges()) {
            if parameter.name == "expert.weight" {
                let columns = parameter.shape[1];
                let width = columns / parameter.blocks;
                for row in run[range].chunks_exact_mut(columns) {
                    let first = row[..width].to_vec();
                    row.chunks_exact_mut(width).for_each(|expert| expert.copy_from_slice(&first));
                }
            }
        }
    }
    population(engine, device, start)
}

#[test]
fn experts_that_start_from_equal_values_are_caught() {
    let experiment = experiment(&[FEW]);
    assert_eq!(broken(&experiment, &population), [""; 0]);
    let planted = study_on(&experiment, &equal_experts);
    for model in ["omoe", "mmoe"] {
        assert_caught("equal experts", &planted, model);
    }
    let found = broken(&experiment, &equal_experts);
    assert_eq!(found.len(), 2, "both mixtures: {found:?}");
    assert!(found[0].contains("parts 1 and 2 of expert.weight start from equal values"), "{found:?}");
    // A baseline that was made with the same mistake has equal results.
    let tested = invariants::test(&experiment, &equal_experts).unwrap();
    let check = check(&planted, &planted).with_invariants(tested);
    assert_eq!((check.verdict, check.bit_equal), (Verdict::Regressed, true));
    assert!(check.reason.contains("start from equal values"), "{}", check.reason);
}

/// Rows whose held-out set is the training batch of a step.
#[derive(Debug)]
struct Leaking(Arc<dyn Rows>);

#[derive(Debug)]
struct LeakingFeed(Mutex<Box<dyn Feed>>);

impl Rows for Leaking {
    fn feed(self: Arc<Self>, seed: u64, task_correlations: &[f64]) -> Box<dyn Feed> {
        Box::new(LeakingFeed(Mutex::new(self.0.clone().feed(seed, task_correlations))))
    }

    fn batch_bytes(&self, training: usize, held_out: usize, label_sets: usize) -> u64 {
        self.0.batch_bytes(training, held_out, label_sets)
    }
}

impl Feed for LeakingFeed {
    fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        self.0.get_mut().unwrap().training_batch(step, batch_size, batch);
    }

    fn held_out(&self, rows: usize, batch: &mut Batch) {
        self.0.lock().unwrap().training_batch(7, rows, batch);
    }

    fn hold_back(&mut self, rows: usize) {
        self.0.get_mut().unwrap().hold_back(rows);
    }

    fn validation(&self, batch: &mut Batch) {
        self.0.lock().unwrap().validation(batch);
    }

    fn label_correlations(&self) -> Vec<Vec<f64>> {
        self.0.lock().unwrap().label_correlations()
    }
}

#[test]
fn held_out_rows_that_are_trained_on_are_caught() {
    let mut experiment = experiment(&[FEW, "train.held_out_rows=256"]);
    experiment.rows = Some(Arc::new(Leaking(experiment.rows().unwrap())));
    assert_eq!(broken(&experiment, &population), ["256 of 256 held-out rows are trained on"]);
    let sound = study(&[FEW, "train.held_out_rows=256"]);
    let found = check(&sound, &study_on(&experiment, &population));
    assert_eq!(found.verdict, Verdict::Regressed, "{found:?}");
}

#[test]
fn studies_are_compared_on_the_seeds_that_both_have() {
    let fewer = check(baseline(), &study(&["grid.seeds=3"]));
    assert_eq!((fewer.verdict, fewer.bit_equal, fewer.common_seeds), (Verdict::Same, true, 3));
    assert!(fewer.reason.starts_with("equal bit for bit on the 3 seeds that both have"), "{}", fewer.reason);
    let settings: Vec<String> = fewer.settings.iter().map(ToString::to_string).collect();
    assert_eq!(settings, ["grid.seeds 0 to 3 → 0 to 2"]);
    let others = check(baseline(), &study(&["grid.seeds=[1, 2, 3, 100, 101]", "train.engine=graph"]));
    assert_eq!(
        (others.verdict, others.bit_equal, others.common_seeds),
        (Verdict::Same, false, 3),
        "{others:#?}"
    );
}

#[test]
fn what_few_seeds_cannot_show_is_undecided() {
    for seeds in ["grid.seeds=[100, 101, 102, 103]", "grid.seeds=[100, 101]"] {
        let found = check(baseline(), &study(&[seeds]));
        assert_eq!(found.verdict, Verdict::Undecided, "{seeds}: {found:#?}");
        assert!(found.findings.iter().all(|finding| finding.outcome != Outcome::Different), "{found:#?}");
        assert!(found.reason.contains("no common seed"), "{}", found.reason);
    }
    let one = check(baseline(), &study(&["grid.seeds=[0, 100]", "train.engine=graph"]));
    assert_eq!((one.verdict, one.common_seeds), (Verdict::Undecided, 1), "{one:#?}");
}

#[test]
fn the_command_tells_the_same_undecided_and_regressed_apart() {
    let desk = Desk::new();
    let small = ["train.steps=50", "train.batch_size=32", "data.label_points=100"];
    let run = |more: &[&str], sets: &[&str]| {
        let mut arguments = vec!["check", "--baseline", "b"];
        arguments.extend(more);
        small.iter().chain(sets).for_each(|set| arguments.extend(["--set", set]));
        let output = desk.run(&arguments);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run(&["--update", "--why", "a test"], &["grid.seeds=6"]).0, 0);
    let (code, text) = run(&[], &["grid.seeds=4"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.starts_with("Settings of the baseline → of this study:\n  grid.seeds 0 to 5 → 0 to 3\n"),
        "{text}"
    );
    assert!(text.contains("same: equal bit for bit on the 4 seeds that both have"), "{text}");
    let (code, text) = run(&[], &["grid.seeds=[100, 101]"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("not shown to be equal") && text.contains("UNDECIDED: "), "{text}");
    let (code, text) = run(&[], &["grid.seeds=6", "models.mmoe.expert_units=4"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("\n  models.mmoe.expert_units 16 → 4\n"), "{text}");
    assert!(
        text.contains("shown to differ") && text.contains("REGRESSED: ") && text.contains("\np: "),
        "{text}"
    );
    let (code, text) = run(&["--json"], &["grid.seeds=[100, 101]"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["verdict"], &json["common_seeds"]), (3, &"undecided".into(), &0.into()));
    assert_eq!(json["settings"][0]["key"], "grid.seeds");
    let (code, text) = run(&[], &["grid.seeds=6", "train.steps=60"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("train.steps 50 → 60") && text.contains("different steps or batches"), "{text}");
}

#[test]
fn studies_that_cannot_be_compared_are_refused_with_the_reason() {
    for (change, reason) in [
        ("train.batch_size=128", "different steps or batches"),
        ("data.noise_std=0.2", "different data"),
        ("grid.task_correlations=[0.5]", "different models, correlations or rates"),
    ] {
        let found = check(baseline(), &study(&[FEW, change]));
        assert_eq!(found.verdict, Verdict::NotComparable, "{change}");
        assert!(found.reason.contains(reason), "{change}: {}", found.reason);
    }
}
