//! What the tests of the command line share: a small experiment and the built program.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

#[cfg(unix)]
pub mod system;

/// An experiment of 24 runs in four groups, each a fraction of a second.
pub const SMALL: &str = r#"
title = "A small study"

[data]
kind = "synthetic"
dim = 16
scale = 0.557
alpha = [3.950, 5.190, 8.742]
beta = [1.672, 0.174, 3.024]
noise_std = 0.1
label_points = 500

[grid]
models = ["shared_bottom", "omoe", "mmoe"]
task_correlations = [0.5, 1.0]
learning_rates = [0.01]
seeds = 4

[train]
steps = 150
batch_size = 32
log_every = 50
log_gates_every = 50
held_out_rows = 64
"#;

/// A folder of its own for a test, with `small.toml` in it.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(desk.path("small.toml"), SMALL).unwrap();
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program in this folder, its output captured.
    pub fn sweep(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.sweep(arguments).output().unwrap()
    }

    /// Runs it and expects success.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A study's tables, without the one column that measures the machine.
pub fn tables(study: &Path) -> Vec<(String, String)> {
    ["runs.csv", "curves.csv", "gates.csv", "labels.csv"]
        .iter()
        .map(|name| {
            let text = std::fs::read_to_string(study.join(name)).unwrap();
            let text = match *name {
                "runs.csv" => text
                    .lines()
                    .map(|line| line.rsplit_once(',').expect("seconds come last").0.to_string() + "\n")
                    .collect(),
                _ => text,
            };
            (name.to_string(), text)
        })
        .collect()
}

/// Group files of a study, sorted.
pub fn group_files(study: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(study.join("groups"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

/// Digest of a study's results, from its manifest.
pub fn digest(study: &Path) -> String {
    let text = std::fs::read_to_string(study.join("manifest.json")).unwrap();
    let line = text.lines().find(|line| line.contains("\"digest\"")).unwrap();
    line.split('"').nth(3).unwrap().to_string()
}

/// Rows in the form of the original census file whose labels follow age, class of worker and sex, with some noise.
pub fn census_rows(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let at = |k: usize| (i * (37 + 12 * k) + i * i * (3 + k)) % 97;
        let age = at(0) % 80;
        let worker = ["Private", "Not in universe", "State government"][at(1) % 3];
        let sex = ["Male", "Female"][at(2) % 2];
        let single = age < 25 || at(3) < 10;
        let rich = (age > 40 && worker == "Private" && at(4) < 80) || at(5) < 5;
        let college = worker == "State government" || at(6) < 20;
        let education = if college { "Bachelors degree(BA AB BS)" } else { "High school graduate" };
        let marital = if single { "Never married" } else { "Divorced" };
        let income = if rich { "50000+." } else { "- 50000." };
        let year = 94 + i % 2;
        writeln!(
            text,
            "{age}, {worker}, {}, 0, {education}, 0, Not in universe, {marital}, Retail trade, Sales, White, All other, \
             {sex}, No, Not in universe, Full-time schedules, 0, 0, {}, Single, Not in universe, Utah, Householder, \
             Householder, 1000.5, ?, ?, ?, Yes, ?, {}, Not in universe, Mexico, Mexico, Mexico, Foreign, 0, No, 2, {}, \
             {year}, {income}",
            at(7) % 5,
            at(8) * 100,
            at(9) % 7,
            at(10) % 53
        )
        .unwrap();
    }
    text
}

/// Paths of the files that Git would clone, including new ones that it does not ignore.
pub fn cloned_files() -> &'static [String] {
    static FILES: LazyLock<Vec<String>> = LazyLock::new(|| {
        // As Git has it, which a machine may lack: the files that no .gitignore names.
        let mut walk = ignore::WalkBuilder::new(env!("CARGO_MANIFEST_DIR"));
        walk.standard_filters(false).git_ignore(true).require_git(false);
        walk.filter_entry(|entry| entry.file_name() != ".git").sort_by_file_path(Path::cmp);
        let entries = walk.build().map(|entry| entry.expect("the repository can be read"));
        let files = entries.filter(|entry| entry.path().is_file());
        let inside = |entry: ignore::DirEntry| {
            entry.path().strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned()
        };
        files.map(|entry| inside(entry).into_os_string().into_string().expect("names are text")).collect()
    });
    &FILES
}
