//! The rankings of the paper's Tables 1 and 2 as claims on a study of the census rows.
//!
//! The paper concludes from the tables' numbers and gives no interval; each claim here is a
//! ranking that both of its tables show, tested on mean AUCs over the test rows, paired by seed.
//! Intervals cover seeds, not the choice of test rows, which all runs share.

use super::reference::{AucRow, auc_table};
use super::scores::{AUXILIARY, MAIN, ScoreValue, model_runs};
use crate::analysis::Runs;
use crate::analysis::statistics::{Bootstrap, summary};
use crate::claim::{
    self, Claim, ClaimResult, Comparison, FEWEST_SEEDS, Hypothesis, NO_RUN_FINISHED, Requirement, Role,
    Seeds, Unit,
};
use crate::data::Subset;
use crate::store::Study;

impl Evidence<'_> {
    /// The claims, in the order of their numbers.
    const CLAIMS: [Claim<Self>; 6] = [
        Claim {
            name: "mmoe_over_shared_bottom",
            statement: "MMoE is better than the shared bottom on the main task.",
            rule: "The mean test AUC of MMoE minus that of the shared bottom is above 0.",
            test: |evidence| Ok(vec![evidence.above(MAIN, "mmoe", "shared_bottom", 0.0)?]),
        },
        Claim {
            name: "mmoe_over_omoe",
            statement: "MMoE is better than OMoE on the main task: a gate for each task pays.",
            rule: "The mean test AUC of MMoE minus that of OMoE is above 0.",
            test: |evidence| Ok(vec![evidence.above(MAIN, "mmoe", "omoe", 0.0)?]),
        },
        Claim {
            name: "mmoe_over_single_task",
            statement: "MMoE is better than a network for the main task alone: sharing pays.",
            rule: "The mean test AUC of MMoE minus that of the single-task network is above 0.",
            test: |evidence| Ok(vec![evidence.above(MAIN, "mmoe", "single_task", 0.0)?]),
        },
        Claim {
            name: "mmoe_like_soft_sharing",
            statement: "L2-constrained and cross-stitch networks come close to MMoE on the main task.",
            rule: "The mean test AUCs differ by less than half of the difference between MMoE and the shared bottom in \
               the paper's table.",
            test: |evidence| {
                let margin = evidence.half_of_smallest(&["mmoe"], "shared_bottom")?;
                ["l2_constrained", "cross_stitch"]
                    .map(|other| evidence.compare(MAIN, "mmoe", other, Requirement::Within(margin)))
                    .into_iter()
                    .collect()
            },
        },
        Claim {
            name: "tensor_factorization_far_below",
            statement: "Tensor factorisation is far below every other model on the main task.",
            rule: "The mean test AUC of every other model minus that of tensor factorisation is above half of the smallest such \
               difference in the paper's table.",
            test: |evidence| {
                let margin = evidence.half_of_smallest(&OTHERS, "tensor_factorization")?;
                OTHERS
                    .map(|other| evidence.above(MAIN, other, "tensor_factorization", margin))
                    .into_iter()
                    .collect()
            },
        },
        Claim {
            name: "mmoe_best_on_auxiliary",
            statement: "MMoE has the highest mean AUC of all models on the auxiliary task.",
            rule: "The mean test AUC of MMoE minus that of every other model is above 0.",
            test: |evidence| {
                let others =
                    OTHERS.into_iter().chain(["tensor_factorization"]).filter(|other| *other != "mmoe");
                others.map(|other| evidence.above(AUXILIARY, "mmoe", other, 0.0)).collect()
            },
        },
    ];
}

/// Models of the paper's tables but tensor factorisation.
const OTHERS: [&str; 6] = ["single_task", "shared_bottom", "l2_constrained", "cross_stitch", "omoe", "mmoe"];

/// A study's runs beside the paper's table of the same tasks.
struct Evidence<'a> {
    runs: Vec<Runs<'a>>,
    /// No rows where the study's rows are not the census's.
    paper: Vec<AucRow>,
}

/// Tests every claim on a study.
pub fn run(study: &Study) -> Vec<ClaimResult> {
    let paper = study.experiment.data.census().map_or(Vec::new(), |census| auc_table(census.main));
    claim::run(&Evidence::CLAIMS, &Evidence { runs: model_runs(study), paper })
}

impl Evidence<'_> {
    /// The runs of the first model of an architecture.
    fn runs(&self, architecture: &str) -> Result<&Runs<'_>, String> {
        let found = self.runs.iter().find(|runs| runs.model.architecture.name == architecture);
        found.ok_or_else(|| format!("the study has no {architecture}"))
    }

    /// Mean AUC of `a` minus that of `b` in the paper's table, if it has both.
    fn paper_difference(&self, task: usize, a: &str, b: &str) -> Option<f64> {
        let mean = |architecture: &str| {
            let row = self.paper.iter().find(|row| row.model == architecture)?;
            Some(if task == MAIN { row.main_mean } else { row.auxiliary_mean })
        };
        Some(mean(a)? - mean(b)?)
    }

    /// Half of the smallest difference between any of `models` and `baseline` on the main task in the paper's table.
    fn half_of_smallest(&self, models: &[&str], baseline: &str) -> Result<f64, String> {
        let differences: Option<Vec<f64>> =
            models.iter().map(|model| self.paper_difference(MAIN, model, baseline)).collect();
        let smallest = differences.map(|values| values.into_iter().fold(f64::INFINITY, f64::min));
        smallest.map(|smallest| smallest / 2.0).ok_or_else(|| "the paper has no table of these tasks".into())
    }

    fn above(&self, task: usize, a: &str, b: &str, value: f64) -> Result<Comparison, String> {
        self.compare(task, a, b, Requirement::Above(value))
    }

    /// Mean test AUC of `a` minus that of `b`, over the seeds on which both finished.
    fn compare(&self, task: usize, a: &str, b: &str, requirement: Requirement) -> Result<Comparison, String> {
        let (first, second) = (self.runs(a)?, self.runs(b)?);
        let differences = first.differences(second, ScoreValue::auc(Subset::Test, task));
        let all_diverged = |runs: &Runs| !runs.runs.is_empty() && runs.runs.len() == runs.diverged();
        if all_diverged(first) && all_diverged(second) {
            return Err(NO_RUN_FINISHED.into());
        }
        if differences.len() < FEWEST_SEEDS {
            return Err(format!(
                "{a} and {b} have {} common seeds; {FEWEST_SEEDS} are needed",
                differences.len()
            ));
        }
        // Seeds that both have, without those on which both finished.
        let shared = first.runs.iter().filter(|run| second.run(run.key.seed).is_some()).count();
        let left_out = shared - differences.len();
        let seeds = Seeds { used: differences.len(), left_out };
        let task_name = if task == MAIN { "main" } else { "auxiliary" };
        let hypothesis = Hypothesis {
            name: format!("{task_name} task: {} − {}", first.model.title, second.model.title),
            role: Role::Primary,
            requirement,
            unit: Unit::Auc,
            paper: self.paper_difference(task, a, b),
        };
        Ok(hypothesis.test(&Bootstrap::for_means().sample(&differences, summary::mean), seeds))
    }
}
