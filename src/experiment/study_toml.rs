//! `study.toml`: an experiment with every default filled in.

use serde::Serialize;
use toml::{Table, Value};

use super::axis::Axis;
use super::halving::Rung;
use super::schema::{Experiment, Tune};

impl Experiment {
    /// The contents of `study.toml`. Reading them gives the same experiment.
    pub fn to_toml(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("title".into(), self.title.clone().into());
        table.insert("description".into(), self.description.clone().into());
        let source = self.data.source();
        let mut data = source.table();
        data.insert("kind".into(), source.kind().into());
        table.insert("data".into(), data.into());
        let mut grid = section(&self.grid);
        let axes = &self.grid.axes;
        if !axes.is_empty() {
            let lists =
                axes.iter().map(|Axis { key, toml, .. }| (key.to_string(), Value::Array(toml.clone())));
            grid.insert("vary".into(), Value::Table(lists.collect()));
        }
        table.insert("grid".into(), grid.into());
        table.insert("train".into(), section(&self.train).into());
        let models: toml::Table = self
            .models
            .iter()
            .map(|model| {
                let mut sizes = model.sizes.table.clone();
                sizes.insert("architecture".into(), model.architecture.name.into());
                if model.title != model.architecture.title_of(&model.name) {
                    sizes.insert("title".into(), model.title.clone().into());
                }
                // Where keys vary, the width may be another at every setting.
                if let Some(request) = model.parameter_match.as_ref().filter(|_| !axes.is_empty()) {
                    request.write(model.architecture, &mut sizes);
                }
                sizes.extend(model.learning_rate.map(|rate| ("learning_rate".to_string(), rate.into())));
                (model.name.clone(), sizes.into())
            })
            .collect();
        table.insert("models".into(), models.into());
        table.insert("report".into(), section(&self.report).into());
        if let Some(tune) = &self.tune {
            table.insert("tune".into(), tune.to_toml().into());
        }
        table
    }
}

impl Tune {
    /// The section `[tune]`.
    pub(super) fn to_toml(&self) -> Table {
        let mut table = Table::new();
        table.insert("trials".into(), (self.trials as i64).into());
        table.insert("draw".into(), (self.draw as i64).into());
        table.insert("learning_rates".into(), self.learning_rates.clone().into());
        let rung = |rung: &Rung| Value::try_from(rung).expect("rungs are numbers");
        table.insert("rungs".into(), Value::Array(self.rungs.iter().map(rung).collect()));
        let models = self.models.iter().map(|(name, choices)| {
            let lists = choices.iter().map(|(key, list)| (key.clone(), Value::Array(list.clone())));
            (name.clone(), Value::Table(lists.collect()))
        });
        table.insert("models".into(), Value::Table(models.collect()));
        table
    }
}

/// A section of an experiment as a TOML table.
fn section(fields: &impl Serialize) -> toml::Table {
    toml::Table::try_from(fields).expect("sections hold numbers, strings and lists")
}
