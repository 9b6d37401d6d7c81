//! The commands of `sweep`, one file for each.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::report::ReportError;
use crate::store::StoreError;

mod calibrate;
mod check;
mod claims;
mod compare;
mod estimate;
mod list;
mod output;
mod progress;
mod replace;
mod report;
mod run;
mod signals;
mod status;
mod training;
mod tune;

/// Everything was done.
const DONE: u8 = 0;
/// Something failed; finished runs are saved.
const FAILED: u8 = 1;
/// The request is invalid; nothing was written.
const BAD_REQUEST: u8 = 2;
/// Interrupted by Ctrl-C or SIGTERM: 128 + SIGINT, as in shells.
const INTERRUPTED: u8 = 130;

/// How related must tasks be for sharing parameters to help? Trains multi-task models over task correlations,
/// learning rates and seeds, and compares the results with those of the papers
#[derive(Debug, Parser)]
#[command(name = "sweep", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Options,
}

const EXAMPLES: &str = "\
Examples:
  sweep                                         train experiments/quick.toml and write its report
  sweep run quick --set grid.seeds=40           more seeds; only new runs are trained
  sweep run figure4 --dry-run                   its cost; nothing is trained
  sweep run my.toml --out results/mine          an experiment of your own
  sweep run figure4 --shard 3/16                one of 16 shards, which share the study's folder
  sweep status results/figure4                  done, missing and damaged runs
  sweep report results/quick                    write figures and report again from the CSV files
  sweep claims results/figure4                  test the papers' claims
  sweep list                                    experiments, architectures and studies

Exit codes: 0 done, 1 something failed (finished runs are saved), 2 invalid request (nothing was written),
130 interrupted (the same command resumes). `sweep check`: 0 the same, 1 regressed, 2 not comparable,
3 undecided. `sweep status`: 0 complete, 1 not complete, 2 no study that can be read.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Train an experiment and write its report
    Run {
        /// Name of a file in experiments/, or the path of a TOML file
        #[arg(default_value = "quick")]
        experiment: String,
        #[command(flatten)]
        options: run::Options,
    },
    /// Write the figures and the report of a study again, from its CSV files
    Report {
        /// Folder of the study, such as results/quick
        study: PathBuf,
    },
    /// Show the done, missing and damaged runs of a study
    Status {
        /// Folder of the study, such as results/figure4
        study: PathBuf,
    },
    /// Test the papers' claims on a study
    Claims {
        /// Folder of the study, such as results/figure4
        study: PathBuf,
        /// Show the comparisons behind every verdict
        #[arg(long)]
        parts: bool,
    },
    /// Train ci.toml again and compare its convergence with the baseline
    Check(check::Options),
    /// Search for details that the MMoE paper does not give: generators that fit Figure 2, and training protocols
    /// that fit Figures 3, 4 and 5
    Calibrate(calibrate::Options),
    /// Compare the final losses of two studies
    Compare {
        /// Folder of the first study
        first: PathBuf,
        /// Folder of the second study
        second: PathBuf,
        /// Also write a page with overlaid curves, such as compare.html
        #[arg(long, value_name = "FILE")]
        page: Option<PathBuf>,
    },
    /// List experiments, architectures and studies
    List,
    /// Print a completion script for a shell
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => run::run("quick", &cli.run),
        Some(Command::Run { experiment, options }) => run::run(&experiment, &options),
        Some(Command::Report { study }) => report::run(&study),
        Some(Command::Status { study }) => status::run(&study),
        Some(Command::Claims { study, parts }) => claims::run(&study, parts),
        Some(Command::Check(options)) => check::run(&options),
        Some(Command::Calibrate(options)) => calibrate::run(&options),
        Some(Command::Compare { first, second, page }) => compare::run(&first, &second, page.as_deref()),
        Some(Command::List) => list::run(),
        Some(Command::Completions { shell }) => {
            // Into memory first: the generator panics where it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sweep", &mut script);
            output::print(&String::from_utf8_lossy(&script)).map(|()| DONE)
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::note(&format!("error: {}", reasons(&error)));
            ExitCode::from(if is_refusal(&error) { BAD_REQUEST } else { FAILED })
        }
    }
}

/// Whether an error is the request's, found before anything was written.
fn is_refusal(error: &anyhow::Error) -> bool {
    let store = error.downcast_ref().or_else(|| match error.downcast_ref() {
        Some(ReportError::Store(error)) => Some(error),
        _ => None,
    });
    store.is_some_and(StoreError::is_refusal)
        || error.is::<crate::experiment::LoadError>()
        || error.is::<crate::experiment::shard::ShardError>()
        || error.is::<crate::data::DataError>()
        || error.is::<Refused>()
}

/// An error with its causes, without those that its message already has.
fn reasons(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| match cause.to_string() {
        cause if text.contains(&cause) => text,
        cause => format!("{text}: {cause}"),
    })
}

/// An invalid request, found before anything was written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);
