use bytes::Bytes;
use fluo_spans::layout::{AttributeScope, Layout};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::*;
use crate::compaction::{Options, Sizes, compact};
use crate::ingest::{IngestOptions, Written, ingest_object};
use crate::list::list;
use crate::names::Hour;
use crate::root::Root;

/// 2026-11-22T12:00:00Z
const NOON: i64 = 1_795_348_800_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// An object with three spans that end so many minutes after noon.
fn object(minutes: i64) -> Bytes {
    let span = |number: i64| {
        format!(
            r#"{{"traceId":"{:032x}","spanId":"{number:016x}","name":"{minutes}","startTimeUnixNano":"1","endTimeUnixNano":"{}"}}"#,
            minutes + 1,
            NOON + minutes * MINUTE
        )
    };
    let spans = [span(1), span(2), span(3)].join(",");
    Bytes::from(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#))
}

async fn ingest(root: &Root, minutes: i64, layout: &Layout) {
    let (spans, written) = (Path::from("spans"), Written::At(NOON / 1_000_000));
    let options = IngestOptions { max_future_ns: i64::MAX, ..IngestOptions::default() };
    ingest_object(root.store.as_ref(), &spans, object(minutes), written, layout, &options).await.unwrap();
}

/// The names of the spans that are taken, in their order, and how many files they are of.
async fn names(root: &Root, limits: SampleLimits) -> (Vec<String>, u64, usize) {
    let files = list(root.store.as_ref(), &Path::from("spans")).await.unwrap().files;
    let mut names = Vec::new();
    let take = |spans: Vec<Span>| names.extend(spans.into_iter().map(|span| span.name));
    let sampled = sample(&root.store, &files, limits, take).await;
    (names, sampled.files, sampled.faults.len())
}

#[tokio::test]
async fn the_newest_files_come_first_and_copies_count_once() {
    let root = Root::in_memory().unwrap();
    for minutes in [1, 3, 2] {
        ingest(&root, minutes, &Layout::builtin()).await;
    }
    // The same object in a newer layout.
    ingest(&root, 2, &Layout::new(2, [(AttributeScope::Span, "shop.tenant")])).await;
    let few = |files, file_spans, spans| SampleLimits { files, file_spans, spans, ..SampleLimits::NONE };
    let cases = [
        ("all", SampleLimits::NONE, "3 3 3 2 2 2 1 1 1", 3),
        ("two files", few(2, usize::MAX, usize::MAX), "3 3 3 2 2 2", 2),
        ("two of each", few(u64::MAX, 2, usize::MAX), "3 3 2 2 1 1", 3),
        ("four", few(u64::MAX, usize::MAX, 4), "3 3 3 2", 2),
        ("of small files", SampleLimits { file_bytes: 1, ..SampleLimits::NONE }, "", 0),
    ];
    for (scenario, limits, expected, files) in cases {
        let (names, of, faults) = names(&root, limits).await;
        assert_eq!((names.join(" ").as_str(), of, faults), (expected, files, 0), "{scenario}");
    }
}

#[tokio::test]
async fn files_that_were_merged_are_read_once_and_by_the_size_of_the_merged_one() {
    let root = Root::in_memory().unwrap();
    for minutes in 1..=20 {
        ingest(&root, minutes, &Layout::builtin()).await;
    }
    let hour = Hour::of_ns(NOON);
    let options = Options {
        now_ns: NOON + 120 * MINUTE,
        before_ns: NOON + 120 * MINUTE,
        dry_run: false,
        sizes: Sizes::default(),
        layout: Layout::builtin(),
    };
    let compacted = compact(&root, &Path::from("spans"), hour..=hour, &options, &|| true).await.unwrap();
    assert_eq!(compacted.hours[0].outputs, 1, "{compacted:?}");
    let files = list(root.store.as_ref(), &Path::from("spans")).await.unwrap().files;
    let merged = files[0].stored().size;
    assert!(files.len() == 20 && files.iter().all(|file| file.size < merged), "{files:?}");
    let (all, files, _) = names(&root, SampleLimits { files: 2, ..SampleLimits::NONE }).await;
    assert_eq!((all.len(), files), (60, 1));
    let small = SampleLimits { file_bytes: merged - 1, ..SampleLimits::NONE };
    assert_eq!(names(&root, small).await, (Vec::new(), 0, 0));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_passed_over_and_told() {
    let root = Root::in_memory().unwrap();
    ingest(&root, 1, &Layout::builtin()).await;
    ingest(&root, 2, &Layout::builtin()).await;
    let files = list(root.store.as_ref(), &Path::from("spans")).await.unwrap().files;
    root.store.put(&files[1].location, Bytes::from_static(b"no Parquet").into()).await.unwrap();
    assert_eq!(names(&root, SampleLimits::NONE).await, (vec!["1".to_owned(); 3], 1, 1));
}
