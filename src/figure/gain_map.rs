//! Maps of the gain of sharing: a panel a model, a row a value of an axis, a column a task correlation or a value of a
//! second axis, the gain as colour.

use plotters::prelude::*;

use super::Figure;
use super::canvas::{Area, Drawing};
use super::frame::{Entry, Frame, Swatch};
use super::gain::{correlation_ticks, place, subject};
use super::panel::{self, Heading, Panel, round_up};
use super::theme::{self, INK};
use crate::analysis::gain::{Budget, Crossing, Gain, Gains, Outcome};
use crate::analysis::statistics::summary::quantile_of_sorted;
use crate::experiment::{Axis, Condition, Experiment};
use crate::store::Study;

/// Share of the cells whose gains lie on the scale; the others have the colours of its ends.
const ON_SCALE: f64 = 0.9;
/// Smallest distance between two labels of the x axis, as a share of it where a panel is as wide as the figure.
const LABEL_GAP: f64 = 0.045;
/// Height of a row of cells, and of what is around them.
const ROW: u32 = 150;
const AROUND: u32 = 420;

/// From much worse than the baseline to much better: ColorBrewer's RdBu, which every kind of colour vision tells apart.
const COLOURS: [RGBColor; 9] = [
    RGBColor(178, 24, 43),
    RGBColor(214, 96, 77),
    RGBColor(244, 165, 130),
    RGBColor(253, 219, 199),
    RGBColor(247, 247, 247),
    RGBColor(209, 229, 240),
    RGBColor(146, 197, 222),
    RGBColor(67, 147, 195),
    RGBColor(33, 102, 172),
];

/// The figure of a study with a baseline and two axes, one of which may be the task correlation.
pub struct GainMap {
    panels: Vec<MapPanel>,
    x: Cells,
    y: Cells,
    scale: Scale,
    title: String,
    caption: String,
}

/// The cells of a map along one direction.
struct Cells {
    axis: panel::Axis,
    centres: Vec<f64>,
    /// Where cells begin and end: one more than cells.
    edges: Vec<f64>,
}

impl Cells {
    /// Cells that meet halfway between their centres, which rise.
    fn new(label: String, centres: Vec<f64>, ticks: Vec<(f64, String)>) -> Self {
        let half = |a: usize, b: usize| match (centres.get(a), centres.get(b)) {
            (Some(a), Some(b)) => (b - a) / 2.0,
            _ => 0.5,
        };
        let last = centres.len() - 1;
        let mut edges = vec![centres[0] - half(0, 1)];
        edges.extend(centres.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0));
        edges.push(centres[last] + half(last.wrapping_sub(1), last));
        let range = edges[0]..edges[last + 1];
        Self { axis: panel::Axis { label, range, ticks }, centres, edges }
    }

    /// Cells of equal size for the values of an axis.
    fn of_axis(axis: &Axis) -> Self {
        let centres: Vec<f64> = (0..axis.values.len()).map(|index| index as f64).collect();
        let ticks = centres.iter().zip(&axis.values).map(|(&at, value)| (at, value.label(theme::number)));
        let ticks = ticks.collect();
        Self::new(axis.title(), centres, ticks)
    }
}

/// Panels in a row.
fn columns(panels: usize) -> usize {
    match panels {
        ..=2 => panels,
        4 => 2,
        _ => 3,
    }
}

/// The gains of one model over one baseline.
struct MapPanel {
    heading: Heading,
    cells: Vec<Cell>,
    /// Row and crossing, in the order of the rows.
    crossings: Vec<(usize, Crossing)>,
}

/// The gain at one place.
struct Cell {
    column: usize,
    row: usize,
    /// The gain, or its share of the baseline's loss.
    gain: f64,
    /// Whether its interval includes 0, or there is none.
    undecided: bool,
}

/// What colours mean.
struct Scale {
    /// Gain of the last colour.
    limit: f64,
    /// Whether some gains lie beyond it.
    exceeded: bool,
    /// Whether gains are shares of the baseline's loss.
    relative: bool,
}

impl Scale {
    fn new(panels: &[MapPanel], relative: bool) -> Self {
        let cells = || panels.iter().flat_map(|panel| &panel.cells);
        let mut sizes: Vec<f64> = cells().map(|cell| cell.gain.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let limit = round_up(quantile_of_sorted(&sizes, ON_SCALE).max(1e-9));
        Self { limit, exceeded: sizes.last().is_some_and(|&size| size > limit), relative }
    }

    fn colour(&self, gain: f64) -> RGBColor {
        let middle = (COLOURS.len() / 2) as f64;
        let at = middle + (gain / self.limit).clamp(-1.0, 1.0) * middle;
        let (below, share) = (at.floor(), at.fract());
        let (from, to) = (COLOURS[below as usize], COLOURS[at.ceil() as usize]);
        let mix =
            |from: u8, to: u8| (f64::from(from) + share * (f64::from(to) - f64::from(from))).round() as u8;
        RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
    }

    fn legend(&self, baseline: &str) -> Vec<Entry> {
        let text = |value: f64| match self.relative {
            true => format!("{} %", theme::number(100.0 * value)),
            false => theme::number(value),
        };
        let of = if self.relative { format!(" of {baseline} loss") } else { String::new() };
        let entry = |step: i32| {
            let value = f64::from(step) / 2.0 * self.limit;
            let label = match step {
                -2 if self.exceeded => format!("gain {}{of} or less", text(value)),
                -2 => format!("gain {}{of}", text(value)),
                2 if self.exceeded => format!("{} or more", text(value)),
                _ => text(value),
            };
            Entry::new(Swatch::Bar(self.colour(value)), label)
        };
        (-2..=2).map(entry).collect()
    }
}

impl GainMap {
    /// None without gains on two axes that have several values, one of which may be the task correlation.
    pub fn from_gains(study: &Study, gains: &Gains, outcome: &Outcome) -> Option<Self> {
        let experiment = &study.experiment;
        let grid = &experiment.grid;
        let axes = grid.drawn_axes();
        let rows = *axes.first()?;
        let correlations = &grid.task_correlations;
        let second = match correlations.len() {
            0 | 1 => Some(*axes.get(1)?),
            _ => None,
        };
        let mut x = match second {
            Some(axis) => Cells::of_axis(axis),
            None => Cells::new(
                "task correlation (spaced by angle)".into(),
                correlations.iter().map(|&p| place(p)).collect(),
                Vec::new(),
            ),
        };
        let base = experiment.base_setting();
        let at = |row: usize, column: usize| {
            let setting = base.with(&rows.key, &rows.values[row]);
            match second {
                Some(axis) => Condition {
                    task_correlation: grid.correlation_axis()[0],
                    setting: setting.with(&axis.key, &axis.values[column]),
                },
                None => Condition { task_correlation: Some(correlations[column]), setting },
            }
        };
        let relative = !outcome.higher_is_better;
        let baselines = gains.baselines();
        let panel = |baseline: &str, model: &str| {
            let own: Vec<&Gain> = gains.main(baseline).filter(|gain| gain.model == model).collect();
            let places =
                (0..rows.values.len()).flat_map(|row| (0..x.centres.len()).map(move |column| (row, column)));
            let cell = |(row, column): (usize, usize)| {
                let condition = at(row, column);
                let gain = own.iter().find(|gain| gain.condition == condition)?;
                let interval = gain.gain?;
                let share = if relative { interval.estimate / gain.of_baseline? } else { interval.estimate };
                let undecided = interval.ends.is_none_or(|(low, high)| low <= 0.0 && high >= 0.0);
                share.is_finite().then_some(Cell { column, row, gain: share, undecided })
            };
            let crossing = |row: usize| {
                let setting = at(row, 0).without_correlation();
                let found = gains.crossings.iter().find(|crossing| {
                    crossing.model == model
                        && crossing.baseline == baseline
                        && crossing.condition == setting
                        && crossing.task_correlation.is_some()
                });
                Some((row, found.filter(|_| second.is_none())?.clone()))
            };
            let over = match baselines.len() {
                1 => String::new(),
                _ => format!(" over {}", experiment.model_title(baseline)),
            };
            MapPanel {
                heading: Heading { name: experiment.model_title(model).to_owned(), rest: over },
                cells: places.filter_map(cell).collect(),
                crossings: (0..rows.values.len()).filter_map(crossing).collect(),
            }
        };
        let of_baseline = |baseline: &&str| {
            let baseline = *baseline;
            let compared = |name: &&str| gains.main(baseline).any(|gain| gain.model == *name);
            let names: Vec<&str> =
                experiment.models.iter().map(|model| model.name.as_str()).filter(compared).collect();
            names.into_iter().map(|name| panel(baseline, name)).collect::<Vec<_>>()
        };
        let mut panels: Vec<MapPanel> = baselines.iter().flat_map(of_baseline).collect();
        panels.retain(|panel| !panel.cells.is_empty());
        if panels.is_empty() {
            return None;
        }
        if second.is_none() {
            x.axis.ticks = correlation_ticks(correlations, LABEL_GAP * columns(panels.len()) as f64);
        }
        let of_x = second.map_or("task correlation".to_owned(), Axis::name);
        let scale = Scale::new(&panels, relative);
        let fixed = axes
            .iter()
            .filter(|axis| axis.key != rows.key && second.is_none_or(|second| second.key != axis.key));
        let fixed: Vec<String> = fixed
            .filter_map(|axis| Some(format!("{} {}", axis.name(), base.get(&axis.key)?.label(theme::number))))
            .collect();
        Some(Self {
            caption: caption(experiment, gains, outcome, &scale, &fixed, &panels),
            title: format!("{} by {} and {of_x}", subject(experiment, gains), rows.name()),
            y: Cells::of_axis(rows),
            panels,
            x,
            scale,
        })
    }

    fn draw_panel(&self, area: &Area, data: &MapPanel) -> Drawing {
        Panel::draw(area, &data.heading, (&self.x.axis, &self.y.axis), "no seed has both models", |panel| {
            for cell in &data.cells {
                let across = self.x.edges[cell.column]..self.x.edges[cell.column + 1];
                let up = self.y.edges[cell.row]..self.y.edges[cell.row + 1];
                panel.cell(across.clone(), up.clone(), self.scale.colour(cell.gain))?;
                if cell.undecided {
                    panel.hatch(across, up)?;
                }
            }
            let at = |(row, crossing): &(usize, Crossing)| {
                Some((place(crossing.task_correlation?), self.y.centres[*row]))
            };
            // A line joins neighbouring rows; a row whose gain has no crossing breaks it.
            for run in data.crossings.chunk_by(|a, b| b.0 == a.0 + 1) {
                panel.line(&run.iter().filter_map(at).collect::<Vec<_>>(), INK)?;
            }
            for (row, crossing) in &data.crossings {
                let ends = [crossing.low, crossing.high].map(|end| end.map(place));
                panel.whisker_across(ends, self.y.centres[*row], INK)?;
            }
            data.crossings.iter().filter_map(at).try_for_each(|at| panel.point(at, INK))
        })
    }
}

fn caption(
    experiment: &Experiment,
    gains: &Gains,
    outcome: &Outcome,
    scale: &Scale,
    fixed: &[String],
    panels: &[MapPanel],
) -> String {
    let seeds = gains.gains.iter().map(|gain| gain.seeds).max().unwrap_or(0);
    let seeds = match seeds {
        1 => "1 seed".to_owned(),
        seeds => format!("{} seeds", theme::thousands(seeds as u64)),
    };
    let share = if scale.relative { ", as a share of the baseline's loss" } else { "" };
    let mut text = format!(
        "Gain on the baseline ({}){share}: blue where the model is better, red where it is worse. Means over at most {seeds}. \
         Cells are hatched where the 95 % bootstrap interval, not corrected for the number of cells, includes 0.",
        outcome.title
    );
    if panels.iter().any(|panel| !panel.crossings.is_empty()) {
        text += " Black points show the task correlation from which on the gain stays above 0, bars its 95 % interval; a \
                 bar without an end reaches beyond the tested correlations.";
    }
    if !fixed.is_empty() {
        text += &format!(" Here {}.", fixed.join(", "));
    }
    let unequal =
        |name: &str| gains.gains.iter().any(|gain| gain.model == name && gain.budget == Budget::Unequal);
    let unequal: Vec<&str> = experiment
        .models
        .iter()
        .filter(|model| unequal(&model.name))
        .map(|model| model.title.as_str())
        .collect();
    if !unequal.is_empty() {
        text += &format!(" With other numbers of weights than the baseline: {}.", unequal.join(", "));
    }
    text
}

impl Figure for GainMap {
    fn name(&self) -> &'static str {
        "gain_map"
    }

    fn heading(&self) -> &'static str {
        "Gain by setting"
    }

    fn frame(&self) -> Frame {
        let mut legend = self.scale.legend("the baseline's");
        legend.push(Entry::new(Swatch::Hatched, "interval includes 0"));
        if self.panels.iter().any(|panel| !panel.crossings.is_empty()) {
            legend.push(Entry::new(Swatch::Interval, "where the gain crosses 0"));
        }
        Frame {
            title: self.title.clone(),
            legend,
            panels: self.panels.len(),
            columns: columns(self.panels.len()),
            panel_height: AROUND + (self.y.centres.len() as u32 * ROW).clamp(500, 1_800),
        }
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        panels.iter().zip(&self.panels).try_for_each(|(area, data)| self.draw_panel(area, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_meet_halfway_and_hold_their_centres() {
        let cells = Cells::new(String::new(), vec![0.0, 1.0, 3.0], Vec::new());
        assert_eq!(cells.edges, [-0.5, 0.5, 2.0, 4.0]);
        assert_eq!(Cells::new(String::new(), vec![7.0], Vec::new()).edges, [6.5, 7.5]);
    }

    #[test]
    fn colours_are_centred_on_zero_and_end_at_the_limit() {
        let cell = |gain| Cell { column: 0, row: 0, gain, undecided: false };
        // Nine cells of ten lie on the scale.
        let mut cells: Vec<Cell> = (0..19).map(|_| cell(0.1)).collect();
        cells.push(cell(-3.0));
        let panel = MapPanel { heading: Heading::short(""), cells, crossings: Vec::new() };
        let scale = Scale::new(&[panel], true);
        assert_eq!((scale.limit, scale.exceeded), (0.1, true));
        let colours = [-3.0, -0.1, 0.0, 0.1].map(|gain| scale.colour(gain));
        assert_eq!(colours, [COLOURS[0], COLOURS[0], COLOURS[4], COLOURS[8]]);
        let labels: Vec<String> =
            scale.legend("the baseline's").into_iter().map(|entry| entry.label).collect();
        assert_eq!(
            labels,
            ["gain −10 % of the baseline's loss or less", "−5 %", "0 %", "5 %", "10 % or more"]
        );
    }
}
