//! Embeddings and heads as sizes and loops: what the fused engine trains.

use super::Method;

/// Sizes of a model of click and conversion behind its embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadsShape {
    /// Inputs of a head: embedded words, then numbers.
    pub features: usize,
    /// Categorical fields of a row, at least 1.
    pub fields: usize,
    /// Rows of an embedding table.
    pub words: usize,
    /// Units of an embedding.
    pub embedding_units: usize,
    /// Tables of embeddings: one that all heads read, or one a head.
    pub tables: usize,
    /// Units of the hidden layers of a head.
    pub hidden: Vec<usize>,
    /// What it is trained on.
    pub method: Method,
}

impl HeadsShape {
    /// The table that a head reads.
    pub fn table_of(&self, head: usize) -> usize {
        if self.tables == 1 { 0 } else { head }
    }

    /// Numbers of a row.
    fn numbers(&self) -> usize {
        self.features - self.fields * self.embedding_units
    }

    /// A word's row of a table; none for a word that it does not have.
    fn row(&self, code: f32) -> Option<std::ops::Range<usize>> {
        let row = code as usize;
        (row < self.words).then(|| row * self.embedding_units..(row + 1) * self.embedding_units)
    }

    /// Rows x, `[rows, fields + numbers]`, through every table, `[tables, words, units]`: the inputs of heads,
    /// `[tables, rows, features]`, in the place of what `out` was.
    pub fn embed(&self, tables: &[f32], x: &[f32], out: &mut Vec<f32>) {
        let row_length = self.fields + self.numbers();
        out.resize(self.tables * (x.len() / row_length) * self.features, 0.0);
        let mut inputs = out.chunks_exact_mut(self.features);
        for table in tables.chunks_exact(self.words * self.embedding_units) {
            for (row, input) in x.chunks_exact(row_length).zip(&mut inputs) {
                let (codes, numbers) = row.split_at(self.fields);
                let (words, rest) = input.split_at_mut(self.fields * self.embedding_units);
                for (&code, word) in codes.iter().zip(words.chunks_exact_mut(self.embedding_units)) {
                    match self.row(code) {
                        // A loop: for a few units a call of the C library costs more than the copy.
                        Some(row) => {
                            word.iter_mut().zip(&table[row]).for_each(|(unit, &value)| *unit = value)
                        }
                        None => word.fill(0.0),
                    }
                }
                rest.copy_from_slice(numbers);
            }
        }
    }

    /// Adds the gradient of the embedded words, `[tables, rows, fields · units]`, to that of the tables.
    pub fn embed_backward(&self, x: &[f32], gradient: &[f32], to_tables: &mut [f32]) {
        let columns = self.fields * self.embedding_units;
        let row_length = self.fields + self.numbers();
        let rows = x.len() / row_length;
        let tables = to_tables.chunks_exact_mut(self.words * self.embedding_units);
        for (table, gradient) in tables.zip(gradient.chunks_exact(rows * columns)) {
            for (row, gradient) in x.chunks_exact(row_length).zip(gradient.chunks_exact(columns)) {
                let units = gradient.chunks_exact(self.embedding_units);
                for (&code, gradient) in row[..self.fields].iter().zip(units) {
                    let Some(row) = self.row(code) else { continue };
                    table[row].iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
                }
            }
        }
    }
}
