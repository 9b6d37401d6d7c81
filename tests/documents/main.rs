//! Tests of the documents: commands and TOML blocks run on a fresh clone, tables of keys agree with the program, and every
//! quoted number agrees with the committed file that it comes from.

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod files;
mod keys;
mod markdown;
mod numbers;
mod quotes;
mod tables;

use markdown::Page;

/// The most lines that a newcomer reads to the end.
const MOST_LINES: usize = 150;

#[test]
fn readme_is_short() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines <= MOST_LINES, "README.md has {lines} lines; at most {MOST_LINES} are allowed");
}

#[test]
fn every_page_of_docs_says_who_needs_it() {
    for page in markdown::guides().iter().filter(|page| page.path.starts_with("docs/")) {
        let line = page.text.lines().nth(2).unwrap_or_default();
        assert!(line.starts_with("*For those who "), "{}: the third line names the readers", page.path);
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for page in markdown::everything() {
        for target in page.links() {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.path.clone(),
                file => page.beside(file),
            };
            assert!(markdown::root().join(&path).exists(), "{}: no file {path}", page.path);
            if !anchor.is_empty() {
                let anchors = Page::read(&path).anchors();
                assert!(anchors.iter().any(|a| a == anchor), "{}: no heading #{anchor} in {path}", page.path);
            }
        }
    }
}

/// Files named in code spans, such as `src/store/mod.rs`. `NAME` stands for any name.
#[test]
fn files_that_documents_name_are_there() {
    const FOLDERS: [&str; 6] = ["src/", "tests/", "experiments/", "benches/", ".ci/", "docs/"];
    for page in markdown::everything() {
        let prose = page.prose();
        let spans = prose
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|span| !span.contains([' ', '*']) && !span.contains("NAME"));
        for path in spans.filter(|span| FOLDERS.iter().any(|folder| span.starts_with(folder))) {
            assert!(markdown::root().join(path).exists(), "{}: no {path}", page.path);
        }
    }
}
