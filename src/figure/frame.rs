//! Frames: title, legend and grid of panels of a figure.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Area, Drawing};
use super::panel::{BAND, DASH, DASH_GAP, HATCH, diagonals, open_rectangle, square};
use super::theme::{self, GAP, INK, LINE, MARKER, TEXT, THIN, TITLE, WIDTH};

/// Width of a legend's swatch, and free space after an entry.
const SWATCH: i32 = 128;
const AFTER_ENTRY: i32 = 96;
/// Height of a line of the legend.
const LEGEND_LINE: i32 = 96;
/// Height of the title with the space below it.
const TITLE_LINE: i32 = 132;

/// A figure's title, legend and grid of panels.
pub struct Frame {
    /// Title above everything.
    pub title: String,
    /// Entries of the legend.
    pub legend: Vec<Entry>,
    /// Panels, row by row.
    pub panels: usize,
    /// Panels in a row.
    pub columns: usize,
    /// Height of a panel with its axes.
    pub panel_height: u32,
}

/// An entry of a legend.
pub struct Entry {
    /// Its mark.
    pub swatch: Swatch,
    /// Its meaning.
    pub label: String,
}

/// The mark of an entry.
#[derive(Clone, Copy)]
pub enum Swatch {
    /// A line within its band.
    Band(RGBColor),
    /// A line.
    Line(RGBColor),
    /// A thin line.
    Hairline(RGBColor),
    /// A dashed line.
    Dashed(RGBColor),
    /// A filled bar.
    Bar(RGBColor),
    /// The outline of bars.
    Outline(RGBColor),
    /// A filled round marker.
    Point(RGBColor),
    /// An open square marker.
    Square(RGBColor),
    /// A hatched cell.
    Hatched,
    /// A point with a whisker along x.
    Interval,
}

impl Entry {
    /// An entry with its mark and meaning.
    pub fn new(swatch: Swatch, label: impl Into<String>) -> Self {
        Self { swatch, label: label.into() }
    }
}

impl Frame {
    /// Width and height on the canvas.
    pub fn size(&self) -> (u32, u32) {
        let rows = self.panels.div_ceil(self.columns.max(1)) as u32;
        let head = GAP + TITLE_LINE + self.legend_lines().len() as i32 * LEGEND_LINE + GAP;
        (WIDTH, head as u32 + rows * self.panel_height)
    }

    /// Draws title and legend, and returns the areas of the panels.
    ///
    /// # Errors
    ///
    /// The canvas cannot draw a shape.
    pub fn draw<'a>(&self, area: &Area<'a>) -> Drawing<Vec<Area<'a>>> {
        let style = theme::bold(TITLE);
        area.draw_text(&theme::fit(&self.title, &style, WIDTH as i32 - 2 * GAP), &style, (GAP, GAP))?;
        let mut y = GAP + TITLE_LINE;
        for line in self.legend_lines() {
            for (x, entry) in line {
                self.draw_entry(area, entry, (x, y))?;
            }
            y += LEGEND_LINE;
        }
        let (_, body) = area.split_vertically(y + GAP);
        let rows = self.panels.div_ceil(self.columns.max(1));
        Ok(body.split_evenly((rows, self.columns)).into_iter().take(self.panels).collect())
    }

    /// The entries with their x, wrapped to the width.
    fn legend_lines(&self) -> Vec<Vec<(i32, &Entry)>> {
        let mut lines: Vec<Vec<(i32, &Entry)>> = Vec::new();
        let mut x = i32::MAX;
        for entry in &self.legend {
            let style = theme::text(TEXT, INK, HPos::Left);
            let width = SWATCH + GAP / 2 + theme::width(&self.entry_label(entry), &style);
            if x.saturating_add(width) > WIDTH as i32 - GAP {
                x = GAP;
                lines.push(Vec::new());
            }
            lines.last_mut().expect("the first entry opens a line").push((x, entry));
            x += width + AFTER_ENTRY;
        }
        lines
    }

    fn entry_label(&self, entry: &Entry) -> String {
        let style = theme::text(TEXT, INK, HPos::Left);
        theme::fit(&entry.label, &style, WIDTH as i32 - 2 * GAP - SWATCH - GAP)
    }

    fn draw_entry(&self, area: &Area, entry: &Entry, (x, y): (i32, i32)) -> Drawing {
        let middle = y + LEGEND_LINE / 2;
        let line = [(x, middle), (x + SWATCH, middle)];
        let block = [(x + 24, middle - 28), (x + SWATCH - 8, middle + 28)];
        let centre = (x + SWATCH / 2, middle);
        match entry.swatch {
            Swatch::Line(colour) => {
                area.draw(&PathElement::new(line, colour.stroke_width(LINE)))?;
            }
            Swatch::Hairline(colour) => {
                area.draw(&PathElement::new(line, colour.stroke_width(THIN)))?;
            }
            Swatch::Band(colour) => {
                area.draw(&Rectangle::new(
                    [(x, middle - 28), (x + SWATCH, middle + 28)],
                    colour.mix(BAND).filled(),
                ))?;
                area.draw(&PathElement::new(line, colour.stroke_width(LINE)))?;
            }
            Swatch::Dashed(colour) => {
                let style = colour.stroke_width(LINE);
                area.draw(&plotters::element::DashedPathElement::new(line, DASH, DASH_GAP, style))?;
            }
            Swatch::Bar(colour) => area.draw(&Rectangle::new(block, colour.filled()))?,
            Swatch::Outline(colour) => area.draw(&open_rectangle(block, colour))?,
            Swatch::Point(colour) => area.draw(&Circle::new(centre, MARKER, colour.filled()))?,
            Swatch::Square(colour) => area.draw(&square(centre, colour))?,
            Swatch::Hatched => {
                let [(left, top), (right, bottom)] = block;
                for line in diagonals((f64::from(right - left), f64::from(bottom - top))) {
                    let at = line.map(|(x, y)| (left + x.round() as i32, bottom - y.round() as i32));
                    area.draw(&PathElement::new(at, HATCH.stroke_width(THIN)))?;
                }
                area.draw(&open_rectangle(block, HATCH))?;
            }
            Swatch::Interval => {
                area.draw(&PathElement::new(line, INK.stroke_width(THIN)))?;
                area.draw(&Circle::new(centre, MARKER, INK.filled()))?;
            }
        }
        let style = theme::text(TEXT, INK, HPos::Left);
        area.draw_text(&self.entry_label(entry), &style, (x + SWATCH + GAP / 2, middle - theme::middle(TEXT)))
    }
}
