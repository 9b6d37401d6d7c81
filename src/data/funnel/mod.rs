//! The funnel: impressions with known probabilities of click and conversion, so that the bias of a conversion model
//! on impressions that were never clicked can be measured.
//!
//! A log knows conversions of clicked impressions alone (ESMM §2), so no log can say how wrong a model is on the
//! others. Here every impression comes with the probabilities that its click and its conversion were drawn from
//! ([`Truth`]), and each cause that the paper names is a parameter: how few are clicked and convert, how clicked impressions
//! differ from the rest, how related the two tasks are, how late a conversion comes.
//!
//! **Scores.** A row has a word of every field and numbers x ~ N(0, I). Two parts of it, i = 1, 2, are uncorrelated
//! and have mean 0 and variance 1; w is the share of the words, u₁ … u₅ are orthonormal:
//!
//! ```text
//! hᵢ = √(1 - w)·denseᵢ + √w·wordsᵢ
//! denseᵢ = (g(tᵢ) + tᵢ·sᵢ) / √2        t₁, s₁, t₂, s₂ = u₁·x, u₂·x, u₃·x, u₄·x
//! g(t) = (t + sin ωt) / √(1 + 2ω exp(-ω²/2) + (1 - exp(-2ω²))/2)        ω = 2.5
//! wordsᵢ = Σ_f eᵢ,f[word_f] / √fields        P(word_f = k) ∝ k^-zipf
//! ```
//!
//! Effects e are normals, adjusted to have mean 0, variance 1 and covariance 0 under the words' frequencies whatever
//! was drawn. The dense parts take an interaction and a wave, which no linear model follows.
//!
//! **Funnel.** With the task correlation p, which is the correlation of A and B over impressions:
//!
//! ```text
//! A = h₁        B = p·h₁ + √(1 - p²)·h₂
//! pCTR = σ(a + selection·A)        click ~ Bernoulli(pCTR)
//! pCVR = σ(b + signal·B)           conversion after a click ~ Bernoulli(pCVR)
//! ```
//!
//! a and b are solved so that E pCTR = `click_rate` and E pCTR·pCVR / E pCTR = `conversion_rate` over
//! [`RATE_ROWS`] rows of a stream of their own: on them to a relative 1e-9, elsewhere within the scatter of such a
//! sample.
//!
//! **Delay.** Impression i of N training impressions is shown at time i/N. A conversion follows its click after
//! `mean_delay`·exp(C/2 - 1/8)·Exp(1), C = u₅·x: the mean is `mean_delay`, and rows differ in it. With five numbers or
//! more C is independent of both scores; with four it is s₂, which is uncorrelated with them. A training row's
//! conversion is seen if it comes by time 1; else the row looks like a click without one. Test rows are read when all
//! has come.
//!
//! **Common random numbers.** Inputs and uniforms depend on (seed, impression) alone. With other rates, selection, signal,
//! task correlation, delay or share, a seed has the same inputs and draws outcomes with the same uniforms. Training
//! impression i is the same at every length of the window but for its time, and with it what is seen of its
//! conversion; test impressions do not depend on the training window at all.

use std::sync::Arc;

use rand::Rng;

use super::Task;
use super::impressions::{self, ImpressionFeed, ImpressionLog, Impressions, Truth};
use super::projections::sine_of;
use super::shuffle::shuffled;
use super::source::{self, Embedding, Feed, Rows, Source};
use super::stream::{Purpose, Stream, StreamRng};
use rates::{intercept, sigmoid};
use scores::{Block, Scores};

mod rates;
mod scores;
mod words;

/// Rows that the intercepts are solved on. At a click rate of 1 % the scatter of such a sample moves the rate by a
/// relative 0.6 to 0.8 % at a selection of 1 and by 2 % at 2: less than the counts of 10,000 and 2,500 clicks scatter.
pub const RATE_ROWS: usize = 1 << 16;

/// Rows generated at a time: 200 columns of them are 800 KiB, less than a second-level cache.
const BLOCK_ROWS: usize = 1024;

/// The first test impression's row in the streams: test rows do not move when the training window grows.
const TEST: u64 = 1 << 62;

/// The specification of simulated impressions.
///
/// Assumed valid: at least one training impression, `share` in (0, 1], `numbers >= 4`, rates between 0 and 1 and
/// neither; where there are fields, `words >= 3`, `zipf` from 0 to 4 (so that three words come) and `fields * words`
/// below 2²⁴ (codes are exact in single precision); `word_share` from 0 to 1, `selection`, `signal` and `mean_delay`
/// finite and not negative.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FunnelSpec {
    /// Impressions of the training window.
    pub training_impressions: usize,
    /// Impressions of the test window after it.
    pub test_impressions: usize,
    /// Share of the training impressions that are kept, (0, 1]: nested random subsets; the data are otherwise the
    /// same.
    pub share: f64,
    /// Categorical fields of a row.
    pub fields: usize,
    /// Words of a field.
    pub words: usize,
    /// Exponent of the words' frequencies: P(k) ∝ k^-zipf, k = 1..words; 0 is uniform.
    pub zipf: f64,
    /// Numbers of a row, four at least, N(0, 1) each.
    pub numbers: usize,
    /// Share of a score's variance that comes from the words, 0 to 1; 0 where there are no fields.
    pub word_share: f64,
    /// E pCTR over impressions.
    pub click_rate: f64,
    /// Share of conversions among clicks, E pCTR·pCVR / E pCTR.
    pub conversion_rate: f64,
    /// Standard deviation of the logit of pCTR over impressions. 0: clicks say nothing of the row, so clicked and
    /// unclicked rows are alike.
    pub selection: f64,
    /// Standard deviation of the logit of pCVR over impressions.
    pub signal: f64,
    /// Mean time from click to conversion in units of the training window; 0 is at once.
    pub mean_delay: f64,
    /// Units of the embedding of every field; the generator does not use it.
    pub embedding_units: usize,
}

impl FunnelSpec {
    /// The impressions of `seed` at `task_correlation` in [-1, 1]: training rows, those that `share` keeps, and test
    /// rows, each in the order of time.
    ///
    /// Codes of field f are `f * words..(f + 1) * words`, the most frequent word first. [`Impressions::waited`] of
    /// a test row is what a wait of one whole window would show, the delay of a
    /// conversion or 1 if that is longer, while conversions count however late they come.
    pub fn generate(&self, seed: u64, task_correlation: f64) -> ImpressionLog {
        let funnel = Funnel::new(self, seed, task_correlation);
        let kept = self.kept(seed);
        let training = |index: usize| kept.as_ref().map_or(index as u64, |kept| kept[index]);
        ImpressionLog {
            categorical: self.fields,
            numeric: self.numbers,
            vocabulary: self.fields * self.words,
            training: funnel.impressions(self.kept_impressions(), training),
            test: funnel.impressions(self.test_impressions, |index| TEST + index as u64),
        }
    }

    /// Columns of a row.
    pub fn columns(&self) -> usize {
        self.fields + self.numbers
    }

    /// Training impressions that `share` keeps: the nearest whole number, and one at least.
    pub fn kept_impressions(&self) -> usize {
        let kept = (self.share * self.training_impressions as f64).round() as usize;
        kept.clamp(1, self.training_impressions)
    }

    /// Memory in bytes that [`FunnelSpec::generate`] holds at its peak: the rows that it returns and its working memory.
    pub fn bytes(&self) -> u64 {
        let rows = (self.kept_impressions() + self.test_impressions) as u64;
        // Click, conversion and their probabilities, and the wait.
        let labels = 5;
        let log = 4 * rows * (self.columns() as u64 + labels);
        let order = if self.share < 1.0 { 8 * self.training_impressions as u64 } else { 0 };
        // Of each word two effects in double precision and two normals in single, and for the vocabulary a
        // threshold and up to two entries of the guide.
        let words = (self.words * (self.fields * 16 + 8 + 8 + 8)) as u64;
        // Two parts or scores and a weight.
        let sample = (8 * 3 * RATE_ROWS) as u64;
        // Columns and five projections in single precision with a wave, three scores in double, a row's number.
        let block = (BLOCK_ROWS * (4 * (self.columns() + 6) + 8 * 4)) as u64;
        log + order + words + sample + block
    }

    /// Numbers of the training impressions that are kept, in the order of time; none where all are.
    fn kept(&self, seed: u64) -> Option<Vec<u64>> {
        (self.kept_impressions() < self.training_impressions).then(|| {
            let mut order = Vec::new();
            shuffled(Stream::new(seed, Purpose::FunnelShare), 0, self.training_impressions, &mut order);
            order.truncate(self.kept_impressions());
            order.sort_unstable();
            order
        })
    }
}

impl Source for FunnelSpec {
    fn kind(&self) -> &'static str {
        "funnel"
    }

    fn task(&self) -> Task {
        Task::Conversion
    }

    fn features(&self) -> usize {
        self.fields * self.embedding_units + self.numbers
    }

    /// Click and conversion.
    fn tasks(&self) -> usize {
        2
    }

    fn identity(&self) -> serde_json::Value {
        serde_json::json!({ "kind": "funnel", "spec": self })
    }

    fn table(&self) -> toml::Table {
        source::table(self)
    }

    fn has_task_correlations(&self) -> bool {
        true
    }

    fn has_categorical(&self) -> bool {
        true
    }

    fn shares_inputs(&self) -> bool {
        false
    }

    fn knows_times(&self) -> bool {
        true
    }

    fn knows_probabilities(&self) -> bool {
        true
    }

    fn generated(&self) -> Option<Arc<dyn Rows>> {
        Some(Arc::new(self.clone()))
    }
}

impl Rows for FunnelSpec {
    fn feed(self: Arc<Self>, seed: u64, task_correlations: &[f64]) -> Box<dyn Feed> {
        let log = self.generate(seed, task_correlations[0]);
        Box::new(ImpressionFeed::new(Arc::new(log), seed))
    }

    fn embedding(&self) -> Option<Embedding> {
        Some(impressions::embedding(self.fields, self.fields * self.words, self.embedding_units))
    }

    fn scored_rows(&self) -> usize {
        self.test_impressions
    }

    fn batch_bytes(&self, training: usize, held_out: usize, _: usize) -> u64 {
        impressions::batch_bytes(training, held_out, self.test_impressions, self.columns())
    }

    /// The memory of generating, and the order of the training impressions.
    fn feed_bytes(&self) -> u64 {
        self.bytes().saturating_add(8 * self.training_impressions as u64)
    }
}

/// One seed and task correlation of a [`FunnelSpec`].
struct Funnel<'a> {
    spec: &'a FunnelSpec,
    seed: u64,
    scores: Scores,
    /// p and √(1 - p²).
    mixing: [f64; 2],
    /// a and b.
    intercepts: [f64; 2],
}

impl<'a> Funnel<'a> {
    fn new(spec: &'a FunnelSpec, seed: u64, task_correlation: f64) -> Self {
        let mixing = [task_correlation, sine_of(task_correlation)];
        let mut funnel = Self { spec, seed, scores: Scores::new(spec, seed), mixing, intercepts: [0.0; 2] };
        let [mut click, mut conversion] = [Vec::with_capacity(RATE_ROWS), Vec::with_capacity(RATE_ROWS)];
        funnel.blocks(
            Purpose::FunnelRates,
            RATE_ROWS,
            |index| index as u64,
            |_, block| {
                for row in 0..block.delay.len() {
                    let [a, b] = funnel.click_and_conversion_scores(block, row);
                    click.push(a);
                    conversion.push(b);
                }
            },
        );
        let mut weights = vec![1.0; RATE_ROWS];
        let a = intercept(spec.click_rate, spec.selection, &click, &weights);
        for (weight, score) in weights.iter_mut().zip(&click) {
            *weight = sigmoid(a + spec.selection * score);
        }
        let b = intercept(spec.conversion_rate, spec.signal, &conversion, &weights);
        funnel.intercepts = [a, b];
        funnel
    }

    /// A and B of a row.
    fn click_and_conversion_scores(&self, block: &Block, row: usize) -> [f64; 2] {
        let [h1, h2] = [block.parts[0][row], block.parts[1][row]];
        [h1, self.mixing[0] * h1 + self.mixing[1] * h2]
    }

    /// Generates `count` rows of a stream of inputs, a block at a time.
    fn blocks(
        &self,
        inputs: Purpose,
        count: usize,
        number: impl Fn(usize) -> u64,
        mut each: impl FnMut(&[u64], &Block),
    ) {
        let inputs = Stream::new(self.seed, inputs);
        let mut block = Block::default();
        let mut numbers = Vec::with_capacity(BLOCK_ROWS);
        for first in (0..count).step_by(BLOCK_ROWS) {
            numbers.clear();
            numbers.extend((first..count.min(first + BLOCK_ROWS)).map(&number));
            self.scores.fill(inputs, &numbers, &mut block);
            each(&numbers, &block);
        }
    }

    /// The `count` impressions whose rows in the streams are `number(0..count)`.
    fn impressions(&self, count: usize, number: impl Fn(usize) -> u64) -> Impressions {
        let labels = || Vec::with_capacity(count);
        let mut simulated = Impressions {
            x: Vec::with_capacity(count * self.spec.columns()),
            click: labels(),
            conversion: labels(),
            waited: labels(),
            truth: None,
        };
        let mut truth = Truth { click: labels(), conversion: labels() };
        self.blocks(Purpose::FunnelInputs, count, number, |numbers, block| {
            for (row, &number) in numbers.iter().enumerate() {
                self.add_inputs(block, row, &mut simulated.x);
                let [a, b] = self.click_and_conversion_scores(block, row);
                // Drawn with the probabilities as they are told, in single precision.
                let click = sigmoid(self.intercepts[0] + self.spec.selection * a) as f32;
                let conversion = sigmoid(self.intercepts[1] + self.spec.signal * b) as f32;
                let outcome = self.outcome(number, [click, conversion], block.delay[row]);
                truth.click.push(click);
                truth.conversion.push(conversion);
                simulated.click.push(f32::from(u8::from(outcome.click)));
                simulated.conversion.push(f32::from(u8::from(outcome.conversion)));
                simulated.waited.push(outcome.waited as f32);
            }
        });
        Impressions { truth: Some(truth), ..simulated }
    }

    fn add_inputs(&self, block: &Block, row: usize, x: &mut Vec<f32>) {
        let FunnelSpec { fields, words, numbers, .. } = *self.spec;
        let codes = block.words[row * fields..][..fields].iter().enumerate();
        x.extend(codes.map(|(field, &word)| (field * words + word as usize) as f32));
        x.extend_from_slice(&block.numbers[row * numbers..][..numbers]);
    }

    /// The outcome of impression `number`. Click, conversion and delay have a uniform of the row each, in this
    /// order.
    fn outcome(&self, number: u64, [click, conversion]: [f32; 2], delay_score: f64) -> Outcome {
        let mut uniforms = Stream::new(self.seed, Purpose::FunnelOutcomes).rng(number);
        let clicked = uniform(&mut uniforms) < f64::from(click);
        if !clicked {
            return Outcome { click: false, conversion: false, waited: 0.0 };
        }
        let converts = uniform(&mut uniforms) < f64::from(conversion);
        // From the click to the end of training; a test row is given a whole window.
        let watched =
            if number < TEST { 1.0 - number as f64 / self.spec.training_impressions as f64 } else { 1.0 };
        if !converts {
            return Outcome { click: true, conversion: false, waited: watched };
        }
        let mean = self.spec.mean_delay * libm::exp(0.5 * delay_score - 0.125);
        let delay = -mean * libm::log(1.0 - uniform(&mut uniforms));
        let seen = number >= TEST || delay <= watched;
        Outcome { click: true, conversion: seen, waited: delay.min(watched) }
    }
}

/// The outcome of an impression.
struct Outcome {
    click: bool,
    conversion: bool,
    /// In units of the training window.
    waited: f64,
}

/// A multiple of 2⁻⁵³ in [0, 1).
fn uniform(words: &mut StreamRng) -> f64 {
    (words.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
pub(super) mod tests;
