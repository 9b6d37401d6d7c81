//! Sample studies for tests of analysis, figures and report. Their records are invented and resemble those of trained
//! studies.

mod conversion;
mod regression;

use super::{Manifest, RunRecord, Status, Study};
use crate::experiment::plan::RunKey;
use crate::experiment::{Experiment, ModelSpec, load};

pub(crate) use conversion::FunnelSample;
pub(crate) use regression::Sample;

/// The experiment of a sample, from TOML.
fn sample_experiment(text: &str) -> Experiment {
    load::parse("sample", "sample.toml", text, &[]).expect("the sample is an experiment")
}

/// The study of an experiment, with an invented record of every run.
fn sample_study(experiment: Experiment, record: impl Fn(&ModelSpec, RunKey) -> RunRecord) -> Study {
    let grid = &experiment.grid;
    let mut runs = Vec::new();
    for spec in &experiment.models {
        for condition in grid.conditions() {
            for &learning_rate in &grid.learning_rates {
                let condition = condition.clone();
                let key = |&seed| RunKey {
                    model: spec.name.clone(),
                    condition: condition.clone(),
                    learning_rate,
                    seed,
                };
                runs.extend(grid.seeds.iter().map(|seed| record(spec, key(seed))));
            }
        }
    }
    let manifest = Manifest {
        schema: 1,
        version: "0.1.0".into(),
        commit: Some("0123abc".into()),
        command: "sweep run experiments/sample.toml".into(),
        cpu: "Sample CPU @ 2.00GHz".into(),
        cpu_features: vec!["avx2".into(), "fma".into()],
        threads: 2,
        shards: 1,
        runs_planned: runs.len(),
        runs_done: runs.len(),
        runs_diverged: runs.iter().filter(|run| run.status == Status::Diverged).count(),
        groups: grid.seeds.len(),
        wall_seconds: 5_025.0,
        cpu_seconds: 9_870.0,
        peak_memory_bytes: 412 << 20,
        digest: "0f".repeat(32),
    };
    Study {
        experiment,
        manifest,
        runs,
        labels: Vec::new(),
        classes: Vec::new(),
        data_checks: Vec::new(),
        trials: Vec::new(),
        means: Vec::new(),
        missing_tables: Vec::new(),
    }
}

/// A finished run without results.
fn sample_run(key: RunKey, engine: &str) -> RunRecord {
    RunRecord { label_correlation: Some(0.0), ..RunRecord::new(key, 0, engine.into()) }
}
