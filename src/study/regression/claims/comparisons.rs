//! Comparisons that several claims make: contrasts of mean losses, shares of bad ends and ratios of variances.

use super::evidence::{At, Evidence};
use super::paper;
use crate::analysis::statistics::proportion::ProportionDifference;
use crate::analysis::statistics::{Bootstrap, spread, summary};
use crate::claim::{Comparison, Hypothesis, Requirement, Role, Seeds, Unit};

/// A weighted sum of mean final losses, Σ w·mean(loss), bootstrapped over the seeds on which all of them
/// finished.
///
/// # Errors
/// As [`Evidence::table`].
pub(super) fn contrast(
    evidence: &Evidence,
    name: String,
    role: Role,
    requirement: Requirement,
    terms: &[(f64, At)],
) -> Result<Comparison, String> {
    let compared: Vec<At> = terms.iter().map(|&(_, at)| at).collect();
    let (columns, seeds) = evidence.table(&compared)?.finished()?;
    let sums: Vec<f64> =
        (0..seeds.used).map(|row| terms.iter().zip(&columns).map(|((w, _), c)| w * c[row]).sum()).collect();
    let paper = terms.iter().map(|&(w, (model, p))| Some(w * paper::mean_loss(model, p)?)).sum();
    let hypothesis = Hypothesis { name, role, requirement, unit: Unit::Loss, paper };
    Ok(hypothesis.test(&Bootstrap::for_means().sample(&sums, summary::mean), seeds))
}

/// Share of runs of `first` that end at `threshold` or above, or diverge, minus that of `second`.
///
/// # Errors
/// As [`Evidence::table`].
pub(super) fn share_difference(
    evidence: &Evidence,
    role: Role,
    requirement: Requirement,
    threshold: f64,
    first: At,
    second: At,
) -> Result<Comparison, String> {
    let (found, seeds) = bad_ends(evidence, threshold, (first, second))?;
    let ((a, p), (b, _)) = (first, second);
    let hypothesis = Hypothesis {
        name: format!("share of runs at {threshold:.3} or above, {} − {}, at {p}", a.title(), b.title()),
        role,
        requirement,
        unit: Unit::ShareOfRuns,
        paper: paper_difference(threshold, first, second),
    };
    Ok(hypothesis.test(&found, seeds))
}

/// Bad ends of two models on their common seeds; diverged runs among them.
///
/// # Errors
/// As [`Evidence::table`].
pub(super) fn bad_ends(
    evidence: &Evidence,
    threshold: f64,
    (first, second): (At, At),
) -> Result<(ProportionDifference, Seeds), String> {
    let (columns, seeds) = evidence.table(&[first, second])?.with_diverged_as(f64::INFINITY)?;
    let bad = |column: &[f64]| column.iter().map(|&loss| loss >= threshold).collect::<Vec<_>>();
    Ok((ProportionDifference::paired(&bad(&columns[0]), &bad(&columns[1])), seeds))
}

/// The same difference in Figure 5.
pub(super) fn paper_difference(threshold: f64, (a, p): At, (b, q): At) -> Option<f64> {
    Some(paper::share_at_least(threshold, a, p)? - paper::share_at_least(threshold, b, q)?)
}

/// Ratio of the variances of final losses of two models; of several pairs, the geometric mean.
///
/// # Errors
/// As [`Evidence::table`].
pub(super) fn variance_ratio(
    evidence: &Evidence,
    role: Role,
    requirement: Requirement,
    pairs: &[(At, At)],
) -> Result<Comparison, String> {
    let compared: Vec<At> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
    let (columns, seeds) = evidence.table(&compared)?.finished()?;
    let samples: Vec<(&[f64], &[f64])> = columns.chunks(2).map(|pair| (&pair[0][..], &pair[1][..])).collect();
    let found = spread::mean_variance_ratio(&samples, &Bootstrap::default());
    let ((a, p), (b, _)) = pairs[0];
    let at = match pairs.len() {
        1 => format!("at {p}"),
        n => format!("geometric mean of {n} correlations"),
    };
    let hypothesis = Hypothesis {
        name: format!("variance of final losses, {} / {}, {at}", a.title(), b.title()),
        role,
        requirement,
        unit: Unit::VarianceRatio,
        paper: paper_ratio(pairs),
    };
    Ok(hypothesis.test(&found, seeds))
}

/// The same from Figure 5.
fn paper_ratio(pairs: &[(At, At)]) -> Option<f64> {
    let variance = |(model, p): At| Some(summary::variance(&paper::final_losses(model, p)?));
    let logs: Option<Vec<f64>> =
        pairs.iter().map(|&(a, b)| Some((variance(a)? / variance(b)?).ln())).collect();
    Some(summary::mean(&logs?).exp())
}

#[cfg(test)]
mod tests {
    use super::super::evidence::PaperModel;
    use super::super::minimum::{MISSED, STUCK};
    use super::*;

    #[test]
    fn the_papers_differences_are_as_documented() {
        let difference =
            |threshold, p| paper_difference(threshold, (PaperModel::Omoe, p), (PaperModel::Mmoe, p));
        for (threshold, p, expected) in
            [(MISSED, 0.5, 0.115), (MISSED, 1.0, 0.025), (STUCK, 0.5, 0.035), (STUCK, 1.0, 0.03)]
        {
            assert!((difference(threshold, p).unwrap() - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn the_papers_ratios_are_as_documented() {
        let ratio = |mixture, p| paper_ratio(&[((PaperModel::SharedBottom, p), (mixture, p))]).unwrap();
        // numpy 2.4.6 on the middles of Figure 5's bins: var(ddof=1) of one over the other
        assert!((ratio(PaperModel::Mmoe, 0.5) - 5.17).abs() < 0.01);
        assert!((ratio(PaperModel::Omoe, 0.9) - 2.20).abs() < 0.01);
    }
}
