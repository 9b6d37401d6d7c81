//! Architectures, one file each, in layers with a leading run axis.
//!
//! A model turns parameters and inputs into predictions. It knows nothing of optimisers or files. A file of an
//! architecture has three parts: sizes with their defaults, parameters with their shapes, and the forward pass. A line in
//! [`REGISTRY`] or [`towers::REGISTRY`] makes it known to experiments.
//!
//! A population of runs is one set of tensors, `[runs, shape…]` each. The [front page](crate) has a forward pass of two
//! runs of MMoE.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounds::{Bounds, Number};

mod cgc;
mod cross_stitch;
pub mod dropout;
pub mod embedded;
mod extraction;
pub mod initialise;
mod l2_constrained;
pub mod layers;
pub mod layout;
pub mod mixture;
mod mmoe;
mod mmoe_gate_dropout;
mod mmoe_top_k;
pub mod noise;
mod omoe;
pub mod ops;
mod ple;
mod shared_bottom;
mod single_task;
mod tensor_factorization;
pub mod towers;

pub use dropout::Dropout;
pub use layout::{Layout, Parameter, Role};
pub use mixture::{MixtureShape, Routing};
pub use noise::Noise;
pub use towers::TowersShape;

/// Every architecture that an experiment can name, in the order `sweep list` shows them.
pub static REGISTRY: &[Architecture] = &[
    single_task::ARCHITECTURE,
    shared_bottom::ARCHITECTURE,
    l2_constrained::ARCHITECTURE,
    cross_stitch::ARCHITECTURE,
    tensor_factorization::ARCHITECTURE,
    omoe::ARCHITECTURE,
    mmoe::ARCHITECTURE,
    mmoe_top_k::ARCHITECTURE,
    mmoe_gate_dropout::ARCHITECTURE,
    cgc::ARCHITECTURE,
    ple::ARCHITECTURE,
];

/// The architecture called `name`, of [`REGISTRY`] or [`towers::REGISTRY`].
pub fn architecture(name: &str) -> Option<&'static Architecture> {
    REGISTRY.iter().chain(towers::REGISTRY).find(|architecture| architecture.name == name)
}

/// Sizes of the inputs and outputs of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// Input features (d).
    pub features: usize,
    /// Tasks, each with one scalar label.
    pub tasks: usize,
}

/// A trainable architecture of fixed sizes.
pub trait Model: Send + Sync {
    /// Its parameters, in their fixed order.
    fn layout(&self) -> &Layout;

    /// Predictions of every run for inputs `x`: `[batch, features]`, the same for all runs, or
    /// `[runs, batch, features]`, every run its own.
    ///
    /// # Errors
    /// If shapes do not fit, or Candle fails on the device.
    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward>;

    /// The same while training, for a model that is trained with noise.
    ///
    /// # Errors
    /// If shapes do not fit, or Candle fails on the device.
    fn training_forward(&self, parameters: &Parameters, x: &Tensor, _noise: &Noise) -> Result<Forward> {
        self.forward(parameters, x)
    }

    /// A term of a run's objective beside its tasks' losses, `[runs]`: a function of the parameters only. It is trained
    /// on and never logged, so that losses of different models are the same quantity.
    ///
    /// # Errors
    /// If shapes do not fit, or Candle fails on the device.
    fn penalty(&self, _parameters: &Parameters) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// The method of learning conversions, where its predictions are the logits of [`towers::Method::towers`].
    fn method(&self) -> Option<towers::Method> {
        None
    }

    /// Tables of embeddings that it reads rows of words through; with more than one its inputs are
    /// `[runs, tables, batch, features]`.
    fn tables(&self) -> usize {
        1
    }

    /// The member of the mixture family that this model is, if it is one: the fused engine trains those.
    fn mixture(&self) -> Option<MixtureShape> {
        None
    }

    /// The embeddings and towers that this model consists of, if it does: the fused engine trains those too.
    fn towers(&self) -> Option<TowersShape> {
        None
    }
}

/// The result of a forward pass.
pub struct Forward {
    /// `[runs, tasks, batch]`; of every tower where conversions are learned.
    pub predictions: Tensor,
    /// Softmax weights of the gates, `[runs, gates, batch, experts]`; gates is 1 where all tasks share it.
    pub gates: Option<Tensor>,
}

/// The parameters of a population of runs, `[runs, shape…]` each, in layout order.
pub struct Parameters<'a> {
    layout: &'a Layout,
    tensors: &'a [Tensor],
    dropout: Option<&'a Dropout<'a>>,
}

impl<'a> Parameters<'a> {
    /// Tensors in the order of `layout`.
    pub fn new(layout: &'a Layout, tensors: &'a [Tensor]) -> Self {
        debug_assert_eq!(layout.parameters.len(), tensors.len());
        Self { layout, tensors, dropout: None }
    }

    /// The same for a training step in which hidden units are dropped.
    pub fn dropping(self, dropout: Option<&'a Dropout<'a>>) -> Self {
        Self { dropout, ..self }
    }

    /// The units of a hidden layer, `[runs, …, batch, units]`, of which a training step with dropout drops some.
    ///
    /// # Errors
    /// If Candle fails on the device.
    pub fn kept(&self, units: Tensor) -> Result<Tensor> {
        match self.dropout {
            Some(dropout) => dropout.apply(&units),
            None => Ok(units),
        }
    }

    /// The parameters of a part of the model, whose first is this model's `first`.
    fn part<'b>(&self, layout: &'b Layout, first: usize) -> Parameters<'b>
    where
        'a: 'b,
    {
        Parameters::new(layout, &self.tensors[first..]).dropping(self.dropout)
    }

    /// The tensor called `name`, `[runs, shape…]`.
    ///
    /// # Errors
    /// A name that the layout does not have.
    pub fn get(&self, name: &str) -> Result<&'a Tensor> {
        match self.layout.position(name) {
            Some(position) => Ok(&self.tensors[position]),
            None => candle_core::bail!("the model has no parameter {name:?}"),
        }
    }
}

/// Sizes of an architecture: what stands under `[models.<name>]`.
pub trait Configuration: Debug + Send + Sync {
    /// Refuses sizes that no network can have.
    ///
    /// # Errors
    /// The first such size, with the values that it may have.
    fn check(&self) -> std::result::Result<(), InvalidSize>;

    /// The network of these sizes for a problem.
    fn build(&self, problem: Problem) -> Box<dyn Model>;
}

/// A size that no network can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSize {
    /// Key within the model's table.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// The values that it may have.
    pub remedy: String,
}

impl InvalidSize {
    fn new(key: &'static str, value: impl ToString, remedy: impl ToString) -> Self {
        Self { key, value: value.to_string(), remedy: remedy.to_string() }
    }
}

/// Most units, experts, levels or ranks: with 100,000 inputs the parameters can still be counted.
const MOST: u64 = 1_000_000;
/// Numbers of units, experts, levels or ranks.
pub const SIZE: Bounds<u64> = Bounds::within(1, MOST);

/// Refuses a number of units, experts, levels or ranks outside [`SIZE`].
fn size(key: &'static str, value: usize) -> std::result::Result<(), InvalidSize> {
    within(key, value as u64, SIZE)
}

/// Refuses a number outside [`SIZE`] other than 0, for what an architecture can do without.
fn size_or_none(key: &'static str, value: usize) -> std::result::Result<(), InvalidSize> {
    within(key, value as u64, Bounds::within(0, MOST))
}

/// Refuses a value outside its bounds.
fn within<T: Number + ToString>(
    key: &'static str,
    value: T,
    bounds: Bounds<T>,
) -> std::result::Result<(), InvalidSize> {
    match bounds.contains(value) {
        true => Ok(()),
        false => Err(InvalidSize::new(key, value, bounds)),
    }
}

/// An entry of [`REGISTRY`].
pub struct Architecture {
    /// Name in experiment files and CSV columns.
    pub name: &'static str,
    /// Name in figures.
    pub title: &'static str,
    /// One line for `sweep list`.
    pub summary: &'static str,
    /// Paper and section that it comes from.
    pub source: &'static str,
    /// Colour in figures.
    pub colour: Colour,
    /// Its way of learning conversion; none where it does not.
    pub learning: Option<Learning>,
    /// The size that is changed to give a model another number of parameters: units of the first layer. Empty
    /// where it is a list.
    pub width: &'static str,
    /// Reads its sizes from a TOML table; keys that are not there take their defaults.
    pub parse: fn(toml::Table) -> std::result::Result<Sizes, toml::de::Error>,
}

impl Architecture {
    /// The default title of a model of this architecture: the architecture's where it has that name too, else its own name.
    pub fn title_of<'a>(&'a self, name: &'a str) -> &'a str {
        if name == self.name { self.title } else { name }
    }
}

/// An architecture's way of learning clicks and conversions, in words for tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learning {
    /// Embeddings of its towers.
    pub embeddings: &'static str,
    /// Rows and quantity that conversion is learned from.
    pub learned_from: &'static str,
}

/// Colours of architectures, which figures turn into pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "names of colours")]
pub enum Colour {
    Blue,
    Brown,
    Forest,
    Green,
    Grey,
    Indigo,
    Olive,
    Orange,
    Purple,
    SkyBlue,
    Vermilion,
    Wine,
}

impl Debug for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Sizes as read from an experiment: the configuration, and the table with every default filled in.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Builds the network.
    pub configuration: Arc<dyn Configuration>,
    /// All keys with their values: what `study.toml` shows and a run's identity contains.
    pub table: toml::Table,
}

/// Reads a configuration of type `C`; for [`Architecture::parse`].
fn parse<C>(table: toml::Table) -> std::result::Result<Sizes, toml::de::Error>
where
    C: Configuration + Serialize + DeserializeOwned + 'static,
{
    let configuration: C = table.try_into()?;
    let table = toml::Table::try_from(&configuration).expect("sizes are plain numbers");
    Ok(Sizes { configuration: Arc::new(configuration), table })
}
