//! Sameness as something that can be shown, not as the failure to show a difference. Between the two lies what cannot be
//! decided with so few runs.

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
    /// p-value against |θ| ≥ margin: the larger of the two one-sided ones. Small where the two are shown to be equal.
    pub p: f64,
    /// p-value against |θ| ≤ margin: the smaller of the two one-sided ones. Small where they are shown to differ.
    pub p_beyond: f64,
}

/// Tests any estimate with confidence bounds.
pub fn equivalence(confidence: &dyn Confidence, margin: f64) -> Equivalence {
    let p = confidence.p_not_above(-margin).max(confidence.p_not_below(margin));
    let p_beyond = confidence.p_not_above(margin).min(confidence.p_not_below(-margin));
    Equivalence { difference: confidence.interval(), margin, p, p_beyond }
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
        let found = paired_equivalence(&a, &b, 0.1);
        assert!(found.p > 0.3 && found.p_beyond > 0.3, "undecided: {found:?}");
    }

    #[test]
    fn equal_and_different_are_shown_by_opposite_tests() {
        let (a, b) = ([0.50, 0.51, 0.52, 0.49], [0.3, 0.32, 0.31, 0.29]);
        // The mean difference is 0.2 with a standard error of 0.0041.
        let within = paired_equivalence(&a, &b, 0.3);
        assert!(within.p < 1e-3 && within.p_beyond > 0.99, "{within:?}");
        for found in [paired_equivalence(&a, &b, 0.1), paired_equivalence(&b, &a, 0.1)] {
            assert!(found.p > 0.99 && found.p_beyond < 1e-3, "{found:?}");
        }
    }
}
