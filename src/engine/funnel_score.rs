//! What a model of click and conversion is worth on impressions that it was not trained on: ranking, likelihood,
//! calibration and bias, on clicked impressions as logs have them and on all of them, which only impressions with
//! known probabilities allow.

use super::conversion::{conversion_probability, joint_probability, sigmoid};
use crate::data::Impressions;
use crate::model::towers::Method;
use crate::record::{Decile, FunnelScore, Space, Target};

/// Bins of the calibration error, of equal counts, and of the true pCTR.
const BINS: usize = 10;

/// Probabilities count as at least this, and at most 1 less this, in a log-loss: a ratio may be above 1, and one row
/// is not to be infinitely bad.
const CUT: f64 = 1e-7;

/// Predictions of one thing beside what happened and what was to be expected, a row an impression.
struct Column<'a> {
    predictions: &'a [f64],
    labels: &'a [f64],
    truth: Option<&'a [f64]>,
}

impl FunnelScore {
    fn of(target: Target, space: Space, column: &Column) -> Self {
        let Column { predictions, labels, truth } = *column;
        let expected = truth.unwrap_or(labels);
        let n = predictions.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
        let apart =
            |truth: &[f64]| predictions.iter().zip(truth).map(|(p, t)| (p - t).abs()).sum::<f64>() / n;
        let order = by_value(predictions);
        Self {
            target,
            space,
            auc: match (target, space) {
                (Target::Conversion, Space::All) => expected_auc(predictions, expected, &order),
                _ => expected_auc(predictions, labels, &order),
            },
            log_loss: log_loss(predictions, expected),
            calibration_error: calibration_error(predictions, expected, &order),
            absolute_error: truth.map_or(f64::NAN, apart),
            mean_prediction: mean(predictions),
            mean_truth: mean(expected),
            above_one: predictions.iter().filter(|p| **p > 1.0).count() as f64 / n,
        }
    }
}

/// Scores of a method's logits, `[heads, rows]`, on impressions: pCTR on all, pCVR on clicked ones and, where the truth
/// is known, on all, pCTCVR on all; and the deciles, where the truth is known.
pub fn scores(method: Method, logits: &[f32], impressions: &Impressions) -> (Vec<FunnelScore>, Vec<Decile>) {
    let rows = impressions.len();
    let of = |probability: fn(Method, [f32; 2]) -> f64| -> Vec<f64> {
        (0..rows).map(|row| probability(method, [logits[row], logits[rows + row]])).collect()
    };
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let click = of(|_, [z, _]| sigmoid(z.into()));
    let (conversion, both) = (of(conversion_probability), of(joint_probability));
    let (clicks, conversions) = (wide(&impressions.click), wide(&impressions.conversion));
    let truth = impressions.truth.as_ref().map(|truth| (wide(&truth.click), wide(&truth.conversion)));
    let joint_truth = truth.as_ref().map(|(click, conversion)| {
        click.iter().zip(conversion).map(|(click, conversion)| click * conversion).collect::<Vec<f64>>()
    });
    let clicked = |values: &[f64]| -> Vec<f64> {
        (0..rows).filter(|&row| clicks[row] > 0.0).map(|row| values[row]).collect()
    };
    let (click_truth, conversion_truth) =
        (truth.as_ref().map(|t| &t.0[..]), truth.as_ref().map(|t| &t.1[..]));
    let score = |target, space, predictions: &[f64], labels: &[f64], truth: Option<&[f64]>| {
        FunnelScore::of(target, space, &Column { predictions, labels, truth })
    };
    let of_clicked = conversion_truth.map(clicked);
    let mut scores = vec![
        score(Target::Click, Space::All, &click, &clicks, click_truth),
        score(
            Target::Conversion,
            Space::Clicked,
            &clicked(&conversion),
            &clicked(&conversions),
            of_clicked.as_deref(),
        ),
    ];
    // What would have become of impressions without a click is known where they are made.
    if conversion_truth.is_some() {
        scores.push(score(Target::Conversion, Space::All, &conversion, &conversions, conversion_truth));
    }
    scores.push(score(Target::ClickAndConversion, Space::All, &both, &conversions, joint_truth.as_deref()));
    let deciles = match &truth {
        Some((click, truth)) => deciles(click, &conversion, truth),
        None => Vec::new(),
    };
    (scores, deciles)
}

fn deciles(ctr: &[f64], predictions: &[f64], truth: &[f64]) -> Vec<Decile> {
    let bins = bins(&by_value(ctr));
    let decile = |(decile, rows): (usize, Vec<usize>)| {
        let mean = |values: &[f64]| rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64;
        Decile { decile, mean_ctr: mean(ctr), mean_prediction: mean(predictions), mean_truth: mean(truth) }
    };
    (1..).zip(bins).filter(|(_, rows)| !rows.is_empty()).map(decile).collect()
}

/// Rows in ten parts of equal count, in their order.
fn bins(order: &[usize]) -> Vec<Vec<usize>> {
    let edge = |bin: usize| bin * order.len() / BINS;
    (0..BINS).map(|bin| order[edge(bin)..edge(bin + 1)].to_vec()).collect()
}

/// Rows by rising value.
fn by_value(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    order
}

/// Probability that a row drawn by `expected` has a higher prediction than one drawn by 1 − `expected`, ties counting
/// half: for labels 0 and 1 the area under the ROC curve, for probabilities its expectation with numerator and
/// denominator apart. NaN where one kind of row is missing.
fn expected_auc(predictions: &[f64], expected: &[f64], order: &[usize]) -> f64 {
    let (mut above, mut negatives, mut positives) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| predictions[a] == predictions[b]) {
        let positive: f64 = tied.iter().map(|&row| expected[row]).sum();
        let negative = tied.len() as f64 - positive;
        above += positive * (negatives + negative / 2.0);
        positives += positive;
        negatives += negative;
    }
    above / (positives * negatives)
}

fn log_loss(predictions: &[f64], expected: &[f64]) -> f64 {
    let loss = |(prediction, expected): (&f64, &f64)| {
        let p = prediction.clamp(CUT, 1.0 - CUT);
        -expected * p.ln() - (1.0 - expected) * (-p).ln_1p()
    };
    predictions.iter().zip(expected).map(loss).sum::<f64>() / predictions.len() as f64
}

fn calibration_error(predictions: &[f64], expected: &[f64], order: &[usize]) -> f64 {
    let gap = |rows: Vec<usize>| rows.iter().map(|&row| predictions[row] - expected[row]).sum::<f64>().abs();
    bins(order).into_iter().map(gap).sum::<f64>() / predictions.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::impressions::Truth;
    use crate::engine::score;

    fn logit(p: f64) -> f32 {
        (p / (1.0 - p)).ln() as f32
    }

    /// A thousand impressions whose pCTR and pCVR rise in opposite directions.
    fn impressions() -> Impressions {
        let rows = || (0..1000).map(f64::from);
        let hash = |row: f64, salt: f64| ((row * 12.9898 + salt).sin() * 43_758.545_3).rem_euclid(1.0);
        let ctr: Vec<f64> = rows().map(|row| 0.1 + 0.5 * row / 1000.0).collect();
        let cvr: Vec<f64> = rows().map(|row| 0.6 - 0.5 * row / 1000.0).collect();
        let click: Vec<f32> =
            rows().zip(&ctr).map(|(row, p)| f32::from(u8::from(hash(row, 0.0) < *p))).collect();
        let conversion =
            rows().zip(&cvr).zip(&click).map(|((row, p), c)| c * f32::from(u8::from(hash(row, 5.0) < *p)));
        Impressions {
            conversion: conversion.collect(),
            click,
            truth: Some(Truth {
                click: ctr.iter().map(|&p| p as f32).collect(),
                conversion: cvr.iter().map(|&p| p as f32).collect(),
            }),
            ..Impressions::default()
        }
    }

    fn find(scores: &[FunnelScore], target: Target, space: Space) -> FunnelScore {
        *scores.iter().find(|score| score.target == target && score.space == space).unwrap()
    }

    #[test]
    fn the_truth_has_no_error_and_what_ranks_the_other_way_has_the_opposite_auc() {
        let impressions = impressions();
        let truth = impressions.truth.clone().unwrap();
        let logits = |ctr: &[f32], cvr: &[f32]| -> Vec<f32> {
            ctr.iter().chain(cvr).map(|&p| logit(f64::from(p))).collect()
        };
        let (scores, deciles) =
            scores(Method::Clicked, &logits(&truth.click, &truth.conversion), &impressions);
        for score in &scores {
            assert!(score.calibration_error < 1e-6 && score.absolute_error < 1e-6, "{score:?}");
            assert!((score.mean_prediction - score.mean_truth).abs() < 1e-6 && score.above_one == 0.0);
        }
        assert_eq!(deciles.len(), 10);
        assert!(
            deciles.windows(2).all(|d| d[0].mean_ctr < d[1].mean_ctr && d[0].mean_truth > d[1].mean_truth)
        );
        assert!(deciles.iter().all(|d| (d.mean_prediction - d.mean_truth).abs() < 1e-6));
        let upside_down: Vec<f32> = truth.conversion.iter().map(|p| 1.0 - p).collect();
        let (other, _) = super::scores(Method::Clicked, &logits(&truth.click, &upside_down), &impressions);
        for space in [Space::Clicked, Space::All] {
            let of = |scores: &[FunnelScore]| find(scores, Target::Conversion, space).auc;
            assert!((of(&scores) + of(&other) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn ranking_by_labels_is_the_area_under_the_roc_curve() {
        let impressions = impressions();
        let logits: Vec<f32> =
            (0..2000).map(|i| ((f64::from(i) * 0.37).sin() * 8.0).round() as f32 / 4.0).collect();
        let (scores, _) = scores(Method::Clicked, &logits, &impressions);
        let clicks = score::auc(&logits[..1000], &impressions.click);
        assert!((find(&scores, Target::Click, Space::All).auc - clicks).abs() < 1e-12);
        let clicked = |values: &[f32]| -> Vec<f32> {
            values.iter().zip(&impressions.click).filter(|(_, c)| **c > 0.0).map(|(v, _)| *v).collect()
        };
        let conversions = score::auc(&clicked(&logits[1000..]), &clicked(&impressions.conversion));
        assert!((find(&scores, Target::Conversion, Space::Clicked).auc - conversions).abs() < 1e-12);
    }

    #[test]
    fn the_expected_auc_is_that_of_many_drawn_outcomes() {
        // Two rows with pCVR 0.2 and 0.6, ranked right: (0.6 · 0.8 + ties of a row with itself / 2) / (0.8 · 1.2).
        let (predictions, expected) = ([0.1, 0.9], [0.2, 0.6]);
        let auc = expected_auc(&predictions, &expected, &by_value(&predictions));
        let by_hand = (0.6 * 0.8 + 0.2 * 0.8 / 2.0 + 0.6 * 0.4 / 2.0) / (0.8 * 1.2);
        assert!((auc - by_hand).abs() < 1e-12);
    }

    #[test]
    fn ratios_above_one_are_counted_and_cost_a_finite_loss() {
        let impressions = impressions();
        // pCTCVR / pCTR = 0.5 / 0.1 on every row.
        let logits: Vec<f32> =
            std::iter::repeat_n(logit(0.1), 1000).chain(std::iter::repeat_n(0.0, 1000)).collect();
        let (scores, _) = scores(Method::Division, &logits, &impressions);
        let conversion = find(&scores, Target::Conversion, Space::All);
        assert!((conversion.mean_prediction - 5.0).abs() < 1e-5);
        assert_eq!((conversion.above_one, conversion.auc), (1.0, 0.5));
        assert!(conversion.log_loss.is_finite());
        assert_eq!(find(&scores, Target::ClickAndConversion, Space::All).mean_prediction, 0.5);
    }

    #[test]
    fn a_log_without_truth_has_the_scores_of_its_labels() {
        let impressions = Impressions { truth: None, ..impressions() };
        let logits = vec![0.0; 2000];
        let (scores, deciles) = scores(Method::EntireSpace, &logits, &impressions);
        assert!(deciles.is_empty());
        assert_eq!(scores.len(), 3);
        let clicks = find(&scores, Target::Click, Space::All);
        assert_eq!((clicks.mean_truth, clicks.auc), (impressions.clicks() as f64 / 1000.0, 0.5));
        assert!(clicks.absolute_error.is_nan());
    }
}
