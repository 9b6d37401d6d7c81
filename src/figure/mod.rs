//! The paper's figures, drawn from a study with the paper's own data laid over them.
//!
//! Each figure has a file: what it takes from the study (`of`, nothing where the study has no such data), and
//! how it is drawn (`draw`), once for PNG and SVG. [`theme`] says how all of them look, `frame` and
//! `panel` what they are made of, and `canvas` makes files of them.

use std::path::{Path, PathBuf};

use crate::data::Task;
use crate::store::{StoreError, Study, atomic};

mod auc;
mod canvas;
mod curves;
mod figure2;
mod figure3;
mod figure4;
mod figure5;
mod figure6;
mod frame;
mod funnel_bias;
mod funnel_knob;
mod funnel_losses;
mod funnel_scores;
mod gates;
mod grid;
mod highlight;
mod overlay;
mod panel;
mod rows;
pub mod theme;

use canvas::{Area, Drawing};
use frame::Frame;

/// A figure that has all its data.
trait Figure {
    /// Name of its files, such as `figure4`.
    fn name(&self) -> &'static str;
    /// Heading above the drawing on a page.
    fn heading(&self) -> &'static str;
    /// Title, legend and grid of panels.
    fn frame(&self) -> Frame;
    /// Content of the figure and how to read it, in plain text.
    fn caption(&self) -> String;
    /// Draws the panels of the frame.
    fn draw(&self, panels: &[Area]) -> Drawing;
}

/// A figure and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Name of its files, such as `figure4`.
    pub name: String,
    /// Heading above the drawing on a page.
    pub heading: &'static str,
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
    #[error("{0}; is the folder writable and the disk not full?")]
    Write(#[from] StoreError),
}

/// Draws every figure that the study has data for, as PNG and SVG in `folder`, which has to be there.
pub fn draw_all(study: &Study, folder: &Path) -> Result<Vec<Drawn>, FigureError> {
    theme::register_fonts()?;
    figures(study).iter().map(|figure| draw(figure.as_ref(), folder)).collect()
}

/// A figure's constructor: nothing for a study without its data.
type Make = fn(&Study) -> Option<Box<dyn Figure>>;

/// The figures of a study, in the order of its page.
fn figures(study: &Study) -> Vec<Box<dyn Figure>> {
    fn boxed<F: Figure + 'static>(figure: Option<F>) -> Option<Box<dyn Figure>> {
        figure.map(|figure| Box::new(figure) as Box<dyn Figure>)
    }
    // Figures 2 to 5 are about task correlations and squared errors.
    let data = &study.experiment.data;
    let of_kind: &[Make] = if data.task() == Task::Conversion {
        &[
            |study| boxed(funnel_scores::FunnelScores::of(study)),
            |study| boxed(funnel_knob::FunnelKnob::of(study)),
            |study| boxed(funnel_bias::FunnelBias::of(study)),
            |study| boxed(funnel_losses::FunnelLosses::of(study)),
        ]
    } else if data.task() == Task::Regression {
        &[
            |study| boxed(figure2::Figure2::of(study)),
            |study| boxed(figure3::Figure3::of(study)),
            |study| boxed(figure4::Figure4::of(study)),
            |study| boxed(figure5::Figure5::of(study)),
        ]
    } else {
        &[|study| boxed(auc::Auc::of(study))]
    };
    // Gates have a panel for every task correlation, and none for the settings of a knob.
    let of_gates: &[Make] = match study.experiment.grid.sweep {
        Some(_) => &[],
        None => &[|study| boxed(figure6::Figure6::of(study)), |study| boxed(gates::Gates::of(study))],
    };
    of_kind.iter().chain(of_gates).filter_map(|make| make(study)).collect()
}

/// The curves of two studies over each other, as SVG with its caption; nothing where they have no model and task
/// correlation in common.
pub fn overlay(
    first: &Study,
    second: &Study,
    measure: crate::analysis::Measure,
) -> Result<Option<(String, String)>, FigureError> {
    theme::register_fonts()?;
    let drawn = |figure: overlay::Overlay| Ok((canvas::svg(&figure)?, figure.caption()));
    overlay::Overlay::of(first, second, measure).map(drawn).transpose()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Knob;
    use crate::store::funnel_sample::FunnelSample;
    use crate::store::sample::Sample;

    /// Draws a sample into a folder that goes away.
    fn drawn(sample: &Sample) -> (tempfile::TempDir, Vec<Drawn>) {
        let folder = tempfile::tempdir().unwrap();
        let drawn = draw_all(&sample.study(), folder.path()).unwrap();
        (folder, drawn)
    }

    fn names(drawn: &[Drawn]) -> Vec<&str> {
        drawn.iter().map(|figure| figure.name.as_str()).collect()
    }

    /// Whether tags are closed in order and attributes quoted: as much XML as an SVG file needs.
    fn well_formed(svg: &str) -> bool {
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

    #[test]
    fn every_figure_is_written_twice_and_none_is_blank() {
        let (_folder, drawn) = drawn(&Sample { diverged: 1, ..Sample::default() });
        assert_eq!(names(&drawn), ["figure2", "figure3", "figure4", "figure5", "figure6", "gates"]);
        for figure in &drawn {
            // A blank PNG of this size takes less than 20 kB.
            assert!(std::fs::metadata(&figure.png).unwrap().len() > 25_000, "{}", figure.name);
            let svg = std::fs::read_to_string(&figure.svg).unwrap();
            assert_eq!(svg, figure.svg_text);
            assert!(well_formed(&svg) && svg.matches("<text").count() > 10, "{}", figure.name);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", figure.name);
            assert!(!figure.caption.is_empty() && !figure.heading.is_empty());
        }
    }

    #[test]
    fn a_study_of_impressions_has_its_own_figures() {
        let draw = |sample: &FunnelSample| {
            let folder = tempfile::tempdir().unwrap();
            let drawn = draw_all(&sample.study(), folder.path()).unwrap();
            for figure in &drawn {
                assert!(well_formed(&figure.svg_text) && !figure.svg_text.contains("NaN"), "{}", figure.name);
                assert!(figure.svg_text.matches("<text").count() > 10, "{}", figure.name);
            }
            drawn.into_iter().map(|figure| figure.name).collect::<Vec<_>>()
        };
        let base = FunnelSample { diverged: 1, seeds: 4, ..FunnelSample::default() };
        assert_eq!(draw(&base), ["funnel_scores", "funnel_bias", "funnel_losses"]);
        let vary = Some((Knob::Selection, vec![0.0, 1.0, 2.0]));
        let all = FunnelSample { models: FunnelSample::all_models(), vary, ..base.clone() };
        assert_eq!(draw(&all), ["funnel_knob", "funnel_bias", "funnel_losses"]);
        let related = FunnelSample { correlations: vec![0.0, 0.5], ..base.clone() };
        assert_eq!(draw(&related), ["funnel_knob", "funnel_bias", "funnel_losses"]);
        assert!(draw(&FunnelSample { seeds: 1, ..base }).is_empty());
    }

    #[test]
    fn drawing_twice_gives_the_same_files() {
        let (_one, first) = drawn(&Sample::default());
        let (_two, second) = drawn(&Sample::default());
        for (a, b) in first.iter().zip(&second) {
            assert_eq!(a.svg_text, b.svg_text);
            assert_eq!(std::fs::read(&a.png).unwrap(), std::fs::read(&b.png).unwrap());
        }
    }

    #[test]
    fn a_study_has_the_figures_it_has_data_for() {
        let labels_only = Sample { models: vec![], ..Sample::default() };
        assert_eq!(names(&drawn(&labels_only).1), ["figure2"]);
        let bottom = vec![("shared_bottom", "shared_bottom", "bottom_units = 16")];
        let bottom_only = Sample { models: bottom, ..Sample::default() };
        assert_eq!(names(&drawn(&bottom_only).1), ["figure2", "figure3", "figure5"]);
    }

    #[test]
    fn unusual_studies_are_drawn_all_the_same() {
        let base = Sample::default;
        let studies = [
            Sample { seeds: 1, correlations: vec![0.5], ..base() },
            Sample { correlations: vec![-1.0, -0.5, 0.0, 0.5, 1.0], seeds: 2, ..base() },
            Sample { seeds: 2, diverged: 2, ..base() },
            Sample { loss_scale: 300.0, seeds: 3, ..base() },
            Sample { pairs: 4, models: vec![("mmoe", "mmoe", "experts = 64")], seeds: 2, ..base() },
        ];
        for study in studies {
            let (_folder, drawn) = drawn(&study);
            assert!(drawn.len() >= 3, "{study:?}");
            assert!(drawn.iter().all(|figure| well_formed(&figure.svg_text)), "{study:?}");
        }
    }

    #[test]
    fn hostile_names_are_escaped() {
        let hostile =
            "<script>alert('1')</script> & \"a name that is far too long to be shown in any legend\"";
        let models = vec![(hostile, "mmoe", ""), ("shared_bottom", "shared_bottom", "")];
        let (_folder, drawn) = drawn(&Sample { models, seeds: 2, ..Sample::default() });
        for figure in drawn {
            assert!(!figure.svg_text.contains("<script"), "{}", figure.name);
            assert!(well_formed(&figure.svg_text), "{}", figure.name);
        }
    }

    /// Draws samples to look at: `cargo test --release --lib look -- --ignored`, then open `target/look/`.
    #[test]
    #[ignore = "writes pictures for a person to look at"]
    fn look() {
        let look = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/look");
        let base = Sample { seeds: 40, steps: 10_000, ..Sample::default() };
        let samples = [
            ("paper", base.clone()),
            (
                "odd",
                Sample {
                    models: vec![
                        ("single_task", "single_task", ""),
                        (
                            "a <rather> long & hostile name of a model that fits nowhere",
                            "mmoe",
                            "experts = 4",
                        ),
                        ("mmoe", "mmoe", ""),
                        ("mmoe 16", "mmoe", "experts = 16"),
                        ("omoe", "omoe", ""),
                        ("shared_bottom", "shared_bottom", "bottom_units = 16"),
                    ],
                    correlations: vec![-1.0, -0.5, 0.0, 0.5, 1.0],
                    pairs: 2,
                    diverged: 3,
                    loss_scale: 2.0,
                    ..base.clone()
                },
            ),
            ("one", Sample { seeds: 1, correlations: vec![0.5], steps: 1_000, ..base }),
        ];
        for (name, sample) in samples {
            std::fs::create_dir_all(look.join(name)).unwrap();
            draw_all(&sample.study(), &look.join(name)).unwrap();
        }
        let all = FunnelSample { models: FunnelSample::all_models(), seeds: 20, ..FunnelSample::default() };
        let selection = Some((Knob::Selection, vec![0.0, 0.5, 1.0, 1.5, 2.0]));
        let share = Some((Knob::Share, vec![0.01, 0.1, 1.0]));
        let few = FunnelSample { models: vec!["base", "esmm_ns", "esmm", "division"], ..all.clone() };
        for (name, sample) in [
            ("funnel", all.clone()),
            ("funnel-selection", FunnelSample { vary: selection, ..all }),
            ("funnel-share", FunnelSample { vary: share, ..few }),
        ] {
            std::fs::create_dir_all(look.join(name)).unwrap();
            draw_all(&sample.study(), &look.join(name)).unwrap();
        }
    }
}
