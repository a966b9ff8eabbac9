//! A message that asks for an evaluation, because data files have arrived.
//!
//! ```text
//! data files ─▶ slot_end ─▶ message ─▶ FIFO queue, delayed by a slot ─▶ eval_time ─▶ evaluation
//! ```
//!
//! Time is cut into slots, and all that arrives in a slot asks for one and the same evaluation: that of the slot's end,
//! which is the message's de-duplication id. The queue delays messages by the length of a slot. So a message that is
//! delivered finds the slot over, and the files of all whose messages were taken for it already there.

use fluo_alerts::wire;
use fluo_time::moment;
use serde::{Deserialize, Serialize};

/// Name and version of the message's format.
pub const SCHEMA: &str = "fluo.request/v1";

/// The message group of all requests: one is worked on at a time.
pub const GROUP: &str = "evaluate";

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    schema: String,
    #[serde(with = "wire::moment")]
    eval_time: i64,
}

/// The reason why a message asks for no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum NoRequest {
    /// Occurs when it is another message.
    #[error("a message that asks for no evaluation")]
    Message(#[from] serde_json::Error),
    /// Occurs when it is of another version.
    #[error("a request of the format `{0}`, and this version of fluo reads `{SCHEMA}`")]
    Schema(String),
}

/// Returns the end of the slot that `now` lies in. Both are in nanoseconds since the epoch; a slot has `length`
/// nanoseconds, and its end belongs to the next one.
pub fn slot_end(now: i64, length: i64) -> i64 {
    let length = length.max(1);
    now.div_euclid(length).saturating_add(1).saturating_mul(length)
}

/// Returns the message that asks for the evaluation of a time.
///
/// # Errors
///
/// None that a time can cause: JSON has texts.
pub fn message(eval_time: i64) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Message { schema: SCHEMA.to_owned(), eval_time })
}

/// Returns the id that all messages for one evaluation share.
pub fn deduplication_id(eval_time: i64) -> String {
    moment::format(eval_time)
}

/// Returns the time of the evaluation that a message asks for, in nanoseconds since the epoch.
///
/// # Errors
///
/// [`NoRequest`] where it asks for none.
pub fn eval_time(text: &str) -> Result<i64, NoRequest> {
    let Message { schema, eval_time } = serde_json::from_str(text)?;
    if schema == SCHEMA { Ok(eval_time) } else { Err(NoRequest::Schema(schema)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn all_that_arrives_in_a_slot_asks_for_its_end() {
        let end = |now| slot_end(now, 5 * SECOND) / SECOND;
        let cases = [(0, 5), (1, 5), (5 * SECOND - 1, 5), (5 * SECOND, 10), (7 * SECOND, 10), (-1, 0)];
        for (now, expected) in cases {
            assert_eq!(end(now), expected, "{now}");
        }
        assert!(slot_end(i64::MAX, 5 * SECOND) > 0, "no overflow");
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let time = 1_795_345_505_000_000_000;
        let text = message(time).unwrap();
        assert_eq!(text, r#"{"schema":"fluo.request/v1","eval_time":"2026-11-22T11:05:05.000Z"}"#);
        assert_eq!(eval_time(&text).unwrap(), time);
        assert_eq!(deduplication_id(time), "2026-11-22T11:05:05.000Z");
    }

    #[test]
    fn what_asks_for_no_evaluation_is_refused() {
        let time = r#""eval_time":"2026-11-22T11:05:05.000Z""#;
        let cases = [
            (r#"{"Event":"s3:TestEvent"}"#.to_owned(), "a message that asks for no evaluation"),
            (
                format!(r#"{{"schema":"fluo.request/v2",{time}}}"#),
                "a request of the format `fluo.request/v2`",
            ),
            (r#"{"schema":"fluo.request/v1","eval_time":"soon"}"#.to_owned(), "a message that asks"),
            ("{".to_owned(), "a message that asks"),
        ];
        for (text, reason) in cases {
            let error = eval_time(&text).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{text}: {error}");
        }
    }
}
