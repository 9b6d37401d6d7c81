//! Two models on the same seeds.
//!
//! Runs of one seed see the same data and the same noise, so the difference between two models is taken seed
//! by seed: what the seed does to both cancels.

use super::bootstrap::{Bootstrap, Resampled};
use super::confidence::Confidence;
use super::{normal, summary};

/// a − b, pair by pair.
///
/// # Panics
/// If they differ in length.
pub fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len(), "paired samples have one value a seed each");
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Bootstrapped mean of paired differences.
pub fn mean_difference(a: &[f64], b: &[f64], bootstrap: &Bootstrap) -> Resampled {
    bootstrap.sample(&differences(a, b), summary::mean)
}

/// Cohen's d_z of paired differences: their mean over their standard deviation (Lakens 2013, eq. 6). None where all are
/// equal.
pub fn standardised(differences: &[f64]) -> Option<f64> {
    let deviation = summary::variance(differences).sqrt();
    (deviation > 0.0).then(|| summary::mean(differences) / deviation)
}

/// Rank-biserial correlation of paired differences, −1 to 1 (Kerby 2014): (W⁺ − W⁻) / (W⁺ + W⁻) with Wilcoxon's signed
/// rank sums, ties at mean ranks, zeros dropped; 0 where all are zero. Moved by no single outlier.
pub fn rank_biserial(differences: &[f64]) -> f64 {
    let nonzero: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    let sizes: Vec<f64> = nonzero.iter().map(|d| d.abs()).collect();
    let ranks = super::rank::ranks(&sizes);
    let signed: f64 = ranks.iter().zip(&nonzero).map(|(rank, d)| rank * d.signum()).sum();
    let total: f64 = ranks.iter().sum();
    if total > 0.0 { signed / total } else { 0.0 }
}

/// Student's confidence in the mean of a sample: x̄ + t·s/√n. For samples near enough to normal, on which its p-values are
/// not limited by the number of signs as those of the bootstrap are; the claims use the bootstrap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentMean {
    mean: f64,
    standard_error: f64,
    freedom: f64,
}

impl StudentMean {
    /// The mean of a sample of at least two values; NaN bounds with fewer.
    pub fn new(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let standard_error = (summary::variance(values) / n).sqrt();
        Self { mean: summary::mean(values), standard_error, freedom: (n - 1.0).max(1.0) }
    }
}

impl Confidence for StudentMean {
    fn estimate(&self) -> f64 {
        self.mean
    }

    fn bound(&self, probability: f64) -> f64 {
        self.mean + self.standard_error * normal::student_quantile(probability, self.freedom)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::analysis::testing::ends;

    pub const A: [f64; 8] = [0.21, 0.25, 0.19, 0.45, 0.22, 0.30, 0.27, 0.24];
    pub const B: [f64; 8] = [0.18, 0.20, 0.20, 0.15, 0.19, 0.26, 0.21, 0.17];

    #[test]
    fn effect_sizes_agree_with_numpy_and_scipy() {
        let d = differences(&A, &B);
        // numpy 2.4.6: d.mean() / d.std(ddof=1)
        assert!((standardised(&d).unwrap() - 0.7458061181).abs() < 1e-9);
        assert_eq!(standardised(&[0.1; 4]), None);
        // scipy 1.17.1: r = rankdata(abs(d)); (r[d > 0].sum() - r[d < 0].sum()) / r.sum()
        assert!((rank_biserial(&d) - 0.9444444444).abs() < 1e-9);
    }

    #[test]
    fn students_interval_agrees_with_scipy() {
        // scipy 1.17.1: stats.ttest_rel(a, b).confidence_interval(0.95)
        let (low, high) = ends(&StudentMean::new(&differences(&A, &B)));
        assert!((low - -0.0086186002).abs() < 1e-7 && (high - 0.1511186002).abs() < 1e-7);
        // scipy 1.17.1: stats.ttest_rel(a, b, alternative='greater').pvalue
        assert!((StudentMean::new(&differences(&A, &B)).p_not_above(0.0) - 0.0364233385).abs() < 1e-6);
    }

    #[test]
    fn pairing_sees_a_small_difference_under_a_large_common_noise() {
        let noise = [3.0, -1.0, 7.0, 0.5, -4.0, 2.0, 9.0, -6.0];
        let a: Vec<f64> = noise.iter().enumerate().map(|(i, x)| x + 0.1 + 0.01 * i as f64).collect();
        let (low, high) = ends(&mean_difference(&a, &noise, &Bootstrap::default()));
        assert!(low > 0.1 && high < 0.17);
        assert_eq!(rank_biserial(&differences(&a, &noise)), 1.0);
    }
}
