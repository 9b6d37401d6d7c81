//! Ranks, and the correlation that needs nothing else.

use super::summary;

/// Ranks from 1 in the order of `values`, ties at their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let mean_rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for &index in tied {
            ranks[index] = mean_rank;
        }
        before += tied.len();
    }
    ranks
}

/// Spearman's rank correlation of paired values, −1 to 1; NaN where one of them does not vary.
///
/// # Panics
/// If they differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "paired samples have one value a row each");
    let (x, y) = (ranks(x), ranks(y));
    let (centre_x, centre_y) = (summary::mean(&x), summary::mean(&y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(&y) {
        xy += (x - centre_x) * (y - centre_y);
        xx += (x - centre_x).powi(2);
        yy += (y - centre_y).powi(2);
    }
    xy / (xx * yy).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        // scipy 1.17.1: stats.rankdata([3, 1, 3, 2]) = [3.5, 1, 3.5, 2]
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }

    #[test]
    fn spearman_agrees_with_scipy() {
        // scipy 1.17.1: stats.spearmanr([1, 2, 3, 4, 5, 5], [5, 6, 7, 8, 7, 2]).statistic
        let rho = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0, 2.0]);
        assert!((rho - 0.1323529411764706).abs() < 1e-12, "{rho}");
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
    }
}
