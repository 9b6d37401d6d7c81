//! Moments of the generator's labels in closed form: mean, variance and the correlation of a pair's labels.
//!
//! t is N(0, c²) and E exp(iat) = exp(-a²c²/2), so every moment of g(t) = t + Σᵢ sin(αᵢ t + βᵢ) that the labels need is
//! a sum of cosines times Gaussians.

use super::SyntheticSpec;

impl SyntheticSpec {
    /// Tasks of an example: two a pair.
    pub fn tasks(&self) -> usize {
        2 * self.pairs
    }

    /// E y = Σᵢ sin βᵢ · exp(-αᵢ²c²/2), before standardisation.
    pub fn label_mean(&self) -> f64 {
        self.waves().map(|(a, b)| b.sin() * self.damping(a * a)).sum()
    }

    /// V = Var g(t): the variance of a label without its noise, before standardisation.
    pub fn signal_variance(&self) -> f64 {
        self.signal_covariance(1.0)
    }

    /// Var y = V + σ², before standardisation.
    pub fn label_variance(&self) -> f64 {
        self.signal_variance() + self.noise_std * self.noise_std
    }

    /// Loss of a model that knows g: the noise's variance, in units of the labels as trained on.
    pub fn noise_floor(&self) -> f64 {
        let noise = self.noise_std * self.noise_std;
        if self.standardise_labels { noise / self.label_variance() } else { noise }
    }

    /// Loss of the best linear model, in units of the labels as trained on: Var y - Cov(t, y)²/c², where
    /// Cov(t, y) = c²(1 + Σᵢ αᵢ cos βᵢ exp(-αᵢ²c²/2)) by Stein's lemma.
    pub fn linear_loss(&self) -> f64 {
        let slope: f64 = 1.0 + self.waves().map(|(a, b)| a * b.cos() * self.damping(a * a)).sum::<f64>();
        let loss = self.label_variance() - (slope * self.scale).powi(2);
        if self.standardise_labels { loss / self.label_variance() } else { loss }
    }

    /// Pearson correlation of the two labels of a pair with task correlation `p` in [-1, 1]:
    /// Cov(g(t₁), g(t₂)) / (V + σ²). At p = 1 it is V / (V + σ²), not 1: the noise differs.
    pub fn label_correlation(&self, p: f64) -> f64 {
        self.signal_covariance(p) / self.label_variance()
    }

    /// Cov(g(t₁), g(t₂)) for jointly normal t₁, t₂ with variance c² and correlation p:
    ///
    /// - Cov(t₁, t₂) = c²p;
    /// - Cov(t₁, sin(αt₂ + β)) = c²p · α cos β · exp(-α²c²/2), by Stein's lemma;
    /// - E sin A sin B = ½ E cos(A - B) - ½ E cos(A + B), where αᵢt₁ ∓ αⱼt₂ is normal with
    ///   variance c²(αᵢ² + αⱼ² ∓ 2pαᵢαⱼ).
    pub(super) fn signal_covariance(&self, p: f64) -> f64 {
        let linear = self.scale * self.scale * p;
        let mixed: f64 = self.waves().map(|(a, b)| a * b.cos() * self.damping(a * a)).sum();
        let mut waves = 0.0;
        for (ai, bi) in self.waves() {
            for (aj, bj) in self.waves() {
                let squares = ai * ai + aj * aj;
                let cross = 2.0 * p * ai * aj;
                waves += 0.5 * (bi - bj).cos() * self.damping(squares - cross);
                waves -= 0.5 * (bi + bj).cos() * self.damping(squares + cross);
            }
        }
        linear * (1.0 + 2.0 * mixed) + waves - self.label_mean().powi(2)
    }

    /// exp(-a²c²/2), the shrinkage of a wave of squared frequency a² under N(0, c²).
    fn damping(&self, squared_frequency: f64) -> f64 {
        (-0.5 * squared_frequency * self.scale * self.scale).exp()
    }

    /// Frequency and phase of every sine.
    pub(super) fn waves(&self) -> impl Iterator<Item = (f64, f64)> {
        self.alpha.iter().copied().zip(self.beta.iter().copied())
    }
}
