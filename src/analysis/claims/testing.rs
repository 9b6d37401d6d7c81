//! Studies made by hand, for the tests of the claims.

use super::{Contender, paper, test_all};
use crate::analysis::statistics::rank::ranks;
use crate::data::DataSpec;
use crate::data::synthetic::{Source, SyntheticSpec};
use crate::experiment::plan::RunKey;
use crate::experiment::{Condition, DeviceChoice, EngineChoice, Experiment, Grid, ModelSpec, Train};
use crate::model::initialise::Init;
use crate::model::{REGISTRY, architecture};
use crate::store::{CurvePoint, Manifest, RunRecord, Status, Study};

/// A number from −1 to 1 that looks random, the same for equal `seed`s (SplitMix64).
pub(crate) fn noise(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// A study of the paper's three models whose final losses are `loss(model, task correlation, seed)`; none
/// for a run that diverged.
pub(crate) fn study(
    task_correlations: &[f64],
    seeds: u64,
    loss: impl Fn(Contender, f64, u64) -> Option<f64>,
) -> Study {
    let mut runs = Vec::new();
    for model in Contender::ALL {
        for &p in task_correlations {
            runs.extend((0..seeds).map(|seed| run(model, p, seed, loss(model, p, seed))));
        }
    }
    let experiment = experiment(task_correlations, seeds);
    Study {
        experiment,
        manifest: Manifest::default(),
        runs,
        labels: Vec::new(),
        classes: Vec::new(),
        trials: Vec::new(),
    }
}

fn run(model: Contender, task_correlation: f64, seed: u64, loss: Option<f64>) -> RunRecord {
    let losses = vec![loss.unwrap_or(f64::NAN) as f32; 2];
    RunRecord {
        key: RunKey {
            model: model.architecture().into(),
            condition: Condition { task_correlation: Some(task_correlation), swept_value: None },
            learning_rate: 0.01,
            seed,
        },
        status: if loss.is_some() { Status::Finished } else { Status::Diverged },
        steps: 100,
        label_correlation: task_correlation.powi(2) + 0.01 * noise(seed),
        parameters: 1,
        engine: "by-hand".into(),
        seconds: 0.0,
        curve: vec![CurvePoint { step: 100, train_loss: losses.clone(), held_out_loss: losses }],
        gates: Vec::new(),
        scores: Vec::new(),
        funnel: Vec::new(),
        deciles: Vec::new(),
    }
}

fn experiment(task_correlations: &[f64], seeds: u64) -> Experiment {
    let spec = |model: Contender| {
        let architecture = architecture(model.architecture()).expect("registered");
        let sizes = (architecture.parse)(toml::Table::new()).expect("defaults");
        let (name, title) = (architecture.name.into(), architecture.title.into());
        ModelSpec { name, title, architecture, sizes, learning_rate: None }
    };
    assert!(REGISTRY.len() >= Contender::ALL.len());
    Experiment {
        name: "by-hand".into(),
        title: String::new(),
        description: String::new(),
        data: DataSpec::Synthetic(SyntheticSpec {
            dim: 4,
            pairs: 1,
            scale: 1.0,
            alpha: vec![1.0],
            beta: vec![0.0],
            noise_std: 0.1,
            standardise_labels: true,
            source: Source::Fresh,
            label_points: 10,
        }),
        opened: crate::data::Opened::Generated,
        grid: Grid {
            models: Contender::ALL.map(|model| model.architecture().to_string()).to_vec(),
            task_correlations: task_correlations.to_vec(),
            sweep: None,
            learning_rates: vec![0.01],
            seeds: (0..seeds).collect(),
        },
        models: Contender::ALL.map(spec).to_vec(),
        train: Train {
            steps: 100,
            batch_size: 1,
            log_every: 100,
            log_gates_every: 100,
            init: Init::TruncatedNormalFanIn,
            engine: EngineChoice::Auto,
            device: DeviceChoice::Cpu,
            held_out_rows: 1,
        },
        tune: None,
        report: Default::default(),
    }
}

/// The runs of Figure 5 as a study: 200 a cell, in an order of their own for each cell.
pub(crate) fn figure_five() -> Study {
    study(&[0.5, 0.9, 1.0], 200, |model, p, seed| {
        let losses = paper::final_losses(model, p)?;
        let order =
            ranks(&(0..200).map(|s| noise(s ^ p.to_bits() ^ ((model as u64) << 20))).collect::<Vec<_>>());
        Some(losses[order[seed as usize] as usize - 1])
    })
}

/// Asserts the verdict on one claim, and shows its parts where it is another.
#[track_caller]
pub(crate) fn check(number: usize, verdict: &str, study: &Study) {
    let result = test_all(study).swap_remove(number - 1);
    assert_eq!(result.verdict.as_str(), verdict, "{result:#?}");
}
