//! A figure's two files: PNG for slides, SVG for print and the report.
//!
//! A figure is drawn by one piece of code on a [`Canvas`], which passes every shape on to plotters' PNG or SVG backend:
//! figures are objects and know neither. plotters knows whole units only and its bitmap backend does not smooth thick
//! lines; so the canvas has `OVERSAMPLING` times as many units as the PNG has pixels, and each pixel is the mean of a
//! square of them. The SVG gains the finer units.

use std::io;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ColorType, ImageEncoder};
use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind};

use super::frame::Frame;
#[cfg(doc)]
use super::theme;
use super::theme::without_controls;
use super::{Figure, FigureError};
use crate::store::atomic;

/// Side of the square of pixels that one pixel of the PNG is the mean of.
const OVERSAMPLING: u32 = 2;

/// The backend of either file.
pub enum Canvas<'a> {
    /// Pixels.
    Png(BitMapBackend<'a>),
    /// SVG text.
    Svg(SVGBackend<'a>),
}

/// Part of a canvas, in its units.
pub type Area<'a> = DrawingArea<Canvas<'a>, Shift>;
/// The result of drawing.
pub type Drawing<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// Calls a method of the backend that a canvas has.
macro_rules! on {
    ($canvas:ident, $backend:ident => $call:expr) => {
        match $canvas {
            Self::Png($backend) => $call.map_err(io_error),
            Self::Svg($backend) => $call,
        }
    };
}

/// The same error with the SVG backend's type inside.
fn io_error<E: std::error::Error + Send + Sync + 'static>(
    error: DrawingErrorKind<E>,
) -> DrawingErrorKind<io::Error> {
    match error {
        DrawingErrorKind::DrawingError(error) => DrawingErrorKind::DrawingError(io::Error::other(error)),
        DrawingErrorKind::FontError(error) => DrawingErrorKind::FontError(error),
    }
}

/// The result of a shape.
type Shape<T = ()> = Result<T, DrawingErrorKind<io::Error>>;

impl DrawingBackend for Canvas<'_> {
    type ErrorType = io::Error;

    fn get_size(&self) -> (u32, u32) {
        match self {
            Self::Png(backend) => backend.get_size(),
            Self::Svg(backend) => backend.get_size(),
        }
    }

    fn ensure_prepared(&mut self) -> Shape {
        on!(self, backend => backend.ensure_prepared())
    }

    fn present(&mut self) -> Shape {
        on!(self, backend => backend.present())
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Shape {
        on!(self, backend => backend.draw_pixel(at, colour))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Shape {
        on!(self, backend => backend.draw_line(from, to, style))
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        a: BackendCoord,
        b: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Shape {
        on!(self, backend => backend.draw_rect(a, b, style, fill))
    }

    fn draw_path<S, I>(&mut self, path: I, style: &S) -> Shape
    where
        S: BackendStyle,
        I: IntoIterator<Item = BackendCoord>,
    {
        on!(self, backend => backend.draw_path(path, style))
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        at: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Shape {
        on!(self, backend => backend.draw_circle(at, radius, style, fill))
    }

    fn fill_polygon<S, I>(&mut self, corners: I, style: &S) -> Shape
    where
        S: BackendStyle,
        I: IntoIterator<Item = BackendCoord>,
    {
        on!(self, backend => backend.fill_polygon(corners, style))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Shape {
        on!(self, backend => backend.draw_text(text, style, at))
    }

    fn estimate_text_size<S: BackendTextStyle>(&self, text: &str, style: &S) -> Shape<(u32, u32)> {
        on!(self, backend => backend.estimate_text_size(text, style))
    }

    fn blit_bitmap(&mut self, at: BackendCoord, size: (u32, u32), pixels: &[u8]) -> Shape {
        on!(self, backend => backend.blit_bitmap(at, size, pixels))
    }
}

/// A figure as SVG text, wide as its container, with a name for screen readers.
///
/// # Errors
///
/// A shape cannot be drawn.
pub fn svg(figure: &dyn Figure) -> Result<String, FigureError> {
    let mut text = String::new();
    let frame = figure.frame();
    let (width, height) = frame.size();
    draw(figure, &frame, Canvas::Svg(SVGBackend::with_string(&mut text, (width, height))))?;
    let label = escape(&frame.title);
    // plotters fixes the size on screen and knows one font; a reader's browser may not have DejaVu.
    let text = text.replacen(
        &format!("width=\"{width}\" height=\"{height}\" "),
        &format!("role=\"img\" aria-label=\"{label}\" "),
        1,
    );
    // The two backends put text at different heights; this is the bitmap's ([`theme::middle`] builds on it).
    let text = text.replace("dy=\"0.76em\"", "dy=\"0.62em\"");
    let text =
        text.replace("font-family=\"DejaVu Sans\"", "font-family=\"DejaVu Sans, Verdana, sans-serif\"");
    Ok(without_controls(&text))
}

/// Pixels of every panel of a figure.
#[cfg(test)]
pub fn panel_ranges(figure: &dyn Figure) -> Vec<(std::ops::Range<i32>, std::ops::Range<i32>)> {
    let (frame, mut text) = (figure.frame(), String::new());
    let area = Canvas::Svg(SVGBackend::with_string(&mut text, frame.size())).into_drawing_area();
    frame.draw(&area).unwrap().iter().map(DrawingArea::get_pixel_range).collect()
}

/// Writes a figure as PNG.
///
/// # Errors
///
/// A shape cannot be drawn, or the file not written.
pub fn write_png(figure: &dyn Figure, path: &Path) -> Result<(), FigureError> {
    let frame = figure.frame();
    let (width, height) = frame.size();
    let mut pixels = vec![255; width as usize * height as usize * 3];
    draw(figure, &frame, Canvas::Png(BitMapBackend::with_buffer(&mut pixels, (width, height))))?;
    let (width, height) = (width / OVERSAMPLING, height / OVERSAMPLING);
    let small = average(&pixels, (width, height));
    // In memory: an encoder that writes to a file drops the error of the last bytes on a full disk.
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(&small, width, height, ColorType::Rgb8)
        .map_err(|error| FigureError::Draw { figure: figure.name(), reason: error.to_string() })?;
    Ok(atomic::write(path, &file)?)
}

/// Draws a figure in its frame, on white.
fn draw(figure: &dyn Figure, frame: &Frame, canvas: Canvas) -> Result<(), FigureError> {
    let area = canvas.into_drawing_area();
    let result = area
        .fill(&WHITE)
        .and_then(|()| frame.draw(&area))
        .and_then(|panels| figure.draw(&panels))
        .and_then(|()| area.present());
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
