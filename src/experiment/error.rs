//! Errors of reading an experiment. They name the file, the key, its value and the remedy.

use std::path::PathBuf;

use thiserror::Error;

/// An experiment that cannot be read.
#[derive(Debug, Error)]
pub enum LoadError {
    /// No such experiment.
    #[error("no experiment {name:?}: looked for {looked_for}{suggestion}")]
    Missing {
        /// The name that was given.
        name: String,
        /// The paths that were tried.
        looked_for: String,
        /// The experiments there are, and the one that may have been meant.
        suggestion: String,
    },
    /// A file that cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Text that is not TOML.
    #[error("{location}: not valid TOML: {message}")]
    Syntax {
        /// File, line and column.
        location: String,
        /// Message of the parser.
        message: String,
    },
    /// A `--set` that is not `key=value`.
    #[error("--set {text}: {remedy}")]
    Override {
        /// The text after `--set`.
        text: String,
        /// How to correct it.
        remedy: String,
    },
    /// A key or value that is not allowed.
    #[error("{location}: {key}{}: {remedy}", value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default())]
    Invalid {
        /// File and line, or the `--set` that brought the value.
        location: String,
        /// Path of the key, such as `grid.seeds`.
        key: String,
        /// Its value, if it has one.
        value: Option<String>,
        /// How to correct it.
        remedy: String,
    },
}

/// An invalid key or value, before its file and line are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Path of the key.
    pub key: String,
    /// Its value, if it has one.
    pub value: Option<String>,
    /// How to correct it.
    pub remedy: String,
}
