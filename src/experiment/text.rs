//! The text of an experiment file: reading it, and finding the line of a key.

use std::path::Path;

use super::error::LoadError;

/// Limit of the size of an experiment file in bytes, fifty times that of a file with a hundred thousand seeds.
const LARGEST_FILE: u64 = 32 << 20;

/// Reads a UTF-8 text file of at most 32 MiB.
///
/// # Errors
/// The file cannot be read, is not a regular file, is too large or is not UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() || about.len() > LARGEST_FILE {
        return Err(failed(std::io::Error::other("it is not a regular file of at most 32 MiB")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// A syntax error with file, line and column.
pub(super) fn syntax(file: &str, text: &str, error: &toml::de::Error) -> LoadError {
    let location = match error.span() {
        Some(span) => {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
            format!("{file}:{line}:{column}")
        }
        None => file.to_string(),
    };
    LoadError::Syntax { location, message: error.message().to_string() }
}

/// Line of a key path such as `grid.seeds` or `grid.models[1]`, or of its deepest part that the text has.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    for part in key.split('.') {
        let name = part.split('[').next().unwrap_or(part);
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
        found = Some(key.span().start);
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found.map(|start| text[..start].matches('\n').count() + 1)
}
