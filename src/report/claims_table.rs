//! The table of claims.

use super::words::{estimate_and_ends, or_dash};
use crate::claim::{ClaimResult, table};
use crate::figure::theme::decimals;

/// A claim with its verdict, as the page shows it.
pub(super) struct ClaimRow {
    pub number: usize,
    /// The verdict, which is its CSS class too.
    pub verdict: &'static str,
    pub statement: &'static str,
    pub rule: &'static str,
    /// The comparison that stands for the claim.
    pub comparison: String,
    /// Effect with interval and unit.
    pub effect: String,
    pub requirement: String,
    pub paper: String,
    /// A sentence a comparison.
    pub parts: Vec<String>,
}

/// The claims that were tested, with their verdicts.
pub(super) fn rows(results: &[ClaimResult]) -> Vec<ClaimRow> {
    results
        .iter()
        .filter(table::is_tested)
        .zip(table::rows(results))
        .map(|(result, row)| {
            let headline = result.headline();
            let parts =
                row.comparisons.iter().map(|(role, verdict, text)| format!("{role}, {verdict}: {text}"));
            ClaimRow {
                number: row.number,
                verdict: row.verdict,
                statement: row.statement,
                rule: row.rule,
                comparison: headline.map_or(row.finding, |part| part.name.clone()),
                effect: or_dash(headline.filter(|part| part.effect.is_some()).map(|part| {
                    let effect = estimate_and_ends(part.effect, part.unit.decimals());
                    format!("{effect} {}", part.unit.as_str())
                })),
                requirement: or_dash(headline.map(|part| part.requirement.to_string())),
                paper: or_dash(headline.and_then(|part| Some(decimals(part.paper?, part.unit.decimals())))),
                parts: parts.collect(),
            }
        })
        .collect()
}
