//! What a classifier's predictions are worth: ranking, likelihood and calibration on rows it was not trained on.

use super::conversion::sigmoid;
use crate::data::Subset;
use crate::record::Score;

/// Bins of the calibration error: ten, as in Guo et al. (ICML 2017, §2) but of equal counts, so that rare
/// positives do not all fall into one.
const BINS: usize = 10;

impl Score {
    /// Of logits and labels (0 or 1), `[rows]` each.
    pub fn of(subset: Subset, task: usize, logits: &[f32], labels: &[f32]) -> Self {
        let n = labels.len() as f64;
        Self {
            subset,
            task,
            auc: auc(logits, labels),
            log_loss: log_loss(logits, labels),
            calibration_error: calibration_error(logits, labels),
            mean_prediction: logits.iter().map(|&z| probability(z)).sum::<f64>() / n,
            positive_rate: labels.iter().map(|&y| f64::from(y)).sum::<f64>() / n,
        }
    }
}

/// σ(z).
fn probability(logit: f32) -> f64 {
    sigmoid(logit.into())
}

/// Probability that a positive row has a higher logit than a negative one, ties counting half: exactly, from
/// the mean ranks of the positives (Mann and Whitney 1947). NaN where one kind of row is missing.
pub fn auc(logits: &[f32], labels: &[f32]) -> f64 {
    let order = by_logit(logits);
    let positives = labels.iter().filter(|label| **label > 0.0).count() as f64;
    let negatives = labels.len() as f64 - positives;
    let (mut rank_sum, mut before) = (0.0, 0);
    for tied in order.chunk_by(|&a, &b| logits[a] == logits[b]) {
        // Ranks before + 1 to before + n have this mean.
        let mean_rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        rank_sum += mean_rank * tied.iter().filter(|&&row| labels[row] > 0.0).count() as f64;
        before += tied.len();
    }
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// Rows by rising logit.
fn by_logit(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    // Adding 0 makes −0 and 0 one number.
    let logit = |row: usize| logits[row] + 0.0;
    order.sort_unstable_by(|&a, &b| logit(a).total_cmp(&logit(b)).then(a.cmp(&b)));
    order
}

/// Mean of −y ln σ(z) − (1 − y) ln(1 − σ(z)), which is max(z, 0) − y z + ln(1 + e^−|z|): finite for every
/// finite logit.
pub fn log_loss(logits: &[f32], labels: &[f32]) -> f64 {
    let loss = |(&z, &y): (&f32, &f32)| {
        let (z, y) = (f64::from(z), f64::from(y));
        z.max(0.0) - y * z + (-z.abs()).exp().ln_1p()
    };
    logits.iter().zip(labels).map(loss).sum::<f64>() / labels.len() as f64
}

/// Rows in ten bins of equal count by predicted probability; the mean over rows of how far a bin's mean
/// prediction is from its share of positives.
pub fn calibration_error(logits: &[f32], labels: &[f32]) -> f64 {
    let order = by_logit(logits);
    let n = order.len();
    let edges = (0..=BINS).map(|bin| bin * n / BINS).collect::<Vec<_>>();
    let gap = |edges: &[usize]| {
        let rows = &order[edges[0]..edges[1]];
        rows.iter().map(|&row| probability(logits[row]) - f64::from(labels[row])).sum::<f64>().abs()
    };
    edges.windows(2).map(gap).sum::<f64>() / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic logits with many ties, and labels that follow them loosely; `benches/peers/scores.py` makes
    /// the same and prints what scikit-learn says.
    fn sample(n: usize, steps: f64) -> (Vec<f32>, Vec<f32>) {
        let at =
            |i: usize| ((i as f64 * 12.9898).sin() * 43_758.545_3, (i as f64 * 78.233).sin() * 12_543.123);
        let fraction = |x: f64| x - x.floor();
        let logits = |i: usize| ((fraction(at(i).0) * 6.0 - 4.0) * steps).round() / steps;
        let label =
            |i: usize| f32::from(u8::from(fraction(at(i).1) < 1.0 / (1.0 + (-0.8 * logits(i)).exp())));
        ((0..n).map(|i| logits(i) as f32).collect(), (0..n).map(label).collect())
    }

    #[test]
    fn scores_agree_with_scikit_learn() {
        // scikit-learn 1.9.1, numpy 2: benches/peers/scores.py
        for (n, steps, auc, log_loss, calibration_error) in [
            (200, 2.0, 0.7911999999999999, 0.5553257148520196, 0.07259245021021714),
            (1000, 50.0, 0.8197044547513752, 0.5006456258809141, 0.02669057353967825),
            (5000, 1.0, 0.8155283681179741, 0.5017740760459467, 0.03239813207022683),
        ] {
            let (logits, labels) = sample(n, steps);
            let score = Score::of(Subset::Test, 1, &logits, &labels);
            assert!((score.auc - auc).abs() < 1e-12, "{n}: {}", score.auc);
            // Logits are f32 here.
            assert!((score.log_loss - log_loss).abs() < 1e-7, "{n}: {}", score.log_loss);
            assert!((score.calibration_error - calibration_error).abs() < 1e-7, "{n}: {score:?}");
        }
    }

    #[test]
    fn auc_is_the_share_of_pairs_in_order() {
        let (logits, labels) = sample(60, 2.0);
        let (mut pairs, mut in_order) = (0.0, 0.0);
        for (a, _) in labels.iter().enumerate().filter(|(_, y)| **y > 0.0) {
            for (b, _) in labels.iter().enumerate().filter(|(_, y)| **y == 0.0) {
                pairs += 1.0;
                in_order += match logits[a].partial_cmp(&logits[b]).unwrap() {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        assert!((auc(&logits, &labels) - in_order / pairs).abs() < 1e-12);
    }

    #[test]
    fn extremes() {
        let labels = [1.0, 0.0, 1.0, 0.0];
        assert_eq!(auc(&[3.0, 1.0, 2.0, 0.0], &labels), 1.0);
        assert_eq!(auc(&[0.0, 1.0, 0.5, 2.0], &labels), 0.0);
        assert_eq!(auc(&[7.0; 4], &labels), 0.5);
        assert!(auc(&[1.0, 2.0], &[1.0, 1.0]).is_nan(), "no negative row");
        assert!(log_loss(&[200.0, -200.0], &[1.0, 0.0]) < 1e-80);
        assert_eq!(log_loss(&[200.0, -200.0], &[0.0, 1.0]), 200.0);
        assert_eq!(log_loss(&[0.0, 0.0], &[0.0, 1.0]), 2f64.ln());
    }

    #[test]
    fn a_calibrated_prediction_has_no_error_and_a_shifted_one_its_shift() {
        let labels: Vec<f32> = (0..1000).map(|i| f32::from(u8::from(i % 5 == 0))).collect();
        let logit = |p: f64| (p / (1.0 - p)).ln() as f32;
        assert!(calibration_error(&vec![logit(0.2); 1000], &labels) < 1e-6);
        assert!((calibration_error(&vec![logit(0.5); 1000], &labels) - 0.3).abs() < 1e-6);
    }
}
