//! Claim: labels correlate more the closer the tasks' weights are.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::paper;
use crate::analysis::statistics::{Bootstrap, paired, summary};
use crate::claim::{Claim, Comparison, FEWEST_SEEDS, Hypothesis, Requirement, Role, Seeds, Unit};

impl Evidence<'_> {
    pub(super) const LABEL_CORRELATION: Claim<Self> = Claim {
        name: "label_correlation",
        statement: "Labels' Pearson correlation grows with the weights' cosine (MMoE §3.2).",
        rule: "From each task correlation from 0 up to the next, the mean label correlation rises.",
        test,
    };
}

/// Every step between neighbours decides: label correlations are measured so exactly (Figure 2's standard
/// deviation is 0.01) that steps need no pooling. Below 0 the claim is not made: even terms of the
/// generator's Hermite series make r(p) fall and rise again there.
fn test(evidence: &Evidence) -> Result<Vec<Comparison>, String> {
    let measured = measured(evidence);
    if measured.len() < 2 {
        return Err("label correlations at two task correlations are needed".into());
    }
    measured.windows(2).map(|step| rise(&step[0], &step[1])).collect()
}

/// A task correlation with its label correlations by seed.
type Labels = (f64, BTreeMap<u64, f64>);

/// Rise of the mean label correlation from one task correlation to the next, on the seeds of both.
fn rise((low, from): &Labels, (high, to): &Labels) -> Result<Comparison, String> {
    let pairs: Vec<(f64, f64)> = to.iter().filter_map(|(seed, r)| Some((*r, *from.get(seed)?))).collect();
    if pairs.len() < FEWEST_SEEDS {
        return Err(format!("{} seeds in common: {FEWEST_SEEDS} are needed", pairs.len()));
    }
    let (higher, lower): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let of_paper = paper::label_correlation(*high).zip(paper::label_correlation(*low));
    let hypothesis = Hypothesis {
        name: format!("label correlation at {high} − label correlation at {low}"),
        role: Role::Primary,
        requirement: Requirement::Above(0.0),
        unit: Unit::Correlation,
        paper: of_paper.map(|(high, low)| high - low),
    };
    let found = paired::mean_difference(&higher, &lower, &Bootstrap::for_means());
    Ok(hypothesis.test(&found, Seeds { used: higher.len(), left_out: 0 }))
}

/// Label correlations (mean over pairs of tasks) by task correlation from 0 up, in rising order: the study's
/// own records, or its runs' where it has none.
fn measured(evidence: &Evidence) -> Vec<Labels> {
    let study = evidence.study;
    let records: Vec<(f64, u64, f64)> = match study.labels.is_empty() {
        false => study
            .labels
            .iter()
            .filter_map(|label| Some((label.task_correlation, label.seed, label.label_correlation?)))
            .collect(),
        true => study
            .runs
            .iter()
            .filter_map(|run| {
                Some((run.key.condition.task_correlation?, run.key.seed, run.label_correlation?))
            })
            .collect(),
    };
    let mut correlations: Vec<f64> = records.iter().map(|record| record.0).filter(|&p| p >= 0.0).collect();
    correlations.sort_by(f64::total_cmp);
    correlations.dedup();
    let by_seed = |p: f64| {
        let mut values: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for &(at, seed, r) in &records {
            if at == p {
                values.entry(seed).or_default().push(r);
            }
        }
        values.into_iter().map(|(seed, values)| (seed, summary::mean(&values))).collect()
    };
    correlations.into_iter().map(|p| (p, by_seed(p))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, noise, study};
    use crate::store::{LabelRecord, Study};

    fn with_labels(label_correlation: impl Fn(f64, u64) -> f64) -> Study {
        let mut study = study(&[0.5, 0.9, 1.0], 10, |_, _, _| Some(0.1));
        for task_correlation in [0.5, 0.9, 1.0] {
            for seed in 0..10 {
                let label_correlation = label_correlation(task_correlation, seed);
                study.labels.push(LabelRecord {
                    setting: Default::default(),
                    task_correlation,
                    seed,
                    pair: 1,
                    points: 10_000,
                    label_correlation: Some(label_correlation),
                });
            }
        }
        study
    }

    #[test]
    fn it_holds_fails_and_stays_open() {
        check("label_correlation", "supported", &with_labels(|p, s| p * p + 0.01 * noise(s ^ p.to_bits())));
        check(
            "label_correlation",
            "contradicted",
            &with_labels(|p, s| (p - 0.9).abs() + 0.01 * noise(s ^ p.to_bits())),
        );
        check("label_correlation", "undecided", &with_labels(|p, s| p * p + noise(s ^ p.to_bits())));
    }

    #[test]
    fn runs_stand_in_for_labels_that_were_not_recorded() {
        check("label_correlation", "supported", &study(&[0.5, 1.0], 10, |_, _, _| Some(0.1)));
        check("label_correlation", "not tested", &study(&[0.5], 10, |_, _, _| Some(0.1)));
    }
}
