//! What studies of several settings show, whatever their kind: a measure against the axes of the grid, as a figure and as a
//! table. Claims, and the other figures and tables, are of the base setting.

use crate::analysis::{RunValue, Runs};
use crate::experiment::{Axis, Condition};
use crate::figure::by_setting::{BySetting, Facet, Scale, Words};
use crate::figure::facets::{MOST_PANELS, evenly};
use crate::figure::theme::{Palette, number};
use crate::report::Content;
use crate::report::section::{Column, Section, Table};
use crate::report::words::{count, ends, estimate, list};
use crate::store::{RunRecord, Study};

/// The number of a run by which settings are compared.
pub struct Compared<'a> {
    /// The number.
    pub value: &'a dyn RunValue,
    /// Its name, for the start of a sentence.
    pub name: &'a str,
    /// How it is read.
    pub scale: Scale,
    /// Decimals in tables.
    pub decimals: usize,
}

/// What a study varies of a condition: "task correlation 0.5", "selection 1.5, rows of a batch 8".
pub fn condition_label(study: &Study, condition: &Condition) -> String {
    let grid = &study.experiment.grid;
    let correlation =
        condition.task_correlation.filter(|_| grid.task_correlations.len() > 1 || grid.axes.is_empty());
    let correlation = correlation.map(|p| format!("task correlation {}", number(p)));
    let setting = Some(grid.setting_label(&condition.setting, number)).filter(|label| !label.is_empty());
    correlation.into_iter().chain(setting).collect::<Vec<_>>().join(", ")
}

/// Sentences on what varies, and on the setting of claims, figures and tables; empty where nothing varies.
pub fn note(study: &Study) -> String {
    let grid = &study.experiment.grid;
    if grid.axes.is_empty() {
        return String::new();
    }
    let values = |axis: &Axis| list(axis.values.iter().map(|value| value.label(number)));
    let axes = grid.axes.iter().map(|axis| format!("{} ({})", axis.name(), values(axis)));
    format!(
        " The study varies {}. Where this page names no setting, it is {}.",
        list(axes),
        grid.setting_label(&study.experiment.base_setting(), number)
    )
}

/// The figure `name` of a measure against the first axis, a panel a value of the second axis and a task correlation; further
/// axes are at their base values. None where nothing varies, or without finished runs.
pub fn figure(study: &Study, name: &'static str, runs: &[Runs], compared: &Compared) -> Option<BySetting> {
    let grid = &study.experiment.grid;
    let axes = grid.drawn_axes();
    let axis = *axes.first()?;
    let base = study.experiment.base_setting();
    let second = axes.get(1).copied();
    let settings: Vec<_> = match second {
        Some(second) => second.values.iter().map(|value| base.with(&second.key, value)).collect(),
        None => vec![base],
    };
    let correlations = grid.correlation_axis();
    let at: Vec<Condition> = settings
        .iter()
        .flat_map(|setting| {
            correlations
                .iter()
                .map(|&task_correlation| Condition { task_correlation, setting: setting.clone() })
        })
        .collect();
    let at = evenly(at, MOST_PANELS);
    let heading = |condition: &Condition| {
        let correlation = condition.task_correlation.filter(|_| correlations.len() > 1);
        let correlation = correlation.map(|p| format!("correlation {}", number(p)));
        let value = second.and_then(|second| {
            Some(format!("{} {}", second.name(), condition.setting.get(&second.key)?.label(number)))
        });
        value.into_iter().chain(correlation).collect::<Vec<_>>().join(", ")
    };
    let facets: Vec<Facet> = at
        .iter()
        .map(|condition| Facet {
            heading: heading(condition),
            value: compared.value,
            scale: compared.scale,
            conditions: axis
                .values
                .iter()
                .map(|value| Condition {
                    setting: condition.setting.with(&axis.key, value),
                    ..condition.clone()
                })
                .collect(),
        })
        .collect();
    let columns = match (facets.len(), correlations.len()) {
        (panels @ ..=2, _) => panels,
        (_, correlations @ 2..=3) => correlations,
        _ => 2,
    };
    let here = |other: &Axis| Some(at.first()?.setting.get(&other.key)?.label(number));
    let others: Vec<String> =
        axes.iter().skip(2).filter_map(|other| Some(format!("{} {}", other.name(), here(other)?))).collect();
    let fixed = if others.is_empty() { String::new() } else { format!(" Here {}.", others.join(", ")) };
    let words = Words {
        name,
        title: format!("{} by {}", compared.name, axis.name()),
        caption: format!(
            "{} against {}: means over at most {} seeds with 95 % bootstrap bands.{fixed} Models share the data of a seed, so \
             bands may overlap where a paired difference is significant.",
            compared.name,
            axis.title(),
            grid.seeds.len()
        ),
        axis: axis.title(),
    };
    let palette = Palette::new(&study.experiment);
    BySetting::new(words, runs, &axis.values, &facets, columns, |model| Some(palette.colour(&model.name)))
}

/// The section of every model under every condition; none where nothing varies.
pub fn section(study: &Study, runs: &[Runs], compared: &Compared) -> Option<Section> {
    if study.experiment.grid.axes.is_empty() || runs.is_empty() {
        return None;
    }
    let columns = [
        Column::model(),
        Column::words("At"),
        Column::number("Mean"),
        Column::number("95\u{a0}% interval"),
        Column::number("Learning rate"),
        Column::number("Runs"),
        Column::number("Diverged"),
    ];
    let row = |runs: &Runs| {
        let mean = runs.mean(|run: &RunRecord| compared.value.value(run));
        [
            runs.model.title.clone(),
            condition_label(study, &runs.condition),
            estimate(mean, compared.decimals),
            ends(mean, compared.decimals),
            runs.learning_rate_label(),
            count(runs.runs.len() - runs.diverged()),
            count(runs.diverged()),
        ]
    };
    let text = format!(
        "{} of every model at every setting: means over runs with 95\u{a0}% bootstrap intervals. A model that does not depend \
         on a key has the same runs at all of its values.",
        compared.name
    );
    Some(
        Section::new("settings", "By setting", "By setting")
            .text(text)
            .table(Table::new(columns, runs.iter().map(row))),
    )
}

/// Puts a section of all settings in the place of that of the base setting.
pub fn of_all(content: &mut Content, section: Section) {
    let sections = content.before_figures.iter_mut().chain(&mut content.after_figures);
    if let Some(of_base) = sections.into_iter().find(|other| other.id == section.id) {
        *of_base = section;
    }
}
