//! Probability that a run of one model is better than a run of another.

use super::bootstrap::{Bootstrap, Resampled};

/// Pairing of the runs of two models by seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Each sample is resampled on its own.
    Independent,
    /// Row i of both is the same seed, and seeds are resampled.
    Paired,
}

/// Probability that a run of `a` has the lower loss than a run of `b`: P(A < B) + ½ P(A = B) over all pairs of
/// runs (Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice", §4.3,
/// on scores; here lower is better). ½ is no difference. The expectation is over seeds of both, so pairs of
/// unlike seeds count too; pairing only says how runs are resampled. Diverged runs enter as ∞.
///
/// # Panics
/// If the samples are paired and differ in length.
pub fn probability_of_improvement(
    a: &[f64],
    b: &[f64],
    pairing: Pairing,
    bootstrap: &Bootstrap,
) -> Resampled {
    let pairs = RankedPair::new(a, b);
    match pairing {
        Pairing::Independent => {
            bootstrap.strata(&[a.len(), b.len()], |indices| pairs.probability(&indices[0], &indices[1]))
        }
        Pairing::Paired => {
            assert_eq!(a.len(), b.len(), "paired samples have one value a seed each");
            bootstrap.rows(a.len(), |rows| pairs.probability(rows, rows))
        }
    }
}

/// Two samples, ready to compare any runs drawn from them.
///
/// It keeps the rank of every value of `a` among those of `b`, so that a resample costs O(n) and not O(n²).
pub struct RankedPair {
    /// Rank of each value of b in their rising order.
    rank_in_b: Vec<usize>,
    /// For each value of a: how many of b are lower, and how many are not higher.
    around: Vec<(usize, usize)>,
}

impl RankedPair {
    /// Prepares the comparison of all runs of two models.
    pub fn new(a: &[f64], b: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..b.len()).collect();
        order.sort_by(|&i, &j| b[i].total_cmp(&b[j]));
        let mut rank_in_b = vec![0; b.len()];
        for (position, &i) in order.iter().enumerate() {
            rank_in_b[i] = position;
        }
        let around = a
            .iter()
            .map(|x| (order.partition_point(|&i| b[i] < *x), order.partition_point(|&i| b[i] <= *x)))
            .collect();
        Self { rank_in_b, around }
    }

    /// P(A < B) + ½ P(A = B) among all runs.
    pub fn probability_of_all(&self) -> f64 {
        let all = |n: usize| (0..n).collect::<Vec<_>>();
        self.probability(&all(self.around.len()), &all(self.rank_in_b.len()))
    }

    /// P(A < B) + ½ P(A = B) among the runs at these indices of either sample.
    pub fn probability(&self, of_a: &[usize], of_b: &[usize]) -> f64 {
        // below[i]: runs drawn from the i lowest of b.
        let mut below = vec![0u32; self.rank_in_b.len() + 1];
        for &i in of_b {
            below[self.rank_in_b[i] + 1] += 1;
        }
        for i in 1..below.len() {
            below[i] += below[i - 1];
        }
        let total = of_b.len() as f64;
        let wins: f64 = of_a
            .iter()
            .map(|&i| {
                let (lower, not_higher) = self.around[i];
                total - (f64::from(below[lower]) + f64::from(below[not_higher])) / 2.0
            })
            .sum();
        wins / (total * of_a.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::Confidence;
    use crate::analysis::testing::ends;

    const A: [f64; 6] = [0.05, 0.06, 0.07, 0.08, 0.20, 0.45];
    const B: [f64; 7] = [0.07, 0.08, 0.09, 0.12, 0.20, 0.45, 0.46];

    #[test]
    fn the_probability_agrees_with_scipy_on_samples_with_ties() {
        // scipy 1.17.1: 1 - stats.mannwhitneyu(a, b).statistic / (len(a) * len(b))
        let p = probability_of_improvement(&A, &B, Pairing::Independent, &Bootstrap::default());
        assert!((p.estimate() - 0.7142857142857143).abs() < 1e-12, "{}", p.estimate());
        let (low, high) = ends(&p);
        assert!(low < 0.5 && high > 0.8 && high <= 1.0);
    }

    #[test]
    fn either_way_round_sums_to_one() {
        let there = probability_of_improvement(&A, &B, Pairing::Independent, &Bootstrap::default());
        let back = probability_of_improvement(&B, &A, Pairing::Independent, &Bootstrap::default());
        assert!((there.estimate() + back.estimate() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_diverged_run_loses_to_every_run_but_another_diverged_one() {
        let a = [f64::INFINITY, f64::INFINITY];
        let b = [0.9, f64::INFINITY];
        let p = probability_of_improvement(&a, &b, Pairing::Paired, &Bootstrap::default());
        assert_eq!(p.estimate(), 0.25);
    }
}
