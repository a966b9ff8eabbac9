//! Ingest never takes more memory than one object may, whatever a sender sends.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use bytes::Bytes;
use fluo_spans::layout::Layout;
use fluo_spans::{DecodeError, Limits, decode};
use fluo_store::{Class, IngestOptions, Ingested, StoreError, Written, ingest_object};
use fluo_tests::span_table::{self, Member};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use parquet::basic::Compression;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: u64 = 1 << 20;
/// 2026-11-22T12:00:00Z
const NOON: u64 = 1_795_348_800_000_000_000;
const HOUR: u64 = 3_600_000_000_000;

/// Ingests an object, and returns the most memory that was held at once, the object with it.
async fn ingest(object: Bytes, max_memory: u64) -> (Result<Ingested, StoreError>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let (size, layout) = (object.len(), Layout::builtin());
    let options = IngestOptions { max_memory, ..IngestOptions::default() };
    let written = Written::At(i64::try_from(NOON / 1_000_000).unwrap());
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage() - size;
    let result = ingest_object(&store, &Path::from("spans"), object, written, &layout, &options).await;
    (result, (MEMORY.peak_usage() - before) as u64)
}

fn span(number: u64, end: u64, attribute: &str) -> String {
    format!(
        r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"a","startTimeUnixNano":"1","endTimeUnixNano":"{end}",
        "attributes":[{{"key":"a","value":{{"stringValue":"{attribute}"}}}}]}}"#,
        number + 1,
        number + 1
    )
}

fn request(spans: &[String]) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

/// Text that hardly compresses.
fn noise(length: usize, random: &mut u64) -> String {
    let mut next = || {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        char::from(b'#' + u8::try_from(*random % 57).unwrap())
    };
    (0..length).map(|_| next()).collect()
}

/// A table of a span, of whose events nothing but the number is said.
fn table_of_many_events(events: usize) -> Bytes {
    let span = decode(request(&[span(1, NOON, "a")]).as_bytes(), &Limits::default()).unwrap().spans;
    let batch = Member::ClickHouse.batch(&span).unwrap();
    let names = StringArray::new_null(events);
    let field = Arc::new(Field::new("item", names.data_type().clone(), true));
    let names = ListArray::new(field, OffsetBuffer::from_lengths([events]), Arc::new(names), None);
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let is_names = field.name() == "Events.Name";
        (field.name().clone(), if is_names { Arc::new(names.clone()) } else { Arc::clone(column) })
    });
    let batch = RecordBatch::try_from_iter(columns.collect::<Vec<(String, ArrayRef)>>()).unwrap();
    span_table::write(&batch, Compression::SNAPPY, 1).unwrap().into()
}

/// One test: the allocator counts what the whole process holds.
#[tokio::test]
async fn no_object_takes_more_memory_than_it_may() {
    let mut random = 42;
    let noisy: Vec<String> =
        (0..32).map(|number| span(number, NOON - number, &noise(1 << 20, &mut random))).collect();
    let noisy = Bytes::from(request(&noisy));
    // Files of so much noise are as large as it is, and are there twice while they are sealed.
    let (result, peak) = ingest(noisy.clone(), 192 * MIB).await;
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::TooMuchMemory { .. }), "{error}");
    assert_eq!(error.class(), Class::Permanent, "it is set aside alone, and its batch goes on");
    assert!(peak <= 192 * MIB, "{} MiB", peak / MIB);
    let (result, peak) = ingest(noisy, 256 * MIB).await;
    assert_eq!(result.unwrap().spans, 32);
    assert!(peak <= 256 * MIB, "{} MiB", peak / MIB);

    let hours: Vec<String> = (0..4_000).map(|number| span(number, NOON - number * HOUR, "b")).collect();
    let (result, peak) = ingest(request(&hours).into(), 512 * MIB).await;
    match result {
        Ok(ingested) => assert_eq!(ingested.files.len(), 4_000),
        Err(error) => assert!(matches!(error, StoreError::TooMuchMemory { .. }), "{error}"),
    }
    assert!(peak <= 512 * MIB, "{} MiB for 4,000 files", peak / MIB);

    // A few kilobytes that become a hundred mebibytes.
    let bomb = vec![b' '; usize::try_from(100 * MIB).unwrap()];
    let bomb = zstd::encode_all(&bomb[..], 3).unwrap();
    let (result, peak) = ingest(bomb.into(), 160 * MIB).await;
    assert!(matches!(result.unwrap_err(), StoreError::TooMuchMemory { .. }));
    assert!(peak <= 160 * MIB, "{} MiB", peak / MIB);

    // A table whose one row has eight million events, in a few hundred bytes of pages.
    let (result, peak) = ingest(table_of_many_events(8 << 20), 512 * MIB).await;
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Decode(DecodeError::Parquet { .. })), "{error}");
    assert!(peak <= 64 * MIB, "{} MiB for a row that is not read", peak / MIB);

    // As the gateway's collector writes them at most: 20 MB of protobuf, which are 50 MB of JSON. A function of 512 MB gives
    // an object this much.
    let attribute = "x".repeat(600);
    let spans: Vec<String> = (0..60_000).map(|number| span(number, NOON - number, &attribute)).collect();
    let object = Bytes::from(zstd::encode_all(request(&spans).as_bytes(), 3).unwrap());
    drop(spans);
    let (result, peak) = ingest(object, 208 * MIB).await;
    assert_eq!(result.unwrap().spans, 60_000);
    assert!(peak <= 208 * MIB, "{} MiB", peak / MIB);
}
