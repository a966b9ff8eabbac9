//! Lambda's event source mapping for SQS: takes messages from a queue, invokes a function with them, and takes out of the
//! queue what the function did.
//!
//! A message that the function names in `batchItemFailures`, and every one where it fails as a whole, stays and is
//! received again after the queue's visibility timeout, until the queue's redrive policy puts it aside.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::aws::sqs::Queue;
use crate::function::Function;
use crate::runtime_api::{Outcome, REGION};

/// A mapping, which works until it is dropped.
#[derive(Debug)]
pub struct EventSource {
    pollers: Vec<JoinHandle<()>>,
}

impl EventSource {
    /// Connects a queue to a function, with this many invocations at a time.
    pub fn start(queue: &Queue, function: &Arc<Function>, at_a_time: usize) -> Self {
        let poller = || {
            let (queue, function) = (queue.clone(), Arc::clone(function));
            tokio::spawn(async move {
                loop {
                    let messages = queue.receive().await;
                    if messages.is_empty() {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    } else {
                        process(&queue, &function, &messages).await;
                    }
                }
            })
        };
        Self { pollers: (0..at_a_time).map(|_| poller()).collect() }
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        for poller in &self.pollers {
            poller.abort();
        }
    }
}

async fn process(queue: &Queue, function: &Function, messages: &[Value]) {
    let outcome = function.invoke(event(queue, messages)).await;
    let failed = failed(&outcome, messages);
    for message in messages {
        if !failed.contains(text(message, "MessageId")) {
            queue.delete(text(message, "ReceiptHandle")).await;
        }
    }
}

/// The event that a function gets of messages as SQS gives them.
pub fn event(queue: &Queue, messages: &[Value]) -> Value {
    let record = |message: &Value| {
        let attribute = |name: &str| message["Attributes"][name].clone();
        let mut record = json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {
                "ApproximateReceiveCount": attribute("ApproximateReceiveCount"),
                "SentTimestamp": attribute("SentTimestamp"),
                "SenderId": attribute("SenderId"),
                "ApproximateFirstReceiveTimestamp": attribute("ApproximateFirstReceiveTimestamp"),
            },
            "messageAttributes": message_attributes(message),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.arn(),
            "awsRegion": REGION,
        });
        for of_fifo in ["SequenceNumber", "MessageGroupId", "MessageDeduplicationId"] {
            if !attribute(of_fifo).is_null() {
                record["attributes"][of_fifo] = attribute(of_fifo);
            }
        }
        record
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

/// SQS and Lambda spell the same attributes differently.
fn message_attributes(message: &Value) -> Value {
    let given = message["MessageAttributes"].as_object().into_iter().flatten();
    given
        .map(|(name, value)| {
            let value = json!({
                "stringValue": value["StringValue"],
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value["DataType"],
            });
            (name.clone(), value)
        })
        .collect()
}

/// The ids of the messages that stay, by Lambda's rules: an answer that it does not understand fails everything.
fn failed<'a>(outcome: &Outcome, messages: &'a [Value]) -> BTreeSet<&'a str> {
    let all: BTreeSet<&str> = messages.iter().map(|message| text(message, "MessageId")).collect();
    let Outcome::Answered(answer) = outcome else { return all };
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return BTreeSet::new(),
        Some(Value::Array(failures)) => failures,
        Some(_) => return all,
    };
    let ids =
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().and_then(|id| all.get(id).copied()));
    ids.collect::<Option<_>>().unwrap_or(all)
}

fn text<'a>(message: &'a Value, name: &str) -> &'a str {
    message[name].as_str().expect("a message has it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> [Value; 2] {
        ["a", "b"].map(|id| json!({"MessageId": id}))
    }

    #[test]
    fn what_stays_in_the_queue() {
        let answered = |answer: Value| Outcome::Answered(answer);
        let cases: [(Outcome, &[&str]); 8] = [
            (answered(json!({})), &[]),
            (answered(Value::Null), &[]),
            (answered(json!({"batchItemFailures": []})), &[]),
            (answered(json!({"batchItemFailures": [{"itemIdentifier": "b"}]})), &["b"]),
            (answered(json!({"batchItemFailures": [{"itemIdentifier": "c"}]})), &["a", "b"]),
            (answered(json!({"batchItemFailures": [{"item": "b"}]})), &["a", "b"]),
            (Outcome::Failed(json!({"errorType": "Panic"})), &["a", "b"]),
            (Outcome::Killed, &["a", "b"]),
        ];
        for (outcome, stays) in cases {
            assert_eq!(failed(&outcome, &messages()), stays.iter().copied().collect(), "{outcome:?}");
        }
    }
}
