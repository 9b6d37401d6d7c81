//! Studies of the census rows from the command line, on rows made here in the form of the original file.

mod common;
use common::{Desk, census_rows, group_files, tables};

/// A tuned study of two models on 600 rows: a few seconds.
const STUDY: &str = r#"
title = "A small census"

[data]
kind = "census"
path = "rows"
main = "income"
embedding_units = 2

[grid]
models = ["shared_bottom", "l2_constrained", "mmoe"]
seeds = 3

[tune]
trials = 3
learning_rates = [0.01, 0.03]
rungs = [{ seeds = 1, steps = 20, keep = 2 }, { seeds = 2, steps = 40, keep = 1 }]

[tune.models.shared_bottom]
bottom_units = [4, 8]

[tune.models.l2_constrained]
bottom_units = [4, 8]

[tune.models.mmoe]
experts = [2, 3]
expert_units = [4]

[train]
steps = 240
batch_size = 32
log_every = 80
log_gates_every = 80
held_out_rows = 64
"#;

/// A desk with the rows and `census.toml`.
fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("rows")).unwrap();
    std::fs::write(desk.path("rows/census-income.test"), census_rows(600)).unwrap();
    std::fs::write(desk.path("census.toml"), STUDY).unwrap();
    desk
}

/// All tables of a study, scores and trials too.
fn all(study: &std::path::Path) -> Vec<(String, String)> {
    let mut all = tables(study);
    for name in ["scores.csv", "classes.csv", "tuning.csv", "study.toml"] {
        all.push((name.into(), std::fs::read_to_string(study.join(name)).unwrap()));
    }
    all
}

#[test]
fn a_tuned_study_is_the_same_however_it_is_trained() {
    let desk = desk();
    desk.done(&["run", "census.toml", "--out", "one", "--threads", "1"]);
    desk.done(&["run", "census.toml", "--out", "two", "--threads", "2"]);
    assert_eq!(all(&desk.path("one")), all(&desk.path("two")));
    // Resumed: some groups of a rung and of the study itself are gone.
    for folder in ["two", "two/tuning/rung-1"] {
        std::fs::remove_file(&group_files(&desk.path(folder))[0]).unwrap();
    }
    desk.done(&["run", "census.toml", "--out", "two"]);
    assert_eq!(all(&desk.path("one")), all(&desk.path("two")));
    // From the resolved experiment, tuned already; and a model alone, in a group of its own.
    desk.done(&["run", "one/study.toml", "--out", "again", "--set", "grid.models=[\"mmoe\"]", "--no-report"]);
    let scores = |study: &str| std::fs::read_to_string(desk.path(study).join("scores.csv")).unwrap();
    let of_mmoe =
        |text: String| text.lines().filter(|l| l.starts_with("mmoe")).collect::<Vec<_>>().join("\n");
    assert!(!of_mmoe(scores("one")).is_empty());
    assert_eq!(of_mmoe(scores("one")), of_mmoe(scores("again")));
}

#[test]
fn a_tuned_study_is_divided_once_it_is_tuned() {
    let desk = desk();
    let output = desk.run(&["run", "census.toml", "--out", "tuned", "--shard", "0/2"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("shard 0/2: census has [tune], whose rungs cannot be divided into shards"),
        "{message}"
    );
    assert!(!desk.path("tuned").exists());
    desk.done(&["run", "census.toml", "--out", "tuned", "--set", "grid.seeds=1", "--no-report"]);
    assert!(desk.done(&["status", "tuned"]).contains("3 of 3 are done"));
    let rest = ["run", "tuned/study.toml", "--set", "grid.seeds=3", "--no-report"];
    desk.done(&[&rest[..], &["--out", "whole"]].concat());
    for shard in ["0/2", "1/2"] {
        desk.done(&[&rest[..], &["--out", "shards", "--shard", shard]].concat());
    }
    assert_eq!(tables(&desk.path("shards")), tables(&desk.path("whole")));
    // Killed while it was tuned, a study is not complete, and has nothing to report on.
    std::fs::create_dir_all(desk.path("begun/groups")).unwrap();
    std::fs::write(desk.path("begun/study.toml"), STUDY).unwrap();
    let output = desk.run(&["status", "begun"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("tuning          not finished"));
    for command in ["report", "claims"] {
        let output = desk.run(&[command, "begun"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "error: begun: still being tuned, so there are no runs yet; resume with `sweep run begun/study.toml --out \
             begun`\n"
        );
    }
}

#[test]
fn a_study_learns_and_reports_what_it_learned() {
    let desk = desk();
    let last = desk.done(&["run", "census.toml", "--out", "study"]);
    assert!(last.trim_end().ends_with("report.html"));
    let scores = std::fs::read_to_string(desk.path("study/scores.csv")).unwrap();
    let mut aucs = [Vec::new(), Vec::new()];
    for line in scores.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let task: usize = fields[4].parse().unwrap();
        aucs[task - 1].push(fields[5].parse::<f64>().unwrap());
    }
    for aucs in aucs {
        assert_eq!(aucs.len(), 3 * 3 * 2, "models, seeds, subsets");
        // Chance is 0.5; the standard error of one AUC on a hundred rows is about 0.05, of all these less.
        let mean = aucs.iter().sum::<f64>() / aucs.len() as f64;
        assert!(mean > 0.7, "{mean}");
    }
    let trials = std::fs::read_to_string(desk.path("study/tuning.csv")).unwrap();
    let count = |start: &str| trials.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!([count("1,mmoe,"), count("1,shared_bottom,"), count("2,mmoe,")], [3, 3, 2], "equal budgets");
    let report = std::fs::read_to_string(desk.path("study/report.html")).unwrap();
    for id in ["claims", "tables", "figures", "quality", "classes", "tuning", "setup"] {
        assert!(report.contains(&format!("<h2 id=\"{id}\"")), "{id}");
    }
    assert!(report.contains("Table 1") && !report.contains("NaN"));
    let claims = desk.done(&["claims", "study"]);
    assert!(claims.contains("MMoE is better than the shared bottom") && claims.contains("not tested"));
    // The report comes from the CSV files alone.
    std::fs::remove_dir_all(desk.path("rows")).unwrap();
    std::fs::remove_dir_all(desk.path("study/groups")).unwrap();
    std::fs::remove_file(desk.path("study/report.html")).unwrap();
    desk.done(&["report", "study"]);
    assert_eq!(std::fs::read_to_string(desk.path("study/report.html")).unwrap(), report);
}

#[test]
fn a_dry_run_knows_every_rung_and_writes_nothing() {
    let desk = desk();
    let text = desk.done(&["run", "census.toml", "--out", "study", "--dry-run"]);
    assert!(text.contains("rung 1") && text.contains("9 of 9 runs of 20 steps"), "{text}");
    assert!(text.contains("12 of 12 runs of 40 steps") && text.contains("MiB at its peak"), "{text}");
    assert!(!desk.path("study").exists());
}

#[test]
fn mistakes_name_place_and_remedy_and_write_nothing() {
    let desk = desk();
    let refused = |arguments: &[&str]| {
        let output = desk.run(&[&["run", "census.toml", "--out", "study"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!desk.path("study").exists());
        String::from_utf8(output.stderr).unwrap()
    };
    let message = refused(&["--set", "data.path=nowhere"]);
    assert!(
        message.contains("data.path = \"nowhere\"") && message.contains("census-income.data"),
        "{message}"
    );
    let message = refused(&["--set", "data.main=wealth"]);
    assert!(message.contains("data.main = \"wealth\": expected one of income, education"), "{message}");
    let message = refused(&["--set", "tune.trials=5"]);
    assert!(message.contains("tune.trials = 5: expected at most 4"), "{message}");
    let message = refused(&["--set", "tune.models.mmoe.experts=[0, 2]"]);
    assert!(
        message.contains("tune.models.mmoe.experts = 0: expected a whole number of at least 1"),
        "{message}"
    );
    let message = refused(&["--set", "train.engine=fused"]);
    assert!(message.contains("it cannot train shared_bottom on this data"), "{message}");
    let message = refused(&["--set", "data.digest=0123"]);
    assert!(message.contains("data.digest = \"0123\": the files in \"rows\" are others"), "{message}");
}

#[test]
fn malformed_rows_are_refused_or_counted() {
    let desk = desk();
    let bad = census_rows(600).replacen("Divorced", "Divorcd", 1) + "one, two, three\n";
    std::fs::write(desk.path("rows/census-income.test"), bad).unwrap();
    let run = ["run", "census.toml", "--out", "study", "--no-report"];
    let output = desk.run(&run);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("census-income.test:") && message.contains("field 8 (marital stat)"),
        "{message}"
    );
    desk.done(&[&run[..], &["--skip-bad-rows"]].concat());
    let classes = std::fs::read_to_string(desk.path("study/classes.csv")).unwrap();
    assert!(classes.lines().skip(1).all(|line| line.ends_with(",2")), "{classes}");
}

#[test]
fn two_files_are_training_and_halved_test_rows() {
    let desk = desk();
    std::fs::write(desk.path("rows/census-income.data"), census_rows(300)).unwrap();
    desk.done(&["run", "census.toml", "--out", "study", "--no-report"]);
    let classes = std::fs::read_to_string(desk.path("study/classes.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(classes.as_bytes());
    let rows: Vec<String> = reader.records().map(|row| row.unwrap()[3].to_string()).collect();
    assert_eq!(rows, ["300", "300", "300", "300", "300", "300"]);
}
