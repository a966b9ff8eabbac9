//! Files of every member, damaged and hostile ones.

use fluo_spans::Limits;
use fluo_spans::decode;
use fluo_spans::error::Foreign;
use fluo_tests::span_table::{self, Member};
use parquet::basic::Compression;

use super::*;

/// Spans of a second each, with attributes, events and links.
fn spans(count: usize) -> Vec<Span> {
    let span = |number: usize| {
        format!(
            r#"{{"traceId":"{number:032x}","spanId":"{number:016x}","name":"GET /","kind":2,
                "startTimeUnixNano":"1714564800000000000","endTimeUnixNano":"1714564801000000000",
                "attributes":[{{"key":"user.id","value":{{"stringValue":"u-{number}"}}}}],
                "events":[{{"timeUnixNano":"1714564800000000000","name":"e"}}],
                "links":[{{"traceId":"{number:032x}","spanId":"{number:016x}"}}]}}"#
        )
    };
    let spans: Vec<String> = (1..=count).map(span).collect();
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"auth"}}]}"#;
    let request =
        format!(r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    decode::decode(request.as_bytes(), &Limits::default()).unwrap().spans
}

/// The spans of a file, and what was mended of them and set aside.
fn read(file: impl Into<Bytes>, limits: &Limits) -> Result<(Vec<Span>, String, String), DecodeError> {
    let mut all = Batch::default();
    let rest = super::decode(&file.into(), limits, &mut |batch| {
        all.spans.extend(batch.spans);
        all.mended.merge(batch.mended);
        ControlFlow::Continue(())
    })?;
    Ok((all.spans, all.mended.counts().reasons.in_words(), rest.set_aside.in_words()))
}

#[test]
fn every_member_and_compression_is_read() {
    let spans = spans(5);
    for member in Member::ALL {
        let (read, mended, set_aside) =
            read(member.write_in_groups(&spans, 2).unwrap(), &Limits::default()).unwrap();
        let kept: Vec<Span> = spans.iter().map(|span| member.kept(span)).collect();
        assert_eq!(read, kept, "{member:?}");
        assert_eq!((mended.as_str(), set_aside.as_str()), ("", ""), "{member:?}");
    }
}

#[test]
fn a_row_group_that_is_damaged_costs_itself() {
    let spans = spans(6);
    let file = Member::ClickHouseNested.write_in_groups(&spans, 2).unwrap();
    let footer = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(file.clone())).unwrap();
    let (from, _) = footer.row_group(1).column(0).byte_range();
    let (to, _) = footer.row_group(2).column(0).byte_range();
    let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
    for at in (from..to).step_by(5) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x5a;
        let (read, _, set_aside) = read(damaged, &Limits::default()).unwrap();
        assert_eq!((&read[..2], &read[read.len() - 2..]), (&spans[..2], &spans[4..]), "byte {at}");
        if read.len() < 6 {
            assert_ne!(set_aside, "", "byte {at}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf_8_cost_themselves() {
    let spans = spans(3);
    let batch = Member::Otlp2Parquet.batch(&spans).unwrap();
    let mut file = span_table::write(&batch, Compression::UNCOMPRESSED, 2).unwrap();
    let place = file.windows(3).position(|bytes| bytes == b"u-2").unwrap();
    file[place + 1] = 0xff;
    let (read, mended, set_aside) = read(file, &Limits::default()).unwrap();
    assert_eq!((read.len(), set_aside.as_str()), (3, ""));
    assert_eq!(read[1].attributes.get("user.id"), Some("u\u{fffd}2"));
    assert_eq!(mended, "1 × text that is not UTF-8");
}

#[test]
fn what_a_file_decompresses_to_and_holds_is_bounded() {
    let spans = spans(64);
    let file = Member::ClickHouse.write_in_groups(&spans, 64).unwrap();
    let limits = |max_bytes, max_object_cost| Limits { max_bytes, max_object_cost, ..Limits::default() };
    assert_eq!(read(file.clone(), &limits(64 << 10, 1 << 20)).unwrap().0.len(), 64);
    let error = read(file.clone(), &limits(1 << 10, 1 << 20)).unwrap_err();
    assert!(matches!(error, DecodeError::TooLarge { limit: 1_024 }), "{error}");
    let error = read(file, &limits(64 << 10, 1 << 10)).unwrap_err();
    assert!(matches!(error, DecodeError::TooCostly { limit: 1_024 }), "{error}");
}

#[test]
fn as_many_rows_are_read_at_once_as_their_lists_have_room() {
    let mut spans = spans(40);
    let events = vec![spans[7].events[0].clone(); 100];
    spans[7].events = events;
    for member in [Member::ClickHouse, Member::ClickHouseNested, Member::Rotel] {
        let file = Bytes::from(member.write_in_groups(&spans, 20).unwrap());
        let read = |values_at_once| {
            let mut read = Vec::new();
            let rest = decode_within(&file, &Limits::default(), values_at_once, &mut |batch| {
                read.extend(batch.spans);
                ControlFlow::Continue(())
            });
            (read, rest.unwrap().set_aside.in_words())
        };
        let kept: Vec<Span> = spans.iter().map(|span| member.kept(span)).collect();
        // A row has some hundreds of values, or a dozen.
        for values_at_once in [1 << 20, 500 * VALUE, 2_000 * VALUE] {
            assert_eq!(read(values_at_once), (kept.clone(), String::new()), "{member:?}, {values_at_once}");
        }
        let without_first = (kept[20..].to_vec(), "1 × unreadable part".to_owned());
        assert_eq!(read(100 * VALUE), without_first, "{member:?}");
    }
}

#[test]
fn what_is_no_table_of_spans_says_why() {
    let spans = spans(1);
    let file = Member::ClickHouse.write(&spans).unwrap();
    let cut = read(file[..file.len() / 2].to_vec(), &Limits::default()).unwrap_err();
    assert!(matches!(cut, DecodeError::Parquet { .. }), "{cut}");
    let file = Member::Rotel.write_without(&spans, &["trace_id"]).unwrap();
    let error = read(file, &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "no flat table of spans: it lacks the columns `TraceId`");
    let columns: [(&str, arrow::array::ArrayRef); 2] = [
        ("Timestamp", Arc::new(arrow::array::Int64Array::from(vec![1]))),
        ("LogAttributes", Arc::new(arrow::array::StringArray::from(vec!["{}"]))),
    ];
    let logs = arrow::array::RecordBatch::try_from_iter(columns).unwrap();
    let file = span_table::write(&logs, Compression::SNAPPY, 2).unwrap();
    let error = read(file, &Limits::default()).unwrap_err();
    assert!(matches!(error, DecodeError::NotTraces(Foreign::Logs)), "{error}");
}
