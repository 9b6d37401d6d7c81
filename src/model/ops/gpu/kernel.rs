//! A kernel of `kernels.cu` as an operation of Candle: contiguous f32 in, contiguous f32 out.

use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaStream, CudaView, CudaViewMut, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};

/// The kernels, compiled by `build.rs` for every GPU from Turing on.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));

/// Threads of a block: enough to fill a multiprocessor with several blocks.
const BLOCK: u32 = 256;

/// A kernel that takes its number of threads, sizes, inputs and what it fills, in this order.
pub struct Kernel {
    /// Its name in `kernels.cu`.
    pub name: &'static str,
    /// Threads that do something.
    pub threads: usize,
    /// Sizes behind the number of threads.
    pub sizes: Vec<usize>,
    /// Shape of what it fills.
    pub shape: Shape,
    /// Whether it adds to zeros, instead of writing every element.
    pub adds: bool,
}

impl Kernel {
    /// A kernel that writes every element of what it fills.
    pub fn new(name: &'static str, threads: usize, sizes: &[usize], shape: impl Into<Shape>) -> Self {
        Self { name, threads, sizes: sizes.to_vec(), shape: shape.into(), adds: false }
    }

    /// Launches it on contiguous tensors, without a graph.
    pub fn launch(self, inputs: &[&Tensor]) -> Result<Tensor> {
        match inputs {
            [a] => a.apply_op1_no_bwd(&Op(self)),
            [a, b] => a.apply_op2_no_bwd(b, &Op(self)),
            [a, b, c] => a.apply_op3_no_bwd(b, c, &Op(self)),
            _ => bail!("kernels take one to three inputs"),
        }
    }

    /// Launches it in the forward pass of an operation.
    pub fn run(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        let device = inputs[0].0.device();
        let views =
            inputs.iter().map(|(storage, layout)| view(storage, layout)).collect::<Result<Vec<_>>>()?;
        let sizes = self.sizes.iter().map(|&size| number(size)).collect::<Result<Vec<u32>>>()?;
        let threads = number(self.threads)?;
        let elements = self.shape.elem_count();
        let mut filled = match self.adds {
            true => device.alloc_zeros::<f32>(elements)?,
            // SAFETY: the kernel writes every element.
            false => unsafe { device.alloc::<f32>(elements) }?,
        };
        let (stream, function) = load(device, self.name)?;
        let mut arguments = stream.launch_builder(&function);
        arguments.arg(&threads);
        sizes.iter().for_each(|size| _ = arguments.arg(size));
        views.iter().for_each(|view| _ = arguments.arg(view));
        arguments.arg(&mut filled);
        // SAFETY: the arguments are those of the kernel's declaration, and `mod.rs` gives shapes that fit.
        unsafe { arguments.launch(config(threads)) }.w()?;
        Ok((CudaStorage::wrap_cuda_slice(filled, device.clone()), self.shape.clone()))
    }
}

/// A kernel by its name, and the stream that it is queued on.
///
/// # Errors
/// If there is no such kernel, or CUDA cannot load it.
pub fn load(device: &CudaDevice, name: &str) -> Result<(Arc<CudaStream>, CudaFunction)> {
    let function = device.get_or_load_custom_func(name, "mmoe-study", PTX)?.into_cuda_function();
    Ok((device.cuda_stream(), function))
}

/// Blocks for a number of threads.
pub fn config(threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (threads.div_ceil(BLOCK), 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 }
}

/// A size as kernels take it.
///
/// # Errors
/// If the size is above what 32 bits hold.
pub fn number(size: usize) -> Result<u32> {
    u32::try_from(size).map_err(candle_core::Error::wrap)
}

/// The floats of a contiguous tensor.
///
/// # Errors
/// If the tensor is not contiguous f32.
pub fn view<'a>(storage: &'a CudaStorage, layout: &Layout) -> Result<CudaView<'a, f32>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(storage.as_cuda_slice::<f32>()?.slice(start..end)),
        None => bail!("kernels take contiguous f32"),
    }
}

/// The floats of a contiguous tensor, to write to.
///
/// # Errors
/// If the tensor is not contiguous f32.
pub fn view_mut<'a>(storage: &'a mut CudaStorage, layout: &Layout) -> Result<CudaViewMut<'a, f32>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(storage.as_cuda_slice_mut::<f32>()?.slice_mut(start..end)),
        None => bail!("kernels take contiguous f32"),
    }
}

/// Kernels run on a GPU alone.
fn not_on_a_cpu() -> Result<(CpuStorage, Shape)> {
    bail!("an operation of the GPU was asked of the CPU")
}

/// A tensor as a forward pass gets it.
pub type Input<'a> = (&'a CudaStorage, &'a Layout);

/// An operation of one to three inputs by its two passes; [`Op`] gives it Candle's traits.
pub trait Operation: Send + Sync {
    /// Its name in messages.
    fn name(&self) -> &'static str;

    /// The result with its shape.
    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)>;

    /// The gradient of every input; none for one that needs none.
    fn backward(&self, inputs: &[&Tensor], result: &Tensor, gradient: &Tensor)
    -> Result<Vec<Option<Tensor>>>;
}

impl Operation for Kernel {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&self, inputs: &[Input]) -> Result<(CudaStorage, Shape)> {
        self.run(inputs)
    }

    fn backward(&self, _: &[&Tensor], _: &Tensor, _: &Tensor) -> Result<Vec<Option<Tensor>>> {
        bail!("the kernel {} has no gradient", self.name)
    }
}

/// An operation with Candle's traits.
struct Op<T>(T);

/// Applies an operation to contiguous inputs; its result has a gradient.
pub fn apply(operation: impl Operation + 'static, inputs: &[&Tensor]) -> Result<Tensor> {
    match inputs {
        [a] => a.apply_op1(Op(operation)),
        [a, b] => a.apply_op2(b, Op(operation)),
        [a, b, c] => a.apply_op3(b, c, Op(operation)),
        _ => bail!("operations take one to three inputs"),
    }
}

/// The gradients of `N` inputs.
fn gradients<const N: usize>(gradients: Vec<Option<Tensor>>) -> Result<[Option<Tensor>; N]> {
    let count = gradients.len();
    match gradients.try_into() {
        Ok(gradients) => Ok(gradients),
        Err(_) => bail!("an operation of {N} inputs gave {count} gradients"),
    }
}

impl<T: Operation> CustomOp1 for Op<T> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(&self, a: &CudaStorage, al: &Layout) -> Result<(CudaStorage, Shape)> {
        self.0.forward(&[(a, al)])
    }

    fn bwd(&self, a: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [to_a] = gradients(self.0.backward(&[a], result, gradient)?)?;
        Ok(to_a)
    }
}

impl<T: Operation> CustomOp2 for Op<T> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_a_cpu()
    }

    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        al: &Layout,
        b: &CudaStorage,
        bl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.0.forward(&[(a, al), (b, bl)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok(gradients::<2>(self.0.backward(&[a, b], result, gradient)?)?.into())
    }
}

impl<T: Operation> CustomOp3 for Op<T> {
    fn name(&self) -> &'static str {
        self.0.name()
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
        a: &CudaStorage,
        al: &Layout,
        b: &CudaStorage,
        bl: &Layout,
        c: &CudaStorage,
        cl: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.0.forward(&[(a, al), (b, bl), (c, cl)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok(gradients::<3>(self.0.backward(&[a, b, c], result, gradient)?)?.into())
    }
}
