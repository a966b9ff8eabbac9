use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::compute::cast;
use fluo_spans::batch::to_batch;
use fluo_spans::span::{Attributes, InstrumentationScope, Resource, Span};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{
    KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter,
};
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::ValueStatistics;
use parquet::file::writer::TrackedWrite;

use super::*;
use crate::counts::FileCounts;
use crate::failing::{Failing, Outage};
use crate::names::Content;
use crate::parquet_write::to_parquet;

const NOON: i64 = 1_795_348_800_000_000_000;

fn span(at: i64) -> Span {
    Span {
        trace_id: [u8::try_from(at + 1).unwrap(); 16],
        span_id: [1; 8],
        parent_span_id: None,
        trace_state: String::new(),
        flags: 0,
        name: "GET /".to_owned(),
        kind: Kind::Server,
        status: Status::Error,
        status_message: String::new(),
        start_ns: NOON + at * 1_000,
        end_ns: NOON + at * 1_000_000,
        attributes: Attributes::new(vec![("http.route".to_owned(), "/".to_owned())]),
        resource: Arc::new(Resource { service_name: Some("shop".to_owned()), ..Resource::default() }),
        scope: Arc::new(InstrumentationScope::default()),
        events: Vec::new(),
        links: Vec::new(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    }
}

pub(crate) fn spans(count: i64) -> Vec<Span> {
    (0..count).map(span).collect()
}

const ENDS: RangeInclusive<i64> = NOON..=NOON + 8_000_000;

fn name() -> DataFileName {
    DataFileName::new(ENDS, 9, Content::of(b"x"), 1, 1).unwrap()
}

/// The columns of the spans, one of them replaced; as Parquet without a seal, with all that is said of a sealed file.
fn unsealed(replaced: &str, with: Option<ArrayRef>) -> Vec<u8> {
    let layout = Layout::builtin();
    let batch = to_batch(&spans(9), 7, &layout).unwrap();
    let mut arrays = batch.columns().to_vec();
    if let Some(with) = with {
        let at = batch.schema_ref().index_of(replaced).unwrap();
        arrays[at] = cast(&with, batch.column(at).data_type()).unwrap();
    }
    let pairs = fluo_spans::schema::layout_metadata(&layout);
    let pairs = pairs.into_iter().chain([(UNIQUE.to_owned(), "1".to_owned())]);
    let pairs = pairs.map(|(key, value)| KeyValue::new(key, value)).collect();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let batch = RecordBatch::try_new(batch.schema(), arrays).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// The same file with other statistics of `end_time`.
fn lying(file: &[u8], first: i64, last: i64) -> Vec<u8> {
    let bytes = bytes::Bytes::copy_from_slice(file);
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
    let metadata = reader.parse_and_finish(&bytes).unwrap();
    let mut group = metadata.row_group(0).clone().into_builder();
    for column in group.take_columns() {
        let is_end = column.column_path().parts() == [columns::END_TIME];
        let statistics = ValueStatistics::new(Some(first), Some(last), None, Some(0), false);
        let mut column = column.into_builder().set_column_index_offset(None).set_offset_index_offset(None);
        if is_end {
            column = column.set_statistics(Statistics::Int64(statistics));
        }
        group = group.add_column_metadata(column.build().unwrap());
    }
    let metadata = ParquetMetaData::new(metadata.file_metadata().clone(), vec![group.build().unwrap()]);
    let mut lying = Vec::new();
    let mut written = TrackedWrite::new(&mut lying);
    written.write_all(&file[..file.len() - 8 - footer_length(file)]).unwrap();
    ParquetMetaDataWriter::new_with_tracked(written, &metadata).finish().unwrap();
    lying
}

fn footer_length(file: &[u8]) -> usize {
    let end = &file[file.len() - 8..];
    u32::from_le_bytes(end[..4].try_into().unwrap()) as usize
}

async fn opened(bytes: Vec<u8>, name: Option<DataFileName>) -> Result<(OpenFile, Arc<Footer>), FileFault> {
    let store = Failing::new();
    let location = Path::from("spans/x.parquet");
    let size = bytes.len() as u64;
    store.put(&location, bytes.into()).await.unwrap();
    let store: Arc<dyn ObjectStore> = store;
    let file = DataFile { location, size, e_tag: None, last_modified_ms: 0, name, within: None };
    open(&store, &file, &Schemas::default()).await
}

/// Returns what is said to be wrong with a damaged file.
fn why(opened: Result<(OpenFile, Arc<Footer>), FileFault>, scenario: &str) -> String {
    match opened {
        Err(fault @ FileFault::Corrupt { .. }) => fault.reason().to_string(),
        other => panic!("{scenario}: {other:?}"),
    }
}

#[tokio::test]
async fn a_sealed_file_is_opened_by_its_footer() {
    let (file, footer) =
        opened(to_parquet(&spans(9), 7, &Layout::builtin()).unwrap(), Some(name())).await.unwrap();
    let expected = OpenFile {
        layout: Arc::new(Layout::builtin()),
        ends: Some(ENDS),
        rows: 9,
        ingested_at_ms: Some(7),
        counts: FileCounts::default(),
        unique: true,
    };
    assert_eq!(file, expected);
    assert!(footer.is_sealed());
    assert!(footer.for_readers().row_group(0).columns().iter().any(|column| column.statistics().is_some()));
}

#[tokio::test]
async fn a_file_without_a_seal_is_looked_through_and_its_statistics_are_not_used() {
    let (file, footer) = opened(unsealed("", None), Some(name())).await.unwrap();
    assert_eq!((file.ends, file.rows, file.ingested_at_ms), (Some(ENDS), 9, Some(7)));
    assert!(!footer.is_sealed());
    assert!(!file.unique, "another program may have merged two files and kept what one of them said");
    let columns = footer.for_readers().row_group(0).columns();
    assert!(
        columns.iter().all(|column| column.statistics().is_none() && column.column_index_offset().is_none())
    );
}

#[tokio::test]
async fn a_file_with_a_span_twice_does_not_say_that_it_holds_none_twice() {
    let renamed = Span { name: "GET /cart".to_owned(), ..span(3) };
    let ended_later = Span { end_ns: span(3).end_ns + 1, ..span(3) };
    for (scenario, more, unique) in
        [("a copy", span(3), false), ("one that differs", renamed, false), ("another end", ended_later, true)]
    {
        let spans: Vec<Span> = spans(9).into_iter().chain([more]).collect();
        let (file, _) = opened(to_parquet(&spans, 7, &Layout::builtin()).unwrap(), None).await.unwrap();
        assert_eq!((file.rows, file.unique), (10, unique), "{scenario}");
    }
}

#[tokio::test]
async fn an_empty_file_is_sound() {
    let bytes = to_parquet(&[], 7, &Layout::builtin()).unwrap();
    let (file, _) = opened(bytes, None).await.unwrap();
    assert_eq!((file.ends, file.rows), (None, 0));
}

#[tokio::test]
async fn a_name_that_lies_is_found_out() {
    let of = |ends: RangeInclusive<i64>, rows, layout| {
        DataFileName::new(ends, rows, Content::of(b"x"), layout, 1).unwrap()
    };
    let cases = [
        ("more rows", of(ENDS, 10, 1), "its name says 10 spans, and it holds 9"),
        ("another layout", of(ENDS, 9, 2), "its name says layout 2, and it holds layout 1"),
        ("a later first end", of(NOON + 2_000_000..=*ENDS.end(), 9, 1), "its name says ends from"),
        ("an earlier last end", of(NOON..=NOON + 7_000_000, 9, 1), "its name says ends from"),
        ("another hour", of(0..=1, 9, 1), "its name says ends from"),
    ];
    for (scenario, name, expected) in cases {
        for bytes in [to_parquet(&spans(9), 7, &Layout::builtin()).unwrap(), unsealed("", None)] {
            let told = why(opened(bytes, Some(name.clone())).await, scenario);
            assert!(told.starts_with(expected), "{scenario}: {told}");
        }
    }
}

#[tokio::test]
async fn values_that_no_span_has_are_found_where_nothing_vouches_for_them() {
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; 9])) };
    let times = |time: i64| -> ArrayRef { Arc::new(TimestampNanosecondArray::from(vec![time; 9])) };
    let numbers = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number; 9])) };
    let cases = [
        (columns::KIND, text("banana"), "column `kind` holds \"banana\", which no span has"),
        (columns::STATUS, text("ERROR"), "column `status` holds \"ERROR\", which no span has"),
        (columns::DURATION_NS, numbers(-5), "column `duration_ns` holds -5 from"),
        (columns::DURATION_NS, numbers(5), "column `duration_ns` holds 5 from"),
        (columns::START_TIME, times(NOON + 1), "column `duration_ns` holds 0 from"),
        (columns::END_TIME, times(NOON - 1), "column `duration_ns` holds 0 from"),
    ];
    for (column, with, expected) in cases {
        let told = why(opened(unsealed(column, Some(with)), Some(name())).await, column);
        assert!(told.starts_with(expected), "{column}: {told}");
    }
}

#[tokio::test]
async fn statistics_that_lie_are_found_out() {
    let file = unsealed("", None);
    let cases = [
        ("as they are", *ENDS.start(), *ENDS.end(), None),
        ("wider", 0, i64::MAX, None),
        ("upside down", *ENDS.end(), *ENDS.start(), Some("its statistics cannot be: the smallest")),
        ("data before", NOON + 1, *ENDS.end(), Some("its footer says ends from")),
        ("data behind", NOON, NOON, Some("its footer says ends from")),
    ];
    for (scenario, first, last, expected) in cases {
        let opened = opened(lying(&file, first, last), Some(name())).await;
        match expected {
            None => assert_eq!(opened.unwrap().0.ends, Some(ENDS), "{scenario}"),
            Some(expected) => {
                let told = why(opened, scenario);
                assert!(told.starts_with(expected), "{scenario}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_parquet_is_damaged_and_parquet_of_others_is_foreign() {
    let cases: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("short", b"PAR1"),
        ("a web page", b"<html>503 Slow Down</html>"),
        ("a footer larger than the file", b"PAR1\xff\xff\xff\x7fPAR1"),
        ("a footer of zeros", b"PAR1\0\0\0\0\0\0\0\0\x08\0\0\0PAR1"),
    ];
    for (scenario, bytes) in cases {
        why(opened(bytes.to_vec(), Some(name())).await, scenario);
    }
    let numbers =
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), numbers.schema(), None).unwrap();
    writer.write(&numbers).unwrap();
    let opened = opened(writer.into_inner().unwrap(), None).await;
    assert!(matches!(opened, Err(FileFault::Foreign { .. })), "{opened:?}");
}

/// The sealed file cut anywhere is never a sound one.
#[tokio::test]
async fn a_file_that_was_cut_is_damaged() {
    let whole = to_parquet(&spans(9), 7, &Layout::builtin()).unwrap();
    for length in (0..whole.len()).step_by(97).chain(whole.len() - 9..whole.len()) {
        why(opened(whole[..length].to_vec(), Some(name())).await, &format!("{length} bytes"));
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/damaged");
    fs::read(folder.join(name)).unwrap()
}

#[tokio::test]
async fn a_panic_of_a_reader_is_the_file_s_fault() {
    // Arrow's own schema in the footer is not looked at: what was flipped there changes nothing.
    let (file, footer) = opened(fixture("one-bit-in-schema.parquet"), None).await.unwrap();
    assert!(file.rows > 0 && !footer.is_sealed());
    let told = opened(fixture("one-bit-in-data-page.parquet"), None).await;
    assert!(told.is_ok(), "its times, kinds and states are sound: {told:?}");
}

#[tokio::test]
async fn a_request_that_fails_says_nothing_of_the_file() {
    for bytes in [to_parquet(&spans(9), 7, &Layout::builtin()).unwrap(), unsealed("", None)] {
        let store = Failing::new();
        let location = Path::from("spans/x.parquet");
        let size = bytes.len() as u64;
        let file = DataFile {
            location: location.clone(),
            size,
            e_tag: None,
            last_modified_ms: 0,
            name: Some(name()),
            within: None,
        };
        store.put(&location, bytes.into()).await.unwrap();
        let as_store: Arc<dyn ObjectStore> = Arc::clone(&store) as _;
        let schemas = Schemas::default();
        for outage in Outage::ALL {
            store.outage(Some(outage));
            let fault = open(&as_store, &file, &schemas).await.unwrap_err();
            assert!(fault.is_unavailable(), "{outage:?}: {fault:?}");
            assert_eq!(fault.location(), &location);
        }
        store.outage(None);
        let longer = DataFile { size: size + 10, ..file.clone() };
        let fault = open(&as_store, &longer, &schemas).await.unwrap_err();
        assert!(fault.is_unavailable(), "it is still being written");
        assert!(open(&as_store, &file, &schemas).await.is_ok(), "it is asked for again");
    }
}

#[tokio::test]
async fn pages_of_a_sealed_file_are_checked_as_they_are_read() {
    let whole = to_parquet(&spans(9), 7, &Layout::builtin()).unwrap();
    let (file, footer) = opened(whole.clone(), None).await.unwrap();
    let store = Failing::new();
    let location = Path::from("spans/x.parquet");
    let mut damaged = whole.clone();
    damaged[100] ^= 4;
    store.put(&location, damaged.into()).await.unwrap();
    let as_store: Arc<dyn ObjectStore> = Arc::clone(&store) as _;
    let reader =
        || FileReader::new(Arc::clone(&as_store), location.clone(), whole.len() as u64, Arc::clone(&footer));
    let read = |reader: FileReader| {
        let metadata = arrow_metadata(&footer, &file.layout).unwrap();
        async move {
            let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata);
            builder.build().unwrap().try_collect::<Vec<_>>().await
        }
    };
    let error = read(reader()).await.unwrap_err();
    assert!(matches!(FileFault::behind(&error), Some(FileFault::Corrupt { .. })), "{error:?}");
    store.outage(Some(Outage::Refused));
    let error = read(reader()).await.unwrap_err();
    assert!(FileFault::behind(&error).unwrap().is_unavailable(), "{error:?}");
    store.outage(None);
    store.put(&location, whole.clone().into()).await.unwrap();
    assert_eq!(read(reader()).await.unwrap()[0].num_rows(), 9);
}
