//! Distance of a training protocol from Figures 3, 4 and 5 together, which `sweep calibrate` minimises.
//!
//! The distance of a study is the mean of up to three numbers, one a figure, each the mean over its panels:
//!
//! - Figures 3 and 4: the area between our mean curve and the paper's over the area under the paper's
//!   ([`between_curves`]), over the steps that both have;
//! - Figure 5, for studies that train to the paper's last step: the earth mover's distance of the histograms
//!   of final losses over the paper's mean loss ([`earth_mover`]).
//!
//! A model with diverged runs is farther by their share. All are relative errors: 0.1 is a tenth of the paper's
//! loss.

use super::reference::{self, Counterpart};
use crate::analysis::distance::{CurveDistance, between_curves, earth_mover, total_variation};
use crate::analysis::histogram::BIN_WIDTH;
use crate::analysis::statistics::summary::mean;
use crate::analysis::{Histogram, MeanCurve, Measure, RowSet, Runs, selected_runs};
use crate::store::Study;

/// Bins of our histograms: losses up to 2, so that a run far off counts as far off.
const BINS: usize = 60;

/// A model and task correlation beside the paper.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDistance {
    /// Name of the model.
    pub model: String,
    /// Cosine p of the weight vectors.
    pub task_correlation: f64,
    /// Figure of the paper that has its curve.
    pub counterpart: Counterpart,
    /// Between the curves; none where they have no steps in common.
    pub curve: Option<CurveDistance>,
    /// Our mean loss and the paper's at the last step that both have.
    pub last: Option<[f64; 2]>,
    /// Earth mover's distance over the paper's mean loss, and total variation, of final losses; none for Figure
    /// 3, and before the paper's last step.
    pub histogram: Option<[f64; 2]>,
    /// Share of runs that diverged.
    pub diverged: f64,
}

/// A study beside Figures 3, 4 and 5.
#[derive(Debug, Clone, PartialEq)]
pub struct PaperDistance {
    /// Rows whose losses are compared with the paper's.
    pub rows: RowSet,
    /// Every model and correlation that the paper has too.
    pub models: Vec<ModelDistance>,
    /// Mean over the curves of Figure 3.
    pub figure3: Option<f64>,
    /// Mean over the curves of Figure 4.
    pub figure4: Option<f64>,
    /// Mean over the histograms of Figure 5.
    pub figure5: Option<f64>,
}

impl PaperDistance {
    /// The distance of a study, with its losses on `rows` (task 1) taken for the paper's.
    pub fn from_study(study: &Study, rows: RowSet) -> Self {
        let measure = Measure { rows, ..Measure::default() };
        let models: Vec<ModelDistance> = selected_runs(study, measure)
            .iter()
            .filter_map(|runs| model_distance(study, runs, measure))
            .collect();
        let curves = |figure: Counterpart| {
            let models = models.iter().filter(|model| model.counterpart == figure);
            mean_of(models.filter_map(|model| Some(model.curve?.relative + model.diverged)))
        };
        let histograms = models.iter().filter_map(|model| Some(model.histogram?[0] + model.diverged));
        Self {
            rows,
            figure3: curves(Counterpart::Figure3),
            figure4: curves(Counterpart::Figure4),
            figure5: mean_of(histograms),
            models,
        }
    }

    /// The mean of what there is of Figures 3, 4 and 5; infinite where there is nothing.
    pub fn total(&self) -> f64 {
        mean_of([self.figure3, self.figure4, self.figure5].into_iter().flatten()).unwrap_or(f64::INFINITY)
    }
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| mean(&values))
}

fn model_distance(study: &Study, runs: &Runs, measure: Measure) -> Option<ModelDistance> {
    let p = runs.condition.task_correlation?;
    let model = runs.model;
    let paper = reference::curve_of(model, p)?;
    let ours = MeanCurve::new(&runs.runs, measure).points();
    let curve = between_curves(&ours, &paper.points);
    let last = ours.last().and_then(|last| {
        let theirs = paper.points.iter().rev().find(|point| point.0 <= last.0)?;
        let near =
            |a: &&(f64, f64), b: &&(f64, f64)| (a.0 - theirs.0).abs().total_cmp(&(b.0 - theirs.0).abs());
        Some([ours.iter().min_by(near)?.1, theirs.1])
    });
    let whole = paper.points.last().is_some_and(|last| study.experiment.train.steps as f64 >= last.0);
    let histogram = reference::final_losses_of(model, p).filter(|_| whole).map(|theirs| {
        let ours = Histogram::new(&runs.final_losses(measure), runs.diverged(), BINS);
        let theirs = theirs.with_bins(BINS);
        [earth_mover(&ours, &theirs) / mean_loss(&theirs), total_variation(&ours, &theirs)]
    });
    Some(ModelDistance {
        model: model.name.clone(),
        task_correlation: p,
        counterpart: Counterpart::for_model(model)?,
        curve,
        last,
        histogram,
        diverged: runs.diverged() as f64 / runs.runs.len() as f64,
    })
}

/// Mean of a histogram without overflow, its runs in the middle of their bins.
fn mean_loss(histogram: &Histogram) -> f64 {
    let middle = |(bin, &count): (usize, &usize)| (bin as f64 + 0.5) * BIN_WIDTH * count as f64;
    histogram.counts.iter().enumerate().map(middle).sum::<f64>() / histogram.runs() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn a_study_without_the_papers_models_is_infinitely_far() {
        let mut study = Sample::default().study();
        study.runs.clear();
        assert_eq!(PaperDistance::from_study(&study, RowSet::HeldOut).total(), f64::INFINITY);
    }

    #[test]
    fn the_mean_of_a_histogram_is_near_the_papers_own() {
        // The digitised histogram and the curve's last point come from different drawings of the same runs.
        for panel in reference::figure5() {
            let curves = reference::figure4();
            let curve = curves
                .iter()
                .find(|c| {
                    c.architecture == panel.architecture
                        && reference::same(c.task_correlation, panel.task_correlation)
                })
                .unwrap();
            let last = curve.points.last().unwrap().1;
            let difference = (mean_loss(&panel.histogram) - last).abs();
            assert!(difference < BIN_WIDTH / 2.0, "{}: {difference}", panel.architecture);
        }
    }
}
