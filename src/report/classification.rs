//! The report of a study of classifiers: the paper's Table 1 or 2 beside it, and how good the probabilities are.

use std::path::Path;

use askama::Template;

use super::setup::{self, Section};
use super::tables::{self, ClaimRow, DivergedRow, ends};
use super::{FigureView, place};
use crate::analysis::Runs;
use crate::analysis::classification::{AUXILIARY, MAIN, ScoreValue, best, model_runs};
use crate::analysis::reference::{AucRow, auc_table};
use crate::analysis::statistics::summary;
use crate::claim::ClaimResult;
use crate::data::census::MainTask;
use crate::data::{CensusSpec, Subset};
use crate::figure::Drawn;
use crate::figure::theme::{decimals, number, thousands};
use crate::store::{RunRecord, Study};

/// Decimals of an AUC and of a log-loss, as in the paper's tables.
const AUC: usize = 4;

/// What `templates/classification.html` is filled with. All text is plain; the template escapes it.
#[derive(Template)]
#[template(path = "classification.html")]
pub struct Page {
    title: String,
    description: String,
    partial: Option<String>,
    paragraph: String,
    claims: Vec<ClaimRow>,
    figures: Vec<FigureView>,
    table: &'static str,
    scores: Vec<TaskTable>,
    quality: Vec<QualityRow>,
    classes: Vec<ClassRow>,
    classes_note: String,
    tuning: Vec<TuningRow>,
    tuning_note: String,
    diverged: Vec<DivergedRow>,
    runs: String,
    setup: Vec<Section>,
    files: Vec<(String, &'static str)>,
    command: String,
    rerun: String,
    redraw: String,
    digest: String,
    program: String,
}

/// AUCs of one task.
struct TaskTable {
    heading: String,
    rows: Vec<AucCells>,
}

struct AucCells {
    model: String,
    mean: String,
    interval: String,
    paper_mean: String,
    sd: String,
    best: String,
    paper_best: String,
    chosen: String,
    finished: usize,
    diverged: usize,
}

struct QualityRow {
    model: String,
    task: usize,
    log_loss: String,
    constant: String,
    calibration: String,
    ratio: String,
}

struct ClassRow {
    subset: &'static str,
    rows: String,
    task: String,
    positives: String,
    share: String,
    correlation: String,
}

struct TuningRow {
    model: String,
    sizes: String,
    rate: String,
    parameters: String,
    auc: String,
    worst: String,
}

impl Page {
    /// The page of a study of the census rows.
    pub fn new(
        study: &Study,
        census: &CensusSpec,
        folder: &Path,
        results: &[ClaimResult],
        figures: &[Drawn],
    ) -> Self {
        let (experiment, manifest) = (&study.experiment, &study.manifest);
        let place = place(folder);
        let models = model_runs(study);
        Self {
            title: experiment.title.clone(),
            description: experiment.description.clone(),
            partial: setup::partial(study),
            paragraph: setup::paragraph(study),
            claims: tables::claims(results),
            figures: figures.iter().map(FigureView::new).collect(),
            table: match census.main {
                MainTask::Income => "Beside Table 1 of the paper",
                MainTask::Education => "Beside Table 2 of the paper",
            },
            scores: scores(&models, census),
            quality: quality(&models),
            classes: classes(study),
            classes_note: classes_note(study),
            tuning: tuning(study),
            tuning_note: tuning_note(study),
            diverged: tables::diverged(study),
            runs: setup::count(study.runs.len()),
            setup: setup::sections(study),
            files: setup::files(folder, figures),
            command: setup::command(manifest),
            rerun: format!("sweep run {place}/study.toml --out {place}"),
            redraw: format!("sweep report {place}"),
            digest: manifest.digest.clone(),
            program: setup::program(manifest),
        }
    }
}

/// The paper's table with ours in it, task by task.
fn scores(models: &[Runs], census: &CensusSpec) -> Vec<TaskTable> {
    let paper = auc_table(census.main);
    let table = |(task, name): (usize, &str)| TaskTable {
        heading: format!("{}: {name}", if task == MAIN { "Main task" } else { "Auxiliary task" }),
        rows: models.iter().map(|scores| auc_cells(scores, &paper, task)).collect(),
    };
    (MAIN..=AUXILIARY).zip(census.task_names()).map(table).collect()
}

fn auc_cells(scores: &Runs, paper: &[AucRow], task: usize) -> AucCells {
    let values = scores.values(ScoreValue::auc(Subset::Test, task));
    let mean = scores.mean(ScoreValue::auc(Subset::Test, task));
    let paper = paper.iter().find(|row| row.model == scores.model.architecture.name);
    let [paper_mean, paper_best] = match (paper, task == MAIN) {
        (Some(row), true) => [row.main_mean, row.main_best],
        (Some(row), false) => [row.auxiliary_mean, row.auxiliary_with_best],
        (None, _) => [f64::NAN; 2],
    };
    let test = |run: Option<&RunRecord>| {
        let auc = run.and_then(|run| run.score(Subset::Test, task)).map(|score| score.auc);
        decimals(auc.unwrap_or(f64::NAN), AUC)
    };
    AucCells {
        model: scores.model.title.clone(),
        mean: decimals(mean.estimate, AUC),
        interval: ends(mean, AUC),
        paper_mean: decimals(paper_mean, AUC),
        sd: decimals(summary::variance(&values).sqrt(), AUC),
        best: test(best(scores, Subset::Test)),
        paper_best: decimals(paper_best, AUC),
        chosen: test(best(scores, Subset::Validation)),
        finished: values.len(),
        diverged: scores.diverged(),
    }
}

fn quality(models: &[Runs]) -> Vec<QualityRow> {
    let mut rows = Vec::new();
    for task in MAIN..=AUXILIARY {
        for scores in models {
            let mean =
                |value| summary::mean(&scores.values(ScoreValue { subset: Subset::Test, task, value }));
            let share = mean(|score| score.positive_rate);
            let constant = -(share * share.ln() + (1.0 - share) * (1.0 - share).ln());
            rows.push(QualityRow {
                model: scores.model.title.clone(),
                task,
                log_loss: decimals(mean(|score| score.log_loss), AUC),
                constant: decimals(constant, AUC),
                calibration: decimals(mean(|score| score.calibration_error), AUC),
                ratio: decimals(mean(|score| score.mean_prediction) / share, 3),
            });
        }
    }
    rows
}

fn classes(study: &Study) -> Vec<ClassRow> {
    let row = |class: &crate::store::ClassRecord| ClassRow {
        subset: class.subset.as_str(),
        rows: setup::count(class.rows),
        task: class.name.clone(),
        positives: setup::count(class.positives),
        share: format!("{} %", decimals(100.0 * class.positives as f64 / class.rows as f64, 2)),
        correlation: decimals(class.label_correlation, AUC),
    };
    study.classes.iter().map(row).collect()
}

fn classes_note(study: &Study) -> String {
    let paper = match study.experiment.data.census().map(|census| census.main) {
        Some(MainTask::Education) => "0.2373",
        _ => "0.1768",
    };
    let skipped = match study.classes.first().map_or(0, |class| class.skipped_rows) {
        0 => "No row was left out.".to_owned(),
        n => format!("{} malformed rows were left out.", setup::count(n)),
    };
    format!(
        "Classes are not balanced: losses are not weighted and rows not sampled, and AUC does not depend on the shares. \
         The paper has an absolute label correlation of {paper} over 10,000 random rows. {skipped}"
    )
}

/// The winners, with the span of what was tried.
fn tuning(study: &Study) -> Vec<TuningRow> {
    let Some(last) = study.trials.iter().map(|trial| trial.rung).max() else { return Vec::new() };
    let winners = study.trials.iter().filter(|trial| trial.rung == last && trial.kept);
    winners
        .map(|trial| {
            let first = study.trials.iter().filter(|other| other.rung == 1 && other.model == trial.model);
            let worst = first.map(|other| other.validation_auc).fold(f64::INFINITY, f64::min);
            TuningRow {
                model: study.experiment.model_title(&trial.model).to_owned(),
                sizes: trial.sizes.replace(' ', ", ").replace('=', " = "),
                rate: number(trial.learning_rate),
                parameters: setup::count(trial.parameters),
                auc: decimals(trial.validation_auc, AUC),
                worst: decimals(worst, AUC),
            }
        })
        .collect()
}

fn tuning_note(study: &Study) -> String {
    let of_rung = |rung: usize| {
        let trials = || study.trials.iter().filter(move |trial| trial.rung == rung);
        let first = trials().next()?;
        let each = trials().filter(|trial| trial.model == first.model).count();
        let runs = if first.seeds == 1 { "one run".to_owned() } else { format!("{} runs", first.seeds) };
        Some(format!("{each} trials of every model, {runs} of {} steps each", thousands(first.steps)))
    };
    let rungs: Vec<String> = (1..).map_while(of_rung).collect();
    format!(
        "Successive halving on the validation rows, the same budget for every model: {}.",
        rungs.join("; then ")
    )
}
