//! The experiment at the settings of its axes.
//!
//! A *variant* is an experiment without axes: settings of equal data and training have one, whose models are the
//! different ones of these settings. So a size of one model concerns that model alone. The others have one entry, and
//! their runs one identity: they are trained once and stand in the tables at every setting.

use std::collections::HashMap;

use toml::Table;

use super::axis::{self, AxisValue, Setting};
use super::error::Mistake;
use super::overrides::related;
use super::schema::{Experiment, Grid, ModelSpec};
use super::section::Section;
use super::{data, models, train};
use crate::model::Problem;

/// The variants of an experiment; none where nothing varies.
#[derive(Debug, Clone, Default)]
pub(super) struct Variants {
    /// The experiments that are trained.
    pub experiments: Vec<Experiment>,
    /// Where every setting is trained, in the order of [`Grid::settings`].
    pub places: Vec<Place>,
}

/// Where the runs of a setting are trained.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Index of the variant.
    pub variant: usize,
    /// For every model of the grid, its index among the variant's.
    pub models: Vec<usize>,
}

impl Variants {
    /// Reads the experiment at every setting of its axes.
    pub fn read(base: &Experiment) -> Result<Self, Mistake> {
        if base.grid.axes.is_empty() {
            return Ok(Self::default());
        }
        let resolved = base.to_toml();
        let mut variants = Self::default();
        for setting in base.grid.settings() {
            let at = at(base, &resolved, &setting).map_err(|mistake| name_axis(mistake, &setting))?;
            variants.add(at);
        }
        Ok(variants)
    }

    fn add(&mut self, at: Experiment) {
        let same = |other: &Experiment| other.data == at.data && other.train == at.train;
        let Some(variant) = self.experiments.iter().position(same) else {
            let models = (0..at.models.len()).collect();
            self.places.push(Place { variant: self.experiments.len(), models });
            self.experiments.push(at);
            return;
        };
        let all = &mut self.experiments[variant].models;
        let index = |model: ModelSpec| {
            all.iter().position(|other| is_same(other, &model)).unwrap_or_else(|| {
                all.push(model);
                all.len() - 1
            })
        };
        let models = at.models.into_iter().map(index).collect();
        self.places.push(Place { variant, models });
    }

    /// Replaces the models of all variants, which are the same at every setting.
    pub fn set_models(&mut self, models: &[ModelSpec]) {
        self.experiments.iter_mut().for_each(|experiment| experiment.models = models.to_vec());
        self.places.iter_mut().for_each(|place| place.models = (0..models.len()).collect());
    }
}

/// Whether two models are one: their runs have the same name and result.
fn is_same(a: &ModelSpec, b: &ModelSpec) -> bool {
    a.name == b.name && a.sizes.table == b.sizes.table
}

/// The experiment at a setting: the resolved experiment with the values of the axes in place of its own.
fn at(base: &Experiment, resolved: &Table, setting: &Setting) -> Result<Experiment, Mistake> {
    let sections = ["data", "models", "train"].map(|key| (key.to_owned(), resolved[key].clone()));
    let mut table = Table::from_iter(sections);
    for (key, value) in setting.iter() {
        let axis = base.grid.axis(key).expect("settings are those of the axes");
        let index = axis.values.iter().position(|other| other == value).expect("it is one of them");
        axis::set(&mut table, &axis::parts(key, &base.grid.models), axis.toml[index].clone());
    }
    let mut root = Section::new("", table);
    let data = data::read(root.section("data")?)?;
    let problem = Problem { features: data.source().features(), tasks: data.source().tasks() };
    let mut specs = models::read(root.section("models")?, &base.grid.models, &data, problem)?;
    for (spec, own) in specs.iter_mut().zip(&base.models) {
        spec.title.clone_from(&own.title);
    }
    data::check(&data, &specs, problem, base.tune.is_some())?;
    let train = train::read(root.section("train")?, &specs, &data, problem)?;
    let grid = Grid { axes: Vec::new(), seeds: Vec::new(), ..base.grid.clone() };
    Ok(Experiment { data, models: specs, train, grid, variants: Variants::default(), ..base.clone() })
}

/// The mistake at a setting, at the axis whose key it is about; where it is about another key, with the whole setting.
fn name_axis(mistake: Mistake, setting: &Setting) -> Mistake {
    if let Some((key, _)) = setting.iter().find(|(key, _)| related(&mistake.key, key)) {
        return Mistake { key: axis::path(key), ..mistake };
    }
    let values: Vec<String> = setting.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Mistake { remedy: format!("{} (where grid.vary has {})", mistake.remedy, values.join(", ")), ..mistake }
}

impl Experiment {
    /// The variant at this index, which is an experiment without axes; the experiment itself where nothing varies.
    pub fn variant(&self, index: usize) -> &Self {
        self.variants.experiments.get(index).unwrap_or(self)
    }

    /// All variants; the experiment itself where nothing varies.
    pub fn variants(&self) -> &[Self] {
        match &self.variants.experiments[..] {
            [] => std::slice::from_ref(self),
            variants => variants,
        }
    }

    /// Where every setting is trained, in the order of [`Grid::settings`].
    pub(super) fn places(&self) -> Vec<Place> {
        match &self.variants.places[..] {
            [] => vec![Place { variant: 0, models: (0..self.models.len()).collect() }],
            places => places.to_vec(),
        }
    }

    /// The models at every setting.
    pub fn models_by_setting(&self) -> HashMap<Setting, Vec<&ModelSpec>> {
        let at = |place: &Place| {
            let variant = self.variant(place.variant);
            place.models.iter().map(|&model| &variant.models[model]).collect()
        };
        self.grid.settings().into_iter().zip(self.places().iter().map(at)).collect()
    }

    /// The experiment at a setting, as if nothing varied.
    pub fn at(&self, setting: &Setting) -> Self {
        let index = self.grid.settings().iter().position(|other| other == setting);
        let Some(place) = index.and_then(|index| self.variants.places.get(index)) else {
            return self.without_axes();
        };
        let variant = &self.variants.experiments[place.variant];
        let models = place.models.iter().map(|&model| variant.models[model].clone()).collect();
        let grid = Grid { axes: Vec::new(), ..self.grid.clone() };
        Self { models, grid, ..variant.clone() }
    }

    /// The experiment at its own values of the keys that vary.
    pub(super) fn without_axes(&self) -> Self {
        let grid = Grid { axes: Vec::new(), ..self.grid.clone() };
        Self { grid, variants: Variants::default(), ..self.clone() }
    }

    /// The setting that stands for a study where there is room for one. On every axis it has the experiment's own value of
    /// the key where that is among the values, else the middle one (of two, the first).
    pub fn base_setting(&self) -> Setting {
        let own = self.without_axes().to_toml();
        let value = |axis: &axis::Axis| {
            let parts = axis::parts(&axis.key, &self.grid.models);
            let own = axis::get(&own, &parts).and_then(AxisValue::from_toml);
            let own = own.filter(|own| axis.values.contains(own));
            own.unwrap_or_else(|| axis.values[(axis.values.len() - 1) / 2].clone())
        };
        Setting::new(self.grid.axes.iter().map(|axis| (axis.key.clone(), value(axis))))
    }
}
