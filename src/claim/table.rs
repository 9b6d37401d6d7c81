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
    /// `supported`, `contradicted` or `undecided`.
    pub verdict: &'static str,
    /// The paper's sentence.
    pub statement: &'static str,
    /// The criterion.
    pub rule: &'static str,
    /// The headline comparison in a sentence.
    pub finding: String,
    /// Each comparison in a sentence, with its role and verdict.
    pub comparisons: Vec<(&'static str, &'static str, String)>,
}

/// Whether a study could test a claim.
pub fn is_tested(result: &&ClaimResult) -> bool {
    !matches!(result.verdict, Verdict::NotTested(_))
}

/// The rows of the report's table: the claims that were tested. [`untested`] has the others.
pub fn rows(results: &[ClaimResult]) -> Vec<Row> {
    results
        .iter()
        .filter(is_tested)
        .map(|result| Row {
            number: result.number,
            verdict: result.verdict.as_str(),
            statement: result.statement,
            rule: result.rule,
            finding: result.headline().map_or("no comparison decides it".into(), sentence),
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

/// The claims that a study cannot test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untested {
    /// All of them in a line: "Not tested: claims 1, 3 and 6 to 8". Where they share one reason, it is there too.
    pub line: String,
    /// The reasons, in the order of the claims.
    pub reasons: Vec<Reason>,
}

/// A reason why claims were not tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The claims and the reason: "Claims 1 and 3: the study has no esmm_ns".
    pub text: String,
    /// The claims, with their numbers.
    pub statements: Vec<String>,
}

/// The claims that were not tested, by reason; none where all were tested.
pub fn untested(results: &[ClaimResult]) -> Option<Untested> {
    let mut by_reason: Vec<(&str, Vec<&ClaimResult>)> = Vec::new();
    for result in results {
        let Verdict::NotTested(reason) = &result.verdict else { continue };
        match by_reason.iter_mut().find(|(other, _)| other == reason) {
            Some((_, claims)) => claims.push(result),
            None => by_reason.push((reason, vec![result])),
        }
    }
    let all: Vec<usize> =
        results.iter().filter(|result| !is_tested(result)).map(|result| result.number).collect();
    let shared = match &by_reason[..] {
        [] => return None,
        [(reason, _)] => format!(" ({reason})"),
        _ => String::new(),
    };
    let reason = |(reason, claims): &(&str, Vec<&ClaimResult>)| {
        let numbers: Vec<usize> = claims.iter().map(|claim| claim.number).collect();
        Reason {
            text: format!(
                "{} {}: {reason}",
                if numbers.len() == 1 { "Claim" } else { "Claims" },
                series(&numbers)
            ),
            statements: claims.iter().map(|claim| format!("{}. {}", claim.number, claim.statement)).collect(),
        }
    };
    let claims = if all.len() == 1 { "claim" } else { "claims" };
    Some(Untested {
        line: format!("Not tested: {claims} {}{shared}", series(&all)),
        reasons: by_reason.iter().map(reason).collect(),
    })
}

/// Rising numbers in words, neighbours as ranges: "1, 3 and 6 to 8".
fn series(numbers: &[usize]) -> String {
    let neighbours = numbers.chunk_by(|a, b| a + 1 == *b);
    let parts: Vec<String> = neighbours
        .flat_map(|run| match run {
            [first, _, .., last] => vec![format!("{first} to {last}")],
            few => few.iter().map(usize::to_string).collect(),
        })
        .collect();
    match &parts[..] {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        parts => parts.concat(),
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

/// The table of `sweep claims`, a paragraph for each claim that was tested and a line for the others; with `parts`, all
/// comparisons and the reasons.
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
    if let Some(untested) = untested(results) {
        let hint = if parts || untested.reasons.len() == 1 { "" } else { "; --parts gives the reasons" };
        let _ = writeln!(text, "{}{hint}", untested.line);
        for reason in untested.reasons.iter().filter(|_| parts) {
            let _ = writeln!(text, "- {}", reason.text);
            for statement in &reason.statements {
                let _ = writeln!(text, "{:17}{statement}", "");
            }
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

    fn claim(number: usize, reason: Option<&str>) -> ClaimResult {
        let verdict = reason.map_or(Verdict::Undecided, |reason| Verdict::NotTested(reason.into()));
        let (name, statement, rule) = ("claim", "MMoE wins.", "Its loss is lower.");
        ClaimResult { number, name, statement, rule, verdict, comparisons: Vec::new() }
    }

    #[test]
    fn claims_that_were_not_tested_are_one_line_and_grouped_by_reason() {
        let reasons =
            [Some("no omoe"), None, Some("no omoe"), Some("one rate"), Some("one rate"), Some("one rate")];
        let results: Vec<ClaimResult> =
            (1..).zip(reasons).map(|(number, reason)| claim(number, reason)).collect();
        let found = untested(&results).unwrap();
        assert_eq!(found.line, "Not tested: claims 1 and 3 to 6");
        let texts: Vec<&str> = found.reasons.iter().map(|reason| reason.text.as_str()).collect();
        assert_eq!(texts, ["Claims 1 and 3: no omoe", "Claims 4 to 6: one rate"]);
        assert_eq!(found.reasons[0].statements, ["1. MMoE wins.", "3. MMoE wins."]);
        assert_eq!(rows(&results).iter().map(|row| row.number).collect::<Vec<_>>(), [2]);

        let short = text(&results, false);
        assert!(short.ends_with("Not tested: claims 1 and 3 to 6; --parts gives the reasons\n"), "{short}");
        assert!(!short.contains("no omoe"));
        assert!(text(&results, true).contains("- Claims 4 to 6: one rate\n"));

        let one = untested(&results[3..]).unwrap();
        assert_eq!(one.line, "Not tested: claims 4 to 6 (one rate)");
        assert_eq!(untested(&results[3..4]).unwrap().line, "Not tested: claim 4 (one rate)");
        assert_eq!(untested(&results[1..2]), None);

        let mut csv = Vec::new();
        write_csv(&results, &mut csv).unwrap();
        assert_eq!(
            String::from_utf8(csv).unwrap().matches("not tested").count(),
            5,
            "claims.csv has them all"
        );
    }
}
