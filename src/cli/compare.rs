//! `sweep compare`: two studies, row by row, with intervals.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::DONE;
use super::output::{note, print};
use crate::analysis::Measure;
use crate::analysis::comparison::{By, RunsComparison, StudyComparison, compare};
use crate::report::comparison::curves_are_known;
use crate::report::words::or_dash;
use crate::store::{CURVES, Folder, commands};
use crate::study;

/// Compares the studies in two folders by final loss.
pub fn run(first: &Path, second: &Path, page: Option<&Path>) -> Result<u8> {
    let (a, b) = (Folder::new(first).read()?, Folder::new(second).read()?);
    let (task, whose) = study::kind_of(&a).compared_task();
    let measure = Measure { task, ..Measure::from_study(&a) };
    let loss = format!("{} of {whose}", measure.rows.loss());
    let comparison = compare(&a, &b, measure, By::LearningRate);
    let mut text = text(&comparison, &loss, first, second)?;
    if let Some(page) = page {
        for (study, path) in [(&a, first), (&b, second)] {
            if !curves_are_known(study, measure) {
                note(&format!(
                    "{} is missing, so curves are not overlaid; `{}` restores it",
                    path.join(CURVES).display(),
                    commands::resume(path)
                ));
            }
        }
        let names = [first, second].map(|path| path.display().to_string());
        crate::report::comparison::write(
            [&a, &b],
            [&names[0], &names[1]],
            &comparison,
            (measure, &loss),
            page,
        )?;
        writeln!(text, "{}", page.display())?;
    }
    print(&text)?;
    Ok(DONE)
}

fn text(
    comparison: &StudyComparison,
    loss: &str,
    first: &Path,
    second: &Path,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "A: {}\nB: {}", first.display(), second.display())?;
    match &comparison.settings[..] {
        [] => writeln!(text, "The settings are equal.")?,
        settings => {
            writeln!(text, "Settings of A → of B:")?;
            settings.iter().try_for_each(|difference| writeln!(text, "  {difference}"))?;
        }
    }
    if let Some(warning) = comparison.training_warning() {
        writeln!(text, "Warning: {warning}")?;
    }
    let data = if comparison.same_data { "equal" } else { "different" };
    writeln!(
        text,
        "{loss} after the last step; {data} data. p is corrected for {} rows (Holm).\n",
        comparison.rows.len()
    )?;
    let head = ["model", "condition", "rate", "A", "B", "B − A, 95 % interval", "runs", "p", "B is"];
    row(&mut text, head.map(str::to_string))?;
    for compared in &comparison.rows {
        row(&mut text, columns(compared))?;
    }
    for (names, side) in [(&comparison.only_first, "A"), (&comparison.only_second, "B")] {
        for name in names {
            writeln!(text, "only in {side}: {name}")?;
        }
    }
    Ok(text)
}

fn columns(compared: &RunsComparison) -> [String; 9] {
    let [a, b] = &compared.sides;
    let runs = match compared.paired {
        Some(paired) => format!("{} pairs", paired.pairs),
        None => format!("{} / {}", a.finished, b.finished),
    };
    [
        compared.name.model.clone(),
        compared.name.condition.label(|value| value.to_string()),
        compared.name.learning_rate.map_or(String::new(), |rate| rate.to_string()),
        or_dash(a.mean.map(|mean| format!("{mean:.4}"))),
        or_dash(b.mean.map(|mean| format!("{mean:.4}"))),
        or_dash(compared.difference.map(|difference| {
            let ends = difference.ends.map(|(low, high)| format!(" [{low:+.4}, {high:+.4}]"));
            format!("{:+.4}{}", difference.estimate, ends.unwrap_or_default())
        })),
        runs,
        format!("{:.2e}", compared.p),
        compared.verdict().to_string(),
    ]
}

fn row(
    text: &mut String,
    [model, p, rate, a, b, difference, runs, chance, change]: [String; 9],
) -> std::fmt::Result {
    writeln!(
        text,
        "{model:<21} {p:>9} {rate:>8} {a:>8} {b:>8}  {difference:<28} {runs:>10} {chance:>9}  {change}"
    )
}
