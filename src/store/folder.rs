//! The folder of a study: finished groups, and the tables merged from them. A resumed sweep reads what is finished and
//! trains the rest, which `experiment::plan` knows.
//!
//! `groups/` holds one file for each finished group. A merge writes the CSV files and `manifest.json` from them, in the
//! order of the plan, so the same groups give the same bytes whatever the order of training and the number of
//! processes. Every sweep merges at its end, complete or not; a shard merges only when the whole plan is finished. A
//! merge reads the groups under a lock, so that tables never lose runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::manifest::{Manifest, Merged, Session, check_schema};
use super::{
    CURVES, ClassRecord, DataCheck, FINAL_GATES, GATES, LabelRecord, MEANS, RunRecord, StoreError, Study,
    TrialRecord, atomic, commands, csv, group_file, nearby, regular_file,
};
use crate::data::Task;
use crate::experiment::Experiment;
use crate::experiment::plan::{Group, Identity, Plan, PlannedRun};
use crate::record::GroupRecord;

/// A study's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// The contents of all group files.
#[derive(Default)]
pub struct Finished {
    /// Runs by identity.
    pub runs: HashMap<Identity, RunRecord>,
    /// Label measurements by identity.
    pub labels: HashMap<Identity, Vec<LabelRecord>>,
    /// Number of valid group files.
    pub groups: usize,
    /// Errors of invalid group files.
    pub damaged: Vec<StoreError>,
}

impl Finished {
    /// Whether the run or label measurement with this identity is finished.
    pub fn has(&self, identity: &Identity) -> bool {
        self.runs.contains_key(identity) || self.labels.contains_key(identity)
    }

    /// Removes and gives the runs of a plan, ordered as in the tables: by model, condition, learning rate and seed. Planned
    /// runs of one identity have equal results.
    fn take_runs(&mut self, plan: &Plan) -> Vec<RunRecord> {
        let mut planned: Vec<&PlannedRun> = plan.runs().collect();
        planned.sort_by_key(|run| (run.point, run.key.seed));
        let mut uses: HashMap<&Identity, usize> = HashMap::new();
        planned.iter().for_each(|run| *uses.entry(&run.identity).or_default() += 1);
        let mut take = |identity: &Identity| {
            let left = uses.get_mut(identity).expect("counted above");
            *left -= 1;
            if *left == 0 { self.runs.remove(identity) } else { self.runs.get(identity).cloned() }
        };
        // A model may have been renamed since it was trained.
        let named = |run: &PlannedRun, record| RunRecord { key: run.key.clone(), ..record };
        let runs = planned.iter();
        runs.filter_map(|run| take(&run.identity).map(|record| named(run, record))).collect()
    }

    /// Removes and gives the label measurements of a plan, ordered by task correlation, setting, seed and pair.
    fn take_labels(&mut self, plan: &Plan) -> Vec<LabelRecord> {
        let mut labels: Vec<(usize, LabelRecord)> = Vec::new();
        for group in &plan.groups {
            let measured = group.label_identity.as_ref().and_then(|identity| self.labels.remove(identity));
            for label in measured.into_iter().flatten() {
                let at = plan.labelled(group).iter().map(|(index, setting)| {
                    (*index, LabelRecord { setting: setting.clone(), ..label.clone() })
                });
                labels.extend(at);
            }
        }
        labels.sort_by(|(i, a), (j, b)| {
            let correlations = a.task_correlation.total_cmp(&b.task_correlation);
            correlations.then((i, a.seed, a.pair).cmp(&(j, b.seed, b.pair)))
        });
        labels.into_iter().map(|(_, label)| label).collect()
    }
}

impl Folder {
    /// The folder at `path`. Nothing is read or written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn groups(&self) -> PathBuf {
        self.path.join("groups")
    }

    /// Creates the folder and writes `study.toml`.
    ///
    /// # Errors
    /// The folder or file cannot be written, or `groups` is a link.
    pub fn create(&self, experiment: &Experiment) -> Result<(), StoreError> {
        self.create_within("groups")?;
        let mut table = toml::Table::new();
        table.insert("name".into(), experiment.name.clone().into());
        if !experiment.changed.is_empty() {
            table.insert("changed".into(), experiment.changed.clone().into());
        }
        table.extend(experiment.to_toml());
        let text = format!("# The resolved experiment of this study: every key with its value.\n{table}");
        atomic::write(&self.path.join("study.toml"), text.as_bytes())
    }

    /// Creates a folder within the study's folder and gives its path.
    ///
    /// # Errors
    /// It cannot be created, or it is a link, through which files would be written elsewhere.
    pub fn create_within(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.path.join(name);
        if path.is_symlink() {
            return Err(StoreError::Link { path });
        }
        std::fs::create_dir_all(&path).map_err(StoreError::io(&path, "create the folder"))?;
        Ok(path)
    }

    /// Whether the folder has a valid file of the group, from any process.
    pub fn has_group(&self, group: &Group) -> bool {
        group_file::read(&group_file::path(&self.groups(), &group.identity)).is_ok()
    }

    /// Writes the file of a finished group.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_group(&self, group: &Group, record: &GroupRecord) -> Result<(), StoreError> {
        group_file::write(&self.groups(), group, record)
    }

    /// Reads all group files, of any plan.
    ///
    /// # Errors
    /// The folder cannot be read. Invalid files are among the result.
    pub fn finished(&self) -> Result<Finished, StoreError> {
        let folder = self.groups();
        let mut finished = Finished::default();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(finished),
            Err(error) => return Err(StoreError::io(&folder, "read")(error)),
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
        let mut paths = paths.map_err(StoreError::io(&folder, "read"))?;
        let is_group = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "json")
                && path
                    .file_name()
                    .is_some_and(|name| !name.to_string_lossy().starts_with(atomic::UNFINISHED))
        };
        paths.retain(is_group);
        paths.sort();
        for path in paths {
            match group_file::read(&path) {
                Ok(found) => {
                    finished.groups += 1;
                    finished.runs.extend(found.runs.into_iter().zip(found.record.runs));
                    finished.labels.extend(found.labels.map(|labels| (labels, found.record.labels)));
                }
                Err(error) => finished.damaged.push(error),
            }
        }
        Ok(finished)
    }

    /// Refuses results of another schema, which training would replace by different ones.
    ///
    /// # Errors
    /// A group file or the manifest has another schema.
    pub fn check_schema(&self, finished: &Finished) -> Result<(), StoreError> {
        let other = finished.damaged.iter().find_map(StoreError::other_schema);
        other.map_or_else(|| self.check_schema_of_tables(), Err)
    }

    /// As [`Self::check_schema`], of the tables alone.
    fn check_schema_of_tables(&self) -> Result<(), StoreError> {
        let path = self.path.join("manifest.json");
        std::fs::read_to_string(&path).map_or(Ok(()), |text| check_schema(&path, &text))
    }

    /// Locks the folder against merges of other processes until the file is dropped. Some file systems have no locks;
    /// there, tables may lack finished runs until the next merge.
    fn lock(&self) -> Option<std::fs::File> {
        let path = self.groups().join(".lock");
        let file = std::fs::File::options().create(true).truncate(false).write(true).open(path).ok()?;
        file.lock().ok()?;
        Some(file)
    }

    /// Writes the tables and the manifest of the finished runs of the plan, and gives the study.
    ///
    /// # Errors
    /// The groups cannot be read or a file cannot be written.
    pub fn merge(
        &self,
        experiment: &Experiment,
        plan: &Plan,
        session: &Session,
    ) -> Result<Study, StoreError> {
        let _lock = self.lock();
        let finished = self.finished()?;
        self.write_study(experiment, plan, finished, session)
    }

    /// As [`Self::merge`] if the whole plan is finished, else none.
    ///
    /// # Errors
    /// As for [`Self::merge`].
    pub fn merge_if_complete(
        &self,
        experiment: &Experiment,
        plan: &Plan,
        session: &Session,
    ) -> Result<Option<Study>, StoreError> {
        let _lock = self.lock();
        let finished = self.finished()?;
        match plan.missing(experiment, |identity| finished.has(identity)).is_empty() {
            true => self.write_study(experiment, plan, finished, session).map(Some),
            false => Ok(None),
        }
    }

    /// As [`Self::merge`], in a process that trained nothing; `before` is the present manifest.
    pub(super) fn merge_again(
        &self,
        experiment: &Experiment,
        plan: &Plan,
        before: Option<Manifest>,
    ) -> Result<Study, StoreError> {
        let session = match before {
            Some(Manifest { command, threads, shards, .. }) => {
                let shards = (shards > 1).then_some(shards);
                Session { command, threads, resumed: true, shards, ..Session::default() }
            }
            None => Session { command: commands::resume(&self.path), ..Session::default() },
        };
        self.merge(experiment, plan, &session)
    }

    fn write_study(
        &self,
        experiment: &Experiment,
        plan: &Plan,
        mut finished: Finished,
        session: &Session,
    ) -> Result<Study, StoreError> {
        // Another version of this program may have finished meanwhile.
        self.check_schema_of_tables()?;
        let runs = finished.take_runs(plan);
        let labels = finished.take_labels(plan);
        // A process that did not read the rows keeps the tables of the one that did.
        let (classes, data_checks) = match &experiment.rows {
            None => (self.classes()?, self.data_checks()?),
            Some(rows) => (rows.classes(), rows.checks()),
        };
        if experiment.rows.is_some() {
            self.write_table("classes.csv", csv::rows_to_csv(&classes).as_bytes())?;
            self.write_table("data_checks.csv", csv::rows_to_csv(&data_checks).as_bytes())?;
        }
        let digest = self.write_tables(experiment, &runs, &labels)?;
        let before = match session.resumed {
            true => self.manifest().unwrap_or_default(),
            false => Manifest::default(),
        };
        let runs_planned = plan.runs().count();
        let merged = Merged { runs_planned, runs: &runs, groups: finished.groups, digest };
        let manifest = Manifest::new(merged, session, &before);
        let text = serde_json::to_string_pretty(&manifest).expect("manifests are plain data");
        self.write_table("manifest.json", format!("{text}\n").as_bytes())?;
        let (experiment, trials) = (experiment.clone(), self.trials()?);
        // Those of an earlier report belong to the tables that were replaced.
        self.remove_tables_of_report()?;
        let (means, missing_tables) = (Vec::new(), self.missing_tables());
        Ok(Study { experiment, manifest, runs, labels, classes, data_checks, trials, means, missing_tables })
    }

    /// Writes the CSV files and gives the digest of their contents without timings.
    fn write_tables(
        &self,
        experiment: &Experiment,
        runs: &[RunRecord],
        labels: &[LabelRecord],
    ) -> Result<String, StoreError> {
        let (tasks, axes) = (experiment.problem().tasks, &experiment.grid.axes[..]);
        let mut hasher = blake3::Hasher::new();
        hasher.update(csv::runs::to_csv(runs, axes, tasks, false).as_bytes());
        self.write_table("runs.csv", csv::runs::to_csv(runs, axes, tasks, true).as_bytes())?;
        let mut write = |name: &str, text: String| {
            hasher.update(text.as_bytes());
            self.write_table(name, text.as_bytes()).map(drop)
        };
        write(CURVES, csv::curves::to_csv(runs, axes, tasks))?;
        write(GATES, csv::gates::to_csv(runs, axes))?;
        match experiment.data.task() {
            Task::Regression => {}
            Task::Classification => write("scores.csv", csv::scores::to_csv(runs, axes))?,
            Task::Conversion => {
                write("funnel.csv", csv::funnel::to_csv(runs, axes))?;
                write("deciles.csv", csv::funnel::deciles_to_csv(runs, axes))?;
            }
        }
        write("labels.csv", csv::labels::to_csv(labels, axes))?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Writes [`MEANS`], and [`FINAL_GATES`] from [`GATES`]. Where the large tables are missing, these stand in for them, and
    /// stay as they are.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_tables_of_report(&self, study: &Study) -> Result<(), StoreError> {
        let axes = &study.experiment.grid.axes[..];
        if study.has_curves() && study.has_gates() && !study.means.is_empty() {
            self.write_table(MEANS, csv::means::to_csv(&study.means, axes).as_bytes())?;
        }
        if study.has_gates() {
            self.write_table(FINAL_GATES, csv::gates::final_to_csv(&study.runs, axes).as_bytes())?;
        }
        Ok(())
    }

    /// Removes the tables that [`Self::write_tables_of_report`] writes.
    fn remove_tables_of_report(&self) -> Result<(), StoreError> {
        for path in [MEANS, FINAL_GATES].map(|name| self.path.join(name)) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::io(&path, "remove")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The tables that may be missing and are.
    pub(super) fn missing_tables(&self) -> Vec<&'static str> {
        [CURVES, GATES, FINAL_GATES].into_iter().filter(|name| !self.path.join(name).exists()).collect()
    }

    /// Records of `classes.csv`; empty where there is no such file.
    fn classes(&self) -> Result<Vec<ClassRecord>, StoreError> {
        csv::read_rows(&self.path.join("classes.csv"))
    }

    /// Records of `data_checks.csv`; empty where there is no such file.
    fn data_checks(&self) -> Result<Vec<DataCheck>, StoreError> {
        csv::read_rows(&self.path.join("data_checks.csv"))
    }

    /// Records of `tuning.csv`; empty where there is no such file.
    ///
    /// # Errors
    /// The file cannot be read or has an invalid row.
    pub fn trials(&self) -> Result<Vec<TrialRecord>, StoreError> {
        csv::read_rows(&self.path.join("tuning.csv"))
    }

    /// Writes `tuning.csv`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_trials(&self, trials: &[TrialRecord]) -> Result<(), StoreError> {
        self.write_table("tuning.csv", csv::rows_to_csv(trials).as_bytes()).map(drop)
    }

    /// Writes a file of the study and gives its path.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_table(&self, name: &str, content: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.path.join(name);
        atomic::write(&path, content)?;
        Ok(path)
    }

    /// Removes the group files of a study that will not be resumed; its tables stay.
    ///
    /// # Errors
    /// The files cannot be removed.
    pub fn remove_groups(&self) -> Result<(), StoreError> {
        let groups = self.groups();
        std::fs::remove_dir_all(&groups).map_err(StoreError::io(&groups, "remove"))
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// The file is missing, cannot be read or is invalid.
    pub fn manifest(&self) -> Result<Manifest, StoreError> {
        let path = self.path.join("manifest.json");
        if !path.exists() && self.path.join("study.toml").is_file() {
            return Err(StoreError::NoTables { path: self.path.clone(), missing: "manifest.json" });
        }
        let text = std::io::read_to_string(regular_file(&path)?).map_err(StoreError::io(&path, "read"))?;
        serde_json::from_str(&text).map_err(|error| {
            if let Err(other) = check_schema(&path, &text) {
                return other;
            }
            let line = error.line() as u64;
            StoreError::malformed(&path, Some(line), format!("is not a manifest of this program: {error}"))
        })
    }

    /// Reads `study.toml`.
    ///
    /// # Errors
    /// The file is missing, cannot be read or is invalid.
    pub fn experiment(&self) -> Result<Experiment, StoreError> {
        let path = self.path.join("study.toml");
        if !path.is_file() {
            return Err(nearby::no_study(&self.path));
        }
        // Another version has keys that this one does not know.
        crate::experiment::load::load(&path, &[]).map_err(|error| match self.manifest() {
            Ok(Manifest { version, .. }) if version != env!("CARGO_PKG_VERSION") => {
                StoreError::Version { version, source: error }
            }
            Err(other @ StoreError::Schema { .. }) => other,
            _ => error.into(),
        })
    }

    /// Reads the study from its CSV files, `study.toml` and `manifest.json`. Without [`CURVES`] a finished run has the last
    /// point of its curve only, from `runs.csv`; without [`GATES`] it has the gate statistics of [`FINAL_GATES`], if any.
    ///
    /// # Errors
    /// A file is missing, cannot be read or is invalid, or the study is still being tuned.
    pub fn read(&self) -> Result<Study, StoreError> {
        let experiment = self.experiment()?;
        if experiment.tune.is_some() {
            return Err(StoreError::BeingTuned { path: self.path.clone() });
        }
        let axes = &experiment.grid.axes[..];
        let missing_tables = self.missing_tables();
        let stand_in = missing_tables.iter().any(|name| [CURVES, GATES].contains(name));
        let means = match stand_in && self.path.join(MEANS).exists() {
            true => csv::means::read(&self.path, axes)?,
            false => Vec::new(),
        };
        Ok(Study {
            runs: csv::read_runs(&self.path, axes)?,
            means,
            missing_tables,
            manifest: self.manifest()?,
            labels: csv::labels::read(&self.path, axes)?,
            experiment,
            classes: self.classes()?,
            data_checks: self.data_checks()?,
            trials: self.trials()?,
        })
    }
}
