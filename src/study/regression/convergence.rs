//! Convergence regression: does a change of code change the results of training?
//!
//! A baseline study and a fresh one of the same experiment are compared on the seeds that both have; where they share
//! none, their runs are independent samples. There are four steps, the sharpest first.
//!
//! 1. **Bits.** All results of the common seeds are equal: nothing has changed.
//! 2. **Early trajectories** of the common seeds. Other machines and orders of summation round
//!    otherwise; within the first hundred steps that moves a loss by a few parts in ten thousand at most
//!    ([`EARLY_TOLERANCE`]), while any mistake in gradient, update, model or data moves it by percents.
//! 3. **Final losses**, model by model and condition by condition: two one-sided tests show the means to lie within
//!    [`FINAL_MARGIN`] of each other, or farther apart, or cannot decide. Not decided is not the same.
//! 4. **Order of the models**: claim 4 (both mixtures beat the shared bottom) must not be contradicted where
//!    the baseline does not contradict it.
//!
//! A baseline that was made with a mistake finds nothing wrong with it. So [`Check::with_invariants`] adds what must hold
//! of any study.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::claims::mixtures_win;
use crate::analysis::statistics::equivalence::{equivalence, paired_equivalence};
use crate::analysis::statistics::{Bootstrap, Resampled, summary};
use crate::analysis::{Measure, Runs, TaskLoss, runs_by_rate};
use crate::claim;
use crate::engine::invariants::Invariant;
use crate::experiment::Experiment;
use crate::experiment::difference::{Difference, differences};
use crate::store::{RunRecord, Study};

/// Steps within which rounding has not yet grown into differences of its own.
pub const EARLY_STEPS: u64 = 100;

/// Largest median relative change of held-out losses at the last logged step up to
/// [`EARLY_STEPS`]. Measured on `ci.toml`: the other engine 0.00005, a learning rate 10 % higher 0.005,
/// experts of half the size 0.016.
pub const EARLY_TOLERANCE: f64 = 1e-3;

/// Margin within which mean final losses are called the same, as a share of the labels' variance. The final
/// losses of `ci.toml` have standard deviations of about 0.1; with 40 seeds a side the standard error of a
/// difference is 0.022, so that an unchanged model with other seeds is shown to be within 0.1 in 998 of
/// 1,000 checks (z = 0.1 / 0.022 − 1.66 = 2.9), and shared seeds do better.
pub const FINAL_MARGIN: f64 = 0.1;

/// Fewest seeds that test a mean.
const FEWEST_SEEDS: usize = 3;

/// p-value below which a comparison of final losses is decided.
pub const DECIDED: f64 = 0.05;

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing has changed that the check can see.
    Same,
    /// Training is shown to give other results than before, or something that must hold does not.
    Regressed,
    /// The results are not shown to be equal, nor to differ.
    Undecided,
    /// The studies cannot be compared.
    NotComparable,
}

/// What a comparison shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The two are shown to be equal, within the margin.
    Equal,
    /// Neither is shown.
    Undecided,
    /// They are shown to differ, by more than the margin.
    Different,
}

impl Outcome {
    /// Equal or different.
    fn equal_if(equal: bool) -> Self {
        if equal { Self::Equal } else { Self::Different }
    }
}

/// One comparison of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The runs compared, such as `mmoe at 0.5, rate 0.01`.
    pub cell: String,
    /// The step of the check.
    pub test: &'static str,
    /// In the baseline.
    pub baseline: f64,
    /// In the fresh study.
    pub fresh: f64,
    /// Relative median change (early) or difference of means (final).
    pub change: f64,
    /// Upper limit of the change.
    pub margin: f64,
    /// p-value against a change of at least the margin; none where there is no test.
    pub p: Option<f64>,
    /// What it shows.
    pub outcome: Outcome,
}

/// A whole check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason, in a sentence.
    pub reason: String,
    /// All results of the common seeds are equal bit for bit.
    pub bit_equal: bool,
    /// Number of seeds that both studies have.
    pub common_seeds: usize,
    /// The settings in which the studies differ: `first` in the baseline, `second` in the fresh study.
    pub settings: Vec<Difference>,
    /// What must hold of any study.
    pub invariants: Vec<Invariant>,
    /// Every comparison made.
    pub findings: Vec<Finding>,
}

impl Check {
    /// A check of two experiments without any finding.
    fn new(baseline: &Experiment, fresh: &Experiment, verdict: Verdict, reason: String) -> Self {
        Self {
            verdict,
            reason,
            bit_equal: false,
            common_seeds: common_seeds(baseline, fresh).len(),
            settings: differences(baseline, fresh),
            invariants: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// A check that ends before training, if the results of two experiments cannot be compared.
    pub fn not_comparable(baseline: &Experiment, fresh: &Experiment) -> Option<Self> {
        let reason = incomparable(baseline, fresh)?;
        Some(Self::new(baseline, fresh, Verdict::NotComparable, reason))
    }

    /// Adds what must hold of any study; where something does not, the verdict is [`Verdict::Regressed`].
    #[must_use]
    pub fn with_invariants(mut self, invariants: Vec<Invariant>) -> Self {
        if let Some(broken) = invariants.iter().find_map(|invariant| invariant.broken.as_deref()) {
            self.verdict = Verdict::Regressed;
            self.reason = match self.bit_equal {
                true => format!("{broken}, in the baseline too"),
                false => format!("{broken}; {}", self.reason),
            };
        }
        Self { invariants, ..self }
    }
}

/// Checks a fresh study against the baseline.
pub fn check(baseline: &Study, fresh: &Study) -> Check {
    let done = |verdict, reason| Check::new(&baseline.experiment, &fresh.experiment, verdict, reason);
    let complete = |study: &Study| study.manifest.runs_done == study.manifest.runs_planned;
    let incomparable = match complete(baseline) && complete(fresh) {
        true => incomparable(&baseline.experiment, &fresh.experiment),
        false => Some("a study is not complete".into()),
    };
    if let Some(reason) = incomparable {
        return done(Verdict::NotComparable, reason);
    }
    let common = common_seeds(&baseline.experiment, &fresh.experiment);
    if baseline.manifest.digest == fresh.manifest.digest {
        return Check { bit_equal: true, ..done(Verdict::Same, "equal bit for bit".into()) };
    }
    let whole = [baseline, fresh].map(|study| study.experiment.grid.seeds.len());
    let [baseline, fresh] = match common.is_empty() {
        true => [baseline.clone(), fresh.clone()],
        false => [baseline, fresh].map(|study| on_seeds(study, &common)),
    };
    if !common.is_empty() && whole != [common.len(); 2] && equal_results(&baseline, &fresh) {
        let reason = format!(
            "equal bit for bit on the {} that both have (the baseline has {}, this study {})",
            seeds(common.len()),
            seeds(whole[0]),
            seeds(whole[1])
        );
        return Check { bit_equal: true, ..done(Verdict::Same, reason) };
    }
    let findings = findings(&baseline, &fresh);
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let all = findings.len();
    let (verdict, reason) = match (count(Outcome::Different), count(Outcome::Undecided)) {
        (0, 0) => (Verdict::Same, format!("all {all} comparisons show equal results; bits differ")),
        (0, n) => {
            let common = match common.len() {
                0 => "no common seed".into(),
                n => format!("{} in common", seeds(n)),
            };
            let reason = format!(
                "{n} of {all} comparisons show neither equal results nor different ones, with {common}; more seeds decide"
            );
            (Verdict::Undecided, reason)
        }
        (n, _) => (Verdict::Regressed, format!("{n} of {all} comparisons show different results")),
    };
    Check { findings, ..done(verdict, reason) }
}

/// Every comparison of two studies.
fn findings(baseline: &Study, fresh: &Study) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (a, b) in runs_by_rate(baseline).iter().zip(&runs_by_rate(fresh)) {
        findings.extend(early(a, b));
        findings.push(last(a, b, label_variance(baseline)));
    }
    findings.push(order(baseline, fresh));
    findings
}

/// A number of seeds in words.
fn seeds(count: usize) -> String {
    if count == 1 { "1 seed".into() } else { format!("{count} seeds") }
}

/// The seeds of both experiments.
fn common_seeds(a: &Experiment, b: &Experiment) -> BTreeSet<u64> {
    a.grid.seeds.iter().copied().filter(|seed| b.grid.seeds.contains(seed)).collect()
}

/// A study without the runs of other seeds.
fn on_seeds(study: &Study, seeds: &BTreeSet<u64>) -> Study {
    let mut study = study.clone();
    study.experiment.grid.seeds.retain(|seed| seeds.contains(seed));
    study.runs.retain(|run| seeds.contains(&run.key.seed));
    study.labels.retain(|label| seeds.contains(&label.seed));
    study
}

/// Whether two studies have the same results, bit for bit. Only times may differ.
fn equal_results(a: &Study, b: &Study) -> bool {
    let untimed = |run: &RunRecord| RunRecord { seconds: 0.0, ..run.clone() };
    a.labels == b.labels && a.runs.iter().map(untimed).eq(b.runs.iter().map(untimed))
}

/// The reason why the results of two experiments cannot be compared, if there is one.
fn incomparable(a: &Experiment, b: &Experiment) -> Option<String> {
    if a.data != b.data {
        return Some("they generate different data".into());
    }
    if (a.train.steps, a.train.batch_size) != (b.train.steps, b.train.batch_size) {
        return Some("they train for different steps or batches".into());
    }
    let cells = |experiment: &Experiment| {
        let of_model = |model| (experiment.learning_rates(model).to_vec(), model.name.clone());
        (experiment.models.iter().map(of_model).collect::<Vec<_>>(), experiment.grid.conditions())
    };
    (cells(a) != cells(b)).then(|| "they have different models, correlations or rates".into())
}

fn name(runs: &Runs) -> String {
    let at = match runs.condition.label(|value| value.to_string()) {
        none if none.is_empty() => none,
        condition => format!(" at {condition}"),
    };
    format!("{}{at}, rate {}", runs.model.name, runs.learning_rates[0])
}

/// Held-out losses at the last logged step up to [`EARLY_STEPS`], by seed: the mean over tasks.
fn early_losses(runs: &Runs) -> BTreeMap<u64, f64> {
    let measure = Measure { task: TaskLoss::Mean, ..Measure::default() };
    let loss = |run: &&RunRecord| {
        let point = run.curve.iter().rev().find(|point| point.step <= EARLY_STEPS && point.step > 0)?;
        Some((run.key.seed, measure.at(point)?))
    };
    runs.runs.iter().filter_map(loss).collect()
}

/// Early trajectories of the seeds that both have.
fn early(a: &Runs, b: &Runs) -> Option<Finding> {
    let (before, after) = (early_losses(a), early_losses(b));
    let pairs: Vec<(f64, f64)> =
        before.iter().filter_map(|(seed, &x)| Some((x, *after.get(seed)?))).collect();
    if pairs.is_empty() {
        return None;
    }
    let mut changes: Vec<f64> = pairs.iter().map(|(x, y)| (y / x - 1.0).abs()).collect();
    changes.sort_by(f64::total_cmp);
    let change = changes[changes.len() / 2];
    let mean = |side: fn(&(f64, f64)) -> f64| pairs.iter().map(side).sum::<f64>() / pairs.len() as f64;
    Some(Finding {
        cell: name(a),
        test: "early trajectory",
        baseline: mean(|pair| pair.0),
        fresh: mean(|pair| pair.1),
        change,
        margin: EARLY_TOLERANCE,
        p: None,
        // NaN is not equal.
        outcome: Outcome::equal_if(change <= EARLY_TOLERANCE),
    })
}

/// Variance of the labels that losses are measured on.
fn label_variance(study: &Study) -> f64 {
    study.experiment.data.source().loss_unit()
}

/// Final losses; undecided where there are too few seeds. A run that diverged counts with the loss of a
/// model that has learned nothing, the variance of the labels.
fn last(a: &Runs, b: &Runs, label_variance: f64) -> Finding {
    let losses = |runs: &Runs| -> BTreeMap<u64, f64> {
        let measure = Measure::default();
        let loss = |run: &RunRecord| measure.final_loss(run).map_or(1.0, |loss| loss / label_variance);
        runs.runs.iter().map(|run| (run.key.seed, loss(run))).collect()
    };
    let (before, after) = (losses(a), losses(b));
    let (pairs_a, pairs_b): (Vec<f64>, Vec<f64>) =
        before.iter().filter_map(|(seed, &x)| Some((x, *after.get(seed)?))).unzip();
    let (x, y): (Vec<f64>, Vec<f64>) = (before.into_values().collect(), after.into_values().collect());
    let test = match (x.len().min(y.len()) >= FEWEST_SEEDS, pairs_a.is_empty()) {
        (false, _) => None,
        (true, false) => Some(paired_equivalence(&pairs_b, &pairs_a, FINAL_MARGIN)),
        (true, true) => Some(equivalence(&difference_of_means(&y, &x), FINAL_MARGIN)),
    };
    let outcome = match test {
        Some(test) if test.p < DECIDED => Outcome::Equal,
        Some(test) if test.p_beyond < DECIDED => Outcome::Different,
        _ => Outcome::Undecided,
    };
    Finding {
        cell: name(a),
        test: "final loss",
        baseline: summary::mean(&x),
        fresh: summary::mean(&y),
        change: summary::mean(&y) - summary::mean(&x),
        margin: FINAL_MARGIN,
        p: test.map(|test| test.p),
        outcome,
    }
}

/// Mean of `a` minus mean of `b`.
fn difference_of_means(a: &[f64], b: &[f64]) -> Resampled {
    Bootstrap::for_means().two_samples(a, b, |a, b| summary::mean(a) - summary::mean(b))
}

/// Claim 4 must not become contradicted.
fn order(baseline: &Study, fresh: &Study) -> Finding {
    let contradicted = |study| mixtures_win(study) == claim::Verdict::Contradicted;
    let (before, after) = (contradicted(baseline), contradicted(fresh));
    Finding {
        cell: "mixtures below the shared bottom".into(),
        test: "claim 4",
        baseline: f64::from(u8::from(!before)),
        fresh: f64::from(u8::from(!after)),
        change: f64::from(u8::from(before != after)),
        margin: 1.0,
        p: None,
        outcome: Outcome::equal_if(before || !after),
    }
}
