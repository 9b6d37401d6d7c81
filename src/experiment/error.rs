//! What is wrong with an experiment: the file, the key, the value it got and what would be right.

use std::path::PathBuf;

use thiserror::Error;

/// Why an experiment could not be read.
#[derive(Debug, Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("no experiment {name:?}: looked for {looked_for}{suggestion}")]
    Missing {
        /// What was asked for.
        name: String,
        /// The paths that were tried.
        looked_for: String,
        /// What there is, or what may have been meant.
        suggestion: String,
    },
    /// The file is there but cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML.
    #[error("{place}: not valid TOML: {message}")]
    Syntax {
        /// File, line and column.
        place: String,
        /// What the parser said.
        message: String,
    },
    /// A `--set` that is not `key=value`.
    #[error("--set {text}: {remedy}")]
    Override {
        /// What was given.
        text: String,
        /// What would be right.
        remedy: String,
    },
    /// A key that cannot be, or a value that it cannot have.
    #[error("{place}: {key}{}: {remedy}", value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default())]
    Invalid {
        /// File and line, or the `--set` that brought the value.
        place: String,
        /// Path of the key, such as `grid.seeds`.
        key: String,
        /// The value it got, if it has one.
        value: Option<String>,
        /// What would be right.
        remedy: String,
    },
}

/// A mistake, before the place where it was made is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Path of the key.
    pub key: String,
    /// The value it got, if it has one.
    pub value: Option<String>,
    /// What would be right.
    pub remedy: String,
}
