//! The section of diverged runs, which every kind of study has. `engine::cohort` marks and drops them.

use super::section::{Column, Section, Table};
use super::words::{count, or_dash};
use crate::analysis::{Runs, runs_by_rate};
use crate::figure::theme::{number, step};
use crate::store::Study;

/// Seeds that are named in a row; `runs.csv` has them all.
const SEEDS_NAMED: usize = 12;

/// Diverged runs by model, condition and learning rate.
pub fn section(study: &Study) -> Section {
    let section = Section::new("diverged", "Diverged runs", "Diverged runs");
    let runs = count(study.runs.len());
    match study.runs.iter().filter(|run| run.last().is_none()).count() {
        0 => section.text(format!("None of the {runs} runs diverged.")),
        diverged => section
            .text(format!(
                "{} of the {runs} runs, over all learning rates, reached a loss or a prediction that is not finite. \
                 Counts of runs include them, means do not.",
                count(diverged)
            ))
            .table(table(study)),
    }
}

fn table(study: &Study) -> Table {
    let columns = [
        Column::model(),
        Column::number("Task correlation").if_any(),
        Column::words("Setting").if_any(),
        Column::number("Learning rate"),
        Column::number("Diverged"),
        Column::number("of"),
        Column::text("Seed (step)"),
    ];
    Table::new(columns, runs_by_rate(study).iter().filter_map(row))
}

/// The diverged runs among those of a model; nothing where none diverged.
fn row(runs: &Runs) -> Option<[String; 7]> {
    let diverged: Vec<_> = runs.runs.iter().filter(|run| run.last().is_none()).collect();
    let named = diverged.iter().take(SEEDS_NAMED);
    let mut seeds: Vec<String> =
        named.map(|run| format!("{} ({})", run.key.seed, step(run.steps as f64))).collect();
    if diverged.len() > SEEDS_NAMED {
        seeds.push(format!("{} more in runs.csv", diverged.len() - SEEDS_NAMED));
    }
    (!diverged.is_empty()).then(|| {
        [
            runs.model.title.clone(),
            or_dash(runs.condition.task_correlation.map(number)),
            or_dash(Some(runs.condition.setting.label(number)).filter(|label| !label.is_empty())),
            number(runs.learning_rates[0]),
            count(diverged.len()),
            count(runs.runs.len()),
            seeds.join(", "),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn every_cell_with_diverged_runs_has_a_row() {
        let table = table(&Sample { diverged: 1, ..Sample::default() }.study());
        assert_eq!(table.rows.len(), 18);
        assert_eq!(table.column("Seed (step)")[0], "0 (333)");
    }
}
