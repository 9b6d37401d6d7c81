//! Histograms of final losses, as in Figure 5.

/// Bins to a unit of loss: the paper's bins are 1/30 wide.
const BINS_PER_UNIT: f64 = 30.0;
/// Width of a bin of MMoE's Figure 5.
pub const BIN_WIDTH: f64 = 1.0 / BINS_PER_UNIT;

/// Number of runs that ended with a loss in each bin. Bin i holds losses from i · [`BIN_WIDTH`] up to but without
/// (i + 1) · [`BIN_WIDTH`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Runs in each bin.
    pub counts: Vec<usize>,
    /// Runs that finished with a loss beyond the last bin.
    pub overflow: usize,
    /// Runs without a final loss.
    pub diverged: usize,
}

impl Histogram {
    /// The histogram of `losses` in `bins` bins, beside `diverged` runs that have no loss.
    pub fn new(losses: &[f64], diverged: usize, bins: usize) -> Self {
        let mut histogram = Self { counts: vec![0; bins], overflow: 0, diverged };
        for &loss in losses {
            match histogram.counts.get_mut(bin(loss)) {
                Some(count) => *count += 1,
                None => histogram.overflow += 1,
            }
        }
        histogram
    }

    /// All runs, diverged ones included.
    pub fn runs(&self) -> usize {
        self.counts.iter().sum::<usize>() + self.overflow + self.diverged
    }

    /// The same histogram with `bins` bins: losses beyond them go into the overflow, bins that were not there
    /// are empty.
    ///
    /// An overflow stays what it is, so a histogram is only widened where it has none.
    pub fn with_bins(mut self, bins: usize) -> Self {
        self.overflow += self.counts.iter().skip(bins).sum::<usize>();
        self.counts.resize(bins, 0);
        self
    }
}

/// Number of the bin that holds `loss`.
pub fn bin(loss: f64) -> usize {
    // The sum absorbs the rounding of losses that sit on an edge, such as 0.1.
    (loss * BINS_PER_UNIT + 1e-9).floor().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_on_an_edge_belongs_to_the_bin_above() {
        for edge in 0..40 {
            assert_eq!(bin(f64::from(edge) / 30.0), edge as usize);
            assert_eq!(bin((f64::from(edge) + 0.999) / 30.0), edge as usize);
        }
        assert_eq!(bin(0.1), 3);
        assert_eq!(bin(0.7), 21);
    }

    #[test]
    fn every_run_is_somewhere() {
        let histogram = Histogram::new(&[0.0, 0.01, 0.05, 0.2, 7.0], 3, 5);
        assert_eq!(histogram.counts, [2, 1, 0, 0, 0]);
        assert_eq!((histogram.overflow, histogram.diverged, histogram.runs()), (2, 3, 8));
    }

    #[test]
    fn narrowing_moves_runs_into_the_overflow() {
        let histogram = Histogram::new(&[0.01, 0.05, 0.2], 0, 20);
        assert_eq!(histogram.clone().with_bins(2), Histogram::new(&[0.01, 0.05, 0.2], 0, 2));
        assert_eq!(histogram.with_bins(30).runs(), 3);
    }
}
