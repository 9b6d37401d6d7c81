//! Studies that nobody trained, for the tests of what is drawn and told of studies.
//!
//! The losses are made up to look like the paper's: a fall to a level that depends on model and correlation,
//! some runs stuck far above it, some diverged.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{CurvePoint, GatePoint, LabelRecord, Manifest, RunRecord, Status, Study};
use crate::data::DataSpec;
use crate::data::{SyntheticSpec, TrainingSet};
use crate::experiment::plan::RunKey;
use crate::experiment::{Condition, DeviceChoice, EngineChoice, Experiment, Grid, ModelSpec, Train};
use crate::model::architecture;
use crate::model::initialise::Init;

/// What the sample looks like.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Name, architecture and sizes in TOML.
    pub models: Vec<(&'static str, &'static str, &'static str)>,
    pub correlations: Vec<f64>,
    pub learning_rates: Vec<f64>,
    pub seeds: u64,
    pub steps: u64,
    pub pairs: usize,
    /// Of every cell's runs, the first so many diverged.
    pub diverged: usize,
    /// Factor of all losses.
    pub loss_scale: f64,
    /// Title and description.
    pub title: &'static str,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            models: vec![("shared_bottom", "shared_bottom", ""), ("omoe", "omoe", ""), ("mmoe", "mmoe", "")],
            correlations: vec![0.5, 0.9, 1.0],
            learning_rates: vec![0.001, 0.01],
            seeds: 8,
            steps: 1_000,
            pairs: 1,
            diverged: 0,
            loss_scale: 1.0,
            title: "Loss curves of three models",
        }
    }
}

impl Sample {
    pub fn study(&self) -> Study {
        let experiment = self.experiment();
        let mut runs = Vec::new();
        for model in &experiment.models {
            for &task_correlation in &self.correlations {
                for &learning_rate in &self.learning_rates {
                    for seed in 0..self.seeds {
                        let key = RunKey {
                            model: model.name.clone(),
                            condition: Condition {
                                task_correlation: Some(task_correlation),
                                swept_value: None,
                            },
                            learning_rate,
                            seed,
                        };
                        runs.push(self.run(model, key));
                    }
                }
            }
        }
        let diverged = runs.iter().filter(|run| run.status == Status::Diverged).count();
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
            runs_diverged: diverged,
            groups: self.seeds as usize,
            wall_seconds: 5_025.0,
            cpu_seconds: 9_870.0,
            peak_memory_bytes: 412 << 20,
            digest: "0f".repeat(32),
        };
        let labels = self.labels(experiment.data.synthetic().expect("generated"));
        Study { experiment, manifest, runs, labels, classes: Vec::new(), trials: Vec::new() }
    }

    fn experiment(&self) -> Experiment {
        let models: Vec<ModelSpec> = self
            .models
            .iter()
            .map(|&(name, kind, sizes)| {
                let architecture = architecture(kind).expect("samples name architectures that exist");
                let sizes = (architecture.parse)(sizes.parse().unwrap()).unwrap();
                let title = if name == kind { architecture.title } else { name };
                ModelSpec { name: name.into(), title: title.into(), architecture, sizes, learning_rate: None }
            })
            .collect();
        Experiment {
            name: "sample".into(),
            title: self.title.into(),
            description: "A study that nobody trained.".into(),
            data: DataSpec::Synthetic(data(self.pairs)),
            rows: None,
            grid: Grid {
                models: models.iter().map(|model| model.name.clone()).collect(),
                task_correlations: self.correlations.clone(),
                sweep: None,
                learning_rates: self.learning_rates.clone(),
                seeds: (0..self.seeds).collect(),
            },
            models,
            train: Train {
                steps: self.steps,
                batch_size: 512,
                log_every: self.steps / 100,
                log_gates_every: self.steps / 10,
                init: Init::TruncatedNormalFanIn,
                engine: EngineChoice::Auto,
                device: DeviceChoice::Cpu,
                held_out_rows: 2_048,
            },
            tune: None,
            report: Default::default(),
        }
    }

    fn run(&self, model: &ModelSpec, key: RunKey) -> RunRecord {
        let architecture = model.architecture.name;
        let task_correlation = key.condition.task_correlation.expect("set above");
        let mut rng = StdRng::seed_from_u64(
            key.seed * 7_919 + (task_correlation * 1e3) as u64 + architecture.len() as u64 * 31,
        );
        let apart = (1.0 - task_correlation).min(1.0);
        let (level, stuck) = match architecture {
            "shared_bottom" => (0.17 + 0.05 * apart, 0.15 + 0.3 * apart),
            "omoe" => (0.06 + 0.09 * apart, 0.02 + 0.2 * apart),
            "mmoe" => (0.055 + 0.02 * apart, 0.04),
            _ => (0.12, 0.1),
        };
        let slow = (0.01 / key.learning_rate).sqrt();
        let end = if rng.random_bool(stuck) {
            rng.random_range(0.3..0.5)
        } else {
            level * rng.random_range(0.6..1.4) * slow.sqrt()
        };
        let pace = self.steps as f64 / 9.0 * slow;
        let task_noise: Vec<f64> = (0..2 * self.pairs).map(|_| rng.random_range(0.97..1.03)).collect();
        let diverged = (key.seed as usize) < self.diverged;
        let steps = if diverged { self.steps / 3 } else { self.steps };
        let losses = |step: u64, noise: f64| -> Vec<f32> {
            let fall = 0.7 * (-(step as f64) / pace).exp() + 0.3 * (-(step as f64) / pace / 12.0).exp();
            let loss = (end + (1.08 - end) * fall) * noise * self.loss_scale;
            task_noise.iter().map(|task| (loss * task) as f32).collect()
        };
        let curve = (0..=steps)
            .step_by((self.steps / 100) as usize)
            .map(|step| CurvePoint {
                step,
                train_loss: losses(step, rng.random_range(0.9..1.1)),
                held_out_loss: losses(step, 1.0),
            })
            .collect();
        let experts =
            model.sizes.table.get("experts").and_then(toml::Value::as_integer).unwrap_or(0) as usize;
        let gates = (0..=steps)
            .step_by((self.steps / 10) as usize)
            .flat_map(|step| {
                gate_points(step, 2 * self.pairs, experts, architecture == "omoe", apart, &mut rng)
            })
            .collect();
        RunRecord {
            label_correlation: 0.07 + 0.9 * task_correlation.powi(8),
            key,
            status: if diverged { Status::Diverged } else { Status::Finished },
            steps,
            parameters: 15_000,
            engine: "graph-cpu".into(),
            seconds: 3.25,
            curve,
            gates,
            scores: Vec::new(),
            funnel: Vec::new(),
            deciles: Vec::new(),
        }
    }

    fn labels(&self, data: &SyntheticSpec) -> Vec<LabelRecord> {
        let mut rng = StdRng::seed_from_u64(3);
        let mut labels = Vec::new();
        for &task_correlation in &self.correlations {
            for seed in 0..self.seeds {
                let wobble = 0.02 * (1.0 - task_correlation * task_correlation).max(0.005);
                labels.push(LabelRecord {
                    task_correlation,
                    seed,
                    pair: 1,
                    points: 10_000,
                    label_correlation: data.label_correlation(task_correlation)
                        + rng.random_range(-wobble..wobble),
                });
            }
        }
        labels
    }
}

/// Mean weights of every task's gate at one step; nothing without experts.
fn gate_points(
    step: u64,
    tasks: usize,
    experts: usize,
    one_gate: bool,
    apart: f64,
    rng: &mut StdRng,
) -> Vec<GatePoint> {
    if experts == 0 {
        return Vec::new();
    }
    let mut draw = |base: &[f64], spread: f64| -> Vec<f64> {
        base.iter().map(|logit| logit + rng.random_range(-spread..=spread)).collect()
    };
    let common = draw(&vec![0.0; experts], 1.5);
    (1..=tasks)
        .map(|task| {
            let logits = draw(&common, if one_gate { 0.0 } else { 2.0 * apart });
            let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
            let weights: Vec<f64> = logits.iter().map(|logit| logit.exp() / total).collect();
            let entropy = -weights.iter().map(|w| w * w.ln()).sum::<f64>();
            GatePoint {
                step,
                task,
                mean_weight: weights.iter().map(|&w| w as f32).collect(),
                entropy: entropy as f32,
            }
        })
        .collect()
}

/// Fit B of the paper's Figure 2.
fn data(pairs: usize) -> SyntheticSpec {
    SyntheticSpec {
        dim: 100,
        pairs,
        scale: 0.557,
        alpha: vec![3.950, 5.190, 8.742, 10.954, 15.174],
        beta: vec![1.672, 0.174, 3.024, 4.132, 1.019],
        noise_std: 0.1,
        standardise_labels: true,
        source: TrainingSet::Fresh,
        label_points: 10_000,
    }
}
