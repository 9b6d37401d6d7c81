//! Performance profiles: the share of runs that are as good as a threshold, a panel a condition and a line a model (Agarwal
//! et al. 2021, §4.2).

use plotters::prelude::RGBColor;

use super::canvas::{Area, Drawing};
use super::frame::{Entry, Frame};
use super::panel::{Axis, Heading, Panel};
use super::theme::{self, Palette};
use super::{Figure, NO_RUN_FINISHED, curves};
use crate::analysis::Interval;
use crate::analysis::gain::Outcome;
use crate::analysis::robust::Summaries;
use crate::experiment::Condition;
use crate::store::Study;

/// Fewest runs that are drawn as a profile: with fewer, its steps are higher than a twentieth and its bands wider than 0.4.
const FEWEST_RUNS: usize = 20;
/// Most conditions that a figure has panels for.
const MOST_PANELS: usize = 12;
/// Powers of ten from which on an axis of ratios has no labels between them, and most labels of it then.
const MANY_POWERS: f64 = 3.0;
const MOST_LABELS: usize = 6;

/// The profiles of a study.
pub struct ProfileFigure {
    panels: Vec<ProfilePanel>,
    models: Vec<(String, RGBColor)>,
    x: Axis,
    thresholds: Vec<f64>,
    by_ratio: bool,
    measure: String,
    higher_is_better: bool,
    runs: usize,
}

/// The profiles under one condition.
struct ProfilePanel {
    heading: String,
    /// Index of a model in the legend, with its share at each threshold.
    lines: Vec<(usize, Vec<Interval>)>,
}

impl ProfileFigure {
    /// None where a model has fewer than `FEWEST_RUNS` runs under every condition, where all runs are equal, and for a
    /// study of more than `MOST_PANELS` conditions.
    pub fn from_summaries(study: &Study, summaries: &Summaries, outcome: &Outcome) -> Option<Self> {
        let experiment = &study.experiment;
        let runs = summaries.models.iter().map(|model| model.runs).max().unwrap_or(0);
        let mut conditions: Vec<&Condition> = Vec::new();
        for model in &summaries.models {
            if !conditions.contains(&&model.condition) {
                conditions.push(&model.condition);
            }
        }
        if runs < FEWEST_RUNS || summaries.thresholds.len() < 2 || conditions.len() > MOST_PANELS {
            return None;
        }
        let palette = Palette::new(experiment);
        let models = || {
            experiment.models.iter().filter(|model| summaries.models.iter().any(|m| m.model == model.name))
        };
        let panel = |condition: &Condition| ProfilePanel {
            heading: heading(study, condition),
            lines: models()
                .enumerate()
                .filter_map(|(index, model)| {
                    let of = |other: &&crate::analysis::robust::Robust| {
                        other.model == model.name
                            && other.condition == *condition
                            && other.diverged < other.runs
                    };
                    Some((index, summaries.models.iter().find(of)?.profile.clone()))
                })
                .collect(),
        };
        Some(Self {
            panels: conditions.into_iter().map(panel).collect(),
            models: models().map(|model| (model.title.clone(), palette.colour(&model.name))).collect(),
            x: axis(&summaries.thresholds, summaries.by_ratio, &outcome.title),
            thresholds: summaries.thresholds.clone(),
            by_ratio: summaries.by_ratio,
            measure: outcome.title.clone(),
            higher_is_better: outcome.higher_is_better,
            runs,
        })
    }

    /// The place of a threshold on the axis.
    fn place(&self, threshold: f64) -> f64 {
        if self.by_ratio { threshold.log10() } else { threshold }
    }

    fn draw_panel(&self, area: &Area, data: &ProfilePanel) -> Drawing {
        let y = Axis::new("share of runs", 0.0..1.0, 5, theme::number);
        let heading = Heading::short(data.heading.clone());
        Panel::draw(area, &heading, (&self.x, &y), NO_RUN_FINISHED, |panel| {
            let at = |shares: &[Interval]| -> Vec<(f64, Interval)> {
                self.thresholds
                    .iter()
                    .map(|&threshold| self.place(threshold))
                    .zip(shares.iter().copied())
                    .collect()
            };
            for (index, shares) in data.lines.iter().filter(|_| !curves::crowded(data.lines.len())) {
                let shares = at(shares);
                let ends = |(x, share): &(f64, Interval)| share.ends.map(|(low, high)| (*x, low, high));
                let band: Vec<_> = rising(&shares).iter().filter_map(ends).collect();
                panel.band(&band, self.models[*index].1)?;
            }
            data.lines.iter().try_for_each(|(index, shares)| {
                let line: Vec<(f64, f64)> =
                    at(shares).into_iter().map(|(x, share)| (x, share.estimate)).collect();
                panel.line(&line, self.models[*index].1)
            })
        })
    }

    fn crowded(&self) -> bool {
        self.panels.iter().any(|panel| curves::crowded(panel.lines.len()))
    }
}

/// A condition above its panel: what the study varies of it.
fn heading(study: &Study, condition: &Condition) -> String {
    let grid = &study.experiment.grid;
    let correlation =
        condition.task_correlation.filter(|_| grid.task_correlations.len() > 1 || grid.axes.is_empty());
    let correlation = correlation.map(|p| format!("correlation {}", theme::number(p)));
    let setting =
        Some(grid.setting_label(&condition.setting, theme::number)).filter(|label| !label.is_empty());
    correlation.into_iter().chain(setting).collect::<Vec<_>>().join(", ")
}

/// The part of a profile between the worst and the best run of its model: the last share of 0, those above it, and the first
/// share of 1. Beyond, all bands would lie on each other.
fn rising(shares: &[(f64, Interval)]) -> &[(f64, Interval)] {
    let inside = |(_, share): &(f64, Interval)| share.estimate > 0.0 && share.estimate < 1.0;
    match (shares.iter().position(inside), shares.iter().rposition(inside)) {
        (Some(first), Some(last)) => &shares[first.saturating_sub(1)..(last + 2).min(shares.len())],
        _ => &[],
    }
}

/// The axis of thresholds.
fn axis(thresholds: &[f64], by_ratio: bool, title: &str) -> Axis {
    let (low, high) = (thresholds[0], thresholds[thresholds.len() - 1]);
    if !by_ratio {
        return Axis::new(title, low..high, 5, theme::measured);
    }
    let range = low.log10()..high.log10();
    let leading: &[f64] = if range.end - range.start < MANY_POWERS { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let (first, last) = (range.start.floor() as i32, range.end.ceil() as i32);
    let ticks = (first..=last)
        .step_by((last - first).unsigned_abs().div_ceil(MOST_LABELS as u32).max(1) as usize)
        .flat_map(|power| leading.iter().map(move |leading| leading * 10f64.powi(power)))
        .filter(|value| (low..=high).contains(value))
        .map(|value| (value.log10(), theme::measured(value)));
    Axis { label: title.to_owned(), range, ticks: ticks.collect() }
}

impl Figure for ProfileFigure {
    fn name(&self) -> &'static str {
        "profile"
    }

    fn heading(&self) -> &'static str {
        "Performance profiles"
    }

    fn frame(&self) -> Frame {
        let swatch = |colour: RGBColor| curves::swatch(colour, if self.crowded() { usize::MAX } else { 1 });
        let columns = match self.panels.len() {
            1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        Frame {
            title: "Performance profiles".into(),
            legend: self
                .models
                .iter()
                .map(|(title, colour)| Entry::new(swatch(*colour), title.clone()))
                .collect(),
            panels: self.panels.len(),
            columns,
            panel_height: if columns == 3 { 1_100 } else { 1_400 },
        }
    }

    fn caption(&self) -> String {
        let [than, better] = match self.higher_is_better {
            true => ["not below", "to the right"],
            false => ["not above", "to the left"],
        };
        let bands = match self.crowded() {
            true => " The 95 % intervals are in profiles.csv.",
            false => " Bands: 95 % intervals by Wilson's method, from the worst to the best run of a model.",
        };
        format!(
            "Share of runs whose {} is {than} the value on the x axis, of at most {} a curve: the curve farther {better} is \
             the better model, and where two cross, neither is better throughout. A run that diverged is never counted, so its \
             curve stays below 1.{bands}",
            self.measure,
            match self.runs {
                1 => "1 run".to_owned(),
                runs => format!("{} runs", theme::thousands(runs as u64)),
            },
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        panels.iter().zip(&self.panels).try_for_each(|(area, data)| self.draw_panel(area, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_a_wide_axis_are_round() {
        let labels = |low: f64, high: f64| -> Vec<String> {
            axis(&[low, high], true, "loss").ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(0.04, 0.6), ["0.05", "0.1", "0.2", "0.5"]);
        assert_eq!(labels(0.004, 60.0), ["0.01", "0.1", "1", "10"]);
    }
}
