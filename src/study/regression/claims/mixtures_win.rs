//! Claim: both mixtures beat the shared bottom.

use super::comparisons::contrast;
use super::evidence::{At, Evidence, PaperModel};
use super::paper;
use crate::analysis::statistics::Bootstrap;
use crate::analysis::statistics::improvement::{Pairing, RankedPair, probability_of_improvement};
use crate::claim::{Claim, Comparison, Hypothesis, Requirement, Role, Unit};

impl Evidence<'_> {
    pub(super) const MIXTURES_WIN: Claim<Self> = Claim {
        name: "mixtures_win",
        statement: "Both mixtures beat the shared bottom at every correlation (MMoE §5.1, 3).",
        rule: "At every task correlation from 0 up, the shared bottom's mean loss is above OMoE's and above \
               MMoE's.",
        test,
    };
}

/// Paired differences of means are primary. The probability that a mixture's run beats a shared bottom's is
/// descriptive; it counts diverged runs as the worst of all.
fn test(evidence: &Evidence) -> Result<Vec<Comparison>, String> {
    let mut comparisons = Vec::new();
    for p in evidence.correlations(&PaperModel::ALL)? {
        for mixture in [PaperModel::Omoe, PaperModel::Mmoe] {
            let (ours, bottom) = ((mixture, p), (PaperModel::SharedBottom, p));
            let name = format!("shared bottom's loss − {}'s loss at {p}", mixture.title());
            let terms = [(1.0, bottom), (-1.0, ours)];
            comparisons.push(contrast(evidence, name, Role::Primary, Requirement::Above(0.0), &terms)?);
            comparisons.push(wins(evidence, ours, bottom)?);
        }
    }
    Ok(comparisons)
}

/// Probability that a run of `ours` has a lower loss than a run of `theirs`.
fn wins(evidence: &Evidence, ours: At, theirs: At) -> Result<Comparison, String> {
    let (columns, seeds) = evidence.table(&[ours, theirs])?.with_diverged_as(f64::INFINITY)?;
    let found = probability_of_improvement(&columns[0], &columns[1], Pairing::Paired, &Bootstrap::default());
    let of_paper = |(model, p): At| paper::final_losses(model, p);
    let paper = of_paper(ours)
        .zip(of_paper(theirs))
        .map(|(ours, theirs)| RankedPair::new(&ours, &theirs).probability_of_all());
    let hypothesis = Hypothesis {
        name: format!("probability that {} beats {} at {}", ours.0.title(), theirs.0.title(), ours.1),
        role: Role::Descriptive,
        requirement: Requirement::Above(0.5),
        unit: Unit::Probability,
        paper,
    };
    Ok(hypothesis.test(&found, seeds))
}

#[cfg(test)]
mod tests {
    use super::super::testing::result;
    use super::super::testing::{check, noise, study};
    use super::*;
    use crate::claim::Verdict;

    fn lead(of_omoe: f64, of_mmoe: f64, spread: f64) -> crate::store::Study {
        study(&[0.5, 1.0], 20, move |model, _, s| {
            let lead = match model {
                PaperModel::SharedBottom => 0.0,
                PaperModel::Omoe => of_omoe,
                PaperModel::Mmoe => of_mmoe,
            };
            Some(0.3 - lead + spread * noise(s ^ model as u64))
        })
    }

    #[test]
    fn it_holds_fails_and_stays_open() {
        check("mixtures_win", "supported", &lead(0.1, 0.2, 0.02));
        check("mixtures_win", "contradicted", &lead(-0.1, 0.2, 0.02));
        check("mixtures_win", "undecided", &lead(0.01, 0.2, 0.3));
    }

    #[test]
    fn diverged_runs_are_left_out_of_means_and_lose_every_comparison() {
        let study = study(&[0.5], 20, |model, _, s| {
            let diverged = model == PaperModel::Mmoe && s % 4 == 0;
            (!diverged).then_some(if model == PaperModel::SharedBottom { 0.3 } else { 0.1 } + 0.01 * noise(s))
        });
        let claim = result("mixtures_win", &study);
        let [.., means, wins] = &claim.comparisons[..] else { panic!("no parts") };
        assert_eq!((means.seeds.used, means.seeds.left_out), (15, 5));
        assert_eq!(means.verdict, Verdict::Undecided, "a quarter left out may not decide");
        assert_eq!(wins.effect.unwrap().estimate, 0.75);
    }

    #[test]
    fn a_missing_model_is_named() {
        let mut study = lead(0.1, 0.2, 0.02);
        study.experiment.models.retain(|model| model.name != "omoe");
        let Verdict::NotTested(reason) = result("mixtures_win", &study).verdict else { panic!("tested") };
        assert_eq!(reason, "the study has no model of architecture omoe");
    }
}
