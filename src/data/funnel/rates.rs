//! Intercepts: how high the logits have to stand for clicks and conversions to come as often as asked for.

/// Relative error of a solved rate: nothing that is counted on fewer than 10¹⁸ impressions can show it, and rounding
/// of a sum over the sample is well below.
const TOLERANCE: f64 = 1e-9;

/// Steps of the solver at most. A bracket is a few units wide and every second step halves it: 64 halvings are
/// more than a double can tell apart.
const STEPS: usize = 128;

/// σ(logit) = 1 / (1 + exp(-logit)).
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-logit))
}

/// The a with Σᵢ wᵢ σ(a + spread·scoreᵢ) / Σᵢ wᵢ = `rate`, for a `rate` between 0 and 1 and a `spread` of 0 or
/// more; `scores` and `weights` are `[rows]`.
///
/// The mean grows with a and lies between its least and its greatest term, which brackets a. Newton's steps,
/// and halvings of the bracket where they leave it or do not halve their length.
pub fn intercept(rate: f64, spread: f64, scores: &[f64], weights: &[f64]) -> f64 {
    let logit = libm::log(rate / (1.0 - rate));
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let (mut low, mut high) = (logit - spread * greatest, logit - spread * least);
    let total: f64 = weights.iter().sum();
    let mut at = logit.clamp(low, high);
    let mut last = high - low;
    for _ in 0..STEPS {
        let (mut mean, mut slope) = (0.0, 0.0);
        for (score, weight) in scores.iter().zip(weights) {
            let p = sigmoid(at + spread * score);
            mean += weight * p;
            slope += weight * p * (1.0 - p);
        }
        let excess = mean / total - rate;
        if excess.abs() <= TOLERANCE * rate {
            break;
        }
        if excess > 0.0 {
            high = at;
        } else {
            low = at;
        }
        let newton = at - excess * total / slope;
        let good = low < newton && newton < high && (newton - at).abs() <= 0.5 * last;
        let next = if good { newton } else { 0.5 * (low + high) };
        last = (next - at).abs();
        at = next;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stream::{Purpose, Stream};

    #[test]
    fn a_solved_rate_is_the_rate_asked_for() {
        let mut normals = vec![0.0; 5000];
        Stream::new(1, Purpose::Init).normals(0, 5000, 1, &mut normals);
        let scores: Vec<f64> = normals.iter().map(|z| f64::from(*z)).collect();
        let equal = vec![1.0; 5000];
        let skewed: Vec<f64> = scores.iter().map(|score| sigmoid(score - 4.0)).collect();
        for weights in [equal, skewed] {
            for spread in [0.0, 0.3, 1.0, 4.0, 30.0] {
                for rate in [1e-6, 0.01, 0.5, 0.97] {
                    let a = intercept(rate, spread, &scores, &weights);
                    let terms = scores.iter().zip(&weights).map(|(score, w)| w * sigmoid(a + spread * score));
                    let mean = terms.sum::<f64>() / weights.iter().sum::<f64>();
                    assert!((mean / rate - 1.0).abs() <= 2.0 * TOLERANCE, "{rate} at {spread}: {mean}");
                }
            }
        }
    }

    #[test]
    fn without_spread_the_intercept_is_the_logit() {
        let a = intercept(0.2, 0.0, &[-1.0, 3.0], &[1.0, 1.0]);
        assert!((a + 4f64.ln()).abs() < 1e-12);
    }
}
