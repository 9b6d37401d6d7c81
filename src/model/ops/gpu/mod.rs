//! The operations of the layers on a GPU in f32: matrix products by cuBLAS, all else by the kernels of `kernels.cu`.
//!
//! Plain Candle operations read and write an intermediate of all runs a dozen times where these do once or twice, and
//! memory is what a GPU waits for. Equations and shapes are those of the operations of the CPU beside this folder.

mod kernel;

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, D, DType, Layout, Result, Shape, Tensor,
};

use kernel::{Kernel, not_on_a_cpu};
pub use kernel::{config, load, number, view, view_mut};

/// Whether these operations compute with these tensors: f32 on a GPU.
pub fn fit(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| tensor.device().is_cuda() && tensor.dtype() == DType::F32)
}

/// x W of data: x `[runs, batch, features]`, W `[runs, features, columns]`, the result `[runs, batch, columns]`;
/// nothing is computed for the gradient of x.
pub fn product_of_data(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.apply_op2(&weight.contiguous()?, ProductOfData)
}

struct ProductOfData;

impl CustomOp2 for ProductOfData {
    fn name(&self) -> &'static str {
        "product-of-data"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        xl: &Layout,
        w: &CudaStorage,
        wl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (runs, batch, features) = xl.shape().dims3()?;
        let columns = wl.shape().dim(2)?;
        let product = x.matmul(w, (runs, batch, columns, features), xl, wl)?;
        Ok((product, (runs, batch, columns).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((None, Some(x.t()?.matmul(&gradient.contiguous()?)?)))
    }
}

/// ReLU(x W + b) of data: x `[runs, batch, features]`, W `[runs, features, columns]`, b `[runs, columns]`; nothing is
/// computed for the gradient of x.
pub fn hidden_of_data(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, HiddenOfData)
}

struct HiddenOfData;

impl CustomOp3 for HiddenOfData {
    fn name(&self) -> &'static str {
        "hidden-of-data"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        xl: &Layout,
        w: &CudaStorage,
        wl: &Layout,
        b: &CudaStorage,
        bl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (z, shape) = ProductOfData.cuda_fwd(x, xl, w, wl)?;
        BiasRelu.cuda_fwd(&z, &Layout::contiguous(shape), b, bl)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        h: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (Some(to_z), to_b) = BiasRelu.bwd(h, b, h, gradient)? else { unreachable!("z has a gradient") };
        let (_, to_w) = ProductOfData.bwd(x, w, h, &to_z)?;
        Ok((None, to_w, to_b))
    }
}

/// ReLU(z + b): z `[runs, batch, columns]`, b `[runs, columns]`.
pub fn bias_relu(z: &Tensor, bias: &Tensor) -> Result<Tensor> {
    z.contiguous()?.apply_op2(&bias.contiguous()?, BiasRelu)
}

struct BiasRelu;

impl CustomOp2 for BiasRelu {
    fn name(&self) -> &'static str {
        "bias-relu"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(
        &self,
        z: &CudaStorage,
        zl: &Layout,
        b: &CudaStorage,
        bl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let shape = zl.shape().clone();
        let (_, rows, columns) = shape.dims3()?;
        let kernel = Kernel::new("bias_relu", shape.elem_count(), &[rows, columns], shape);
        kernel.run(&[(z, zl), (b, bl)])
    }

    fn bwd(
        &self,
        _: &Tensor,
        b: &Tensor,
        h: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (_, rows, columns) = h.dims3()?;
        let threads = b.elem_count();
        let shape = h.elem_count() + threads;
        let back = Kernel::new("bias_relu_back", threads, &[rows, columns], shape);
        let (to_z, to_b) = parts(&back.of(&[h, &gradient.contiguous()?])?, h, b)?;
        Ok((Some(to_z), Some(to_b)))
    }
}

/// What stands one behind the other in `both`: tensors of the shapes of `first` and `second`.
fn parts(both: &Tensor, first: &Tensor, second: &Tensor) -> Result<(Tensor, Tensor)> {
    let from = first.elem_count();
    let second = both.narrow(0, from, second.elem_count())?.reshape(second.shape())?;
    Ok((both.narrow(0, 0, from)?.reshape(first.shape())?, second))
}

/// Softmax over the last axis.
pub fn softmax(logits: &Tensor) -> Result<Tensor> {
    logits.contiguous()?.apply_op1(Softmax)
}

struct Softmax;

impl Softmax {
    /// A kernel with a thread for every row of choices.
    fn kernel(name: &'static str, shape: &Shape) -> Result<Kernel> {
        let choices = shape.dim(D::Minus1)?;
        Ok(Kernel::new(name, shape.elem_count() / choices, &[choices], shape.clone()))
    }
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(&self, z: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        Self::kernel("softmax", layout.shape())?.run(&[(z, layout)])
    }

    fn bwd(&self, _: &Tensor, g: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Self::kernel("softmax_back", g.shape())?.of(&[g, &gradient.contiguous()?]).map(Some)
    }
}

/// m_k = Σ_i g_k,i f_i: gates `[runs, batch, gates, experts]`, experts `[runs, batch, experts · units]`, the result
/// `[runs, gates, batch, units]`.
pub fn mixture(gates: &Tensor, experts: &Tensor) -> Result<Tensor> {
    gates.contiguous()?.apply_op2(&experts.contiguous()?, Mixture)
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

impl CustomOp2 for Mixture {
    fn name(&self) -> &'static str {
        "mixture"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(
        &self,
        g: &CudaStorage,
        gl: &Layout,
        f: &CudaStorage,
        fl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (runs, rows, gates, experts) = gl.shape().dims4()?;
        let shape = (runs, gates, rows, fl.shape().dim(2)? / experts).into();
        Self::kernel("mixture", gl.shape(), fl.shape(), shape)?.run(&[(g, gl), (f, fl)])
    }

    fn bwd(
        &self,
        g: &Tensor,
        f: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let back = |name, shape: &Shape| Self::kernel(name, g.shape(), f.shape(), shape.clone());
        let to_g = back("mixture_back_gates", g.shape())?.of(&[f, &gradient])?;
        let to_f = back("mixture_back_experts", f.shape())?.of(&[g, &gradient])?;
        Ok((Some(to_g), Some(to_f)))
    }
}

/// y_k = h_k · o_k + d_k: hidden `[runs, tasks, batch, units]`, weight `[runs, tasks, units]`, bias `[runs, tasks]`,
/// the result `[runs, tasks, batch]`.
pub fn output(hidden: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    hidden.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Output)
}

struct Output;

impl CustomOp3 for Output {
    fn name(&self) -> &'static str {
        "output"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(
        &self,
        h: &CudaStorage,
        hl: &Layout,
        o: &CudaStorage,
        ol: &Layout,
        d: &CudaStorage,
        dl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (runs, tasks, rows, units) = hl.shape().dims4()?;
        Kernel::new("output", runs * tasks * rows, &[rows, units], (runs, tasks, rows)).run(&[
            (h, hl),
            (o, ol),
            (d, dl),
        ])
    }

    fn bwd(
        &self,
        h: &Tensor,
        o: &Tensor,
        d: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, _, rows, units) = h.dims4()?;
        let gradient = gradient.contiguous()?;
        let to_hidden = Kernel::new("output_back_hidden", h.elem_count(), &[rows, units], h.shape().clone());
        let to_h = to_hidden.of(&[o, &gradient])?;
        let shape = o.elem_count() + d.elem_count();
        let to_weights = Kernel::new("output_back_weights", o.elem_count(), &[rows, units], shape);
        let (to_o, to_d) = parts(&to_weights.of(&[h, &gradient])?, o, d)?;
        Ok((Some(to_h), Some(to_o), Some(to_d)))
    }
}

/// Rows of a table side by side, then numbers as they are: x `[batch, columns + numbers]`, or every run's own,
/// `[runs, batch, columns + numbers]`, whose first `columns` are row numbers of the table `[runs, words, units]`; the
/// result is `[runs, batch, columns · units + numbers]`. A row number beyond the table gives zeros. Different columns
/// name different rows, as all our data have it: a column's sums are then its own.
pub fn embedding(x: &Tensor, table: &Tensor, columns: usize) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&table.contiguous()?, Embedding { columns })
}

struct Embedding {
    columns: usize,
}

impl Embedding {
    /// Sizes that both kernels take: batch, features, columns, words, units and whether every run has its own x.
    fn sizes(&self, x: &Shape, table: &Shape) -> Result<[usize; 6]> {
        let (_, words, units) = table.dims3()?;
        let (batch, features) = (x.dim(D::Minus2)?, x.dim(D::Minus1)?);
        Ok([batch, features, self.columns, words, units, usize::from(x.rank() == 3)])
    }
}

impl CustomOp2 for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        xl: &Layout,
        e: &CudaStorage,
        el: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let sizes = self.sizes(xl.shape(), el.shape())?;
        let [batch, features, columns, _, units, _] = sizes;
        let shape = (el.shape().dim(0)?, batch, columns * units + features - columns);
        let threads = Shape::from(shape).elem_count();
        Kernel::new("embedding", threads, &sizes, shape).run(&[(x, xl), (e, el)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        e: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = self.sizes(x.shape(), e.shape())?;
        let (runs, _, units) = e.dims3()?;
        let back = Kernel::new("embedding_back", runs * self.columns * units, &sizes, e.shape().clone());
        let to_e = Kernel { adds: true, ..back }.of(&[x, &gradient.contiguous()?])?;
        Ok((None, Some(to_e)))
    }
}
