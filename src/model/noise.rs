//! Noise that a model is trained with, from counter-based streams.
//!
//! A run's noise at a step is a function of its seed, what the noise is for, and the step: not of the runs
//! beside it, nor of the steps that went before in this process. Runs of one seed see the same noise, as they
//! see the same inputs. Evaluation has none.

use candle_core::{Device, Result, Tensor};
use rand::Rng;

use crate::data::stream::{Purpose, Stream};

/// The noise of one training step of a population.
#[derive(Debug, Clone, Copy)]
pub struct Noise<'a> {
    seeds: &'a [u64],
    step: u64,
}

impl<'a> Noise<'a> {
    /// The noise of step `step`, counted from 0, of runs with these seeds.
    pub const fn new(seeds: &'a [u64], step: u64) -> Self {
        Self { seeds, step }
    }

    /// Seeds of the runs.
    pub(super) fn seeds(&self) -> &'a [u64] {
        self.seeds
    }

    /// The step, from 0.
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// Independent uniform numbers in [0, 1) for every run, `[runs, shape…]` in f32.
    ///
    /// # Errors
    /// A device that fails.
    pub fn uniform(&self, purpose: Purpose, shape: &[usize], device: &Device) -> Result<Tensor> {
        let each = shape.iter().product();
        let mut values: Vec<f32> = Vec::with_capacity(self.seeds.len() * each);
        for (run, &seed) in self.seeds.iter().enumerate() {
            match self.seeds[..run].iter().position(|&before| before == seed) {
                Some(same) => values.extend_from_within(same * each..(same + 1) * each),
                None => {
                    let mut words = Stream::new(seed, purpose).rng(self.step);
                    values.extend(std::iter::repeat_with(|| uniform(words.next_u32())).take(each));
                }
            }
        }
        let shape: Vec<usize> = std::iter::once(self.seeds.len()).chain(shape.iter().copied()).collect();
        Tensor::from_vec(values, shape, device)
    }
}

/// The upper 24 bits as a fraction: as many as a float holds, so that 1 is never reached.
fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 / (1 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seeds: &[u64], step: u64) -> Vec<Vec<f32>> {
        let tensor = Noise::new(seeds, step).uniform(Purpose::GateDropout, &[50, 20], &Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [seeds.len(), 50, 20]);
        tensor.flatten_from(1).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn a_runs_noise_depends_on_seed_and_step_alone() {
        let company = of(&[3, 7, 3, 9], 5);
        assert_eq!(company[0], company[2]);
        assert_eq!(company[1], of(&[7], 5)[0]);
        assert_ne!(company[0], company[1]);
        assert_ne!(company[1], of(&[7], 6)[0]);
    }

    #[test]
    fn numbers_are_uniform() {
        assert_eq!((uniform(0), uniform(u32::MAX)), (0.0, 1.0 - f32::EPSILON / 2.0));
        let numbers = of(&[1], 0).concat();
        // The standard error of a mean of 1,000 is 0.009, that of a share of tenths the same at most.
        let mean = numbers.iter().sum::<f32>() / 1_000.0;
        assert!((mean - 0.5).abs() < 0.04, "{mean}");
        let low = numbers.iter().filter(|&&u| u < 0.1).count();
        assert!((60..140).contains(&low), "{low}");
    }
}
