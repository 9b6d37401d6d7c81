//! Gain of sharing: how much better a model does than a baseline, which shares nothing unless the experiment names another.
//!
//! The gain is the baseline's loss minus the model's, on the same seeds (the "MTL gain" of Tang et al. 2020, §5.1, for
//! losses): above 0 the model is better, below 0 it is worse. Where the measure is a score, such as AUC, it is the model's minus
//! the baseline's, so that the sign means the same.
//!
//! A baseline may have as many weights as the model over all tasks together, or as many for the prediction of every
//! task. The former compares equal memory, the latter equal cost of a prediction: [`Budget`].

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use super::interval::Interval;
use super::runs::{RunValue, Runs};
use super::statistics::confidence::{LEVEL, SEEDS_TO_DECIDE};
use super::statistics::holm::holm;
use super::statistics::{Bootstrap, Confidence, summary};
use crate::experiment::{Condition, ModelSpec};
use crate::model::Problem;
use crate::record::RunRecord;

/// Largest relative difference of two counts of weights that is called equal: widths are whole units.
const EQUAL_BUDGET: f64 = 0.05;

/// A number of a run by which models are compared.
pub struct Outcome {
    /// The number, such as `loss` or `auc`.
    pub name: &'static str,
    /// The task, such as `mean`, `1` or `cvr`.
    pub task: String,
    /// Both in words, such as "loss, mean over tasks".
    pub title: String,
    /// Whether a higher number is better, as of a score.
    pub higher_is_better: bool,
    /// The number of a run; none for a run that does not have it.
    pub value: Box<dyn RunValue>,
}

/// The runs of a study and the numbers that they are compared by.
pub struct Outcomes<'a> {
    /// The runs of every model and condition, at their chosen learning rates, in the order of the plan.
    pub runs: Vec<Runs<'a>>,
    /// The numbers; learning rates are chosen by the first, and sentences are about it.
    pub outcomes: Vec<Outcome>,
    /// Names of the models that share nothing, or that others are compared with: the baselines.
    pub baselines: Vec<String>,
}

/// In what a baseline and a model are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    /// Weights of hidden layers over all tasks together.
    Total,
    /// Weights that the prediction of one task needs.
    Prediction,
    /// Neither, by more than 5 %.
    Unequal,
}

impl Budget {
    /// Its name in `gains.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Prediction => "prediction",
            Self::Unequal => "unequal",
        }
    }

    /// In what two models are equal.
    fn between(model: &ModelSpec, baseline: &ModelSpec, problem: Problem) -> Self {
        let [model, baseline] =
            [model, baseline].map(|spec| spec.sizes.configuration.build(problem).layout().clone());
        let equal = |a: usize, b: usize| (a as f64 - b as f64).abs() <= EQUAL_BUDGET * a.max(b) as f64;
        if equal(model.budget(), baseline.budget()) {
            Self::Total
        } else if equal(model.budget_of_a_task(), baseline.budget_of_a_task()) {
            Self::Prediction
        } else {
            Self::Unequal
        }
    }
}

/// What an interval says of a gain, after correction for the number of gains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Above 0: the model is better than the baseline.
    Better,
    /// Below 0: it is worse.
    Worse,
    /// Not told apart from 0.
    Unclear,
    /// Fewer than [`SEEDS_TO_DECIDE`] seeds have both.
    NotTested,
}

impl Sign {
    /// Its name in `gains.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Unclear => "not told apart",
            Self::NotTested => "not tested",
        }
    }
}

/// The gain of a model over a baseline under one condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Gain {
    /// Name of the model.
    pub model: String,
    /// Name of the baseline.
    pub baseline: String,
    /// In what the two are equal.
    pub budget: Budget,
    /// Task correlation and settings of both.
    pub condition: Condition,
    /// The number that is compared, and its task.
    pub outcome: (&'static str, String),
    /// Mean gain over seeds with its 95 % bootstrap interval; none where no seed has both.
    pub gain: Option<Interval>,
    /// Mean of the baseline's number over these seeds, for shares.
    pub of_baseline: Option<f64>,
    /// Seeds that have both.
    pub seeds: usize,
    /// Two-sided p-value against a gain of 0, Holm-corrected over the models and conditions of its outcome and baseline;
    /// none with fewer than [`SEEDS_TO_DECIDE`] seeds.
    pub p: Option<f64>,
    /// What the interval says.
    pub sign: Sign,
}

/// The task correlation at which the gain of a model changes its sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Name of the model.
    pub model: String,
    /// Name of the baseline.
    pub baseline: String,
    /// In what the two are equal.
    pub budget: Budget,
    /// Settings; its task correlation is none.
    pub condition: Condition,
    /// Smallest and largest task correlation of the study.
    pub tested: [f64; 2],
    /// Where the mean gain, a line through the correlations, goes from below 0 to above; none where it does not.
    pub task_correlation: Option<f64>,
    /// Lower end of its 95 % interval by bootstrap over seeds; none where it lies beyond the tested correlations.
    pub low: Option<f64>,
    /// Upper end, likewise.
    pub high: Option<f64>,
}

/// The gains of a study and where they change sign.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gains {
    /// Every model, condition, baseline and outcome.
    pub gains: Vec<Gain>,
    /// By the first outcome, for every model, setting and baseline with at least two task correlations.
    pub crossings: Vec<Crossing>,
}

impl Gains {
    /// The gains of a study over its baselines; empty without a baseline.
    pub fn new(outcomes: &Outcomes, problem: Problem) -> Self {
        let mut found = Self::default();
        for baseline in &outcomes.baselines {
            for outcome in &outcomes.outcomes {
                found.gains.extend(gains_of(outcomes, baseline, outcome, problem));
            }
            if let Some(main) = outcomes.outcomes.first() {
                found.crossings.extend(crossings(outcomes, baseline, main, problem));
            }
        }
        found
    }

    /// The gains of the first outcome over a baseline, in the order of the plan.
    pub fn main<'a>(&'a self, baseline: &'a str) -> impl Iterator<Item = &'a Gain> {
        let outcome = self.gains.first().map(|gain| &gain.outcome);
        self.gains.iter().filter(move |gain| gain.baseline == baseline && Some(&gain.outcome) == outcome)
    }

    /// The gains of an outcome, baseline by baseline.
    pub fn of<'a>(&'a self, outcome: &'a Outcome) -> impl Iterator<Item = &'a Gain> {
        self.gains.iter().filter(|gain| gain.outcome.0 == outcome.name && gain.outcome.1 == outcome.task)
    }

    /// The settings, without their task correlations, in the order of the plan.
    pub fn settings(&self) -> Vec<Condition> {
        distinct(self.gains.iter().map(|gain| gain.condition.without_correlation()))
    }

    /// The baselines, in the order of the experiment.
    pub fn baselines(&self) -> Vec<&str> {
        distinct(self.gains.iter().map(|gain| gain.baseline.as_str()))
    }
}

/// Every item once, in the order of the first.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

/// The pairs of a model and its baseline under the same condition.
fn pairs<'a, 'b>(outcomes: &'b Outcomes<'a>, baseline: &str) -> Vec<(&'b Runs<'a>, &'b Runs<'a>)> {
    let of_baseline: Vec<&Runs> = outcomes.runs.iter().filter(|runs| runs.model.name == *baseline).collect();
    let others = outcomes.runs.iter().filter(|runs| !outcomes.baselines.contains(&runs.model.name));
    let pair = |runs: &'b Runs<'a>| {
        Some((runs, *of_baseline.iter().find(|other| other.condition == runs.condition)?))
    };
    others.filter_map(pair).collect()
}

/// Gain on every seed that has both, as (seed, gain, baseline's number).
fn by_seed(model: &Runs, baseline: &Runs, outcome: &Outcome) -> Vec<(u64, f64, f64)> {
    let sign = if outcome.higher_is_better { 1.0 } else { -1.0 };
    let gain = |run: &&RunRecord| {
        let theirs = outcome.value.value(baseline.run(run.key.seed)?)?;
        let ours = outcome.value.value(run)?;
        let gain = sign * (ours - theirs);
        gain.is_finite().then_some((run.key.seed, gain, theirs))
    };
    model.runs.iter().filter_map(gain).collect()
}

/// What makes two gains over one baseline the same comparison; numbers as bits.
#[derive(PartialEq, Eq, Hash)]
struct Comparison {
    model: String,
    task_correlation: Option<u64>,
    /// Gain by seed.
    gains: Vec<(u64, u64)>,
}

/// The gains over one baseline by one outcome, their p-values corrected together.
fn gains_of(outcomes: &Outcomes, baseline: &str, outcome: &Outcome, problem: Problem) -> Vec<Gain> {
    let gain = |(model, baseline): (&Runs, &Runs)| {
        let found = by_seed(model, baseline, outcome);
        let values: Vec<f64> = found.iter().map(|&(_, gain, _)| gain).collect();
        let of_baseline: Vec<f64> = found.iter().map(|&(.., theirs)| theirs).collect();
        let resampled = Bootstrap::for_means().sample(&values, summary::mean);
        let seeds = values.len();
        let comparison = Comparison {
            model: model.model.name.clone(),
            task_correlation: model.condition.task_correlation.map(f64::to_bits),
            gains: found.iter().map(|(seed, gain, _)| (*seed, gain.to_bits())).collect(),
        };
        let gain = Gain {
            model: model.model.name.clone(),
            baseline: baseline.model.name.clone(),
            budget: Budget::between(model.model, baseline.model, problem),
            condition: model.condition.clone(),
            outcome: (outcome.name, outcome.task.clone()),
            gain: resampled.interval(),
            of_baseline: (seeds > 0).then(|| summary::mean(&of_baseline)),
            seeds,
            p: (seeds >= SEEDS_TO_DECIDE).then(|| resampled.p_two_sided(0.0)),
            sign: Sign::NotTested,
        };
        (gain, comparison)
    };
    let found: Vec<(Gain, Comparison)> = pairs(outcomes, baseline).into_par_iter().map(gain).collect();
    let (mut gains, compared): (Vec<Gain>, Vec<Comparison>) = found.into_iter().unzip();
    // Models that do not depend on a key have the same runs at all of its values: one comparison, shown several times.
    let mut comparisons: HashMap<Comparison, usize> = HashMap::new();
    let number = |comparison: Comparison| {
        let next = comparisons.len();
        *comparisons.entry(comparison).or_insert(next)
    };
    let comparison_of: Vec<usize> = compared.into_iter().map(number).collect();
    let mut tested: BTreeMap<usize, f64> = BTreeMap::new();
    tested.extend(
        comparison_of.iter().zip(&gains).filter_map(|(&comparison, gain)| Some((comparison, gain.p?))),
    );
    let corrected = holm(&tested.values().copied().collect::<Vec<_>>());
    let corrected: HashMap<usize, f64> = tested.into_keys().zip(corrected).collect();
    for (gain, comparison) in gains.iter_mut().zip(comparison_of) {
        let Some(&p) = corrected.get(&comparison) else { continue };
        gain.p = Some(p);
        gain.sign = match gain.gain {
            Some(interval) if p < 1.0 - LEVEL && interval.estimate > 0.0 => Sign::Better,
            Some(_) if p < 1.0 - LEVEL => Sign::Worse,
            _ => Sign::Unclear,
        };
    }
    gains
}

/// Where the gains over one baseline change sign, for every model and setting.
fn crossings(outcomes: &Outcomes, baseline: &str, outcome: &Outcome, problem: Problem) -> Vec<Crossing> {
    let pairs = pairs(outcomes, baseline);
    let key = |(model, _): &(&Runs, &Runs)| (model.model.name.clone(), model.condition.without_correlation());
    let crossing = |place: (String, Condition)| {
        let pairs: Vec<_> = pairs.iter().filter(|pair| key(pair) == place).collect();
        let correlations: Option<Vec<f64>> =
            pairs.iter().map(|(runs, _)| runs.condition.task_correlation).collect();
        let correlations = correlations.filter(|correlations| correlations.len() >= 2)?;
        let by_seed: Vec<Vec<(u64, f64, f64)>> =
            pairs.iter().map(|(model, baseline)| by_seed(model, baseline, outcome)).collect();
        let (task_correlation, low, high) = crossing(&correlations, &by_seed)?;
        let (model, condition) = place;
        Some(Crossing {
            model,
            baseline: baseline.to_owned(),
            budget: Budget::between(pairs[0].0.model, pairs[0].1.model, problem),
            condition,
            tested: [correlations[0], correlations[correlations.len() - 1]],
            task_correlation,
            low,
            high,
        })
    };
    distinct(pairs.iter().map(key)).into_par_iter().filter_map(crossing).collect()
}

/// The crossing of gains at rising `correlations`, with its interval; none with fewer than [`SEEDS_TO_DECIDE`] seeds. Seeds
/// are resampled whole, since a seed's data is the same at every correlation.
fn crossing(
    correlations: &[f64],
    by_seed: &[Vec<(u64, f64, f64)>],
) -> Option<(Option<f64>, Option<f64>, Option<f64>)> {
    let mut seeds: Vec<u64> = by_seed.iter().flatten().map(|&(seed, ..)| seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    // A diverged run leaves a hole at its correlation alone: `[seeds][correlations]`.
    let table: Vec<Vec<Option<f64>>> = seeds
        .iter()
        .map(|seed| {
            let at =
                |gains: &Vec<(u64, f64, f64)>| gains.iter().find(|gain| gain.0 == *seed).map(|gain| gain.1);
            by_seed.iter().map(at).collect()
        })
        .collect();
    if seeds.len() < SEEDS_TO_DECIDE || by_seed.iter().any(Vec::is_empty) {
        return None;
    }
    let statistic = |rows: &[usize]| {
        let mean = |column: usize| {
            let values = || rows.iter().filter_map(|&row| table[row][column]);
            values().sum::<f64>() / values().count() as f64
        };
        let means: Vec<f64> = (0..correlations.len()).map(mean).collect();
        upward(correlations, &means)
    };
    let interval = Bootstrap::for_means().rows(seeds.len(), statistic).interval()?;
    let (first, last) = (correlations[0], correlations[correlations.len() - 1]);
    let within = |value: f64| (value > first && value < last).then_some(value);
    Some((within(interval.estimate), interval.low().and_then(within), interval.high().and_then(within)))
}

/// The correlation above which the means stay above 0: where the line through them goes from below 0 to above for the
/// last time. The first correlation where they are above 0 throughout, the last where the last mean is not above 0.
fn upward(correlations: &[f64], means: &[f64]) -> f64 {
    let last = correlations.len() - 1;
    let above = |i: usize| means[i] > 0.0;
    if !above(last) {
        return correlations[last];
    }
    match (0..last).rev().find(|&i| !above(i)) {
        None => correlations[0],
        Some(below) => {
            let (from, to) = (means[below], means[below + 1]);
            let share = if from.is_finite() { -from / (to - from) } else { 1.0 };
            correlations[below] + share * (correlations[below + 1] - correlations[below])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::{Measure, TaskLoss};
    use super::super::selection::selected_runs;
    use super::*;
    use crate::store::Study;
    use crate::store::sample::Sample;

    /// Outcomes of a study of regression tasks.
    fn outcomes(study: &Study) -> Outcomes<'_> {
        let mean = Measure { task: TaskLoss::Mean, ..Measure::default() };
        Outcomes {
            runs: selected_runs(study, mean),
            outcomes: vec![Outcome {
                name: "loss",
                task: "mean".into(),
                title: "loss".into(),
                higher_is_better: false,
                value: Box::new(move |run: &RunRecord| mean.final_loss(run)),
            }],
            baselines: vec!["single_task".into()],
        }
    }

    /// A study whose MMoE is better than single-task by `gain(p)` on every seed, and a little noise.
    fn study(seeds: u64, gain: impl Fn(f64) -> f64) -> Study {
        let models = vec![("single_task", "single_task", ""), ("mmoe", "mmoe", "")];
        let correlations = vec![0.0, 0.5, 0.9, 1.0];
        let mut study =
            Sample { models, seeds, correlations, learning_rates: vec![0.01], ..Sample::default() }.study();
        for run in &mut study.runs {
            let p = run.key.condition.task_correlation.unwrap();
            let noise = [0.01, -0.01, 0.004, -0.004][run.key.seed as usize % 4];
            let loss = match run.key.model.as_str() {
                "mmoe" => 0.3 - gain(p) + noise,
                _ => 0.3,
            };
            if let Some(last) = run.curve.last_mut() {
                last.held_out_loss = vec![loss as f32; last.held_out_loss.len()];
            }
        }
        study
    }

    #[test]
    fn a_gain_is_the_baselines_loss_minus_the_models() {
        let study = study(12, |p| p - 0.7);
        let found = Gains::new(&outcomes(&study), study.experiment.problem());
        assert_eq!(found.gains.len(), 4);
        for (gain, expected) in found.gains.iter().zip([-0.7, -0.2, 0.2, 0.3]) {
            let interval = gain.gain.unwrap();
            assert!((interval.estimate - expected).abs() < 1e-6, "{gain:?}");
            let (low, high) = interval.ends.unwrap();
            assert!(low < expected && expected < high && gain.seeds == 12);
            assert_eq!(gain.sign, if expected < 0.0 { Sign::Worse } else { Sign::Better });
            assert!(gain.p.unwrap() >= 2.0 / 4096.0);
        }
        let crossing = &found.crossings[0];
        assert!((crossing.task_correlation.unwrap() - 0.7).abs() < 1e-6);
        assert!(crossing.low.unwrap() < 0.7 && crossing.high.unwrap() > 0.7);
        assert!(crossing.high.unwrap() - crossing.low.unwrap() < 0.05);
    }

    #[test]
    fn a_gain_without_a_change_of_sign_has_no_crossing() {
        for gain in [-0.2, 0.2] {
            let study = study(12, |_| gain);
            let found = Gains::new(&outcomes(&study), study.experiment.problem());
            let crossing = &found.crossings[0];
            assert_eq!((crossing.task_correlation, crossing.low, crossing.high), (None, None, None));
            assert_eq!(crossing.tested, [0.0, 1.0]);
        }
    }

    #[test]
    fn few_seeds_give_no_verdict_and_diverged_runs_leave_their_cell_alone() {
        let few = study(SEEDS_TO_DECIDE as u64 - 1, |p| p - 0.7);
        let found = Gains::new(&outcomes(&few), few.experiment.problem());
        assert!(found.gains.iter().all(|gain| gain.sign == Sign::NotTested && gain.p.is_none()));
        assert!(found.crossings.is_empty());

        let mut holes = study(12, |p| p - 0.7);
        for run in &mut holes.runs {
            if run.key.model == "mmoe" && run.key.condition.task_correlation == Some(0.5) && run.key.seed < 2
            {
                run.status = crate::record::Status::Diverged;
            }
        }
        let found = Gains::new(&outcomes(&holes), holes.experiment.problem());
        let seeds: Vec<usize> = found.gains.iter().map(|gain| gain.seeds).collect();
        assert_eq!(seeds, [12, 10, 12, 12]);
        assert!((found.crossings[0].task_correlation.unwrap() - 0.7).abs() < 0.01);
    }

    #[test]
    fn the_last_upward_crossing_counts() {
        let p = [0.0, 0.5, 1.0];
        assert_eq!(upward(&p, &[1.0, -1.0, 1.0]), 0.75);
        assert_eq!(upward(&p, &[-1.0, 1.0, 2.0]), 0.25);
        assert_eq!(upward(&p, &[1.0, 1.0, 1.0]), 0.0);
        assert_eq!(upward(&p, &[1.0, 1.0, -1.0]), 1.0);
    }

    #[test]
    fn budgets_are_found_by_counting() {
        let problem = Problem { features: 100, tasks: 2 };
        let spec = |name: &str, table: &str| {
            let architecture = crate::model::architecture(name).unwrap();
            let sizes = (architecture.parse)(table.parse().unwrap()).unwrap();
            ModelSpec::new(name, architecture, sizes)
        };
        let mmoe = spec("mmoe", "");
        assert_eq!(Budget::between(&mmoe, &spec("single_task", ""), problem), Budget::Total);
        // 12,928 weights for the prediction of one task: 120 units of 100 + 8.
        let large = spec("single_task", "bottom_units = 120");
        assert_eq!(Budget::between(&mmoe, &large, problem), Budget::Prediction);
        assert_eq!(
            Budget::between(&mmoe, &spec("single_task", "bottom_units = 16"), problem),
            Budget::Unequal
        );
    }
}
