//! An estimate with its interval.

/// An estimate with its 95 % interval. Every number in it is finite: an estimate that is not defined, such as the mean of no
/// runs, has no `Interval` at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower and upper end; none where the data cannot give them, as one run cannot.
    pub ends: Option<(f64, f64)>,
}

impl Interval {
    /// An estimate with what may be its ends; none where the estimate is not finite.
    pub fn new(estimate: f64, low: f64, high: f64) -> Option<Self> {
        let ends = (low.is_finite() && high.is_finite()).then_some((low, high));
        estimate.is_finite().then_some(Self { estimate, ends })
    }

    /// The lower end.
    pub fn low(self) -> Option<f64> {
        self.ends.map(|(low, _)| low)
    }

    /// The upper end.
    pub fn high(self) -> Option<f64> {
        self.ends.map(|(_, high)| high)
    }

    /// The highest of its numbers.
    pub fn highest(self) -> f64 {
        self.high().map_or(self.estimate, |high| high.max(self.estimate))
    }

    /// The same for a rising function of the quantity.
    pub fn map(self, rising: impl Fn(f64) -> f64) -> Self {
        let ends = self.ends.map(|(low, high)| (rising(low), rising(high)));
        Self { estimate: rising(self.estimate), ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_not_there() {
        assert_eq!(Interval::new(f64::NAN, 0.0, 1.0), None);
        assert_eq!(Interval::new(f64::INFINITY, 0.0, 1.0), None);
        assert_eq!(Interval::new(0.5, f64::NAN, 1.0), Some(Interval { estimate: 0.5, ends: None }));
        let interval = Interval::new(0.5, 0.25, 1.0).unwrap();
        assert_eq!((interval.low(), interval.high(), interval.highest()), (Some(0.25), Some(1.0), 1.0));
        assert_eq!(interval.map(|x| 1.0 + x), Interval { estimate: 1.5, ends: Some((1.25, 2.0)) });
    }
}
