//! An event → the evaluation's time: when it was due, not when it came. One that is delivered twice, or late, asks for
//! the same evaluation again, which finds that it was made.

use fluo_alerts::time;
use serde_json::Value;

/// Why an event says no time.
#[derive(Debug, thiserror::Error)]
#[error("`time` of the event is no time: {0}")]
pub struct NoTime(#[from] time::TimeError);

/// The `time` of an event of a schedule, in nanoseconds since the epoch. Any other event asks for an evaluation now, at
/// the last whole multiple of `every`.
pub fn eval_time(event: &Value, now: i64, every: i64) -> Result<i64, NoTime> {
    match event["time"].as_str() {
        Some(text) => Ok(time::parse(text, now)?),
        None => Ok(now.div_euclid(every.max(1)).saturating_mul(every.max(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn the_time_is_when_it_was_due() {
        let scheduled = serde_json::json!({
            "version": "0", "id": "89d1a02d-5ec7-412e-82f5-13505f849b41", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "123456789012", "time": "2026-11-22T11:05:00Z", "region": "eu-central-1",
            "resources": ["arn:aws:events:eu-central-1:123456789012:rule/every-minute"], "detail": {}
        });
        let at = |event: &Value, now: &str| {
            let now = time::parse(now, 0).unwrap();
            time::format(eval_time(event, now, MINUTE).unwrap())
        };
        assert_eq!(at(&scheduled, "2026-11-22T11:07:31Z"), at(&scheduled, "2026-11-22T11:05:02Z"));
        assert_eq!(at(&scheduled, "2026-11-22T11:07:31Z"), "2026-11-22T11:05:00.000Z");
        assert_eq!(at(&Value::Null, "2026-11-22T11:07:31Z"), "2026-11-22T11:07:00.000Z");
        assert_eq!(at(&serde_json::json!({}), "2026-11-22T11:07:31Z"), "2026-11-22T11:07:00.000Z");
        assert!(eval_time(&serde_json::json!({"time": "soon"}), 0, MINUTE).is_err());
    }
}
