//! Summaries of all runs that a few bad runs do not move, in words and tables: a section of the page, `aggregates.csv` and
//! `profiles.csv`.

use super::gain::{cell, finish};
use super::section::{Column, Section, Table};
use super::words::{count, estimate_and_ends, or_dash};
use crate::analysis::Interval;
use crate::analysis::gain::Outcome;
use crate::analysis::robust::{Robust, Summaries};
use crate::experiment::Experiment;
use crate::figure::theme::number;

/// Decimals of interquartile means and optimality gaps.
const VALUE: usize = 4;
/// Decimals of a probability.
const PROBABILITY: usize = 2;

/// The summaries of a study for its page and its tables.
pub struct RobustTables {
    /// The section of the page.
    pub section: Section,
    /// Content of `aggregates.csv`.
    pub aggregates: Vec<u8>,
    /// Content of `profiles.csv`.
    pub profiles: Vec<u8>,
}

impl RobustTables {
    /// None for a study without runs. `optimum` says in words from what the optimality gap is measured.
    ///
    /// # Errors
    /// If a table cannot be written.
    pub fn new(
        experiment: &Experiment,
        summaries: &Summaries,
        outcome: &Outcome,
        optimum: &str,
    ) -> csv::Result<Option<Self>> {
        if summaries.models.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            section: section(experiment, summaries, outcome, optimum),
            aggregates: aggregates_csv(experiment, summaries, outcome)?,
            profiles: profiles_csv(experiment, summaries, outcome)?,
        }))
    }
}

fn section(experiment: &Experiment, summaries: &Summaries, outcome: &Outcome, optimum: &str) -> Section {
    let baseline = summaries.models.iter().find_map(|model| Some(model.improvements.first()?.0.as_str()));
    let improvement = baseline.map_or(String::new(), |name| {
        format!(
            " Probability of improvement: that a run is better than one of {}, ties counted half; 0.5 is no difference.",
            experiment.model_title(name)
        )
    });
    let gap = match summaries.models.iter().any(|model| model.optimality_gap.is_some()) {
        true => {
            format!(" Optimality gap: mean distance of the runs that finished from {optimum}; 0 is best.")
        }
        false => String::new(),
    };
    let columns = [
        Column::model(),
        Column::words("Setting").if_any(),
        Column::number("Correlation").if_any(),
        Column::number("Interquartile mean"),
        Column::number("Optimality gap").if_any(),
        Column::number("Probability of improvement").if_any(),
        Column::number("Runs"),
        Column::number("Diverged"),
    ];
    let row = |model: &Robust| {
        let setting = experiment.grid.setting_label(&model.condition.setting, number);
        let value = |interval: Option<Interval>| estimate_and_ends(interval, VALUE);
        [
            experiment.model_title(&model.model).to_owned(),
            or_dash((!setting.is_empty()).then_some(setting)),
            or_dash(model.condition.task_correlation.map(number)),
            value(model.interquartile_mean),
            value(model.optimality_gap),
            estimate_and_ends(model.improvements.first().map(|(_, interval)| *interval), PROBABILITY),
            count(model.runs),
            count(model.diverged),
        ]
    };
    Section::new("robust", "Robust summaries", "Summaries that a few bad runs do not move")
        .text(format!(
            "Of the {}, after Agarwal et al. (2021), with 95\u{a0}% bootstrap intervals over seeds. Interquartile mean: mean of \
             the middle half of the runs; a run that diverged counts as the worst.{gap}{improvement} aggregates.csv has the same \
             numbers, profiles.csv the share of runs that are as good as a threshold.",
            outcome.title
        ))
        .table(Table::new(columns, summaries.models.iter().map(row)))
}

/// The columns that say what a row is about, with those of the axes of the grid.
fn place(experiment: &Experiment) -> Vec<String> {
    let mut header = vec!["model".to_owned(), "task_correlation".to_owned()];
    header.extend(experiment.grid.axis_names());
    header.extend(["measure", "task"].map(String::from));
    header
}

/// The cells of [`place`].
fn place_of(model: &Robust, outcome: &Outcome) -> Vec<String> {
    let mut row = vec![model.model.clone(), cell(model.condition.task_correlation)];
    row.extend(model.condition.axis_values());
    row.extend([outcome.name.to_owned(), outcome.task.clone()]);
    row
}

/// Estimate and ends as cells.
fn cells(interval: Option<Interval>) -> [String; 3] {
    [interval.map(|i| i.estimate), interval.and_then(Interval::low), interval.and_then(Interval::high)]
        .map(cell)
}

/// `aggregates.csv`: a row for each model, condition and quantity.
fn aggregates_csv(experiment: &Experiment, summaries: &Summaries, outcome: &Outcome) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = place(experiment);
    header.extend(["quantity", "baseline", "estimate", "low", "high", "runs", "diverged"].map(String::from));
    writer.write_record(&header)?;
    for model in &summaries.models {
        let of_model = [
            ("interquartile_mean", "", model.interquartile_mean),
            ("optimality_gap", "", model.optimality_gap),
        ];
        let over = model.improvements.iter().map(|(baseline, improvement)| {
            ("probability_of_improvement", baseline.as_str(), Some(*improvement))
        });
        for (quantity, baseline, interval) in of_model.into_iter().chain(over) {
            let mut row = place_of(model, outcome);
            row.extend([quantity.to_owned(), baseline.to_owned()]);
            row.extend(cells(interval));
            row.extend([model.runs, model.diverged].map(|runs| runs.to_string()));
            writer.write_record(&row)?;
        }
    }
    finish(writer)
}

/// `profiles.csv`: a row for each model, condition and threshold.
fn profiles_csv(experiment: &Experiment, summaries: &Summaries, outcome: &Outcome) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = place(experiment);
    header.extend(["threshold", "share", "low", "high", "runs"].map(String::from));
    writer.write_record(&header)?;
    for model in &summaries.models {
        for (threshold, share) in summaries.thresholds.iter().zip(&model.profile) {
            let mut row = place_of(model, outcome);
            row.push(threshold.to_string());
            row.extend(cells(Some(*share)));
            row.push(model.runs.to_string());
            writer.write_record(&row)?;
        }
    }
    finish(writer)
}
