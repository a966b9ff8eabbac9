//! SNS through to SQS on a stand-in of AWS, whose endpoint `FLUO_TEST_MOTO` names (`http://127.0.0.1:5555`).
//!
//! Not part of plain `cargo test`, which needs no other program; `.ci/run` starts the stand-in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

#[path = "../it/notifications.rs"]
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
mod notifications;

use std::collections::BTreeMap;

use fluo_alerts::notification::Notification;

use fluo_sinks::{Sink, SinkConfig, build};

use notifications::{firing, hostile};

/// The time at which everything here is sent.
const NOW: i64 = 1_795_345_575_250_000_000;

/// The sink of a configuration in YAML, where AWS is the server of `endpoint`.
fn sink(yaml: &str, endpoint: &str) -> Box<dyn Sink> {
    let secrets = |variable: &str| match variable {
        "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
        "AWS_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("not-a-secret-key".to_owned()),
        _ => None,
    };
    let config: SinkConfig = serde_yaml::from_str(yaml).unwrap();
    build(&config, &secrets).unwrap()
}

/// Calls an action of the Query protocol, unsigned as the stand-in takes it, and gives the text between two tags.
async fn call(endpoint: &str, service: &str, fields: &[(&str, &str)], tag: &str) -> String {
    let mut url = reqwest::Url::parse(endpoint).unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    let body = url.query().unwrap_or_default().to_owned();
    let scope = format!("AWS4-HMAC-SHA256 Credential=test/20261122/eu-central-1/{service}/aws4_request");
    let answer = reqwest::Client::new()
        .post(endpoint)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", scope)
        .body(body)
        .send()
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    let (_, rest) = text.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("no {tag} in {text}"));
    rest.split_once(&format!("</{tag}>")).unwrap().0.to_owned()
}

#[tokio::test]
async fn a_queue_behind_the_topic_receives_the_record() {
    let endpoint = std::env::var("FLUO_TEST_MOTO").expect("FLUO_TEST_MOTO says where the stand-in is");
    let topic = call(&endpoint, "sns", &[("Action", "CreateTopic"), ("Name", "alerts")], "TopicArn").await;
    let queue =
        call(&endpoint, "sqs", &[("Action", "CreateQueue"), ("QueueName", "alerts")], "QueueUrl").await;
    let arn = topic.replace(":sns:", ":sqs:");
    let subscribe = [
        ("Action", "Subscribe"),
        ("TopicArn", &topic),
        ("Protocol", "sqs"),
        ("Endpoint", &arn),
        ("Attributes.entry.1.key", "RawMessageDelivery"),
        ("Attributes.entry.1.value", "true"),
    ];
    call(&endpoint, "sns", &subscribe, "SubscriptionArn").await;
    call(&endpoint, "sqs", &[("Action", "PurgeQueue"), ("QueueUrl", &queue)], "RequestId").await;
    let sink = sink(&format!("{{type: sns, topic_arn: '{topic}'}}"), &endpoint);
    for notification in [firing(), hostile()] {
        sink.send(&notification, NOW).await.unwrap();
        let receive = [("Action", "ReceiveMessage"), ("QueueUrl", &queue), ("WaitTimeSeconds", "1")];
        let body = call(&endpoint, "sqs", &receive, "Body").await;
        let entities = BTreeMap::from([("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'")]);
        let body = entities.iter().fold(body, |body, (entity, text)| body.replace(entity, text));
        let read: Notification = serde_json::from_str(&body.replace("&amp;", "&")).unwrap();
        assert_eq!(read.id, notification.id);
    }
}
