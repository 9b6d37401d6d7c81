//! Everything that a command prints goes through here, because printing may fail: a closed pipe, a full disk, a terminal
//! that is gone. That must end nothing, so `clippy` forbids `println!` and `eprintln!` elsewhere, which panic.
//!
//! All text is made printable: what comes from files must not move the cursor or recolour a terminal. Errors of the
//! operating system lose their numbers, which say nothing that the words before them do not.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};

use anyhow::Context;

/// A line for people, on standard error. Lost where that cannot be written.
pub fn note(text: &str) {
    let line = format!("{}\n", printable(text));
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// The result of a command that has no other, on standard output. A reader that closes the pipe early, such as `head`, is
/// not an error.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &str) -> anyhow::Result<()> {
    write(text).context("cannot write to standard output")
}

/// Text beside a result that is on disk or in the exit code, such as the path of a report, on standard output. Where that
/// cannot be written, a note says so.
pub fn show(text: &str) {
    if let Err(error) = write(text) {
        note(&format!("warning: cannot write to standard output: {error}"));
    }
}

fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(printable(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Text without control characters and without the numbers of the operating system's errors.
fn printable(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    while let Some(without) = without_a_number(&text) {
        text = Cow::Owned(without);
    }
    text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "\u{FFFD}")
}

/// The text without its first ` (os error 2)`, if it has one.
fn without_a_number(text: &str) -> Option<String> {
    const BEFORE: &str = " (os error ";
    text.match_indices(BEFORE).find_map(|(start, _)| {
        let (number, after) = text[start + BEFORE.len()..].split_once(')')?;
        number.parse::<i32>().is_ok().then(|| format!("{}{after}", &text[..start]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_made_printable() {
        let missing = std::io::Error::from_raw_os_error(2);
        let raw = format!("a\u{1b}[31m\tb: {missing}: x ({missing})\n");
        assert!(raw.contains("(os error 2)"), "{raw}");
        let words = "No such file or directory";
        assert_eq!(printable(&raw), format!("a\u{FFFD}[31m\tb: {words}: x ({words})\n"));
        assert_eq!(printable("a file named (os error x), größe"), "a file named (os error x), größe");
    }
}
