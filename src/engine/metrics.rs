//! Metrics of predictions on rows that were not trained on: ranking, likelihood and calibration. Objectives compute
//! their scores with them, and their losses with the same scalar functions.

use crate::data::defined::defined;

/// Bins of the calibration error: ten, as in Guo et al. (ICML 2017, §2) but of about equal counts, so that rare
/// positives do not all fall into one. Also the deciles of a score.
pub const BINS: usize = 10;

/// Probabilities count as at least this, and at most 1 less this, in a log-loss: a ratio may be above 1, and one row
/// is not to be infinitely bad.
const CUT: f64 = 1e-7;

/// σ(z) = 1 / (1 + e⁻ᶻ).
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// ln(1 + eᶻ).
pub fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// Cross-entropy of a logit z and a label y in nats: ln(1 + eᶻ) − y z.
pub fn cross_entropy(z: f64, y: f64) -> f64 {
    softplus(z) - y * z
}

/// Mean of `values`, `[rows]`.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Row numbers by rising value, equal values by row number; values and result `[rows]`.
pub fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // Adding 0 makes −0 and 0 one number.
    let value = |row: usize| values[row] + 0.0;
    order.sort_unstable_by(|&a, &b| value(a).total_cmp(&value(b)).then(a.cmp(&b)));
    order
}

/// Rows of `order`, which is [`ascending`] of `values`, in [`BINS`] parts; all are `[rows]`.
///
/// Part k, from 0, has the rows from ⌊k · rows / 10⌋ up to ⌊(k + 1) · rows / 10⌋. Rows of equal value stay together, in the
/// part of their middle row (of two middle rows the lower), so that the parts do not depend on the order of the rows.
/// Ties make counts unequal and may leave a part empty.
pub fn bins<'a>(values: &[f64], order: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
    let rows = order.len();
    let mut counts = [0; BINS];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let middle = before + (tied.len() - 1) / 2;
        // The last part that begins at or before the middle row.
        counts[((middle + 1) * BINS - 1) / rows] += tied.len();
        before += tied.len();
    }
    let mut rest = order;
    counts.into_iter().map(move |count| {
        let (part, after) = rest.split_at(count);
        rest = after;
        part
    })
}

/// Probability that a row drawn by `expected` has a higher value than one drawn by 1 − `expected`, ties counting
/// half: for labels 0 and 1 the area under the ROC curve (Mann and Whitney 1947), for probabilities its expectation
/// with numerator and denominator apart. `order` is that of [`ascending`]; all are `[rows]`. None where one kind of
/// row is missing.
///
/// For labels every sum is a multiple of ½ below 2⁵³, so the result is exact but for one division.
pub fn auc(values: &[f64], expected: &[f64], order: &[usize]) -> Option<f64> {
    let (mut above, mut negatives, mut positives) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let positive: f64 = tied.iter().map(|&row| expected[row]).sum();
        let negative = tied.len() as f64 - positive;
        above += positive * (negatives + negative / 2.0);
        positives += positive;
        negatives += negative;
    }
    defined(above / (positives * negatives))
}

/// Mean of −y ln σ(z) − (1 − y) ln(1 − σ(z)) in nats over logits and labels, `[rows]` each: finite for every finite
/// logit.
pub fn log_loss_of_logits(logits: &[f64], labels: &[f64]) -> f64 {
    // Not `cross_entropy`: with y z subtracted first, what cancels are equal numbers.
    let loss = |(&z, &y): (&f64, &f64)| z.max(0.0) - y * z + (-z.abs()).exp().ln_1p();
    logits.iter().zip(labels).map(loss).sum::<f64>() / labels.len() as f64
}

/// Mean of −e ln p − (1 − e) ln(1 − p) in nats over predicted probabilities p and labels or expectations e, `[rows]`
/// each. For predictions that have no logit, such as ratios.
pub fn log_loss(predictions: &[f64], expected: &[f64]) -> f64 {
    let loss = |(prediction, expected): (&f64, &f64)| {
        let p = prediction.clamp(CUT, 1.0 - CUT);
        -expected * p.ln() - (1.0 - expected) * (-p).ln_1p()
    };
    predictions.iter().zip(expected).map(loss).sum::<f64>() / predictions.len() as f64
}

/// Expected calibration error, 0 to 1: the mean over rows of how far the mean prediction of a row's bin is from the
/// bin's share of positives, with rows in [`bins`] of `predictions`. `order` is their [`ascending`] order; all are
/// `[rows]`.
pub fn calibration_error(predictions: &[f64], expected: &[f64], order: &[usize]) -> f64 {
    let gap = |rows: &[usize]| rows.iter().map(|&row| predictions[row] - expected[row]).sum::<f64>().abs();
    bins(predictions, order).map(gap).sum::<f64>() / predictions.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic logits with many ties, and labels that follow them loosely; `benches/peers/scores.py` makes
    /// the same and prints what scikit-learn says.
    fn sample(n: usize, steps: f64) -> (Vec<f64>, Vec<f64>) {
        let at =
            |i: usize| ((i as f64 * 12.9898).sin() * 43_758.545_3, (i as f64 * 78.233).sin() * 12_543.123);
        let fraction = |x: f64| x - x.floor();
        let logits = |i: usize| ((fraction(at(i).0) * 6.0 - 4.0) * steps).round() / steps;
        let label =
            |i: usize| f64::from(u8::from(fraction(at(i).1) < 1.0 / (1.0 + (-0.8 * logits(i)).exp())));
        // As engines give them, in f32.
        ((0..n).map(|i| f64::from(logits(i) as f32)).collect(), (0..n).map(label).collect())
    }

    fn auc_of(values: &[f64], labels: &[f64]) -> f64 {
        auc(values, labels, &ascending(values)).expect("rows of both kinds")
    }

    #[test]
    fn scores_agree_with_scikit_learn() {
        // scikit-learn 1.9.1, numpy 2: benches/peers/scores.py
        for (n, steps, auc, log_loss, calibration_error) in [
            (200, 2.0, 0.7911999999999999, 0.5553257148520196, 0.08802100235087815),
            (1000, 50.0, 0.8197044547513752, 0.5006456258809141, 0.027743430672668944),
            (5000, 1.0, 0.8155283681179741, 0.5017740760459467, 0.032798132070226825),
        ] {
            let (logits, labels) = sample(n, steps);
            let probabilities: Vec<f64> = logits.iter().map(|&z| sigmoid(z)).collect();
            let order = ascending(&logits);
            let ours = auc_of(&logits, &labels);
            assert!((ours - auc).abs() < 1e-12, "{n}: {ours}");
            // Logits are f32 here.
            let ours = log_loss_of_logits(&logits, &labels);
            assert!((ours - log_loss).abs() < 1e-7, "{n}: {ours}");
            let ours = super::calibration_error(&probabilities, &labels, &order);
            assert!((ours - calibration_error).abs() < 1e-7, "{n}: {ours}");
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
        assert!((auc_of(&logits, &labels) - in_order / pairs).abs() < 1e-12);
    }

    #[test]
    fn auc_of_labels_is_that_of_mean_ranks_to_the_bit() {
        for (n, steps) in [(60, 2.0), (1000, 50.0), (5000, 1.0)] {
            let (values, labels) = sample(n, steps);
            let order = ascending(&values);
            let positives = labels.iter().sum::<f64>();
            let negatives = labels.len() as f64 - positives;
            let (mut rank_sum, mut before) = (0.0, 0);
            for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
                // Ranks before + 1 to before + n have this mean.
                let mean_rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
                rank_sum += mean_rank * tied.iter().filter(|&&row| labels[row] > 0.0).count() as f64;
                before += tied.len();
            }
            let by_ranks = (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives);
            assert_eq!(auc_of(&values, &labels), by_ranks);
        }
    }

    #[test]
    fn the_expected_auc_is_that_of_many_drawn_outcomes() {
        // Two rows with pCVR 0.2 and 0.6, ranked right: (0.6 · 0.8 + ties of a row with itself / 2) / (0.8 · 1.2).
        let by_hand = (0.6 * 0.8 + 0.2 * 0.8 / 2.0 + 0.6 * 0.4 / 2.0) / (0.8 * 1.2);
        assert!((auc_of(&[0.1, 0.9], &[0.2, 0.6]) - by_hand).abs() < 1e-12);
    }

    #[test]
    fn perfect_reversed_and_tied_rankings_have_exact_scores() {
        let labels = [1.0, 0.0, 1.0, 0.0];
        assert_eq!(auc_of(&[3.0, 1.0, 2.0, 0.0], &labels), 1.0);
        assert_eq!(auc_of(&[0.0, 1.0, 0.5, 2.0], &labels), 0.0);
        assert_eq!(auc_of(&[7.0; 4], &labels), 0.5);
        assert_eq!(auc(&[1.0, 2.0], &[1.0, 1.0], &[0, 1]), None, "no negative row");
        assert!(log_loss_of_logits(&[200.0, -200.0], &[1.0, 0.0]) < 1e-80);
        assert_eq!(log_loss_of_logits(&[200.0, -200.0], &[0.0, 1.0]), 200.0);
        assert_eq!(log_loss_of_logits(&[0.0, 0.0], &[0.0, 1.0]), 2f64.ln());
    }

    #[test]
    fn a_calibrated_prediction_has_no_error_and_a_shifted_one_its_shift() {
        let labels: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 5 == 0))).collect();
        let error = |p: f64| {
            let predictions = vec![sigmoid(f64::from((p / (1.0 - p)).ln() as f32)); 1000];
            calibration_error(&predictions, &labels, &ascending(&predictions))
        };
        assert!(error(0.2) < 1e-6);
        assert!((error(0.5) - 0.3).abs() < 1e-6);
    }

    #[test]
    fn parts_of_different_values_have_equal_counts() {
        for rows in [7, 10, 99, 1000] {
            let values: Vec<f64> = (0..rows).map(|row| ((row * 37) % rows) as f64).collect();
            let order = ascending(&values);
            let edge = |part: usize| part * rows / BINS;
            for (part, found) in bins(&values, &order).enumerate() {
                assert_eq!(found, &order[edge(part)..edge(part + 1)]);
            }
        }
    }

    #[test]
    fn equal_values_stay_in_the_part_of_their_middle_row() {
        // Middle rows 1, 10 and 17 of 20; parts begin at every second row.
        let values: Vec<f64> = [vec![0.1; 4], vec![0.2; 13], vec![0.3; 3]].concat();
        let counts: Vec<usize> = bins(&values, &ascending(&values)).map(<[usize]>::len).collect();
        assert_eq!(counts, [4, 0, 0, 0, 0, 13, 0, 0, 0, 3]);
    }

    #[test]
    fn the_calibration_error_of_a_constant_is_its_distance_from_the_share_of_positives() {
        for sorted in [false, true] {
            let mut labels: Vec<f64> = (0..400).map(|row| f64::from(u8::from(row % 4 == 0))).collect();
            if sorted {
                labels.sort_by(f64::total_cmp);
            }
            let predictions = [0.221; 400];
            let error = calibration_error(&predictions, &labels, &ascending(&predictions));
            assert!((error - 0.029).abs() < 1e-12, "{error}");
        }
    }

    #[test]
    fn no_metric_depends_on_the_order_of_the_rows() {
        for (n, steps) in [(200, 2.0), (997, 50.0), (5000, 1.0)] {
            let (logits, labels) = sample(n, steps);
            // Coprime to every n: a permutation.
            let moved = |values: &[f64]| -> Vec<f64> { (0..n).map(|row| values[row * 4_999 % n]).collect() };
            let by_label = |values: &[f64]| -> Vec<f64> {
                let mut rows: Vec<usize> = (0..n).collect();
                rows.sort_by(|&a, &b| labels[a].total_cmp(&labels[b]));
                rows.into_iter().map(|row| values[row]).collect()
            };
            let of = |logits: &[f64], labels: &[f64]| {
                let probabilities: Vec<f64> = logits.iter().map(|&z| sigmoid(z)).collect();
                let order = ascending(logits);
                let auc = auc_of(logits, labels);
                let rest = [
                    log_loss_of_logits(logits, labels),
                    log_loss(&probabilities, labels),
                    super::calibration_error(&probabilities, labels, &order),
                    mean(&probabilities),
                ];
                (auc, rest)
            };
            let (auc, rest) = of(&logits, &labels);
            for (other_auc, other) in
                [of(&moved(&logits), &moved(&labels)), of(&by_label(&logits), &by_label(&labels))]
            {
                assert_eq!(auc, other_auc);
                // Sums in another order differ by their rounding.
                assert!(rest.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-12), "{rest:?} {other:?}");
            }
        }
    }
}
