//! Layers, every one with a leading run axis.
//!
//! A population of R runs is one set of tensors: a weight is `[runs, inputs, outputs]`. The inputs x of a
//! first layer are `[batch, features]` where all runs share them, as the runs of a seed share generated data,
//! or `[runs, batch, features]` where every run has its own: as embeddings give them, whose x has a gradient, or
//! in a population with runs of several seeds. The bits are the same either way.
//! Runs never mix: each layer works on every run by itself, so a run's bits do not depend on which others are
//! trained beside it.
//!
//! Each is written in plain Candle operations, which say what it computes and run on any device and in any
//! precision. On the CPU in f32 the operation of the same equation in [`ops`] takes its place, on a GPU in f32 that of
//! `ops::gpu`.
//!
//! # Errors
//! Every layer fails where shapes do not fit each other, or where Candle fails on the device.

use candle_core::{D, Result, Tensor};

use super::ops;

/// x W for every run, without a bias: x `[batch, features]` or `[runs, batch, features]`, W
/// `[runs, features, columns]`, the result `[runs, batch, columns]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if x.rank() == 2 && ops::fit(&[x, weight]) {
        return ops::shared_input::shared_input(x, weight);
    }
    let (runs, features, _) = weight.dims3()?;
    let x = match x.rank() {
        2 => x.broadcast_as((runs, x.dim(0)?, features))?,
        _ => x.contiguous()?,
    };
    #[cfg(feature = "cuda")]
    if ops::gpu::fit(&[&x, weight]) && !x.track_op() {
        return ops::gpu::product_of_data(&x, weight);
    }
    x.matmul(&weight.contiguous()?)
}

/// ReLU(x W + b) for every run: x and W as in [`linear`], `bias` is `[runs, columns]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn hidden(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    match (ops::fit(&[x, weight, bias]), x.rank()) {
        (true, 2) => ops::hidden::hidden(x, weight, bias),
        // One tower, as it were: the operation with a gradient of its input.
        (true, _) => tower(x, &weight.unsqueeze(1)?, &bias.unsqueeze(1)?)?.squeeze(1),
        #[cfg(feature = "cuda")]
        (false, 3) if ops::gpu::fit(&[x, weight, bias]) && !x.track_op() => {
            ops::gpu::hidden_of_data(x, weight, bias)
        }
        (false, _) => bias_relu(&linear(x, weight)?, bias),
    }
}

/// ReLU(z + b) as the operations in [`ops`] have it: z is `[…, batch, columns]`, b `[…, columns]`. The derivative at 0
/// is 0, where that of Candle's own ReLU is 1. NaN stays NaN, which a GPU's maximum would turn into 0. In the plain
/// operations −∞ becomes NaN too.
fn bias_relu(z: &Tensor, bias: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if ops::gpu::fit(&[z, bias]) {
        let flat = ops::gpu::bias_relu(&z.flatten_to(z.rank() - 3)?, &bias.flatten_to(bias.rank() - 2)?)?;
        return flat.reshape(z.shape());
    }
    let x = z.broadcast_add(&bias.unsqueeze(bias.rank() - 1)?)?;
    let active = x.detach().relu()?.sign()?;
    x * active
}

/// Columns in equal blocks: `[runs, batch, blocks · units]` to `[runs, batch, blocks, units]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn split_columns(columns: &Tensor, blocks: usize) -> Result<Tensor> {
    let (runs, batch, width) = columns.dims3()?;
    columns.reshape((runs, batch, blocks, width / blocks))
}

/// softmax(x W) in `gates` blocks of columns: x as in [`linear`], W `[runs, features, gates · experts]`, the result
/// `[runs, batch, gates, experts]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn softmax_gates(x: &Tensor, weight: &Tensor, gates: usize) -> Result<Tensor> {
    softmax(&gate_logits(x, weight, gates)?)
}

/// x W in `gates` blocks of columns, the logits of gates: x as in [`linear`], W `[runs, features, gates · experts]`, the
/// result `[runs, batch, gates, experts]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn gate_logits(x: &Tensor, weight: &Tensor, gates: usize) -> Result<Tensor> {
    split_columns(&linear(x, weight)?, gates)
}

/// Softmax over the last axis of `logits`, `[…, choices]`; the result has the same shape.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn softmax(logits: &Tensor) -> Result<Tensor> {
    if ops::fit(&[logits]) {
        return ops::softmax::softmax(logits);
    }
    #[cfg(feature = "cuda")]
    if ops::gpu::fit(&[logits]) {
        return ops::gpu::softmax(logits);
    }
    // `softmax`, not `softmax_last_dim`: the latter has no backward pass and would cut the gradient.
    candle_nn::ops::softmax(logits, D::Minus1)
}

/// Softmax over the entries of the last axis whose `keep` is 1, and 0 where it is 0. `logits`, `keep` and the result are
/// `[…, choices]`; every row of `keep` has at least one 1.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn softmax_of_kept(logits: &Tensor, keep: &Tensor) -> Result<Tensor> {
    /// Farther below any logit than a power can tell from 0, and finite.
    const FAR: f64 = 1e30;
    let below = keep.affine(FAR, -FAR)?;
    softmax(&((logits * keep)? + below)?)? * keep
}

/// 1 where an entry of `logits`, `[…, choices]`, is among the `count` largest of the last axis, else 0; of equal ones
/// the first are taken. The result has the same shape and no gradient.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn largest(logits: &Tensor, count: usize) -> Result<Tensor> {
    if ops::fit(&[logits]) {
        return ops::largest::largest(logits, count);
    }
    // Entry i is kept where fewer than `count` come before it: larger ones, and equal ones with j < i.
    let (i, j) = (logits.unsqueeze(D::Minus1)?, logits.unsqueeze(D::Minus2)?);
    let (dtype, number) = (logits.dtype(), logits.dim(D::Minus1)?);
    let device = logits.device();
    let below = (Tensor::tril2(number, dtype, device)? - Tensor::eye(number, dtype, device)?)?;
    let larger = j.broadcast_gt(&i)?.to_dtype(dtype)?;
    let equal = j.broadcast_eq(&i)?.to_dtype(dtype)?.broadcast_mul(&below)?;
    (larger + equal)?.sum(D::Minus1)?.lt(count as f64)?.to_dtype(dtype)
}

/// m_k = Σ_i g_k,i f_i: gates `[runs, batch, gates, experts]` and experts
/// `[runs, batch, experts · units]`, expert after expert, give `[runs, gates, batch, units]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn mix(gates: &Tensor, experts: &Tensor) -> Result<Tensor> {
    if ops::fit(&[gates, experts]) {
        return ops::mixture::mixture(gates, experts);
    }
    #[cfg(feature = "cuda")]
    if ops::gpu::fit(&[gates, experts]) {
        return ops::gpu::mixture(gates, experts);
    }
    gates.contiguous()?.matmul(&split_columns(experts, gates.dim(D::Minus1)?)?)?.transpose(1, 2)
}

/// Every task goes on with a mixture of all tasks' units: Σ_j α_kj h_j for h `[runs, tasks, batch, units]` and α
/// `[runs, tasks, tasks]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn stitch(units: &Tensor, alpha: &Tensor) -> Result<Tensor> {
    let shape = units.shape();
    alpha.matmul(&units.flatten_from(2)?.contiguous()?)?.reshape(shape)
}

/// y_k = ReLU(m_k T_k + c_k) · o_k + d_k: `input` is `[runs, tasks, batch, units]`, or `[runs, batch, units]`
/// or `[runs, 1, batch, units]` where all towers read the same; predictions are `[runs, tasks, batch]`. Reads
/// the parameters `tower.weight`, `tower.bias`, `output.weight` and `output.bias` of
/// [`super::mixture::MixtureShape::layout`].
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn towers(parameters: &super::Parameters, input: &Tensor) -> Result<Tensor> {
    let hidden = tower(input, parameters.get("tower.weight")?, parameters.get("tower.bias")?)?;
    output(&parameters.kept(hidden)?, parameters.get("output.weight")?, parameters.get("output.bias")?)
}

/// ReLU(m_k T_k + c_k) for every task k: `input` as in [`towers`], `weight` is `[runs, tasks, units, hidden]`,
/// `bias` `[runs, tasks, hidden]`; the result is `[runs, tasks, batch, hidden]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn tower(input: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if ops::fit(&[input, weight, bias]) {
        return ops::tower::tower(input, weight, bias);
    }
    let (runs, tasks, units, hidden) = weight.dims4()?;
    if input.rank() == 4 && input.dim(1)? == tasks {
        return bias_relu(&input.contiguous()?.matmul(&weight.contiguous()?)?, bias);
    }
    // All towers read the same: one product with their weights side by side, instead of copies of the input.
    let input = input.reshape((runs, (), units))?;
    let beside = weight.transpose(1, 2)?.contiguous()?.reshape((runs, units, tasks * hidden))?;
    let z = split_columns(&input.contiguous()?.matmul(&beside)?, tasks)?.transpose(1, 2)?;
    bias_relu(&z.contiguous()?, bias)
}

/// h_k · o_k + d_k for every task k: `hidden` is `[runs, tasks, batch, hidden]`, `weight`
/// `[runs, tasks, hidden]`, `bias` `[runs, tasks]`; the result is `[runs, tasks, batch]`.
///
/// # Errors
/// If shapes do not fit, or Candle fails on the device.
pub fn output(hidden: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if ops::fit(&[hidden, weight, bias]) {
        return ops::output::output(hidden, weight, bias);
    }
    #[cfg(feature = "cuda")]
    if ops::gpu::fit(&[hidden, weight, bias]) {
        return ops::gpu::output(hidden, weight, bias);
    }
    // A product with one column takes another path in `gemm`, whose bits depend on the shape of the whole;
    // so the scalar output is a sum of products.
    hidden.broadcast_mul(&weight.unsqueeze(2)?)?.sum(D::Minus1)?.broadcast_add(&bias.unsqueeze(2)?)
}
