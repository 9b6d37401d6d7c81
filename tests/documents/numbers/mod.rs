//! Recomputes the numbers of documents from committed files: one test for each document.

use mmoe_study::data::{checks, left_out};
use mmoe_study::experiment::library;
use mmoe_study::experiment::plan::Plan;

use crate::common::Desk;
use crate::markdown;
use crate::quotes::{Quotes, fixed, interval, thousands, word};
use crate::tables::{Csv, toml_file};

mod calibration;
mod census;
mod esmm;
mod figure4;
mod sharing;

const TRAINING: &str = "final_train_loss_1";
const HELD_OUT: &str = "final_held_out_loss_1";

/// Runs of a study at a model and a correlation.
fn runs(study: &str, model: &str, correlation: &str) -> Csv {
    let runs = Csv::read(&format!("results/{study}/runs.csv"));
    runs.with(&[("model", model), ("task_correlation", correlation)])
}

/// Effect and interval of a claim (`part` empty) or of a comparison behind it.
fn claim(study: &str, number: &str, part: &str) -> [f64; 3] {
    let claims = Csv::read(&format!("results/{study}/claims.csv"));
    let row = claims.with(&[("claim", number), ("part", part)]);
    ["effect", "low", "high"].map(|column| row.number(column))
}

/// The number of claims with a verdict.
fn verdicts(study: &str, verdict: &str) -> usize {
    let claims = Csv::read(&format!("results/{study}/claims.csv"));
    claims.with(&[("part", ""), ("verdict", verdict)]).rows.len()
}

/// A key of a study's experiment.
fn setting(study: &str, section: &str, key: &str) -> toml::Value {
    toml_file(&format!("results/{study}/study.toml"))[section][key].clone()
}

fn count(study: &str, section: &str, key: &str) -> usize {
    match setting(study, section, key) {
        toml::Value::Integer(n) => n as usize,
        toml::Value::Array(list) => list.len(),
        other => panic!("{other}"),
    }
}

/// Minutes of CPU time of a study.
fn cpu_minutes(study: &str) -> String {
    let text =
        std::fs::read_to_string(markdown::root().join(format!("results/{study}/manifest.json"))).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    fixed(manifest["cpu_seconds"].as_f64().unwrap() / 60.0, 0)
}

/// Candidates of the search for the paper's protocol.
fn candidates() -> usize {
    Csv::read("results/calibration/protocols.csv").with(&[("rung", "1")]).values("candidate").len()
}

#[test]
fn readme() {
    let mut readme = Quotes::of("README.md");
    sharing::answer(&mut readme);
    readme.says(format!("the closest of {} candidate settings", candidates()));
    let undecided = verdicts("figure4", "undecided");
    readme.says(format!(
        "Of the paper's {} claims, {} are supported, {} are contradicted and {} {} undecided",
        word(Csv::read("results/figure4/claims.csv").with(&[("part", "")]).rows.len()),
        word(verdicts("figure4", "supported")),
        word(verdicts("figure4", "contradicted")),
        word(undecided),
        if undecided == 1 { "is" } else { "are" }
    ));
    readme.says(format!("loss is {} higher at 0.5 than at 1", interval(claim("figure4", "1", "7"), 3)));
    readme
        .says(format!("For the shared bottom the difference is {}", interval(claim("figure4", "1", "1"), 3)));
    readme.says(format!(
        "at correlation 0.5 the shared bottom's loss is {}, MMoE's {}",
        fixed(runs("figure4", "shared_bottom", "0.5").mean(HELD_OUT), 2),
        fixed(runs("figure4", "mmoe", "0.5").mean(HELD_OUT), 2)
    ));
    readme.says(format!(
        "differs by at most {} between the paper's seven models",
        fixed(census::spread("census-income"), 4)
    ));
    readme.says(format!(
        "it predicts {} times the true conversion rate",
        esmm::bias_with_interval("base", "BASE")
    ));
    readme.says(format!("predicts {} times that rate", esmm::bias_with_interval("esmm", "ESMM")));

    let cargo = toml_file("Cargo.toml");
    readme.says(format!("Rust {} or later", cargo["package"]["rust-version"].as_str().unwrap()));
    let quick = toml_file("experiments/quick.toml");
    let of_quick = |key: &str| word(quick["grid"][key].as_array().unwrap().len());
    let (models, correlations) = (of_quick("models"), of_quick("task_correlations"));
    readme.says(format!("{models} models, {correlations} correlations, {} seeds", quick["grid"]["seeds"]));
    let planned = |name| Plan::new(&library::find(name, &[]).unwrap()).runs().count();
    readme.says(format!("Figures 4 and 5 at the paper's scale: {} runs", thousands(planned("figure4"))));
    let units = toml_file("experiments/figure3.toml")["models"]["shared_bottom"]["bottom_units"].to_string();
    readme.says(format!("a shared bottom of {units} units"));
    readme.leaves("no gain", &["above 0 sharing helps", "not told apart from 0, and"]);
    readme.leaves("the definition of task correlation", &["(0: unrelated, 1: the same task)"]);
    readme.leaves(
        "exit codes, tested in tests/command_line.rs",
        &["0: done. 1: something", "2: the request", "130: int", "0 complete, 1 not complete, 2 no study"],
    );
    readme.finish();
}

#[test]
fn short_pages_of_studies_contain_no_numbers() {
    for study in [
        "esmm-delay",
        "esmm-selection",
        "esmm-sparsity",
        "figure3",
        "figure4-rates",
        "sharing-control",
        "sharing-ple",
        "sharing-scarce",
    ] {
        Quotes::of(&format!("results/{study}/README.md")).finish();
    }
}

#[test]
fn every_page_of_results_is_checked() {
    let checked = [
        "calibration",
        "census-education",
        "census-income",
        "esmm",
        "esmm-delay",
        "esmm-selection",
        "esmm-sparsity",
        "figure3",
        "figure4",
        "figure4-rates",
        "sharing",
        "sharing-control",
        "sharing-ple",
        "sharing-scarce",
    ];
    let pages: Vec<String> = markdown::results().into_iter().map(|page| page.path).collect();
    assert_eq!(pages, checked.map(|study| format!("results/{study}/README.md")));
}

/// The pages of `docs/` describe the program, so nearly all of their numbers are settings, not results.
#[test]
fn guides() {
    let mut page = Quotes::of("docs/experiments.md");
    // Defaults are checked against the program in keys.rs.
    page.leaves_tables(&["The file", "`", "Sizes"]);
    page.leaves("what a key takes", &["(seeds 0 to n − 1)", "from -1 to 1"]);
    page.finish();

    let mut page = Quotes::of("docs/data.md");
    page.leaves("the standard normal distribution", &["N(0, I)"]);
    page.leaves("the paper's division, src/data/census", &["divided 4:1:1"]);
    page.leaves("probabilities", &["ratios above 1)"]);
    page.leaves(
        "memory measured on the published files, which are not here",
        &["2 million rows of each period take 0.4 GB of memory, and 0.6 GB more"],
    );
    page.says(format!("`data.max_skipped` of a file's rows ({} %)", 100.0 * left_out::MAX_SKIPPED));
    page.says(format!("more than {} % of the rows to score on", 100.0 * checks::MAX_SHARED));
    page.says(format!("an AUC of {} or more for a label", checks::REVEALING));
    page.says(format!("a sample of at most {}", thousands(checks::MOST_KEYS)));
    assert_eq!(checks::MOST_ROWS, 500_000, "half a million");
    let found = Csv::read("results/census-income/data_checks.csv");
    let shared = found.with(&[("check", "shared_rows")]);
    let classes = Csv::read("results/census-income/classes.csv").with(&[("task", "1")]);
    let rows: f64 = classes.numbers("rows").iter().sum();
    let share = 100.0 * shared.number("found") / shared.number("of");
    page.says(format!(
        "Of the {} rows of `census-income.test`, divided 4:1:1, {} % of the validation and test rows equal a training row in \
         all 42 fields",
        thousands(rows as usize),
        fixed(share, 2)
    ));
    let single = found.with(&[("check", "revealing_columns"), ("subject", "never married")]);
    let text = &single.only()["text"];
    let column = "\u{201c}detailed household and family stat\u{201d} (";
    let area = text.split(column).nth(1).unwrap_or_else(|| panic!("{text}")).trim_end_matches(").");
    page.says(format!("The highest AUC of one column is {area}"));
    page.finish();

    let mut page = Quotes::of("docs/architectures.md");
    let desk = Desk::new();
    let planned = |counting: &str| {
        let change = |key: &str| format!("models.shared_bottom.{key}");
        let [matched, by] = [change("match_parameters=mmoe"), change(&format!("match_by={counting}"))];
        desk.done(&["run", "figure4", "--dry-run", "--set", &matched, "--set", &by])
    };
    let by_weights = planned("weights");
    assert!(by_weights.contains("shared_bottom: bottom_units = 113,"), "{by_weights}");
    assert!(by_weights.contains("tower_units = 8; 14,818 parameters, 13,056 of them"), "{by_weights}");
    assert!(planned("all").contains("shared_bottom: bottom_units = 126,"));
    page.says("13,056 / (100 + 16) ≈ 113 units");
    page.says("MMoE has 14,818, which equals a shared bottom of 126 units");
    page.leaves("weights of rows", &["1/pCTR"]);
    page.finish();

    let mut page = Quotes::of("docs/clusters.md");
    let batch = std::fs::read_to_string(markdown::root().join("experiments/slurm/sweep.sbatch")).unwrap();
    assert!(batch.contains("#SBATCH --array=0-15\n"));
    page.says("an array of 16 tasks");
    page.finish();

    let mut page = Quotes::of("docs/reliability.md");
    page.leaves("exit codes and times, each a test that the page names", &["exit code 130", "1970 or 2096"]);
    page.leaves("exit codes, each a test that the page names", &["exit code 1", "exit code 2"]);
    page.leaves("limits and masks that tests/faults.rs sets", &["32 are enough", "umask 077 or 002"]);
    page.leaves("an exit code of the system's loader, seen once", &["exit code 127"]);
    page.finish();

    let mut page = Quotes::of("docs/regression-checks.md");
    page.leaves("tolerances of the check, tested beside it", &["at most 0.001", "within 0.1 of each other"]);
    page.leaves(
        "exit codes, tested in tests/regression.rs",
        &["| 0 | same |", "| 1 | `REGRESSED` |", "| 2 | not comparable |", "| 3 | `UNDECIDED` |", "| 130 |"],
    );
    page.leaves("a mistake that tests/regression.rs plants", &["10 % too high"]);
    page.finish();

    let mut page = Quotes::of("docs/files.md");
    page.leaves("the first task", &["from 1"]);
    page.leaves("an exit code, tested in tests/other_experiments.rs", &["with exit code 2"]);
    page.finish();

    Quotes::of("docs/gpu.md").finish();
}
