//! Training throughput of ESMM on impressions, beside PyTorch (`benches/esmm.sh`).
//!
//! `cargo bench --bench esmm -- 8 64,32` trains ESMM with embeddings of 8 and towers of 64 and 32 units, on batches of
//! 1,024 made impressions, and prints impressions per CPU second (machines are shared), feeding and Adam included.
//! One run, one thread.

use mmoe_study::data::Batch;
use mmoe_study::engine::train::population;
use mmoe_study::engine::{Start, StartRun};
use mmoe_study::experiment::engine::Engine;
use mmoe_study::experiment::library;
use mmoe_study::store::machine::cpu_seconds;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Timings, after one that does not count.
const REPETITIONS: u64 = 3;
/// Optimiser steps of each.
const STEPS: u64 = 300;

fn main() {
    // SAFETY: nothing else runs yet that could read the environment at the same time.
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let embedding = arguments.next().unwrap_or("8".into());
    let hidden = arguments.next().unwrap_or("64,32".into());
    let changes = [
        "grid.models=[\"esmm\"]".into(),
        format!("data.embedding_units={embedding}"),
        format!("models.esmm.hidden=[{hidden}]"),
        "data.fields=6".into(),
        "data.words=500".into(),
        "data.numbers=8".into(),
        "train.batch_size=1024".into(),
    ];
    let experiment = library::find("esmm", &changes).unwrap_or_else(|error| panic!("{error}"));
    let (train, model) = (&experiment.train, &experiment.models[0]);
    let network = experiment.network(model);
    let start = Start {
        model: &*network,
        runs: vec![StartRun::new(0, 0.001, 0)],
        parameters: train.init.draw(network.layout(), 0),
        task: experiment.data.task(),
    };
    let mut population =
        population(Engine::for_model(&experiment, model), train.device, start).expect("sizes fit");
    let mut feed = experiment.feed(0, &[0.5]);
    let (mut batch, mut losses) = (Batch::default(), Vec::new());
    for repetition in 0..=REPETITIONS {
        let began = cpu_seconds();
        for step in repetition * STEPS..(repetition + 1) * STEPS {
            feed.training_batch(step, train.batch_size, &mut batch);
            population.step(&batch, &mut losses).expect("a step");
        }
        if repetition > 0 {
            let rate = STEPS as f64 * train.batch_size as f64 / (cpu_seconds() - began);
            println!(
                "{{\"what\":\"ours\",\"hidden\":[{hidden}],\"impressions_per_second\":{rate:.0},\"loss\":{}}}",
                losses[0] + losses[1]
            );
        }
    }
}
