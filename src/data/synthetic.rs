//! The paper's generator (MMoE §3.2): regression tasks whose relatedness is a knob.
//!
//! Two orthonormal vectors u₁, u₂ give the weights of a pair of tasks, w₁ = c u₁ and
//! w₂ = c (p u₁ + √(1 − p²) u₂), whose cosine p is the task correlation. With x ~ N(0, I) and t = w·x the
//! labels are
//!
//! ```text
//! y = g(t) + ε,   g(t) = t + Σᵢ sin(αᵢ t + βᵢ),   ε ~ N(0, σ²)
//! ```
//!
//! t is N(0, c²) for every task, so mean, variance and correlation of the labels are closed forms: by
//! E exp(iat) = exp(−a²c²/2) every sine has a known mean, and every product of two of them too.
//!
//! All task correlations of a seed share u₁, u₂, inputs and noise (common random numbers): label sets of one
//! batch differ in p and in nothing else.

use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

use super::Batch;
use super::normal::{Purpose, Stream};
use super::simd::widest;
use super::sine;

/// Rows whose label correlation is measured at a time: bounds the memory, fits the cache.
const LABEL_BLOCK: usize = 1024;

/// What is generated. Values are taken as they are; reading an experiment is where they are checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyntheticSpec {
    /// Inputs d.
    pub dim: usize,
    /// Pairs of tasks. The vectors of different pairs are orthogonal: p relates the two tasks of a pair.
    pub pairs: usize,
    /// Length c of the weight vectors.
    pub scale: f64,
    /// Angular frequencies αᵢ.
    pub alpha: Vec<f64>,
    /// Phases βᵢ.
    pub beta: Vec<f64>,
    /// Standard deviation σ of the label noise.
    pub noise_std: f64,
    /// Whether labels are brought to mean 0 and variance 1 by their exact mean and variance.
    pub standardise_labels: bool,
    /// Where training rows come from.
    pub source: Source,
    /// Rows on which the correlation of labels is measured.
    pub label_points: usize,
}

/// Where training rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// New rows every step.
    Fresh,
    /// A finite training set, shuffled anew every epoch.
    Rows {
        /// Rows of the set.
        rows: usize,
    },
}

impl Serialize for Source {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Finite {
            rows: usize,
        }
        match *self {
            Self::Fresh => serializer.serialize_str("fresh"),
            Self::Rows { rows } => Finite { rows }.serialize(serializer),
        }
    }
}

impl SyntheticSpec {
    /// Number of tasks: two a pair.
    pub fn tasks(&self) -> usize {
        2 * self.pairs
    }

    fn waves(&self) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        self.alpha.iter().copied().zip(self.beta.iter().copied())
    }

    /// E g(t) = Σ sin(βᵢ) exp(−αᵢ²c²/2): the mean of a label before it is standardised.
    pub fn label_mean(&self) -> f64 {
        self.waves().map(|(a, b)| b.sin() * self.decay(a)).sum()
    }

    /// exp(−a²c²/2) = E exp(iat).
    fn decay(&self, a: f64) -> f64 {
        (-0.5 * (a * self.scale).powi(2)).exp()
    }

    /// Cov(g(t₁), g(t₂)) of two tasks whose t have correlation p.
    fn signal_covariance(&self, p: f64) -> f64 {
        let c2 = self.scale * self.scale;
        // Cov(t₁, t₂), then Cov(t, sin(αt' + β)) = pc²α cos β exp(−α²c²/2) by Stein's lemma, twice.
        let linear =
            p * c2 * (1.0 + 2.0 * self.waves().map(|(a, b)| a * b.cos() * self.decay(a)).sum::<f64>());
        // E sin A sin B = ½ E cos(A − B) − ½ E cos(A + B), where A ∓ B has variance c²(α² + α'² ∓ 2pαα').
        let sines: f64 = self
            .waves()
            .flat_map(|first| self.waves().map(move |second| (first, second)))
            .map(|((a1, b1), (a2, b2))| {
                let mean = |sign: f64| {
                    let variance = c2 * (a1 * a1 + a2 * a2 + sign * 2.0 * p * a1 * a2);
                    (b1 + sign * b2).cos() * (-0.5 * variance).exp()
                };
                0.5 * (mean(-1.0) - mean(1.0)) - b1.sin() * self.decay(a1) * b2.sin() * self.decay(a2)
            })
            .sum();
        linear + sines
    }

    /// V = Var g(t): the variance of a label without its noise.
    pub fn signal_variance(&self) -> f64 {
        self.signal_covariance(1.0)
    }

    /// V + σ²: the variance of a label before it is standardised.
    pub fn label_variance(&self) -> f64 {
        self.signal_variance() + self.noise_std * self.noise_std
    }

    /// Pearson correlation of the labels of a pair at task correlation p, exactly: Cov / (V + σ²). At p = 1
    /// it is V/(V + σ²), because each label has its own noise.
    pub fn label_correlation(&self, p: f64) -> f64 {
        self.signal_covariance(p) / self.label_variance()
    }

    /// Loss of a model that knows g: the noise's variance in units of the labels as trained on.
    pub fn noise_floor(&self) -> f64 {
        let noise = self.noise_std * self.noise_std;
        if self.standardise_labels { noise / self.label_variance() } else { noise }
    }
}

/// One seed of a specification, for a list of task correlations.
#[derive(Debug, Clone)]
pub struct Generator {
    spec: SyntheticSpec,
    seed: u64,
    /// p and √(1 − p²) of every label set.
    mixing: Vec<[f64; 2]>,
    /// Orthonormal vectors, two a pair.
    vectors: Vec<Vec<f64>>,
    /// The same times c, in f32, `[2 · pairs, dim]`.
    scaled: Vec<f32>,
    waves: Vec<(f32, f32)>,
    /// Added to and multiplied into a label: −mean and 1/sd, or 0 and 1.
    shift: f32,
    factor: f32,
    epoch: Option<Epoch>,
    scratch: Scratch,
}

/// Order of a finite training set in one epoch.
#[derive(Debug, Clone)]
struct Epoch {
    number: u64,
    order: Vec<u64>,
}

#[derive(Debug, Clone, Default)]
struct Scratch {
    rows: Vec<u64>,
    /// `[2 · pairs, rows]`.
    projections: Vec<f32>,
    /// `[rows, tasks]`.
    noise: Vec<f32>,
    t: Vec<f32>,
    g: Vec<f32>,
}

impl Generator {
    /// The generator of a seed; batches get one label set a task correlation, in the order given.
    pub fn new(spec: &SyntheticSpec, seed: u64, task_correlations: &[f64]) -> Self {
        let vectors = orthonormal(spec.dim, 2 * spec.pairs, seed);
        let scaled = vectors.iter().flatten().map(|u| (u * spec.scale) as f32).collect();
        let (shift, factor) = match spec.standardise_labels {
            true => (-spec.label_mean() as f32, spec.label_variance().sqrt().recip() as f32),
            false => (0.0, 1.0),
        };
        Self {
            seed,
            mixing: task_correlations.iter().map(|&p| [p, (1.0 - p * p).max(0.0).sqrt()]).collect(),
            vectors,
            scaled,
            waves: spec.waves().map(|(a, b)| (a as f32, b as f32)).collect(),
            shift,
            factor,
            epoch: None,
            scratch: Scratch::default(),
            spec: spec.clone(),
        }
    }

    /// Weight vectors w of all tasks, `[tasks][dim]`, of one label set.
    pub fn weight_vectors(&self, label_set: usize) -> Vec<Vec<f64>> {
        let [p, q] = self.mixing[label_set];
        let c = self.spec.scale;
        self.vectors
            .chunks(2)
            .flat_map(|pair| {
                let first = pair[0].iter().map(|u| c * u).collect();
                let second = pair[0].iter().zip(&pair[1]).map(|(u, v)| c * (p * u + q * v)).collect();
                [first, second]
            })
            .collect()
    }

    /// The training batch of optimiser step `step`.
    ///
    /// With fresh data these are rows `step · batch_size …` of an endless set. A finite set is shuffled anew
    /// every epoch, and batches follow one another through the epochs' orders without a gap.
    pub fn training_batch(&mut self, step: u64, batch_size: usize, batch: &mut Batch) {
        let mut rows = std::mem::take(&mut self.scratch.rows);
        rows.clear();
        let places = step * batch_size as u64..(step + 1) * batch_size as u64;
        match self.spec.source {
            Source::Fresh => rows.extend(places),
            Source::Rows { rows: set } => {
                let set = set as u64;
                rows.extend(places.map(|place| self.order(place / set)[(place % set) as usize]));
            }
        }
        self.fill(Purpose::TrainingInputs, Purpose::TrainingNoise, &rows, batch);
        self.scratch.rows = rows;
    }

    /// The first `rows` held-out rows, from a stream of their own.
    pub fn held_out(&mut self, rows: usize, batch: &mut Batch) {
        let rows: Vec<u64> = (0..rows as u64).collect();
        self.fill(Purpose::HeldOutInputs, Purpose::HeldOutNoise, &rows, batch);
    }

    /// Pearson correlation of the two labels of every pair, `[task_correlations][pairs]`, measured on
    /// `label_points` rows from a stream of their own.
    pub fn label_correlations(&mut self) -> Vec<Vec<f64>> {
        let mut moments = vec![vec![Moments::default(); self.spec.pairs]; self.mixing.len()];
        let mut batch = Batch::default();
        let points = self.spec.label_points as u64;
        for first in (0..points).step_by(LABEL_BLOCK) {
            let rows: Vec<u64> = (first..points.min(first + LABEL_BLOCK as u64)).collect();
            self.fill(Purpose::LabelInputs, Purpose::LabelNoise, &rows, &mut batch);
            let pairs = batch.y.chunks(2 * rows.len());
            for (moments, labels) in moments.iter_mut().flatten().zip(pairs) {
                let (first, second) = labels.split_at(rows.len());
                first.iter().zip(second).for_each(|(&a, &b)| moments.add(a.into(), b.into()));
            }
        }
        moments.iter().map(|pairs| pairs.iter().map(Moments::correlation).collect()).collect()
    }

    /// Order of the finite set's rows in an epoch.
    fn order(&mut self, number: u64) -> &[u64] {
        let Source::Rows { rows } = self.spec.source else { unreachable!("only a finite set has epochs") };
        if self.epoch.as_ref().is_none_or(|epoch| epoch.number != number) {
            let mut order: Vec<u64> = (0..rows as u64).collect();
            order.shuffle(&mut Stream::new(self.seed, Purpose::Shuffle).rng(number));
            self.epoch = Some(Epoch { number, order });
        }
        &self.epoch.as_ref().expect("made above").order
    }

    fn fill(&mut self, inputs: Purpose, noise: Purpose, rows: &[u64], batch: &mut Batch) {
        let (dim, tasks, n) = (self.spec.dim, self.spec.tasks(), rows.len());
        (batch.rows, batch.features, batch.tasks, batch.label_sets) = (n, dim, tasks, self.mixing.len());
        batch.x.resize(n * dim, 0.0);
        batch.y.resize(self.mixing.len() * tasks * n, 0.0);
        Stream::new(self.seed, inputs).normals(rows, dim, &mut batch.x);
        let Scratch { projections, noise: draws, t, g, .. } = &mut self.scratch;
        draws.resize(n * tasks, 0.0);
        Stream::new(self.seed, noise).normals(rows, tasks, draws);
        projections.resize(tasks * n, 0.0);
        project(&batch.x, dim, &self.scaled, projections);
        t.resize(n, 0.0);
        g.resize(n, 0.0);
        let sigma = self.spec.noise_std as f32;
        for task in 0..tasks {
            let own = &projections[task * n..][..n];
            for (set, &[p, q]) in self.mixing.iter().enumerate() {
                let place = (set * tasks + task) * n;
                if task % 2 == 0 {
                    // The first label of a pair does not depend on p.
                    if set > 0 {
                        batch.y.copy_within(task * n..(task + 1) * n, place);
                        continue;
                    }
                    t.copy_from_slice(own);
                } else {
                    let first = &projections[(task - 1) * n..][..n];
                    let (p, q) = (p as f32, q as f32);
                    for ((t, &first), &own) in t.iter_mut().zip(first).zip(own) {
                        *t = p * first + q * own;
                    }
                }
                sine::add_waves(t, &self.waves, g);
                let draws = draws.iter().skip(task).step_by(tasks);
                for ((y, &g), &draw) in batch.y[place..][..n].iter_mut().zip(&*g).zip(draws) {
                    *y = (g + sigma * draw + self.shift) * self.factor;
                }
            }
        }
    }
}

/// `count` orthonormal vectors of `dim` elements, by Gram and Schmidt from normal draws.
fn orthonormal(dim: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for number in 0..count {
        let rng = Stream::new(seed, Purpose::TaskVectors).rng(number as u64);
        let mut vector: Vec<f64> = StandardNormal.sample_iter(rng).take(dim).collect();
        // Twice, so that what rounding leaves of the others is gone too.
        for _ in 0..2 {
            for other in &vectors {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
            let length = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
            vector.iter_mut().for_each(|a| *a /= length);
        }
        vectors.push(vector);
    }
    vectors
}

widest! {
    /// Projections x·v of every row on every vector: `x` is `[rows, dim]`, `vectors` `[count, dim]`, `out`
    /// `[count, rows]`.
    fn project(x: &[f32], dim: usize, vectors: &[f32], out: &mut [f32]) = project_body;
}

#[inline(always)]
fn project_body(x: &[f32], dim: usize, vectors: &[f32], out: &mut [f32]) {
    /// Partial sums of a product, added up in one order on every CPU.
    const LANES: usize = 16;
    let rows = x.len() / dim;
    for (vector, out) in vectors.chunks_exact(dim).zip(out.chunks_exact_mut(rows)) {
        for (row, out) in x.chunks_exact(dim).zip(out) {
            let mut sums = [0f32; LANES];
            let (xs, vs) = (row.chunks_exact(LANES), vector.chunks_exact(LANES));
            let rest: f32 = xs.remainder().iter().zip(vs.remainder()).map(|(x, v)| x * v).sum();
            for (x, v) in xs.zip(vs) {
                for lane in 0..LANES {
                    sums[lane] += x[lane] * v[lane];
                }
            }
            *out = sums.iter().sum::<f32>() + rest;
        }
    }
}

/// Running sums for a correlation, in f64. Labels are near mean 0 and variance 1 or a few, so that plain
/// sums lose nothing that matters.
#[derive(Debug, Clone, Default)]
struct Moments {
    n: f64,
    a: f64,
    b: f64,
    aa: f64,
    bb: f64,
    ab: f64,
}

impl Moments {
    fn add(&mut self, a: f64, b: f64) {
        self.n += 1.0;
        self.a += a;
        self.b += b;
        self.aa += a * a;
        self.bb += b * b;
        self.ab += a * b;
    }

    /// Pearson's correlation.
    fn correlation(&self) -> f64 {
        let covariance = self.ab - self.a * self.b / self.n;
        let variances = (self.aa - self.a * self.a / self.n) * (self.bb - self.b * self.b / self.n);
        covariance / variances.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fit A: four frequencies close to the paper's Figure 2.
    fn fit_a() -> SyntheticSpec {
        SyntheticSpec {
            dim: 100,
            pairs: 1,
            scale: 0.54,
            alpha: vec![3.71, 6.88, 11.08, 14.63],
            beta: vec![1.55; 4],
            noise_std: 0.1,
            standardise_labels: true,
            source: Source::Fresh,
            label_points: 10_000,
        }
    }

    /// Fit B: five frequencies, the closest to Figure 2 that is known.
    fn fit_b() -> SyntheticSpec {
        SyntheticSpec {
            scale: 0.557,
            alpha: vec![3.950, 5.190, 8.742, 10.954, 15.174],
            beta: vec![1.672, 0.174, 3.024, 4.132, 1.019],
            ..fit_a()
        }
    }

    /// A specification with slow waves and other phases, where every term of the closed forms counts.
    fn slow() -> SyntheticSpec {
        SyntheticSpec {
            dim: 20,
            scale: 0.9,
            alpha: vec![0.7, 1.9, 3.0],
            beta: vec![0.3, -1.1, 2.0],
            noise_std: 0.3,
            standardise_labels: false,
            ..fit_a()
        }
    }

    /// Labels of all sets and tasks over `rows` rows of one seed.
    fn labels(spec: &SyntheticSpec, seed: u64, correlations: &[f64], rows: usize) -> Vec<Vec<f64>> {
        let mut generator = Generator::new(spec, seed, correlations);
        let mut batch = Batch::default();
        generator.training_batch(0, rows, &mut batch);
        batch.y.chunks(rows).map(|y| y.iter().map(|&y| f64::from(y)).collect()).collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    fn variance(values: &[f64]) -> f64 {
        let mean = mean(values);
        values.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn weight_vectors_have_length_c_and_cosine_p() {
        let spec = SyntheticSpec { pairs: 3, ..fit_a() };
        let correlations = [-1.0, -0.3, 0.0, 0.5, 0.98, 1.0];
        let generator = Generator::new(&spec, 11, &correlations);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for (set, &p) in correlations.iter().enumerate() {
            let w = generator.weight_vectors(set);
            for (i, a) in w.iter().enumerate() {
                for (j, b) in w.iter().enumerate() {
                    let expected = if i == j {
                        1.0
                    } else if i / 2 == j / 2 {
                        p
                    } else {
                        0.0
                    };
                    let cosine = dot(a, b) / (0.54 * 0.54);
                    assert!((cosine - expected).abs() < 1e-12, "{i} {j} at {p}: {cosine}");
                }
            }
        }
    }

    #[test]
    fn closed_forms_agree_with_simulation() {
        const ROWS: usize = 400_000;
        let correlations = [-0.8, 0.0, 0.5, 0.9, 1.0];
        for spec in [fit_a(), slow()] {
            let raw = SyntheticSpec { standardise_labels: false, ..spec };
            let y = labels(&raw, 3, &correlations, ROWS);
            let deviation = raw.label_variance().sqrt();
            // Standard errors of a mean, of a variance (kurtosis under 4 here) and of a correlation.
            let se = 1.0 / (ROWS as f64).sqrt();
            assert!((mean(&y[0]) - raw.label_mean()).abs() < 4.0 * deviation * se);
            assert!((variance(&y[0]) / raw.label_variance() - 1.0).abs() < 4.0 * 3f64.sqrt() * se);
            for (set, &p) in correlations.iter().enumerate() {
                let (a, b) = (&y[2 * set], &y[2 * set + 1]);
                let mut moments = Moments::default();
                a.iter().zip(b).for_each(|(&a, &b)| moments.add(a, b));
                let error = moments.correlation() - raw.label_correlation(p);
                assert!(error.abs() < 4.0 * se, "p = {p}: {error}");
            }
        }
    }

    #[test]
    fn identical_tasks_differ_by_their_noise_alone() {
        let spec = slow();
        let v = spec.signal_variance();
        assert!((spec.label_correlation(1.0) - v / (v + 0.09)).abs() < 1e-12);
        let y = labels(&spec, 4, &[1.0], 100_000);
        let difference: Vec<f64> = y[0].iter().zip(&y[1]).map(|(a, b)| a - b).collect();
        // Two independent noises; a variance of n normals has relative standard error √(2/n) = 0.0045.
        assert!((variance(&difference) / (2.0 * 0.09) - 1.0).abs() < 0.02);
    }

    #[test]
    fn fit_b_gives_the_papers_figure_2() {
        let spec = fit_b();
        // Fit A's variance is known as 2.745, from parameters before they were rounded to two decimals.
        assert!((fit_a().signal_variance() - 2.745).abs() < 0.003, "{}", fit_a().signal_variance());
        let figure = include_str!("../../results/reference/mmoe_figure2.csv");
        let mut reader = csv::Reader::from_reader(figure.as_bytes());
        let rows: Vec<Vec<f64>> = reader
            .records()
            .map(|row| row.unwrap().iter().map(|value| value.parse().unwrap()).collect())
            .collect();
        assert_eq!(rows.len(), 9);
        for row in rows {
            let ours = spec.label_correlation(row[0]);
            assert!(row[2] < ours && ours < row[3], "p = {}: {ours} outside {:?}", row[0], &row[2..4]);
        }
    }

    #[test]
    fn standardised_labels_have_mean_0_and_variance_1() {
        const ROWS: usize = 200_000;
        let y = labels(&fit_a(), 1, &[0.5], ROWS);
        for y in y {
            assert!(mean(&y).abs() < 4.0 / (ROWS as f64).sqrt());
            assert!((variance(&y) - 1.0).abs() < 4.0 * (3.0 / ROWS as f64).sqrt());
        }
    }

    #[test]
    fn any_batch_can_be_made_alone() {
        for source in [Source::Fresh, Source::Rows { rows: 50 }] {
            let spec = SyntheticSpec { source, pairs: 2, dim: 10, ..fit_a() };
            let mut generator = Generator::new(&spec, 8, &[0.2, 0.9]);
            let (mut in_order, mut alone) = (Batch::default(), Batch::default());
            for step in 0..20 {
                generator.training_batch(step, 16, &mut in_order);
                Generator::new(&spec, 8, &[0.2, 0.9]).training_batch(step, 16, &mut alone);
                assert_eq!(in_order, alone, "step {step}");
            }
        }
    }

    #[test]
    fn labels_do_not_depend_on_the_list_of_correlations() {
        let spec = fit_a();
        let together = labels(&spec, 2, &[0.1, 0.5, 0.9], 64);
        let alone = labels(&spec, 2, &[0.9], 64);
        assert_eq!(together[4..6], alone[..]);
        assert_eq!(together[0], together[2], "the first label is the same at every correlation");
    }

    #[test]
    fn a_finite_set_is_visited_once_an_epoch() {
        const SET: usize = 60;
        let spec = SyntheticSpec { source: Source::Rows { rows: SET }, dim: 4, ..fit_a() };
        let mut generator = Generator::new(&spec, 1, &[0.5]);
        let mut batch = Batch::default();
        let mut epochs: Vec<Vec<[u32; 4]>> = Vec::new();
        for step in 0..15 {
            generator.training_batch(step, 8, &mut batch);
            for row in batch.x.chunks(4) {
                if epochs.last().is_none_or(|epoch| epoch.len() == SET) {
                    epochs.push(Vec::new());
                }
                let row: [f32; 4] = row.try_into().unwrap();
                epochs.last_mut().unwrap().push(row.map(f32::to_bits));
            }
        }
        assert_eq!(epochs.len(), 2);
        assert_ne!(epochs[0], epochs[1], "shuffled anew");
        epochs.iter_mut().for_each(|epoch| epoch.sort());
        assert_eq!(epochs[0], epochs[1]);
        epochs[0].dedup();
        assert_eq!(epochs[0].len(), SET);
    }

    #[test]
    fn measured_label_correlations_scatter_around_the_closed_form() {
        let spec = SyntheticSpec { pairs: 2, ..fit_a() };
        let correlations = [0.5, 0.95];
        let trials: Vec<_> =
            (0..50).map(|seed| Generator::new(&spec, seed, &correlations).label_correlations()).collect();
        for (set, &p) in correlations.iter().enumerate() {
            let values: Vec<f64> = trials.iter().flat_map(|trial| trial[set].clone()).collect();
            assert_eq!(values.len(), 100);
            let r = spec.label_correlation(p);
            let deviation = (1.0 - r * r) / 100.0;
            let error = (mean(&values) - r) / (deviation / 10.0);
            assert!(error.abs() < 4.0, "p = {p}: {error} standard errors");
            assert!((variance(&values).sqrt() / deviation - 1.0).abs() < 0.5, "p = {p}");
        }
    }

    #[test]
    fn held_out_rows_are_not_training_rows() {
        let spec = fit_a();
        let mut generator = Generator::new(&spec, 1, &[0.5]);
        let (mut training, mut held_out) = (Batch::default(), Batch::default());
        generator.training_batch(0, 32, &mut training);
        generator.held_out(32, &mut held_out);
        assert!(training.x.iter().zip(&held_out.x).all(|(a, b)| a != b));
    }
}
