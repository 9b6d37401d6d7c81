//! The command line: output, exit codes and files.

mod common;

use common::{Desk, SMALL};

#[test]
fn a_run_ends_with_the_path_of_its_report() {
    let desk = Desk::new();
    let output = desk.run(&["run", "small.toml"]);
    let (out, messages) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{messages}");
    assert_eq!(out, "results/small/report.html\n");
    assert!(messages.contains("24 of 24 runs in results/small"), "{messages}");
    for file in
        ["runs.csv", "curves.csv", "gates.csv", "labels.csv", "study.toml", "manifest.json", "report.html"]
    {
        assert!(desk.path("results/small").join(file).is_file(), "{file}");
    }
    // The tests start the program by its absolute path, which the manifest must not have.
    let manifest = std::fs::read_to_string(desk.path("results/small/manifest.json")).unwrap();
    assert!(manifest.contains("\"command\": \"sweep run small.toml\""), "{manifest}");
}

#[test]
fn the_report_can_be_written_again_from_the_tables_alone() {
    let desk = Desk::new();
    desk.done(&["run", "small.toml"]);
    let study = desk.path("results/small");
    let first = std::fs::read_to_string(study.join("report.html")).unwrap();
    std::fs::remove_dir_all(study.join("groups")).unwrap();
    std::fs::remove_file(study.join("report.html")).unwrap();
    assert_eq!(desk.done(&["report", "results/small"]), "results/small/report.html\n");
    assert_eq!(std::fs::read_to_string(study.join("report.html")).unwrap(), first);
}

#[test]
fn a_finished_study_is_not_trained_again() {
    let desk = Desk::new();
    desk.done(&["run", "small.toml", "--no-report"]);
    let output = desk.run(&["run", "small.toml", "--no-report"]);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(messages.contains("0 runs of 150 steps in 0 groups"), "{messages}");
    assert!(messages.contains("24 runs are already finished"), "{messages}");
}

#[test]
fn invalid_requests_are_explained_and_write_nothing() {
    let desk = Desk::new();
    let cases: &[(&[&str], &str)] = &[
        (
            &["run", "smal.toml"],
            "error: no experiment \"smal.toml\": looked for smal.toml; there are ali-ccp, calibration, census-education, census-income, ci, esmm, esmm-delay, esmm-selection, esmm-sparsity, figure2, figure3, figure4, models, quick",
        ),
        (&["run", "figure5"], "did you mean \"figure"),
        (
            &["run", "small.toml", "--set", "grid.seeds=x"],
            "--set grid.seeds=x: grid.seeds = \"x\": expected a count",
        ),
        (
            &["run", "small.toml", "--device", "cuda"],
            "this program was built without CUDA; build with --features cuda",
        ),
        (&["run", "small.toml", "--threads", "0"], "0 is not in 1..=1024"),
        (&["run", "small.toml", "--sets", "a=1"], "--set"),
    ];
    for (arguments, expected) in cases {
        let output = desk.run(arguments);
        let messages = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {messages}");
        assert!(messages.contains(expected), "{arguments:?}: {messages}");
        assert!(!messages.contains("panicked"), "{messages}");
    }
    assert!(!desk.path("results").exists());
}

/// A path that leads nowhere, to a file instead of a folder or the other way round.
#[test]
fn a_wrong_path_is_an_invalid_request_of_every_command() {
    let desk = Desk::new();
    desk.done(&["run", "small.toml", "--set", "train.steps=20", "--no-report"]);
    let file = "results/small/runs.csv";
    let cases: &[(&[&str], &str)] = &[
        (&["status", "results/smal"], "results/smal: no such folder; did you mean results/small?"),
        (&["status", "results"], "results: no study here (study.toml is missing); there are results/small"),
        (&["report", "nowhere"], "nowhere: no such folder; there are results/small"),
        (
            &["claims", file],
            "results/small/runs.csv: is a file; expected the folder of a study; there are results/small",
        ),
        (&["compare", "results/small", "nope"], "nope: no such folder; there are results/small"),
        (
            &["compare", "results/small", "results/small", "--page", "no/page.html"],
            "no: cannot write in: No such file or directory",
        ),
        (
            &["compare", "results/small", "results/small", "--page", "results"],
            "results: cannot write: Is a directory",
        ),
        (&["check"], "results/baseline: no baseline here; run in the repository, or give --baseline"),
        (
            &["check", "--baseline", "none"],
            "none: no baseline here; run in the repository, or give --baseline",
        ),
        (&["run", "none.toml"], "no experiment \"none.toml\": looked for none.toml"),
        (
            &["run", "small.toml", "--out", file],
            "results/small/runs.csv/groups: cannot read: Not a directory",
        ),
        (&["run", "small.toml", "--out", "small.toml/below"], "Not a directory"),
        (
            &["run", "census-income", "--set", "data.path=none"],
            "data.path = \"none\": expected a folder with",
        ),
        (&["calibrate", "--search", "none.toml"], "none.toml: cannot be read: No such file or directory"),
        (&["calibrate", "--search", "results"], "results: cannot be read: it is not a regular file"),
        (&["calibrate", "--out", file], "results/small/runs.csv: File exists; choose a folder with --out"),
    ];
    for (arguments, expected) in cases {
        let output = desk.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(!message.contains("os error"), "{arguments:?}: {message}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
    // The one meaning of 1 is a study that is not complete.
    let group = &common::group_files(&desk.path("results/small"))[0];
    std::fs::remove_file(group).unwrap();
    assert_eq!(desk.run(&["status", "results/small"]).status.code(), Some(1));
    std::fs::write(desk.path("results/small/manifest.json"), "{").unwrap();
    let output = desk.run(&["status", "results/small"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn one_of_a_thing_is_in_the_singular() {
    let desk = Desk::new();
    let sets = ["grid.models=[\"mmoe\"]", "grid.task_correlations=[1.0]", "grid.seeds=1", "train.steps=1"];
    let set = sets.iter().flat_map(|set| ["--set", set]);
    let arguments: Vec<&str> =
        ["run", "small.toml", "--threads", "1", "--no-report"].into_iter().chain(set).collect();
    let cost = desk.done(&[&arguments[..], &["--dry-run"]].concat());
    assert!(cost.contains("groups          1 on 1 thread\n"), "{cost}");
    assert!(cost.contains("each run        1 step of 32 rows\n"), "{cost}");
    let messages = String::from_utf8(desk.run(&arguments).stderr).unwrap();
    assert!(messages.starts_with("small: 1 run of 1 step in 1 group on 1 thread\n"), "{messages}");
    assert!(
        messages.contains("1 run-step in ") && messages.contains("\n1 of 1 run in results/small\n"),
        "{messages}"
    );
    assert!(desk.done(&["list"]).contains("1 of 1 run\n"));
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let desk = Desk::new();
    let out = desk.done(&["run", "small.toml", "--dry-run"]);
    for part in
        ["24 of 24 are to be trained", "groups          4", "operations", "memory", "run-steps/s", "time"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!desk.path("results").exists());
}

#[test]
fn the_bare_program_has_its_experiments_built_in() {
    let desk = Desk::new();
    let out = desk.done(&["--dry-run"]);
    assert!(out.starts_with("experiment      quick: "), "{out}");
    let list = desk.done(&["list"]);
    for name in ["quick", "figure2", "figure3", "figure4", "ci", "shared_bottom", "mmoe", "single_task"] {
        assert!(list.contains(name), "{name}: {list}");
    }
}

#[test]
fn label_correlations_need_no_training() {
    let desk = Desk::new();
    desk.done(&["run", "figure2", "--no-report", "--set", "grid.seeds=5", "--set", "data.label_points=1000"]);
    let labels = std::fs::read_to_string(desk.path("results/figure2/labels.csv")).unwrap();
    assert_eq!(labels.lines().count(), 1 + 9 * 5);
    assert!(labels.starts_with("task_correlation,seed,pair,points,label_correlation\n0.4,0,1,1000,"));
}

#[test]
fn finite_data_pairs_and_negative_correlations_train() {
    let desk = Desk::new();
    let text = SMALL
        .replace(
            "label_points = 500",
            "label_points = 500\npairs = 2\nsource = { rows = 100 }\nstandardise_labels = false",
        )
        .replace("[0.5, 1.0]", "[-1.0, -0.3]");
    std::fs::write(desk.path("other.toml"), text).unwrap();
    desk.done(&["run", "other.toml"]);
    let runs = std::fs::read_to_string(desk.path("results/other/runs.csv")).unwrap();
    assert!(runs.contains("final_held_out_loss_4"), "four tasks in two pairs");
    assert_eq!(runs.matches("finished").count(), 24);
}

#[test]
fn match_parameters_sizes_all_other_models() {
    let desk = Desk::new();
    let out = desk.done(&["run", "small.toml", "--match-parameters", "mmoe", "--dry-run"]);
    // 16 · 16 · 8 + 2 · 16 · 8 = 2,304 weights of MMoE; a shared bottom has 16 + 2 · 8 for each unit.
    assert!(out.contains("shared_bottom: bottom_units = 72, tower_units = 8; "), "{out}");
    assert_eq!(out.matches("2,304 of them weights of hidden layers").count(), 3, "{out}");
    let output = desk.run(&["run", "small.toml", "--match-parameters", "mmeo", "--dry-run"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("did you mean \"mmoe\"?"), "{message}");
}

/// Two models of equal sizes, and a model with the grid's learning rate as its own.
#[test]
fn runs_of_one_identity_are_trained_once_and_shown_for_each() {
    let desk = Desk::new();
    let twins = format!(
        "{}\n[models.same]\narchitecture = \"mmoe\"\nexperts = 8\n[models.rate]\narchitecture = \"mmoe\"\nlearning_rate = 0.01\n",
        SMALL.replace("\"omoe\", \"mmoe\"", "\"mmoe\", \"same\", \"rate\"")
    );
    std::fs::write(desk.path("twins.toml"), twins).unwrap();
    let output = desk.run(&["run", "twins.toml"]);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(messages.contains("16 runs of 150 steps"), "{messages}");
    assert!(messages.contains("32 of 32 runs in results/twins"), "{messages}");

    for table in ["runs.csv", "curves.csv", "gates.csv"] {
        let text = std::fs::read_to_string(desk.path("results/twins").join(table)).unwrap();
        let rows = |model: &str| -> Vec<String> {
            let of_model = text.lines().filter_map(|line| line.strip_prefix(&format!("{model},")));
            of_model.map(str::to_owned).collect()
        };
        assert!(!rows("mmoe").is_empty(), "{table}");
        assert_eq!(rows("same"), rows("mmoe"), "{table}");
        assert_eq!(rows("rate"), rows("mmoe"), "{table}");
    }
    let status = desk.done(&["status", "results/twins"]);
    assert!(status.contains("32 of 32 are done"), "{status}");
    let page = std::fs::read_to_string(desk.path("results/twins/report.html")).unwrap();
    assert!(!page.contains("This study is not complete"));
    let again = String::from_utf8(desk.run(&["run", "twins.toml"]).stderr).unwrap();
    assert!(again.contains("0 runs of 150 steps in 0 groups"), "{again}");
    // From the tables alone, and with a third twin, which is finished as well.
    std::fs::remove_dir_all(desk.path("results/twins/groups")).unwrap();
    let status = desk.done(&["status", "results/twins"]);
    assert!(status.contains("32 of 32 are done"), "{status}");
}

/// Title and description are constants of the file, and do not know what `--set` changed.
#[test]
fn what_set_changes_is_in_the_lead_of_the_page() {
    let desk = Desk::new();
    desk.done(&[
        "run",
        "small.toml",
        "--set",
        "seeds=2",
        "--set",
        "grid.models=[\"mmoe\"]",
        "--set",
        "data.dim=16",
    ]);
    let page = std::fs::read_to_string(desk.path("results/small/report.html")).unwrap();
    let lead = page.split("class=\"lead\">").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(lead.contains("This study is small with grid.seeds = 2 and grid.models ="), "{lead}");
    // study.toml keeps it, and the titles of models.
    desk.done(&["run", "results/small/study.toml", "--out", "again", "--set", "seeds=1"]);
    let study: toml::Table = std::fs::read_to_string(desk.path("again/study.toml")).unwrap().parse().unwrap();
    assert_eq!(study["changed"].to_string(), "['grid.models = [\"mmoe\"]', \"grid.seeds = 1\"]");
}
