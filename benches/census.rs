//! Census rows: reading and encoding them, and an epoch of MMoE, beside PyTorch (`benches/census.sh`).
//!
//! `cargo bench --bench census -- data` reads the rows in `data` and prints seconds of reading and, for each of
//! a few repetitions, CPU seconds of an epoch (machines are shared): every training row once, in batches of 512, one run,
//! one thread.

use std::path::Path;

use mmoe_study::data::{Batch, Subset};
use mmoe_study::engine::train::population;
use mmoe_study::engine::{Start, StartRun};
use mmoe_study::experiment::engine::Engine;
use mmoe_study::experiment::library;
use mmoe_study::store::machine::cpu_seconds;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Epochs that are timed, after one that is not.
const REPETITIONS: usize = 5;

fn main() {
    // SAFETY: nothing else runs yet that could read the environment at the same time.
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or("data".into());
    if !Path::new(&path).is_dir() {
        println!("skipped: no folder {path:?} with the census rows");
        return;
    }
    let changes = [
        format!("data.path={path:?}"),
        "grid.models=[\"mmoe\"]".into(),
        "tune.models={}".into(),
        "tune.trials=1".into(),
        "tune.rungs=[{ seeds = 1, steps = 1, keep = 1 }]".into(),
    ];
    let experiment = library::find("census-income", &changes).expect("the experiment is built in");
    let began = cpu_seconds();
    let experiment = experiment.open().unwrap_or_else(|error| panic!("{error}"));
    let seconds = cpu_seconds() - began;
    let classes = experiment.rows.as_ref().expect("the rows were read").classes();
    let rows_of =
        |subset: Subset| classes.iter().find(|class| class.subset == subset).map_or(0, |class| class.rows);
    let all: usize = Subset::ALL.into_iter().map(rows_of).sum();
    println!("{{\"what\":\"reading\",\"rows\":{all},\"seconds\":{seconds:.3}}}");
    // The sizes of the paper's synthetic study: 8 experts of 16 units, towers of 8.
    let model = &experiment.models[0];
    let network = experiment.network(model);
    let start = Start {
        model: &*network,
        runs: vec![StartRun::new(0, 0.001, 0)],
        parameters: experiment.train.init.draw(network.layout(), 0),
        task: experiment.data.task(),
    };
    let engine = Engine::for_model(&experiment, model);
    let mut population = population(engine, experiment.train.device, start).expect("sizes fit");
    let mut feed = experiment.feed(0, &[]);
    let (mut batch, mut losses) = (Batch::default(), Vec::new());
    let rows = experiment.train.batch_size;
    let steps = (rows_of(Subset::Training) / rows) as u64;
    for epoch in 0..=REPETITIONS as u64 {
        let began = cpu_seconds();
        for step in epoch * steps..(epoch + 1) * steps {
            feed.training_batch(step, rows, &mut batch);
            population.step(&batch, &mut losses).expect("a step");
        }
        if epoch > 0 {
            let seconds = cpu_seconds() - began;
            println!(
                "{{\"what\":\"ours\",\"steps\":{steps},\"seconds\":{seconds:.4},\"loss\":{}}}",
                losses[0]
            );
        }
    }
}
