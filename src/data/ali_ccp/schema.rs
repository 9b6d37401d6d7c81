//! The columns of the published files and the fields that are read from their feature lists.
//!
//! Names are those of the data set's own description. These eighteen fields are what the literature trains on:
//! one word of each a row. Left out are the user's histories (109_14, 110_14, 127_14, 150_14: categories, shops,
//! brands and intentions of two weeks) and the item's intentions (210): each row has many words of them, up to
//! hundreds, and a row of [`crate::data::Impressions`] has one of every field. The combined fields (508, 509, 702,
//! 853) say which word of a history meets the item, so some of what the histories know is there.

/// A field that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in feature lists.
    pub id: &'static str,
    /// Its meaning.
    pub name: &'static str,
}

const fn field(id: &'static str, name: &'static str) -> Field {
    Field { id, name }
}

/// Fields of each kind of file.
pub const HALF: usize = 9;

/// Fields of the common features: the user's.
pub const COMMON: [Field; HALF] = [
    field("101", "user"),
    field("121", "category of the user's profile"),
    field("122", "group of the user's profile"),
    field("124", "gender"),
    field("125", "age"),
    field("126", "consumption level I"),
    field("127", "consumption level II"),
    field("128", "working"),
    field("129", "geography"),
];

/// Fields of the skeleton: the item's, the combined ones and the context.
pub const SAMPLE: [Field; HALF] = [
    field("205", "item"),
    field("206", "category of the item"),
    field("207", "shop of the item"),
    field("216", "brand of the item"),
    field("301", "position"),
    field("508", "category in the user's history"),
    field("509", "shop in the user's history"),
    field("702", "brand in the user's history"),
    field("853", "intention in the user's history"),
];

/// Columns of a line of `sample_skeleton_*.csv`.
pub const SAMPLE_COLUMNS: [&str; 6] =
    ["sample id", "click", "purchase", "common feature index", "number of features", "feature list"];

/// Columns of a line of `common_features_*.csv`.
pub const COMMON_COLUMNS: [&str; 3] = ["common feature index", "number of features", "feature list"];
