//! Queues.

use std::time::Duration;

use serde_json::{Value, json};

use super::Aws;

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    aws: Aws,
    url: String,
    arn: String,
}

/// The rule for messages that nobody takes out.
#[derive(Debug, Clone, Copy)]
pub struct Redrive<'a> {
    /// The queue that they go to.
    pub dead: &'a Queue,
    /// The number of receipts after which they go there.
    pub most: u32,
    /// The time that a message that was received is hidden.
    pub hidden: Duration,
}

impl Queue {
    /// Makes a queue: FIFO where its name says so.
    pub async fn create(aws: &Aws, name: &str) -> Self {
        Self::with(aws, name, json!({})).await
    }

    /// Makes a queue whose messages are received a few times only.
    pub async fn redriven(aws: &Aws, name: &str, redrive: Redrive<'_>) -> Self {
        let policy = json!({"deadLetterTargetArn": redrive.dead.arn, "maxReceiveCount": redrive.most});
        let hidden = redrive.hidden.as_secs().to_string();
        Self::with(aws, name, json!({"RedrivePolicy": policy.to_string(), "VisibilityTimeout": hidden})).await
    }

    /// Makes a queue whose messages are delivered after a while, as that of requests for evaluations.
    pub async fn delayed(aws: &Aws, name: &str, delay: Duration, hidden: Duration) -> Self {
        let (delay, hidden) = (delay.as_secs().to_string(), hidden.as_secs().to_string());
        Self::with(aws, name, json!({"DelaySeconds": delay, "VisibilityTimeout": hidden})).await
    }

    async fn with(aws: &Aws, name: &str, mut attributes: Value) -> Self {
        if std::path::Path::new(name).extension().is_some_and(|end| end == "fifo") {
            attributes["FifoQueue"] = "true".into();
        }
        let input = json!({"QueueName": name, "Attributes": attributes});
        let made = aws.call("sqs", "AmazonSQS.CreateQueue", &input).await;
        let url = made["QueueUrl"].as_str().expect("a queue has a URL").to_owned();
        let mut queue = Self { aws: aws.clone(), url, arn: String::new() };
        let attributes = queue.attributes(&["QueueArn"]).await;
        attributes["QueueArn"].as_str().expect("a queue has an ARN").clone_into(&mut queue.arn);
        queue
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a message.
    pub async fn send(&self, body: &str) {
        self.call("SendMessage", json!({"MessageBody": body})).await;
    }

    /// Up to ten messages, which are hidden from others for the queue's visibility timeout.
    pub async fn receive(&self) -> Vec<Value> {
        let input = json!({
            "MaxNumberOfMessages": 10,
            "MessageSystemAttributeNames": ["All"],
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        self.call("ReceiveMessage", input).await["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// Takes a message out.
    pub async fn delete(&self, receipt: &str) {
        self.call("DeleteMessage", json!({"ReceiptHandle": receipt})).await;
    }

    /// Takes all messages out that are to be seen, in order: their bodies.
    pub async fn drain(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let messages = self.receive().await;
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                self.delete(message["ReceiptHandle"].as_str().expect("a receipt")).await;
                bodies.push(message["Body"].as_str().expect("a body").to_owned());
            }
        }
    }

    /// Returns the number of messages it holds, hidden ones with it.
    pub async fn len(&self) -> u64 {
        // In one question: between two, a message that was hidden may have come to be seen.
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let attributes = self.attributes(&names).await;
        let number = |name: &str| attributes[name].as_str().and_then(|text| text.parse::<u64>().ok());
        names.iter().map(|name| number(name).expect("a number")).sum()
    }

    /// Returns whether it holds none.
    pub async fn is_empty(&self) -> bool {
        self.len().await == 0
    }

    async fn attributes(&self, names: &[&str]) -> Value {
        self.call("GetQueueAttributes", json!({"AttributeNames": names})).await["Attributes"].take()
    }

    async fn call(&self, action: &str, mut input: Value) -> Value {
        input["QueueUrl"] = self.url.clone().into();
        self.aws.call("sqs", &format!("AmazonSQS.{action}"), &input).await
    }
}
