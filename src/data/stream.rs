//! The random streams of a study.
//!
//! A [`Stream`] is an endless table of random numbers, one for each seed and [`Purpose`]. Entry (r, k) is a function
//! of (seed, purpose, r, k) and of nothing else, so two runs that share a seed see the same numbers whatever else
//! differs between them (common random numbers). [`super::normal`] turns its words into normals.

use std::convert::Infallible;

use rand::TryRng;

use super::philox;

/// The use of random numbers. Streams of different purposes are independent.
///
/// The numbers enter the generator's counter: **never renumber or reuse one**, or every stored
/// result stops being reproducible. New purposes take new numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Purpose {
    /// The orthonormal vectors behind the tasks' weights (MMoE §3.2, step 1).
    TaskVectors = 1,
    /// Inputs of training examples.
    TrainingInputs = 2,
    /// Label noise of training examples.
    TrainingNoise = 3,
    /// Inputs of held-out examples.
    HeldOutInputs = 4,
    /// Label noise of held-out examples.
    HeldOutNoise = 5,
    /// Inputs of the points whose label correlation is measured (MMoE figure 2).
    LabelInputs = 6,
    /// Label noise of the points whose label correlation is measured.
    LabelNoise = 7,
    /// The order of a finite training set; the row is the epoch.
    Shuffle = 8,
    /// Initial parameters of models.
    Init = 9,
    /// Resampling in the statistics.
    Bootstrap = 10,
    /// Random division of a data set that is not synthetic.
    Split = 11,
    /// Experts that a gate does without at a training step; the row is the step.
    GateDropout = 12,
    /// The orthonormal vectors behind the scores of impressions.
    FunnelVectors = 13,
    /// Effects of the words of impressions; the row is the field.
    FunnelEffects = 14,
    /// Inputs of impressions; the row is the impression.
    FunnelInputs = 15,
    /// Outcomes of impressions: click, conversion, delay; the row is the impression.
    FunnelOutcomes = 16,
    /// Inputs of the impressions that rates are solved on.
    FunnelRates = 17,
    /// Which impressions a smaller training set keeps.
    FunnelShare = 18,
    /// Rows that a training method samples; the row is the position in the sequence of training rows.
    Sampling = 19,
    /// Inputs of validation examples.
    ValidationInputs = 20,
    /// Label noise of validation examples.
    ValidationNoise = 21,
    /// Hidden units that a training step does without; the row is the step and the layer.
    Dropout = 22,
}

/// One random stream: an endless table of rows for a seed and a purpose.
///
/// The Philox counter is `[block within the row, row low, row high, purpose]` and its key the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The run's seed.
    pub seed: u64,
    /// The use of the numbers.
    pub purpose: Purpose,
}

impl Stream {
    /// The stream of `seed` for `purpose`.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self { seed, purpose }
    }

    /// Uniform random words from one row, for the distributions of `rand_distr`. The words are
    /// those of the row's normals, so use a stream for one or the other.
    pub fn rng(&self, row: u64) -> StreamRng {
        StreamRng {
            key: self.key(),
            counter: [0, row as u32, (row >> 32) as u32, self.purpose as u32],
            words: [0; 4],
            used: 4,
        }
    }

    /// The Philox key.
    pub(crate) fn key(&self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }
}

/// Uniform random words from one row of a [`Stream`]; implements the generator traits of `rand`.
///
/// ```
/// use mmoe_study::data::{Purpose, Stream};
/// use rand_distr::{Distribution, StandardNormal};
/// let mut rng = Stream::new(1, Purpose::Init).rng(0);
/// let weight: f32 = StandardNormal.sample(&mut rng);
/// # assert!(weight.is_finite());
/// ```
///
/// A row has 2³⁴ words and then repeats.
#[derive(Clone, Debug)]
pub struct StreamRng {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    /// Number of `words` that have been handed out.
    used: usize,
}

impl StreamRng {
    fn word(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.words = philox::block(self.key, self.counter);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

impl TryRng for StreamRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.word());
        Ok(u64::from(self.word()) << 32 | low)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::Rng;

    use super::*;

    #[test]
    fn purposes_have_numbers_of_their_own() {
        use Purpose::*;
        let all = [
            TaskVectors,
            TrainingInputs,
            TrainingNoise,
            HeldOutInputs,
            HeldOutNoise,
            LabelInputs,
            LabelNoise,
            Shuffle,
            Init,
            Bootstrap,
            Split,
            GateDropout,
            FunnelVectors,
            FunnelEffects,
            FunnelInputs,
            FunnelOutcomes,
            FunnelRates,
            FunnelShare,
            Sampling,
            ValidationInputs,
            ValidationNoise,
            Dropout,
        ];
        let numbers: HashSet<u32> = all.iter().map(|&purpose| purpose as u32).collect();
        assert_eq!(numbers.len(), all.len());
    }

    #[test]
    fn random_words_come_in_every_size_from_one_sequence() {
        let stream = Stream::new(1, Purpose::Init);
        let (mut a, mut b) = (stream.rng(3), stream.rng(3));
        let low = u64::from(a.next_u32());
        let high = u64::from(a.next_u32());
        assert_eq!(b.next_u64(), high << 32 | low);
        let mut bytes = [0; 6];
        b.fill_bytes(&mut bytes);
        assert_eq!(bytes[..4], a.next_u32().to_le_bytes());
        assert_eq!(bytes[4..], a.next_u32().to_le_bytes()[..2]);
        assert_ne!(stream.rng(4).next_u64(), stream.rng(3).next_u64());
    }
}
