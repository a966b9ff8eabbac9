//! Topics.

use serde_json::Value;

use super::{Aws, elements};
use crate::aws::sqs::Queue;
use crate::receivers::HttpSubscriber;

/// A topic.
#[derive(Debug, Clone)]
pub struct Topic {
    aws: Aws,
    arn: String,
}

/// A message as SNS sends it by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

impl Topic {
    /// Makes a topic: FIFO where its name says so.
    pub async fn create(aws: &Aws, name: &str) -> Self {
        let mut fields = vec![("Action", "CreateTopic"), ("Name", name)];
        if std::path::Path::new(name).extension().is_some_and(|end| end == "fifo") {
            fields.extend([("Attributes.entry.1.key", "FifoTopic"), ("Attributes.entry.1.value", "true")]);
        }
        let answer = aws.query("sns", &fields).await;
        Self { aws: aws.clone(), arn: elements(&answer, "TopicArn").remove(0) }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Subscribes a queue: to messages as they were published, or in SNS's envelope.
    pub async fn to_queue(&self, queue: &Queue, raw: bool) {
        let mut fields = self.subscribe("sqs", queue.arn());
        if raw {
            fields.extend([
                ("Attributes.entry.1.key", "RawMessageDelivery"),
                ("Attributes.entry.1.value", "true"),
            ]);
        }
        self.aws.query("sns", &fields).await;
    }

    /// Subscribes a web server, as what is behind HTTPS is: it gets that protocol's form. It confirms; the stand-in does
    /// not ask for that, so it is asked from here, in the form that SNS asks.
    pub async fn to_http(&self, subscriber: &HttpSubscriber) {
        let url = subscriber.url();
        self.aws.query("sns", &self.subscribe("https", &url)).await;
        let confirm = format!(
            "{}/?Action=ConfirmSubscription&TopicArn={}&Token=2336412f37fb687f",
            self.aws.endpoint, self.arn
        );
        let request = serde_json::json!({
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f37fb687f",
            "TopicArn": self.arn,
            "Message": "You have chosen to subscribe to the topic.",
            "SubscribeURL": confirm,
            "Timestamp": jiff::Timestamp::now().to_string(),
        });
        let answer = self.aws.http.post(&url).body(request.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "the subscriber does not confirm: {}", answer.status());
    }

    /// Returns the mails that subscribers by mail were sent, in order. The stand-in sends no mail, but tells what was
    /// published; of that, mail gets what SNS would send: the text for the protocol `email`, else the default.
    pub async fn mails(&self) -> Vec<Mail> {
        let answer =
            self.aws.http.get(format!("{}/moto-api/data.json", self.aws.endpoint)).send().await.unwrap();
        let data: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let topics = data["sns"]["Topic"].as_array().cloned().unwrap_or_default();
        let topic =
            topics.iter().find(|topic| topic["arn"] == self.arn.as_str()).expect("the topic is there");
        let sent = topic["sent_notifications"].as_array().expect("what was sent is told");
        sent.iter()
            .map(|sent| {
                let message: Value =
                    serde_json::from_str(sent[1].as_str().unwrap()).expect("forms by protocol");
                let text = message.get("email").unwrap_or(&message["default"]);
                Mail {
                    subject: sent[2].as_str().expect("mail has a subject").to_owned(),
                    text: text.as_str().expect("a form is text").to_owned(),
                }
            })
            .collect()
    }

    fn subscribe<'a>(&'a self, protocol: &'a str, endpoint: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![("Action", "Subscribe"), ("TopicArn", &self.arn), ("Protocol", protocol), ("Endpoint", endpoint)]
    }
}
