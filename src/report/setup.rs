//! What was run, in words: the opening paragraph, the sections of the set-up, the files beside the page.

use std::collections::BTreeSet;
use std::path::Path;

use super::FIGURES;
use crate::data::census::schema;
use crate::data::{AliCcpSpec, CensusSpec, DataSpec, FunnelSpec, Knob, Subset, ali_ccp};
use crate::experiment::{Experiment, Sweep};
use crate::figure::Drawn;
use crate::figure::theme::{decimals, number, thousands};
use crate::store::{Manifest, Study};

/// A titled list of keys and values.
pub struct Section {
    /// Its title.
    pub title: &'static str,
    /// Key and value.
    pub rows: Vec<(String, String)>,
}

/// Files that a study's folder may have, and what is in them.
const FILES: [(&str, &str); 12] = [
    ("study.toml", "the experiment with every default filled in; sweep run reads it"),
    ("manifest.json", "how the study came to be: versions, machine, time, digest"),
    ("runs.csv", "one row a run: key, status, final losses, label correlation, parameters, seconds"),
    ("curves.csv", "one row a run and logged step: training and held-out loss of every task"),
    ("gates.csv", "one row a run, step, task and expert: mean gate weight; entropy of the gate in nats"),
    ("scores.csv", "one row a run, subset and task: AUC, log-loss, calibration error, mean prediction"),
    ("classes.csv", "one row a subset and task: rows, positives, label correlation"),
    ("tuning.csv", "one row a rung and trial: sizes, learning rate, validation AUC of the main task"),
    (
        "funnel.csv",
        "one row a run, prediction and space: AUC, log-loss, calibration, bias on the test impressions",
    ),
    ("deciles.csv", "one row a run and tenth of the test impressions by pCTR: mean pCVR beside the truth"),
    ("labels.csv", "one row a correlation, seed and pair: measured correlation of the labels"),
    ("claims.csv", "the paper's claims: verdicts, effects, intervals, and every comparison behind them"),
];

/// A whole number as it is printed.
pub fn count(number: usize) -> String {
    thousands(number as u64)
}

/// What is missing of a study that is not complete.
pub fn partial(study: &Study) -> Option<String> {
    let (done, planned) = (study.manifest.runs_done, study.manifest.runs_planned);
    let Experiment { grid, data, .. } = &study.experiment;
    // Labels that are read are not measured a run.
    let pairs = match data {
        DataSpec::Synthetic(spec) => spec.pairs,
        DataSpec::Census(_) | DataSpec::Funnel(_) | DataSpec::AliCcp(_) => 0,
    };
    let labels = grid.seeds.len() * grid.task_correlations.len() * pairs;
    if done == planned && study.labels.len() < labels {
        return Some(format!(
            "{} of {} planned measurements of label correlations are here; the command below makes the rest.",
            count(study.labels.len()),
            count(labels)
        ));
    }
    (done < planned).then(|| {
        format!(
            "{} of {} planned runs are here. Means, intervals, choices of learning rate and verdicts below are \
             those of the finished runs and will change; the command below trains what is missing.",
            count(done),
            count(planned)
        )
    })
}

/// What was run, in a paragraph.
pub fn paragraph(study: &Study) -> String {
    let Experiment { data, grid, train, models, .. } = &study.experiment;
    let data = match data {
        DataSpec::Synthetic(data) => data,
        DataSpec::Census(census) => return census_paragraph(study, census),
        DataSpec::Funnel(funnel) => return trained(study, &funnel_paragraph(study, funnel)),
        DataSpec::AliCcp(spec) => return trained(study, &ali_ccp_paragraph(study, spec)),
    };
    let labels = if data.standardise_labels { "standardised labels" } else { "labels as generated" };
    let tasks = format!(
        "{} synthetic regression tasks of {} features ({labels}) whose weight vectors have cosine {}",
        count(data.tasks()),
        count(data.dim),
        list(grid.task_correlations.iter().map(|&p| number(p)))
    );
    if models.is_empty() {
        let seeds = grid.seeds.len();
        return format!(
            "No model was trained. Labels were generated for {tasks}, {} of each.",
            plural(seeds, "trial")
        );
    }
    let models = list(models.iter().map(|model| {
        let parameters = study.runs.iter().find(|run| run.key.model == model.name).map(|run| run.parameters);
        match parameters {
            Some(parameters) => format!("{} ({} parameters)", model.title, count(parameters)),
            None => model.title.clone(),
        }
    }));
    let manifest = &study.manifest;
    format!(
        "{models} learn {tasks}. Every run takes {} steps of Adam with batches of {} at a learning rate of {}; {} \
         of each combination make {}. {} Losses are logged every {}, on the batch and on {} held-out rows. \
         Trained by {} on {} ({}) in {}{}.",
        thousands(train.steps),
        count(train.batch_size),
        either(grid.learning_rates.iter().map(|&rate| number(rate))),
        plural(grid.seeds.len(), "seed"),
        plural(manifest.runs_planned, "run"),
        match manifest.runs_diverged {
            0 => "None diverged.".to_owned(),
            n => format!("{} diverged.", count(n)),
        },
        plural(train.log_every as usize, "step"),
        count(train.held_out_rows),
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

/// The same for a study of the census rows.
fn census_paragraph(study: &Study, census: &CensusSpec) -> String {
    let Experiment { train, models, .. } = &study.experiment;
    let rows = |subset: Subset| {
        let class = study.classes.iter().find(|class| class.subset == subset);
        class.map_or("–".into(), |class| count(class.rows))
    };
    let [main, auxiliary] = census.task_names();
    format!(
        "{} learn two yes-or-no tasks of Census-Income (KDD): {main}, the main task, and {auxiliary}. {} rows are \
         trained on, {} validate, {} test. A row has {} words, each embedded in {}, and {} numbers; instance weights, \
         education and marital status are no inputs. Every run takes {} steps of Adam with batches of {}, about {} \
         epochs, on the sum of both cross-entropies; {}, tuning not counted.",
        list(models.iter().map(|model| model.title.clone())),
        rows(Subset::Training),
        rows(Subset::Validation),
        rows(Subset::Test),
        schema::CATEGORIES,
        plural(census.embedding_units, "unit"),
        schema::NUMBERS,
        thousands(train.steps),
        count(train.batch_size),
        epochs(study),
        runs_made(study)
    )
}

/// What a study of made impressions learns from.
fn funnel_paragraph(study: &Study, funnel: &FunnelSpec) -> String {
    let grid = &study.experiment.grid;
    let varied = |parameter: Knob, value: f64| match &grid.sweep {
        Some(sweep) if sweep.parameter == parameter => list(sweep.values.iter().map(|&value| number(value))),
        _ => number(value),
    };
    format!(
        "{} learn click and conversion from {} made impressions of {} categorical fields with {} words each and {} \
         numbers, and are tested on {} later ones. {} of impressions are clicked, {} of clicks convert; the scores of \
         click and conversion have correlation {}, the logit of pCTR a standard deviation of {}. Share of the training \
         impressions: {}; mean delay of conversions: {} training windows.",
        list(study.experiment.models.iter().map(|model| model.title.clone())),
        count(funnel.training_impressions),
        funnel.fields,
        count(funnel.words),
        funnel.numbers,
        count(funnel.test_impressions),
        varied(Knob::ClickRate, funnel.click_rate),
        varied(Knob::ConversionRate, funnel.conversion_rate),
        list(grid.task_correlations.iter().map(|&p| number(p))),
        varied(Knob::Selection, funnel.selection),
        varied(Knob::Share, funnel.share),
        varied(Knob::MeanDelay, funnel.mean_delay),
    )
}

/// What a study of read impressions learns from.
fn ali_ccp_paragraph(study: &Study, spec: &AliCcpSpec) -> String {
    let rows = match spec.rows {
        0 => "all rows of both periods".to_owned(),
        rows => format!("the first {} lines of either period", count(rows)),
    };
    format!(
        "{} learn click and conversion from Ali-CCP: {rows}, the first period to train on and the second to test. A row \
         has {} words, each embedded in {}; words of fewer than {} training impressions read as unknown.",
        list(study.experiment.models.iter().map(|model| model.title.clone())),
        ali_ccp::FIELDS,
        plural(spec.embedding_units, "unit"),
        count(spec.min_count as usize),
    )
}

/// What `learned` says, and how it was trained.
fn trained(study: &Study, learned: &str) -> String {
    let train = &study.experiment.train;
    format!(
        "{learned} Every run takes {} steps of Adam with batches of {}; {}.",
        thousands(train.steps),
        count(train.batch_size),
        runs_made(study)
    )
}

/// "20 seeds make 800 runs (none diverged). Trained by … on … in …", without the last full stop.
fn runs_made(study: &Study) -> String {
    let manifest = &study.manifest;
    format!(
        "{} make {} ({} diverged). Trained by {} on {} ({}) in {}",
        plural(study.experiment.grid.seeds.len(), "seed"),
        plural(manifest.runs_planned, "run"),
        match manifest.runs_diverged {
            0 => "none".to_owned(),
            n => count(n),
        },
        engines(study),
        manifest.cpu,
        plural(manifest.threads, "thread"),
        duration(manifest.wall_seconds)
    )
}

/// How often a run sees a training row, to one decimal.
fn epochs(study: &Study) -> String {
    let train = &study.experiment.train;
    let rows =
        study.classes.iter().find(|class| class.subset == Subset::Training).map_or(0, |class| class.rows);
    decimals(train.steps as f64 * train.batch_size as f64 / rows as f64, 1)
}

/// Everything that defines the runs, and what made them.
pub fn sections(study: &Study) -> Vec<Section> {
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
    if let Some(generator) = experiment.data.synthetic() {
        data.push(("label variance before standardising".into(), number(generator.label_variance())));
    }
    vec![
        Section { title: "Models", rows: models.collect() },
        Section { title: "Data", rows: data },
        Section { title: "Grid", rows: grid(experiment) },
        Section { title: "Training", rows: rows("train") },
        Section { title: "Machine and time", rows: machine(study) },
    ]
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
    if let Some(Sweep { parameter, values }) = &grid.sweep {
        let values = values.iter().map(|&value| number(value));
        rows.push((parameter.key().replace('_', " "), list(values)));
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

/// The files that are there, with what is in them.
pub fn files(folder: &Path, figures: &[Drawn]) -> Vec<(String, &'static str)> {
    let present = FILES.iter().filter(|(name, _)| folder.join(name).exists());
    let mut files: Vec<(String, &'static str)> =
        present.map(|&(name, what)| (name.to_owned(), what)).collect();
    if !figures.is_empty() {
        files.push((FIGURES.to_owned(), "every figure as PNG and SVG"));
    }
    files
}

/// Name, version and commit of the program.
pub fn program(manifest: &Manifest) -> String {
    match &manifest.commit {
        Some(commit) => format!("mmoe-study {}, commit {commit}", manifest.version),
        None => format!("mmoe-study {}", manifest.version),
    }
}

/// The command that made a study, without the folders of the program: where it lay says nothing.
pub fn command(manifest: &Manifest) -> String {
    let (program, rest) = manifest.command.split_once(' ').unwrap_or((&manifest.command, ""));
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    format!("{name} {rest}").trim_end().to_owned()
}

/// Engines that trained the runs.
fn engines(study: &Study) -> String {
    let engines: BTreeSet<&str> = study.runs.iter().map(|run| run.engine.as_str()).collect();
    list(engines.into_iter().map(str::to_owned))
}

/// A TOML value as a person reads it.
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

/// "1 seed", "200 seeds".
fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(n)) }
}

/// "a, b and c"; a dash for nothing.
fn list(items: impl Iterator<Item = String>) -> String {
    joined(items, "and")
}

/// "a, b or c"; a dash for nothing.
fn either(items: impl Iterator<Item = String>) -> String {
    joined(items, "or")
}

fn joined(items: impl Iterator<Item = String>, word: &str) -> String {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [] => "–".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// Seconds in the two largest units that say something: "1 h 24 min".
fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{} s", number((seconds * 10.0).round() / 10.0)),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{} h {minutes} min", thousands(hours)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn words_read_as_in_print() {
        assert_eq!([0.52, 61.0, 5_025.0].map(duration), ["0.5 s", "1 min 1 s", "1 h 23 min"]);
        assert_eq!(list(["a", "b", "c"].map(String::from).into_iter()), "a, b and c");
        assert_eq!((plural(1, "seed"), plural(5_400, "run")), ("1 seed".into(), "5,400 runs".into()));
    }

    #[test]
    fn the_paragraph_says_what_was_run() {
        let text = paragraph(&Sample { seeds: 20, ..Sample::default() }.study());
        for words in
            ["Shared-bottom", "15,000 parameters", "0.5, 0.9 and 1", "0.001 or 0.01", "20 seeds", "360 runs"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn commands_do_not_tell_where_the_program_lay() {
        let mut manifest = Sample::default().study().manifest;
        manifest.command = "/home/someone/target/release/sweep run quick".into();
        assert_eq!(command(&manifest), "sweep run quick");
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
