//! Convergence regression: does a change of code change the results of training?
//!
//! A baseline study and a fresh one of the same experiment are compared in four steps, the sharpest first.
//!
//! 1. **Bits.** Equal digests: nothing has changed.
//! 2. **Early trajectories**, where both have the same seeds. Other machines and orders of summation round
//!    otherwise; within the first hundred steps that moves a loss by a few parts in ten thousand at most
//!    ([`EARLY_TOLERANCE`]), while any mistake in gradient, update, model or data moves it by percents.
//! 3. **Final losses**, model by model and condition by condition: two one-sided tests must show the means to lie within
//!    [`FINAL_MARGIN`] of each other (paired by seed where seeds are shared). Not shown is not the same.
//! 4. **Order of the models**: claim 4 (both mixtures beat the shared bottom) must not be contradicted where
//!    the baseline does not contradict it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::claims::mixtures_win;
use crate::analysis::statistics::equivalence::{equivalence, paired_equivalence};
use crate::analysis::statistics::{Bootstrap, Resampled, summary};
use crate::analysis::{Measure, Runs, TaskLoss, runs_by_rate};
use crate::claim;
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

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing has changed that the check can see.
    Same,
    /// Training gives other results than before.
    Regressed,
    /// The studies cannot be compared.
    NotComparable,
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
    /// True if it passes.
    pub passed: bool,
}

/// A whole check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason, in a sentence.
    pub reason: String,
    /// Both studies are equal bit for bit.
    pub bit_equal: bool,
    /// Every comparison made.
    pub findings: Vec<Finding>,
}

impl Check {
    fn not_comparable(reason: impl Into<String>) -> Self {
        let verdict = Verdict::NotComparable;
        Self { verdict, reason: reason.into(), bit_equal: false, findings: Vec::new() }
    }
}

/// Checks a fresh study against the baseline.
pub fn check(baseline: &Study, fresh: &Study) -> Check {
    if let Some(reason) = incomparable(baseline, fresh) {
        return Check::not_comparable(reason);
    }
    if baseline.manifest.digest == fresh.manifest.digest {
        let reason = "equal bit for bit".to_string();
        return Check { verdict: Verdict::Same, reason, bit_equal: true, findings: Vec::new() };
    }
    let mut findings = Vec::new();
    let (before, after) = (runs_by_rate(baseline), runs_by_rate(fresh));
    for (a, b) in before.iter().zip(&after) {
        findings.extend(early(a, b));
        match last(a, b, label_variance(baseline)) {
            Some(finding) => findings.push(finding),
            None => {
                let reason = format!("{} has fewer than {FEWEST_SEEDS} finished seeds", name(a));
                return Check::not_comparable(reason);
            }
        }
    }
    findings.push(order(baseline, fresh));
    let failed = findings.iter().filter(|finding| !finding.passed).count();
    let (verdict, reason) = match failed {
        0 => (Verdict::Same, format!("{} comparisons pass; bits differ", findings.len())),
        n => (Verdict::Regressed, format!("{n} of {} comparisons fail", findings.len())),
    };
    Check { verdict, reason, bit_equal: false, findings }
}

/// The reason why two studies cannot be compared, if there is one.
fn incomparable(baseline: &Study, fresh: &Study) -> Option<String> {
    let (a, b) = (&baseline.experiment, &fresh.experiment);
    let complete = |study: &Study| study.manifest.runs_done == study.manifest.runs_planned;
    if !complete(baseline) || !complete(fresh) {
        return Some("a study is not complete".into());
    }
    if a.data != b.data {
        return Some("they generate different data".into());
    }
    if (a.train.steps, a.train.batch_size) != (b.train.steps, b.train.batch_size) {
        return Some("they train for different steps or batches".into());
    }
    let names = |study: &Study| runs_by_rate(study).iter().map(name).collect::<Vec<_>>();
    (names(baseline) != names(fresh)).then(|| "they have different models, correlations or rates".into())
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
        // NaN does not pass.
        passed: change <= EARLY_TOLERANCE,
    })
}

/// Variance of the labels that losses are measured on.
fn label_variance(study: &Study) -> f64 {
    study.experiment.data.source().loss_unit()
}

/// Final losses; none where there are too few seeds. A run that diverged counts with the loss of a
/// model that has learned nothing, the variance of the labels.
fn last(a: &Runs, b: &Runs, label_variance: f64) -> Option<Finding> {
    let losses = |runs: &Runs| -> BTreeMap<u64, f64> {
        let measure = Measure::default();
        let loss = |run: &RunRecord| measure.final_loss(run).map_or(1.0, |loss| loss / label_variance);
        runs.runs.iter().map(|run| (run.key.seed, loss(run))).collect()
    };
    let (before, after) = (losses(a), losses(b));
    let (pairs_a, pairs_b): (Vec<f64>, Vec<f64>) =
        before.iter().filter_map(|(seed, &x)| Some((x, *after.get(seed)?))).unzip();
    let (x, y): (Vec<f64>, Vec<f64>) = (before.into_values().collect(), after.into_values().collect());
    if x.len().min(y.len()) < FEWEST_SEEDS {
        return None;
    }
    let test = match pairs_a.len() == x.len() && pairs_b.len() == y.len() {
        true => paired_equivalence(&pairs_b, &pairs_a, FINAL_MARGIN),
        false => equivalence(&difference_of_means(&y, &x), FINAL_MARGIN),
    };
    Some(Finding {
        cell: name(a),
        test: "final loss",
        baseline: summary::mean(&x),
        fresh: summary::mean(&y),
        change: summary::mean(&y) - summary::mean(&x),
        margin: FINAL_MARGIN,
        p: Some(test.p),
        passed: test.p < 0.05,
    })
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
        passed: before || !after,
    }
}
