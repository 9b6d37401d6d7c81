//! An estimate with its interval.

/// Most decimals beyond those of a column. Ends that they do not tell apart differ by rounding only.
const MOST_FURTHER: usize = 4;

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

    /// The same with the other sign.
    pub fn turned(self) -> Self {
        Self { estimate: -self.estimate, ends: self.ends.map(|(low, high)| (-high, -low)) }
    }

    /// The same for a rising function of the quantity.
    pub fn map(self, rising: impl Fn(f64) -> f64) -> Self {
        let ends = self.ends.map(|(low, high)| (rising(low), rising(high)));
        Self { estimate: rising(self.estimate), ends }
    }

    /// Decimals to show: those of its column, `least`, or, where the interval is narrower than their last digit, two digits
    /// of its width.
    pub fn decimals(self, least: usize) -> usize {
        let width = self.ends.map_or(0.0, |(low, high)| high - low);
        if width <= 0.0 {
            return least;
        }
        match (-width.log10()).ceil().max(0.0) as usize {
            first if first > least && first < least + MOST_FURTHER => first + 1,
            _ => least,
        }
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
        assert_eq!(interval.turned(), Interval { estimate: -0.5, ends: Some((-1.0, -0.25)) });
        assert_eq!(interval.map(|x| 1.0 + x), Interval { estimate: 1.5, ends: Some((1.25, 2.0)) });
    }

    #[test]
    fn digits_do_not_end_before_the_interval_does() {
        let decimals = |low, high| Interval { estimate: low, ends: Some((low, high)) }.decimals(4);
        assert_eq!(decimals(0.10, 0.15), 4);
        assert_eq!(decimals(-0.000_137, -0.000_102), 6);
        assert_eq!(decimals(0.05, 0.050_000_000_000_001), 4, "rounding");
        assert_eq!(decimals(0.5, 0.5), 4);
        assert_eq!(Interval { estimate: 0.5, ends: None }.decimals(4), 4);
    }
}
