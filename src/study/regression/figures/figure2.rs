//! Figure 2: label correlation against the cosine of the tasks' weight vectors.

use std::collections::BTreeMap;

use super::super::reference::{self, LabelPoint};
use crate::analysis::statistics::summary;
use crate::figure::canvas::{Area, Drawing};
use crate::figure::frame::{Entry, Frame, Swatch};
use crate::figure::panel::{Axis, Heading, Panel};
use crate::figure::{Figure, theme};
use crate::store::Study;

/// Points along the closed-form line.
const LINE_POINTS: usize = 400;

/// Figure 2 of a study.
pub struct Figure2 {
    /// Cosine, mean and standard deviation of the label correlation over seeds (none for one seed).
    ours: Vec<(f64, f64, Option<f64>)>,
    /// The closed form: cosine and label correlation.
    line: Vec<(f64, f64)>,
    paper: Vec<LabelPoint>,
    x: Axis,
    y: Axis,
    seeds: usize,
    rows: usize,
}

impl Figure2 {
    /// None for a study without measured label correlations.
    pub fn from_study(study: &Study) -> Option<Self> {
        let first = study.labels.first()?;
        let ours = by_correlation(study);
        let paper = reference::figure2();
        let cosines = ours.iter().map(|point| point.0).chain(paper.iter().map(|p| p.task_correlation));
        let lowest = cosines.fold(1.0, f64::min);
        let left = if lowest < 0.0 { -1.05 } else { (lowest - 0.05).max(-0.02) };
        let x = Axis::new("Cosine of the weight vectors", left..1.03, 8, theme::number);
        let data = study.experiment.data.synthetic()?;
        let line: Vec<(f64, f64)> = (0..=LINE_POINTS)
            .map(|i| left.max(-1.0) + (1.0 - left.max(-1.0)) * i as f64 / LINE_POINTS as f64)
            .map(|p| (p, data.label_correlation(p)))
            .collect();
        let bottom = line
            .iter()
            .chain(ours.iter().map(|&(x, y, _)| (x, y)).collect::<Vec<_>>().iter())
            .map(|point| point.1)
            .fold(0.0, f64::min);
        let y = Axis::new("Label correlation", (bottom * 1.1).max(-1.05)..1.05, 6, theme::number);
        let seeds = study.experiment.grid.seeds.len();
        Some(Self { ours, line, paper, x, y, seeds, rows: first.points })
    }
}

impl Figure for Figure2 {
    fn name(&self) -> &'static str {
        "figure2"
    }

    fn heading(&self) -> &'static str {
        "Figure 2"
    }

    fn frame(&self) -> Frame {
        let ours = if self.seeds > 1 { "measured, ± 2 sd over seeds" } else { "measured, one seed" };
        Frame {
            title: "Label correlation against task correlation".to_owned(),
            legend: vec![
                Entry::new(Swatch::Point(theme::series(0)), ours),
                Entry::new(Swatch::Line(theme::series(0)), "closed form of our generator"),
                Entry::new(Swatch::Square(theme::series(4)), "paper, ± 2 sd over 100 trials"),
            ],
            panels: 1,
            columns: 1,
            panel_height: 1_900,
        }
    }

    fn caption(&self) -> String {
        let spread = match self.seeds {
            1 => "one trial".to_owned(),
            n => format!("mean ± 2 standard deviations over {n} trials"),
        };
        format!(
            "Pearson correlation of the two tasks' labels. Dots: measured on {} rows a trial, {spread}. Line: the \
             expectation in closed form for the α and β of this study. Open squares: the paper's Figure 2 (100 \
             trials of 10,000 rows). The generator reproduces the paper where dots and squares agree within their \
             bars.",
            theme::thousands(self.rows as u64)
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        Panel::draw(&panels[0], &Heading::default(), (&self.x, &self.y), "labels do not vary", |panel| {
            panel.line(&self.line, theme::series(0))?;
            for point in &self.paper {
                let at = (point.task_correlation, point.label_correlation);
                panel.whisker(at.0, (point.minus_2sd, point.plus_2sd), theme::series(4))?;
                panel.square(at, theme::series(4))?;
            }
            for &(cosine, mean, sd) in &self.ours {
                if let Some(sd) = sd {
                    panel.whisker(cosine, (mean - 2.0 * sd, mean + 2.0 * sd), theme::series(0))?;
                }
                panel.point((cosine, mean), theme::series(0))?;
            }
            Ok(())
        })
    }
}

/// Mean and standard deviation over seeds for every task correlation, rising. Where a study has more than two
/// tasks, a seed's value is the mean over its pairs.
fn by_correlation(study: &Study) -> Vec<(f64, f64, Option<f64>)> {
    let correlations = &study.experiment.grid.task_correlations;
    correlations
        .iter()
        .filter_map(|&correlation| {
            let mut seeds: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
            let here = study.labels.iter().filter(|l| reference::same(l.task_correlation, correlation));
            here.for_each(|label| seeds.entry(label.seed).or_default().extend(label.label_correlation));
            let values: Vec<f64> = seeds.values().filter_map(|pairs| summary::mean_if_any(pairs)).collect();
            Some((correlation, summary::mean_if_any(&values)?, summary::deviation(&values)))
        })
        .collect()
}
