//! Standard normals by counter.
//!
//! A batch is a few rows of a [`Stream`]'s endless table of normals. Rows can be drawn alone, in any range and in
//! any order.
//!
//! Philox words become normals by the transform of Box and Muller (1958): for u, v uniform,
//! sqrt(-2 ln u)·(cos, sin)(2πv) is a pair of independent normals. It has no rejection, hence no
//! branches, so the loop runs on vectors; logarithm, sine and cosine are polynomials. With 32-bit
//! uniforms down to 2⁻³³ the normals reach ±6.76.

use super::philox;
use super::stream::Stream;
use crate::simd::sine::{cos_half_turn, sin_half_turn};
use crate::simd::{CpuFeatures, multiversion};

impl Stream {
    /// Fills `out`, `[rows, width]`, with the first `width` normals of `rows` consecutive rows.
    ///
    /// # Panics
    /// If `out` is not `rows * width` long, or if there are 2³² rows or normals a row or more.
    pub fn normals(&self, first_row: u64, rows: usize, width: usize, out: &mut [f32]) {
        self.normals_on(CpuFeatures::best(), RowNumbers::From(first_row), rows, width, out);
    }

    /// As [`Stream::normals`] for any rows: `out` is `[rows.len(), width]`.
    ///
    /// # Panics
    /// As [`Stream::normals`].
    pub fn normals_of_rows(&self, rows: &[u64], width: usize, out: &mut [f32]) {
        let numbers = RowNumbers::List(rows);
        self.normals_on(CpuFeatures::best(), numbers, rows.len(), width, out);
    }

    fn normals_on(
        &self,
        cpu: CpuFeatures,
        numbers: RowNumbers<'_>,
        rows: usize,
        width: usize,
        out: &mut [f32],
    ) {
        assert_eq!(out.len(), rows * width, "normals: rows times width");
        assert!(
            u32::try_from(rows).is_ok() && u32::try_from(width).is_ok(),
            "normals: too many rows or columns for one call"
        );
        if !out.is_empty() {
            fill(cpu, self.key(), self.purpose as u32, numbers, width, out);
        }
    }
}

/// The rows of a stream to draw, in order.
#[derive(Clone, Copy)]
enum RowNumbers<'a> {
    From(u64),
    List(&'a [u64]),
}

/// Counters worked on at a time: their words and normals (2 KiB) stay in the first-level cache, and
/// 64 is a multiple of every vector's length.
const TILE: usize = 64;
/// Normals of a counter.
const BLOCK: usize = 4;

multiversion! {
    fn fill(
        key: [u32; 2],
        purpose: u32,
        numbers: RowNumbers<'_>,
        width: usize,
        out: &mut [f32],
    ) = fill_body;
}

#[inline(always)]
fn fill_body(key: [u32; 2], purpose: u32, numbers: RowNumbers<'_>, width: usize, out: &mut [f32]) {
    let blocks_a_row = width.div_ceil(BLOCK);
    let total = out.len() / width * blocks_a_row;
    let mut position = Positions::new(blocks_a_row as u32);
    let mut counters = [[purpose; TILE]; 4];
    let mut normals = [0.0; TILE * BLOCK];
    let mut tile = Tile::default();
    for start in (0..total).step_by(TILE) {
        let live = TILE.min(total - start);
        counters[0] = position.block;
        let [_, low, high, _] = &mut counters;
        let words = low.iter_mut().zip(high).zip(&position.row);
        match numbers {
            RowNumbers::From(first) => {
                for ((low, high), &row) in words {
                    let number = first.wrapping_add(u64::from(row));
                    (*low, *high) = (number as u32, (number >> 32) as u32);
                }
            }
            RowNumbers::List(list) => {
                for ((low, high), &row) in words.take(live) {
                    let number = list[row as usize];
                    (*low, *high) = (number as u32, (number >> 32) as u32);
                }
            }
        }
        tile.draw(key, &counters);
        let whole = width.is_multiple_of(BLOCK) && live == TILE;
        if whole {
            // Rows are whole blocks: the tile's normals follow each other in the table as well.
            let to = &mut out[start * BLOCK..][..TILE * BLOCK];
            tile.interleave(to.try_into().expect("a slice of the tile's length"));
        } else {
            tile.interleave(&mut normals);
            for (lane, drawn) in normals.as_chunks::<BLOCK>().0[..live].iter().enumerate() {
                let column = position.block[lane] as usize * BLOCK;
                let to = &mut out[position.row[lane] as usize * width + column..];
                if let (Some(to), true) = (to.first_chunk_mut(), column + BLOCK <= width) {
                    *to = *drawn;
                } else {
                    // At most three: not worth a call to copy memory.
                    for (to, drawn) in to[..width - column].iter_mut().zip(drawn) {
                        *to = *drawn;
                    }
                }
            }
        }
        position.advance();
    }
}

/// Position of each counter of a tile in the table that is being filled.
struct Positions {
    /// Row of the table (not of the stream).
    row: [u32; TILE],
    /// Block within the row.
    block: [u32; TILE],
    blocks_a_row: u32,
}

impl Positions {
    #[inline(always)]
    fn new(blocks_a_row: u32) -> Self {
        let lane = std::array::from_fn(|lane| lane as u32);
        Self {
            row: lane.map(|lane| lane / blocks_a_row),
            block: lane.map(|lane| lane % blocks_a_row),
            blocks_a_row,
        }
    }

    /// Moves every lane on by a tile.
    #[inline(always)]
    fn advance(&mut self) {
        let rows = TILE as u32 / self.blocks_a_row;
        let blocks = TILE as u32 % self.blocks_a_row;
        for lane in 0..TILE {
            let block = self.block[lane] + blocks;
            let wraps = block >= self.blocks_a_row;
            self.block[lane] = block - if wraps { self.blocks_a_row } else { 0 };
            self.row[lane] += rows + u32::from(wraps);
        }
    }
}

/// Working memory of a tile: words, then normals.
struct Tile {
    words: [[u32; TILE]; BLOCK],
    normals: [[f32; TILE]; BLOCK],
}

impl Default for Tile {
    fn default() -> Self {
        Self { words: [[0; TILE]; BLOCK], normals: [[0.0; TILE]; BLOCK] }
    }
}

impl Tile {
    #[inline(always)]
    fn draw(&mut self, key: [u32; 2], counters: &[[u32; TILE]; 4]) {
        philox::blocks(key, counters, &mut self.words);
        for pair in [0, 2] {
            for lane in 0..TILE {
                let (z0, z1) = box_muller(self.words[pair][lane], self.words[pair + 1][lane]);
                self.normals[pair][lane] = z0;
                self.normals[pair + 1][lane] = z1;
            }
        }
    }

    /// The four normals of each counter together.
    #[inline(always)]
    fn interleave(&self, out: &mut [f32; TILE * BLOCK]) {
        for (lane, block) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let [a, b, c, d] = &self.normals;
            *block = [a[lane], b[lane], c[lane], d[lane]];
        }
    }
}

/// Two independent normals from two random words.
///
/// The first gives the radius. Of the second, the top bit says which half of the circle and the
/// other 31 the angle within it, from -π/2 to π/2, where sine and cosine need no further reduction;
/// turning the radius' sign reaches the other half.
#[inline(always)]
fn box_muller(radius: u32, angle: u32) -> (f32, f32) {
    const HALF_TURN: f32 = std::f32::consts::PI / 4_294_967_296.0;
    let r = (-2.0 * ln_unit(radius)).sqrt();
    let r = f32::from_bits(r.to_bits() ^ (angle & 0x8000_0000));
    let theta = ((angle << 1).cast_signed() as f32 + 1.0) * HALF_TURN;
    (r * cos_half_turn(theta), r * sin_half_turn(theta))
}

/// ln((w + ½)·2⁻³²), with a relative error below 6e-7 (2e-7 of it the fit's); never positive.
///
/// The sum w + ½ is exact below 2²³, where the tails come from: the smallest argument is 2⁻³³.
/// Towards one it is rounded to the 24 bits of a float, which moves normals by less than 4e-4 of
/// a sigma and only among the smallest radii.
#[inline(always)]
fn ln_unit(word: u32) -> f32 {
    const SQRT_HALF: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();
    const MANTISSA: u32 = 0x007F_FFFF;
    let u = word as f32 + 0.5;
    // u = 2^exponent · (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
    let shifted = u.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = (shifted.cast_signed() >> 23) - 32;
    let f = f32::from_bits((shifted & MANTISSA) + SQRT_HALF) - 1.0;
    // ln(1 + f) = f + f²·Q(f), minimax in relative error (Remez, for this file).
    let q = -9.075_799e-2;
    let q = q * f + 1.590_426_3e-1;
    let q = q * f - 1.742_585_7e-1;
    let q = q * f + 1.994_210_3e-1;
    let q = q * f - 2.496_063_9e-1;
    let q = q * f + 3.333_374_6e-1;
    let q = q * f - 5.000_05e-1;
    exponent as f32 * std::f32::consts::LN_2 + (f + f * f * q)
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::super::stream::Purpose;
    use super::*;

    const DRAWS: usize = 1 << 20;

    /// `DRAWS` normals as a table of 1,024 rows.
    fn draws(seed: u64, purpose: Purpose) -> Vec<f32> {
        let mut out = vec![0.0; DRAWS];
        Stream::new(seed, purpose).normals(0, 1024, DRAWS / 1024, &mut out);
        out
    }

    /// Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/15 + …), exact to 1e-15.
    fn normal_cdf(x: f64) -> f64 {
        let (mut term, mut sum, mut k) = (x, x, 1.0);
        while (term / sum).abs() > 1e-17 {
            k += 2.0;
            term *= x * x / k;
            sum += term;
        }
        if x == 0.0 {
            return 0.5;
        }
        0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
    }

    fn correlation(a: &[f32], b: &[f32], power: i32) -> f64 {
        let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
        // Moments are known, so none is estimated: E z = 0, E z² = 1, var z² = 2.
        let (mean, variance) = if power == 1 { (0.0, 1.0) } else { (1.0, 2.0) };
        let product = |(a, b): (f64, f64)| (a.powi(power) - mean) * (b.powi(power) - mean);
        pairs().map(product).sum::<f64>() / (a.len() as f64 * variance)
    }

    #[test]
    fn every_width_of_vector_gives_the_same_bits() {
        let stream = Stream::new(0x1234_5678_9abc_def0, Purpose::TrainingInputs);
        let list: Vec<u64> = (0..97).map(|i| i * 0x1_0000_0001 + 5).collect();
        for width in [1, 2, 3, 4, 7, 64, 100, 101, 256, 300] {
            let [mut want, mut got] = [vec![0.0; 97 * width], vec![0.0; 97 * width]];
            for numbers in [RowNumbers::From(u64::MAX - 3), RowNumbers::List(&list)] {
                stream.normals_on(CpuFeatures::available()[0], numbers, 97, width, &mut want);
                for cpu in CpuFeatures::available() {
                    stream.normals_on(cpu, numbers, 97, width, &mut got);
                    let same = want.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(same, "width {width} on {}", cpu.name());
                }
            }
        }
    }

    #[test]
    fn an_entry_depends_only_on_its_row_and_column() {
        let stream = Stream::new(9, Purpose::HeldOutInputs);
        let first = (1 << 32) - 20; // the rows cross into the counter's high word
        let mut table = vec![0.0; 50 * 131];
        stream.normals(first, 50, 131, &mut table);
        for width in [1, 5, 100, 131] {
            for (from, rows) in [(0, 1), (17, 1), (3, 30), (49, 1)] {
                let mut part = vec![0.0; rows * width];
                stream.normals(first + from as u64, rows, width, &mut part);
                for row in 0..rows {
                    let whole = &table[(from + row) * 131..][..width];
                    assert_eq!(&part[row * width..][..width], whole);
                }
            }
            let rows = [first + 49, first, first + 7, first + 7];
            let mut part = vec![0.0; 4 * width];
            stream.normals_of_rows(&rows, width, &mut part);
            for (row, number) in rows.iter().enumerate() {
                let whole = &table[(number - first) as usize * 131..][..width];
                assert_eq!(&part[row * width..][..width], whole);
            }
        }
        stream.normals(0, 0, 4, &mut []);
        stream.normals(0, 4, 0, &mut []);
    }

    /// Written down once: a change of these numbers is a change of every stored result.
    #[test]
    fn the_stream_is_what_it_always_was() {
        let words = philox::block([42, 0], [0, 7, 0, Purpose::TrainingInputs as u32]);
        let mut rng = Stream::new(42, Purpose::TrainingInputs).rng(7);
        assert_eq!([0; 4].map(|_: u32| rng.next_u32()), words);
        let mut drawn = [0.0; 4];
        Stream::new(42, Purpose::TrainingInputs).normals(7, 1, 4, &mut drawn);
        for pair in [0, 2] {
            // The transform once more, in double precision and straight from its definition.
            let u = (f64::from(words[pair]) + 0.5) / 4_294_967_296.0;
            let half = if words[pair + 1] >> 31 == 1 { -1.0 } else { 1.0 };
            let turn = f64::from((words[pair + 1] << 1).cast_signed()) / 8_589_934_592.0;
            let (sin, cos) = (std::f64::consts::TAU * turn).sin_cos();
            let r = half * (-2.0 * u.ln()).sqrt();
            assert!((f64::from(drawn[pair]) - r * cos).abs() < 1e-6);
            assert!((f64::from(drawn[pair + 1]) - r * sin).abs() < 1e-6);
        }
    }

    #[test]
    fn logarithm_is_accurate_into_the_tail() {
        let words = (0..5_000_000u32).chain((0..5_000_000).map(|i| u32::MAX - i * 853));
        for word in words {
            // Compared at the rounded argument: the rounding is the caller's to accept.
            let u = f64::from(word as f32 + 0.5) / 4_294_967_296.0;
            let error = f64::from(ln_unit(word)) - u.ln();
            assert!(error.abs() <= 6e-7 * u.ln().abs(), "word {word}: {error:e}");
        }
        let reach = (-2.0 * ln_unit(0)).sqrt();
        assert!((6.6..6.8).contains(&reach), "normals reach {reach} sigma");
        assert_eq!(ln_unit(u32::MAX), 0.0);
    }

    /// Limits are 4.5 standard errors: of eight comparisons none should come near by chance.
    #[test]
    fn moments_up_to_the_fourth() {
        for seed in [1, 2] {
            let z = draws(seed, Purpose::TrainingInputs);
            // (power, E zⁿ, var zⁿ)
            for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
            {
                let mean = z.iter().map(|&z| f64::from(z).powi(power)).sum::<f64>() / DRAWS as f64;
                let score = (mean - expected) / (variance / DRAWS as f64).sqrt();
                assert!(score.abs() < 4.5, "moment {power}: {mean}, {score:.1} s.e.");
            }
        }
    }

    /// 1.95 is the 0.1 % point of Kolmogorov's distribution of √n·D.
    #[test]
    fn kolmogorov_smirnov_against_the_normal_distribution() {
        for (seed, purpose) in [(3, Purpose::TrainingInputs), (4, Purpose::LabelNoise)] {
            let mut z = draws(seed, purpose);
            z.sort_unstable_by(f32::total_cmp);
            let n = DRAWS as f64;
            let distance = z.iter().enumerate().fold(0f64, |worst, (i, &z)| {
                let p = normal_cdf(f64::from(z));
                worst.max(p - i as f64 / n).max((i + 1) as f64 / n - p)
            });
            assert!(distance * n.sqrt() < 1.95, "√n·D = {}", distance * n.sqrt());
        }
    }

    /// The two-sample limit is 1.95·√(2/n), again the 0.1 % point.
    #[test]
    fn quantiles_agree_with_rand_distr() {
        let mut ours = draws(5, Purpose::TrainingInputs);
        let mut rng = Stream::new(6, Purpose::Bootstrap).rng(0);
        let mut theirs: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(DRAWS).collect();
        ours.sort_unstable_by(f32::total_cmp);
        theirs.sort_unstable_by(f32::total_cmp);
        let limit = 1.95 * (2.0 / DRAWS as f64).sqrt();
        for (i, &z) in ours.iter().enumerate() {
            let below = theirs.partition_point(|&t| t <= z);
            let distance = (i as f64 - below as f64).abs() / DRAWS as f64;
            assert!(distance < limit, "at {z}: {distance}");
        }
    }

    /// Counts beyond k sigma are binomial; the limit is 4.5 of their standard deviations.
    #[test]
    fn tails_hold_what_they_should() {
        const ROUNDS: u64 = 32;
        let expected = [(3, 2.699_796_063e-3), (4, 6.334_248_367e-5), (5, 5.733_031_4e-7)];
        let mut counts = [0u64; 3];
        let mut z = vec![0.0; DRAWS];
        for round in 0..ROUNDS {
            Stream::new(7, Purpose::TrainingInputs).normals(round * 1024, 1024, DRAWS / 1024, &mut z);
            for (count, (sigmas, _)) in counts.iter_mut().zip(expected) {
                *count += z.iter().filter(|z| z.abs() > sigmas as f32).count() as u64;
            }
        }
        for (count, (sigmas, p)) in counts.into_iter().zip(expected) {
            let mean = p * (ROUNDS as usize * DRAWS) as f64;
            let score = (count as f64 - mean) / (mean * (1.0 - p)).sqrt();
            assert!(score.abs() < 4.5, "beyond {sigmas} sigma: {count}, expected {mean:.1}");
        }
    }

    /// 256 equally likely cells: χ² has mean 255 and standard deviation 22.6; limit 4.5 of them.
    #[test]
    fn chi_square_over_equal_cells() {
        let mut cells = [0u32; 256];
        for z in draws(8, Purpose::LabelInputs) {
            cells[(normal_cdf(f64::from(z)) * 256.0) as usize] += 1;
        }
        let mean = DRAWS as f64 / 256.0;
        let chi2: f64 = cells.iter().map(|&n| (f64::from(n) - mean).powi(2) / mean).sum();
        assert!((chi2 - 255.0).abs() < 4.5 * 22.6, "χ² = {chi2}");
    }

    /// Correlations of values and of squares have standard error n^(-1/2) where there is none;
    /// limit 4.5 of them for some forty comparisons. Squares would show what a common radius does.
    #[test]
    fn streams_seeds_rows_and_neighbours_are_independent() {
        let z = draws(10, Purpose::TrainingInputs);
        let row = DRAWS / 1024;
        let mut others = vec![
            ("purpose", z.clone(), draws(10, Purpose::TrainingNoise)),
            ("purpose", z.clone(), draws(10, Purpose::HeldOutInputs)),
            ("seed", z.clone(), draws(11, Purpose::TrainingInputs)),
            ("seed, high word", z.clone(), draws(10 + (1 << 32), Purpose::TrainingInputs)),
            ("row", z[row..].to_vec(), z[..DRAWS - row].to_vec()),
        ];
        for lag in (1..=12).chain([16, 64]) {
            others.push(("lag", z[lag..].to_vec(), z[..DRAWS - lag].to_vec()));
        }
        for (what, a, b) in others {
            for power in [1, 2] {
                let score = correlation(&a, &b, power) * (a.len() as f64).sqrt();
                assert!(score.abs() < 4.5, "{what}, power {power}: {score:.1} s.e.");
            }
        }
    }
}
