//! The paper's Figures 2 to 5 as data, digitised from their vector paths. They are accurate to about 1e-4.

use serde::Deserialize;

use crate::analysis::Histogram;
use crate::analysis::histogram::bin;
use crate::analysis::reference::rows;
use crate::experiment::{Experiment, ModelSpec};

/// Runs behind every curve and histogram of the paper (MMoE §5).
pub const RUNS: usize = 200;
/// Features of the paper's inputs (MMoE §5).
const FEATURES: usize = 100;

/// A point of MMoE's Figure 2: mean over 100 trials of 10,000 points each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LabelPoint {
    /// Cosine of the weight vectors.
    pub task_correlation: f64,
    /// Pearson correlation of the labels.
    pub label_correlation: f64,
    /// Two standard deviations below.
    pub minus_2sd: f64,
    /// Two standard deviations above.
    pub plus_2sd: f64,
}

/// A mean loss curve of MMoE's Figure 3 or 4.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Architecture's name in our registry.
    pub architecture: String,
    /// Cosine of the weight vectors.
    pub task_correlation: f64,
    /// Step and loss, by rising step.
    pub points: Vec<(f64, f64)>,
}

/// A histogram of MMoE's Figure 5.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalLosses {
    /// Architecture's name in our registry.
    pub architecture: String,
    /// Cosine of the weight vectors.
    pub task_correlation: f64,
    /// Its 200 runs, in as many bins as the highest needs.
    pub histogram: Histogram,
}

/// Figure 2: label correlation against task correlation.
pub fn figure2() -> Vec<LabelPoint> {
    rows(include_str!("../../../results/reference/mmoe_figure2.csv"))
}

/// Figure 3: the shared bottom of 16 units.
pub fn figure3() -> Vec<Curve> {
    #[derive(Deserialize)]
    struct Row {
        correlation: f64,
        step: f64,
        loss: f64,
    }
    let rows: Vec<Row> = rows(include_str!("../../../results/reference/mmoe_figure3.csv"));
    curves(rows.iter().map(|row| ("shared_bottom", row.correlation, (row.step, row.loss))))
}

/// Figure 4: three models of about 13,000 parameters.
pub fn figure4() -> Vec<Curve> {
    #[derive(Deserialize)]
    struct Row {
        correlation: f64,
        model: String,
        step: f64,
        loss: f64,
    }
    let rows: Vec<Row> = rows(include_str!("../../../results/reference/mmoe_figure4.csv"));
    curves(rows.iter().map(|row| (row.model.as_str(), row.correlation, (row.step, row.loss))))
}

/// Figure 5: final losses of the runs of Figure 4.
pub fn figure5() -> Vec<FinalLosses> {
    #[derive(Deserialize)]
    struct Row {
        correlation: f64,
        model: String,
        bin_low: f64,
        bin_high: f64,
        runs_of_200: usize,
    }
    let rows: Vec<Row> = rows(include_str!("../../../results/reference/mmoe_figure5.csv"));
    rows.chunk_by(|a, b| a.model == b.model && a.correlation == b.correlation)
        .map(|panel| {
            let mut counts = Vec::new();
            for row in panel {
                // The edges are rounded to five digits: the middle is safely inside.
                let bin = bin((row.bin_low + row.bin_high) / 2.0);
                counts.resize(counts.len().max(bin + 1), 0);
                counts[bin] += row.runs_of_200;
            }
            FinalLosses {
                architecture: panel[0].model.clone(),
                task_correlation: panel[0].correlation,
                histogram: Histogram { counts, overflow: 0, diverged: 0 },
            }
        })
        .collect()
}

/// The paper's curve for one of our models at a task correlation, from Figure 4 or, for the small shared
/// bottom, Figure 3: only where the model has the paper's sizes, the data its 100 features and two tasks, and
/// the labels variance 1, as the paper's losses suggest theirs had.
pub fn curve(experiment: &Experiment, model: &str, task_correlation: f64) -> Option<Curve> {
    curve_of(comparable(experiment, model)?, task_correlation)
}

/// As [`curve`], whatever the data are like.
pub fn curve_of(model: &ModelSpec, task_correlation: f64) -> Option<Curve> {
    let curves = match Counterpart::for_model(model)? {
        Counterpart::Figure3 => figure3(),
        Counterpart::Figure4 => figure4(),
    };
    curves.into_iter().find(|curve| {
        curve.architecture == model.architecture.name && same(curve.task_correlation, task_correlation)
    })
}

/// The paper's histogram for one of our models at a task correlation, under the conditions of [`curve`].
pub fn final_losses(experiment: &Experiment, model: &str, task_correlation: f64) -> Option<Histogram> {
    final_losses_of(comparable(experiment, model)?, task_correlation)
}

/// As [`final_losses`], whatever the data are like.
pub fn final_losses_of(model: &ModelSpec, task_correlation: f64) -> Option<Histogram> {
    if Counterpart::for_model(model)? != Counterpart::Figure4 {
        return None;
    }
    figure5()
        .into_iter()
        .find(|panel| {
            panel.architecture == model.architecture.name && same(panel.task_correlation, task_correlation)
        })
        .map(|panel| panel.histogram)
}

/// The model of this name, if its data is like the paper's.
fn comparable<'a>(experiment: &'a Experiment, model: &str) -> Option<&'a ModelSpec> {
    let data = experiment.data.synthetic()?;
    let alike = data.standardise_labels && data.dim == FEATURES && data.pairs == 1;
    experiment.models.iter().find(|spec| alike && spec.name == model)
}

/// The figure that has a model's curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counterpart {
    /// The shared bottom of 16 units.
    Figure3,
    /// Shared bottom of 113 units, and mixtures of 8 experts of 16.
    Figure4,
}

impl Counterpart {
    /// The figure with a model of these sizes, if there is one.
    pub fn for_model(model: &ModelSpec) -> Option<Self> {
        let size = |key: &str| model.sizes.table.get(key).and_then(toml::Value::as_integer);
        if size("tower_units") != Some(8) {
            return None;
        }
        match model.architecture.name {
            "shared_bottom" if size("bottom_units") == Some(16) => Some(Self::Figure3),
            "shared_bottom" if size("bottom_units") == Some(113) => Some(Self::Figure4),
            "omoe" | "mmoe" if size("experts") == Some(8) && size("expert_units") == Some(16) => {
                Some(Self::Figure4)
            }
            _ => None,
        }
    }
}

/// True if two task correlations are equal up to rounding.
pub fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// Reads rows of the curve with the same names together.
fn curves<'a>(rows: impl Iterator<Item = (&'a str, f64, (f64, f64))>) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (architecture, task_correlation, point) in rows {
        match curves.last_mut() {
            Some(curve)
                if curve.architecture == architecture && curve.task_correlation == task_correlation =>
            {
                curve.points.push(point);
            }
            _ => curves.push(Curve {
                architecture: architecture.to_owned(),
                task_correlation,
                points: vec![point],
            }),
        }
    }
    curves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture;
    use crate::store::sample::Sample;

    #[test]
    fn every_file_is_read_whole() {
        assert_eq!(figure2().len(), 9);
        let lengths = |curves: &[Curve]| -> Vec<usize> { curves.iter().map(|c| c.points.len()).collect() };
        assert_eq!(lengths(&figure3()), [99, 100, 100]);
        let figure4 = figure4();
        assert_eq!(figure4.len(), 9);
        assert_eq!(lengths(&figure4).iter().sum::<usize>(), 824);
        assert!(figure4.iter().all(|c| c.points.first().unwrap().0 == 500.0));
        assert!(figure4.iter().all(|c| c.points.last().unwrap().0 == 9_900.0));
        assert!(figure4.iter().all(|c| c.points.is_sorted_by(|a, b| a.0 < b.0)));
    }

    #[test]
    fn every_panel_of_figure_5_has_200_runs() {
        let panels = figure5();
        assert_eq!(panels.len(), 9);
        assert!(panels.iter().all(|panel| panel.histogram.runs() == RUNS));
        let bottom =
            panels.iter().find(|p| p.architecture == "shared_bottom" && p.task_correlation == 0.5).unwrap();
        assert_eq!(bottom.histogram.counts[13], 67);
    }

    #[test]
    fn only_a_model_of_the_papers_sizes_has_a_counterpart() {
        let model = |name: &str, sizes: &str| {
            let architecture = architecture(name).unwrap();
            let sizes = (architecture.parse)(sizes.parse().unwrap()).unwrap();
            ModelSpec::new("m", architecture, sizes)
        };
        assert_eq!(Counterpart::for_model(&model("mmoe", "")), Some(Counterpart::Figure4));
        assert_eq!(Counterpart::for_model(&model("mmoe", "experts = 4")), None);
        assert_eq!(
            Counterpart::for_model(&model("shared_bottom", "bottom_units = 16")),
            Some(Counterpart::Figure3)
        );
        assert_eq!(Counterpart::for_model(&model("single_task", "")), None);
    }

    #[test]
    fn a_comparable_model_has_the_papers_curve() {
        let mut study = Sample { seeds: 1, ..Sample::default() }.study();
        let end = |curve: Curve| curve.points[curve.points.len() - 1].1;
        let bottom = curve(&study.experiment, "shared_bottom", 0.5).unwrap();
        assert!((end(bottom) - 0.255).abs() < 0.001);
        assert!(curve(&study.experiment, "mmoe", 0.6).is_none());
        assert!(final_losses(&study.experiment, "mmoe", 1.0).is_some());
        study.experiment.data.synthetic_mut().unwrap().standardise_labels = false;
        assert!(curve(&study.experiment, "mmoe", 0.5).is_none());
    }
}
