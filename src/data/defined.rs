//! Numbers that may not be defined, such as the correlation of labels that do not vary: `None`, never NaN, in records and in
//! tables.

use serde::{Deserialize, Deserializer};

/// The number, where it is one: neither NaN nor infinite.
pub fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Reads a number that may be null, empty, or `NaN` as earlier versions wrote it.
///
/// # Errors
/// If the value is something else.
pub fn read_defined<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::deserialize(deserializer)?.and_then(defined))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        #[serde(deserialize_with = "read_defined")]
        value: Option<f64>,
    }

    #[test]
    fn what_is_not_defined_is_none_in_json_and_csv() {
        for (json, value) in [("0.5", Some(0.5)), ("null", None)] {
            let row: Row = serde_json::from_str(&format!("{{\"value\": {json}}}")).unwrap();
            assert_eq!(row, Row { value });
        }
        for (csv, value) in [("0.5", Some(0.5)), ("\"\"", None), ("NaN", None), ("inf", None)] {
            let text = format!("value\n{csv}\n");
            let rows: Result<Vec<Row>, _> = csv::Reader::from_reader(text.as_bytes()).deserialize().collect();
            assert_eq!(rows.unwrap(), [Row { value }], "{csv}");
        }
        assert!(serde_json::from_str::<Row>("{\"value\": \"x\"}").is_err());
    }
}
