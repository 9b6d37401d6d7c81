//! The commands of `sweep`, one file each.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod calibrate;
mod check;
mod claims;
mod compare;
mod estimate;
mod list;
mod progress;
mod report;
mod run;
mod status;
mod training;
mod tune;

/// Everything was done.
const DONE: u8 = 0;
/// Something failed on the way; what was finished is stored.
const FAILED: u8 = 1;
/// The request cannot be understood or carried out; nothing was written.
const BAD_REQUEST: u8 = 2;
/// Interrupted by Ctrl-C or SIGTERM, as shells count it (128 + SIGINT).
const INTERRUPTED: u8 = 130;

/// How related must tasks be before sharing hurts? Trains shared-bottom, OMoE and MMoE models over task
/// correlations, learning rates and seeds, and reports beside the paper's own curves.
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
  sweep run figure4 --set grid.seeds=20         the paper's Figure 4 on 20 seeds
  sweep run figure4 --dry-run                   what that would cost; nothing is trained
  sweep run my.toml --out results/mine          an experiment of your own
  sweep run figure4 --shard 3/16                every 16th group, into the folder that all shards share
  sweep status results/figure4                  what is done, missing and damaged
  sweep report results/quick                    figures and report again, from the CSV files
  sweep claims results/figure4                  which of the paper's claims hold there
  sweep list                                    experiments, architectures and studies

Exit codes: 0 done, 1 something failed (what was finished is stored), 2 the request is wrong (nothing was
written), 130 interrupted (the same command goes on). `sweep check`: 0 the same, 1 regressed, 2 not comparable.
`sweep status`: 0 complete, 1 not complete.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Train an experiment and report on it (without a name: quick)
    Run {
        /// Name of a file in experiments/, or the path of a TOML file
        #[arg(default_value = "quick")]
        experiment: String,
        #[command(flatten)]
        options: run::Options,
    },
    /// Draw the figures and the report of a study again, from its CSV files
    Report {
        /// The study's folder, such as results/quick
        study: PathBuf,
    },
    /// Say what of a study is done, missing and damaged
    Status {
        /// The study's folder, such as results/figure4
        study: PathBuf,
    },
    /// Hold the papers' claims about such data against a study
    Claims {
        /// The study's folder, such as results/figure4
        study: PathBuf,
        /// Show every comparison behind the verdicts
        #[arg(long)]
        parts: bool,
    },
    /// Train ci.toml again and compare with the baseline: has convergence changed?
    Check(check::Options),
    /// Look for what the paper does not give: generators that fit Figure 2, and ways to train that come near
    /// Figures 3, 4 and 5
    Calibrate(calibrate::Options),
    /// Compare the final losses of two studies
    Compare {
        /// Folder of the first study
        first: PathBuf,
        /// Folder of the second
        second: PathBuf,
        /// Write a page with overlaid curves too, such as compare.html
        #[arg(long, value_name = "FILE")]
        page: Option<PathBuf>,
    },
    /// Show the experiments, architectures and studies there are
    List,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Reads the command line, does what it says and gives the exit code.
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
            clap_complete::generate(shell, &mut Cli::command(), "sweep", &mut std::io::stdout());
            Ok(DONE)
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{}", printable(&format!("error: {}", reasons(&error))));
            let refused = error.is::<crate::experiment::LoadError>()
                || error.is::<crate::experiment::shard::ShardError>()
                || error.is::<crate::data::DataError>()
                || error.is::<Refused>();
            ExitCode::from(if refused { BAD_REQUEST } else { FAILED })
        }
    }
}

/// Writes to standard output. A reader that has gone away, as `head` does, is no mistake.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// An error with its causes, each said once: most errors name theirs themselves.
fn reasons(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| match cause.to_string() {
        cause if text.contains(&cause) => text,
        cause => format!("{text}: {cause}"),
    })
}

/// Text that cannot move the cursor or recolour a terminal: what came from a file is not to be trusted with that.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "\u{FFFD}")
}

/// A request that makes no sense, found before anything was written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);
