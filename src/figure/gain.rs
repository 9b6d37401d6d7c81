//! The gain of sharing against task correlation: a panel a baseline and setting, a line a model.

use std::f64::consts::PI;
use std::ops::Range;

use plotters::prelude::*;

use super::canvas::{Area, Drawing};
use super::frame::{Entry, Frame, Swatch};
use super::panel::{Axis, Heading, Panel, round_up};
use super::theme::{self, FAINT, INK, Palette};
use super::{Figure, curves, facets};
use crate::analysis::Interval;
use crate::analysis::gain::{Budget, Crossing, Gains, Outcome};
use crate::experiment::{Condition, Experiment};
use crate::store::Study;

/// Distance between the whiskers of neighbouring models, as a share of the axis.
const DODGE: f64 = 0.006;
/// Height of a row of crossings, as a share of the gains' range.
const ROW: f64 = 0.055;
/// Smallest distance between two labels of the x axis, as a share of the figure.
const LABEL_GAP: f64 = 0.045;

/// The figure of a study with a baseline and at least two task correlations.
pub struct GainFigure {
    panels: Vec<GainPanel>,
    /// Panels that are not drawn.
    left_out: usize,
    models: Vec<(String, RGBColor)>,
    correlations: Vec<f64>,
    measure: String,
    higher_is_better: bool,
    subject: &'static str,
    seeds: usize,
}

/// The gains over one baseline under one setting.
struct GainPanel {
    heading: String,
    /// Index of a model in the legend, with its gain at every correlation.
    lines: Vec<(usize, Vec<(f64, Interval)>)>,
    /// Index of a model with the crossing of its gain.
    crossings: Vec<(usize, Crossing)>,
}

impl GainFigure {
    /// None without gains at two task correlations.
    pub fn from_gains(study: &Study, gains: &Gains, outcome: &Outcome) -> Option<Self> {
        let experiment = &study.experiment;
        let correlations = experiment.grid.task_correlations.clone();
        if correlations.len() < 2 {
            return None;
        }
        let palette = Palette::new(experiment);
        let names: Vec<&str> = experiment
            .models
            .iter()
            .map(|model| model.name.as_str())
            .filter(|name| gains.gains.iter().any(|gain| gain.model == *name))
            .collect();
        let mut panels = Vec::new();
        for baseline in gains.baselines() {
            let of_setting = |setting: &Condition| panel(experiment, gains, baseline, setting, &names);
            panels.extend(gains.settings().iter().map(of_setting));
        }
        panels.retain(|panel| !panel.lines.is_empty());
        let all = panels.len();
        let panels = facets::evenly(panels, facets::MOST_PANELS);
        let models = names
            .iter()
            .map(|name| (experiment.model_title(name).to_owned(), palette.colour(name)))
            .collect();
        let seeds = gains.gains.iter().map(|gain| gain.seeds).max().unwrap_or(0);
        let measure = outcome.title.clone();
        let higher_is_better = outcome.higher_is_better;
        (!panels.is_empty()).then_some(Self {
            left_out: all - panels.len(),
            panels,
            models,
            correlations,
            measure,
            higher_is_better,
            subject: subject(experiment, gains),
            seeds,
        })
    }
}

/// The gain in words: of sharing, where every baseline shares nothing.
pub(super) fn subject(experiment: &Experiment, gains: &Gains) -> &'static str {
    let shares_nothing = |name: &&str| {
        let model = experiment.models.iter().find(|model| model.name == **name);
        model.is_some_and(|model| model.architecture.name == "single_task")
    };
    match gains.baselines().iter().all(shares_nothing) {
        true => "Gain of sharing",
        false => "Gain over the baseline",
    }
}

/// The panel of a baseline and setting.
fn panel(
    experiment: &Experiment,
    gains: &Gains,
    baseline: &str,
    setting: &Condition,
    names: &[&str],
) -> GainPanel {
    let of_setting = |condition: &Condition| condition.without_correlation() == *setting;
    let lines = names.iter().enumerate().map(|(index, name)| {
        let of_model = gains.main(baseline).filter(|gain| gain.model == *name && of_setting(&gain.condition));
        let values = of_model.filter_map(|gain| Some((gain.condition.task_correlation?, gain.gain?)));
        (index, values.collect::<Vec<_>>())
    });
    let crossings = gains.crossings.iter().filter(|crossing| {
        crossing.baseline == baseline && crossing.condition == *setting && crossing.task_correlation.is_some()
    });
    let index = |crossing: &Crossing| names.iter().position(|name| *name == crossing.model);
    let budget = gains.main(baseline).map(|gain| gain.budget).max();
    let budget = match budget {
        Some(Budget::Total) => ", equal weights in total",
        Some(Budget::Prediction) => ", equal weights for a prediction of one task",
        _ => "",
    };
    let setting = experiment.grid.setting_label(&setting.setting, theme::number);
    let over = format!("Gain over {}", experiment.model_title(baseline));
    let heading = match (setting.is_empty(), gains.baselines().len()) {
        (true, _) => format!("{over}{budget}"),
        // The figure's title and caption say the rest.
        (false, 1) => setting,
        (false, _) => format!("{over}, {setting}"),
    };
    GainPanel {
        heading,
        lines: lines.filter(|(_, values)| !values.is_empty()).collect(),
        crossings: crossings.filter_map(|crossing| Some((index(crossing)?, crossing.clone()))).collect(),
    }
}

/// The place of a correlation on the axis: the angle between the tasks' weight vectors, which spreads what lies near 1,
/// from 0 at a cosine of −1 to 1 at a cosine of 1.
pub(super) fn place(correlation: f64) -> f64 {
    1.0 - correlation.clamp(-1.0, 1.0).acos() / PI
}

/// The ticks of rising correlations; labels closer than `gap`, a share of the axis, are left out, from the right.
pub(super) fn correlation_ticks(correlations: &[f64], gap: f64) -> Vec<(f64, String)> {
    let [first, .., last] = correlations else {
        return correlations.iter().map(|&p| (place(p), theme::number(p))).collect();
    };
    let gap = gap * (place(*last) - place(*first));
    let mut ticks: Vec<(f64, String)> = Vec::new();
    for &correlation in correlations.iter().rev() {
        let at = place(correlation);
        let far = |(other, _): &(f64, String)| other - at >= gap;
        let label = if ticks.iter().filter(|tick| !tick.1.is_empty()).all(far) {
            theme::number(correlation)
        } else {
            String::new()
        };
        ticks.push((at, label));
    }
    ticks.reverse();
    ticks
}

impl GainFigure {
    /// The axis of correlations.
    fn x(&self) -> Axis {
        let places: Vec<f64> = self.correlations.iter().map(|&p| place(p)).collect();
        let (first, last) = (places[0], places[places.len() - 1]);
        let margin = 0.04 * (last - first);
        let range = first - margin..last + margin;
        let ticks = correlation_ticks(&self.correlations, LABEL_GAP * self.columns() as f64);
        Axis { label: "task correlation (spaced by angle)".into(), range, ticks }
    }

    /// The axis of gains: all of them with their intervals, and 0; below them a row for each crossing.
    fn y(&self, panel: &GainPanel) -> (Axis, Range<f64>) {
        let values = || panel.lines.iter().flat_map(|(_, values)| values.iter().map(|(_, gain)| gain));
        let ends = || values().flat_map(|gain| [gain.low(), Some(gain.estimate), gain.high()]).flatten();
        let high = ends().fold(0.0, f64::max);
        let low = ends().fold(0.0, f64::min);
        let size = (high - low).max(1e-6);
        let unit = round_up(size / 6.0);
        let (low, high) = ((low / unit - 1e-9).floor() * unit, (high / unit + 1e-9).ceil() * unit);
        let rows = panel.crossings.len() as f64;
        let floor = low - (rows + f64::from(u8::from(rows > 0.0))) * ROW * (high - low);
        let mut axis = Axis::new("gain", low..high, 6, theme::number);
        axis.label = format!("gain ({})", self.measure);
        axis.range = floor..high;
        (axis, low..high)
    }

    /// Panels in a row.
    fn columns(&self) -> usize {
        self.panels.len().min(2)
    }

    fn draw_panel(&self, area: &Area, data: &GainPanel) -> Drawing {
        let (x, (y, gains)) = (self.x(), self.y(data));
        let heading = Heading::short(data.heading.clone());
        Panel::draw(area, &heading, (&x, &y), "no seed has both models", |panel| {
            self.draw_gains(panel, data, &x, &gains)
        })
    }

    fn draw_gains(&self, panel: &Panel, data: &GainPanel, x: &Axis, gains: &Range<f64>) -> Drawing {
        panel.hairline(&[(x.range.start, 0.0), (x.range.end, 0.0)], INK)?;
        let bands = !curves::crowded(data.lines.len());
        let colour = |index: usize| self.models[index].1;
        if bands {
            for (index, values) in &data.lines {
                let at = |(p, gain): &(f64, Interval)| gain.ends.map(|(low, high)| (place(*p), low, high));
                let band: Vec<_> = values.iter().filter_map(at).collect();
                panel.band(&band, colour(*index))?;
            }
        }
        let width = x.range.end - x.range.start;
        let middle = (data.lines.len() as f64 - 1.0) / 2.0;
        for (row, (index, values)) in data.lines.iter().enumerate() {
            let shift = if bands { 0.0 } else { (row as f64 - middle) * DODGE * width };
            let points: Vec<_> = values.iter().map(|(p, gain)| (place(*p) + shift, gain.estimate)).collect();
            panel.line(&points, colour(*index))?;
            for (p, gain) in values {
                let at = place(*p) + shift;
                if let Some(ends) = gain.ends.filter(|_| !bands) {
                    panel.whisker(at, ends, colour(*index))?;
                }
                panel.point_within((at, gain.estimate), colour(*index))?;
            }
        }
        let height = ROW * (gains.end - gains.start);
        for (row, (index, crossing)) in data.crossings.iter().enumerate() {
            let y = gains.start - (row as f64 + 1.0) * height;
            let end = |end: Option<f64>, open: f64| end.map_or(open, place);
            let span = end(crossing.low, x.range.start)..end(crossing.high, x.range.end);
            panel.span(span, y, colour(*index))?;
            panel
                .point(crossing.task_correlation.map(|p| (place(p), y)).unwrap_or((x.range.start, y)), INK)?;
        }
        Ok(())
    }
}

impl Figure for GainFigure {
    fn name(&self) -> &'static str {
        "gain"
    }

    fn heading(&self) -> &'static str {
        self.subject
    }

    fn frame(&self) -> Frame {
        let crowded = self.panels.iter().any(|panel| curves::crowded(panel.lines.len()));
        let mut legend: Vec<Entry> = self
            .models
            .iter()
            .map(|(title, colour)| {
                let swatch = if crowded { Swatch::Line(*colour) } else { Swatch::Band(*colour) };
                Entry::new(swatch, title.clone())
            })
            .collect();
        if self.panels.iter().any(|panel| !panel.crossings.is_empty()) {
            legend.push(Entry::new(Swatch::Point(FAINT), "where the gain crosses 0"));
        }
        Frame {
            title: format!("{} against task correlation", self.heading()),
            legend,
            panels: self.panels.len(),
            columns: self.columns(),
            panel_height: if self.panels.len() == 1 { 1_700 } else { 1_400 },
        }
    }

    fn caption(&self) -> String {
        let text = format!(
            "{}, on the same seeds: above 0 the model is better. Means over at most {} with 95 % bootstrap intervals ({}). \
             Learning rates are cross-fitted. Correlations are spaced by the angle between the tasks' weight vectors. Where a gain goes from below 0 to above, a bar below \
             the curves shows the correlation at which it does (black point) with its 95 % interval.",
            match self.higher_is_better {
                true => "The model's score minus the baseline's",
                false => "Loss of the baseline minus the model's",
            },
            match self.seeds {
                1 => "1 seed".to_owned(),
                seeds => format!("{} seeds", theme::thousands(seeds as u64)),
            },
            self.measure
        );
        match self.left_out {
            0 => text,
            left_out => format!("{text} {left_out} settings are left out; gains.csv has them."),
        }
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        panels.iter().zip(&self.panels).try_for_each(|(area, data)| self.draw_panel(area, data))
    }
}
