//! Sameness as something that can be shown, not as the failure to show a difference.

use super::confidence::Confidence;
use super::paired::{StudentMean, differences};
use crate::analysis::Interval;

/// Two one-sided tests (Schuirmann 1987): is |θ| below a margin that was fixed beforehand?
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// θ with its 95 % interval. Equivalence at 2.5 % on either side is this interval within the margin
    /// (the customary 90 % interval would be 5 % on either side). None where there is no estimate.
    pub difference: Option<Interval>,
    /// The margin.
    pub margin: f64,
    /// p-value against |θ| ≥ margin: the larger of the two one-sided ones.
    pub p: f64,
}

/// Tests any estimate with confidence bounds.
pub fn equivalence(confidence: &dyn Confidence, margin: f64) -> Equivalence {
    let p = confidence.p_not_above(-margin).max(confidence.p_not_below(margin));
    Equivalence { difference: confidence.interval(), margin, p }
}

/// Tests the mean difference of paired samples with Student's t.
///
/// # Panics
/// If they differ in length.
pub fn paired_equivalence(a: &[f64], b: &[f64], margin: f64) -> Equivalence {
    equivalence(&StudentMean::new(&differences(a, b)), margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::paired::tests::{A, B};

    #[test]
    fn the_paired_test_agrees_with_statsmodels() {
        // statsmodels 0.15.0: weightstats.ttost_paired(a, b, -margin, margin)[0]; both sides also with
        // scipy 1.17.1: ttest_1samp(a - b, ∓margin, alternative='greater' / 'less').pvalue
        assert!((paired_equivalence(&A, &B, 0.2).p - 0.0033060795).abs() < 1e-6);
        assert!((paired_equivalence(&A, &B, 0.1).p - 0.2114128282).abs() < 1e-6);
    }

    #[test]
    fn noise_is_not_equivalence() {
        let a = [1.0, -3.0, 2.0, -1.5, 0.7];
        let b = [0.0, 0.1, -0.1, 0.05, 0.0];
        assert!(paired_equivalence(&a, &b, 0.1).p > 0.3);
    }
}
