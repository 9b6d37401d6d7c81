//! Every custom operation against the plain Candle operations of its layer, forward and backward.
//!
//! A layer called with f32 on the CPU runs the custom operation, called with f64 the plain ones: the same
//! function is both sides.

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::model::layers;

/// Between −1 and 1, irregular; the same numbers in both precisions.
fn values(shape: &[usize], shift: f64) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|i| (i as f64 * 0.7 + shift).sin() as f32).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu)
}

/// A layer's result, and the gradients of its arguments for a gradient that comes in strided.
fn both_ways(
    arguments: &[Tensor],
    dtype: DType,
    layer: &dyn Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<(Tensor, Vec<Option<Tensor>>)> {
    let vars: Vec<Var> =
        arguments.iter().map(|a| Var::from_tensor(&a.to_dtype(dtype)?)).collect::<Result<_>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let result = layer(&tensors)?;
    let turned = result.transpose(0, 1)?;
    let loss = (&turned * values(turned.dims(), 0.4)?.to_dtype(dtype)?)?.sum_all()?;
    let gradients = loss.backward()?;
    Ok((result, vars.iter().map(|var| gradients.get(var).cloned()).collect()))
}

/// The custom operation agrees with the plain ones; the first `data` arguments get no gradient from it.
fn agree(
    name: &str,
    shapes: &[&[usize]],
    data: usize,
    layer: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    let arguments: Vec<Tensor> =
        shapes.iter().enumerate().map(|(i, shape)| values(shape, i as f64)).collect::<Result<_>>()?;
    let (custom, custom_gradients) = both_ways(&arguments, DType::F32, &layer)?;
    let (plain, plain_gradients) = both_ways(&arguments, DType::F64, &layer)?;
    assert_near(&format!("{name} forward"), &custom, &plain)?;
    for (i, (custom, plain)) in custom_gradients.iter().zip(&plain_gradients).enumerate() {
        match custom {
            None => assert!(i < data, "{name}: argument {i} has no gradient"),
            Some(custom) => {
                assert!(i >= data, "{name}: data have a gradient");
                let plain = plain.as_ref().expect("plain operations have every gradient");
                assert_near(&format!("{name}, gradient of argument {i}"), custom, plain)?;
            }
        }
    }
    Ok(())
}

/// Within 2e-6 of the largest element: sums of at most some hundred f32 products, each within 6e-8.
fn assert_near(name: &str, custom: &Tensor, plain: &Tensor) -> Result<()> {
    assert_eq!(custom.dims(), plain.dims(), "{name}");
    let numbers = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let (custom, plain) = (numbers(custom)?, numbers(plain)?);
    let largest = plain.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    for (at, (custom, plain)) in custom.iter().zip(&plain).enumerate() {
        assert!((custom - plain).abs() <= 2e-6 * largest, "{name} {at}: {custom} and {plain}");
    }
    Ok(())
}

#[test]
fn shared_inputs() -> Result<()> {
    agree("x W", &[&[5, 7], &[3, 7, 6]], 1, |a| layers::linear(&a[0], &a[1]))?;
    agree("x W, large", &[&[130, 100], &[2, 100, 144]], 1, |a| layers::linear(&a[0], &a[1]))
}

#[test]
fn hidden_layers() -> Result<()> {
    let layer = |a: &[Tensor]| layers::hidden(&a[0], &a[1], &a[2]);
    agree("ReLU(x W + b)", &[&[5, 7], &[3, 7, 6], &[3, 6]], 1, layer)?;
    agree("ReLU(x W + b), large", &[&[130, 100], &[2, 100, 113], &[2, 113]], 1, layer)
}

#[test]
fn units_at_zero_are_not_active() -> Result<()> {
    // Rows of zeros without a bias: a dead bottom layer leaves its towers exactly there.
    let zeros = Tensor::zeros((5, 7), DType::F32, &Device::Cpu)?;
    let no_bias = Tensor::zeros((3, 6), DType::F32, &Device::Cpu)?;
    for dtype in [DType::F32, DType::F64] {
        let (result, gradients) =
            both_ways(&[zeros.clone(), values(&[3, 7, 6], 0.0)?, no_bias.clone()], dtype, &|a| {
                layers::hidden(&a[0], &a[1], &a[2])
            })?;
        for tensor in [result, gradients[1].clone().unwrap(), gradients[2].clone().unwrap()] {
            assert_eq!(tensor.abs()?.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?, 0.0, "{dtype:?}");
        }
    }
    Ok(())
}

#[test]
fn layers_of_inputs_that_every_run_has_its_own() -> Result<()> {
    agree("x W", &[&[3, 5, 7], &[3, 7, 6]], 0, |a| layers::linear(&a[0], &a[1]))?;
    agree("ReLU(x W + b)", &[&[3, 5, 7], &[3, 7, 6], &[3, 6]], 0, |a| layers::hidden(&a[0], &a[1], &a[2]))?;
    agree("gates", &[&[3, 5, 7], &[3, 7, 10]], 0, |a| layers::softmax_gates(&a[0], &a[1], 2))
}

#[test]
fn gates() -> Result<()> {
    agree("gates", &[&[5, 7], &[3, 7, 10]], 1, |a| layers::softmax_gates(&a[0], &a[1], 2))?;
    agree("gates of 8", &[&[5, 7], &[3, 7, 16]], 1, |a| layers::softmax_gates(&a[0], &a[1], 2))
}

#[test]
fn gates_of_some_experts() -> Result<()> {
    let shape: &[usize] = &[2, 5, 3, 8];
    for count in 1..=8 {
        agree("gates of the largest", &[shape], 0, |a| {
            layers::softmax_of_kept(&a[0], &layers::largest(&a[0], count)?)
        })?;
    }
    Ok(())
}

#[test]
fn the_largest_are_kept_and_of_equals_the_first() -> Result<()> {
    let logits = Tensor::new(&[[3.0_f32, 1.0, 3.0, 2.0, 3.0], [0.0; 5]], &Device::Cpu)?;
    let strided = Tensor::stack(&[&logits, &logits], 0)?.transpose(0, 1)?;
    for (logits, expected) in [
        (logits.clone(), vec![vec![1.0, 0.0, 1.0, 0.0, 0.0], vec![1.0, 1.0, 0.0, 0.0, 0.0]]),
        (logits.neg()?, vec![vec![0.0, 1.0, 0.0, 1.0, 0.0], vec![1.0, 1.0, 0.0, 0.0, 0.0]]),
    ] {
        assert_eq!(layers::largest(&logits, 2)?.to_vec2::<f32>()?, expected);
        let plain = layers::largest(&logits.to_dtype(DType::F64)?, 2)?;
        assert_eq!(plain.to_dtype(DType::F32)?.to_vec2::<f32>()?, expected);
    }
    assert_eq!(layers::largest(&strided, 2)?.get(1)?.get(1)?.to_vec1::<f32>()?, [1.0, 1.0, 0.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn what_is_no_number_stays_in_sight() -> Result<()> {
    let logits = Tensor::new(&[[1.0, 2.0, f32::NAN, 3.0]], &Device::Cpu)?;
    let gates = layers::softmax_of_kept(&logits, &layers::largest(&logits, 1)?)?;
    assert!(gates.sum_all()?.to_scalar::<f32>()?.is_nan());
    Ok(())
}

#[test]
fn stitches() -> Result<()> {
    // Not a custom operation; strided units must not be read in the wrong order.
    let units = values(&[2, 4, 3, 5], 0.0)?.transpose(1, 2)?;
    let alpha = values(&[2, 3, 3], 1.0)?;
    let stitched = layers::stitch(&units, &alpha)?;
    let at = |t: &Tensor, i: [usize; 4]| -> Result<f32> {
        t.get(i[0])?.get(i[1])?.get(i[2])?.get(i[3])?.to_scalar::<f32>()
    };
    let mut expected = 0.0;
    for from in 0..3 {
        expected += alpha.get(1)?.get(2)?.get(from)?.to_scalar::<f32>()? * at(&units, [1, from, 3, 4])?;
    }
    assert!((at(&stitched, [1, 2, 3, 4])? - expected).abs() < 1e-6);
    Ok(())
}

#[test]
fn mixtures() -> Result<()> {
    let layer = |a: &[Tensor]| layers::mix(&a[0], &a[1]);
    // Fewer units than a vector, one vector, and one with a rest.
    for units in [3, 16, 21] {
        agree("mixture", &[&[2, 5, 3, 4], &[2, 5, 4 * units]], 0, layer)?;
    }
    // Strided arguments.
    agree("mixture of turned gates", &[&[2, 3, 5, 4], &[2, 5, 64]], 0, |a| {
        layers::mix(&a[0].transpose(1, 2)?, &a[1])
    })
}

#[test]
fn towers() -> Result<()> {
    let layer = |a: &[Tensor]| layers::tower(&a[0], &a[1], &a[2]);
    let (weight, bias): (&[usize], &[usize]) = (&[2, 3, 7, 4], &[2, 3, 4]);
    agree("towers of their own inputs", &[&[2, 3, 5, 7], weight, bias], 0, layer)?;
    agree("towers of one mixture", &[&[2, 1, 5, 7], weight, bias], 0, layer)?;
    agree("towers of one bottom", &[&[2, 5, 7], weight, bias], 0, layer)?;
    agree("towers of strided inputs", &[&[2, 5, 3, 7], weight, bias], 0, |a| {
        layers::tower(&a[0].transpose(1, 2)?, &a[1], &a[2])
    })
}

#[test]
fn outputs() -> Result<()> {
    agree("output", &[&[2, 3, 5, 4], &[2, 3, 4], &[2, 3]], 0, |a| layers::output(&a[0], &a[1], &a[2]))
}
