//! From a figure to its two files: PNG for slides and talk, SVG for print and the report.
//!
//! A figure is drawn by one piece of code on whatever backend it is given. plotters knows whole units only and
//! its bitmap backend does not smooth thick lines; so the canvas has [`OVERSAMPLING`] times as many units as the
//! PNG has pixels, and each pixel is the mean of a square of them. The SVG gains the finer units.

use std::path::Path;

use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::prelude::*;

#[cfg(doc)]
use super::theme;
use super::theme::without_controls;
use super::{Figure, FigureError};
use crate::store::atomic;

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
    // The two backends put text at different heights; this is the bitmap's ([`theme::middle`] builds on it).
    let text = text.replace("dy=\"0.76em\"", "dy=\"0.62em\"");
    let text =
        text.replace("font-family=\"DejaVu Sans\"", "font-family=\"DejaVu Sans, Verdana, sans-serif\"");
    Ok(without_controls(&text))
}

/// Writes a figure as PNG.
pub fn write_png(figure: &impl Figure, path: &Path) -> Result<(), FigureError> {
    let (width, height) = figure.size();
    let mut pixels = vec![255; width as usize * height as usize * 3];
    draw(figure, &BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area())?;
    let (width, height) = (width / OVERSAMPLING, height / OVERSAMPLING);
    let small = average(&pixels, (width, height));
    atomic::write_by(path, |file| {
        let mut image = BitMapBackend::new(file.path(), (width, height));
        image
            .blit_bitmap((0, 0), (width, height), &small)
            .and_then(|()| image.present())
            .map_err(std::io::Error::other)
    })?;
    Ok(())
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
