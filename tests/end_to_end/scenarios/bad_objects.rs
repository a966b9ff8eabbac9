//! Objects that cannot be read, for good or for a while, cost themselves and nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use fluo_end_to_end::aws::sqs::Queue;
use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::event_source::{EventSource, event};
use fluo_end_to_end::faults::Fault;
use fluo_end_to_end::{spans, wait};
use fluo_tests::otlp::{Encoding, Span};
use jiff::Timestamp;
use serde_json::{Value, json};

/// An object of ten spans, told from others by its number.
pub(crate) fn object(number: u64, encoding: Encoding) -> Bytes {
    object_of(number, Timestamp::now(), encoding)
}

/// The same of spans that ended at a moment.
pub(crate) fn object_of(number: u64, ended: Timestamp, encoding: Encoding) -> Bytes {
    let ended = u64::try_from(ended.as_nanosecond()).unwrap();
    let span = |nth: u64| Span::new(number * 100 + nth + 1, "auth-service", "auth_user", ended + nth);
    encoding.write(&(0..10).map(span).collect::<Vec<_>>()).into()
}

/// The ids of all spans of [`object`]s, in order.
pub(crate) fn ids(numbers: &[u64]) -> Vec<(String, String)> {
    let of = |number: u64| (format!("5b5b5b5b5b5b5b5b{number:016x}"), format!("{number:016x}"));
    numbers.iter().flat_map(|number| (0..10).map(move |nth| of(number * 100 + nth + 1))).collect()
}

/// The messages of a queue that has been told of so many objects, as one event.
async fn batch(queue: &Queue, objects: usize) -> Value {
    let mut messages = Vec::new();
    wait::until("the queue is told of all objects", async || {
        messages.extend(
            queue.receive().await.into_iter().filter(|it| it["Body"].as_str().unwrap().contains("Records")),
        );
        (messages.len() >= objects).then_some(())
    })
    .await;
    event(queue, &messages)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_object_lies_in_quarantine_and_the_others_are_ingested() {
    let deployment = Deployment::create("unreadable").await;
    let bad = Bytes::from_static(b"\x1f\x8b this was to become gzip");
    let (first, bad_key, second) =
        ("raw/a/traces_1.json.gz", "raw/a/traces_2.json.gz", "raw/a/traces_3.binpb.zst");
    deployment.bucket.put(first, object(1, Encoding::GzipJson)).await;
    deployment.bucket.put(bad_key, bad.clone()).await;
    deployment.bucket.put(second, object(2, Encoding::ZstdProtobuf)).await;
    let event = batch(&deployment.raw.queue, 3).await;
    assert_eq!(event["Records"].as_array().unwrap().len(), 3, "one batch");

    let answer = deployment.ingest.invoke(event.clone()).await.answer();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(spans::ids(&deployment.bucket, "auth_user").await, ids(&[1, 2]));
    let kept = format!("quarantine/{bad_key}");
    assert_eq!(deployment.bucket.list("quarantine/").await, [kept.clone(), format!("{kept}.reason.json")]);
    assert_eq!(deployment.bucket.get(&kept).await.unwrap(), bad);
    let reason = deployment.bucket.get(&format!("{kept}.reason.json")).await.unwrap();
    let reason: Value = serde_json::from_slice(&reason).unwrap();
    assert_eq!(reason["schema"], "fluo.quarantine/v1");
    assert_eq!(reason["bucket"], deployment.bucket.name());
    assert_eq!(reason["key"], bad_key);
    assert_eq!(reason["size"], bad.len());
    assert!(!reason["reason"].as_str().unwrap().is_empty() && reason["etag"].is_string(), "{reason}");

    assert_eq!(deployment.ingest.count("ObjectsQuarantined"), 1);
    assert_eq!(deployment.ingest.count("Spans"), 20);

    // Delivered once more, it is as it was.
    assert_eq!(deployment.ingest.invoke(event).await.answer(), json!({"batchItemFailures": []}));
    assert_eq!(deployment.bucket.list("quarantine/").await.len(), 2);
    let later = deployment.bucket.get(&format!("{kept}.reason.json")).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&later).unwrap(), reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_message_of_an_object_that_s3_does_not_give_fails_and_comes_again() {
    let deployment = Deployment::create("unavailable").await;
    let keys = ["raw/a/traces_1.json", "raw/a/traces_2.json", "raw/a/traces_3.json"];
    for (number, key) in (1..).zip(keys) {
        deployment.bucket.put(key, object(number, Encoding::Json)).await;
    }
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    deployment.network.fail(move |request| {
        let fails = is_broken.load(Ordering::SeqCst) && request.path.contains("traces_2");
        fails.then_some(Fault::Status(503))
    });
    let _ingesting = EventSource::start(&deployment.raw.queue, &deployment.ingest, 1);
    let failures = || -> Vec<Value> {
        let answers = deployment.ingest.invoked().into_iter().map(|invoked| invoked.outcome.answer());
        answers.flat_map(|answer| answer["batchItemFailures"].as_array().cloned().unwrap()).collect()
    };
    wait::until("a message fails", async || (!failures().is_empty()).then_some(())).await;
    assert_eq!(spans::ids(&deployment.bucket, "auth_user").await, ids(&[1, 3]));
    broken.store(false, Ordering::SeqCst);
    wait::until("the message is done", async || deployment.raw.queue.is_empty().await.then_some(())).await;
    assert_eq!(spans::ids(&deployment.bucket, "auth_user").await, ids(&[1, 2, 3]));

    let failed = failures();
    assert!(failed.iter().all(|failure| *failure == failed[0]), "one message: {failed:?}");
    let invoked = deployment.ingest.invoked();
    let records = invoked.iter().flat_map(|invoked| invoked.event["Records"].as_array().unwrap());
    let bodies: Vec<&str> = records
        .filter(|record| record["messageId"] == failed[0]["itemIdentifier"])
        .map(|record| record["body"].as_str().unwrap())
        .collect();
    assert!(bodies.len() > 1 && bodies.iter().all(|body| body.contains("traces_2")), "{bodies:?}");
    assert!(deployment.bucket.list("quarantine/").await.is_empty(), "it was never unreadable");
    assert!(deployment.raw.dead.is_empty().await);
}
