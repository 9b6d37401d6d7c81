//! Committed studies on a fresh clone, which has neither their groups nor their large tables: every command that reads a
//! study works from the final losses in `runs.csv`, and says what is left out and how to restore it.

mod common;

use std::path::Path;

use common::Desk;

/// The committed studies without `curves.csv` and `gates.csv`, and the figures that a report of them leaves out.
const STUDIES: [(&str, &str); 3] = [
    ("figure3", "figure3 is"),
    ("figure4", "figure3, figure4, figure6 and gates are"),
    ("figure4-rates", "figure3, figure4, figure6 and gates are"),
];

/// Copies the committed files of a study: what a fresh clone has.
fn copy_committed(study: &str, to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(study);
    std::fs::create_dir_all(to).unwrap();
    for name in ["study.toml", "manifest.json", "runs.csv", "labels.csv"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn committed_studies_are_read_without_curves_and_gates() {
    let desk = Desk::new();
    for (study, figures) in STUDIES {
        let path = format!("results/{study}");
        copy_committed(study, &desk.path(&path));

        let output = desk.run(&["report", &path]);
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{messages}");
        let note = format!(
            "curves.csv and gates.csv are missing, so {figures} left out. `sweep run {path}/study.toml --out {path}` \
             restores the files; it trains the runs that {path}/groups lacks."
        );
        assert_eq!(messages, format!("{note}\n"));
        let page = std::fs::read_to_string(desk.path(&path).join("report.html")).unwrap();
        assert!(page.contains(&note), "{study}");
        for name in ["figure2", "figure5"] {
            assert!(desk.path(&path).join(format!("figures/{name}.svg")).is_file(), "{study} {name}");
        }
        let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for link in links.filter(|link| !link.starts_with('#') && !link.contains(':')) {
            assert!(desk.path(&path).join(link).exists(), "{study}: {link}");
        }

        // Named by a path that the page must not contain, the terminal's command works from here.
        let whole = desk.path(&path);
        let whole = whole.to_str().unwrap();
        let messages = String::from_utf8(desk.run(&["report", whole]).stderr).unwrap();
        assert!(messages.contains(&format!("`sweep run {whole}/study.toml --out {whole}`")), "{messages}");
        let page = std::fs::read_to_string(desk.path(&path).join("report.html")).unwrap();
        assert!(!page.contains(whole), "{study}");

        let claims = desk.done(&["claims", &path]);
        assert!(claims.contains("supported") || claims.contains("contradicted"), "{claims}");

        let status = desk.done(&["status", &path]);
        assert!(status.contains("missing files   curves.csv, gates.csv; "), "{status}");
        assert!(status.contains(&format!("`sweep run {path}/study.toml --out {path}`")), "{status}");

        let output = desk.run(&["compare", &path, &path, "--page", "compare.html"]);
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{messages}");
        assert!(
            messages.contains(&format!("{path}/curves.csv is missing, so curves are not overlaid")),
            "{messages}"
        );
        let page = std::fs::read_to_string(desk.path("compare.html")).unwrap();
        assert!(page.contains("Curves are not overlaid, because curves.csv of a study is missing."));
    }
}

#[test]
fn final_losses_and_claims_do_not_depend_on_the_missing_tables() {
    let desk = Desk::new();
    desk.done(&["run", "small.toml"]);
    let whole = [&["claims", "results/small", "--parts"][..], &["compare", "results/small", "results/small"]]
        .map(|arguments| desk.done(arguments));
    for name in ["curves.csv", "gates.csv"] {
        std::fs::remove_file(desk.path("results/small").join(name)).unwrap();
    }
    let without =
        [&["claims", "results/small", "--parts"][..], &["compare", "results/small", "results/small"]]
            .map(|arguments| desk.done(arguments));
    assert_eq!(whole, without);
    // The same command restores the tables from the groups.
    desk.done(&["run", "small.toml", "--no-report"]);
    assert!(
        desk.path("results/small/curves.csv").is_file() && desk.path("results/small/gates.csv").is_file()
    );
}
