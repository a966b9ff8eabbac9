//! The function on events as AWS makes them, over a store in memory and a bucket that fails when it is told to.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use fluo_ingest_spans::IngestSpans;
use fluo_ingest_spans::asking::{Asking, Requests};
use fluo_ingest_spans::raw::{RawError, RawObject, RawObjects};
use fluo_runtime::s3_event::ObjectRef;
use fluo_runtime::{Environment, Invocation};
use fluo_spans::layout::AttributeScope;
use fluo_store::layouts;
use fluo_store::names::current;
use fluo_store::{Root, list};
use futures::future::join_all;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::{Value, json};

/// 2026-11-22T11:00:00Z, in milliseconds.
const NOON: i64 = 1_795_345_200_000;

/// The wall clock of all tests.
fn clock() -> i64 {
    (NOON + 90_000) * 1_000_000
}

/// The time at which the objects were written.
const WRITTEN: i64 = NOON + 60_000;

/// A bucket: objects by their keys, and how often each refuses to be read.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<BTreeMap<String, Content>>>);

enum Content {
    Bytes(Bytes, u32),
    Archived,
}

impl Bucket {
    fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.refusing(key, bytes, 0);
    }

    /// An object that cannot be read the first `times`.
    fn refusing(&self, key: &str, bytes: impl Into<Bytes>, times: u32) {
        self.0.lock().unwrap().insert(key.to_owned(), Content::Bytes(bytes.into(), times));
    }
}

#[async_trait]
impl RawObjects for Bucket {
    async fn read(&self, object: &ObjectRef, limit: u64) -> Result<RawObject, RawError> {
        // Others run meanwhile, as over a network.
        tokio::task::yield_now().await;
        let mut objects = self.0.lock().unwrap();
        match objects.get_mut(&object.key) {
            None => Err(RawError::Missing),
            Some(Content::Archived) => Err(RawError::Archived),
            Some(Content::Bytes(_, refusals)) if *refusals > 0 => {
                *refusals -= 1;
                Err(RawError::Unavailable("503 SlowDown".to_owned()))
            }
            Some(Content::Bytes(bytes, _)) if bytes.len() as u64 > limit => {
                Err(RawError::TooLarge { size: bytes.len() as u64, limit })
            }
            Some(Content::Bytes(bytes, _)) => Ok(RawObject {
                bytes: bytes.clone(),
                modified_ms: WRITTEN,
                etag: Some("\"d41d8\"".to_owned()),
            }),
        }
    }
}

/// The function over a bucket, and its store.
fn function(bucket: &Bucket) -> (IngestSpans, Root) {
    function_of(bucket, "1024")
}

/// The function with so many MB of memory.
fn function_of(bucket: &Bucket, memory: &str) -> (IngestSpans, Root) {
    let root = Root::in_memory().unwrap();
    let environment = Environment::from_iter([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)]);
    (IngestSpans::new(&environment, Box::new(bucket.clone()), root.clone(), &clock).unwrap(), root)
}

/// An OTLP request of spans with these numbers. An id of zeros is none.
fn request(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let spans: Vec<Value> = numbers
        .into_iter()
        .map(|number| {
            let end = NOON * 1_000_000 + i64::try_from(number).unwrap() * 1_000;
            json!({
                "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number + 1), "name": "auth_user",
                "startTimeUnixNano": (end - 500).to_string(), "endTimeUnixNano": end.to_string(),
            })
        })
        .collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string().into_bytes()
}

/// The key as S3 writes it into its notifications.
fn encoded(key: &str) -> String {
    key.replace('=', "%3D").replace('+', "%2B").replace(' ', "+")
}

/// A notification of S3 about objects of these keys.
fn notification(keys: &[&str]) -> String {
    let records: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1",
                "eventTime": "2026-11-22T11:01:00.123Z", "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
                "requestParameters": {"sourceIPAddress": "10.0.0.1"},
                "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
                "s3": {
                    "s3SchemaVersion": "1.0", "configurationId": "raw",
                    "bucket": {"name": "shop-spans", "ownerIdentity": {"principalId": "A3NL1K"},
                               "arn": "arn:aws:s3:::shop-spans"},
                    "object": {"key": encoded(key), "size": 1024, "eTag": "d41d8", "sequencer": "0055AED6DCD90281E5"},
                },
            })
        })
        .collect();
    json!({"Records": records}).to_string()
}

/// An event of a queue with these messages, by their ids.
fn batch(messages: &[(&str, String)]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|(id, body)| {
            json!({
                "messageId": id, "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a", "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795345260123",
                               "SenderId": "AIDAEXAMPLE", "ApproximateFirstReceiveTimestamp": "1795345260456"},
                "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:shop-ingest-spans",
                "awsRegion": "eu-central-1",
            })
        })
        .collect();
    json!({"Records": records})
}

/// Delivers an event with a minute to go: the ids of the messages that are to be delivered again.
async fn deliver(function: &IngestSpans, event: Value) -> Vec<String> {
    let invocation = Invocation { event, deadline: clock() + 60_000_000_000 };
    failures(&function.handle(invocation).await.unwrap())
}

fn failures(answer: &Value) -> Vec<String> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

/// Spans in the files that readers use.
async fn spans(root: &Root) -> u64 {
    let files = list(root.store.as_ref(), &root.at(&Path::from("spans"))).await.unwrap().files;
    current(files, |file| file.name.as_ref())
        .current
        .iter()
        .map(|file| file.name.as_ref().unwrap().rows)
        .sum()
}

async fn stored(root: &Root, path: &str) -> Option<Bytes> {
    match root.store.get(&root.at(&Path::from(path))).await {
        Ok(answer) => Some(answer.bytes().await.unwrap()),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn an_object_is_ingested_by_the_key_that_the_collector_gave_it() {
    let bucket = Bucket::default();
    let key = "raw/year=2026/month=11/day=22/hour=11/minute=00/eu west+traces_0193.json";
    bucket.put(key, request(0..5));
    let (function, root) = function(&bucket);
    assert!(deliver(&function, batch(&[("m1", notification(&[key]))])).await.is_empty());
    assert_eq!(spans(&root).await, 5);
}

#[tokio::test]
async fn files_have_the_layout_of_the_store_and_a_broken_one_fails_nothing() {
    let bucket = Bucket::default();
    let (function, root) = function(&bucket);
    let mut asked = layouts::Asked::default();
    asked.add((AttributeScope::Span, "app.tenant".to_owned()), "rule");
    layouts::keep(&root, &asked, 0).await.unwrap();
    let ingested = async |function: &IngestSpans, key: &str, first: u64| {
        bucket.put(key, request(first..first + 5));
        assert!(deliver(function, batch(&[("m1", notification(&[key]))])).await.is_empty());
        let files = list(root.store.as_ref(), &Path::from("spans")).await.unwrap().files;
        files.iter().map(|file| file.name.as_ref().unwrap().layout).collect::<Vec<_>>()
    };
    assert_eq!(ingested(&function, "raw/one.json", 0).await, [2]);

    // It is not asked for again at once, and whoever has none goes on with the built-in one.
    root.store.put(&Path::from("state/layout.json"), "{".into()).await.unwrap();
    assert_eq!(ingested(&function, "raw/two.json", 10).await, [2, 2]);
    let environment = Environment::from_iter([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")]);
    let cold = IngestSpans::new(&environment, Box::new(bucket.clone()), root.clone(), &clock).unwrap();
    let mut found = ingested(&cold, "raw/three.json", 20).await;
    found.sort_unstable();
    assert_eq!(found, [1, 2, 2]);
    assert_eq!(spans(&root).await, 15);
}

#[tokio::test]
async fn five_deliveries_in_parallel_and_out_of_order_that_partly_fail_and_are_cut_off_count_once() {
    let bucket = Bucket::default();
    let keys: Vec<String> = (0..20).map(|object| format!("raw/traces_{object}.json")).collect();
    for (object, key) in (0..).zip(&keys) {
        // Every third is refused at first; the same spans lie in a copy under another key.
        bucket.refusing(key, request(object * 50..object * 50 + 50), if object % 3 == 0 { 2 } else { 0 });
    }
    bucket.put("raw/copy/traces_of_7.json", request(7 * 50..7 * 50 + 50));
    let (function, root) = function(&bucket);
    let function = Arc::new(function);
    let messages: Vec<(String, String)> =
        keys.iter().map(|key| (key.clone(), notification(&[key, "raw/copy/traces_of_7.json"]))).collect();
    let event = |from: usize| {
        let turned: Vec<_> = messages[from..].iter().chain(&messages[..from]).collect();
        batch(&turned.into_iter().map(|(id, body)| (id.as_str(), body.clone())).collect::<Vec<_>>())
    };
    let deliveries = (0..5).map(|delivery| {
        let (function, event) = (Arc::clone(&function), event(delivery * 4));
        async move {
            let work = tokio::spawn(async move { deliver(&function, event).await });
            if delivery == 1 {
                // As Lambda ends a process: between any two of its steps.
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                work.abort();
            }
            work.await.ok()
        }
    });
    let answers = join_all(deliveries).await;
    assert!(answers.iter().flatten().any(|failed| !failed.is_empty()), "nothing failed: {answers:?}");
    // What failed is delivered again until nothing does.
    let mut rest: Vec<String> = answers.into_iter().flatten().flatten().collect();
    while !rest.is_empty() {
        let again: Vec<_> = messages
            .iter()
            .filter(|(id, _)| rest.contains(id))
            .map(|(id, body)| (id.as_str(), body.clone()))
            .collect();
        rest = deliver(&function, batch(&again)).await;
    }
    assert_eq!(spans(&root).await, 1_000);
}

#[tokio::test]
async fn an_unreadable_object_lies_in_quarantine_and_holds_up_nobody() {
    let bucket = Bucket::default();
    bucket.put("raw/traces_1.json", request(0..3));
    bucket.put("raw/traces_2.json", &b"{\"resourceSpans\": [{\"scopeSp"[..]);
    bucket.put("raw/traces_3.json", request(3..6));
    let (function, root) = function(&bucket);
    let event = batch(&[
        ("m1", notification(&["raw/traces_1.json"])),
        ("m2", notification(&["raw/traces_2.json"])),
        ("m3", notification(&["raw/traces_3.json"])),
    ]);
    for delivery in 0..2 {
        assert!(deliver(&function, event.clone()).await.is_empty(), "delivery {delivery}");
        assert_eq!(spans(&root).await, 6);
        let kept = stored(&root, "quarantine/raw/traces_2.json").await.unwrap();
        assert_eq!(kept, &b"{\"resourceSpans\": [{\"scopeSp"[..]);
        let beside = stored(&root, "quarantine/raw/traces_2.json.reason.json").await.unwrap();
        let mut beside: Value = serde_json::from_slice(&beside).unwrap();
        let reason = beside["reason"].take();
        assert!(reason.as_str().unwrap().contains("JSON"), "{reason}");
        let expected = json!({
            "schema": "fluo.quarantine/v1", "bucket": "shop-spans", "key": "raw/traces_2.json",
            "etag": "\"d41d8\"", "size": 28, "reason": null,
        });
        assert_eq!(beside, expected);
    }
}

#[tokio::test]
async fn what_may_succeed_later_is_delivered_again_and_nothing_else() {
    let bucket = Bucket::default();
    bucket.put("raw/traces_1.json", request(0..3));
    bucket.refusing("raw/traces_2.json", request(3..6), 1);
    let (function, root) = function(&bucket);
    let event = batch(&[
        ("m1", notification(&["raw/traces_1.json"])),
        ("m2", notification(&["raw/traces_2.json"])),
        ("m3", "not an event".to_owned()),
    ]);
    assert_eq!(deliver(&function, event.clone()).await, ["m2", "m3"]);
    assert_eq!(spans(&root).await, 3);
    assert_eq!(deliver(&function, event).await, ["m3"]);
    assert_eq!(spans(&root).await, 6);
}

#[tokio::test]
async fn an_object_without_bytes_for_us_leaves_its_reason() {
    let bucket = Bucket::default();
    bucket.0.lock().unwrap().insert("raw/traces_archived.json".to_owned(), Content::Archived);
    bucket.put("raw/traces_large.json", vec![b' '; (256 << 20) + 1]);
    let (function, root) = function(&bucket);
    for (key, part) in [
        ("raw/traces_deleted.json", "deleted before it was read"),
        ("raw/traces_archived.json", "restore it"),
        ("raw/traces_large.json", "268435457 bytes"),
    ] {
        assert!(deliver(&function, batch(&[("m", notification(&[key]))])).await.is_empty(), "{key}");
        assert_eq!(stored(&root, &format!("quarantine/{key}")).await, None, "{key}");
        let beside = stored(&root, &format!("quarantine/{key}.reason.json")).await.unwrap();
        let beside: Value = serde_json::from_slice(&beside).unwrap();
        assert!(beside["reason"].as_str().unwrap().contains(part), "{beside}");
    }
}

#[tokio::test]
async fn what_holds_no_spans_for_us_is_done_and_leaves_nothing() {
    let bucket = Bucket::default();
    bucket.put("raw/logs_1.json", request(0..3));
    bucket.put("spans/date=2026-11-22/hour=11/x.parquet", request(3..6));
    let (function, root) = function(&bucket);
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-22T11:00:00.000Z","Bucket":"shop-spans","RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"}"#;
    let removed = notification(&["raw/traces_1.json"]).replace("ObjectCreated:Put", "ObjectRemoved:Delete");
    let event = batch(&[
        ("m1", notification(&["raw/logs_1.json", "spans/date=2026-11-22/hour=11/x.parquet"])),
        ("m2", test.to_owned()),
        ("m3", removed),
    ]);
    assert!(deliver(&function, event).await.is_empty());
    let left = list(root.store.as_ref(), &Path::default()).await.unwrap();
    assert!(left.files.is_empty(), "{left:?}");
}

#[tokio::test]
async fn whoever_cannot_be_told_which_message_failed_is_told_that_one_did() {
    let bucket = Bucket::default();
    bucket.refusing("raw/a b+c.json", request(0..3), 1);
    let (function, root) = function(&bucket);
    let event = json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
        "source": "aws.s3", "account": "123456789012", "time": "2026-11-22T11:01:00Z", "region": "eu-central-1",
        "resources": ["arn:aws:s3:::shop-spans"],
        "detail": {
            "version": "0", "bucket": {"name": "shop-spans"},
            "object": {"key": "raw/a b+c.json", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184",
                       "sequencer": "00617F08299329D189"},
            "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "reason": "PutObject",
        },
    });
    let invoke = || function.handle(Invocation { event: event.clone(), deadline: clock() + 60_000_000_000 });
    let error = invoke().await.unwrap_err().to_string();
    assert!(error.starts_with("1 of 1 failed"), "{error}");
    assert_eq!(invoke().await.unwrap(), json!({"messages": 1}));
    assert_eq!(spans(&root).await, 3);
}

#[tokio::test]
async fn nothing_is_begun_that_the_deadline_would_cut_off() {
    let bucket = Bucket::default();
    bucket.put("raw/traces_1.json", request(0..3));
    let (function, root) = function(&bucket);
    let event = batch(&[("m1", notification(&["raw/traces_1.json"]))]);
    // Lambda hands over what it has already given up.
    let answer = function.handle(Invocation { event, deadline: clock() }).await.unwrap();
    assert_eq!(failures(&answer), ["m1"]);
    assert_eq!(spans(&root).await, 0);
}

thread_local! {
    /// Seconds that have passed since the invocation began, by [`slow_clock`].
    static PASSED: Cell<i64> = const { Cell::new(0) };
}

/// A clock that a test sets.
fn slow_clock() -> i64 {
    clock() + PASSED.get() * 1_000_000_000
}

/// A bucket in which reading an object takes a second.
struct SlowBucket(Bucket);

#[async_trait]
impl RawObjects for SlowBucket {
    async fn read(&self, object: &ObjectRef, limit: u64) -> Result<RawObject, RawError> {
        PASSED.set(PASSED.get() + 1);
        self.0.read(object, limit).await
    }
}

/// The time limits that `infra/template.yml` allows, and how many objects of a second each are read within them.
#[tokio::test]
async fn a_function_with_any_time_limit_works_and_stops_before_it_ends() {
    for (limit, expected) in [(10, 8), (30, 23), (60, 50)] {
        PASSED.set(0);
        let bucket = Bucket::default();
        let keys: Vec<String> = (0..limit).map(|object| format!("raw/traces_{object}.json")).collect();
        for (object, key) in (0..).zip(&keys) {
            bucket.put(key, request(object..=object));
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let root = Root::in_memory().unwrap();
        let environment = Environment::default();
        let function =
            IngestSpans::new(&environment, Box::new(SlowBucket(bucket)), root.clone(), &slow_clock).unwrap();
        let event = batch(&[("m1", notification(&keys))]);
        let deadline = slow_clock() + limit * 1_000_000_000;
        let answer = function.handle(Invocation { event, deadline }).await.unwrap();
        assert_eq!(failures(&answer), ["m1"], "{limit} s");
        assert_eq!(spans(&root).await, expected, "{limit} s");
    }
}

#[test]
fn a_lateness_that_is_no_duration_is_named() {
    for text in ["long", "-1h"] {
        let environment = Environment::from_iter([("FLUO_ALLOWED_LATENESS", text)]);
        let root = Root::in_memory().unwrap();
        let error = IngestSpans::new(&environment, Box::new(Bucket::default()), root, &clock).err().unwrap();
        assert!(error.to_string().starts_with("FLUO_ALLOWED_LATENESS cannot be used: "), "{error}");
    }
}

#[tokio::test]
async fn an_object_of_another_signal_is_ignored_whatever_its_name() {
    let bucket = Bucket::default();
    bucket.put("raw/export_1.json", r#"{"resourceLogs":[{"scopeLogs":[]}]}"#);
    let (function, root) = function(&bucket);
    let event = batch(&[("m1", notification(&["raw/export_1.json"]))]);
    assert!(deliver(&function, event).await.is_empty(), "it is done");
    let quarantined = root.store.list_with_delimiter(Some(&Path::from("quarantine/raw"))).await.unwrap();
    assert!(quarantined.objects.is_empty());
}

#[tokio::test]
async fn a_hostile_object_is_quarantined_alone_and_its_batch_goes_on() {
    let bucket = Bucket::default();
    bucket.put("raw/traces_1.json", request(0..3));
    // Ends in more hours than one object may make files for.
    let hours: Vec<u64> = (0..5_000).map(|hour| hour * 3_600_000_000).collect();
    let text = String::from_utf8(request(0..1)).unwrap();
    let spans: Vec<String> = hours
        .iter()
        .map(|offset| {
            let end = NOON * 1_000_000 - i64::try_from(*offset).unwrap() * 1_000;
            text.replace(&(NOON * 1_000_000).to_string(), &end.to_string())
        })
        .collect();
    bucket.put("raw/traces_2.json", spans.join("\n"));
    let (function, root) = function(&bucket);
    let event =
        batch(&[("m1", notification(&["raw/traces_1.json"])), ("m2", notification(&["raw/traces_2.json"]))]);
    assert!(deliver(&function, event).await.is_empty(), "both are done");
    assert_eq!(
        current(list(root.store.as_ref(), &root.at(&Path::from("spans"))).await.unwrap().files, |file| file
            .name
            .as_ref())
        .current
        .len(),
        1
    );
    let reason = root.store.get(&Path::from("quarantine/raw/traces_2.json.reason.json")).await.unwrap();
    let reason = String::from_utf8(reason.bytes().await.unwrap().to_vec()).unwrap();
    assert!(reason.contains("more than 4096 hours"), "{reason}");
}

/// Few bytes, decompressed to more than half of the smallest function has room for.
#[tokio::test]
async fn an_object_that_takes_more_memory_than_it_may_is_quarantined_alone() {
    let bucket = Bucket::default();
    bucket.put("raw/traces_1.json.zst", zstd::encode_all(&vec![b' '; 100 << 20][..], 3).unwrap());
    bucket.put("raw/traces_2.json", request(0..3));
    let (function, root) = function_of(&bucket, "512");
    let keys = ["raw/traces_1.json.zst", "raw/traces_2.json"];
    assert!(deliver(&function, batch(&[("m1", notification(&keys))])).await.is_empty(), "both are done");
    let stored = list(root.store.as_ref(), &root.at(&Path::from("spans"))).await.unwrap().files;
    assert_eq!(stored.len(), 1);
    let reason = root.store.get(&Path::from("quarantine/raw/traces_1.json.zst.reason.json")).await.unwrap();
    let reason = String::from_utf8(reason.bytes().await.unwrap().to_vec()).unwrap();
    assert!(reason.contains("more memory than the 218103808 bytes that one object may"), "{reason}");
    // A larger function takes it: it holds nothing.
    let (function, root) = function_of(&bucket, "1024");
    assert!(deliver(&function, batch(&[("m1", notification(&keys[..1]))])).await.is_empty());
    let quarantined = root.store.get(&Path::from("quarantine/raw/traces_1.json.zst.reason.json")).await;
    assert!(quarantined.is_err());
}

/// A queue of requests: the evaluations that were asked for, in seconds after noon; and how often it refuses.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<(Vec<i64>, u32)>>);

#[async_trait]
impl Requests for Asked {
    async fn send(&self, eval_time: i64) -> Result<(), String> {
        let (asked, refusals) = &mut *self.0.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err("503".to_owned());
        }
        asked.push(eval_time / 1_000_000_000 - NOON / 1_000);
        Ok(())
    }
}

impl Asked {
    fn seconds(&self) -> Vec<i64> {
        self.0.lock().unwrap().0.clone()
    }
}

/// The function over a bucket, which asks for an evaluation every five seconds at most.
fn asking(bucket: &Bucket, asked: &Asked) -> IngestSpans {
    function(bucket).0.asking(Some(Asking::with(Box::new(asked.clone()), 5_000_000_000)))
}

#[tokio::test]
async fn an_evaluation_is_asked_for_once_a_slot_however_many_objects_arrive() {
    let bucket = Bucket::default();
    let keys: Vec<String> = (0..10).map(|object| format!("raw/traces_{object}.json")).collect();
    for (object, key) in (0..).zip(&keys) {
        bucket.put(key, request(object * 50..object * 50 + 50));
    }
    let asked = Asked::default();
    let function = asking(&bucket, &asked);
    let messages: Vec<(&str, String)> = keys.iter().map(|key| (key.as_str(), notification(&[key]))).collect();
    for _ in 0..2 {
        assert!(deliver(&function, batch(&messages)).await.is_empty());
    }
    // The clock says 90 seconds after noon: that is the beginning of a slot.
    assert_eq!(asked.seconds(), [95]);
    // Another process does not know of it; the queue does, by the id.
    deliver(&asking(&bucket, &asked), batch(&messages)).await;
    assert_eq!(asked.seconds(), [95, 95], "also of what was there already: who wrote it may have died");
}

#[tokio::test]
async fn nobody_is_asked_where_no_span_has_arrived() {
    let bucket = Bucket::default();
    bucket.put("raw/broken.json", "{");
    bucket.put("raw/empty.json", r#"{"resourceSpans":[]}"#);
    bucket.refusing("raw/refused.json", request(0..1), 1);
    let asked = Asked::default();
    let keys = ["raw/broken.json", "raw/empty.json", "raw/refused.json", "other/a.txt"];
    deliver(&asking(&bucket, &asked), batch(&keys.map(|key| (key, notification(&[key]))))).await;
    assert_eq!(asked.seconds(), [0; 0]);
}

#[tokio::test]
async fn spans_are_ingested_though_nobody_can_be_asked_and_the_next_object_asks_again() {
    let bucket = Bucket::default();
    bucket.put("raw/a.json", request(0..5));
    bucket.put("raw/b.json", request(5..10));
    let asked = Asked::default();
    asked.0.lock().unwrap().1 = 1;
    let function = asking(&bucket, &asked);
    assert!(deliver(&function, batch(&[("a", notification(&["raw/a.json"]))])).await.is_empty());
    assert_eq!(asked.seconds(), [0; 0]);
    assert!(deliver(&function, batch(&[("b", notification(&["raw/b.json"]))])).await.is_empty());
    assert_eq!(asked.seconds(), [95]);
}

#[test]
fn a_queue_of_requests_needs_the_length_of_a_slot() {
    let of = |variables: &[(&'static str, &'static str)]| {
        let asking = Asking::of(&variables.iter().copied().collect());
        asking.map(|asking| asking.is_some()).map_err(|error| error.to_string())
    };
    let queue = (
        "FLUO_REQUEST_QUEUE_URL",
        "https://sqs.eu-central-1.amazonaws.com/123456789012/fluo-evaluate-rules.fifo",
    );
    let aws =
        [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    assert_eq!(of(&[("FLUO_ON_ARRIVAL", "5s")]), Ok(false));
    let missing = of(&[queue]).unwrap_err();
    assert!(missing.starts_with("FLUO_ON_ARRIVAL is not set"), "{missing}");
    let wrong = of(&[queue, ("FLUO_ON_ARRIVAL", "soon")]).unwrap_err();
    assert!(wrong.starts_with("FLUO_ON_ARRIVAL cannot be used"), "{wrong}");
    assert_eq!(of(&[&[queue, ("FLUO_ON_ARRIVAL", "5s")][..], &aws].concat()), Ok(true));
}
