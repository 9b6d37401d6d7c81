//! Sections of a page: a heading with texts and tables below it. A kind of study writes them, the page draws them.

/// A heading of the page with its content.
pub struct Section {
    /// Anchor in the page.
    pub id: &'static str,
    /// Name in the navigation.
    pub label: &'static str,
    /// Heading.
    pub heading: &'static str,
    /// Texts and tables, in their order.
    pub blocks: Vec<Block>,
}

/// A part of a section, in plain text; the page escapes it.
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A heading of second rank.
    Heading(String),
    /// A table.
    Table(Table),
    /// A table in a fold, which its text opens.
    Fold(String, Table),
}

impl Section {
    /// A section without content.
    pub fn new(id: &'static str, label: &'static str, heading: &'static str) -> Self {
        Self { id, label, heading, blocks: Vec::new() }
    }

    /// Adds a paragraph.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }

    /// Adds a table in a fold, which the text opens.
    pub fn fold(mut self, text: impl Into<String>, table: Table) -> Self {
        self.blocks.push(Block::Fold(text.into(), table));
        self
    }

    /// Adds tables with a heading each.
    pub fn tables(mut self, tables: impl IntoIterator<Item = (String, Table)>) -> Self {
        for (heading, table) in tables {
            self.blocks.extend([Block::Heading(heading), Block::Table(table)]);
        }
        self
    }
}

/// The cell without a value.
pub const DASH: &str = "–";

/// Columns and rows of a table.
pub struct Table {
    /// Columns from left to right.
    pub columns: Vec<Column>,
    /// Rows with a cell a column.
    pub rows: Vec<Vec<String>>,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Heading.
    pub heading: &'static str,
    /// CSS class of its cells.
    pub class: &'static str,
    /// Whether it is left out of a table in which it has no value.
    optional: bool,
}

impl Column {
    const fn new(heading: &'static str, class: &'static str) -> Self {
        Self { heading, class, optional: false }
    }

    /// The names of models.
    pub const fn model() -> Self {
        Self::new("Model", "m")
    }

    /// Numbers.
    pub const fn number(heading: &'static str) -> Self {
        Self::new(heading, "n")
    }

    /// A few words, on one line.
    pub const fn words(heading: &'static str) -> Self {
        Self::new(heading, "w")
    }

    /// A long text.
    pub const fn text(heading: &'static str) -> Self {
        Self::new(heading, "s")
    }

    /// The same column, left out of a table in which it has no value.
    pub const fn if_any(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Whether its cells are numbers.
    pub fn is_number(&self) -> bool {
        self.class == "n"
    }
}

impl Table {
    /// The table of some rows.
    pub fn new<const N: usize>(columns: [Column; N], rows: impl IntoIterator<Item = [String; N]>) -> Self {
        let rows: Vec<[String; N]> = rows.into_iter().collect();
        let shown = |&i: &usize| !columns[i].optional || rows.iter().any(|row| row[i] != DASH);
        let shown: Vec<usize> = (0..N).filter(shown).collect();
        Self {
            columns: shown.iter().map(|&i| columns[i]).collect(),
            rows: rows.iter().map(|row| shown.iter().map(|&i| row[i].clone()).collect()).collect(),
        }
    }

    /// The cells of a column; none where the table has no such column.
    #[cfg(test)]
    pub fn column(&self, heading: &str) -> Vec<&str> {
        let Some(column) = self.columns.iter().position(|column| column.heading == heading) else {
            return Vec::new();
        };
        self.rows.iter().map(|row| row[column].as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_column_without_values_is_left_out() {
        let columns = [Column::model(), Column::number("Paper").if_any(), Column::number("Mean")];
        let row = |paper: &str| ["MMoE", paper, DASH].map(str::to_owned);
        let table = Table::new(columns, [row(DASH), row(DASH)]);
        assert_eq!(table.rows, [["MMoE", DASH], ["MMoE", DASH]]);
        assert_eq!(Table::new(columns, [row(DASH), row("0.5")]).column("Paper"), [DASH, "0.5"]);
    }
}
