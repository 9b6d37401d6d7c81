//! What `sweep run` as a whole process makes of the engine, and what a second thread adds.
//!
//! A round measures, one after the other: populations that take steps and do nothing else, on one and on two
//! threads, and the process (start, label correlations, logging, held-out rows every 100 steps, store, merge)
//! on one and on two threads, all training the groups of `figure4`. Ratios are taken within a round; the table
//! shows medians over rounds. Memory is the process's largest resident set.
//!
//! `cargo bench --bench process [-- ENGINE [batch size]]`, such as `graph 128`; on a machine where nothing else
//! runs, for two threads need two cores.

use std::process::Command;
use std::time::Instant;

use mmoe_study::data::synthetic::Generator;
use mmoe_study::data::{Batch, Task};
use mmoe_study::engine::train::population;
use mmoe_study::engine::{Population, Start, StartRun};
use mmoe_study::experiment::engine::Engine;
use mmoe_study::experiment::{Experiment, library};
use mmoe_study::store::Folder;

/// As `sweep` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds of everything; medians of an odd number are measurements.
const ROUNDS: usize = 3;
/// Groups (seeds) trained at a time: two for each of two threads.
const SEEDS: usize = 4;
/// Steps of each run, a twentieth of the paper's: some seconds a measurement.
const STEPS: u64 = 500;

fn main() {
    // SAFETY: the first statement of the program; no other thread exists.
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let engines = arguments.first().map_or(vec!["fused", "graph"], |engine| vec![engine.as_str()]);
    let batches = arguments.get(1).map_or(vec!["128"], |batch| vec![batch.as_str()]);
    println!(
        "{:<8} {:>5} {:>14} {:>14} {:>14} {:>14} {:>9} {:>9} {:>9} {:>12}",
        "engine",
        "B",
        "alone, 1 thr.",
        "alone, 2 thr.",
        "process, 1",
        "process, 2",
        "loss, 1",
        "2 over 1",
        "process",
        "memory, 2"
    );
    for engine in &engines {
        for batch in &batches {
            measure(engine, batch);
        }
    }
}

/// One row of the table.
fn measure(engine: &str, batch: &str) {
    let sets = [
        format!("train.engine={engine}"),
        format!("train.batch_size={batch}"),
        format!("train.steps={STEPS}"),
        format!("grid.seeds={SEEDS}"),
    ];
    let experiment = library::find("figure4", &sets).expect("a built-in experiment");
    let (mut alone, mut whole) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let mut memory = 0;
    for _ in 0..ROUNDS {
        for threads in [1, 2] {
            alone[threads - 1].push(alone_rate(&experiment, threads));
            let (rate, bytes) = process_rate(&sets, run_steps(&experiment), threads);
            whole[threads - 1].push(rate);
            memory = memory.max(bytes);
        }
    }
    let ratio = |over: &[f64], under: &[f64]| median(over.iter().zip(under).map(|(a, b)| a / b).collect());
    println!(
        "{engine:<8} {batch:>5} {:>14.0} {:>14.0} {:>14.0} {:>14.0} {:>7.1} % {:>9.2} {:>9.2} {:>8} MiB",
        median(alone[0].clone()),
        median(alone[1].clone()),
        median(whole[0].clone()),
        median(whole[1].clone()),
        100.0 * (1.0 - ratio(&whole[0], &alone[0])),
        ratio(&alone[1], &alone[0]),
        ratio(&whole[1], &whole[0]),
        memory >> 20,
    );
}

fn run_steps(experiment: &Experiment) -> f64 {
    let grid = &experiment.grid;
    let runs = experiment.models.len() * grid.task_correlations.len() * grid.learning_rates.len() * SEEDS;
    runs as f64 * STEPS as f64
}

/// Run-steps a second of populations that do nothing but train on fresh batches, seeds dealt to threads.
fn alone_rate(experiment: &Experiment, threads: usize) -> f64 {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for &seed in experiment.grid.seeds.iter().skip(thread).step_by(threads) {
                    train(experiment, seed);
                }
            });
        }
    });
    run_steps(experiment) / began.elapsed().as_secs_f64()
}

/// All steps of a seed's runs.
fn train(experiment: &Experiment, seed: u64) {
    let grid = &experiment.grid;
    let models: Vec<_> = experiment
        .models
        .iter()
        .map(|spec| {
            (Engine::for_model(experiment, spec), spec.sizes.configuration.build(experiment.problem()))
        })
        .collect();
    let mut populations: Vec<Box<dyn Population>> = models
        .iter()
        .map(|(engine, model)| {
            let runs = (0..grid.task_correlations.len())
                .flat_map(|set| grid.learning_rates.iter().map(move |&rate| StartRun::new(set, rate, seed)));
            let runs: Vec<StartRun> = runs.collect();
            let parameters = experiment.train.init.draw(model.layout(), seed).repeat(runs.len());
            let start = Start { model: &**model, runs, parameters, task: Task::Regression };
            population(*engine, experiment.train.device, start).expect("sizes fit")
        })
        .collect();
    let mut generator =
        Generator::new(experiment.data.synthetic().expect("generated"), seed, &grid.task_correlations);
    let (mut batch, mut losses) = (Batch::default(), Vec::new());
    for step in 0..STEPS {
        generator.training_batch(step, experiment.train.batch_size, &mut batch);
        for population in &mut populations {
            population.step(&batch, &mut losses).expect("a step");
        }
    }
}

/// Run-steps a second of the process, from its start to its end, and its largest resident set in bytes.
fn process_rate(sets: &[String], run_steps: f64, threads: usize) -> (f64, u64) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
    command.args(["run", "figure4", "--no-report", "--threads", &threads.to_string(), "--out"]);
    command.arg(place.path());
    for set in sets {
        command.args(["--set", set]);
    }
    let began = Instant::now();
    let output = command.output().expect("sweep starts");
    let seconds = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = Folder::new(place.path()).manifest().expect("a manifest");
    (run_steps / seconds, manifest.peak_memory_bytes)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
