//! The bytes of a data file.

use bytes::Bytes;
use fluo_spans::schema::layout_metadata;
use fluo_spans::span::{Attributes, Kind, Resource, Status};
use fluo_tests::span::blank;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::properties::{self, FEW_ROWS, ID_COLUMNS};
use super::*;
use crate::read_back::read_back;

fn span(service_name: Option<&str>, end_ns: i64, id: u8) -> Span {
    let resource = Resource {
        service_name: service_name.map(str::to_owned),
        attributes: Attributes::new(vec![("host.name".to_owned(), "a".to_owned())]),
    };
    Span {
        trace_id: [id; 16],
        span_id: [id; 8],
        parent_span_id: (id > 1).then_some([1; 8]),
        name: format!("operation {id}"),
        kind: Kind::Server,
        status: Status::Error,
        start_ns: end_ns - 7,
        end_ns,
        attributes: Attributes::new(vec![("cart.size".to_owned(), id.to_string())]),
        resource: Arc::new(resource),
        ..blank()
    }
}

fn shuffled() -> Vec<Span> {
    vec![
        span(Some("shop"), 9_000, 5),
        span(Some("auth"), 8_000, 4),
        span(None, 7_000, 3),
        span(Some("auth"), 5_000, 2),
        span(Some("auth"), 8_000, 1),
    ]
}

#[tokio::test]
async fn spans_are_sorted_by_service_then_end_then_ids() {
    let parquet = to_parquet(&shuffled(), 1, &Layout::builtin()).unwrap();
    let spans = read_back(parquet.into()).await;
    assert_eq!(spans.iter().map(|span| span.span_id[0]).collect::<Vec<_>>(), [3, 2, 1, 4, 5]);
    let mut expected = shuffled();
    expected.sort_by_key(|span| [3, 2, 1, 4, 5].iter().position(|id| *id == span.span_id[0]));
    assert_eq!(spans, expected);
}

#[test]
fn equal_spans_give_equal_bytes_whatever_their_order() {
    let mut reversed = shuffled();
    reversed.reverse();
    let layout = Layout::builtin();
    assert_eq!(to_parquet(&shuffled(), 1, &layout).unwrap(), to_parquet(&reversed, 1, &layout).unwrap());
}

/// The footer of a file, with the indexes of its pages where it has such.
fn metadata(parquet: &Bytes) -> ParquetMetaData {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    reader.parse_and_finish(parquet).unwrap()
}

#[test]
fn the_file_says_what_it_is() {
    let layout = Layout::builtin();
    let metadata = metadata(&Bytes::from(to_parquet(&shuffled(), 1, &layout).unwrap()));
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    for (key, value) in layout_metadata(&layout) {
        assert!(pairs.contains(&KeyValue::new(key.clone(), value)), "{key}");
    }
    assert!(pairs.contains(&KeyValue::new("fluo.unique".to_owned(), "1".to_owned())));
    let group = metadata.row_group(0);
    let sorting: Vec<_> = group.sorting_columns().unwrap().iter().map(|column| column.column_idx).collect();
    for (column, index) in group.columns().iter().zip(0..) {
        let path = column.column_path().string();
        let has_statistics = column.statistics().is_some();
        let is_plain = !path.contains('.') && !ID_COLUMNS.contains(&path.as_str());
        assert_eq!(has_statistics, is_plain, "{path}");
        assert_eq!(sorting.contains(&index), path == "service_name" || path == "end_time", "{path}");
    }
}

#[test]
fn only_what_a_small_file_has_no_value_of_has_no_dictionary() {
    let attribute = |key: &str| Attributes::new(vec![(key.to_owned(), String::new())]);
    let with_a_route = |id| Span { attributes: attribute("http.route"), ..span(Some("shop"), 1, id) };
    let layout = Layout::builtin();
    let many =
        || (0..=BATCH_ROWS).map(|_| span(Some("auth"), 1, 7)).chain([with_a_route(8)]).collect::<Vec<_>>();
    for (scenario, runs, dictionary) in [
        ("no value", vec![shuffled()], false),
        ("a value", vec![[shuffled(), vec![with_a_route(6)]].concat()], true),
        ("a value in a later run", vec![shuffled(), vec![with_a_route(6)]], false),
        ("a value in a later batch", vec![many()], true),
    ] {
        let mut file = SpanFileWriter::new(&layout, Packing::Small);
        for run in runs {
            file.add(&run, 1).unwrap();
        }
        let metadata = metadata(&Bytes::from(file.finish(&FileCounts::default(), true).unwrap()));
        assert_eq!(metadata.file_metadata().schema().get_fields().len(), span_schema(&layout).fields().len());
        for group in metadata.row_groups() {
            let named =
                |name: &str| group.columns().iter().find(|it| it.column_path().string() == name).unwrap();
            let has = |name| named(name).dictionary_page_offset().is_some();
            let columns = ["attr_http_route", "attr_url_full", "res_host_name"];
            let whole = scenario != "a value in a later batch";
            assert_eq!(columns.map(has), [dictionary, !whole, true], "{scenario}");
        }
    }
}

#[test]
fn pages_have_an_index_where_a_column_has_several() {
    let small = to_parquet(&shuffled(), 1, &Layout::builtin()).unwrap();
    let small = metadata(&Bytes::from(small));
    assert!(small.column_index().is_none() && small.offset_index().is_none());

    let template = span(Some("shop"), 0, 1);
    let spans: Vec<Span> =
        (0..30_000).map(|at| Span { end_ns: at, start_ns: 0, ..template.clone() }).collect();
    let large = to_parquet(&spans, 1, &Layout::builtin()).unwrap();
    let large = metadata(&Bytes::from(large));
    let (columns, offsets) = (&large.column_index().unwrap()[0], &large.offset_index().unwrap()[0]);
    assert_eq!((columns.len(), offsets.len()), (large.row_group(0).num_columns(), columns.len()));
    for ((column, bounds), pages) in large.row_group(0).columns().iter().zip(columns).zip(offsets) {
        let path = column.column_path().string();
        assert_eq!(*bounds == ColumnIndexMetaData::NONE, column.statistics().is_none(), "{path}");
        if path == "end_time" {
            let ColumnIndexMetaData::INT64(bounds) = bounds else { panic!("{bounds:?}") };
            assert_eq!(bounds.min_value(1), Some(&pages.page_locations()[1].first_row_index));
        }
    }
}

#[test]
fn columns_are_encoded_so_that_common_readers_know_them() {
    for rows in [shuffled().len(), FEW_ROWS, FEW_ROWS + 1] {
        encoded_so_that_common_readers_know_it(rows);
    }
}

fn encoded_so_that_common_readers_know_it(rows: usize) {
    let spans: Vec<Span> = (0..rows).map(|at| shuffled()[at % 5].clone()).collect();
    let metadata = metadata(&Bytes::from(to_parquet(&spans, 1, &Layout::builtin()).unwrap()));
    for column in metadata.row_group(0).columns() {
        let path = column.column_path().string();
        let encodings: Vec<Encoding> = column.encodings().collect();
        let name = path.as_str();
        let empty = column.statistics().is_some_and(|it| it.null_count_opt() == Some(rows as u64));
        let differs = properties::DIFFERENCES.contains(&name);
        let wanted = if differs && rows > FEW_ROWS {
            Encoding::DELTA_BINARY_PACKED
        } else if differs
            || empty
            || name.contains('.')
            || ID_COLUMNS.contains(&name)
            || properties::PLAIN.contains(&name)
        {
            Encoding::PLAIN
        } else {
            Encoding::RLE_DICTIONARY
        };
        assert!(encodings.contains(&wanted), "{path}: {encodings:?}");
        assert_eq!(wanted == Encoding::RLE_DICTIONARY, column.dictionary_page_offset().is_some(), "{path}");
        let known = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY, Encoding::DELTA_BINARY_PACKED];
        assert!(encodings.iter().all(|encoding| known.contains(encoding)), "{path}: {encodings:?}");
    }
}

#[test]
fn large_spans_are_cut_into_batches_and_none_is_lost() {
    let large = |id| {
        let value = "x".repeat(BATCH_BYTES / 3);
        Span { attributes: Attributes::new(vec![("big".to_owned(), value)]), ..span(None, 1, id) }
    };
    let spans: Vec<Span> = (1..=7).map(large).collect();
    assert_eq!(batches(&spans).map(<[Span]>::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
    let huge = Span {
        attributes: Attributes::new(vec![("big".to_owned(), "x".repeat(BATCH_BYTES + 1))]),
        ..span(None, 1, 1)
    };
    let spans = [span(None, 1, 2), huge, span(None, 1, 3)];
    assert_eq!(batches(&spans).map(<[Span]>::len).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(batches::<Span>(&[]).count(), 0);
}

#[test]
fn no_spans_are_a_file_too() {
    let parquet = to_parquet(&[], 1, &Layout::builtin()).unwrap();
    assert_eq!(metadata(&parquet.into()).file_metadata().num_rows(), 0);
}

#[tokio::test]
async fn a_file_of_a_moment_holds_the_same_and_is_not_compressed() {
    let layout = Layout::builtin();
    let file = |packing| {
        let mut file = SpanFileWriter::new(&layout, packing);
        file.add(&shuffled(), 1).unwrap();
        Bytes::from(file.finish(&FileCounts::default(), true).unwrap())
    };
    let (small, quick) = (file(Packing::Small), file(Packing::Quick));
    for column in metadata(&quick).row_group(0).columns() {
        assert_eq!(column.compression(), Compression::UNCOMPRESSED, "{}", column.column_path());
    }
    assert_eq!(read_back(quick).await, read_back(small).await);
}
