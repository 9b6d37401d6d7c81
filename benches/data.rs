//! Time to generate and read rows: normals, synthetic batches, simulated impressions and the files of Ali-CCP.
//!
//! `cargo bench --bench data`. Times are the best of some repetitions, on one thread. The files of Ali-CCP are read where
//! `MMOE_STUDY_ALI_CCP` names their folder: the published files or, where it is empty, 1 GB of generated ones.

#[path = "../tests/ali_ccp/make.rs"]
mod make;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use mmoe_study::data::{
    AliCcpSpec, Batch, FunnelSpec, Generator, Purpose, Stream, SyntheticSpec, TrainingSet,
};

fn main() {
    normals();
    batches();
    impressions();
    match std::env::var_os("MMOE_STUDY_ALI_CCP") {
        Some(folder) => ali_ccp(folder.into()),
        None => println!("Ali-CCP: skipped, MMOE_STUDY_ALI_CCP names no folder"),
    }
}

/// Shortest time of `repetitions` calls in seconds; `work` gets the number of the call.
fn best(repetitions: u64, mut work: impl FnMut(u64)) -> f64 {
    let times = (0..repetitions).map(|repetition| {
        let start = Instant::now();
        work(repetition);
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

fn normals() {
    const CALLS: u64 = 100;
    let stream = Stream::new(1, Purpose::TrainingInputs);
    for width in [100, 2, 101] {
        let mut out = vec![0.0; 128 * width];
        let seconds = best(20, |repetition| {
            for step in 0..CALLS {
                stream.normals((repetition * CALLS + step) * 128, 128, width, black_box(&mut out));
            }
        });
        println!(
            "rows of {width} normals: {:.2} ns a normal",
            seconds / (CALLS as f64 * out.len() as f64) * 1e9
        );
    }
}

fn batches() {
    const CALLS: u64 = 50;
    for rows in [32, 128, 512] {
        for source in [TrainingSet::Fresh, TrainingSet::Rows { rows: 10_000 }] {
            // The label function that figure2.toml fits to the paper.
            let spec = SyntheticSpec {
                dim: 100,
                pairs: 1,
                scale: 0.54,
                alpha: vec![3.71, 6.88, 11.08, 14.63],
                beta: vec![1.55; 4],
                noise_std: 0.1,
                standardise_labels: true,
                source,
                label_points: 10_000,
            };
            let mut generator = Generator::new(&spec, 1, &[0.5, 0.9, 1.0]);
            let mut batch = Batch::new();
            let seconds = best(20, |repetition| {
                for step in 0..CALLS {
                    generator.training_batch(repetition * CALLS + step, rows, &mut batch);
                }
            });
            let nanoseconds = seconds / (CALLS as f64 * rows as f64) * 1e9;
            println!("batches of {rows} rows, {:?}: {nanoseconds:.0} ns a row", spec.source);
        }
    }
}

fn impressions() {
    for (fields, words) in [(0, 0), (8, 1_000), (20, 10_000)] {
        let spec = FunnelSpec {
            training_impressions: 1_000_000,
            test_impressions: 0,
            share: 1.0,
            fields,
            words,
            zipf: 1.0,
            numbers: 16,
            word_share: 0.5,
            click_rate: 0.1,
            conversion_rate: 0.2,
            selection: 1.0,
            signal: 1.0,
            mean_delay: 0.0,
            embedding_units: 4,
        };
        let seconds = best(3, |seed| {
            black_box(spec.generate(seed, 0.5));
        });
        println!("{fields} features of {words} categories, 16 numeric: {seconds:.2} s a million impressions");
    }
}

fn ali_ccp(path: PathBuf) {
    if path.read_dir().expect("a folder").next().is_none() {
        let size = make::Size { rows: 1_500_000, users: 4500, histories: 4000 };
        make::write(&path, size).expect("a folder that can be written, with room for 1 GB");
    }
    let spec = AliCcpSpec {
        path,
        rows: 0,
        min_count: 2,
        embedding_units: 4,
        skip_bad_rows: false,
        max_skipped: 0.05,
        digest: String::new(),
    };
    let start = Instant::now();
    let (_, read) = spec.read().expect("the files of Ali-CCP");
    let seconds = start.elapsed().as_secs_f64();
    let (training, test) = (read.log.training.len(), read.log.test.len());
    println!("Ali-CCP: {training} + {test} rows of {} categories in {seconds:.1} s", read.log.vocabulary);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown", str::trim);
    println!("{} bytes of rows, peak {peak}", read.log.bytes());
}
