//! The report of a study: `report.html`, one file that needs no network and no script.
//!
//! A study of classifiers has a page of its own (`classification`, `templates/classification.html`), and so has one of
//! impressions (`funnel`, `templates/funnel.html`).
//!
//! The last stage of the journey. `tables` turns the analysis into rows of text, `setup` says what was run,
//! and the page puts both around the figures (`templates/report.html`). Nothing is computed here that the
//! analysis does not know.

use std::path::{Path, PathBuf};

use askama::Template;

use crate::analysis::Measure;
use crate::claim::{self, ClaimResult};
use crate::data::DataSpec;
use crate::figure::theme::without_controls;
use crate::figure::{self, Drawn, FigureError};
use crate::store::{Folder, StoreError, Study};

mod classification;
pub mod comparison;
mod funnel;
mod setup;
mod tables;

use setup::Section;
use tables::{ClaimRow, DistanceRow, DivergedRow, GateRow, LossRow, RateRow};

/// Folder of the figures, beside the page.
const FIGURES: &str = "figures";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A figure could not be made.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// The page could not be filled in.
    #[error("report.html cannot be made: {0}")]
    Page(#[from] askama::Error),
    /// The claims' table could not be made.
    #[error("claims.csv cannot be made: {0}")]
    Claims(#[from] csv::Error),
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Draws the figures of `study` into `folder/figures/`, writes `folder/claims.csv` and `folder/report.html`, and
/// gives the path of the latter. Nothing but the study is read; files of an earlier report are replaced.
pub fn write(study: &Study, folder: &Path) -> Result<PathBuf, ReportError> {
    let store = Folder::new(folder);
    let figures = figure::draw_all(study, &store.create_within(FIGURES)?)?;
    let results = crate::study::of(study).claims(study);
    let mut csv = Vec::new();
    claim::table::write_csv(&results, &mut csv)?;
    store.write_table("claims.csv", &csv)?;
    let page = match &study.experiment.data {
        DataSpec::Census(census) => {
            classification::Page::new(study, census, folder, &results, &figures).render()?
        }
        DataSpec::Funnel(_) | DataSpec::AliCcp(_) => {
            funnel::Page::new(study, folder, &results, &figures).render()?
        }
        DataSpec::Synthetic(_) => Page::new(study, folder, &results, &figures).render()?,
    };
    Ok(store.write_table("report.html", without_controls(&page).as_bytes())?)
}

/// What is missing of a study that is not complete, in words.
pub fn partial(study: &Study) -> Option<String> {
    setup::partial(study)
}

/// What `templates/report.html` is filled with. All text is plain; the template escapes it.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    description: String,
    /// What is missing of an incomplete study.
    partial: Option<String>,
    paragraph: String,
    claims: Vec<ClaimRow>,
    figures: Vec<FigureView>,
    /// Which loss is shown, for the start of a sentence.
    loss: &'static str,
    losses: Vec<LossRow>,
    gates: Vec<GateRow>,
    distances: Vec<DistanceRow>,
    diverged: Vec<DivergedRow>,
    diverged_count: String,
    rates: Vec<RateRow>,
    runs: String,
    steps: String,
    setup: Vec<Section>,
    files: Vec<(String, &'static str)>,
    command: String,
    rerun: String,
    redraw: String,
    digest: String,
    program: String,
}

/// A figure as the page shows it.
struct FigureView {
    name: String,
    heading: &'static str,
    caption: String,
    /// Paths relative to the page.
    png: String,
    file: String,
    svg: String,
}

impl Page {
    fn new(study: &Study, folder: &Path, results: &[ClaimResult], figures: &[Drawn]) -> Self {
        let (experiment, manifest) = (&study.experiment, &study.manifest);
        let title = if experiment.title.is_empty() { &experiment.name } else { &experiment.title };
        let place = place(folder);
        let diverged = tables::diverged(study);
        Self {
            title: title.clone(),
            description: experiment.description.clone(),
            partial: setup::partial(study),
            paragraph: setup::paragraph(study),
            claims: tables::claims(results),
            figures: figures.iter().map(FigureView::new).collect(),
            loss: Measure::shown(study).rows.loss(),
            losses: tables::losses(study),
            gates: tables::gates(study),
            distances: tables::distances(study),
            diverged_count: setup::count(study.runs.iter().filter(|run| run.last().is_none()).count()),
            diverged,
            rates: tables::rates(study),
            runs: setup::count(study.runs.len()),
            steps: figure::theme::thousands(experiment.train.steps),
            setup: setup::sections(study),
            files: setup::files(folder, figures),
            command: setup::command(manifest),
            rerun: format!("sweep run {place}/study.toml --out {place}"),
            redraw: format!("sweep report {place}"),
            digest: manifest.digest.clone(),
            program: setup::program(manifest),
        }
    }
}

/// The folder as commands name it. Reports are sent around; absolute paths are nobody else's business.
fn place(folder: &Path) -> String {
    match folder.is_relative() {
        true => folder.display().to_string(),
        false => folder.file_name().map_or(".".into(), |name| name.to_string_lossy().into_owned()),
    }
}

impl FigureView {
    fn new(drawn: &Drawn) -> Self {
        Self {
            name: drawn.name.clone(),
            heading: drawn.heading,
            caption: drawn.caption.clone(),
            png: format!("{FIGURES}/{}.png", drawn.name),
            file: format!("{FIGURES}/{}.svg", drawn.name),
            svg: drawn.svg_text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    fn page(study: &Study) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::read_to_string(write(study, folder.path()).unwrap()).unwrap()
    }

    const SECTIONS: [&str; 12] = [
        "what", "claims", "figures", "losses", "gate-use", "distance", "diverged", "rates", "setup", "files",
        "again", "cite",
    ];

    #[test]
    fn the_page_has_every_section_and_figure_in_order() {
        let html = page(&Sample::default().study());
        let places: Vec<usize> =
            SECTIONS.iter().map(|id| html.find(&format!("id=\"{id}\"")).expect(id)).collect();
        assert!(places.is_sorted());
        for name in ["figure2", "figure3", "figure4", "figure5", "figure6", "gates"] {
            assert!(html.contains(&format!("<figure id=\"{name}\">")), "{name}");
        }
        assert_eq!(html.matches("<svg").count(), 6);
        assert!(html.contains("claims.csv") && !html.contains("not complete"));
    }

    #[test]
    fn the_page_needs_no_network_and_no_script() {
        let html = page(&Sample::default().study());
        // Namespaces are names, and links to papers wait for a click.
        let rest = html
            .replace("xmlns=\"http://www.w3.org/2000/svg\"", "")
            .replace("<a href=\"https://doi.org/10.1145/3219819.3220007\">", "");
        for load in ["http://", "https://", "<script", "<link", "@import", "url(", " src="] {
            assert!(!rest.contains(load), "{load}");
        }
    }

    #[test]
    fn a_partial_study_says_so_before_anything_else() {
        let mut study = Sample::default().study();
        study.runs.retain(|run| run.key.seed < 5);
        study.manifest.runs_done = study.runs.len();
        let html = page(&study);
        let notice = html.find("This study is not complete").unwrap();
        assert!(notice < html.find("id=\"claims\"").unwrap());
        assert!(html.contains("90 of 144 planned runs"));
    }

    #[test]
    fn hostile_names_are_escaped() {
        let name = "<script>\u{1b}[31m\0alert('1')</script>";
        let models = vec![(name, "mmoe", ""), ("shared_bottom", "shared_bottom", "")];
        let html = page(
            &Sample { models, title: "<b>bold</b>", seeds: 2, diverged: 1, ..Sample::default() }.study(),
        );
        assert!(!html.contains("<script") && !html.contains("<b>"));
        assert!(!html.contains(|c: char| c.is_control() && c != '\n'), "controls are no part of a page");
    }

    #[test]
    fn studies_with_little_in_them_have_a_page_too() {
        for sample in [
            Sample { models: vec![], ..Sample::default() },
            Sample { seeds: 1, correlations: vec![-0.5], ..Sample::default() },
            Sample { seeds: 2, diverged: 2, ..Sample::default() },
        ] {
            let html = page(&sample.study());
            assert!(SECTIONS.iter().all(|id| html.contains(&format!("id=\"{id}\""))));
            assert!(!html.contains("NaN"), "{sample:?}");
        }
        let mut nothing = Sample { seeds: 1, ..Sample::default() }.study();
        nothing.runs.clear();
        nothing.labels.clear();
        assert!(page(&nothing).contains("no data for any figure"));
    }

    /// Writes reports to look at: `cargo test --release --lib look -- --ignored`, then open `target/look/`.
    #[test]
    #[ignore = "writes pages for a person to look at"]
    fn look() {
        let look = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/look");
        let base = Sample { steps: 10_000, ..Sample::default() };
        for (name, sample) in [
            ("paper-scale", Sample { seeds: 200, learning_rates: vec![1e-4, 1e-3, 1e-2], ..base.clone() }),
            ("diverged", Sample { seeds: 12, diverged: 2, ..base }),
        ] {
            let mut study = sample.study();
            if name == "diverged" {
                study.manifest.runs_done -= 30;
            }
            let began = std::time::Instant::now();
            let path = write(&study, &look.join(name)).unwrap();
            println!("{} in {:.1} s", path.display(), began.elapsed().as_secs_f64());
        }
    }
}
