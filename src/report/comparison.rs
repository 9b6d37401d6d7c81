//! The page of `sweep compare`: two studies on one page, with overlaid curves and a table of paired differences.

use std::path::Path;

use askama::Template;

use super::ReportError;
use super::section::{Column, Table};
use super::words::{decimals_or_dash, estimate_and_ends, or_dash};
use crate::analysis::comparison::StudyComparison;
use crate::analysis::{MeanCurve, Measure, selected_runs};
use crate::experiment::difference::Difference;
use crate::figure;
use crate::figure::theme::number;
use crate::store::{Study, atomic};

/// Decimals of a loss, as in the report of one study.
const LOSS: usize = 4;

/// The fields of `templates/comparison.html`.
#[derive(Template)]
#[template(path = "comparison.html")]
struct Page<'a> {
    title: String,
    first: &'a str,
    second: &'a str,
    loss: &'a str,
    same_data: bool,
    settings: &'a [Difference],
    warning: Option<&'static str>,
    svg: Option<String>,
    /// Reason for no figure.
    no_overlay: &'static str,
    caption: String,
    table: Table,
    only: Vec<String>,
}

/// Whether the mean curves of a study that a comparison overlays are known.
pub fn curves_are_known(study: &Study, measure: Measure) -> bool {
    MeanCurve::are_known(study, &selected_runs(study, measure), measure)
}

/// Writes the comparison of two studies, called `names`, by a measure with its title, to the file at `path`.
///
/// # Errors
///
/// The figure cannot be drawn, or the file not written.
pub fn write(
    studies: [&Study; 2],
    names: [&str; 2],
    comparison: &StudyComparison,
    (measure, loss): (Measure, &str),
    path: &Path,
) -> Result<(), ReportError> {
    let overlay = figure::overlay(studies[0], studies[1], measure)?;
    let (svg, caption) = overlay.map_or((None, String::new()), |(svg, caption)| (Some(svg), caption));
    let columns = [
        Column::model(),
        Column::number("Condition"),
        Column::number("Learning rate"),
        Column::number("A"),
        Column::number("B"),
        Column::number("B − A"),
        Column::number("Runs"),
        Column::number("Diverged"),
        Column::words("B is"),
    ];
    let rows = comparison.rows.iter().map(|row| {
        let [a, b] = &row.sides;
        [
            row.name.model.clone(),
            row.name.condition.label(number),
            or_dash(row.name.learning_rate.map(number)),
            decimals_or_dash(a.mean, LOSS),
            decimals_or_dash(b.mean, LOSS),
            estimate_and_ends(row.difference, LOSS),
            match row.paired {
                Some(paired) => format!("{} pairs", paired.pairs),
                None => format!("{} / {}", a.finished, b.finished),
            },
            format!("{} / {}", a.diverged, b.diverged),
            row.verdict().to_owned(),
        ]
    });
    let sides = [(&comparison.only_first, "A"), (&comparison.only_second, "B")];
    let only = sides
        .into_iter()
        .flat_map(|(names, side)| names.iter().map(move |name| format!("Only in {side}: {name}")));
    let page = Page {
        no_overlay: match studies.iter().all(|study| curves_are_known(study, measure)) {
            true => "The studies have no model and task correlation in common.",
            false => "Curves are not overlaid, because curves.csv of a study is missing.",
        },
        title: format!("{} and {}", names[0], names[1]),
        first: names[0],
        second: names[1],
        loss,
        same_data: comparison.same_data,
        settings: &comparison.settings,
        warning: comparison.training_warning(),
        svg,
        caption,
        table: Table::new(columns, rows),
        only: only.collect(),
    };
    Ok(atomic::write(path, page.render()?.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::{By, compare};
    use crate::store::sample::Sample;

    #[test]
    fn the_page_has_curves_and_a_row_for_every_cell() {
        let a = Sample { seeds: 4, ..Sample::default() }.study();
        let mut b = Sample { seeds: 4, loss_scale: 2.0, ..Sample::default() }.study();
        b.experiment.train.steps += 100;
        let comparison = compare(&a, &b, Measure::default(), By::LearningRate);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compare.html");
        write([&a, &b], ["<first>", "second"], &comparison, (Measure::default(), "Loss"), &path).unwrap();
        let html = std::fs::read_to_string(path).unwrap();
        assert_eq!(html.matches("<svg").count(), 1);
        assert_eq!(html.matches("<td class=\"m\">").count(), comparison.rows.len());
        assert!(!html.contains("<first>") && !html.contains("<script"));
        assert!(html.contains("<code>train.steps</code>") && html.contains("differ in steps or batch size"));
        assert!(
            html.contains("not tested: too few runs") && !html.contains(">higher<"),
            "four seeds decide nothing"
        );
    }
}
