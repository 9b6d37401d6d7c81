//! Summaries of the runs of a model that a few bad runs do not move: interquartile mean, optimality gap, probability of
//! improvement and performance profile (Agarwal et al. 2021).
//!
//! A run that diverged counts as worse than every other, except in the optimality gap: a mean has no place for it.

use rayon::prelude::*;

use super::gain::{Outcome, Outcomes};
use super::interval::Interval;
use super::runs::Runs;
use super::statistics::aggregate::{interquartile_mean, optimality_gap, performance_profile};
use super::statistics::improvement::{Pairing, probability_of_improvement};
use super::statistics::{Bootstrap, Confidence};
use crate::experiment::Condition;
use crate::record::Status;

/// Thresholds of a profile. With more, curves of a few hundred runs look the same.
const THRESHOLDS: usize = 51;
/// Ratio of the highest to the lowest loss from which on thresholds are spaced by ratios: below, few curves are squeezed.
const WIDE: f64 = 10.0;

/// The summary of a model under a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Robust {
    /// Name of the model.
    pub model: String,
    /// Task correlation and settings.
    pub condition: Condition,
    /// Runs behind it, those that diverged among them.
    pub runs: usize,
    /// Runs that diverged.
    pub diverged: usize,
    /// Mean of the middle half of the runs; none where more than a quarter diverged.
    pub interquartile_mean: Option<Interval>,
    /// Mean distance from the optimum of the runs that finished; none where no optimum is known.
    pub optimality_gap: Option<Interval>,
    /// Probability that a run is better than one of a baseline, by the baseline's name; empty for a baseline.
    pub improvements: Vec<(String, Interval)>,
    /// Share of the runs that are as good as each of [`Summaries::thresholds`], with Wilson's interval.
    pub profile: Vec<Interval>,
}

/// The summaries of a study, by the first of its outcomes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summaries {
    /// Every model and condition with a run, in the order of the plan.
    pub models: Vec<Robust>,
    /// Values that profiles are taken at, rising: from the lowest to the highest of any run.
    pub thresholds: Vec<f64>,
    /// Whether thresholds are spaced by ratios.
    pub by_ratio: bool,
}

/// The values of the runs of a model under a condition, as losses: lower is better, infinite where a run diverged.
struct Losses<'a> {
    runs: &'a Runs<'a>,
    by_seed: Vec<(u64, f64)>,
}

impl<'a> Losses<'a> {
    fn new(runs: &'a Runs<'a>, outcome: &Outcome) -> Self {
        let sign = if outcome.higher_is_better { -1.0 } else { 1.0 };
        let by_seed = runs.runs.iter().filter_map(|run| {
            let loss = match outcome.value.value(run) {
                Some(value) if value.is_finite() => sign * value,
                _ if run.status == Status::Diverged => f64::INFINITY,
                _ => return None,
            };
            Some((run.key.seed, loss))
        });
        Self { runs, by_seed: by_seed.collect() }
    }

    fn all(&self) -> Vec<f64> {
        self.by_seed.iter().map(|&(_, loss)| loss).collect()
    }

    /// Probability that a run is better than one of `other`, on the seeds of both.
    fn improvement(&self, other: &Self) -> Option<Interval> {
        let theirs = |seed: u64| other.by_seed.iter().find(|run| run.0 == seed).map(|run| run.1);
        let pairs = self.by_seed.iter().filter_map(|&(seed, ours)| Some((ours, theirs(seed)?)));
        let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.unzip();
        probability_of_improvement(&ours, &theirs, Pairing::Paired, &Bootstrap::default()).interval()
    }
}

impl Summaries {
    /// The summaries by the first outcome; empty where no run has it. `optimum` is the value that no model can beat under a
    /// condition, where it is known.
    pub fn new(outcomes: &Outcomes, optimum: impl Fn(&Condition) -> Option<f64>) -> Self {
        let Some(outcome) = outcomes.outcomes.first() else { return Self::default() };
        let all: Vec<Losses> = outcomes.runs.iter().map(|runs| Losses::new(runs, outcome)).collect();
        let all: Vec<(Losses, Option<f64>)> = all
            .into_iter()
            .filter(|losses| !losses.by_seed.is_empty())
            .map(|losses| {
                let optimum = optimum(&losses.runs.condition);
                (losses, optimum)
            })
            .collect();
        let (thresholds, by_ratio) = thresholds(all.iter().map(|(losses, _)| losses), outcome);
        let sign = if outcome.higher_is_better { -1.0 } else { 1.0 };
        let bounds: Vec<f64> = thresholds.iter().map(|value| sign * value).collect();
        let summary = |(losses, optimum): &(Losses, Option<f64>)| {
            let values = losses.all();
            let finished: Vec<f64> = values.iter().copied().filter(|loss| loss.is_finite()).collect();
            let (runs, bootstrap) = (losses.runs, Bootstrap::default());
            let gap =
                optimum.and_then(|optimum| optimality_gap(&finished, sign * optimum, &bootstrap).interval());
            Robust {
                model: runs.model.name.clone(),
                condition: runs.condition.clone(),
                runs: values.len(),
                diverged: values.len() - finished.len(),
                interquartile_mean: interquartile_mean(&values, &bootstrap)
                    .interval()
                    .map(|mean| if outcome.higher_is_better { mean.turned() } else { mean }),
                optimality_gap: gap,
                improvements: improvements(losses, &all, &outcomes.baselines),
                profile: performance_profile(&values, &bounds)
                    .iter()
                    .filter_map(Confidence::interval)
                    .collect(),
            }
        };
        Self { models: all.par_iter().map(summary).collect(), thresholds, by_ratio }
    }
}

/// Probabilities of improvement over every baseline under the same condition; none for a baseline.
fn improvements(
    ours: &Losses,
    all: &[(Losses, Option<f64>)],
    baselines: &[String],
) -> Vec<(String, Interval)> {
    if baselines.contains(&ours.runs.model.name) {
        return Vec::new();
    }
    let over = |name: &String| {
        let (theirs, _) = all.iter().find(|(losses, _)| {
            losses.runs.model.name == *name && losses.runs.condition == ours.runs.condition
        })?;
        Some((name.clone(), ours.improvement(theirs)?))
    };
    baselines.iter().filter_map(over).collect()
}

/// Values from the lowest to the highest of any run that finished, and whether they are spaced by ratios.
fn thresholds<'a>(all: impl Iterator<Item = &'a Losses<'a>>, outcome: &Outcome) -> (Vec<f64>, bool) {
    let losses: Vec<f64> = all.flat_map(Losses::all).filter(|loss| loss.is_finite()).collect();
    let values = || losses.iter().map(|loss| if outcome.higher_is_better { -loss } else { *loss });
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return (Vec::new(), false);
    }
    if low == high {
        return (vec![low], false);
    }
    let by_ratio = low > 0.0 && high / low >= WIDE;
    let last = THRESHOLDS - 1;
    let at = |index: usize| match (index, index as f64 / last as f64) {
        (0, _) => low,
        // Exactly, so that all runs are counted.
        (index, _) if index == last => high,
        (_, share) if by_ratio => low * (high / low).powf(share),
        (_, share) => low + share * (high - low),
    };
    ((0..THRESHOLDS).map(at).collect(), by_ratio)
}

#[cfg(test)]
mod tests {
    use super::super::measure::{Measure, TaskLoss};
    use super::super::selection::selected_runs;
    use super::*;
    use crate::record::RunRecord;
    use crate::store::Study;
    use crate::store::sample::Sample;

    /// A study of two models at one correlation, whose losses are given.
    fn study(single: &[f64], mmoe: &[f64]) -> Study {
        let models = vec![("single_task", "single_task", ""), ("mmoe", "mmoe", "")];
        let (correlations, learning_rates) = (vec![0.5], vec![0.01]);
        let seeds = single.len() as u64;
        let mut study = Sample { models, seeds, correlations, learning_rates, ..Sample::default() }.study();
        for run in &mut study.runs {
            let losses = if run.key.model == "mmoe" { mmoe } else { single };
            let loss = losses[run.key.seed as usize];
            if !loss.is_finite() {
                run.status = Status::Diverged;
            } else if let Some(last) = run.curve.last_mut() {
                last.held_out_loss = vec![loss as f32; last.held_out_loss.len()];
            }
        }
        study
    }

    fn summaries(study: &Study, higher_is_better: bool, optimum: f64) -> Summaries {
        let mean = Measure { task: TaskLoss::Mean, ..Measure::default() };
        let outcomes = Outcomes {
            runs: selected_runs(study, mean),
            outcomes: vec![Outcome {
                name: "loss",
                task: "mean".into(),
                title: "loss".into(),
                higher_is_better,
                value: Box::new(move |run: &RunRecord| mean.final_loss(run)),
            }],
            baselines: vec!["single_task".into()],
        };
        Summaries::new(&outcomes, |_| Some(optimum))
    }

    #[test]
    fn a_diverged_run_is_the_worst_of_all() {
        let single = [0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0.25, 0.25];
        let mmoe = [0.125, 0.25, f64::INFINITY, 0.25, 0.125, 0.5, 0.25, 0.25];
        let found = summaries(&study(&single, &mmoe), false, 0.125);
        let [single, mmoe] = &found.models[..] else { panic!("two models") };
        assert_eq!((mmoe.runs, mmoe.diverged), (8, 1));
        // Of 1/8, 1/8, 1/4, 1/4, 1/4, 1/4, 1/2, ∞ the middle four.
        assert_eq!(mmoe.interquartile_mean.unwrap().estimate, 0.25);
        assert_eq!(single.optimality_gap.unwrap().estimate, 0.25);
        // Seven finished: (0 + 0 + 4 · 1/8 + 3/8) / 7.
        assert!((mmoe.optimality_gap.unwrap().estimate - 0.125).abs() < 1e-12);
        assert!(single.improvements.is_empty());
        // By brute force over the 64 pairs.
        let (ours, theirs) = (
            [0.125, 0.25, f64::INFINITY, 0.25, 0.125, 0.5, 0.25, 0.25],
            [0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0.25, 0.25],
        );
        let wins = ours.iter().flat_map(|a| {
            theirs.map(|b| {
                if *a < b {
                    1.0
                } else if *a == b {
                    0.5
                } else {
                    0.0
                }
            })
        });
        let [(baseline, improvement)] = &mmoe.improvements[..] else { panic!("one baseline") };
        assert_eq!((baseline.as_str(), improvement.estimate), ("single_task", wins.sum::<f64>() / 64.0));
        // Up to the highest loss, all runs but the diverged one.
        assert_eq!(mmoe.profile.last().unwrap().estimate, 7.0 / 8.0);
        assert_eq!(single.profile.last().unwrap().estimate, 1.0);
        assert_eq!((found.thresholds[0], found.thresholds[50], found.by_ratio), (0.125, 0.5, false));
    }

    #[test]
    fn scores_are_read_the_other_way_round() {
        let single = [0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0.25, 0.25];
        let found = summaries(&study(&single, &[0.75; 8]), true, 1.0);
        let [single, mmoe] = &found.models[..] else { panic!("two models") };
        assert_eq!(mmoe.improvements[0].1.estimate, 1.0);
        assert_eq!(single.interquartile_mean.unwrap().estimate, 0.375);
        assert_eq!(
            (single.optimality_gap.unwrap().estimate, mmoe.optimality_gap.unwrap().estimate),
            (0.625, 0.25)
        );
        // All runs are at least as good as the lowest score, and only MMoE's as the highest.
        assert_eq!([single, mmoe].map(|model| model.profile[0].estimate), [1.0, 1.0]);
        assert_eq!([single, mmoe].map(|model| model.profile[50].estimate), [0.0, 1.0]);
    }

    #[test]
    fn thresholds_of_wide_losses_are_spaced_by_ratios() {
        let found = summaries(&study(&[0.01, 1.0], &[0.1, 0.5]), false, 0.0);
        assert!(found.by_ratio);
        assert!((found.thresholds[25] - 0.1).abs() < 1e-6, "{}", found.thresholds[25]);
        let equal = summaries(&study(&[0.5, 0.5], &[0.5, 0.5]), false, 0.0);
        assert_eq!(equal.thresholds, [0.5]);
        let none = summaries(&study(&[f64::INFINITY; 2], &[f64::INFINITY; 2]), false, 0.0);
        assert!(
            none.thresholds.is_empty() && none.models.iter().all(|model| model.interquartile_mean.is_none())
        );
    }
}
