//! Words of a categorical field: how often each comes, and what it does to the scores.

use crate::data::stream::{Purpose, Stream};

/// A word is drawn with 32 random bits, and frequencies are multiples of 2⁻³²: what is drawn has exactly the
/// frequencies that the effects are standardised under.
const DRAWS: f64 = 4_294_967_296.0;

/// How often each word of a field comes: P(k) ∝ k^-zipf for k = 1..words, in multiples of 2⁻³².
///
/// A draw w, uniform below 2³², is the first word whose threshold is above it.
#[derive(Clone, Debug)]
pub struct Frequencies {
    /// Draws below which a word is one of the first k + 1, `[words]`.
    thresholds: Vec<u64>,
    /// The first word that a draw of these leading bits can be: from there it is a step or two.
    guide: Vec<u32>,
    /// Bits of a draw behind the leading ones.
    shift: u32,
}

impl Frequencies {
    /// Of `words` words, one at least.
    pub fn new(words: usize, zipf: f64) -> Self {
        let weight = |k: usize| libm::pow(k as f64, -zipf);
        let total: f64 = (1..=words).map(weight).sum();
        let mut below = 0.0;
        let mut thresholds: Vec<u64> = (1..=words)
            .map(|k| {
                below += weight(k);
                (below / total * DRAWS).round() as u64
            })
            .collect();
        thresholds[words - 1] = DRAWS as u64;
        // As many entries as words, so that a uniform draw is one step from its entry; at least two, because a
        // shift by all bits is none.
        let bits = usize::BITS - (words - 1).leading_zeros();
        let shift = 32 - bits.clamp(1, 31);
        let mut word = 0;
        let guide = (0..1u64 << (32 - shift))
            .map(|entry| {
                while thresholds[word] <= entry << shift {
                    word += 1;
                }
                word as u32
            })
            .collect();
        Self { thresholds, guide, shift }
    }

    /// The word of a draw.
    pub fn word(&self, draw: u32) -> usize {
        let mut word = self.guide[(draw >> self.shift) as usize] as usize;
        while self.thresholds[word] <= u64::from(draw) {
            word += 1;
        }
        word
    }

    /// Probabilities of the words, `[words]`.
    pub fn probabilities(&self) -> impl Iterator<Item = f64> {
        let before = std::iter::once(&0).chain(&self.thresholds);
        self.thresholds.iter().zip(before).map(|(to, from)| (to - from) as f64 / DRAWS)
    }
}

/// Effects of the words of `field` on the two parts of a row, `[words]`: normals of [`Purpose::FunnelEffects`],
/// moved, turned and scaled so that under `frequencies` both have mean 0 and variance 1 and their covariance is 0.
///
/// It takes three words that come: two have only one contrast.
pub fn effects(seed: u64, field: usize, frequencies: &Frequencies) -> Vec<[f64; 2]> {
    let words = frequencies.thresholds.len();
    let mut normals = vec![0.0; 2 * words];
    Stream::new(seed, Purpose::FunnelEffects).normals(field as u64, 1, 2 * words, &mut normals);
    let mut effects: Vec<[f64; 2]> =
        normals.as_chunks::<2>().0.iter().map(|pair| pair.map(f64::from)).collect();
    let mean = |effects: &[[f64; 2]], of: &dyn Fn(&[f64; 2]) -> f64| -> f64 {
        effects.iter().zip(frequencies.probabilities()).map(|(effect, p)| p * of(effect)).sum()
    };
    for part in [0, 1] {
        let centre = mean(&effects, &|effect| effect[part]);
        effects.iter_mut().for_each(|effect| effect[part] -= centre);
        if part == 1 {
            let overlap = mean(&effects, &|effect| effect[0] * effect[1]);
            effects.iter_mut().for_each(|effect| effect[1] -= overlap * effect[0]);
        }
        let scale = mean(&effects, &|effect| effect[part] * effect[part]).sqrt().recip();
        effects.iter_mut().for_each(|effect| effect[part] *= scale);
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_fall_with_the_power_asked_for() {
        for (words, zipf) in [(1, 0.0), (2, 1.0), (3, 0.0), (1000, 1.1), (65_537, 0.8)] {
            let probabilities: Vec<f64> = Frequencies::new(words, zipf).probabilities().collect();
            assert_eq!(probabilities.len(), words);
            assert_eq!(probabilities.iter().sum::<f64>(), 1.0);
            for (k, p) in probabilities.iter().enumerate() {
                let want = probabilities[0] * ((k + 1) as f64).powf(-zipf);
                // Thresholds are rounded to a multiple of 2⁻³², so a difference is off by one at most, and the
                // want by its share of another.
                assert!((p - want).abs() <= 2.0 / DRAWS, "word {k} of {words}: {p}, not {want}");
            }
        }
    }

    #[test]
    fn a_draw_is_the_first_word_whose_threshold_is_above_it() {
        for (words, zipf) in [(1, 0.0), (2, 3.0), (5, 0.0), (300, 1.0), (4096, 0.5)] {
            let frequencies = Frequencies::new(words, zipf);
            let beside = frequencies.thresholds.iter().flat_map(|t| [t.wrapping_sub(1), *t, t + 1]);
            for draw in beside.filter(|draw| *draw <= u64::from(u32::MAX)) {
                let want = frequencies.thresholds.partition_point(|t| *t <= draw);
                assert_eq!(frequencies.word(draw as u32), want, "{draw} of {words}");
            }
        }
    }

    /// Sums of a few thousand products: 1e-12 is ten times what rounding leaves.
    #[test]
    fn effects_have_exact_moments_under_their_frequencies() {
        for (words, zipf) in [(3, 0.0), (3, 2.0), (50, 1.0), (2000, 1.2)] {
            let frequencies = Frequencies::new(words, zipf);
            let effects = effects(9, 4, &frequencies);
            let mut moments = [0.0; 5];
            for ([a, b], p) in effects.iter().zip(frequencies.probabilities()) {
                for (moment, value) in moments.iter_mut().zip([*a, *b, a * a, b * b, a * b]) {
                    *moment += p * value;
                }
            }
            for (moment, want) in moments.iter().zip([0.0, 0.0, 1.0, 1.0, 0.0]) {
                assert!((moment - want).abs() < 1e-12, "{words} words: {moments:?}");
            }
        }
    }

    #[test]
    fn fields_and_seeds_have_effects_of_their_own() {
        let frequencies = Frequencies::new(10, 1.0);
        let first = effects(1, 0, &frequencies);
        assert_eq!(first, effects(1, 0, &frequencies));
        assert_ne!(first, effects(1, 1, &frequencies));
        assert_ne!(first, effects(2, 0, &frequencies));
    }
}
