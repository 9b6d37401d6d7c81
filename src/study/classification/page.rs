//! The page of a study of classification tasks: the paper's Table 1 or 2 beside ours, the quality of the probabilities,
//! and what the rows and the tuning were.

use super::reference::{AucRow, auc_table};
use super::scores::{AUXILIARY, MAIN, ScoreValue, best, model_runs};
use crate::analysis::Runs;
use crate::analysis::statistics::summary;
use crate::data::census::{MainTask, schema};
use crate::data::defined::defined;
use crate::data::{CensusSpec, Subset};
use crate::figure::theme::{decimals, number, thousands};
use crate::record::Score;
use crate::report::section::{Column, Section, Table};
use crate::report::setup::training;
use crate::report::words::{count, decimals_or_dash, ends, estimate, list, or_dash, plural};
use crate::report::{Content, MMOE, diverged};
use crate::store::{ClassRecord, RunRecord, Study, TrialRecord};

/// Decimals of an AUC and of a log-loss, as in the paper's tables.
const AUC: usize = 4;
/// Text instead of a table of scores.
const NO_RUNS: &str = "The study has no finished runs of a model.";

/// What a study of the census rows puts on its page.
pub fn content(study: &Study) -> Content {
    let census = study.experiment.data.census().expect("classification tasks are those of the census");
    let models = model_runs(study);
    Content {
        paragraph: paragraph(study, census),
        claims_heading: "The paper's ranking on this study",
        claims_text: "Each claim is an order in the paper's tables. It is tested on mean AUCs over the test rows, paired by \
                      seed, and is supported or contradicted only where a 95\u{a0}% interval says so. Intervals cover \
                      seeds, which set first parameters and the order of batches. All runs share their rows, so intervals \
                      do not cover the choice of rows, sizes or protocol."
            .to_owned(),
        before_figures: vec![scores_section(&models, census)],
        after_figures: vec![
            quality_section(&models),
            classes_section(study, census),
            tuning_section(study),
            diverged::section(study),
        ],
        data: Vec::new(),
        citation: MMOE,
    }
}

/// A paragraph on data, models and training.
fn paragraph(study: &Study, census: &CensusSpec) -> String {
    let rows = |subset: Subset| {
        let class = study.classes.iter().find(|class| class.subset == subset);
        class.map_or("–".into(), |class| count(class.rows))
    };
    let [main, auxiliary] = census.task_names();
    let epochs = format!(", about {} epochs, on the sum of both cross-entropies", epochs(study));
    format!(
        "{} learn two binary classification tasks of Census-Income (KDD): {main}, the main task, and {auxiliary}. {} rows \
         train, {} validate, {} test. A row has {} categorical features, each embedded in {}, and {} numeric features; \
         instance weights, education and marital status are not used. {} Tuning is not counted.",
        list(study.experiment.models.iter().map(|model| model.title.clone())),
        rows(Subset::Training),
        rows(Subset::Validation),
        rows(Subset::Test),
        schema::CATEGORICAL,
        plural(census.embedding_units, "unit"),
        schema::NUMERIC,
        training(study, &epochs)
    )
}

/// How often a run sees a training row, to one decimal.
fn epochs(study: &Study) -> String {
    let train = &study.experiment.train;
    let rows =
        study.classes.iter().find(|class| class.subset == Subset::Training).map_or(0, |class| class.rows);
    decimals(train.steps as f64 * train.batch_size as f64 / rows as f64, 1)
}

fn scores_section(models: &[Runs], census: &CensusSpec) -> Section {
    let heading = match census.main {
        MainTask::Income => "Comparison with Table 1 of the paper",
        MainTask::Education => "Comparison with Table 2 of the paper",
    };
    let section = Section::new("tables", "Table", heading);
    if models.is_empty() {
        return section.text(NO_RUNS);
    }
    section
        .text(
            "AUC on the test rows: the mean over runs with its 95\u{a0}% bootstrap interval, beside the paper's mean of 400 \
             runs; the run with the best test AUC of the main task, which the paper shows and which flatters; and the run \
             with the best validation AUC of the main task, which one would use.",
        )
        .tables(scores(models, census))
}

/// A table a task: ours beside the paper's.
fn scores(models: &[Runs], census: &CensusSpec) -> Vec<(String, Table)> {
    let columns = [
        Column::model(),
        Column::number("Mean"),
        Column::number("95\u{a0}% interval"),
        Column::number("Paper's mean"),
        Column::number("sd"),
        Column::number("Best on main task"),
        Column::number("Paper's best"),
        Column::number("Chosen on validation"),
        Column::number("Runs"),
        Column::number("Diverged"),
    ];
    let paper = auc_table(census.main);
    let table = |(task, name): (usize, &str)| {
        let kind = if task == MAIN { "Main task" } else { "Auxiliary task" };
        let rows = models.iter().map(|scores| auc_cells(scores, &paper, task));
        (format!("{kind}: {name}"), Table::new(columns, rows))
    };
    (MAIN..=AUXILIARY).zip(census.task_names()).map(table).collect()
}

fn auc_cells(scores: &Runs, paper: &[AucRow], task: usize) -> [String; 10] {
    let values = scores.values(ScoreValue::auc(Subset::Test, task));
    let mean = scores.mean(ScoreValue::auc(Subset::Test, task));
    let paper = paper.iter().find(|row| row.model == scores.model.architecture.name);
    let [paper_mean, paper_best]: [fn(&AucRow) -> f64; 2] = match task == MAIN {
        true => [|row| row.main_mean, |row| row.main_best],
        false => [|row| row.auxiliary_mean, |row| row.auxiliary_with_best],
    };
    let cell = |auc: Option<f64>| or_dash(auc.map(|auc| decimals(auc, AUC)));
    let test = |run: Option<&RunRecord>| {
        cell(run.and_then(|run| run.score(Subset::Test, task)).and_then(|score| score.auc))
    };
    [
        scores.model.title.clone(),
        estimate(mean, AUC),
        ends(mean, AUC),
        cell(paper.map(paper_mean)),
        decimals_or_dash(summary::deviation(&values), AUC),
        test(best(scores, Subset::Test)),
        cell(paper.map(paper_best)),
        test(best(scores, Subset::Validation)),
        count(values.len()),
        count(scores.diverged()),
    ]
}

fn quality_section(models: &[Runs]) -> Section {
    let section = Section::new("quality", "Likelihood and calibration", "Likelihood and calibration");
    if models.is_empty() {
        return section.text(NO_RUNS);
    }
    section
        .text(
            "Means over runs, on the test rows. Log-loss: in nats, beside the log-loss of a constant prediction, the share \
             of positives. Calibration error: mean distance between predicted and observed shares of positives in ten bins \
             of equal count. Predicted / observed: mean prediction over the observed share of positives; 1 is right on \
             average.",
        )
        .table(quality(models))
}

fn quality(models: &[Runs]) -> Table {
    let columns = [
        Column::model(),
        Column::number("Task"),
        Column::number("Log-loss"),
        Column::number("Constant prediction"),
        Column::number("Calibration error"),
        Column::number("Predicted / observed"),
    ];
    let row = |(task, scores): (usize, &Runs)| {
        let mean = |value: fn(&Score) -> f64| {
            summary::mean_if_any(&scores.values(|run: &RunRecord| run.score(Subset::Test, task).map(value)))
        };
        let share = mean(|score| score.positive_rate);
        let constant = share.map(|share| -(share * share.ln() + (1.0 - share) * (1.0 - share).ln()));
        let over_share = |prediction: f64| share.map(|share| prediction / share).and_then(defined);
        [
            scores.model.title.clone(),
            count(task),
            decimals_or_dash(mean(|score| score.log_loss), AUC),
            decimals_or_dash(constant.and_then(defined), AUC),
            decimals_or_dash(mean(|score| score.calibration_error), AUC),
            decimals_or_dash(mean(|score| score.mean_prediction).and_then(over_share), 3),
        ]
    };
    let pairs = (MAIN..=AUXILIARY).flat_map(|task| models.iter().map(move |scores| (task, scores)));
    Table::new(columns, pairs.map(row))
}

fn classes_section(study: &Study, census: &CensusSpec) -> Section {
    let paper = match census.main {
        MainTask::Education => "0.2373",
        MainTask::Income => "0.1768",
    };
    let skipped = match study.classes.first().map_or(0, |class| class.skipped_rows) {
        0 => "No row was left out.".to_owned(),
        n => format!("{} malformed rows were left out.", count(n)),
    };
    Section::new("classes", "Rows and classes", "Rows and classes").table(classes(study)).text(format!(
        "Classes are not balanced: losses are not weighted and rows are not sampled; AUC does not depend on the shares. The \
         paper reports an absolute label correlation of {paper} over 10,000 random rows. {skipped}"
    ))
}

fn classes(study: &Study) -> Table {
    let columns = [
        Column::words("Rows"),
        Column::number("Number"),
        Column::words("Task"),
        Column::number("Positives"),
        Column::number("Share"),
        Column::number("Label correlation"),
    ];
    let row = |class: &ClassRecord| {
        [
            class.subset.as_str().to_owned(),
            count(class.rows),
            class.name.clone(),
            count(class.positives),
            format!("{} %", decimals(100.0 * class.positives as f64 / class.rows as f64, 2)),
            decimals_or_dash(class.label_correlation, AUC),
        ]
    };
    Table::new(columns, study.classes.iter().map(row))
}

fn tuning_section(study: &Study) -> Section {
    let section = Section::new("tuning", "Tuning", "Tuning");
    match study.trials.iter().map(|trial| trial.rung).max() {
        None => section.text("Nothing was tuned: sizes and learning rates are those of the experiment."),
        Some(last) => section
            .text(format!(
                "Successive halving on the validation rows, with the same budget for every model: {}. The file tuning.csv \
                 contains every trial.",
                rungs(study)
            ))
            .table(tuning(study, last)),
    }
}

/// The winners of the last rung, with the worst of what was tried.
fn tuning(study: &Study, last: usize) -> Table {
    let columns = [
        Column::model(),
        Column::words("Chosen sizes"),
        Column::number("Learning rate"),
        Column::number("Parameters"),
        Column::number("Validation AUC, main task"),
        Column::number("Worst trial of the first rung"),
    ];
    let row = |trial: &TrialRecord| {
        let first = study.trials.iter().filter(|other| other.rung == 1 && other.model == trial.model);
        let worst = first.filter_map(|other| other.validation_auc).reduce(f64::min);
        [
            study.experiment.model_title(&trial.model).to_owned(),
            trial.sizes.replace(' ', ", ").replace('=', " = "),
            number(trial.learning_rate),
            count(trial.parameters),
            decimals_or_dash(trial.validation_auc, AUC),
            decimals_or_dash(worst, AUC),
        ]
    };
    let winners = study.trials.iter().filter(|trial| trial.rung == last && trial.kept);
    Table::new(columns, winners.map(row))
}

/// The rungs in words: "27 trials of every model, one run of 1,000 steps each; then …".
fn rungs(study: &Study) -> String {
    let rung = |number: usize| {
        let trials = || study.trials.iter().filter(move |trial| trial.rung == number);
        let first = trials().next()?;
        let each = trials().filter(|trial| trial.model == first.model).count();
        let runs = if first.seeds == 1 { "one run".to_owned() } else { format!("{} runs", first.seeds) };
        Some(format!("{each} trials of every model, {runs} of {} steps each", thousands(first.steps)))
    };
    (1..).map_while(rung).collect::<Vec<_>>().join("; then ")
}
