//! Counter-based streams: any row of any seed can be made again alone.
//!
//! A stream is a seed and a [`Purpose`]. Its normals are addressed by row and place within the row, through
//! Philox with counter `[block of four within the row, row low, row high, purpose]` and the seed as key.
//! Two words make two normals by the method of Box and Muller (1958); logarithm, sine and cosine are short
//! series in plain f32 arithmetic, the same bits on every CPU.

use super::philox::{self, LANES};
use super::simd::widest;

/// What a stream's numbers are for. The numbers below are part of every counter: they are never changed or
/// given to another purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Orthonormal vectors of the tasks.
    TaskVectors = 0,
    /// Inputs of training rows.
    TrainingInputs = 1,
    /// Label noise of training rows.
    TrainingNoise = 2,
    /// Inputs of held-out rows.
    HeldOutInputs = 3,
    /// Label noise of held-out rows.
    HeldOutNoise = 4,
    /// Inputs of the rows that label correlations are measured on.
    LabelInputs = 5,
    /// Label noise of those rows.
    LabelNoise = 6,
    /// Order of a finite training set, one row an epoch.
    Shuffle = 7,
    /// Initial parameters, one row a parameter.
    Init = 8,
}

/// A seed and what its numbers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    purpose: Purpose,
}

impl Stream {
    /// The stream of a seed for a purpose.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], purpose }
    }

    /// Standard normals of the given rows, `width` each: fills `out`, `[rows, width]`. What a row holds
    /// depends on the stream and the row's number alone; a wider row begins with the narrower one.
    pub fn normals(&self, rows: &[u64], width: usize, out: &mut [f32]) {
        assert_eq!(out.len(), rows.len() * width, "out is [rows, width]");
        fill(self.key, self.purpose as u32, rows, width, out);
    }

    /// A generator of row `row` for distributions other than the normal. It has its own words: counters of
    /// normals never reach its half of the block numbers.
    pub fn rng(&self, row: u64) -> StreamRng {
        StreamRng { stream: *self, row, block: RNG_BLOCKS, words: [0; 4], used: 4 }
    }
}

/// First block number of [`Stream::rng`]: rows of normals would need 2³³ columns to get there.
const RNG_BLOCKS: u32 = 1 << 31;

widest! {
    /// Fills `out`, `[rows, width]`.
    fn fill(key: [u32; 2], purpose: u32, rows: &[u64], width: usize, out: &mut [f32]) = fill_body;
}

/// Rows' blocks one after another, [`LANES`] at once, so that short rows fill registers too.
#[inline(always)]
fn fill_body(key: [u32; 2], purpose: u32, rows: &[u64], width: usize, out: &mut [f32]) {
    let blocks = width.div_ceil(4);
    let total = rows.len() * blocks;
    let (mut row, mut block) = (0, 0);
    let mut places = [(0, 0); LANES];
    for first in (0..total).step_by(LANES) {
        let mut counters = [[0; LANES]; 4];
        counters[3] = [purpose; LANES];
        for lane in 0..LANES {
            // The last lanes may have nothing left to do; they repeat the last block.
            let number = rows[row];
            counters[0][lane] = block as u32;
            counters[1][lane] = number as u32;
            counters[2][lane] = (number >> 32) as u32;
            places[lane] = (row, block);
            if first + lane + 1 < total {
                block += 1;
                if block == blocks {
                    (row, block) = (row + 1, 0);
                }
            }
        }
        let normals = box_muller(philox::lanes(key, counters));
        for (lane, &(row, block)) in places.iter().enumerate() {
            let four = [normals[0][lane], normals[1][lane], normals[2][lane], normals[3][lane]];
            let place = row * width + 4 * block;
            match out.get_mut(place..place + 4).filter(|_| 4 * block + 4 <= width) {
                Some(whole) => whole.copy_from_slice(&four),
                None => {
                    let rest = width - 4 * block;
                    out[place..place + rest].copy_from_slice(&four[..rest]);
                }
            }
        }
    }
}

/// Four words to four normals a lane: words 0 and 1 make normals 0 and 1, words 2 and 3 normals 2 and 3.
#[inline(always)]
fn box_muller(words: [[u32; LANES]; 4]) -> [[f32; LANES]; 4] {
    let mut normals = [[0.0; LANES]; 4];
    for pair in [0, 2] {
        for lane in 0..LANES {
            let radius = (-2.0 * ln_unit(words[pair][lane])).sqrt();
            let (sine, cosine) = sin_cos_turn(words[pair + 1][lane]);
            normals[pair][lane] = radius * cosine;
            normals[pair + 1][lane] = radius * sine;
        }
    }
    normals
}

/// ln((word + ½) / 2³²). The smallest is ln 2⁻³³, so normals reach √(66 ln 2) = 6.76; near 1 the word is
/// rounded to 24 bits, which costs 1e-7 in a normal near 0.
#[inline(always)]
fn ln_unit(word: u32) -> f32 {
    let uniform = word as f32 + 0.5;
    // uniform = m · 2ᵉ with m from √½ to √2
    let bits = uniform.to_bits();
    let exponent = (bits.wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    // ln m = 2 artanh(s), s = (m − 1)/(m + 1), |s| ≤ 0.1716; the first term left out is under 1e-9.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = 2.0 / 9.0;
    let series = series * square + 2.0 / 7.0;
    let series = series * square + 2.0 / 5.0;
    let series = series * square + 2.0 / 3.0;
    let series = series * square + 2.0;
    // exponent − 32 ≤ 0 and both parts are added small to large.
    (exponent - 32) as f32 * std::f32::consts::LN_2 + s * series
}

/// Sine and cosine of `word` / 2³² turns, up to a fixed offset of an eighth of a turn, which a uniform angle
/// does not notice.
#[inline(always)]
fn sin_cos_turn(word: u32) -> (f32, f32) {
    let quadrant = word >> 30;
    // −π/4 to π/4 within the quadrant.
    let within = (word & 0x3fff_ffff) as f32 * (1.0 / (1 << 30) as f32) - 0.5;
    let angle = within * std::f32::consts::FRAC_PI_2;
    let (sine, cosine) = (sine_series(angle), cosine_series(angle));
    let swap = quadrant & 1 == 1;
    let (s, c) = if swap { (cosine, sine) } else { (sine, cosine) };
    let negative_sine = (quadrant & 2) << 30;
    let negative_cosine = ((quadrant + 1) & 2) << 30;
    (f32::from_bits(s.to_bits() ^ negative_sine), f32::from_bits(c.to_bits() ^ negative_cosine))
}

/// sin x for |x| ≤ π/4: Taylor's series to x⁹; what is left out is under 2e-9.
#[inline(always)]
fn sine_series(x: f32) -> f32 {
    let square = x * x;
    let series = 1.0 / 362_880.0;
    let series = series * square - 1.0 / 5_040.0;
    let series = series * square + 1.0 / 120.0;
    let series = series * square - 1.0 / 6.0;
    x + x * square * series
}

/// cos x for |x| ≤ π/4: Taylor's series to x¹⁰; what is left out is under 2e-10.
#[inline(always)]
fn cosine_series(x: f32) -> f32 {
    let square = x * x;
    let series = -1.0 / 3_628_800.0;
    let series = series * square + 1.0 / 40_320.0;
    let series = series * square - 1.0 / 720.0;
    let series = series * square + 1.0 / 24.0;
    let series = series * square - 0.5;
    series * square + 1.0
}

/// Words of one row of a stream, as a generator for `rand_distr`'s distributions.
#[derive(Debug, Clone)]
pub struct StreamRng {
    stream: Stream,
    row: u64,
    block: u32,
    words: [u32; 4],
    used: usize,
}

impl rand::rand_core::TryRng for StreamRng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        if self.used == 4 {
            let counter = [self.block, self.row as u32, (self.row >> 32) as u32, self.stream.purpose as u32];
            self.words = philox::block(self.stream.key, counter);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        Ok(self.words[self.used - 1])
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let low = self.try_next_u32()?;
        let high = self.try_next_u32()?;
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for four in bytes.chunks_mut(4) {
            let word = self.try_next_u32()?.to_le_bytes();
            four.copy_from_slice(&word[..four.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    fn normals(seed: u64, purpose: Purpose, rows: std::ops::Range<u64>, width: usize) -> Vec<f32> {
        let rows: Vec<u64> = rows.collect();
        let mut out = vec![f32::NAN; rows.len() * width];
        Stream::new(seed, purpose).normals(&rows, width, &mut out);
        out
    }

    /// 2²⁰ normals of a stream, sorted.
    fn million(seed: u64) -> Vec<f64> {
        let mut draws: Vec<f64> =
            normals(seed, Purpose::TrainingInputs, 0..1 << 13, 128).into_iter().map(f64::from).collect();
        draws.sort_by(f64::total_cmp);
        draws
    }

    /// Φ by the complementary error function's continued fraction and series, in f64.
    fn cdf(z: f64) -> f64 {
        // Series for |z| < 3 (Abramowitz & Stegun 26.2.10), continued fraction beyond (26.2.14).
        let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        if z.abs() < 3.0 {
            let mut term = z;
            let mut sum = z;
            for n in 1..60 {
                term *= -z * z / (2.0 * n as f64);
                sum += term / (2 * n + 1) as f64;
            }
            0.5 + sum / (2.0 * std::f64::consts::PI).sqrt()
        } else {
            let fraction = (1..60).rev().fold(z.abs(), |below, n| z.abs() + f64::from(n) / below);
            let tail = density / fraction;
            if z > 0.0 { 1.0 - tail } else { tail }
        }
    }

    #[test]
    fn a_row_is_the_same_alone_in_a_range_and_wider() {
        for width in [1, 3, 4, 7, 100, 101] {
            let together = normals(5, Purpose::HeldOutInputs, 0..40, width);
            assert!(together.iter().all(|z| z.is_finite()));
            for row in [0, 1, 17, 39] {
                let alone = normals(5, Purpose::HeldOutInputs, row..row + 1, width);
                assert_eq!(alone, together[row as usize * width..][..width], "width {width}, row {row}");
                let wider = normals(5, Purpose::HeldOutInputs, row..row + 1, width + 9);
                assert_eq!(alone, wider[..width]);
            }
        }
        let far = 1 << 40;
        assert_ne!(normals(5, Purpose::Init, far..far + 1, 8), normals(5, Purpose::Init, 0..1, 8));
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let rows: Vec<u64> = (0..77).collect();
        let (mut widest, mut portable) = (vec![0.0; 77 * 33], vec![0.0; 77 * 33]);
        fill([1, 2], 3, &rows, 33, &mut widest);
        fill_body([1, 2], 3, &rows, 33, &mut portable);
        let bits = |values: &[f32]| values.iter().map(|z| z.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&widest), bits(&portable));
    }

    #[test]
    fn the_distribution_is_normal_by_kolmogorov_and_smirnov() {
        for seed in [1, 2] {
            let draws = million(seed);
            let n = draws.len() as f64;
            let distance = draws
                .iter()
                .enumerate()
                .map(|(i, &z)| (cdf(z) - (i as f64 + 0.5) / n).abs())
                .fold(0.0, f64::max);
            // √n D exceeds 1.95 with probability 1e-3 under the null hypothesis (Smirnov 1948).
            assert!(distance * n.sqrt() < 1.95, "seed {seed}: {}", distance * n.sqrt());
        }
    }

    #[test]
    fn moments_and_tails_are_the_normals() {
        let draws = million(3);
        let n = draws.len() as f64;
        let moment = |k: i32| draws.iter().map(|z| z.powi(k)).sum::<f64>() / n;
        // Moments 1 to 6 and the variances of their estimates, E z²ᵏ − (E zᵏ)²; four standard errors.
        for (k, expected, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10_170.0)]
        {
            let error = (moment(k) - expected) / (variance / n).sqrt();
            assert!(error.abs() < 4.0, "moment {k}: {} standard errors", error);
        }
        for bound in [2.0, 3.0, 4.0] {
            let expected = 2.0 * n * cdf(-bound);
            let seen = draws.iter().filter(|z| z.abs() > bound).count() as f64;
            assert!((seen - expected).abs() < 4.0 * expected.sqrt() + 1.0, "{bound}: {seen} for {expected}");
        }
    }

    #[test]
    fn the_smallest_words_give_the_largest_normals() {
        let exact = |word: u32| ((f64::from(word) + 0.5) / 2f64.powi(32)).ln();
        for word in [0, 1, 2, 1000, 1 << 20, 1 << 31, (1 << 31) + 12345, 3_037_000_499, u32::MAX - 300] {
            let error = (f64::from(ln_unit(word)) - exact(word)).abs();
            // f32 around the value itself, and 24 of the 32 bits of a word.
            assert!(error < 2e-6 * exact(word).abs().max(0.1), "{word}: {error}");
        }
        assert!((f64::from(ln_unit(0)) * -2.0).sqrt() > 6.7);
        assert_eq!(ln_unit(u32::MAX), 0.0);
    }

    #[test]
    fn angles_lie_on_the_circle_where_they_should() {
        for word in (0..u32::MAX).step_by(12_345_677) {
            let angle = (f64::from(word) / 2f64.powi(32) - 0.125) * 2.0 * std::f64::consts::PI;
            let (sine, cosine) = sin_cos_turn(word);
            assert!((f64::from(sine) - angle.sin()).abs() < 2e-7, "{word}");
            assert!((f64::from(cosine) - angle.cos()).abs() < 2e-7, "{word}");
        }
    }

    #[test]
    fn streams_rows_and_neighbours_are_independent() {
        let n = 1 << 17;
        let base = normals(1, Purpose::TrainingInputs, 0..n, 1);
        let others = [
            normals(2, Purpose::TrainingInputs, 0..n, 1),
            normals(1, Purpose::TrainingNoise, 0..n, 1),
            normals(1, Purpose::HeldOutInputs, 0..n, 1),
            normals(1, Purpose::TrainingInputs, 1..n + 1, 1),
            normals(1 << 32, Purpose::TrainingInputs, 0..n, 1),
        ];
        // A correlation of independent normals is N(0, 1/n); 4.5 standard errors. Squares catch dependence
        // of magnitudes.
        let correlation = |a: &[f32], b: &[f32], f: fn(f32) -> f64| {
            a.iter().zip(b).map(|(&a, &b)| f(a) * f(b)).sum::<f64>() / (n as f64).sqrt()
        };
        for (which, other) in others.iter().enumerate() {
            let plain = correlation(&base, other, f64::from);
            let squares = correlation(&base, other, |z| (f64::from(z) * f64::from(z) - 1.0) / 2f64.sqrt());
            assert!(plain.abs() < 4.5 && squares.abs() < 4.5, "{which}: {plain} {squares}");
        }
        let wide = normals(4, Purpose::TrainingInputs, 0..n / 8, 8);
        for lag in 1..8 {
            let (a, b) = (&wide[..wide.len() - lag], &wide[lag..]);
            let plain = correlation(a, b, f64::from);
            assert!(plain.abs() < 4.5, "lag {lag}: {plain}");
        }
    }

    #[test]
    fn quantiles_agree_with_rand_distr() {
        let ours = million(9);
        let mut rng = Stream::new(9, Purpose::Init).rng(0);
        let mut theirs: Vec<f64> = StandardNormal.sample_iter(&mut rng).take(ours.len()).collect();
        theirs.sort_by(f64::total_cmp);
        for share in [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999] {
            let at = (share * ours.len() as f64) as usize;
            let z = ours[at];
            let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let error = (2.0 * share * (1.0 - share) / ours.len() as f64).sqrt() / density;
            assert!((z - theirs[at]).abs() < 4.5 * error, "{share}: {z} and {}", theirs[at]);
        }
    }

    #[test]
    fn a_rows_generator_gives_every_word_once() {
        let mut rng = Stream::new(1, Purpose::Shuffle).rng(7);
        let words: Vec<u32> = (0..8).map(|_| rng.next_u32()).collect();
        let mut again = Stream::new(1, Purpose::Shuffle).rng(7);
        let mut bytes = [0; 6];
        again.fill_bytes(&mut bytes);
        assert_eq!(bytes[..4], words[0].to_le_bytes());
        assert_eq!(again.next_u64(), u64::from(words[3]) << 32 | u64::from(words[2]));
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
