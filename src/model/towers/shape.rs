//! Sizes and embedding loops of towers, for the fused engine.

use super::Method;

/// Sizes of a model of click and conversion behind its embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct TowersShape {
    /// Inputs of a tower: embeddings, then numeric features.
    pub features: usize,
    /// Categorical features of a row, at least 1.
    pub categorical: usize,
    /// Rows of an embedding table.
    pub vocabulary: usize,
    /// Units of an embedding.
    pub embedding_units: usize,
    /// Tables of embeddings: one that all towers read, or one a tower.
    pub tables: usize,
    /// Units of the hidden layers of a tower.
    pub hidden: Vec<usize>,
    /// Its method of learning conversions.
    pub method: Method,
}

impl TowersShape {
    /// The table that a tower reads.
    pub fn table_of(&self, tower: usize) -> usize {
        if self.tables == 1 { 0 } else { tower }
    }

    /// Numeric features of a row.
    fn numeric(&self) -> usize {
        self.features - self.categorical * self.embedding_units
    }

    /// Range of a value's embedding in a table; none for a value that the table does not have.
    fn row(&self, value: f32) -> Option<std::ops::Range<usize>> {
        let row = value as usize;
        (row < self.vocabulary).then(|| row * self.embedding_units..(row + 1) * self.embedding_units)
    }

    /// Writes the inputs of towers, `[tables, rows, features]`, to `out`: rows x, `[rows, categorical + numeric]`, looked up
    /// in every table, `[tables, vocabulary, units]`.
    pub fn embed(&self, tables: &[f32], x: &[f32], out: &mut Vec<f32>) {
        let row_length = self.categorical + self.numeric();
        out.resize(self.tables * (x.len() / row_length) * self.features, 0.0);
        let mut inputs = out.chunks_exact_mut(self.features);
        for table in tables.chunks_exact(self.vocabulary * self.embedding_units) {
            for (row, input) in x.chunks_exact(row_length).zip(&mut inputs) {
                let (values, numeric) = row.split_at(self.categorical);
                let (embeddings, rest) = input.split_at_mut(self.categorical * self.embedding_units);
                for (&value, embedding) in
                    values.iter().zip(embeddings.chunks_exact_mut(self.embedding_units))
                {
                    match self.row(value) {
                        // A loop: for a few units a call of the C library costs more than the copy.
                        Some(row) => {
                            embedding.iter_mut().zip(&table[row]).for_each(|(unit, &value)| *unit = value)
                        }
                        None => embedding.fill(0.0),
                    }
                }
                rest.copy_from_slice(numeric);
            }
        }
    }

    /// Adds the gradient of the embeddings, `[tables, rows, categorical · units]`, to that of the tables.
    pub fn embed_backward(&self, x: &[f32], gradient: &[f32], to_tables: &mut [f32]) {
        let columns = self.categorical * self.embedding_units;
        let row_length = self.categorical + self.numeric();
        let rows = x.len() / row_length;
        let tables = to_tables.chunks_exact_mut(self.vocabulary * self.embedding_units);
        for (table, gradient) in tables.zip(gradient.chunks_exact(rows * columns)) {
            for (row, gradient) in x.chunks_exact(row_length).zip(gradient.chunks_exact(columns)) {
                let units = gradient.chunks_exact(self.embedding_units);
                for (&value, gradient) in row[..self.categorical].iter().zip(units) {
                    let Some(row) = self.row(value) else { continue };
                    table[row].iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
                }
            }
        }
    }
}
