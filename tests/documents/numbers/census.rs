//! `results/census-income/README.md` and `results/census-education/README.md`: AUCs beside the paper's.

use super::{claim, count, cpu_minutes, verdicts};
use crate::quotes::{Quotes, fixed, interval, thousands, word};
use crate::tables::Csv;

/// Test AUCs of a census study, by task.
fn test_auc(study: &str, model: &str, task: &str) -> f64 {
    let scores = Csv::read(&format!("results/{study}/scores.csv"));
    scores.with(&[("model", model), ("subset", "test"), ("task", task)]).mean("auc")
}

/// The largest difference between the models' mean AUCs on the main task.
pub fn spread(study: &str) -> f64 {
    let scores = Csv::read(&format!("results/{study}/scores.csv"));
    let means: Vec<f64> = scores.values("model").iter().map(|model| test_auc(study, model, "1")).collect();
    means.iter().copied().fold(0.0, f64::max) - means.iter().copied().fold(1.0, f64::min)
}

/// Rows that a census study read.
fn rows_read(study: &str) -> usize {
    Csv::read(&format!("results/{study}/classes.csv"))
        .with(&[("task", "1")])
        .numbers("rows")
        .iter()
        .sum::<f64>() as usize
}

/// Trials of each model.
fn trials(study: &str) -> usize {
    let tuning = Csv::read(&format!("results/{study}/tuning.csv")).with(&[("rung", "1")]);
    tuning.rows.len() / tuning.values("model").len()
}

/// The table of a census study beside the paper's.
fn table(page: &mut Quotes, study: &str, reference: &str, main: &str) {
    let titles = [
        ("single_task", "Single-task"),
        ("shared_bottom", "Shared-bottom"),
        ("l2_constrained", "L2-constrained"),
        ("cross_stitch", "Cross-stitch"),
        ("tensor_factorization", "Tensor-factorisation"),
        ("omoe", "OMoE"),
        ("mmoe", "MMoE"),
    ];
    let paper = Csv::read(&format!("results/reference/{reference}.csv"));
    for (model, title) in titles {
        let of_paper = paper.with(&[("model", model)]);
        page.says(format!(
            "| {title} | {} | {} | {} | {} |",
            fixed(test_auc(study, model, "1"), 4),
            fixed(of_paper.number(&format!("auc_{main}_mean")), 4),
            fixed(test_auc(study, model, "2"), 4),
            fixed(of_paper.number("auc_marital_mean"), 4)
        ));
    }
    page.says(format!("test AUC, mean of {} runs", count(study, "grid", "seeds")));
}

#[test]
fn census_income() {
    const STUDY: &str = "census-income";
    let mut page = Quotes::of("results/census-income/README.md");
    table(&mut page, STUDY, "mmoe_table1_census_income", "income");
    page.says(format!("The rows are the {} of", thousands(rows_read(STUDY))));
    page.says("these rows are divided 4:1:1");
    let subsets = Csv::read("results/census-income/classes.csv").with(&[("task", "1")]).numbers("rows");
    assert_eq!(subsets.iter().map(|rows| (rows / subsets[2]).round()).collect::<Vec<_>>(), [4.0, 1.0, 1.0]);
    page.says(format!(
        "{} trials of every model, then {} runs of {} steps each",
        trials(STUDY),
        count(STUDY, "grid", "seeds"),
        thousands(count(STUDY, "train", "steps"))
    ));
    page.says(format!("{} of them for these runs", cpu_minutes(STUDY)));
    page.leaves("time of the tuning, which no file has", &["14 minutes of CPU time in all"]);
    page.says("income above $50,000");

    let [effect, low, high] = claim(STUDY, "1", "").map(|x| -x);
    let below = |other| fixed(test_auc(STUDY, other, "1") - test_auc(STUDY, "mmoe", "1"), 4);
    page.says(format!(
        "MMoE is {} below the shared bottom, {} below single-task and {} below OMoE",
        interval([effect, high, low], 4),
        below("single_task"),
        below("omoe")
    ));
    let paper = Csv::read("results/reference/mmoe_table1_census_income.csv");
    let factorised = paper.with(&[("model", "tensor_factorization")]).number("auc_income_mean");
    page.says(format!("far from the paper's {}", fixed(factorised, 4)));
    page.says(format!("lie within {} of each other", fixed(spread(STUDY), 4)));
    page.leaves("DeLong's standard error; predictions are not stored", &["standard error of 0.003"]);
    page.says(format!("Limits: {} trials", trials(STUDY)));
    page.finish();
}

#[test]
fn census_education() {
    const STUDY: &str = "census-education";
    let mut page = Quotes::of("results/census-education/README.md");
    table(&mut page, STUDY, "mmoe_table2_census_education", "education");
    page.says(format!("The same {} rows", thousands(rows_read(STUDY))));
    let seeds = count(STUDY, "grid", "seeds");
    page.says(format!("{} trials of every model, {seeds} runs", trials(STUDY)));
    page.says(format!("With {seeds} runs, {} claims of", word(verdicts(STUDY, "undecided"))));
    assert_eq!((verdicts(STUDY, "contradicted"), verdicts(STUDY, "supported")), (1, 0));
    page.finish();
}
