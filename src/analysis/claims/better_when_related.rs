//! Claim 1: every model does better on more correlated tasks.

use super::evidence::{Contender, Evidence};
use super::{Claim, Part, Requirement, Role};

pub(super) const CLAIM: Claim = Claim {
    number: 1,
    name: "better-when-related",
    statement: "Every model does better on more correlated tasks (MMoE §5.1, 1).",
    rule: "Every model's mean loss is higher at the lowest task correlation than at the highest, and no step \
           between neighbouring correlations clearly goes the other way.",
    test,
};

/// Per model: mean loss at the lowest less at the highest correlation decides; steps between neighbours
/// guard. To ask that each small step be shown would ask for more seeds the finer the grid.
fn test(evidence: &Evidence) -> Result<Vec<Part>, String> {
    let correlations = evidence.correlations(&Contender::ALL)?;
    let (low, high) = evidence.extremes(&Contender::ALL)?;
    let mut parts = Vec::new();
    for model in Contender::ALL {
        let mut fall = |role, from: f64, to: f64| {
            let name = format!("{}: loss at {from} less loss at {to}", model.title());
            let terms = [(1.0, (model, from)), (-1.0, (model, to))];
            evidence.contrast(name, role, Requirement::Above(0.0), &terms).map(|part| parts.push(part))
        };
        fall(Role::Decides, low, high)?;
        if correlations.len() > 2 {
            for step in correlations.windows(2) {
                fall(Role::Guards, step[0], step[1])?;
            }
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, noise, study};
    use super::*;

    #[test]
    fn it_holds_where_every_model_improves() {
        check(1, "supported", &study(&[0.5, 0.9, 1.0], 20, |_, p, s| Some(0.3 - 0.1 * p + 0.01 * noise(s))));
    }

    #[test]
    fn one_model_that_gets_worse_contradicts_it() {
        let losses = |model: Contender, p: f64, s| {
            let slope = if model == Contender::Mmoe { 0.1 } else { -0.1 };
            Some(0.3 + slope * p + 0.01 * noise(s ^ p.to_bits()))
        };
        check(1, "contradicted", &study(&[0.5, 1.0], 20, losses));
    }

    #[test]
    fn a_dip_between_contradicts_it_even_where_the_ends_agree() {
        let losses = |_, p: f64, s| {
            let level = if p == 0.9 { 0.5 } else { 0.3 - 0.1 * p };
            Some(level + 0.01 * noise(s ^ p.to_bits()))
        };
        check(1, "contradicted", &study(&[0.5, 0.9, 1.0], 20, losses));
    }

    #[test]
    fn noise_leaves_it_open() {
        check(
            1,
            "undecided",
            &study(&[0.5, 1.0], 20, |m, p, s| Some(0.3 + 0.1 * noise(s ^ p.to_bits() ^ m as u64))),
        );
    }

    #[test]
    fn one_correlation_cannot_test_it() {
        check(1, "not tested", &study(&[0.5], 20, |_, _, s| Some(noise(s))));
    }
}
