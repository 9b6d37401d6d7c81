//! Claim: every model does better on more correlated tasks.

use super::comparisons::contrast;
use super::evidence::{Evidence, PaperModel};
use crate::claim::{Claim, Comparison, Requirement, Role};

impl Evidence<'_> {
    pub(super) const BETTER_WHEN_RELATED: Claim<Self> = Claim {
        name: "better_when_related",
        statement: "Every model does better on more correlated tasks (MMoE §5.1, 1).",
        rule: "Every model's mean loss is higher at the lowest task correlation than at the highest, and no step \
               between neighbouring correlations clearly goes the other way.",
        test,
    };
}

/// For each model the mean loss at the lowest minus that at the highest correlation is primary; steps between
/// neighbouring correlations are guardrails. Requiring each small step would require more seeds the finer the grid.
fn test(evidence: &Evidence) -> Result<Vec<Comparison>, String> {
    let correlations = evidence.correlations(&PaperModel::ALL)?;
    let (low, high) = evidence.extremes(&PaperModel::ALL)?;
    let mut comparisons = Vec::new();
    for model in PaperModel::ALL {
        let mut fall = |role, from: f64, to: f64| {
            let name = format!("{}: loss at {from} − loss at {to}", model.title());
            let terms = [(1.0, (model, from)), (-1.0, (model, to))];
            contrast(evidence, name, role, Requirement::Above(0.0), &terms)
                .map(|comparison| comparisons.push(comparison))
        };
        fall(Role::Primary, low, high)?;
        if correlations.len() > 2 {
            for step in correlations.windows(2) {
                fall(Role::Guardrail, step[0], step[1])?;
            }
        }
    }
    Ok(comparisons)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, noise, study};
    use super::*;

    #[test]
    fn it_holds_where_every_model_improves() {
        check(
            "better_when_related",
            "supported",
            &study(&[0.5, 0.9, 1.0], 20, |_, p, s| Some(0.3 - 0.1 * p + 0.01 * noise(s))),
        );
    }

    #[test]
    fn one_model_that_gets_worse_contradicts_it() {
        let losses = |model: PaperModel, p: f64, s| {
            let slope = if model == PaperModel::Mmoe { 0.1 } else { -0.1 };
            Some(0.3 + slope * p + 0.01 * noise(s ^ p.to_bits()))
        };
        check("better_when_related", "contradicted", &study(&[0.5, 1.0], 20, losses));
    }

    #[test]
    fn a_dip_between_contradicts_it_even_where_the_ends_agree() {
        let losses = |_, p: f64, s| {
            let level = if p == 0.9 { 0.5 } else { 0.3 - 0.1 * p };
            Some(level + 0.01 * noise(s ^ p.to_bits()))
        };
        check("better_when_related", "contradicted", &study(&[0.5, 0.9, 1.0], 20, losses));
    }

    #[test]
    fn noise_leaves_it_open() {
        check(
            "better_when_related",
            "undecided",
            &study(&[0.5, 1.0], 20, |m, p, s| Some(0.3 + 0.1 * noise(s ^ p.to_bits() ^ m as u64))),
        );
    }

    #[test]
    fn one_correlation_cannot_test_it() {
        check("better_when_related", "not tested", &study(&[0.5], 20, |_, _, s| Some(noise(s))));
    }
}
