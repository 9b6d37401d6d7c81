//! Compares the tables of keys in `docs/experiments.md` with the program: the same keys, the same defaults.

use std::collections::BTreeSet;

use mmoe_study::model::{REGISTRY, towers};

use crate::common::{Desk, census_rows};
use crate::markdown::{Page, Table, root};

/// A kind of data with a minimal experiment, which has the required keys only.
struct Kind {
    name: &'static str,
    /// Required keys of `[data]` with values.
    data: &'static [(&'static str, &'static str)],
    /// Required keys of `[grid]` except its models.
    grid: &'static [(&'static str, &'static str)],
    /// An architecture in the table of sizes for such data.
    sizes: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "synthetic",
        data: &[("scale", "0.5"), ("alpha", "[3.0]"), ("beta", "[1.0]"), ("noise_std", "0.1")],
        grid: &[("task_correlations", "[0.5]"), ("learning_rates", "[0.01]"), ("seeds", "1")],
        sizes: "single_task",
    },
    Kind {
        name: "census",
        data: &[("main", "\"income\"")],
        grid: &[("learning_rates", "[0.01]"), ("seeds", "1")],
        sizes: "single_task",
    },
    Kind {
        name: "funnel",
        data: &[("training_impressions", "500")],
        grid: &[("task_correlations", "[0.5]"), ("learning_rates", "[0.01]"), ("seeds", "1")],
        sizes: "base",
    },
    Kind { name: "ali_ccp", data: &[], grid: &[("learning_rates", "[0.01]"), ("seeds", "1")], sizes: "base" },
];

/// The model that Ali-CCP cannot train, because it has no times of conversions.
const NEEDS_TIMES: &str = "delayed_feedback";

/// Defaults in words, and their values in the `study.toml` of `minimal.toml`; none if it has no such key.
const WORDS: [(&str, Option<&str>); 8] = [
    ("none", None),
    ("the file's name", Some("\"minimal\"")),
    ("the name", Some("\"minimal\"")),
    ("the table's name", None),
    ("the architecture's", None),
    ("the grid's", None),
    ("ten times `log_every`", Some("1000")),
    ("`training_impressions`", Some("500")),
];

/// Keys whose value the program finds out if it is not given.
const RECORDED: [&str; 1] = ["digest"];

fn experiments_page() -> Page {
    Page::read("docs/experiments.md")
}

/// Keys with their defaults as documented under a heading.
fn documented(page: &Page, heading: &str) -> Vec<(String, String)> {
    let tables = page.tables();
    let is_wanted = |table: &&Table| table.heading.starts_with(heading) && table.header[0] == "key";
    let table = tables.iter().find(is_wanted).unwrap_or_else(|| panic!("no table of keys under {heading}"));
    table.rows.iter().map(|row| (row[0].trim_matches('`').to_string(), row[1].clone())).collect()
}

/// Architectures with their sizes as documented in the table that has `member`.
fn documented_sizes(page: &Page, member: &str) -> Vec<(String, Vec<(String, toml::Value)>)> {
    let tables = page.tables();
    let has = |table: &&Table| {
        table.header[0] == "architecture" && table.rows.iter().any(|row| names(&row[0]).contains(&member))
    };
    let table = tables.iter().find(has).unwrap_or_else(|| panic!("no table of sizes has {member}"));
    let rows = table.rows.iter().flat_map(|row| {
        let sizes: Vec<(String, toml::Value)> = names(&row[1]).iter().map(|size| parsed(size)).collect();
        names(&row[0]).into_iter().map(move |name| (name.to_string(), sizes.clone())).collect::<Vec<_>>()
    });
    rows.collect()
}

/// The code spans of a cell.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// `key = value`.
fn parsed(text: &str) -> (String, toml::Value) {
    let table: toml::Table = text.parse().unwrap_or_else(|_| panic!("{text}: not a key with its value"));
    table.into_iter().next().expect("one key")
}

/// The minimal experiment with the given models.
fn minimal(kind: &Kind, models: &[String]) -> String {
    let lines = |keys: &[(&str, &str)]| -> String {
        keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
    };
    format!(
        "[data]\nkind = \"{}\"\n{}\n[grid]\nmodels = {models:?}\n{}\n[train]\nsteps = 1\nbatch_size = 8\n",
        kind.name,
        lines(kind.data),
        lines(kind.grid)
    )
}

/// A folder with `minimal.toml` and, in `data/`, the rows that the kind reads.
fn desk(kind: &Kind) -> Desk {
    let desk = Desk::new();
    let data = desk.path("data");
    std::fs::create_dir(&data).unwrap();
    match kind.name {
        "census" => std::fs::write(data.join("census-income.data"), census_rows(600)).unwrap(),
        "ali_ccp" => {
            for file in std::fs::read_dir(root().join("tests/ali_ccp")).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), data.join(file.file_name())).unwrap();
            }
        }
        _ => {}
    }
    let mut models: Vec<String> =
        documented_sizes(&experiments_page(), kind.sizes).into_iter().map(|(name, _)| name).collect();
    models.retain(|model| kind.name != "ali_ccp" || model != NEEDS_TIMES);
    std::fs::write(desk.path("minimal.toml"), minimal(kind, &models)).unwrap();
    desk
}

/// The message about a wrong experiment.
fn refusal(desk: &Desk, change: &str) -> String {
    let output = desk.run(&["run", "minimal.toml", "--dry-run", "--set", change]);
    assert_eq!(output.status.code(), Some(2), "{change} was taken");
    String::from_utf8(output.stderr).unwrap()
}

/// The keys of a section according to the program: its message about an unknown key lists them.
fn known(desk: &Desk, section: &str) -> BTreeSet<String> {
    let message = refusal(desk, &format!("{section}.no_such_key=1"));
    let list = message.trim().rsplit("expected one of ").next().unwrap();
    list.split(", ").map(str::to_string).collect()
}

/// The value of a documented default in `study.toml`.
fn expected(default: &str) -> Option<toml::Value> {
    let literal = match WORDS.iter().find(|(words, _)| *words == default) {
        Some((_, value)) => (*value)?.to_string(),
        None => default.trim_matches('`').to_string(),
    };
    Some(parsed(&format!("value = {literal}")).1)
}

/// Compares a table of keys with the section of a trained study.
fn defaults_agree(section: &str, keys: &[(String, String)], given: &[&str], trained: &toml::Table) {
    for (key, default) in keys {
        let place = format!("docs/experiments.md, {section}.{key}");
        if default == "required" {
            assert!(given.contains(&key.as_str()), "{place}: not required, the test leaves it out");
        } else if !RECORDED.contains(&key.as_str()) {
            assert_eq!(trained.get(key), expected(default).as_ref(), "{place}");
        }
    }
    for key in trained.keys() {
        assert!(keys.iter().any(|(name, _)| name == key), "{section}.{key}: missing in docs/experiments.md");
    }
}

fn keys_of(table: &[(&'static str, &'static str)], more: &[&'static str]) -> Vec<&'static str> {
    table.iter().map(|(key, _)| *key).chain(more.iter().copied()).collect()
}

fn kind_is_documented(kind: &Kind) {
    let page = experiments_page();
    let desk = desk(kind);
    desk.done(&["run", "minimal.toml", "--out", "study", "--no-report"]);
    let study = std::fs::read_to_string(desk.path("study/study.toml")).unwrap();
    let study: toml::Table = study.parse().unwrap();
    let section = |name: &str| study[name].as_table().unwrap();

    let mut above = study.clone();
    above.retain(|_, value| !value.is_table());
    defaults_agree("(top)", &documented(&page, "The file"), &[], &above);

    // `kind` is described above the tables.
    let data = documented(&page, &format!("`kind = \"{}\"`", kind.name));
    let mut trained = section("data").clone();
    trained.remove("kind");
    defaults_agree("data", &data, &keys_of(kind.data, &[]), &trained);
    let names: BTreeSet<String> = data.into_iter().map(|(key, _)| key).chain(["kind".into()]).collect();
    assert_eq!(names, known(&desk, "data"), "keys of [data] for {}", kind.name);

    let grid = documented(&page, "`[grid]`");
    let taken = known(&desk, "grid");
    let here: Vec<(String, String)> = grid.into_iter().filter(|(key, _)| taken.contains(key)).collect();
    assert_eq!(here.len(), taken.len(), "[grid] takes {taken:?}");
    let mut trained = section("grid").clone();
    trained.retain(|key, _| taken.contains(key));
    defaults_agree("grid", &here, &keys_of(kind.grid, &["models"]), &trained);

    let train = documented(&page, "`[train]`");
    defaults_agree("train", &train, &["steps", "batch_size"], section("train"));
    let names: BTreeSet<String> = train.into_iter().map(|(key, _)| key).collect();
    assert_eq!(names, known(&desk, "train"));

    let report = documented(&page, "`[report]`");
    defaults_agree("report", &report, &[], section("report"));
    assert_eq!(known(&desk, "report").len(), report.len());

    for (model, sizes) in documented_sizes(&page, kind.sizes) {
        let Some(table) = section("models").get(&model) else {
            assert_eq!((kind.name, model.as_str()), ("ali_ccp", NEEDS_TIMES));
            continue;
        };
        let mut trained = table.as_table().unwrap().clone();
        trained.remove("architecture");
        assert_eq!(trained, toml::Table::from_iter(sizes.clone()), "docs/experiments.md, sizes of {model}");
        let names: BTreeSet<String> = sizes.into_iter().map(|(key, _)| key).collect();
        assert_eq!(names, known(&desk, &format!("models.{model}")));
    }
}

#[test]
fn keys_of_synthetic_tasks_are_documented() {
    kind_is_documented(&KINDS[0]);
}

#[test]
fn keys_of_census_rows_are_documented() {
    kind_is_documented(&KINDS[1]);
}

#[test]
fn keys_of_simulated_impressions_are_documented() {
    kind_is_documented(&KINDS[2]);
}

#[test]
fn keys_of_ali_ccp_are_documented() {
    kind_is_documented(&KINDS[3]);
}

#[test]
fn every_required_key_is_required() {
    for kind in &KINDS {
        let desk = desk(kind);
        let text = std::fs::read_to_string(desk.path("minimal.toml")).unwrap();
        let required =
            kind.data.iter().chain(kind.grid).map(|(key, _)| *key).chain(["models", "steps", "batch_size"]);
        for key in required {
            let without: String = text
                .lines()
                .filter(|line| !line.starts_with(&format!("{key} =")))
                .map(|line| format!("{line}\n"))
                .collect();
            std::fs::write(desk.path("without.toml"), without).unwrap();
            let output = desk.run(&["run", "without.toml", "--dry-run"]);
            let message = String::from_utf8(output.stderr).unwrap();
            assert!(
                message.contains(&format!("{key}: is missing")),
                "{} without {key}: {message}",
                kind.name
            );
        }
    }
}

/// Keys that `study.toml` does not contain. The program knows them: it asks for another value, not for another key.
#[test]
fn keys_without_a_place_in_study_toml_are_documented() {
    let page = experiments_page();
    let desk = desk(&KINDS[0]);
    let top: BTreeSet<String> = documented(&page, "The file").into_iter().map(|(key, _)| key).collect();
    let sections = ["data", "grid", "models", "train", "report", "tune"].map(str::to_string);
    let all: BTreeSet<String> = top.iter().cloned().chain(sections).collect();
    let message = refusal(&desk, "no_such_section.key=1");
    let list = message.trim().rsplit("expected one of ").next().unwrap();
    assert_eq!(all, list.split(", ").map(str::to_string).collect());
    let models = documented(&page, "`[models.NAME]`");
    for key in top.into_iter().chain(models.into_iter().map(|(key, _)| format!("models.mmoe.{key}"))) {
        let message = refusal(&desk, &format!("{key}={{ wrong = 1 }}"));
        assert!(!message.contains("unknown key"), "{key} is documented, but: {message}");
    }
}

#[test]
fn keys_of_tuning_are_documented() {
    let page = experiments_page();
    let desk = desk(&KINDS[1]);
    let tune = documented(&page, "`[tune]`");
    let text = std::fs::read_to_string(desk.path("minimal.toml")).unwrap();
    let rungs = "rungs = [{ seeds = 1, steps = 1, keep = 1 }]";
    let text = format!("{text}\n[tune]\ntrials = 1\nlearning_rates = [0.01]\n{rungs}\n");
    std::fs::write(desk.path("minimal.toml"), text).unwrap();
    let names: BTreeSet<String> = tune.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(names, known(&desk, "tune"));
    assert_eq!(tune.iter().find(|(key, _)| key == "draw").unwrap().1, "`0`");
}

#[test]
fn architectures_are_those_of_the_registries() {
    let page = Page::read("docs/architectures.md");
    let tables = page.tables().into_iter().filter(|table| table.header[0] == "name");
    let documented: Vec<Vec<String>> = tables.flat_map(|table| table.rows).collect();
    let registered = REGISTRY.iter().chain(towers::REGISTRY);
    assert_eq!(documented.len(), registered.clone().count());
    for (row, architecture) in documented.iter().zip(registered) {
        assert_eq!(row[0], format!("`{}`", architecture.name));
        assert_eq!(row.last().unwrap(), architecture.source, "source of {}", architecture.name);
        if let Some(learning) = &architecture.learning {
            assert_eq!(
                [&row[1], &row[2]],
                [learning.embeddings, learning.learned_from],
                "{}",
                architecture.name
            );
        }
    }
}
