//! Adam (Kingma & Ba 2015, algorithm 1), "with the default setting" as MMoE §3.3 has it: one update, four ways to
//! compute it.
//!
//! | engine | file | computes with |
//! |---|---|---|
//! | fused, mixture family | `simd` | vectors, two quotients a division |
//! | fused, towers (ESMM and the like) | `cpu` | plain loops over slices |
//! | graph | `tensor` | `cpu` in f32 on a CPU, `cuda` in f32 on a GPU, else plain operations on tensors |
//! | graph on a GPU | `cuda` | the kernels `adam_*` of `model/ops/gpu/kernels.cu` |
//!
//! The test below holds all of them against the same loop in f64.

pub mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
pub mod simd;
pub mod tensor;

/// Decay of the first moment.
pub const BETA_1: f64 = 0.9;
/// Decay of the second moment.
pub const BETA_2: f64 = 0.999;
/// Added to the root of the corrected second moment.
pub const EPSILON: f64 = 1e-8;

/// Step size and second-moment scale with the bias corrections folded in, for step `t` (from 1):
/// θ ← θ − `decay` · θ − `step` · m / (√v · `root` + ε).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// lr / (1 − β₁ᵗ).
    pub step: f64,
    /// 1 / √(1 − β₂ᵗ).
    pub root: f64,
    /// Share of the parameters that decays beside it (Loshchilov & Hutter 2019, algorithm 2): lr · λ, or 0. A decay of 0
    /// leaves every bit of a parameter.
    pub decay: f64,
}

impl Correction {
    /// The correction of step `t`, counted from 1.
    pub fn at(t: u64, learning_rate: f64) -> Self {
        // Past the range of i32 both powers are 0 in f64.
        let t = i32::try_from(t).unwrap_or(i32::MAX);
        Self {
            step: learning_rate / (1.0 - BETA_1.powi(t)),
            root: 1.0 / (1.0 - BETA_2.powi(t)).sqrt(),
            decay: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor, Var};

    use super::simd::Adam;
    use super::*;
    use crate::engine::fused::simd::Instructions;

    const RUNS: usize = 2;
    const PARAMETERS: usize = 64;

    /// θ, m and v of all runs, `[runs, parameters]` each.
    #[derive(Clone)]
    struct State {
        theta: Vec<f32>,
        first: Vec<f32>,
        second: Vec<f32>,
    }

    impl State {
        fn new() -> Self {
            let zeros = vec![0.0; RUNS * PARAMETERS];
            Self { theta: vec![0.5; RUNS * PARAMETERS], first: zeros.clone(), second: zeros }
        }

        /// Takes a step of every run on its slices.
        fn by_run(
            &mut self,
            gradient: &[f32],
            corrections: &[Correction],
            step: impl Fn(&mut [f32], &mut [f32], &mut [f32], &[f32], Correction),
        ) {
            for (run, &correction) in corrections.iter().enumerate() {
                let range = run * PARAMETERS..(run + 1) * PARAMETERS;
                let [theta, first, second] = [&mut self.theta, &mut self.first, &mut self.second]
                    .map(|values| &mut values[range.clone()]);
                step(theta, first, second, &gradient[range], correction);
            }
        }

        /// Takes a step of all runs on tensors of a precision and device.
        fn by_tensors(
            &mut self,
            gradient: &[f32],
            (device, dtype): (&Device, DType),
            step: impl Fn(&Var, &mut Tensor, &Tensor) -> candle_core::Result<()>,
        ) -> candle_core::Result<()> {
            let shape = (RUNS, PARAMETERS);
            let tensor = |values: &[f32]| Tensor::from_slice(values, shape, device)?.to_dtype(dtype);
            let theta = Var::from_tensor(&tensor(&self.theta)?)?;
            let mut moments = Tensor::stack(&[tensor(&self.first)?, tensor(&self.second)?], 0)?;
            step(&theta, &mut moments, &tensor(gradient)?)?;
            let values = |tensor: &Tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
            self.theta = values(theta.as_tensor())?;
            self.first = values(&moments.get(0)?)?;
            self.second = values(&moments.get(1)?)?;
            Ok(())
        }
    }

    type Step = Box<dyn Fn(&mut State, &[f32], &[Correction])>;

    /// Every way to compute a step that this machine has, with its name.
    fn variants() -> Vec<(String, Step)> {
        let mut variants: Vec<(String, Step)> = Vec::new();
        for instructions in Instructions::available() {
            let step: Step = Box::new(move |state, gradient, corrections| {
                state.by_run(gradient, corrections, |theta, first, second, gradient, correction| {
                    instructions.run(Adam { theta, first, second, gradient, scale: 1.0, correction });
                });
            });
            variants.push((format!("simd {}", instructions.name()), step));
        }
        for cpu in crate::simd::CpuFeatures::available() {
            let step: Step = Box::new(move |state, gradient, corrections| {
                state.by_run(gradient, corrections, |theta, first, second, gradient, correction| {
                    super::cpu::update_moments(cpu, first, second, gradient);
                    super::cpu::update_parameters(cpu, theta, first, second, correction);
                });
            });
            variants.push((format!("cpu {}", cpu.name()), step));
        }
        // A machine without a GPU, or a build without CUDA, tests the others.
        let devices = [Some(Device::Cpu), Device::new_cuda(0).ok()].into_iter().flatten();
        for device in devices {
            let name = if device.is_cpu() { "CPU" } else { "GPU" };
            for dtype in [DType::F32, DType::F64] {
                let at = device.clone();
                let step: Step = Box::new(move |state, gradient, corrections| {
                    let step = |theta: &Var, moments: &mut Tensor, gradient: &Tensor| {
                        tensor::step(theta, moments, gradient, corrections)
                    };
                    state.by_tensors(gradient, (&at, dtype), step).unwrap();
                });
                variants.push((format!("tensor {dtype:?} {name}"), step));
            }
            let step: Step = Box::new(move |state, gradient, corrections| {
                let step = |theta: &Var, moments: &mut Tensor, gradient: &Tensor| {
                    *moments = tensor::step_in_plain_operations(theta, moments, gradient, corrections)?;
                    Ok(())
                };
                state.by_tensors(gradient, (&device, DType::F32), step).unwrap();
            });
            variants.push((format!("plain operations {name}"), step));
        }
        variants
    }

    #[test]
    fn every_variant_takes_the_step_of_algorithm_1() {
        // From gradients that ε hides to ones near divergence; the last of a run is exactly 0.
        let for_run = |run: i32| {
            (0..PARAMETERS as i32).map(move |i| match i {
                63 => 0.0,
                _ => (-1.0f32).powi(i + run) * 10f32.powf(i as f32 / 2.0 - 15.0),
            })
        };
        let gradient: Vec<f32> = (0..RUNS as i32).flat_map(for_run).collect();
        let variants = variants();
        // Portable vectors, plain loops, tensors in f32 and f64, and plain operations are everywhere.
        assert!(variants.len() >= 5);
        for ((name, step), decay) in variants.iter().flat_map(|variant| [(variant, 0.0), (variant, 1e-3)]) {
            let mut state = State::new();
            let mut theta = [0.5f64; RUNS * PARAMETERS];
            let (mut m, mut v) = ([0.0f64; RUNS * PARAMETERS], [0.0f64; RUNS * PARAMETERS]);
            for t in 1..=20 {
                let mut corrections = [1e-2, 3e-3].map(|learning_rate| Correction::at(t, learning_rate));
                corrections[1].decay = decay;
                step(&mut state, &gradient, &corrections);
                for (i, &g) in gradient.iter().enumerate() {
                    let (g, correction) = (f64::from(g), corrections[i / PARAMETERS]);
                    m[i] = BETA_1 * m[i] + (1.0 - BETA_1) * g;
                    v[i] = BETA_2 * v[i] + (1.0 - BETA_2) * g * g;
                    theta[i] -= correction.decay * theta[i]
                        + correction.step * m[i] / (v[i].sqrt() * correction.root + EPSILON);
                    // Twenty steps of 1e-2 with a few roundings each of 2⁻²⁴.
                    let error = (f64::from(state.theta[i]) - theta[i]).abs();
                    assert!(error < 1e-6, "{name} t={t} i={i}: {error}");
                }
            }
            for (last, expected) in
                [(PARAMETERS - 1, 0.5), (RUNS * PARAMETERS - 1, 0.5 * (1.0 - decay).powi(20))]
            {
                assert_eq!((state.first[last], state.second[last]), (0.0, 0.0), "{name}");
                let error = (f64::from(state.theta[last]) - expected).abs();
                // Exact without a decay; else twenty roundings of 2⁻²⁵.
                assert!(
                    error <= if last < PARAMETERS || decay == 0.0 { 0.0 } else { 1e-6 },
                    "{name}: {error}"
                );
            }
        }
    }
}
