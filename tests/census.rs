//! Studies of the census rows from the command line, on rows made here in the form of the original file.

mod common;
use common::{Desk, census_rows, group_files, tables};
use mmoe_study::data::census::{CensusSpec, MainTask};
use mmoe_study::data::{Census, Check, CheckResult, DataCheck, DataError};

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
    assert!(
        claims.contains("MMoE is better than the shared bottom") && claims.contains("Not tested: claim"),
        "{claims}"
    );
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
        message.contains("tune.models.mmoe.experts = 0: expected a whole number from 1 to 1000000"),
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

/// The rows of a folder with these files.
fn read(files: &[(&str, &[u8])], skip_bad_rows: bool) -> Result<(CensusSpec, Census), DataError> {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
    let spec = CensusSpec {
        path: folder.path().to_owned(),
        main: MainTask::Income,
        split: 0,
        embedding_units: 2,
        skip_bad_rows,
        max_skipped: 0.05,
        digest: String::new(),
    };
    spec.read()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

const DATA: &str = "census-income.data";
const TEST: &str = "census-income.test";

#[test]
fn byte_order_marks_and_ends_of_lines_change_no_row() {
    let text = census_rows(600);
    let (spec, census) = read(&[(TEST, text.as_bytes())], false).unwrap();
    let marked = format!("\u{feff}{text}").into_bytes();
    for (name, bytes) in [("census-income.test.gz", packed(&marked)), (TEST, marked)] {
        let (same, rows) = read(&[(name, &bytes)], false).unwrap();
        assert_eq!((same.digest, rows.len(), rows.skipped), (spec.digest.clone(), 600, 0), "{name}");
    }
    let (first, second) = text.split_at(text.find('\n').unwrap() + 1);
    for other in [
        format!("{first}\u{feff}{second}"),
        text.replace('\n', "\r\n"),
        text.trim_end().to_string(),
        format!("{text}\n\r\n \n"),
    ] {
        let (_, rows) = read(&[(TEST, other.as_bytes())], false).unwrap();
        assert_eq!((rows.len(), rows.vocabulary, rows.skipped), (600, census.vocabulary, 0));
    }
}

#[test]
fn files_without_good_rows_or_with_too_few_are_refused_whatever_is_skipped() {
    let (good, test) = (census_rows(400), census_rows(300));
    let quoted: String = good
        .lines()
        .map(|line| line.split(", ").map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    let names: Vec<String> =
        (b'a'..b'a' + 21).flat_map(|c| ["x", "y"].map(|d| format!("{}{d}", c as char))).collect();
    let cut = |every: usize| -> String {
        let lines = good.lines().enumerate();
        lines.map(|(at, line)| if at % every == 0 { "a, b\n".into() } else { format!("{line}\n") }).collect()
    };
    let utf_16: Vec<u8> = format!("\u{feff}{good}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let none = "none of the 400 rows read can be used: line 1";
    for (bytes, told) in [
        (
            quoted.into_bytes(),
            vec![none, "its fields seem to be in quotes; expected none", "(and 399 like it)"],
        ),
        (good.replace(", ", ";").into_bytes(), vec![none, "separated by semicolons; expected commas"]),
        (good.replace(", ", "\t").into_bytes(), vec![none, "separated by tabs; expected commas"]),
        (good.replace('\n', "\r").into_bytes(), vec!["none of the 1 rows", "expected line feeds"]),
        (names.join(",").into_bytes(), vec!["none of the 1 rows", "it seems to be a header"]),
        (Vec::new(), vec!["has no rows; expected the published file"]),
        (b"\n\r\n \n".to_vec(), vec!["has no rows; expected the published file"]),
        (
            cut(10).into_bytes(),
            vec!["40 of 400 rows are malformed (10.00 %), more than data.max_skipped = 0.05 allows"],
        ),
        (utf_16, vec!["is UTF-16 text; expected UTF-8"]),
        (packed(good.as_bytes()), vec!["is a gzip file; expected a name that ends in .gz"]),
    ] {
        // As the training file beside a sound one, and alone.
        for files in [&[(DATA, &*bytes), (TEST, test.as_bytes())][..], &[(TEST, &*bytes)]] {
            let error = read(files, true).unwrap_err().to_string();
            assert!(error.contains(&format!("{}: ", files[0].0)), "{error}");
            assert!(told.iter().all(|told| error.contains(told)), "{told:?}: {error}");
            assert!(error.len() < 1_000 && !error.contains(char::is_control), "{error:?}");
            assert!(read(files, false).is_err(), "{told:?}");
        }
    }
    assert_eq!(read(&[(DATA, cut(20).as_bytes()), (TEST, test.as_bytes())], true).unwrap().1.skipped, 20);
}

#[test]
fn a_column_that_gives_a_label_away_is_warned_of() {
    let warnings = |text: &str| -> Vec<(String, String)> {
        let (_, census) = read(&[(TEST, text.as_bytes())], false).unwrap();
        let warned = |check: &DataCheck| {
            check.check == Check::RevealingColumns && check.result == CheckResult::Warning
        };
        census.checks.into_iter().filter(warned).map(|check| (check.subject, check.text)).collect()
    };
    let text = census_rows(600);
    assert_eq!(warnings(&text), []);
    // A category that is the label, and a number that falls with it.
    let rich = |line: &str| line.ends_with("50000+.");
    let edited =
        |edit: &dyn Fn(&str) -> String| -> String { text.lines().map(|line| edit(line) + "\n").collect() };
    let category = edited(&|line| line.replace("Foreign", if rich(line) { "a" } else { "b" }));
    let number = edited(&|line| {
        let fields: Vec<&str> = line.split(", ").collect();
        let wage = if rich(line) { "1" } else { "3" };
        [&fields[..5], &[wage], &fields[6..]].concat().join(", ")
    });
    for (edited, name) in [(category, "citizenship"), (number, "wage per hour")] {
        assert_ne!(edited, text);
        let warnings = warnings(&edited);
        let [(subject, told)] = &warnings[..] else { panic!("{warnings:?}") };
        assert_eq!(subject, "income above $50,000");
        assert!(told.contains(&format!("\u{201c}{name}\u{201d} (1.0000)")), "{told}");
    }
}

#[test]
fn what_is_found_out_about_the_rows_is_told_stored_and_reported() {
    let desk = desk();
    let same = census_rows(300);
    std::fs::write(desk.path("rows/census-income.data"), format!("{same}one, two\n")).unwrap();
    std::fs::write(desk.path("rows/census-income.test"), &same).unwrap();
    let run = ["run", "census.toml", "--out", "study", "--skip-bad-rows", "--set", "grid.seeds=1"];
    let output = desk.run(&run);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let left_out = "1 of 301 rows of census-income.data was left out: another number of fields (line 301: has 2 fields; \
                    expected 42).";
    let shared = "300 of 300 validation and test rows of census-income.test equal a training row in every field \
                  (100.00 %), more than 5 %.";
    assert!(
        told.contains(&format!("note: {left_out}\n")) && told.contains(&format!("warning: {shared}")),
        "{told}"
    );
    assert!(!told.contains("click"), "{told}");
    let checks = std::fs::read_to_string(desk.path("study/data_checks.csv")).unwrap();
    assert!(checks.starts_with("check,file,subject,found,of,result,text\n"), "{checks}");
    for row in [
        "left_out,census-income.data,another number of fields,1,301,noted,",
        "left_out,census-income.test,,0,300,passed,",
        "shared_rows,census-income.test,,300,300,warning,",
        "revealing_columns,census-income.test,never married,0,38,passed,",
    ] {
        assert!(checks.lines().any(|line| line.starts_with(row)), "{row}\n{checks}");
    }
    let page = std::fs::read_to_string(desk.path("study/report.html")).unwrap();
    assert!(
        page.contains("The data may not be what it seems.") && page.contains(&format!("Warning: {shared}"))
    );
    assert!(page.contains(left_out));
    // From the tables alone it says the same.
    std::fs::remove_dir_all(desk.path("rows")).unwrap();
    std::fs::remove_dir_all(desk.path("study/groups")).unwrap();
    std::fs::remove_file(desk.path("study/report.html")).unwrap();
    desk.done(&["report", "study"]);
    assert_eq!(std::fs::read_to_string(desk.path("study/report.html")).unwrap(), page);
}
