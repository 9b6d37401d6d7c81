//! Any architecture behind embeddings: how a network reads categorical and numeric features.
//!
//! A categorical value is a row number of a table, which is learned with the rest. The embeddings of a row and its
//! numeric features side by side are the input of the architecture:
//!
//! ```text
//! x' = (E[value₁], …, E[value_c], number₁, …, number_n)        y = architecture(x')
//! ```
//!
//! A value that no training row has reads as zeros, as an unknown number reads as the mean. A network of several
//! parts that share nothing has a table for each of them ([`Model::tables`]).

use candle_core::{D, DType, Result, Tensor};

use super::layout::{Layout, Parameter};
use super::{Forward, Model, Noise, Parameters, TowersShape, ops};
use crate::model::towers::Method;

/// A network with a table of embeddings before it.
pub struct Embedded {
    /// Categorical features of a row, its first columns.
    categorical: usize,
    network: Box<dyn Model>,
    layout: Layout,
}

impl Embedded {
    /// `network` behind a table of embeddings, `[vocabulary, units]`, for each of its parts. The first `categorical`
    /// columns of a row are looked up. A table's values start with variance 1/`fan_in`: with 1 an embedding weighs as
    /// much as the standardised numeric features beside it.
    pub fn new(
        categorical: usize,
        vocabulary: usize,
        units: usize,
        fan_in: usize,
        network: Box<dyn Model>,
    ) -> Self {
        let shape = [network.tables(), vocabulary, units];
        let shape = if network.tables() == 1 { &shape[1..] } else { &shape };
        let table = Parameter::embedding("embedding.weight", shape, fan_in, units);
        let parameters = std::iter::once(table).chain(network.layout().parameters.iter().cloned());
        Self { categorical, layout: Layout::new(parameters.collect()), network }
    }

    /// x' of every run, `[runs, batch, width]`, or `[runs, tables, batch, width]` where there are several tables;
    /// x is `[batch, categorical + numeric]`, or every run's own, `[runs, batch, categorical + numeric]`; the table
    /// `[runs, vocabulary, units]` or `[runs, tables, vocabulary, units]`.
    fn embed(&self, x: &Tensor, table: &Tensor) -> Result<Tensor> {
        if let Ok((runs, tables, vocabulary, units)) = table.dims4() {
            let x = match *x.dims() {
                [_, batch, features] => x
                    .unsqueeze(1)?
                    .broadcast_as((runs, tables, batch, features))?
                    .reshape((runs * tables, batch, features))?,
                _ => x.clone(),
            };
            let embedded = self.embed(&x, &table.reshape((runs * tables, vocabulary, units))?)?;
            let (_, batch, width) = embedded.dims3()?;
            return embedded.reshape((runs, tables, batch, width));
        }
        if ops::fit(&[x, table]) {
            return ops::embedding::embedding(x, table, self.categorical);
        }
        #[cfg(feature = "cuda")]
        if ops::gpu::fit(&[x, table]) {
            return ops::gpu::embedding(x, table, self.categorical);
        }
        let (runs, vocabulary, units) = table.dims3()?;
        let (batch, features) = (x.dim(D::Minus2)?, x.dim(D::Minus1)?);
        let x = x.broadcast_as((runs, batch, features))?;
        // One more row, for all values beyond the table; then the tables of all runs below one another.
        let tables = table.pad_with_zeros(1, 0, 1)?.flatten_to(1)?;
        let first: Vec<u32> = (0..runs).map(|run| (run * (vocabulary + 1)) as u32).collect();
        let first = Tensor::from_vec(first, (runs, 1, 1), x.device())?;
        let codes = x.narrow(2, 0, self.categorical)?.contiguous()?.to_dtype(DType::U32)?;
        let codes = codes.broadcast_add(&first)?.flatten_all()?;
        let embeddings = tables.index_select(&codes, 0)?.reshape((runs, batch, self.categorical * units))?;
        let numeric = x.narrow(2, self.categorical, features - self.categorical)?;
        Tensor::cat(&[embeddings, numeric.contiguous()?], 2)
    }
}

impl Model for Embedded {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Predictions of every run for rows `x`, as `embed` takes them.
    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        let embedded = self.embed(x, parameters.get("embedding.weight")?)?;
        self.network.forward(&parameters.part(self.network.layout(), 1), &embedded)
    }

    fn training_forward(&self, parameters: &Parameters, x: &Tensor, noise: &Noise) -> Result<Forward> {
        let embedded = self.embed(x, parameters.get("embedding.weight")?)?;
        self.network.training_forward(&parameters.part(self.network.layout(), 1), &embedded, noise)
    }

    fn method(&self) -> Option<Method> {
        self.network.method()
    }

    fn towers(&self) -> Option<TowersShape> {
        let table = &self.layout.parameters[0].shape;
        let [.., vocabulary, embedding_units] = table[..] else { return None };
        Some(TowersShape {
            categorical: self.categorical,
            vocabulary,
            embedding_units,
            ..self.network.towers()?
        })
    }

    fn penalty(&self, parameters: &Parameters) -> Result<Option<Tensor>> {
        self.network.penalty(&parameters.part(self.network.layout(), 1))
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

    /// Four rows. The word 5 is beyond the table of five; words come more than once.
    const ROWS: [f64; 20] =
        [0., 3., 4., 0.5, -1., 1., 3., 5., 0., 2., 0., 3., 2., 1., 1., 5., 5., 5., 0., 0.];

    /// x' of two runs and the gradient of their tables in a precision; `x` has rows for both, or each run's.
    fn of(dtype: DType, x: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let shape: &[usize] = if x.len() == ROWS.len() { &[4, 5] } else { &[2, 4, 5] };
        let x = Tensor::from_slice(x, shape, &Device::Cpu)?.to_dtype(dtype)?;
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
        let others: Vec<f64> = ROWS.chunks(5).rev().flatten().copied().collect();
        for x in [ROWS.to_vec(), [&ROWS[..], &others].concat()] {
            let ((custom, custom_table), (plain, plain_table)) = (of(DType::F32, &x)?, of(DType::F64, &x)?);
            for (custom, plain) in custom.iter().chain(&custom_table).zip(plain.iter().chain(&plain_table)) {
                assert!((custom - plain).abs() < 1e-5 * (1.0 + plain.abs()), "{custom} and {plain}");
            }
            // The last row's words are all beyond the table.
            assert_eq!(custom[24..32], [0.0; 8]);
        }
        Ok(())
    }

    #[test]
    fn rows_of_every_run_read_as_shared_ones() -> Result<()> {
        let others: Vec<f64> = ROWS.chunks(5).rev().flatten().copied().collect();
        for dtype in [DType::F32, DType::F64] {
            let (both, tables) = of(dtype, &[&ROWS[..], &others].concat())?;
            assert_eq!(both[..32], of(dtype, &ROWS)?.0[..32]);
            assert_eq!(both[32..], of(dtype, &others)?.0[32..]);
            assert_eq!(tables[..10], of(dtype, &ROWS)?.1[..10]);
        }
        Ok(())
    }

    #[test]
    fn rows_of_every_run_are_looked_up_in_all_its_tables() -> Result<()> {
        let others: Vec<f64> = ROWS.chunks(5).rev().flatten().copied().collect();
        let x = Tensor::from_slice(&[&ROWS[..], &others].concat(), (2, 4, 5), &Device::Cpu)?;
        let tables = (Tensor::arange(0.0, 60.0, &Device::Cpu)? * 0.7)?.sin()?.reshape((2, 3, 5, 2))?;
        let all = embedded().embed(&x, &tables)?;
        assert_eq!(all.dims(), [2, 3, 4, 8]);
        for table in 0..3 {
            let one = embedded().embed(&x, &tables.narrow(1, table, 1)?.squeeze(1)?.contiguous()?)?;
            let difference = (all.narrow(1, table, 1)?.squeeze(1)? - one)?.abs()?.sum_all()?;
            assert_eq!(difference.to_scalar::<f64>()?, 0.0);
        }
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
