//! What a GPU computes is what the CPU computes, and what is wrong with a GPU is said in words.
//!
//! `tests/cuda.sh` runs these: on a GPU where there is one, else on the stand-in that `tests/cuda` makes of the host,
//! which can also be told to have faults.
#![cfg(feature = "cuda")]

mod common;

use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use common::{Desk, census_rows, tables};
use mmoe_study::model::layers;
use mmoe_study::store::Folder;
use mmoe_study::study::regression::convergence::{Verdict, check};

/// Trains a study on the CPU and on the GPU, both in plain or custom operations of the graph engine.
fn on_both(desk: &Desk, experiment: &str, extra: &[&str]) {
    for device in ["cpu", "cuda"] {
        let set = format!("train.device={device}");
        let all = [&["run", experiment, "--out", device, "--no-report", "--set", &set], extra].concat();
        desk.done(&[&all[..], &["--set", "train.engine=graph"]].concat());
    }
}

/// Compares a table of the two studies, number by number: within `tolerance` of 1 or of themselves.
fn assert_near(desk: &Desk, table: &str, tolerance: f64) {
    let [cpu, cuda] = ["cpu", "cuda"].map(|device| {
        let mut reader = csv::Reader::from_path(desk.path(device).join(table)).unwrap();
        let headers = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        (headers, rows)
    });
    assert_eq!((&cpu.0, cpu.1.len()), (&cuda.0, cuda.1.len()), "{table}");
    for (row, other) in cpu.1.iter().zip(&cuda.1) {
        for ((column, cpu_text), cuda_text) in cpu.0.iter().zip(row).zip(other) {
            if ["engine", "seconds"].contains(&column) || cpu_text == cuda_text {
                continue;
            }
            let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
            let (expected, found) = (number(cpu_text), number(cuda_text));
            let near = (expected - found).abs() < tolerance * (1.0 + expected.abs());
            assert!(near, "{table}, {column}: {cpu_text} and {cuda_text} in {row:?}");
        }
    }
}

/// As in `convergence.rs`: the first losses differ by rounding, which Adam's division by small roots lets grow.
const AFTER_SOME_STEPS: f64 = 1e-3;

#[test]
fn every_architecture_trains_as_on_the_cpu() {
    let desk = Desk::new();
    let all: Vec<&str> = mmoe_study::model::REGISTRY.iter().map(|architecture| architecture.name).collect();
    let sets = [
        &format!("grid.models={all:?}"),
        // One diverges and leaves its population on the way.
        "grid.learning_rates=[0.01, 1e8]",
        "grid.seeds=2",
        "train.steps=12",
        "train.log_every=6",
        "train.log_gates_every=6",
        "train.batch_size=16",
        "train.held_out_rows=300",
        "data.dim=11",
        "data.label_points=50",
    ];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    on_both(&desk, "models", &sets);
    for table in ["runs.csv", "curves.csv", "gates.csv", "labels.csv"] {
        assert_near(&desk, table, AFTER_SOME_STEPS);
    }
    let runs = std::fs::read_to_string(desk.path("cuda/runs.csv")).unwrap();
    assert!(runs.contains("graph-cuda") && runs.contains("diverged"), "{runs}");
}

#[test]
fn classifiers_train_and_score_as_on_the_cpu() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("rows")).unwrap();
    std::fs::write(desk.path("rows/census-income.test"), census_rows(300)).unwrap();
    let study = r#"
title = "A small census"
data = { kind = "census", path = "rows", main = "income", embedding_units = 2 }
grid = { models = ["shared_bottom", "cross_stitch", "mmoe"], learning_rates = [0.01], seeds = 2 }
train = { steps = 20, batch_size = 32, log_every = 10, log_gates_every = 10, held_out_rows = 64 }
"#;
    std::fs::write(desk.path("census.toml"), study).unwrap();
    on_both(&desk, "census.toml", &[]);
    for table in ["runs.csv", "curves.csv", "gates.csv"] {
        assert_near(&desk, table, AFTER_SOME_STEPS);
    }
    // Two rows of nearly the same logit may change places: one of some hundred pairs.
    assert_near(&desk, "scores.csv", 0.01);
}

#[test]
fn models_of_clicks_and_conversions_train_and_score_as_on_the_cpu() {
    let desk = Desk::new();
    let sets = [
        "grid.seeds=2",
        "grid.learning_rates=[0.01]",
        "data.training_impressions=600",
        "data.test_impressions=500",
        "data.fields=3",
        "data.words=40",
        "data.numbers=5",
        "data.click_rate=0.3",
        "data.conversion_rate=0.3",
        "train.steps=8",
        "train.log_every=4",
        "train.batch_size=64",
        "train.held_out_rows=300",
    ];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    on_both(&desk, "esmm", &sets);
    for table in ["runs.csv", "curves.csv"] {
        assert_near(&desk, table, AFTER_SOME_STEPS);
    }
    for table in ["funnel.csv", "deciles.csv"] {
        assert_near(&desk, table, 0.01);
    }
}

#[test]
fn units_at_zero_are_not_active_and_what_is_no_number_stays_none() -> candle_core::Result<()> {
    let gpu = Device::new_cuda(0)?;
    for dtype in [DType::F32, DType::F64] {
        let weight = Var::from_tensor(&Tensor::ones((2, 3, 4), dtype, &gpu)?)?;
        let bias = Var::from_tensor(&Tensor::zeros((2, 4), dtype, &gpu)?)?;
        let zeros = Tensor::zeros((2, 5, 3), dtype, &gpu)?;
        let gradients = layers::hidden(&zeros, &weight, &bias)?.sum_all()?.backward()?;
        let of_bias = gradients.get(&bias).unwrap().abs()?.sum_all()?.to_dtype(DType::F64)?;
        assert_eq!(of_bias.to_scalar::<f64>()?, 0.0, "{dtype:?}");
        let none = layers::hidden(&(zeros + f64::NAN)?, &weight, &bias)?.to_dtype(DType::F64)?;
        assert!(none.flatten_all()?.to_vec1::<f64>()?.iter().all(|h| h.is_nan()), "{dtype:?}");
    }
    Ok(())
}

#[test]
fn the_check_of_convergence_passes_across_devices() {
    let desk = Desk::new();
    on_both(&desk, "small.toml", &[]);
    let [cpu, cuda] = ["cpu", "cuda"].map(|device| Folder::new(desk.path(device)).read().unwrap());
    let found = check(&cpu, &cuda);
    assert_eq!((found.verdict, found.bit_equal), (Verdict::Same, false), "{found:#?}");
}

#[test]
fn a_study_on_a_gpu_resumes() {
    let desk = Desk::new();
    let short = ["--device", "cuda", "--no-report", "--set", "train.steps=4"];
    let run = |out: &str, seeds: &str| {
        desk.done(&[&["run", "small.toml", "--out", out, "--set", seeds][..], &short].concat())
    };
    run("whole", "grid.seeds=3");
    run("parts", "grid.seeds=1");
    run("parts", "grid.seeds=3");
    let runs = |study: &Path| tables(study)[0].1.lines().count();
    assert_eq!(runs(&desk.path("parts")), runs(&desk.path("whole")));
    // Another population is another order of additions on a GPU; on the stand-in it is not.
    if stands_in() {
        assert_eq!(tables(&desk.path("parts")), tables(&desk.path("whole")));
    }
}

/// Whether the host stands in for a GPU, which can have faults by request.
fn stands_in() -> bool {
    std::env::var_os("STAND_IN_GPU").is_some()
}

/// What a short study says on a GPU with this fault, with its exit code.
fn with_fault(desk: &Desk, fault: &str, extra: &[&str]) -> (Option<i32>, String) {
    let short = ["run", "small.toml", "--no-report", "--set", "train.steps=4", "--set", "train.device=cuda"];
    let mut command = desk.sweep(&[&short, extra].concat());
    let output = command.env("STAND_IN_GPU", fault).env("RUST_BACKTRACE", "1").output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_is_wrong_with_a_gpu_is_said_before_anything_is_written() {
    let desk = Desk::new();
    let refused = |fault: &str, device: &str, expected: &str| {
        let (code, messages) = with_fault(&desk, fault, &["--device", device]);
        assert_eq!(code, Some(2), "{messages}");
        assert_eq!(messages.lines().count(), 1, "{messages}");
        assert!(messages.contains(expected), "{messages}");
        assert!(!desk.path("results").exists());
    };
    refused("", "cuda:99", "train.device = \"cuda:99\": no GPU has this number");
    if stands_in() {
        refused("no device", "cuda", "train.device = \"cuda:0\": no NVIDIA GPU found");
        refused("old driver", "cuda", "the GPU's driver is older than the CUDA toolkit");
        refused(
            "older driver",
            "cuda",
            "cuBLAS does not start: the GPU's driver is older than the CUDA toolkit",
        );
    }
}

#[test]
fn a_population_that_memory_does_not_hold_is_split() {
    if !stands_in() {
        return;
    }
    let desk = Desk::new();
    let (code, messages) = with_fault(&desk, "", &["--out", "whole"]);
    assert_eq!(code, Some(0), "{messages}");
    // Enough for one of the four groups and not for all: found by bisection, so that no size is written down.
    let (mut too_little, mut enough) = (0u64, 1 << 30);
    while enough - too_little > 1 << 14 {
        let middle = (too_little + enough) / 2;
        let (code, messages) =
            with_fault(&desk, &middle.to_string(), &["--set", "grid.seeds=1", "--out", "one"]);
        std::fs::remove_dir_all(desk.path("one")).ok();
        match code {
            Some(0) => enough = middle,
            _ => {
                assert!(messages.contains("out of GPU memory"), "{messages}");
                too_little = middle;
            }
        }
    }
    let (code, messages) = with_fault(&desk, &(enough + enough / 2).to_string(), &["--out", "split"]);
    assert_eq!(code, Some(0), "{messages}");
    assert_eq!(tables(&desk.path("split")), tables(&desk.path("whole")));
    let (code, messages) = with_fault(&desk, &too_little.to_string(), &["--out", "none"]);
    assert_eq!(code, Some(1), "every group fails alone: {messages}");
    assert_eq!(messages.matches("out of GPU memory").count(), 4, "{messages}");
    assert!(!messages.contains("   0: "), "a backtrace: {messages}");
}
