//! The paper's own data, digitised from the vector paths of its figures: `results/reference/*.csv`.
//!
//! The files are part of the program, so that every report can show its study beside the paper. They are
//! accurate to about 1e-4.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::histogram::{Histogram, bin};
use crate::data::census::MainTask;
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

/// A bar of MMoE's Figure 6: production data, four experts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct GateWeight {
    /// `engagement` or `satisfaction`.
    pub task: String,
    /// Expert, from 0.
    pub expert: usize,
    /// Mean softmax weight.
    pub mean_gate_weight: f64,
}

/// A row of MMoE's Table 1 or 2: AUCs on the test rows.
#[derive(Debug, Clone, PartialEq)]
pub struct AucRow {
    /// Architecture's name in our registry.
    pub model: String,
    /// Main task, of the run that is best on it.
    pub main_best: f64,
    /// Main task, mean over 400 runs.
    pub main_mean: f64,
    /// Auxiliary task, of the run that is best on the main task.
    pub auxiliary_with_best: f64,
    /// Auxiliary task, mean over 400 runs.
    pub auxiliary_mean: f64,
}

/// A row of ESMM's Table 2: AUCs over 10 repetitions on the paper's public data.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversionRow {
    /// Architecture's name in our registry.
    pub model: String,
    /// AUC of pCVR on clicked impressions: mean and standard deviation.
    pub cvr: [f64; 2],
    /// AUC of pCTCVR on all impressions: mean and standard deviation.
    pub ctcvr: [f64; 2],
}

/// ESMM's Table 2. The file has AUCs in percent.
pub fn conversion_table() -> Vec<ConversionRow> {
    let rows: Vec<(String, [f64; 4])> = rows(include_str!("../../results/reference/esmm_table2.csv"));
    rows.into_iter()
        .map(|(model, percent)| {
            let [cvr, cvr_sd, ctcvr, ctcvr_sd] = percent.map(|value| value / 100.0);
            ConversionRow { model, cvr: [cvr, cvr_sd], ctcvr: [ctcvr, ctcvr_sd] }
        })
        .collect()
}

/// Table 1 (income) or 2 (education).
pub fn auc_table(main: MainTask) -> Vec<AucRow> {
    let text = match main {
        MainTask::Income => include_str!("../../results/reference/mmoe_table1_census_income.csv"),
        MainTask::Education => include_str!("../../results/reference/mmoe_table2_census_education.csv"),
    };
    // The headers name the task, so columns are read by position.
    let rows: Vec<(String, f64, f64, f64, f64)> = rows(text);
    rows.into_iter()
        .map(|(model, main_best, main_mean, auxiliary_with_best, auxiliary_mean)| AucRow {
            model,
            main_best,
            main_mean,
            auxiliary_with_best,
            auxiliary_mean,
        })
        .collect()
}

/// Figure 2: label correlation against task correlation.
pub fn figure2() -> Vec<LabelPoint> {
    rows(include_str!("../../results/reference/mmoe_figure2.csv"))
}

/// Figure 3: the shared bottom of 16 units.
pub fn figure3() -> Vec<Curve> {
    #[derive(Deserialize)]
    struct Row {
        correlation: f64,
        step: f64,
        loss: f64,
    }
    let rows: Vec<Row> = rows(include_str!("../../results/reference/mmoe_figure3.csv"));
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
    let rows: Vec<Row> = rows(include_str!("../../results/reference/mmoe_figure4.csv"));
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
    let rows: Vec<Row> = rows(include_str!("../../results/reference/mmoe_figure5.csv"));
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

/// Figure 6: gate weights on production data.
pub fn figure6() -> Vec<GateWeight> {
    rows(include_str!("../../results/reference/mmoe_figure6.csv"))
}

/// The paper's curve for one of our models at a task correlation, from Figure 4 or, for the small shared
/// bottom, Figure 3: only where the model has the paper's sizes, the data its 100 features and two tasks, and
/// the labels variance 1, as the paper's losses suggest theirs had.
pub fn curve(experiment: &Experiment, model: &str, task_correlation: f64) -> Option<Curve> {
    curve_of(comparable(experiment, model)?, task_correlation)
}

/// As [`curve`], whatever the data are like.
pub fn curve_of(model: &ModelSpec, task_correlation: f64) -> Option<Curve> {
    let curves = match Counterpart::of(model)? {
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
    if Counterpart::of(model)? != Counterpart::Figure4 {
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
    pub fn of(model: &ModelSpec) -> Option<Self> {
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

/// The rows of an embedded file.
fn rows<T: DeserializeOwned>(text: &str) -> Vec<T> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("the reference files are part of the program and read by its tests")
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
        assert_eq!(figure6().len(), 8);
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
    fn gates_of_figure_6_sum_to_1() {
        for task in ["engagement", "satisfaction"] {
            let sum: f64 = figure6().iter().filter(|g| g.task == task).map(|g| g.mean_gate_weight).sum();
            assert!((sum - 1.0).abs() < 1e-3, "{task}: {sum}");
        }
    }

    #[test]
    fn tables_1_and_2_have_seven_models() {
        let [income, education] = [MainTask::Income, MainTask::Education].map(auc_table);
        assert_eq!((income.len(), education.len()), (7, 7));
        assert_eq!(
            (income[6].model.as_str(), income[6].main_best, income[6].auxiliary_mean),
            ("mmoe", 0.941, 0.9927)
        );
        assert_eq!((education[1].model.as_str(), education[1].main_mean), ("shared_bottom", 0.8813));
    }

    #[test]
    fn esmm_has_the_highest_aucs_of_its_seven() {
        let rows = conversion_table();
        assert_eq!((rows.len(), rows[6].model.as_str()), (7, "esmm"));
        assert!(rows.iter().all(|row| architecture(&row.model).is_some()));
        assert!((rows[6].cvr[0] - 0.6856).abs() < 1e-12 && (rows[0].ctcvr[1] - 0.0045).abs() < 1e-12);
        assert!(rows[..6].iter().all(|row| row.cvr[0] < rows[6].cvr[0] && row.ctcvr[0] < rows[6].ctcvr[0]));
    }

    #[test]
    fn only_a_model_of_the_papers_sizes_has_a_counterpart() {
        let model = |name: &str, sizes: &str| {
            let architecture = architecture(name).unwrap();
            let sizes = (architecture.parse)(sizes.parse().unwrap()).unwrap();
            ModelSpec { name: "m".into(), title: "M".into(), architecture, sizes, learning_rate: None }
        };
        assert_eq!(Counterpart::of(&model("mmoe", "")), Some(Counterpart::Figure4));
        assert_eq!(Counterpart::of(&model("mmoe", "experts = 4")), None);
        assert_eq!(Counterpart::of(&model("shared_bottom", "bottom_units = 16")), Some(Counterpart::Figure3));
        assert_eq!(Counterpart::of(&model("single_task", "")), None);
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
