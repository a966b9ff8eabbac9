//! The contract on a real server, and a bucket from end to end.
//!
//! ```text
//! mkdir -p /tmp/buckets/fluo-test
//! ROOT_ACCESS_KEY=test ROOT_SECRET_KEY=testtest versitygw --port 127.0.0.1:7070 posix /tmp/buckets &
//! AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=testtest FLUO_TEST_S3_ENDPOINT=http://127.0.0.1:7070 \
//!   cargo test -p fluo-store --test s3
//! ```
//!
//! `FLUO_TEST_S3_BUCKET` names another bucket than `fluo-test`. What the tests write stays there.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeSet;
use std::time::SystemTime;

use bytes::Bytes;
use fluo_spans::layout::Layout;
use fluo_store::{
    Hour, IngestOptions, Put, Root, Written, etag, ingest_object, list_hours, list_range, newly_arrived,
    open_root, put_if_absent, resolve_root,
};
use object_store::path::Path;

#[path = "../versioned/contract.rs"]
mod contract;

use contract::{Opened, contract};

fn environment(name: &str) -> Option<String> {
    let name = if name == "AWS_ENDPOINT_URL_S3" { "FLUO_TEST_S3_ENDPOINT" } else { name };
    std::env::var(name).ok()
}

/// A prefix of this test and run alone.
fn root(name: &str) -> Root {
    let endpoint = environment("FLUO_TEST_S3_ENDPOINT");
    assert!(endpoint.is_some(), "FLUO_TEST_S3_ENDPOINT says where the server is");
    let bucket = environment("FLUO_TEST_S3_BUCKET").unwrap_or_else(|| "fluo-test".to_owned());
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    open_root(&format!("s3://{bucket}/{name}-{now}"), &environment).unwrap()
}

fn open(name: &str) -> Opened<()> {
    let root = root(name);
    Opened { store: root.versioned, root: root.prefix, _guard: () }
}

contract!(open);

#[tokio::test]
async fn spans_are_ingested_listed_and_known_by_their_tags() {
    const END: i64 = 1_795_345_200_000_000_000;
    let root = root("spans");
    let raw = Bytes::from(format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[
            {{"traceId":"{:032x}","spanId":"{:016x}","name":"a","startTimeUnixNano":"1","endTimeUnixNano":"{END}"}},
            {{"traceId":"{:032x}","spanId":"{:016x}","name":"a","startTimeUnixNano":"1","endTimeUnixNano":"{}"}}
        ]}}]}}]}}"#,
        1,
        1,
        2,
        2,
        END - 1
    ));
    let spans = root.at(&Path::from("spans"));
    let store = root.store.as_ref();
    for existed in [false, true] {
        let (layout, options) = (Layout::builtin(), IngestOptions::default());
        let ingested =
            ingest_object(store, &spans, raw.clone(), Written::At(END / 1_000_000), &layout, &options);
        let files = ingested.await.unwrap().files;
        assert_eq!(files.iter().map(|file| file.existed).collect::<Vec<_>>(), [existed; 2]);
    }
    assert_eq!(resolve_root(store, &root.prefix).await.unwrap(), spans);

    let both = list_range(store, &spans, END - 1..=END).await.unwrap();
    assert_eq!((both.files.len(), both.foreign.len()), (2, 0));
    let days = list_hours(store, &spans, Hour(0)..=Hour::of_ns(END)).await.unwrap();
    assert_eq!(days, both);
    let one = list_range(store, &spans, END..=END + 1).await.unwrap();
    assert_eq!(one.files, both.files[1..]);
    let seen = BTreeSet::from([both.files[1].arrival_name().to_owned()]);
    assert_eq!(newly_arrived(&both, &seen), both.files[..1]);

    let mut unlisted = both.files[0].clone();
    let tag = etag(&root, &unlisted).await.unwrap();
    assert!(!tag.is_empty() && !tag.contains('"'), "{tag}");
    unlisted.e_tag = None;
    assert_eq!(etag(&root, &unlisted).await.unwrap(), tag, "a listing and a look-up differ");
    assert_ne!(etag(&root, &both.files[1]).await.unwrap(), tag);
}

#[tokio::test]
async fn what_is_written_once_is_written_once() {
    let root = root("once");
    let path = root.at(&Path::from("evaluations/a.ndjson"));
    for expected in [Put::Created, Put::Existed, Put::Existed] {
        let put = put_if_absent(root.store.as_ref(), &path, Bytes::from_static(b"{}\n")).await.unwrap();
        assert_eq!(put, expected);
    }
}
