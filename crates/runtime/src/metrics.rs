//! Numbers in CloudWatch's embedded metric format: a line of the log that becomes metrics, without a call.
//!
//! Source of the format: "Specification: Embedded metric format" of the Amazon CloudWatch user guide.

use serde_json::{Map, Value, json};

use crate::log;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "fluo";

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// A name, what it counts, how many.
pub type Metric = (&'static str, Unit, u64);

/// Writes metrics of a function. `at`: nanoseconds since the epoch.
pub fn emit(function: &str, at: i64, metrics: &[Metric]) {
    log::write(&made(function, at, metrics));
}

fn made(function: &str, at: i64, metrics: &[Metric]) -> Value {
    let definitions: Vec<Value> =
        metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit.as_str()})).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": at.div_euclid(1_000_000),
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": definitions}
            ],
        }),
    );
    line.insert("FunctionName".to_owned(), function.into());
    line.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), Value::from(*value))));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_what_it_holds() {
        let line = made("shop-ingest-spans", 1_795_345_575_250_999_999, &[("Spans", Unit::Count, 12)]);
        let expected = json!({
            "_aws": {
                "Timestamp": 1_795_345_575_250_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "fluo",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [{"Name": "Spans", "Unit": "Count"}],
                }],
            },
            "FunctionName": "shop-ingest-spans",
            "Spans": 12,
        });
        assert_eq!(line, expected);
    }
}
