//! Our side of `benches/peers.sh`: how many run-steps a second an engine makes.
//!
//! The same work and the same line of JSON as the programs in `benches/peers/`: one repetition trains a
//! population for `PEERS_SEC` seconds, on a new batch every step (four sine terms, 100 features, noise of
//! 0.1) or, with `data` false, on one batch again and again. `cpu` is the share of the wall time that the
//! program had the core: on a shared machine, rate / cpu is what compares.
//!
//! `cargo bench --bench peer -- ENGINE MODEL [batch sizes]`, such as `fused mmoe 32,128,512`; measurements
//! are for one core (`taskset -c 0`).

use std::hint::black_box;
use std::time::Instant;

use candle_core::Device;
use mmoe_study::data::synthetic::{Generator, SyntheticSpec, TrainingSet};
use mmoe_study::data::{Batch, Task};
use mmoe_study::engine::fused::MixturePopulation;
use mmoe_study::engine::graph::GraphPopulation;
use mmoe_study::engine::{Population, Start, StartRun};
use mmoe_study::model::initialise::Init;
use mmoe_study::model::{Problem, architecture};

/// As `sweep` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs side by side: three correlations by three learning rates, the smallest group of the studies.
const RUNS: usize = 9;
const CORRELATIONS: [f64; 3] = [0.5, 0.9, 1.0];
const LEARNING_RATES: [f64; 3] = [1e-4, 1e-3, 1e-2];
const PROBLEM: Problem = Problem { features: 100, tasks: 2 };
/// Steps between two looks at the clock.
const STEPS: usize = 10;

fn main() {
    // SAFETY: the first statement of the program; no other thread exists.
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let argument = |n: usize, default| arguments.get(n).map_or(default, String::as_str);
    let (engine, model) = (argument(0, "fused"), argument(1, "mmoe"));
    for rows in argument(2, "32,128,512").split(',') {
        let rows = rows.parse().expect("batch sizes are whole numbers");
        let given = std::env::var_os("PEERS_FRESH_ONLY").is_none();
        for fresh in [true, false].into_iter().filter(|fresh| *fresh || given) {
            bench(engine, model, rows, fresh);
        }
    }
}

/// One case; prints its line.
fn bench(engine: &str, name: &str, rows: usize, fresh: bool) {
    let sizes = (architecture(name).expect("a registered model").parse)(toml::Table::new());
    let model = sizes.expect("defaults").configuration.build(PROBLEM);
    let runs = (0..RUNS).map(|r| StartRun::new(r / 3, LEARNING_RATES[r % 3], 1));
    let start = Start {
        model: &*model,
        runs: runs.collect(),
        parameters: Init::UniformFanIn.draw(model.layout(), 1).repeat(RUNS),
        task: Task::Regression,
    };
    let mut population: Box<dyn Population> = match engine {
        "fused" => Box::new(
            MixturePopulation::new(model.mixture().expect("of the mixture family"), start)
                .expect("sizes fit"),
        ),
        "graph" => Box::new(GraphPopulation::new(start, Device::Cpu).expect("sizes fit")),
        _ => panic!("engines are fused and graph, not {engine}"),
    };
    let mut generator = data();
    let (mut batch, mut step, mut losses) = (Batch::default(), 0, Vec::new());
    generator.training_batch(step, rows, &mut batch);
    let mut steps = || {
        for _ in 0..STEPS {
            if fresh {
                step += 1;
                generator.training_batch(step, rows, &mut batch);
            }
            population.step(&batch, &mut losses).expect("a step");
            black_box(&losses);
        }
    };
    let setting = |name, default: f64| std::env::var(name).map_or(default, |v| v.parse().expect("a number"));
    let seconds = setting("PEERS_SEC", 0.6);
    steps();
    let (mut rates, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..setting("PEERS_REPS", 5.0) as usize {
        let (begin, cpu, mut done) = (Instant::now(), cpu_seconds(), 0);
        while begin.elapsed().as_secs_f64() < seconds {
            steps();
            done += STEPS * RUNS;
        }
        let wall = begin.elapsed().as_secs_f64();
        rates.push((done as f64 / wall * 10.0).round() / 10.0);
        shares.push(cpu.zip(cpu_seconds()).map(|(before, after)| (after - before) / wall));
    }
    let line = serde_json::json!({
        "impl": format!("ours_{engine}"), "variant": "", "model": name, "B": rows, "R": RUNS, "data": fresh,
        "rate": rates, "cpu": shares,
    });
    println!("{line}");
}

/// CPU time of this thread, which does all the work; where the system tells it (Linux).
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
}

/// bench-v1: four sine terms with α_i = i and β_i = i − 1, raw labels.
fn data() -> Generator {
    let spec = SyntheticSpec {
        dim: PROBLEM.features,
        pairs: 1,
        scale: 1.0,
        alpha: vec![1.0, 2.0, 3.0, 4.0],
        beta: vec![0.0, 1.0, 2.0, 3.0],
        noise_std: 0.1,
        standardise_labels: false,
        source: TrainingSet::Fresh,
        label_points: 0,
    };
    Generator::new(&spec, 1, &CORRELATIONS)
}
