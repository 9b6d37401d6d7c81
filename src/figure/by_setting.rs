//! Means against an axis of the grid: a panel a measure or a facet, a curve a model.

use plotters::prelude::RGBColor;

use super::Figure;
use super::canvas::{Area, Drawing};
use super::emphasis::{self, Curve, CurvePanel};
use super::frame::Frame;
use super::panel::{Axis, Heading, Panel};
use super::theme::{self, WIDTH};
use crate::analysis::{RunValue, Runs};
use crate::experiment::{AxisValue, Condition, ModelSpec};
use crate::record::RunRecord;

/// Farthest below the best mean at a setting that is drawn of a score: the ESMM paper's models lie within 0.035.
const REACH: f64 = 0.1;
/// Ratio of the largest to the smallest positive value from which an axis is logarithmic.
const DECADE: f64 = 10.0;
/// Least distance of two labelled ticks, as a share of the axis.
const NEAR: f64 = 0.07;
/// Room for labels beside a panel's plot.
const AROUND: u32 = 300;

/// How a panel's values are read.
#[derive(Clone, Copy)]
pub enum Scale {
    /// Higher is better.
    Score,
    /// 0 is best.
    Size,
}

/// A panel to be made.
pub struct Facet<'a> {
    /// Heading.
    pub heading: String,
    /// The number of a run whose means are drawn.
    pub value: &'a dyn RunValue,
    /// How it is read.
    pub scale: Scale,
    /// The condition at each value of the axis.
    pub conditions: Vec<Condition>,
}

/// The figure.
pub struct BySetting {
    name: &'static str,
    title: String,
    caption: String,
    x: Axis,
    panels: Vec<CurvePanel>,
    columns: usize,
}

/// Name, title and caption of the figure; the caption goes on with how to read it.
pub struct Words {
    /// Name of its files.
    pub name: &'static str,
    /// Title.
    pub title: String,
    /// Caption.
    pub caption: String,
    /// Label of the axis.
    pub axis: String,
}

impl BySetting {
    /// The means of `runs` at `values` of the axis, in `columns` columns of panels. `colour` gives a model's colour, none
    /// for one of the background. None without finished runs.
    pub fn new(
        words: Words,
        runs: &[Runs],
        values: &[AxisValue],
        facets: &[Facet],
        columns: usize,
        colour: impl Fn(&ModelSpec) -> Option<RGBColor>,
    ) -> Option<Self> {
        let (positions, logarithmic) = positions(values);
        let mut models: Vec<&ModelSpec> = Vec::new();
        for runs in runs {
            if models.iter().all(|model| model.name != runs.model.name) {
                models.push(runs.model);
            }
        }
        let panel = |facet: &Facet| {
            let value = |run: &RunRecord| facet.value.value(run);
            let curve = |model: &&ModelSpec| {
                let at = |(x, condition): (&f64, &Condition)| {
                    let of = |runs: &&Runs| runs.model.name == model.name && runs.condition == *condition;
                    Some((*x, runs.iter().find(of)?.mean(value)?))
                };
                let means = positions.iter().zip(&facet.conditions).filter_map(at).collect();
                Curve::new(&model.title, colour(model), means)
            };
            let curves: Vec<Curve> = models.iter().map(curve).collect();
            let y = match facet.scale {
                Scale::Score => emphasis::score_axis(&curves, REACH),
                Scale::Size => emphasis::size_axis(&curves),
            };
            CurvePanel { heading: facet.heading.clone(), curves, y }
        };
        let panels: Vec<CurvePanel> = facets.iter().map(panel).collect();
        let width = WIDTH / columns.max(1) as u32 - AROUND;
        let x = emphasis::axis(&words.axis, ticks(values, &positions), width as i32, &panels);
        let Words { name, title, mut caption, .. } = words;
        if logarithmic {
            caption += " The axis is logarithmic.";
        }
        caption += emphasis::note(panels.first().is_some_and(|panel| emphasis::crowded(&panel.curves)));
        let finished = runs.iter().any(|runs| runs.runs.len() > runs.diverged());
        finished.then_some(Self { name, title, caption, x, panels, columns })
    }
}

/// Where values lie on an axis from 0 to their number less 1, and whether it is logarithmic: numbers by their size or, where
/// all are positive and spread over a decade, by its logarithm; words evenly.
fn positions(values: &[AxisValue]) -> (Vec<f64>, bool) {
    let last = values.len().saturating_sub(1) as f64;
    let numbers: Option<Vec<f64>> = values.iter().map(AxisValue::number).collect();
    match numbers.as_deref() {
        Some(numbers @ [low, .., high]) => {
            let logarithmic = *low > 0.0 && high / low >= DECADE;
            let scale = |value: f64| if logarithmic { value.ln() } else { value };
            let span = scale(*high) - scale(*low);
            let positions = numbers.iter().map(|&value| last * (scale(value) - scale(*low)) / span);
            (positions.collect(), logarithmic)
        }
        _ => ((0..values.len()).map(|index| index as f64).collect(), false),
    }
}

/// The ticks of values at these positions; one too near to the labelled one before it has no label.
fn ticks(values: &[AxisValue], positions: &[f64]) -> Vec<(f64, String)> {
    let span = positions.last().copied().unwrap_or(0.0).max(1.0);
    let mut labelled = f64::NEG_INFINITY;
    let tick = |(value, &at): (&AxisValue, &f64)| {
        let near = at - labelled < NEAR * span;
        if !near {
            labelled = at;
        }
        (at, if near { String::new() } else { value.label(theme::number) })
    };
    values.iter().zip(positions).map(tick).collect()
}

impl Figure for BySetting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn heading(&self) -> &'static str {
        "By setting"
    }

    fn frame(&self) -> Frame {
        Frame {
            title: self.title.clone(),
            legend: emphasis::legend(self.panels.iter().any(|panel| emphasis::crowded(&panel.curves))),
            panels: self.panels.len(),
            columns: self.columns.min(self.panels.len()),
            // Twelve names below each other.
            panel_height: 1_300,
        }
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, CurvePanel { heading, curves, y }) in panels.iter().zip(&self.panels) {
            // Some run finished; what it has no number for needs the true probabilities.
            let empty = "not known of these rows";
            Panel::draw(area, &Heading::short(heading), (&self.x, y), empty, |panel| {
                emphasis::draw(panel, curves, y)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Vec<AxisValue> {
        values.iter().map(|&value| AxisValue::Number(value)).collect()
    }

    #[test]
    fn numbers_lie_by_size_by_logarithm_over_a_decade_and_words_evenly() {
        assert_eq!(positions(&numbers(&[0.0, 1.0, 4.0])), (vec![0.0, 0.5, 2.0], false));
        assert_eq!(positions(&numbers(&[1.0, 9.0])), (vec![0.0, 1.0], false));
        let (at, logarithmic) = positions(&numbers(&[0.01, 0.1, 1.0]));
        assert!(logarithmic && (at[1] - 1.0).abs() < 1e-12 && at[2] == 2.0);
        let words = ["a", "b", "c"].map(|word| AxisValue::Word(word.into()));
        assert_eq!(positions(&words), (vec![0.0, 1.0, 2.0], false));
        assert_eq!(positions(&numbers(&[7.0])), (vec![0.0], false));
    }

    #[test]
    fn labels_keep_a_distance() {
        let values = numbers(&[0.0, 1.0, 100.0]);
        let labels: Vec<String> =
            ticks(&values, &positions(&values).0).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0", "", "100"]);
    }
}
