//! Impressions with what became of them: what a conversion model is trained on, made by a generator or read
//! from a log.
//!
//! An impression is shown; some are clicked, and some clicks lead to a conversion, possibly days later (ESMM §2).
//! A row has one word of every categorical field and some numbers. Rows lie in the order of time.

/// Facts of an impression that objectives are made of, in the order of `Batch::y`, `[FACTS, rows]`.
pub const FACTS: usize = 4;

/// What is known of an impression when a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Whether it was clicked, 0 or 1.
    Click = 0,
    /// Whether the click was seen to lead to a conversion by the end of training, 0 or 1; 0 without a click.
    Conversion = 1,
    /// For a conversion the time from click to conversion, else the time from click to the end of training; in
    /// units of the training window, 0 to 1. 0 without a click, and where conversions are not delayed.
    Waited = 2,
    /// A uniform draw from (0, 1) of this row and step, for methods that sample rows.
    Uniform = 3,
}

/// Impressions of one period: rows of equal length, with labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impressions {
    /// Inputs, `[rows, fields + numbers]`: rows of the embedding table, `words` for a word that the table does not
    /// have; then numbers.
    pub x: Vec<f32>,
    /// 1 where it was clicked, `[rows]`.
    pub click: Vec<f32>,
    /// 1 where a click was seen to lead to a conversion, `[rows]`.
    pub conversion: Vec<f32>,
    /// [`Fact::Waited`], `[rows]`; empty where conversions are not delayed.
    pub waited: Vec<f32>,
    /// What only the maker of impressions knows; none where they are read.
    pub truth: Option<Truth>,
}

/// The probabilities that impressions were drawn from, `[rows]` each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Of a click.
    pub click: Vec<f32>,
    /// Of a conversion after a click, whether it was clicked or not.
    pub conversion: Vec<f32>,
}

impl Impressions {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.click.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.click.is_empty()
    }

    /// Clicks.
    pub fn clicks(&self) -> usize {
        self.click.iter().filter(|click| **click > 0.0).count()
    }

    /// Conversions that were seen.
    pub fn conversions(&self) -> usize {
        self.conversion.iter().filter(|conversion| **conversion > 0.0).count()
    }

    /// Resident size in bytes.
    pub fn bytes(&self) -> u64 {
        let truth = self.truth.as_ref().map_or(0, |truth| truth.click.len() + truth.conversion.len());
        let floats = self.x.len() + self.click.len() + self.conversion.len() + self.waited.len() + truth;
        4 * floats as u64
    }
}

/// A log of impressions in two periods: the first is trained on, the second tested on (ESMM §3.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImpressionLog {
    /// Categorical fields of a row.
    pub fields: usize,
    /// Numbers of a row.
    pub numbers: usize,
    /// Rows of the embedding table: words of all fields.
    pub words: usize,
    /// The first period.
    pub training: Impressions,
    /// The second.
    pub test: Impressions,
}

impl ImpressionLog {
    /// Columns of a row.
    pub fn columns(&self) -> usize {
        self.fields + self.numbers
    }
}
