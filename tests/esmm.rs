//! Studies of impressions from the command line: clicks, conversions and what is measured of them.

mod common;

use std::path::Path;

use common::Desk;

/// All models on a few thousand impressions with delayed conversions: a few seconds.
const STUDY: &str = r#"
title = "A small funnel"

[data]
kind = "funnel"
training_impressions = 3000
test_impressions = 2000
fields = 3
words = 40
numbers = 5
click_rate = 0.2
conversion_rate = 0.3
mean_delay = 0.2
embedding_units = 3

[grid]
models = [
    "base", "aman", "oversampling", "unbias", "division", "esmm_ns", "esmm", "esmm_mmoe", "escm2_ipw", "escm2_dr",
    "delayed_feedback", "fake_negative_weighted",
]
task_correlations = [0.5]
learning_rates = [0.01]
seeds = 2

[grid.vary]
"data.selection" = [0.0, 1.5]

[models.esmm_mmoe]
experts = 2
expert_units = 6
tower_units = 4

[train]
steps = 40
batch_size = 128
log_every = 20
held_out_rows = 500
"#;

const TABLES: [&str; 6] = ["runs.csv", "curves.csv", "gates.csv", "funnel.csv", "deciles.csv", "labels.csv"];

fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::write(desk.path("funnel.toml"), STUDY).unwrap();
    desk
}

/// The tables of a study with extra arguments, without the column that measures the machine.
fn study(desk: &Desk, out: &str, extra: &[&str]) -> Vec<String> {
    let mut arguments = vec!["run", "funnel.toml", "--no-report", "--out", out];
    arguments.extend(extra);
    desk.done(&arguments);
    tables(&desk.path(out))
}

fn tables(folder: &Path) -> Vec<String> {
    let untimed = |text: String| -> String {
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string() + "\n").collect()
    };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    TABLES.iter().map(|name| if *name == "runs.csv" { untimed(read(name)) } else { read(name) }).collect()
}

/// Rows of a table that start so, without what they start with.
fn rows<'a>(table: &'a str, start: &str) -> Vec<&'a str> {
    table.lines().filter_map(|line| line.strip_prefix(start)).collect()
}

#[test]
fn every_model_is_trained_and_scored_on_all_impressions() {
    let desk = desk();
    let tables = study(&desk, "study", &[]);
    let compared = desk.done(&["compare", "study", "study"]);
    assert!(
        compared.contains("Held-out loss of conversions (pCTCVR) after the last step; equal data"),
        "{compared}"
    );
    let (runs, funnel, deciles) = (&tables[0], &tables[3], &tables[4]);
    assert!(runs.starts_with("model,task_correlation,data.selection,learning_rate,seed,status,"), "{runs}");
    assert_eq!(runs.lines().count(), 1 + 12 * 2 * 2);
    assert_eq!(runs.matches("finished").count(), 48);
    // Clicks, conversions of clicked and of all impressions, clicks that convert.
    assert_eq!(funnel.lines().count(), 1 + 4 * 48);
    // Without selection all impressions have one pCTR, which no decile cuts through.
    assert_eq!(deciles.lines().count(), 1 + 10 * 24 + 24);
    assert_eq!(tables[5].lines().count(), 1, "label correlations are no part of it");
    // With embeddings of its own, predicting clicks is the same network in all of these.
    let clicks = |model: &str| rows(funnel, &format!("{model},0.5,1.5,0.01,1,click,all,"))[0].to_string();
    for model in ["aman", "oversampling", "unbias", "division", "delayed_feedback", "fake_negative_weighted"]
    {
        assert_eq!(clicks(model), clicks("base"), "{model}");
    }
    // The product of ESMM trains it too, with or without shared embeddings.
    assert_ne!(clicks("esmm"), clicks("base"));
    assert_ne!(clicks("esmm_ns"), clicks("base"));
    // Only a ratio is above 1.
    let above_one = |row: &&str| !row.ends_with(",0.0");
    let models: Vec<&str> =
        funnel.lines().skip(1).filter(above_one).map(|row| row.split(',').next().unwrap()).collect();
    assert!(!models.is_empty() && models.iter().all(|model| *model == "division"), "{models:?}");
    // What is kept reads back as it was, and the page shows it.
    let page = desk.done(&["report", "study"]);
    let page = std::fs::read_to_string(desk.path(page.trim())).unwrap();
    for part in ["DIVISION", "ESCM²-DR", "Delayed feedback", "selection"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN"));
    let before = std::fs::read(desk.path("study/manifest.json")).unwrap();
    std::fs::remove_dir_all(desk.path("study/groups")).unwrap();
    let state = desk.done(&["status", "study"]);
    assert!(state.contains("48 of 48"), "{state}");
    assert_eq!(std::fs::read(desk.path("study/manifest.json")).unwrap(), before);
}

#[test]
fn threads_order_shards_and_company_do_not_change_a_byte() {
    let desk = desk();
    let one = study(&desk, "one", &["--threads", "1"]);
    assert_eq!(one, study(&desk, "two", &["--threads", "2"]));
    study(&desk, "halves", &["--set", "grid.seeds=[1]"]);
    assert_eq!(one, study(&desk, "halves", &[]));
    for shard in ["1/3", "0/3", "2/3"] {
        desk.done(&["run", "funnel.toml", "--no-report", "--out", "shards", "--shard", shard]);
    }
    assert_eq!(one, tables(&desk.path("shards")));
    for model in ["esmm", "escm2_dr", "aman", "esmm_mmoe"] {
        let models = format!("grid.models=[\"{model}\"]");
        let sets = ["--set", &models, "--set", "grid.vary.data.selection=[1.5]", "--set", "grid.seeds=[1]"];
        let alone = study(&desk, &format!("alone-{model}"), &sets);
        let start = format!("{model},0.5,1.5,0.01,1,");
        for (table, alone) in one.iter().zip(&alone) {
            assert_eq!(rows(table, &start), rows(alone, &start), "{model}");
        }
    }
}

#[test]
fn a_setting_is_the_same_run_as_the_data_with_that_number() {
    let desk = desk();
    let varied = study(&desk, "varied", &[]);
    let text = STUDY.replace("[grid.vary]\n\"data.selection\" = [0.0, 1.5]\n", "");
    std::fs::write(desk.path("funnel.toml"), text).unwrap();
    let fixed = study(&desk, "fixed", &["--set", "data.selection=1.5"]);
    assert!(fixed[0].starts_with("model,task_correlation,learning_rate,seed,"));
    for table in 0..5 {
        assert_eq!(
            rows(&varied[table], "escm2_ipw,0.5,1.5,0.01,"),
            rows(&fixed[table], "escm2_ipw,0.5,0.01,")
        );
    }
    // Not trained again under the other name of the same thing.
    std::fs::write(desk.path("funnel.toml"), STUDY).unwrap();
    let output = desk.run(&["run", "funnel.toml", "--no-report", "--out", "fixed", "--dry-run"]);
    let plan = String::from_utf8(output.stdout).unwrap();
    assert!(plan.contains("24 of 48 are to be trained"), "{plan}");
    assert_eq!(varied, study(&desk, "fixed", &[]));
}

#[test]
fn both_engines_agree() {
    let desk = desk();
    let [fused, graph] = ["fused", "graph"].map(|engine| {
        let engine = format!("train.engine={engine}");
        let models = "grid.models=[\"base\",\"esmm\",\"escm2_dr\",\"delayed_feedback\"]";
        study(&desk, &engine, &["--set", &engine, "--set", models, "--set", "grid.seeds=1"])
    });
    let numbers = |table: &str| -> Vec<f64> {
        table.lines().skip(1).flat_map(|row| row.split(',').filter_map(|cell| cell.parse().ok())).collect()
    };
    let (fused, graph) = (numbers(&fused[3]), numbers(&graph[3]));
    assert_eq!(fused.len(), graph.len());
    for (fused, graph) in fused.iter().zip(&graph) {
        // Forty steps of Adam after the first difference in rounding.
        let near = (fused - graph).abs() < 0.02 * graph.abs() + 1e-4;
        assert!(near || (fused.is_nan() && graph.is_nan()), "{fused} and {graph}");
    }
}

#[test]
fn numbers_that_are_not_there_are_kept_as_such() {
    let desk = desk();
    // Not one conversion: no correlation of labels, no AUC of conversions.
    let sets = [
        "--set",
        "data.conversion_rate=0.000001",
        "--set",
        "grid.models=[\"esmm\"]",
        "--set",
        "grid.seeds=1",
    ];
    let first = study(&desk, "study", &sets);
    assert!(rows(&first[3], "esmm,0.5,0,0.01,0,conversion,clicked,")[0].starts_with(","), "{}", first[3]);
    let plan = desk.done(&[&["run", "funnel.toml", "--out", "study", "--dry-run"][..], &sets].concat());
    assert!(plan.contains("0 of 2 are to be trained"), "{plan}");
    assert_eq!(first, study(&desk, "study", &sets));
    desk.done(&["report", "study"]);
}

#[test]
fn runs_that_diverge_are_recorded_as_such() {
    let desk = desk();
    let sets = ["--set", "grid.learning_rates=[1e9]", "--set", "grid.models=[\"esmm\",\"base\"]"];
    let tables = study(&desk, "study", &sets);
    assert_eq!(tables[0].matches(",diverged,").count(), 8, "{}", tables[0]);
    assert_eq!(tables[3].lines().count(), 1);
}

#[test]
fn the_list_names_every_model_and_experiment() {
    let list = desk().done(&["list"]);
    for name in ["esmm_ns", "fake_negative_weighted", "esmm-selection", "ali-ccp", "mmoe"] {
        assert!(
            list.lines().any(|line| line.trim_start().starts_with(&format!("{name} "))),
            "{name}: {list}"
        );
    }
}

#[test]
fn mistakes_name_key_value_and_remedy() {
    let desk = desk();
    for (set, message) in [
        ("data.numbers=3", "data.numbers = 3: expected a whole number from 4 to 1000"),
        ("data.click_rate=1.5", "data.click_rate = 1.5: expected a number from 0.000001 to 0.99"),
        ("data.share=0", "data.share = 0: expected a number from 0.000001 to 1"),
        ("data.words=9000000", "data.words"),
        ("grid.vary=selection", "grid.vary = \"selection\": expected a table of keys with their values"),
        (
            "grid.vary.data.selection=[-1]",
            "grid.vary.\"data.selection\" = -1: expected a number from 0 to 20",
        ),
        ("grid.models=[\"mmoe\"]", "grid.models[0] = \"mmoe\": expected one of base, aman"),
        (
            "models.esmm.hidden=[]",
            "models.esmm.hidden = []: expected a list of numbers of units from 1 to 100000",
        ),
        (
            "models.esmm.hidden=7",
            "models.esmm.hidden = 7: expected a list of numbers of units from 1 to 100000",
        ),
        ("models.esmm.rate=1", "models.esmm.rate: unknown key; expected one of hidden"),
        ("models.aman.rate=2", "models.aman.rate = 2: expected a number from 0 to 1"),
        ("models.unbias.floor=0", "models.unbias.floor = 0: expected a number above 0"),
        ("models.base.match_parameters=esmm", "match_parameters"),
        ("tune.trials=3", "no such section"),
    ] {
        let output = desk.run(&["run", "funnel.toml", "--out", "study", "--set", set]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{set}: {text}");
        assert!(text.contains(message), "{set}: {text}");
        assert!(!desk.path("study").exists());
    }
    // A model of impressions has nothing to learn from generated tasks.
    let output = desk.run(&["run", "small.toml", "--out", "study", "--set", "grid.models=[\"esmm\"]"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn impressions_that_are_read_are_trained_on_and_resumed() {
    let desk = desk();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ali_ccp");
    let text = format!(
        r#"
        [data]
        kind = "ali_ccp"
        path = {files:?}
        min_count = 2
        embedding_units = 3
        [grid]
        models = ["base", "esmm", "esmm_mmoe"]
        learning_rates = [0.01]
        seeds = 2
        [models.esmm_mmoe]
        experts = 2
        expert_units = 4
        tower_units = 3
        [train]
        steps = 10
        batch_size = 64
        log_every = 5
        "#
    );
    std::fs::write(desk.path("funnel.toml"), text).unwrap();
    let whole = study(&desk, "whole", &[]);
    assert_eq!(whole[0].matches(",finished,").count(), 6, "{}", whole[0]);
    // What becomes of impressions without a click is not known here.
    assert_eq!(whole[3].lines().count(), 1 + 3 * 6);
    assert_eq!(whole[4].lines().count(), 1);
    study(&desk, "parts", &["--set", "grid.seeds=[1]"]);
    assert_eq!(whole, study(&desk, "parts", &[]));
    let page = desk.done(&["report", "whole"]);
    let page = std::fs::read_to_string(desk.path(page.trim())).unwrap();
    assert!(page.contains("Ali-CCP") && !page.contains("NaN") && !page.contains("inf"));
    // The study says which lines it was made with.
    let resolved = std::fs::read_to_string(desk.path("whole/study.toml")).unwrap();
    assert!(resolved.contains("digest = "), "{resolved}");
    let classes = std::fs::read_to_string(desk.path("whole/classes.csv")).unwrap();
    assert_eq!(classes.lines().count(), 5, "{classes}");
    for (set, message) in [
        (
            "grid.models=[\"base\",\"delayed_feedback\"]",
            "grid.models[1] = \"delayed_feedback\": learns from the times of conversions",
        ),
        ("data.min_count=1000000000", "expected a lower data.min_count"),
        ("data.rows=2000000000", "reading data.rows needs"),
    ] {
        let output = desk.run(&["run", "funnel.toml", "--set", set, "--out", "none"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && text.contains(message), "{set}: {text}");
    }
    let output = desk.run(&["run", "funnel.toml", "--set", "data.path=nowhere", "--out", "none"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("sample_skeleton_train.csv") && !desk.path("none").exists(), "{text}");
}

#[test]
fn a_study_has_figures_a_page_and_claims_from_its_tables_alone() {
    let desk = desk();
    study(&desk, "study", &["--set", "grid.seeds=3"]);
    std::fs::remove_dir_all(desk.path("study/groups")).unwrap();
    desk.done(&["report", "study"]);
    let page = std::fs::read_to_string(desk.path("study/report.html")).unwrap();
    for part in
        ["id=\"settings\"", "<figure id=\"funnel_knob\">", "<figure id=\"funnel_bias\">", "selection 1.5"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(desk.path("study/figures/funnel_knob.png").exists());
    // Three seeds decide nothing; what the study does not vary is not tested, with the reason.
    let claims = desk.done(&["claims", "study", "--parts"]);
    assert!(
        claims.contains("does not vary data.share") && claims.contains("does not vary data.mean_delay"),
        "{claims}"
    );
    assert!(claims.contains("3 seeds cannot decide"), "{claims}");
    let csv = std::fs::read_to_string(desk.path("study/claims.csv")).unwrap();
    let rows = csv.lines().skip(1).filter(|row| row.contains(",,claim,")).count();
    assert_eq!(rows, 9);
}
