//! `sweep calibrate` as a user sees it: what it writes, that it resumes, and what it refuses.

mod common;

use std::path::Path;

use common::{Desk, group_files};

/// Two ways to train the paper's shared bottoms, so short that nothing is learned: the second is left out after
/// the first rung, whichever it is.
const SEARCH: &str = r#"
base = "calibration"
candidates = 2

[[axes]]
name = "batch"
choices = [
  { name = "8", set = ["train.batch_size=8"] },
  { name = "16", set = ["train.batch_size=16"] },
]

[[rungs]]
seeds = 1
steps = 600
keep = 1

[[rungs]]
seeds = 2
steps = 700
keep = 1
"#;

const OPTIONS: [&str; 12] = [
    "--starts",
    "1",
    "--out",
    "out",
    "--set",
    "grid.models=[\"small_bottom\", \"shared_bottom\"]",
    "--set",
    "grid.task_correlations=[1.0]",
    "--set",
    "data.label_points=100",
    "--set",
    "train.held_out_rows=16",
];

fn calibrate(desk: &Desk) -> String {
    desk.done(&[&["calibrate", "--search", "search.toml"][..], &OPTIONS].concat())
}

/// Every group file of every candidate with its time of change.
fn groups(out: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let candidates = std::fs::read_dir(out.join("candidates")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = candidates.flat_map(|candidate| group_files(&candidate)).collect();
    files.sort();
    let changed = |path: &std::path::PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
    files.into_iter().map(|path| (path.clone(), changed(&path))).collect()
}

#[test]
fn a_search_narrows_down_and_a_second_run_trains_nothing() {
    let desk = Desk::new();
    std::fs::write(desk.path("search.toml"), SEARCH).unwrap();
    let said = calibrate(&desk);
    assert!(said.contains("Rung 1") && said.contains("Rung 2") && said.contains("Best protocol: "), "{said}");

    let out = desk.path("out");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let protocols = read("protocols.csv");
    // Two candidates with two kinds of loss each on the first rung, one on the second.
    assert_eq!(protocols.lines().count(), 1 + 2 * 2 + 2);
    assert!(protocols.starts_with("rung,candidate,batch,seeds,steps,loss,distance"), "{protocols}");
    let kept = protocols.lines().filter(|line| line.starts_with("1,") && line.ends_with(",true")).count();
    assert_eq!(kept, 2, "one candidate, two kinds of loss");
    assert!(read("generators.csv").lines().count() > 6);
    // The last rung, curve by curve: one of Figure 3 and one of Figure 4.
    let cells = read("cells.csv");
    assert!(cells.contains(",3,small_bottom,1,") && cells.contains(",4,shared_bottom,1,"), "{cells}");

    let before = groups(&out);
    assert_eq!(calibrate(&desk), said);
    assert_eq!(groups(&out), before, "nothing is trained twice");
    assert_eq!(read("protocols.csv"), protocols);
}

#[test]
fn a_search_that_cannot_be_is_refused_before_anything_is_written() {
    let desk = Desk::new();
    for (wrong, with, expected) in [
        ("train.batch_size=8", "train.batch_size=0", "train.batch_size"),
        ("keep = 1", "keep = 0", "rungs"),
        ("base = \"calibration\"", "base = \"calibratoin\"", "calibratoin"),
    ] {
        std::fs::write(desk.path("search.toml"), SEARCH.replace(wrong, with)).unwrap();
        let output = desk.run(&[&["calibrate", "--search", "search.toml"][..], &OPTIONS].concat());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(!desk.path("out").exists());
    }
}
