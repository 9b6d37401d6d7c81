//! Figures: drawn once for PNG and SVG, with the paper's own data laid over ours.
//!
//! A [`Figure`] takes its data from a study (`from_study`, none where the study lacks them) and draws its panels. `theme`
//! says how all of them look, `frame` and `panel` are their parts, `curves`, `dot_plot`, `emphasis` and `facets` what
//! several share, and `canvas` makes files of them.

use std::path::{Path, PathBuf};

use crate::store::{StoreError, Study, atomic};

pub mod by_setting;
pub mod canvas;
pub mod curves;
pub mod dot_plot;
pub mod emphasis;
pub mod facets;
mod figure6;
pub mod frame;
pub mod gain;
pub mod gain_map;
mod gates;
mod overlay;
pub mod panel;
pub mod profile;
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

/// The figures of gates: a panel a task correlation, of a study of one setting.
pub fn of_gates(study: &Study) -> Vec<Box<dyn Figure>> {
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

/// Reason for a panel without a mark, where all its runs diverged or none has been trained.
pub const NO_RUN_FINISHED: &str = "no run finished";

/// Checks of drawings for tests of figures.
#[cfg(test)]
pub(crate) mod testing {
    use super::canvas::{Area, Drawing};
    use super::frame::Frame;
    use super::panel::{Axis, Heading, Panel};
    use super::{Figure, canvas, theme};

    /// Colours of white, axes, grid and the paper's data: shapes in them are no marks of a study.
    const NO_MARKS: [&str; 5] = ["none", "#FFFFFF", "#222222", "#E4E4E4", "#000000"];
    /// Colour of the reason in an empty panel.
    const FAINT: &str = "#5F5F5F";

    /// An element of a drawing: its name, the value of an attribute, and the text behind it.
    struct Element<'a> {
        tag: &'a str,
        text: &'a str,
    }

    impl<'a> Element<'a> {
        fn name(&self) -> &'a str {
            self.tag.split([' ', '/', '\n']).next().unwrap_or("")
        }

        fn attribute(&self, name: &str) -> Option<&'a str> {
            self.tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
        }

        /// Its corners.
        fn points(&self) -> Vec<(f64, f64)> {
            let at = |x, y| Some((self.attribute(x)?.parse().ok()?, self.attribute(y)?.parse().ok()?));
            let of_list = self.attribute("points").unwrap_or("").split_whitespace().filter_map(|point| {
                let (x, y) = point.split_once(',')?;
                Some((x.parse().ok()?, y.parse().ok()?))
            });
            let named = [at("x", "y"), at("cx", "cy"), at("x1", "y1"), at("x2", "y2")];
            named.into_iter().flatten().chain(of_list).collect()
        }

        /// Whether it is a mark of the study's data, or the reason why there is none.
        fn tells(&self) -> bool {
            let colour = |name| self.attribute(name).is_some_and(|colour| !NO_MARKS.contains(&colour));
            match self.name() {
                "text" => {
                    let centred = self.attribute("text-anchor") == Some("middle");
                    centred && self.attribute("fill") == Some(FAINT) && !self.text.trim().is_empty()
                }
                _ => colour("fill") || colour("stroke"),
            }
        }
    }

    /// Numbers of the panels that have axes, but neither a mark of the study's data nor a reason in their middle. Cells of
    /// the grid that a figure leaves blank are no panels.
    pub fn empty_panels(figure: &dyn Figure) -> Vec<usize> {
        let svg = canvas::svg(figure).unwrap();
        let elements: Vec<Element> = svg
            .split('<')
            .skip(1)
            .filter_map(|piece| piece.split_once('>'))
            .map(|(tag, text)| Element { tag, text })
            .collect();
        let mut empty = Vec::new();
        for (number, (x, y)) in canvas::panel_ranges(figure).into_iter().enumerate() {
            let within = |&(px, py): &(f64, f64)| {
                (f64::from(x.start)..f64::from(x.end)).contains(&px)
                    && (f64::from(y.start)..f64::from(y.end)).contains(&py)
            };
            let here: Vec<&Element> = elements
                .iter()
                .filter(|element| {
                    let points = element.points();
                    !points.is_empty() && points.iter().all(within)
                })
                .collect();
            if !here.is_empty() && !here.iter().any(|element| element.tells()) {
                empty.push(number);
            }
        }
        empty
    }

    /// A figure of one panel that draws nothing but a line of comparison.
    struct Bare {
        empty: &'static str,
    }

    impl Figure for Bare {
        fn name(&self) -> &'static str {
            "bare"
        }

        fn heading(&self) -> &'static str {
            "Bare"
        }

        fn frame(&self) -> Frame {
            Frame { title: "Bare".into(), legend: Vec::new(), panels: 1, columns: 1, panel_height: 900 }
        }

        fn caption(&self) -> String {
            String::new()
        }

        fn draw(&self, panels: &[Area]) -> Drawing {
            let axis = Axis::new("", 0.0..1.0, 5, theme::number);
            Panel::draw(&panels[0], &Heading::default(), (&axis, &axis), self.empty, |panel| {
                panel.dashed(&[(0.0, 0.5), (1.0, 0.5)], theme::INK)
            })
        }
    }

    #[test]
    fn a_panel_without_marks_of_data_has_the_reason_in_its_middle() {
        assert_eq!(empty_panels(&Bare { empty: "no run finished" }), [0; 0]);
        assert_eq!(empty_panels(&Bare { empty: "" }), [0]);
    }

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
