//! The function as a schedule invokes it, over a store in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

use std::cell::Cell;

use fluo_compact_spans::CompactSpans;
use fluo_compact_spans::function::InvocationError;
use fluo_runtime::{Environment, Invocation, now};
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_store::layouts::{Asked, keep};
use fluo_store::{IngestOptions, Root, Written, ingest_object};
use fluo_tests::otlp::{Encoding, Span};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000_000_000;

thread_local! {
    /// The clock of the function. A test and its function are of one thread.
    static AT: Cell<i64> = const { Cell::new(0) };
}

fn clock() -> i64 {
    AT.get()
}

/// Writes an object of five spans, which ended so many hours ago.
async fn stored(root: &Root, number: u64, hours_ago: i64) {
    let hour = now().div_euclid(HOUR) - hours_ago;
    let end = u64::try_from(hour * HOUR).unwrap() + number * 1_000_000_000;
    let spans: Vec<Span> =
        (0..5).map(|nth| Span::new(number * 10 + nth + 1, "shop", "buy", end + nth)).collect();
    let raw = Encoding::Protobuf.write(&spans).into();
    let (layout, options) = (Layout::builtin(), IngestOptions::default());
    let written = Written::At(now() / 1_000_000);
    ingest_object(root.store.as_ref(), &Path::from("spans"), raw, written, &layout, &options).await.unwrap();
}

async fn names(root: &Root) -> Vec<String> {
    let objects: Vec<_> = root.store.list(Some(&Path::from("spans"))).try_collect().await.unwrap();
    let mut names: Vec<String> =
        objects.iter().map(|object| object.location.filename().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Invokes the function so many hours from now, with so many seconds left.
async fn invoked(root: &Root, hours: i64, seconds: i64) -> Result<Value, InvocationError> {
    AT.set(now() + hours * HOUR);
    let environment = Environment::from_iter([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")]);
    let function = CompactSpans::new(&environment, root.clone(), &clock).unwrap();
    let deadline = clock() + seconds * 1_000_000_000;
    function.handle(Invocation { event: json!({}), deadline }).await
}

#[tokio::test]
async fn hours_that_are_over_are_compacted_and_an_hour_later_cleaned() {
    let root = Root::in_memory().unwrap();
    for number in 1..5 {
        stored(&root, number, 30).await;
        stored(&root, number + 10, 31).await;
        stored(&root, number + 20, 0).await;
        // Further back than an invocation looks.
        stored(&root, number + 30, 100).await;
    }
    assert_eq!(names(&root).await.len(), 16);
    assert_eq!(invoked(&root, 0, 900).await.unwrap(), json!({"hours": 2, "unfinished": false}));
    assert_eq!(names(&root).await.len(), 16 + 2 * 3);
    assert_eq!(invoked(&root, 0, 900).await.unwrap(), json!({"hours": 0, "unfinished": false}));
    // By then, the hour that is under way now is over, too.
    assert_eq!(invoked(&root, 4, 900).await.unwrap(), json!({"hours": 3, "unfinished": false}));
    let left = names(&root).await;
    let compacted = left.iter().filter(|name| name.ends_with("-c1.parquet")).count();
    assert_eq!((compacted, left.len()), (3, 2 * 3 + (4 + 3) + 4));

    // Without time nothing is begun.
    stored(&root, 50, 20).await;
    stored(&root, 51, 20).await;
    assert_eq!(invoked(&root, 0, 0).await.unwrap()["unfinished"], true);

    assert_eq!(invoked(&root, 0, 900).await.unwrap(), json!({"hours": 1, "unfinished": false}));
}

/// Holds that one file is a merged one of a layout.
async fn one_is_merged_in(root: &Root, layout: &str) {
    let names = names(root).await;
    let merged = names.iter().filter(|name| name.contains(layout) && name.ends_with("-c1.parquet"));
    assert_eq!(merged.count(), 1, "{names:?}");
}

#[tokio::test]
async fn what_is_merged_has_the_layout_of_the_store() {
    let root = Root::in_memory().unwrap();
    let mut asked = Asked::default();
    asked.add((AttributeScope::Span, "app.tenant".to_owned()), "rule");
    keep(&root, &asked, 0).await.unwrap();
    stored(&root, 1, 30).await;
    stored(&root, 2, 30).await;
    assert_eq!(invoked(&root, 0, 900).await.unwrap()["hours"], 1);
    one_is_merged_in(&root, "-l2-").await;

    root.store.put(&Path::from("state/layout.json"), "{".into()).await.unwrap();
    stored(&root, 11, 31).await;
    stored(&root, 12, 31).await;
    assert_eq!(invoked(&root, 0, 900).await.unwrap()["hours"], 1);
    one_is_merged_in(&root, "-l1-").await;
}

#[test]
fn a_store_is_needed_and_times_are_durations() {
    let started = |variables: &[(&str, &str)]| {
        let environment = variables.iter().copied().collect::<Environment>();
        CompactSpans::start(&environment, &now).map(drop).map_err(|error| error.to_string())
    };
    assert!(started(&[]).unwrap_err().starts_with("FLUO_STORE is not set"));
    let times = [("FLUO_STORE", "s3://spans"), ("AWS_REGION", "us-east-1"), ("FLUO_EVAL_DELAY", "soon")];
    assert!(started(&times).unwrap_err().starts_with("FLUO_EVAL_DELAY cannot be used"));
}
