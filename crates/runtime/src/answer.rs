//! What became of the messages of an event → what Lambda is told.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse};
use serde_json::{Value, json};

use crate::envelope::{Delivery, Envelope};

/// An answer that makes a message be delivered again cannot be given.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {messages} failed, and whoever invoked the function delivers only all of them again")]
pub struct NotDone {
    /// Messages that failed.
    pub failed: usize,
    /// All of them.
    pub messages: usize,
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
            .filter_map(|index| {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = envelope.messages.get(*index)?.id.clone()?;
                Some(failure)
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
