//! The evidence of a study of impressions: means of its runs, paired by seed.

use super::metric::{Metric, MetricKind};
use super::reference::{ConversionRow, conversion_table};
use super::runs::{extremes, model_runs};
use crate::analysis::Runs;
use crate::analysis::statistics::{Bootstrap, summary};
use crate::claim::{Comparison, FEWEST_SEEDS, Hypothesis, NO_RUN_FINISHED, Requirement, Role, Seeds, Unit};
use crate::experiment::{AxisValue, Condition, Setting};
use crate::store::Study;

/// A study's runs beside the paper's Table 2.
pub(super) struct Evidence<'a> {
    study: &'a Study,
    runs: Vec<Runs<'a>>,
    paper: Vec<ConversionRow>,
    /// Task correlations of the grid, in rising order; one `None` where the data has no such axis.
    pub(super) correlations: Vec<Option<f64>>,
    /// The setting that stands for the study.
    pub(super) base: Setting,
}

/// A model, by its architecture, under a condition.
pub(super) type At<'c> = (&'static str, &'c Condition);

impl<'a> Evidence<'a> {
    pub(super) fn new(study: &'a Study) -> Self {
        Self {
            study,
            runs: model_runs(study),
            paper: conversion_table(),
            correlations: study.experiment.grid.correlation_axis(),
            base: study.experiment.base_setting(),
        }
    }

    /// The smallest and the largest value of a key that varies.
    ///
    /// # Errors
    /// If it does not vary over two numbers or more.
    pub(super) fn extremes(&self, key: &str) -> Result<(AxisValue, AxisValue), String> {
        extremes(self.study, key).ok_or_else(|| {
            format!("the study does not vary {key} ([grid.vary] with {key:?} = […], two values or more)")
        })
    }

    /// The comparisons that `compare` makes at each task correlation, at the base setting.
    ///
    /// # Errors
    /// The first of `compare`.
    pub(super) fn everywhere(
        &self,
        compare: impl Fn(&Condition) -> Result<Vec<Comparison>, String>,
    ) -> Result<Vec<Comparison>, String> {
        self.at_settings([self.base.clone()], |[condition]| compare(condition))
    }

    /// The comparisons that `compare` makes at each task correlation between these values of a key that varies; other keys
    /// have their values of the base setting.
    ///
    /// # Errors
    /// The first of `compare`.
    pub(super) fn at_values<const N: usize>(
        &self,
        key: &str,
        values: [&AxisValue; N],
        compare: impl Fn([&Condition; N]) -> Result<Vec<Comparison>, String>,
    ) -> Result<Vec<Comparison>, String> {
        self.at_settings(values.map(|value| self.base.with(key, value)), compare)
    }

    /// The comparisons that `compare` makes at each task correlation between these settings.
    ///
    /// # Errors
    /// The first of `compare`.
    fn at_settings<const N: usize>(
        &self,
        settings: [Setting; N],
        compare: impl Fn([&Condition; N]) -> Result<Vec<Comparison>, String>,
    ) -> Result<Vec<Comparison>, String> {
        let mut all = Vec::new();
        for &task_correlation in &self.correlations {
            let conditions = settings.clone().map(|setting| Condition { task_correlation, setting });
            let mut found = compare(conditions.each_ref())?;
            if let (Some(p), [_, _, ..]) = (task_correlation, &self.correlations[..]) {
                let at = format!(" at task correlation {p}");
                found.iter_mut().for_each(|comparison| comparison.name += &at);
            }
            all.extend(found);
        }
        Ok(all)
    }

    /// Runs of the first model of an architecture that has any under a condition.
    fn runs(&self, (architecture, condition): At) -> Result<&Runs<'a>, String> {
        let of = |runs: &&Runs| runs.model.architecture.name == architecture;
        if !self.study.experiment.models.iter().any(|model| model.architecture.name == architecture) {
            return Err(format!("the study has no {architecture}"));
        }
        let found = self.runs.iter().find(|runs| of(runs) && runs.condition == *condition);
        found.ok_or_else(|| format!("no run of {architecture} is here yet"))
    }

    /// Title of the model of an architecture; its name where there is none.
    pub(super) fn title(&self, architecture: &'static str) -> &str {
        let mut models = self.study.experiment.models.iter();
        models
            .find(|model| model.architecture.name == architecture)
            .map_or(architecture, |model| &model.title)
    }

    /// The mean of `a` minus that of `b`, required to be above 0, with the paper's difference where its table has it.
    ///
    /// # Errors
    /// As [`Self::contrast`].
    pub(super) fn above(
        &self,
        a: &'static str,
        b: &'static str,
        condition: &Condition,
        metric: Metric,
    ) -> Result<Comparison, String> {
        let name = format!("{}: {} − {}", metric.label(), self.title(a), self.title(b));
        let mut comparison = self.contrast(name, metric, &[(1.0, (a, condition)), (-1.0, (b, condition))])?;
        comparison.paper = self.paper(a, metric).zip(self.paper(b, metric)).map(|(a, b)| a - b);
        Ok(comparison)
    }

    /// A weighted sum of means, Σ w·mean, bootstrapped over the seeds that all of the runs have; required to be above 0.
    ///
    /// # Errors
    /// If the study lacks a model or its runs, if no run has the metric, or if fewer than three seeds have it.
    pub(super) fn contrast(
        &self,
        name: String,
        metric: Metric,
        terms: &[(f64, At)],
    ) -> Result<Comparison, String> {
        let compared: Vec<(f64, &Runs)> =
            terms.iter().map(|&(weight, at)| Ok((weight, self.runs(at)?))).collect::<Result<_, String>>()?;
        // Of every seed that all have: the sum, or nothing where a run has no such number.
        let sum_of = |seed: u64| -> Option<Option<f64>> {
            let row: Vec<_> =
                compared.iter().map(|(w, runs)| Some((w, runs.run(seed)?))).collect::<Option<_>>()?;
            Some(row.into_iter().map(|(w, run)| Some(w * metric.value(run)?)).sum())
        };
        let seeds = &self.study.experiment.grid.seeds;
        let sums: Vec<Option<f64>> = seeds.iter().filter_map(|&seed| sum_of(seed)).collect();
        let used: Vec<f64> = sums.iter().copied().flatten().collect();
        if !sums.is_empty() && compared.iter().all(|(_, runs)| runs.runs.len() == runs.diverged()) {
            return Err(NO_RUN_FINISHED.into());
        }
        // No run has it, and not because all diverged: a log does not know the truth.
        if used.is_empty() && compared.iter().any(|(_, runs)| runs.runs.len() > runs.diverged()) {
            return Err(format!("{name}: not known of these impressions, or of no run"));
        }
        if used.len() < FEWEST_SEEDS {
            return Err(format!("{name}: {} seeds in common; {FEWEST_SEEDS} are needed", used.len()));
        }
        let seeds = Seeds { used: used.len(), left_out: sums.len() - used.len() };
        let (role, requirement, unit) = (Role::Primary, Requirement::Above(0.0), unit(metric));
        let hypothesis = Hypothesis { name, role, requirement, unit, paper: None };
        Ok(hypothesis.test(&Bootstrap::for_means().sample(&used, summary::mean), seeds))
    }

    fn paper(&self, architecture: &str, metric: Metric) -> Option<f64> {
        let row = self.paper.iter().find(|row| row.model == architecture)?;
        match metric {
            Metric::CLICKED_AUC => Some(row.cvr[0]),
            Metric::JOINT_AUC => Some(row.ctcvr[0]),
            _ => None,
        }
    }
}

fn unit(metric: Metric) -> Unit {
    match metric.kind {
        MetricKind::Auc => Unit::Auc,
        // Nats.
        MetricKind::LogLoss => Unit::Loss,
        MetricKind::CalibrationError | MetricKind::AbsoluteError => Unit::ProbabilityError,
        MetricKind::RelativeError | MetricKind::Bias | MetricKind::Distortion => Unit::OfTruth,
        MetricKind::AboveOne => Unit::ShareOfImpressions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Space;
    use crate::store::sample::FunnelSample;

    #[test]
    fn a_contrast_uses_the_seeds_that_all_have_and_counts_what_diverged() {
        let sample =
            FunnelSample { models: vec!["base", "esmm"], seeds: 9, diverged: 1, ..FunnelSample::default() };
        let mut study = sample.study();
        study.runs.retain(|run| run.key.model != "base" || run.key.seed != 4);
        let evidence = Evidence::new(&study);
        let condition = &Condition { task_correlation: Some(0.5), ..Condition::default() };
        let part = evidence.above("esmm", "base", condition, Metric::CLICKED_AUC).unwrap();
        assert_eq!(part.seeds, Seeds { used: 7, left_out: 1 });
        assert!((part.paper.unwrap() - 0.0256).abs() < 1e-9);
        let runs = model_runs(&study);
        let by_hand = summary::mean(&runs[1].differences(&runs[0], Metric::CLICKED_AUC));
        let estimate = |part: &Comparison| part.effect.unwrap().estimate;
        assert!((estimate(&part) - by_hand).abs() < 1e-12);
        let opposite = evidence.above("base", "esmm", condition, Metric::CLICKED_AUC).unwrap();
        assert!((estimate(&part) + estimate(&opposite)).abs() < 1e-12);
    }

    #[test]
    fn what_is_missing_is_named() {
        let study =
            FunnelSample { models: vec!["base", "esmm"], seeds: 2, ..FunnelSample::default() }.study();
        let evidence = Evidence::new(&study);
        let condition = &Condition { task_correlation: Some(0.5), ..Condition::default() };
        let error = |a, b| evidence.above(a, b, condition, Metric::JOINT_AUC).unwrap_err();
        assert_eq!(error("esmm", "division"), "the study has no division");
        assert!(error("esmm", "base").ends_with("2 seeds in common; 3 are needed"));
        let mut log = study.clone();
        log.runs
            .iter_mut()
            .for_each(|run| run.conversion_scores.iter_mut().for_each(|score| score.absolute_error = None));
        let error = Metric::cvr(Space::All, MetricKind::AbsoluteError);
        let reason = Evidence::new(&log).above("esmm", "base", condition, error).unwrap_err();
        assert!(reason.contains("not known of these impressions"), "{reason}");
        assert!(evidence.extremes("data.share").unwrap_err().contains("\"data.share\" = […]"));
    }
}
