//! Bounds of the numbers that a user gives. One value is both the check and its words, so a message cannot name another
//! bound than the one that is checked.

use std::fmt::{Display, Formatter};
use std::ops::RangeInclusive;

/// A kind of number that has bounds.
pub trait Number: Copy + PartialOrd {
    /// The kind in words.
    const KIND: &str;

    /// A value as a user would write it.
    fn written(self) -> String;
}

impl Number for u64 {
    const KIND: &str = "a whole number";

    fn written(self) -> String {
        self.to_string()
    }
}

impl Number for f64 {
    const KIND: &str = "a number";

    /// In digits; large and small ones with an exponent, as digits would have to be counted.
    fn written(self) -> String {
        match self.abs() {
            x if x != 0.0 && !(1e-6..1e9).contains(&x) => format!("{self:e}"),
            _ => self.to_string(),
        }
    }
}

/// The least and the greatest value that a number may have. Its display is that of [`Bounds::a`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds<T> {
    low: T,
    high: T,
    /// Whether the number may be the least value itself.
    from_low: bool,
    /// Whether the number may be the greatest value itself.
    to_high: bool,
}

impl<T> Bounds<T> {
    /// From `low` to `high`.
    pub const fn within(low: T, high: T) -> Self {
        Self { low, high, from_low: true, to_high: true }
    }

    /// Above `low`, at most `high`.
    pub const fn above(low: T, high: T) -> Self {
        Self { low, high, from_low: false, to_high: true }
    }

    /// From `low` to below `high`.
    pub const fn below(low: T, high: T) -> Self {
        Self { low, high, from_low: true, to_high: false }
    }
}

impl<T: Number> Bounds<T> {
    /// The greatest value, or the value that all stay below.
    pub const fn high(&self) -> T {
        self.high
    }

    /// Whether a number is within the bounds; not-a-number is not.
    pub fn contains(&self, x: T) -> bool {
        let Self { low, high, from_low, to_high } = *self;
        (x > low || (from_low && x == low)) && (x < high || (to_high && x == high))
    }

    /// The bounds alone: `from 1 to 64`, `above 0, at most 1`, `from 0 to below 1`.
    pub fn range(&self) -> String {
        let (low, high) = (self.low.written(), self.high.written());
        match (self.from_low, self.to_high) {
            (true, true) => format!("from {low} to {high}"),
            (true, false) => format!("from {low} to below {high}"),
            (false, true) => format!("above {low}, at most {high}"),
            (false, false) => format!("above {low}, below {high}"),
        }
    }

    /// A number within the bounds in words: `a whole number from 1 to 64`.
    pub fn a(&self) -> String {
        format!("{} {}", T::KIND, self.range())
    }
}

impl<T: Number> Display for Bounds<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.a())
    }
}

impl<T: Copy> From<RangeInclusive<T>> for Bounds<T> {
    fn from(range: RangeInclusive<T>) -> Self {
        Self::within(*range.start(), *range.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_check_agree_at_the_ends() {
        let cases = [
            (Bounds::within(0.0, 1.0), "a number from 0 to 1", [true, true]),
            (Bounds::above(0.0, 1e12), "a number above 0, at most 1e12", [false, true]),
            (Bounds::below(-1.5, 1e-7), "a number from -1.5 to below 1e-7", [true, false]),
        ];
        for (bounds, words, ends) in cases {
            assert_eq!(bounds.to_string(), words);
            assert_eq!([bounds.low, bounds.high].map(|end| bounds.contains(end)), ends, "{words}");
            assert!(bounds.contains(0.5 * (bounds.low + bounds.high)), "{words}");
            let outside = [bounds.low.next_down(), bounds.high.next_up(), f64::NAN, f64::INFINITY];
            assert!(!outside.iter().any(|x| bounds.contains(*x)), "{words}");
        }
        let whole = Bounds::from(2..=i64::MAX as u64);
        assert_eq!(whole.to_string(), "a whole number from 2 to 9223372036854775807");
        assert!(!whole.contains(1) && whole.contains(2) && !whole.contains(u64::MAX));
    }
}
