//! An event → the messages in it: whoever delivered them, and however often they were wrapped on the way.
//!
//! | event | messages |
//! | --- | --- |
//! | of a queue (`eventSource: aws:sqs`) | one a record |
//! | of a topic (`EventSource: aws:sns`) | one a record |
//! | any other | the event itself |
//!
//! A queue that is subscribed to a topic without raw delivery holds the topic's own envelope, which is taken off too.

use aws_lambda_events::sns::SnsEvent;
use aws_lambda_events::sqs::SqsEvent;
use serde_json::Value;

/// The sender that delivered an event, and that is told what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// A queue, which delivers again those messages alone that failed.
    Queue,
    /// Anybody else, who delivers all again.
    Whole,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id in the queue.
    pub id: Option<String>,
    /// Its text.
    pub text: String,
    /// The subject of a topic's message.
    pub subject: Option<String>,
}

/// The messages of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The sender that delivered it.
    pub delivery: Delivery,
    /// Its messages, in their order.
    pub messages: Vec<Message>,
}

/// The reason why an event was not understood.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Occurs when an event of a queue is not one.
    #[error("an event of a queue that is not as SQS makes them")]
    Queue(#[source] serde_json::Error),
    /// Occurs when an event of a topic is not one.
    #[error("an event of a topic that is not as SNS makes them")]
    Topic(#[source] serde_json::Error),
}

impl Envelope {
    /// Opens an event.
    pub fn open(event: Value) -> Result<Self, EnvelopeError> {
        let first = &event["Records"][0];
        // SQS writes `eventSource`, SNS `EventSource`.
        let source = first["eventSource"].as_str().or_else(|| first["EventSource"].as_str());
        match source {
            Some("aws:sqs") => {
                let event: SqsEvent = serde_json::from_value(event).map_err(EnvelopeError::Queue)?;
                let messages = event.records.into_iter().map(|record| {
                    let (text, subject) = without_topic(record.body.unwrap_or_default());
                    Message { id: record.message_id, text, subject }
                });
                Ok(Self { delivery: Delivery::Queue, messages: messages.collect() })
            }
            Some("aws:sns") => {
                let event: SnsEvent = serde_json::from_value(event).map_err(EnvelopeError::Topic)?;
                let messages = event.records.into_iter().map(|record| {
                    let sns = record.sns;
                    Message { id: None, text: sns.message, subject: sns.subject }
                });
                Ok(Self { delivery: Delivery::Whole, messages: messages.collect() })
            }
            _ => {
                let message = Message { id: None, text: event.to_string(), subject: None };
                Ok(Self { delivery: Delivery::Whole, messages: vec![message] })
            }
        }
    }
}

/// The text of a topic's message and its subject, where a text is the envelope of one.
fn without_topic(text: String) -> (String, Option<String>) {
    let opened: Option<Value> = serde_json::from_str(&text).ok(); // any other text is a message itself
    let field = |name: &str| opened.as_ref().and_then(|value| value[name].as_str()).map(str::to_owned);
    let is_envelope = field("Type").as_deref() == Some("Notification") && field("TopicArn").is_some();
    match field("Message").filter(|_| is_envelope) {
        Some(message) => (message, field("Subject")),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the delivery and the messages. The first 12 characters of each text are enough to tell them apart.
    fn opened(event: Value) -> (Delivery, Vec<(bool, String, Option<String>)>) {
        let envelope = Envelope::open(event).unwrap();
        let shown = |message: Message| {
            (message.id.is_some(), message.text.chars().take(12).collect(), message.subject)
        };
        (envelope.delivery, envelope.messages.into_iter().map(shown).collect())
    }

    #[test]
    fn messages_come_out_of_every_envelope() {
        let (queue, whole) = (Delivery::Queue, Delivery::Whole);
        let record = r#"{"schema":"f"#;
        let subject = Some("[fluo warning] Firing: AuthFailuresRule");
        let cases = [
            ("a queue", event!("sqs_notification"), queue, vec![(true, record, None)]),
            (
                "a topic's envelope in a queue",
                event!("sqs_sns_notification"),
                queue,
                vec![(true, record, subject)],
            ),
            ("a topic", event!("sns_notification"), whole, vec![(false, record, subject)]),
            (
                "several, of all kinds",
                event!("sqs_several"),
                queue,
                vec![
                    (true, record, None),
                    (true, "The quick br", None),
                    (true, r#"{"AlarmName""#, None),
                    (true, r#"{"schema":"f"#, None),
                ],
            ),
            ("S3, by itself", event!("s3_several"), whole, vec![(false, r#"{"Records":["#, None)]),
            ("anything", json!({"a": 1}), whole, vec![(false, r#"{"a":1}"#, None)]),
            ("nothing", Value::Null, whole, vec![(false, "null", None)]),
        ];
        for (scenario, event, delivery, messages) in cases {
            let messages = messages
                .into_iter()
                .map(|(id, text, subject)| (id, text.to_owned(), subject.map(str::to_owned)))
                .collect();
            assert_eq!(opened(event), (delivery, messages), "{scenario}");
        }
    }

    #[test]
    fn only_a_topic_s_envelope_is_taken_off() {
        let body = |body: Value| {
            let record = json!({"eventSource": "aws:sqs", "messageId": "1", "body": body.to_string()});
            Envelope::open(json!({"Records": [record]})).unwrap().messages[0].text.clone()
        };
        let envelope = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:r:1:t", "Message": "text"});
        assert_eq!(body(envelope.clone()), "text");
        for missing in ["Type", "TopicArn", "Message"] {
            let mut other = envelope.clone();
            other.as_object_mut().unwrap().remove(missing);
            assert_eq!(body(other.clone()), other.to_string(), "without {missing}");
        }
    }

    #[test]
    fn an_event_that_is_not_what_it_says_is_refused() {
        let cases = [
            (json!({"Records": [{"eventSource": "aws:sqs", "attributes": 1}]}), "SQS"),
            (json!({"Records": [{"EventSource": "aws:sns", "Sns": 1}]}), "SNS"),
        ];
        for (event, who) in cases {
            assert!(Envelope::open(event).unwrap_err().to_string().contains(who));
        }
    }
}
