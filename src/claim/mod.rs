//! Claims as code: a sentence of a paper, the comparisons that decide it on a study, and the verdict.
//!
//! The claims themselves belong to the kinds of studies (`study`). All claims share the rules for a verdict:
//!
//! - **Supported** where every primary comparison is: each interval lies wholly where the claim requires it. This is
//!   an intersection-union test (Berger 1982), so no comparison needs correcting for the others.
//! - **Contradicted** where any primary or guardrail comparison clearly fails. One failure is enough, and many
//!   comparisons would produce one by chance, so p-values are corrected by Holm over these comparisons, at 2.5 %.
//! - **Undecided** otherwise; **not tested** where the study lacks what the claim is about, or where no run of it finished.
//!
//! Fewer than three seeds test nothing, and fewer than six decide nothing: n pairs have no p-value below 2⁻ⁿ on one side.
//!
//! Each claim is tested as a question of its own: no correction is made across claims.

mod comparison;
pub mod table;

pub use comparison::{Comparison, FEWEST_SEEDS, Hypothesis, NO_RUN_FINISHED, Requirement, Role, Seeds, Unit};

use crate::analysis::statistics::confidence::ONE_SIDED;
use crate::analysis::statistics::holm::holm;

/// The answer of a study to a claim, or to one of its comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The 95 % intervals lie where the claim requires them.
    Supported,
    /// A 95 % interval excludes the claim.
    Contradicted,
    /// The intervals allow both.
    Undecided,
    /// The study cannot answer, for this reason.
    NotTested(String),
}

impl Verdict {
    /// The word in `claims.csv`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Contradicted => "contradicted",
            Self::Undecided => "undecided",
            Self::NotTested(_) => "not tested",
        }
    }
}

/// A claim about studies that give the evidence `E`.
pub struct Claim<E> {
    /// Short name in `snake_case`, unique among the claims of a kind of study.
    pub name: &'static str,
    /// The paper's sentence, with its section.
    pub statement: &'static str,
    /// The criterion, in words.
    pub rule: &'static str,
    /// The comparisons that decide it, or why there are none.
    pub test: fn(&E) -> Result<Vec<Comparison>, String>,
}

/// A claim with the verdict of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimResult {
    /// Position in the list of claims, from 1.
    pub number: usize,
    /// Short name in `snake_case`.
    pub name: &'static str,
    /// The paper's sentence, with its section.
    pub statement: &'static str,
    /// The criterion, in words.
    pub rule: &'static str,
    /// The verdict of the study.
    pub verdict: Verdict,
    /// The comparisons behind the verdict; none where the claim was not tested.
    pub comparisons: Vec<Comparison>,
}

impl ClaimResult {
    /// The comparison to show where there is room for one: the one that contradicts the most, or else the primary
    /// comparison that is hardest to support.
    pub fn headline(&self) -> Option<&Comparison> {
        let primary = |comparison: &&Comparison| comparison.role == Role::Primary;
        let counting = |comparison: &&Comparison| comparison.role != Role::Descriptive;
        let comparisons = self.comparisons.iter();
        match self.verdict {
            Verdict::Contradicted => {
                comparisons.filter(counting).min_by(|a, b| a.p_failed.total_cmp(&b.p_failed))
            }
            _ => comparisons.filter(primary).max_by(|a, b| a.p_met.total_cmp(&b.p_met)),
        }
    }
}

/// Tests claims on the evidence of a study, in their order.
pub fn run<E>(claims: &[Claim<E>], evidence: &E) -> Vec<ClaimResult> {
    (1..).zip(claims).map(|(number, claim)| claim.result(number, evidence)).collect()
}

impl<E> Claim<E> {
    fn result(&self, number: usize, evidence: &E) -> ClaimResult {
        let (verdict, comparisons) = match (self.test)(evidence) {
            Ok(comparisons) => (verdict(&comparisons), comparisons),
            Err(reason) => (Verdict::NotTested(reason), Vec::new()),
        };
        let Self { name, statement, rule, .. } = *self;
        ClaimResult { number, name, statement, rule, verdict, comparisons }
    }
}

/// The verdict that comparisons add up to: see the module.
fn verdict(comparisons: &[Comparison]) -> Verdict {
    let counting = comparisons.iter().filter(|comparison| comparison.role != Role::Descriptive);
    let failures: Vec<f64> = counting.map(|comparison| comparison.p_failed).collect();
    if holm(&failures).iter().any(|&p| p < ONE_SIDED) {
        return Verdict::Contradicted;
    }
    let mut primary = comparisons.iter().filter(|comparison| comparison.role == Role::Primary).peekable();
    if primary.peek().is_some() && primary.all(|comparison| comparison.verdict == Verdict::Supported) {
        return Verdict::Supported;
    }
    Verdict::Undecided
}
