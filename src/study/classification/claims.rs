//! The rankings of the paper's Tables 1 and 2 as claims on a study of the census rows.
//!
//! The paper draws its conclusions from the tables' numbers and gives no interval; each claim here is an
//! order that both of its tables show, tested on mean AUCs over the test rows, paired by seed. Intervals cover seeds, not the choice of test rows, which all runs share.

use crate::analysis::classification::{AUXILIARY, MAIN, ModelScores, models};
use crate::analysis::reference::{AucRow, auc_table};
use crate::analysis::statistics::{Bootstrap, summary};
use crate::claim::{
    self, Claim, ClaimResult, Comparison, FEWEST_SEEDS, Hypothesis, Requirement, Role, Seeds, Unit,
};
use crate::data::Subset;
use crate::store::Study;

impl Evidence<'_> {
    /// The claims, in the order of their numbers.
    const CLAIMS: [Claim<Self>; 6] = [
        Claim {
            name: "mmoe_over_shared_bottom",
            statement: "MMoE is better than the shared bottom on the main task.",
            rule: "The mean test AUC of MMoE less the shared bottom's is above 0.",
            test: |evidence| Ok(vec![evidence.above(MAIN, "mmoe", "shared_bottom", 0.0)?]),
        },
        Claim {
            name: "mmoe_over_omoe",
            statement: "MMoE is better than OMoE on the main task: a gate for each task pays.",
            rule: "The mean test AUC of MMoE less OMoE's is above 0.",
            test: |evidence| Ok(vec![evidence.above(MAIN, "mmoe", "omoe", 0.0)?]),
        },
        Claim {
            name: "mmoe_over_single_task",
            statement: "MMoE is better than a network for the main task alone: sharing pays.",
            rule: "The mean test AUC of MMoE less the single-task network's is above 0.",
            test: |evidence| Ok(vec![evidence.above(MAIN, "mmoe", "single_task", 0.0)?]),
        },
        Claim {
            name: "mmoe_like_soft_sharing",
            statement: "L2-constrained and cross-stitch networks come close to MMoE on the main task.",
            rule: "The mean test AUCs differ by less than half of what parts MMoE from the shared bottom in the paper's \
               table.",
            test: |evidence| {
                let margin = evidence.paper_difference(MAIN, "mmoe", "shared_bottom") / 2.0;
                ["l2_constrained", "cross_stitch"]
                    .map(|other| evidence.compare(MAIN, "mmoe", other, Requirement::Within(margin)))
                    .into_iter()
                    .collect()
            },
        },
        Claim {
            name: "tensor_factorization_far_below",
            statement: "Tensor factorisation is far below every other model on the main task.",
            rule: "The mean test AUC of every other model less tensor factorisation's is above half of the smallest such \
               difference in the paper's table.",
            test: |evidence| {
                let smallest =
                    OTHERS.map(|other| evidence.paper_difference(MAIN, other, "tensor_factorization"));
                let margin = smallest.into_iter().fold(f64::INFINITY, f64::min) / 2.0;
                OTHERS
                    .map(|other| evidence.above(MAIN, other, "tensor_factorization", margin))
                    .into_iter()
                    .collect()
            },
        },
        Claim {
            name: "mmoe_best_on_auxiliary",
            statement: "MMoE has the highest mean AUC of all models on the auxiliary task.",
            rule: "The mean test AUC of MMoE less that of every other model is above 0.",
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
    ours: Vec<ModelScores<'a>>,
    /// No rows where the study's rows are not the census's.
    paper: Vec<AucRow>,
}

/// Tests every claim on a study.
pub fn run(study: &Study) -> Vec<ClaimResult> {
    let paper = study.experiment.data.census().map_or(Vec::new(), |census| auc_table(census.main));
    claim::run(&Evidence::CLAIMS, &Evidence { ours: models(study), paper })
}

impl Evidence<'_> {
    /// The runs of the first model of an architecture.
    fn of(&self, architecture: &str) -> Result<&ModelScores<'_>, String> {
        let found = self.ours.iter().find(|scores| scores.model.architecture.name == architecture);
        found.ok_or_else(|| format!("the study has no {architecture}"))
    }

    /// Mean AUC of `a` less `b` in the paper's table.
    fn paper_difference(&self, task: usize, a: &str, b: &str) -> f64 {
        let mean = |architecture: &str| {
            let row = self.paper.iter().find(|row| row.model == architecture);
            row.map_or(f64::NAN, |row| if task == MAIN { row.main_mean } else { row.auxiliary_mean })
        };
        mean(a) - mean(b)
    }

    fn above(&self, task: usize, a: &str, b: &str, value: f64) -> Result<Comparison, String> {
        self.compare(task, a, b, Requirement::Above(value))
    }

    /// Mean test AUC of `a` less `b`, over the seeds on which both finished.
    fn compare(&self, task: usize, a: &str, b: &str, requirement: Requirement) -> Result<Comparison, String> {
        let (first, second) = (self.of(a)?, self.of(b)?);
        let auc = |scores: &ModelScores, seed: u64| {
            let run = scores.runs.iter().find(|run| run.key.seed == seed)?;
            Some(run.score(Subset::Test, task)?.auc)
        };
        let seeds: Vec<u64> = first.runs.iter().map(|run| run.key.seed).collect();
        let differences: Vec<f64> =
            seeds.iter().filter_map(|&seed| Some(auc(first, seed)? - auc(second, seed)?)).collect();
        if differences.len() < FEWEST_SEEDS {
            return Err(format!("{a} and {b} have {} common seeds; {FEWEST_SEEDS} test", differences.len()));
        }
        let left_out = seeds.len() - differences.len();
        let seeds = Seeds { used: differences.len(), left_out };
        let task_name = if task == MAIN { "main" } else { "auxiliary" };
        let hypothesis = Hypothesis {
            name: format!("{task_name} task: {} − {}", first.model.title, second.model.title),
            role: Role::Primary,
            requirement,
            unit: Unit::Auc,
            paper: Some(self.paper_difference(task, a, b)),
        };
        Ok(hypothesis.test(&Bootstrap::of_means().sample(&differences, summary::mean), seeds))
    }
}
