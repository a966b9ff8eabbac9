use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::properties::WriterProperties;

use super::*;

fn batch() -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("number", DataType::Int64, false),
        Field::new("text", DataType::Utf8, true),
    ]);
    let numbers = Int64Array::from_iter_values(0..3000);
    let texts: StringArray = (0..3000).map(|at| (at % 7 > 0).then(|| format!("text {}", at % 11))).collect();
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(texts)]).unwrap()
}

/// Three row groups, each of several pages, with and without dictionary.
fn file() -> Vec<u8> {
    written(300)
}

/// Three row groups, of which each column is one page and, at most, a dictionary.
fn file_of_single_pages() -> Vec<u8> {
    written(1000)
}

fn written(rows_a_page: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1000))
        .set_data_page_row_count_limit(rows_a_page)
        .set_write_batch_size(100)
        .set_column_dictionary_enabled("number".into(), false)
        .build();
    let batch = batch();
    let mut writer =
        SealedWriter::try_new(batch.schema().try_into().unwrap(), properties, vec![None, Some(3)]).unwrap();
    writer.write(&batch).unwrap();
    writer.finish(Vec::new()).unwrap()
}

fn metadata(file: &[u8]) -> ParquetMetaData {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    reader.parse_and_finish(&Bytes::copy_from_slice(file)).unwrap()
}

/// A place in a file; one beyond all of them where memory has none such.
fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn footer(file: &[u8]) -> &[u8] {
    let (_, end) = file.split_at(file.len() - 8);
    let length = u32::from_le_bytes(end[..4].try_into().unwrap()) as usize;
    &file[file.len() - 8 - length..]
}

fn read(file: Vec<u8>) -> Result<Vec<RecordBatch>, ParquetError> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file))?.with_batch_size(5000).build()?;
    reader.map(|batch| batch.map_err(ParquetError::from)).collect()
}

#[test]
fn a_sealed_file_reads_as_before() {
    let file = file();
    assert_eq!(read(file.clone()).unwrap(), [batch()]);
    let metadata = metadata(&file);
    assert_eq!(metadata.num_row_groups(), 3);
    for (group, indexes) in metadata.row_groups().iter().zip(metadata.offset_index().unwrap()) {
        for (column, index) in group.columns().iter().zip(indexes) {
            let (start, length) = column.byte_range();
            let pages = index.page_locations();
            assert!(pages.len() > 3, "{} pages", pages.len());
            let last = pages.last().unwrap();
            assert_eq!(last.offset + i64::from(last.compressed_page_size), (start + length).cast_signed());
            assert_eq!(pages[1].first_row_index, 300);
            assert!(column.statistics().is_some());
        }
    }
}

#[test]
fn the_format_s_own_readers_check_what_was_written() {
    let file = file();
    let metadata = metadata(&file);
    for (group, indexes) in metadata.row_groups().iter().zip(metadata.offset_index().unwrap()) {
        for (column, index) in group.columns().iter().zip(indexes) {
            for page in index.page_locations() {
                let mut damaged = file.clone();
                // The last byte of a page is one of its data.
                damaged[place((page.offset + i64::from(page.compressed_page_size)).unsigned_abs()) - 1] ^= 1;
                let error = read(damaged).unwrap_err().to_string();
                assert!(error.contains("CRC"), "{} at {}: {error}", column.column_path(), page.offset);
            }
        }
    }
}

#[test]
fn every_flipped_bit_behind_the_pages_is_seen() {
    let file = file();
    let seal = Seal::find(footer(&file)).unwrap().unwrap();
    let from = place(seal.from);
    assert_eq!(seal.check(&file[from..]), Ok(()));
    assert_eq!(Pages::of(&metadata(&file)).unwrap().pages.last().unwrap().end, seal.from);
    // The length and the mark at the end say where the footer lies, and are checked with it.
    for bit in 0..(file.len() - from - 8) * 8 {
        let mut damaged = file.clone();
        damaged[from + bit / 8] ^= 1 << (bit % 8);
        let seen = match Seal::find(footer(&damaged)) {
            Ok(Some(seal)) => match damaged.get(place(seal.from)..) {
                Some(behind) => seal.check(behind).is_err(),
                None => true,
            },
            Ok(None) => false,
            Err(_) => true,
        };
        assert!(seen, "bit {} of byte {}", bit % 8, bit / 8);
    }
}

#[test]
fn every_flipped_bit_of_a_page_is_seen() {
    for file in [file(), file_of_single_pages()] {
        let pages = Pages::of(&metadata(&file)).unwrap();
        let end = place(Seal::find(footer(&file)).unwrap().unwrap().from);
        assert_eq!(pages.pages.last().unwrap().end, end as u64);
        assert_eq!(pages.check(4, &file[4..end]), Ok(()));
        let mut damaged = file.clone();
        for at in 4..end {
            damaged[at] ^= 1 << (at % 8);
            assert!(pages.check(4, &damaged[4..end]).is_err(), "byte {at}");
            damaged[at] = file[at];
        }
    }
}

#[test]
fn where_every_column_has_one_page_there_is_no_index_of_pages() {
    let file = file_of_single_pages();
    assert_eq!(read(file.clone()).unwrap(), [batch()]);
    let metadata = metadata(&file);
    assert!(metadata.offset_index().is_none() && metadata.column_index().is_none());
    let columns = || metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    assert!(columns().all(|column| column.offset_index_offset().is_none() && column.statistics().is_some()));
    let dictionaries = columns().filter(|column| column.dictionary_page_offset().is_some()).count();
    assert_eq!(Pages::of(&metadata).unwrap().pages.len(), columns().count() + dictionaries);
}

#[test]
fn parts_of_pages_are_read_with_the_whole() {
    let file = file();
    let pages = Pages::of(&metadata(&file)).unwrap();
    let [first, second, ..] = pages.pages[..] else { panic!("one page") };
    let cases: [(Range<u64>, Range<u64>); 5] = [
        (first.at..first.end, first.at..first.end),
        (first.at + 1..first.end - 1, first.at..first.end),
        (first.end - 1..second.at + 1, first.at..second.end),
        (0..4, 0..4),
        (0..5, 0..first.end),
    ];
    for (asked, expected) in cases {
        assert_eq!(pages.around(&asked), expected, "{asked:?}");
        let (from, to) = (place(expected.start), place(expected.end));
        assert_eq!(pages.check(expected.start, &file[from..to]), Ok(()), "{asked:?}");
    }
    let part = &file[place(first.at) + 1..place(first.end)];
    assert_eq!(pages.check(first.at + 1, part), Err(Broken::Page(first.at)), "half of a page proves nothing");
}

#[test]
fn a_file_without_a_seal_has_none_and_half_a_seal_is_none() {
    let value = text(0xdead_beef, 4096);
    assert_eq!(value, "crc32:deadbeef:0000000000001000");
    let footer = |key: &str, value: &str| [key.as_bytes(), b"\x18\x1f", value.as_bytes(), b"rest"].concat();
    let seal = Seal { from: 4096, crc: 0xdead_beef };
    let cases = [
        ("none", footer("other", "else"), Ok(None)),
        ("a seal", footer(SEAL, &value), Ok(Some(seal))),
        ("the last of two", [footer(SEAL, &text(1, 1)), footer(SEAL, &value)].concat(), Ok(Some(seal))),
        ("an altered key", footer("fluo.seam", &value), Err(Broken::Seal)),
        ("an altered value", footer(SEAL, "crc32:deadbeeg:0000000000001000"), Err(Broken::Seal)),
        ("capitals", footer(SEAL, "crc32:DEADBEEF:0000000000001000"), Err(Broken::Seal)),
        ("one far from the other", [footer(SEAL, ""), footer("", &value)].concat(), Err(Broken::Seal)),
    ];
    for (scenario, footer, expected) in cases {
        assert_eq!(Seal::find(&footer), expected, "{scenario}");
    }
}

#[test]
fn no_rows_are_sealed_too() {
    let batch = batch();
    let writer =
        SealedWriter::try_new(batch.schema().try_into().unwrap(), WriterProperties::default(), Vec::new())
            .unwrap();
    let file = writer.finish(Vec::new()).unwrap();
    let seal = Seal::find(footer(&file)).unwrap().unwrap();
    assert_eq!((seal.from, seal.check(&file[4..])), (4, Ok(())));
    assert_eq!(read(file).unwrap(), Vec::<RecordBatch>::new());
}

/// A file of two columns, of which the second is to be compressed, in runs of so many rows.
fn packed(numbers: impl Fn(i64) -> i64, rows: i64, a_run: usize) -> Vec<u8> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("plain", DataType::Int64, false),
        Field::new("packed", DataType::Int64, false),
    ]));
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(numbers)));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(&column), column]).unwrap();
    let properties =
        WriterProperties::builder().set_dictionary_enabled(false).set_data_page_row_count_limit(1000).build();
    let mut writer =
        SealedWriter::try_new(schema.try_into().unwrap(), properties, vec![None, Some(3)]).unwrap();
    for start in (0..batch.num_rows()).step_by(a_run) {
        writer.write(&batch.slice(start, a_run.min(batch.num_rows() - start))).unwrap();
    }
    writer.finish(Vec::new()).unwrap()
}

#[test]
fn a_column_is_compressed_where_that_makes_it_smaller() {
    type Case<'a> = (&'a str, &'a dyn Fn(i64) -> i64, i64, bool);
    let random = |at: i64| {
        at.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()).rotate_left(29).wrapping_mul(at | 1)
    };
    let plain = Compression::UNCOMPRESSED;
    let is_zstd = |compression: Compression| matches!(compression, Compression::ZSTD(_));
    let alike = |_| 7;
    let cases: [Case<'_>; 4] = [
        ("few alike", &alike, 100, true),
        ("few random ones", &random, 100, false),
        ("many alike, more than wait", &alike, 20_000, true),
        // It is not known before all have come whether they are.
        ("many random ones", &random, 20_000, true),
    ];
    for (scenario, numbers, rows, compressed) in cases {
        let file = packed(numbers, rows, 3_000);
        let metadata = metadata(&file);
        let columns = metadata.row_group(0).columns();
        assert_eq!(columns[0].compression(), plain, "{scenario}");
        assert_eq!(is_zstd(columns[1].compression()), compressed, "{scenario}");
        for column in columns {
            let (from, length) = column.byte_range();
            let size =
                if is_zstd(column.compression()) { column.uncompressed_size() } else { length.cast_signed() };
            // Headers aside, it is what the numbers take.
            assert!((rows * 8..rows * 8 + 2_000).contains(&size), "{scenario}: {size} from {from}");
        }
        let read: Vec<i64> = read(file)
            .unwrap()
            .iter()
            .flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        assert_eq!(read, (0..rows).map(numbers).collect::<Vec<_>>(), "{scenario}");
    }
}

#[test]
fn a_column_does_not_depend_on_what_was_compressed_before() {
    let second = |first: &dyn Fn(i64) -> i64| {
        let numbers = |of: &dyn Fn(i64) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values((0..20_000).map(of)))
        };
        let columns = [("first", numbers(first)), ("second", numbers(&|at| at % 300))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        let levels = vec![Some(6), Some(3)];
        let mut writer =
            SealedWriter::try_new(batch.schema().try_into().unwrap(), properties, levels).unwrap();
        writer.write(&batch).unwrap();
        let file = writer.finish(Vec::new()).unwrap();
        let (from, length) = metadata(&file).row_group(0).column(1).byte_range();
        file[place(from)..place(from + length)].to_vec()
    };
    assert_eq!(second(&|_| 7), second(&|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())));
}
