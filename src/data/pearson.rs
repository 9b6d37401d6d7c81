//! Pearson correlation of labels, from sums.

/// Sums for a Pearson correlation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PairSums {
    n: f64,
    a: f64,
    b: f64,
    aa: f64,
    bb: f64,
    ab: f64,
}

impl PairSums {
    /// Adds pairs.
    pub fn add(&mut self, a: &[f32], b: &[f32]) {
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            self.n += 1.0;
            self.a += a;
            self.b += b;
            self.aa += a * a;
            self.bb += b * b;
            self.ab += a * b;
        }
    }

    /// The correlation of all pairs so far.
    pub fn correlation(&self) -> f64 {
        let covariance = |ab: f64, a: f64, b: f64| ab - a * b / self.n;
        let aa = covariance(self.aa, self.a, self.a);
        let bb = covariance(self.bb, self.b, self.b);
        covariance(self.ab, self.a, self.b) / (aa * bb).sqrt()
    }
}
