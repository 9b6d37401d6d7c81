//! Claims as files and as text: `claims.csv`, `sweep claims`, and the rows of the report.

use std::fmt::Write as _;
use std::io;

use super::{ClaimResult, Part, Verdict};

/// Columns of `claims.csv`: one row a claim (`part` empty; effect of its headline) followed by one a part.
///
/// `effect`, `low`, `high` and `paper` are in `unit`; `low` and `high` are ends of the 95 % interval;
/// `requirement` is what the effect must be; `seeds` were used and `left_out` were not (a run diverged).
pub const COLUMNS: [&str; 14] = [
    "claim",
    "part",
    "role",
    "verdict",
    "effect",
    "low",
    "high",
    "requirement",
    "p_met",
    "paper",
    "unit",
    "seeds",
    "left_out",
    "statement",
];

/// Writes `claims.csv`. `statement` is the claim's on its own row, and what is compared on a part's.
pub fn write_csv(results: &[ClaimResult], file: impl io::Write) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(COLUMNS)?;
    for result in results {
        let claim = row(result.number, "", "claim", &result.verdict, result.headline(), result.statement);
        writer.write_record(claim)?;
        for (number, part) in (1..).zip(&result.parts) {
            let number = number.to_string();
            let role = part.role.as_str();
            writer.write_record(row(result.number, &number, role, &part.verdict, Some(part), &part.name))?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// One row of `claims.csv`.
fn row(
    claim: usize,
    number: &str,
    role: &str,
    verdict: &Verdict,
    part: Option<&Part>,
    statement: &str,
) -> [String; COLUMNS.len()] {
    let of = |value: &dyn Fn(&Part) -> String| part.map(value).unwrap_or_default();
    [
        claim.to_string(),
        number.into(),
        role.into(),
        verdict.as_str().into(),
        of(&|part| figure(part.effect.estimate)),
        of(&|part| figure(part.effect.low)),
        of(&|part| figure(part.effect.high)),
        of(&|part| part.requirement.to_string()),
        of(&|part| format!("{:.2e}", part.p_met)),
        of(&|part| part.paper.map(figure).unwrap_or_default()),
        of(&|part| part.unit.as_str().into()),
        of(&|part| part.seeds.used.to_string()),
        of(&|part| part.seeds.left_out.to_string()),
        statement.into(),
    ]
}

/// Five significant digits, as pandas reads them; empty where it is not a number.
fn figure(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        v if v.is_finite() => {
            let decimals = (4 - v.abs().log10().floor() as i32).clamp(0, 12) as usize;
            format!("{v:.decimals$}")
        }
        _ => String::new(),
    }
}

/// A claim as a table shows it: everything in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// From 1.
    pub number: usize,
    /// `supported`, `contradicted`, `undecided` or `not tested`.
    pub verdict: &'static str,
    /// What the paper says.
    pub statement: &'static str,
    /// What decides it here.
    pub rule: &'static str,
    /// The headline comparison in a sentence, or why there is none.
    pub finding: String,
    /// Each comparison in a sentence, with its role and verdict.
    pub parts: Vec<(&'static str, &'static str, String)>,
}

/// The rows of the report's table.
pub fn rows(results: &[ClaimResult]) -> Vec<Row> {
    results
        .iter()
        .map(|result| Row {
            number: result.number,
            verdict: result.verdict.as_str(),
            statement: result.statement,
            rule: result.rule,
            finding: finding(result),
            parts: result
                .parts
                .iter()
                .map(|part| (part.role.as_str(), part.verdict.as_str(), sentence(part)))
                .collect(),
        })
        .collect()
}

/// The headline of a claim, or why it has none.
fn finding(result: &ClaimResult) -> String {
    match (&result.verdict, result.headline()) {
        (Verdict::NotTested(reason), _) => reason.clone(),
        (_, Some(part)) => sentence(part),
        (_, None) => "no comparison decides it".into(),
    }
}

/// `name: 0.063 [0.055, 0.071] loss, must be > 0; paper 0.0675; 200 seeds`.
fn sentence(part: &Part) -> String {
    let places = part.unit.decimals();
    let short = |value: f64| format!("{value:.places$}");
    let effect = part.effect;
    let mut text = format!(
        "{}: {} [{}, {}] {}, {} {}",
        part.name,
        short(effect.estimate),
        short(effect.low),
        short(effect.high),
        part.unit.as_str(),
        if part.role == super::Role::Context { "held against" } else { "must be" },
        part.requirement,
    );
    // Writing to a string cannot fail.
    if let Some(paper) = part.paper {
        let _ = write!(text, "; paper {}", short(paper));
    }
    let _ = write!(text, "; {} seeds", part.seeds.used);
    match (&part.reservation, part.seeds.left_out) {
        (Some(reservation), _) => _ = write!(text, " ({reservation})"),
        (None, 0) => {}
        (None, left_out) => _ = write!(text, " ({left_out} left out: a run diverged)"),
    }
    text
}

/// The table of `sweep claims`: a claim a paragraph; with `parts`, all comparisons below it.
pub fn text(results: &[ClaimResult], parts: bool) -> String {
    let mut text = String::new();
    for row in rows(results) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {:<12}  {}", row.number, row.verdict, row.statement);
        let _ = writeln!(text, "{:17}{}", "", row.finding);
        for (role, verdict, sentence) in row.parts.iter().filter(|_| parts) {
            let _ = writeln!(text, "{:17}- {role}, {verdict}: {sentence}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{test_all, testing};
    use super::*;

    #[test]
    fn the_file_has_a_row_a_claim_and_one_a_part() {
        let results =
            test_all(&testing::study(&[0.5, 1.0], 8, |_, p, s| Some(0.3 - 0.1 * p + 1e-3 * s as f64)));
        let mut file = Vec::new();
        write_csv(&results, &mut file).unwrap();
        let mut reader = csv::Reader::from_reader(&file[..]);
        assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 8 + results.iter().map(|result| result.parts.len()).sum::<usize>());
        assert_eq!(&rows[1][1], "1");
        assert_eq!(&rows[0][3], "supported");
        assert_eq!(&rows[0][4], "0.050000");
    }

    #[test]
    fn the_text_names_verdict_effect_and_paper() {
        let results =
            test_all(&testing::study(&[0.5, 1.0], 8, |_, p, s| Some(0.3 - 0.1 * p + 1e-3 * s as f64)));
        let text = text(&results[..1], true);
        assert!(text.starts_with("1  supported     Every model does better"), "{text}");
        let finding =
            "MMoE: loss at 0.5 less loss at 1: 0.050 [0.050, 0.050] loss, must be > 0; paper 0.012; 8 seeds";
        assert!(text.contains(finding), "{text}");
    }

    #[test]
    fn figures_keep_five_digits() {
        assert_eq!(figure(0.0674612), "0.067461");
        assert_eq!(figure(-12.34567), "-12.346");
        assert_eq!(figure(0.0), "0");
        assert_eq!(figure(f64::NAN), "");
    }
}
