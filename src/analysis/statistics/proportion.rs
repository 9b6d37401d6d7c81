//! Shares of runs, their differences, and differences of those.
//!
//! The number of runs that end badly is a count, often of few or none among many. Wilson's score interval holds there,
//! where the bootstrap of a sample without a single bad run would be sure of nought.

use super::confidence::{Confidence, FINEST, least_p};
use super::normal;

/// A share, k of n, by Wilson's score method (Wilson 1927; Newcombe 1998a, method 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proportion {
    /// Runs that count.
    pub count: usize,
    /// All runs.
    pub of: usize,
}

impl Proportion {
    /// Proportion of `outcomes` that are true.
    pub fn from_outcomes(outcomes: &[bool]) -> Self {
        Self { count: outcomes.iter().filter(|&&outcome| outcome).count(), of: outcomes.len() }
    }
}

impl Confidence for Proportion {
    fn estimate(&self) -> f64 {
        self.count as f64 / self.of as f64
    }

    /// (2np + z² + z·√(z² + 4np(1 − p))) / 2(n + z²), z = Φ⁻¹(probability).
    fn bound(&self, probability: f64) -> f64 {
        let (n, p, z) = (self.of as f64, self.estimate(), normal::quantile(probability));
        let root = (z * z + 4.0 * n * p * (1.0 - p)).sqrt();
        ((2.0 * n * p + z * z + z * root) / (2.0 * (n + z * z))).clamp(0.0, 1.0)
    }
}

/// Difference of two shares, p₁ − p₂, by Newcombe's hybrid of Wilson's limits: independent samples as in
/// Newcombe 1998b, "Interval estimation for the difference between independent proportions", method 10; pairs
/// as in Newcombe 1998c, "Improved confidence intervals for the difference between binomial proportions based
/// on paired data", method 10.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionDifference {
    first: Proportion,
    second: Proportion,
    /// Correlation of the outcomes within a pair; 0 for independent samples.
    correlation: f64,
    /// [`least_p`] of the samples.
    least_p: f64,
}

impl ProportionDifference {
    /// Difference of the proportions of two independent samples.
    pub fn independent(first: Proportion, second: Proportion) -> Self {
        Self { first, second, correlation: 0.0, least_p: least_p(&[first.of, second.of]) }
    }

    /// Difference of the proportions of two outcomes of each pair.
    ///
    /// # Panics
    /// If they differ in length.
    pub fn paired(first: &[bool], second: &[bool]) -> Self {
        assert_eq!(first.len(), second.len(), "paired outcomes have one value a seed each");
        Self {
            first: Proportion::from_outcomes(first),
            second: Proportion::from_outcomes(second),
            correlation: phi(first, second),
            least_p: least_p(&[first.len()]),
        }
    }
}

impl Confidence for ProportionDifference {
    fn estimate(&self) -> f64 {
        self.first.estimate() - self.second.estimate()
    }

    /// θ ± √(δ₁² − 2φδ₁δ₂ + δ₂²), δ the distances of Wilson's limits from their shares.
    fn bound(&self, probability: f64) -> f64 {
        mover(&self.first, &self.second, self.correlation, probability)
    }

    fn finest(&self) -> f64 {
        self.least_p.max(FINEST)
    }
}

/// Difference of two independent quantities from their own limits: the "method of variance estimates
/// recovery" (Zou & Donner 2008, eq. 6), of which Newcombe's interval is the special case for shares. Here for
/// the change of a difference of shares between two task correlations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference<A, B> {
    /// From which.
    pub first: A,
    /// The difference that is subtracted.
    pub second: B,
}

impl<A: Confidence, B: Confidence> Confidence for Difference<A, B> {
    fn estimate(&self) -> f64 {
        self.first.estimate() - self.second.estimate()
    }

    fn bound(&self, probability: f64) -> f64 {
        mover(&self.first, &self.second, 0.0, probability)
    }

    fn finest(&self) -> f64 {
        self.first.finest().max(self.second.finest())
    }
}

/// Bound of first − second whose estimates correlate by `correlation`.
fn mover(first: &impl Confidence, second: &impl Confidence, correlation: f64, probability: f64) -> f64 {
    let estimate = first.estimate() - second.estimate();
    let of_first = first.bound(probability) - first.estimate();
    let of_second = second.estimate() - second.bound(1.0 - probability);
    let square = of_first.powi(2) - 2.0 * correlation * of_first * of_second + of_second.powi(2);
    estimate + (probability - 0.5).signum() * square.max(0.0).sqrt()
}

/// φ of a 2 × 2 table with Newcombe's continuity correction: a positive ad − bc is lowered by n/2, not below
/// 0. 0 where a margin is empty.
fn phi(first: &[bool], second: &[bool]) -> f64 {
    let count =
        |x: bool, y: bool| first.iter().zip(second).filter(|&(&f, &s)| f == x && s == y).count() as f64;
    let (a, b, c, d) = (count(true, true), count(true, false), count(false, true), count(false, false));
    let margins = (a + b) * (c + d) * (a + c) * (b + d);
    if margins == 0.0 {
        return 0.0;
    }
    let product = a * d - b * c;
    let corrected = if product > 0.0 { (product - first.len() as f64 / 2.0).max(0.0) } else { product };
    corrected / margins.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::ends;

    #[track_caller]
    fn assert_interval(confidence: &impl Confidence, low: f64, high: f64) {
        let found = ends(confidence);
        assert!((found.0 - low).abs() < 1e-4, "low {} is not {low}", found.0);
        assert!((found.1 - high).abs() < 1e-4, "high {} is not {high}", found.1);
    }

    #[test]
    fn wilsons_interval_agrees_with_scipy() {
        // scipy 1.17.1: stats.binomtest(k, n).proportion_ci(0.95, method='wilson')
        assert_interval(&Proportion { count: 11, of: 200 }, 0.0309853, 0.0957870);
        assert_interval(&Proportion { count: 0, of: 20 }, 0.0, 0.1611252);
    }

    #[test]
    fn newcombes_interval_agrees_with_the_published_example() {
        // Newcombe 1998b, table II, contrast (a), method 10: 56/70 − 48/80, 0.0524 to 0.3339
        let difference = ProportionDifference::independent(
            Proportion { count: 56, of: 70 },
            Proportion { count: 48, of: 80 },
        );
        assert_interval(&difference, 0.0524, 0.3339);
    }

    #[test]
    fn newcombes_paired_interval_uses_the_correlation_within_pairs() {
        let mut first = vec![true; 48];
        first.extend([false; 2]);
        let mut second = vec![true; 36];
        second.extend([false; 12]);
        second.extend([true; 2]);
        // Table 36, 12, 2, 0; from the formula with numpy 2.4.6
        assert_interval(&ProportionDifference::paired(&first, &second), 0.0569296, 0.3404276);
    }

    #[test]
    fn no_bad_runs_on_either_side_still_leave_doubt() {
        let (low, high) = ends(&ProportionDifference::paired(&[false; 20], &[false; 20]));
        assert!(low < -0.1 && high > 0.1);
    }

    #[test]
    fn bounds_rise_with_their_probability() {
        let first = [true, false, true, true, false, false, true, true];
        let second = [true, false, false, true, false, true, false, true];
        let difference = ProportionDifference::paired(&first, &second);
        let bounds: Vec<f64> = (1..100).map(|percent| difference.bound(percent as f64 / 100.0)).collect();
        assert!(bounds.is_sorted());
    }
}
