//! The outcomes of an event's messages → the answer to Lambda.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse};
use serde_json::{Value, json};

use crate::envelope::{Delivery, Envelope, EnvelopeError};

/// An answer that makes a message be delivered again cannot be given.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {messages} failed, and whoever invoked the function delivers only all of them again")]
pub struct NotDone {
    /// Messages that failed.
    pub failed: usize,
    /// All of them.
    pub messages: usize,
}

/// The reason why an invocation whose event brings messages failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// Occurs when its event is of no known shape.
    #[error(transparent)]
    Event(#[from] EnvelopeError),
    /// Occurs when some messages failed and whoever delivered them cannot be told which.
    #[error(transparent)]
    NotDone(#[from] NotDone),
}

/// The answer where `failed` holds the places in `envelope.messages` of those that are to be delivered again.
///
/// A queue is told which: it keeps only those (`ReportBatchItemFailures`). Anybody else is told that the invocation
/// failed, and delivers everything again.
pub fn answer(envelope: &Envelope, failed: &[usize]) -> Result<Value, NotDone> {
    if envelope.delivery == Delivery::Queue {
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failed
            .iter()
            .filter_map(|index| envelope.messages.get(*index))
            .map(|message| {
                let mut failure = BatchItemFailure::default();
                // Of a failure that names no message, Lambda takes it that all failed.
                failure.item_identifier = message.id.clone().unwrap_or_default();
                failure
            })
            .collect();
        // A structure of texts always has a JSON form.
        return Ok(json!(response));
    }
    match failed.len() {
        0 => Ok(json!({"messages": envelope.messages.len()})),
        failed => Err(NotDone { failed, messages: envelope.messages.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_told_which_messages_failed() {
        let event = event!("sqs_several");
        let id = |index: usize| event["Records"][index]["messageId"].clone();
        let envelope = Envelope::open(event.clone()).unwrap();
        let cases = [
            ("none", vec![], json!([])),
            ("some", vec![1, 3], json!([{"itemIdentifier": id(1)}, {"itemIdentifier": id(3)}])),
            ("one that is not there", vec![4], json!([])),
        ];
        for (scenario, failed, failures) in cases {
            let expected = json!({"batchItemFailures": failures});
            assert_eq!(answer(&envelope, &failed).unwrap(), expected, "{scenario}");
        }
    }

    #[test]
    fn anybody_else_is_told_that_all_failed() {
        let envelope = Envelope::open(event!("sns_notification")).unwrap();
        assert_eq!(answer(&envelope, &[]).unwrap(), json!({"messages": 1}));
        let NotDone { failed, messages } = answer(&envelope, &[0]).unwrap_err();
        assert_eq!((failed, messages), (1, 1));
    }
}
