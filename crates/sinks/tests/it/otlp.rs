//! Log records as a collector takes them.

use fluo_alerts::notification::Notification;
use fluo_tests::http::{Answer, Server};
use serde_json::Value;

use crate::notifications::{firing, hostile, is_clean, stale, texts};
use crate::{NOW, sink};

async fn sent(notification: &Notification) -> Value {
    let server = Server::start([Answer::new(200, r#"{"partialSuccess":{}}"#)]).await;
    let yaml = format!("{{type: otlp, endpoint: '{}'}}", server.url(""));
    sink(&yaml).send(notification, NOW).await.unwrap();
    assert_eq!(server.request().line, "POST /v1/logs HTTP/1.1");
    server.request().json()
}

#[tokio::test]
async fn wire_forms() {
    insta::assert_json_snapshot!("otlp_stale", sent(&stale()).await);
    for text in texts(&sent(&hostile()).await) {
        assert!(is_clean(&text), "{text:?}");
    }
}

#[tokio::test]
async fn ids_that_are_none_are_left_out() {
    let mut notification = firing();
    for span in &mut notification.alert.as_mut().unwrap().violation.evidence {
        span.trace_id = "not hexadecimal".to_owned();
    }
    let body = sent(&notification).await;
    let record = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert!(record["eventName"] == "fluo.firing" && record["traceId"].is_null(), "{record}");
}

#[tokio::test]
async fn a_success_that_rejects_is_none() {
    let cases = [
        (r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}"#, false),
        (r#"{"partialSuccess":{"rejectedLogRecords":1,"errorMessage":"too old"}}"#, false),
        (r#"{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"slow down"}}"#, true),
        ("{}", true),
        ("", true),
        ("thanks", true),
    ];
    for (answer, accepted) in cases {
        let server = Server::start([Answer::new(200, answer)]).await;
        let outcome = sink(&format!("{{type: otlp, endpoint: '{}'}}", server.url("/v1/logs")))
            .send(&firing(), NOW)
            .await;
        assert_eq!(server.request().line, "POST /v1/logs HTTP/1.1", "the path is not doubled");
        assert_eq!(outcome.is_ok(), accepted, "{answer}");
        if let Err(error) = outcome {
            assert!(
                !error.is_retry() && error.to_string().ends_with("the record was rejected: too old"),
                "{error}"
            );
        }
    }
}
