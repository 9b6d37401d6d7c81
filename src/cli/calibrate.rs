//! `sweep calibrate`: searches for details that the paper does not give. First generators that fit its Figure 2, then
//! training protocols that fit Figures 3, 4 and 5, by successive halving.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::output::{note, show};
use super::report::write_report;
use super::{DONE, FAILED, INTERRUPTED, Refused, training};
use crate::analysis::RowSet;
use crate::experiment::halving::Rung;
use crate::experiment::library;
use crate::experiment::search::{Candidate, Search};
use crate::report::words::plural;
use crate::store::{Folder, Study};
use crate::study::regression::calibration::PaperDistance;
use crate::study::regression::generator_fit::{self, DEGREES, GeneratorFit};
use crate::study::regression::reference::Counterpart;

/// Numbers of waves to fit.
const WAVES: std::ops::RangeInclusive<usize> = 1..=6;
/// Fits in `generators.csv` for each number of waves.
const KEPT_FITS: usize = 5;
/// Limit of the printed candidates of a rung.
const SHOWN: usize = 10;

/// Options of `sweep calibrate`.
#[derive(Debug, Args)]
pub struct Options {
    /// File with axes, choices and rungs [default: experiments/calibration/search.toml, built in]
    #[arg(long, value_name = "FILE")]
    search: Option<PathBuf>,
    /// Folder of the results
    #[arg(long, value_name = "FOLDER", default_value = "results/calibration")]
    out: PathBuf,
    /// Change a key of every candidate, such as train.engine=graph; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Random starts of the fits for each number of waves
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    starts: u64,
    /// Fit generators to Figure 2 and stop
    #[arg(long)]
    generators_only: bool,
    /// Training threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// A candidate on a rung, with its distance from the paper.
struct Entry {
    candidate: Candidate,
    /// Distances of held-out losses and of training losses.
    distances: [PaperDistance; 2],
    kept: bool,
}

impl Entry {
    fn best(&self) -> &PaperDistance {
        let [held_out, train] = &self.distances;
        if train.total() < held_out.total() { train } else { held_out }
    }
}

/// Fits generators, then searches protocols; returns the exit code.
pub fn run(options: &Options) -> Result<u8> {
    let search = Search::load(options.search.as_deref())?;
    let candidates = search.candidates();
    // Every candidate is checked before anything is written.
    for candidate in &candidates {
        search.experiment(candidate, search.rungs[0], &options.overrides)?;
    }
    training::check_device(library::find(&search.base, &options.overrides)?.train.device)?;
    let folder = Folder::new(&options.out);
    std::fs::create_dir_all(&options.out).map_err(|error| {
        Refused(format!("{}: {error}; choose a folder with --out that can be written", options.out.display()))
    })?;
    generators(&search, &folder, options.starts)?;
    if options.generators_only {
        return Ok(DONE);
    }
    climb(&search, candidates, &folder, options)
}

/// Fits generators to Figure 2 and writes `generators.csv`.
fn generators(search: &Search, folder: &Folder, starts: u64) -> Result<()> {
    let base = library::find(&search.base, &[])?;
    let Some(template) = base.data.synthetic() else {
        let text = format!("base = {:?}: expected an experiment with synthetic data", search.base);
        return Err(Refused(text).into());
    };
    let mut fits = vec![("given", generator_fit::known(template))];
    for waves in WAVES {
        let (waves_in_words, starts_in_words) = (plural(waves, "wave"), plural(starts as usize, "start"));
        note(&format!("fitting {waves_in_words} to Figure 2 from {starts_in_words}"));
        let found = generator_fit::fit(template, waves, starts);
        let within = found.iter().filter(|fit| fit.within == 9).count();
        note(&format!("  {within} of {starts_in_words} within all nine error bars"));
        fits.extend(found.into_iter().take(KEPT_FITS).map(|fit| ("fitted", fit)));
    }
    let mut text =
        String::from("origin,waves,start,chi_squared,points_within,signal_variance,scale,alpha,beta");
    for (low, high) in DEGREES {
        text += &format!(",share_degree_{low}_to_{high}");
    }
    text.push('\n');
    let list = |values: &[f64]| values.iter().map(|x| format!("{x:.4}")).collect::<Vec<_>>().join(" ");
    for (origin, fit) in &fits {
        let GeneratorFit { waves, start, scale, chi_squared, within, signal_variance, .. } = fit;
        text += &format!(
            "{origin},{waves},{start},{chi_squared:.4},{within},{signal_variance:.4},{scale:.4},{},{}",
            list(&fit.alpha),
            list(&fit.beta)
        );
        fit.shares.iter().for_each(|share| text += &format!(",{share:.5}"));
        text.push('\n');
    }
    let path = folder.write_table("generators.csv", text.as_bytes())?;
    show(&format!(
        "Figure 2 does not single out a generator: {} of the {} best fits are within all its error bars.\n{}\n",
        fits.iter().filter(|(_, fit)| fit.within == 9).count(),
        fits.len(),
        path.display()
    ));
    Ok(())
}

/// Climbs the rungs of the search; returns the exit code.
fn climb(search: &Search, candidates: Vec<Candidate>, folder: &Folder, options: &Options) -> Result<u8> {
    let mut left = candidates;
    let mut rungs: Vec<(Rung, Vec<Entry>)> = Vec::new();
    let mut last = None;
    for (number, &rung) in search.rungs.iter().enumerate() {
        let mut entries = Vec::new();
        for (index, candidate) in left.iter().enumerate() {
            let place = format!(
                "rung {} of {}, candidate {} of {}",
                number + 1,
                search.rungs.len(),
                index + 1,
                left.len()
            );
            note(&format!("{place}: {}", candidate.choices.join(", ")));
            let Some(study) = train(search, candidate, rung, &options.out, options)? else {
                training::note_interruption(&format!("finished runs are stored, up to {place}"));
                return Ok(INTERRUPTED);
            };
            let distances =
                [RowSet::HeldOut, RowSet::Train].map(|rows| PaperDistance::from_study(&study, rows));
            entries.push(Entry { candidate: candidate.clone(), distances, kept: false });
        }
        entries.sort_by(|a, b| a.best().total().total_cmp(&b.best().total()));
        entries.iter_mut().take(rung.keep).for_each(|entry| entry.kept = true);
        left = entries.iter().filter(|entry| entry.kept).map(|entry| entry.candidate.clone()).collect();
        show(&shown(number + 1, rung, &entries));
        rungs.push((rung, entries));
        folder.write_table("protocols.csv", protocols(search, &rungs).as_bytes())?;
        let (rung, entries) = rungs.last().expect("pushed above");
        folder.write_table("cells.csv", cells(search, *rung, entries).as_bytes())?;
        last = Some(*rung);
    }
    let (Some(rung), Some(best)) = (last, left.first()) else { return Ok(FAILED) };
    let Some(study) = train(search, best, rung, &options.out, options)? else {
        training::note_interruption("finished runs are stored");
        return Ok(INTERRUPTED);
    };
    let report = write_report(study, &candidate_folder(&options.out, best))?;
    show(&format!(
        "Best protocol: {}. As changes of {}: {}\n{}\n",
        best.choices.join(", "),
        search.base,
        best.overrides.join(" "),
        report.display()
    ));
    Ok(DONE)
}

/// Folder of a candidate's runs of all rungs.
fn candidate_folder(out: &Path, candidate: &Candidate) -> Folder {
    Folder::new(out.join("candidates").join(&candidate.id))
}

/// Trains the missing runs of a candidate; none after Ctrl-C.
fn train(
    search: &Search,
    candidate: &Candidate,
    rung: Rung,
    out: &Path,
    options: &Options,
) -> Result<Option<Study>> {
    let experiment = search.experiment(candidate, rung, &options.overrides)?;
    let folder = candidate_folder(out, candidate);
    let finished = folder.finished()?;
    training::check_schema(&folder, &finished)?;
    training::train_study(&experiment, &folder, &finished, training::threads(options.threads))
}

/// The best candidates of a rung as text.
fn shown(number: usize, rung: Rung, entries: &[Entry]) -> String {
    let mut text = format!(
        "Rung {number}: {}, {}, {}, {} promoted. Distance, by figure 3 / 4 / 5:\n",
        plural(rung.seeds as usize, "seed"),
        plural(rung.steps as usize, "step"),
        plural(entries.len(), "candidate"),
        entries.iter().filter(|entry| entry.kept).count()
    );
    for entry in entries.iter().take(SHOWN) {
        let best = entry.best();
        text += &format!(
            "  {:.3}  {} / {} / {}  {}, {} loss\n",
            best.total(),
            or_dash(best.figure3),
            or_dash(best.figure4),
            or_dash(best.figure5),
            entry.candidate.choices.join(", "),
            rows_name(best.rows)
        );
    }
    text
}

fn or_dash(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

fn or_empty(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.5}"))
}

fn rows_name(rows: RowSet) -> &'static str {
    match rows {
        RowSet::Train => "training",
        RowSet::HeldOut => "held_out",
    }
}

/// `protocols.csv`: one row for each candidate, rung and kind of loss.
fn protocols(search: &Search, rungs: &[(Rung, Vec<Entry>)]) -> String {
    let axes: Vec<&str> = search.axes.iter().map(|axis| axis.name.as_str()).collect();
    let mut text = format!(
        "rung,candidate,{},seeds,steps,loss,distance,distance_figure3,distance_figure4,distance_figure5,kept\n",
        axes.join(",")
    );
    for (number, (rung, entries)) in rungs.iter().enumerate() {
        for entry in entries {
            for distance in &entry.distances {
                text += &format!(
                    "{},{},{},{},{},{},{:.5},{},{},{},{}\n",
                    number + 1,
                    entry.candidate.id,
                    entry.candidate.choices.join(","),
                    rung.seeds,
                    rung.steps,
                    rows_name(distance.rows),
                    distance.total(),
                    or_empty(distance.figure3),
                    or_empty(distance.figure4),
                    or_empty(distance.figure5),
                    entry.kept
                );
            }
        }
    }
    text
}

/// `cells.csv`: the curves and histograms of the last rung.
fn cells(search: &Search, rung: Rung, entries: &[Entry]) -> String {
    let axes: Vec<&str> = search.axes.iter().map(|axis| axis.name.as_str()).collect();
    let mut text = format!(
        "candidate,{},seeds,steps,loss,figure,model,task_correlation,area,signed_area,last_loss,paper_last_loss,\
         earth_mover,total_variation,diverged\n",
        axes.join(",")
    );
    for entry in entries {
        let best = entry.best();
        for cell in &best.models {
            let figure = match cell.counterpart {
                Counterpart::Figure3 => 3,
                Counterpart::Figure4 => 4,
            };
            text += &format!(
                "{},{},{},{},{},{figure},{},{},{},{},{},{},{},{},{:.3}\n",
                entry.candidate.id,
                entry.candidate.choices.join(","),
                rung.seeds,
                rung.steps,
                rows_name(best.rows),
                cell.model,
                cell.task_correlation,
                or_empty(cell.curve.map(|curve| curve.relative)),
                or_empty(cell.curve.map(|curve| curve.signed)),
                or_empty(cell.last.map(|last| last[0])),
                or_empty(cell.last.map(|last| last[1])),
                or_empty(cell.histogram.map(|histogram| histogram[0])),
                or_empty(cell.histogram.map(|histogram| histogram[1])),
                cell.diverged
            );
        }
    }
    text
}
