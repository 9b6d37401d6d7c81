//! The set-up of a study for its page: specification, machine and files.

use std::collections::BTreeSet;
use std::path::Path;

use super::FIGURES;
use super::words::{count, duration, list, plural};
use crate::data::{Check, CheckResult};
use crate::experiment::{Experiment, Train};
use crate::figure::Drawn;
use crate::figure::theme::{number, thousands};
use crate::store::{DataCheck, Manifest, Study};

/// A titled list of keys and values.
pub(super) struct List {
    pub title: &'static str,
    pub rows: Vec<(String, String)>,
}

/// Files of a study with their contents.
const FILES: [(&str, &str); 19] = [
    ("study.toml", "the experiment with every default filled in; sweep run reads it"),
    ("manifest.json", "provenance: versions, machine, time, digest"),
    ("runs.csv", "one row a run: key, status, final losses, label correlation, parameters, seconds"),
    ("curves.csv", "one row a run and logged step: training, held-out and validation loss of every task"),
    ("gates.csv", "one row a run, step, task and expert: mean gate weight; entropy of the gate in nats"),
    ("means.csv", "one row a model, condition, quantity and logged step: mean over runs with its interval"),
    ("final_gates.csv", "the rows of gates.csv after the last step of finished runs"),
    ("scores.csv", "one row a run, subset and task: AUC, log-loss, calibration error, mean prediction"),
    ("classes.csv", "one row a subset and task: rows, positives, label correlation"),
    ("data_checks.csv", "one row a check of the files of the data: left-out rows by reason, and warnings"),
    ("tuning.csv", "one row a rung and trial: sizes, learning rate, validation AUC of the main task"),
    (
        "funnel.csv",
        "one row a run, prediction and space: AUC, log-loss, calibration, bias on the test impressions",
    ),
    ("deciles.csv", "one row a run and decile of the test impressions by pCTR: mean predicted and true pCVR"),
    ("labels.csv", "one row a correlation, seed and pair: measured correlation of the labels"),
    (
        "gains.csv",
        "one row a model, condition, baseline and task: gain of sharing with its interval and p-value",
    ),
    ("crossings.csv", "one row a model and baseline: the task correlation at which the gain changes sign"),
    (
        "aggregates.csv",
        "one row a model, condition and quantity: interquartile mean, optimality gap, probability of improvement",
    ),
    ("profiles.csv", "one row a model, condition and threshold: share of the runs that are as good"),
    ("claims.csv", "the paper's claims: verdicts, effects, intervals, and every comparison behind them"),
];

/// A sentence on what an incomplete study lacks; none for a complete one.
pub fn partial(study: &Study) -> Option<String> {
    let (done, planned) = (study.manifest.runs_done, study.manifest.runs_planned);
    let Experiment { grid, data, .. } = &study.experiment;
    // Correlations are measured of generated labels alone.
    let pairs = data.source().label_measurement().map_or(0, |measured| measured.pairs);
    let labels = grid.seeds.len() * grid.conditions().len() * pairs;
    if done == planned && study.labels.len() < labels {
        return Some(format!(
            "{} of {} planned measurements of label correlations are here; the command below adds the rest.",
            count(study.labels.len()),
            count(labels)
        ));
    }
    (done < planned).then(|| {
        format!(
            "{} of {} planned runs are here. Means, intervals, learning rates and verdicts below rest on these and will \
             change; the command below trains the rest.",
            count(done),
            count(planned)
        )
    })
}

/// A sentence on the keys that `--set` changed, which title and description do not know of; none where it changed none.
pub(super) fn changed(experiment: &Experiment) -> Option<String> {
    let changes = &experiment.changed;
    (!changes.is_empty())
        .then(|| format!("This study is {} with {}.", experiment.name, list(changes.iter().cloned())))
}

/// How the runs were trained, in sentences; `more` goes on after the size of the batches.
pub fn training(study: &Study, more: &str) -> String {
    let (train, manifest) = (&study.experiment.train, &study.manifest);
    format!(
        "Every run takes {}{} steps of Adam with batches of {}{more}.{} {} of each combination make {}, of which {} \
         diverged. Trained by {} on {} ({}) in {}{}.",
        if train.recipe.stop.is_some() { "at most " } else { "" },
        thousands(train.steps),
        count(train.batch_size),
        recipe(train),
        plural(study.experiment.grid.seeds.len(), "seed"),
        plural(manifest.runs_planned, "run"),
        match manifest.runs_diverged {
            0 => "none".to_owned(),
            n => count(n),
        },
        engines(study),
        manifest.cpu,
        plural(manifest.threads, "thread"),
        duration(manifest.wall_seconds),
        match manifest.shards {
            1 => String::new(),
            n => format!(", summed over {}", plural(n, "shard")),
        }
    )
}

/// What is added to plain Adam and how a run's step is chosen, in sentences after a space; empty where nothing is.
fn recipe(train: &Train) -> String {
    let added = match train.recipe.words() {
        words if words.is_empty() => String::new(),
        words => format!(" Training has {}.", list(words.into_iter())),
    };
    let capital = |sentence: String| {
        let (first, rest) = sentence.split_at(1);
        format!(" {}{rest}.", first.to_uppercase())
    };
    train.recipe.selection().into_iter().map(capital).fold(added, |text, sentence| text + &sentence)
}

/// Everything that defines the runs and what trained them; `more_data` stands below the keys of the data.
pub(super) fn lists(study: &Study, more_data: &[(String, String)]) -> Vec<List> {
    let experiment = &study.experiment;
    let table = experiment.to_toml();
    let rows = |key: &str| -> Vec<(String, String)> {
        let section = table.get(key).and_then(toml::Value::as_table);
        section.into_iter().flatten().map(|(key, value)| (key.clone(), shown(value))).collect()
    };
    let models = experiment.models.iter().map(|model| {
        let sizes: Vec<String> =
            model.sizes.table.iter().map(|(key, value)| format!("{key} = {}", shown(value))).collect();
        let run = study.runs.iter().find(|run| run.key.model == model.name);
        let parameters = run.map_or(String::new(), |run| format!("; {} parameters", count(run.parameters)));
        let sizes = sizes.join(", ");
        let rate =
            model.learning_rate.map_or(String::new(), |rate| format!("; learning rate {}", number(rate)));
        (model.title.clone(), format!("{}: {sizes}{rate}{parameters}", model.architecture.name))
    });
    let mut data = rows("data");
    data.extend_from_slice(more_data);
    let mut lists =
        vec![List { title: "Models", rows: models.collect() }, List { title: "Data", rows: data }];
    if !study.data_checks.is_empty() {
        lists.push(List { title: "Data checks", rows: data_checks(&study.data_checks) });
    }
    lists.extend([
        List { title: "Grid", rows: grid(experiment) },
        List { title: "Training", rows: rows("train") },
        List { title: "Machine and time", rows: machine(study) },
    ]);
    lists
}

/// The checks of the files of rows, with their results.
fn data_checks(checks: &[DataCheck]) -> Vec<(String, String)> {
    let row = |DataCheck { check, result, text, .. }: &DataCheck| {
        let what = match check {
            Check::LeftOut => "rows left out",
            Check::RepeatedIds => "repeated ids",
            Check::SharedRows => "shared rows",
            Check::RevealingColumns => "revealing columns",
        };
        let warning = if *result == CheckResult::Warning { "Warning: " } else { "" };
        (what.to_owned(), format!("{warning}{text}"))
    };
    checks.iter().map(row).collect()
}

/// The warnings of the checks of the files of rows; none where there are none.
pub(super) fn data_warnings(study: &Study) -> Option<String> {
    let warnings = study.data_checks.iter().filter(|check| check.result == CheckResult::Warning);
    let texts: Vec<&str> = warnings.map(|check| check.text.as_str()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

fn grid(experiment: &Experiment) -> Vec<(String, String)> {
    let grid = &experiment.grid;
    let seeds = match (grid.seeds.first(), grid.seeds.last()) {
        (Some(first), Some(last)) if grid.seeds.len() as u64 == last - first + 1 && last > first => {
            format!("{} ({first} to {last})", count(grid.seeds.len()))
        }
        _ => list(grid.seeds.iter().map(u64::to_string)),
    };
    let mut rows = vec![("models".into(), list(grid.models.iter().cloned()))];
    if !grid.task_correlations.is_empty() {
        let cosines = grid.task_correlations.iter().map(|&p| number(p));
        rows.push(("task correlations".into(), list(cosines)));
    }
    for axis in &grid.axes {
        rows.push((axis.key.to_string(), list(axis.values.iter().map(|value| value.label(number)))));
    }
    rows.extend([
        ("learning rates".into(), list(grid.learning_rates.iter().map(|&rate| number(rate)))),
        ("seeds".into(), seeds),
    ]);
    rows
}

fn machine(study: &Study) -> Vec<(String, String)> {
    let manifest = &study.manifest;
    vec![
        ("engine".into(), engines(study)),
        ("CPU".into(), manifest.cpu.clone()),
        ("instruction sets".into(), list(manifest.cpu_features.iter().cloned())),
        ("threads".into(), count(manifest.threads)),
        ("shards".into(), count(manifest.shards)),
        ("time".into(), duration(manifest.wall_seconds)),
        ("CPU time".into(), duration(manifest.cpu_seconds)),
        ("peak memory".into(), format!("{} MiB", thousands(manifest.peak_memory_bytes >> 20))),
        ("runs".into(), format!("{} of {}", count(manifest.runs_done), count(manifest.runs_planned))),
        ("groups".into(), count(manifest.groups)),
        ("program".into(), program(manifest)),
    ]
}

/// The files that the folder has, with what they contain.
pub(super) fn files(folder: &Path, figures: &[Drawn]) -> Vec<(String, &'static str)> {
    let present = FILES.iter().filter(|(name, _)| folder.join(name).exists());
    let mut files: Vec<(String, &'static str)> =
        present.map(|&(name, what)| (name.to_owned(), what)).collect();
    if !figures.is_empty() {
        files.push((FIGURES.to_owned(), "every figure as PNG and SVG"));
    }
    files
}

/// Name, version and commit of the program.
pub(super) fn program(manifest: &Manifest) -> String {
    match &manifest.commit {
        Some(commit) => format!("mmoe-study {}, commit {commit}", manifest.version),
        None => format!("mmoe-study {}", manifest.version),
    }
}

/// The command that trained a study. Earlier manifests name the program as it was called.
pub(super) fn command(manifest: &Manifest) -> String {
    let rest = manifest.command.split_once(' ').map_or("", |(_, rest)| rest);
    format!("sweep {rest}").trim_end().to_owned()
}

/// Engines that trained the runs.
fn engines(study: &Study) -> String {
    let engines: BTreeSet<&str> = study.runs.iter().map(|run| run.engine.as_str()).collect();
    list(engines.into_iter().map(str::to_owned))
}

/// A TOML value in words.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(whole) if *whole >= 0 => thousands(*whole as u64),
        toml::Value::Float(value) => number(*value),
        toml::Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        toml::Value::Boolean(true) => "yes".to_owned(),
        toml::Value::Boolean(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn commands_call_the_program_sweep() {
        let mut manifest = Sample::default().study().manifest;
        manifest.command = "/home/someone/target/release/sweep run quick".into();
        assert_eq!(command(&manifest), "sweep run quick");
        manifest.command = "sweep3 run figure3".into();
        assert_eq!(command(&manifest), "sweep run figure3");
        manifest.command = "sweep".into();
        assert_eq!(command(&manifest), "sweep");
    }

    #[test]
    fn only_a_study_with_runs_missing_is_partial() {
        let mut study = Sample::default().study();
        assert_eq!(partial(&study), None);
        study.manifest.runs_done -= 1;
        assert!(partial(&study).unwrap().contains("143 of 144 planned runs"));
    }
}
