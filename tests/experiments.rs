//! The messages for mistakes in an experiment.

use mmoe_study::experiment::load::parse;
use mmoe_study::experiment::{DeviceChoice, Experiment, ModelSpec};

const GOOD: &str = r#"
[data]
kind = "synthetic"
dim = 20
scale = 1.0
alpha = [1.0, 2.0]
beta = [0.0, 1.0]
noise_std = 0.1

[grid]
models = ["mmoe", "wide"]
task_correlations = [1, -0.5]
learning_rates = [0.01]
seeds = 3

[models.wide]
architecture = "shared_bottom"
bottom_units = 200

[train]
steps = 100
batch_size = 16
"#;

fn good() -> Experiment {
    parse("good", "good.toml", GOOD, &[]).unwrap()
}

/// The message for `GOOD` with one text replaced by another.
fn message(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    parse("good", "good.toml", &GOOD.replacen(from, to, 1), &[]).unwrap_err().to_string()
}

fn message_of_set(change: &str) -> String {
    parse("good", "good.toml", GOOD, &[change.to_string()]).unwrap_err().to_string()
}

#[test]
fn a_valid_experiment_is_read_with_its_defaults() {
    let experiment = good();
    assert_eq!(experiment.grid.task_correlations, [-0.5, 1.0], "sorted");
    assert_eq!(experiment.grid.seeds, [0, 1, 2]);
    assert_eq!(experiment.models[1].architecture.name, "shared_bottom");
    assert_eq!(experiment.models[1].sizes.table["tower_units"].as_integer(), Some(8));
    assert_eq!(experiment.train.device, DeviceChoice::Cpu);
    assert_eq!(experiment.train.log_every, 100);
}

#[test]
fn overrides_change_any_key() {
    let set = |change: &str| parse("good", "good.toml", GOOD, &[change.to_string()]).unwrap();
    assert_eq!(set("grid.seeds=[7, 4]").grid.seeds, [4, 7]);
    assert_eq!(
        set("seeds=2").grid.seeds,
        [0, 1],
        "a key without a section belongs to the section that has it"
    );
    assert_eq!(set("train.init=he_normal").to_toml()["train"]["init"].as_str(), Some("he_normal"));
    assert_eq!(set("models.mmoe.experts=3").models[0].sizes.table["experts"].as_integer(), Some(3));
    assert_eq!(set("data.source={ rows = 50 }").to_toml()["data"]["source"]["rows"].as_integer(), Some(50));
    assert_eq!(set("train.device=cuda:1").train.device, DeviceChoice::Cuda(1));
}

/// Mistakes: the text in `GOOD`, its replacement and the whole message.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("dim = 20", "dim = -1", "good.toml:4: data.dim = -1: expected a whole number from 2 to 100000"),
    (
        "dim = 20",
        "dim = 1e3",
        "good.toml:4: data.dim = 1e3: expected a whole number from 2 to 100000, in digits: 1000",
    ),
    (
        "dim = 20",
        "dimm = 20",
        "good.toml:4: data.dimm: unknown key; expected one of kind, dim, pairs, scale, alpha, beta, noise_std, \
         standardise_labels, source, label_points; did you mean \"dim\"?",
    ),
    (
        "kind = \"synthetic\"",
        "kind = \"syntetic\"",
        "good.toml:3: data.kind = \"syntetic\": expected one of synthetic, census, funnel, ali_ccp; did you mean \"synthetic\"?",
    ),
    ("scale = 1.0\n", "", "good.toml:2: data.scale: is missing; expected a number from 0 to 1000000"),
    (
        "beta = [0.0, 1.0]",
        "beta = [0.0]",
        "good.toml:7: data.beta = [0.0]: expected as many numbers as alpha, which has 2",
    ),
    (
        "alpha = [1.0, 2.0]",
        "alpha = [1.0, \"two\"]",
        "good.toml:6: data.alpha = [1.0, \"two\"]: expected a list of numbers from -1000 to 1000",
    ),
    (
        "noise_std = 0.1",
        "noise_std = nan",
        "good.toml:8: data.noise_std = nan: expected a number from 0 to 1000000",
    ),
    (
        "scale = 1.0",
        "scale = 1e6",
        "good.toml:5: data.scale = 1e6: expected |alpha| · scale · 8 + |beta| of at most 300 (it is \
         16000001)",
    ),
    (
        "noise_std = 0.1",
        "noise_std = 0.1\nsource = \"old\"",
        "good.toml:9: data.source = \"old\": expected \"fresh\" (new rows every step) or { rows = N } (a finite \
         training set)",
    ),
    (
        "models = [\"mmoe\", \"wide\"]",
        "models = [\"mmoe\", \"wid\"]",
        "good.toml:11: grid.models[1] = \"wid\": expected one of single_task, shared_bottom, l2_constrained, \
         cross_stitch, tensor_factorization, omoe, mmoe, mmoe_top_k, mmoe_gate_dropout, cgc, ple, or the name of a \
         [models.wid] table with its architecture; did you mean \"wide\"?",
    ),
    (
        "models = [\"mmoe\", \"wide\"]",
        "models = [\"mmoe\", \"mmoe\"]",
        "good.toml:11: grid.models[1] = \"mmoe\": expected each model once",
    ),
    (
        "task_correlations = [1, -0.5]",
        "task_correlations = [1, 1.5]",
        "good.toml:12: grid.task_correlations = [1, 1.5]: expected a list of cosines from -1 to 1, at least one, each \
         once",
    ),
    (
        "task_correlations = [1, -0.5]",
        "task_correlations = [0.5, 0.5]",
        "good.toml:12: grid.task_correlations = [0.5, 0.5]: expected a list of cosines from -1 to 1, at least one, each \
         once",
    ),
    (
        "task_correlations = [1, -0.5]",
        "task_correlations = [0.30000000000000004, 0.3]",
        "good.toml:12: grid.task_correlations = [0.30000000000000004, 0.3]: expected numbers that differ in their first \
         six digits; 0.3 and 0.30000000000000004 do not, so leave one of them out",
    ),
    (
        "learning_rates = [0.01]",
        "learning_rates = [0.01, 0.0100000001]",
        "good.toml:13: grid.learning_rates = [0.01, 0.0100000001]: expected numbers that differ in their first six digits; \
         0.01 and 0.0100000001 do not, so leave one of them out",
    ),
    (
        "learning_rates = [0.01]",
        "learning_rates = [0]",
        "good.toml:13: grid.learning_rates = [0]: expected a list of learning rates above 0, at most 1e12, at \
         least one, each once",
    ),
    (
        "learning_rates = [0.01]",
        "learning_rates = [1e30]",
        "good.toml:13: grid.learning_rates = [1e30]: expected a list of learning rates above 0, at most 1e12, at \
         least one, each once",
    ),
    (
        "seeds = 3",
        "seeds = [18446744073709551615]",
        "good.toml:14: grid.seeds = [18446744073709551615]: expected a count from 1 to 10000000, or a list of different \
         whole numbers from 0 to 9223372036854775807",
    ),
    ("scale = 1.0", "scale = 1e20", "good.toml:5: data.scale = 1e20: expected a number from 0 to 1000000"),
    (
        "seeds = 3",
        "seeds = 0",
        "good.toml:14: grid.seeds = 0: expected a count from 1 to 10000000, or a list of different whole numbers from 0 to \
         9223372036854775807",
    ),
    (
        "seeds = 3",
        "seeds = [1, 1]",
        "good.toml:14: grid.seeds = [1, 1]: expected a count from 1 to 10000000, or a list of different whole numbers from 0 to \
         9223372036854775807",
    ),
    (
        "bottom_units = 200",
        "bottom_unit = 200",
        "good.toml:18: models.wide.bottom_unit: unknown key; expected one of bottom_units, tower_units; did you mean \
         \"bottom_units\"?",
    ),
    (
        "bottom_units = 200",
        "bottom_units = 0",
        "good.toml:18: models.wide.bottom_units = 0: expected a whole number from 1 to 1000000",
    ),
    (
        "bottom_units = 200",
        "bottom_units = \"many\"",
        "good.toml:18: models.wide.bottom_units = \"many\": expected a whole number from 1 to 1000000",
    ),
    (
        "architecture = \"shared_bottom\"",
        "architecture = \"sharedbottom\"",
        "good.toml:17: models.wide.architecture = \"sharedbottom\": expected one of single_task, \
         shared_bottom, l2_constrained, cross_stitch, tensor_factorization, omoe, mmoe, mmoe_top_k, \
         mmoe_gate_dropout, cgc, ple; did you mean \"shared_bottom\"?",
    ),
    (
        "bottom_units = 200",
        "bottom_units = 200\nmatch_parameters = \"mmoe\"",
        "good.toml:18: models.wide.bottom_units = 200: expected no such key beside match_parameters, which sets it",
    ),
    (
        "bottom_units = 200",
        "match_parameters = \"mmo\"",
        "good.toml:18: models.wide.match_parameters = \"mmo\": expected the name of another model or of an \
         architecture; did you mean \"mmoe\"?",
    ),
    (
        "bottom_units = 200",
        "match_parameters = \"wide\"",
        "good.toml:18: models.wide.match_parameters = \"wide\": expected another model's name",
    ),
    (
        "bottom_units = 200",
        "match_parameters = \"mmoe\"\n[models.mmoe]\nmatch_parameters = \"wide\"",
        "good.toml:20: models.mmoe.match_parameters = \"wide\": expected a model whose own width is given",
    ),
    (
        "bottom_units = 200",
        "match_parameters = \"mmoe\"\nmatch_by = \"gates\"",
        "good.toml:19: models.wide.match_by = \"gates\": expected one of weights, all, prediction",
    ),
    (
        "bottom_units = 200",
        "match_by = \"all\"",
        "good.toml:18: models.wide.match_by = …: expected match_parameters = \"<model>\" beside it",
    ),
    (
        "architecture = \"shared_bottom\"\nbottom_units = 200",
        "architecture = \"l2_constrained\"\nstrength = \"strong\"",
        "good.toml:18: models.wide.strength = \"strong\": expected a number from 0 to 1e12",
    ),
    (
        "architecture = \"shared_bottom\"\nbottom_units = 200",
        "architecture = \"l2_constrained\"\nstrength = -1",
        "good.toml:18: models.wide.strength = -1: expected a number from 0 to 1e12",
    ),
    (
        "architecture = \"shared_bottom\"\nbottom_units = 200",
        "architecture = \"cross_stitch\"\nown_share = 2",
        "good.toml:18: models.wide.own_share = 2: expected a number from 0 to 1",
    ),
    (
        "architecture = \"shared_bottom\"\nbottom_units = 200",
        "architecture = \"mmoe_top_k\"\ntop_k = 9",
        "good.toml:18: models.wide.top_k = 9: expected a whole number from 1 to 8, the number of experts",
    ),
    (
        "architecture = \"shared_bottom\"\nbottom_units = 200",
        "architecture = \"mmoe_gate_dropout\"\ngate_dropout = 1.0",
        "good.toml:18: models.wide.gate_dropout = 1.0: expected a number from 0 to below 1",
    ),
    (
        "steps = 100",
        "steps = 0",
        "good.toml:21: train.steps = 0: expected a whole number from 1 to 2147483648",
    ),
    (
        "steps = 100\n",
        "",
        "good.toml:20: train.steps: is missing; expected a whole number from 1 to 2147483648",
    ),
    (
        "steps = 100",
        "steps = 100\nlog_every = 10\nlog_gates_every = 15",
        "good.toml:23: train.log_gates_every = 15: expected a multiple of train.log_every, which is 10",
    ),
    (
        "steps = 100",
        "steps = 100\ninit = \"he-normal\"",
        "good.toml:22: train.init = \"he-normal\": expected one of truncated_normal_fan_in, glorot_uniform, he_normal, \
         uniform_fan_in; did you mean \"he_normal\"?",
    ),
    (
        "steps = 100",
        "steps = 100\ndevice = \"gpu\"",
        "good.toml:22: train.device = \"gpu\": expected \"cpu\", \"cuda\" or \"cuda:<number>\"",
    ),
    (
        "steps = 100",
        "steps = 100\nengine = \"fused\"\ndevice = \"cuda\"",
        "good.toml:22: train.engine = \"fused\": expected \"graph\" or \"auto\": the fused engine does not run on \
         a CUDA device",
    ),
    (
        "steps = 100",
        "steps = 100\nweight_decay = -0.1",
        "good.toml:22: train.weight_decay = -0.1: expected a number from 0 to 1000",
    ),
    (
        "steps = 100",
        "steps = 100\ndropout = 1",
        "good.toml:22: train.dropout = 1: expected a number from 0 to 0.95",
    ),
    (
        "steps = 100",
        "steps = 100\nclip_norm = 0",
        "good.toml:22: train.clip_norm = 0: expected a number from 0.000001 to 1000000",
    ),
    (
        "steps = 100",
        "steps = 100\nschedule = \"step\"",
        "good.toml:22: train.schedule = \"step\": expected \"constant\", \"cosine\" or a table such as \
         { kind = \"step\", every = 1000, factor = 0.1, warmup = 100 }",
    ),
    (
        "steps = 100",
        "steps = 100\nschedule = { kind = \"cosin\" }",
        "good.toml:22: train.schedule.kind = \"cosin\": expected one of constant, cosine, step; did you mean \"cosine\"?",
    ),
    (
        "steps = 100",
        "steps = 100\nschedule = { kind = \"step\" }",
        "good.toml:22: train.schedule.every: is missing; expected a whole number from 1 to 2147483648",
    ),
    (
        "steps = 100",
        "steps = 100\nschedule = { warmup = 100 }",
        "good.toml:22: train.schedule.warmup = 100: expected fewer than train.steps, which is 100",
    ),
    (
        "steps = 100",
        "steps = 100\nschedule = { kind = \"cosine\", every = 5 }",
        "good.toml:22: train.schedule.every: unknown key; expected one of kind, warmup",
    ),
    (
        "steps = 100",
        "steps = 100\nstop = 5",
        "good.toml:22: train.stop = 5: expected a table such as { patience = 10 }",
    ),
    (
        "steps = 100",
        "steps = 100\nstop = { patience = 0 }",
        "good.toml:22: train.stop.patience = 0: expected a whole number from 1 to 2147483648",
    ),
    (
        "steps = 100",
        "steps = 100\nstop = { patience = 5, on = 3 }",
        "good.toml:22: train.stop.on = 3: expected \"validation\" (the mean loss of the tasks on validation rows) or the \
         number of a task, 1 to 2",
    ),
    (
        "steps = 100",
        "steps = 100\nstop = { patience = 5 }\nvalidation_rows = 0",
        "good.toml:23: train.validation_rows = 0: expected a whole number from 1 to 1000000",
    ),
    (
        "[train]",
        "[trian]",
        "good.toml: train.steps: is missing; expected a whole number from 1 to 2147483648",
    ),
    (
        "[data]",
        "name = \"../up\"\n[data]",
        "good.toml:2: name = ../up: expected letters, digits, '-', '_' and '.' only, not starting with '.'",
    ),
];

#[test]
fn every_mistake_has_one_message_with_line_key_value_and_remedy() {
    for (from, to, expected) in MISTAKES {
        assert_eq!(message(from, to), *expected);
    }
}

#[test]
fn match_parameters_gives_a_model_the_size_of_another() {
    let widths = |text: &str, overrides: &[&str]| -> Vec<Option<i64>> {
        let overrides: Vec<String> = overrides.iter().map(|change| change.to_string()).collect();
        let experiment = parse("good", "good.toml", text, &overrides).unwrap();
        let resolved = experiment.to_toml();
        let again = parse("good", "study.toml", &resolved.to_string(), &[]).unwrap();
        assert_eq!(resolved, again.to_toml(), "study.toml has the resulting sizes");
        assert!(!resolved.to_string().contains("match_"), "and not the request");
        let width = |model: &ModelSpec| model.sizes.table.get(model.architecture.width)?.as_integer();
        experiment.models.iter().map(width).collect()
    };
    // MMoE on 20 features: 20 · 16 · 8 + 2 · 16 · 8 = 2,816 weights; a shared bottom has 20 + 2 · 8 for each unit.
    let by_key = GOOD.replace("bottom_units = 200", "match_parameters = \"mmoe\"");
    assert_eq!(widths(&by_key, &[]), [Some(16), Some(78)]);
    // In full MMoE has 2,816 + 128 + 320 + 34; the bottom has 37 for each unit and 34 more.
    assert_eq!(widths(&by_key, &["models.wide.match_by=all"]), [Some(16), Some(88)]);
    assert_eq!(widths(&by_key, &["models.mmoe.experts=4"]), [Some(16), Some(43)]);
    // An override replaces the width in the file; an architecture with its default sizes can be the target.
    assert_eq!(widths(GOOD, &["models.wide.match_parameters=mmoe"]), [Some(16), Some(78)]);
    assert_eq!(widths(GOOD, &["models.wide.match_parameters=shared_bottom"]), [Some(16), Some(113)]);
}

#[test]
fn invalid_toml_is_reported_with_line_and_column() {
    let message = message("dim = 20", "dim = = 20");
    assert!(message.starts_with("good.toml:4:7: not valid TOML: "), "{message}");
}

#[test]
fn an_invalid_override_is_named_in_the_message() {
    assert_eq!(message_of_set("grid.seeds"), "--set grid.seeds: expected key=value, such as grid.seeds=20");
    assert_eq!(
        message_of_set("grid.seeds=none"),
        "--set grid.seeds=none: grid.seeds = \"none\": expected a count from 1 to 10000000, or a list of different whole \
         numbers from 0 to 9223372036854775807"
    );
    assert_eq!(
        message_of_set("grid.sed=3"),
        "--set grid.sed=3: grid.sed: unknown key; expected one of models, task_correlations, vary, learning_rates, \
         seeds; did you mean \"seeds\"?"
    );
    assert_eq!(message_of_set("title.x=3"), "--set title.x=3: title = { x = 3 }: expected text in quotes");
}

#[test]
fn a_resolved_experiment_reads_back_unchanged() {
    let resolved = good().to_toml();
    let again = parse("good", "study.toml", &resolved.to_string(), &[]).unwrap();
    assert_eq!(resolved, again.to_toml());
}
