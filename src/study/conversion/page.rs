//! The page of a study of click and conversion: ESMM's Table 2 beside ours, and how far predictions are from the truth
//! where it is known.

use super::super::settings::condition_label;
use super::metric::{Metric, MetricKind};
use super::reference::{ConversionRow, conversion_table};
use super::runs::{SweptAxis, base_condition, model_runs};
use crate::analysis::Runs;
use crate::analysis::statistics::summary;
use crate::data::{AliCcpSpec, DataSpec, FunnelSpec, ali_ccp};
use crate::figure::theme::{decimals, number};
use crate::model::{Architecture, towers};
use crate::record::{Space, Target};
use crate::report::section::{Column, Section, Table};
use crate::report::setup::training;
use crate::report::words::{
    count, decimals_or_dash, ends, estimate, estimate_and_ends, list, or_dash, plural,
};
use crate::report::{Citation, Content, diverged};
use crate::store::Study;

/// Decimals of an AUC, as in the paper's table, and of a log-loss.
const AUC: usize = 4;
/// Decimals of probabilities of conversion and their errors, some thousandths large.
const PROBABILITY: usize = 5;
/// Decimals of a mean prediction over the truth.
const RATIO: usize = 3;

/// Text instead of a table of scores.
const NO_RUNS: &str = "The study has no finished runs of a model.";

/// The paper on models of the entire space of impressions, with the papers of the other methods.
const ESMM: Citation = Citation {
    text: "This study is compared with: Xiao Ma, Liqin Zhao, Guan Huang, Zhi Wang, Zelin Hu, Xiaoqiang Zhu, Kun Gai, \
           “Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion Rate”, SIGIR 2018",
    doi: "10.1145/3209978.3210104",
    note: "Sources of the other methods: Pan et al., “One-Class Collaborative Filtering”, ICDM 2008; Weiss, “Mining with \
           Rarity”, SIGKDD Explorations 2004; Zhang et al., “Bid-aware Gradient Descent for Unbiased Learning with Censored \
           Data in Display Advertising”, KDD 2016; Wang et al., “ESCM²: Entire Space Counterfactual Multi-Task Model for \
           Post-Click Conversion Rate Estimation”, SIGIR 2022; Chapelle, “Modeling Delayed Feedback in Display \
           Advertising”, KDD 2014; Ktena et al., “Addressing Delayed Feedback for Continuous Training with Neural Networks \
           in CTR prediction”, RecSys 2019; Ma et al., “Modeling Task Relationships in Multi-task Learning with Multi-gate \
           Mixture-of-Experts”, KDD 2018.",
};

/// What a study of click and conversion puts on its page.
pub fn content(study: &Study) -> Content {
    let (runs, base, varied) = (model_runs(study), base_condition(study), SweptAxis::from_study(study));
    let here: Vec<&Runs> = runs.iter().filter(|runs| runs.condition == base).collect();
    let at = varied.as_ref().map_or(String::new(), |_| format!(" at {}", condition_label(study, &base)));
    // Simulated impressions have true probabilities.
    let truth = study.experiment.data.source().knows_probabilities();
    let settings = varied.map(|varied| settings_section(study, &runs, &varied.title));
    let quality = quality_section(&here, &at, truth);
    Content {
        paragraph: paragraph(study),
        claims_heading: "The papers' claims on this study",
        claims_text: claims_text(truth),
        before_figures: vec![scores_section(&here, &at, truth)],
        after_figures: [quality]
            .into_iter()
            .chain(settings)
            .chain([methods_section(study), diverged::section(study)])
            .collect(),
        data: Vec::new(),
        citation: ESMM,
    }
}

fn claims_text(truth: bool) -> String {
    let seeds = match truth {
        true => {
            "A seed draws impressions, first parameters and the order of batches, so intervals cover all three; they do \
             not cover the choice of generator, sizes or protocol. The paper's own differences are of other data: they \
             are shown, and no claim requires them."
        }
        false => {
            "A seed draws first parameters and the order of batches; all runs share their impressions, so intervals do not \
             cover the choice of impressions, sizes or protocol. The paper's own differences are shown, and no claim \
             requires them."
        }
    };
    format!(
        "Each claim is tested on the test impressions, paired by seed, and is supported or contradicted only where a \
         95\u{a0}% interval says so. {seeds}"
    )
}

/// A paragraph on data, models and training.
fn paragraph(study: &Study) -> String {
    let rows = match &study.experiment.data {
        DataSpec::Funnel(funnel) => simulated(study, funnel),
        DataSpec::AliCcp(spec) => read(spec),
        _ => String::new(),
    };
    let models = list(study.experiment.models.iter().map(|model| model.title.clone()));
    format!("{models} learn click and conversion from {rows} {}", training(study, ""))
}

/// The simulated impressions, in words.
fn simulated(study: &Study, funnel: &FunnelSpec) -> String {
    let grid = &study.experiment.grid;
    let swept = |key: &str, value: f64| match grid.axis(key) {
        Some(axis) => list(axis.values.iter().map(|value| value.label(number))),
        None => number(value),
    };
    format!(
        "{} simulated impressions of {} categorical features with {} categories each and {} numeric features, and are \
         tested on {} later ones. Click rate: {}. Conversion rate of clicks: {}. Correlation of the scores of click and \
         conversion: {}. Standard deviation of the logit of pCTR: {}. Share of the training impressions: {}. Mean delay of \
         conversions: {} training windows.",
        count(funnel.training_impressions),
        funnel.fields,
        count(funnel.words),
        funnel.numbers,
        count(funnel.test_impressions),
        swept("data.click_rate", funnel.click_rate),
        swept("data.conversion_rate", funnel.conversion_rate),
        list(grid.task_correlations.iter().map(|&p| number(p))),
        swept("data.selection", funnel.selection),
        swept("data.share", funnel.share),
        swept("data.mean_delay", funnel.mean_delay),
    )
}

/// The impressions of Ali-CCP, in words.
fn read(spec: &AliCcpSpec) -> String {
    let rows = match spec.rows {
        0 => "all rows of both periods".to_owned(),
        rows => format!("the first {} lines of either period", count(rows)),
    };
    format!(
        "Ali-CCP: {rows}; the first period trains and the second tests. A row has {} categorical features, each embedded \
         in {}; categories of fewer than {} training impressions count as unknown.",
        ali_ccp::FIELDS,
        plural(spec.embedding_units, "unit"),
        count(spec.min_count as usize),
    )
}

/// Mean and standard deviation in a row of the paper's table, if it has them.
type InPaper = fn(&ConversionRow) -> Option<[f64; 2]>;

fn scores_section(runs: &[&Runs], at: &str, truth: bool) -> Section {
    let section = Section::new("tables", "Table", "Comparison with Table 2 of the paper");
    let tables = scores(runs);
    if tables.is_empty() {
        return section.text(NO_RUNS);
    }
    let levels = match truth {
        true => " The data differ, so compare orders and differences, not levels.",
        false => "",
    };
    section
        .text(format!(
            "AUC on the test impressions{at}: the mean over runs with its 95\u{a0}% bootstrap interval, the standard deviation \
             over runs, and the difference from BASE paired by seed; beside the paper's mean ± standard deviation of 10 \
             repetitions on its public data, and the difference of its means.{levels} Two learning rates are those of the \
             even and of the odd seeds, each chosen on the other half by the log-loss of pCTCVR."
        ))
        .tables(tables)
}

/// Tables of AUC: the paper's two with ours in them, and two that it does not have.
fn scores(runs: &[&Runs]) -> Vec<(String, Table)> {
    let columns = [
        Column::model(),
        Column::number("Mean"),
        Column::number("95\u{a0}% interval"),
        Column::number("sd"),
        Column::number("Δ vs BASE"),
        Column::number("Paper").if_any(),
        Column::number("Paper, Δ vs BASE").if_any(),
        Column::number("Learning rate"),
        Column::number("Runs"),
        Column::number("Diverged"),
    ];
    let none: InPaper = |_| None;
    let tables: [(&str, Metric, InPaper); 4] = [
        ("pCVR on clicked impressions", Metric::CLICKED_AUC, |row| Some(row.cvr)),
        ("pCVR on all impressions, against the truth", Metric::cvr(Space::All, MetricKind::Auc), none),
        ("pCTCVR on all impressions", Metric::JOINT_AUC, |row| Some(row.ctcvr)),
        ("pCTR on all impressions", Metric::on_all(Target::Click, MetricKind::Auc), none),
    ];
    let paper = conversion_table();
    let known = |metric| runs.iter().any(|runs| !runs.values(metric).is_empty());
    let table = |(heading, metric, in_paper): (&str, Metric, InPaper)| {
        let rows = runs.iter().map(|model| auc_cells(model, runs, metric, in_paper, &paper));
        known(metric).then(|| (heading.to_owned(), Table::new(columns, rows)))
    };
    tables.into_iter().filter_map(table).collect()
}

fn auc_cells(
    model: &Runs,
    all: &[&Runs],
    metric: Metric,
    in_paper: InPaper,
    paper: &[ConversionRow],
) -> [String; 10] {
    let row = |architecture: &str| paper.iter().find(|row| row.model == architecture).and_then(in_paper);
    let (mean, values) = (model.mean(metric), model.values(metric));
    let is_base = model.model.architecture.name == "base";
    let base = all.iter().find(|runs| runs.model.architecture.name == "base").filter(|_| !is_base);
    let over_base = base.and_then(|base| model.difference(base, metric));
    let theirs = row(model.model.architecture.name);
    let theirs_over_base =
        theirs.zip(row("base").filter(|_| !is_base)).map(|([ours, _], [base, _])| ours - base);
    [
        model.model.title.clone(),
        estimate(mean, AUC),
        ends(mean, AUC),
        decimals_or_dash(summary::deviation(&values), AUC),
        estimate_and_ends(over_base, AUC),
        or_dash(theirs.map(|[mean, sd]| format!("{} ± {}", decimals(mean, AUC), decimals(sd, AUC)))),
        or_dash(theirs_over_base.map(|difference| decimals(difference, AUC))),
        model.learning_rate_label(),
        count(values.len()),
        count(model.diverged()),
    ]
}

fn quality_section(runs: &[&Runs], at: &str, truth: bool) -> Section {
    let section = Section::new("quality", "Likelihood and bias", "Likelihood, calibration and bias");
    let tables = quality(runs, truth);
    if tables.is_empty() {
        return section.text(NO_RUNS);
    }
    let clipped = "A prediction above 1 counts as just below 1.";
    let text = match truth {
        true => format!(
            "Means over runs on the test impressions{at}. Log-loss: in nats, in expectation over outcomes drawn by the true \
             probabilities. {clipped} Calibration error: mean distance between predicted and true shares in ten bins of \
             equal count. Predicted / true: mean prediction over mean true probability with its 95\u{a0}% interval; 1 is \
             right on average. Error: mean distance of a prediction from the true probability."
        ),
        false => format!(
            "Means over runs on the test impressions{at}. Log-loss: in nats. {clipped} Calibration error: mean distance \
             between predicted and observed shares in ten bins of equal count. Predicted / observed: mean prediction over \
             the observed share with its 95\u{a0}% interval; 1 is right on average."
        ),
    };
    section.text(text).tables(tables)
}

/// Tables of the quality of the probabilities; those without runs are left out.
fn quality(runs: &[&Runs], truth: bool) -> Vec<(String, Table)> {
    let columns = [
        Column::model(),
        Column::number("Log-loss"),
        Column::number("Calibration error"),
        Column::number(if truth { "Predicted / true" } else { "Predicted / observed" }),
        Column::number("95\u{a0}% interval"),
        Column::number("Error").if_any(),
        Column::number("Share above 1").if_any(),
    ];
    let tables = [
        ("pCVR on clicked impressions", Target::Conversion, Space::Clicked),
        ("pCVR on all impressions", Target::Conversion, Space::All),
        ("pCTCVR on all impressions", Target::ClickAndConversion, Space::All),
    ];
    let table = |(heading, target, space): (&str, Target, Space)| {
        let log_loss = Metric { target, space, kind: MetricKind::LogLoss };
        let finished = runs.iter().filter(|runs| !runs.values(log_loss).is_empty());
        let table = Table::new(columns, finished.map(|runs| quality_cells(runs, target, space)));
        (!table.rows.is_empty()).then(|| (heading.to_owned(), table))
    };
    tables.into_iter().filter_map(table).collect()
}

fn quality_cells(runs: &Runs, target: Target, space: Space) -> [String; 7] {
    let metric = |kind| Metric { target, space, kind };
    let mean = |kind| decimals_or_dash(summary::mean_if_any(&runs.values(metric(kind))), PROBABILITY);
    let [ratio, ratio_interval] = ratio(runs, metric(MetricKind::Bias));
    [
        runs.model.title.clone(),
        mean(MetricKind::LogLoss),
        mean(MetricKind::CalibrationError),
        ratio,
        ratio_interval,
        mean(MetricKind::AbsoluteError),
        mean(MetricKind::AboveOne),
    ]
}

/// Mean prediction over the truth, and its interval.
fn ratio(runs: &Runs, bias: Metric) -> [String; 2] {
    let ratio = runs.mean(bias).map(|bias| bias.map(|bias| 1.0 + bias));
    [estimate(ratio, RATIO), ends(ratio, RATIO)]
}

fn settings_section(study: &Study, runs: &[Runs], varied: &str) -> Section {
    Section::new("settings", "By setting", "By setting")
        .text(format!(
            "Means over runs at every {varied}. Predicted / true is that of pCVR, with its 95\u{a0}% interval."
        ))
        .table(settings(study, runs))
}

/// Every model under every condition.
fn settings(study: &Study, runs: &[Runs]) -> Table {
    let columns = [
        Column::model(),
        Column::words("At"),
        Column::number("AUC pCVR, clicked"),
        Column::number("AUC pCVR, all"),
        Column::number("AUC pCTCVR"),
        Column::number("Predicted / true, clicked"),
        Column::number("Predicted / true, all"),
        Column::number("Error, all"),
        Column::number("Learning rate"),
        Column::number("Runs"),
        Column::number("Diverged"),
    ];
    let row = |runs: &Runs| {
        let auc = |metric| decimals_or_dash(summary::mean_if_any(&runs.values(metric)), AUC);
        let ratio = |space| ratio(runs, Metric::cvr(space, MetricKind::Bias)).join(" ");
        let error = Metric::cvr(Space::All, MetricKind::AbsoluteError);
        [
            runs.model.title.clone(),
            condition_label(study, &runs.condition),
            auc(Metric::CLICKED_AUC),
            auc(Metric::cvr(Space::All, MetricKind::Auc)),
            auc(Metric::JOINT_AUC),
            ratio(Space::Clicked),
            ratio(Space::All),
            decimals_or_dash(summary::mean_if_any(&runs.values(error)), PROBABILITY),
            runs.learning_rate_label(),
            count(runs.runs.len() - runs.diverged()),
            count(runs.diverged()),
        ]
    };
    Table::new(columns, runs.iter().map(row))
}

fn methods_section(study: &Study) -> Section {
    let columns = [
        Column::model(),
        Column::words("Embeddings"),
        Column::text("Conversion is learned from"),
        Column::words("Source"),
    ];
    let used = |method: &&Architecture| {
        study.experiment.models.iter().any(|model| model.architecture.name == method.name)
    };
    let row = |method: &Architecture| {
        let learning = method.learning?;
        Some([method.title, learning.embeddings, learning.learned_from, method.source].map(str::to_owned))
    };
    Section::new("methods", "Methods", "Methods")
        .text(
            "All methods learn clicks from all impressions. They differ in what they learn conversion from and in whether \
             click and conversion share embeddings. The set-up lists their sizes.",
        )
        .table(Table::new(columns, towers::REGISTRY.iter().filter(used).filter_map(row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::section::DASH;
    use crate::store::sample::FunnelSample;
    use crate::study::{Figures, write_report};

    fn page(study: &Study) -> String {
        let folder = tempfile::tempdir().unwrap();
        let report = write_report(study, Figures::from_study(study), folder.path()).unwrap();
        std::fs::read_to_string(report).unwrap()
    }

    const SECTIONS: [&str; 11] = [
        "what", "claims", "tables", "figures", "quality", "methods", "diverged", "setup", "files", "again",
        "cite",
    ];

    #[test]
    fn the_page_has_every_section_and_the_papers_table() {
        let html = page(&FunnelSample { diverged: 1, ..FunnelSample::default() }.study());
        let positions: Vec<usize> =
            SECTIONS.iter().map(|id| html.find(&format!("id=\"{id}\"")).expect(id)).collect();
        assert!(positions.is_sorted());
        assert!(html.contains("0.6856 ± 0.0037") && html.contains("0.0256"), "ESMM's row of Table 2");
        assert!(html.contains("<figure id=\"funnel_scores\">") && !html.contains("id=\"settings\""));
        assert!(html.contains("3209978.3210104") && !html.contains("3219819"), "ESMM is cited, MMoE is not");
        assert!(!html.contains("NaN"));
    }

    #[test]
    fn a_varied_study_has_a_row_for_every_setting() {
        let vary = Some(("data.mean_delay", vec![0.0, 0.5, 1.0]));
        let sample = FunnelSample {
            models: vec!["base", "delayed_feedback"],
            vary,
            seeds: 6,
            ..FunnelSample::default()
        };
        let study = sample.study();
        let html = page(&study);
        assert!(html.contains("id=\"settings\"") && html.contains("mean delay 0.5"));
        assert_eq!(settings(&study, &model_runs(&study)).rows.len(), 6);
        assert!(html.contains("<figure id=\"funnel_knob\">"));
    }

    #[test]
    fn differences_to_base_are_paired_and_base_has_none() {
        let study = FunnelSample::default().study();
        let runs = model_runs(&study);
        let here: Vec<&Runs> = runs.iter().collect();
        let (_, table) = &scores(&here)[0];
        let [ours, theirs] = [table.column("Δ vs BASE"), table.column("Paper, Δ vs BASE")];
        assert_eq!([ours[0], theirs[0]], [DASH, DASH]);
        assert_eq!(theirs[6], "0.0256");
        assert!(ours[6].starts_with("0.0"));
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
