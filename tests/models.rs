//! Every architecture of the registry: gradients against finite differences, and parameter counts.

use candle_core::{DType, Device, Result, Tensor, Var};
use mmoe_study::model::initialise::Init;
use mmoe_study::model::{Forward, Model, Noise, Parameters, Problem, REGISTRY, architecture, towers};

fn build(name: &str, sizes: &str, problem: Problem) -> Box<dyn Model> {
    let sizes = (architecture(name).unwrap().parse)(sizes.parse().unwrap()).unwrap();
    sizes.configuration.check().unwrap();
    sizes.configuration.build(problem)
}

/// Small sizes for each architecture, none of them equal, so that a mixed-up axis shows.
fn small(name: &str) -> &'static str {
    match name {
        "single_task" | "shared_bottom" | "cross_stitch" => "bottom_units = 6\ntower_units = 3",
        "l2_constrained" => "bottom_units = 6\ntower_units = 3\nstrength = 0.07",
        "tensor_factorization" => {
            "bottom_units = 6\ntower_units = 3\ninput_rank = 5\nunit_rank = 4\ntask_rank = 2"
        }
        "mmoe_top_k" => "experts = 5\nexpert_units = 4\ntower_units = 3\ntop_k = 2",
        "mmoe_gate_dropout" => "experts = 5\nexpert_units = 4\ntower_units = 3\ngate_dropout = 0.4",
        "cgc" => "task_experts = 2\nshared_experts = 3\nexpert_units = 4\ntower_units = 5",
        "ple" => "levels = 3\ntask_experts = 2\nshared_experts = 3\nexpert_units = 4\ntower_units = 5",
        _ => "experts = 5\nexpert_units = 4\ntower_units = 3",
    }
}

/// Architectures that may share nothing, without their shared experts.
const UNSHARED: [(&str, &str); 2] = [
    ("cgc", "task_experts = 2\nshared_experts = 0\nexpert_units = 4\ntower_units = 5"),
    ("ple", "levels = 3\ntask_experts = 2\nshared_experts = 0\nexpert_units = 4\ntower_units = 5"),
];

/// The runs' parameters in f64, `[runs, shape…]` in layout order.
fn parameters(model: &dyn Model, seeds: &[u64]) -> Result<Vec<Var>> {
    let layout = model.layout();
    let flat: Vec<f64> =
        seeds.iter().flat_map(|&s| Init::UniformFanIn.draw(layout, s)).map(f64::from).collect();
    let flat = Tensor::from_vec(flat, (seeds.len(), layout.count()), &Device::Cpu)?;
    let mut vars = Vec::new();
    for (parameter, range) in layout.parameters.iter().zip(layout.ranges()) {
        let shape: Vec<usize> = std::iter::once(seeds.len()).chain(parameter.shape.iter().copied()).collect();
        let tensor = flat.narrow(1, range.start, range.len())?.contiguous()?.reshape(shape)?;
        vars.push(Var::from_tensor(&tensor)?);
    }
    Ok(vars)
}

/// A deterministic tensor of values between −1 and 1.
fn values(shape: &[usize]) -> Result<Tensor> {
    let count = shape.iter().product::<usize>() as i64;
    let angles = Tensor::arange(0, count, &Device::Cpu)?.to_dtype(DType::F64)?;
    ((angles * 0.7)? + 0.3)?.sin()?.reshape(shape)
}

/// Noise of the first step, of runs with these seeds.
const NOISE: Noise = Noise::new(&[1, 2], 0);

/// What is trained on: for every run the sum of its tasks' mean squared errors and its model's penalty, and
/// the sum of that over runs.
fn objective(model: &dyn Model, vars: &[Var], x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let tensors = tensors(vars);
    let parameters = Parameters::new(model.layout(), &tensors);
    let forward = model.training_forward(&parameters, x, &NOISE)?;
    let losses = (forward.predictions - y)?.sqr()?.mean(2)?.sum_all()?;
    match model.penalty(&parameters)? {
        Some(penalty) => losses + penalty.sum_all()?,
        None => Ok(losses),
    }
}

fn tensors(vars: &[Var]) -> Vec<Tensor> {
    vars.iter().map(|var| var.as_tensor().clone()).collect()
}

/// A forward pass of runs with these seeds.
fn forward(model: &dyn Model, seeds: &[u64], x: &Tensor) -> Result<Forward> {
    let tensors = tensors(&parameters(model, seeds)?);
    model.forward(&Parameters::new(model.layout(), &tensors), x)
}

#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    /// Half the distance of the two evaluations: small against the curvature, large against f64 rounding.
    const STEP: f64 = 1e-6;
    let registry = REGISTRY.iter().map(|entry| (entry.name, small(entry.name)));
    for (name, sizes) in registry.chain(UNSHARED) {
        let model = build(name, sizes, Problem { features: 7, tasks: 3 });
        let vars = parameters(model.as_ref(), &[1, 2])?;
        let y = values(&[2, 3, 5])?;
        // Inputs that all runs share, and inputs of every run's own, which have a gradient too.
        for (own, shape) in [(false, vec![5, 7]), (true, vec![2, 5, 7])] {
            let x = Var::from_tensor(&values(&shape)?)?;
            let gradients = objective(model.as_ref(), &vars, &x, &y)?.backward()?;
            let names = model.layout().parameters.iter().map(|parameter| &*parameter.name);
            let mut checked: Vec<(&str, &Var)> = names.zip(&vars).collect();
            if own {
                checked.push(("x", &x));
            }
            for (parameter, var) in checked {
                let gradient = gradients.get(var.as_tensor()).expect("every parameter has a gradient");
                let gradient = gradient.flatten_all()?.to_vec1::<f64>()?;
                let base = var.as_tensor().flatten_all()?.to_vec1::<f64>()?;
                // Every seventh element: all rows and columns come up.
                for place in (0..base.len()).step_by(7) {
                    let at = |change: f64| -> Result<f64> {
                        let mut moved = base.clone();
                        moved[place] += change;
                        var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu)?)?;
                        objective(model.as_ref(), &vars, &x, &y)?.to_scalar()
                    };
                    let numeric = (at(STEP)? - at(-STEP)?) / (2.0 * STEP);
                    let error = (numeric - gradient[place]).abs();
                    assert!(
                        error < 1e-7 * (1.0 + numeric.abs()),
                        "{name} {parameter} {place}: {numeric} and {}",
                        gradient[place]
                    );
                }
                var.set(&Tensor::from_vec(base, var.shape(), &Device::Cpu)?)?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_run_computes_the_same_alone() -> Result<()> {
    for entry in REGISTRY {
        let model = build(entry.name, small(entry.name), Problem { features: 7, tasks: 2 });
        let (shared, own) = (values(&[5, 7])?, values(&[3, 5, 7])?);
        // Training and evaluation; inputs that runs share, and inputs of their own.
        let predict = |seeds: &[u64], x: &Tensor| -> Result<[Vec<Vec<f64>>; 2]> {
            let tensors = tensors(&parameters(model.as_ref(), seeds)?);
            let parameters = Parameters::new(model.layout(), &tensors);
            let training = model.training_forward(&parameters, x, &Noise::new(seeds, 4))?;
            let evaluation = model.forward(&parameters, x)?;
            Ok([
                training.predictions.flatten_from(1)?.to_vec2()?,
                evaluation.predictions.flatten_from(1)?.to_vec2()?,
            ])
        };
        for (together, alone) in [
            (predict(&[1, 2, 3], &shared)?, predict(&[2], &shared)?),
            (predict(&[1, 2, 3], &own)?, predict(&[2], &own.narrow(0, 1, 1)?)?),
        ] {
            for (together, alone) in together.iter().zip(&alone) {
                assert_eq!(together[1], alone[0], "{}", entry.name);
                assert_ne!(together[0], together[1], "{}", entry.name);
            }
        }
    }
    Ok(())
}

#[test]
fn every_model_takes_any_number_of_tasks() -> Result<()> {
    for entry in REGISTRY {
        for tasks in [1, 2, 5] {
            let model = build(entry.name, small(entry.name), Problem { features: 7, tasks });
            let seen = forward(model.as_ref(), &[1, 2], &values(&[4, 7])?)?;
            assert_eq!(seen.predictions.dims(), [2, tasks, 4], "{}", entry.name);
            let vars = parameters(model.as_ref(), &[1, 2])?;
            let loss = objective(model.as_ref(), &vars, &values(&[4, 7])?, &values(&[2, tasks, 4])?)?;
            let gradients = loss.backward()?;
            for var in &vars {
                assert!(gradients.get(var.as_tensor()).is_some(), "{} {tasks}", entry.name);
            }
        }
    }
    Ok(())
}

#[test]
fn gates_are_distributions_over_experts() -> Result<()> {
    for (name, gates, experts) in [
        ("omoe", 1, 5),
        ("mmoe", 3, 5),
        ("mmoe_top_k", 3, 5),
        ("mmoe_gate_dropout", 3, 5),
        ("cgc", 3, 9),
        ("ple", 3, 9),
    ] {
        let model = build(name, small(name), Problem { features: 7, tasks: 3 });
        let weights =
            forward(model.as_ref(), &[1, 2], &values(&[4, 7])?)?.gates.expect("a mixture has gates");
        assert_eq!(weights.dims(), [2, gates, 4, experts], "{name}");
        for sum in weights.sum(3)?.flatten_all()?.to_vec1::<f64>()? {
            assert!((sum - 1.0).abs() < 1e-12, "{name}: {sum}");
        }
    }
    Ok(())
}

#[test]
fn top_k_gates_use_k_experts_and_with_all_of_them_are_mmoe() -> Result<()> {
    let problem = Problem { features: 7, tasks: 3 };
    let x = values(&[40, 7])?;
    let sparse = build("mmoe_top_k", small("mmoe_top_k"), problem);
    let dense = build("mmoe", small("mmoe"), problem);
    let gates = |model: &dyn Model| -> Result<Vec<Vec<f64>>> {
        let gates = forward(model, &[1], &x)?.gates.expect("a mixture has gates");
        gates.flatten_to(2)?.to_vec2()
    };
    for (sparse, dense) in gates(sparse.as_ref())?.iter().zip(gates(dense.as_ref())?) {
        let mut order: Vec<usize> = (0..5).collect();
        order.sort_by(|&a, &b| dense[b].total_cmp(&dense[a]));
        let kept = dense[order[0]] + dense[order[1]];
        for (place, &expert) in order.iter().enumerate() {
            let expected = if place < 2 { dense[expert] / kept } else { 0.0 };
            assert!((sparse[expert] - expected).abs() < 1e-12, "{sparse:?} of {dense:?}");
        }
    }
    let all = build("mmoe_top_k", "experts = 5\nexpert_units = 4\ntower_units = 3\ntop_k = 5", problem);
    let predictions = |model: &dyn Model| -> Result<Vec<f64>> {
        forward(model, &[1], &x)?.predictions.flatten_all()?.to_vec1()
    };
    assert_eq!(predictions(all.as_ref())?, predictions(dense.as_ref())?);
    Ok(())
}

#[test]
fn gate_dropout_drops_its_share_in_training_alone() -> Result<()> {
    let problem = Problem { features: 7, tasks: 2 };
    let model = build("mmoe_gate_dropout", "experts = 5\nexpert_units = 2\ngate_dropout = 0.4", problem);
    let tensors = tensors(&parameters(model.as_ref(), &[1, 2])?);
    let parameters = Parameters::new(model.layout(), &tensors);
    let x = values(&[1000, 7])?;
    let gates = |step: u64| -> Result<Vec<Vec<f64>>> {
        let noisy = model.training_forward(&parameters, &x, &Noise::new(&[1, 2], step))?;
        noisy.gates.expect("a mixture has gates").flatten_to(2)?.to_vec2()
    };
    let rows = gates(0)?;
    let dropped = rows.iter().flatten().filter(|&&weight| weight == 0.0).count();
    // 20,000 gates, of which 0.4 − 0.4⁵ are dropped, as a row that would lose all loses none; the standard error
    // of the share is 0.0035.
    let share = dropped as f64 / 20_000.0;
    assert!((share - (0.4 - 0.4_f64.powi(5))).abs() < 0.015, "{share}");
    for row in &rows {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{row:?}");
    }
    assert_ne!(rows, gates(1)?, "another step, other noise");
    let evaluated = model.forward(&parameters, &x)?.gates.expect("a mixture has gates");
    assert!(evaluated.flatten_all()?.to_vec1::<f64>()?.iter().all(|&weight| weight > 0.0));
    Ok(())
}

#[test]
fn ple_of_one_level_is_cgc() -> Result<()> {
    let problem = Problem { features: 7, tasks: 3 };
    let sizes = small("cgc");
    let predictions = |name: &str, sizes: &str| -> Result<Vec<f64>> {
        let model = build(name, sizes, problem);
        forward(model.as_ref(), &[1, 2], &values(&[5, 7])?)?.predictions.flatten_all()?.to_vec1()
    };
    let ple = predictions("ple", &format!("levels = 1\n{sizes}"))?;
    assert_eq!(ple, predictions("cgc", sizes)?);
    assert_ne!(ple, predictions("ple", &format!("levels = 2\n{sizes}"))?);
    Ok(())
}

#[test]
fn without_shared_experts_a_task_does_not_move_with_the_others() -> Result<()> {
    for (name, sizes) in UNSHARED {
        let model = build(name, sizes, Problem { features: 7, tasks: 3 });
        let vars = parameters(model.as_ref(), &[1])?;
        let tensors = tensors(&vars);
        let x = values(&[5, 7])?;
        let predictions = model.forward(&Parameters::new(model.layout(), &tensors), &x)?.predictions;
        let gradients = |task| predictions.narrow(1, task, 1)?.sum_all()?.backward();
        let moved = |task| -> Result<Vec<Vec<f64>>> {
            let gradients = gradients(task)?;
            let of = |var: &Var| gradients.get(var.as_tensor()).expect("a gradient").flatten_all()?.to_vec1();
            vars.iter().map(of).collect()
        };
        let (first, second) = (moved(0)?, moved(1)?);
        for (a, b) in first.iter().flatten().zip(second.iter().flatten()) {
            assert!(*a == 0.0 || *b == 0.0, "{name}: a parameter has gradients {a} and {b}");
        }
        assert!(first.iter().flatten().any(|value| *value != 0.0), "{name}");
    }
    Ok(())
}

#[test]
fn cross_stitch_without_mixing_is_single_task() -> Result<()> {
    let problem = Problem { features: 7, tasks: 3 };
    let predictions = |name: &str, sizes: &str| -> Result<Vec<f64>> {
        let model = build(name, sizes, problem);
        forward(model.as_ref(), &[1, 2], &values(&[5, 7])?)?.predictions.flatten_all()?.to_vec1()
    };
    let single = predictions("single_task", "bottom_units = 6")?;
    assert_eq!(predictions("cross_stitch", "bottom_units = 6\nown_share = 1.0")?, single);
    assert_ne!(predictions("cross_stitch", "bottom_units = 6\nown_share = 0.9")?, single);
    Ok(())
}

#[test]
fn the_l2_penalty_is_strength_times_squared_distances() -> Result<()> {
    let model = build(
        "l2_constrained",
        "bottom_units = 2\ntower_units = 1\nstrength = 0.5",
        Problem { features: 3, tasks: 2 },
    );
    let vars = parameters(model.as_ref(), &[1])?;
    let penalty = |vars: &[Var]| -> Result<f64> {
        let tensors = tensors(vars);
        let penalty = model.penalty(&Parameters::new(model.layout(), &tensors))?;
        penalty.expect("two tasks are compared").get(0)?.to_scalar()
    };
    // By hand: columns 0 and 1 of the bottoms are task 1's, 2 and 3 task 2's; towers have a task axis.
    let of = |name: &str| -> Result<Vec<f64>> {
        let position = model.layout().position(name).expect("a parameter of the model");
        vars[position].as_tensor().flatten_all()?.to_vec1()
    };
    let (weight, bias) = (of("expert.weight")?, of("expert.bias")?);
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for row in weight.chunks(4).chain([&bias[..]]) {
        pairs.extend([(row[0], row[2]), (row[1], row[3])]);
    }
    let (tower, tower_bias) = (of("tower.weight")?, of("tower.bias")?);
    pairs.extend([(tower[0], tower[2]), (tower[1], tower[3]), (tower_bias[0], tower_bias[1])]);
    let by_hand: f64 = pairs.iter().map(|(a, b)| (a - b) * (a - b)).sum();
    assert!((penalty(&vars)? - 0.5 * by_hand).abs() < 1e-12);
    let alone = build("l2_constrained", "", Problem { features: 3, tasks: 1 });
    assert!(
        alone
            .penalty(&Parameters::new(alone.layout(), &tensors(&parameters(alone.as_ref(), &[1])?)))?
            .is_none()
    );
    Ok(())
}

#[test]
fn tensor_factorisation_computes_tuckers_sum() -> Result<()> {
    let problem = Problem { features: 4, tasks: 3 };
    let model = build("tensor_factorization", small("tensor_factorization"), problem);
    let vars = parameters(model.as_ref(), &[1])?;
    let of = |name: &str| -> Result<(Vec<f64>, Vec<usize>)> {
        let position = model.layout().position(name).expect("a parameter of the model");
        let tensor = vars[position].as_tensor().squeeze(0)?;
        Ok((tensor.flatten_all()?.to_vec1()?, tensor.dims().to_vec()))
    };
    let (u1, u1_shape) = of("input_factor.weight")?;
    let (s, s_shape) = of("core.weight")?;
    let (u2, u2_shape) = of("unit_factor.weight")?;
    let (u3, u3_shape) = of("task_factor.weight")?;
    let (bias, _) = of("bottom.bias")?;
    let (ranks, units) = ((u1_shape[1], u2_shape[0], u3_shape[1]), u2_shape[1]);
    assert_eq!(s_shape, [ranks.2, ranks.0, ranks.1]);
    let x: Vec<f64> = values(&[1, 4])?.flatten_all()?.to_vec1()?;
    let (tower, tower_bias) = (of("tower.weight")?.0, of("tower.bias")?.0);
    let (output, output_bias) = (of("output.weight")?.0, of("output.bias")?.0);
    let tower_units = 3;
    let predicted: Vec<f64> =
        forward(model.as_ref(), &[1], &values(&[1, 4])?)?.predictions.flatten_all()?.to_vec1()?;
    for task in 0..3 {
        let weight = |a: usize, b: usize| -> f64 {
            let mut sum = 0.0;
            for i in 0..ranks.0 {
                for j in 0..ranks.1 {
                    for l in 0..ranks.2 {
                        let core = s[(l * ranks.0 + i) * ranks.1 + j];
                        sum += core * u1[a * ranks.0 + i] * u2[j * units + b] * u3[task * ranks.2 + l];
                    }
                }
            }
            sum
        };
        let relu = |z: f64| z.max(0.0);
        let hidden: Vec<f64> = (0..units)
            .map(|b| relu((0..4).map(|a| x[a] * weight(a, b)).sum::<f64>() + bias[task * units + b]))
            .collect();
        let towers = (0..tower_units).map(|t| {
            let sum: f64 = (0..units).map(|b| hidden[b] * tower[(task * units + b) * tower_units + t]).sum();
            relu(sum + tower_bias[task * tower_units + t]) * output[task * tower_units + t]
        });
        let expected = towers.sum::<f64>() + output_bias[task];
        assert!((predicted[task] - expected).abs() < 1e-12, "{} and {expected}", predicted[task]);
    }
    Ok(())
}

#[test]
fn parameter_counts_follow_the_papers_arithmetic() {
    let paper = Problem { features: 100, tasks: 2 };
    let budget = |name| build(name, "", paper).layout().budget();
    // 100 · 16 · 8 + 16 · 8 · 2
    for name in ["omoe", "mmoe", "mmoe_top_k", "mmoe_gate_dropout", "cgc"] {
        assert_eq!(budget(name), 13_056, "{name}");
    }
    // 13,056 / (100 + 16) = 112.6, so 113 units
    assert_eq!(budget("shared_bottom"), 113 * (100 + 16));
    for name in ["single_task", "l2_constrained", "cross_stitch"] {
        assert_eq!(budget(name), 60 * 2 * (100 + 8), "{name}");
    }
    // Inputs' factor, core, units' factor, tasks' factor, towers.
    assert_eq!(budget("tensor_factorization"), 100 * 32 + 2 * 32 * 32 + 32 * 163 + 2 * 2 + 2 * 163 * 8);
    // Eight experts on each of two levels, towers.
    assert_eq!(budget("ple"), 8 * 14 * (100 + 14) + 2 * 14 * 8);
    // Everything that is trained: expert biases 128, gates 2 · 800, tower biases 16, outputs 2 · (8 + 1).
    let all = build("mmoe", "", paper).layout().count();
    assert_eq!(all, 13_056 + 128 + 1_600 + 16 + 18);
    assert_eq!(build("omoe", "", paper).layout().count(), all - 800);
    // CGC's gates choose among six of eight experts.
    assert_eq!(build("cgc", "", paper).layout().count(), all - 400);
}

/// Every model's predictions and gradients on a GPU: in the f32 that studies have, by kernels of our own, and in f64 by
/// Candle's, where a mistake cannot hide behind rounding. With inputs that have a gradient, as embeddings, and data.
#[cfg(feature = "cuda")]
#[test]
fn a_gpu_computes_the_gradients_of_the_cpu() -> Result<()> {
    let gpu = Device::new_cuda(0)?;
    // Rounding grows through a few hundred additions of numbers around 1.
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
        for entry in REGISTRY {
            let model = build(entry.name, small(entry.name), Problem { features: 7, tasks: 3 });
            let inputs =
                [(false, vec![5, 7]), (false, vec![2, 5, 7]), (true, vec![5, 7]), (true, vec![2, 5, 7])];
            for (data, shape) in inputs {
                let computed = |device: &Device, dtype: DType| -> Result<Vec<Vec<f64>>> {
                    let on = |tensor: &Tensor| tensor.to_dtype(dtype)?.to_device(device);
                    let vars = parameters(model.as_ref(), &[1, 2])?;
                    let vars =
                        vars.iter().map(|var| Var::from_tensor(&on(var)?)).collect::<Result<Vec<_>>>()?;
                    let x = Var::from_tensor(&on(&values(&shape)?)?)?;
                    let x = if data { x.as_detached_tensor() } else { x.as_tensor().clone() };
                    let objective = objective(model.as_ref(), &vars, &x, &on(&values(&[2, 3, 5])?)?)?;
                    let gradients = objective.backward()?;
                    let back = |tensor: &Tensor| tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1();
                    let of_vars = vars.iter().map(|var| back(gradients.get(var.as_tensor()).unwrap()));
                    std::iter::once(back(&objective)).chain(of_vars).collect()
                };
                let (expected, found) = (computed(&Device::Cpu, DType::F64)?, computed(&gpu, dtype)?);
                let names = model.layout().parameters.iter().map(|parameter| &*parameter.name);
                for ((name, expected), found) in
                    std::iter::once("objective").chain(names).zip(&expected).zip(&found)
                {
                    for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
                        assert!(
                            (expected - found).abs() < tolerance * (1.0 + expected.abs()),
                            "{} {name} {place} {dtype:?}: {expected} and {found}",
                            entry.name
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_documentation_lists_every_architecture_as_the_registry_has_it() {
    let page = include_str!("../docs/architectures.md");
    let row = |name: &str| {
        let start = format!("| `{name}` |");
        page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{name} has no row"))
    };
    for architecture in REGISTRY {
        let cells: Vec<&str> = row(architecture.name).split('|').map(str::trim).collect();
        assert_eq!(cells[3], architecture.source, "{}", architecture.name);
    }
    for method in towers::REGISTRY {
        let learning = method.learning.expect("it learns conversion");
        let cells: Vec<&str> = row(method.name).split('|').map(str::trim).collect();
        assert_eq!(
            cells[2..5],
            [learning.embeddings, learning.learned_from, method.source],
            "{}",
            method.name
        );
        let network = (method.parse)(toml::Table::new()).unwrap().configuration;
        let tables = network.build(Problem { features: 4, tasks: 2 }).tables();
        assert_eq!(tables == 1, learning.embeddings.starts_with("shared"), "{}", method.name);
    }
}
