//! Claim: OMoE and MMoE are alike on identical tasks and differ on others.

use super::comparisons::contrast;
use super::evidence::{Evidence, PaperModel};
use super::hardly;
use crate::claim::{Claim, Comparison, Requirement, Role};

impl Evidence<'_> {
    pub(super) const IDENTICAL_TASKS: Claim<Self> = Claim {
        name: "identical_tasks",
        statement: "On identical tasks MMoE and OMoE hardly differ; as correlation falls OMoE degrades and MMoE \
                    hardly does (MMoE §5.1, 2).",
        rule: "Hardly: by less than 0.034, half of the rise that §5.1 calls obvious. At correlation 1 the two \
               models' mean losses hardly differ; from 1 to 0.5 (or the lowest correlation) OMoE's mean loss rises by \
               more than 0.034 and MMoE's hardly changes.",
        test,
    };
}

/// Equivalence at 1, a rise of OMoE above the margin, equivalence of MMoE at both correlations; the margin is
/// [`hardly`]. The paper has 0.0081, 0.0675 and 0.0124.
fn test(evidence: &Evidence) -> Result<Vec<Comparison>, String> {
    use PaperModel::{Mmoe, Omoe};
    let (loose, identical) = evidence.loose_and_identical(&[Omoe, Mmoe])?;
    let margin = hardly();
    let rise = |model: PaperModel, requirement| {
        let name = format!("{}: loss at {loose} − loss at {identical}", model.title());
        contrast(
            evidence,
            name,
            Role::Primary,
            requirement,
            &[(1.0, (model, loose)), (-1.0, (model, identical))],
        )
    };
    let apart = |p: f64, role, requirement| {
        let name = format!("OMoE's loss − MMoE's loss at {p}");
        contrast(evidence, name, role, requirement, &[(1.0, (Omoe, p)), (-1.0, (Mmoe, p))])
    };
    Ok(vec![
        apart(identical, Role::Primary, Requirement::Within(margin))?,
        rise(Omoe, Requirement::Above(margin))?,
        rise(Mmoe, Requirement::Within(margin))?,
        apart(loose, Role::Descriptive, Requirement::Above(0.0))?,
    ])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, noise, study};
    use super::*;

    /// OMoE and MMoE at 0.5, and OMoE at 1; MMoE at 1 is 0.07.
    fn levels(omoe: f64, mmoe: f64, omoe_at_one: f64, spread: f64) -> crate::store::Study {
        study(&[0.5, 1.0], 24, move |model, p, s| {
            let level = match (model, p == 1.0) {
                (PaperModel::Omoe, false) => omoe,
                (PaperModel::Mmoe, false) => mmoe,
                (PaperModel::Omoe, true) => omoe_at_one,
                _ => 0.07,
            };
            Some(level + spread * noise(s ^ p.to_bits() ^ model as u64))
        })
    }

    #[test]
    fn it_holds_with_the_papers_losses() {
        check("identical_tasks", "supported", &levels(0.146, 0.083, 0.078, 0.01));
    }

    #[test]
    fn it_fails_where_any_of_the_three_does() {
        check("identical_tasks", "contradicted", &levels(0.2, 0.083, 0.12, 0.01));
        check("identical_tasks", "contradicted", &levels(0.09, 0.083, 0.078, 0.01));
        check("identical_tasks", "contradicted", &levels(0.146, 0.146, 0.078, 0.01));
    }

    #[test]
    fn noise_leaves_it_open() {
        check("identical_tasks", "undecided", &levels(0.146, 0.083, 0.078, 0.3));
    }

    #[test]
    fn it_is_about_identical_tasks() {
        check("identical_tasks", "not tested", &study(&[0.5, 0.9], 24, |_, _, s| Some(noise(s))));
    }
}
