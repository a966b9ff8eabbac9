//! Events come more than once, in any order, while functions die and S3 is throttled: every span lies in the bucket once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::event_source::{EventSource, event};
use fluo_end_to_end::faults::Fault;
use fluo_end_to_end::runtime_api::Outcome;
use fluo_end_to_end::spans::Files;
use fluo_end_to_end::{spans, wait};
use fluo_tests::otlp::{Encoding, gzip};
use tokio::sync::Notify;

use crate::bad_objects::{ids, object};

/// Takes one message and has the function killed while it writes a span file: before or after the file is there.
async fn killed_while_writing(deployment: &Deployment, after: bool) {
    let messages = wait::until("a message is there", async || {
        Some(deployment.raw.queue.receive().await).filter(|messages| !messages.is_empty())
    })
    .await;
    let held = Arc::new(Notify::new());
    let hold = Arc::clone(&held);
    deployment.network.fail(move |request| {
        let writes = request.method == "PUT" && request.path.contains("/spans/");
        let fault = if after { Fault::HoldAfter } else { Fault::HoldBefore };
        writes.then(|| fault(Arc::clone(&hold)))
    });
    let event = event(&deployment.raw.queue, &messages);
    let outcome = deployment.ingest.invoke_and_kill(event, async move { held.notified().await }).await;
    assert_eq!(outcome, Outcome::Killed);
    deployment.network.heal();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_span_lies_there_once_however_often_and_badly_it_is_delivered() {
    let deployment = Deployment::create("redelivery").await;
    let numbers = [1, 2, 3, 4];
    let encodings = [Encoding::Json, Encoding::GzipProtobuf, Encoding::ZstdJson, Encoding::ZstdProtobuf];
    let mut objects = Vec::new();
    for (number, encoding) in numbers.into_iter().zip(encodings) {
        let key = format!("raw/year=2026/month=11/traces_{number}.{}", encoding.suffix());
        let bytes = object(number, encoding);
        deployment.bucket.put(&key, bytes.clone()).await;
        objects.push((key, bytes));
    }
    // Every event comes five times: once as the stand-in sends it, four times as S3 does, the last object's first.
    for _ in 0..4 {
        for (key, bytes) in objects.iter().rev() {
            deployment.raw.queue.send(&deployment.bucket.event(key, bytes.len()).to_string()).await;
        }
    }
    // Two deliveries of up to ten messages die in the middle, before and after the write that they were at.
    killed_while_writing(&deployment, false).await;
    assert!(Files::of(&deployment.bucket, "spans/").await.keys.is_empty(), "nothing was written yet");
    killed_while_writing(&deployment, true).await;
    assert!(!Files::of(&deployment.bucket, "spans/").await.keys.is_empty(), "something was");

    // Then four functions at a time, while S3 is throttled for every other request.
    let until = Instant::now() + Duration::from_secs(3);
    let mut nth = 0;
    deployment.network.fail(move |_| {
        nth += 1;
        (Instant::now() < until && nth % 2 == 0).then_some(Fault::Status(503))
    });
    let ingesting = EventSource::start(&deployment.raw.queue, &deployment.ingest, 4);
    wait::until("everything is done", async || deployment.raw.queue.is_empty().await.then_some(())).await;
    assert_eq!(spans::ids(&deployment.bucket, "auth_user").await, ids(&numbers));
    let files = Files::of(&deployment.bucket, "spans/").await.keys;

    // The collector's retry: the same object under another key; and the same content packed otherwise.
    let (_, plain) = &objects[0];
    deployment.bucket.put("raw/year=2026/month=11/traces_again.json", plain.clone()).await;
    deployment.bucket.put("raw/year=2026/month=11/traces_again.json.gz", gzip(plain)).await;
    deployment.bucket.put("raw/year=2026/month=11/traces_5.json", object(5, Encoding::Json)).await;
    wait::until("they are done", async || {
        let done = Files::of(&deployment.bucket, "spans/").await.keys.len() > files.len();
        (done && deployment.raw.queue.is_empty().await).then_some(())
    })
    .await;
    drop(ingesting);
    assert_eq!(spans::ids(&deployment.bucket, "auth_user").await, ids(&[1, 2, 3, 4, 5]));
    assert!(deployment.raw.dead.is_empty().await, "nothing was given up");
    assert!(deployment.bucket.list("quarantine/").await.is_empty(), "nothing was unreadable");
}
