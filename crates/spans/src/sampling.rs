//! The number of spans that a sampled span stands for, from its trace state.
//!
//! OpenTelemetry's consistent probability sampling leaves the rejection threshold in the entry `ot` of a span's trace
//! state, as `th`: one to fourteen hexadecimal digits, to which zeros are added until they are fourteen. A span was kept
//! with the probability `(2^56 - threshold) / 2^56`, and stands for as many spans as that goes into one.
//! (OpenTelemetry specification, `TraceState` handling, sampling threshold value `th`.)

/// The hexadecimal digits of a threshold.
const DIGITS: usize = 14;

/// The number of different thresholds: 2⁵⁶.
const THRESHOLDS: u64 = 1 << 56;

/// Returns the number of spans that a span with this trace state stands for, which is 1 at least. A trace state without a
/// threshold, or with one that cannot be read, says nothing of sampling: the span stands for itself.
#[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
pub fn adjusted_count(trace_state: &str) -> f64 {
    match threshold(trace_state) {
        Some(threshold) => THRESHOLDS as f64 / (THRESHOLDS - threshold) as f64,
        None => 1.0,
    }
}

/// Returns the rejection threshold in a trace state, below 2⁵⁶.
pub fn threshold(trace_state: &str) -> Option<u64> {
    let mut members = trace_state.split(',').map(|member| member.trim_matches([' ', '\t']));
    let of_otel = members.find_map(|member| member.strip_prefix("ot="))?;
    let digits = of_otel.split(';').find_map(|entry| entry.strip_prefix("th:"))?;
    let is_hex = (1..=DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let given = u64::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    Some(given << (4 * (DIGITS - digits.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_as_they_are_propagated() {
        for (trace_state, threshold_is, stands_for) in [
            ("ot=th:0", Some(0), 1.0),
            ("ot=th:8", Some(1 << 55), 2.0),
            ("ot=th:c", Some(3 << 54), 4.0),
            ("ot=th:C", Some(3 << 54), 4.0),
            ("ot=th:80000000000000", Some(1 << 55), 2.0),
            ("ot=th:fd70a3d70a3d71", Some(0xfd_70a3_d70a_3d71), 100.000_000_000_000_06),
            ("ot=th:ffffffffffffff", Some(THRESHOLDS - 1), 72_057_594_037_927_936.0),
            ("ot=rv:abcdefabcdefab;th:8", Some(1 << 55), 2.0),
            ("congo=t61rcWkgMzE,ot=p:8;th:e;x:1", Some(0xe << 52), 8.0),
            ("congo=th:8 , ot=th:c", Some(3 << 54), 4.0),
            // Without a threshold, or with none that can be one.
            ("", None, 1.0),
            ("ot=p:8;r:62", None, 1.0),
            ("congo=th:8", None, 1.0),
            ("tenant@ot=th:8", None, 1.0),
            ("ot=th:", None, 1.0),
            ("ot=th:+8", None, 1.0),
            ("ot=th:xyz", None, 1.0),
            ("ot=th:000000000000000", None, 1.0),
        ] {
            assert_eq!(threshold(trace_state), threshold_is, "{trace_state}");
            let found = adjusted_count(trace_state);
            assert!((found - stands_for).abs() <= 1e-15 * stands_for, "{trace_state}: {found}");
        }
    }
}
