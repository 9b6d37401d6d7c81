//! How near the engines come to the peak of this CPU's multipliers.
//!
//! A repetition measures, one after the other within a second or so: the peak (fused multiply-adds on
//! registers alone), then every case. A case's fraction is its rate over the peak of the same repetition, so
//! that other tenants of the machine and its clock cancel; the table shows medians. Useful operations are
//! [`MixtureShape::flops_per_row`]: no padding, no activations, no Adam.
//!
//! `cargo bench --bench engine`, pinned to one core (`taskset -c 0`) where others work on the machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use mmoe_study::data::synthetic::{Generator, SyntheticSpec, TrainingSet};
use mmoe_study::data::{Batch, Task};
use mmoe_study::engine::fused::MixturePopulation;
use mmoe_study::engine::fused::simd::{Instructions, Job, Simd};
use mmoe_study::engine::graph::GraphPopulation;
use mmoe_study::engine::{Population, Start, StartRun};
use mmoe_study::experiment::Recipe;
use mmoe_study::model::{Model, Problem, architecture};

/// As `sweep` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Repetitions of everything; medians of an odd number are measurements.
const REPETITIONS: usize = 7;
/// How long a case runs in a repetition: a few hundred steps, and short enough to stay beside its peak.
const SLICE: Duration = Duration::from_millis(60);
/// Runs side by side: three correlations by three learning rates, the smallest group of the studies.
const RUNS: usize = 9;
/// Label sets of a batch: one a correlation.
const LABEL_SETS: usize = 3;
const BATCHES: [usize; 3] = [32, 128, 512];
const MODELS: [&str; 3] = ["shared_bottom", "omoe", "mmoe"];
const PROBLEM: Problem = Problem { features: 100, tasks: 2 };

fn main() {
    // SAFETY: the first statement of the program; no other thread exists.
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let instructions: Vec<Instructions> = Instructions::available()
        .into_iter()
        .filter(|set| only.as_deref().is_none_or(|only| set.name() == only))
        .collect();
    for set in instructions {
        let mut cases = cases(set);
        let mut peaks = Vec::new();
        for _ in 0..REPETITIONS {
            for case in &mut cases {
                let peak = peak(Instructions::best());
                peaks.push(peak);
                let rate = rate(|| (case.work)());
                case.rates.push(rate);
                case.fractions.push(rate * case.flops / 1e9 / peak);
            }
        }
        let best = Instructions::best().name();
        println!("\n{}: the CPU's peak, in {best}, is {:.1} GFLOP/s", set.name(), median(&mut peaks));
        println!("{:<40} {:>12} {:>10} {:>10}", "case", "units/s", "GFLOP/s", "of peak");
        for case in &mut cases {
            let rate = median(&mut case.rates);
            let fraction = 100.0 * median(&mut case.fractions);
            println!("{:<40} {rate:>12.0} {:>10.1} {fraction:>8.1} %", case.name, rate * case.flops / 1e9);
        }
        for data in [Data::Given, Data::Fresh] {
            for rows in BATCHES {
                // Equally weighted models: the time for one run-step of each.
                let of: Vec<&Case> = cases.iter().filter(|case| case.counted == Some((rows, data))).collect();
                let flops: f64 = of.iter().map(|case| case.flops).sum();
                let at_peak: f64 = of.iter().map(|case| case.flops / case.median_fraction()).sum();
                let name = format!("mean of models, B={rows}, data {data:?}");
                println!("{name:<40} {:>32.1} %", 100.0 * flops / at_peak);
            }
        }
    }
}

/// Something measured: `work` does some run-steps and says how many.
struct Case {
    name: String,
    /// Batch size and data, for cases that count into the mean over models.
    counted: Option<(usize, Data)>,
    /// Useful operations a run-step.
    flops: f64,
    work: Box<dyn FnMut() -> usize>,
    rates: Vec<f64>,
    fractions: Vec<f64>,
}

impl Case {
    fn new(
        name: String,
        counted: Option<(usize, Data)>,
        flops: f64,
        work: impl FnMut() -> usize + 'static,
    ) -> Self {
        Self { name, counted, flops, work: Box::new(work), rates: Vec::new(), fractions: Vec::new() }
    }

    fn median_fraction(&self) -> f64 {
        median(&mut self.fractions.clone())
    }
}

fn cases(set: Instructions) -> Vec<Case> {
    let mut cases = Vec::new();
    for rows in BATCHES {
        for data in [Data::Given, Data::Fresh] {
            for model in MODELS {
                cases.push(fused(model, rows, data, set, None));
            }
        }
    }
    for rows in [32, 128] {
        for recipe in recipes() {
            cases.push(fused("mmoe", rows, Data::Fresh, set, Some(recipe)));
        }
    }
    if set == Instructions::best() {
        // Its matrix products choose their own instructions.
        for rows in BATCHES {
            for model in MODELS {
                cases.push(graph(model, rows));
            }
        }
    }
    cases.push(adam(set));
    for rows in BATCHES {
        cases.push(generator(rows));
    }
    cases
}

/// Whether a case makes its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// The same batch every step.
    Given,
    /// A new batch every step, shared by the runs of the population.
    Fresh,
}

/// Training steps of the fused engine.
fn fused(name: &str, rows: usize, data: Data, set: Instructions, recipe: Option<(&str, Recipe)>) -> Case {
    let model = model(name);
    let shape = model.mixture().expect("a member of the mixture family");
    let (more, recipe) =
        recipe.map_or((String::new(), Recipe::default()), |(name, recipe)| (format!(", {name}"), recipe));
    let runs = runs().into_iter().map(|run| StartRun { recipe, ..run }).collect();
    let start = Start { model: &*model, runs, parameters: first_values(&*model), task: Task::Regression };
    let population = MixturePopulation::with_instructions(shape, start, set).expect("sizes fit");
    let data_name = if data == Data::Given { "given" } else { "fresh" };
    let case = format!("fused {name} B={rows}, data {data_name}{more}");
    let counted = more.is_empty().then_some((rows, data));
    let flops = rows as f64 * shape.flops_per_row();
    Case::new(case, counted, flops, steps(population, rows, data))
}

/// Changes of plain Adam, each with its name; the first is none, to be measured beside the others.
fn recipes() -> [(&'static str, Recipe); 4] {
    let plain = Recipe::default();
    [
        ("plain", plain),
        ("decay", Recipe { weight_decay: 0.01, ..plain }),
        ("clipped", Recipe { clip_norm: Some(0.01), ..plain }),
        ("dropout", Recipe { dropout: 0.1, ..plain }),
    ]
}

/// Training steps of the graph engine on fresh data.
fn graph(name: &str, rows: usize) -> Case {
    // The population borrows its model for as long as the benchmark runs.
    let model: &'static dyn Model = Box::leak(model(name));
    let flops = rows as f64 * model.mixture().expect("a member of the mixture family").flops_per_row();
    let start = Start { model, runs: runs(), parameters: first_values(model), task: Task::Regression };
    let population = GraphPopulation::new(start, candle_core::Device::Cpu).expect("sizes fit");
    let case = format!("graph {name} B={rows}, data fresh");
    Case::new(case, None, flops, steps(population, rows, Data::Fresh))
}

/// Work that is one step of every run of a population.
fn steps(mut population: impl Population + 'static, rows: usize, data: Data) -> impl FnMut() -> usize {
    let (mut generator, mut batch, mut step) = (study_data(), Batch::default(), 0);
    generator.training_batch(step, rows, &mut batch);
    let mut losses = Vec::new();
    move || {
        if data == Data::Fresh {
            step += 1;
            generator.training_batch(step, rows, &mut batch);
        }
        population.step(&batch, &mut losses).expect("a step");
        black_box(&losses);
        RUNS
    }
}

/// Adam alone on the parameters of nine MMoE runs.
fn adam(set: Instructions) -> Case {
    use mmoe_study::engine::adam::{Correction, simd::Adam};
    use mmoe_study::engine::fused::mixture::geometry::Geometry;
    let padded = Geometry::new(model("mmoe").mixture().expect("a mixture")).padded;
    let gradient = vec![1e-3; padded];
    let mut runs = vec![vec![vec![0.1; padded]; 3]; RUNS];
    Case::new("adam alone, mmoe".into(), None, 0.0, move || {
        for run in &mut runs {
            let [theta, first, second] = &mut run[..] else { unreachable!("three parts") };
            let correction = Correction::at(10, 1e-3);
            set.run(Adam { theta, first, second, gradient: &gradient, scale: 1.0, correction });
        }
        RUNS
    })
}

fn model(name: &str) -> Box<dyn Model> {
    let architecture = architecture(name).expect("a registered model");
    (architecture.parse)(toml::Table::new()).expect("defaults").configuration.build(PROBLEM)
}

fn runs() -> Vec<StartRun> {
    (0..RUNS).map(|r| StartRun::new(r % LABEL_SETS, 1e-4, 1)).collect()
}

/// Values that keep every ReLU in use; training them is not the point here.
fn first_values(model: &dyn Model) -> Vec<f32> {
    let mut next = numbers();
    (0..RUNS * model.layout().count()).map(|_| 0.1 * next()).collect()
}

/// The studies' data, one label set a correlation.
fn study_data() -> Generator {
    let spec = SyntheticSpec {
        dim: PROBLEM.features,
        pairs: 1,
        scale: 1.0,
        alpha: vec![1.0, 2.0, 3.0, 4.0],
        beta: vec![0.5, 1.0, 1.5, 2.0],
        noise_std: 0.1,
        standardise_labels: false,
        source: TrainingSet::Fresh,
        label_points: 0,
    };
    Generator::new(&spec, 1, &[0.5, 0.9, 1.0])
}

/// Data alone; a unit of work is a batch, which nine run-steps share.
fn generator(rows: usize) -> Case {
    let (mut generator, mut batch, mut step) = (study_data(), Batch::default(), 0);
    Case::new(format!("data alone, B={rows}"), None, 0.0, move || {
        step += 1;
        generator.training_batch(step, rows, &mut batch);
        black_box(&batch);
        1
    })
}

/// Numbers in [−1, 1) from a 64-bit linear congruential generator (Knuth's constants).
fn numbers() -> impl FnMut() -> f32 {
    let mut state = 1u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Units of work a second over one slice.
fn rate(mut work: impl FnMut() -> usize) -> f64 {
    work();
    let start = Instant::now();
    let mut done = 0;
    while start.elapsed() < SLICE {
        done += work();
    }
    done as f64 / start.elapsed().as_secs_f64()
}

/// GFLOP/s of fused multiply-adds on registers alone: the hard limit.
fn peak(set: Instructions) -> f64 {
    /// Independent chains: latency 4 on two ports takes 8, and 12 leave registers for operands.
    const CHAINS: usize = 12;
    /// Rounds a call: some microseconds.
    const ROUNDS: usize = 2000;
    struct Fma;
    impl Job for Fma {
        type Output = f64;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> f64 {
            let (a, b) = (simd.splat(black_box(0.999)), simd.splat(black_box(0.001)));
            let mut sums = [simd.splat(black_box(1.0)); CHAINS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = simd.mul_add(*sum, a, b);
                }
            }
            let total: f32 = sums.into_iter().map(|sum| simd.sum(sum)).sum();
            black_box(total);
            (2 * CHAINS * ROUNDS * S::LANES) as f64
        }
    }
    let mut flops = 0.0;
    let calls = rate(|| {
        flops = set.run(Fma);
        1
    });
    calls * flops / 1e9
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
