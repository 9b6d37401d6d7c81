//! Studies with given final losses, and ends of intervals, for tests.

use super::statistics::Confidence;
use crate::record::{CurvePoint, Status};
use crate::store::Study;
use crate::store::sample::Sample;

/// A number from −1 to 1 that looks random, the same for equal `seed`s (SplitMix64).
pub(crate) fn noise(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// Ends of the 95 % interval of an estimate that has one.
#[track_caller]
pub(crate) fn ends(confidence: &dyn Confidence) -> (f64, f64) {
    confidence.interval().and_then(|interval| interval.ends).expect("an interval")
}

/// A study of a shared bottom, OMoE and MMoE whose final losses are `loss(model, task correlation, seed)`; none for a
/// run that diverged. Label correlations are p² with a little noise.
pub(crate) fn study(
    task_correlations: &[f64],
    seeds: u64,
    loss: impl Fn(&str, f64, u64) -> Option<f64>,
) -> Study {
    let sample = Sample {
        correlations: task_correlations.to_vec(),
        learning_rates: vec![0.01],
        seeds,
        steps: 100,
        ..Sample::default()
    };
    let mut study = sample.study();
    study.labels.clear();
    for run in &mut study.runs {
        let p = run.key.condition.task_correlation.expect("samples have correlations");
        let loss = loss(&run.key.model, p, run.key.seed);
        let losses = vec![loss.unwrap_or(f64::NAN) as f32; 2];
        run.status = if loss.is_some() { Status::Finished } else { Status::Diverged };
        run.label_correlation = Some(p.powi(2) + 0.01 * noise(run.key.seed));
        run.curve = vec![CurvePoint {
            step: 100,
            train_loss: losses.clone(),
            held_out_loss: losses,
            validation_loss: Vec::new(),
        }];
        run.gates.clear();
    }
    study
}
