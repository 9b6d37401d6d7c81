//! Files of any size line by line, in the memory of one line.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::data::error::ParseError;
use crate::data::{DataError, files};

/// Longest line in bytes. A user's line of common features has some hundreds to thousands of features of about
/// 20 bytes each, tens of kilobytes; this is a hundred times as much, and holds whatever is not a text of lines.
pub const LONGEST: usize = 1 << 23;

/// The lines of a file, plain or gzipped.
pub struct Lines {
    path: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens the file at its first line.
    ///
    /// # Errors
    /// A file that the system does not open.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        // Few system calls where a file has tens of gigabytes.
        let reader = BufReader::with_capacity(1 << 18, files::open(path)?);
        Ok(Self { path: path.to_owned(), reader, line: Vec::new(), number: 0 })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not empty, without its end; nothing after the last. A line that is too long is
    /// passed over and reported as an error.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(&mut self) -> Result<Option<Result<&[u8], ParseError>>, DataError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut bounded = self.reader.by_ref().take(LONGEST as u64 + 1);
            let length = bounded.read_until(b'\n', &mut self.line).map_err(|error| self.refused(error))?;
            if length == 0 {
                return Ok(None);
            }
            if length > LONGEST && self.line.last() != Some(&b'\n') {
                self.reader.skip_until(b'\n').map_err(|error| self.refused(error))?;
                let problem = format!("has more than {LONGEST} bytes; expected a line of features");
                return Ok(Some(Err(ParseError::of_line("too long", problem))));
            }
            // Files that were joined have byte order marks within.
            let marked = self.line.starts_with(files::BYTE_ORDER_MARK);
            let start = if marked { files::BYTE_ORDER_MARK.len() } else { 0 };
            if !self.line[start..].trim_ascii().is_empty() {
                // Separators within a line are control characters that do not count as white space.
                return Ok(Some(Ok(self.line[start..].trim_ascii())));
            }
        }
    }

    /// The line that was read last, whatever it is.
    pub fn last(&self) -> &[u8] {
        &self.line
    }

    fn refused(&self, source: std::io::Error) -> DataError {
        files::refused(&self.path, self.number, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> (tempfile::TempDir, Lines) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.csv");
        std::fs::write(&path, text).unwrap();
        let lines = Lines::open(&path).unwrap();
        (folder, lines)
    }

    #[test]
    fn lines_keep_their_numbers_over_empty_ones_and_either_end() {
        let (_folder, mut lines) = lines("\u{feff}a,1\r\n\n  \n\u{feff}b\x01c\n\u{feff}\nlast".as_bytes());
        let mut found = Vec::new();
        while let Some(line) = lines.read().unwrap() {
            let line = line.unwrap().to_vec();
            found.push((lines.number(), line));
        }
        assert_eq!(found, [(1, b"a,1".to_vec()), (4, b"b\x01c".to_vec()), (6, b"last".to_vec())]);
    }

    #[test]
    fn a_line_without_an_end_is_passed_over_in_bounded_memory() {
        let mut text = vec![b'7'; 3 * LONGEST];
        text.extend(b"\nnext\n");
        let (_folder, mut lines) = lines(&text);
        let error = lines.read().unwrap().unwrap().unwrap_err();
        assert_eq!(error.problem, "has more than 8388608 bytes; expected a line of features");
        assert!(lines.line.capacity() <= 2 * LONGEST + 1);
        assert_eq!(lines.read().unwrap(), Some(Ok(&b"next"[..])));
        assert_eq!(lines.number(), 2);
    }
}
