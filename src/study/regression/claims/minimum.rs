//! When a run has ended badly.
//!
//! Figure 5 gives the rule, so that no study sets its own. The nine histograms together (1,800 runs, bins of
//! 1/30) have three hills: most runs below 1/6, some around 1/5 to 1/3, and a narrow hill at 0.43 to 0.5. The
//! valleys between are the bins that begin at 1/6 (43 runs, between 109 and 69) and at 1/3 (3 runs, between
//! 20 and 9). Losses are shares of the labels' variance here (the paper's start near 1, so its labels were most
//! likely standardised), and the rule carries over to any study. A diverged run has missed both.

/// A run that ends at or above has missed the good minimum: the lower edge of the first valley.
pub const MISSED: f64 = 1.0 / 6.0;

/// A run that ends at or above is stuck in a bad minimum: the lower edge of the second valley.
pub const STUCK: f64 = 1.0 / 3.0;

#[cfg(test)]
mod tests {
    use super::super::evidence::PaperModel;
    use super::super::paper;
    use super::*;

    #[test]
    fn the_thresholds_are_the_valleys_of_figure_five() {
        let mut bins = [0; 20];
        for model in PaperModel::ALL {
            for p in [0.5, 0.9, 1.0] {
                for loss in paper::final_losses(model, p).expect("in Figure 5") {
                    bins[(loss * 30.0) as usize] += 1;
                }
            }
        }
        let valleys: Vec<usize> =
            (1..16).filter(|&i| bins[i] < bins[i - 1] && bins[i] < bins[i + 1]).collect();
        assert_eq!(valleys, [(MISSED * 30.0).round() as usize, (STUCK * 30.0).round() as usize]);
        assert_eq!((bins[5], bins[10]), (43, 3));
    }
}
