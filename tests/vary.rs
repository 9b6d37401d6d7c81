//! Axes of the grid (`[grid.vary]`): any key varies, on every kind of data, and a run's bits do not depend on the grid it is in.

mod common;

use std::collections::BTreeSet;

use common::{Desk, census_rows, digest, group_files, tables};
use mmoe_study::experiment::Experiment;
use mmoe_study::experiment::load::parse;
use mmoe_study::experiment::plan::Plan;

const STUDY: &str = r#"
[data]
kind = "synthetic"
dim = 6
scale = 1.0
alpha = [1.0, 2.0]
beta = [0.0, 1.0]
noise_std = 0.1
label_points = 50

[grid]
models = ["shared_bottom", "mmoe"]
task_correlations = [0.5, 1.0]
learning_rates = [0.01]
seeds = 2

[train]
steps = 20
batch_size = 8
log_every = 10
held_out_rows = 16
"#;

const IMPRESSIONS: &str = r#"
[data]
kind = "funnel"
training_impressions = 400
test_impressions = 300
fields = 2
words = 5
numbers = 4
click_rate = 0.3
conversion_rate = 0.3
embedding_units = 2

[grid]
models = ["base", "esmm"]
task_correlations = [0.5]
learning_rates = [0.01]
seeds = 1

[train]
steps = 6
batch_size = 32
log_every = 3
held_out_rows = 32
"#;

fn study(sets: &[&str]) -> Result<Experiment, String> {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    parse("study", "study.toml", STUDY, &sets).map_err(|error| error.to_string())
}

/// A desk with both studies as files.
fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::write(desk.path("study.toml"), STUDY).unwrap();
    std::fs::write(desk.path("impressions.toml"), IMPRESSIONS).unwrap();
    desk
}

/// Trains a file in the folder `out`; gives its tables by name.
fn train(desk: &Desk, file: &str, out: &str, sets: &[&str]) -> Vec<(String, String)> {
    let mut arguments = vec!["run", file, "--no-report", "--out", out];
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    desk.done(&arguments);
    tables(&desk.path(out))
}

fn table<'a>(tables: &'a [(String, String)], name: &str) -> &'a str {
    let found = tables.iter().find(|(other, _)| other == name);
    &found.unwrap_or_else(|| panic!("no table {name}")).1
}

/// The rows of a table without the columns of `keys`, where those have the given values; without `seconds`.
fn rows_at(text: &str, keys: &[(&str, &str)]) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let records = reader.records().map(Result::unwrap);
    let here = records.filter(|row| {
        keys.iter().all(|(key, value)| {
            let column = headers.iter().position(|header| header == *key).expect("a column a key");
            &row[column] == *value
        })
    });
    let kept = |row: csv::StringRecord| {
        let cells = headers.iter().zip(row.iter());
        let cells = cells.filter(|(name, _)| *name != "seconds" && keys.iter().all(|(key, _)| key != name));
        cells.map(|(_, cell)| cell.to_owned()).collect::<Vec<_>>().join(",")
    };
    here.map(kept).collect()
}

/// A study with axes has at a setting the rows of the study whose keys have these values.
fn equals_the_study_of_the_setting(desk: &Desk, file: &str, axes: &[&str], setting: &[(&str, &str)]) {
    train(desk, file, "varied", axes);
    let sets: Vec<String> = setting.iter().map(|(key, value)| format!("{key}={value}")).collect();
    train(desk, file, "alone", &sets.iter().map(String::as_str).collect::<Vec<_>>());
    let mut compared = 0;
    for name in ["runs", "curves", "gates", "labels", "scores", "funnel", "deciles"] {
        let read = |folder: &str| std::fs::read_to_string(desk.path(&format!("{folder}/{name}.csv")));
        let Ok(alone) = read("alone") else { continue };
        let (here, there) = (rows_at(&read("varied").unwrap(), setting), rows_at(&alone, &[]));
        assert_eq!(here, there, "{name} at {setting:?}");
        compared += here.len();
    }
    assert!(compared > 8, "{compared} rows");
    for folder in ["varied", "alone"] {
        std::fs::remove_dir_all(desk.path(folder)).unwrap();
    }
}

#[test]
fn a_setting_has_the_bits_of_the_study_with_these_values() {
    let desk = desk();
    let axes = [
        r#"grid.vary."data.noise_std"=[0.0, 1]"#,
        r#"grid.vary."models.mmoe.experts"=[2, 3]"#,
        r#"grid.vary."train.init"=["he_normal", "glorot_uniform"]"#,
    ];
    let setting = [("data.noise_std", "1"), ("models.mmoe.experts", "3"), ("train.init", "glorot_uniform")];
    equals_the_study_of_the_setting(&desk, "study.toml", &axes, &setting);
    // Settings may differ in their steps, so curves end apart.
    let axes = [r#"grid.vary."train.steps"=[10, 30]"#, r#"grid.vary."train.batch_size"=[4, 8]"#];
    let setting = [("train.steps", "10"), ("train.batch_size", "4")];
    equals_the_study_of_the_setting(&desk, "study.toml", &axes, &setting);
    let axes =
        [r#"grid.vary."data.click_rate"=[0.2, 0.4]"#, r#"grid.vary."models.esmm.hidden"=[[8], [8, 4]]"#];
    let setting = [("data.click_rate", "0.4"), ("models.esmm.hidden", "[8, 4]")];
    equals_the_study_of_the_setting(&desk, "impressions.toml", &axes, &setting);
}

#[test]
fn rows_that_are_read_vary_too() {
    let desk = desk();
    std::fs::create_dir(desk.path("rows")).unwrap();
    std::fs::write(desk.path("rows/census-income.test"), census_rows(240)).unwrap();
    std::fs::write(
        desk.path("census.toml"),
        "[data]\nkind = \"census\"\npath = \"rows\"\nmain = \"income\"\nembedding_units = 2\n\
         [grid]\nmodels = [\"mmoe\"]\nlearning_rates = [0.01]\nseeds = 2\n\
         [train]\nsteps = 8\nbatch_size = 8\nlog_every = 4\nheld_out_rows = 16\n",
    )
    .unwrap();
    let axes = [r#"grid.vary."data.embedding_units"=[1, 3]"#, r#"grid.vary."data.split"=[0, 1]"#];
    let setting = [("data.embedding_units", "3"), ("data.split", "1")];
    equals_the_study_of_the_setting(&desk, "census.toml", &axes, &setting);
}

#[test]
fn a_size_of_one_model_trains_the_others_once() {
    let experiment = study(&[r#"grid.vary."models.mmoe.experts"=[2, 3, 4]"#]).unwrap();
    let plan = Plan::new(&experiment);
    // Two correlations and seeds: three sizes of MMoE, and one shared bottom that stands at three settings.
    assert_eq!((plan.runs().count(), plan.trained()), (2 * 4 * 3, 4 * (3 + 1)));
    let trained: BTreeSet<_> = plan.runs().map(|run| run.identity.clone()).collect();
    assert_eq!(trained.len(), plan.trained());
    let desk = desk();
    let tables = train(&desk, "study.toml", "sizes", &[r#"grid.vary."models.mmoe.experts"=[2, 3, 4]"#]);
    let runs = table(&tables, "runs.csv");
    let at = |experts: &str| rows_at(runs, &[("model", "shared_bottom"), ("models.mmoe.experts", experts)]);
    assert_eq!(at("2").len(), 4);
    assert_eq!(at("2"), at("4"));
    let status = desk.done(&["status", "sizes"]);
    assert!(status.contains("24 of 24 are done"), "{status}");
    // Runs of a matched model depend on the size that it matches.
    let matched = study(&[
        r#"grid.vary."models.mmoe.experts"=[2, 3, 4]"#,
        "models.shared_bottom.match_parameters=mmoe",
    ]);
    let plan = Plan::new(&matched.unwrap());
    assert_eq!(plan.runs().count(), plan.trained());
}

#[test]
fn models_of_one_specification_are_trained_once_and_shown_twice() {
    let desk = desk();
    let twin = ["grid.models=[\"mmoe\", \"twin\"]", "models.twin.architecture=mmoe"];
    let tables = train(&desk, "study.toml", "twins", &twin);
    let of = |model: &str| rows_at(table(&tables, "runs.csv"), &[("model", model)]);
    assert_eq!(of("mmoe").len(), 4);
    assert_eq!(of("mmoe"), of("twin"));
    assert!(desk.done(&["status", "twins"]).contains("8 of 8 are done"));
}

#[test]
fn study_toml_has_the_axes_and_reads_back() {
    let axes = [
        r#"grid.vary."models.mmoe.experts"=[2, 3]"#,
        r#"grid.vary."data.source"=["fresh", { rows = 12 }]"#,
        "models.shared_bottom.match_parameters=mmoe",
        "models.shared_bottom.match_by=all",
    ];
    let experiment = study(&axes).unwrap();
    let again = parse("study", "again.toml", &experiment.to_toml().to_string(), &[]).unwrap();
    let identities = |experiment: &Experiment| {
        Plan::new(experiment).runs().map(|run| run.identity.clone()).collect::<Vec<_>>()
    };
    assert_eq!(identities(&experiment), identities(&again));
    let labels = |experiment: &Experiment| {
        experiment.grid.conditions().iter().map(|at| at.label(|p| p.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(labels(&experiment), labels(&again));
    assert_eq!(labels(&again)[1], "0.5, data.source = fresh, models.mmoe.experts = 3");
}

#[test]
fn a_value_that_is_added_trains_only_what_is_new() {
    let desk = desk();
    train(&desk, "study.toml", "grown", &[r#"grid.vary."data.noise_std"=[0.0, 1.0]"#]);
    let before: BTreeSet<_> = group_files(&desk.path("grown")).into_iter().collect();
    let more = r#"grid.vary."data.noise_std"=[0.0, 0.5, 1.0]"#;
    let grown = train(&desk, "study.toml", "grown", &[more]);
    let after: BTreeSet<_> = group_files(&desk.path("grown")).into_iter().collect();
    // A group a seed, of the new value alone.
    assert_eq!((before.len(), after.difference(&before).count()), (4, 2));
    assert!(before.is_subset(&after));
    let at_once = train(&desk, "study.toml", "at-once", &[more]);
    assert_eq!(grown, at_once);
    assert_eq!(digest(&desk.path("grown")), digest(&desk.path("at-once")));
}

#[test]
fn shards_of_a_study_with_axes_give_the_files_of_one_process() {
    let desk = desk();
    let axis = r#"grid.vary."train.batch_size"=[4, 8]"#;
    let whole = train(&desk, "study.toml", "whole", &[axis]);
    for shard in ["0/3", "1/3", "2/3"] {
        desk.done(&["run", "study.toml", "--no-report", "--out", "shards", "--shard", shard, "--set", axis]);
    }
    assert_eq!(tables(&desk.path("shards")), whole);
    assert_eq!(digest(&desk.path("shards")), digest(&desk.path("whole")));
}

#[test]
fn axes_may_be_written_nested_and_give_a_required_key() {
    let nested = STUDY.replace("noise_std = 0.1\n", "").replace(
        "[train]",
        "[grid.vary]\ndata.noise_std = [1, 0.5]\nmodels.mmoe.experts = [2, 3]\n\n[train]",
    );
    let experiment = parse("study", "study.toml", &nested, &[]).unwrap();
    let keys: Vec<&str> = experiment.grid.axes.iter().map(|axis| &*axis.key).collect();
    assert_eq!(keys, ["data.noise_std", "models.mmoe.experts"]);
    assert_eq!(experiment.grid.conditions().len(), 8);
    // `--set` means the same axis however it is written.
    for set in [r#"grid.vary."models.mmoe.experts"=[5]"#, "grid.vary.models.mmoe.experts=[5]"] {
        let experiment = parse("study", "study.toml", &nested, &[set.into()]).unwrap();
        assert_eq!(experiment.grid.conditions().len(), 4, "{set}");
    }
    let wrong = nested.replace("[1, 0.5]", "[-1, 0.5]");
    let message = parse("study", "study.toml", &wrong, &[]).unwrap_err().to_string();
    assert!(
        message.starts_with("study.toml:17: grid.vary.\"data.noise_std\" = -1: expected a number"),
        "{message}"
    );
}

#[test]
fn the_base_setting_is_the_experiments_own_or_the_middle() {
    let base = |sets: &[&str]| study(sets).unwrap().base_setting().label(|value| value.to_string());
    assert_eq!(base(&[r#"grid.vary."data.noise_std"=[0.1, 0.5, 1.0]"#]), "data.noise_std = 0.1");
    assert_eq!(base(&[r#"grid.vary."data.noise_std"=[0.2, 0.5, 1.0]"#]), "data.noise_std = 0.5");
    assert_eq!(
        base(&[r#"grid.vary."train.init"=["he_normal", "glorot_uniform"]"#]),
        "train.init = he_normal"
    );
    assert_eq!(base(&[]), "");
}

#[test]
fn a_mistake_on_an_axis_names_it() {
    for (set, expected) in [
        (
            r#""data.noise_std"=[0.1, -1]"#,
            "grid.vary.\"data.noise_std\" = -1: expected a number from 0 to 1000000",
        ),
        (r#""data.noise_std"=[]"#, "grid.vary.\"data.noise_std\" = []: expected a list of different values"),
        (r#""data.noise_std"=[1, 1.0]"#, "expected a list of different values, at least one"),
        (r#""data.noise_std"=[1, 1.0000001]"#, "expected numbers that differ in their first six digits"),
        (r#""data.noise_std"=[nan]"#, "expected a list of different values, at least one"),
        (r#""data.noise_std"=2"#, "grid.vary.\"data.noise_std\" = 2: expected a list"),
        (r#""data.noise_sd"=[1]"#, "grid.vary.\"data.noise_sd\": unknown key; expected one of kind"),
        (r#""data.noise_sd"=[1]"#, "did you mean \"noise_std\"?"),
        (r#""train.init"=["he_norm"]"#, "grid.vary.\"train.init\" = \"he_norm\": expected one of"),
        (r#""train.batch_size"=[8, 0.5]"#, "grid.vary.\"train.batch_size\" = 0.5: expected a whole number"),
        (
            r#""models.mmoe.expert"=[2]"#,
            "grid.vary.\"models.mmoe.expert\": unknown key; expected one of experts",
        ),
        (r#""models.omoe.experts"=[2]"#, "the models are shared_bottom, mmoe"),
        (r#""models.mmoe.architecture"=["omoe"]"#, "another architecture or budget is another model"),
        (r#""models.mmoe.learning_rate"=[0.1]"#, "grid.learning_rates is the axis of learning rates"),
        (r#""trian.steps"=[2]"#, "did you mean \"train\"?"),
        (r#""train.device"=["cpu"]"#, "cannot vary: a study is trained on one device"),
        (r#""train.log_every"=[5]"#, "cannot vary: all runs of a study are logged at the same steps"),
        (r#""grid.seeds"=[5]"#, "cannot vary: the keys of [grid] are axes already"),
        (r#""data.kind"=["census"]"#, "cannot vary: every kind of data is a study of its own"),
        (r#""data.pairs"=[1, 2]"#, "cannot vary: it decides what the tasks are"),
        (r#""report.loss"=["training"]"#, "cannot vary: no run depends on it"),
        (r#""title"=["a"]"#, "cannot vary: no run depends on it"),
        (r#""tune.trials"=[3]"#, "cannot vary: [tune] chooses"),
    ] {
        let message = study(&[&format!("grid.vary.{set}")]).unwrap_err();
        assert!(message.starts_with("--set grid.vary.") && message.contains(expected), "{set}: {message}");
    }
    // A mistake of a combination, which is about another key.
    let message = study(&[r#"grid.vary."data.alpha"=[[1.0, 2.0], [1.0]]"#]).unwrap_err();
    assert!(
        message.contains("data.beta") && message.contains("where grid.vary has data.alpha = [1.0]"),
        "{message}"
    );
    let many = study(&[
        &format!(r#"grid.vary."data.noise_std"={:?}"#, (0..200).collect::<Vec<_>>()),
        &format!(r#"grid.vary."train.steps"={:?}"#, (1..200).collect::<Vec<_>>()),
    ]);
    assert!(many.unwrap_err().contains("at most 10000 combinations of values (there are 39800)"));
    let old = study(&["grid.vary=noise_std", "grid.values=[0.0, 1.0]"]).unwrap_err();
    assert!(
        old.contains(
            "expected a table of keys with their values: vary = { \"data.noise_std\" = [0.0, 1.0] }"
        ),
        "{old}"
    );
}

#[test]
fn rows_that_are_scarce_vary_beside_stopping_and_have_a_map() {
    let desk = desk();
    let text = STUDY
        .replace("[\"shared_bottom\", \"mmoe\"]", "[\"single_task\", \"shared_bottom\", \"mmoe\"]")
        .replace("seeds = 2", "seeds = 6")
        .replace("log_every = 10", "log_every = 5\nvalidation_rows = 16\nstop = { patience = 2 }");
    std::fs::write(desk.path("scarce.toml"), text).unwrap();
    let axis = r#"grid.vary."data.source.rows"=[10, 30]"#;
    equals_the_study_of_the_setting(&desk, "scarce.toml", &[axis], &[("data.source.rows", "30")]);
    desk.done(&["run", "scarce.toml", "--out", "scarce", "--set", axis]);
    let read = |file: &str| std::fs::read_to_string(desk.path(&format!("scarce/{file}"))).unwrap();
    let of_mean = |text: &str, rows: &str| {
        rows_at(text, &[("data.source.rows", rows), ("measure", "loss"), ("task", "mean")]).len()
    };
    // Two models and correlations.
    let gains = read("gains.csv");
    assert_eq!((of_mean(&gains, "10"), of_mean(&gains, "30")), (4, 4), "{gains}");
    let crossings = read("crossings.csv");
    assert!(crossings.starts_with("model,data.source.rows,baseline,"), "{crossings}");
    assert_eq!(rows_at(&crossings, &[("data.source.rows", "30")]).len(), 2, "{crossings}");
    assert!(read("figures/gain_map.svg").contains("training rows"));
    let page = read("report.html");
    assert!(page.contains("The study varies training rows (10 and 30)"), "no axes on the page");
}

#[test]
fn a_size_of_one_model_leaves_the_gains_of_the_others() {
    let desk = desk();
    let models = "grid.models=[\"single_task\", \"shared_bottom\", \"mmoe\"]";
    let axis = r#"grid.vary."models.mmoe.experts"=[2, 3]"#;
    desk.done(&[
        "run",
        "study.toml",
        "--out",
        "sizes",
        "--set",
        models,
        "--set",
        "grid.seeds=6",
        "--set",
        axis,
    ]);
    desk.done(&[
        "run",
        "study.toml",
        "--out",
        "alone",
        "--set",
        models,
        "--set",
        "grid.seeds=6",
        "--set",
        "models.mmoe.experts=3",
    ]);
    let gains = |folder: &str| std::fs::read_to_string(desk.path(&format!("{folder}/gains.csv"))).unwrap();
    let (sizes, alone) = (gains("sizes"), gains("alone"));
    let at = |text: &str, model: &str, experts: &str| {
        rows_at(text, &[("model", model), ("models.mmoe.experts", experts), ("task", "mean")])
    };
    assert_eq!(at(&sizes, "shared_bottom", "2"), at(&sizes, "shared_bottom", "3"));
    assert_ne!(at(&sizes, "mmoe", "2"), at(&sizes, "mmoe", "3"));
    // The gains are those of the study of this size; p-values are corrected for more comparisons.
    let gain = |rows: Vec<String>| -> Vec<String> {
        rows.iter().map(|row| row.split(',').take(7).collect::<Vec<_>>().join(",")).collect()
    };
    let there = rows_at(&alone, &[("model", "mmoe"), ("task", "mean")]);
    assert_eq!(gain(at(&sizes, "mmoe", "3")), gain(there));
}
