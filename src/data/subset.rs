//! Subsets of rows.

/// The use of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    /// Trained on.
    Training,
    /// Used to choose sizes and learning rates.
    Validation,
    /// Reported.
    Test,
}

impl Subset {
    /// All, in the order in which rows lie.
    pub const ALL: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// The word in CSV files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}
