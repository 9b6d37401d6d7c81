//! Files of rows: where they are, how they are packed and in what letters they are written.
//!
//! Readers expect UTF-8. Its byte order mark is passed over; text in another encoding, and packed files without the
//! name of one, are refused by name, because a parser would blame a row or find other words in it.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::DataError;

/// The byte order mark of UTF-8, which some programs put at the start of a file.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Beginnings of files that are not UTF-8 text, in the order in which they are tried: what such a file is, and what is
/// expected instead.
const OTHERS: [(&[u8], &str, &str); 7] = [
    (&[0xff, 0xfe, 0, 0], "UTF-32 text", "UTF-8, which `iconv -f UTF-32 -t UTF-8` writes"),
    (&[0, 0, 0xfe, 0xff], "UTF-32 text", "UTF-8, which `iconv -f UTF-32 -t UTF-8` writes"),
    (&[0xff, 0xfe], "UTF-16 text", "UTF-8, which `iconv -f UTF-16 -t UTF-8` writes"),
    (&[0xfe, 0xff], "UTF-16 text", "UTF-8, which `iconv -f UTF-16 -t UTF-8` writes"),
    (&[0x1f, 0x8b], "a gzip file", "a name that ends in .gz"),
    (b"PK\x03\x04", "a zip archive", "the unpacked file"),
    (b"\xfd7zX", "an xz file", "the unpacked file"),
];

/// The file called `name` or `name.gz` in a folder, if it is there.
pub fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_string(), format!("{name}.gz")].iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The name of a file without its folders, for messages and tables.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The text of a file without a byte order mark, unpacked where its name ends in `.gz`.
///
/// # Errors
/// A file that the system does not open, whose packed text is damaged from its start, or that is not UTF-8 text
/// according to its first bytes.
pub fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    match is_packed(path) {
        // Decompressed in large pieces.
        true => as_text(path, MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))),
        false => as_text(path, file),
    }
}

/// The error of reading a file at a line, from 1: of the system, or of the packed text.
pub fn refused(path: &Path, line: u64, source: std::io::Error) -> DataError {
    let broken = [ErrorKind::UnexpectedEof, ErrorKind::InvalidData, ErrorKind::InvalidInput];
    match is_packed(path) && broken.contains(&source.kind()) {
        true => DataError::Packed { path: path.to_owned(), line, source },
        false => DataError::Io { path: path.to_owned(), source },
    }
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// The bytes behind a byte order mark.
fn as_text(path: &Path, mut bytes: impl Read + 'static) -> Result<Box<dyn Read>, DataError> {
    let mut head = Vec::new();
    bytes.by_ref().take(4).read_to_end(&mut head).map_err(|error| refused(path, 1, error))?;
    let other = |what, expected| DataError::NotText { path: path.to_owned(), what, expected };
    if let Some((_, what, expected)) = OTHERS.iter().find(|(start, ..)| head.starts_with(start)) {
        return Err(other(what, expected));
    }
    // Text of ASCII letters alone has a zero beside each of them.
    if head.len() == 4
        && matches!(
            [0, 1, 2, 3].map(|at| head[at] == 0),
            [true, false, true, false] | [false, true, false, true]
        )
    {
        return Err(other("UTF-16 text without a byte order mark", "UTF-8, which `iconv` writes"));
    }
    if head.starts_with(BYTE_ORDER_MARK) {
        head.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(Box::new(Cursor::new(head).chain(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut text = String::new();
        match open(&path) {
            Ok(mut reader) => {
                reader.read_to_string(&mut text).map(|_| text).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string().replace(&format!("{}/", folder.path().display()), "")),
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_once() {
        for rest in ["", "a", "abc", "a,1\nb,2\n", "\u{feff}a"] {
            assert_eq!(text("rows.csv", rest.as_bytes()), Ok(rest.trim_start_matches('\u{feff}').into()));
            let marked = ["\u{feff}", rest].concat();
            assert_eq!(text("rows.csv", marked.as_bytes()), Ok(rest.into()));
        }
    }

    #[test]
    fn what_is_not_utf_8_text_is_named() {
        let utf_16 = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(order).collect()
        };
        for (bytes, what) in [
            (utf_16("\u{feff}38, Private", u16::to_le_bytes), "is UTF-16 text; expected UTF-8, which `iconv"),
            (utf_16("\u{feff}38, Private", u16::to_be_bytes), "is UTF-16 text; expected UTF-8, which `iconv"),
            (
                utf_16("38, Private", u16::to_le_bytes),
                "is UTF-16 text without a byte order mark; expected UTF-8",
            ),
            (
                utf_16("38, Private", u16::to_be_bytes),
                "is UTF-16 text without a byte order mark; expected UTF-8",
            ),
            (vec![0xff, 0xfe, 0, 0, b'3', 0, 0, 0], "is UTF-32 text; expected UTF-8"),
            (vec![0x1f, 0x8b, 8, 0, 0], "is a gzip file; expected a name that ends in .gz"),
            (b"PK\x03\x04rows".to_vec(), "is a zip archive; expected the unpacked file"),
        ] {
            let error = text("rows.csv", &bytes).unwrap_err();
            assert!(error.starts_with(&format!("rows.csv: {what}")), "{error}");
        }
        let error = text("rows.csv.gz", b"a,1\n").unwrap_err();
        assert!(error.starts_with("rows.csv.gz:1: the packed text breaks off or is damaged"), "{error}");
    }
}
