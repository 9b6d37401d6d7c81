//! Invalid input in files and on the command line gives one message or a result, never a panic, a hang or a file outside
//! the study's folder.
//!
//! Each property is tested on a few hundred mutated inputs, or on `MMOE_STUDY_FUZZ_CASES` of them:
//! `MMOE_STUDY_FUZZ_CASES=250000 cargo test --release --test bad_input`. To test another reader, add a property that
//! writes [`mutated`] text into its file and reads it.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Desk, SMALL};
use mmoe_study::claim;
use mmoe_study::data::ali_ccp::{self, AliCcpSpec};
use mmoe_study::data::{Batch, DataError, DataSpec, Subset};
use mmoe_study::engine::memory;
use mmoe_study::experiment::load::{load, parse};
use mmoe_study::experiment::plan::Plan;
use mmoe_study::experiment::search::Search;
use mmoe_study::experiment::shard::Shard;
use mmoe_study::store::Folder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Limit of the CPU time for one input; the slowest, with a report, takes one or two seconds.
const LONGEST: Duration = Duration::from_secs(20);

/// CPU time of this thread, independent of the load of the machine; 0 where the system does not report it.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Number of cases of each property.
fn cases() -> u32 {
    std::env::var("MMOE_STUDY_FUZZ_CASES").map_or(300, |text| text.parse().expect("a number of cases"))
}

/// Tests a property on [`cases`] values of a strategy.
fn try_on<S: Strategy>(strategy: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: std::fmt::Debug,
{
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let timed = |value| {
        let began = cpu_time();
        property(value)?;
        let taken = cpu_time() - began;
        prop_assert!(taken < LONGEST, "it took {taken:?}");
        Ok(())
    };
    if let Err(failure) = TestRunner::new(config).run(&strategy, timed) {
        panic!("{failure}");
    }
}

/// Values on which readers have failed somewhere.
const NASTY: &[&str] = &[
    "",
    " ",
    "0",
    "-0",
    "-1",
    "1",
    "2",
    "007",
    "0.5",
    "-0.0",
    "1e308",
    "-1e308",
    "1e999",
    "5e-324",
    "nan",
    "-nan",
    "inf",
    "-inf",
    "NaN",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "1e3",
    "0x7fffffffffffffff",
    "1_000",
    "true",
    "[]",
    "[[]]",
    "{}",
    "[1, 2]",
    "[0.5, 0.5]",
    "[1e308, -1e308]",
    "{ rows = 0 }",
    "{ rows = 2147483648 }",
    "\"\"",
    "\"../up\"",
    "\"/etc/passwd\"",
    "\"a/b\"",
    "\"\\u0000\"",
    "\"\\u001b[31m\"",
    "\"<script>\"",
    "\"mmoe\"",
    "\"single_task\"",
    "\"graph\"",
    "\"fused\"",
    "\"cuda:99999999999999999999\"",
    "\"cuda:-1\"",
    "\"fresh\"",
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "\"",
    "'",
    "'''",
    "\\",
    ",",
    ",,,,",
    "=",
    "\n",
    "\r",
    "\r\n",
    "[",
    "]",
    "[[data]]",
    "[data]",
    "#",
    "..",
    "finished",
    "diverged",
    "null",
    "{\"schema\":1}",
    "[models.x]\narchitecture = \"mmoe\"\n",
];

/// One change of a text.
#[derive(Debug, Clone)]
enum Change {
    /// A word, number or piece of punctuation becomes something else.
    Token(usize, String),
    /// A byte gets another value; the rest is read as UTF-8 as far as it goes.
    Byte(usize, u8),
    /// A line is deleted, repeated or moved.
    Drop(usize),
    Double(usize),
    Swap(usize, usize),
    /// The text ends there.
    Cut(usize),
    /// Something stands between.
    Insert(usize, String),
}

fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(NASTY).prop_map(str::to_string),
        2 => any::<i64>().prop_map(|n| n.to_string()),
        2 => any::<f64>().prop_map(|x| format!("{x:e}")),
        2 => ".{0,20}",
        1 => any::<u16>().prop_map(|n| "[".repeat(usize::from(n) % 3000)),
        1 => any::<u16>().prop_map(|n| "9".repeat(usize::from(n) % 3000)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<usize>;
    prop_oneof![
        8 => (place(), anything()).prop_map(|(at, text)| Change::Token(at, text)),
        1 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => place().prop_map(Change::Drop),
        1 => place().prop_map(Change::Double),
        1 => (place(), place()).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => place().prop_map(Change::Cut),
        2 => (place(), anything()).prop_map(|(at, text)| Change::Insert(at, text)),
    ]
}

/// One to four changes.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    proptest::collection::vec(change(), 1..5)
}

/// The last index of a character boundary in a text that is at most `at`.
fn boundary(text: &str, at: usize) -> usize {
    let at = at % (text.len() + 1);
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// `text` with these changes.
fn mutated(text: &str, changes: &[Change]) -> String {
    let lines = |text: &str| text.split_inclusive('\n').map(str::to_string).collect::<Vec<_>>();
    let mut text = text.to_string();
    for change in changes {
        match change {
            Change::Token(at, other) => {
                let ends = |c: char| !(c.is_alphanumeric() || "._-+\"".contains(c));
                let at = boundary(&text, *at);
                let start = text[..at]
                    .rfind(ends)
                    .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
                let end = text[at..].find(ends).map_or(text.len(), |length| at + length);
                text.replace_range(start..end.max(start), other);
            }
            Change::Byte(at, byte) if !text.is_empty() => {
                let mut bytes = std::mem::take(&mut text).into_bytes();
                let at = at % bytes.len();
                bytes[at] = *byte;
                text = String::from_utf8_lossy(&bytes).into_owned();
            }
            Change::Byte(..) => {}
            Change::Drop(_) | Change::Double(_) | Change::Swap(..) if text.is_empty() => {}
            Change::Drop(at) => {
                let mut lines = lines(&text);
                lines.remove(at % lines.len());
                text = lines.concat();
            }
            Change::Double(at) => {
                let mut lines = lines(&text);
                let line = lines[at % lines.len()].clone();
                lines.insert(at % lines.len(), line);
                text = lines.concat();
            }
            Change::Swap(a, b) => {
                let mut lines = lines(&text);
                let count = lines.len();
                lines.swap(a % count, b % count);
                text = lines.concat();
            }
            Change::Cut(at) => text.truncate(boundary(&text, *at)),
            Change::Insert(at, other) => text.insert_str(boundary(&text, *at), other),
        }
    }
    text
}

/// An experiment with every section.
fn experiment_text() -> String {
    format!("{SMALL}\n[models.wide]\narchitecture = \"shared_bottom\"\nbottom_units = 50\n")
}

/// An experiment on the census rows whose models are tuned.
const TUNED: &str = r#"
[data]
kind = "census"
path = "rows"
main = "income"
split = 3
embedding_units = 2

[grid]
models = ["shared_bottom", "mmoe"]
seeds = 3

[tune]
trials = 3
draw = 1
learning_rates = [0.01, 0.03]
rungs = [{ seeds = 1, steps = 20, keep = 2 }, { seeds = 2, steps = 40, keep = 1 }]

[tune.models.shared_bottom]
bottom_units = [4, 8]

[tune.models.mmoe]
experts = [2, 3]
expert_units = [4]

[train]
steps = 240
batch_size = 32
log_every = 80
held_out_rows = 64
"#;

/// Twelve rows in the original format, repeated so that every subset has both classes.
fn census_rows() -> String {
    include_str!("census/census-income.test").repeat(5)
}

/// Uses an accepted experiment without training: plans it if it is small, and estimates its memory whatever its size.
fn use_experiment(experiment: &mmoe_study::experiment::Experiment) -> Result<(), TestCaseError> {
    /// More are planned in seconds, not milliseconds.
    const FEW: usize = 2_000;
    let grid = &experiment.grid;
    let runs = grid.seeds.len()
        * grid.conditions().len()
        * grid.models.len().max(1)
        * grid.learning_rates.len().max(1);
    prop_assert!(runs <= 1_000_000);
    prop_assert!(!experiment.name.contains(['/', '\\']) && !experiment.name.starts_with('.'));
    prop_assert!(!experiment.title.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    if runs <= FEW {
        let plan = Plan::new(experiment);
        prop_assert!(memory::peak_bytes(experiment, &plan, 2) > 0);
        memory::largest_record_bytes(experiment, &plan);
    }
    let again = parse("again", "again.toml", &experiment.to_toml().to_string(), &[]);
    prop_assert!(again.is_ok(), "study.toml reads back: {}", again.unwrap_err());
    let trials = experiment.trials();
    for (number, &rung) in (1..).zip(experiment.tune.iter().flat_map(|tune| &tune.rungs)) {
        let runs = rung.seeds as usize * trials.len();
        prop_assert!(runs <= 1_000_000);
        if runs <= FEW {
            let stage = experiment.rung(number, rung, &trials);
            prop_assert!(memory::peak_bytes(&stage, &Plan::new(&stage), 2) > 0);
        }
    }
    Ok(())
}

#[test]
fn experiments() {
    let text = experiment_text();
    try_on(changes(), |changes| {
        match parse("fuzz", "fuzz.toml", &mutated(&text, &changes), &[]) {
            Ok(experiment) => use_experiment(&experiment)?,
            Err(error) => prop_assert!(error.to_string().starts_with("fuzz.toml"), "{error}"),
        }
        Ok(())
    });
}

#[test]
fn tuned_experiments() {
    let mut tuned = 0u64;
    let count = std::cell::RefCell::new(&mut tuned);
    try_on(changes(), |changes| {
        match parse("fuzz", "fuzz.toml", &mutated(TUNED, &changes), &[]) {
            Ok(experiment) => {
                **count.borrow_mut() += u64::from(experiment.tune.is_some());
                use_experiment(&experiment)?;
            }
            Err(error) => prop_assert!(error.to_string().starts_with("fuzz.toml"), "{error}"),
        }
        Ok(())
    });
    assert!(tuned > 0, "some changes leave an experiment that is tuned");
}

#[test]
fn excessive_budgets_of_tuning_are_refused() {
    for (set, message) in [
        ("tune.rungs=[{ seeds = 9223372036854775807, steps = 1, keep = 1 }]", "1 to 1000000 runs"),
        ("tune.rungs=[{ seeds = 1, steps = 9223372036854775807, keep = 1 }]", "1 to 2147483648 steps"),
        ("tune.trials=10000", "tune.trials = 10000: expected at most 4"),
    ] {
        let error = parse("fuzz", "fuzz.toml", TUNED, &[set.to_string()]).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let thousand = |key: &str| format!("tune.models.mmoe.{key}={:?}", (1..=1_000).collect::<Vec<_>>());
    let sets = ["experts", "expert_units", "tower_units"].map(thousand);
    let error = parse("fuzz", "fuzz.toml", TUNED, &sets).unwrap_err().to_string();
    assert!(
        error.contains("tune.models.mmoe = 2000000000 combinations: expected at most 1000000"),
        "{error}"
    );
}

#[test]
fn census_files() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let text = census_rows();
    let toml = TUNED.replace("\"rows\"", &format!("{:?}", folder.path()));
    let experiment = parse("fuzz", "fuzz.toml", &toml, &[]).unwrap();
    let mut read = 0u64;
    let count = std::cell::RefCell::new(&mut read);
    // Plain or compressed; a compressed file can also be damaged or cut off.
    let damage = proptest::option::of((any::<usize>(), any::<u8>(), any::<bool>()));
    // The share of rows that may be left out; none: malformed rows are refused.
    let skip = proptest::sample::select(vec![None, Some(0.05), Some(1.0)]);
    try_on((changes(), skip, proptest::option::of(damage)), |(changes, skip, packed)| {
        let bad = mutated(&text, &changes);
        let path =
            folder.path().join(if packed.is_some() { "census-income.test.gz" } else { "census-income.test" });
        let mut bytes = bad.into_bytes();
        if let Some(damage) = packed {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(&bytes).unwrap();
            bytes = packer.finish().unwrap();
            if let Some((at, byte, cut)) = damage {
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes.truncate(if cut { at } else { usize::MAX });
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let mut experiment = experiment.clone();
        let DataSpec::Census(spec) = &mut experiment.data else { unreachable!("it is of the census") };
        (spec.skip_bad_rows, spec.max_skipped) = (skip.is_some(), skip.unwrap_or_default());
        let opened = experiment.clone().open();
        match &opened {
            Ok(opened) => {
                **count.borrow_mut() += 1;
                use_rows(opened)?;
                // The same files again, now that it is known which they are.
                prop_assert!(opened.clone().open().is_ok());
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(message.contains(&folder.path().display().to_string()), "{message}");
                prop_assert!(message.len() < 1_000 && !message.contains(char::is_control), "{message:?}");
                prop_assert!(!(skip.is_some() && matches!(error, DataError::Row { .. })), "{message}");
            }
        }
        std::fs::remove_file(path).unwrap();
        Ok(())
    });
    assert!(read > 0, "some changes leave rows that can be read");
}

/// Uses accepted rows without training.
fn use_rows(experiment: &mmoe_study::experiment::Experiment) -> Result<(), TestCaseError> {
    let plan = Plan::new(experiment);
    prop_assert!(memory::peak_bytes(experiment, &plan, 2) > 0);
    let mut feed = experiment.feed(1, &[]);
    let mut batch = Batch::new();
    for step in 0..3 {
        feed.training_batch(step, 32, &mut batch);
        prop_assert!(!batch.x.iter().any(|x| x.is_nan()));
        prop_assert!(batch.y.iter().all(|y| [0.0, 1.0].contains(y)));
    }
    prop_assert!(feed.label_correlations()[0][0].abs() <= 1.0 + 1e-9);
    for subset in [Subset::Validation, Subset::Test] {
        feed.scored(subset, &mut batch);
        prop_assert!(batch.rows > 1 && batch.labels(0, 1).len() == batch.rows);
    }
    Ok(())
}

#[test]
fn overrides() {
    let text = experiment_text();
    let keys = proptest::sample::select(vec![
        "title",
        "name",
        "data.dim",
        "data.pairs",
        "data.scale",
        "data.alpha",
        "data.beta",
        "data.noise_std",
        "source",
        "label_points",
        "grid.models",
        "grid.seeds",
        "grid.task_correlations",
        "learning_rates",
        "train.steps",
        "batch_size",
        "log_every",
        "log_gates_every",
        "train.init",
        "engine",
        "device",
        "held_out_rows",
        "models.mmoe",
        "models.mmoe.experts",
        "models.wide.bottom_units",
        "models.wide.title",
        "models.x.y.z",
        "data",
        "..",
        "",
        "a.b",
    ]);
    let set = prop_oneof![
        8 => (keys, anything()).prop_map(|(key, value)| format!("{key}={value}")),
        1 => ".{0,40}",
        1 => anything(),
    ];
    try_on(proptest::collection::vec(set, 1..4), |sets| {
        if let Ok(experiment) = parse("fuzz", "fuzz.toml", &text, &sets) {
            use_experiment(&experiment)?;
        }
        Ok(())
    });
}

#[test]
fn searches_and_shards() {
    let text = "base = \"quick\"\ncandidates = 3\ndraw = 1\n\n[[axes]]\nname = \"rate\"\n\
                choices = [{ name = \"low\", set = [\"learning_rates=[0.001]\"] }, { name = \"high\", set = [] }]\n\n\
                [[rungs]]\nseeds = 2\nsteps = 10\nkeep = 1\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.toml");
    try_on((changes(), anything(), anything()), |(changes, a, b)| {
        std::fs::write(&path, mutated(text, &changes)).unwrap();
        if let Ok(search) = Search::load(Some(&path)) {
            for candidate in search.candidates().iter().take(3) {
                let _ = search.experiment(candidate, search.rungs[0], &[]);
            }
        }
        let _ = format!("{a}/{b}").parse::<Shard>();
        let variables = |name: &str| Some(if name.ends_with("ID") { a.clone() } else { b.clone() });
        let _ = Shard::assigned(variables);
        Ok(())
    });
}

/// A finished study in its own folder, with the contents of every file that readers read; without the large tables, of
/// those that stand in for them.
fn study(large: bool) -> (Desk, PathBuf, Vec<(PathBuf, String)>) {
    let desk = Desk::new();
    let small = [
        "--set",
        "grid.seeds=2",
        "--set",
        "train.steps=3",
        "--set",
        "log_every=2",
        "--set",
        "log_gates_every=2",
    ];
    desk.done(&[&["run", "small.toml", "--out", "study"][..], &small].concat());
    let folder = desk.path("study");
    let mut names = ["runs.csv", "curves.csv", "gates.csv", "labels.csv", "manifest.json", "study.toml"];
    if !large {
        for (at, name) in [(1, "means.csv"), (2, "final_gates.csv")] {
            std::fs::remove_file(folder.join(names[at])).unwrap();
            names[at] = name;
        }
    }
    let files = names.map(|name| (folder.join(name), std::fs::read_to_string(folder.join(name)).unwrap()));
    (desk, folder, files.to_vec())
}

#[test]
fn tables() {
    read_changed_tables(true);
}

#[test]
fn tables_that_stand_in_for_large_ones() {
    read_changed_tables(false);
}

fn read_changed_tables(large: bool) {
    let (_desk, folder, files) = study(large);
    let groups = folder.join("groups");
    std::fs::remove_dir_all(groups).unwrap();
    // Everything computed from a study takes a hundred times as long as reading it.
    let mut read = 0u64;
    let count = std::cell::RefCell::new(&mut read);
    try_on((0..files.len(), changes()), |(file, changes)| {
        let (path, text) = &files[file];
        std::fs::write(path, mutated(text, &changes)).unwrap();
        let store = Folder::new(&folder);
        let _ = store.status();
        if let Ok(mut study) = store.read() {
            let mut count = count.borrow_mut();
            **count += 1;
            if count.is_multiple_of(50) {
                let results = mmoe_study::study::kind_of(&study).claims(&study);
                let _ = claim::table::text(&results, true);
            }
            if count.is_multiple_of(500) {
                mmoe_study::study::add_means(&mut study);
                let figures = mmoe_study::study::Figures::from_study(&study);
                let page = mmoe_study::study::write_report(&study, figures, &folder);
                prop_assert!(page.is_ok(), "{}", page.unwrap_err());
            }
        }
        std::fs::write(path, text).unwrap();
        Ok(())
    });
    assert!(read > 0, "some changes leave a study that can be read");
}

#[test]
fn group_files() {
    let (_desk, folder, _) = study(true);
    let path = common::group_files(&folder).remove(0);
    let text = std::fs::read_to_string(&path).unwrap();
    let whole = Folder::new(&folder).finished().unwrap();
    try_on(changes(), |changes| {
        let bad = mutated(&text, &changes);
        std::fs::write(&path, &bad).unwrap();
        let finished = Folder::new(&folder).finished().unwrap();
        if bad != text {
            prop_assert_eq!(finished.damaged.len(), 1);
        }
        for (identity, run) in &finished.runs {
            prop_assert_eq!(run, &whole.runs[identity], "what is trusted is what was written");
        }
        Ok(())
    });
}

#[test]
fn names_do_not_lead_outside_the_study_folder() {
    let desk = Desk::new();
    for name in ["../up", "/tmp/absolute", "a/b", "..", ".hidden", "a\\b", "", "a\u{0}b", "a\nb"] {
        for text in [
            format!("name = {name:?}\n{SMALL}"),
            SMALL.replace("\"omoe\"", &format!("{name:?}"))
                + &format!("[models.{name:?}]\narchitecture = \"omoe\"\n"),
        ] {
            std::fs::write(desk.path("hostile.toml"), text).unwrap();
            let output = desk.run(&["run", "hostile.toml", "--no-report"]);
            let messages = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name:?}: {messages}");
            assert!(!messages.contains("panicked"), "{messages}");
        }
    }
    let mut left: Vec<_> =
        std::fs::read_dir(desk.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["hostile.toml", "small.toml"], "nothing was written");
}

#[test]
fn control_characters_are_refused_and_never_reach_the_terminal() {
    let desk = Desk::new();
    let text = SMALL.replacen("A small study", "A \\u001b[31mred study", 1);
    std::fs::write(desk.path("red.toml"), text).unwrap();
    let output = desk.run(&["run", "red.toml"]);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{messages}");
    assert!(messages.contains("text without control characters"), "{messages}");
    std::fs::write(desk.path("key.toml"), format!("\"\\u001b[31mkey\" = 1\n{SMALL}")).unwrap();
    let messages = String::from_utf8(desk.run(&["run", "key.toml"]).stderr).unwrap();
    assert!(messages.contains("unknown key") && !messages.contains('\u{1b}'), "{messages:?}");
}

#[cfg(unix)]
#[test]
fn links_in_a_study_folder_are_not_followed_when_writing() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    desk.done(&["run", "small.toml"]);
    let study = desk.path("results/small");
    std::fs::create_dir(desk.path("outside")).unwrap();
    std::fs::write(desk.path("precious"), "precious").unwrap();
    let replace_by_link = |name: &str, target: &Path| {
        let path = study.join(name);
        let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
        symlink(target, path).unwrap();
    };
    for name in [
        "runs.csv",
        "report.html",
        "claims.csv",
        "figures/figure4.png",
        "figures/figure4.svg",
        "groups/.lock",
    ] {
        replace_by_link(name, &desk.path("precious"));
    }
    desk.done(&["run", "small.toml"]);
    assert_eq!(std::fs::read_to_string(desk.path("precious")).unwrap(), "precious");
    for name in ["figures", "groups"] {
        replace_by_link(name, &desk.path("outside"));
        let output = desk.run(&["run", "small.toml"]);
        let messages = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{messages}");
        assert!(messages.contains(&format!("results/small/{name}: is a link; expected a folder, because a study writes only within its own folder")), "{messages}");
        std::fs::remove_file(study.join(name)).unwrap();
    }
    assert_eq!(std::fs::read_dir(desk.path("outside")).unwrap().count(), 0);
}

#[test]
fn pipes_and_folders_are_refused_without_waiting() {
    let desk = Desk::new();
    let path = desk.path("pipe.toml");
    common::system::pipe(&path);
    assert!(load(&path, &[]).unwrap_err().to_string().contains("it is not a regular file of at most 32 MiB"));
    let huge = std::fs::File::create(desk.path("huge.toml")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let output = desk.run(&["run", "huge.toml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn pipes_in_a_study_are_refused_without_waiting() {
    for (name, large) in [
        ("manifest.json", true),
        ("runs.csv", true),
        ("classes.csv", true),
        ("tuning.csv", true),
        ("means.csv", false),
    ] {
        let (_desk, folder, _) = study(large);
        let path = folder.join(name);
        let _ = std::fs::remove_file(&path);
        common::system::pipe(&path);
        let error = Folder::new(&folder).read().unwrap_err().to_string();
        assert_eq!(error, format!("{}: is not a regular file", path.display()));
    }
}

#[test]
fn files_of_ali_ccp() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ali_ccp");
    let texts = ali_ccp::FILES.map(|name| std::fs::read_to_string(fixture.join(name)).unwrap());
    let folder = tempfile::tempdir().unwrap();
    // A limit that some changes lie behind, and none.
    let limit = proptest::sample::select(vec![0.05, 1.0]);
    let case = (changes(), 0..texts.len(), any::<bool>(), prop_oneof![Just(0), 1..400usize], limit);
    try_on(case, |(changes, changed, skip_bad_rows, rows, max_skipped)| {
        for (place, (name, text)) in ali_ccp::FILES.iter().zip(&texts).enumerate() {
            let text = if place == changed { mutated(text, &changes) } else { text.clone() };
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let (path, digest) = (folder.path().to_owned(), String::new());
        let spec =
            AliCcpSpec { path, rows, min_count: 2, embedding_units: 1, skip_bad_rows, max_skipped, digest };
        match spec.read() {
            Ok((_, read)) => {
                for period in [&read.log.training, &read.log.test] {
                    prop_assert_eq!(period.x.len(), period.len() * read.log.columns());
                    prop_assert!(
                        period.x.iter().all(|row| *row >= 0.0 && *row <= read.log.vocabulary as f32)
                    );
                    prop_assert!(
                        period.click.iter().zip(&period.conversion).all(|(click, bought)| click >= bought)
                    );
                }
            }
            Err(error) => {
                let text = error.to_string();
                prop_assert!(text.contains(&*folder.path().to_string_lossy()), "{text}");
                prop_assert!(!text.contains(|c: char| c.is_control()) && text.len() < 1000, "{text}");
            }
        }
        Ok(())
    });
}
