//! Panels: axes, on which lines, bands, bars and points are drawn in units of the data.

use std::cell::Cell;
use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Area, Canvas, Drawing};
use super::theme::{self, FAINT, GAP, GRID, HEADING, INK, LINE, MARKER, TEXT, THIN};

/// Opacity of a band of uncertainty.
pub(super) const BAND: f64 = 0.22;
/// Opacity of a speck: about twenty overlap where runs are alike.
const SPECK: f64 = 0.4;
/// Length of a dash of the paper's curves and of the gap after it.
pub(super) const DASH: i32 = 32;
pub(super) const DASH_GAP: i32 = 24;

/// Colour of hatching.
pub(super) const HATCH: RGBColor = RGBColor(130, 130, 130);
/// Distance of its lines along an edge.
const HATCH_STEP: f64 = 40.0;

/// Rising diagonals that fill a rectangle of a width and height, as distances from its lower left corner.
pub(super) fn diagonals((width, height): (f64, f64)) -> impl Iterator<Item = [(f64, f64); 2]> {
    let count = ((width + height) / HATCH_STEP).ceil() as u32;
    // The diagonal from `start` on the lower edge, left of the rectangle where it is below 0.
    (0..count).map(move |index| (f64::from(index) + 0.5) * HATCH_STEP - height).filter_map(move |start| {
        let (from, to) = ((-start).max(0.0), height.min(width - start));
        (from < to).then_some([(start + from, from), (start + to, to)])
    })
}

/// An open square around a point of the canvas.
pub(super) fn square((x, y): (i32, i32), colour: RGBColor) -> PathElement<(i32, i32)> {
    open_rectangle([(x - MARKER, y - MARKER), (x + MARKER, y + MARKER)], colour)
}

/// The outline of a rectangle. As a path: plotters' SVG draws every rectangle with the thinnest of lines.
pub(super) fn open_rectangle(
    [(left, top), (right, bottom)]: [(i32, i32); 2],
    colour: RGBColor,
) -> PathElement<(i32, i32)> {
    // One unit past the start, so that the last corner is closed.
    let round =
        vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top), (left + 1, top)];
    PathElement::new(round, colour.stroke_width(8))
}

/// One axis of a panel.
#[derive(Clone)]
pub struct Axis {
    /// Quantity with its unit.
    pub label: String,
    /// Values at its ends.
    pub range: Range<f64>,
    /// Marked values with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis with about `count` round ticks, labelled by `format`.
    pub fn new(label: &str, range: Range<f64>, count: usize, format: fn(f64) -> String) -> Self {
        let ticks = round_values(&range, count).into_iter().map(|value| (value, format(value))).collect();
        Self { label: label.to_owned(), range, ticks }
    }
}

/// About `count` values within `range`, at multiples of 1, 2 or 5 times a power of ten.
pub fn round_values(range: &Range<f64>, count: usize) -> Vec<f64> {
    let step = round_step((range.end - range.start) / count.max(1) as f64);
    let first = (range.start / step - 1e-9).ceil() as i64;
    let last = (range.end / step + 1e-9).floor() as i64;
    (first..=last).map(|multiple| multiple as f64 * step).collect()
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let leading = [1.0, 2.0, 5.0, 10.0].into_iter().find(|leading| leading * power >= step * (1.0 - 1e-9));
    leading.unwrap_or(10.0) * power
}

/// `value` rounded up to a value that ends an axis well.
pub fn round_up(value: f64) -> f64 {
    let step = round_step(value / 8.0);
    (value / step - 1e-9).ceil() * step
}

/// The heading of a panel: a name, cut where it is too long, and a rest, never cut.
#[derive(Default)]
pub struct Heading {
    /// Name, which may be cut.
    pub name: String,
    /// Rest, which is always shown.
    pub rest: String,
}

impl Heading {
    /// A heading that needs no cut.
    pub fn short(text: impl Into<String>) -> Self {
        Self { name: String::new(), rest: text.into() }
    }

    /// Model and task correlation, where the data has one.
    pub fn cell(model: &str, task_correlation: Option<f64>) -> Self {
        let rest = task_correlation.map(|p| format!(", correlation {}", theme::number(p)));
        Self { name: model.to_owned(), rest: rest.unwrap_or_default() }
    }

    fn is_empty(&self) -> bool {
        self.name.is_empty() && self.rest.is_empty()
    }

    fn fit(&self, style: &TextStyle, limit: i32) -> String {
        theme::fit(&self.name, style, limit - theme::width(&self.rest, style)) + &self.rest
    }
}

/// A panel with its axes drawn.
pub struct Panel<'a> {
    plot: DrawingArea<Canvas<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    y: Range<f64>,
    /// Whether a mark of the data has been drawn.
    marked: Cell<bool>,
}

impl<'a> Panel<'a> {
    /// Draws a panel within `area`: heading, grid and axes, then `marks`. Where these leave no mark of the study's data, the
    /// reason `empty` stands in the middle. What is shown for comparison (dashed lines, outlines, squares and texts) is no
    /// such mark.
    ///
    /// # Errors
    ///
    /// The canvas cannot draw a shape; the same holds for every method that draws.
    pub fn draw(
        area: &Area<'a>,
        heading: &Heading,
        (x, y): (&Axis, &Axis),
        empty: &str,
        marks: impl FnOnce(&Self) -> Drawing,
    ) -> Drawing {
        let panel = Self::new(area, heading, x, y)?;
        marks(&panel)?;
        if panel.marked.get() {
            return Ok(());
        }
        let style = theme::text(TEXT, FAINT, HPos::Center);
        let middle = |range: &Range<f64>| (range.start + range.end) / 2.0;
        panel.plot.draw(&Text::new(empty.to_owned(), (middle(&x.range), middle(&y.range)), style))
    }

    /// Draws heading, grid and axes within `area`.
    fn new(area: &Area<'a>, heading: &Heading, x: &Axis, y: &Axis) -> Drawing<Self> {
        let tick = theme::text(TEXT, INK, HPos::Right);
        let widest = y.ticks.iter().map(|(_, label)| theme::width(label, &tick)).max().unwrap_or(0);
        // Room for turned label, ticks' labels and ticks; below likewise; at the right for half of the last label.
        let left = GAP + if y.label.is_empty() { 0 } else { 92 } + widest + 36;
        let top = GAP / 2 + if heading.is_empty() { GAP / 2 } else { 108 };
        let bottom = GAP + 104 + if x.label.is_empty() { 0 } else { 92 };
        let right = GAP + x.ticks.last().map_or(0, |(_, label)| theme::width(label, &tick) / 2);
        let (width, height) = area.dim_in_pixel();
        let inner = area.margin(top, bottom, left, right);
        let (across, down) = inner.get_pixel_range();
        let coordinates = Cartesian2d::new(x.range.clone(), y.range.clone(), (across, down.end..down.start));
        let plot = inner.apply_coord_spec(coordinates);

        let style = theme::bold(HEADING);
        area.draw_text(&heading.fit(&style, width as i32 - left - GAP), &style, (left, GAP / 2))?;
        for (value, _) in &y.ticks {
            plot.draw(&PathElement::new(
                [(x.range.start, *value), (x.range.end, *value)],
                GRID.stroke_width(THIN),
            ))?;
        }
        let base = height as i32 - bottom;
        Self::x_axis(area, x, (left, width as i32 - right), base)?;
        Self::y_axis(area, y, (top, base), left)?;
        Ok(Self { plot, y: y.range.clone(), marked: Cell::new(false) })
    }

    fn x_axis(area: &Area, axis: &Axis, (left, right): (i32, i32), base: i32) -> Drawing {
        area.draw(&PathElement::new([(left, base), (right, base)], INK.stroke_width(THIN)))?;
        let style = theme::text(TEXT, INK, HPos::Center);
        for (value, label) in &axis.ticks {
            let x = left + (share(&axis.range, *value) * f64::from(right - left)).round() as i32;
            area.draw(&PathElement::new([(x, base), (x, base + 18)], INK.stroke_width(THIN)))?;
            area.draw_text(label, &style, (x, base + 40))?;
        }
        area.draw_text(&axis.label, &style, ((left + right) / 2, base + 134))
    }

    fn y_axis(area: &Area, axis: &Axis, (top, base): (i32, i32), left: i32) -> Drawing {
        area.draw(&PathElement::new([(left, top), (left, base)], INK.stroke_width(THIN)))?;
        let style = theme::text(TEXT, INK, HPos::Right);
        for (value, label) in &axis.ticks {
            let y = base - (share(&axis.range, *value) * f64::from(base - top)).round() as i32;
            area.draw(&PathElement::new([(left - 18, y), (left, y)], INK.stroke_width(THIN)))?;
            area.draw_text(label, &style, (left - 30, y - theme::middle(TEXT)))?;
        }
        let turned = theme::text(TEXT, INK, HPos::Center).transform(FontTransform::Rotate270);
        area.draw_text(&axis.label, &turned, (GAP / 2, (top + base) / 2))
    }

    /// Draws a mark of the data.
    fn mark<E>(&self, element: &E) -> Drawing
    where
        for<'b> &'b E: PointCollection<'b, (f64, f64)>,
        E: Drawable<Canvas<'a>>,
    {
        self.marked.set(true);
        self.plot.draw(element)
    }

    /// A line through the points that lie on the panel; a point where there is only one.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn line(&self, points: &[(f64, f64)], colour: RGBColor) -> Drawing {
        if let [point] = *points {
            return self.point_within(point, colour);
        }
        for piece in within(points, &self.y) {
            self.mark(&PathElement::new(piece, colour.stroke_width(LINE)))?;
        }
        Ok(())
    }

    /// A thin line through the points that lie on the panel; a point where there is only one.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn hairline(&self, points: &[(f64, f64)], colour: RGBColor) -> Drawing {
        if let [point] = *points {
            return self.point_within(point, colour);
        }
        for piece in within(points, &self.y) {
            self.mark(&PathElement::new(piece, colour.stroke_width(THIN)))?;
        }
        Ok(())
    }

    /// A triangle below the upper edge at `x`, which points to a value above the panel.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn above(&self, x: f64, colour: RGBColor) -> Drawing {
        let corners = vec![(0, 0), (MARKER, 2 * MARKER), (-MARKER, 2 * MARKER)];
        self.mark(&(EmptyElement::at((x, self.y.end)) + Polygon::new(corners, colour.filled())))
    }

    /// A thin, pale line from a curve's end to its name.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn leader(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) -> Drawing {
        self.plot.draw(&PathElement::new([from, to], colour.mix(SPECK).stroke_width(THIN)))
    }

    /// A name that starts at `at`, with a rest. The name is cut so that both fit in `limit` units of the canvas.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn name(&self, at: (f64, f64), name: &str, rest: &str, limit: i32, colour: RGBColor) -> Drawing {
        let style = theme::text(TEXT, colour, HPos::Left);
        let text = theme::fit(name, &style, limit - theme::width(rest, &style)) + rest;
        let middle = f64::from(theme::middle(TEXT)) * self.units_per_pixel().1;
        self.plot.draw(&Text::new(text, (at.0, at.1 + middle), style))
    }

    /// A unit of the canvas in units of the data, along x and y.
    pub fn units_per_pixel(&self) -> (f64, f64) {
        let (x, y) = (self.plot.get_x_range(), self.plot.get_y_range());
        let (width, height) = self.plot.dim_in_pixel();
        ((x.end - x.start) / f64::from(width), (y.end - y.start) / f64::from(height))
    }

    /// A dashed line through the points that lie on the panel.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn dashed(&self, points: &[(f64, f64)], colour: RGBColor) -> Drawing {
        for piece in within(points, &self.y) {
            let style = colour.stroke_width(LINE - 2);
            self.plot.draw(&plotters::element::DashedPathElement::new(piece, DASH, DASH_GAP, style))?;
        }
        Ok(())
    }

    /// The area between lower and upper values, cut off at the panel's edges.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn band(&self, band: &[(f64, f64, f64)], colour: RGBColor) -> Drawing {
        let held = |value: f64| value.clamp(self.y.start, self.y.end);
        for piece in below(band, self.y.end) {
            let upper = piece.iter().map(|&(x, _, high)| (x, held(high)));
            let lower = piece.iter().rev().map(|&(x, low, _)| (x, held(low)));
            let outline: Vec<_> = upper.chain(lower).collect();
            self.mark(&Polygon::new(outline, colour.mix(BAND).filled()))?;
        }
        Ok(())
    }

    /// A bar from the bottom over a range of x.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn bar(&self, x: Range<f64>, height: f64, colour: RGBColor) -> Drawing {
        let corners = [(x.start, self.y.start), (x.end, height.min(self.y.end))];
        self.mark(&Rectangle::new(corners, colour.filled()))
    }

    /// The outline of adjacent bars: edges rising, heights one fewer. Bars of height 0 have none.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn outline(&self, edges: &[f64], heights: &[f64], colour: RGBColor) -> Drawing {
        let bottom = self.y.start;
        let bars: Vec<(&[f64], f64)> = edges.windows(2).zip(heights.iter().copied()).collect();
        for bars in bars.chunk_by(|a, b| (a.1 > 0.0) == (b.1 > 0.0)).filter(|bars| bars[0].1 > 0.0) {
            let top = bars.iter().flat_map(|&(sides, height)| [(sides[0], height), (sides[1], height)]);
            let (left, right) = (bars[0].0[0], bars[bars.len() - 1].0[1]);
            let path: Vec<_> = [(left, bottom)].into_iter().chain(top).chain([(right, bottom)]).collect();
            self.plot.draw(&PathElement::new(path, colour.stroke_width(8)))?;
        }
        Ok(())
    }

    /// A line along x, twice as thick as a line of data.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn span(&self, x: Range<f64>, y: f64, colour: RGBColor) -> Drawing {
        self.mark(&PathElement::new([(x.start, y), (x.end, y)], colour.stroke_width(2 * LINE)))
    }

    /// A small filled marker that others shine through.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn speck(&self, at: (f64, f64), colour: RGBColor) -> Drawing {
        self.mark(&Circle::new(at, MARKER * 2 / 3, colour.mix(SPECK).filled()))
    }

    /// A filled round marker.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn point(&self, at: (f64, f64), colour: RGBColor) -> Drawing {
        self.mark(&Circle::new(at, MARKER, colour.filled()))
    }

    /// A filled round marker, if it lies on the panel.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn point_within(&self, at: (f64, f64), colour: RGBColor) -> Drawing {
        if self.y.contains(&at.1) { self.point(at, colour) } else { Ok(()) }
    }

    /// An open square marker.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn square(&self, at: (f64, f64), colour: RGBColor) -> Drawing {
        let at_pixels = EmptyElement::at(at) + square((0, 0), colour);
        self.plot.draw(&at_pixels)
    }

    /// A whisker between two ends.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn whisker(&self, x: f64, (low, high): (f64, f64), colour: RGBColor) -> Drawing {
        let style = colour.stroke_width(5);
        let held = |value: f64| value.clamp(self.y.start, self.y.end);
        self.plot.draw(&PathElement::new([(x, held(low)), (x, held(high))], style))?;
        for end in [low, high].into_iter().filter(|end| self.y.contains(end)) {
            let cap = PathElement::new([(-16, 0), (16, 0)], style);
            self.plot.draw(&(EmptyElement::at((x, end)) + cap))?;
        }
        Ok(())
    }

    /// A filled rectangle.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn cell(&self, x: Range<f64>, y: Range<f64>, colour: RGBColor) -> Drawing {
        self.mark(&Rectangle::new([(x.start, y.start), (x.end, y.end)], colour.filled()))
    }

    /// Diagonal lines over a rectangle.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn hatch(&self, x: Range<f64>, y: Range<f64>) -> Drawing {
        let (per_x, per_y) = self.units_per_pixel();
        let size = ((x.end - x.start) / per_x, (y.end - y.start) / per_y);
        let at = |(right, up): (f64, f64)| (x.start + right * per_x, y.start + up * per_y);
        for [from, to] in diagonals(size) {
            self.plot.draw(&PathElement::new([at(from), at(to)], HATCH.stroke_width(THIN)))?;
        }
        Ok(())
    }

    /// A whisker along x between two ends; one that is not known lies beyond the panel's edge.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn whisker_across(&self, ends: [Option<f64>; 2], y: f64, colour: RGBColor) -> Drawing {
        let style = colour.stroke_width(5);
        let ([low, high], edges) = (ends, self.plot.get_x_range());
        let line = [(low.unwrap_or(edges.start), y), (high.unwrap_or(edges.end), y)];
        self.plot.draw(&PathElement::new(line, style))?;
        for end in ends.into_iter().flatten() {
            let cap = PathElement::new([(0, -16), (0, 16)], style);
            self.plot.draw(&(EmptyElement::at((end, y)) + cap))?;
        }
        Ok(())
    }

    /// A short text on the panel, its upper right corner at `at`.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn note(&self, at: (f64, f64), text: &str) -> Drawing {
        let style = theme::text(TEXT, FAINT, HPos::Right);
        self.plot.draw(&Text::new(text.to_owned(), at, style))
    }

    /// A faint text that begins at `at`.
    ///
    /// # Errors
    /// If the drawing backend fails.
    pub fn note_from(&self, at: (f64, f64), text: &str) -> Drawing {
        let style = theme::text(TEXT, FAINT, HPos::Left);
        self.plot.draw(&Text::new(text.to_owned(), at, style))
    }
}

/// The position of `value` in `range`, from 0 to 1.
fn share(range: &Range<f64>, value: f64) -> f64 {
    (value - range.start) / (range.end - range.start)
}

/// The pieces of a line that lie within a range of y, cut where they cross its edges. Points that are
/// not finite break the line.
fn within(points: &[(f64, f64)], y: &Range<f64>) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in points.windows(2) {
        let Some([from, to]) = clipped(pair[0], pair[1], y) else { continue };
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
    }
    pieces
}

/// The pieces of a band whose lower end lies below `top`, cut where it crosses.
fn below(band: &[(f64, f64, f64)], top: f64) -> Vec<Vec<(f64, f64, f64)>> {
    let crossing = |a: (f64, f64, f64), b: (f64, f64, f64)| {
        let part = (top - a.1) / (b.1 - a.1);
        (a.0 + (b.0 - a.0) * part, top, a.2 + (b.2 - a.2) * part)
    };
    let inside = |point: &(f64, f64, f64)| point.1 <= top;
    let mut pieces: Vec<Vec<(f64, f64, f64)>> = Vec::new();
    for (i, &point) in band.iter().enumerate() {
        match (i.checked_sub(1).map(|before| band[before]), inside(&point)) {
            (Some(before), true) if !inside(&before) => pieces.push(vec![crossing(before, point), point]),
            (Some(before), false) if inside(&before) => {
                pieces.last_mut().expect("the point before is in a piece").push(crossing(before, point));
            }
            (None, true) => pieces.push(vec![point]),
            (Some(_), true) => pieces.last_mut().expect("the point before is in a piece").push(point),
            (_, false) => {}
        }
    }
    pieces
}

/// The part of a segment within a range of y, if any.
fn clipped(a: (f64, f64), b: (f64, f64), y: &Range<f64>) -> Option<[(f64, f64); 2]> {
    if !(a.1.is_finite() && b.1.is_finite()) {
        return None;
    }
    if (a.1 < y.start && b.1 < y.start) || (a.1 > y.end && b.1 > y.end) {
        return None;
    }
    let cut = |point: (f64, f64)| {
        let edge = point.1.clamp(y.start, y.end);
        if edge == point.1 { point } else { (a.0 + (b.0 - a.0) * (edge - a.1) / (b.1 - a.1), edge) }
    };
    Some([cut(a), cut(b)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagonals_stay_within_their_rectangle() {
        let lines: Vec<_> = diagonals((100.0, 60.0)).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], [(0.0, 40.0), (20.0, 60.0)]);
        let ends = lines.iter().flatten();
        assert!(ends.clone().all(|&(x, y)| (0.0..=100.0).contains(&x) && (0.0..=60.0).contains(&y)));
        assert!(diagonals((0.0, 60.0)).next().is_none());
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(round_values(&(0.0..10_000.0), 5), [0.0, 2_000.0, 4_000.0, 6_000.0, 8_000.0, 10_000.0]);
        assert_eq!(round_values(&(-1.0..1.0), 4), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(round_values(&(0.0..0.5), 5).len(), 6);
        assert_eq!((round_up(0.47), round_up(0.5), round_up(131.0)), (0.5, 0.5, 140.0));
    }

    #[test]
    fn bands_are_cut_at_the_panels_top() {
        let band = [(0.0, 3.0, 4.0), (1.0, 1.0, 2.0), (2.0, 0.0, 0.5), (3.0, 4.0, 4.5)];
        let pieces = below(&band, 2.0);
        assert_eq!(pieces, [vec![(0.5, 2.0, 3.0), band[1], band[2], (2.5, 2.0, 2.5)]]);
        assert!(below(&band[..1], 2.0).is_empty());
    }

    #[test]
    fn lines_are_cut_at_the_panels_edge() {
        let points = [(0.0, 2.0), (1.0, 0.0), (2.0, f64::NAN), (3.0, 0.5), (4.0, 0.5)];
        let pieces = within(&points, &(0.0..1.0));
        assert_eq!(pieces, [vec![(0.5, 1.0), (1.0, 0.0)], vec![(3.0, 0.5), (4.0, 0.5)]]);
        assert!(within(&[(0.0, 5.0), (1.0, 6.0)], &(0.0..1.0)).is_empty());
    }
}
