//! Claim: OMoE is as robust as MMoE on identical tasks, and clearly less so on loosely related ones.

use super::comparisons::{bad_ends, paper_difference, share_difference, variance_ratio};
use super::evidence::{Evidence, PaperModel};
use super::minimum::{MISSED, STUCK};
use crate::analysis::statistics::proportion::Difference;
use crate::claim::{Claim, Comparison, Hypothesis, Requirement, Role, Unit};

impl Evidence<'_> {
    pub(super) const OMOE_ROBUSTNESS: Claim<Self> = Claim {
        name: "omoe_robustness",
        statement: "OMoE is as robust as MMoE at correlation 1, and clearly less so at 0.5 (MMoE §5.2).",
        rule: "A model is robust if few of its runs end at a loss of 1/6 or above or diverge. The share of such \
               runs of OMoE minus that of MMoE is within ±0.115 at correlation 1 (the difference that the paper calls \
               clear at 0.5), above 0 at 0.5, and larger at 0.5 than at 1.",
        test,
    };
}

/// Differences of shares of runs that miss the good minimum ([`MISSED`]).
///
/// This is the reading of "robust" under which Figure 5 supports the sentence: OMoE's share is 2.5 points
/// above MMoE's at 1 and 11.5 points at 0.5. By the variance of losses it does not (the ratio is *larger* at
/// 1, 1.9, than at 0.5, 1.5), nor by the share of [`STUCK`] runs (3 points and 3.5): both are shown beside.
/// The margin at 1 is the whole clear difference, not half of it: the interval of a difference between two
/// shares of 200 runs reaches 5 to 6 points either way, so half could not be shown if there were none. The
/// third part keeps a constant difference from passing for both sentences.
fn test(evidence: &Evidence) -> Result<Vec<Comparison>, String> {
    use PaperModel::{Mmoe, Omoe};
    let (loose, identical) = evidence.loose_and_identical(&[Omoe, Mmoe])?;
    let mut comparisons = vec![
        share_at(evidence, identical, Role::Primary, Requirement::Within(clear()), MISSED)?,
        share_at(evidence, loose, Role::Primary, Requirement::Above(0.0), MISSED)?,
        change(evidence, loose, identical)?,
    ];
    for p in [identical, loose] {
        comparisons.push(share_at(evidence, p, Role::Descriptive, Requirement::Above(0.0), STUCK)?);
        comparisons.push(variance_ratio(
            evidence,
            Role::Descriptive,
            Requirement::Above(1.0),
            &[((Omoe, p), (Mmoe, p))],
        )?);
    }
    Ok(comparisons)
}

/// The difference of shares that §5.2 calls clear: OMoE's minus MMoE's at correlation 0.5 in Figure 5, 0.115.
fn clear() -> f64 {
    paper_difference(MISSED, (PaperModel::Omoe, 0.5), (PaperModel::Mmoe, 0.5)).expect("Figure 5 has both")
}

/// OMoE's share of bad ends minus MMoE's.
fn share_at(
    evidence: &Evidence,
    p: f64,
    role: Role,
    need: Requirement,
    threshold: f64,
) -> Result<Comparison, String> {
    share_difference(evidence, role, need, threshold, (PaperModel::Omoe, p), (PaperModel::Mmoe, p))
}

/// The difference at the loose correlation minus that at correlation 1.
fn change(evidence: &Evidence, loose: f64, identical: f64) -> Result<Comparison, String> {
    let at = |p| ((PaperModel::Omoe, p), (PaperModel::Mmoe, p));
    let ((first, seeds), (second, _)) =
        (bad_ends(evidence, MISSED, at(loose))?, bad_ends(evidence, MISSED, at(identical))?);
    let paper = |p| paper_difference(MISSED, at(p).0, at(p).1);
    let hypothesis = Hypothesis {
        name: format!(
            "share of runs at {MISSED:.3} or above, OMoE − MMoE: difference at {loose} − difference at {identical}"
        ),
        role: Role::Primary,
        requirement: Requirement::Above(0.0),
        unit: Unit::ShareOfRuns,
        paper: paper(loose).zip(paper(identical)).map(|(loose, identical)| loose - identical),
    };
    Ok(hypothesis.test(&Difference { first, second }, seeds))
}

#[cfg(test)]
mod tests {
    use super::super::testing::result;
    use super::super::testing::{check, study};
    use super::*;
    use crate::claim::Verdict;

    /// Bad ends of OMoE in hundredths at 0.5 and 1; MMoE has 5 of a hundred.
    fn bad_ends_of_omoe(loose: u64, identical: u64, seeds: u64) -> crate::store::Study {
        study(&[0.5, 1.0], seeds, move |model, p, s| {
            let bad = match (model, p == 1.0) {
                (PaperModel::Omoe, true) => identical,
                (PaperModel::Omoe, false) => loose,
                _ => 5,
            };
            // 37 is prime to 100: bad seeds are spread evenly, and apart for the two models.
            let rank = (s * 37 + 50 * model as u64) % 100;
            Some(if rank < bad { 0.45 } else { 0.06 } + 1e-4 * s as f64)
        })
    }

    #[test]
    fn it_holds_fails_and_stays_open() {
        check("omoe_robustness", "supported", &bad_ends_of_omoe(30, 6, 200));
        check("omoe_robustness", "contradicted", &bad_ends_of_omoe(30, 40, 200));
        check("omoe_robustness", "contradicted", &bad_ends_of_omoe(0, 6, 400));
        check("omoe_robustness", "undecided", &bad_ends_of_omoe(12, 8, 50));
    }

    #[test]
    fn diverged_runs_are_bad_ends() {
        let losses = |model, p: f64, s: u64| {
            (!(model == PaperModel::Omoe && p < 1.0 && s.is_multiple_of(3))).then_some(0.05 + 1e-4 * s as f64)
        };
        let claim = result("omoe_robustness", &study(&[0.5, 1.0], 60, losses));
        assert_eq!(claim.verdict, Verdict::Supported);
        assert!((claim.comparisons[1].effect.unwrap().estimate - 1.0 / 3.0).abs() < 1e-12);
    }
}
