//! Rows of a table side by side, then numeric features as they are: x `[batch, columns + numeric]`, or every run's own,
//! `[runs, batch, columns + numeric]`, whose first `columns` are row numbers of the table E `[runs, vocabulary, units]`,
//! gives `[runs, batch, columns · units + numeric]`. A row number beyond the table gives zeros.
//!
//! Backward: ∂E gets the gradients of all lookups of a row, added up in the order of the
//! batch; nothing for x, which is data.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use super::{floats, read, result, tensor};

struct Embedding {
    columns: usize,
}

/// Looks up the first `columns` of x, `[batch, features]` or `[runs, batch, features]`, in the table
/// `[runs, vocabulary, units]` of every run; the result is `[runs, batch, columns · units + features − columns]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn embedding(x: &Tensor, table: &Tensor, columns: usize) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&table.contiguous()?, Embedding { columns })
}

impl Embedding {
    /// Range of a row's units in a run's table; none for a row number beyond it.
    fn range(code: f32, vocabulary: usize, units: usize) -> Option<std::ops::Range<usize>> {
        let row = code as usize;
        (row < vocabulary).then(|| row * units..(row + 1) * units)
    }

    /// The rows of x that a run reads, of `each` floats.
    fn rows(x: &[f32], each: usize, run: usize) -> &[f32] {
        if x.len() == each { x } else { &x[run * each..][..each] }
    }
}

impl CustomOp2 for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        e: &CpuStorage,
        el: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, features) = (xl.shape().dim(D::Minus2)?, xl.shape().dim(D::Minus1)?);
        let (runs, vocabulary, units) = el.shape().dims3()?;
        let (x, e) = (floats(x, xl)?, floats(e, el)?);
        let width = self.columns * units + features - self.columns;
        let mut y = Vec::with_capacity(runs * batch * width);
        for run in 0..runs {
            let table = &e[run * vocabulary * units..][..vocabulary * units];
            for row in Self::rows(x, batch * features, run).chunks_exact(features) {
                let (codes, numbers) = row.split_at(self.columns);
                for &code in codes {
                    match Self::range(code, vocabulary, units) {
                        Some(range) => y.extend_from_slice(&table[range]),
                        None => y.resize(y.len() + units, 0.0),
                    }
                }
                y.extend_from_slice(numbers);
            }
        }
        result(y, (runs, batch, width))
    }

    fn bwd(
        &self,
        x: &Tensor,
        e: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let features = x.dim(D::Minus1)?;
        let (runs, vocabulary, units) = e.dims3()?;
        let (_, batch, width) = y.dims3()?;
        let gradient = gradient.contiguous()?;
        let (x, gradient) = (read(x)?, read(&gradient)?);
        let mut to_e = vec![0.0; runs * vocabulary * units];
        let each = to_e.chunks_exact_mut(vocabulary * units).zip(gradient.chunks_exact(batch * width));
        for (run, (to_e, gradient)) in each.enumerate() {
            let rows = Self::rows(&x, batch * features, run).chunks_exact(features);
            for (row, gradient) in rows.zip(gradient.chunks_exact(width)) {
                for (&code, gradient) in row[..self.columns].iter().zip(gradient.chunks_exact(units)) {
                    let Some(range) = Self::range(code, vocabulary, units) else { continue };
                    to_e[range].iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
                }
            }
        }
        Ok((None, tensor(to_e, e.shape())?))
    }
}
