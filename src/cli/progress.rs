//! Progress of training: a bar with rate and remaining time on a terminal, a line now and then if output is piped.
//! Also handles Ctrl-C.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::INTERRUPTED;
use crate::engine::train::Progress;
use crate::experiment::Experiment;
use crate::experiment::plan::{Group, Plan};
use crate::schedule::Observer;

/// Time between two lines if output is piped.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Whether Ctrl-C was pressed.
static CTRL_C: AtomicBool = AtomicBool::new(false);
/// Whether the handler is installed.
static LISTENING: AtomicBool = AtomicBool::new(false);

/// Progress of a sweep, on standard error.
pub struct Reporter {
    bar: ProgressBar,
    began: Instant,
    groups: u64,
    groups_done: AtomicU64,
    run_steps: u64,
    run_steps_done: AtomicU64,
    /// Milliseconds after `began` at which the next line is due; none on a terminal.
    next_line: Option<AtomicU64>,
}

impl Reporter {
    /// Prints the work to do and starts counting. `missing` are the groups to train.
    pub fn new(experiment: &Experiment, plan: &Plan, missing: &[Group], threads: usize) -> Result<Self> {
        let runs: u64 = missing.iter().map(|group| group.runs.len() as u64).sum();
        let run_steps = runs * experiment.train.steps;
        let all = plan.runs().count() as u64;
        let here = match all - runs {
            0 => String::new(),
            here => format!(" ({} runs are already finished)", HumanCount(here)),
        };
        let work = match experiment.models.is_empty() {
            true => "labels".to_string(),
            false => format!("{} runs of {} steps", HumanCount(runs), HumanCount(experiment.train.steps)),
        };
        eprintln!("{}: {work} in {} groups on {threads} threads{here}", experiment.name, missing.len());
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(run_steps), target).with_style(
            ProgressStyle::with_template("{wide_bar} {percent:>3} %  {rate} run-steps/s  {msg}  {eta} to go")
                .expect("the template is well-formed")
                .with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                    // An error of the display is not worth a failure.
                    let _ = write!(text, "{}", HumanCount(state.per_sec() as u64));
                }),
        );
        let progress = Self {
            bar,
            began: Instant::now(),
            groups: missing.len() as u64,
            groups_done: AtomicU64::new(0),
            run_steps,
            run_steps_done: AtomicU64::new(0),
            next_line: (!terminal).then(|| AtomicU64::new(LINE_EVERY.as_millis() as u64)),
        };
        progress.bar.set_message(format!("0 of {} groups", missing.len()));
        progress.handle_interrupts()?;
        Ok(progress)
    }

    /// Handles Ctrl-C and SIGTERM: the first cancels the groups in training, the second exits at once.
    fn handle_interrupts(&self) -> Result<()> {
        // A process has one handler, but a command may train several studies.
        if LISTENING.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        ctrlc::set_handler(|| {
            if CTRL_C.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(INTERRUPTED));
            }
            eprintln!("\nInterrupted: the groups in training are discarded, finished groups are saved …");
        })
        .context("cannot handle Ctrl-C")
    }

    /// Whether Ctrl-C was pressed.
    pub fn interrupted(&self) -> bool {
        CTRL_C.load(Ordering::Relaxed)
    }

    /// Removes the bar and prints the rate.
    pub fn end(&self) {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f64();
        let done = self.run_steps_done.load(Ordering::Relaxed);
        if done > 0 {
            let rate = done as f64 / seconds;
            eprintln!("{} run-steps in {seconds:.1} s: {}/s", HumanCount(done), HumanCount(rate as u64));
        }
    }

    /// Prints a line if output is piped and a line is due.
    fn line(&self, done: u64) {
        let Some(next_line) = &self.next_line else { return };
        let elapsed = self.began.elapsed();
        let due = next_line.load(Ordering::Relaxed);
        let now = elapsed.as_millis() as u64;
        let following = now + LINE_EVERY.as_millis() as u64;
        // If several threads find the line due, one prints it.
        if now < due
            || next_line.compare_exchange(due, following, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let rate = done as f64 / elapsed.as_secs_f64();
        let rest = Duration::from_secs_f64((self.run_steps.saturating_sub(done)) as f64 / rate.max(1.0));
        eprintln!(
            "{:3} %, {} of {} groups, {} run-steps/s, {} to go",
            100 * done / self.run_steps.max(1),
            self.groups_done.load(Ordering::Relaxed),
            self.groups,
            HumanCount(rate as u64),
            HumanDuration(rest)
        );
    }
}

impl Progress for Reporter {
    fn trained(&self, run_steps: u64) {
        let done = self.run_steps_done.fetch_add(run_steps, Ordering::Relaxed) + run_steps;
        if self.next_line.is_none() {
            self.bar.set_position(done);
        } else {
            self.line(done);
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupted()
    }
}

impl Observer for Reporter {
    fn finished(&self, _: &Group) {
        let done = self.groups_done.fetch_add(1, Ordering::Relaxed) + 1;
        self.bar.set_message(format!("{done} of {} groups", self.groups));
    }
}
