//! Errors of the files of a study.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::commands;
use crate::experiment::plan::SCHEMA;

/// A file or folder of a study that cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The action, such as "read".
        action: &'static str,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A path without a study.
    #[error("{}: {problem}; {remedy}", path.display())]
    NoStudy {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        problem: &'static str,
        /// The studies near it, or how to train one.
        remedy: String,
    },
    /// A study that is still being tuned.
    #[error("{}: still being tuned, so there are no runs yet; resume with `{}`", path.display(), commands::resume(path))]
    BeingTuned {
        /// The folder.
        path: PathBuf,
    },
    /// A study without tables: it is still being trained, or its processes were killed.
    #[error(
        "{}: no tables yet ({missing} is missing); `{}` writes the tables of the finished runs",
        path.display(),
        commands::report(path)
    )]
    NoTables {
        /// The folder.
        path: PathBuf,
        /// The missing file, which every study with tables has.
        missing: &'static str,
    },
    /// A file of a program with another schema, in which the same experiment has other results.
    #[error(
        "{}: was written with schema {schema}, but this program has schema {SCHEMA}, which gives the same runs other \
         results; choose another --out, or use the program that wrote it",
        path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: u32,
    },
    /// A `study.toml` that this version of the program cannot read, of a study by another version.
    #[error(
        "{source}; version {version} of this program wrote the study, and this is version {}",
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The version that wrote the study.
        version: String,
        /// What this version cannot read.
        source: crate::experiment::LoadError,
    },
    /// A folder of a study that is a link.
    #[error("{}: is a link; expected a folder, because a study writes only within its own folder", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Invalid contents of a file.
    #[error("{}{}: {problem}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1, if known.
        line: Option<u64>,
        /// The problem and its remedy.
        problem: String,
    },
    /// An invalid `study.toml`.
    #[error(transparent)]
    Experiment(#[from] crate::experiment::LoadError),
}

impl StoreError {
    /// For `map_err`: the operating system refused `action` on `path`.
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    /// The same error if it is [`StoreError::Schema`].
    pub fn other_schema(&self) -> Option<Self> {
        match self {
            Self::Schema { path, schema } => Some(Self::Schema { path: path.clone(), schema: *schema }),
            _ => None,
        }
    }

    /// Whether the request is wrong, such as a path that leads nowhere, and nothing was written. Other errors may go away
    /// without another request.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                ErrorKind::NotFound
                    | ErrorKind::NotADirectory
                    | ErrorKind::IsADirectory
                    | ErrorKind::AlreadyExists
                    | ErrorKind::InvalidFilename
                    | ErrorKind::InvalidInput
            ),
            Self::NoStudy { .. } | Self::Version { .. } | Self::Experiment(_) => true,
            // A study may be trained on, and a program of another schema may come in the way of one that is trained.
            Self::BeingTuned { .. }
            | Self::NoTables { .. }
            | Self::Schema { .. }
            | Self::Link { .. }
            | Self::Malformed { .. } => false,
        }
    }

    /// Invalid contents of a file.
    pub fn malformed(path: &Path, line: Option<u64>, problem: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), line, problem: problem.into() }
    }
}
