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

/// The ends of an interval; a dash where it has none.
pub fn ends(interval: Interval, precision: usize) -> String {
    if !(interval.low.is_finite() && interval.high.is_finite()) {
        return DASH.to_owned();
    }
    format!("[{}, {}]", decimals(interval.low, precision), decimals(interval.high, precision))
}

/// An estimate with the ends of its interval; a dash where it is not a number.
pub fn estimate_and_ends(interval: Interval, precision: usize) -> String {
    match interval.estimate.is_finite() {
        true => format!("{} {}", decimals(interval.estimate, precision), ends(interval, precision)),
        false => DASH.to_owned(),
    }
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
