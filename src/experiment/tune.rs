//! Tuning: sizes and learning rates chosen on validation rows, with the same budget for every model.
//!
//! `[tune]` lists the choices, for data with a validation set. Every model gets the same number of **trials**, which
//! are combinations drawn from its choices, and the trials climb the **rungs** of successive halving: each rung trains
//! them, ranks them within their model by the validation AUC of the main task, and promotes the best. A rung is an
//! experiment of its own, planned, trained, stored and resumed like any other. The winners become the models of the
//! reported experiment.

use toml::Value;

use super::error::Mistake;
use super::halving::{MOST_COMBINATIONS, Rung, drawn};
use super::limits::{LEARNING_RATE, MOST, MOST_RUNS};
use super::models::checked_sizes;
use super::schema::{Experiment, ModelSpec, Tune};
use super::section::{Section, whole};

/// One combination of the choices of a model.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Index of the model in the experiment.
    pub model: usize,
    /// Sizes and learning rate, under a name such as `mmoe.03`.
    pub spec: ModelSpec,
}

impl Trial {
    /// Its sizes as `key=value`, separated by spaces.
    pub fn sizes(&self) -> String {
        let sizes = self.spec.sizes.table.iter().map(|(key, value)| format!("{key}={value}"));
        sizes.collect::<Vec<_>>().join(" ")
    }
}

/// Keys of `[tune]`.
pub(super) const KEYS: &[&str] = &["trials", "draw", "learning_rates", "rungs", "models"];

impl Tune {
    /// Reads `[tune]`; none where it is missing.
    pub(super) fn read(mut section: Section, models: &[ModelSpec]) -> Result<Option<Self>, Mistake> {
        if section.names().is_empty() {
            return Ok(None);
        }
        let trials = section.whole("trials", whole(1..=10_000), None)? as usize;
        let draw = section.whole("draw", whole(0..=i64::MAX as u64), Some(0))?;
        let learning_rates = section.sorted_numbers("learning_rates", LEARNING_RATE, "learning rates")?;
        let rungs = rungs(&mut section, trials, models.len())?;
        let mut choices = section.section("models")?;
        let mut read = Vec::new();
        for name in choices.names() {
            if !models.iter().any(|model| model.name == name) {
                let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
                let remedy = format!("a model of grid.models: {}", names.join(", "));
                return Err(choices.mistake(&name, "…", remedy));
            }
            let mut sizes = choices.section(&name)?;
            let mut lists = Vec::new();
            for key in sizes.names() {
                match sizes.take(&key) {
                    Some(Value::Array(list)) if !list.is_empty() => lists.push((key, list)),
                    other => {
                        let other = other.map_or(String::new(), |value| value.to_string());
                        return Err(sizes.mistake(
                            &key,
                            other,
                            "a list of values to choose from, at least one",
                        ));
                    }
                }
            }
            read.push((name, lists));
        }
        section.finish(KEYS)?;
        let tune = Self { trials, draw, learning_rates, rungs, models: read };
        for (number, model) in models.iter().enumerate() {
            tune.trials_of(number, model)?;
        }
        Ok(Some(tune))
    }

    /// The choices of a model's sizes.
    fn choices(&self, model: &str) -> &[(String, Vec<Value>)] {
        self.models.iter().find(|(name, _)| name == model).map_or(&[], |(_, choices)| choices)
    }

    /// The trials of a model, drawn from its combinations without replacement.
    fn trials_of(&self, number: usize, model: &ModelSpec) -> Result<Vec<Trial>, Mistake> {
        let choices = self.choices(&model.name);
        let lengths = choices.iter().map(|(_, list)| list.len());
        let combinations = lengths.fold(self.learning_rates.len(), usize::saturating_mul);
        if combinations > MOST_COMBINATIONS {
            return Err(Mistake {
                key: format!("tune.models.{}", model.name),
                value: Some(format!("{combinations} combinations")),
                remedy: format!("expected at most {MOST_COMBINATIONS}, learning rates included"),
            });
        }
        if combinations < self.trials {
            return Err(Mistake {
                key: "tune.trials".into(),
                value: Some(self.trials.to_string()),
                remedy: format!(
                    "expected at most {combinations}, the number of combinations of {}; every model has the same \
                     budget",
                    model.name
                ),
            });
        }
        let digits = (self.trials - 1).to_string().len();
        let numbers = drawn(combinations, self.trials, &format!("{} {}", self.draw, model.name));
        let trial = |(index, mut combination): (usize, usize)| {
            let rate = self.learning_rates[combination % self.learning_rates.len()];
            combination /= self.learning_rates.len();
            let mut sizes = model.sizes.table.clone();
            for (key, list) in choices {
                sizes.insert(key.clone(), list[combination % list.len()].clone());
                combination /= list.len();
            }
            let name = format!("{}.{index:0digits$}", model.name);
            let title = format!("{} {index:0digits$}", model.title);
            let sizes = checked_sizes(model.architecture, sizes, &format!("tune.models.{}", model.name))?;
            let learning_rate = Some(rate);
            // Its sizes are those of the trial, whatever gave the model's own.
            let spec =
                ModelSpec { name, title, sizes, learning_rate, parameter_match: None, ..model.clone() };
            Ok(Trial { model: number, spec })
        };
        numbers.into_iter().enumerate().map(trial).collect()
    }
}

/// Reads `rungs` for `trials` trials of each of `models` models.
fn rungs(section: &mut Section, trials: usize, models: usize) -> Result<Vec<Rung>, Mistake> {
    let remedy = format!(
        "a list of {{ seeds = N, steps = N, keep = N }} whose keep falls from rung to rung and ends at 1, each with 1 to \
         {MOST_RUNS} runs and 1 to {MOST} steps"
    );
    let value = section.require("rungs", &remedy)?;
    let rungs: Option<Vec<Rung>> = value.clone().try_into().ok();
    let falls = |rungs: &Vec<Rung>| {
        let counts = std::iter::once(trials).chain(rungs.iter().map(|rung| rung.keep)).collect::<Vec<_>>();
        counts.is_sorted_by(|a, b| a >= b)
            && rungs.last().is_some_and(|rung| rung.keep == 1)
            && rungs.iter().all(|rung| rung.seeds > 0 && (1..=MOST).contains(&rung.steps))
            && counts
                .iter()
                .zip(rungs)
                .all(|(trials, rung)| rung.seeds.saturating_mul((trials * models) as u64) <= MOST_RUNS as u64)
    };
    rungs.filter(falls).ok_or_else(|| section.mistake("rungs", value, remedy))
}

impl Experiment {
    /// All trials of the first rung, model by model; empty without tuning.
    pub fn trials(&self) -> Vec<Trial> {
        let Some(tune) = &self.tune else { return Vec::new() };
        let trials_of =
            |(number, model)| tune.trials_of(number, model).expect("trials are checked when they are read");
        self.models.iter().enumerate().flat_map(trials_of).collect()
    }

    /// The experiment of a rung, counted from 1, with the trials that reached it.
    pub fn rung(&self, number: usize, rung: Rung, trials: &[Trial]) -> Self {
        let models: Vec<ModelSpec> = trials.iter().map(|trial| trial.spec.clone()).collect();
        let mut experiment = self.without_axes().with_models(models);
        experiment.name = format!("{}-rung-{number}", self.name);
        experiment.title = format!("{}: rung {number} of its tuning", self.title);
        experiment.grid.seeds = (0..rung.seeds).collect();
        experiment.train.steps = rung.steps;
        experiment
    }

    /// The experiment with each model replaced by its winner, under the model's name.
    pub fn tuned(&self, winners: &[Trial]) -> Self {
        // Without tuning, models keep the sizes that they have at each setting.
        if self.tune.is_none() {
            return self.clone();
        }
        let models = self.models.iter().enumerate().map(|(number, model)| {
            let winner = winners.iter().find(|trial| trial.model == number).map(|trial| trial.spec.clone());
            let winner = winner.unwrap_or_else(|| model.clone());
            ModelSpec { name: model.name.clone(), title: model.title.clone(), ..winner }
        });
        self.with_models(models.collect())
    }

    fn with_models(&self, models: Vec<ModelSpec>) -> Self {
        let mut experiment = self.clone();
        experiment.grid.models = models.iter().map(|model| model.name.clone()).collect();
        experiment.variants.set_models(&models);
        experiment.models = models;
        experiment.tune = None;
        experiment
    }
}
