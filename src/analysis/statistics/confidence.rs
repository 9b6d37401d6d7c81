//! Confidence distributions, which every interval procedure here gives.
//!
//! An estimate with a bound for every probability is enough to read off intervals at any level and one-sided
//! p-values for any threshold, and the two then never disagree. Bootstrap, Student, Wilson and Newcombe all
//! fit; the claims are written against this trait alone.

use crate::analysis::Interval;

/// Level of every interval in the report.
pub const LEVEL: f64 = 0.95;

/// One-sided error rate that belongs to [`LEVEL`]: 2.5 % beyond either end.
pub const ONE_SIDED: f64 = (1.0 - LEVEL) / 2.0;

/// The smallest p-value of a procedure with a formula for its bounds: quantiles are not accurate farther out.
pub const FINEST: f64 = 1e-9;

/// Fewest seeds, or pairs of them, that can decide anything. With five, even five differences of one sign have a two-sided
/// sign test of 2·2⁻⁵ = 6 %: no method free of assumptions can reach 5 %. Six reach 3 %. The p-values have the same limit
/// ([`least_p`]).
pub const SEEDS_TO_DECIDE: usize = 6;

/// An estimate of a quantity θ with one-sided confidence bounds at every probability.
pub trait Confidence {
    /// The estimate of θ; NaN where it is not defined. [`Self::interval`] is what leaves the statistics.
    fn estimate(&self) -> f64;

    /// The bound that θ lies below with probability `probability`, 0 to 1 exclusive; does not fall as
    /// `probability` rises.
    fn bound(&self, probability: f64) -> f64;

    /// The smallest p-value that the procedure can tell from 0.
    fn finest(&self) -> f64 {
        FINEST
    }

    /// The equal-tailed interval at a level such as 0.95; none where θ has no estimate.
    fn interval_at(&self, level: f64) -> Option<Interval> {
        let tail = (1.0 - level) / 2.0;
        Interval::new(self.estimate(), self.bound(tail), self.bound(1.0 - tail))
    }

    /// The 95 % interval; none where θ has no estimate.
    fn interval(&self) -> Option<Interval> {
        self.interval_at(LEVEL)
    }

    /// Two-sided p-value against θ = `value`.
    fn p_two_sided(&self, value: f64) -> f64 {
        (2.0 * self.p_not_above(value).min(self.p_not_below(value))).min(1.0)
    }

    /// One-sided p-value against θ ≤ `threshold`: small where θ lies above it. NaN bounds give 1.
    fn p_not_above(&self, threshold: f64) -> f64 {
        p_value(|p| self.bound(p) > threshold, self.finest())
    }

    /// One-sided p-value against θ ≥ `threshold`: small where θ lies below it. NaN bounds give 1.
    fn p_not_below(&self, threshold: f64) -> f64 {
        p_value(|p| self.bound(1.0 - p) < threshold, self.finest())
    }
}

/// The smallest error rate at which `excludes` holds, by bisection; `excludes` goes from false to true as
/// its argument rises.
fn p_value(excludes: impl Fn(f64) -> bool, finest: f64) -> f64 {
    let (mut low, mut high) = (finest, 1.0 - finest);
    if excludes(low) {
        return low;
    }
    if !excludes(high) {
        return 1.0;
    }
    // Forty halvings leave an error below 1e-12.
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if excludes(middle) { high = middle } else { low = middle }
    }
    high
}

/// The smallest one-sided p-value that an exact test can reach on samples of these sizes: that of the one arrangement of
/// the data which is at least as extreme, namely themselves. One sample of n values or pairs: n signs, 2⁻ⁿ. Several
/// samples: the ways to deal their values to them, k!·l!/(k + l)! for two. A bootstrap of few values would be surer,
/// because it draws nothing beyond them.
pub fn least_p(sizes: &[usize]) -> f64 {
    if let [n] = *sizes {
        return 0.5f64.powf(n as f64);
    }
    // As a product of i / (before + i), each at most 1: no factorial overflows.
    let (mut p, mut before) = (1.0, 0);
    for &size in sizes {
        p = (1..=size).fold(p, |p, i| p * i as f64 / (before + i) as f64);
        before += size;
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::normal;

    #[test]
    fn the_fewest_seeds_that_decide_are_those_of_a_sign_test() {
        let two_sided = |seeds: usize| 2.0 * least_p(&[seeds]);
        assert!(two_sided(SEEDS_TO_DECIDE) < 1.0 - LEVEL && two_sided(SEEDS_TO_DECIDE - 1) > 1.0 - LEVEL);
    }

    /// A normal estimate with standard error 1.
    struct Normal(f64);

    impl Confidence for Normal {
        fn estimate(&self) -> f64 {
            self.0
        }

        fn bound(&self, probability: f64) -> f64 {
            self.0 + normal::quantile(probability)
        }
    }

    #[test]
    fn p_values_of_a_normal_estimate_are_normal_tails() {
        // scipy 1.17.1: norm.sf(1.5) = 0.06680720126885807, norm.sf(-0.5) = 0.6914624612740131
        assert!((Normal(2.0).p_not_above(0.5) - 0.066_807_201_27).abs() < 1e-9);
        assert!((Normal(2.0).p_not_above(2.5) - 0.691_462_461_27).abs() < 1e-9);
        assert!((Normal(2.0).p_not_below(3.5) - 0.066_807_201_27).abs() < 1e-9);
    }

    #[test]
    fn an_interval_excludes_a_threshold_exactly_when_its_p_value_is_below_the_tail() {
        let low = Normal(2.0).interval().and_then(Interval::low).unwrap();
        assert!(Normal(2.0).p_not_above(low - 1e-6) < ONE_SIDED);
        assert!(Normal(2.0).p_not_above(low + 1e-6) > ONE_SIDED);
    }

    #[test]
    fn an_estimate_that_is_not_a_number_proves_nothing() {
        assert_eq!(Normal(f64::NAN).p_not_above(0.0), 1.0);
        assert_eq!(Normal(f64::NAN).p_not_below(0.0), 1.0);
        assert_eq!(Normal(f64::NAN).interval(), None);
    }
}
