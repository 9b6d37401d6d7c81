//! Ranks, and the correlation that needs nothing else.

use super::summary;

/// Ranks from 1 in the order of `values`, ties at their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    Ordered::new(values).ranks(&(0..values.len()).collect::<Vec<_>>())
}

/// Values put in order once, so that ranks among some of them need no sorting.
pub struct Ordered {
    /// For each value the number of distinct values below it.
    place: Vec<usize>,
    /// Number of distinct values.
    distinct: usize,
}

impl Ordered {
    /// Puts the values in order.
    pub fn new(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
        let (mut place, mut distinct) = (vec![0; values.len()], 0);
        for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
            tied.iter().for_each(|&index| place[index] = distinct);
            distinct += 1;
        }
        Self { place, distinct }
    }

    /// Ranks from 1 among the values at these rows, which may repeat; ties at their mean rank.
    pub fn ranks(&self, rows: &[usize]) -> Vec<f64> {
        let mut counts = vec![0; self.distinct];
        for &row in rows {
            counts[self.place[row]] += 1;
        }
        let mut before = 0;
        let of_place = counts.iter().map(|&count: &usize| {
            let rank = before as f64 + (count as f64 + 1.0) / 2.0;
            before += count;
            rank
        });
        let of_place: Vec<f64> = of_place.collect();
        rows.iter().map(|&row| of_place[self.place[row]]).collect()
    }
}

/// Spearman's rank correlation of paired values, −1 to 1; NaN where one of them does not vary.
///
/// # Panics
/// If they differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "paired samples have one value a row each");
    let rows: Vec<usize> = (0..x.len()).collect();
    spearman_of(&Ordered::new(x), &Ordered::new(y), &rows)
}

/// [`spearman`] of the pairs at these rows, which may repeat.
pub fn spearman_of(x: &Ordered, y: &Ordered, rows: &[usize]) -> f64 {
    let (x, y) = (x.ranks(rows), y.ranks(rows));
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
    fn ranks_among_drawn_rows_are_those_of_the_drawn_values() {
        let values = [0.3, 0.1, 0.3, 0.2, 0.5];
        for rows in [&[4, 4, 0, 1][..], &[2, 0, 2, 3, 3], &[1], &[]] {
            let drawn: Vec<f64> = rows.iter().map(|&row| values[row]).collect();
            let below = |x: f64| drawn.iter().filter(|y| **y < x).count() as f64;
            let ties = |x: f64| drawn.iter().filter(|y| **y == x).count() as f64;
            let direct: Vec<f64> = drawn.iter().map(|&x| below(x) + (ties(x) + 1.0) / 2.0).collect();
            assert_eq!(Ordered::new(&values).ranks(rows), direct);
        }
    }

    #[test]
    fn spearman_agrees_with_scipy() {
        // scipy 1.17.1: stats.spearmanr([1, 2, 3, 4, 5, 5], [5, 6, 7, 8, 7, 2]).statistic
        let rho = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0, 2.0]);
        assert!((rho - 0.1323529411764706).abs() < 1e-12, "{rho}");
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
    }
}
