//! Scores of a model of click and conversion on impressions that it was not trained on: ranking, likelihood,
//! calibration and bias, on clicked impressions as logs have them and on all of them, which only impressions with
//! known probabilities allow.

use crate::data::Impressions;
use crate::data::defined::defined;
use crate::engine::metrics::{self, sigmoid};
use crate::model::towers::Method;
use crate::record::{ConversionScore, Decile, Space, Target};

/// pCVR of a row's logits. A ratio for [`Method::Division`], which may be above 1.
pub fn conversion_probability(method: Method, logits: [f32; 2]) -> f64 {
    let [z0, z1] = logits.map(f64::from);
    match method {
        Method::Division => sigmoid(z1) / sigmoid(z0),
        _ => sigmoid(z1),
    }
}

/// pCTCVR of a row's logits.
pub fn joint_probability(method: Method, logits: [f32; 2]) -> f64 {
    let [z0, z1] = logits.map(f64::from);
    match method {
        Method::Division => sigmoid(z1),
        _ => sigmoid(z0) * sigmoid(z1),
    }
}

/// One prediction beside what happened and what was to be expected, `[rows]` each.
struct Column {
    target: Target,
    predictions: Vec<f64>,
    labels: Vec<f64>,
    /// True probabilities, where they are known.
    truth: Option<Vec<f64>>,
}

impl Column {
    /// The column on the rows where `kept`, `[rows]`, is above 0.
    fn on(&self, kept: &[f64]) -> Self {
        let on = |values: &Vec<f64>| -> Vec<f64> {
            values.iter().zip(kept).filter(|(_, kept)| **kept > 0.0).map(|(value, _)| *value).collect()
        };
        Self {
            target: self.target,
            predictions: on(&self.predictions),
            labels: on(&self.labels),
            truth: self.truth.as_ref().map(on),
        }
    }

    /// The scores; `space` says which rows the column has.
    fn score(&self, space: Space) -> ConversionScore {
        let Self { target, predictions, labels, truth } = self;
        let expected = truth.as_ref().unwrap_or(labels);
        let n = predictions.len() as f64;
        let apart = |truth: &Vec<f64>| {
            defined(predictions.iter().zip(truth).map(|(p, t)| (p - t).abs()).sum::<f64>() / n)
        };
        let order = metrics::ascending(predictions);
        // Labels of conversion say nothing of impressions without a click: the AUC is in expectation there.
        let ranked = if (*target, space) == (Target::Conversion, Space::All) { expected } else { labels };
        ConversionScore {
            target: *target,
            space,
            auc: metrics::auc(predictions, ranked, &order),
            log_loss: defined(metrics::log_loss(predictions, expected)),
            calibration_error: defined(metrics::calibration_error(predictions, expected, &order)),
            absolute_error: truth.as_ref().and_then(apart),
            mean_prediction: defined(metrics::mean(predictions)),
            mean_truth: defined(metrics::mean(expected)),
            above_one: defined(predictions.iter().filter(|p| **p > 1.0).count() as f64 / n),
        }
    }
}

/// Scores of a method's logits, `[towers, rows]`, on impressions: pCTR on all, pCVR on clicked ones and, where the truth
/// is known, on all, pCTCVR on all; and the deciles, where the truth is known.
pub fn scores(
    method: Method,
    logits: &[f32],
    impressions: &Impressions,
) -> (Vec<ConversionScore>, Vec<Decile>) {
    let rows = impressions.len();
    let predictions = |probability: fn(Method, [f32; 2]) -> f64| -> Vec<f64> {
        (0..rows).map(|row| probability(method, [logits[row], logits[rows + row]])).collect()
    };
    let wide = |values: &Vec<f32>| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let conversions = wide(&impressions.conversion);
    let truth = impressions.truth.as_ref();
    let (click_truth, conversion_truth) = (truth.map(|t| wide(&t.click)), truth.map(|t| wide(&t.conversion)));
    let joint_truth = click_truth.as_ref().zip(conversion_truth.as_ref());
    let joint_truth =
        joint_truth.map(|(click, conversion)| click.iter().zip(conversion).map(|(p, q)| p * q).collect());
    let click = Column {
        target: Target::Click,
        predictions: predictions(|_, [z, _]| sigmoid(z.into())),
        labels: wide(&impressions.click),
        truth: click_truth,
    };
    let conversion = Column {
        target: Target::Conversion,
        predictions: predictions(conversion_probability),
        labels: conversions.clone(),
        truth: conversion_truth,
    };
    let joint = Column {
        target: Target::ClickAndConversion,
        predictions: predictions(joint_probability),
        labels: conversions,
        truth: joint_truth,
    };
    let mut scores = vec![click.score(Space::All), conversion.on(&click.labels).score(Space::Clicked)];
    // Conversions of impressions without a click are known where impressions are simulated.
    if conversion.truth.is_some() {
        scores.push(conversion.score(Space::All));
    }
    scores.push(joint.score(Space::All));
    (scores, deciles(&click, &conversion))
}

/// pCVR beside the truth by decile of the true pCTR; empty where the truth is not known.
fn deciles(click: &Column, conversion: &Column) -> Vec<Decile> {
    let (Some(ctr), Some(truth)) = (&click.truth, &conversion.truth) else { return Vec::new() };
    let order = metrics::ascending(ctr);
    let decile = |(decile, rows): (usize, &[usize])| {
        let mean =
            |values: &[f64]| defined(rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64);
        let mean_prediction = mean(&conversion.predictions);
        Decile { decile, mean_ctr: mean(ctr), mean_prediction, mean_truth: mean(truth) }
    };
    (1..).zip(metrics::bins(ctr, &order)).filter(|(_, rows)| !rows.is_empty()).map(decile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::impressions::Truth;

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

    /// Whether two numbers that are defined agree to the precision of logits in f32.
    fn near(a: Option<f64>, b: Option<f64>) -> bool {
        (a.unwrap() - b.unwrap()).abs() < 1e-6
    }

    fn find(scores: &[ConversionScore], target: Target, space: Space) -> ConversionScore {
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
            let [calibration, error] = [score.calibration_error, score.absolute_error].map(Option::unwrap);
            assert!(calibration < 1e-6 && error < 1e-6, "{score:?}");
            assert!(near(score.mean_prediction, score.mean_truth) && score.above_one == Some(0.0));
        }
        assert_eq!(deciles.len(), 10);
        assert!(
            deciles.windows(2).all(|d| d[0].mean_ctr < d[1].mean_ctr && d[0].mean_truth > d[1].mean_truth)
        );
        assert!(deciles.iter().all(|d| near(d.mean_prediction, d.mean_truth)));
        let upside_down: Vec<f32> = truth.conversion.iter().map(|p| 1.0 - p).collect();
        let (other, _) = super::scores(Method::Clicked, &logits(&truth.click, &upside_down), &impressions);
        for space in [Space::Clicked, Space::All] {
            let of = |scores: &[ConversionScore]| find(scores, Target::Conversion, space).auc.unwrap();
            assert!((of(&scores) + of(&other) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn ranking_by_labels_is_the_area_under_the_roc_curve() {
        let impressions = impressions();
        let logits: Vec<f32> =
            (0..2000).map(|i| ((f64::from(i) * 0.37).sin() * 8.0).round() as f32 / 4.0).collect();
        let (scores, _) = scores(Method::Clicked, &logits, &impressions);
        let auc = |logits: &[f32], labels: &[f32]| {
            let [logits, labels] =
                [logits, labels].map(|values| values.iter().copied().map(f64::from).collect::<Vec<f64>>());
            metrics::auc(&logits, &labels, &metrics::ascending(&logits)).unwrap()
        };
        let clicks = auc(&logits[..1000], &impressions.click);
        assert!((find(&scores, Target::Click, Space::All).auc.unwrap() - clicks).abs() < 1e-12);
        let clicked = |values: &[f32]| -> Vec<f32> {
            values.iter().zip(&impressions.click).filter(|(_, c)| **c > 0.0).map(|(v, _)| *v).collect()
        };
        let conversions = auc(&clicked(&logits[1000..]), &clicked(&impressions.conversion));
        assert!((find(&scores, Target::Conversion, Space::Clicked).auc.unwrap() - conversions).abs() < 1e-12);
    }

    #[test]
    fn ratios_above_one_are_counted_and_cost_a_finite_loss() {
        let impressions = impressions();
        // pCTCVR / pCTR = 0.5 / 0.1 on every row.
        let logits: Vec<f32> =
            std::iter::repeat_n(logit(0.1), 1000).chain(std::iter::repeat_n(0.0, 1000)).collect();
        let (scores, _) = scores(Method::Division, &logits, &impressions);
        let conversion = find(&scores, Target::Conversion, Space::All);
        assert!((conversion.mean_prediction.unwrap() - 5.0).abs() < 1e-5);
        assert_eq!((conversion.above_one, conversion.auc), (Some(1.0), Some(0.5)));
        assert!(conversion.log_loss.is_some());
        assert_eq!(find(&scores, Target::ClickAndConversion, Space::All).mean_prediction, Some(0.5));
    }

    #[test]
    fn scores_and_deciles_do_not_depend_on_the_order_of_the_impressions() {
        let mut impressions = impressions();
        let rows = impressions.len();
        // Few different values, so that predictions and true probabilities tie.
        let rounded = |values: &[f32]| values.iter().map(|p| (p * 20.0).ceil() / 20.0).collect();
        let truth = impressions.truth.take().unwrap();
        impressions.truth =
            Some(Truth { click: rounded(&truth.click), conversion: rounded(&truth.conversion) });
        let logits: Vec<f32> =
            (0..2 * rows).map(|i| ((i as f64 * 0.37).sin() * 3.0).round() as f32).collect();
        // Coprime to the number of rows: a permutation.
        let moved = |values: &[f32]| -> Vec<f32> { (0..rows).map(|row| values[row * 337 % rows]).collect() };
        let truth = impressions.truth.as_ref().unwrap();
        let other = Impressions {
            click: moved(&impressions.click),
            conversion: moved(&impressions.conversion),
            truth: Some(Truth { click: moved(&truth.click), conversion: moved(&truth.conversion) }),
            ..Impressions::default()
        };
        let other_logits = [moved(&logits[..rows]), moved(&logits[rows..])].concat();
        let (scores, deciles) = super::scores(Method::EntireSpace, &logits, &impressions);
        let (other_scores, other_deciles) = super::scores(Method::EntireSpace, &other_logits, &other);
        let near = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-12;
        assert_eq!((scores.len(), deciles.len()), (other_scores.len(), other_deciles.len()));
        for (a, b) in scores.iter().zip(&other_scores) {
            let numbers = |s: &ConversionScore| {
                [s.auc, s.log_loss, s.calibration_error, s.absolute_error, s.mean_prediction, s.mean_truth]
            };
            assert!(numbers(a).into_iter().zip(numbers(b)).all(|(a, b)| near(a, b)), "{a:?} {b:?}");
        }
        for (a, b) in deciles.iter().zip(&other_deciles) {
            assert_eq!(a.decile, b.decile);
            assert!(
                near(a.mean_ctr, b.mean_ctr) && near(a.mean_prediction, b.mean_prediction),
                "{a:?} {b:?}"
            );
            assert!(near(a.mean_truth, b.mean_truth), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_log_without_truth_has_the_scores_of_its_labels() {
        let impressions = Impressions { truth: None, ..impressions() };
        let logits = vec![0.0; 2000];
        let (scores, deciles) = scores(Method::EntireSpace, &logits, &impressions);
        assert!(deciles.is_empty());
        assert_eq!(scores.len(), 3);
        let clicks = find(&scores, Target::Click, Space::All);
        assert_eq!(clicks.mean_truth, Some(impressions.clicks() as f64 / 1000.0));
        assert_eq!((clicks.auc, clicks.absolute_error), (Some(0.5), None));
    }

    #[test]
    fn a_log_without_clicks_has_no_scores_of_clicked_impressions() {
        let impressions =
            Impressions { click: vec![0.0; 10], conversion: vec![0.0; 10], ..Impressions::default() };
        let (scores, _) = scores(Method::EntireSpace, &[0.0; 20], &impressions);
        let clicked = find(&scores, Target::Conversion, Space::Clicked);
        assert_eq!((clicked.auc, clicked.log_loss, clicked.calibration_error), (None, None, None));
        assert_eq!((clicked.mean_prediction, clicked.mean_truth, clicked.above_one), (None, None, None));
        assert_eq!(find(&scores, Target::Click, Space::All).auc, None);
    }

    #[test]
    fn the_ratio_of_division_may_be_above_one() {
        assert!(conversion_probability(Method::Division, [-2.0, 1.0]) > 1.0);
        assert_eq!(joint_probability(Method::Division, [-2.0, 0.0]), 0.5);
        assert_eq!(conversion_probability(Method::EntireSpace, [-2.0, 0.0]), 0.5);
        assert_eq!(joint_probability(Method::EntireSpace, [0.0, 0.0]), 0.25);
    }
}
