//! Dropout of hidden units (Srivastava et al. 2014), in the inverted form: a unit that is kept while training is divided
//! by its probability of being kept, so that evaluation changes nothing.
//!
//! What is dropped is a function of seed, step, layer, row and unit: not of the runs beside it, nor of the engine. Runs of
//! one seed drop the same units, as they see the same inputs; models of other shapes drop others.

use std::cell::Cell;

use candle_core::{Result, Tensor};

use super::noise::Noise;
use crate::data::philox;
use crate::data::stream::{Purpose, Stream};
use crate::simd::{CpuFeatures, multiversion};

/// Rows that stand together for every unit, as in the panels of the fused engine.
pub const ROWS: usize = 32;

/// Counters that are drawn at once.
const LANES: usize = 64;
/// Draws of 16 bits from so many counters of four words; whole blocks of rows.
const TILE: usize = 8 * LANES;
/// Values of a draw.
const DRAWS: u32 = 1 << 16;

/// Draws below this drop a unit.
fn threshold(rate: f64) -> u32 {
    (rate * f64::from(DRAWS)).round() as u32
}

/// The factor of a unit that is kept: one over its probability.
pub fn scale(rate: f64) -> f32 {
    (f64::from(DRAWS) / f64::from(DRAWS - threshold(rate))) as f32
}

/// The factors, 0 or [`scale`], of the units of a layer at a step, both counted from 0: for every block of [`ROWS`] rows,
/// unit after unit, the factors of the block's rows: `[⌈rows/32⌉, units, 32]`.
pub fn factors(rate: f64, seed: u64, place: (u64, u64), units: usize, rows: usize, out: &mut Vec<f32>) {
    let mut words = Vec::new();
    kept(rate, seed, place, units, rows, &mut words);
    let scale = scale(rate);
    out.resize(words.len() * ROWS, 0.0);
    for (word, out) in words.iter().zip(out.as_chunks_mut::<ROWS>().0) {
        for (row, factor) in out.iter_mut().enumerate() {
            *factor = if word >> row & 1 == 1 { scale } else { 0.0 };
        }
    }
}

/// Which units [`factors`] keeps, a bit a row: for every block of [`ROWS`] rows and every unit a word, whose lowest bit is
/// the block's first row: `[⌈rows/32⌉, units]`.
pub fn kept(rate: f64, seed: u64, place: (u64, u64), units: usize, rows: usize, out: &mut Vec<u32>) {
    kept_on(CpuFeatures::best(), rate, seed, place, units, rows, out);
}

fn kept_on(
    cpu: CpuFeatures,
    rate: f64,
    seed: u64,
    (step, layer): (u64, u64),
    units: usize,
    rows: usize,
    out: &mut Vec<u32>,
) {
    let count = rows.div_ceil(ROWS) * units;
    out.resize(count.next_multiple_of(TILE / ROWS), 0);
    // A study has fewer than 2³² steps.
    let row = step | layer << 32;
    draw(cpu, Stream::new(seed, Purpose::Dropout), row, threshold(rate), out);
    out.truncate(count);
}

multiversion! {
    fn draw(stream: Stream, row: u64, threshold: u32, out: &mut [u32]) = draw_body;
}

#[inline(always)]
fn draw_body(stream: Stream, row: u64, threshold: u32, out: &mut [u32]) {
    let mut counters = [[stream.purpose as u32; LANES]; 4];
    counters[1] = [row as u32; LANES];
    counters[2] = [(row >> 32) as u32; LANES];
    let mut words = [[0; LANES]; 4];
    for (tile, out) in out.as_chunks_mut::<{ TILE / ROWS }>().0.iter_mut().enumerate() {
        for (lane, counter) in counters[0].iter_mut().enumerate() {
            *counter = (tile * LANES + lane) as u32;
        }
        philox::blocks(stream.key(), &counters, &mut words);
        // The lower halves of the lanes of a word, then the upper ones, in blocks of rows.
        let blocks = out.as_chunks_mut::<{ 2 * LANES / ROWS }>().0.iter_mut().zip(&words);
        for (out, words) in blocks {
            let (low, high) = out.split_at_mut(LANES / ROWS);
            for ((low, high), words) in low.iter_mut().zip(high).zip(words.as_chunks::<ROWS>().0) {
                (*low, *high) = (0, 0);
                for (row, word) in words.iter().enumerate() {
                    *low |= u32::from(word & 0xFFFF >= threshold) << row;
                    *high |= u32::from(word >> 16 >= threshold) << row;
                }
            }
        }
    }
}

/// [`factors`] in the order `[blocks, rows, units / blocks]`, for units in equal blocks.
pub fn by_row(factors: &[f32], blocks: usize, units: usize, rows: usize, out: &mut Vec<f32>) {
    let width = units / blocks;
    out.clear();
    out.reserve(units * rows);
    for block in 0..blocks {
        for row in 0..rows {
            let of_row = &factors[row / ROWS * units * ROWS + row % ROWS..];
            out.extend((0..width).map(|unit| of_row[(block * width + unit) * ROWS]));
        }
    }
}

/// The dropout of one training step of a population. Layers count in the order in which they are applied.
pub struct Dropout<'a> {
    rate: f64,
    noise: Noise<'a>,
    layer: Cell<u64>,
}

impl<'a> Dropout<'a> {
    /// Dropout at a rate; none at 0.
    pub fn new(rate: f64, noise: Noise<'a>) -> Option<Self> {
        (rate > 0.0).then(|| Self { rate, noise, layer: Cell::new(0) })
    }

    /// Drops units of the next layer, `[runs, …, batch, units]`.
    ///
    /// # Errors
    /// If Candle fails on the device.
    pub(super) fn apply(&self, units: &Tensor) -> Result<Tensor> {
        let layer = self.layer.replace(self.layer.get() + 1);
        let [runs, between @ .., rows, width] = units.dims() else {
            candle_core::bail!("dropout of units without runs or rows")
        };
        let blocks: usize = between.iter().product();
        let mut seeds: Vec<u64> = self.noise.seeds().to_vec();
        seeds.sort_unstable();
        seeds.dedup();
        let (mut drawn, mut ordered, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for &seed in &seeds {
            factors(self.rate, seed, (self.noise.step(), layer), blocks * width, *rows, &mut drawn);
            by_row(&drawn, blocks, blocks * width, *rows, &mut ordered);
            all.extend_from_slice(&ordered);
        }
        let mut shape = units.dims().to_vec();
        shape[0] = seeds.len();
        let all = Tensor::from_vec(all, shape, units.device())?.to_dtype(units.dtype())?;
        if seeds.len() == 1 {
            return units.broadcast_mul(&all);
        }
        let of_run = |seed: &u64| seeds.binary_search(seed).expect("one of them") as u32;
        let own: Vec<u32> = self.noise.seeds().iter().map(of_run).collect();
        units * all.index_select(&Tensor::from_vec(own, *runs, units.device())?, 0)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn of(seed: u64, place: (u64, u64)) -> Vec<f32> {
        let mut out = Vec::new();
        factors(0.25, seed, place, 20, 100, &mut out);
        out
    }

    #[test]
    fn a_share_of_the_units_is_dropped_and_the_mean_stays() {
        let factors = of(3, (7, 0));
        assert_eq!(factors.len(), 4 * 20 * 32);
        let dropped = factors.iter().filter(|factor| **factor == 0.0).count() as f64 / factors.len() as f64;
        assert!(factors.iter().all(|&factor| factor == 0.0 || factor == scale(0.25)));
        // The standard error of a share of a quarter of 2,560 is 0.009.
        assert!((dropped - 0.25).abs() < 0.035, "{dropped}");
        assert!((f64::from(scale(0.25)) - 4.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn factors_depend_on_seed_step_and_layer_alone() {
        let first = of(3, (7, 0));
        assert_eq!(first, of(3, (7, 0)));
        for other in [of(4, (7, 0)), of(3, (8, 0)), of(3, (7, 1))] {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count() as f64 / first.len() as f64;
            // Independent factors agree on 0.25² + 0.75² of the units.
            assert!((same - 0.625).abs() < 0.04, "{same}");
        }
        // Fewer rows and units have the first ones.
        let mut fewer = Vec::new();
        factors(0.25, 3, (7, 0), 20, 32, &mut fewer);
        assert_eq!(fewer, first[..fewer.len()]);
        for cpu in CpuFeatures::available() {
            let (mut on, mut best) = (Vec::new(), Vec::new());
            kept_on(cpu, 0.25, 3, (7, 0), 20, 100, &mut on);
            kept(0.25, 3, (7, 0), 20, 100, &mut best);
            assert_eq!(on, best, "{}", cpu.name());
        }
    }

    #[test]
    fn a_runs_units_are_dropped_the_same_in_any_company() -> Result<()> {
        let units = |runs: usize| Tensor::ones((runs, 2, 40, 10), candle_core::DType::F32, &Device::Cpu);
        let of = |seeds: &[u64]| -> Result<Vec<Vec<f32>>> {
            let dropout = Dropout::new(0.25, Noise::new(seeds, 7)).expect("a rate above 0");
            dropout.apply(&units(seeds.len())?)?.flatten_from(1)?.to_vec2()
        };
        let company = of(&[9, 3, 9, 5])?;
        assert_eq!(company[0], company[2]);
        assert_eq!(company[1], of(&[3])?[0]);
        assert_ne!(company[1], company[3]);
        let (mut drawn, mut ordered) = (Vec::new(), Vec::new());
        factors(0.25, 3, (7, 0), 20, 40, &mut drawn);
        by_row(&drawn, 2, 20, 40, &mut ordered);
        assert_eq!(company[1], ordered);
        // Task 1, row 33, unit 4: the second block of rows.
        assert_eq!(ordered[(40 + 33) * 10 + 4], drawn[20 * 32 + 14 * 32 + 1]);
        Ok(())
    }
}
