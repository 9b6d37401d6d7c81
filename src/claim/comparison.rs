//! A comparison: an effect with its 95 % interval, the requirement on it, and its verdict.

use super::Verdict;
use crate::analysis::Interval;
use crate::analysis::statistics::Confidence;
use crate::analysis::statistics::confidence::{ONE_SIDED, SEEDS_TO_DECIDE};

/// Fewest seeds that anything is computed on: with fewer, a variance is a guess.
pub const FEWEST_SEEDS: usize = 3;

/// Fewest seeds for which a ratio of variances can: with fewer than a hundred the rare bad runs that make a
/// variance are too often missing, and its interval errs two or three times as often as it should (measured:
/// [`spread::variance_ratio`](crate::analysis::statistics::spread::variance_ratio)).
const SEEDS_TO_DECIDE_VARIANCES: usize = 100;

/// Reason why runs that all diverged test nothing.
pub const NO_RUN_FINISHED: &str = "no run finished";

/// Reason why an effect that has no value may not decide.
const NOT_DEFINED: &str = "not defined on these runs";

/// Largest share of seeds that may be left out, because a run diverged, of a number that is still to decide.
/// Beyond it, leaving out is itself an effect.
const LEFT_OUT_TO_DECIDE: f64 = 0.1;

/// The role of a comparison in its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Must hold for the claim to be supported; contradicts it where it clearly fails.
    Primary,
    /// Need not be shown to hold, but contradicts the claim where it clearly fails.
    Guardrail,
    /// Shown beside the others; has no influence on the verdict.
    Descriptive,
}

impl Role {
    /// The word in `claims.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Guardrail => "guardrail",
            Self::Descriptive => "descriptive",
        }
    }
}

/// The range that an effect must lie in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Requirement {
    /// Effect > value.
    Above(f64),
    /// −margin < effect < margin.
    Within(f64),
}

impl Requirement {
    /// One-sided p-value against "the requirement does not hold". For a margin: two one-sided tests, each at
    /// 2.5 %.
    fn p_met(self, confidence: &dyn Confidence) -> f64 {
        match self {
            Self::Above(value) => confidence.p_not_above(value),
            Self::Within(margin) => confidence.p_not_above(-margin).max(confidence.p_not_below(margin)),
        }
    }

    /// One-sided p-value against "the requirement holds".
    fn p_failed(self, confidence: &dyn Confidence) -> f64 {
        match self {
            Self::Above(value) => confidence.p_not_below(value),
            // At either edge of the margin only one of the two can err.
            Self::Within(margin) => confidence.p_not_above(margin).min(confidence.p_not_below(-margin)),
        }
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Above(value) => write!(f, "> {}", rounded(*value)),
            Self::Within(margin) => write!(f, "within ±{}", rounded(*margin)),
        }
    }
}

/// Four decimals without trailing zeros.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The unit of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Mean squared error of task 1, on the rows that the experiment reports, as a share of the labels' variance; equal
    /// to the logged loss where labels are standardised.
    Loss,
    /// Share of runs, 0 to 1 (differences: −1 to 1).
    ShareOfRuns,
    /// Ratio of variances of final losses.
    VarianceRatio,
    /// Probability, 0 to 1.
    Probability,
    /// Pearson correlation of labels.
    Correlation,
    /// Area under the ROC curve.
    Auc,
    /// Distance of predicted from true probabilities, mean over impressions.
    ProbabilityError,
    /// A bias or an error over the mean true probability.
    OfTruth,
    /// Share of impressions, 0 to 1.
    ShareOfImpressions,
}

impl Unit {
    /// Decimals to show: AUCs differ in the third, and probabilities of conversion and shares of impossible predictions
    /// are small.
    pub fn decimals(self) -> usize {
        match self {
            Self::ProbabilityError | Self::ShareOfImpressions => 5,
            Self::Auc => 4,
            _ => 3,
        }
    }

    /// The word in `claims.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::ShareOfRuns => "share of runs",
            Self::VarianceRatio => "ratio of variances",
            Self::Probability => "probability",
            Self::Correlation => "correlation",
            Self::Auc => "AUC",
            Self::ProbabilityError => "probability",
            Self::OfTruth => "of the mean truth",
            Self::ShareOfImpressions => "share of impressions",
        }
    }
}

/// Seeds behind a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seeds {
    /// Seeds that it is computed from.
    pub used: usize,
    /// Seeds left out because one of the compared runs diverged.
    pub left_out: usize,
}

/// One comparison of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The effect, in words.
    pub name: String,
    /// Its role in the claim.
    pub role: Role,
    /// The range that the effect must lie in.
    pub requirement: Requirement,
    /// The verdict of this comparison alone, uncorrected: supported where the 95 % interval lies wholly within the
    /// required range, contradicted where it lies wholly outside.
    pub verdict: Verdict,
    /// The effect with its 95 % interval; none where it is not defined, as a ratio of variances is not where losses do not
    /// vary.
    pub effect: Option<Interval>,
    /// Its unit.
    pub unit: Unit,
    /// One-sided p-value against "the requirement does not hold": below 2.5 % it is shown to hold.
    pub p_met: f64,
    /// One-sided p-value against "the requirement holds": below 2.5 % it is shown to fail. 1 where the
    /// comparison may not decide.
    pub p_failed: f64,
    /// The same effect in the paper, where its figures or tables have it.
    pub paper: Option<f64>,
    /// Seeds behind it.
    pub seeds: Seeds,
    /// Reason why it may not decide, whatever its interval: too few seeds, or too many left out.
    pub reservation: Option<String>,
}

/// A comparison that has not been tested yet.
pub struct Hypothesis {
    /// The effect, in words.
    pub name: String,
    /// Its role in the claim.
    pub role: Role,
    /// The range that the effect must lie in.
    pub requirement: Requirement,
    /// Unit of the effect.
    pub unit: Unit,
    /// The same effect in the paper, where its figures or tables have it.
    pub paper: Option<f64>,
}

impl Hypothesis {
    /// Tests the hypothesis with an estimated effect.
    pub fn test(self, effect: &dyn Confidence, seeds: Seeds) -> Comparison {
        let Self { name, role, requirement, unit, paper } = self;
        let reservation = reservation(unit, seeds);
        let (mut p_met, mut p_failed) = (requirement.p_met(effect), requirement.p_failed(effect));
        if reservation.is_some() {
            (p_met, p_failed) = (1.0, 1.0);
        }
        let verdict = match () {
            () if p_met < ONE_SIDED => Verdict::Supported,
            () if p_failed < ONE_SIDED => Verdict::Contradicted,
            () => Verdict::Undecided,
        };
        let effect = effect.interval();
        let reservation = reservation.or_else(|| effect.is_none().then(|| NOT_DEFINED.to_owned()));
        Comparison {
            name,
            role,
            requirement,
            verdict,
            effect,
            unit,
            p_met,
            p_failed,
            paper,
            seeds,
            reservation,
        }
    }
}

/// Reason why a number may not decide.
fn reservation(unit: Unit, seeds: Seeds) -> Option<String> {
    let Seeds { used, left_out } = seeds;
    let needed = if unit == Unit::VarianceRatio { SEEDS_TO_DECIDE_VARIANCES } else { SEEDS_TO_DECIDE };
    if used < needed {
        return Some(format!("{used} seeds cannot decide; {needed} can"));
    }
    let share = left_out as f64 / (used + left_out) as f64;
    (share > LEFT_OUT_TO_DECIDE)
        .then(|| format!("{left_out} of {} seeds left out: a run diverged", used + left_out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::paired::StudentMean;

    fn compared(requirement: Requirement, values: &[f64], left_out: usize) -> Comparison {
        let (name, unit) = ("effect".to_string(), Unit::Loss);
        let hypothesis = Hypothesis { name, role: Role::Primary, requirement, unit, paper: None };
        hypothesis.test(&StudentMean::new(values), Seeds { used: values.len(), left_out })
    }

    const NEAR_ONE: [f64; 8] = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.0];

    #[test]
    fn an_interval_on_one_side_decides() {
        assert_eq!(compared(Requirement::Above(0.5), &NEAR_ONE, 0).verdict, Verdict::Supported);
        assert_eq!(compared(Requirement::Above(1.0), &NEAR_ONE, 0).verdict, Verdict::Undecided);
        assert_eq!(compared(Requirement::Above(1.5), &NEAR_ONE, 0).verdict, Verdict::Contradicted);
        assert_eq!(compared(Requirement::Within(1.5), &NEAR_ONE, 0).verdict, Verdict::Supported);
        assert_eq!(compared(Requirement::Within(1.0), &NEAR_ONE, 0).verdict, Verdict::Undecided);
        assert_eq!(compared(Requirement::Within(0.5), &NEAR_ONE, 0).verdict, Verdict::Contradicted);
    }

    #[test]
    fn an_effect_that_is_not_defined_decides_nothing_and_says_so() {
        let found = compared(Requirement::Above(0.5), &[f64::NAN; 8], 0);
        assert_eq!((found.effect, found.verdict), (None, Verdict::Undecided));
        assert_eq!(found.reservation.as_deref(), Some(NOT_DEFINED));
    }

    #[test]
    fn few_seeds_and_many_divergences_do_not_decide() {
        let few = compared(Requirement::Above(0.5), &NEAR_ONE[..5], 0);
        assert_eq!(few.verdict, Verdict::Undecided);
        assert_eq!(few.reservation.as_deref(), Some("5 seeds cannot decide; 6 can"));
        let holes = compared(Requirement::Above(0.5), &NEAR_ONE, 1);
        assert_eq!(holes.verdict, Verdict::Undecided);
        assert_eq!(holes.reservation.as_deref(), Some("1 of 9 seeds left out: a run diverged"));
    }
}
