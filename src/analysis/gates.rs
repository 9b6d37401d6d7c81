//! Use of the gates: whether they collapse, whether the tasks' gates differ, and whether the loss depends on it.
//!
//! The paper draws two gates of a production model (Figure 6) and gives no number. Here every run with gates
//! is summarised by entropy, utilisation and divergence. Means over runs come with intervals, and each number
//! is correlated with the final loss.

use rayon::prelude::*;

use super::curve::{interval, mean_record, means_of};
use super::interval::Interval;
use super::measure::Measure;
use super::runs::Runs;
use super::selection::selected_runs;
use super::statistics::confidence::Confidence;
use super::statistics::proportion::Proportion;
use super::statistics::{Bootstrap, rank, summary};
use crate::store::{GatePoint, MeanRecord, RunRecord, Study};

/// A gate whose mean weight on one expert is at least this has collapsed on it. With 0.9 on one of eight
/// experts the other seven share a tenth: exp(entropy) is 1.7 at most, so not even two experts are in use.
pub const COLLAPSED: f32 = 0.9;

/// Resamples of a band in a figure and of a rank correlation: their ends are read to two places and need no tail
/// probabilities, there are dozens of them, and a rank correlation ranks its runs for each.
const BAND_RESAMPLES: usize = 2_000;

/// Fewest runs for an interval of a rank correlation: resampled, two or three runs are in line more often
/// than not, and the interval would be sure of it. From six on, one order in 720 is perfect by chance.
const RUNS_TO_CORRELATE: usize = 6;

/// Use of the gates of one run at one logged step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateUseOfRun {
    /// Mean over tasks of the mean entropy of a row's weights, in nats: 0 (each row one expert) to
    /// ln(experts).
    pub entropy: f64,
    /// Effective share of the experts that all tasks together use, exp(H(w̄)) / experts with w̄ the mean
    /// weights over rows and tasks: 1/experts (one) to 1 (all alike). Rows may each use one expert and all
    /// experts be used; entropy is low and utilisation high then.
    pub utilisation: f64,
    /// Jensen–Shannon divergence of the tasks' mean weights, H(w̄) − mean of H(w_k), in bits: 0 (alike) to
    /// log₂(tasks), which is 1 for two (Lin 1991, eq. 5.1).
    pub divergence: f64,
    /// A task's gate has collapsed on an expert ([`COLLAPSED`]).
    pub collapsed: bool,
    /// All tasks' gates have collapsed on the same expert: the model is then a shared bottom of one expert.
    pub one_expert: bool,
}

impl GateUseOfRun {
    /// From the points of one step, one a task; none where there are none.
    pub fn new(points: &[GatePoint]) -> Option<Self> {
        let first = points.first()?;
        let tasks = points.len() as f64;
        let experts = first.mean_weight.len();
        let together: Vec<f64> = (0..experts)
            .map(|e| points.iter().map(|p| f64::from(p.mean_weight[e])).sum::<f64>() / tasks)
            .collect();
        let of_tasks: f64 = points.iter().map(|p| entropy(p.mean_weight.iter().map(|&w| w.into()))).sum();
        let entropy_together = entropy(together.iter().copied());
        let favourites: Vec<Option<usize>> =
            points.iter().map(|p| p.mean_weight.iter().position(|&w| w >= COLLAPSED)).collect();
        Some(Self {
            entropy: points.iter().map(|p| f64::from(p.entropy)).sum::<f64>() / tasks,
            utilisation: entropy_together.exp() / experts as f64,
            // Rounding may leave a hair below 0.
            divergence: ((entropy_together - of_tasks / tasks) / std::f64::consts::LN_2).max(0.0),
            collapsed: favourites.iter().any(Option::is_some),
            one_expert: favourites[0].is_some() && favourites.iter().all(|f| *f == favourites[0]),
        })
    }

    /// At the last logged step of a run that finished.
    pub fn last(run: &RunRecord) -> Option<Self> {
        Self::new(run.final_gates()?)
    }
}

/// −Σ w ln w in nats; 0 ln 0 is 0.
fn entropy(weights: impl Iterator<Item = f64>) -> f64 {
    -weights.filter(|&w| w > 0.0).map(|w| w * w.ln()).sum::<f64>()
}

/// Gate use of a model at a task correlation, at one logged step.
#[derive(Debug, Clone, PartialEq)]
pub struct GateCurvePoint {
    /// Optimiser steps done.
    pub step: u64,
    /// Runs behind it: those that finished.
    pub runs: usize,
    /// Entropy in nats, mean over runs.
    pub entropy: Interval,
    /// Utilisation, mean over runs.
    pub utilisation: Interval,
    /// Divergence between tasks in bits, mean over runs.
    pub divergence: Interval,
}

/// Gate use of a model at a task correlation.
#[derive(Debug, Clone, PartialEq)]
pub struct GateSummary {
    /// Name of the model.
    pub model: String,
    /// Task correlation of its runs; none where the data has no such axis.
    pub task_correlation: Option<f64>,
    /// Over training.
    pub curve: Vec<GateCurvePoint>,
    /// Share of runs with a collapsed gate at the end, with Wilson's interval.
    pub collapsed: Interval,
    /// Share of runs whose gates have all collapsed on one expert, with Wilson's interval.
    pub one_expert: Interval,
    /// Spearman's correlation of entropy at the end with the final loss, over runs; none where one of the two does not
    /// vary.
    pub entropy_with_loss: Option<Interval>,
    /// The same for utilisation.
    pub utilisation_with_loss: Option<Interval>,
    /// The same for divergence.
    pub divergence_with_loss: Option<Interval>,
}

/// Gate use of every model with gates at every task correlation: one run a seed at cross-fitted learning
/// rates, in the order of the plan. Diverged runs are left out: their last gates are of parameters on their
/// way to infinity.
pub fn gate_summaries(study: &Study, measure: Measure) -> Vec<GateSummary> {
    selected_runs(study, measure).par_iter().filter_map(|runs| summarise(study, runs, measure)).collect()
}

fn summarise(study: &Study, selected: &Runs, measure: Measure) -> Option<GateSummary> {
    let finished: Vec<(&RunRecord, f64, GateUseOfRun)> = selected
        .runs
        .iter()
        .filter_map(|run| Some((*run, measure.final_loss(run)?, GateUseOfRun::last(run)?)))
        .collect();
    if finished.is_empty() {
        return None;
    }
    let runs: Vec<&RunRecord> = finished.iter().map(|(run, ..)| *run).collect();
    let losses: Vec<f64> = finished.iter().map(|(_, loss, _)| *loss).collect();
    let ends: Vec<GateUseOfRun> = finished.iter().map(|(.., end)| *end).collect();
    let share = |of: fn(&GateUseOfRun) -> bool| {
        Proportion::from_outcomes(&ends.iter().map(of).collect::<Vec<bool>>()).interval()
    };
    let with_loss =
        |of: fn(&GateUseOfRun) -> f64| correlation(&ends.iter().map(of).collect::<Vec<f64>>(), &losses);
    Some(GateSummary {
        model: selected.model.name.clone(),
        task_correlation: selected.condition.task_correlation,
        curve: curve_from_means(study, selected, runs.len()).unwrap_or_else(|| curve(&runs)),
        collapsed: share(|end| end.collapsed)?,
        one_expert: share(|end| end.one_expert)?,
        entropy_with_loss: with_loss(|end| end.entropy),
        utilisation_with_loss: with_loss(|end| end.utilisation),
        divergence_with_loss: with_loss(|end| end.divergence),
    })
}

/// A number of a point.
type PointValue = fn(&GateCurvePoint) -> Interval;

/// Names of the use of gates in the table of means, with the numbers.
const QUANTITIES: [(&str, PointValue); 3] = [
    ("gate_entropy", |point| point.entropy),
    ("experts_used", |point| point.utilisation),
    ("gate_divergence", |point| point.divergence),
];

/// Whether the use of gates over training is known, from runs or from the table of means.
pub fn known_over_training(study: &Study) -> bool {
    study.has_gates() || study.means.iter().any(|mean| mean.quantity == QUANTITIES[0].0)
}

/// The use of gates over training as rows of the table of means.
pub fn to_means(study: &Study, measure: Measure) -> Vec<MeanRecord> {
    let (selected, summaries) = (selected_runs(study, measure), gate_summaries(study, measure));
    let summaries = summaries.iter().filter_map(|summary| {
        let of = |runs: &&Runs| {
            runs.model.name == summary.model && runs.condition.task_correlation == summary.task_correlation
        };
        Some((selected.iter().find(of)?, summary))
    });
    let rows = summaries.flat_map(|(runs, summary)| {
        QUANTITIES.into_iter().flat_map(move |(quantity, value)| {
            let points = summary.curve.iter();
            points.map(move |point| mean_record(runs, quantity, point.step, value(point), point.runs))
        })
    });
    rows.collect()
}

/// The use of gates over training in the study's table of means.
fn curve_from_means(study: &Study, selected: &Runs, finished: usize) -> Option<Vec<GateCurvePoint>> {
    let [entropy, utilisation, divergence] =
        QUANTITIES.map(|(quantity, _)| means_of(study, selected, quantity, finished));
    let (entropy, utilisation, divergence) = (entropy?, utilisation?, divergence?);
    let points = entropy.iter().zip(&utilisation).zip(&divergence);
    let points = points.map(|((entropy, utilisation), divergence)| GateCurvePoint {
        step: entropy.step,
        runs: finished,
        entropy: interval(entropy),
        utilisation: interval(utilisation),
        divergence: interval(divergence),
    });
    Some(points.collect())
}

/// Means over runs at every step of the run that was logged longest; one that stopped early keeps its last gates.
fn curve(runs: &[&RunRecord]) -> Vec<GateCurvePoint> {
    let band = Bootstrap { resamples: BAND_RESAMPLES, ..Bootstrap::default() };
    let longest = runs.iter().rev().max_by_key(|run| run.gates.len()).expect("of some runs");
    longest
        .gates
        .chunk_by(|a, b| a.step == b.step)
        .filter_map(|points| {
            let step = points[0].step;
            let at_step: Vec<GateUseOfRun> = runs.iter().filter_map(|run| at(run, step)).collect();
            let mean = |of: fn(&GateUseOfRun) -> f64| {
                band.sample(&at_step.iter().map(of).collect::<Vec<f64>>(), summary::mean).interval()
            };
            Some(GateCurvePoint {
                step,
                runs: at_step.len(),
                entropy: mean(|gates| gates.entropy)?,
                utilisation: mean(|gates| gates.utilisation)?,
                divergence: mean(|gates| gates.divergence)?,
            })
        })
        .collect()
}

/// Gate use of a run at a step, or where it was last logged before.
fn at(run: &RunRecord, step: u64) -> Option<GateUseOfRun> {
    let step = run.gates.iter().map(|point| point.step).take_while(|logged| *logged <= step).last()?;
    let from = run.gates.partition_point(|point| point.step < step);
    let to = run.gates.partition_point(|point| point.step <= step);
    GateUseOfRun::new(&run.gates[from..to])
}

/// Spearman's correlation with its bootstrap interval; none where either does not vary, and no ends below
/// [`RUNS_TO_CORRELATE`].
fn correlation(x: &[f64], y: &[f64]) -> Option<Interval> {
    let ordered = [x, y].map(rank::Ordered::new);
    let spearman = |rows: &[usize]| rank::spearman_of(&ordered[0], &ordered[1], rows);
    let interval =
        Bootstrap { resamples: BAND_RESAMPLES, ..Bootstrap::default() }.rows(x.len(), spearman).interval()?;
    Some(Interval { ends: interval.ends.filter(|_| x.len() >= RUNS_TO_CORRELATE), ..interval })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{noise, study};
    use super::*;

    fn point(step: u64, task: usize, mean_weight: &[f32], entropy: f32) -> GatePoint {
        GatePoint { step, task, mean_weight: mean_weight.to_vec(), entropy }
    }

    #[test]
    fn tasks_that_share_no_expert_are_a_bit_apart() {
        let gates = [point(1, 1, &[1.0, 0.0], 0.0), point(1, 2, &[0.0, 1.0], 0.0)];
        let gates = GateUseOfRun::new(&gates).unwrap();
        assert!((gates.divergence - 1.0).abs() < 1e-12 && (gates.utilisation - 1.0).abs() < 1e-12);
        assert!(gates.collapsed && !gates.one_expert);
    }

    #[test]
    fn equal_gates_on_one_expert_use_one_expert() {
        let gates = [point(1, 1, &[0.0, 1.0, 0.0, 0.0], 0.0), point(1, 2, &[0.0, 1.0, 0.0, 0.0], 0.0)];
        let gates = GateUseOfRun::new(&gates).unwrap();
        assert_eq!((gates.divergence, gates.utilisation, gates.entropy), (0.0, 0.25, 0.0));
        assert!(gates.collapsed && gates.one_expert);
    }

    #[test]
    fn divergence_agrees_with_scipy() {
        // scipy 1.17.1: spatial.distance.jensenshannon(p, q, base=2) ** 2 on Figure 6's weights, rounded to sum to 1
        let engagement = point(1, 1, &[0.44, 0.17, 0.21, 0.18], 1.0);
        let satisfaction = point(1, 2, &[0.14, 0.77, 0.07, 0.02], 1.0);
        let gates = GateUseOfRun::new(&[engagement, satisfaction]).unwrap();
        assert!((gates.divergence - 0.2877872146593613).abs() < 1e-6, "{}", gates.divergence);
        assert!(!gates.collapsed);
    }

    #[test]
    fn entropy_that_goes_with_the_loss_is_seen_and_models_without_gates_are_not() {
        let mut study = study(&[0.5], 20, |_, _, s| Some(0.3 + 0.1 * noise(s)));
        for run in study.runs.iter_mut().filter(|run| run.key.model == "mmoe") {
            let entropy = run.curve[0].held_out_loss[0];
            let weights = [0.5 + 0.2 * noise(run.key.seed) as f32, 0.5 - 0.2 * noise(run.key.seed) as f32];
            for step in [0, 100] {
                run.gates.extend([1, 2].map(|task| point(step, task, &weights, entropy)));
            }
        }
        let summaries = gate_summaries(&study, Measure::default());
        assert_eq!(summaries.len(), 1);
        let summary = &summaries[0];
        assert_eq!((summary.model.as_str(), summary.curve.len(), summary.curve[1].runs), ("mmoe", 2, 20));
        assert!((summary.entropy_with_loss.unwrap().estimate - 1.0).abs() < 1e-12);
        assert_eq!(summary.divergence_with_loss, None);
        assert_eq!(summary.collapsed.estimate, 0.0);
        assert!(summary.collapsed.high().unwrap() > 0.1);
        let (low, high) = summary.curve[0].entropy.ends.unwrap();
        assert!(low < 0.3 && high > 0.27);
    }
}
