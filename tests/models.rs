//! Every architecture of the registry: gradients against finite differences, and parameter counts.

use candle_core::{DType, Device, Result, Tensor, Var};
use mmoe_study::model::initialise::Init;
use mmoe_study::model::{Model, Parameters, Problem, REGISTRY, architecture};

fn build(name: &str, sizes: &str, problem: Problem) -> Box<dyn Model> {
    let sizes = (architecture(name).unwrap().parse)(sizes.parse().unwrap()).unwrap();
    sizes.configuration.check().unwrap();
    sizes.configuration.build(problem)
}

/// Small sizes for each architecture, none of them equal, so that a mixed-up axis shows.
fn small(name: &str) -> &'static str {
    match name {
        "single_task" | "shared_bottom" => "bottom_units = 6\ntower_units = 3",
        _ => "experts = 5\nexpert_units = 4\ntower_units = 3",
    }
}

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

/// Sum over runs and tasks of the mean squared error.
fn loss(model: &dyn Model, vars: &[Var], x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let forward = model.forward(&Parameters::new(model.layout(), &tensors), x)?;
    (forward.predictions - y)?.sqr()?.mean(2)?.sum_all()
}

#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    /// Half the distance of the two evaluations: small against the curvature, large against f64 rounding.
    const STEP: f64 = 1e-6;
    for entry in REGISTRY {
        let model = build(entry.name, small(entry.name), Problem { features: 7, tasks: 3 });
        let vars = parameters(model.as_ref(), &[1, 2])?;
        let y = values(&[2, 3, 5])?;
        // Inputs that all runs share, and inputs of every run's own, which have a gradient too.
        for (own, shape) in [(false, vec![5, 7]), (true, vec![2, 5, 7])] {
            let x = Var::from_tensor(&values(&shape)?)?;
            let gradients = loss(model.as_ref(), &vars, &x, &y)?.backward()?;
            let names = model.layout().parameters.iter().map(|parameter| parameter.name);
            let mut checked: Vec<(&str, &Var)> = names.zip(&vars).collect();
            if own {
                checked.push(("x", &x));
            }
            for (name, var) in checked {
                let gradient = gradients.get(var.as_tensor()).expect("every parameter has a gradient");
                let gradient = gradient.flatten_all()?.to_vec1::<f64>()?;
                let base = var.as_tensor().flatten_all()?.to_vec1::<f64>()?;
                // Every seventh element: all rows and columns come up.
                for place in (0..base.len()).step_by(7) {
                    let at = |change: f64| -> Result<f64> {
                        let mut moved = base.clone();
                        moved[place] += change;
                        var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu)?)?;
                        loss(model.as_ref(), &vars, &x, &y)?.to_scalar()
                    };
                    let numeric = (at(STEP)? - at(-STEP)?) / (2.0 * STEP);
                    let error = (numeric - gradient[place]).abs();
                    assert!(
                        error < 1e-7 * (1.0 + numeric.abs()),
                        "{} {name} {place}: {numeric} and {}",
                        entry.name,
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
        let x = values(&[5, 7])?;
        let predict = |seeds: &[u64]| -> Result<Vec<Vec<f64>>> {
            let vars = parameters(model.as_ref(), seeds)?;
            let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
            let forward = model.forward(&Parameters::new(model.layout(), &tensors), &x)?;
            forward.predictions.flatten_from(1)?.to_vec2()
        };
        let together = predict(&[1, 2, 3])?;
        assert_eq!(together[1], predict(&[2])?[0], "{}", entry.name);
        assert_ne!(together[0], together[1], "{}", entry.name);
    }
    Ok(())
}

#[test]
fn gates_are_distributions_over_experts() -> Result<()> {
    for (name, gates) in [("omoe", 1), ("mmoe", 3)] {
        let model = build(name, small(name), Problem { features: 7, tasks: 3 });
        let vars = parameters(model.as_ref(), &[1, 2])?;
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let x = values(&[4, 7])?;
        let forward = model.forward(&Parameters::new(model.layout(), &tensors), &x)?;
        let weights = forward.gates.expect("a mixture has gates");
        assert_eq!(weights.dims(), [2, gates, 4, 5], "{name}");
        for sum in weights.sum(3)?.flatten_all()?.to_vec1::<f64>()? {
            assert!((sum - 1.0).abs() < 1e-12, "{name}: {sum}");
        }
    }
    Ok(())
}

/// Scalars in the weight matrices of bottoms or experts and towers, which is what the paper counts (§5).
fn paper_count(model: &dyn Model) -> usize {
    let counted = |name: &str| ["expert.weight", "tower.weight"].contains(&name);
    model.layout().parameters.iter().filter(|p| counted(p.name)).map(|p| p.count()).sum()
}

#[test]
fn parameter_counts_follow_the_papers_arithmetic() {
    let paper = Problem { features: 100, tasks: 2 };
    let count = |name| paper_count(build(name, "", paper).as_ref());
    // 100 · 16 · 8 + 16 · 8 · 2
    assert_eq!(count("mmoe"), 13_056);
    assert_eq!(count("omoe"), 13_056);
    // 13,056 / (100 + 16) = 112.6, so 113 units
    assert_eq!(count("shared_bottom"), 113 * (100 + 16));
    assert_eq!(count("single_task"), 60 * 2 * (100 + 8));
    // Everything that is trained: expert biases 128, gates 2 · 800, tower biases 16, outputs 2 · (8 + 1).
    let all = build("mmoe", "", paper).layout().count();
    assert_eq!(all, 13_056 + 128 + 1_600 + 16 + 18);
    assert_eq!(build("omoe", "", paper).layout().count(), all - 800);
}
