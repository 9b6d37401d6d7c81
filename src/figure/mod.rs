//! The paper's figures, drawn from a study with the paper's own data laid over them.
//!
//! Each figure has a file: what it takes from the study (`of`, nothing where the study has no such data), and
//! how it is drawn (`draw`), once for PNG and SVG. [`theme`] says how all of them look, [`panel`] what they
//! are made of, and [`canvas`] makes files of them.

use std::path::{Path, PathBuf};

use plotters::prelude::DrawingBackend;

use crate::analysis::Measure;
use crate::store::Study;

mod canvas;
mod curves;
mod figure2;
mod figure3;
mod figure4;
mod figure5;
mod figure6;
mod grid;
mod panel;
pub mod theme;

use panel::{Area, Drawing};

/// The loss that figures and tables show: one task on held-out rows, as the paper reports one task.
pub const MEASURE: Measure =
    Measure { rows: crate::analysis::RowSet::HeldOut, task: crate::analysis::TaskLoss::Task(1) };

/// A figure that has all it needs.
trait Figure {
    /// Name of its files, such as `figure4`.
    fn name(&self) -> &'static str;
    /// One line.
    fn title(&self) -> String;
    /// What is shown and how to read it.
    fn caption(&self) -> String;
    /// Width and height on the canvas.
    fn size(&self) -> (u32, u32);
    /// Draws it on any backend.
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawing<DB>;
}

/// A figure and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Name of its files, such as `figure4`.
    pub name: String,
    /// One line.
    pub title: String,
    /// What is shown and how to read it: plain text.
    pub caption: String,
    /// The PNG file, 2,000 pixels wide.
    pub png: PathBuf,
    /// The SVG file.
    pub svg: PathBuf,
    /// What the SVG file contains, to be put into a page.
    pub svg_text: String,
}

/// Why a figure is not there.
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
        /// What plotters says.
        reason: String,
    },
    /// A file cannot be written.
    #[error("{path}: {reason}; is the folder writable and the disk not full?", path = path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// Draws every figure that the study has data for, as PNG and SVG in `folder`, which is made if need be.
pub fn draw_all(study: &Study, folder: &Path) -> Result<Vec<Drawn>, FigureError> {
    theme::register_fonts()?;
    std::fs::create_dir_all(folder).map_err(|error| write_error(folder, &error))?;
    let mut drawn = Vec::new();
    drawn.extend(figure2::Figure2::of(study).map(|figure| draw(&figure, folder)).transpose()?);
    drawn.extend(figure3::Figure3::of(study).map(|figure| draw(&figure, folder)).transpose()?);
    drawn.extend(figure4::Figure4::of(study).map(|figure| draw(&figure, folder)).transpose()?);
    drawn.extend(figure5::Figure5::of(study).map(|figure| draw(&figure, folder)).transpose()?);
    drawn.extend(figure6::Figure6::of(study).map(|figure| draw(&figure, folder)).transpose()?);
    Ok(drawn)
}

/// Draws one figure as PNG and SVG.
fn draw(figure: &impl Figure, folder: &Path) -> Result<Drawn, FigureError> {
    let png = folder.join(figure.name()).with_extension("png");
    let svg = folder.join(figure.name()).with_extension("svg");
    let svg_text = canvas::svg(figure)?;
    std::fs::write(&svg, &svg_text).map_err(|error| write_error(&svg, &error))?;
    canvas::write_png(figure, &png)?;
    Ok(Drawn {
        name: figure.name().to_owned(),
        title: figure.title(),
        caption: figure.caption(),
        png,
        svg,
        svg_text,
    })
}

fn write_error(path: &Path, error: &std::io::Error) -> FigureError {
    FigureError::Write { path: path.to_owned(), reason: error.to_string() }
}
