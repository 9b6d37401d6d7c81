//! The report of a study: `report.html`, one file that needs no network and no script.
//!
//! The page has a shell that every study shares: head, lead, claims, figures, set-up, files, commands and citation. What
//! differs comes in as [`Content`]: each kind of study writes a paragraph and its own [`Section`]s. All text is plain;
//! the templates escape it. The analysis computes every number.

use std::path::{Path, PathBuf};

use askama::Template;

use crate::claim::{self, ClaimResult};
use crate::figure::theme::without_controls;
use crate::figure::{self, Drawn, Figure, FigureError};
use crate::store::{Folder, StoreError, Study, commands};

mod claims_table;
pub mod comparison;
pub mod diverged;
pub mod gain;
pub mod robust;
pub mod section;
pub mod setup;
pub mod words;

use claims_table::ClaimRow;
use gain::Answer;
use robust::RobustTables;
use section::{Block, Section};
pub use setup::partial;

/// Folder of the figures, beside the page.
const FIGURES: &str = "figures";

/// Reasons why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A figure cannot be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// The template cannot be filled in.
    #[error("report.html cannot be made: {0}")]
    Page(#[from] askama::Error),
    /// A table cannot be written.
    #[error("a table of the report cannot be made: {0}")]
    Table(#[from] csv::Error),
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a kind of study puts on its page.
pub struct Content {
    /// A paragraph on data, models and training.
    pub paragraph: String,
    /// Heading of the claims.
    pub claims_heading: &'static str,
    /// How the claims are tested and how to read their table.
    pub claims_text: String,
    /// Sections above the figures.
    pub before_figures: Vec<Section>,
    /// Sections below the figures.
    pub after_figures: Vec<Section>,
    /// Keys and values that the set-up has below those of the data.
    pub data: Vec<(String, String)>,
    /// The paper to cite.
    pub citation: Citation,
}

/// How the models of a study compare, in words and tables.
pub struct Verdicts {
    /// The gain of sharing; none without a baseline.
    pub answer: Option<Answer>,
    /// Summaries of all runs; none without runs.
    pub robust: Option<RobustTables>,
}

/// A paper to cite.
#[derive(Debug, Clone, Copy)]
pub struct Citation {
    /// Relation to the study, authors, title and venue; the DOI follows.
    pub text: &'static str,
    /// DOI.
    pub doi: &'static str,
    /// Sentences after the DOI.
    pub note: &'static str,
}

/// The paper on mixtures of experts.
pub const MMOE: Citation = Citation {
    text: "This study reproduces: Jiaqi Ma, Zhe Zhao, Xinyang Yi, Jilin Chen, Lichan Hong, Ed H. Chi, “Modeling Task \
           Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts”, KDD 2018",
    doi: "10.1145/3219819.3220007",
    note: "Dashed curves, outlines and squares are digitised from its figures or taken from its tables.",
};

/// Draws `figures` into `folder/figures/`, writes `folder/claims.csv` and `folder/report.html`, and returns the path of the
/// latter, and the tables of `verdicts`. `left_out` says which figures could not be made. Files of an
/// earlier report are replaced.
///
/// # Errors
///
/// A figure cannot be drawn, or a file not written.
pub fn write(
    study: &Study,
    folder: &Path,
    claims: &[ClaimResult],
    figures: &[Box<dyn Figure>],
    verdicts: Verdicts,
    left_out: Option<String>,
    content: Content,
) -> Result<PathBuf, ReportError> {
    let store = Folder::new(folder);
    let drawn = figure::draw_all(figures, &store.create_within(FIGURES)?)?;
    let mut csv = Vec::new();
    claim::table::write_csv(claims, &mut csv)?;
    store.write_table("claims.csv", &csv)?;
    if let Some(answer) = &verdicts.answer {
        store.write_table("gains.csv", &answer.gains)?;
        if let Some(crossings) = &answer.crossings {
            store.write_table("crossings.csv", crossings)?;
        }
    }
    if let Some(robust) = &verdicts.robust {
        store.write_table("aggregates.csv", &robust.aggregates)?;
        store.write_table("profiles.csv", &robust.profiles)?;
    }
    let page = Page::new(study, folder, claims, &drawn, verdicts, left_out, content).render()?;
    Ok(store.write_table("report.html", without_controls(&page).as_bytes())?)
}

/// The fields of `templates/report.html`.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: &'a str,
    description: &'a str,
    /// A sentence on the keys that differ from the experiment's file; none where none does.
    changed: Option<String>,
    /// A sentence on what an incomplete study lacks; none for a complete one.
    partial: Option<String>,
    /// What the files of the data are warned of, in sentences.
    data_warnings: Option<String>,
    /// The figures that could not be made, in sentences.
    left_out: Option<String>,
    /// The gain of sharing; none without a baseline.
    answer: Option<Answer>,
    /// Summaries of all runs; none without runs.
    robust: Option<RobustTables>,
    content: Content,
    claims: Vec<ClaimRow>,
    /// The claims that were not tested; none where all were.
    untested: Option<claim::table::Untested>,
    figures: &'a [Drawn],
    setup: Vec<setup::List>,
    files: Vec<(String, &'static str)>,
    command: String,
    rerun: String,
    redraw: String,
    digest: &'a str,
    program: String,
}

impl<'a> Page<'a> {
    /// Whether a figure stands below the answer: the map of gains, or else their curves.
    fn answers(&self, figure: &Drawn) -> bool {
        let drawn = |name: &&str| self.figures.iter().any(|figure| figure.name == **name);
        ["gain_map", "gain"].iter().find(|name| drawn(name)) == Some(&figure.name.as_str())
    }

    fn new(
        study: &'a Study,
        folder: &Path,
        results: &[ClaimResult],
        figures: &'a [Drawn],
        Verdicts { answer, robust }: Verdicts,
        left_out: Option<String>,
        content: Content,
    ) -> Self {
        let (experiment, manifest) = (&study.experiment, &study.manifest);
        let title = if experiment.title.is_empty() { &experiment.name } else { &experiment.title };
        let shown = shown_path(folder);
        Self {
            title,
            description: &experiment.description,
            changed: setup::changed(experiment),
            partial: partial(study),
            data_warnings: setup::data_warnings(study),
            claims: claims_table::rows(results),
            untested: claim::table::untested(results),
            figures,
            answer,
            robust,
            left_out,
            setup: setup::lists(study, &content.data),
            content,
            files: setup::files(folder, figures),
            command: setup::command(manifest),
            rerun: commands::resume(&shown),
            redraw: commands::report(&shown),
            digest: &manifest.digest,
            program: setup::program(manifest),
        }
    }
}

/// The folder as commands name it. Reports are passed on, so an absolute path is cut to its last part.
pub(crate) fn shown_path(folder: &Path) -> PathBuf {
    match folder.is_relative() {
        true => folder.to_owned(),
        false => folder.file_name().map_or(".".into(), PathBuf::from),
    }
}
