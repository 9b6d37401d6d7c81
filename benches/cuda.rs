//! Steps of the paper's study (Figure 4: three models, three correlations, 200 seeds, B = 128) on a GPU, every model's
//! runs one population, beside the rate of a large f32 product of the same GPU in the same minute.
//!
//! `cargo bench --features cuda --bench cuda [-- SEEDS STEPS SIDE]`: seeds of the study (200), measured steps (200),
//! side of the large product's matrices (8192).

use std::sync::Mutex;
use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor};
use mmoe_study::engine::device;
use mmoe_study::engine::train::{Progress, population, train_together};
use mmoe_study::experiment::plan::Plan;
use mmoe_study::experiment::{DeviceChoice, library};

/// As `sweep` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Steps before the measured ones: kernels are compiled and memory is found in them.
const WARM: usize = 20;
/// Batch size of the paper's scale.
const BATCH: usize = 128;
/// Steps of a run of the paper's study.
const PAPER_STEPS: f64 = 10_000.0;
/// Products whose rate is taken.
const PRODUCTS: usize = 10;

/// When each population's steps were done.
#[derive(Default)]
struct Clock(Mutex<Vec<Instant>>);

impl Progress for Clock {
    fn trained(&self, _: u64) {
        self.0.lock().expect("nobody panics while it holds this").push(Instant::now());
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let mut number = |otherwise: usize| numbers.next().unwrap_or(otherwise);
    let (seeds, steps, side) = (number(200), number(200), number(8192));
    println!(
        "{:<16} {:>6} {:>9} {:>13} {:>10} {:>10} {:>8} {:>22}",
        "learning rates",
        "runs",
        "ms/step",
        "run-steps/s",
        "TFLOP/s",
        "product's",
        "of it",
        "minutes of 10,000 steps"
    );
    for rates in ["[0.001]", "[0.0001, 0.001, 0.01]"] {
        let peak = product_rate(&device::open(DeviceChoice::Cuda(0))?, side)?;
        let sets = [
            format!("grid.seeds={seeds}"),
            format!("grid.learning_rates={rates}"),
            format!("train.batch_size={BATCH}"),
            format!("train.steps={}", WARM + steps),
            format!("train.log_every={}", WARM + steps),
            "train.device=cuda".to_string(),
        ];
        let experiment = library::find("figure4", &sets).map_err(candle_core::Error::wrap)?;
        let plan = Plan::new(&experiment);
        let clock = Clock::default();
        train_together(&experiment, &plan.groups, &clock, &population)?;
        let done = clock.0.into_inner().expect("nobody panicked");
        // Every step ends once a model; the last call only evaluates.
        let models = experiment.models.len();
        let seconds =
            (done[models * (WARM + steps) - 1] - done[models * WARM - 1]).as_secs_f64() / steps as f64;
        let flops: f64 = plan
            .runs()
            .map(|run| {
                let network = experiment.network(&experiment.models[run.model]);
                network.mixture().map_or(0.0, |shape| shape.flops_per_row()) * BATCH as f64
            })
            .sum();
        let runs = plan.runs().count();
        let rate = flops / seconds / 1e12;
        println!(
            "{:<16} {runs:>6} {:>9.2} {:>13.0} {rate:>10.2} {peak:>10.2} {:>6.1} % {:>22.2}",
            experiment.grid.learning_rates.len(),
            seconds * 1e3,
            runs as f64 / seconds,
            100.0 * rate / peak,
            seconds * PAPER_STEPS / 60.0
        );
    }
    Ok(())
}

/// TFLOP/s of products of square f32 matrices.
fn product_rate(gpu: &Device, side: usize) -> Result<f64> {
    let a = Tensor::ones((side, side), DType::F32, gpu)?;
    let product = || a.matmul(&a);
    product()?;
    gpu.synchronize()?;
    let began = Instant::now();
    for _ in 0..PRODUCTS {
        product()?;
    }
    gpu.synchronize()?;
    Ok(2.0 * (side as f64).powi(3) * PRODUCTS as f64 / began.elapsed().as_secs_f64() / 1e12)
}
