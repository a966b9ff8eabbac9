//! Objects as a collector writes them, delivered as AWS delivers them: again, in part, under other keys.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use fluo_spans::decode::DECODER_VERSION;
use fluo_time::Nanos;
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::counts::FileCounts;
use crate::file_schema::Schemas;
use crate::list::list;
use crate::open_file::{OpenFile, open};
use crate::read_back::read_back;

/// 2026-11-22T11:00:00Z
const HOUR_START_NS: i64 = 1_795_345_200_000_000_000;
const INGESTED_AT_MS: i64 = HOUR_START_NS / Nanos::MILLISECOND.0 + 60_000;

/// One OTLP JSON request with a span for each (number, end after the hour's start in nanoseconds).
fn request(spans: &[(u64, i64)]) -> Bytes {
    let spans: Vec<String> = spans
        .iter()
        .map(|(number, offset)| {
            let end = HOUR_START_NS + offset;
            format!(
                r#"{{"traceId":"{number:032x}","spanId":"{number:016x}","name":"login","kind":2,
                "startTimeUnixNano":"{}","endTimeUnixNano":"{end}",
                "attributes":[{{"key":"http.status_code","value":{{"intValue":"401"}}}}]}}"#,
                end - 1_000
            )
        })
        .collect();
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"auth"}}]}"#;
    Bytes::from(format!(
        r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    ))
}

async fn ingest(store: &dyn ObjectStore, raw: Bytes, ingested_at_ms: i64) -> Result<Ingested, StoreError> {
    ingest_written(store, raw, Written::At(ingested_at_ms)).await
}

async fn ingest_written(
    store: &dyn ObjectStore,
    raw: Bytes,
    written: Written,
) -> Result<Ingested, StoreError> {
    let layout = Layout::builtin();
    ingest_object(store, &Path::from("spans"), raw, written, &layout, &IngestOptions::default()).await
}

async fn stored_spans(store: &dyn ObjectStore, file: &WrittenFile) -> Vec<Span> {
    let bytes = store.get(&file.location).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, file.bytes);
    read_back(bytes).await
}

#[tokio::test]
async fn spans_that_ended_too_long_ago_are_counted_and_stored() {
    let store = InMemory::new();
    let raw = request(&[(1, -1), (2, 0), (3, 4), (4, 5)]);
    let options = IngestOptions { late_before_ns: Some(HOUR_START_NS + 5), ..IngestOptions::default() };
    let (root, layout) = (Path::from("spans"), Layout::builtin());
    let written = Written::At(INGESTED_AT_MS);
    let ingested = ingest_object(&store, &root, raw, written, &layout, &options).await.unwrap();
    assert_eq!(
        ingested.files.iter().map(|file| (file.rows, file.late)).collect::<Vec<_>>(),
        [(1, 1), (3, 2)]
    );
}

#[tokio::test]
async fn spans_of_two_hours_become_two_files_of_one_content() {
    let store = InMemory::new();
    let raw = request(&[(1, -1), (2, 0), (3, 5_000_000), (2, 0)]);
    let ingested = ingest(&store, raw.clone(), INGESTED_AT_MS).await.unwrap();

    assert_eq!((ingested.spans, ingested.duplicates, ingested.id_conflicts), (3, 1, 0));
    assert_eq!(ingested.raw_bytes, raw.len() as u64);
    assert!(ingested.set_aside.is_empty());
    let content = Content::of(&raw);
    let locations: Vec<_> = ingested.files.iter().map(|file| file.location.to_string()).collect();
    assert_eq!(
        locations,
        [
            format!(
                "spans/date=2026-11-22/hour=10/1795345199999-1795345200000-1-{content}-l1-d{DECODER_VERSION}.parquet"
            ),
            format!(
                "spans/date=2026-11-22/hour=11/1795345200000-1795345200005-2-{content}-l1-d{DECODER_VERSION}.parquet"
            ),
        ]
    );
    let spans = stored_spans(&store, &ingested.files[1]).await;
    assert_eq!(spans.iter().map(|span| span.end_ns - HOUR_START_NS).collect::<Vec<_>>(), [0, 5_000_000]);
    assert_eq!(spans[0].attributes.get("http.status_code"), Some("401"));
    assert_eq!(spans[0].resource.service_name.as_deref(), Some("auth"));
}

#[tokio::test]
async fn a_redelivered_object_writes_nothing_new_under_whatever_key_and_compression() {
    let store = InMemory::new();
    let raw = request(&[(1, 10), (2, 20)]);
    let first = ingest(&store, raw.clone(), INGESTED_AT_MS).await.unwrap();
    let compressed = Bytes::from(zstd_of(&raw));
    let again = ingest(&store, compressed, INGESTED_AT_MS + 5_000).await.unwrap();

    assert!(!first.files[0].existed);
    assert!(again.files[0].existed);
    assert_eq!(first.files[0].location, again.files[0].location);
    assert_eq!(list(&store, &Path::from("spans")).await.unwrap().files.len(), 1);
}

/// One raw block in a zstd frame: no compressor is needed to say the same bytes otherwise.
fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend(length.to_le_bytes());
    frame.extend(&(length << 3 | 1).to_le_bytes()[..3]);
    frame.extend(bytes);
    frame
}

#[tokio::test]
async fn the_same_object_twice_at_once_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let raw = request(&[(1, 10), (2, 20)]);
    let twelve = (0..12).map(|_| {
        let (store, raw) = (Arc::clone(&store), raw.clone());
        tokio::spawn(async move { ingest(&store, raw, INGESTED_AT_MS).await.unwrap() })
    });
    let mut written = 0;
    for ingested in twelve.collect::<Vec<_>>() {
        written += ingested.await.unwrap().files.iter().filter(|file| !file.existed).count();
    }
    assert_eq!(written, 1);
    let listing = list(&store, &Path::from("spans")).await.unwrap();
    assert_eq!((listing.files.len(), listing.foreign.len()), (1, 0), "no staged file is left");
}

#[tokio::test]
async fn a_file_that_a_power_failure_cut_off_is_replaced() {
    let store = InMemory::new();
    let raw = request(&[(1, 10)]);
    let first = ingest(&store, raw.clone(), INGESTED_AT_MS).await.unwrap();
    let whole = stored_spans(&store, &first.files[0]).await;
    let location = &first.files[0].location;
    let bytes = store.get(location).await.unwrap().bytes().await.unwrap();

    let zeros = Bytes::from(vec![0; bytes.len()]);
    for damaged in [Bytes::new(), bytes.slice(..bytes.len() / 2), zeros] {
        store.put(location, damaged.into()).await.unwrap();
        let again = ingest(&store, raw.clone(), INGESTED_AT_MS).await.unwrap();
        assert!(!again.files[0].existed);
        assert_eq!(stored_spans(&store, &again.files[0]).await, whole);
    }
}

#[tokio::test]
async fn what_cannot_be_placed_is_set_aside_and_told_in_the_last_file() {
    let store = InMemory::new();
    let ten_minutes = 600_000_000_000;
    let latest = INGESTED_AT_MS * Nanos::MILLISECOND.0 - HOUR_START_NS + ten_minutes;
    let raw = request(&[(0, 5), (3, -1), (1, latest), (2, latest + 1)]);
    let ingested = ingest(&store, raw, INGESTED_AT_MS).await.unwrap();
    assert_eq!(ingested.spans, 2);
    assert_eq!(ingested.set_aside.in_words(), "1 × all-zero trace id, 1 × end time in the future");
    let [first, last] = &ingested.files[..] else { panic!("{:?}", ingested.files) };
    assert_eq!((&first.set_aside, &last.set_aside), (&SetAside::default(), &ingested.set_aside));
    let told = counts(&store, last).await;
    let reasons = [("all-zero trace id".to_owned(), 1), ("end time in the future".to_owned(), 1)];
    assert_eq!(told, FileCounts { set_aside: reasons.into(), ..FileCounts::default() });
    assert_eq!(counts(&store, first).await, FileCounts::default());
}

async fn counts(store: &dyn ObjectStore, file: &WrittenFile) -> FileCounts {
    opened(store, file).await.counts
}

/// The file as readers open it, by its name and its footer.
async fn opened(store: &dyn ObjectStore, file: &WrittenFile) -> OpenFile {
    let found = list(store, &file.location).await.unwrap().files.remove(0);
    assert!(found.name.is_some() && found.size == file.bytes);
    let copy: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let bytes = store.get(&file.location).await.unwrap().bytes().await.unwrap();
    copy.put(&file.location, bytes.into()).await.unwrap();
    open(&copy, &found, &Schemas::default()).await.unwrap().0
}

#[tokio::test]
async fn what_an_object_without_a_sound_span_held_is_told_in_a_file_without_rows() {
    let store = InMemory::new();
    let raw = request(&[(0, 5), (0, 6)]);
    let ingested = ingest(&store, raw.clone(), INGESTED_AT_MS).await.unwrap();
    let [note] = &ingested.files[..] else { panic!("{:?}", ingested.files) };
    assert_eq!((ingested.spans, note.rows), (0, 0));
    let name =
        format!("{INGESTED_AT_MS}-{INGESTED_AT_MS}-0-{}-l1-d{DECODER_VERSION}.parquet", Content::of(&raw));
    assert_eq!(note.location.as_ref(), format!("spans/date=2026-11-22/hour=11/{name}"));
    let file = opened(&store, note).await;
    assert_eq!((file.rows, file.ends), (0, None));
    assert_eq!(file.counts.set_aside, [("all-zero trace id".to_owned(), 2)].into());
    assert!(ingest(&store, raw, INGESTED_AT_MS).await.unwrap().files[0].existed, "told once");
}

#[tokio::test]
async fn what_was_mended_is_told_in_the_file_of_its_spans() {
    let store = InMemory::new();
    let damaged = |number, offset| {
        let one = String::from_utf8(request(&[(number, offset)]).to_vec()).unwrap();
        one.replace("\"kind\":2", "\"kind\":[]")
    };
    let lines =
        [damaged(1, -2), String::from_utf8(request(&[(2, -1), (3, 5)]).to_vec()).unwrap(), damaged(4, 6)];
    let raw = Bytes::from([&lines[..], &lines[2..]].concat().join("\n").replace("\n                ", ""));
    let ingested = ingest(&store, raw, INGESTED_AT_MS).await.unwrap();
    assert_eq!((ingested.spans, ingested.duplicates, ingested.mended.spans), (4, 1, 2));
    for file in &ingested.files {
        assert_eq!((file.rows, file.mended.spans), (2, 1));
        let expected = FileCounts {
            mended: [("value without a meaning".to_owned(), 1)].into(),
            mended_spans: 1,
            ..FileCounts::default()
        };
        assert_eq!(counts(&store, file).await, expected);
    }
}

#[tokio::test]
async fn a_files_modification_time_is_believed_unless_it_lies_before_the_newest_end() {
    let now_ms = INGESTED_AT_MS + 100 * 3_600_000;
    for (scenario, modified_ms, offset, expected) in [
        ("a file that was written then", INGESTED_AT_MS, 5, INGESTED_AT_MS),
        (
            "in the same millisecond",
            HOUR_START_NS / Nanos::MILLISECOND.0,
            999_999,
            HOUR_START_NS / Nanos::MILLISECOND.0,
        ),
        ("a file from an archive", 315_532_800_000, 5, now_ms),
        (
            "a clock that ran ahead",
            INGESTED_AT_MS,
            INGESTED_AT_MS * Nanos::MILLISECOND.0 - HOUR_START_NS + Nanos::MILLISECOND.0,
            now_ms,
        ),
    ] {
        let store = InMemory::new();
        let written = Written::File { modified_ms, now_ms };
        let ingested = ingest_written(&store, request(&[(1, 0), (2, offset)]), written).await.unwrap();
        assert_eq!((ingested.spans, ingested.set_aside.total()), (2, 0), "{scenario}");
        let file = &ingested.files[0];
        let file = opened(&store, file).await;
        assert_eq!(file.ingested_at_ms, Some(expected), "{scenario}");
    }
    let far = Written::File { modified_ms: 0, now_ms: HOUR_START_NS / Nanos::MILLISECOND.0 };
    let ingested =
        ingest_written(&InMemory::new(), request(&[(1, 0), (2, 600_000_000_001)]), far).await.unwrap();
    assert_eq!(ingested.set_aside.in_words(), "1 × end time in the future");
}

#[tokio::test]
async fn of_copies_in_an_object_one_is_kept_and_its_files_say_that_they_hold_no_span_twice() {
    let store = InMemory::new();
    let one = String::from_utf8(request(&[(1, 5), (2, -1)]).to_vec()).unwrap().replace('\n', "");
    let other = one.replace("401", "403");
    for raw in [[&one, &other, &one].map(String::as_str).join("\n"), format!("{other}\n{one}")] {
        let ingested = ingest(&store, raw.clone().into(), INGESTED_AT_MS).await.unwrap();
        let copies = raw.lines().count() as u64 - 1;
        assert_eq!((ingested.spans, ingested.duplicates), (2, 2 * copies));
        assert!(ingested.id_conflicts >= 2);
        for file in &ingested.files {
            assert!(opened(&store, file).await.unique);
            let [kept] = &stored_spans(&store, file).await[..] else { panic!("not one row") };
            let received = fluo_spans::decode(raw.as_bytes(), &Limits::default()).unwrap().spans;
            let of_it = received.into_iter().filter(|span| span.key() == kept.key()).collect();
            assert_eq!(fluo_spans::identity::dedupe(of_it).spans, std::slice::from_ref(kept));
        }
    }
}

/// One OTLP JSON request of so many spans that not all wait until the last has come.
fn large_request(numbers: impl Iterator<Item = u64>) -> Bytes {
    let padding = "x".repeat(4_000);
    let spans: Vec<String> = numbers
        .map(|number| {
            let end = HOUR_START_NS + i64::try_from(number * 7_919 % 20_000).unwrap() + i64::from(number % 2 == 0);
            format!(
                r#"{{"traceId":"{number:032x}","spanId":"{number:016x}","name":"{padding}","startTimeUnixNano":"1","endTimeUnixNano":"{end}"}}"#
            )
        })
        .collect();
    Bytes::from(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(",")))
}

#[tokio::test]
async fn a_file_with_copies_that_came_far_apart_does_not_say_that_it_has_none() {
    let store = InMemory::new();
    let ingested = ingest(&store, large_request((1..=20_000).chain([1])), INGESTED_AT_MS).await.unwrap();
    assert_eq!((ingested.spans, ingested.duplicates), (20_001, 0));
    assert!(!opened(&store, &ingested.files[0]).await.unique);
}

#[tokio::test]
async fn an_object_larger_than_what_waits_becomes_sorted_row_groups() {
    let store = InMemory::new();
    let ingested = ingest(&store, large_request(1..=20_000), INGESTED_AT_MS).await.unwrap();
    assert_eq!((ingested.spans, ingested.files.len()), (20_000, 1));
    let file = &ingested.files[0];
    assert!(opened(&store, file).await.unique);
    let bytes = store.get(&file.location).await.unwrap().bytes().await.unwrap();
    let metadata = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().metadata().clone();
    let rows: Vec<i64> =
        metadata.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect();
    assert!(rows.len() > 1, "{rows:?}");
    let ends: Vec<i64> = stored_spans(&store, file).await.iter().map(|span| span.end_ns).collect();
    assert_eq!(ends.len(), 20_000);
    let mut from = 0;
    for rows in rows {
        let to = from + usize::try_from(rows).unwrap();
        assert!(ends[from..to].is_sorted());
        from = to;
    }
}

#[tokio::test]
async fn spans_of_too_many_hours_refuse_the_object() {
    let hour = 3_600_000_000_000;
    let spans: Vec<(u64, i64)> =
        (1..=4_097_u64).map(|number| (number, -i64::try_from(number).unwrap() * hour)).collect();
    let error = ingest(&InMemory::new(), request(&spans), INGESTED_AT_MS).await.unwrap_err();
    assert_eq!(error.class(), crate::error::Class::Permanent);
    assert_eq!(
        error.to_string(),
        "its spans ended in more than 4096 hours, each of which is a file of its own"
    );
}

#[tokio::test]
async fn a_file_of_an_earlier_form_holds_what_one_of_today_does() {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let earlier = Bytes::from(fs::read(fixtures.join("earlier/with-every-column.parquet")).unwrap());
    let raw = "collector/awss3/year=2026/month=11/day=22/hour=15/minute=32/\
        traces_01a203e3-64df-72e8-bc0b-aabc1730f2e2.binpb.zst";
    let store = InMemory::new();
    let raw = Bytes::from(fs::read(fixtures.join(raw)).unwrap());
    let ingested = ingest(&store, raw, INGESTED_AT_MS + 3_600_000).await.unwrap();
    assert_eq!(stored_spans(&store, &ingested.files[0]).await, read_back(earlier.clone()).await);
    assert!(ingested.files[0].bytes * 2 < earlier.len() as u64, "{} bytes", ingested.files[0].bytes);
}

#[tokio::test]
async fn an_object_without_spans_writes_no_file() {
    let store = InMemory::new();
    let ingested = ingest(&store, Bytes::from_static(b"{}"), INGESTED_AT_MS).await.unwrap();
    assert_eq!(ingested, Ingested { raw_bytes: 2, ..Ingested::default() });
    assert_eq!(list(&store, &Path::default()).await.unwrap(), crate::data_file::Listing::default());
}

#[tokio::test]
async fn an_unreadable_object_is_a_permanent_error_and_writes_nothing() {
    let store = InMemory::new();
    let cut_off = request(&[(1, 10)]).slice(..100);
    let error = ingest(&store, cut_off, INGESTED_AT_MS).await.unwrap_err();
    assert_eq!(error.class(), crate::error::Class::Permanent);
    assert!(list(&store, &Path::default()).await.unwrap().files.is_empty());
}
