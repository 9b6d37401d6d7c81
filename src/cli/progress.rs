//! Progress of training: a bar with rate and remaining time on a terminal, a line now and then where a bar cannot be drawn,
//! such as in a pipe or on a terminal without a cursor (`TERM=dumb`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{output, signals};
use crate::engine::train::Progress;
use crate::experiment::Experiment;
use crate::experiment::plan::Group;
use crate::report::words::plural;
use crate::schedule::Observer;

/// Time to the first line where there is no bar: long enough for a rate.
const FIRST_LINE: Duration = Duration::from_secs(1);
/// Time between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress of a sweep, on standard error.
pub struct Reporter {
    bar: ProgressBar,
    began: Instant,
    groups: u64,
    groups_done: AtomicU64,
    run_steps: u64,
    run_steps_done: AtomicU64,
    /// Milliseconds after `began` at which the next line is due; none where there is a bar.
    next_line: Option<AtomicU64>,
}

impl Reporter {
    /// Prints the work to do and starts counting. `missing` are the groups to train; `here` runs of the plan are finished.
    pub fn new(experiment: &Experiment, here: usize, missing: &[Group], threads: usize) -> Result<Self> {
        let runs: usize = missing.iter().map(|group| group.runs.len()).sum();
        let steps = |group: &Group| experiment.variant(group.variant).train.steps;
        let run_steps = missing.iter().map(|group| group.runs.len() as u64 * steps(group)).sum();
        let here = match here {
            0 => String::new(),
            1 => " (1 run is already finished)".to_string(),
            here => format!(" ({} are already finished)", plural(here, "run")),
        };
        let work = match experiment.models.is_empty() {
            true => "labels".to_string(),
            false => format!("{} of {}", plural(runs, "run"), steps_label(experiment)),
        };
        let (groups, threads) = (plural(missing.len(), "group"), plural(threads, "thread"));
        output::note(&format!("{}: {work} in {groups} on {threads}{here}", experiment.name));
        let target = ProgressDrawTarget::stderr_with_hz(4);
        let lines = target.is_hidden();
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
            next_line: lines.then(|| AtomicU64::new(FIRST_LINE.as_millis() as u64)),
        };
        progress.bar.set_message(progress.of_groups(0));
        signals::begin_training().context("cannot handle Ctrl-C")?;
        Ok(progress)
    }

    /// "9 of 27 groups".
    fn of_groups(&self, done: u64) -> String {
        format!("{} of {}", HumanCount(done), plural(self.groups as usize, "group"))
    }

    /// Whether Ctrl-C was pressed, or another signal came that ends a sweep.
    pub fn interrupted(&self) -> bool {
        signals::interrupted()
    }

    /// Removes the bar and prints the rate of a sweep that was not interrupted.
    pub fn end(&self) {
        self.bar.finish_and_clear();
        signals::end_training();
        let seconds = self.began.elapsed().as_secs_f64();
        let done = self.run_steps_done.load(Ordering::Relaxed);
        if done > 0 && !self.interrupted() {
            let rate = done as f64 / seconds;
            output::note(&format!(
                "{} in {seconds:.1} s: {}/s",
                plural(done as usize, "run-step"),
                HumanCount(rate as u64)
            ));
        }
    }

    /// Prints a line where there is no bar and a line is due.
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
        output::note(&format!(
            "{:3} %, {}, {} run-steps/s, {} to go",
            100 * done / self.run_steps.max(1),
            self.of_groups(self.groups_done.load(Ordering::Relaxed)),
            HumanCount(rate as u64),
            HumanDuration(rest)
        ));
    }
}

/// "2,000 steps": those of a run, the fewest and the most where they vary.
pub fn steps_label(experiment: &Experiment) -> String {
    let steps = || experiment.variants().iter().map(|variant| variant.train.steps as usize);
    match (steps().min(), steps().max()) {
        (Some(fewest), Some(most)) if fewest < most => {
            format!("{} to {}", HumanCount(fewest as u64), plural(most, "step"))
        }
        _ => plural(experiment.train.steps as usize, "step"),
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
        self.bar.set_message(self.of_groups(done));
    }
}
