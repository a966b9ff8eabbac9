//! Tests what is published, as the Query protocol carries it.

use std::collections::BTreeMap;

use fluo_alerts::notification::Notification;
use fluo_sinks::{SinkConfig, build};
use fluo_tests::http::{Answer, Server};
use serde_json::Value;

use crate::notifications::{firing, hostile, huge, is_clean, stale, summary, texts};
use crate::{NOW, secrets, sink};

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:alerts";

const PUBLISHED: &str = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>
    <MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult>
    <ResponseMetadata><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ResponseMetadata></PublishResponse>"#;

pub(crate) async fn published(
    topic: &str,
    notification: &Notification,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let server = Server::start([Answer::new(200, PUBLISHED)]).await;
    let yaml = format!("{{type: sns, topic_arn: '{topic}', endpoint: '{}'}}", server.url(""));
    sink(&yaml).send(notification, NOW).await.unwrap();
    let request = server.request();
    assert_eq!(request.line, "POST / HTTP/1.1");
    (request.headers.clone(), request.form())
}

fn read(yaml: &str) -> SinkConfig {
    serde_yaml::from_str(yaml).unwrap()
}

/// The fields with the forms of the message taken apart.
fn shown(form: &BTreeMap<String, String>) -> Value {
    let mut shown = serde_json::to_value(form).unwrap();
    let mut message: Value = serde_json::from_str(&form["Message"]).unwrap();
    message["https"] = serde_json::from_str(message["https"].as_str().unwrap()).unwrap();
    shown["Message"] = message;
    shown
}

#[tokio::test]
async fn wire_forms() {
    let (headers, _) = published(TOPIC, &firing()).await;
    assert_eq!(headers["x-amz-date"], "20261122T110615Z", "signed for the given time");
    let signature = &headers["authorization"];
    assert!(
        signature.contains("Credential=AKIDEXAMPLE/20261122/eu-central-1/sns/aws4_request"),
        "{signature}"
    );
    insta::assert_json_snapshot!("sns_stale", shown(&published(TOPIC, &stale()).await.1));
    insta::assert_json_snapshot!("sns_summary", shown(&published(TOPIC, &summary()).await.1));
}

/// The most particular that is said.
#[tokio::test]
async fn a_topic_is_where_the_sink_says_else_where_the_environment_says() {
    let [own, of_topics, of_all] =
        [Server::start([]).await, Server::start([]).await, Server::start([]).await];
    let of_topics_and_all =
        [("AWS_ENDPOINT_URL_SNS", of_topics.url("")), ("AWS_ENDPOINT_URL", of_all.url(""))];
    let cases = [
        (format!(", endpoint: '{}'", own.url("")), &of_topics_and_all[..], &own),
        (String::new(), &of_topics_and_all[..], &of_topics),
        (String::new(), &of_topics_and_all[1..], &of_all),
    ];
    for (endpoint, variables, expected) in cases {
        let given = |name: &str| {
            let variable = variables.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone());
            variable.or_else(|| secrets(name))
        };
        let before = expected.requests().len();
        let config = read(&format!("{{type: sns, topic_arn: '{TOPIC}'{endpoint}}}"));
        // What comes is no answer of SNS; that it was asked is enough.
        let _sent = build(&config, &given).unwrap().send(&firing(), NOW).await;
        assert_eq!(expected.requests().len(), before + 1, "{endpoint} {variables:?}");
    }
    let config = read(&format!("{{type: sns, topic_arn: '{TOPIC}', endpoint: 'https://me:s3cret@a'}}"));
    let error = build(&config, &secrets).err().unwrap().to_string();
    assert!(error.starts_with("sink `sns`: `endpoint` holds credentials: "), "{error}");
}

#[tokio::test]
async fn machines_get_the_record() {
    let (_, form) = published(TOPIC, &firing()).await;
    let message: Value = serde_json::from_str(&form["Message"]).unwrap();
    let record = serde_json::to_string(&firing()).unwrap();
    assert_eq!(message["sqs"], record);
    assert_eq!(message["lambda"], record);
    assert_eq!(form["MessageStructure"], "json");
}

/// A filter policy on what SNS does not pass on with messages of this structure would let nothing through.
#[tokio::test]
async fn there_is_nothing_that_a_filter_policy_could_be_about() {
    for notification in [firing(), stale(), summary()] {
        let (_, form) = published(TOPIC, &notification).await;
        let fields: Vec<_> = form.keys().map(String::as_str).collect();
        let expected = ["Action", "Message", "MessageStructure", "Subject", "TopicArn", "Version"];
        assert_eq!(fields, expected);
    }
}

#[tokio::test]
async fn on_a_fifo_topic_receivers_de_duplicate() {
    let (_, form) = published(&format!("{TOPIC}.fifo"), &firing()).await;
    assert_eq!(form["MessageDeduplicationId"], firing().id.to_string());
    assert_eq!(form["MessageGroupId"], firing().alert.unwrap().id.to_string());
    assert!(!published(TOPIC, &firing()).await.1.contains_key("MessageGroupId"));
}

#[tokio::test]
async fn subjects_are_what_mail_can_carry() {
    let mut long = firing();
    long.rule = Some("größe\r\nBcc: evil@example.org ".repeat(20));
    for notification in [firing(), hostile(), stale(), long] {
        let subject = published(TOPIC, &notification).await.1["Subject"].clone();
        assert!(
            subject.len() <= 100 && subject.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
            "{subject:?}"
        );
        assert!(subject.starts_with("[fluo "), "{subject}");
    }
}

#[tokio::test]
async fn messages_keep_to_256_kib_and_say_what_is_missing() {
    let (_, form) = published(TOPIC, &huge()).await;
    assert!(form["Message"].len() <= 256 * 1024);
    let message: Value = serde_json::from_str(&form["Message"]).unwrap();
    let record: Notification = serde_json::from_str(message["sqs"].as_str().unwrap()).unwrap();
    let left = record.alert.unwrap().violation.evidence.len();
    assert!(left > 0, "as much as fits");
    let note = format!("{} spans of evidence)", 200 - left);
    assert!(record.text.contains(&note), "{}", record.text);
    assert!(message["email"].as_str().unwrap().contains(&note));
}

#[tokio::test]
async fn no_value_can_make_an_alert_too_large_to_send() {
    let mut notification = firing();
    // What JSON writes with two bytes, and JSON in JSON with four.
    let long = "\"".repeat(1024);
    notification.text = vec![long.clone(); 16].join("\n");
    let alert = notification.alert.as_mut().unwrap();
    alert.violation.group = (0..30).map(|n| (format!("key.{n}"), Some(long.clone()))).collect();
    let form = published(TOPIC, &notification).await.1;
    assert!(form["Message"].len() <= 256 * 1024, "{}", form["Message"].len());
    let message: Value = serde_json::from_str(&form["Message"]).unwrap();
    let record: Notification = serde_json::from_str(message["sqs"].as_str().unwrap()).unwrap();
    assert_eq!(record.id, notification.id);
    assert!(record.text.ends_with("what is longer than 512 bytes)"), "{}", record.text);
    assert_eq!(record.alert.unwrap().violation.group.len(), 30);
}

#[tokio::test]
async fn no_value_is_markup_in_a_chat_program() {
    let (_, form) = published(TOPIC, &hostile()).await;
    let message = &shown(&form)["Message"];
    for text in texts(message) {
        assert!(is_clean(&text), "{text:?}");
    }
    let description = message["https"]["content"]["description"].as_str().unwrap();
    for markup in ["<", ">", "[", "*", "`", "://", "&lt;", " @"] {
        assert!(!description.contains(markup), "{markup}: {description}");
    }
}

#[tokio::test]
async fn refusals() {
    let refusal = |code: &str| {
        format!(
            r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>
               <Code>{code}</Code><Message>because</Message></Error><RequestId>1</RequestId></ErrorResponse>"#
        )
    };
    let cases = [
        (400, refusal("InvalidParameter"), false, "400 InvalidParameter: because"),
        (404, refusal("NotFound"), false, "404 NotFound: because"),
        (400, refusal("Throttling"), true, "400 Throttling: because"),
        (403, refusal("AuthorizationError"), true, "403 AuthorizationError: because"),
        (500, refusal("InternalError"), true, "500 InternalError: because"),
        (503, "<html>busy</html>".to_owned(), true, "503 error:"),
    ];
    for (status, body, retry, text) in cases {
        let server = Server::start([Answer::new(status, &body)]).await;
        let yaml = format!("{{type: sns, topic_arn: '{TOPIC}', endpoint: '{}'}}", server.url(""));
        let error = sink(&yaml).send(&firing(), NOW).await.unwrap_err();
        assert_eq!(error.is_retry(), retry, "{error}");
        assert_eq!(
            error.to_string().trim_end(),
            format!("sink `sns` could not publish to `{TOPIC}`: {text}")
        );
        assert_eq!(server.requests().len(), 1, "tried once");
    }
}

#[tokio::test]
async fn nobody_answers() {
    let server = Server::start([Answer::Silence]).await;
    let yaml = format!("{{type: sns, topic_arn: '{TOPIC}', endpoint: '{}', timeout: 300ms}}", server.url(""));
    let error = sink(&yaml).send(&firing(), NOW).await.unwrap_err();
    assert!(error.is_retry() && error.to_string().ends_with("no answer in time"), "{error}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let yaml = format!("{{type: sns, topic_arn: '{TOPIC}', endpoint: 'http://{free}'}}");
    let error = sink(&yaml).send(&firing(), NOW).await.unwrap_err();
    assert!(error.is_retry() && error.to_string().contains("no connection"), "{error}");
}
