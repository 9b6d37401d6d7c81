//! Comparison of two studies: differences of final losses with intervals.
//!
//! `sweep compare` uses it for one engine against another, a commit against the one before, an option against its
//! alternative. Where both studies have the same data and seeds, runs are paired by seed, and the effect of the seed on
//! both cancels.

use std::collections::BTreeMap;

use super::interval::Interval;
use super::measure::Measure;
use super::runs::{Runs, runs_by_rate};
use super::selection::selected_runs;
use super::statistics::confidence::{Confidence, LEVEL, ONE_SIDED, SEEDS_TO_DECIDE};
use super::statistics::holm::holm;
use super::statistics::paired::{differences, mean_difference, rank_biserial, standardised};
use super::statistics::{Bootstrap, Resampled, summary};
use crate::experiment::Condition;
use crate::experiment::difference::{self, Difference};
use crate::store::{RunRecord, Study};

/// Fewest common seeds to pair by; with fewer the studies are compared as independent samples.
const SEEDS_TO_PAIR: usize = 3;

/// Choice of the runs that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Runs of equal model, condition and learning rate.
    LearningRate,
    /// Runs of equal model and condition, each study at its own cross-fitted learning rates.
    Selected,
}

/// Name of a row of a comparison. As text: `mmoe at 0.5, rate 0.01`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsName {
    /// Name of the model, in both studies.
    pub model: String,
    /// Task correlation and setting.
    pub condition: Condition,
    /// Step size; none where each study has its own.
    pub learning_rate: Option<f64>,
}

impl std::fmt::Display for RunsName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.model)?;
        match self.condition.label(|value| value.to_string()) {
            none if none.is_empty() => {}
            condition => write!(f, " at {condition}")?,
        }
        self.learning_rate.map_or(Ok(()), |rate| write!(f, ", rate {rate}"))
    }
}

/// One side of a row: the runs of one study.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Side {
    /// Mean final loss of the runs that finished, of those in pairs where pairs are compared; none where there are none.
    pub mean: Option<f64>,
    /// Runs that finished.
    pub finished: usize,
    /// Runs that diverged.
    pub diverged: usize,
}

/// Change of the losses of a row from the first study to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Lower in the second, after correction for the number of rows.
    Lower,
    /// Higher in the second, after correction for the number of rows.
    Higher,
    /// Within noise.
    Unclear,
}

/// Effect sizes of runs compared as pairs of one seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedEffect {
    /// Number of pairs.
    pub pairs: usize,
    /// Cohen's d_z; none where all differences are equal.
    pub standardised: Option<f64>,
    /// Rank-biserial correlation, positive where the second study is higher.
    pub rank_biserial: f64,
}

/// One row: the same runs in both studies.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsComparison {
    /// Model, condition and learning rate.
    pub name: RunsName,
    /// In the first study and in the second.
    pub sides: [Side; 2],
    /// Effect sizes of the pairs; none where the samples were compared as independent.
    pub paired: Option<PairedEffect>,
    /// Mean final loss in the second minus that in the first, with its 95 % bootstrap interval; none where no run of a
    /// side finished. It has no ends where no test of so few runs could find a difference: with fewer than 6 pairs.
    pub difference: Option<Interval>,
    /// Two-sided p-value of no difference, Holm-corrected over all rows of the comparison. Before the correction it is at
    /// least that of an exact test: 2/2ⁿ for n pairs, so that fewer than 6 pairs never make a change.
    pub p: f64,
    /// The change at 95 % confidence.
    pub change: Change,
}

impl RunsComparison {
    /// The change as a word that follows "B is".
    pub fn verdict(&self) -> &'static str {
        let runs = match self.paired {
            Some(paired) => paired.pairs,
            None => self.sides.iter().map(|side| side.finished).min().unwrap_or(0),
        };
        match self.change {
            _ if runs < SEEDS_TO_DECIDE => "not tested: too few runs",
            Change::Lower => "lower",
            Change::Higher => "higher",
            Change::Unclear => "not told apart",
        }
    }
}

/// Two studies compared.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyComparison {
    /// Both generate equal data from equal seeds.
    pub same_data: bool,
    /// The settings in which the studies differ.
    pub settings: Vec<Difference>,
    /// Rows of both studies, in the order of the first.
    pub rows: Vec<RunsComparison>,
    /// Runs of the first study only.
    pub only_first: Vec<RunsName>,
    /// Runs of the second study only.
    pub only_second: Vec<RunsName>,
}

impl StudyComparison {
    /// A warning where the studies train for different steps or on batches of different size.
    pub fn training_warning(&self) -> Option<&'static str> {
        let unequal =
            |difference: &Difference| ["train.steps", "train.batch_size"].contains(&&*difference.key);
        let warning = "The studies differ in steps or batch size, which alone can move the losses.";
        self.settings.iter().any(unequal).then_some(warning)
    }
}

/// Runs with their name.
type Named<'a> = (RunsName, Vec<&'a RunRecord>);

/// Compares two studies by final loss.
pub fn compare(first: &Study, second: &Study, measure: Measure, by: By) -> StudyComparison {
    let same_data = first.experiment.data.source().identity() == second.experiment.data.source().identity();
    let (a, mut b) = (named(first, measure, by), named(second, measure, by));
    let (mut found, mut only_first) = (Vec::new(), Vec::new());
    for (name, runs) in a {
        match b.iter().position(|(other, _)| *other == name) {
            Some(index) => found.push(compare_row(name, [&runs, &b.remove(index).1], measure, same_data)),
            None => only_first.push(name),
        }
    }
    let p_values: Vec<f64> = found.iter().map(|row| row.p).collect();
    for (row, p) in found.iter_mut().zip(holm(&p_values)) {
        row.p = p;
        row.change = match row.difference {
            Some(difference) if p < 1.0 - LEVEL && difference.estimate < 0.0 => Change::Lower,
            Some(_) if p < 1.0 - LEVEL => Change::Higher,
            _ => Change::Unclear,
        };
    }
    let only_second = b.into_iter().map(|(name, _)| name).collect();
    let settings = difference::differences(&first.experiment, &second.experiment);
    StudyComparison { same_data, settings, rows: found, only_first, only_second }
}

/// The runs of a study with their names.
fn named(study: &Study, measure: Measure, by: By) -> Vec<Named<'_>> {
    let name = |runs: &Runs, learning_rate| RunsName {
        model: runs.model.name.clone(),
        condition: runs.condition.clone(),
        learning_rate,
    };
    match by {
        By::LearningRate => runs_by_rate(study)
            .into_iter()
            .map(|runs| (name(&runs, Some(runs.learning_rates[0])), runs.runs))
            .collect(),
        By::Selected => {
            selected_runs(study, measure).into_iter().map(|runs| (name(&runs, None), runs.runs)).collect()
        }
    }
}

/// One row; its p-value is not yet corrected and its change not yet called.
fn compare_row(
    name: RunsName,
    runs: [&[&RunRecord]; 2],
    measure: Measure,
    same_data: bool,
) -> RunsComparison {
    let [first, second] = runs.map(|runs| losses(runs, measure));
    let common: Vec<(f64, f64)> =
        first.iter().filter_map(|(seed, a)| Some((*a, *second.get(seed)?))).collect();
    let values = [&first, &second].map(|losses| losses.values().copied().collect::<Vec<f64>>());
    let pair = same_data && common.len() >= SEEDS_TO_PAIR;
    let (first, second) = common.iter().copied().unzip();
    let compared = if pair { [first, second] } else { values.clone() };
    let sides = [0, 1].map(|i| Side {
        mean: summary::mean_if_any(&compared[i]),
        finished: values[i].len(),
        diverged: runs[i].len() - values[i].len(),
    });
    let (found, paired) = match pair {
        true => {
            let (found, effect) = paired_difference(&common);
            (found, Some(effect))
        }
        false => (independent_difference(&values), None),
    };
    let p = found.p_two_sided(0.0);
    // Ends that exclude 0 would look like a change where no test can find one.
    let decides = found.finest() <= ONE_SIDED;
    let difference = found.interval().map(|found| Interval { ends: found.ends.filter(|_| decides), ..found });
    RunsComparison { name, sides, paired, difference, p, change: Change::Unclear }
}

/// Mean difference, second minus first, over pairs, with its effect sizes.
fn paired_difference(pairs: &[(f64, f64)]) -> (Resampled, PairedEffect) {
    let (first, second): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let changes = differences(&second, &first);
    let effect = PairedEffect {
        pairs: pairs.len(),
        standardised: standardised(&changes),
        rank_biserial: rank_biserial(&changes),
    };
    (mean_difference(&second, &first, &Bootstrap::for_means()), effect)
}

/// Mean of the second sample minus that of the first.
fn independent_difference([first, second]: &[Vec<f64>; 2]) -> Resampled {
    Bootstrap::for_means().two_samples(second, first, |b, a| summary::mean(b) - summary::mean(a))
}

/// Final losses of the runs that finished, by seed.
fn losses(runs: &[&RunRecord], measure: Measure) -> BTreeMap<u64, f64> {
    let loss = |run: &&RunRecord| Some((run.key.seed, measure.final_loss(run)?));
    runs.iter().filter_map(loss).filter(|(_, loss)| loss.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{noise, study};
    use super::*;

    /// Losses with large common noise by seed; the second study's are `shift` off.
    fn shifted(shift: f64, correlations: &[f64]) -> Study {
        study(correlations, 12, move |_, p, s| {
            Some(0.5 + 0.3 * noise(s) + shift * (1.0 + 0.1 * noise(s ^ p.to_bits())))
        })
    }

    fn compared(a: &Study, b: &Study) -> StudyComparison {
        compare(a, b, Measure::default(), By::LearningRate)
    }

    #[test]
    fn equal_studies_do_not_differ_at_all() {
        let comparison = compared(&shifted(0.0, &[0.5, 1.0]), &shifted(0.0, &[0.5, 1.0]));
        assert_eq!(comparison.rows.len(), 6);
        for row in &comparison.rows {
            assert_eq!(row.difference, Interval::new(0.0, 0.0, 0.0));
            assert_eq!((row.p, row.change, row.paired.unwrap().pairs), (1.0, Change::Unclear, 12));
        }
    }

    #[test]
    fn pairing_finds_a_small_shift_under_large_noise() {
        let (a, b) = (shifted(0.0, &[0.5]), shifted(-0.01, &[0.5]));
        for by in [By::LearningRate, By::Selected] {
            for row in compare(&a, &b, Measure::default(), by).rows {
                assert_eq!(row.change, Change::Lower);
                let (low, high) = row.difference.and_then(|difference| difference.ends).unwrap();
                assert!(low < -0.009 && high < -0.009);
                assert_eq!(row.paired.unwrap().rank_biserial, -1.0);
            }
        }
    }

    #[test]
    fn means_are_of_the_pairs_that_are_compared() {
        let of = |seeds| study(&[0.5], seeds, |_, _, s| Some(s as f64));
        for row in compared(&of(12), &of(6)).rows {
            assert_eq!((row.sides[0].mean, row.sides[1].mean), (Some(2.5), Some(2.5)));
            assert_eq!((row.paired.unwrap().pairs, row.verdict()), (6, "not told apart"));
        }
    }

    #[test]
    fn few_runs_are_not_tested() {
        let of = |seeds, shift: f64| study(&[0.5], seeds, move |_, _, s| Some(s as f64 + shift));
        for (seeds, verdict) in [(5, "not tested: too few runs"), (8, "higher")] {
            let comparison = compared(&of(seeds, 0.0), &of(seeds, 0.1));
            assert!(comparison.rows.iter().all(|row| row.verdict() == verdict), "{seeds}: {comparison:?}");
        }
    }

    #[test]
    fn other_data_is_not_paired() {
        let (a, mut b) = (shifted(0.0, &[0.5]), shifted(-0.01, &[0.5]));
        b.experiment.data.synthetic_mut().unwrap().dim += 1;
        let comparison = compared(&a, &b);
        assert!(!comparison.same_data);
        let row = &comparison.rows[0];
        assert_eq!((row.paired, row.change), (None, Change::Unclear));
        let (low, high) = row.difference.and_then(|difference| difference.ends).unwrap();
        assert!(low < 0.0 && high > 0.0);
    }

    #[test]
    fn few_pairs_make_no_change_however_clear_they_look() {
        let pairs = |seeds: u64, shift: f64| {
            study(&[0.5], seeds, move |_, _, s| {
                Some(0.5 + 0.3 * noise(s) + shift * (1.0 + 0.1 * noise(s + 99)))
            })
        };
        for seeds in 1..=12 {
            let comparison = compared(&pairs(seeds, 0.0), &pairs(seeds, 0.01));
            for row in &comparison.rows {
                // Three rows: the smallest of p-values is multiplied by three.
                let least = (3.0 * 2.0 * 0.5f64.powi(seeds as i32)).min(1.0);
                assert!(row.p >= least || row.paired.is_none(), "{seeds} seeds: {}", row.p);
                assert!(seeds >= 6 || row.change == Change::Unclear, "{seeds} seeds: {}", row.p);
                assert_eq!(row.difference.unwrap().ends.is_some(), seeds >= 6, "{seeds} seeds");
            }
        }
        let clear = compared(&pairs(12, 0.0), &pairs(12, 0.01));
        assert!(clear.rows.iter().all(|row| row.change == Change::Higher));
    }

    #[test]
    fn a_side_without_finished_runs_has_no_mean_and_no_difference() {
        let finished = study(&[0.5], 8, |_, _, s| Some(0.5 + 0.1 * noise(s)));
        let diverged = study(&[0.5], 8, |_, _, _| None);
        for row in compared(&finished, &diverged).rows {
            assert_eq!((row.sides[1].mean, row.sides[1].diverged), (None, 8));
            assert_eq!((row.difference, row.p, row.change), (None, 1.0, Change::Unclear));
        }
    }

    #[test]
    fn runs_of_one_study_only_are_named() {
        let comparison = compared(&shifted(0.0, &[0.5, 0.9]), &shifted(0.0, &[0.5, 1.0]));
        assert_eq!(comparison.rows.len(), 3);
        assert!(comparison.only_first.iter().all(|name| name.condition.task_correlation == Some(0.9)));
        assert!(comparison.only_second.iter().all(|name| name.condition.task_correlation == Some(1.0)));
        assert_eq!((comparison.only_first.len(), comparison.only_second.len()), (3, 3));
    }
}
