//! Claims about models of click and conversion: the rankings of ESMM's Table 2, the three weaknesses that its paper
//! ascribes to its competitors (selection bias, sparsity, ratios above 1), and two weaknesses that later work ascribes
//! to ESMM.
//!
//! Comparisons are of means over seeds on test impressions, paired by seed, at every task correlation of the study.
//! Claims that are not about a key that varies are tested at the experiment's own value of that key, or at the
//! middle value where the sweep does not contain it. The bias of a mean is relative to the truth; where models are
//! compared by bias, each run counts with its distance from 0.
//!
//! The paper's AUCs are from its own data, so its differences are shown and not required.

use super::evidence::Evidence;
use super::metric::{Metric, MetricKind};
use crate::claim::{self, Claim, ClaimResult, Comparison, Role};
use crate::experiment::Condition;
use crate::record::{Space, Target};
use crate::store::Study;

impl Evidence<'_> {
    /// The claims, in the order of their numbers.
    const CLAIMS: [Claim<Self>; 9] = [
        Claim {
            name: "esmm_over_esmm_ns",
            statement: "ESMM is better than ESMM-NS: sharing embeddings pays (ESMM §3.2).",
            rule: "The mean AUCs of pCVR on clicked impressions and of pCTCVR of ESMM minus those of ESMM-NS are above 0.",
            test: |evidence| better(evidence, "esmm", &["esmm_ns"]),
        },
        Claim {
            name: "esmm_over_base",
            statement: "ESMM is better than BASE, which learns conversion from clicked impressions (ESMM §3.2).",
            rule: "The mean AUCs of pCVR on clicked impressions and of pCTCVR of ESMM minus those of BASE are above 0.",
            test: |evidence| better(evidence, "esmm", &["base"]),
        },
        Claim {
            name: "esmm_ns_over_base",
            statement: "ESMM-NS is better than BASE: learning from all impressions pays without sharing (ESMM §3.2).",
            rule: "The mean AUCs of pCVR on clicked impressions and of pCTCVR of ESMM-NS minus those of BASE are above 0.",
            test: |evidence| better(evidence, "esmm_ns", &["base"]),
        },
        Claim {
            name: "esmm_best",
            statement: "ESMM is the best of the seven methods of Table 2 (ESMM §3.2).",
            rule: "The mean AUCs of pCVR on clicked impressions and of pCTCVR of ESMM minus those of each of the other six \
               are above 0.",
            test: |evidence| {
                better(evidence, "esmm", &["base", "aman", "oversampling", "unbias", "division", "esmm_ns"])
            },
        },
        Claim {
            name: "division_unstable",
            statement: "DIVISION, pCTCVR / pCTR, is numerically unstable and gives probabilities above 1; ESMM's product \
                    avoids that (ESMM §2.3).",
            rule: "The mean share of impressions whose pCVR by DIVISION is above 1 is above 0, and so is its mean \
                   |pCVR − truth| on all impressions minus ESMM's.",
            test: |evidence| {
                evidence.everywhere(|condition| {
                    let above_one = Metric::cvr(Space::All, MetricKind::AboveOne);
                    let name = format!("{}: {}", above_one.label(), evidence.title("division"));
                    Ok(vec![
                        evidence.contrast(name, above_one, &[(1.0, ("division", condition))])?,
                        evidence.above("division", "esmm", condition, ERROR)?,
                    ])
                })
            },
        },
        Claim {
            name: "sparsity",
            statement: "Embeddings shared with clicks relieve the sparsity of conversions (ESMM §2.3): ESMM's gain over \
                        BASE grows as the training data shrink.",
            rule: "The mean AUC of ESMM minus that of BASE is larger at the smallest than at the largest share of the \
                   training impressions, for pCVR on clicked impressions and for pCTCVR.",
            test: |evidence| {
                let (least, most) = evidence.extremes("data.share")?;
                evidence.at_values("data.share", [&least, &most], |[least_data, most_data]| {
                    let growth = |metric: Metric| {
                        let name =
                            format!("{}: gain of ESMM over BASE, at {least} − at {most}", metric.label());
                        change(evidence, name, metric, ["esmm", "base"], [least_data, most_data])
                    };
                    AUCS.map(growth).into_iter().collect()
                })
            },
        },
        Claim {
            name: "selection_bias",
            statement: "A model of clicked impressions is biased on all impressions, the more so the more the two differ; \
                        learning from all impressions removes the bias (ESMM §1, §2.2).",
            rule: "From the weakest to the strongest selection, two errors of BASE on all impressions grow, and grow more \
                   than ESMM's: the mean of |pCVR − truth| over the mean truth, and the distance of the mean pCVR from the \
                   truth. (Conversions per click are the same everywhere, so the mean truth over all impressions falls as \
                   selection grows.)",
            test: |evidence| {
                let (weak, strong) = evidence.extremes("data.selection")?;
                evidence.at_values("data.selection", [&weak, &strong], |[weakest, strongest]| {
                    let mut comparisons = Vec::new();
                    for metric in [RELATIVE_ERROR, DISTORTION] {
                        let (label, ends) = (metric.label(), [strongest, weakest]);
                        let name = format!("{label}: BASE, at {strong} − at {weak}");
                        let terms = [(1.0, ("base", ends[0])), (-1.0, ("base", ends[1]))];
                        comparisons.push(evidence.contrast(name, metric, &terms)?);
                        let name = format!("{label}: growth from {weak} to {strong}, BASE − ESMM");
                        comparisons.push(change(evidence, name, metric, ["base", "esmm"], ends)?);
                    }
                    Ok(comparisons)
                })
            },
        },
        Claim {
            name: "delay",
            statement: "Where conversions are delayed, a model of the delay is less biased than BASE, which counts late \
                        conversions as none (Chapelle 2014). ESMM's paper does not treat delay.",
            rule: "At the longest mean delay, BASE's mean pCVR on clicked impressions is farther from the truth than that \
                   of the delayed-feedback model. Fake negatives weighted (Ktena et al. 2019) is shown for comparison: its \
                   weights correct the double entries of a stream, not the end of a window.",
            test: |evidence| {
                let (_, longest) = evidence.extremes("data.mean_delay")?;
                evidence.at_values("data.mean_delay", [&longest], |[condition]| {
                    let clicked = Metric::cvr(Space::Clicked, MetricKind::Distortion);
                    let mut comparisons =
                        vec![evidence.above("base", "delayed_feedback", condition, clicked)?];
                    // Its optimum is BASE's, so it can decide nothing; studies may be without it.
                    let beside = evidence.above("base", "fake_negative_weighted", condition, clicked);
                    comparisons.extend(
                        beside
                            .into_iter()
                            .map(|comparison| Comparison { role: Role::Descriptive, ..comparison }),
                    );
                    Ok(comparisons)
                })
            },
        },
        Claim {
            name: "inherent_bias",
            statement: "ESMM estimates pCVR too high over all impressions, its inherent estimation bias, and the weighting \
                        or imputation of ESCM² removes it (Wang et al. 2022, §3).",
            rule: "ESMM's mean pCVR over all impressions is above the true mean, and farther from it than the mean of \
                   ESCM²-IPW and that of ESCM²-DR.",
            test: |evidence| {
                evidence.everywhere(|condition| {
                    let bias = Metric::cvr(Space::All, MetricKind::Bias);
                    let name = format!("{}: {}", bias.label(), evidence.title("esmm"));
                    Ok(vec![
                        evidence.contrast(name, bias, &[(1.0, ("esmm", condition))])?,
                        evidence.above("esmm", "escm2_ipw", condition, DISTORTION)?,
                        evidence.above("esmm", "escm2_dr", condition, DISTORTION)?,
                    ])
                })
            },
        },
    ];
}

/// The two AUCs of the paper's Table 2.
const AUCS: [Metric; 2] = [Metric::CLICKED_AUC, Metric::JOINT_AUC];
/// Mean |pCVR − truth| on all impressions.
const ERROR: Metric = Metric::on_all(Target::Conversion, MetricKind::AbsoluteError);
/// The same over the mean truth.
const RELATIVE_ERROR: Metric = Metric::on_all(Target::Conversion, MetricKind::RelativeError);
/// Distance of the mean pCVR from the truth on all impressions.
const DISTORTION: Metric = Metric::on_all(Target::Conversion, MetricKind::Distortion);

/// Tests every claim on a study.
pub fn run(study: &Study) -> Vec<ClaimResult> {
    claim::run(&Evidence::CLAIMS, &Evidence::new(study))
}

/// Both AUCs of a model minus those of each of the others.
fn better(
    evidence: &Evidence,
    model: &'static str,
    others: &[&'static str],
) -> Result<Vec<Comparison>, String> {
    evidence.everywhere(|condition| {
        let pairs = others.iter().flat_map(|&other| AUCS.map(|metric| (other, metric)));
        pairs.map(|(other, metric)| evidence.above(model, other, condition, metric)).collect()
    })
}

/// The difference between two models under one condition, minus that under another.
fn change(
    evidence: &Evidence,
    name: String,
    metric: Metric,
    [a, b]: [&'static str; 2],
    [here, there]: [&Condition; 2],
) -> Result<Comparison, String> {
    let terms = [(1.0, (a, here)), (-1.0, (b, here)), (-1.0, (a, there)), (1.0, (b, there))];
    evidence.contrast(name, metric, &terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Verdict;
    use crate::record::ConversionScore;
    use crate::store::RunRecord;
    use crate::store::sample::FunnelSample;

    fn verdict_on(name: &str, study: &Study) -> &'static str {
        run(study).into_iter().find(|result| result.name == name).unwrap().verdict.as_str()
    }

    fn sample(models: &[&'static str]) -> FunnelSample {
        FunnelSample { models: models.to_vec(), ..FunnelSample::default() }
    }

    fn varying(models: &[&'static str], key: &'static str, values: &[f64]) -> Study {
        FunnelSample { vary: Some((key, values.to_vec())), ..sample(models) }.study()
    }

    /// The value of the key that varies.
    fn varied(run: &RunRecord) -> Option<f64> {
        run.key.condition.setting.iter().next().and_then(|(_, value)| value.number())
    }

    /// Changes a score of every run of a model.
    fn with(
        study: &Study,
        model: &str,
        target: Target,
        space: Space,
        change: impl Fn(&RunRecord, &mut ConversionScore),
    ) -> Study {
        let mut study = study.clone();
        for run in study.runs.iter_mut().filter(|run| run.key.model == model) {
            let key = run.clone();
            let scores = run
                .conversion_scores
                .iter_mut()
                .filter(|score| score.target == target && score.space == space);
            scores.for_each(|score| change(&key, score));
        }
        study
    }

    #[test]
    fn a_ranking_needs_both_aucs() {
        let study = FunnelSample { seeds: 20, ..FunnelSample::default() }.study();
        for name in ["esmm_over_esmm_ns", "esmm_over_base", "esmm_ns_over_base", "esmm_best"] {
            let results = run(&study);
            let result = results.iter().find(|result| result.name == name).unwrap();
            assert_eq!(result.verdict.as_str(), "supported", "{result:#?}");
            assert!(result.comparisons.iter().all(|part| part.paper.unwrap() > 0.0));
        }
        // One AUC the other way round contradicts; one like the other's leaves it open.
        let joint = |shift: f64| {
            with(&study, "base", Target::ClickAndConversion, Space::All, |_, score| {
                score.auc = score.auc.map(|auc| auc + shift)
            })
        };
        assert_eq!(verdict_on("esmm_over_base", &joint(0.1)), "contradicted");
        assert_eq!(verdict_on("esmm_best", &joint(0.1)), "contradicted");
        assert_eq!(verdict_on("esmm_over_base", &joint(0.027)), "undecided");
    }

    #[test]
    fn ratios_above_one_and_their_error_make_division_unstable() {
        let study = FunnelSample::default().study();
        assert_eq!(verdict_on("division_unstable", &study), "supported");
        let of_division = |change: fn(&RunRecord, &mut ConversionScore)| {
            with(&study, "division", Target::Conversion, Space::All, change)
        };
        let tame = of_division(|_, score| score.above_one = Some(0.0));
        assert_eq!(verdict_on("division_unstable", &tame), "undecided");
        let exact = of_division(|_, score| score.absolute_error = Some(0.0));
        assert_eq!(verdict_on("division_unstable", &exact), "contradicted");
    }

    #[test]
    fn claims_about_a_knob_need_it() {
        let results =
            run(&FunnelSample { models: FunnelSample::all_models(), ..FunnelSample::default() }.study());
        let tested: Vec<bool> =
            results.iter().map(|result| !matches!(result.verdict, Verdict::NotTested(_))).collect();
        assert_eq!(tested, [true, true, true, true, true, false, false, false, true]);
        for result in run(&sample(&["aman"]).study()) {
            assert!(matches!(&result.verdict, Verdict::NotTested(reason) if !reason.is_empty()));
        }
    }

    #[test]
    fn a_gain_that_grows_as_data_shrink_relieves_sparsity() {
        let study = varying(&["base", "esmm"], "data.share", &[0.01, 0.1, 1.0]);
        assert_eq!(verdict_on("sparsity", &study), "supported");
        // The same gain everywhere: BASE's scores with ESMM's offset.
        let mut level = study.clone();
        let base: Vec<RunRecord> = study.runs.iter().filter(|run| run.key.model == "base").cloned().collect();
        for run in level.runs.iter_mut().filter(|run| run.key.model == "esmm") {
            let same = |other: &&RunRecord| {
                other.key.seed == run.key.seed && other.key.condition.setting == run.key.condition.setting
            };
            run.conversion_scores.clone_from(&base.iter().find(same).unwrap().conversion_scores);
            run.conversion_scores.iter_mut().for_each(|score| score.auc = score.auc.map(|auc| auc + 0.02));
        }
        assert_eq!(verdict_on("sparsity", &level), "undecided");
        assert_eq!(verdict_on("esmm_over_base", &level), "supported");
    }

    #[test]
    fn bias_that_grows_with_selection_is_selection_bias() {
        let study = varying(&["base", "esmm"], "data.selection", &[0.0, 1.5, 3.0]);
        assert_eq!(verdict_on("selection_bias", &study), "supported");
        // A BASE that has the same relative error whatever the selection.
        let level = with(&study, "base", Target::Conversion, Space::All, |run, score| {
            let error = 0.5 + 1e-4 * (run.key.seed as f64 - 3.5) * (varied(run).unwrap() - 1.5);
            score.absolute_error = score.mean_truth.map(|truth| error * truth);
        });
        assert_ne!(verdict_on("selection_bias", &level), "supported");
    }

    #[test]
    fn late_conversions_are_judged_where_the_delay_is_longest() {
        let models = ["base", "delayed_feedback", "fake_negative_weighted"];
        let study = varying(&models, "data.mean_delay", &[0.0, 0.25, 1.0]);
        assert_eq!(verdict_on("delay", &study), "supported");
        let blind = |model| {
            with(&study, model, Target::Conversion, Space::Clicked, |run, score| {
                if varied(run) == Some(1.0) {
                    score.mean_prediction = Some(0.0);
                }
            })
        };
        assert_eq!(verdict_on("delay", &blind("delayed_feedback")), "contradicted");
        assert_eq!(verdict_on("delay", &blind("fake_negative_weighted")), "supported", "it is shown beside");
    }

    #[test]
    fn an_unbiased_esmm_has_no_inherent_bias() {
        let study = sample(&["esmm", "escm2_ipw", "escm2_dr"]).study();
        assert_eq!(verdict_on("inherent_bias", &study), "supported");
        let low = with(&study, "esmm", Target::Conversion, Space::All, |_, score| {
            score.mean_prediction = score.mean_truth.map(|truth| 0.8 * truth);
        });
        assert_eq!(verdict_on("inherent_bias", &low), "contradicted");
    }

    #[test]
    fn every_task_correlation_has_its_parts() {
        let study = FunnelSample { correlations: vec![0.0, 0.5], ..sample(&["base", "esmm"]) }.study();
        let result = run(&study).swap_remove(1);
        assert_eq!(result.comparisons.len(), 4);
        assert!(
            result.comparisons[3].name.ends_with("at task correlation 0.5"),
            "{:?}",
            result.comparisons[3].name
        );
    }
}
