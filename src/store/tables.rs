//! The CSV files of a study: tidy, one row an observation, columns that pandas and polars read as they are.
//!
//! | file | columns |
//! |---|---|
//! | `runs.csv` | model, task_correlation, learning_rate, seed, status, steps, final_train_loss_k, final_held_out_loss_k (mean squared error of task k; empty where the run diverged), label_correlation, parameters, engine, seconds |
//! | `curves.csv` | model, task_correlation, learning_rate, seed, step, train_loss_k, held_out_loss_k |
//! | `gates.csv` | model, task_correlation, learning_rate, seed, step, task, expert, mean_weight, entropy (nats; of the whole gate, equal in the rows of its experts) |
//! | `scores.csv` (yes-or-no labels) | model, learning_rate, seed, subset, task, auc, log_loss (nats), calibration_error, mean_prediction, positive_rate |
//! | `funnel.csv` (impressions) | model, task_correlation, learning_rate, seed, target, space, auc, log_loss (nats), calibration_error, absolute_error, mean_prediction, mean_truth, above_one |
//! | `deciles.csv` (impressions) | model, task_correlation, learning_rate, seed, decile, mean_ctr, mean_prediction, mean_truth |
//! | `labels.csv` | task_correlation, seed, pair, points, label_correlation |
//!
//! Where a number of the funnel is varied, it has a column of its name after task_correlation.
//! Where labels are yes or no, losses are cross-entropies in nats; where tasks are what they are,
//! task_correlation is empty. Tasks and experts count from 1. Numbers are written with as many digits as bring back the same bits.
//! `seconds` measures the machine; every other value follows from the run's specification.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;

use csv::StringRecord;

use super::StoreError;
use crate::experiment::is_plain_name;

use crate::data::{Knob, Subset};
use crate::experiment::Condition;
use crate::experiment::plan::RunKey;
use crate::record::Score;
use crate::record::{CurvePoint, GatePoint, LabelRecord, RunRecord, Status};

/// The columns that name a run.
fn key_columns(vary: Option<Knob>) -> String {
    let setting = vary.map(|knob| format!(",{}", knob.key())).unwrap_or_default();
    format!("model,task_correlation{setting},learning_rate,seed")
}

fn task_columns(prefix: &str, tasks: usize) -> String {
    (1..=tasks).fold(String::new(), |mut columns, task| {
        write!(columns, ",{prefix}_{task}").expect("writing to a string");
        columns
    })
}

/// Starts a row with the columns that name a run. Model names are plain words, so nothing needs quoting.
fn key(row: &mut String, key: &RunKey) {
    write!(row, "{},", key.model).expect("writing to a string");
    if let Some(task_correlation) = key.condition.task_correlation {
        write!(row, "{task_correlation}").expect("writing to a string");
    }
    if let Some(swept_value) = key.condition.swept_value {
        write!(row, ",{swept_value}").expect("writing to a string");
    }
    write!(row, ",{},{}", key.learning_rate, key.seed).expect("writing to a string");
}

fn losses(row: &mut String, losses: Option<&[f32]>, tasks: usize) {
    for task in 0..tasks {
        row.push(',');
        if let Some(loss) = losses.and_then(|losses| losses.get(task)) {
            write!(row, "{loss}").expect("writing to a string");
        }
    }
}

/// `runs.csv`; without its last column, `seconds`, where `timed` is false.
pub fn runs_csv(runs: &[&RunRecord], vary: Option<Knob>, tasks: usize, timed: bool) -> String {
    let mut text = format!(
        "{},status,steps{}{},label_correlation,parameters,engine{}\n",
        key_columns(vary),
        task_columns("final_train_loss", tasks),
        task_columns("final_held_out_loss", tasks),
        if timed { ",seconds" } else { "" },
    );
    for run in runs {
        key(&mut text, &run.key);
        write!(text, ",{},{}", run.status.as_str(), run.steps).expect("writing to a string");
        losses(&mut text, run.last().map(|point| &point.train_loss[..]), tasks);
        losses(&mut text, run.last().map(|point| &point.held_out_loss[..]), tasks);
        write!(text, ",{},{},{}", run.label_correlation, run.parameters, run.engine)
            .expect("writing to a string");
        if timed {
            write!(text, ",{:.3}", run.seconds).expect("writing to a string");
        }
        text.push('\n');
    }
    text
}

/// `curves.csv`.
pub fn curves_csv(runs: &[&RunRecord], vary: Option<Knob>, tasks: usize) -> String {
    let mut text = format!(
        "{},step{}{}\n",
        key_columns(vary),
        task_columns("train_loss", tasks),
        task_columns("held_out_loss", tasks)
    );
    for run in runs {
        for point in &run.curve {
            key(&mut text, &run.key);
            write!(text, ",{}", point.step).expect("writing to a string");
            losses(&mut text, Some(&point.train_loss), tasks);
            losses(&mut text, Some(&point.held_out_loss), tasks);
            text.push('\n');
        }
    }
    text
}

/// `gates.csv`.
pub fn gates_csv(runs: &[&RunRecord], vary: Option<Knob>) -> String {
    let mut text = format!("{},step,task,expert,mean_weight,entropy\n", key_columns(vary));
    for run in runs {
        for point in &run.gates {
            for (expert, weight) in point.mean_weight.iter().enumerate() {
                key(&mut text, &run.key);
                let GatePoint { step, task, entropy, .. } = point;
                writeln!(text, ",{step},{task},{},{weight},{entropy}", expert + 1)
                    .expect("writing to a string");
            }
        }
    }
    text
}

/// `scores.csv`.
pub fn scores_csv(runs: &[&RunRecord]) -> String {
    let mut text = "model,learning_rate,seed,subset,task,auc,log_loss,calibration_error,mean_prediction,\
                    positive_rate\n"
        .to_string();
    for run in runs {
        let RunKey { model, learning_rate, seed, .. } = &run.key;
        for score in &run.scores {
            let Score { subset, task, auc, log_loss, calibration_error, .. } = score;
            let (subset, mean, positive) = (subset.as_str(), score.mean_prediction, score.positive_rate);
            writeln!(
                text,
                "{model},{learning_rate},{seed},{subset},{task},{auc},{log_loss},{calibration_error},{mean},\
                 {positive}"
            )
            .expect("writing to a string");
        }
    }
    text
}

/// `funnel.csv`.
pub fn funnel_csv(runs: &[&RunRecord], vary: Option<Knob>) -> String {
    tail_csv(
        runs,
        vary,
        "target,space,auc,log_loss,calibration_error,absolute_error,mean_prediction,mean_truth,above_one",
        |run| &run.funnel,
    )
}

/// `deciles.csv`.
pub fn deciles_csv(runs: &[&RunRecord], vary: Option<Knob>) -> String {
    tail_csv(runs, vary, "decile,mean_ctr,mean_prediction,mean_truth", |run| &run.deciles)
}

/// A table with the columns that name a run and then those of some records of it.
fn tail_csv<T: serde::Serialize>(
    runs: &[&RunRecord],
    vary: Option<Knob>,
    columns: &str,
    records: fn(&RunRecord) -> &Vec<T>,
) -> String {
    let mut text = format!("{},{columns}\n", key_columns(vary));
    for run in runs {
        let rows = headless_csv(records(run));
        for row in rows.lines() {
            key(&mut text, &run.key);
            writeln!(text, ",{row}").expect("writing to a string");
        }
    }
    text
}

/// Rows as CSV, without a header.
fn headless_csv<T: serde::Serialize>(rows: &[T]) -> String {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    rows.iter().for_each(|row| writer.serialize(row).expect("rows are plain data"));
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("rows are text")
}

/// Rows as CSV, with a header.
pub fn rows_csv<T: serde::Serialize>(rows: &[T]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| writer.serialize(row).expect("rows are plain data"));
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("rows are text")
}

/// Rows of a file that [`rows_csv`] wrote; none where there is no such file.
pub fn read_rows<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, StoreError> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).map_err(|error| malformed(path, &error))?;
    reader.deserialize().collect::<Result<_, _>>().map_err(|error| malformed(path, &error))
}

/// `labels.csv`.
pub fn labels_csv(labels: &[LabelRecord]) -> String {
    let mut text = "task_correlation,seed,pair,points,label_correlation\n".to_string();
    for LabelRecord { task_correlation, seed, pair, points, label_correlation } in labels {
        writeln!(text, "{task_correlation},{seed},{pair},{points},{label_correlation}")
            .expect("writing to a string");
    }
    text
}

/// A CSV file being read: columns by name, errors with file and line.
struct Table<'a> {
    path: &'a Path,
    reader: csv::Reader<std::fs::File>,
    headers: StringRecord,
    /// Position of every column by its name.
    columns: HashMap<String, usize>,
}

/// Where the columns stand that name a run.
#[derive(Clone, Copy)]
struct KeyColumns {
    model: usize,
    task_correlation: usize,
    swept_value: Option<usize>,
    learning_rate: usize,
    seed: usize,
}

impl<'a> Table<'a> {
    fn open(path: &'a Path) -> Result<Self, StoreError> {
        let file = std::fs::File::open(path).map_err(StoreError::io(path, "read"))?;
        // Pipes and the like would be waited for.
        if !file.metadata().is_ok_and(|about| about.is_file()) {
            return Err(StoreError::malformed(path, None, "is no file"));
        }
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(file);
        let headers = reader.headers().map_err(|error| malformed(path, &error))?.clone();
        // Of columns of one name the first counts.
        let mut columns = HashMap::new();
        for (at, name) in headers.iter().enumerate() {
            columns.entry(name.to_string()).or_insert(at);
        }
        Ok(Self { path, reader, headers, columns })
    }

    fn column(&self, name: &str) -> Result<usize, StoreError> {
        self.columns
            .get(name)
            .copied()
            .ok_or_else(|| StoreError::malformed(self.path, Some(1), format!("has no column {name:?}")))
    }

    /// Columns `<prefix>_1`, `<prefix>_2`, … as many as there are.
    fn task_columns(&self, prefix: &str) -> Vec<usize> {
        (1..).map_while(|task| self.column(&format!("{prefix}_{task}")).ok()).collect()
    }

    fn key_columns(&self, vary: Option<Knob>) -> Result<KeyColumns, StoreError> {
        Ok(KeyColumns {
            model: self.column("model")?,
            task_correlation: self.column("task_correlation")?,
            swept_value: vary.map(|knob| self.column(knob.key())).transpose()?,
            learning_rate: self.column("learning_rate")?,
            seed: self.column("seed")?,
        })
    }

    fn next(&mut self, row: &mut StringRecord) -> Result<bool, StoreError> {
        self.reader.read_record(row).map_err(|error| malformed(self.path, &error))
    }

    fn parse<T: std::str::FromStr>(&self, row: &StringRecord, column: usize) -> Result<T, StoreError> {
        let text = row.get(column).unwrap_or_default();
        text.parse().map_err(|_| {
            let line = row.position().map(csv::Position::line);
            let header = &self.headers[column];
            let wanted = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
            let problem = format!("{header} = {text:?}: expected a value of type {wanted}");
            StoreError::malformed(self.path, line, problem)
        })
    }

    /// An error about a row.
    fn wrong(&self, row: &StringRecord, problem: String) -> StoreError {
        StoreError::malformed(self.path, row.position().map(csv::Position::line), problem)
    }

    fn key(&self, row: &StringRecord, columns: KeyColumns) -> Result<RunKey, StoreError> {
        let model: String = self.parse(row, columns.model)?;
        if !is_plain_name(&model) {
            let problem = format!("model = {model:?}: expected letters, digits, '-', '_' and '.' only");
            return Err(self.wrong(row, problem));
        }
        Ok(RunKey {
            model,
            condition: Condition {
                task_correlation: self.axis(row, columns.task_correlation)?,
                swept_value: columns.swept_value.map_or(Ok(None), |column| self.axis(row, column))?,
            },
            learning_rate: self.parse(row, columns.learning_rate)?,
            seed: self.parse(row, columns.seed)?,
        })
    }

    /// Value of an axis of the grid; none where the cell is empty.
    fn axis(&self, row: &StringRecord, column: usize) -> Result<Option<f64>, StoreError> {
        match row.get(column) {
            Some("") => Ok(None),
            _ => self.parse(row, column).map(Some),
        }
    }

    fn losses(&self, row: &StringRecord, columns: &[usize]) -> Result<Vec<f32>, StoreError> {
        columns.iter().map(|&column| self.parse(row, column)).collect()
    }
}

fn malformed(path: &Path, error: &csv::Error) -> StoreError {
    let line = error.position().map(csv::Position::line);
    StoreError::malformed(path, line, format!("is no table of this program: {error}"))
}

/// Runs of `runs.csv`, with the points that `curves.csv` and `gates.csv` have for them. Rows of those must
/// come in the order of the runs, as they are written.
pub fn read_runs(folder: &Path, vary: Option<Knob>) -> Result<Vec<RunRecord>, StoreError> {
    let path = folder.join("runs.csv");
    let mut table = Table::open(&path)?;
    let keys = table.key_columns(vary)?;
    let [status, steps] = [table.column("status")?, table.column("steps")?];
    let [label, parameters] = [table.column("label_correlation")?, table.column("parameters")?];
    let [engine, seconds] = [table.column("engine")?, table.column("seconds")?];
    let mut runs: Vec<RunRecord> = Vec::new();
    let mut seen = HashSet::new();
    let mut row = StringRecord::new();
    while table.next(&mut row)? {
        let status = match &row[status] {
            "finished" => Status::Finished,
            "diverged" => Status::Diverged,
            other => {
                let line = row.position().map(csv::Position::line);
                let problem = format!("status = {other:?}: expected finished or diverged");
                return Err(StoreError::malformed(&path, line, problem));
            }
        };
        let key = table.key(&row, keys)?;
        if !seen.insert(key.clone()) {
            return Err(table.wrong(&row, "is there twice: expected each run once".into()));
        }
        runs.push(RunRecord {
            key,
            status,
            steps: table.parse(&row, steps)?,
            label_correlation: table.parse(&row, label)?,
            parameters: table.parse(&row, parameters)?,
            engine: table.parse(&row, engine)?,
            seconds: table.parse(&row, seconds)?,
            curve: Vec::new(),
            gates: Vec::new(),
            scores: Vec::new(),
            funnel: Vec::new(),
            deciles: Vec::new(),
        });
    }
    read_curves(folder, vary, &mut runs)?;
    read_gates(folder, vary, &mut runs)?;
    read_scores(folder, &mut runs)?;
    read_tail(&folder.join("funnel.csv"), vary, &mut runs, |run| &mut run.funnel)?;
    read_tail(&folder.join("deciles.csv"), vary, &mut runs, |run| &mut run.deciles)?;
    Ok(runs)
}

/// The run that a row belongs to: the current one or a later one.
fn run_of<'r>(
    runs: &'r mut [RunRecord],
    current: &mut usize,
    key: &RunKey,
    path: &Path,
    row: &StringRecord,
) -> Result<&'r mut RunRecord, StoreError> {
    while *current < runs.len() && runs[*current].key != *key {
        *current += 1;
    }
    runs.get_mut(*current).ok_or_else(|| {
        let line = row.position().map(csv::Position::line);
        StoreError::malformed(path, line, format!("has a run that runs.csv does not have there: {key:?}"))
    })
}

fn read_curves(folder: &Path, vary: Option<Knob>, runs: &mut [RunRecord]) -> Result<(), StoreError> {
    let path = folder.join("curves.csv");
    let mut table = Table::open(&path)?;
    let keys = table.key_columns(vary)?;
    let step = table.column("step")?;
    let [train, held_out] = ["train_loss", "held_out_loss"].map(|prefix| table.task_columns(prefix));
    let mut row = StringRecord::new();
    let mut current = 0;
    while table.next(&mut row)? {
        let key = table.key(&row, keys)?;
        let point = CurvePoint {
            step: table.parse(&row, step)?,
            train_loss: table.losses(&row, &train)?,
            held_out_loss: table.losses(&row, &held_out)?,
        };
        let curve = &mut run_of(runs, &mut current, &key, &path, &row)?.curve;
        if curve.last().is_some_and(|last| last.step >= point.step) {
            return Err(
                table.wrong(&row, format!("step = {}: expected rising steps within a run", point.step))
            );
        }
        curve.push(point);
    }
    let steps = |run: &RunRecord| run.curve.iter().map(|point| point.step).collect::<Vec<_>>();
    check_steps(&path, runs.iter().map(|run| (run, steps(run))))
}

/// Refuses runs whose logged steps are not those of the others: a finished run has all of them, a diverged one the
/// first.
fn check_steps<'a>(
    path: &Path,
    runs: impl Iterator<Item = (&'a RunRecord, Vec<u64>)> + Clone,
) -> Result<(), StoreError> {
    let longest = runs.clone().map(|(_, steps)| steps).max_by_key(Vec::len).unwrap_or_default();
    for (run, steps) in runs {
        let whole = run.status == Status::Diverged || steps.len() == longest.len();
        if !(whole && longest.starts_with(&steps)) {
            let problem = format!("lacks steps of {:?} that other runs have", run.key);
            return Err(StoreError::malformed(path, None, problem));
        }
    }
    Ok(())
}

fn read_gates(folder: &Path, vary: Option<Knob>, runs: &mut [RunRecord]) -> Result<(), StoreError> {
    let path = folder.join("gates.csv");
    let mut table = Table::open(&path)?;
    let keys = table.key_columns(vary)?;
    let [step, task] = [table.column("step")?, table.column("task")?];
    let [weight, entropy] = [table.column("mean_weight")?, table.column("entropy")?];
    let expert = table.column("expert")?;
    let mut row = StringRecord::new();
    let mut current = 0;
    while table.next(&mut row)? {
        let key = table.key(&row, keys)?;
        let (step, task) = (table.parse(&row, step)?, table.parse(&row, task)?);
        let weight = table.parse(&row, weight)?;
        let entropy = table.parse(&row, entropy)?;
        let gates = &mut run_of(runs, &mut current, &key, &path, &row)?.gates;
        let expert: usize = table.parse(&row, expert)?;
        let expected = match gates.last_mut() {
            Some(gate) if gate.step == step && gate.task == task => {
                gate.mean_weight.push(weight);
                gate.mean_weight.len()
            }
            Some(gate) if (gate.step, gate.task) > (step, task) => {
                return Err(table.wrong(&row, "expected rising steps and tasks within a run".into()));
            }
            _ => {
                gates.push(GatePoint { step, task, mean_weight: vec![weight], entropy });
                1
            }
        };
        if expert != expected {
            return Err(table.wrong(&row, format!("expert = {expert}: expected {expected}")));
        }
    }
    check_gates(&path, runs)
}

/// Refuses gates that lack a task or an expert: all runs of a model have the same at every logged step.
fn check_gates(path: &Path, runs: &[RunRecord]) -> Result<(), StoreError> {
    let steps = |run: &RunRecord| {
        run.gates.chunk_by(|a, b| a.step == b.step).map(|points| points[0].step).collect::<Vec<_>>()
    };
    let models: HashSet<&str> = runs.iter().map(|run| run.key.model.as_str()).collect();
    for model in models {
        let of_model = runs.iter().filter(|run| run.key.model == model);
        check_steps(path, of_model.map(|run| (run, steps(run))))?;
    }
    let mut of_model: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    for run in runs {
        for points in run.gates.chunk_by(|a, b| a.step == b.step) {
            let gates: Vec<_> = points.iter().map(|point| (point.task, point.mean_weight.len())).collect();
            let expected = of_model.entry(&run.key.model).or_insert_with(|| gates.clone());
            if *expected != gates {
                let problem = format!(
                    "lacks or repeats rows of {:?} at step {}: other steps of {} have other tasks or experts",
                    run.key, points[0].step, run.key.model
                );
                return Err(StoreError::malformed(path, None, problem));
            }
        }
    }
    Ok(())
}

/// Scores of `scores.csv`, where there is one.
fn read_scores(folder: &Path, runs: &mut [RunRecord]) -> Result<(), StoreError> {
    #[derive(serde::Deserialize)]
    struct Row {
        model: String,
        learning_rate: f64,
        seed: u64,
        subset: Subset,
        task: usize,
        auc: f64,
        log_loss: f64,
        calibration_error: f64,
        mean_prediction: f64,
        positive_rate: f64,
    }
    let path = folder.join("scores.csv");
    let mut current = 0;
    for row in read_rows::<Row>(&path)? {
        let Row { model, learning_rate, seed, subset, task, auc, log_loss, .. } = row;
        let Row { calibration_error, mean_prediction, positive_rate, .. } = row;
        let key = RunKey { model, condition: Condition::default(), learning_rate, seed };
        let score = Score { subset, task, auc, log_loss, calibration_error, mean_prediction, positive_rate };
        run_of(runs, &mut current, &key, &path, &StringRecord::new())?.scores.push(score);
    }
    Ok(())
}

/// Records that a table has for each run beside the columns that name it; nothing where there is no such table.
fn read_tail<T: serde::de::DeserializeOwned>(
    path: &Path,
    vary: Option<Knob>,
    runs: &mut [RunRecord],
    records: fn(&mut RunRecord) -> &mut Vec<T>,
) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let mut table = Table::open(path)?;
    let keys = table.key_columns(vary)?;
    let headers = table.headers.clone();
    let (mut row, mut current) = (StringRecord::new(), 0);
    while table.next(&mut row)? {
        let key = table.key(&row, keys)?;
        let record = row.deserialize(Some(&headers)).map_err(|error| malformed(path, &error))?;
        records(run_of(runs, &mut current, &key, path, &row)?).push(record);
    }
    Ok(())
}

/// Rows of `labels.csv`.
pub fn read_labels(folder: &Path) -> Result<Vec<LabelRecord>, StoreError> {
    let path = folder.join("labels.csv");
    let mut table = Table::open(&path)?;
    let [p, seed, pair] = [table.column("task_correlation")?, table.column("seed")?, table.column("pair")?];
    let [points, label] = [table.column("points")?, table.column("label_correlation")?];
    let mut labels = Vec::new();
    let mut row = StringRecord::new();
    while table.next(&mut row)? {
        labels.push(LabelRecord {
            task_correlation: table.parse(&row, p)?,
            seed: table.parse(&row, seed)?,
            pair: table.parse(&row, pair)?,
            points: table.parse(&row, points)?,
            label_correlation: table.parse(&row, label)?,
        });
    }
    Ok(labels)
}
