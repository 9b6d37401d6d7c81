//! The text of an experiment file: reading it, and finding the line of a key and its value as written.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table};

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

/// The table of a TOML text. Numbers beyond those of TOML become text, so that the reader of their key refuses them
/// with the bounds that it has.
///
/// # Errors
/// The text is not TOML.
pub(super) fn table(text: &str) -> Result<Table, toml::de::Error> {
    text.parse::<Table>().or_else(|error| {
        let mut beyond = Vec::new();
        if let Ok(document) = DeTable::parse(text) {
            document.get_ref().iter().for_each(|(_, value)| beyond_toml(value, &mut beyond));
        }
        beyond.sort_by_key(|span| span.start);
        let mut quoted = text.to_string();
        for span in beyond.iter().rev() {
            quoted.replace_range(span.clone(), &format!("{:?}", &text[span.clone()]));
        }
        if beyond.is_empty() { Err(error) } else { quoted.parse() }
    })
}

/// Collects the places of numbers that TOML can write but not hold.
fn beyond_toml(value: &Spanned<DeValue>, found: &mut Vec<Range<usize>>) {
    let beyond = match value.get_ref() {
        DeValue::Integer(whole) => i64::from_str_radix(whole.as_str(), whole.radix()).is_err(),
        DeValue::Float(float) => {
            float.as_str().parse().is_ok_and(f64::is_infinite) && !float.as_str().contains("inf")
        }
        DeValue::Array(list) => return list.iter().for_each(|value| beyond_toml(value, found)),
        DeValue::Table(table) => return table.iter().for_each(|(_, value)| beyond_toml(value, found)),
        _ => false,
    };
    if beyond {
        found.push(value.span());
    }
}

/// Line of a key path such as `grid.seeds`, `grid.models[1]` or `grid.vary."data.noise_std"`, or of its deepest part that
/// the text has.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    let key = key.replace('"', "");
    let parts: Vec<&str> = key.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect();
    let mut at = 0;
    while at < parts.len() {
        // A key may have dots of its own.
        let longest = (at + 1..=parts.len()).rev().find_map(|end| {
            let name = parts[at..end].join(".");
            let entry = table.iter().find(|(key, _)| *key.get_ref() == name)?;
            Some((end, entry))
        });
        let Some((end, (key, value))) = longest else { break };
        at = end;
        found = Some(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found.map(|start| text[..start].matches('\n').count() + 1)
}

/// The value of a key path such as `grid.seeds` or `grid.models[1]` as it is written, such as `1e30`, if `shown` is the
/// same value in other words; else none.
pub(super) fn written(text: &str, key: &str, shown: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut parts = key.split('.');
    let mut value = None;
    let mut table = Some(document.get_ref());
    for part in parts.by_ref() {
        let mut names = part.split('[');
        let name = names.next()?;
        let (_, mut found) = table?.iter().find(|(key, _)| key.get_ref() == name)?;
        for index in names {
            let index: usize = index.strip_suffix(']')?.parse().ok()?;
            found = found.get_ref().as_array()?.get(index)?;
        }
        table = found.get_ref().as_table();
        value = Some(found);
    }
    let written = &text[value?.span()];
    let read = |text: &str| self::table(&format!("value = {text}")).ok()?.remove("value");
    let (a, b) = (read(written)?, read(shown)?);
    // A number beyond those of TOML was read as text.
    let number = |value: &toml::Value| match value {
        toml::Value::Integer(whole) => Some(*whole as f64),
        toml::Value::Float(float) => Some(*float),
        other => other.as_str()?.parse().ok(),
    };
    let same = a == b || number(&a).zip(number(&b)).is_some_and(|(a, b)| a == b);
    (same && !written.contains('\n')).then(|| written.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_as_it_is_written() {
        let text = "a.b = [1e30, 0x10]\n[c]\nd = 18446744073709551615\ne = { f = 1_000 }\ng = [\n1]";
        assert_eq!(written(text, "a.b", "[1000000000000000000000000000000.0, 16]").unwrap(), "[1e30, 0x10]");
        assert_eq!(written(text, "a.b[1]", "16").unwrap(), "0x10");
        assert_eq!(written(text, "c.d", "\"18446744073709551615\"").unwrap(), "18446744073709551615");
        assert_eq!(written(text, "c.e.f", "1000").unwrap(), "1_000");
        for (key, shown) in [("c.e.f", "1001"), ("c.e.f", "…"), ("c.x", "1"), ("a.b[2]", "1"), ("c.g", "[1]")]
        {
            assert_eq!(written(text, key, shown), None, "{key} = {shown}");
        }
    }

    #[test]
    fn numbers_beyond_toml_become_text() {
        let read =
            table("a = 9223372036854775807\nb = [1, 9223372036854775808]\nc.d = 1e400\ne = inf").unwrap();
        assert_eq!(
            read.to_string(),
            table("a = 9223372036854775807\nb = [1, \"9223372036854775808\"]\ne = inf\nc.d = \"1e400\"")
                .unwrap()
                .to_string()
        );
        assert!(table("a = 9223372036854775808\nb = = 2").is_err());
    }
}
