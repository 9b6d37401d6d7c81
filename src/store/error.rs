//! What can go wrong with the files of a study.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::experiment::plan::SCHEMA;

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
    /// A study whose models are still being tuned.
    #[error(
        "{0}: its models are still being tuned, so it has no runs yet; `sweep run {0}/study.toml --out {0}` goes on",
        path.display()
    )]
    BeingTuned {
        /// The folder.
        path: PathBuf,
    },
    /// A study whose runs are still being trained, or whose processes were all killed.
    #[error("{}: no tables yet (there is no {missing}); `sweep report` writes those of the runs that are finished", path.display())]
    NoTables {
        /// The folder.
        path: PathBuf,
        /// The file that every study with tables has.
        missing: &'static str,
    },
    /// A file that a program of another schema wrote: the same experiment gives other results there.
    #[error("{}: was written under schema {schema}, this program has schema {}", path.display(), SCHEMA)]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: u32,
    },
    /// A folder of a study that is a link to somewhere else.
    #[error("{}: is a link; a study writes within its own folder only, so it has to be a folder", path.display())]
    Link {
        /// The link.
        path: PathBuf,
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
