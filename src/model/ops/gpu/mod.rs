//! The operations of the layers on a GPU in f32: matrix products by cuBLAS, all else by the kernels of `kernels.cu`.
//!
//! Plain Candle operations read and write an intermediate of all runs a dozen times where these do once or twice, and
//! memory is what a GPU waits for. Equations and shapes are those of the operations of the CPU beside this folder.
//!
//! # Errors
//! Every operation fails where shapes do not fit each other, where a tensor is not f32 on a GPU, or where the GPU fails.

mod kernel;

use candle_core::backend::BackendStorage;
use candle_core::{CudaStorage, D, DType, Layout, Result, Shape, Tensor};

use kernel::{Input, Kernel, Operation, apply};
pub use kernel::{config, load, number, view, view_mut};

/// Whether these operations compute with these tensors: f32 on a GPU.
pub fn fit(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| tensor.device().is_cuda() && tensor.dtype() == DType::F32)
}

/// x W of data: x `[runs, batch, features]`, W `[runs, features, columns]`, the result `[runs, batch, columns]`;
/// nothing is computed for the gradient of x.
///
/// # Errors
/// If shapes or types do not fit, or CUDA fails.
pub fn product_of_data(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    apply(ProductOfData, &[x, &weight.contiguous()?])
}

struct ProductOfData;

impl Operation for ProductOfData {
    fn name(&self) -> &'static str {
        "product-of-data"
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        let [(x, xl), (w, wl)] = inputs_of(inputs);
        let (runs, batch, features) = xl.shape().dims3()?;
        let columns = wl.shape().dim(2)?;
        let product = x.matmul(w, (runs, batch, columns, features), xl, wl)?;
        Ok((product, (runs, batch, columns).into()))
    }

    fn backward(&self, inputs: &[&Tensor], _: &Tensor, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let to_w = inputs[0].t()?.matmul(&gradient.contiguous()?)?;
        Ok(vec![None, Some(to_w)])
    }
}

/// ReLU(x W + b) of data: x `[runs, batch, features]`, W `[runs, features, columns]`, b `[runs, columns]`; nothing is
/// computed for the gradient of x.
///
/// # Errors
/// If shapes or types do not fit, or CUDA fails.
pub fn hidden_of_data(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    apply(HiddenOfData, &[&x.contiguous()?, &weight.contiguous()?, &bias.contiguous()?])
}

struct HiddenOfData;

impl Operation for HiddenOfData {
    fn name(&self) -> &'static str {
        "hidden-of-data"
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        let [x, w, b] = inputs_of(inputs);
        let (z, shape) = ProductOfData.forward(&[x, w])?;
        BiasRelu.forward(&[(&z, &Layout::contiguous(shape)), b])
    }

    fn backward(&self, inputs: &[&Tensor], h: &Tensor, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let [x, w, b] = inputs_of(inputs);
        let (to_z, to_b) = bias_relu_gradients(b, h, gradient)?;
        let mut gradients = ProductOfData.backward(&[x, w], h, &to_z)?;
        gradients.push(Some(to_b));
        Ok(gradients)
    }
}

/// ReLU(z + b): z `[runs, batch, columns]`, b `[runs, columns]`.
///
/// # Errors
/// If shapes or types do not fit, or CUDA fails.
pub fn bias_relu(z: &Tensor, bias: &Tensor) -> Result<Tensor> {
    apply(BiasRelu, &[&z.contiguous()?, &bias.contiguous()?])
}

struct BiasRelu;

impl Operation for BiasRelu {
    fn name(&self) -> &'static str {
        "bias-relu"
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        let shape = inputs[0].1.shape().clone();
        let (_, rows, columns) = shape.dims3()?;
        Kernel::new("bias_relu", shape.elem_count(), &[rows, columns], shape).run(inputs)
    }

    fn backward(&self, inputs: &[&Tensor], h: &Tensor, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let (to_z, to_b) = bias_relu_gradients(inputs[1], h, gradient)?;
        Ok(vec![Some(to_z), Some(to_b)])
    }
}

/// Gradients of z and b, for h = ReLU(z + b).
fn bias_relu_gradients(b: &Tensor, h: &Tensor, gradient: &Tensor) -> Result<(Tensor, Tensor)> {
    let (_, rows, columns) = h.dims3()?;
    let threads = b.elem_count();
    let shape = h.elem_count() + threads;
    let back = Kernel::new("bias_relu_back", threads, &[rows, columns], shape);
    parts(&back.launch(&[h, &gradient.contiguous()?])?, h, b)
}

/// The two tensors in `both`, one behind the other, with the shapes of `first` and `second`.
fn parts(both: &Tensor, first: &Tensor, second: &Tensor) -> Result<(Tensor, Tensor)> {
    let from = first.elem_count();
    let second = both.narrow(0, from, second.elem_count())?.reshape(second.shape())?;
    Ok((both.narrow(0, 0, from)?.reshape(first.shape())?, second))
}

/// Softmax over the last axis.
///
/// # Errors
/// If shapes or types do not fit, or CUDA fails.
pub fn softmax(logits: &Tensor) -> Result<Tensor> {
    apply(Softmax, &[&logits.contiguous()?])
}

struct Softmax;

impl Softmax {
    /// A kernel with a thread for every row of choices.
    fn kernel(name: &'static str, shape: &Shape) -> Result<Kernel> {
        let choices = shape.dim(D::Minus1)?;
        Ok(Kernel::new(name, shape.elem_count() / choices, &[choices], shape.clone()))
    }
}

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        Self::kernel("softmax", inputs[0].1.shape())?.run(inputs)
    }

    fn backward(&self, _: &[&Tensor], g: &Tensor, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let to_z = Self::kernel("softmax_back", g.shape())?.launch(&[g, &gradient.contiguous()?])?;
        Ok(vec![Some(to_z)])
    }
}

/// m_k = Σ_i g_k,i f_i: gates `[runs, batch, gates, experts]`, experts `[runs, batch, experts · units]`, the result
/// `[runs, gates, batch, units]`.
///
/// # Errors
/// If shapes or types do not fit, or CUDA fails.
pub fn mixture(gates: &Tensor, experts: &Tensor) -> Result<Tensor> {
    apply(Mixture, &[&gates.contiguous()?, &experts.contiguous()?])
}

struct Mixture;

impl Mixture {
    /// A kernel with a thread for every element of `shape`.
    fn kernel(name: &'static str, gates: &Shape, experts: &Shape, shape: Shape) -> Result<Kernel> {
        let (_, rows, number, of_gate) = gates.dims4()?;
        let units = experts.dim(2)? / of_gate;
        Ok(Kernel::new(name, shape.elem_count(), &[rows, number, of_gate, units], shape))
    }
}

impl Operation for Mixture {
    fn name(&self) -> &'static str {
        "mixture"
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        let [gates, experts] = inputs_of(inputs).map(|(_, layout)| layout.shape());
        let (runs, rows, number, of_gate) = gates.dims4()?;
        let shape = (runs, number, rows, experts.dim(2)? / of_gate).into();
        Self::kernel("mixture", gates, experts, shape)?.run(inputs)
    }

    fn backward(&self, inputs: &[&Tensor], _: &Tensor, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let ([g, f], gradient) = (inputs_of(inputs), gradient.contiguous()?);
        let back = |name, shape: &Shape| Self::kernel(name, g.shape(), f.shape(), shape.clone());
        let to_g = back("mixture_back_gates", g.shape())?.launch(&[f, &gradient])?;
        let to_f = back("mixture_back_experts", f.shape())?.launch(&[g, &gradient])?;
        Ok(vec![Some(to_g), Some(to_f)])
    }
}

/// y_k = h_k · o_k + d_k: hidden `[runs, tasks, batch, units]`, weight `[runs, tasks, units]`, bias `[runs, tasks]`,
/// the result `[runs, tasks, batch]`.
///
/// # Errors
/// If shapes or types do not fit, or CUDA fails.
pub fn output(hidden: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    apply(Output, &[&hidden.contiguous()?, &weight.contiguous()?, &bias.contiguous()?])
}

struct Output;

impl Operation for Output {
    fn name(&self) -> &'static str {
        "output"
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        let (runs, tasks, rows, units) = inputs[0].1.shape().dims4()?;
        Kernel::new("output", runs * tasks * rows, &[rows, units], (runs, tasks, rows)).run(inputs)
    }

    fn backward(&self, inputs: &[&Tensor], _: &Tensor, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let ([h, o, d], gradient) = (inputs_of(inputs), gradient.contiguous()?);
        let (_, _, rows, units) = h.dims4()?;
        let to_hidden = Kernel::new("output_back_hidden", h.elem_count(), &[rows, units], h.shape().clone());
        let to_h = to_hidden.launch(&[o, &gradient])?;
        let shape = o.elem_count() + d.elem_count();
        let to_weights = Kernel::new("output_back_weights", o.elem_count(), &[rows, units], shape);
        let (to_o, to_d) = parts(&to_weights.launch(&[h, &gradient])?, o, d)?;
        Ok(vec![Some(to_h), Some(to_o), Some(to_d)])
    }
}

/// Rows of a table side by side, then numeric features as they are: x `[batch, columns + numeric]`, or every run's own,
/// `[runs, batch, columns + numeric]`, whose first `columns` are row numbers of the table `[runs, vocabulary, units]`;
/// the result is `[runs, batch, columns · units + numeric]`. A row number beyond the table gives zeros. Different columns
/// name different rows, as all our data have it: a column's sums are then its own.
///
/// # Errors
/// If shapes or types do not fit, or CUDA fails.
pub fn embedding(x: &Tensor, table: &Tensor, columns: usize) -> Result<Tensor> {
    apply(Embedding { columns }, &[&x.contiguous()?, &table.contiguous()?])
}

struct Embedding {
    columns: usize,
}

impl Embedding {
    /// Sizes that both kernels take: batch, features, columns, vocabulary, units and whether every run has its own x.
    fn sizes(&self, x: &Shape, table: &Shape) -> Result<[usize; 6]> {
        let (_, vocabulary, units) = table.dims3()?;
        let (batch, features) = (x.dim(D::Minus2)?, x.dim(D::Minus1)?);
        Ok([batch, features, self.columns, vocabulary, units, usize::from(x.rank() == 3)])
    }
}

impl Operation for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        let [x, table] = inputs_of(inputs).map(|(_, layout)| layout.shape());
        let sizes = self.sizes(x, table)?;
        let [batch, features, columns, _, units, _] = sizes;
        let shape = (table.dim(0)?, batch, columns * units + features - columns);
        let threads = Shape::from(shape).elem_count();
        Kernel::new("embedding", threads, &sizes, shape).run(inputs)
    }

    fn backward(&self, inputs: &[&Tensor], _: &Tensor, gradient: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let [x, table] = inputs_of(inputs);
        let sizes = self.sizes(x.shape(), table.shape())?;
        let (runs, _, units) = table.dims3()?;
        let back = Kernel::new("embedding_back", runs * self.columns * units, &sizes, table.shape().clone());
        let to_table = Kernel { adds: true, ..back }.launch(&[x, &gradient.contiguous()?])?;
        Ok(vec![None, Some(to_table)])
    }
}

/// The inputs of an operation of `N`.
fn inputs_of<T: Copy, const N: usize>(inputs: &[T]) -> [T; N] {
    inputs.try_into().expect("an operation gets as many inputs as it is applied to")
}
