//! Numbers, lists and intervals in words, for texts and cells.

use crate::analysis::Interval;
use crate::figure::theme::{decimals, number, thousands};

use super::section::DASH;

/// A whole number in print: 5,000.
pub fn count(number: usize) -> String {
    thousands(number as u64)
}

/// "1 seed", "200 seeds".
pub fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(n)) }
}

/// "a, b and c"; a dash for an empty list.
pub fn list(items: impl Iterator<Item = String>) -> String {
    joined(items, "and")
}

/// "a, b or c"; a dash for an empty list.
pub fn either(items: impl Iterator<Item = String>) -> String {
    joined(items, "or")
}

fn joined(items: impl Iterator<Item = String>, word: &str) -> String {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [] => DASH.to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// Seconds in the two largest units that matter: "1 h 24 min".
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{} s", number((seconds * 10.0).round() / 10.0)),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{} h {minutes} min", thousands(hours)),
    }
}

/// The text; a dash for none.
pub fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| DASH.to_owned())
}

/// The ends of an interval, with `precision` decimals or more where it is narrow; a dash where it has none.
pub fn ends(interval: Option<Interval>, precision: usize) -> String {
    or_dash(interval.and_then(|interval| {
        let precision = interval.decimals(precision);
        let (low, high) = interval.ends?;
        Some(format!("[{}, {}]", decimals(low, precision), decimals(high, precision)))
    }))
}

/// The estimate, with as many decimals as its ends have; a dash where there is none.
pub fn estimate(interval: Option<Interval>, precision: usize) -> String {
    or_dash(interval.map(|interval| decimals(interval.estimate, interval.decimals(precision))))
}

/// A measured number with a fixed number of decimals; a dash for none.
pub fn decimals_or_dash(value: Option<f64>, precision: usize) -> String {
    or_dash(value.map(|value| decimals(value, precision)))
}

/// An estimate with the ends of its interval; a dash where there is none.
pub fn estimate_and_ends(interval: Option<Interval>, precision: usize) -> String {
    let text = || format!("{} {}", estimate(interval, precision), ends(interval, precision));
    or_dash(interval.map(|_| text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_as_in_print() {
        assert_eq!([0.52, 61.0, 5_025.0].map(duration), ["0.5 s", "1 min 1 s", "1 h 23 min"]);
        assert_eq!(list(["a", "b", "c"].map(String::from).into_iter()), "a, b and c");
        assert_eq!((plural(1, "seed"), plural(5_400, "run")), ("1 seed".into(), "5,400 runs".into()));
    }
}
