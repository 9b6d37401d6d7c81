//! Compares the files and columns in `docs/files.md` with those of committed studies.

use std::collections::BTreeSet;

use crate::common::cloned_files;
use crate::markdown::{Page, root};

/// Studies that together contain all files.
const STUDIES: [&str; 3] = ["census-income", "esmm", "esmm-selection"];

/// Names in the first column of the tables with this header.
fn documented(header: &str) -> Vec<(String, String)> {
    let tables = Page::read("docs/files.md").tables();
    let rows = tables.into_iter().filter(|table| table.header[1] == header).flat_map(|table| table.rows);
    rows.flat_map(|row| {
        let names: Vec<String> = row[0].split('`').skip(1).step_by(2).map(str::to_string).collect();
        names.into_iter().map(move |name| (name, row[1].clone()))
    })
    .collect()
}

#[test]
fn every_file_of_a_committed_study_is_described() {
    let described: Vec<String> = documented("contents").into_iter().map(|(name, _)| name).collect();
    for study in STUDIES {
        let folder = format!("results/{study}/");
        let names: BTreeSet<&str> = cloned_files()
            .iter()
            .filter_map(|file| file.strip_prefix(&folder))
            .map(|file| file.find('/').map_or(file, |at| &file[..=at]))
            .filter(|file| *file != "README.md")
            .collect();
        for name in names {
            assert!(
                described.iter().any(|file| file == name),
                "docs/files.md: no {name}, which {folder} has"
            );
        }
    }
}

#[test]
fn columns_are_those_of_committed_studies() {
    for (file, columns) in documented("columns") {
        let study = STUDIES.iter().find(|study| root().join(format!("results/{study}/{file}")).is_file());
        let study = study.unwrap_or_else(|| panic!("no committed study has {file}"));
        let path = root().join(format!("results/{study}/{file}"));
        let header = std::fs::read_to_string(path).unwrap().lines().next().unwrap().to_string();
        // Both committed kinds of studies have two tasks.
        let columns =
            columns.trim_matches('`').split(", ").flat_map(|column| match column.strip_suffix("_k") {
                Some(column) => vec![format!("{column}_1"), format!("{column}_2")],
                None => vec![column.to_string()],
            });
        assert_eq!(columns.collect::<Vec<_>>().join(","), header, "docs/files.md, {file}");
    }
}
