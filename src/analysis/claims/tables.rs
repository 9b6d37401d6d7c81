//! The rankings of the paper's Tables 1 and 2 as claims on a study of the census rows.
//!
//! The paper draws its conclusions from the tables' numbers and gives no interval; each claim here is an
//! order that both of its tables show, tested on mean AUCs over the test rows, paired by seed. How parts add up
//! is as for the synthetic claims. Intervals cover seeds, not the choice of test rows, which all runs share.

use super::evidence::{FEWEST_SEEDS, Seeds};
use super::part::Question;
use super::{ClaimResult, Part, Requirement, Role, Unit, Verdict, verdict};
use crate::analysis::classification::{AUXILIARY, MAIN, ModelScores, models};
use crate::analysis::reference::{AucRow, auc_table};
use crate::analysis::statistics::{Bootstrap, summary};
use crate::data::Subset;
use crate::data::census::MainTask;
use crate::store::Study;

/// A ranking of the tables.
struct TableClaim {
    number: usize,
    name: &'static str,
    statement: &'static str,
    rule: &'static str,
    test: fn(&Tables) -> Result<Vec<Part>, String>,
}

/// All of them.
const CLAIMS: [TableClaim; 6] = [
    TableClaim {
        number: 1,
        name: "mmoe_over_shared_bottom",
        statement: "MMoE is better than the shared bottom on the main task.",
        rule: "The mean test AUC of MMoE less the shared bottom's is above 0.",
        test: |tables| Ok(vec![tables.above(MAIN, "mmoe", "shared_bottom", 0.0)?]),
    },
    TableClaim {
        number: 2,
        name: "mmoe_over_omoe",
        statement: "MMoE is better than OMoE on the main task: a gate for each task pays.",
        rule: "The mean test AUC of MMoE less OMoE's is above 0.",
        test: |tables| Ok(vec![tables.above(MAIN, "mmoe", "omoe", 0.0)?]),
    },
    TableClaim {
        number: 3,
        name: "mmoe_over_single_task",
        statement: "MMoE is better than a network for the main task alone: sharing pays.",
        rule: "The mean test AUC of MMoE less the single-task network's is above 0.",
        test: |tables| Ok(vec![tables.above(MAIN, "mmoe", "single_task", 0.0)?]),
    },
    TableClaim {
        number: 4,
        name: "mmoe_like_soft_sharing",
        statement: "L2-constrained and cross-stitch networks come close to MMoE on the main task.",
        rule: "The mean test AUCs differ by less than half of what parts MMoE from the shared bottom in the paper's \
               table.",
        test: |tables| {
            let margin = tables.paper_difference(MAIN, "mmoe", "shared_bottom") / 2.0;
            ["l2_constrained", "cross_stitch"]
                .map(|other| tables.compare(MAIN, "mmoe", other, Requirement::Within(margin)))
                .into_iter()
                .collect()
        },
    },
    TableClaim {
        number: 5,
        name: "tensor_factorization_far_below",
        statement: "Tensor factorisation is far below every other model on the main task.",
        rule: "The mean test AUC of every other model less tensor factorisation's is above half of the smallest such \
               difference in the paper's table.",
        test: |tables| {
            let smallest = OTHERS.map(|other| tables.paper_difference(MAIN, other, "tensor_factorization"));
            let margin = smallest.into_iter().fold(f64::INFINITY, f64::min) / 2.0;
            OTHERS
                .map(|other| tables.above(MAIN, other, "tensor_factorization", margin))
                .into_iter()
                .collect()
        },
    },
    TableClaim {
        number: 6,
        name: "mmoe_best_on_auxiliary",
        statement: "MMoE has the highest mean AUC of all models on the auxiliary task.",
        rule: "The mean test AUC of MMoE less that of every other model is above 0.",
        test: |tables| {
            let others = OTHERS.into_iter().chain(["tensor_factorization"]).filter(|other| *other != "mmoe");
            others.map(|other| tables.above(AUXILIARY, "mmoe", other, 0.0)).collect()
        },
    },
];

/// Models of the paper's tables but tensor factorisation.
const OTHERS: [&str; 6] = ["single_task", "shared_bottom", "l2_constrained", "cross_stitch", "omoe", "mmoe"];

/// A study's runs beside the paper's table of the same tasks.
struct Tables<'a> {
    ours: Vec<ModelScores<'a>>,
    paper: Vec<AucRow>,
}

/// Tests every ranking on a study of the census rows.
pub(super) fn test_all(study: &Study, main: MainTask) -> Vec<ClaimResult> {
    let tables = Tables { ours: models(study), paper: auc_table(main) };
    CLAIMS
        .iter()
        .map(|claim| {
            let (verdict, parts) = match (claim.test)(&tables) {
                Ok(parts) => (verdict(&parts), parts),
                Err(reason) => (Verdict::NotTested(reason), Vec::new()),
            };
            let TableClaim { number, name, statement, rule, .. } = *claim;
            ClaimResult { number, name, statement, rule, verdict, parts }
        })
        .collect()
}

impl Tables<'_> {
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

    fn above(&self, task: usize, a: &str, b: &str, value: f64) -> Result<Part, String> {
        self.compare(task, a, b, Requirement::Above(value))
    }

    /// Mean test AUC of `a` less `b`, over the seeds on which both finished.
    fn compare(&self, task: usize, a: &str, b: &str, requirement: Requirement) -> Result<Part, String> {
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
        let question = Question {
            name: format!("{task_name} task: {} − {}", first.model.title, second.model.title),
            role: Role::Decides,
            requirement,
            unit: Unit::Auc,
            paper: Some(self.paper_difference(task, a, b)),
        };
        Ok(question.answer(&Bootstrap::of_means().sample(&differences, summary::mean), seeds))
    }
}
