//! Why rows cannot be used.

use std::path::{Path, PathBuf};

/// Why the rows of a study cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The system refused.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Files that are needed are not there.
    #[error(
        "data.path = {path:?}: expected a folder with {expected}, plain or with .gz; the data set is published at \
         {published}, and --set data.path=FOLDER names the folder it was unpacked to"
    )]
    NoFiles {
        /// The folder.
        path: PathBuf,
        /// The files that would be right.
        expected: String,
        /// Address of the data set.
        published: &'static str,
    },
    /// A file that is not the text that its name says it is.
    #[error("{}: is {what}; expected {expected}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// A file that as a whole is not one of the data set.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A packed file that breaks off or is damaged.
    #[error(
        "{}:{line}: the packed text breaks off or is damaged ({source}); expected a whole file, which gzip -t tells",
        path.display()
    )]
    Packed {
        /// The file.
        path: PathBuf,
        /// Line that could not be read whole, from 1.
        line: u64,
        /// The decoder's error.
        source: std::io::Error,
    },
    /// A row that is not one of the data set.
    #[error("{}:{line}{field}: {problem}; --skip-bad-rows leaves such rows out and counts them", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Number and name of the field, if it is one; starts with a comma.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Other rows than those that the study was trained on.
    #[error(
        "data.digest = {expected:?}: the files in {path:?} are others, with digest {found:?}; expected the files that \
         the study was made with, or no digest"
    )]
    Changed {
        /// The folder.
        path: PathBuf,
        /// Digest of the files there.
        found: String,
        /// The digest asked for.
        expected: String,
    },
    /// Rows that no study can be trained on.
    #[error("data.path = {path:?}: {problem}")]
    Unfit {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl DataError {
    /// The error of a file that the system does not give.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Why a line is not a row: its field, if it is one that is wrong, and what would be right.
#[derive(Debug, PartialEq)]
pub struct ParseError {
    /// `, field 2 (click)`, or nothing.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// The same without what is peculiar to the line, so that lines can be counted by it.
    pub reason: String,
}

impl ParseError {
    /// The error of field number `field`, from 0, called `name`.
    pub fn of_field(field: usize, name: &str, problem: String) -> Self {
        let field = format!("field {} ({name})", field + 1);
        Self { reason: format!("malformed {field}"), field: format!(", {field}"), problem }
    }

    /// The error of a whole line.
    pub fn of_line(reason: &str, problem: String) -> Self {
        Self { field: String::new(), problem, reason: reason.into() }
    }

    /// The same for another reason.
    pub fn because(self, reason: &str) -> Self {
        Self { reason: reason.into(), ..self }
    }

    /// The same with what the line looks like.
    pub fn looking_like(self, look: Option<&str>) -> Self {
        match look {
            Some(look) => Self { problem: format!("{} ({look})", self.problem), ..self },
            None => self,
        }
    }

    /// The same with the file and the line, from 1.
    pub fn at(self, path: &Path, line: u64) -> DataError {
        DataError::Row { path: path.to_owned(), line, field: self.field, problem: self.problem }
    }
}
