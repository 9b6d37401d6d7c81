//! The network: towers over an embedded impression.

use candle_core::{Result, Tensor};

use super::{Method, TowersShape};
use crate::model::layout::{Layout, Parameter};
use crate::model::{Forward, Model, Parameters, layers};

/// Towers over one input, or each over its own.
pub(super) struct Network {
    method: Method,
    /// Whether all towers read the same embeddings.
    shared: bool,
    features: usize,
    hidden: Vec<usize>,
    layout: Layout,
}

/// Name of a parameter of hidden layer `layer`, from 1. It says `head` because first values are drawn by the name:
/// another one would change every result.
fn name(layer: usize, what: &str) -> String {
    format!("head.{layer}.{what}")
}

impl Network {
    /// Towers of these hidden units over `features` inputs.
    ///
    /// | name | shape |
    /// |---|---|
    /// | `head.<layer>.weight` | `[towers, inputs, units]` |
    /// | `head.<layer>.bias` | `[towers, units]` |
    /// | `output.weight` | `[towers, units]` |
    /// | `output.bias` | `[towers]` |
    pub fn new(features: usize, hidden: &[usize], method: Method, shared: bool) -> Self {
        let towers = method.towers();
        let mut parameters = Vec::new();
        let mut inputs = features;
        for (layer, &units) in (1..).zip(hidden) {
            parameters.push(Parameter::weight(
                name(layer, "weight"),
                &[towers, inputs, units],
                inputs,
                units,
            ));
            parameters.push(Parameter::bias(name(layer, "bias"), &[towers, units], inputs));
            inputs = units;
        }
        parameters.push(Parameter::output("output.weight", &[towers, inputs], inputs));
        parameters.push(Parameter::bias("output.bias", &[towers], inputs));
        Self { method, shared, features, hidden: hidden.to_vec(), layout: Layout::new(parameters) }
    }
}

impl Model for Network {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn tables(&self) -> usize {
        if self.shared { 1 } else { self.method.towers() }
    }

    fn method(&self) -> Option<Method> {
        Some(self.method)
    }

    fn towers(&self) -> Option<TowersShape> {
        Some(TowersShape {
            features: self.features,
            categorical: 0,
            vocabulary: 0,
            embedding_units: 0,
            tables: self.tables(),
            hidden: self.hidden.clone(),
            method: self.method,
        })
    }

    /// Logits of the towers for `x`, `[runs, batch, features]` or, where towers have embeddings of their own,
    /// `[runs, towers, batch, features]`.
    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let mut units = x.clone();
        for layer in 1..=self.hidden.len() {
            let weight = parameters.get(&name(layer, "weight"))?;
            units = parameters.kept(layers::tower(&units, weight, parameters.get(&name(layer, "bias"))?)?)?;
        }
        let output = (parameters.get("output.weight")?, parameters.get("output.bias")?);
        Ok(Forward { predictions: layers::output(&units, output.0, output.1)?, gates: None })
    }
}
