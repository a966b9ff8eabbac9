//! Compaction as it is deployed: killed at the write that decides, throttled, and run again; every span stays, once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::event_source::EventSource;
use fluo_end_to_end::faults::Fault;
use fluo_end_to_end::runtime_api::Outcome;
use fluo_end_to_end::{schedule, spans, wait};
use fluo_tests::otlp::Encoding;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::bad_objects::{ids, object_of};

/// The keys below `spans/` of which the name has a part.
async fn keys(deployment: &Deployment, part: &str) -> Vec<String> {
    let mut keys = deployment.bucket.list("spans/").await;
    keys.retain(|key| key.contains(part));
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_that_is_over_becomes_one_file() {
    let deployment = Deployment::create("compaction").await;
    let now = Timestamp::now();
    let hour = now.as_second().div_euclid(3600) - 3;
    let ended = Timestamp::from_second(hour * 3600 + 600).unwrap();
    let numbers = [1, 2, 3, 4];
    for number in numbers {
        let of = ended + SignedDuration::from_secs(i64::try_from(number).unwrap());
        let key = format!("raw/year=2026/traces_{number}.binpb");
        deployment.bucket.put(&key, object_of(number, of, Encoding::Protobuf)).await;
    }
    // The hour that is under way stays.
    deployment.bucket.put("raw/year=2026/traces_5.binpb", object_of(5, now, Encoding::Protobuf)).await;
    deployment.bucket.put("raw/year=2026/traces_6.binpb", object_of(6, now, Encoding::Protobuf)).await;
    let ingesting = EventSource::start(&deployment.raw.queue, &deployment.ingest, 2);
    wait::until("everything is ingested", async || {
        let all = keys(&deployment, ".parquet").await.len() >= 6;
        (all && deployment.raw.queue.is_empty().await).then_some(())
    })
    .await;
    drop(ingesting);
    let before = keys(&deployment, "").await;

    // Killed before the list is written: there is a file that nobody reads.
    let held = Arc::new(Notify::new());
    let hold = Arc::clone(&held);
    deployment.network.fail(move |request| {
        let decides = request.method == "PUT" && request.path.contains("_compacted-");
        decides.then(|| Fault::HoldBefore(Arc::clone(&hold)))
    });
    let event = schedule::event(now);
    let outcome =
        deployment.compact.invoke_and_kill(event.clone(), async move { held.notified().await }).await;
    assert_eq!(outcome, Outcome::Killed);
    deployment.network.heal();
    assert_eq!(keys(&deployment, "_compacted-").await, [""; 0]);
    assert_eq!(keys(&deployment, "-c1.parquet").await.len(), 1);

    // While S3 is throttled for every third request.
    let until = Instant::now() + Duration::from_secs(3);
    let mut nth = 0;
    deployment.network.fail(move |_| {
        nth += 1;
        (Instant::now() < until && nth % 3 == 0).then_some(Fault::Status(503))
    });
    let answer = deployment.compact.invoke(event.clone()).await.answer();
    deployment.network.heal();
    assert_eq!(answer, serde_json::json!({"hours": 1, "unfinished": false}));
    assert_eq!(deployment.compact.count("FilesReplaced"), 4);
    assert_eq!(keys(&deployment, "_compacted-1.json.zst").await.len(), 1);
    let [output] = &keys(&deployment, "-c1.parquet").await[..] else { panic!("not one file") };
    let of_output = spans::Files::of(&deployment.bucket, output).await;
    let sql = "SELECT count(*), count(DISTINCT (trace_id, span_id)) FROM files";
    assert_eq!(of_output.query(sql), [["40", "40"]]);
    // Readers that listed before have an hour: nothing is deleted yet.
    let after = keys(&deployment, "").await;
    assert!(before.iter().all(|key| after.contains(key)));
    assert_eq!(after.len(), before.len() + 3);

    let answer = deployment.compact.invoke(event).await.answer();
    assert_eq!(answer, serde_json::json!({"hours": 0, "unfinished": false}));
    assert_eq!(keys(&deployment, "").await, after);
    let mut all = spans::ids(&deployment.bucket, "auth_user").await;
    all.dedup();
    assert_eq!(all, ids(&[1, 2, 3, 4, 5, 6]));
}
