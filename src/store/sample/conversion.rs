//! Samples of conversion studies. Their scores look like the papers': a model of clicked impressions alone ranks a
//! little worse and overestimates, the more so the stronger the selection; ratios leave 0 to 1.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{sample_experiment, sample_run, sample_study};
use crate::experiment::AxisValue;
use crate::experiment::plan::RunKey;
use crate::record::{ConversionScore, CurvePoint, Decile, RunRecord, Space, Status, Target};
use crate::store::Study;

/// A sample of a conversion study.
#[derive(Debug, Clone)]
pub(crate) struct FunnelSample {
    /// Names of architectures.
    pub models: Vec<&'static str>,
    pub correlations: Vec<f64>,
    pub vary: Option<(&'static str, Vec<f64>)>,
    pub learning_rates: Vec<f64>,
    pub seeds: u64,
    /// Of every cell's runs, the first so many diverged.
    pub diverged: u64,
    pub title: &'static str,
}

impl Default for FunnelSample {
    fn default() -> Self {
        Self {
            models: vec!["base", "aman", "oversampling", "unbias", "division", "esmm_ns", "esmm"],
            correlations: vec![0.5],
            vary: None,
            learning_rates: vec![0.001],
            seeds: 8,
            diverged: 0,
            title: "ESMM and its competitors",
        }
    }
}

/// Invented traits of a model.
struct Character {
    /// Difference of its AUCs from BASE's.
    gain: f64,
    /// Relative bias of pCVR on all impressions at a selection of 1.5.
    bias: f64,
    /// Share of predictions above 1.
    above_one: f64,
}

fn character(architecture: &str) -> Character {
    let (gain, bias, above_one) = match architecture {
        "base" => (0.0, 0.35, 0.0),
        "aman" => (-0.008, -0.75, 0.0),
        "oversampling" => (0.003, 1.9, 0.0),
        "unbias" => (0.006, 0.18, 0.0),
        "division" => (0.01, 0.6, 0.004),
        "esmm_ns" => (0.02, 0.12, 0.0),
        "esmm" => (0.027, 0.09, 0.0),
        "escm2_ipw" => (0.028, 0.03, 0.0),
        "escm2_dr" => (0.026, 0.02, 0.0),
        "delayed_feedback" => (0.001, 0.1, 0.0),
        "fake_negative_weighted" => (0.0, 0.15, 0.0),
        _ => (0.025, 0.1, 0.0),
    };
    Character { gain, bias, above_one }
}

impl FunnelSample {
    /// Every architecture there is.
    pub fn all_models() -> Vec<&'static str> {
        crate::model::towers::REGISTRY.iter().map(|architecture| architecture.name).collect()
    }

    pub fn study(&self) -> Study {
        let experiment = sample_experiment(&self.experiment());
        sample_study(experiment, |_, key| self.run(key))
    }

    /// The experiment in TOML.
    fn experiment(&self) -> String {
        let varied =
            self.vary.as_ref().map_or(String::new(), |(key, values)| format!("vary.{key:?} = {values:?}\n"));
        format!(
            "title = {:?}\ndescription = \"A study that nobody trained.\"\n\
             [data]\nkind = \"funnel\"\ntraining_impressions = 20_000\nfields = 3\nwords = 50\nnumbers = 5\n\
             click_rate = 0.04\nconversion_rate = 0.1\nselection = 1.5\nsignal = 1.5\nembedding_units = 4\n\
             [grid]\nmodels = {:?}\ntask_correlations = {:?}\nlearning_rates = {:?}\nseeds = {}\n{varied}\
             [train]\nsteps = 400\nbatch_size = 1024\nlog_every = 100\nheld_out_rows = 1000\n",
            self.title, self.models, self.correlations, self.learning_rates, self.seeds,
        )
    }

    fn run(&self, key: RunKey) -> RunRecord {
        let at = |axis: &str| key.condition.setting.get(axis).and_then(AxisValue::number);
        let varied = self.vary.as_ref().and_then(|(axis, _)| at(axis));
        let mut rng = StdRng::seed_from_u64(
            key.seed * 7_919 + key.model.len() as u64 * 31 + varied.unwrap_or(f64::NAN).to_bits(),
        );
        // The effect of a seed's impressions on all models, and that of a run alone.
        let common = StdRng::seed_from_u64(key.seed).random_range(-0.01..0.01);
        let mut own = |size: f64| rng.random_range(-size..size);
        let Character { gain, bias, above_one } = character(&key.model);
        let (selection, share) = (at("data.selection").unwrap_or(1.5), at("data.share").unwrap_or(1.0));
        let delay = at("data.mean_delay").unwrap_or(0.0);
        // BASE and its like never see conversions that are late.
        let missing = match key.model.as_str() {
            "delayed_feedback" => 0.1,
            "fake_negative_weighted" => 1.0,
            _ => 1.0,
        };
        let fewer = (1.0 - missing * delay / 3.0) * (1.0 + own(0.02));
        let ratio = (1.0 + bias * selection / 1.5) * fewer;
        let gain = gain * (1.0 - share.log10()) + 0.01 * share.log10();
        let worse = 1.0 + own(0.05);
        let score = |target, space, truth: f64, auc: f64, ratio: f64, above_one: f64| ConversionScore {
            target,
            space,
            auc: Some(auc + common),
            log_loss: Some(2.5 * truth * worse),
            calibration_error: Some(truth * (ratio - 1.0).abs() + 0.001),
            absolute_error: Some(truth * (0.3 * worse + (ratio - 1.0).abs())),
            mean_prediction: Some(truth * ratio),
            mean_truth: Some(truth),
            above_one: Some(above_one),
        };
        let noise = own(0.004);
        let funnel = vec![
            score(Target::Click, Space::All, 0.04, 0.78, 1.0, 0.0),
            score(Target::Conversion, Space::Clicked, 0.1, 0.7 + gain + noise, fewer, 0.0),
            score(Target::Conversion, Space::All, 0.07, 0.68 + 1.2 * gain + noise, ratio, above_one),
            score(Target::ClickAndConversion, Space::All, 0.004, 0.8 + gain + own(0.004), fewer, 0.0),
        ];
        let decile = |decile: usize| {
            let up = decile as f64 / 10.0;
            Decile {
                decile,
                mean_ctr: Some(0.001 * (4.0 * up).exp()),
                mean_prediction: Some((0.03 + 0.1 * up) * (1.0 + (ratio - 1.0) * (1.3 - up))),
                mean_truth: Some(0.03 + 0.1 * up),
            }
        };
        let diverged = key.seed < self.diverged;
        let point = |step: u64| {
            let loss = |level: f64| (level * (1.0 + 2.0 * (-(step as f64) / 80.0).exp()) * worse) as f32;
            CurvePoint {
                step,
                train_loss: vec![loss(0.15), loss(0.025)],
                held_out_loss: vec![loss(0.151), loss(0.026)],
                validation_loss: Vec::new(),
            }
        };
        let run = RunRecord {
            status: if diverged { Status::Diverged } else { Status::Finished },
            steps: if diverged { 100 } else { 400 },
            label_correlation: Some(0.3),
            parameters: 5_000,
            seconds: 2.0,
            curve: (0..=if diverged { 1 } else { 4 }).map(|i| point(100 * i)).collect(),
            ..sample_run(key, "fused-cpu")
        };
        match diverged {
            true => run,
            false => RunRecord { conversion_scores: funnel, deciles: (1..=10).map(decile).collect(), ..run },
        }
    }
}
