//! Modules form layers: each imports only from those before it.
//!
//! A module is a folder or file directly under `src/`. Comments are ignored, because documentation may point anywhere;
//! unit tests are code like any other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The modules of the library, lowest first.
const LAYERS: [&str; 16] = [
    "bounds",
    "simd",
    "data",
    "model",
    "experiment",
    "record",
    "engine",
    "store",
    "schedule",
    "analysis",
    "claim",
    "figure",
    "report",
    "study",
    "cli",
    "lib",
];

/// The modules that a source text names as `crate::module`, and those of the list that it names through `super` from a
/// file that is `depth` modules below the root.
fn imports(text: &str, depth: usize) -> BTreeSet<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or("").to_string() + "\n").collect();
    let mut modules = BTreeSet::new();
    for rest in after(&code, "crate::") {
        modules.extend(names(rest));
    }
    for rest in after(&code, &"super::".repeat(depth)) {
        modules.extend(names(rest).into_iter().filter(|name| LAYERS.contains(&name.as_str())));
    }
    modules
}

/// What follows each place where a path begins with `start`.
fn after<'a>(code: &'a str, start: &str) -> Vec<&'a str> {
    let begins = |at: &usize| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let places = code.match_indices(start).map(|(at, _)| at).filter(begins);
    places.map(|at| &code[at + start.len()..]).collect()
}

/// The first names of the paths that a text starts with: one, or those of a list in braces.
fn names(text: &str) -> Vec<String> {
    match text.strip_prefix('{') {
        Some(list) => first_names(list),
        None => identifier(text).into_iter().collect(),
    }
}

/// The identifier that a text starts with.
fn identifier(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_string())
}

/// The first name of every path in the list that a text starts with, up to its closing brace.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.extend(identifier(list[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// The imports of a text in a module that do not point down, as `from -> to`; the text's file is `depth` modules below the
/// root.
fn upward(module: &str, depth: usize, text: &str) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let from = layer(module).unwrap_or_else(|| panic!("`{module}` is not in the list of layers"));
    let points_up = |to: &String| layer(to).is_none_or(|to| to > from);
    imports(text, depth).into_iter().filter(points_up).map(|to| format!("{module} -> {to}")).collect()
}

/// Every source file of the library, with the module it belongs to and its depth below the root.
fn sources() -> Vec<(String, usize, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let module = inside.components().next().unwrap().as_os_str().to_string_lossy();
                if module != "bin" {
                    let depth = inside.components().count() - usize::from(inside.ends_with("mod.rs"));
                    files.push((module.trim_end_matches(".rs").to_string(), depth, path));
                }
            }
        }
    }
    files
}

#[test]
fn no_import_points_up() {
    let files = sources();
    assert!(files.len() > 100, "{} files", files.len());
    for (module, depth, path) in &files {
        let imports = upward(module, *depth, &std::fs::read_to_string(path).unwrap());
        assert!(imports.is_empty(), "{}: {imports:?}", path.display());
    }
}

#[test]
fn an_upward_import_is_caught_however_it_is_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/train.rs");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(upward("engine", 2, &text), Vec::<String>::new());
    for planted in [
        "use crate::store::Folder;",
        "use crate::{data::{Batch, Subset}, store::Folder};",
        "pub use crate::{\n    store,\n};",
        "fn folder() -> crate::store::Folder { todo!() }",
        "use super::super::store::Folder;",
        "#[cfg(test)]\nmod planted {\n    use crate::store::Folder;\n}",
    ] {
        assert_eq!(upward("engine", 2, &format!("{text}\n{planted}\n")), ["engine -> store"], "{planted}");
    }
    assert_eq!(upward("data", 1, "use crate::elsewhere::Thing;"), ["data -> elsewhere"]);
}

#[test]
fn comments_may_point_anywhere() {
    assert!(
        upward("data", 1, "/// What [`crate::engine`] trains on.\nuse crate::data::Batch; // crate::cli")
            .is_empty()
    );
}
