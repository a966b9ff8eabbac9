//! SNS and SQS deliver at least once. The chat is told once.

use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::event_source::event;
use fluo_end_to_end::wait;
use fluo_tests::otlp::{Encoding, Span};
use jiff::Timestamp;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_delivered_twice_is_told_once() {
    let deployment = Deployment::create("chat-once").await;
    let began = Timestamp::now();
    deployment.evaluate_at(began).await;
    let at = |nth: u64| u64::try_from(began.as_nanosecond()).unwrap() + nth * 100_000_000;
    let failure = |nth: u64| {
        Span::new(nth, "auth-service", "auth_user", at(nth))
            .with("http.status_code", 401)
            .with("error.type", "AuthenticationError")
    };
    let bytes = Encoding::Protobuf.write(&(1..=6).map(failure).collect::<Vec<_>>());
    deployment.bucket.put("raw/traces_1.binpb", bytes.clone()).await;
    deployment.ingest.invoke(deployment.bucket.event("raw/traces_1.binpb", bytes.len())).await.answer();
    deployment.evaluate_at(began + std::time::Duration::from_secs(2)).await;

    let messages = wait::until("the topic's message is there", async || {
        Some(deployment.to_chat.queue.receive().await).filter(|messages| !messages.is_empty())
    })
    .await;
    assert_eq!(messages.len(), 1);
    // Twice in one batch; then twice more, to two processes at the same time.
    let queue = &deployment.to_chat.queue;
    let done = json!({"batchItemFailures": []});
    let batch = event(queue, &[again(&messages[0], "1"), again(&messages[0], "2")]);
    assert_eq!(deployment.notify.invoke(batch).await.answer(), done);
    assert_eq!(deployment.chat.messages().len(), 1);
    let one = event(queue, &messages);
    let (left, right) = tokio::join!(deployment.notify.invoke(one.clone()), deployment.notify.invoke(one));
    assert_eq!((left.answer(), right.answer()), (done.clone(), done));
    let chat = deployment.chat.messages();
    assert_eq!(chat.len(), 1, "{chat:?}");
    assert!(chat[0].to_string().contains("AuthFailuresRule"), "{chat:?}");
    assert_eq!(deployment.notify.count("NotificationsDelivered"), 1);
    assert_eq!(deployment.notify.count("NotificationsRepeated"), 3);
}

/// The message as SNS delivers it once more: another message of SQS with the same text.
fn again(message: &Value, nth: &str) -> Value {
    let mut message = message.clone();
    message["MessageId"] = format!("0e2a4c6d-1111-4222-8333-00000000000{nth}").into();
    message
}
