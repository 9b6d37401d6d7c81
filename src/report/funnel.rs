//! The report of a study of impressions: ESMM's Table 2 beside it, and what no log can show: how far pCVR is from the
//! truth.

use std::path::Path;

use askama::Template;

use super::setup::{self, Section};
use super::tables::{self, ClaimRow, DivergedRow, ends};
use super::{FigureView, place};
use crate::analysis::Runs;
use crate::analysis::funnel::{Aspect, Quantity, Varied, base_condition, model_runs};
use crate::analysis::reference::{ConversionRow, conversion_table};
use crate::analysis::statistics::summary;
use crate::claim::ClaimResult;
use crate::experiment::{Condition, Experiment};
use crate::figure::Drawn;
use crate::figure::theme::{decimals, number};
use crate::model::{Architecture, towers};
use crate::record::{Space, Target};
use crate::store::Study;

/// Decimals of an AUC, as in the paper's table, and of a log-loss.
const AUC: usize = 4;
/// Decimals of probabilities of conversion and their errors, some thousandths large.
const PROBABILITY: usize = 5;
/// Decimals of a mean prediction over the truth.
const RATIO: usize = 3;

/// What `templates/funnel.html` is filled with. All text is plain; the template escapes it.
#[derive(Template)]
#[template(path = "funnel.html")]
pub struct Page {
    title: String,
    description: String,
    partial: Option<String>,
    paragraph: String,
    claims: Vec<ClaimRow>,
    figures: Vec<FigureView>,
    /// Condition of the tables of one condition, in words; empty where there is but one.
    place: String,
    scores: Vec<AucTable>,
    /// Whether the true probabilities are known.
    truth: bool,
    quality: Vec<QualityTable>,
    varied: String,
    settings: Vec<SettingRow>,
    methods: Vec<MethodRow>,
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

/// AUCs of one prediction.
struct AucTable {
    heading: &'static str,
    /// Whether the paper's table has it.
    paper: bool,
    rows: Vec<AucCells>,
}

struct AucCells {
    model: String,
    mean: String,
    interval: String,
    sd: String,
    over_base: String,
    paper: String,
    paper_over_base: String,
    rate: String,
    finished: usize,
    diverged: usize,
}

/// How good the probabilities of one prediction are.
struct QualityTable {
    heading: &'static str,
    rows: Vec<QualityCells>,
}

struct QualityCells {
    model: String,
    log_loss: String,
    calibration: String,
    ratio: String,
    ratio_interval: String,
    error: String,
    above_one: String,
}

/// A model at a setting.
struct SettingRow {
    model: String,
    setting: String,
    clicked_auc: String,
    all_auc: String,
    joint_auc: String,
    clicked_ratio: String,
    all_ratio: String,
    error: String,
    rate: String,
    finished: usize,
    diverged: usize,
}

/// What a method is.
struct MethodRow {
    title: &'static str,
    embeddings: &'static str,
    learned_from: &'static str,
    source: &'static str,
}

/// The methods that a study compares, in the order of [`towers::REGISTRY`].
fn methods(experiment: &Experiment) -> Vec<MethodRow> {
    let used = |method: &&Architecture| experiment.models.iter().any(|m| m.architecture.name == method.name);
    let row = |method: &Architecture| {
        let learning = method.learning?;
        Some(MethodRow {
            title: method.title,
            embeddings: learning.embeddings,
            learned_from: learning.learned_from,
            source: method.source,
        })
    };
    towers::REGISTRY.iter().filter(used).filter_map(row).collect()
}

impl Page {
    /// The page of a study of impressions.
    pub fn new(study: &Study, folder: &Path, results: &[ClaimResult], figures: &[Drawn]) -> Self {
        let (experiment, manifest) = (&study.experiment, &study.manifest);
        let folder_name = place(folder);
        let (runs, base, varied) = (model_runs(study), base_condition(study), Varied::of(study));
        let here: Vec<&Runs> = runs.iter().filter(|runs| runs.condition == base).collect();
        Self {
            title: experiment.title.clone(),
            description: experiment.description.clone(),
            partial: setup::partial(study),
            paragraph: setup::paragraph(study),
            claims: tables::claims(results),
            figures: figures.iter().map(FigureView::new).collect(),
            place: varied.as_ref().map_or(String::new(), |_| condition_label(study, base)),
            scores: scores(&here),
            truth: experiment.data.funnel().is_some(),
            quality: quality(&here),
            settings: if varied.is_some() { settings(study, &runs) } else { Vec::new() },
            varied: varied.map_or(String::new(), |varied| varied.title.to_owned()),
            methods: methods(experiment),
            diverged: tables::diverged(study),
            runs: setup::count(study.runs.len()),
            setup: setup::sections(study),
            files: setup::files(folder, figures),
            command: setup::command(manifest),
            rerun: format!("sweep run {folder_name}/study.toml --out {folder_name}"),
            redraw: format!("sweep report {folder_name}"),
            digest: manifest.digest.clone(),
            program: setup::program(manifest),
        }
    }
}

/// "task correlation 0.5, selection 1.5": of the two what the study varies.
fn condition_label(study: &Study, condition: Condition) -> String {
    let grid = &study.experiment.grid;
    let correlation =
        condition.task_correlation.filter(|_| grid.task_correlations.len() > 1 || grid.sweep.is_none());
    let correlation = correlation.map(|p| format!("task correlation {}", number(p)));
    let swept = grid.swept_parameter().zip(condition.swept_value);
    let swept =
        swept.map(|(parameter, value)| format!("{} {}", parameter.key().replace('_', " "), number(value)));
    correlation.into_iter().chain(swept).collect::<Vec<_>>().join(", ")
}

/// Mean and standard deviation in a row of the paper's table; NaN where it has none.
type OfPaper = fn(&ConversionRow) -> [f64; 2];

/// The paper's table with ours in it, and the two AUCs that it does not have.
fn scores(runs: &[&Runs]) -> Vec<AucTable> {
    let paper = conversion_table();
    let tables: [(&str, Quantity, OfPaper); 4] = [
        ("pCVR on clicked impressions", Quantity::CLICKED_AUC, |row| row.cvr),
        ("pCVR on all impressions, against the truth", Quantity::of_cvr(Space::All, Aspect::Auc), |_| {
            [f64::NAN; 2]
        }),
        ("pCTCVR on all impressions", Quantity::JOINT_AUC, |row| row.ctcvr),
        ("pCTR on all impressions", Quantity::of_all(Target::Click, Aspect::Auc), |_| [f64::NAN; 2]),
    ];
    let table = |(heading, quantity, of_paper): (&'static str, Quantity, OfPaper)| AucTable {
        heading,
        paper: paper.iter().any(|row| of_paper(row)[0].is_finite()),
        rows: runs.iter().map(|model| auc_cells(model, runs, quantity, of_paper, &paper)).collect(),
    };
    let known = |table: &AucTable| table.rows.iter().any(|row| row.finished > 0);
    tables.into_iter().map(table).filter(known).collect()
}

fn auc_cells(
    model: &Runs,
    all: &[&Runs],
    quantity: Quantity,
    of_paper: OfPaper,
    paper: &[ConversionRow],
) -> AucCells {
    let of = |architecture: &str| paper.iter().find(|row| row.model == architecture).map(of_paper);
    let (mean, values) = (model.mean(quantity), model.values(quantity));
    let is_base = model.model.architecture.name == "base";
    let base = all.iter().find(|runs| runs.model.architecture.name == "base").filter(|_| !is_base);
    let over_base = base.map(|base| model.difference(base, quantity));
    let [theirs, their_sd] = of(model.model.architecture.name).unwrap_or([f64::NAN; 2]);
    let theirs_over_base = of("base").filter(|_| !is_base).map_or(f64::NAN, |base| theirs - base[0]);
    AucCells {
        model: model.model.title.clone(),
        mean: decimals(mean.estimate, AUC),
        interval: ends(mean, AUC),
        sd: decimals(summary::variance(&values).sqrt(), AUC),
        over_base: match over_base.filter(|difference| difference.estimate.is_finite()) {
            Some(difference) => format!("{} {}", decimals(difference.estimate, AUC), ends(difference, AUC)),
            None => "–".to_owned(),
        },
        paper: match theirs.is_finite() {
            true => format!("{} ± {}", decimals(theirs, AUC), decimals(their_sd, AUC)),
            false => "–".to_owned(),
        },
        paper_over_base: decimals(theirs_over_base, AUC),
        rate: model.learning_rate_label(),
        finished: values.len(),
        diverged: model.diverged(),
    }
}

/// How good the probabilities are, where there are any.
fn quality(runs: &[&Runs]) -> Vec<QualityTable> {
    let tables = [
        ("pCVR on clicked impressions", Target::Conversion, Space::Clicked),
        ("pCVR on all impressions", Target::Conversion, Space::All),
        ("pCTCVR on all impressions", Target::ClickAndConversion, Space::All),
    ];
    let table = |(heading, target, space): (&'static str, Target, Space)| {
        let finished = runs
            .iter()
            .filter(|runs| !runs.values(Quantity { target, space, aspect: Aspect::LogLoss }).is_empty());
        QualityTable { heading, rows: finished.map(|runs| quality_cells(runs, target, space)).collect() }
    };
    tables.map(table).into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn quality_cells(runs: &Runs, target: Target, space: Space) -> QualityCells {
    let of = |aspect| Quantity { target, space, aspect };
    let mean = |aspect, places| decimals(summary::mean(&runs.values(of(aspect))), places);
    let ratio = ratio(runs, of(Aspect::Bias));
    QualityCells {
        model: runs.model.title.clone(),
        log_loss: mean(Aspect::LogLoss, PROBABILITY),
        calibration: mean(Aspect::CalibrationError, PROBABILITY),
        ratio: ratio.0,
        ratio_interval: ratio.1,
        error: mean(Aspect::AbsoluteError, PROBABILITY),
        above_one: mean(Aspect::AboveOne, PROBABILITY),
    }
}

/// Mean prediction over the truth with its interval.
fn ratio(runs: &Runs, bias: Quantity) -> (String, String) {
    let mut ratio = runs.mean(bias);
    (ratio.estimate, ratio.low, ratio.high) = (1.0 + ratio.estimate, 1.0 + ratio.low, 1.0 + ratio.high);
    (decimals(ratio.estimate, RATIO), ends(ratio, RATIO))
}

/// Every model under every condition.
fn settings(study: &Study, runs: &[Runs]) -> Vec<SettingRow> {
    let row = |runs: &Runs| {
        let auc = |quantity| decimals(summary::mean(&runs.values(quantity)), AUC);
        let ratio = |space| {
            let (mean, interval) = ratio(runs, Quantity::of_cvr(space, Aspect::Bias));
            format!("{mean} {interval}")
        };
        let error = Quantity::of_cvr(Space::All, Aspect::AbsoluteError);
        SettingRow {
            model: runs.model.title.clone(),
            setting: condition_label(study, runs.condition),
            clicked_auc: auc(Quantity::CLICKED_AUC),
            all_auc: auc(Quantity::of_cvr(Space::All, Aspect::Auc)),
            joint_auc: auc(Quantity::JOINT_AUC),
            clicked_ratio: ratio(Space::Clicked),
            all_ratio: ratio(Space::All),
            error: decimals(summary::mean(&runs.values(error)), PROBABILITY),
            rate: runs.learning_rate_label(),
            finished: runs.runs.len() - runs.diverged(),
            diverged: runs.diverged(),
        }
    };
    runs.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Knob;
    use crate::report::write;
    use crate::store::funnel_sample::FunnelSample;

    fn page(study: &Study) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::read_to_string(write(study, folder.path()).unwrap()).unwrap()
    }

    const SECTIONS: [&str; 11] = [
        "what", "claims", "tables", "figures", "quality", "methods", "diverged", "setup", "files", "again",
        "cite",
    ];

    #[test]
    fn the_page_has_every_section_and_the_papers_table() {
        let html = page(&FunnelSample { diverged: 1, ..FunnelSample::default() }.study());
        let places: Vec<usize> =
            SECTIONS.iter().map(|id| html.find(&format!("id=\"{id}\"")).expect(id)).collect();
        assert!(places.is_sorted());
        assert!(html.contains("0.6856 ± 0.0037") && html.contains("0.0256"), "ESMM's row of Table 2");
        assert!(html.contains("<figure id=\"funnel_scores\">") && !html.contains("id=\"settings\""));
        assert!(html.contains("3209978.3210104") && !html.contains("3219819"), "ESMM is cited, MMoE is not");
        assert!(!html.contains("NaN"));
    }

    #[test]
    fn a_varied_study_has_a_row_for_every_setting() {
        let vary = Some((Knob::MeanDelay, vec![0.0, 0.5, 1.0]));
        let sample = FunnelSample {
            models: vec!["base", "delayed_feedback"],
            vary,
            seeds: 6,
            ..FunnelSample::default()
        };
        let study = sample.study();
        let html = page(&study);
        assert!(html.contains("id=\"settings\"") && html.contains("mean delay 0.5"));
        assert_eq!(settings(&study, &model_runs(&study)).len(), 6);
        assert!(html.contains("<figure id=\"funnel_knob\">"));
    }

    #[test]
    fn differences_to_base_are_paired_and_base_has_none() {
        let study = FunnelSample::default().study();
        let runs = model_runs(&study);
        let here: Vec<&Runs> = runs.iter().collect();
        let table = &scores(&here)[0];
        assert_eq!((table.rows[0].over_base.as_str(), table.rows[0].paper_over_base.as_str()), ("–", "–"));
        assert_eq!(table.rows[6].paper_over_base, "0.0256");
        assert!(table.rows[6].over_base.starts_with("0.0"));
    }

    #[test]
    fn studies_with_little_in_them_have_a_page_too() {
        let base = FunnelSample { models: vec!["esmm"], seeds: 1, ..FunnelSample::default() };
        let mut nothing = base.study();
        nothing.runs.clear();
        for study in [base.study(), FunnelSample { diverged: 1, ..base }.study(), nothing] {
            let html = page(&study);
            assert!(SECTIONS.iter().all(|id| html.contains(&format!("id=\"{id}\""))));
            assert!(!html.contains("NaN"));
        }
    }
}
