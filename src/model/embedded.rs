//! Any architecture behind embeddings: how a network reads rows of words and numbers.
//!
//! The words of a row are row numbers of one table, learned with the rest; their embeddings and the row's
//! numbers side by side are the input of the architecture, which knows nothing of it:
//!
//! ```text
//! x' = (E[word₁], …, E[word_c], number₁, …, number_n)        y = architecture(x')
//! ```
//!
//! A word that no training row has reads as zeros, as an unknown number reads as the mean. A network of several
//! parts that share nothing has a table for each of them ([`Model::tables`]).

use candle_core::{DType, Result, Tensor};

use super::layout::{Layout, Parameter};
use super::{Forward, Model, Noise, Objective, Parameters, ops};

/// A network with a table of embeddings before it.
pub struct Embedded {
    /// Columns of a row that are words.
    columns: usize,
    network: Box<dyn Model>,
    layout: Layout,
}

impl Embedded {
    /// `network` behind a table of `words` rows of `units` for each of its parts; the first `columns` of its
    /// inputs are words. A table's values start with variance 1/`fan_in`: 1 makes words weigh as the standardised
    /// numbers beside them.
    pub fn new(columns: usize, words: usize, units: usize, fan_in: usize, network: Box<dyn Model>) -> Self {
        let shape = [network.tables(), words, units];
        let shape = if network.tables() == 1 { &shape[1..] } else { &shape };
        let table = Parameter::weight("embedding.weight", shape, fan_in, units);
        let parameters = std::iter::once(table).chain(network.layout().parameters.iter().cloned());
        Self { columns, layout: Layout::new(parameters.collect()), network }
    }

    /// x' of every run, `[runs, batch, width]`, or `[runs, tables, batch, width]` where there are several tables;
    /// x is `[batch, columns + numbers]`, the table `[runs, words, units]` or `[runs, tables, words, units]`.
    fn embed(&self, x: &Tensor, table: &Tensor) -> Result<Tensor> {
        if let Ok((runs, tables, words, units)) = table.dims4() {
            let embedded = self.embed(x, &table.reshape((runs * tables, words, units))?)?;
            let (_, batch, width) = embedded.dims3()?;
            return embedded.reshape((runs, tables, batch, width));
        }
        if ops::fit(&[x, table]) {
            return ops::embedding::embedding(x, table, self.columns);
        }
        let (batch, features) = x.dims2()?;
        let (runs, _, units) = table.dims3()?;
        let numbers = features - self.columns;
        // One more row, for all words beyond the table.
        let table = table.pad_with_zeros(1, 0, 1)?;
        let codes = x.narrow(1, 0, self.columns)?.contiguous()?.flatten_all()?.to_dtype(DType::U32)?;
        let words = table.index_select(&codes, 1)?.reshape((runs, batch, self.columns * units))?;
        let numbers = x.narrow(1, self.columns, numbers)?.broadcast_as((runs, batch, numbers))?;
        Tensor::cat(&[words, numbers.contiguous()?], 2)
    }
}

impl Model for Embedded {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Predictions of every run for rows `x`, `[batch, columns + numbers]`.
    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let embedded = self.embed(x, parameters.get("embedding.weight")?)?;
        self.network.forward(&parameters.of(self.network.layout(), 1), &embedded)
    }

    fn training_forward(&self, parameters: &Parameters, x: &Tensor, noise: &Noise) -> Result<Forward> {
        let embedded = self.embed(x, parameters.get("embedding.weight")?)?;
        self.network.training_forward(&parameters.of(self.network.layout(), 1), &embedded, noise)
    }

    fn objective(&self) -> Objective {
        self.network.objective()
    }

    fn penalty(&self, parameters: &Parameters) -> Result<Option<Tensor>> {
        self.network.penalty(&parameters.of(self.network.layout(), 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Problem, architecture};
    use candle_core::{Device, Var};

    fn embedded() -> Embedded {
        let mmoe = architecture("mmoe").unwrap();
        let sizes = (mmoe.parse)("experts = 3\nexpert_units = 4\ntower_units = 2".parse().unwrap()).unwrap();
        // Three words of two units and two numbers.
        let network = sizes.configuration.build(Problem { features: 8, tasks: 2 });
        Embedded::new(3, 5, 2, 1, network)
    }

    /// x' and the gradient of the table in a precision.
    fn of(dtype: DType) -> Result<(Vec<f64>, Vec<f64>)> {
        // The word 5 is beyond the table of five; words come more than once.
        let rows = [0., 3., 4., 0.5, -1., 1., 3., 5., 0., 2., 0., 3., 2., 1., 1., 5., 5., 5., 0., 0.];
        let x = Tensor::from_slice(&rows, (4, 5), &Device::Cpu)?.to_dtype(dtype)?;
        let values: Vec<f64> = (0..20).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let table = Var::from_tensor(&Tensor::from_vec(values, (2, 5, 2), &Device::Cpu)?.to_dtype(dtype)?)?;
        let y = embedded().embed(&x, &table)?;
        assert_eq!(y.dims(), [2, 4, 8]);
        let scale = Tensor::arange(0.0, 64.0, &Device::Cpu)?.reshape((2, 4, 8))?.to_dtype(dtype)?;
        let gradients = (&y * scale)?.sum_all()?.backward()?;
        let numbers = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        Ok((numbers(&y)?, numbers(gradients.get(&table).expect("of the table"))?))
    }

    #[test]
    fn the_operation_agrees_with_plain_operations() -> Result<()> {
        let ((custom, custom_table), (plain, plain_table)) = (of(DType::F32)?, of(DType::F64)?);
        for (custom, plain) in custom.iter().chain(&custom_table).zip(plain.iter().chain(&plain_table)) {
            assert!((custom - plain).abs() < 1e-5 * (1.0 + plain.abs()), "{custom} and {plain}");
        }
        // The last row's words are all beyond the table, in both runs.
        assert_eq!(custom[24..32], [0.0; 8]);
        Ok(())
    }

    #[test]
    fn the_network_reads_its_own_parameters() -> Result<()> {
        let model = embedded();
        let names: Vec<_> = model.layout().parameters.iter().take(2).map(|p| p.name.clone()).collect();
        assert_eq!(names, ["embedding.weight", "expert.weight"]);
        let tensors = model.layout().parameters.iter().map(|p| {
            let shape: Vec<usize> = std::iter::once(2).chain(p.shape.iter().copied()).collect();
            Tensor::full(0.1f32, shape, &Device::Cpu)
        });
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let x = Tensor::zeros((4, 5), DType::F32, &Device::Cpu)?;
        let forward = model.forward(&Parameters::new(model.layout(), &tensors), &x)?;
        assert_eq!(forward.predictions.dims(), [2, 2, 4]);
        assert_eq!(forward.gates.expect("of MMoE").dims(), [2, 2, 4, 3]);
        Ok(())
    }
}
