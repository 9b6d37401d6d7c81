//! Another experiment in a folder that holds a study: nothing is replaced silently. And two experiments side by side:
//! `sweep compare` begins with what differs.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{Desk, census_rows, digest, group_files};

/// The small experiment, shortened.
const SHORT: [&str; 4] = ["run", "small.toml", "--set", "train.steps=20"];

/// The short experiment with these further arguments.
fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SHORT.iter().chain(more).copied().collect()
}

/// Every file below a folder with its contents.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(contents(&path)),
            path => drop(found.insert(path.clone(), std::fs::read(path).unwrap())),
        }
    }
    found
}

/// Runs the program, expects a refusal that leaves the study as it is, and gives the message.
fn refused(desk: &Desk, arguments: &[&str], study: &str) -> String {
    let before = contents(&desk.path(study));
    let output = desk.run(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(contents(&desk.path(study)) == before, "{arguments:?}: files have changed");
    assert!(message.contains("--out") && message.contains("--replace"), "{message}");
    message
}

#[test]
fn another_experiment_is_refused_and_what_differs_is_named() {
    let desk = Desk::new();
    desk.done(&short(&[]));
    for (set, named) in [
        ("train.steps=30", "\n  train.steps: 20 there, 30 now\n"),
        ("grid.seeds=3", "\n  grid.seeds: 0 to 3 there, 0 to 2 now\n"),
        (
            "grid.task_correlations=[0.5, 0.9]",
            "\n  grid.task_correlations: [0.5, 1.0] there, [0.5, 0.9] now\n",
        ),
        ("grid.models=[\"omoe\", \"mmoe\"]", "\n  grid.models: "),
        ("models.mmoe.experts=4", "\n  models.mmoe.experts: 8 there, 4 now\n"),
        ("data.noise_std=0.2", "\n  data.noise_std: 0.1 there, 0.2 now\n"),
    ] {
        let message = refused(&desk, &short(&["--set", set]), "results/small");
        assert!(message.starts_with("error: results/small holds another experiment:"), "{message}");
        assert!(message.contains(named), "{set}: {message}");
        assert_eq!(message.lines().count(), 3, "only what differs: {message}");
    }
    refused(&desk, &short(&["--set", "train.steps=30", "--shard", "0/2"]), "results/small");
    // A dry run writes nothing, so it only warns.
    let output = desk.run(&short(&["--set", "train.steps=30", "--dry-run"]));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && message.contains("warning: results/small holds another"), "{message}");
    // Tables alone are results too: group files may be deleted.
    std::fs::remove_dir_all(desk.path("results/small/groups")).unwrap();
    let message = refused(&desk, &short(&["--set", "train.steps=30"]), "results/small");
    assert!(message.contains("groups/ holds none of its runs"), "{message}");
    // Whose they are is not known without study.toml.
    std::fs::remove_file(desk.path("results/small/study.toml")).unwrap();
    let message = refused(&desk, &SHORT, "results/small");
    assert!(message.contains("study.toml is missing"), "{message}");
}

#[test]
fn a_study_grows_is_renamed_and_is_resumed_without_being_asked() {
    let desk = Desk::new();
    desk.done(&short(&["--no-report"]));
    let first = digest(&desk.path("results/small"));
    let resolved = std::fs::read_to_string(desk.path("results/small/study.toml")).unwrap();
    desk.done(&["run", "results/small/study.toml", "--out", "results/small", "--no-report"]);
    // The same keys in another order, under another name and title.
    let sections: Vec<&str> = resolved.split("\n\n").collect();
    let head = "name = \"renamed\"\ntitle = \"Another title\"".to_string();
    let turned: Vec<&str> =
        std::iter::once(head.as_str()).chain(sections[1..].iter().rev().copied()).collect();
    std::fs::write(desk.path("turned.toml"), turned.join("\n\n")).unwrap();
    desk.done(&["run", "turned.toml", "--out", "results/small", "--no-report"]);
    assert_eq!(digest(&desk.path("results/small")), first);
    for more in [
        &["--set", "report.loss=training"][..],
        &["--set", "grid.seeds=5"],
        &["--set", "grid.seeds=5", "--set", "grid.learning_rates=[0.01, 0.001]"],
        &[
            "--set",
            "grid.seeds=5",
            "--set",
            "grid.learning_rates=[0.01, 0.001]",
            "--set",
            "grid.models=[\"single_task\", \"mmoe\", \"omoe\", \"shared_bottom\"]",
        ],
    ] {
        desk.done(&short(&[more, &["--no-report"]].concat()));
    }
    let rows = std::fs::read_to_string(desk.path("results/small/runs.csv")).unwrap().lines().count();
    assert_eq!(rows, 1 + 4 * 2 * 2 * 5);
}

#[test]
fn a_replaced_experiment_comes_back_without_training() {
    let desk = Desk::new();
    desk.done(&short(&["--no-report"]));
    let study = desk.path("results/small");
    let (first, groups) = (digest(&study), group_files(&study));
    let other = short(&["--set", "train.steps=30", "--no-report", "--replace"]);
    let output = desk.run(&other);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{message}");
    assert!(message.contains("train.steps: 20 there, 30 now"), "{message}");
    assert!(message.contains("its 24 runs in groups/ stay"), "{message}");
    assert_ne!(digest(&study), first);
    let both = group_files(&study);
    assert!(groups.iter().all(|group| both.contains(group)) && both.len() == 2 * groups.len());
    desk.done(&short(&["--no-report", "--replace"]));
    assert_eq!(digest(&study), first);
    assert_eq!(group_files(&study), both, "nothing was trained");
    // With nothing to replace, --replace changes nothing.
    desk.done(&short(&["--no-report", "--replace"]));
    assert_eq!(digest(&study), first);
}

#[test]
fn an_experiment_of_which_nothing_is_done_is_in_nobodys_way() {
    let desk = Desk::new();
    // More runs than memory: refused after planning, or not; either way nothing is trained.
    std::fs::create_dir_all(desk.path("results/small")).unwrap();
    let text = common::SMALL.replace("steps = 150", "steps = 40");
    std::fs::write(desk.path("results/small/study.toml"), text).unwrap();
    desk.done(&short(&["--no-report"]));
}

#[test]
fn a_tuned_study_is_resumed_and_other_trials_are_refused() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("census")).unwrap();
    std::fs::write(desk.path("census/census-income.data"), census_rows(600)).unwrap();
    let tuned = [
        "run",
        "census-income",
        "--no-report",
        "--set",
        "data.path=census",
        "--set",
        "grid.seeds=1",
        "--set",
        "train.steps=20",
        "--set",
        "train.batch_size=32",
        "--set",
        "tune.rungs=[{ seeds = 1, steps = 5, keep = 1 }]",
    ];
    let study = |more: &[&'static str]| [&tuned[..], more].concat();
    let two = study(&["--set", "tune.trials=2"]);
    desk.done(&two);
    let first = digest(&desk.path("results/census-income"));
    desk.done(&two);
    assert_eq!(digest(&desk.path("results/census-income")), first);
    let message = refused(&desk, &study(&["--set", "tune.trials=3"]), "results/census-income");
    assert!(message.contains("tune: other trials there than now"), "{message}");
    let steps = study(&["--set", "tune.trials=2", "--set", "train.steps=30"]);
    let message = refused(&desk, &steps, "results/census-income");
    assert!(message.contains("train.steps: 20 there, 30 now"), "{message}");
    // Without tuning.csv and the folders of its rungs, the winners tell.
    desk.done(&[&steps[..], &["--replace"]].concat());
    assert_ne!(digest(&desk.path("results/census-income")), first);
}

#[test]
fn compare_begins_with_what_differs_and_decides_nothing_from_few_pairs() {
    let desk = Desk::new();
    desk.done(&short(&["--no-report", "--set", "grid.seeds=2", "--out", "p"]));
    desk.done(&short(&["--no-report", "--set", "grid.seeds=2", "--set", "train.steps=30", "--out", "q"]));
    let text = desk.done(&["compare", "p", "q", "--page", "c.html"]);
    assert!(
        text.starts_with("A: p\nB: q\nSettings of A → of B:\n  train.steps 20 → 30\nWarning: "),
        "{text}"
    );
    assert_eq!(text.matches("not tested: too few runs").count(), 6, "{text}");
    assert!(!text.contains(" lower") && !text.contains(" higher"), "{text}");
    let page = std::fs::read_to_string(desk.path("c.html")).unwrap();
    assert!(page.contains("<td><code>train.steps</code></td><td>20</td><td>30</td>"), "{page}");
    let text = desk.done(&["compare", "p", "p"]);
    assert!(text.contains("\nThe settings are equal.\n") && !text.contains("Warning"), "{text}");
    desk.done(&short(&["--no-report", "--set", "grid.learning_rates=[0.001]", "--out", "r"]));
    let text = desk.done(&["compare", "p", "r"]);
    assert!(text.contains("only in A: mmoe at 0.5, rate 0.01\n"), "{text}");
    assert!(text.contains("only in B: mmoe at 0.5, rate 0.001\n"), "{text}");
}
