//! A small Markdown reader: fenced blocks, tables under their headings, links.

use std::path::{Path, PathBuf};

/// A document of the repository.
pub struct Page {
    /// Its path from the root, such as `docs/data.md`.
    pub path: String,
    pub text: String,
}

/// A fenced block.
pub struct Block {
    pub language: String,
    pub text: String,
    /// Its first line in the document, from 1.
    pub line: usize,
}

/// A table with the headings above it.
pub struct Table {
    /// The nearest heading, without its number signs.
    pub heading: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and the pages of `docs/`, whose commands are run.
pub fn guides() -> Vec<Page> {
    std::iter::once(Page::read("README.md")).chain(pages_of("docs")).collect()
}

/// The pages of committed studies.
pub fn results() -> Vec<Page> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root().join("results")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let names = folders.iter().map(|folder| format!("results/{}/README.md", name(folder)));
    names
        .filter(|path| root().join(path).is_file() && is_committed(path))
        .map(|path| Page::read(&path))
        .collect()
}

/// All documents.
pub fn everything() -> Vec<Page> {
    let others = ["METHODOLOGY.md", "CONTRIBUTING.md", "CHANGELOG.md", "benches/README.md"].map(Page::read);
    guides().into_iter().chain(results()).chain(others).collect()
}

fn pages_of(folder: &str) -> Vec<Page> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    files.iter().map(|file| Page::read(&format!("{folder}/{}", name(file)))).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// True if Git would clone a file, or will after `git add`.
fn is_committed(path: &str) -> bool {
    crate::common::cloned_files().iter().any(|file| file == path)
}

impl Page {
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path));
        Self { path: path.to_string(), text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (number, line) in (1..).zip(self.text.lines()) {
            match (line.strip_prefix("```"), open) {
                (Some(language), false) => {
                    let (language, text) = (language.to_string(), String::new());
                    blocks.push(Block { language, text, line: number + 1 });
                    open = true;
                }
                (Some(_), true) => open = false,
                (None, true) => {
                    let text = &mut blocks.last_mut().expect("a block is open").text;
                    text.push_str(line);
                    text.push('\n');
                }
                (None, false) => {}
            }
        }
        assert!(!open, "{}: a block is not closed", self.path);
        blocks
    }

    /// The text without its blocks.
    pub fn prose(&self) -> String {
        let mut open = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            if line.starts_with("```") {
                open = !open;
            } else if !open {
                prose.push_str(line);
                prose.push('\n');
            }
        }
        prose
    }

    pub fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        let (mut heading, mut inside) = (String::new(), false);
        for line in self.prose().lines() {
            if line.starts_with('#') {
                heading = line.trim_start_matches('#').trim().to_string();
            }
            let Some(row) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
                inside = false;
                continue;
            };
            let cells: Vec<String> = row.split('|').map(|cell| cell.trim().to_string()).collect();
            match tables.last_mut().filter(|_| inside) {
                None => tables.push(Table { heading: heading.clone(), header: cells, rows: Vec::new() }),
                Some(_) if cells.iter().all(|cell| cell.starts_with("---")) => {}
                Some(table) => table.rows.push(cells),
            }
            inside = true;
        }
        tables
    }

    /// Targets of links to files of the repository.
    pub fn links(&self) -> Vec<&str> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.filter(|target| !target.contains("://")).collect()
    }

    /// The path, from the root, of a file that this page links to.
    pub fn beside(&self, file: &str) -> String {
        let mut parts: Vec<&str> = self.path.split('/').collect();
        parts.pop();
        for part in file.split('/') {
            match part {
                ".." => drop(parts.pop()),
                "." => {}
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    /// Anchors of the headings, by GitHub's rules.
    pub fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| -> String {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    }
}
