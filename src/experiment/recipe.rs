//! What plain training is changed by: decay of weights, a schedule of the learning rate, clipping of gradients,
//! dropout of units, and the choice of a step on validation rows.

use std::f64::consts::PI;

use indicatif::HumanCount;
use serde::{Serialize, Serializer};
use toml::Value;

use super::error::Mistake;
use super::limits::MOST;
use super::section::{Section, whole};

/// Changes of plain Adam. The default changes nothing; what is not changed is not part of a run's identity.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Recipe {
    /// Decoupled decay λ of all parameters (AdamW): a step takes the learning rate times λ of them away.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight_decay: f64,
    /// The learning rate as a function of the step.
    #[serde(skip_serializing_if = "Schedule::is_constant")]
    pub schedule: Schedule,
    /// Largest norm of a run's gradient, over all its parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Share of hidden units that a training step does without.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropout: f64,
    /// Rows on which a run's step is chosen; 0 where the last step counts.
    #[serde(skip_serializing_if = "is_none")]
    pub validation_rows: usize,
    /// Where training ends before its last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

impl Recipe {
    /// The changes in words, one phrase each; empty for plain training.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.weight_decay > 0.0 {
            words.push(format!("decoupled weight decay of {}", self.weight_decay));
        }
        let warmup = match self.schedule.warmup {
            0 => String::new(),
            steps => format!(" after a linear warm-up of {steps} steps"),
        };
        match self.schedule.decay {
            Decay::Constant if warmup.is_empty() => {}
            Decay::Constant => words.push(format!("a constant learning rate{warmup}")),
            Decay::Cosine => words.push(format!("a learning rate that falls to 0 along a cosine{warmup}")),
            Decay::Step { every, factor } => {
                words.push(format!("a learning rate multiplied by {factor} every {every} steps{warmup}"));
            }
        }
        words.extend(self.clip_norm.map(|limit| format!("gradients clipped to a norm of {limit}")));
        if self.dropout > 0.0 {
            words.push(format!("dropout of {} of the hidden units", self.dropout));
        }
        words
    }

    /// How a run's step is chosen and when it stops early, in sentences that begin small and have no full stop; empty without
    /// validation rows.
    pub fn selection(&self) -> Vec<String> {
        if self.validation_rows == 0 {
            return Vec::new();
        }
        let loss = match self.stop.map_or(StopOn::Mean, |stop| stop.on) {
            StopOn::Mean => "mean loss".to_owned(),
            StopOn::Task(task) => format!("loss of task {task}"),
        };
        let rows = HumanCount(self.validation_rows as u64);
        let best = format!(
            "losses and scores are those of the logged step with the lowest {loss} on {rows} validation rows"
        );
        let ends = self.stop.map(|Stop { patience, .. }| match patience {
            1 => "a run ends at the first logged step without a lower one".to_owned(),
            steps => format!("a run ends after {steps} logged steps without a lower one"),
        });
        std::iter::once(best).chain(ends).collect()
    }
}

/// Early stopping: a run ends when its validation loss has not fallen for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Logged losses in a row that are not below the lowest before a run ends.
    pub patience: u64,
    /// The loss.
    pub on: StopOn,
}

/// The validation loss that a step is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StopOn {
    /// The mean over tasks.
    #[default]
    Mean,
    /// That of one task, from 1.
    Task(usize),
}

/// `"validation"` or the number of a task, as in an experiment file.
impl Serialize for StopOn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Mean => serializer.serialize_str("validation"),
            Self::Task(task) => serializer.serialize_u64(task as u64),
        }
    }
}

impl StopOn {
    /// The loss of a run with these losses, `[tasks]`.
    pub fn loss(self, losses: &[f32]) -> f64 {
        match self {
            Self::Mean => losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64,
            Self::Task(task) => losses[task - 1].into(),
        }
    }
}

/// Whether a key has its default and is left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Whether there are no rows.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(rows: &usize) -> bool {
    *rows == 0
}

/// The learning rate as a function of the step: a linear warm-up, then a decay.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Schedule {
    /// The decay after the warm-up.
    #[serde(flatten)]
    pub decay: Decay,
    /// Steps of the warm-up, in which the rate rises in equal parts to its full height; 0 for none.
    pub warmup: u64,
}

/// A decay of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decay {
    /// None.
    #[default]
    Constant,
    /// Half a cosine, from the full rate after the warm-up to 0 after the last step.
    Cosine,
    /// The rate is multiplied by a factor every so many steps.
    Step {
        /// Steps between two changes.
        every: u64,
        /// The factor.
        factor: f64,
    },
}

impl Schedule {
    /// Whether every step has the full rate.
    pub fn is_constant(&self) -> bool {
        *self == Self::default()
    }

    /// The share of the full rate at step `t`, counted from 1, of `steps`.
    pub fn factor(&self, t: u64, steps: u64) -> f64 {
        if t <= self.warmup {
            return t as f64 / self.warmup as f64;
        }
        // Steps that were taken since the warm-up.
        let taken = (t - 1 - self.warmup) as f64;
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Cosine => {
                let all = steps.saturating_sub(self.warmup).max(1) as f64;
                0.5 * (1.0 + (PI * (taken / all).min(1.0)).cos())
            }
            Decay::Step { every, factor } => factor.powf((taken / every as f64).floor()),
        }
    }
}

/// Reads the keys of a recipe from `[train]`.
pub(super) fn read(section: &mut Section, steps: u64, tasks: usize) -> Result<Recipe, Mistake> {
    let weight_decay = section.number("weight_decay", 0.0..=1e3, Some(0.0))?;
    let schedule = schedule(section, steps)?;
    let clip_norm = match section.has("clip_norm") {
        false => None,
        true => Some(section.number("clip_norm", 1e-6..=1e6, None)?),
    };
    let dropout = section.number("dropout", 0.0..=0.95, Some(0.0))?;
    let stop = stop(section, tasks)?;
    // What is stopped on validation rows needs some.
    let (least, rows) = if stop.is_some() { (1, 1024) } else { (0, 0) };
    let validation_rows = section.whole("validation_rows", whole(least..=1_000_000), Some(rows))? as usize;
    Ok(Recipe { weight_decay, schedule, clip_norm, dropout, validation_rows, stop })
}

/// Reads `stop`.
fn stop(section: &mut Section, tasks: usize) -> Result<Option<Stop>, Mistake> {
    let mut table = match section.take("stop") {
        None => return Ok(None),
        Some(Value::Table(table)) => Section::new("train.stop", table),
        Some(other) => {
            return Err(section.mistake("stop", other, "a table such as { patience = 10 }"));
        }
    };
    let patience = table.whole("patience", whole(1..=MOST), None)?;
    let on = match table.take("on") {
        None => StopOn::Mean,
        Some(Value::String(word)) if word == "validation" => StopOn::Mean,
        Some(Value::Integer(task)) if (1..=tasks as i64).contains(&task) => StopOn::Task(task as usize),
        Some(other) => {
            let remedy = format!(
                "\"validation\" (the mean loss of the tasks on validation rows) or the number of a task, 1 to {tasks}"
            );
            return Err(table.mistake("on", other, remedy));
        }
    };
    table.finish(&["patience", "on"])?;
    Ok(Some(Stop { patience, on }))
}

/// Reads `schedule`: a word, or a table with the numbers of a schedule.
fn schedule(section: &mut Section, steps: u64) -> Result<Schedule, Mistake> {
    const KINDS: [(&str, Decay); 3] = [
        ("constant", Decay::Constant),
        ("cosine", Decay::Cosine),
        ("step", Decay::Step { every: 0, factor: 0.1 }),
    ];
    let remedy = "\"constant\", \"cosine\" or a table such as { kind = \"step\", every = 1000, factor = 0.1, \
                  warmup = 100 }";
    let mut table = match section.take("schedule") {
        None => return Ok(Schedule::default()),
        Some(Value::String(kind)) if ["constant", "cosine"].contains(&kind.as_str()) => {
            Section::new("train.schedule", [("kind".to_string(), Value::String(kind))].into_iter().collect())
        }
        Some(Value::Table(table)) => Section::new("train.schedule", table),
        Some(other) => return Err(section.mistake("schedule", other, remedy)),
    };
    let mut decay = table.word("kind", &KINDS, Some(Decay::Constant))?;
    let mut keys = vec!["kind", "warmup"];
    if let Decay::Step { every, factor } = &mut decay {
        *every = table.whole("every", whole(1..=MOST), None)?;
        *factor = table.number("factor", 0.0..=1.0, Some(*factor))?;
        keys.extend(["every", "factor"]);
    }
    let warmup = table.whole("warmup", whole(0..=MOST), Some(0))?;
    if warmup >= steps && warmup > 0 {
        return Err(table.mistake("warmup", warmup, format!("fewer than train.steps, which is {steps}")));
    }
    table.finish(&keys)?;
    Ok(Schedule { decay, warmup })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(decay: Decay, warmup: u64) -> Vec<f64> {
        (1..=8).map(|t| Schedule { decay, warmup }.factor(t, 8)).collect()
    }

    #[test]
    fn schedules_have_the_factors_of_their_definitions() {
        assert_eq!(factors(Decay::Constant, 0), [1.0; 8]);
        assert_eq!(factors(Decay::Constant, 4), [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(
            factors(Decay::Step { every: 3, factor: 0.5 }, 0),
            [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]
        );
        assert_eq!(
            factors(Decay::Step { every: 3, factor: 0.5 }, 2),
            [0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
        );
        // cos 0, π/4, π/2 and 3π/4 after a warm-up of four steps.
        let root = 0.5f64.sqrt();
        let expected = [0.25, 0.5, 0.75, 1.0, 1.0, 0.5 * (1.0 + root), 0.5, 0.5 * (1.0 - root)];
        for (factor, expected) in factors(Decay::Cosine, 4).iter().zip(expected) {
            assert!((factor - expected).abs() < 1e-15, "{factor} and {expected}");
        }
    }

    #[test]
    fn what_is_not_changed_is_left_out_of_an_identity() {
        assert_eq!(serde_json::to_string(&Recipe::default()).unwrap(), "{}");
        let schedule = Schedule { decay: Decay::Step { every: 5, factor: 0.1 }, warmup: 2 };
        let stop = Some(Stop { patience: 3, on: StopOn::Mean });
        let recipe = Recipe {
            weight_decay: 0.01,
            schedule,
            clip_norm: Some(1.0),
            dropout: 0.2,
            validation_rows: 50,
            stop,
        };
        assert_eq!(
            recipe.words(),
            [
                "decoupled weight decay of 0.01",
                "a learning rate multiplied by 0.1 every 5 steps after a linear warm-up of 2 steps",
                "gradients clipped to a norm of 1",
                "dropout of 0.2 of the hidden units",
            ]
        );
        assert!(Recipe::default().words().is_empty());
        assert_eq!(
            recipe.selection(),
            [
                "losses and scores are those of the logged step with the lowest mean loss on 50 validation rows",
                "a run ends after 3 logged steps without a lower one",
            ]
        );
        let on_task = Recipe {
            validation_rows: 50_000,
            stop: Some(Stop { patience: 1, on: StopOn::Task(2) }),
            ..Recipe::default()
        };
        assert_eq!(
            on_task.selection(),
            [
                "losses and scores are those of the logged step with the lowest loss of task 2 on 50,000 validation rows",
                "a run ends at the first logged step without a lower one",
            ]
        );
        assert!(Recipe::default().selection().is_empty());
        assert_eq!(
            serde_json::to_string(&recipe).unwrap(),
            concat!(
                r#"{"weight_decay":0.01,"schedule":{"kind":"step","every":5,"factor":0.1,"warmup":2},"#,
                r#""clip_norm":1.0,"dropout":0.2,"validation_rows":50,"stop":{"patience":3,"on":"validation"}}"#
            )
        );
    }
}
