//! Commands and TOML blocks of README and `docs/`, run on a fresh clone.
//!
//! A clone contains the files that Git would clone, with uncommitted changes. Every document has its own clone. Its blocks
//! are tested from top to bottom:
//!
//! - A `toml` block that begins with `# name.toml` is written to that file and planned with `sweep run name.toml
//!   --dry-run`. Other blocks are fragments: their tables replace those of `experiments/quick.toml`.
//! - Every line of a `console` block is run by the shell, by the rules of [`RULES`]. A command without a rule fails the test.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::{census_rows, cloned_files};
use crate::markdown::{Block, Page, guides, root};

/// How a command is tested.
enum Rule {
    /// Run unchanged.
    AsItStands,
    /// Run with additional arguments that make it short.
    With(&'static str),
    /// `sweep status`, whose exit code 1 means that the study is not complete.
    Status,
    /// Run with additional arguments that make it short. It needs a GPU and may be refused without one.
    OnGpu(&'static str),
    /// Not run, for this reason.
    #[expect(dead_code, reason = "the reason is for readers of the table")]
    Left(&'static str),
}

/// Few seeds, few steps, small batches, in place of the committed study. Four seeds: shard 3/16 has a group.
const SMALL: &str = "--replace --set grid.seeds=4 --set train.steps=20 --set train.batch_size=32";
/// The same with few impressions.
const FEW_IMPRESSIONS: &str = "--replace --set grid.seeds=2 --set train.steps=5 --set train.batch_size=32 --set \
                               data.training_impressions=2000 --set data.test_impressions=2000";
/// The same with two trials of a model.
const FEW_TRIALS: &str = "--replace --set grid.seeds=1 --set train.steps=20 --set train.batch_size=32 --set tune.trials=2 --set \
                          'tune.rungs=[{ seeds = 1, steps = 5, keep = 1 }]'";
/// A small baseline, which [`Clone::new`] trains.
const SMALL_BASELINE: &str = "--baseline results/small --set grid.seeds=4 --set train.steps=20";

/// A command follows the first rule whose text it contains.
const RULES: &[(&str, Rule)] = &[
    ("cargo test", Rule::Left("this test is a part of it")),
    (
        "cargo build --release --features cuda",
        Rule::Left("needs the CUDA toolkit; .ci/check-cuda checks its types"),
    ),
    ("sbatch ", Rule::Left("needs Slurm; tests/slurm.sh submits the same file")),
    ("sweep check --set train.device=cuda", Rule::OnGpu(SMALL_BASELINE)),
    ("--device cuda", Rule::OnGpu(SMALL)),
    ("--dry-run", Rule::AsItStands),
    ("sweep list", Rule::AsItStands),
    ("sweep report ", Rule::AsItStands),
    ("sweep claims ", Rule::AsItStands),
    ("sweep compare ", Rule::AsItStands),
    ("sweep status ", Rule::Status),
    ("sweep check", Rule::With(SMALL_BASELINE)),
    ("sweep run census-", Rule::With(FEW_TRIALS)),
    ("sweep run ali-ccp ", Rule::With("--replace --set grid.seeds=1 --set train.steps=3")),
    ("sweep run esmm", Rule::With(FEW_IMPRESSIONS)),
    ("sweep run impressions.toml", Rule::With(FEW_IMPRESSIONS)),
    ("sweep run ", Rule::With(SMALL)),
    ("cargo run --release --bin sweep", Rule::With(SMALL)),
];

/// Blocks that are not run.
const OTHER_LANGUAGES: [(&str, &str); 2] =
    [("text", "equations and trees of files"), ("python", "needs pandas, which the project does not")];

/// A fresh clone, with the program on the path of its shell.
struct Clone {
    folder: tempfile::TempDir,
}

impl Clone {
    /// Copies the files and adds what the rules need: `sweep`, census rows, a small baseline.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in cloned_files() {
            let target = folder.path().join("clone").join(file);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(root().join(file), target).unwrap();
        }
        for beside in ["bin", "census"] {
            std::fs::create_dir(folder.path().join(beside)).unwrap();
        }
        let sweep = folder.path().join("bin/sweep");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sweep"), sweep).unwrap();
        std::fs::write(folder.path().join("census/census-income.data"), census_rows(600)).unwrap();
        let clone = Self { folder };
        let baseline = format!("sweep check --update --why small {SMALL_BASELINE}");
        let output = clone.shell(&baseline);
        assert!(output.status.success(), "{baseline}: {}", String::from_utf8_lossy(&output.stderr));
        clone
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("clone")
    }

    /// Runs a command line in the clone.
    fn shell(&self, command: &str) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.folder.path().join("bin");
        Command::new("sh")
            .args(["-c", command])
            .current_dir(self.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .output()
            .expect("a shell")
    }

    /// The folder that replaces FOLDER in a command.
    fn data(&self, command: &str) -> String {
        let folder = match command.contains("ali-ccp") {
            true => self.path().join("tests/ali_ccp"),
            false => self.folder.path().join("census"),
        };
        folder.display().to_string()
    }

    /// Runs a documented command by its rule.
    ///
    /// # Errors
    /// The command has no rule, or its exit code is not an expected one.
    fn documented(&self, command: &str) -> Result<(), String> {
        let Some((_, rule)) = RULES.iter().find(|(text, _)| command.contains(text)) else {
            return Err("no rule says how this command is tested".into());
        };
        let (extra, allowed): (&str, &[i32]) = match rule {
            Rule::Left(_) => return Ok(()),
            Rule::AsItStands => ("", &[0]),
            Rule::Status => ("", &[0, 1]),
            Rule::With(extra) => (extra, &[0]),
            Rule::OnGpu(extra) => (extra, &[0, 2]),
        };
        let command = command.replace("cargo run --release --bin sweep", "sweep");
        let command = format!("{} {extra}", command.replace("FOLDER", &self.data(&command)));
        let output = self.shell(&command);
        match output.status.code() {
            Some(code) if allowed.contains(&code) => Ok(()),
            code => Err(format!("ran as: {command}\n{code:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Plans a documented `sweep run` as it stands, on the folders of the clone: it must not be about to replace results of
    /// another experiment. Commands that need data from elsewhere are left.
    ///
    /// # Errors
    /// The command would be refused for that.
    fn replaces_nothing(&self, command: &str) -> Result<(), String> {
        if !command.starts_with("sweep run") || command.contains("FOLDER") {
            return Ok(());
        }
        let messages = self.shell(&format!("{command} --dry-run")).stderr;
        let messages = String::from_utf8_lossy(&messages).into_owned();
        if messages.contains("holds another experiment") { Err(messages) } else { Ok(()) }
    }

    /// Plans the experiment of a TOML block.
    ///
    /// # Errors
    /// The program refuses it.
    fn planned(&self, block: &Block) -> Result<(), String> {
        let name = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
        let (name, text) = match name.filter(|name| name.ends_with(".toml")) {
            Some(name) => (name, block.text.clone()),
            None => ("fragment.toml", completed(&block.text)),
        };
        std::fs::write(self.path().join(name), text).unwrap();
        self.documented(&format!("sweep run {name} --dry-run"))
    }
}

/// `experiments/quick.toml` with the tables of a fragment instead of its own.
fn completed(fragment: &str) -> String {
    let quick = std::fs::read_to_string(root().join("experiments/quick.toml")).unwrap();
    let mut experiment: toml::Table = quick.parse().unwrap();
    let fragment: toml::Table = fragment.parse().unwrap();
    for (section, value) in fragment {
        match (experiment.get_mut(&section), value) {
            (Some(toml::Value::Table(tables)), toml::Value::Table(own)) if section == "models" => {
                tables.extend(own)
            }
            (_, value) => drop(experiment.insert(section, value)),
        }
    }
    experiment.to_string()
}

/// The commands of a console block and their lines in the document, without comments and with continued lines joined.
fn commands(block: &Block) -> Vec<(usize, String)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    for (number, line) in (block.line..).zip(block.text.lines()) {
        let line = without_comment(line).trim();
        let (line, goes_on) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        match commands.last_mut().filter(|_| continued) {
            Some((_, command)) => command.push_str(line),
            None if line.is_empty() => {}
            None => commands.push((number, line.to_string())),
        }
        continued = goes_on;
    }
    commands
}

/// The part of a line before a `#` outside quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    line
}

/// Runs all blocks of a document and returns the failures.
fn failures(page: &Page) -> Vec<String> {
    let clone = Clone::new();
    let mut failures = Vec::new();
    for (_, command) in page.blocks().iter().filter(|block| block.language == "console").flat_map(commands) {
        failures.extend(clone.replaces_nothing(&command).err());
    }
    for block in page.blocks() {
        let place = |line: usize| format!("{}:{line}", page.path);
        match block.language.as_str() {
            "toml" => failures
                .extend(clone.planned(&block).err().map(|why| format!("{}: {why}", place(block.line)))),
            "console" => {
                for (line, command) in commands(&block) {
                    let failed = clone.documented(&command).err();
                    failures.extend(failed.map(|why| format!("{}: {command}\n{why}", place(line))));
                }
            }
            other if OTHER_LANGUAGES.iter().any(|(language, _)| *language == other) => {}
            other => failures.push(format!("{}: a block of unknown language {other:?}", place(block.line))),
        }
    }
    failures
}

#[test]
fn commands_and_experiments_of_the_documents_run_on_a_fresh_clone() {
    let failures: Vec<String> = guides().iter().flat_map(failures).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn a_clone_has_no_ignored_files() {
    assert!(cloned_files().iter().any(|file| file == "README.md"));
    assert!(!cloned_files().iter().any(|file| Path::new(file).starts_with("target")));
}

#[test]
fn a_command_without_a_rule_fails() {
    let page = Page { path: "page.md".into(), text: "```console\nfrobnicate --all\n```\n".into() };
    assert!(failures(&page)[0].contains("no rule"));
    let page = Page { path: "page.md".into(), text: "```console\nsweep list --wrong\n```\n".into() };
    assert!(failures(&page)[0].contains("unexpected argument"));
    let page = Page { path: "page.md".into(), text: "```toml\n[train]\nsteps = 0\n```\n".into() };
    assert!(failures(&page)[0].contains("train.steps = 0"));
}
