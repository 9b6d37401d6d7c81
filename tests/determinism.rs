//! A run's result depends on its own specification alone, bit for bit.

mod common;

use common::{Desk, group_files, tables};

/// The tables of the small study with extra arguments.
fn study(desk: &Desk, out: &str, extra: &[&str]) -> Vec<(String, String)> {
    let mut arguments = vec!["run", "small.toml", "--no-report", "--out", out];
    arguments.extend(extra);
    desk.done(&arguments);
    tables(&desk.path(out))
}

/// Rows of a table that contain every one of `parts`.
fn rows<'a>(tables: &'a [(String, String)], table: &str, parts: &[&str]) -> Vec<&'a str> {
    let (_, text) = tables.iter().find(|(name, _)| name == table).unwrap();
    text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).collect()
}

#[test]
fn threads_and_order_do_not_change_a_byte() {
    for engine in ["train.engine=fused", "train.engine=graph"] {
        let desk = Desk::new();
        let one = study(&desk, "one", &["--threads", "1", "--set", engine]);
        let two = study(&desk, "two", &["--threads", "2", "--set", engine]);
        assert_eq!(one, two, "{engine}");
        // The same seeds, the last half first: groups are trained in another order.
        study(&desk, "halves", &["--set", "grid.seeds=[2,3]", "--set", engine]);
        let halves = study(&desk, "halves", &["--set", engine]);
        assert_eq!(one, halves, "{engine}");
    }
}

#[test]
fn a_run_is_the_same_alone_and_in_any_company() {
    for engine in ["train.engine=fused", "train.engine=graph"] {
        let desk = Desk::new();
        let whole = study(&desk, "whole", &["--set", engine]);
        let alone = study(
            &desk,
            "alone",
            &[
                "--set",
                engine,
                "--set",
                "grid.models=[\"mmoe\"]",
                "--set",
                "grid.seeds=[2]",
                "--set",
                "task_correlations=[1.0]",
            ],
        );
        let more = study(&desk, "more", &["--set", engine, "--set", "learning_rates=[0.001, 0.01, 0.1]"]);
        for table in ["runs.csv", "curves.csv", "gates.csv"] {
            let run = ["mmoe,1,0.01,2,"];
            let expected = rows(&whole, table, &run);
            assert!(!expected.is_empty());
            assert_eq!(expected, rows(&alone, table, &run), "{engine} {table}");
            assert_eq!(expected, rows(&more, table, &run), "{engine} {table}");
        }
    }
}

#[test]
fn runs_of_every_architecture_are_the_same_alone_and_in_company() {
    let desk = Desk::new();
    // Noise, penalties and choices of experts too depend on the run alone: not on seeds, rates or models beside.
    let architectures: Vec<&str> =
        mmoe_study::model::REGISTRY.iter().map(|architecture| architecture.name).collect();
    let models = |names: &[&str]| format!("grid.models={names:?}");
    let short = ["--set", "train.steps=20", "--set", "train.log_every=10", "--set", "log_gates_every=10"];
    let run = |out: &str, names: &[&str], more: &[&str]| {
        let models = models(names);
        let mut arguments = short.to_vec();
        arguments.extend(["--set", &models]);
        arguments.extend(more);
        study(&desk, out, &arguments)
    };
    let together = run("together", &architectures, &["--set", "grid.seeds=[1,2]", "--threads", "2"]);
    for name in architectures {
        let rates = ["--set", "grid.seeds=[2]", "--set", "learning_rates=[0.001, 0.01]", "--threads", "1"];
        let alone = run(&format!("alone-{name}"), &[name], &rates);
        for table in ["runs.csv", "curves.csv", "gates.csv"] {
            let of_run = |tables| -> Vec<String> {
                let rows: Vec<&str> = rows(tables, table, &[",0.01,2,"]);
                let of_model = rows.iter().filter(|row| row.starts_with(&format!("{name},")));
                of_model.map(|row| row.to_string()).collect()
            };
            assert_eq!(of_run(&together), of_run(&alone), "{name} {table}");
            assert!(table == "gates.csv" || !of_run(&alone).is_empty(), "{name} {table}");
        }
    }
}

#[test]
fn a_larger_grid_trains_only_what_is_new() {
    let desk = Desk::new();
    study(&desk, "grows", &["--set", "grid.seeds=2"]);
    let before = group_files(&desk.path("grows"));
    let grown = study(&desk, "grows", &["--set", "learning_rates=[0.001, 0.01]", "--set", "grid.seeds=3"]);
    let after = group_files(&desk.path("grows"));
    assert_eq!(before.len(), 2);
    assert_eq!(after.len(), 5, "two groups of the new rate on old seeds, one of the new seed");
    let whole = study(&desk, "whole", &["--set", "learning_rates=[0.001, 0.01]", "--set", "grid.seeds=3"]);
    assert_eq!(grown, whole);
}

#[test]
fn a_run_that_diverges_is_recorded_and_its_neighbours_go_on() {
    for engine in ["train.engine=fused", "train.engine=graph"] {
        let desk = Desk::new();
        let wild = study(&desk, "wild", &["--set", engine, "--set", "learning_rates=[0.01, 1e8]"]);
        let tame = study(&desk, "tame", &["--set", engine]);
        let diverged = rows(&wild, "runs.csv", &["diverged"]);
        assert!(!diverged.is_empty(), "{engine}: a step size of 1e8 ends in numbers that are none");
        for row in diverged {
            let fields: Vec<&str> = row.split(',').collect();
            assert_eq!(fields[2], "100000000", "{row}");
            let steps: u64 = fields[5].parse().unwrap();
            assert!(steps > 0 && steps < 150, "{row}");
            assert_eq!(&fields[6..10], ["", "", "", ""], "no final losses: {row}");
        }
        for table in ["curves.csv", "gates.csv"] {
            assert_eq!(rows(&wild, table, &[",0.01,"]), rows(&tame, table, &[",0.01,"]), "{engine}");
        }
    }
}
