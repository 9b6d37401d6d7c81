//! The report's tables: rows of text, computed by the analysis and worded here.

use crate::analysis::distance::{between_curves, total_variation};
use crate::analysis::gates::{GateSummary, gate_summaries};
use crate::analysis::reference::{self, Counterpart};
use crate::analysis::{
    Histogram, Interval, LossSummary, MeanCurve, Measure, Runs, runs_by_rate, selected_runs,
};
use crate::claim::{ClaimResult, table};
use crate::figure::theme::{decimals, number, step};
use crate::store::Study;

/// Seeds that are named in a row of the diverged; `runs.csv` has them all.
const SEEDS_NAMED: usize = 12;
/// Bins of the paper's histograms: up to a loss of 2/3, beyond which none of its runs ended.
const PAPER_BINS: usize = 20;
/// Decimals of a loss: the paper's curves are accurate to 1e-4.
const LOSS: usize = 4;

/// One of the paper's claims.
pub struct ClaimRow {
    /// From 1.
    pub number: usize,
    /// In one or two words.
    pub verdict: &'static str,
    /// The same as a CSS class.
    pub class: String,
    /// What the paper says.
    pub statement: &'static str,
    /// What decides it.
    pub rule: &'static str,
    /// What is compared, or why it was not tested.
    pub comparison: String,
    /// Effect with interval and unit.
    pub effect: String,
    /// What it must be.
    pub requirement: String,
    /// The paper's value.
    pub paper: String,
    /// Every comparison in a sentence.
    pub parts: Vec<String>,
}

/// A model's final losses at a task correlation.
pub struct LossRow {
    /// Title of the model.
    pub model: String,
    /// Task correlation.
    pub correlation: String,
    /// Mean.
    pub mean: String,
    /// 95 % interval of the mean.
    pub interval: String,
    /// Median.
    pub median: String,
    /// Standard deviation.
    pub sd: String,
    /// Lowest.
    pub lowest: String,
    /// Highest.
    pub highest: String,
    /// Runs that finished.
    pub finished: usize,
    /// Runs that diverged.
    pub diverged: usize,
    /// Learning rates of the two halves.
    pub rate: String,
}

/// How far a model is from the paper's at a task correlation.
pub struct DistanceRow {
    /// Title of the model.
    pub model: String,
    /// Task correlation.
    pub correlation: String,
    /// Which of the paper's figures.
    pub figure: &'static str,
    /// Range of steps.
    pub steps: String,
    /// Area between the curves.
    pub area: String,
    /// The same with its sign.
    pub signed: String,
    /// Our mean loss at the last step compared.
    pub ours: String,
    /// The paper's.
    pub paper: String,
    /// Total variation of the histograms.
    pub variation: String,
}

/// Diverged runs of a cell.
pub struct DivergedRow {
    /// Title of the model.
    pub model: String,
    /// Task correlation.
    pub correlation: String,
    /// Value of the knob that is varied.
    pub setting: String,
    /// Learning rate.
    pub rate: String,
    /// How many diverged.
    pub diverged: usize,
    /// Of how many.
    pub runs: usize,
    /// Seeds with the steps.
    pub seeds: String,
}

/// Final losses of a cell.
pub struct RateRow {
    /// Title of the model.
    pub model: String,
    /// Task correlation.
    pub correlation: String,
    /// Learning rate.
    pub rate: String,
    /// Mean.
    pub mean: String,
    /// 95 % interval of the mean.
    pub interval: String,
    /// Median.
    pub median: String,
    /// Runs that finished.
    pub finished: usize,
    /// Runs that diverged.
    pub diverged: usize,
    /// For which seeds the rest of the report uses it.
    pub reported: &'static str,
}

/// How the gates of a model were used at a task correlation.
pub struct GateRow {
    /// Title of the model.
    pub model: String,
    /// Task correlation.
    pub correlation: String,
    /// Entropy, utilisation, divergence, collapsed, all on one expert, and the first three's correlations with the
    /// final loss, each with its interval.
    pub cells: Vec<String>,
}

/// The paper's claims with what the study says to them.
pub fn claims(results: &[ClaimResult]) -> Vec<ClaimRow> {
    results
        .iter()
        .zip(table::rows(results))
        .map(|(result, row)| {
            let headline = result.headline();
            let parts =
                row.comparisons.iter().map(|(role, verdict, text)| format!("{role}, {verdict}: {text}"));
            ClaimRow {
                number: row.number,
                verdict: row.verdict,
                class: row.verdict.replace(' ', "-"),
                statement: row.statement,
                rule: row.rule,
                comparison: headline.map_or(row.finding, |part| part.name.clone()),
                effect: or_dash(headline.map(|part| {
                    let places = part.unit.decimals();
                    format!(
                        "{} {} {}",
                        decimals(part.effect.estimate, places),
                        ends(part.effect, places),
                        part.unit.as_str()
                    )
                })),
                requirement: or_dash(headline.map(|part| part.requirement.to_string())),
                paper: or_dash(headline.and_then(|part| Some(decimals(part.paper?, part.unit.decimals())))),
                parts: parts.collect(),
            }
        })
        .collect()
}

/// The reported final losses of every model and task correlation.
pub fn losses(study: &Study) -> Vec<LossRow> {
    let row = |reported: &Runs| {
        let summary = LossSummary::of(&reported.final_losses(Measure::shown(study)), reported.diverged());
        LossRow {
            model: reported.model.title.clone(),
            correlation: or_dash(reported.condition.task_correlation.map(number)),
            mean: decimals(summary.mean.estimate, LOSS),
            interval: ends(summary.mean, LOSS),
            median: decimals(summary.median, LOSS),
            sd: decimals(summary.sd, LOSS),
            lowest: decimals(summary.lowest, LOSS),
            highest: decimals(summary.highest, LOSS),
            finished: summary.finished,
            diverged: summary.diverged,
            rate: reported.learning_rate_label(),
        }
    };
    selected_runs(study, Measure::shown(study)).iter().map(row).collect()
}

/// The distance to the paper of every model and task correlation that it has, and that has a finished run.
pub fn distances(study: &Study) -> Vec<DistanceRow> {
    selected_runs(study, Measure::shown(study))
        .iter()
        .filter_map(|reported| distance(study, reported))
        .collect()
}

fn distance(study: &Study, reported: &Runs) -> Option<DistanceRow> {
    let (experiment, p) = (&study.experiment, reported.condition.task_correlation?);
    let model = reported.model;
    let paper = reference::curve(experiment, &model.name, p)?;
    let ours = MeanCurve::of(&reported.runs, Measure::shown(study)).points();
    let last = ours.last()?.0;
    let between = between_curves(&ours, &paper.points);
    let percent = |share: f64| format!("{} %", decimals(100.0 * share, 1));
    // The last step of the paper's that lies within ours, and our point nearest to it.
    let theirs = paper.points.iter().rev().find(|point| point.0 <= last);
    let near = theirs
        .and_then(|point| ours.iter().min_by(|a, b| (a.0 - point.0).abs().total_cmp(&(b.0 - point.0).abs())));
    let variation = reference::final_losses(experiment, &model.name, p).map(|theirs| {
        let ours =
            Histogram::of(&reported.final_losses(Measure::shown(study)), reported.diverged(), PAPER_BINS);
        total_variation(&ours, &theirs.with_bins(PAPER_BINS))
    });
    Some(DistanceRow {
        model: model.title.clone(),
        correlation: number(p),
        figure: match Counterpart::of(model)? {
            Counterpart::Figure3 => "Figure 3",
            Counterpart::Figure4 => "Figures 4, 5",
        },
        steps: or_dash(between.map(|d| format!("{} to {}", step(d.from), step(d.to)))),
        area: or_dash(between.map(|d| percent(d.relative))),
        signed: or_dash(between.map(|d| {
            let sign = if d.signed > 0.0 { "+" } else { "" };
            format!("{sign}{}", percent(d.signed))
        })),
        ours: or_dash(near.map(|point| decimals(point.1, LOSS))),
        paper: or_dash(theirs.map(|point| decimals(point.1, LOSS))),
        variation: or_dash(variation.map(|share| decimals(share, 2))),
    })
}

/// The cells with diverged runs.
pub fn diverged(study: &Study) -> Vec<DivergedRow> {
    let row = |cell: &crate::analysis::Runs| {
        let diverged: Vec<_> = cell.runs.iter().filter(|run| run.last().is_none()).collect();
        let named = diverged.iter().take(SEEDS_NAMED);
        let mut seeds: Vec<String> =
            named.map(|run| format!("{} ({})", run.key.seed, step(run.steps as f64))).collect();
        if diverged.len() > SEEDS_NAMED {
            seeds.push(format!("{} more in runs.csv", diverged.len() - SEEDS_NAMED));
        }
        (!diverged.is_empty()).then(|| DivergedRow {
            model: cell.model.title.clone(),
            correlation: or_dash(cell.condition.task_correlation.map(number)),
            setting: or_dash(cell.condition.swept_value.map(number)),
            rate: number(cell.learning_rates[0]),
            diverged: diverged.len(),
            runs: cell.runs.len(),
            seeds: seeds.join(", "),
        })
    };
    runs_by_rate(study).iter().filter_map(row).collect()
}

/// Every cell, with how the rest of the report uses its learning rate.
pub fn rates(study: &Study) -> Vec<RateRow> {
    let reported = selected_runs(study, Measure::shown(study));
    let row = |cell: &crate::analysis::Runs| {
        let losses = cell.final_losses(Measure::shown(study));
        let summary = LossSummary::of(&losses, cell.runs.len() - losses.len());
        let chosen = reported
            .iter()
            .find(|r| r.model.name == cell.model.name && r.condition == cell.condition)
            .map(|r| r.learning_rates.map(|rate| rate == cell.learning_rates[0]));
        RateRow {
            model: cell.model.title.clone(),
            correlation: or_dash(cell.condition.task_correlation.map(number)),
            rate: number(cell.learning_rates[0]),
            mean: decimals(summary.mean.estimate, LOSS),
            interval: ends(summary.mean, LOSS),
            median: decimals(summary.median, LOSS),
            finished: summary.finished,
            diverged: summary.diverged,
            reported: match chosen {
                Some([true, true]) => "all seeds",
                Some([true, false]) => "first half",
                Some([false, true]) => "second half",
                _ => "",
            },
        }
    };
    runs_by_rate(study).iter().map(row).collect()
}

/// Use of the gates at the last logged step.
pub fn gates(study: &Study) -> Vec<GateRow> {
    let row = |summary: &GateSummary| {
        let last = summary.curve.last()?;
        let cells = [
            last.entropy,
            last.utilisation,
            last.divergence,
            summary.collapsed,
            summary.one_expert,
            summary.entropy_with_loss,
            summary.utilisation_with_loss,
            summary.divergence_with_loss,
        ];
        Some(GateRow {
            model: study.experiment.model_title(&summary.model).to_owned(),
            correlation: or_dash(summary.task_correlation.map(number)),
            cells: cells.map(estimate_and_ends).into(),
        })
    };
    gate_summaries(study, Measure::shown(study)).iter().filter_map(row).collect()
}

/// The text; a dash where there is none.
fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

/// An estimate with the ends of its interval; a dash where there is no number, as of what does not vary.
fn estimate_and_ends(interval: Interval) -> String {
    /// Decimals of what the gates are like: means over some hundred runs are no finer.
    const PLACES: usize = 2;
    match interval.estimate.is_finite() {
        true => format!("{} {}", decimals(interval.estimate, PLACES), ends(interval, PLACES)),
        false => "–".to_owned(),
    }
}

/// The ends of an interval; a dash where it has none.
pub fn ends(interval: Interval, places: usize) -> String {
    if !(interval.low.is_finite() && interval.high.is_finite()) {
        return "–".to_owned();
    }
    format!("[{}, {}]", decimals(interval.low, places), decimals(interval.high, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn tables_have_a_row_for_every_cell() {
        let study = Sample { diverged: 1, ..Sample::default() }.study();
        assert_eq!((losses(&study).len(), distances(&study).len()), (9, 9));
        assert_eq!((rates(&study).len(), diverged(&study).len()), (18, 18));
        assert_eq!(diverged(&study)[0].seeds, "0 (333)");
        assert!(losses(&study).iter().all(|row| (row.finished, row.diverged) == (7, 1)));
        assert_eq!(distances(&study)[0].steps, "500 to 1,000");
    }

    #[test]
    fn a_cell_without_finished_runs_has_dashes() {
        let study = Sample { seeds: 2, diverged: 2, ..Sample::default() }.study();
        assert!(losses(&study).iter().all(|row| row.mean == "–" && row.interval == "–"));
        assert!(distances(&study).is_empty());
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
        for row in distances(&study) {
            assert_eq!((row.area.as_str(), &row.ours), ("0.0 %", &row.paper));
        }
    }
}
