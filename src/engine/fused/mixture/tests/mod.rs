//! Every instruction set against the f64 reference, against each other and against Candle's autograd.

mod reference;

use proptest::prelude::*;

use candle_core::{Device, Result, Tensor, Var};

use super::simd::{Instructions, Job};
use super::*;
use crate::data::Task;
use crate::engine::adam::{BETA_1, BETA_2, Correction, EPSILON};
use crate::experiment::{Decay, Recipe, Schedule};
use crate::model::{Dropout, Noise, Parameters, Problem, Role, Routing, architecture};

/// f32 sums of a few hundred terms against f64, relative to the largest element.
const TOLERANCE: f64 = 1e-5;

/// A ReLU whose input is a rounding error from 0 may fall on the other side in f32. One row's share of the
/// gradient then differs and nothing is wrong: gradients are compared where no input is nearer than this,
/// some units in the last place of inputs near 1.
const KINK: f64 = 1e-6;

/// A stream of numbers that look uniform in [−1, 1): splitmix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn vector(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| scale * self.next()).collect()
    }
}

fn batch(shape: MixtureShape, rows: usize, label_sets: usize, seed: u64) -> Batch {
    let mut numbers = Numbers(seed);
    Batch {
        rows,
        features: shape.features,
        tasks: shape.tasks,
        label_sets,
        x: numbers.vector(rows * shape.features, 2.0),
        y: numbers.vector(label_sets * shape.tasks * rows, 2.0),
        ..Batch::default()
    }
}

/// The family member as a model of the registry, for its layout and `forward`.
fn model(shape: MixtureShape) -> Box<dyn crate::model::Model> {
    let (name, sizes): (_, &[(&str, usize)]) = match shape.routing {
        Routing::Shared => ("shared_bottom", &[("bottom_units", shape.expert_units)]),
        Routing::Own => ("single_task", &[("bottom_units", shape.expert_units)]),
        Routing::OneGate => ("omoe", &[("experts", shape.experts), ("expert_units", shape.expert_units)]),
        Routing::GatePerTask => ("mmoe", &[("experts", shape.experts), ("expert_units", shape.expert_units)]),
    };
    let mut table = toml::Table::new();
    for &(key, value) in sizes.iter().chain(&[("tower_units", shape.tower_units)]) {
        table.insert(key.into(), (value as i64).into());
    }
    let sizes = (architecture(name).unwrap().parse)(table).unwrap();
    let model = sizes.configuration.build(Problem { features: shape.features, tasks: shape.tasks });
    assert_eq!(model.mixture(), Some(shape));
    model
}

/// Parameters of a size that keeps activations near 1 whatever the fan-in.
fn parameters(shape: MixtureShape, runs: usize, seed: u64) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    let layout = shape.layout();
    (0..runs)
        .flat_map(|_| layout.parameters.clone())
        .flat_map(|parameter| {
            let fan = match parameter.role {
                Role::Weight { fan_in, .. } | Role::Gate { fan_in, .. } | Role::Bias { fan_in } => fan_in,
                other => unreachable!("not of the mixture family: {other:?}"),
            };
            numbers.vector(parameter.count(), (fan as f32).sqrt().recip())
        })
        .collect()
}

fn runs(count: usize, label_sets: usize) -> Vec<StartRun> {
    (0..count).map(|r| StartRun::new(r % label_sets, 0.01 / (1 + r) as f64, 0)).collect()
}

fn population(shape: MixtureShape, count: usize, sets: usize, with: Instructions) -> MixturePopulation {
    let model = model(shape);
    let start = Start {
        model: &*model,
        runs: runs(count, sets),
        parameters: parameters(shape, count, 7),
        task: Task::Regression,
    };
    MixturePopulation::with_instructions(shape, start, with).unwrap()
}

/// Largest difference relative to the largest element.
fn distance(actual: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let largest = expected.iter().fold(1e-3f64, |most, e| most.max(e.abs()));
    let differences = actual.iter().zip(expected).map(|(&a, e)| (a as f64 - e).abs());
    // `max` would pass over NaN.
    differences.fold(0.0, |most, d| if d <= most { most } else { d }) / largest
}

fn shapes() -> impl Strategy<Value = MixtureShape> {
    let routing = prop_oneof![
        Just(Routing::Shared),
        Just(Routing::Own),
        Just(Routing::OneGate),
        Just(Routing::GatePerTask)
    ];
    (routing, 1..140usize, 1..10usize, 1..30usize, 1..9usize, 1..20usize).prop_map(
        |(routing, features, experts, expert_units, tasks, tower_units)| {
            let experts = match routing {
                Routing::Shared => 1,
                Routing::Own => tasks,
                _ => experts,
            };
            MixtureShape { features, experts, expert_units, tasks, tower_units, routing }
        },
    )
}

fn rows() -> impl Strategy<Value = usize> {
    prop_oneof![1..70usize, 1..1000usize, Just(32), Just(128), Just(256)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_instruction_set_agrees_with_the_f64_reference(shape in shapes(), rows in rows(), seed: u64) {
        let batch = batch(shape, rows, 1, seed);
        let parameters: Vec<f64> = parameters(shape, 1, 7).iter().map(|&p| p as f64).collect();
        let expected = reference::pass(shape, &parameters, &batch.x, &batch.y);
        for instructions in Instructions::available() {
            let mut population = population(shape, 1, 1, instructions);
            let (losses, gradient) = population.gradients(&batch).unwrap();
            let name = instructions.name();
            prop_assert!(distance(&losses, &expected.losses) < TOLERANCE, "{name} losses");
            let d = distance(&gradient, &expected.gradient);
            prop_assert!(d < TOLERANCE || expected.nearest_kink < KINK, "{name} gradient {d}");
            let evaluation = population.evaluate(&batch).unwrap();
            prop_assert!(distance(&evaluation.losses, &expected.losses) < TOLERANCE, "{name} evaluation");
            if let Some(gates) = evaluation.gates {
                prop_assert!(distance(&gates.mean_weight, &expected.mean_weight) < TOLERANCE);
                prop_assert!(distance(&gates.entropy, &expected.entropy) < TOLERANCE);
                for weights in gates.mean_weight.chunks_exact(shape.experts) {
                    prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                }
                let most = (shape.experts as f32).ln() + 1e-5;
                prop_assert!(gates.entropy.iter().all(|e| (-1e-6..=most).contains(e)));
            } else {
                prop_assert_eq!(shape.gates(), 0);
            }
        }
    }

    #[test]
    fn accesses_of_the_widest_blocking_stay_in_bounds(shape in shapes(), rows in rows()) {
        // The portable vectors of 16 lanes block as AVX-512 does, and check every access.
        let batch = batch(shape, rows, 1, 1);
        let parameters: Vec<f64> = parameters(shape, 1, 7).iter().map(|&p| p as f64).collect();
        let expected = reference::pass(shape, &parameters, &batch.x, &batch.y);
        let mut population = population(shape, 1, 1, Instructions::best());
        population.gradients(&batch).unwrap();
        let theta = population.padded_parameters().unwrap().remove(0);
        let mut losses = vec![0.0; shape.tasks];
        portable_16(Pass {
            geometry: &population.geometry,
            theta: &theta,
            packed: &population.packed,
            label_set: 0,
            scratch: &mut population.scratch,
            losses: &mut losses,
            kept: None,
            wanted: Wanted::Gradient(&mut population.gradient),
        });
        prop_assert!(distance(&losses, &expected.losses) < TOLERANCE);
        let positions = population.geometry.positions();
        let gradient: Vec<f32> = positions.iter().map(|&at| population.gradient[at]).collect();
        let d = distance(&gradient, &expected.gradient);
        prop_assert!(d < TOLERANCE || expected.nearest_kink < KINK, "gradient {d}");
        let used: std::collections::HashSet<usize> = positions.into_iter().collect();
        for (at, g) in population.gradient.iter().enumerate() {
            prop_assert!(used.contains(&at) || *g == 0.0, "padding at {at} has gradient {g}");
        }
    }
}

fn portable_16<J: Job>(job: J) -> J::Output {
    super::simd::portable::run_wide(job)
}

/// The study's four models.
fn studied() -> [MixtureShape; 4] {
    let mixture = MixtureShape {
        features: 100,
        experts: 8,
        expert_units: 16,
        tasks: 2,
        tower_units: 8,
        routing: Routing::GatePerTask,
    };
    [
        MixtureShape { experts: 1, expert_units: 113, routing: Routing::Shared, ..mixture },
        MixtureShape { experts: 2, expert_units: 60, routing: Routing::Own, ..mixture },
        MixtureShape { routing: Routing::OneGate, ..mixture },
        mixture,
    ]
}

#[test]
fn the_study_s_models_take_the_operations_that_the_benchmarks_count() {
    let flops = studied().map(|shape| shape.flops_per_row());
    assert_eq!([flops[0], flops[2], flops[3]], [56_144.0, 56_800.0, 60_768.0]);
}

#[test]
fn the_gradient_is_candle_s() -> Result<()> {
    for (shape, rate) in studied().into_iter().flat_map(|shape| [(shape, 0.0), (shape, 0.3)]) {
        let (count, sets) = (3, 2);
        let model = model(shape);
        let batch = batch(shape, 50, sets, 11);
        let flat = parameters(shape, count, 7);
        let layout = model.layout();
        let mut vars = Vec::new();
        for (range, parameter) in layout.ranges().into_iter().zip(&layout.parameters) {
            let values: Vec<f32> =
                flat.chunks_exact(layout.count()).flat_map(|run| run[range.clone()].to_vec()).collect();
            let dims: Vec<usize> = std::iter::once(count).chain(parameter.shape.iter().copied()).collect();
            vars.push(Var::from_vec(values, dims, &Device::Cpu)?);
        }
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let x = Tensor::from_vec(batch.x.clone(), (50, shape.features), &Device::Cpu)?;
        let y = Tensor::from_vec(batch.y.clone(), (sets, shape.tasks, 50), &Device::Cpu)?;
        let chosen: Vec<u32> = runs(count, sets).iter().map(|run| run.label_set as u32).collect();
        let y = y.index_select(&Tensor::new(chosen, &Device::Cpu)?, 0)?;
        let seeds: Vec<u64> = runs(count, sets).iter().map(|run| run.seed).collect();
        let noise = Noise::new(&seeds, 0);
        let dropout = Dropout::new(rate, noise);
        let tensors = Parameters::new(layout, &tensors).dropping(dropout.as_ref());
        let predictions = model.training_forward(&tensors, &x, &noise)?.predictions;
        let losses = (predictions - y)?.sqr()?.mean(2)?;
        let grads = losses.sum_all()?.backward()?;

        for instructions in Instructions::available() {
            let mut fused = population(shape, count, sets, instructions);
            fused.runs.iter_mut().for_each(|run| run.recipe.dropout = rate);
            let (actual, gradient) = fused.gradients(&batch)?;
            let expected: Vec<f32> = losses.flatten_all()?.to_vec1()?;
            let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
            assert!(distance(&actual, &expected) < TOLERANCE, "{shape:?} {}", instructions.name());
            for (range, var) in layout.ranges().into_iter().zip(&vars) {
                let expected: Vec<f32> = grads.get(var).unwrap().flatten_all()?.to_vec1()?;
                let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
                let runs = gradient.chunks_exact(layout.count());
                let actual: Vec<f32> = runs.flat_map(|run| run[range.clone()].to_vec()).collect();
                let distance = distance(&actual, &expected);
                assert!(distance < TOLERANCE, "{shape:?} {range:?} {}", instructions.name());
            }
        }
    }
    Ok(())
}

#[test]
fn a_run_alone_has_the_bits_it_has_in_a_population() -> Result<()> {
    for shape in studied() {
        for instructions in Instructions::available() {
            let (count, sets, keep) = (4, 3, [false, true, true, false]);
            let mut together = population(shape, count, sets, instructions);
            let parameters = parameters(shape, count, 7);
            let size = shape.layout().count();
            let model = model(shape);
            let alone = |r: usize| {
                let start = Start {
                    model: &*model,
                    runs: vec![runs(count, sets)[r]],
                    parameters: parameters[r * size..][..size].to_vec(),
                    task: Task::Regression,
                };
                MixturePopulation::with_instructions(shape, start, instructions)
            };
            let mut second = alone(1)?;
            let (mut losses, mut own) = (Vec::new(), Vec::new());
            for step in 0..6 {
                let batch = batch(shape, 45, sets, step);
                if step == 3 {
                    together.retain(&keep)?;
                }
                together.step(&batch, &mut losses)?;
                second.step(&batch, &mut own)?;
                let at = if step < 3 { shape.tasks } else { 0 };
                assert_eq!(losses.len(), shape.tasks * if step < 3 { count } else { 2 });
                let bits = |losses: &[f32]| losses.iter().map(|l| l.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&losses[at..][..shape.tasks]), bits(&own), "{shape:?} step {step}");
            }
            assert_eq!(together.parameters()?[..size], second.parameters()?);
        }
    }
    Ok(())
}

/// A batch of a step whose labels can be learned, so that losses say something.
fn learnable(shape: MixtureShape, step: u64) -> Batch {
    let mut batch = batch(shape, 32, 1, step);
    for (k, y) in batch.y.chunks_exact_mut(32).enumerate() {
        for (y, x) in y.iter_mut().zip(batch.x.chunks_exact(shape.features)) {
            *y = x[k] - x[k + 1];
        }
    }
    batch
}

/// The same with labels, and so gradients, of three sizes, of which clipping changes the largest.
fn of_three_sizes(shape: MixtureShape, step: u64) -> Batch {
    let mut batch = learnable(shape, step);
    batch.y.iter_mut().for_each(|y| *y *= [1.0, 4.0, 16.0][(step % 3) as usize]);
    batch
}

/// Parameters after the steps of a recipe in f64, and the norms of the gradients in rising order.
fn trained_in_f64(shape: MixtureShape, recipe: Recipe, steps: u64) -> (Vec<f64>, Vec<f64>) {
    let mut theta: Vec<f64> = parameters(shape, 1, 7).iter().map(|&p| p as f64).collect();
    let (mut m, mut v, mut norms) = (vec![0.0; theta.len()], vec![0.0; theta.len()], Vec::new());
    for t in 1..=steps {
        let batch = of_three_sizes(shape, t);
        let gradient = reference::pass(shape, &theta, &batch.x, &batch.y).gradient;
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let scale = recipe.clip_norm.map_or(1.0, |limit| (limit / norm).min(1.0));
        norms.push(norm);
        let rate = 0.01 * recipe.schedule.factor(t, steps);
        let correction = Correction::at(t, rate);
        for i in 0..theta.len() {
            let g = scale * gradient[i];
            m[i] = BETA_1 * m[i] + (1.0 - BETA_1) * g;
            v[i] = BETA_2 * v[i] + (1.0 - BETA_2) * g * g;
            theta[i] -= rate * recipe.weight_decay * theta[i]
                + correction.step * m[i] / (v[i].sqrt() * correction.root + EPSILON);
        }
    }
    norms.sort_by(f64::total_cmp);
    (theta, norms)
}

#[test]
fn decay_schedule_and_clipping_stay_close_to_f64() -> Result<()> {
    const STEPS: u64 = 12;
    let schedule = Schedule { decay: Decay::Cosine, warmup: 3 };
    for shape in studied() {
        // Half of the gradients are longer.
        let norms = trained_in_f64(shape, Recipe::default(), STEPS).1;
        let clip_norm = Some(norms[norms.len() / 2]);
        let recipe = Recipe { weight_decay: 1.0, schedule, clip_norm, ..Recipe::default() };
        let expected = trained_in_f64(shape, recipe, STEPS).0;
        let apart = |theta: &[f64]| {
            let squares = theta.iter().zip(&expected).map(|(a, b)| (a - b) * (a - b));
            (squares.sum::<f64>() / theta.len() as f64).sqrt()
        };
        for instructions in Instructions::available() {
            let mut fused = population(shape, 1, 1, instructions);
            fused.runs[0] = StartRun { recipe, steps: STEPS, learning_rate: 0.01, ..fused.runs[0] };
            for t in 1..=STEPS {
                fused.step(&of_three_sizes(shape, t), &mut Vec::new())?;
            }
            let theta: Vec<f64> = fused.parameters()?.iter().map(|&p| f64::from(p)).collect();
            // Twelve steps of some 1e-3, each with a few roundings.
            assert!(apart(&theta) < 1e-6, "{shape:?} {}: {}", instructions.name(), apart(&theta));
        }
        for without in [
            Recipe { weight_decay: 0.0, ..recipe },
            Recipe { schedule: Schedule::default(), ..recipe },
            Recipe { clip_norm: None, ..recipe },
        ] {
            let apart = apart(&trained_in_f64(shape, without, STEPS).0);
            assert!(apart > 1e-4, "{shape:?}: {without:?} makes no difference: {apart}");
        }
    }
    Ok(())
}

#[test]
fn two_hundred_steps_stay_close_to_f64() -> Result<()> {
    for shape in studied() {
        let mut fused = population(shape, 1, 1, Instructions::best());
        let mut theta: Vec<f64> = parameters(shape, 1, 7).iter().map(|&p| p as f64).collect();
        let mut m = vec![0.0; theta.len()];
        let mut v = vec![0.0; theta.len()];
        let (mut losses, mut expected) = (Vec::new(), Vec::new());
        for t in 1..=200 {
            let batch = learnable(shape, t);
            fused.step(&batch, &mut losses)?;
            let pass = reference::pass(shape, &theta, &batch.x, &batch.y);
            expected = pass.losses;
            let correction = Correction::at(t, 0.01);
            for i in 0..theta.len() {
                let g = pass.gradient[i];
                m[i] = BETA_1 * m[i] + (1.0 - BETA_1) * g;
                v[i] = BETA_2 * v[i] + (1.0 - BETA_2) * g * g;
                theta[i] -= correction.step * m[i] / (v[i].sqrt() * correction.root + EPSILON);
            }
        }
        // Training amplifies rounding, and Adam most where gradients are tiny: 1 % of the loss after 200
        // steps at a high learning rate is far below what a wrong term would leave.
        assert!(distance(&losses, &expected) < 1e-2, "{shape:?}: {losses:?} and {expected:?}");
    }
    Ok(())
}

#[test]
fn a_diverged_run_shows_in_its_loss() -> Result<()> {
    for shape in studied() {
        for instructions in Instructions::available() {
            let mut population = population(shape, 2, 1, instructions);
            let mut values = population.state.flatten_all()?.to_vec1::<f32>()?;
            values[0] = f32::NAN;
            population.state = Tensor::from_vec(values, population.state.shape(), &Device::Cpu)?;
            let mut losses = Vec::new();
            population.step(&batch(shape, 40, 1, 3), &mut losses)?;
            assert!(losses[0].is_nan(), "{shape:?}");
            assert!(losses[shape.tasks..].iter().all(|l| l.is_finite()), "{shape:?}");
        }
    }
    Ok(())
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    let [shape, ..] = studied();
    let mut population = population(shape, 2, 2, Instructions::best());
    let mut losses = Vec::new();
    assert!(population.step(&batch(shape, 40, 1, 3), &mut losses).is_err());
    let other = MixtureShape { features: 99, ..shape };
    assert!(population.step(&batch(other, 40, 2, 3), &mut losses).is_err());
    assert!(population.step(&batch(shape, 0, 2, 3), &mut losses).is_err());
}
