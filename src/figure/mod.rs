//! Figures: drawn once for PNG and SVG, with the paper's own data laid over ours.
//!
//! A [`Figure`] takes its data from a study (`from_study`, none where the study lacks them) and draws its panels. `theme`
//! says how all of them look, `frame` and `panel` are their parts, `curves`, `dot_plot`, `emphasis` and `facets` what
//! several share, and `canvas` makes files of them.

use std::path::{Path, PathBuf};

use crate::store::{StoreError, Study, atomic};

pub mod canvas;
pub mod curves;
pub mod dot_plot;
pub mod emphasis;
pub mod facets;
mod figure6;
pub mod frame;
mod gates;
mod overlay;
pub mod panel;
pub mod theme;

use canvas::{Area, Drawing};
use frame::Frame;

/// A figure that has all its data.
pub trait Figure {
    /// Name of its files, such as `figure4`.
    fn name(&self) -> &'static str;
    /// Heading above the drawing on a page.
    fn heading(&self) -> &'static str;
    /// Whether it shows losses by step, for which a study needs its curves.
    fn needs_curves(&self) -> bool {
        false
    }
    /// Title, legend and grid of panels.
    fn frame(&self) -> Frame;
    /// Content of the figure and how to read it, in plain text.
    fn caption(&self) -> String;
    /// Draws the panels of the frame.
    ///
    /// # Errors
    ///
    /// The canvas cannot draw a shape.
    fn draw(&self, panels: &[Area]) -> Drawing;
}

/// A figure of some type as one of many.
pub fn boxed<F: Figure + 'static>(figure: Option<F>) -> Option<Box<dyn Figure>> {
    figure.map(|figure| Box::new(figure) as Box<dyn Figure>)
}

/// A figure and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Name of its files, such as `figure4`.
    pub name: String,
    /// Heading above the drawing on a page.
    pub heading: &'static str,
    /// Content of the figure and how to read it, in plain text.
    pub caption: String,
    /// The PNG file, 2,000 pixels wide.
    pub png: PathBuf,
    /// The SVG file.
    pub svg: PathBuf,
    /// Content of the SVG file, for a page.
    pub svg_text: String,
}

/// Reasons why a figure cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// The fonts that are part of the program could not be read.
    #[error("the built-in fonts cannot be read: this build is broken, build it again")]
    Font,
    /// Drawing failed.
    #[error("{figure} cannot be drawn: {reason}")]
    Draw {
        /// Name of the figure.
        figure: &'static str,
        /// Message of plotters.
        reason: String,
    },
    /// A file cannot be written.
    #[error("{0}; is the folder writable and the disk not full?")]
    Write(#[from] StoreError),
}

/// Draws figures as PNG and SVG in `folder`, which must exist.
///
/// # Errors
///
/// A figure cannot be drawn, or its file not written.
pub fn draw_all(figures: &[Box<dyn Figure>], folder: &Path) -> Result<Vec<Drawn>, FigureError> {
    theme::register_fonts()?;
    figures.iter().map(|figure| draw(figure.as_ref(), folder)).collect()
}

/// Names of the figures of gates.
pub const GATE_FIGURES: [&str; 2] = ["figure6", "gates"];

/// The figures of gates: a panel a task correlation, none for a study that sweeps a parameter.
pub fn of_gates(study: &Study) -> Vec<Box<dyn Figure>> {
    if study.experiment.grid.sweep.is_some() {
        return Vec::new();
    }
    let figures = [boxed(figure6::Figure6::from_study(study)), boxed(gates::Gates::from_study(study))];
    figures.into_iter().flatten().collect()
}

/// The curves of two studies overlaid, as SVG with its caption; none where they share no model and task correlation.
///
/// # Errors
///
/// The figure cannot be drawn.
pub fn overlay(
    first: &Study,
    second: &Study,
    measure: crate::analysis::Measure,
) -> Result<Option<(String, String)>, FigureError> {
    theme::register_fonts()?;
    let drawn = |figure: overlay::Overlay| Ok((canvas::svg(&figure)?, figure.caption()));
    overlay::Overlay::from_studies(first, second, measure).map(drawn).transpose()
}

/// Draws one figure as PNG and SVG.
fn draw(figure: &dyn Figure, folder: &Path) -> Result<Drawn, FigureError> {
    let png = folder.join(figure.name()).with_extension("png");
    let svg = folder.join(figure.name()).with_extension("svg");
    let svg_text = canvas::svg(figure)?;
    atomic::write(&svg, svg_text.as_bytes())?;
    canvas::write_png(figure, &png)?;
    Ok(Drawn {
        name: figure.name().to_owned(),
        heading: figure.heading(),
        caption: figure.caption(),
        png,
        svg,
        svg_text,
    })
}

/// Checks of drawings for tests of figures.
#[cfg(test)]
pub(crate) mod testing {
    /// Whether tags are closed in order and attributes quoted: as much XML as an SVG file needs.
    pub fn well_formed(svg: &str) -> bool {
        let mut open: Vec<String> = Vec::new();
        for piece in svg.split('<').skip(1) {
            let Some((tag, _)) = piece.split_once('>') else { return false };
            if tag.matches('"').count() % 2 != 0 {
                return false;
            }
            let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or("").to_owned();
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
                open.push(name);
            }
        }
        open.is_empty()
    }
}
