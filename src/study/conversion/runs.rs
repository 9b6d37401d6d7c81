//! Runs of a study of impressions by model and condition.
//!
//! A seed draws its own impressions, so an interval over seeds covers new data too; runs of one seed share them, so
//! models are compared by seed. Where a model was trained at several learning rates, each half of the seeds is
//! reported at the rate with the lowest mean log-loss of pCTCVR on the other half ([`selected_runs_by`]).

use super::metric::{Metric, MetricKind};
use crate::analysis::selection::selected_runs_by;
use crate::analysis::statistics::{Bootstrap, Confidence};
use crate::analysis::{Interval, Runs};
use crate::experiment::{Axis, AxisValue, Condition};
use crate::record::{Decile, Target};
use crate::store::Study;

/// The runs of every model and condition of a study, at the learning rates with the lowest mean log-loss of pCTCVR.
pub fn model_runs(study: &Study) -> Vec<Runs<'_>> {
    let joint = Metric::on_all(Target::ClickAndConversion, MetricKind::LogLoss);
    selected_runs_by(study, |run| joint.value(run))
}

/// The condition that stands for a study where there is room for one: its base setting
/// ([`base_setting`](crate::experiment::Experiment::base_setting)) at the middle task correlation (of two, the lower).
pub fn base_condition(study: &Study) -> Condition {
    let values = &study.experiment.grid.task_correlations;
    let task_correlation = values.get(values.len().saturating_sub(1) / 2).copied();
    Condition { task_correlation, setting: study.experiment.base_setting() }
}

/// The axis that a study varies beside models and seeds: the first of its keys that vary or, where none does, the task
/// correlation.
#[derive(Debug, Clone, PartialEq)]
pub struct SweptAxis {
    /// Title with its unit.
    pub title: String,
    /// Short name.
    pub name: String,
    /// Its values in their order, with their conditions: at least two.
    pub conditions: Vec<(AxisValue, Condition)>,
}

impl SweptAxis {
    /// None for a study of one condition. Everything but the value on the axis is that of [`base_condition`].
    pub fn from_study(study: &Study) -> Option<Self> {
        let grid = &study.experiment.grid;
        let base = base_condition(study);
        let varied = match grid.axes.iter().find(|axis| axis.values.len() > 1) {
            Some(axis) => {
                let at = |value: &AxisValue| {
                    let setting = base.setting.with(&axis.key, value);
                    (value.clone(), Condition { setting, ..base.clone() })
                };
                let conditions = axis.values.iter().map(at).collect();
                Self { title: axis.title(), name: axis.name(), conditions }
            }
            None => {
                let at = |&value: &f64| {
                    (AxisValue::Number(value), Condition { task_correlation: Some(value), ..base.clone() })
                };
                Self {
                    title: "correlation of the scores of click and conversion".into(),
                    name: "task correlation".into(),
                    conditions: grid.task_correlations.iter().map(at).collect(),
                }
            }
        };
        (varied.conditions.len() > 1).then_some(varied)
    }
}

/// The smallest and the largest value of a key that varies, over two numbers or more.
pub fn extremes(study: &Study, key: &str) -> Option<(AxisValue, AxisValue)> {
    let axis: &Axis = study.experiment.grid.axis(key).filter(|axis| axis.numbers().is_some())?;
    match &axis.values[..] {
        [low, .., high] => Some((low.clone(), high.clone())),
        _ => None,
    }
}

/// Mean predicted / mean true pCVR in each decile of the impressions by true pCTR, with its interval over runs; empty
/// where the truth is not known. A decile is left out where the ratio of a run is not defined.
pub fn bias_by_decile(runs: &Runs, resamples: usize) -> Vec<(usize, Interval)> {
    let ratio = |decile: &Decile| {
        decile
            .mean_prediction
            .zip(decile.mean_truth)
            .map_or(f64::NAN, |(prediction, truth)| prediction / truth)
    };
    let known = || runs.runs.iter().filter(|run| !run.deciles.is_empty());
    let deciles: Vec<usize> =
        known().next().map_or(Vec::new(), |run| run.deciles.iter().map(|d| d.decile).collect());
    // Test sets of one size have the same deciles; a run that lacks one would make the rows uneven.
    let rows: Vec<Vec<f64>> = known()
        .filter(|run| run.deciles.iter().map(|d| d.decile).eq(deciles.iter().copied()))
        .map(|run| run.deciles.iter().map(ratio).collect())
        .collect();
    let bootstrap = Bootstrap { resamples, ..Bootstrap::default() };
    let means = bootstrap.means(&rows);
    deciles.into_iter().zip(&means).filter_map(|(decile, mean)| Some((decile, mean.interval()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Space;
    use crate::store::sample::FunnelSample;
    use crate::study::conversion::metric::MetricKind;

    #[test]
    fn models_are_compared_by_seed_and_diverged_runs_are_counted() {
        let study =
            FunnelSample { models: vec!["base", "esmm"], diverged: 2, ..FunnelSample::default() }.study();
        let [base, esmm] = &model_runs(&study)[..] else { panic!("two models under one condition") };
        assert_eq!((base.runs.len(), base.diverged()), (8, 2));
        assert_eq!(base.values(Metric::CLICKED_AUC).len(), 6);
        let [ours, theirs] = [esmm, base].map(|runs| runs.mean(Metric::CLICKED_AUC));
        let [ours, theirs] = [ours, theirs].map(Option::unwrap);
        let difference = esmm.difference(base, Metric::CLICKED_AUC).unwrap();
        assert!((difference.estimate - (ours.estimate - theirs.estimate)).abs() < 1e-12);
        // What a seed does to both cancels.
        let width = |interval: Interval| interval.ends.map(|(low, high)| high - low).unwrap();
        assert!(width(difference) < width(ours) / 2.0);
        let mut fewer = study.clone();
        fewer.runs.retain(|run| run.key.model != "base" || run.key.seed != 5);
        let models = model_runs(&fewer);
        assert_eq!(models[1].differences(&models[0], Metric::CLICKED_AUC).len(), 5);
    }

    #[test]
    fn bias_is_relative_to_the_truth() {
        let mut study = FunnelSample { models: vec!["base"], seeds: 1, ..FunnelSample::default() }.study();
        let score =
            study.runs[0].conversion_scores.iter_mut().find(|score| score.space == Space::Clicked).unwrap();
        (score.mean_prediction, score.mean_truth) = (Some(0.06), Some(0.08));
        let of = |kind| Metric::cvr(Space::Clicked, kind).value(&study.runs[0]).unwrap();
        assert!(
            (of(MetricKind::Bias) + 0.25).abs() < 1e-12 && (of(MetricKind::Distortion) - 0.25).abs() < 1e-12
        );
        for decile in &mut study.runs[0].deciles {
            decile.mean_prediction = decile.mean_truth.map(|truth| truth * decile.decile as f64);
        }
        let deciles = bias_by_decile(&model_runs(&study)[0], 100);
        assert_eq!(deciles.len(), 10);
        assert!(deciles.iter().all(|(decile, ratio)| (ratio.estimate - *decile as f64).abs() < 1e-9));
    }

    #[test]
    fn what_is_not_known_is_left_out_not_zero() {
        let mut study = FunnelSample::default().study();
        study.runs.iter_mut().for_each(|run| {
            run.conversion_scores
                .retain(|score| score.target != Target::Conversion || score.space != Space::All);
            run.deciles.clear();
        });
        let models = model_runs(&study);
        assert!(models[0].values(Metric::cvr(Space::All, MetricKind::Auc)).is_empty());
        assert!(bias_by_decile(&models[0], 100).is_empty());
    }

    #[test]
    fn swept_values_are_kept_apart_and_one_stands_for_all() {
        let base = |study: &Study| base_condition(study).setting.get("data.selection")?.number();
        let vary = |values: &[f64]| Some(("data.selection", values.to_vec()));
        let sample = FunnelSample { models: vec!["base"], ..FunnelSample::default() };
        let study = FunnelSample { vary: vary(&[0.0, 1.5, 2.0, 3.0]), ..sample.clone() }.study();
        assert_eq!(model_runs(&study).len(), 4);
        // 1.5 is the experiment's own.
        assert_eq!(base(&study), Some(1.5));
        assert_eq!(
            extremes(&study, "data.selection"),
            Some((AxisValue::Number(0.0), AxisValue::Number(3.0)))
        );
        assert_eq!(extremes(&study, "data.share"), None);
        assert_eq!(SweptAxis::from_study(&study).unwrap().conditions.len(), 4);
        let study = FunnelSample { vary: vary(&[0.0, 1.0, 2.0]), ..sample.clone() }.study();
        assert_eq!(base(&study), Some(1.0));
        let study = FunnelSample { correlations: vec![-0.5, 0.0, 0.5], ..sample.clone() }.study();
        assert_eq!(base_condition(&study).task_correlation, Some(0.0));
        assert_eq!(SweptAxis::from_study(&study).unwrap().name, "task correlation");
        assert_eq!(SweptAxis::from_study(&sample.study()), None);
    }

    #[test]
    fn learning_rates_are_chosen_on_the_other_half_of_the_seeds() {
        let sample = FunnelSample {
            models: vec!["base"],
            learning_rates: vec![0.001, 0.01],
            ..FunnelSample::default()
        };
        let mut study = sample.study();
        for run in &mut study.runs {
            // 0.01 is better on the even seeds, 0.001 on the odd ones.
            let better = (run.key.seed % 2 == 0) == (run.key.learning_rate == 0.01);
            run.conversion_scores
                .iter_mut()
                .for_each(|score| score.log_loss = Some(if better { 0.1 } else { 0.2 }));
        }
        let models = model_runs(&study);
        assert_eq!(models[0].learning_rates, [0.001, 0.01]);
        let runs = &models[0].runs;
        assert_eq!(runs.len(), 8);
        let rate = |seed: u64| if seed.is_multiple_of(2) { 0.001 } else { 0.01 };
        assert!(runs.iter().all(|run| run.key.learning_rate == rate(run.key.seed)));
    }
}
