//! Tells requests of other signals, whose outer structure is that of a trace request.
//!
//! Logs and metrics have their records where traces have spans, so without this a bucket that mixes
//! signals would be reported as one of malformed spans. Used only when *no* record of a message is a
//! span, to find the better words.

use super::wire::{Reader, Wire};
use crate::error::Foreign;

/// The signal of a record that is no span; `None` if it may be a broken one.
pub(super) fn foreign(record: &[u8]) -> Option<Foreign> {
    let mut reader = Reader::new(record);
    let mut data_points = false;
    let mut times = false;
    let mut named = false;
    while let Ok(Some((number, wire))) = reader.field() {
        match (number, wire) {
            // LogRecord: time_unix_nano, severity_number, observed_time_unix_nano. As a span's fields
            // these would be its ids and its events.
            (1 | 11, Wire::Fixed64(_)) | (2, Wire::Varint(_)) => return Some(Foreign::Logs),
            // Metric: the gauge, sum, histogram, exponential histogram or summary. As a span's fields
            // 5, 9 and 11 would be bytes too, so a metric's name, where a span has random bytes, and its lack of times
            // count as well.
            (7 | 10, Wire::Bytes(_)) => return Some(Foreign::Metrics),
            (5 | 9 | 11, Wire::Bytes(_)) => data_points = true,
            (7 | 8, _) => times = true,
            (1, Wire::Bytes(name)) => named = std::str::from_utf8(name).is_ok(),
            _ => {}
        }
    }
    (named && data_points && !times).then_some(Foreign::Metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_tell_their_signal() {
        let cases: [(&str, &[u8], Option<Foreign>); 6] = [
            ("log record with a time", &[0x09, 1, 0, 0, 0, 0, 0, 0, 0], Some(Foreign::Logs)),
            ("log record with a severity", &[0x10, 9], Some(Foreign::Logs)),
            ("metric that is a sum", &[0x0a, 1, b'm', 0x3a, 0], Some(Foreign::Metrics)),
            ("metric that is a gauge", &[0x0a, 1, b'm', 0x2a, 0], Some(Foreign::Metrics)),
            ("span with a short trace id", &[0x0a, 1, b'm', 0x2a, 0, 0x41, 1, 0, 0, 0, 0, 0, 0, 0], None),
            ("empty", &[], None),
        ];
        for (scenario, record, expected) in cases {
            assert_eq!(foreign(record), expected, "{scenario}");
        }
    }
}
