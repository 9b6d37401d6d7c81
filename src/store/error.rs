//! What can go wrong with the files of a study.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file or folder of a study that cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, such as "read".
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no study where one was asked for.
    #[error("{}: no study here (there is no {missing}); `sweep run` makes one", path.display())]
    NoStudy {
        /// The folder.
        path: PathBuf,
        /// The file that every study has.
        missing: &'static str,
    },
    /// A file does not say what it should.
    #[error("{}{}: {problem}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1, where there is one.
        line: Option<u64>,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// `study.toml` is no experiment.
    #[error(transparent)]
    Experiment(#[from] crate::experiment::LoadError),
}

impl StoreError {
    /// For `map_err`: the system refused to do `action` with `path`.
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    /// A file that does not say what it should.
    pub fn malformed(path: &Path, line: Option<u64>, problem: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), line, problem: problem.into() }
    }
}
