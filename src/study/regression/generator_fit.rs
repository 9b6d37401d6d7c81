//! Generators that reproduce the paper's Figure 2: fits of c, α and β to its nine points, by the closed form.
//!
//! The figure does not single out one generator: many fit. What it does fix is how the labels' variance is
//! spread over polynomials in t. With g(t) = Σ_k a_k He_k(t/c)/√k!, two labels with task correlation p have
//! the correlation r(p) = Σ_k a_k² pᵏ / (V + σ²): the small p tell a_1², the large ones how much lies in high
//! degrees. [`GeneratorFit::shares`] shows it.

use argmin::core::{CostFunction, Error, Executor};
use argmin::solver::neldermead::NelderMead;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::reference;
use crate::data::synthetic::SyntheticSpec;

/// Degrees that [`GeneratorFit::shares`] tells apart: 1 to 4, 5 to 9, 10 to 29, and the rest.
pub const DEGREES: [(u32, u32); 4] = [(1, 1), (2, 4), (5, 9), (10, 29)];
/// Steps of a fit; the simplex of 13 parameters settles within.
const ITERATIONS: u64 = 20_000;

/// A fit to Figure 2.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorFit {
    /// Number of waves m.
    pub waves: usize,
    /// Number of the random start that it came from.
    pub start: u64,
    /// c.
    pub scale: f64,
    /// α, rising, with β in the same order.
    pub alpha: Vec<f64>,
    /// β in [0, 2π).
    pub beta: Vec<f64>,
    /// Σ ((ours − paper's) / s)² over the nine points, s the standard deviation of a trial of 10,000 points.
    pub chi_squared: f64,
    /// Points within the paper's error bars of two standard deviations.
    pub within: usize,
    /// V, the labels' variance without noise.
    pub signal_variance: f64,
    /// Share of the labels' variance in polynomials of each of [`DEGREES`].
    pub shares: Vec<f64>,
}

/// Fits m waves from `starts` random starts to a template whose noise stays what it is; best first.
pub fn fit(template: &SyntheticSpec, waves: usize, starts: u64) -> Vec<GeneratorFit> {
    let mut fits: Vec<GeneratorFit> = (0..starts)
        .map(|start| GeneratorFit::new(template, waves, start, from(template, waves, start)))
        .collect();
    fits.sort_by(|a, b| a.chi_squared.total_cmp(&b.chi_squared));
    fits
}

/// The generator that the template is, as if it had been fitted.
pub fn known(template: &SyntheticSpec) -> GeneratorFit {
    GeneratorFit::new(template, template.alpha.len(), 0, template.clone())
}

/// Parameters as one vector: ln c, then ln α, then β. Logarithms keep c and α above 0.
struct Misfit<'a> {
    template: &'a SyntheticSpec,
    paper: Vec<reference::LabelPoint>,
}

impl Misfit<'_> {
    fn spec(&self, parameters: &[f64]) -> SyntheticSpec {
        let waves = (parameters.len() - 1) / 2;
        SyntheticSpec {
            scale: parameters[0].exp(),
            alpha: parameters[1..=waves].iter().map(|x| x.exp()).collect(),
            beta: parameters[waves + 1..].to_vec(),
            ..self.template.clone()
        }
    }
}

impl CostFunction for Misfit<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, Error> {
        let chi_squared = chi_squared(&self.spec(parameters), &self.paper);
        // A corner of the simplex where the variance vanishes is no generator.
        Ok(if chi_squared.is_finite() { chi_squared } else { 1e12 })
    }
}

fn chi_squared(spec: &SyntheticSpec, paper: &[reference::LabelPoint]) -> f64 {
    let term = |point: &reference::LabelPoint| {
        let deviation = (point.plus_2sd - point.minus_2sd) / 4.0;
        ((spec.label_correlation(point.task_correlation) - point.label_correlation) / deviation).powi(2)
    };
    paper.iter().map(term).sum()
}

/// The best generator that a simplex finds from a random start.
fn from(template: &SyntheticSpec, waves: usize, start: u64) -> SyntheticSpec {
    let mut random = StdRng::seed_from_u64(start * 64 + waves as u64);
    let mut first = vec![random.random_range(0.3..1.0f64).ln()];
    first.extend((0..waves).map(|_| random.random_range(1.0..16.0f64).ln()));
    first.extend((0..waves).map(|_| random.random_range(0.0..std::f64::consts::TAU)));
    let simplex = (0..=first.len())
        .map(|corner| {
            let mut point = first.clone();
            if corner > 0 {
                point[corner - 1] += 0.3;
            }
            point
        })
        .collect();
    let misfit = Misfit { template, paper: reference::figure2() };
    let solver = NelderMead::new(simplex).with_sd_tolerance(1e-9).expect("a positive tolerance");
    let result = Executor::new(Misfit { template, paper: reference::figure2() }, solver)
        .configure(|state| state.max_iters(ITERATIONS))
        .run()
        .expect("the cost is a number everywhere");
    misfit.spec(result.state.best_param.as_ref().unwrap_or(&first))
}

impl GeneratorFit {
    fn new(template: &SyntheticSpec, waves: usize, start: u64, spec: SyntheticSpec) -> Self {
        let paper = reference::figure2();
        let mut order: Vec<(f64, f64)> = spec
            .alpha
            .iter()
            .zip(&spec.beta)
            .map(|(&alpha, &beta)| (alpha, beta.rem_euclid(std::f64::consts::TAU)))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let within = |point: &&reference::LabelPoint| {
            let ours = spec.label_correlation(point.task_correlation);
            (point.minus_2sd..=point.plus_2sd).contains(&ours)
        };
        let variance = spec.signal_variance() + template.noise_std.powi(2);
        let coefficients = coefficients(&spec, DEGREES[DEGREES.len() - 1].1);
        Self {
            waves,
            start,
            scale: spec.scale,
            alpha: order.iter().map(|wave| wave.0).collect(),
            beta: order.iter().map(|wave| wave.1).collect(),
            chi_squared: chi_squared(&spec, &paper),
            within: paper.iter().filter(within).count(),
            signal_variance: spec.signal_variance(),
            shares: DEGREES
                .iter()
                .map(|&(low, high)| {
                    (low..=high).map(|k| coefficients[k as usize].powi(2)).sum::<f64>() / variance
                })
                .collect(),
        }
    }
}

/// a_0 to a_n of g(t) = t + Σ sin(αᵢ t + βᵢ) in normalised Hermite polynomials of t/c:
/// a_k = c·1[k = 1] + Σᵢ (αᵢc)ᵏ/√k! · exp(−αᵢ²c²/2) · sin(βᵢ + kπ/2).
fn coefficients(spec: &SyntheticSpec, n: u32) -> Vec<f64> {
    let mut coefficients = vec![0.0; n as usize + 1];
    for (&alpha, &beta) in spec.alpha.iter().zip(&spec.beta) {
        let frequency = alpha * spec.scale;
        let mut weight = (-0.5 * frequency * frequency).exp();
        for (k, coefficient) in coefficients.iter_mut().enumerate() {
            if k > 0 {
                weight *= frequency / (k as f64).sqrt();
            }
            *coefficient += weight * (beta + k as f64 * std::f64::consts::FRAC_PI_2).sin();
        }
    }
    coefficients[1] += spec.scale;
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::library;

    fn fit_b() -> SyntheticSpec {
        library::find("figure2", &[]).unwrap().data.synthetic().unwrap().clone()
    }

    #[test]
    fn the_experiments_generator_is_within_every_error_bar() {
        let known = known(&fit_b());
        assert_eq!((known.waves, known.within), (5, 9));
        assert!(known.chi_squared < 9.0, "{}", known.chi_squared);
    }

    #[test]
    fn the_spectrum_gives_the_label_correlation() {
        let spec = fit_b();
        let coefficients = coefficients(&spec, 400);
        for p in [0.0, 0.4, 0.9, 1.0] {
            let series: f64 =
                coefficients.iter().enumerate().skip(1).map(|(k, a)| a * a * f64::powi(p, k as i32)).sum();
            assert!((series / spec.label_variance() - spec.label_correlation(p)).abs() < 1e-9, "p = {p}");
        }
    }

    #[test]
    fn a_simplex_finds_generators_that_fit() {
        let fits = fit(&fit_b(), 4, 6);
        assert!(fits[0].within >= 8, "{:?}", fits[0]);
        assert!(fits.is_sorted_by(|a, b| a.chi_squared <= b.chi_squared));
        assert!(fits[0].shares.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}
