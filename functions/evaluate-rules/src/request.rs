//! An event → the evaluation that it asks for.
//!
//! | event | asks for the evaluation of |
//! | --- | --- |
//! | of a schedule | its `time`: when it was due, not when it came |
//! | of the queue of requests | the newest time that its messages name: it sees what all of them are about |
//! | any other | now, at the last whole multiple of `every` |
//!
//! An event that is delivered twice, or late, asks for the same evaluation again, which finds that it was made.

use fluo_evaluator::Request;
use fluo_runtime::envelope::{Envelope, EnvelopeError};
use fluo_runtime::evaluation_request::{NoRequest, eval_time};
use fluo_time::moment;
use serde_json::Value;

/// The reason for which an event asks for no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Occurs when a schedule's event says no time.
    #[error("`time` of the event is no time: {0}")]
    Time(#[from] moment::TimeError),
    /// Occurs when an event of a queue is not one.
    #[error(transparent)]
    Event(#[from] EnvelopeError),
    /// Occurs when a message of a queue is no request.
    #[error(transparent)]
    Message(#[from] NoRequest),
}

/// Returns whether an event comes from a queue, which delivers it again where it failed.
pub fn is_of_queue(event: &Value) -> bool {
    event["Records"][0]["eventSource"] == "aws:sqs"
}

/// Returns what an event asks for. `now`: nanoseconds since the epoch.
///
/// # Errors
///
/// [`EventError`] where it asks for nothing.
pub fn request(event: &Value, now: i64, every: i64) -> Result<Request, EventError> {
    if is_of_queue(event) {
        return of_queue(&Envelope::open(event.clone())?);
    }
    let eval_time = match event["time"].as_str() {
        Some(text) => moment::parse(text, now)?,
        None => now.div_euclid(every.max(1)).saturating_mul(every.max(1)),
    };
    Ok(Request::scheduled(eval_time))
}

/// A message that asks for nothing fails the event: nobody but ingest has business in that queue.
fn of_queue(envelope: &Envelope) -> Result<Request, EventError> {
    let mut newest = i64::MIN;
    for message in &envelope.messages {
        newest = newest.max(eval_time(&message.text)?);
    }
    Ok(Request::by_arrival(newest))
}

#[cfg(test)]
mod tests {
    use fluo_evaluator::Cause;
    use serde_json::json;

    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    fn at(event: &Value, now: &str) -> Result<(Cause, String), EventError> {
        let asked = request(event, moment::parse(now, 0).unwrap(), MINUTE)?;
        Ok((asked.cause, moment::format(asked.eval_time)))
    }

    #[test]
    fn the_time_is_when_it_was_due() {
        let scheduled = json!({
            "version": "0", "id": "89d1a02d-5ec7-412e-82f5-13505f849b41", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "123456789012", "time": "2026-11-22T11:05:00Z", "region": "eu-central-1",
            "resources": ["arn:aws:events:eu-central-1:123456789012:rule/every-minute"], "detail": {}
        });
        let due = (Cause::Schedule, "2026-11-22T11:05:00.000Z".to_owned());
        assert_eq!(at(&scheduled, "2026-11-22T11:07:31Z").unwrap(), due);
        assert_eq!(at(&scheduled, "2026-11-22T11:05:02Z").unwrap(), due);
        let now = (Cause::Schedule, "2026-11-22T11:07:00.000Z".to_owned());
        assert_eq!(at(&Value::Null, "2026-11-22T11:07:31Z").unwrap(), now);
        assert_eq!(at(&json!({}), "2026-11-22T11:07:31Z").unwrap(), now);
        assert!(at(&json!({"time": "soon"}), "2026-11-22T11:07:31Z").is_err());
    }

    #[test]
    fn messages_of_the_queue_ask_for_the_newest_of_their_evaluations() {
        let mut event: Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/events/sqs_evaluation_requests.json"))
                .unwrap();
        assert!(is_of_queue(&event));
        let newest = (Cause::Arrival, "2026-11-22T11:05:10.000Z".to_owned());
        assert_eq!(at(&event, "2026-11-22T11:07:31Z").unwrap(), newest);
        event["Records"].as_array_mut().unwrap().reverse();
        assert_eq!(at(&event, "2026-11-22T11:07:31Z").unwrap(), newest);
        event["Records"][1]["body"] = "The quick brown fox".into();
        let error = at(&event, "2026-11-22T11:07:31Z").unwrap_err();
        assert_eq!(error.to_string(), "a message that asks for no evaluation");
    }
}
