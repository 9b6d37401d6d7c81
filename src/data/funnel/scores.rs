//! Inputs of impressions and the two parts of a row that scores are sums of.

use rand::Rng;

use super::FunnelSpec;
use super::words::{Frequencies, effects};
use crate::data::projections::{Lanes, orthonormal, pad, project};
use crate::data::stream::{Purpose, Stream};
use crate::simd::CpuFeatures;
use crate::simd::sine;

/// ω, the frequency of the wave in [`Scores`]: within ±2σ of t it turns more than once and a half, so that no line
/// and no few kinks follow it.
const FREQUENCY: f64 = 2.5;

/// A stream has 2⁶⁴ rows: words of row i are drawn from row i + 2⁶³, numbers from row i.
const WORDS: u64 = 1 << 63;

/// One seed's functions from a row to its parts.
#[derive(Clone, Debug)]
pub struct Scores {
    numbers: usize,
    /// t₁, s₁, t₂, s₂ and, where there are five numbers, c.
    vectors: Vec<Vec<Lanes>>,
    frequencies: Frequencies,
    /// `[fields][words]`.
    effects: Vec<Vec<[f64; 2]>>,
    /// 1/√2 · √(1 - w).
    dense_weight: f64,
    /// √(w / fields).
    word_weight: f64,
    /// Standard deviation of t + sin(ωt).
    wave_deviation: f64,
}

/// Rows with what follows from them, in buffers that are reused.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// `[rows, numbers]`.
    pub numbers: Vec<f32>,
    /// Word of every field, counted from 0 within the field, `[rows, fields]`.
    pub words: Vec<u32>,
    /// The uncorrelated parts h₁ and h₂, `[rows]` each.
    pub parts: [Vec<f64>; 2],
    /// The score of the delay, `[rows]`.
    pub delay: Vec<f64>,
    /// `[vectors, rows]`.
    projections: Vec<f32>,
    /// `[rows]`.
    waves: Vec<f32>,
}

impl Scores {
    /// Those of `seed`.
    pub fn new(spec: &FunnelSpec, seed: u64) -> Self {
        let stream = Stream::new(seed, Purpose::FunnelVectors);
        let vectors = orthonormal(stream, spec.numbers.min(5), spec.numbers);
        let frequencies = Frequencies::new(spec.words.max(1), spec.zipf);
        let share = if spec.fields == 0 { 0.0 } else { spec.word_share };
        Self {
            numbers: spec.numbers,
            vectors: vectors.iter().map(|vector| pad(vector)).collect(),
            effects: (0..spec.fields).map(|field| effects(seed, field, &frequencies)).collect(),
            frequencies,
            dense_weight: (0.5 * (1.0 - share)).sqrt(),
            word_weight: (share / spec.fields.max(1) as f64).sqrt(),
            wave_deviation: wave_variance(FREQUENCY).sqrt(),
        }
    }

    /// Makes the rows numbered `rows` of `inputs`.
    pub fn fill(&self, inputs: Stream, rows: &[u64], block: &mut Block) {
        let count = rows.len();
        block.numbers.resize(count * self.numbers, 0.0);
        inputs.normals_of_rows(rows, self.numbers, &mut block.numbers);
        block.words.clear();
        for row in rows {
            let mut draws = inputs.rng(row + WORDS);
            let words = self.effects.iter().map(|_| self.frequencies.word(draws.next_u32()) as u32);
            block.words.extend(words);
        }
        block.projections.resize(count * self.vectors.len(), 0.0);
        project(CpuFeatures::best(), &self.vectors, self.numbers, &block.numbers, &mut block.projections);
        self.parts(count, block);
        // Without a fifth direction that of s₂: uncorrelated with the scores, if not independent of them.
        let delay = block.projections.chunks_exact(count).next_back().expect("there are four vectors");
        block.delay.clear();
        block.delay.extend(delay.iter().map(|c| f64::from(*c)));
    }

    fn parts(&self, count: usize, block: &mut Block) {
        let fields = self.effects.len();
        for (part, out) in block.parts.iter_mut().enumerate() {
            let projections = &block.projections[2 * part * count..][..2 * count];
            let (t, s) = projections.split_at(count);
            block.waves.clear();
            block.waves.extend_from_slice(t);
            sine::add_sines(CpuFeatures::best(), &[(FREQUENCY as f32, 0.0)], &mut block.waves);
            out.clear();
            for (row, ((wave, t), s)) in block.waves.iter().zip(t).zip(s).enumerate() {
                let interaction = f64::from(*t) * f64::from(*s);
                let dense = f64::from(*wave) / self.wave_deviation + interaction;
                let words = &block.words[row * fields..][..fields];
                let effects = words.iter().zip(&self.effects);
                let sparse: f64 = effects.map(|(word, effects)| effects[*word as usize][part]).sum();
                out.push(self.dense_weight * dense + self.word_weight * sparse);
            }
        }
    }
}

/// Var(t + sin ωt) = E t² + 2 E t sin ωt + E sin² ωt = 1 + 2ω exp(-ω²/2) + (1 - exp(-2ω²))/2 for t ~ N(0, 1).
fn wave_variance(frequency: f64) -> f64 {
    let square = frequency * frequency;
    1.0 + 2.0 * frequency * libm::exp(-0.5 * square) + 0.5 * (1.0 - libm::exp(-2.0 * square))
}

#[cfg(test)]
mod tests {
    use super::super::tests::small;
    use super::*;

    /// Rows of `spec`, a block of them.
    fn rows(spec: &FunnelSpec, seed: u64, count: u64) -> Block {
        let mut block = Block::default();
        let inputs = Stream::new(seed, Purpose::FunnelInputs);
        Scores::new(spec, seed).fill(inputs, &(0..count).collect::<Vec<_>>(), &mut block);
        block
    }

    /// The trapezoid rule on ±8.5 sigma is exact to rounding for such smooth integrands.
    #[test]
    fn the_waves_variance_equals_numerical_integration() {
        for frequency in [0.3, FREQUENCY] {
            let points = (-1700..=1700).map(|i| f64::from(i) * 0.005);
            let variance: f64 = points
                .map(|t| {
                    let density = (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt();
                    0.005 * density * (t + (frequency * t).sin()).powi(2)
                })
                .sum();
            assert!((variance - wave_variance(frequency)).abs() < 1e-9);
        }
    }

    /// Mean 0, variance 1, no correlation, at every share of the words: limits are 4.5 standard errors, of which
    /// the products' are taken from the sample.
    #[test]
    fn parts_are_uncorrelated_of_unit_variance() {
        const ROWS: usize = 1 << 17;
        for (share, seed) in [(0.0, 1), (0.4, 2), (1.0, 3)] {
            let block = rows(&FunnelSpec { word_share: share, ..small() }, seed, ROWS as u64);
            let [a, b] = &block.parts;
            let c = &block.delay;
            let moments = |i: usize| {
                [a[i], b[i], c[i], a[i] * a[i], b[i] * b[i], a[i] * b[i], a[i] * c[i], b[i] * c[i]]
            };
            for (moment, want) in [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0].into_iter().enumerate() {
                let mean = (0..ROWS).map(|i| moments(i)[moment]).sum::<f64>() / ROWS as f64;
                let square =
                    (0..ROWS).map(|i| (moments(i)[moment] - mean).powi(2)).sum::<f64>() / ROWS as f64;
                let score = (mean - want) / (square / ROWS as f64).sqrt();
                assert!(score.abs() < 4.5, "moment {moment} at {share}: {mean}, {score:.1} s.e. off");
            }
        }
    }

    /// A part's formula once more, in double precision from the vectors.
    #[test]
    fn parts_follow_the_formula() {
        let spec = small();
        let (seed, count) = (5, 50);
        let block = rows(&spec, seed, count);
        let vectors = orthonormal(Stream::new(seed, Purpose::FunnelVectors), 5, spec.numbers);
        let frequencies = Frequencies::new(spec.words, spec.zipf);
        for (row, x) in block.numbers.chunks_exact(spec.numbers).enumerate() {
            let along = |k: usize| x.iter().zip(&vectors[k]).map(|(x, u)| f64::from(*x) * u).sum::<f64>();
            for part in [0, 1] {
                let (t, s) = (along(2 * part), along(2 * part + 1));
                let wave = (t + (2.5 * t).sin()) / wave_variance(2.5).sqrt();
                let dense = (wave + t * s) / 2f64.sqrt();
                let words = &block.words[row * spec.fields..][..spec.fields];
                let words: f64 = words
                    .iter()
                    .enumerate()
                    .map(|(field, word)| effects(seed, field, &frequencies)[*word as usize][part])
                    .sum::<f64>()
                    / (spec.fields as f64).sqrt();
                let want = (1.0 - spec.word_share).sqrt() * dense + spec.word_share.sqrt() * words;
                // Projections are single precision: ~1e-6, which ω and |t| ≤ 7 multiply.
                assert!((block.parts[part][row] - want).abs() < 2e-5);
            }
            assert!((block.delay[row] - along(4)).abs() < 2e-6);
        }
    }

    /// Counts of words are binomial; the limit is 4.5 standard deviations.
    #[test]
    fn words_come_as_often_as_their_frequencies() {
        const ROWS: u64 = 1 << 16;
        for zipf in [0.0, 1.0] {
            let spec = FunnelSpec { zipf, words: 20, ..small() };
            let block = rows(&spec, 7, ROWS);
            let frequencies = Frequencies::new(20, zipf);
            for field in 0..spec.fields {
                let mut counts = [0.0; 20];
                for words in block.words.chunks_exact(spec.fields) {
                    counts[words[field] as usize] += 1.0;
                }
                for (count, p) in counts.iter().zip(frequencies.probabilities()) {
                    let score = (count - p * ROWS as f64) / (p * (1.0 - p) * ROWS as f64).sqrt();
                    assert!(score.abs() < 4.5, "{count} at {p}: {score:.1}");
                }
            }
        }
    }

    #[test]
    fn without_fields_words_have_no_share() {
        let spec = FunnelSpec { fields: 0, words: 0, word_share: 0.5, ..small() };
        let without = FunnelSpec { word_share: 0.0, ..spec.clone() };
        assert_eq!(rows(&spec, 1, 30).parts, rows(&without, 1, 30).parts);
    }
}
