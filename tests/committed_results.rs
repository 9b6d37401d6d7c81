//! The committed studies on a fresh clone, which has neither their groups nor their largest tables: every figure, table and
//! page is drawn again from the committed files, with the same bytes.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{Desk, cloned_files};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names of the committed studies that have a report.
fn studies() -> Vec<&'static str> {
    let pages = cloned_files().iter().filter_map(|file| file.strip_suffix("/report.html"));
    pages.filter_map(|folder| folder.strip_prefix("results/")).collect()
}

/// Paths of the committed files of a study, from its folder.
fn committed(study: &str) -> BTreeSet<&'static str> {
    let folder = format!("results/{study}/");
    cloned_files().iter().filter_map(|file| file.strip_prefix(&folder)).collect()
}

/// Whether a report writes the file.
fn is_drawn(file: &str) -> bool {
    ["report.html", "claims.csv", "gains.csv", "crossings.csv", "aggregates.csv", "profiles.csv"]
        .contains(&file)
        || file.starts_with("figures/")
}

/// The tables of a report, which stand in for the large ones where these are not committed.
const SMALL_TABLES: [&str; 2] = ["means.csv", "final_gates.csv"];

/// Copies the committed files of a study that `wanted` names.
fn copy_committed(study: &str, to: &Path, wanted: impl Fn(&str) -> bool) {
    std::fs::create_dir_all(to).unwrap();
    for file in committed(study).into_iter().filter(|file| wanted(file)) {
        let target = to.join(file);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(root().join("results").join(study).join(file), target).unwrap();
    }
}

/// Paths of all files in a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).build();
    let paths = walk.map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file());
    paths.map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_committed_study_is_drawn_again_with_the_same_bytes() {
    assert!(studies().len() >= 9, "{:?}", studies());
    let desk = Desk::new();
    let mut other = Vec::new();
    for study in studies() {
        let (path, committed) = (format!("results/{study}"), committed(study));
        let folder = desk.path(&path);
        // A report from the large tables writes the small ones too.
        let large = ["curves.csv", "gates.csv"].iter().all(|file| committed.contains(file));
        copy_committed(study, &folder, |file| {
            !(is_drawn(file) || large && SMALL_TABLES.contains(&file) || file == "README.md")
        });
        let output = desk.run(&["report", &path]);
        assert!(output.status.success() && output.stderr.is_empty(), "{study}: {output:?}");
        let expected: BTreeSet<String> =
            committed.iter().filter(|file| **file != "README.md").map(|file| file.to_string()).collect();
        assert_eq!(files(&folder), expected, "{study}");
        for file in expected {
            let same = std::fs::read(folder.join(&file)).unwrap()
                == std::fs::read(root().join(&path).join(&file)).unwrap();
            if !same {
                other.push(format!("{path}/{file}"));
            }
        }
    }
    assert!(other.is_empty(), "`sweep report` of the committed tables gives other bytes: {other:#?}");
}

#[test]
fn links_of_committed_pages_lead_to_committed_files() {
    for study in studies() {
        let page = std::fs::read_to_string(root().join(format!("results/{study}/report.html"))).unwrap();
        let links = ["href=\"", "src=\""].iter().flat_map(|start| {
            page.split(start).skip(1).filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>()
        });
        for link in links.filter(|link| !link.contains(':')) {
            match link.strip_prefix('#') {
                Some(anchor) => assert!(page.contains(&format!("id=\"{anchor}\"")), "{study}: {link}"),
                None => {
                    let folder = format!("{}/", link.trim_end_matches('/'));
                    let there = |file: &&str| *file == link || file.starts_with(&folder);
                    assert!(committed(study).iter().any(there), "{study}: {link}");
                }
            }
        }
    }
}

#[test]
fn commands_on_committed_studies_write_no_warnings() {
    let desk = Desk::new();
    for study in studies() {
        let path = format!("results/{study}");
        copy_committed(study, &desk.path(&path), |file| !is_drawn(file));
        for arguments in
            [&["status", &path][..], &["claims", &path], &["compare", &path, &path, "--page", "c.html"]]
        {
            let output = desk.run(arguments);
            assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
        }
        let page = std::fs::read_to_string(desk.path("c.html")).unwrap();
        assert!(page.contains("<svg"), "{study}: the mean curves are overlaid");
    }
}

/// Runs, with what they write on the terminal.
fn run(desk: &Desk, arguments: &[&str]) -> (String, String) {
    let output = desk.run(arguments);
    let [out, messages] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{arguments:?}: {messages}");
    (out, messages)
}

#[test]
fn without_the_small_tables_figures_are_left_out_and_named() {
    let desk = Desk::new();
    desk.done(&["run", "small.toml"]);
    let study = desk.path("results/small");
    let remove = |name: &str| std::fs::remove_file(study.join(name)).unwrap();
    let claims = |desk: &Desk| desk.done(&["claims", "results/small", "--parts"]);
    let whole = claims(&desk);
    let compared = desk.done(&["compare", "results/small", "results/small"]);
    let gates = study.join("figures/gates.svg");
    let drawn = std::fs::read(&gates).unwrap();
    for name in ["curves.csv", "gates.csv"] {
        remove(name);
    }

    // The small tables stand in for the large ones.
    std::fs::remove_dir_all(study.join("figures")).unwrap();
    assert_eq!(run(&desk, &["report", "results/small"]).1, "");
    assert_eq!(std::fs::read(&gates).unwrap(), drawn);
    let status = desk.done(&["status", "results/small"]);
    assert!(status.contains("missing files   curves.csv, gates.csv"), "{status}");
    assert!(status.contains("`sweep run results/small/study.toml --out results/small`"), "{status}");

    remove("final_gates.csv");
    let restored = "`sweep run results/small/study.toml --out results/small` restores the files; it trains the runs \
                    that results/small/groups lacks.";
    let note =
        |figures: &str| format!("curves.csv and gates.csv are missing, so {figures} left out. {restored}\n");
    assert_eq!(run(&desk, &["report", "results/small"]).1, note("figure6 and gates are"));
    remove("means.csv");
    let (_, messages) = run(&desk, &["report", "results/small"]);
    assert_eq!(messages, note("figure3, figure4, figure6 and gates are"));
    let page = std::fs::read_to_string(study.join("report.html")).unwrap();
    assert!(page.contains(messages.trim_end()));

    // Named by a path that the page must not contain, the terminal's command works from here.
    let whole_path = study.to_str().unwrap();
    let (_, messages) = run(&desk, &["report", whole_path]);
    assert!(
        messages.contains(&format!("`sweep run {whole_path}/study.toml --out {whole_path}`")),
        "{messages}"
    );
    let page = std::fs::read_to_string(study.join("report.html")).unwrap();
    assert!(!page.contains(whole_path));

    let (_, messages) = run(&desk, &["compare", "results/small", "results/small", "--page", "compare.html"]);
    assert!(
        messages.contains("results/small/curves.csv is missing, so curves are not overlaid"),
        "{messages}"
    );
    let page = std::fs::read_to_string(desk.path("compare.html")).unwrap();
    assert!(page.contains("Curves are not overlaid, because curves.csv of a study is missing."));

    // Claims and comparisons need final losses only.
    assert_eq!(claims(&desk), whole);
    assert_eq!(desk.done(&["compare", "results/small", "results/small"]), compared);
    // The same command restores the tables from the groups.
    desk.done(&["run", "small.toml"]);
    for name in ["curves.csv", "gates.csv", "means.csv", "final_gates.csv"] {
        assert!(study.join(name).is_file(), "{name}");
    }
    assert_eq!(std::fs::read(&gates).unwrap(), drawn);
}

/// Tables of a report belong to the tables that they were computed from.
#[test]
fn means_of_other_runs_are_not_drawn() {
    let desk = Desk::new();
    desk.done(&["run", "small.toml"]);
    desk.done(&["run", "small.toml", "--set", "grid.seeds=5", "--no-report"]);
    for name in ["means.csv", "final_gates.csv"] {
        assert!(!desk.path("results/small").join(name).exists(), "{name} is of four seeds");
    }
    let study = desk.path("results/small");
    desk.done(&["report", "results/small"]);
    // Losses at another rate, by another hand: the means are of other runs than runs.csv.
    let runs = std::fs::read_to_string(study.join("runs.csv")).unwrap();
    let without_last = runs.trim_end().rsplit_once('\n').unwrap().0;
    std::fs::write(study.join("runs.csv"), format!("{without_last}\n")).unwrap();
    for name in ["curves.csv", "gates.csv", "final_gates.csv"] {
        std::fs::remove_file(study.join(name)).unwrap();
    }
    let (_, messages) = run(&desk, &["report", "results/small"]);
    assert!(messages.contains("so figure3, figure4, figure6 and gates are left out"), "{messages}");
}
