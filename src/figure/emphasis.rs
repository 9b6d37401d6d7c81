//! Panels with more curves than colours tell apart: every curve has its name at its right end, and only some have a
//! colour. The others are the background, thin and grey.

use plotters::prelude::*;

use super::canvas::Drawing;
use super::frame::{Entry, Swatch};
use super::panel::{Axis, Panel, round_up};
use super::theme::{self, FAINT, TEXT};
use crate::analysis::Interval;

/// Widest name on the canvas; longer ones are cut.
const WIDEST_NAME: i32 = 760;
/// From a curve's end to its name.
const LEADER: i32 = 90;
/// Height of a line of names: their size with a little air.
const NAME_LINE: f64 = TEXT * 1.1;
/// Top of a panel as a multiple of the middle curve's highest value: one model may be off by orders of magnitude.
const BEYOND: f64 = 3.0;
/// Top of a panel with a background as a multiple of the highest value that has a colour.
const BACKGROUND: f64 = 1.3;

/// A model's curve.
pub struct Curve {
    title: String,
    /// None for a curve of the background.
    colour: Option<RGBColor>,
    /// x with the mean and its interval, by rising x.
    values: Vec<(f64, Interval)>,
}

impl Curve {
    /// The curve of a model; without a colour it is in the background.
    pub fn new(title: &str, colour: Option<RGBColor>, values: Vec<(f64, Interval)>) -> Self {
        Self { title: title.to_owned(), colour, values }
    }

    fn points(&self) -> Vec<(f64, f64)> {
        self.values.iter().map(|(x, value)| (*x, value.estimate)).collect()
    }

    fn highest(&self) -> f64 {
        self.values.iter().map(|(_, value)| value.estimate).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Its last point.
    fn end(&self) -> Option<(f64, f64)> {
        self.points().pop()
    }
}

/// A panel with its curves.
pub struct CurvePanel {
    /// Heading.
    pub heading: String,
    /// Curves.
    pub curves: Vec<Curve>,
    /// Axis of y.
    pub y: Axis,
}

/// The axis of ticks from 0 on, with room for the names of the curves of `panels`, on plots of `width`.
pub fn axis(label: &str, ticks: Vec<(f64, String)>, width: i32, panels: &[CurvePanel]) -> Axis {
    let style = theme::text(TEXT, theme::INK, plotters::style::text_anchor::HPos::Left);
    let name = |curve: &Curve, y: &Axis| {
        let beyond = curve.end().map_or(String::new(), |(_, value)| beyond(value, y));
        theme::width(&(curve.title.clone() + &beyond), &style)
    };
    let widths = panels.iter().flat_map(|panel| panel.curves.iter().map(|curve| name(curve, &panel.y)));
    let widest = widths.max().unwrap_or(0);
    // Half a leader more, so that no name ends on the edge.
    let room = f64::from(widest.min(WIDEST_NAME) + LEADER * 3 / 2) / f64::from(width);
    let last = ticks.last().map_or(0.0, |(at, _)| *at).max(1.0);
    // A little before the first, so that its marker does not lie on the other axis.
    let range = -0.05 * last..last / (1.0 - room.min(0.6));
    Axis { label: label.to_owned(), range, ticks }
}

/// The text behind the name of a curve that ends above or below the panel.
fn beyond(value: f64, y: &Axis) -> String {
    match value {
        value if value > y.range.end => format!(" {} ↑", theme::decimals(value, 2)),
        value if value < y.range.start => format!(" {} ↓", theme::decimals(value, 2)),
        _ => String::new(),
    }
}

/// The axis of sizes from 0 up to `BEYOND` times the middle curve's highest value, or to `BACKGROUND` times the
/// highest value that has a colour.
pub fn size_axis(curves: &[Curve]) -> Axis {
    let mut tops: Vec<f64> = curves.iter().map(Curve::highest).filter(|top| top.is_finite()).collect();
    tops.sort_by(f64::total_cmp);
    let middle = tops.get(tops.len() / 2).copied().unwrap_or(0.0);
    let mut top = tops.last().copied().unwrap_or(0.0).min(BEYOND * middle);
    let coloured = curves.iter().filter(|curve| curve.colour.is_some()).map(Curve::highest);
    let coloured = coloured.fold(f64::NEG_INFINITY, f64::max);
    if crowded(curves) && coloured > 0.0 {
        top = top.min(BACKGROUND * coloured);
    }
    let top = if top > 0.0 { round_up(1.05 * top) } else { 1.0 };
    Axis::new("", 0.0..top, 5, theme::number)
}

/// The axis of scores, higher is better, down to `reach` below the best at each tick.
pub fn score_axis(curves: &[Curve], reach: f64) -> Axis {
    let values = || curves.iter().flat_map(Curve::points);
    let best = values().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    if !best.is_finite() {
        return Axis::new("", 0.0..1.0, 5, theme::number);
    }
    let best_at =
        |x: f64| values().filter(|point| point.0 == x).map(|point| point.1).fold(f64::MIN, f64::max);
    let floor = values().map(|point| best_at(point.0) - reach).fold(best, f64::min);
    let low = values().map(|point| point.1).fold(best, f64::min).max(floor);
    let margin = (0.08 * (best - low)).max(1e-3);
    Axis::new("", low - margin..best + margin, 6, theme::number)
}

/// The legend of a figure of such panels.
pub fn legend(crowded: bool) -> Vec<Entry> {
    let mut legend = vec![Entry::new(Swatch::Band(FAINT), "mean over runs with its 95 % interval")];
    if crowded {
        legend.push(Entry::new(Swatch::Hairline(FAINT), "mean alone"));
    }
    legend
}

/// Whether some curves have no colour.
pub fn crowded(curves: &[Curve]) -> bool {
    curves.iter().any(|curve| curve.colour.is_none())
}

/// How to read such panels, for a caption.
pub fn note(crowded: bool) -> &'static str {
    match crowded {
        true => {
            " Thin grey curves are models without a band. A curve that leaves its panel has its last value beside its name."
        }
        false => " A curve that leaves its panel has its last value beside its name.",
    }
}

/// Draws bands, then the background, then coloured curves, then names.
///
/// # Errors
/// If the drawing backend fails.
pub fn draw(panel: &Panel, curves: &[Curve], y: &Axis) -> Drawing {
    let (coloured, background): (Vec<&Curve>, Vec<&Curve>) =
        curves.iter().partition(|curve| curve.colour.is_some());
    for curve in &coloured {
        let ends = |(x, value): &(f64, Interval)| value.ends.map(|(low, high)| (*x, low, high));
        let band: Vec<_> = curve.values.iter().filter_map(ends).collect();
        panel.band(&band, curve.colour.unwrap_or(FAINT))?;
    }
    for curve in background {
        panel.hairline(&curve.points(), FAINT)?;
    }
    for curve in coloured {
        let colour = curve.colour.unwrap_or(FAINT);
        panel.line(&curve.points(), colour)?;
        for at in curve.points() {
            panel.point_within(at, colour)?;
        }
    }
    names(panel, curves, y)
}

/// Writes every curve's name at its right end, moved as little as keeps names apart; a curve that ends beyond the panel
/// has its last value there.
fn names(panel: &Panel, curves: &[Curve], y: &Axis) -> Drawing {
    let mut ends: Vec<(&Curve, (f64, f64))> =
        curves.iter().filter_map(|curve| Some((curve, curve.end()?))).collect();
    ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let unit = panel.units_per_pixel();
    let line = NAME_LINE * unit.1;
    let (bottom, top) = (y.range.start + line / 2.0, y.range.end - line / 2.0);
    let wanted: Vec<f64> = ends.iter().map(|(_, end)| end.1.clamp(y.range.start, y.range.end)).collect();
    for ((curve, (x, value)), at) in ends.into_iter().zip(spread(&wanted, line, bottom..top)) {
        let colour = curve.colour.unwrap_or(FAINT);
        let left = x + f64::from(LEADER) * unit.0;
        let from = value.clamp(y.range.start, y.range.end);
        panel.leader((x, from), (left - 0.2 * f64::from(LEADER) * unit.0, at), colour)?;
        panel.name((left, at), &curve.title, &beyond(value, y), WIDEST_NAME, colour)?;
    }
    Ok(())
}

/// Rising heights moved as little as keeps neighbours `line` apart and all in `range`, in the sum of squares: isotonic
/// regression of the heights minus those of the lines below.
fn spread(wanted: &[f64], line: f64, range: std::ops::Range<f64>) -> Vec<f64> {
    // Blocks of neighbours that touch: mean of their reduced heights, and their number.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (index, height) in wanted.iter().enumerate() {
        let mut block = (height - index as f64 * line, 1);
        while let Some(&(mean, count)) = blocks.last().filter(|last| last.0 > block.0) {
            let total = count + block.1;
            block = ((mean * count as f64 + block.0 * block.1 as f64) / total as f64, total);
            blocks.pop();
        }
        blocks.push(block);
    }
    let room = range.end - wanted.len().saturating_sub(1) as f64 * line;
    let reduced = blocks.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count));
    reduced.enumerate().map(|(i, z)| z.min(room).max(range.start) + i as f64 * line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(title: &str, coloured: bool, values: &[f64]) -> Curve {
        let known = |(x, &estimate): (usize, &f64)| (x as f64, Interval { estimate, ends: None });
        let values = values.iter().enumerate().map(known).collect();
        Curve { title: title.into(), colour: coloured.then_some(FAINT), values }
    }

    #[test]
    fn one_model_that_is_far_off_does_not_squeeze_the_others() {
        let curves =
            [curve("a", true, &[0.1, 0.2]), curve("b", true, &[0.1, 0.3]), curve("c", false, &[0.1, 9.0])];
        let sizes = size_axis(&curves);
        assert!(sizes.range.end > 0.3 && sizes.range.end < 0.6, "{:?}", sizes.range);
        assert_eq!(beyond(9.0, &sizes), " 9.00 ↑");
        // A tick at which all scores are low is on the panel.
        let curves = [curve("a", true, &[0.6, 0.9]), curve("b", true, &[0.58, 0.3])];
        let scores = score_axis(&curves, 0.1);
        assert!(scores.range.start < 0.58 && scores.range.start > 0.45, "{:?}", scores.range);
        assert_eq!(beyond(0.3, &scores), " 0.30 ↓");
    }

    #[test]
    fn the_axis_has_room_for_the_longest_name() {
        let panel = |name: &str| CurvePanel {
            heading: String::new(),
            curves: vec![curve(name, true, &[0.1, 0.2])],
            y: Axis::new("", 0.0..1.0, 5, theme::number),
        };
        let end = |name: &str| {
            axis("", vec![(0.0, "0".into()), (1.0, "1".into())], 1_700, &[panel(name)]).range.end
        };
        assert!(1.0 < end("") && end("") < end("ESMM") && end("ESMM") < end("OVERSAMPLING"));
    }

    #[test]
    fn names_that_have_room_stay_and_others_part() {
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near(&spread(&[0.1, 0.5, 0.9], 0.1, 0.0..1.0), &[0.1, 0.5, 0.9]));
        assert!(near(&spread(&[0.2, 0.5, 0.5, 0.5], 0.1, 0.0..1.0), &[0.2, 0.4, 0.5, 0.6]));
        let within = spread(&[0.0, 0.97, 0.98, 1.0], 0.1, 0.05..0.95);
        assert!(within.windows(2).all(|pair| pair[1] - pair[0] > 0.1 - 1e-9), "{within:?}");
        assert!(within[0] >= 0.05 && within[3] <= 0.95 + 1e-12, "{within:?}");
    }
}
