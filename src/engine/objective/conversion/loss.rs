//! The losses of [`Method`] with their gradients: what models of click and conversion are trained on.
//!
//! With the logits z₀ of a click, z₁ of a conversion and for some methods a third z₂, p = σ(z₀), q = σ(z₁), y and c
//! whether there was a click and a conversion (c ≤ y), CE(z, y) = ln(1 + eᶻ) − y z, and \[x\] for a value that no
//! gradient flows through, a run's objective is the mean of CE(z₀, y) over all impressions of a batch, plus
//! Σ ℓ / Σ w over the impressions:
//!
//! | method | w | ℓ |
//! |---|---|---|
//! | `Clicked` | y | w CE(z₁, c) |
//! | `SampledNegatives` | y, else 1 where u < rate | w CE(z₁, c) |
//! | `Oversampling` | y, copies where c | w CE(z₁, c) |
//! | `RejectionSampling` | y where u < floor / \[p\], else 0 | w CE(z₁, c) |
//! | `Division` | 1 | CE(z₁, c), p q being σ(z₁) |
//! | `EntireSpace` | 1 | −c ln(p q) − (1 − c) ln(1 − p q) |
//! | `InversePropensity` | 1 | the same + λ y CE(z₁, c) / \[p̂\], p̂ = max(p, smallest) |
//! | `DoublyRobust` | 1 | the same + λ (e + y (CE(z₁, c) − e) / \[p̂\] + y (\[CE(z₁, c)\] − e)² / \[p̂\]), e = ln(1 + e^z₂) |
//! | `DelayedFeedback` | y | c: −ln q − z₂ + r d; else −ln(1 − q + q e^(−r d)), r = e^z₂, d the time waited |
//! | `FakeNegativeWeighted` | y + c | −\[(1 − q)(1 + q)\] ln(1 − q) − c \[1 + q\] ln q |
//!
//! They are scalar functions of a row's few logits, so they are written out here with their derivatives instead of
//! as a graph of tensors; the network's part of the gradient is Candle's. `EntireSpace` is equation 3 of ESMM,
//! `InversePropensity` and `DoublyRobust` are §3 of ESCM², `DelayedFeedback` is equations 6 and 7 of Chapelle 2014,
//! `FakeNegativeWeighted` is equation 9 of Ktena et al. 2019: the weights undo the double entry of clicks that convert in a
//! stream that lasts until they do. Of a window that ends they undo no more than that: with s the probability of a
//! conversion that is seen, its optimum is q = s, as that of `Clicked` is.

use crate::data::Label;
use crate::data::impressions::LABELS;
use crate::engine::metrics::{cross_entropy, sigmoid, softplus};
use crate::model::towers::Method;

/// Most logits of a row.
pub const MOST_TOWERS: usize = 3;

/// Losses that are logged, of every method alike: of clicks, and of clicks that convert.
pub const LOSSES: usize = 2;

/// A row's part in Σ w and Σ ℓ, with ∂ℓ of its logits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Term {
    weight: f64,
    loss: f64,
    gradient: [f64; MOST_TOWERS],
}

/// One impression of a batch.
#[derive(Debug, Clone, Copy)]
struct Row {
    click: f64,
    conversion: f64,
    waited: f64,
    uniform: f64,
}

/// −ln of the probability of what the row shows of a conversion, p q or 1 − p q; and its derivatives by z₀ and z₁.
fn entire_space(z: [f64; MOST_TOWERS], converted: bool) -> (f64, [f64; 2]) {
    let (p, q) = (sigmoid(z[0]), sigmoid(z[1]));
    let (not_p, not_q) = (sigmoid(-z[0]), sigmoid(-z[1]));
    if converted {
        return (softplus(-z[0]) + softplus(-z[1]), [-not_p, -not_q]);
    }
    // 1 − p q without cancellation.
    let rest = not_p + p * not_q;
    (-rest.ln(), [p * q * not_p / rest, p * q * not_q / rest])
}

/// A row's part in the loss of conversion. No gradient flows through `fixed`, which are the logits again.
fn term(method: Method, z: [f64; MOST_TOWERS], fixed: [f64; MOST_TOWERS], row: Row) -> Term {
    let Row { click, conversion, uniform, .. } = row;
    match method {
        Method::Clicked => weighted(click, z, row),
        Method::SampledNegatives { rate } => weighted(if uniform < rate { 1.0 } else { click }, z, row),
        Method::Oversampling { copies } => weighted(if conversion > 0.0 { copies } else { click }, z, row),
        Method::RejectionSampling { floor } => {
            weighted(if uniform * sigmoid(fixed[0]) < floor { click } else { 0.0 }, z, row)
        }
        Method::Division => weighted(1.0, z, row),
        Method::EntireSpace => entire_space_term(z, row),
        Method::InversePropensity { cvr_weight, smallest_propensity } => {
            inverse_propensity(cvr_weight, smallest_propensity, z, fixed, row)
        }
        Method::DoublyRobust { cvr_weight, smallest_propensity } => {
            doubly_robust(cvr_weight, smallest_propensity, z, fixed, row)
        }
        Method::DelayedFeedback => delayed_feedback(z, row),
        Method::FakeNegativeWeighted => fake_negative_weighted(z, fixed, row),
    }
}

/// w CE(z₁, c).
fn weighted(weight: f64, z: [f64; MOST_TOWERS], Row { conversion, .. }: Row) -> Term {
    Term {
        weight,
        loss: weight * cross_entropy(z[1], conversion),
        gradient: [0.0, weight * (sigmoid(z[1]) - conversion), 0.0],
    }
}

/// −c ln(p q) − (1 − c) ln(1 − p q): equation 3 of ESMM.
fn entire_space_term(z: [f64; MOST_TOWERS], row: Row) -> Term {
    let (loss, [d0, d1]) = entire_space(z, row.conversion > 0.0);
    Term { weight: 1.0, loss, gradient: [d0, d1, 0.0] }
}

/// The loss of `EntireSpace` + λ y CE(z₁, c) / \[p̂\], p̂ = max(p, smallest): §3 of ESCM².
fn inverse_propensity(
    lambda: f64,
    smallest: f64,
    z: [f64; MOST_TOWERS],
    fixed: [f64; MOST_TOWERS],
    row: Row,
) -> Term {
    let Row { click, conversion, .. } = row;
    let mut term = entire_space_term(z, row);
    let scale = lambda * click / sigmoid(fixed[0]).max(smallest);
    term.loss += scale * cross_entropy(z[1], conversion);
    term.gradient[1] += scale * (sigmoid(z[1]) - conversion);
    term
}

/// The loss of `EntireSpace` + λ (e + y (CE(z₁, c) − e) / \[p̂\] + y (\[CE(z₁, c)\] − e)² / \[p̂\]), e = ln(1 + e^z₂): §3 of
/// ESCM². Without a click the third tower's e stands for the cross-entropy; with one, its error is corrected by 1/p̂ and
/// trained on.
fn doubly_robust(
    lambda: f64,
    smallest: f64,
    z: [f64; MOST_TOWERS],
    fixed: [f64; MOST_TOWERS],
    row: Row,
) -> Term {
    let Row { click, conversion, .. } = row;
    let mut term = entire_space_term(z, row);
    let inverse = click / sigmoid(fixed[0]).max(smallest);
    let (error, imputed) = (cross_entropy(z[1], conversion), softplus(z[2]));
    let apart = imputed - cross_entropy(fixed[1], conversion);
    term.loss += lambda * (imputed + inverse * (error - imputed) + inverse * apart * apart);
    term.gradient[1] += lambda * inverse * (sigmoid(z[1]) - conversion);
    term.gradient[2] += lambda * (1.0 - inverse + inverse * 2.0 * apart) * sigmoid(z[2]);
    term
}

/// For a click, −ln q − z₂ + r d if it converted, else −ln(1 − q + q e^(−r d)), r = e^z₂, d the time waited:
/// equations 6 and 7 of Chapelle 2014.
fn delayed_feedback(z: [f64; MOST_TOWERS], Row { click, conversion, waited, .. }: Row) -> Term {
    if click == 0.0 {
        return Term::default();
    }
    // e⁷⁰⁰ is near the largest number; what waits longer than that waits no more.
    let hazard = z[2].min(700.0).exp() * waited;
    if conversion > 0.0 {
        let loss = softplus(-z[1]) - z[2] + hazard;
        return Term { weight: 1.0, loss, gradient: [0.0, -sigmoid(-z[1]), hazard - 1.0] };
    }
    let (q, survival) = (sigmoid(z[1]), (-hazard).exp());
    // 1 − q without cancellation.
    let not_q = sigmoid(-z[1]);
    let rest = not_q + q * survival;
    let gradient = [0.0, q * not_q * -(-hazard).exp_m1() / rest, q * hazard * survival / rest];
    Term { weight: 1.0, loss: -rest.ln(), gradient }
}

/// −\[(1 − q)(1 + q)\] ln(1 − q) of a click and − \[1 + q\] ln q of a conversion: equation 9 of Ktena et al. 2019.
fn fake_negative_weighted(
    z: [f64; MOST_TOWERS],
    fixed: [f64; MOST_TOWERS],
    Row { click, conversion, .. }: Row,
) -> Term {
    let (q, fixed) = (sigmoid(z[1]), sigmoid(fixed[1]));
    let (negative, positive) = (click * (1.0 - fixed) * (1.0 + fixed), conversion * (1.0 + fixed));
    Term {
        weight: click + conversion,
        loss: negative * softplus(z[1]) + positive * softplus(-z[1]),
        gradient: [0.0, negative * q - positive * (1.0 - q), 0.0],
    }
}

/// Logits of all towers of rows, and what is known of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Predictions<'a> {
    /// The method they are trained by.
    pub method: Method,
    /// `[towers, rows]`.
    pub logits: &'a [f32],
    /// `[LABELS, rows]`.
    pub labels: &'a [f32],
}

impl Predictions<'_> {
    fn rows(&self) -> usize {
        self.labels.len() / LABELS
    }

    /// The logits of a row; 0 for a tower that the method does not have.
    fn logits_of(&self, row: usize) -> [f64; MOST_TOWERS] {
        let mut z = [0.0; MOST_TOWERS];
        for (z, logits) in z.iter_mut().zip(self.logits.chunks_exact(self.rows())) {
            *z = f64::from(logits[row]);
        }
        z
    }

    fn row(&self, row: usize) -> Row {
        let label = |label: Label| f64::from(self.labels[label as usize * self.rows() + row]);
        Row {
            click: label(Label::Click),
            conversion: label(Label::Conversion),
            waited: label(Label::Waited),
            uniform: label(Label::Uniform),
        }
    }

    /// Cross-entropies of a row's click and of its click that converts, in nats; `term` is its part in the objective.
    fn row_losses(&self, z: [f64; MOST_TOWERS], row: Row, term: Option<&Term>) -> [f64; LOSSES] {
        let joint = match (self.method, term) {
            (Method::Division, _) => cross_entropy(z[1], row.conversion),
            (Method::EntireSpace, Some(term)) => term.loss,
            _ => entire_space(z, row.conversion > 0.0).0,
        };
        [cross_entropy(z[0], row.click), joint]
    }

    /// Means over the rows of the cross-entropies of clicks and of clicks that convert, in nats; NaN where a logit is
    /// not finite.
    pub fn losses(&self) -> [f32; LOSSES] {
        let mut sums = [0.0; LOSSES];
        self.add_losses(&mut sums);
        self.mean(sums)
    }

    /// Adds the sums of the same over the rows.
    pub(super) fn add_losses(&self, sums: &mut [f64; LOSSES]) {
        for row in 0..self.rows() {
            *sums = sum(*sums, self.row_losses(self.logits_of(row), self.row(row), None));
        }
        if !self.all_finite() {
            *sums = [f64::NAN; LOSSES];
        }
    }

    /// Whether all logits are numbers: a minimum or maximum on the way to a loss may hide one that is not.
    fn all_finite(&self) -> bool {
        self.logits.iter().all(|logit| logit.is_finite())
    }

    /// Means of sums over the rows.
    fn mean(&self, sums: [f64; LOSSES]) -> [f32; LOSSES] {
        sums.map(|sum| (sum / self.rows() as f64) as f32)
    }

    /// Appends the derivative of the objective by every logit, `[towers, rows]`, to `out`; gives [`Self::losses`].
    pub fn gradient(&self, out: &mut Vec<f32>) -> [f32; LOSSES] {
        let (start, rows) = (out.len(), self.rows());
        out.resize(start + self.logits.len(), 0.0);
        let out = &mut out[start..];
        let (mut weight, mut losses) = (0.0, [0.0; LOSSES]);
        for row in 0..rows {
            let (z, labels) = (self.logits_of(row), self.row(row));
            let term = term(self.method, z, z, labels);
            weight += term.weight;
            losses = sum(losses, self.row_losses(z, labels, Some(&term)));
            for (out, gradient) in out.chunks_exact_mut(rows).zip(term.gradient) {
                out[row] = gradient as f32;
            }
        }
        // No row has a weight in a batch without a click.
        let scale = if weight > 0.0 { (1.0 / weight) as f32 } else { 0.0 };
        out.iter_mut().for_each(|gradient| *gradient *= scale);
        for (row, out) in out[..rows].iter_mut().enumerate() {
            let apart = sigmoid(f64::from(self.logits[row])) - f64::from(self.labels[row]);
            *out += (apart / rows as f64) as f32;
        }
        if self.all_finite() { self.mean(losses) } else { [f32::NAN; LOSSES] }
    }
}

/// Sums of two pairs.
fn sum(a: [f64; LOSSES], b: [f64; LOSSES]) -> [f64; LOSSES] {
    [a[0] + b[0], a[1] + b[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [Method; 10] = [
        Method::Clicked,
        Method::SampledNegatives { rate: 0.4 },
        Method::Oversampling { copies: 3.0 },
        Method::RejectionSampling { floor: 0.2 },
        Method::Division,
        Method::EntireSpace,
        Method::InversePropensity { cvr_weight: 0.3, smallest_propensity: 0.05 },
        Method::DoublyRobust { cvr_weight: 0.3, smallest_propensity: 0.05 },
        Method::DelayedFeedback,
        Method::FakeNegativeWeighted,
    ];

    /// Unclicked, clicked, converted; the second and third waited.
    fn rows() -> Vec<Row> {
        let row = |click, conversion, waited, uniform| Row { click, conversion, waited, uniform };
        vec![
            row(0.0, 0.0, 0.0, 0.3),
            row(0.0, 0.0, 0.0, 0.9),
            row(1.0, 0.0, 0.7, 0.1),
            row(1.0, 0.0, 0.2, 0.95),
            row(1.0, 1.0, 0.4, 0.5),
        ]
    }

    #[test]
    fn derivatives_agree_with_finite_differences() {
        const STEP: f64 = 1e-6;
        for method in METHODS {
            for (number, row) in rows().into_iter().enumerate() {
                for z in [[-1.0, 0.5, 0.3], [0.7, -2.0, -0.8], [-3.0, 1.5, 1.2]] {
                    let term_at = |z| term(method, z, [-1.1, 0.4, 0.2], row);
                    for tower in 0..MOST_TOWERS {
                        let moved = |by: f64| {
                            let mut moved = z;
                            moved[tower] += by;
                            term_at(moved).loss
                        };
                        let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                        let analytic = term_at(z).gradient[tower];
                        // The third derivative times STEP², and rounding of the loss over STEP.
                        assert!(
                            (difference - analytic).abs() < 1e-8 * (1.0 + analytic.abs()),
                            "{method:?}, row {number}, tower {tower}: {difference} and {analytic}"
                        );
                    }
                }
            }
        }
    }

    /// ℓ and w of a clicked row that converted, one that did not, and one without a click, with p = 1/4 and q = 1/5
    /// and, where there is a third logit, z₂ = 0.
    fn at(method: Method) -> [(f64, f64); 3] {
        let logit = |p: f64| (p / (1.0 - p)).ln();
        let z = [logit(0.25), logit(0.2), 0.0];
        let row = |click, conversion| Row { click, conversion, waited: 0.5, uniform: 0.35 };
        [row(1.0, 1.0), row(1.0, 0.0), row(0.0, 0.0)].map(|row| {
            let term = term(method, z, z, row);
            (term.loss, term.weight)
        })
    }

    fn assert_near(method: Method, expected: [(f64, f64); 3]) {
        for ((loss, weight), (expected_loss, expected_weight)) in at(method).into_iter().zip(expected) {
            assert!((loss - expected_loss).abs() < 1e-12, "{method:?}: {loss} for {expected_loss}");
            assert_eq!(weight, expected_weight, "{method:?}");
        }
    }

    #[test]
    fn losses_of_cases_computed_by_hand() {
        let (positive, negative) = (5f64.ln(), 1.25f64.ln());
        let entire = [20f64.ln(), (20.0 / 19.0f64).ln(), (20.0 / 19.0f64).ln()];
        assert_near(Method::Clicked, [(positive, 1.0), (negative, 1.0), (0.0, 0.0)]);
        // u = 0.35 is under the rate of 0.4, so the row without a click is a negative.
        let aman = Method::SampledNegatives { rate: 0.4 };
        assert_near(aman, [(positive, 1.0), (negative, 1.0), (negative, 1.0)]);
        let copied = Method::Oversampling { copies: 3.0 };
        assert_near(copied, [(3.0 * positive, 3.0), (negative, 1.0), (0.0, 0.0)]);
        // Accepted with probability 0.1 / 0.25 = 0.4, and not where that is 0.2.
        let accepted = Method::RejectionSampling { floor: 0.1 };
        assert_near(accepted, [(positive, 1.0), (negative, 1.0), (0.0, 0.0)]);
        assert_near(Method::RejectionSampling { floor: 0.05 }, [(0.0, 0.0); 3]);
        assert_near(Method::Division, [(positive, 1.0), (negative, 1.0), (negative, 1.0)]);
        assert_near(Method::EntireSpace, entire.map(|loss| (loss, 1.0)));
        // λ / p = 0.1 · 4; the smallest propensity of 0.5 makes it 0.1 · 2.
        for (smallest_propensity, scale) in [(0.05, 0.4), (0.5, 0.2)] {
            let weighted = Method::InversePropensity { cvr_weight: 0.1, smallest_propensity };
            let losses = [entire[0] + scale * positive, entire[1] + scale * negative, entire[2]];
            assert_near(weighted, losses.map(|loss| (loss, 1.0)));
        }
        // e = ln 2: λ (e + 4 (CE − e) + 4 (CE − e)²), and λ e where there is no click.
        let imputed = 2f64.ln();
        let robust = |error: f64| 0.1 * (imputed + 4.0 * (error - imputed) + 4.0 * (error - imputed).powi(2));
        let losses = [entire[0] + robust(positive), entire[1] + robust(negative), entire[2] + 0.1 * imputed];
        let method = Method::DoublyRobust { cvr_weight: 0.1, smallest_propensity: 0.05 };
        assert_near(method, losses.map(|loss| (loss, 1.0)));
        // r = 1 and d = 0.5.
        let waiting = -(0.8 + 0.2 * (-0.5f64).exp()).ln();
        assert_near(Method::DelayedFeedback, [(positive + 0.5, 1.0), (waiting, 1.0), (0.0, 0.0)]);
        // Weights (1 − q)(1 + q) = 0.96 of the negative and 1 + q = 1.2 of the positive.
        let both = 0.96 * negative + 1.2 * positive;
        assert_near(Method::FakeNegativeWeighted, [(both, 2.0), (0.96 * negative, 1.0), (0.0, 0.0)]);
    }

    #[test]
    fn weights_of_fake_negatives_bring_back_the_loss_of_what_is_seen() {
        // With q the probability of a conversion that is seen, a click is a negative and, with probability q, a positive
        // too: the expected gradient is 0, where unweighted labels pull q down.
        let (q, z) = (0.3f64, (0.3f64 / 0.7).ln());
        let term_of = |conversion| {
            let row = Row { click: 1.0, conversion, waited: 0.0, uniform: 0.5 };
            term(Method::FakeNegativeWeighted, [0.0, z, 0.0], [0.0, z, 0.0], row).gradient[1]
        };
        let expected = q * term_of(1.0) + (1.0 - q) * term_of(0.0);
        assert!(expected.abs() < 1e-12, "{expected}");
    }

    #[test]
    fn a_batch_without_a_click_trains_the_clicks_alone() {
        let labels = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5];
        for method in [Method::Clicked, Method::FakeNegativeWeighted] {
            let mut gradient = Vec::new();
            Predictions { method, logits: &[0.0, 0.0, 1.0, 1.0], labels: &labels }.gradient(&mut gradient);
            assert_eq!(gradient, [0.25, 0.25, 0.0, 0.0]);
        }
    }

    #[test]
    fn extreme_logits_have_finite_losses_and_gradients() {
        for method in METHODS {
            for z in [[80.0, 80.0, 80.0], [-80.0, -80.0, -80.0], [80.0, -80.0, 0.0]] {
                for row in rows() {
                    let term = term(method, z, z, row);
                    assert!(term.loss.is_finite(), "{method:?} {z:?}");
                    assert!(term.gradient.iter().all(|g| g.is_finite()), "{method:?} {z:?}");
                }
            }
        }
    }
}
