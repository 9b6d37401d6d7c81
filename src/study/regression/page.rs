//! The page of a study of regression tasks: losses, gates, distance to the paper and learning rates.

use rayon::prelude::*;

use super::reference::{self, Counterpart};
use crate::analysis::distance::{between_curves, total_variation};
use crate::analysis::gates::{GateSummary, gate_summaries};
use crate::analysis::{Histogram, LossSummary, MeanCurve, Measure, Runs, runs_by_rate, selected_runs};
use crate::data::SyntheticSpec;
use crate::experiment::Experiment;
use crate::figure::theme::{decimals, number, step, thousands};
use crate::report::section::{Column, Section, Table};
use crate::report::setup::training;
use crate::report::words::{
    count, decimals_or_dash, either, ends, estimate, estimate_and_ends, list, or_dash, plural,
};
use crate::report::{Content, MMOE, diverged};
use crate::store::Study;

/// Bins of the paper's histograms: up to a loss of 2/3, beyond which none of its runs ended.
const PAPER_BINS: usize = 20;
/// Decimals of a loss: the paper's curves are accurate to 1e-4.
const LOSS: usize = 4;
/// Decimals of the use of gates: means over some hundred runs are no finer.
const GATE: usize = 2;

/// What a study of regression tasks puts on its page.
pub fn content(study: &Study) -> Content {
    let data = study.experiment.data.synthetic().expect("regression tasks are generated");
    let loss = Measure::from_study(study).rows.loss();
    Content {
        paragraph: paragraph(study, data),
        claims_heading: "The paper's claims on this study",
        claims_text: format!(
            "A claim is supported or contradicted only where a 95\u{a0}% interval says so. Each claim shows the comparison \
             that is hardest to support or that contradicts it most. {loss} of task\u{a0}1, as a share of the labels' \
             variance."
        ),
        before_figures: Vec::new(),
        after_figures: vec![
            losses_section(study, loss),
            gates_section(study),
            distance_section(study),
            diverged::section(study),
            rates_section(study, loss),
        ],
        data: vec![("label variance before standardising".into(), number(data.label_variance()))],
        citation: MMOE,
    }
}

/// A paragraph on data, models and training.
fn paragraph(study: &Study, data: &SyntheticSpec) -> String {
    let Experiment { grid, train, models, .. } = &study.experiment;
    let labels = if data.standardise_labels { "standardised labels" } else { "labels as generated" };
    let tasks = format!(
        "{} synthetic regression tasks of {} features ({labels}) whose weight vectors have cosine {}",
        count(data.tasks()),
        count(data.dim),
        list(grid.task_correlations.iter().map(|&p| number(p)))
    );
    if models.is_empty() {
        let trials = plural(grid.seeds.len(), "trial");
        return format!("No model was trained. Labels were generated for {tasks}, {trials} of each.");
    }
    let models =
        list(models.iter().map(|model| match study.runs.iter().find(|run| run.key.model == model.name) {
            Some(run) => format!("{} ({} parameters)", model.title, count(run.parameters)),
            None => model.title.clone(),
        }));
    let rates = either(grid.learning_rates.iter().map(|&rate| number(rate)));
    format!(
        "{models} learn {tasks}. {} Losses are logged every {}, on the batch and on {} held-out rows.",
        training(study, &format!(" at a learning rate of {rates}")),
        plural(train.log_every as usize, "step"),
        count(train.held_out_rows),
    )
}

fn losses_section(study: &Study, loss: &str) -> Section {
    let section = Section::new("losses", "Final losses", "Final losses");
    let table = losses(study);
    if table.rows.is_empty() {
        return section.text("The study has no finished runs of a model.");
    }
    section
        .text(format!(
            "{loss} of task\u{a0}1 after the last step. Learning rates are cross-fitted: each half of the seeds is reported \
             at the rate that did best on the other half, so that the choice does not flatter. Intervals: bootstrap over \
             runs (BCa, expanded for few runs). Diverged runs have no loss and appear in no other column."
        ))
        .table(table)
}

/// The reported final losses of every model and task correlation.
fn losses(study: &Study) -> Table {
    let columns = [
        Column::model(),
        Column::number("Correlation"),
        Column::number("Mean"),
        Column::number("95\u{a0}% interval"),
        Column::number("Median"),
        Column::number("sd"),
        Column::number("Lowest"),
        Column::number("Highest"),
        Column::number("Runs"),
        Column::number("Diverged"),
        Column::words("Learning rate"),
    ];
    let row = |reported: &Runs| {
        let losses = reported.final_losses(Measure::from_study(study));
        let summary = LossSummary::new(&losses);
        let mean = summary.map(|summary| summary.mean);
        let cell = |value: fn(LossSummary) -> f64| decimals_or_dash(summary.map(value), LOSS);
        [
            reported.model.title.clone(),
            or_dash(reported.condition.task_correlation.map(number)),
            estimate(mean, LOSS),
            ends(mean, LOSS),
            cell(|summary| summary.median),
            decimals_or_dash(summary.and_then(|summary| summary.sd), LOSS),
            cell(|summary| summary.lowest),
            cell(|summary| summary.highest),
            count(losses.len()),
            count(reported.diverged()),
            reported.learning_rate_label(),
        ]
    };
    let rows: Vec<[String; 11]> =
        selected_runs(study, Measure::from_study(study)).par_iter().map(row).collect();
    Table::new(columns, rows)
}

fn gates_section(study: &Study) -> Section {
    let section = Section::new("gate-use", "Gates", "Gates");
    let table = gates(study);
    if !study.has_final_gates() {
        return section.text("gates.csv is missing, so the use of gates is not known.");
    }
    if table.rows.is_empty() {
        return section.text("The study has no finished runs of a model with gates.");
    }
    section
        .text(
            "Use of the gates after the last step: means over runs with 95\u{a0}% intervals. Entropy: of a row's gate \
             weights, in nats. Experts used: effective share of the experts that the tasks use together. Divergence: \
             Jensen–Shannon divergence of the tasks' mean weights, in bits. Collapsed: share of runs in which a gate puts \
             90\u{a0}% or more on one expert, with Wilson's interval; one expert: in which all gates put it on the same. \
             The last three columns are Spearman correlations with the run's final loss; below zero, runs with more of it \
             end lower.",
        )
        .table(table)
}

/// Use of the gates at the last logged step.
fn gates(study: &Study) -> Table {
    let columns = [
        Column::model(),
        Column::number("Correlation"),
        Column::number("Entropy"),
        Column::number("Experts used"),
        Column::number("Divergence"),
        Column::number("Collapsed"),
        Column::number("One expert"),
        Column::number("Entropy × loss"),
        Column::number("Experts used × loss"),
        Column::number("Divergence × loss"),
    ];
    let row = |summary: &GateSummary| {
        let last = summary.curve.last()?;
        let cell = |interval| estimate_and_ends(interval, GATE);
        Some([
            study.experiment.model_title(&summary.model).to_owned(),
            or_dash(summary.task_correlation.map(number)),
            cell(Some(last.entropy)),
            cell(Some(last.utilisation)),
            cell(Some(last.divergence)),
            cell(Some(summary.collapsed)),
            cell(Some(summary.one_expert)),
            cell(summary.entropy_with_loss),
            cell(summary.utilisation_with_loss),
            cell(summary.divergence_with_loss),
        ])
    };
    Table::new(columns, gate_summaries(study, Measure::from_study(study)).iter().filter_map(row))
}

fn distance_section(study: &Study) -> Section {
    let section = Section::new("distance", "Distance to the paper", "Distance to the paper");
    let table = distances(study);
    if table.rows.is_empty() {
        return section.text(
            "No model here has a counterpart in the paper. Its Figures 3 to 5 have correlations 0.5, 0.9 and 1, a shared \
             bottom of 16 or 113 units and mixtures of 8 experts of 16 units, on two tasks of 100 features with labels of \
             variance 1.",
        );
    }
    section
        .text(format!(
            "Area: between our mean curve and the paper's over the steps that both have, as a share of the area under the \
             paper's. Signed area: positive where ours lies above. Histograms: total-variation distance of the final losses \
             (ours after {} steps) from Figure 5's over the same bins, which is the share of runs that would have to move; \
             diverged runs count among the highest.",
            thousands(study.experiment.train.steps)
        ))
        .table(table)
}

/// The distance to the paper of every model and task correlation that the paper has, where a run finished.
fn distances(study: &Study) -> Table {
    let columns = [
        Column::model(),
        Column::number("Correlation"),
        Column::words("In the paper"),
        Column::number("Steps compared"),
        Column::number("Area"),
        Column::number("Signed area"),
        Column::number("Ours, last step compared"),
        Column::number("Paper's, last step compared"),
        Column::number("Histograms"),
    ];
    let reported = selected_runs(study, Measure::from_study(study));
    Table::new(columns, reported.iter().filter_map(|reported| distance(study, reported)))
}

fn distance(study: &Study, reported: &Runs) -> Option<[String; 9]> {
    let (experiment, p) = (&study.experiment, reported.condition.task_correlation?);
    let model = reported.model;
    let paper = reference::curve(experiment, &model.name, p)?;
    let measure = Measure::from_study(study);
    let ours = MeanCurve::of(study, reported, measure).points();
    let last = ours.last()?.0;
    let known = MeanCurve::are_known(study, std::slice::from_ref(reported), measure);
    let between = between_curves(&ours, &paper.points).filter(|_| known);
    let percent = |share: f64| format!("{} %", decimals(100.0 * share, 1));
    // The last step of the paper's that lies within ours, and our point nearest to it.
    let theirs = paper.points.iter().rev().find(|point| point.0 <= last);
    let near = theirs
        .and_then(|point| ours.iter().min_by(|a, b| (a.0 - point.0).abs().total_cmp(&(b.0 - point.0).abs())));
    let variation = reference::final_losses(experiment, &model.name, p).map(|theirs| {
        let ours = Histogram::new(
            &reported.final_losses(Measure::from_study(study)),
            reported.diverged(),
            PAPER_BINS,
        );
        total_variation(&ours, &theirs.with_bins(PAPER_BINS))
    });
    Some([
        model.title.clone(),
        number(p),
        match Counterpart::for_model(model)? {
            Counterpart::Figure3 => "Figure 3".to_owned(),
            Counterpart::Figure4 => "Figures 4, 5".to_owned(),
        },
        or_dash(between.map(|d| format!("{} to {}", step(d.from), step(d.to)))),
        or_dash(between.map(|d| percent(d.relative))),
        or_dash(between.map(|d| {
            let sign = if d.signed > 0.0 { "+" } else { "" };
            format!("{sign}{}", percent(d.signed))
        })),
        or_dash(near.map(|point| decimals(point.1, LOSS))),
        or_dash(theirs.map(|point| decimals(point.1, LOSS))),
        or_dash(variation.map(|share| decimals(share, 2))),
    ])
}

fn rates_section(study: &Study, loss: &str) -> Section {
    let section = Section::new("rates", "Learning rates", "Every learning rate");
    let table = rates(study);
    if table.rows.is_empty() {
        return section.text("The study has no runs of a model.");
    }
    section
        .text(format!(
            "{loss} of task\u{a0}1 after the last step, over all runs, by learning rate. The last column marks the rates \
             that the rest of this page reports. Chosen on these same runs, they would look better than they are, hence \
             the cross-fitting above."
        ))
        .table(table)
}

/// Runs by learning rate, with the seeds for which the rest of the page reports its learning rate.
fn rates(study: &Study) -> Table {
    let columns = [
        Column::model(),
        Column::number("Correlation"),
        Column::number("Learning rate"),
        Column::number("Mean"),
        Column::number("95\u{a0}% interval"),
        Column::number("Median"),
        Column::number("Runs"),
        Column::number("Diverged"),
        Column::words("Reported for"),
    ];
    let reported = selected_runs(study, Measure::from_study(study));
    let row = |runs: &Runs| {
        let losses = runs.final_losses(Measure::from_study(study));
        let summary = LossSummary::new(&losses);
        let mean = summary.map(|summary| summary.mean);
        let chosen = reported
            .iter()
            .find(|r| r.model.name == runs.model.name && r.condition == runs.condition)
            .map(|r| r.learning_rates.map(|rate| rate == runs.learning_rates[0]));
        [
            runs.model.title.clone(),
            or_dash(runs.condition.task_correlation.map(number)),
            number(runs.learning_rates[0]),
            estimate(mean, LOSS),
            ends(mean, LOSS),
            decimals_or_dash(summary.map(|summary| summary.median), LOSS),
            count(losses.len()),
            count(runs.runs.len() - losses.len()),
            match chosen {
                Some([true, true]) => "all seeds",
                Some([true, false]) => "first half",
                Some([false, true]) => "second half",
                _ => "",
            }
            .to_owned(),
        ]
    };
    let rows: Vec<[String; 9]> = runs_by_rate(study).par_iter().map(row).collect();
    Table::new(columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::section::DASH;
    use crate::store::sample::Sample;
    use crate::study::{Figures, write_report};

    #[test]
    fn tables_have_a_row_for_every_cell() {
        let study = Sample { diverged: 1, ..Sample::default() }.study();
        assert_eq!(
            [losses(&study).rows.len(), distances(&study).rows.len(), rates(&study).rows.len()],
            [9, 9, 18]
        );
        let losses = losses(&study);
        assert!(losses.column("Runs").iter().all(|runs| *runs == "7"));
        assert!(losses.column("Diverged").iter().all(|runs| *runs == "1"));
        assert_eq!(distances(&study).column("Steps compared")[0], "500 to 1,000");
    }

    #[test]
    fn a_cell_without_finished_runs_has_dashes() {
        let study = Sample { seeds: 2, diverged: 2, ..Sample::default() }.study();
        let losses = losses(&study);
        for heading in ["Mean", "95\u{a0}% interval"] {
            assert!(losses.column(heading).iter().all(|cell| *cell == DASH), "{heading}");
        }
        assert!(distances(&study).rows.is_empty());
    }

    #[test]
    fn a_study_that_equals_the_paper_is_at_distance_0() {
        let mut study = Sample { steps: 10_000, seeds: 1, ..Sample::default() }.study();
        let experiment = study.experiment.clone();
        for run in &mut study.runs {
            let p = run.key.condition.task_correlation.unwrap();
            let paper = reference::curve(&experiment, &run.key.model, p).unwrap();
            run.curve.truncate(paper.points.len());
            for (point, (step, loss)) in run.curve.iter_mut().zip(paper.points) {
                point.step = step as u64;
                point.held_out_loss = vec![loss as f32; 2];
            }
        }
        let distances = distances(&study);
        assert!(distances.column("Area").iter().all(|area| *area == "0.0 %"));
        assert_eq!(
            distances.column("Ours, last step compared"),
            distances.column("Paper's, last step compared")
        );
    }

    #[test]
    fn the_paragraph_says_what_was_run() {
        let study = Sample { seeds: 20, ..Sample::default() }.study();
        let text = paragraph(&study, study.experiment.data.synthetic().unwrap());
        for words in
            ["Shared-bottom", "15,000 parameters", "0.5, 0.9 and 1", "0.001 or 0.01", "20 seeds", "360 runs"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    fn page(study: &Study) -> String {
        let folder = tempfile::tempdir().unwrap();
        let report = write_report(study, Figures::from_study(study), folder.path()).unwrap();
        std::fs::read_to_string(report).unwrap()
    }

    const SECTIONS: [&str; 12] = [
        "what", "claims", "figures", "losses", "gate-use", "distance", "diverged", "rates", "setup", "files",
        "again", "cite",
    ];

    #[test]
    fn the_page_has_every_section_and_figure_in_order() {
        let html = page(&Sample::default().study());
        let positions: Vec<usize> =
            SECTIONS.iter().map(|id| html.find(&format!("id=\"{id}\"")).expect(id)).collect();
        assert!(positions.is_sorted());
        for name in ["gain", "figure2", "figure3", "figure4", "figure5", "figure6", "gates"] {
            assert!(html.contains(&format!("<figure id=\"{name}\">")), "{name}");
        }
        assert_eq!(html.matches("<svg").count(), 7);
        assert!(html.contains("claims.csv") && !html.contains("not complete"));
    }

    #[test]
    fn the_page_needs_no_network_and_no_script() {
        let html = page(&Sample::default().study());
        // Namespaces are names, and links to papers wait for a click.
        let rest = html
            .replace("xmlns=\"http://www.w3.org/2000/svg\"", "")
            .replace("<a href=\"https://doi.org/10.1145/3219819.3220007\">", "");
        for load in ["http://", "https://", "<script", "<link", "@import", "url(", " src="] {
            assert!(!rest.contains(load), "{load}");
        }
    }

    #[test]
    fn a_partial_study_says_so_before_anything_else() {
        let mut study = Sample::default().study();
        study.runs.retain(|run| run.key.seed < 5);
        study.manifest.runs_done = study.runs.len();
        let html = page(&study);
        let notice = html.find("This study is not complete").unwrap();
        assert!(notice < html.find("id=\"claims\"").unwrap());
        assert!(html.contains("90 of 144 planned runs"));
    }

    #[test]
    fn hostile_names_are_escaped() {
        let name = "<script>\u{1b}[31m\0alert('1')</script>";
        let models = vec![(name, "mmoe", ""), ("shared_bottom", "shared_bottom", "")];
        let html = page(
            &Sample { models, title: "<b>bold</b>", seeds: 2, diverged: 1, ..Sample::default() }.study(),
        );
        assert!(!html.contains("<script") && !html.contains("<b>"));
        assert!(!html.contains(|c: char| c.is_control() && c != '\n'), "controls are no part of a page");
    }

    #[test]
    fn studies_with_little_in_them_have_a_page_too() {
        for sample in [
            Sample { models: vec![], ..Sample::default() },
            Sample { seeds: 1, correlations: vec![-0.5], ..Sample::default() },
            Sample { seeds: 2, diverged: 2, ..Sample::default() },
        ] {
            let html = page(&sample.study());
            assert!(SECTIONS.iter().all(|id| html.contains(&format!("id=\"{id}\""))));
            assert!(!html.contains("NaN"), "{sample:?}");
        }
        let mut nothing = Sample { seeds: 1, ..Sample::default() }.study();
        nothing.runs.clear();
        nothing.labels.clear();
        assert!(page(&nothing).contains("no data for any figure"));
    }
}
