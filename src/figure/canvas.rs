//! From a figure to its two files: PNG for slides and talk, SVG for print and the report.
//!
//! A figure is drawn by one piece of code on whatever backend it is given. plotters' bitmap backend does not
//! smooth thick lines and bars; so the bitmap is drawn [`OVERSAMPLING`] times as large ([`Magnified`]) and
//! averaged down.

use std::path::Path;

use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind};

use super::{Figure, FigureError};

/// Side of the square of pixels that one pixel of the PNG is the mean of.
const OVERSAMPLING: u32 = 2;

/// A figure as SVG text, wide as its container, with a name for screen readers.
pub fn svg(figure: &impl Figure) -> Result<String, FigureError> {
    let mut text = String::new();
    let (width, height) = figure.size();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw(figure, &area)?;
    }
    let label = escape(&figure.title());
    // plotters fixes the size on screen and knows one font; a reader's browser may not have DejaVu.
    let text = text.replacen(
        &format!("width=\"{width}\" height=\"{height}\" "),
        &format!("role=\"img\" aria-label=\"{label}\" "),
        1,
    );
    Ok(text.replace("font-family=\"DejaVu Sans\"", "font-family=\"DejaVu Sans, Verdana, sans-serif\""))
}

/// Writes a figure as PNG.
pub fn write_png(figure: &impl Figure, path: &Path) -> Result<(), FigureError> {
    let (width, height) = figure.size();
    let large = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut pixels = vec![255; (large.0 * large.1 * 3) as usize];
    {
        let bitmap = BitMapBackend::with_buffer(&mut pixels, large);
        draw(figure, &Magnified { inner: bitmap, factor: OVERSAMPLING as i32 }.into_drawing_area())?;
    }
    let small = average(&pixels, (width, height));
    let failed = |error: &dyn std::fmt::Display| FigureError::Write {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut file = BitMapBackend::new(path, (width, height));
    file.blit_bitmap((0, 0), (width, height), &small).map_err(|error| failed(&error))?;
    file.present().map_err(|error| failed(&error))
}

/// Draws a figure on white.
fn draw<DB: DrawingBackend>(figure: &impl Figure, area: &DrawingArea<DB, Shift>) -> Result<(), FigureError> {
    let result = area.fill(&WHITE).and_then(|()| figure.draw(area)).and_then(|()| area.present());
    result.map_err(|error| FigureError::Draw { figure: figure.name(), reason: error.to_string() })
}

/// Means over squares of [`OVERSAMPLING`] pixels; `size` is that of the result.
fn average(pixels: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let (n, width) = (OVERSAMPLING as usize, width as usize);
    let stride = width * n * 3;
    let mut small = Vec::with_capacity(width * height as usize * 3);
    for y in 0..height as usize {
        for x in 0..width {
            for channel in 0..3 {
                let sum: u32 = (0..n * n)
                    .map(|i| {
                        let (dx, dy) = (i % n, i / n);
                        u32::from(pixels[(y * n + dy) * stride + (x * n + dx) * 3 + channel])
                    })
                    .sum();
                small.push((sum / (OVERSAMPLING * OVERSAMPLING)) as u8);
            }
        }
    }
    small
}

/// Text for the inside of an SVG attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A backend that draws everything `factor` times as large as it is told.
struct Magnified<DB> {
    inner: DB,
    factor: i32,
}

/// A line or fill of the magnified drawing.
struct Pen {
    colour: BackendColor,
    width: u32,
}

impl BackendStyle for Pen {
    fn color(&self) -> BackendColor {
        self.colour
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

impl<DB> Magnified<DB> {
    fn at(&self, (x, y): BackendCoord) -> BackendCoord {
        (x * self.factor, y * self.factor)
    }

    fn pen(&self, style: &impl BackendStyle) -> Pen {
        Pen { colour: style.color(), width: style.stroke_width() * self.factor as u32 }
    }
}

impl<DB: DrawingBackend> DrawingBackend for Magnified<DB> {
    type ErrorType = DB::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        let (width, height) = self.inner.get_size();
        (width / self.factor as u32, height / self.factor as u32)
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.inner.ensure_prepared()
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.inner.present()
    }

    fn draw_pixel(
        &mut self,
        point: BackendCoord,
        color: BackendColor,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        let (x, y) = self.at(point);
        for dy in 0..self.factor {
            for dx in 0..self.factor {
                self.inner.draw_pixel((x + dx, y + dy), color)?;
            }
        }
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.inner.draw_line(self.at(from), self.at(to), &self.pen(style))
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.inner.draw_rect(self.at(upper_left), self.at(bottom_right), &self.pen(style), fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        let path: Vec<_> = path.into_iter().map(|point| self.at(point)).collect();
        self.inner.draw_path(path, &self.pen(style))
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.inner.draw_circle(self.at(center), radius * self.factor as u32, &self.pen(style), fill)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        let corners: Vec<_> = vert.into_iter().map(|point| self.at(point)).collect();
        self.inner.fill_polygon(corners, &self.pen(style))
    }

    fn draw_text<T: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &T,
        pos: BackendCoord,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        let font = FontDesc::new(style.family(), style.size() * f64::from(self.factor), style.style())
            .transform(style.transform());
        let large = TextStyle { font, color: style.color(), pos: style.anchor() };
        self.inner.draw_text(text, &large, self.at(pos))
    }
}
