//! Samples of regression studies. Their losses look like the paper's: a fall to a level that depends on model and
//! task correlation, with some runs stuck far above it and some diverged.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{sample_experiment, sample_run, sample_study};
use crate::data::SyntheticSpec;
use crate::experiment::plan::RunKey;
use crate::experiment::{Experiment, ModelSpec};
use crate::record::{CurvePoint, GatePoint, LabelRecord, RunRecord, Status};
use crate::store::Study;

/// A sample of a regression study.
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
        let mut study = sample_study(self.experiment(), |spec, key| self.run(spec, key));
        study.labels = self.labels(study.experiment.data.synthetic().expect("generated"));
        study
    }

    /// The experiment, on fit B of the paper's Figure 2. A sample may be empty or have hostile names, which TOML may
    /// not, so the grid and the names of its models are set afterwards.
    fn experiment(&self) -> Experiment {
        let Self { title, pairs, steps, .. } = self;
        let keys: Vec<String> = (0..self.models.len()).map(|number| format!("model-{number}")).collect();
        let mut text = format!(
            "title = {title:?}\ndescription = \"A study that nobody trained.\"\n\
             [data]\nkind = \"synthetic\"\npairs = {pairs}\nscale = 0.557\n\
             alpha = [3.950, 5.190, 8.742, 10.954, 15.174]\nbeta = [1.672, 0.174, 3.024, 4.132, 1.019]\n\
             noise_std = 0.1\n\
             [grid]\nmodels = {keys:?}\ntask_correlations = [1]\nlearning_rates = [1]\nseeds = 1\n\
             [train]\nsteps = {steps}\nbatch_size = 512\nlog_every = {}\nlog_gates_every = {}\n\
             held_out_rows = 2048\n",
            steps / 100,
            steps / 10,
        );
        for (key, (_, architecture, sizes)) in keys.iter().zip(&self.models) {
            text += &format!("[models.{key}]\narchitecture = \"{architecture}\"\n{sizes}\n");
        }
        let mut experiment = sample_experiment(&text);
        for (spec, (name, architecture, _)) in experiment.models.iter_mut().zip(&self.models) {
            spec.name = name.to_string();
            spec.title = if name == architecture { spec.architecture.title } else { name }.to_string();
        }
        experiment.grid.models = experiment.models.iter().map(|spec| spec.name.clone()).collect();
        experiment.grid.task_correlations = self.correlations.clone();
        experiment.grid.learning_rates = self.learning_rates.clone();
        experiment.grid.seeds = (0..self.seeds).collect();
        experiment
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
                validation_loss: Vec::new(),
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
            label_correlation: Some(0.07 + 0.9 * task_correlation.powi(8)),
            status: if diverged { Status::Diverged } else { Status::Finished },
            steps,
            parameters: 15_000,
            seconds: 3.25,
            curve,
            gates,
            ..sample_run(key, "graph-cpu")
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
                    setting: Default::default(),
                    seed,
                    pair: 1,
                    points: 10_000,
                    label_correlation: Some(
                        data.label_correlation(task_correlation) + rng.random_range(-wobble..wobble),
                    ),
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
