//! Results of claims as text: `claims.csv`, the table of `sweep claims`, and the rows of the report.

use std::fmt::Write as _;
use std::io;

use super::{ClaimResult, Comparison, Role, Verdict};
use crate::analysis::Interval;

/// Columns of `claims.csv`: a row for each claim (`part` empty; effect of its headline), followed by a row for each of
/// its comparisons.
///
/// `effect`, `low`, `high` and `paper` are in `unit`; `low` and `high` are the ends of the 95 % interval;
/// `requirement` is the range that the effect must lie in; `seeds` were used and `left_out` were not (a run diverged).
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

/// Writes `claims.csv`. The column `statement` has the claim's statement, or the name of a comparison.
///
/// # Errors
/// If `file` cannot be written.
pub fn write_csv(results: &[ClaimResult], file: impl io::Write) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(COLUMNS)?;
    for result in results {
        let claim = row(result.number, "", "claim", &result.verdict, result.headline(), result.statement);
        writer.write_record(claim)?;
        for (number, comparison) in (1..).zip(&result.comparisons) {
            let number = number.to_string();
            let role = comparison.role.as_str();
            writer.write_record(row(
                result.number,
                &number,
                role,
                &comparison.verdict,
                Some(comparison),
                &comparison.name,
            ))?;
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
    comparison: Option<&Comparison>,
    statement: &str,
) -> [String; COLUMNS.len()] {
    let of = |value: &dyn Fn(&Comparison) -> String| comparison.map(value).unwrap_or_default();
    let of_effect = |value: &dyn Fn(Interval) -> Option<f64>| {
        comparison.and_then(|comparison| value(comparison.effect?)).map(figure).unwrap_or_default()
    };
    [
        claim.to_string(),
        number.into(),
        role.into(),
        verdict.as_str().into(),
        of_effect(&|effect| Some(effect.estimate)),
        of_effect(&|effect| effect.low()),
        of_effect(&|effect| effect.high()),
        of(&|comparison| comparison.requirement.to_string()),
        of(&|comparison| format!("{:.2e}", comparison.p_met)),
        of(&|comparison| comparison.paper.map(figure).unwrap_or_default()),
        of(&|comparison| comparison.unit.as_str().into()),
        of(&|comparison| comparison.seeds.used.to_string()),
        of(&|comparison| comparison.seeds.left_out.to_string()),
        statement.into(),
    ]
}

/// Five significant digits, as pandas reads them.
fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let decimals = (4 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    format!("{value:.decimals$}")
}

/// A row of the report's table of claims, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// From 1.
    pub number: usize,
    /// `supported`, `contradicted`, `undecided` or `not tested`.
    pub verdict: &'static str,
    /// The paper's sentence.
    pub statement: &'static str,
    /// The criterion.
    pub rule: &'static str,
    /// The headline comparison in a sentence, or why there is none.
    pub finding: String,
    /// Each comparison in a sentence, with its role and verdict.
    pub comparisons: Vec<(&'static str, &'static str, String)>,
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
            comparisons: result
                .comparisons
                .iter()
                .map(|comparison| {
                    (comparison.role.as_str(), comparison.verdict.as_str(), sentence(comparison))
                })
                .collect(),
        })
        .collect()
}

/// The headline of a claim, or why it has none.
fn finding(result: &ClaimResult) -> String {
    match (&result.verdict, result.headline()) {
        (Verdict::NotTested(reason), _) => reason.clone(),
        (_, Some(comparison)) => sentence(comparison),
        (_, None) => "no comparison decides it".into(),
    }
}

/// `name: 0.063 [0.055, 0.071] loss, must be > 0; paper 0.0675; 200 seeds`.
fn sentence(comparison: &Comparison) -> String {
    let column = comparison.unit.decimals();
    let decimals = comparison.effect.map_or(column, |effect| effect.decimals(column));
    let short = |value: f64| format!("{value:.decimals$}");
    let effect = comparison.effect.map_or("no".to_owned(), |effect| {
        let ends = effect.ends.map(|(low, high)| format!(" [{}, {}]", short(low), short(high)));
        short(effect.estimate) + &ends.unwrap_or_default()
    });
    let mut text = format!(
        "{}: {effect} {}, {} {}",
        comparison.name,
        comparison.unit.as_str(),
        if comparison.role == Role::Descriptive { "compared with" } else { "must be" },
        comparison.requirement,
    );
    // Writing to a string cannot fail.
    if let Some(paper) = comparison.paper {
        let _ = write!(text, "; paper {paper:.column$}");
    }
    let _ = write!(text, "; {} seeds", comparison.seeds.used);
    match (&comparison.reservation, comparison.seeds.left_out) {
        (Some(reservation), _) => _ = write!(text, " ({reservation})"),
        (None, 0) => {}
        (None, left_out) => _ = write!(text, " ({left_out} left out: a run diverged)"),
    }
    text
}

/// The table of `sweep claims`, a paragraph for each claim; with `parts`, all its comparisons below.
pub fn text(results: &[ClaimResult], parts: bool) -> String {
    let mut text = String::new();
    for row in rows(results) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {:<12}  {}", row.number, row.verdict, row.statement);
        let _ = writeln!(text, "{:17}{}", "", row.finding);
        for (role, verdict, sentence) in row.comparisons.iter().filter(|_| parts) {
            let _ = writeln!(text, "{:17}- {role}, {verdict}: {sentence}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_five_digits() {
        assert_eq!(figure(0.0674612), "0.067461");
        assert_eq!(figure(-12.34567), "-12.346");
        assert_eq!(figure(0.0), "0");
    }
}
