//! Quantiles of the distributions behind the intervals, by `statrs`.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Standard normal distribution function Φ(z).
pub fn cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// Standard normal quantile Φ⁻¹(p), 0 < p < 1.
pub fn quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Quantile of Student's t with `freedom` ≥ 1 degrees of freedom, 0 < p < 1.
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).expect("at least one degree of freedom").inverse_cdf(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_scipy() {
        // scipy 1.17.1: norm.ppf(0.975), norm.cdf(-1.2), t.ppf(0.975, 7), t.ppf(0.001, 199)
        assert!((quantile(0.975) - 1.959963984540054).abs() < 1e-9);
        assert!((cdf(-1.2) - 0.11506967022170828).abs() < 1e-9);
        assert!((student_quantile(0.975, 7.0) - 2.364624251592785).abs() < 1e-7);
        assert!((student_quantile(0.001, 199.0) - -3.1316896207264593).abs() < 1e-7);
    }
}
