//! The record, its headers and its signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluo_alerts::notification::Notification;
use fluo_tests::http::Server;
use hmac::{Hmac, Mac};

use crate::notifications::{firing, hostile, huge, is_clean, texts};
use crate::{NOW, sink};

#[tokio::test]
async fn the_record_arrives_signed() {
    let server = Server::start([]).await;
    let yaml = format!(
        "type: webhook\nurl: '{}'\nheaders: {{X-Api-Key: abc}}\nsigning_keys: [{{env: SIGNING_KEY}}, {}]\n",
        server.url("/hook?x=1"),
        STANDARD.encode([7; 32]),
    );
    sink(&yaml).send(&firing(), NOW).await.unwrap();
    let request = server.request();
    assert_eq!(request.line, "POST /hook?x=1 HTTP/1.1");
    let header = |name: &str| request.headers[name].clone();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("x-api-key"), "abc");
    assert_eq!(header("webhook-id"), firing().id.to_string());
    assert_eq!(header("idempotency-key"), firing().id.to_string());
    assert_eq!(header("webhook-timestamp"), "1795345575");
    assert!(header("user-agent").starts_with("fluo/"));

    let signed = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), request.body);
    let keys = [STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(), vec![7; 32]];
    let expected = keys.map(|key| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(signed.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    assert_eq!(header("webhook-signature"), expected.join(" "));

    assert_eq!(request.body, serde_json::to_string(&firing()).unwrap(), "a harmless record is sent as it is");
}

#[tokio::test]
async fn without_keys_there_is_no_signature() {
    let server = Server::start([]).await;
    sink(&format!("{{type: webhook, url: '{}'}}", server.url("/"))).send(&firing(), NOW).await.unwrap();
    assert!(!server.request().headers.contains_key("webhook-signature"));
}

#[tokio::test]
async fn hostile_values_are_clean_and_short() {
    let server = Server::start([]).await;
    sink(&format!("{{type: webhook, url: '{}'}}", server.url("/"))).send(&hostile(), NOW).await.unwrap();
    let request = server.request();
    assert!(!request.headers.contains_key("x-injected"));
    for text in texts(&request.json()) {
        assert!(is_clean(&text) && text.len() <= 2 * 1024, "{text:?}");
    }
    let read: Notification = serde_json::from_str(&request.body).unwrap();
    let group = read.alert.unwrap().violation.group;
    let long = group.last().unwrap().1.clone().unwrap();
    assert_eq!(long, format!("{}…", "A".repeat(1021)));
    assert_eq!(group[6].1.as_deref(), Some("a  X-Injected: yes    body"));
}

#[tokio::test]
async fn what_is_too_large_is_cut_and_says_so() {
    let server = Server::start([]).await;
    sink(&format!("{{type: webhook, url: '{}'}}", server.url("/"))).send(&huge(), NOW).await.unwrap();
    let request = server.request();
    assert!(request.body.len() <= 1024 * 1024, "{}", request.body.len());
    let read: Notification = serde_json::from_str(&request.body).unwrap();
    assert_eq!(read.alert.unwrap().violation.evidence.len(), 50);
    assert!(
        read.text.ends_with("\n(… left out, because the message would be too large: 150 spans of evidence)"),
        "{}",
        read.text
    );
}
