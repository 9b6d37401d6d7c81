//! Accounts for every number of a document: it is either computed, or part of a phrase that is listed with the reason why
//! no results file contains it.

use crate::markdown::Page;

/// A document and the numbers that are accounted for so far.
pub struct Quotes {
    path: String,
    /// The document without its blocks; white space is single spaces.
    text: String,
    /// True for every byte of the text that is accounted for.
    covered: Vec<bool>,
    mistakes: Vec<String>,
}

/// Words before a number that make it a name: Figure 4, §3.2, UTF-8.
const NAMES: [&str; 10] =
    ["Figure", "Figures", "Table", "Tables", "§", "KDD", "task", "et al.", "Hospedales", "UTF-"];
/// Parts of words whose numbers belong to a publication or an address.
const ADDRESSES: [&str; 4] = ["doi:", "arXiv:", "://", ".com/"];

impl Quotes {
    pub fn of(path: &str) -> Self {
        let page = Page::read(path);
        let prose = page.prose();
        let text = prose.lines().map(without_number).collect::<Vec<_>>().join(" ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let covered = vec![false; text.len()];
        let mut quotes = Self { path: path.to_string(), text, covered, mistakes: Vec::new() };
        quotes.cover_between("`", "`");
        quotes.cover_between("](", ")");
        quotes
    }

    /// Accounts for code and for the targets of links.
    fn cover_between(&mut self, open: &str, close: &str) {
        let mut from = 0;
        while let Some(start) = self.text[from..].find(open).map(|at| from + at + open.len()) {
            let Some(length) = self.text[start..].find(close) else { break };
            self.covered[start..start + length].fill(true);
            from = start + length + close.len();
        }
    }

    /// Expects a text with computed numbers and accounts for it.
    pub fn says(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        if !self.cover(text) {
            self.mistakes.push(format!("does not say: {text}"));
        }
    }

    /// Accounts for phrases whose numbers do not come from a results file, for the given reason.
    pub fn leaves(&mut self, reason: &str, phrases: &[&str]) {
        for phrase in phrases {
            if !self.cover(phrase) {
                self.mistakes.push(format!("listed phrase ({reason}) is not there: {phrase}"));
            }
        }
    }

    /// Accounts for all tables under headings that begin with these words; another test checks them.
    pub fn leaves_tables(&mut self, headings: &[&str]) {
        for table in Page::read(&self.path).tables() {
            if headings.iter().any(|heading| table.heading.starts_with(heading)) {
                for row in &table.rows {
                    assert!(self.cover(&row.join(" | ")), "{}: {row:?}", self.path);
                }
            }
        }
    }

    fn cover(&mut self, text: &str) -> bool {
        let whole =
            |at: &usize| !splits_number(&self.text, *at) && !splits_number(&self.text, at + text.len());
        let places: Vec<usize> = self.text.match_indices(text).map(|(at, _)| at).filter(whole).collect();
        for &at in &places {
            self.covered[at..at + text.len()].fill(true);
        }
        !places.is_empty()
    }

    /// Fails if a number is not accounted for or an expected text is missing.
    pub fn finish(mut self) {
        for (start, end) in numbers(&self.text) {
            if !self.covered[start] && !is_name(&self.text, start, end) {
                let context = |at: usize| {
                    (at.saturating_sub(60)..=at)
                        .find(|&at| self.text.is_char_boundary(at))
                        .expect("the start is one")
                };
                let rest = &self.text[start..];
                let after: String = rest.chars().take(60).collect();
                let before = &self.text[context(start)..start];
                self.mistakes.push(format!("a number is not accounted for: …{before}>>{after}…"));
            }
        }
        assert!(self.mistakes.is_empty(), "{}:\n{}", self.path, self.mistakes.join("\n"));
    }
}

/// True if a position lies within a number: 0.2 does not occur in 0.25.
fn splits_number(text: &str, at: usize) -> bool {
    numbers(text).iter().any(|&(start, end)| start < at && at < end)
}

/// A line of a numbered list without its number.
fn without_number(line: &str) -> &str {
    let text = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    if text.len() < line.trim_start().len() { text.strip_prefix(". ").unwrap_or(line) } else { line }
}

/// Start and end of all numbers: digits with points and commas. Digits within a word (f32, AVX2) do not count.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let within =
            |i: usize| matches!(bytes[i], b'.' | b',') && bytes.get(i + 1).is_some_and(u8::is_ascii_digit);
        while at < bytes.len() && (bytes[at].is_ascii_digit() || within(at)) {
            at += 1;
        }
        let word = text[..start].chars().next_back().is_some_and(|c| c.is_alphabetic() || "_²₁₂".contains(c));
        if !word {
            found.push((start, at));
        }
    }
    found
}

/// True if a number is part of a name: Figures 3, 4 and 5; a year after an author; an address; the level 95 % of
/// intervals.
fn is_name(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].trim_end_matches(|c: char| c.is_ascii_digit() || " ,.".contains(c));
    let before =
        before.trim_end_matches("and").trim_end_matches(|c: char| c.is_ascii_digit() || " ,.".contains(c));
    let named = NAMES.iter().any(|name| before.ends_with(name) || text[..start].trim_end().ends_with(name));
    let word_start = text[..start].rfind(' ').map_or(0, |at| at + 1);
    let word = &text[word_start..text[end..].find(' ').map_or(text.len(), |at| end + at)];
    let address = ADDRESSES.iter().any(|part| word.contains(part));
    let number = &text[start..end];
    let author =
        text[..start].trim_end().rsplit(' ').next().is_some_and(|w| w.starts_with(char::is_uppercase));
    let year =
        number.len() == 4 && number.parse::<u32>().is_ok_and(|year| (1990..2030).contains(&year)) && author;
    let level = number == "95" && text[end..].starts_with(" %");
    named || address || year || level
}

/// A number with a fixed number of decimals. Halves are rounded away from 0, including decimal halves of a report, which
/// binary numbers represent only approximately.
pub fn fixed(x: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", x + 1e-9 * x.signum());
    match text.trim_start_matches(['-', '0', '.']).is_empty() {
        true => text.trim_start_matches('-').to_string(),
        false => text,
    }
}

/// A number with a fixed number of significant digits.
pub fn significant(x: f64, digits: i32) -> String {
    let magnitude = x.abs().log10().floor() as i32;
    fixed(x, (digits - 1 - magnitude).max(0) as usize)
}

/// `mean [low, high]`.
pub fn interval([mean, low, high]: [f64; 3], decimals: usize) -> String {
    format!("{} [{}, {}]", fixed(mean, decimals), fixed(low, decimals), fixed(high, decimals))
}

/// A whole number with commas between thousands.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// A small number as a word.
pub fn word(n: usize) -> &'static str {
    [
        "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ][n]
}

#[test]
fn numbers_are_told_from_names() {
    let text = "Figure 4 and Figures 3, 4 and 5 have 1,800 runs of f32, 0.5 at [doi:10.1145/3](x), Weiss 2004; 95 % of 7.";
    let left: Vec<&str> = numbers(text)
        .into_iter()
        .filter(|&(start, end)| !is_name(text, start, end))
        .map(|(start, end)| &text[start..end])
        .collect();
    assert_eq!(left, ["1,800", "0.5", "7"]);
}

#[test]
fn a_wrong_number_and_a_number_without_a_source_fail() {
    let failure = |check: fn(&mut Quotes)| {
        let text = "A loss of 0.25 after 400 steps.".to_string();
        let covered = vec![false; text.len()];
        let mut quotes = Quotes { path: "page.md".into(), text, covered, mistakes: Vec::new() };
        check(&mut quotes);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| quotes.finish())).is_err()
    };
    assert!(!failure(|quotes| quotes.says("loss of 0.25 after 400 steps")));
    assert!(failure(|quotes| quotes.says("loss of 0.25")), "400 is left");
    assert!(failure(|quotes| {
        quotes.says("loss of 0.2");
        quotes.says("after 400 steps");
    }));
    assert!(failure(|quotes| {
        quotes.says("loss of 0.26");
        quotes.leaves("a setting", &["0.25", "400 steps"]);
    }));
}

#[test]
fn numbers_are_written_as_documents_write_them() {
    assert_eq!(
        [fixed(-0.00004, 4), fixed(0.25, 1), significant(0.0557, 3), significant(0.12, 3)],
        ["0.0000", "0.3", "0.0557", "0.120"]
    );
    assert_eq!([significant(24.818, 3), thousands(1800), thousands(764_000)], ["24.8", "1,800", "764,000"]);
}
