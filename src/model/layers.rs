//! Layers, every one with a leading run axis.
//!
//! A population of R runs is one set of tensors: a weight is `[runs, inputs, outputs]`, and the inputs x of
//! a seed, `[batch, features]`, are shared by all of its runs. Where a population has runs of several seeds, x is
//! `[runs, batch, features]`. Runs never mix: each layer works on every
//! run by itself, so a run's bits do not depend on which others are trained beside it.
//!
//! Each is written in plain Candle operations, which say what it computes and run on any device and in any
//! precision. On the CPU in f32 the operation of the same equation in [`ops`] takes its place.

use candle_core::{D, Result, Tensor};

use super::ops;

/// x W for every run, without a bias: `[batch, features]` × `[runs, features, columns]` =
/// `[runs, batch, columns]`.
pub fn shared_input(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if x.rank() == 3 {
        return match ops::fit(&[x, weight]) {
            true => run_by_run(x, &[weight], |x, of_run| shared_input(x, &of_run[0])),
            false => x.matmul(weight),
        };
    }
    if ops::fit(&[x, weight]) {
        return ops::shared_input::shared_input(x, weight);
    }
    let (runs, features, _) = weight.dims3()?;
    x.broadcast_as((runs, x.dim(0)?, features))?.matmul(weight)
}

/// ReLU(x W + b) for every run; `bias` is `[runs, columns]`.
pub fn hidden(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if ops::fit(&[x, weight, bias]) {
        return match x.rank() {
            3 => run_by_run(x, &[weight, bias], |x, of_run| hidden(x, &of_run[0], &of_run[1])),
            _ => ops::hidden::hidden(x, weight, bias),
        };
    }
    shared_input(x, weight)?.broadcast_add(&bias.unsqueeze(1)?)?.relu()
}

/// A layer whose operation takes one x for all runs, on runs with an x each: on the CPU, where nothing is gained
/// by doing all at once.
fn run_by_run(
    x: &Tensor,
    parameters: &[&Tensor],
    layer: impl Fn(&Tensor, &[Tensor]) -> Result<Tensor>,
) -> Result<Tensor> {
    let of_run = |run: usize| {
        let parameters =
            parameters.iter().map(|tensor| tensor.narrow(0, run, 1)).collect::<Result<Vec<_>>>()?;
        layer(&x.get(run)?, &parameters)
    };
    Tensor::cat(&(0..x.dim(0)?).map(of_run).collect::<Result<Vec<_>>>()?, 0)
}

/// Columns in equal blocks: `[runs, batch, blocks · units]` to `[runs, batch, blocks, units]`.
pub fn split_columns(columns: &Tensor, blocks: usize) -> Result<Tensor> {
    let (runs, batch, width) = columns.dims3()?;
    columns.reshape((runs, batch, blocks, width / blocks))
}

/// softmax(x W) in `gates` blocks of columns: `[runs, batch, gates, experts]`.
pub fn softmax_gates(x: &Tensor, weight: &Tensor, gates: usize) -> Result<Tensor> {
    let logits = split_columns(&shared_input(x, weight)?, gates)?;
    if ops::fit(&[&logits]) {
        return ops::softmax::softmax(&logits);
    }
    // `softmax`, not `softmax_last_dim`: the latter has no backward pass and would cut the gradient.
    candle_nn::ops::softmax(&logits, D::Minus1)
}

/// m_k = Σ_i g_k,i f_i: gates `[runs, batch, gates, experts]` and experts
/// `[runs, batch, experts · units]`, expert after expert, give `[runs, gates, batch, units]`.
pub fn mix(gates: &Tensor, experts: &Tensor) -> Result<Tensor> {
    if ops::fit(&[gates, experts]) {
        return ops::mixture::mixture(gates, experts);
    }
    gates.contiguous()?.matmul(&split_columns(experts, gates.dim(D::Minus1)?)?)?.transpose(1, 2)
}

/// y_k = ReLU(m_k T_k + c_k) · o_k + d_k: `input` is `[runs, tasks, batch, units]`, or `[runs, batch, units]`
/// or `[runs, 1, batch, units]` where all towers read the same; predictions are `[runs, tasks, batch]`. Reads
/// the parameters `tower.weight`, `tower.bias`, `output.weight` and `output.bias` of
/// [`super::mixture::MixtureShape::layout`].
pub fn towers(parameters: &super::Parameters, input: &Tensor) -> Result<Tensor> {
    let hidden = tower(input, parameters.get("tower.weight")?, parameters.get("tower.bias")?)?;
    output(&hidden, parameters.get("output.weight")?, parameters.get("output.bias")?)
}

/// ReLU(m_k T_k + c_k) for every task k: `input` as in [`towers`], `weight` is `[runs, tasks, units, hidden]`,
/// `bias` `[runs, tasks, hidden]`; the result is `[runs, tasks, batch, hidden]`.
pub fn tower(input: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if ops::fit(&[input, weight, bias]) {
        return ops::tower::tower(input, weight, bias);
    }
    let input = if input.rank() == 3 { input.unsqueeze(1)? } else { input.clone() };
    let (runs, _, batch, units) = input.dims4()?;
    input
        .broadcast_as((runs, weight.dim(1)?, batch, units))?
        .contiguous()?
        .matmul(weight)?
        .broadcast_add(&bias.unsqueeze(2)?)?
        .relu()
}

/// h_k · o_k + d_k for every task k: `hidden` is `[runs, tasks, batch, hidden]`, `weight`
/// `[runs, tasks, hidden]`, `bias` `[runs, tasks]`; the result is `[runs, tasks, batch]`.
pub fn output(hidden: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if ops::fit(&[hidden, weight, bias]) {
        return ops::output::output(hidden, weight, bias);
    }
    // A product with one column takes another path in `gemm`, whose bits depend on the shape of the whole;
    // so the scalar output is a sum of products.
    hidden.broadcast_mul(&weight.unsqueeze(2)?)?.sum(D::Minus1)?.broadcast_add(&bias.unsqueeze(2)?)
}
