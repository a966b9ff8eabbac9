//! Violations as Parquet. A violation has a row for each revision that was committed; readers take the highest.
//!
//! | column | type |
//! | --- | --- |
//! | `id`, `fingerprint`, `summary` | text |
//! | `revision` | i32 |
//! | `status`, `rule`, `severity` | dictionary text |
//! | `group` | map(text, text): the rule's `group_by`, in its order; null where spans had no value |
//! | `starts_at`, `ends_at` | timestamp(ns, UTC) |
//! | `ongoing`, `partial` | boolean |
//! | `values`, `record` | JSON text |

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, MapArray, MapBuilder, MapFieldNames, RecordBatch,
    StringArray, StringBuilder, StringDictionaryBuilder, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimestampNanosecondType};
use arrow::error::ArrowError;
use bytes::Bytes;
use fluo_spans::schema::{META_SCHEMA, map_type, time_type};
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::error::StoreError;
use crate::list::partition;
use crate::names::Hour;
use crate::records::stem;

const VIOLATIONS: &str = "violations";

/// Name and version of the format, in the file's metadata.
const SCHEMA: &str = "fluo.violations/v1";

/// The most rows of a file that are held in columns at a time.
const BATCH_ROWS: usize = 8 * 1024;

/// One revision of a violation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViolationRow {
    /// The first moment at which the condition held; nanoseconds since the epoch.
    pub starts_at_ns: i64,
    /// The id of the episode.
    pub id: String,
    /// The number of the record among those of that id.
    pub revision: i32,
    /// The status of the record: `valid`, `withdrawn` or `merged`.
    pub status: String,
    /// The rule's name.
    pub rule: String,
    /// The rule's severity.
    pub severity: String,
    /// The fingerprint of rule and group.
    pub fingerprint: String,
    /// Key and value of each `group_by` entry; `None` where spans have no value.
    pub group: Vec<(String, Option<String>)>,
    /// The last moment at which the condition held; nanoseconds since the epoch.
    pub ends_at_ns: i64,
    /// `true` where it may go on.
    pub ongoing: bool,
    /// `true` where data of the window could not be read.
    pub partial: bool,
    /// The declared aggregates at the first moment: a JSON object.
    pub values: String,
    /// One line for people.
    pub summary: String,
    /// The record as a whole: a JSON object.
    pub record: String,
}

/// The objects that hold the violations of one evaluation, an hour's each: paths relative to the root, and bytes. The
/// order of `records` does not matter.
///
/// `generation`: of the state that the evaluation committed.
///
/// # Errors
///
/// [`StoreError::Parquet`], which is a bug.
pub fn violation_objects(
    records: &[ViolationRow],
    eval_time_ns: i64,
    generation: u64,
) -> Result<Vec<(Path, Bytes)>, StoreError> {
    let mut hours: BTreeMap<Hour, Vec<&ViolationRow>> = BTreeMap::new();
    for record in records {
        hours.entry(Hour::of_ns(record.starts_at_ns)).or_default().push(record);
    }
    let name = format!("{}.parquet", stem(eval_time_ns, generation));
    let objects = hours.into_iter().map(|(hour, mut rows)| {
        rows.sort();
        Ok((partition(&Path::from(VIOLATIONS), hour).join(name.as_str()), to_parquet(&rows)?))
    });
    objects.collect()
}

/// The violations of one object.
///
/// # Errors
///
/// [`StoreError::NotViolations`] where it is no Parquet, a damaged one, or of other columns.
pub fn read_violations(bytes: Bytes) -> Result<Vec<ViolationRow>, StoreError> {
    let refused = |error: &dyn std::fmt::Display| StoreError::NotViolations { reason: error.to_string() };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| refused(&error))?;
    let format = builder.schema().metadata().get(META_SCHEMA).cloned();
    if format.as_deref() != Some(SCHEMA) {
        return Err(refused(&format!("its format is not {SCHEMA}")));
    }
    let reader = builder.build().map_err(|error| refused(&error))?;
    let mut rows = Vec::new();
    for batch in reader {
        rows.extend(from_batch(&batch.map_err(|error| refused(&error))?)?);
    }
    Ok(rows)
}

fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, false);
    let fields = vec![
        field("id", DataType::Utf8),
        field("revision", DataType::Int32),
        field("status", dictionary_type()),
        field("rule", dictionary_type()),
        field("severity", dictionary_type()),
        field("fingerprint", DataType::Utf8),
        field("group", map_type()),
        field("starts_at", time_type()),
        field("ends_at", time_type()),
        field("ongoing", DataType::Boolean),
        field("partial", DataType::Boolean),
        field("values", DataType::Utf8),
        field("summary", DataType::Utf8),
        field("record", DataType::Utf8),
    ];
    let metadata = HashMap::from([(META_SCHEMA.to_owned(), SCHEMA.to_owned())]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn to_parquet(rows: &[&ViolationRow]) -> Result<Bytes, StoreError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![KeyValue::new(META_SCHEMA.to_owned(), SCHEMA.to_owned())]))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties))?;
    for rows in rows.chunks(BATCH_ROWS) {
        writer.write(&to_batch(rows).map_err(ParquetError::from)?)?;
    }
    Ok(Bytes::from(writer.into_inner()?))
}

fn to_batch(rows: &[&ViolationRow]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&ViolationRow) -> &str| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(of(row))).collect::<StringArray>())
    };
    let dictionary = |of: fn(&ViolationRow) -> &str| -> Result<ArrayRef, ArrowError> {
        let mut builder = StringDictionaryBuilder::<Int32Type>::new();
        for row in rows {
            builder.append(of(row))?;
        }
        Ok(Arc::new(builder.finish()))
    };
    let time = |of: fn(&ViolationRow) -> i64| -> ArrayRef {
        let times = rows.iter().map(|row| of(row)).collect::<Vec<_>>();
        Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))
    };
    let flag = |of: fn(&ViolationRow) -> bool| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(of(row))).collect::<BooleanArray>())
    };
    let columns = vec![
        text(|row| &row.id),
        Arc::new(rows.iter().map(|row| Some(row.revision)).collect::<Int32Array>()),
        dictionary(|row| &row.status)?,
        dictionary(|row| &row.rule)?,
        dictionary(|row| &row.severity)?,
        text(|row| &row.fingerprint),
        groups(rows)?,
        time(|row| row.starts_at_ns),
        time(|row| row.ends_at_ns),
        flag(|row| row.ongoing),
        flag(|row| row.partial),
        text(|row| &row.values),
        text(|row| &row.summary),
        text(|row| &row.record),
    ];
    RecordBatch::try_new(schema(), columns)
}

fn groups(rows: &[&ViolationRow]) -> Result<ArrayRef, ArrowError> {
    let names =
        MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in &row.group {
            builder.keys().append_value(key);
            builder.values().append_option(value.as_ref());
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}

fn from_batch(batch: &RecordBatch) -> Result<Vec<ViolationRow>, StoreError> {
    // Whatever encoding a tool gave the columns that wrote them anew, and null where we write none.
    let column = |name: &str, data_type: &DataType| -> Result<ArrayRef, StoreError> {
        let refused =
            |reason: String| StoreError::NotViolations { reason: format!("column `{name}`: {reason}") };
        let column = batch.column_by_name(name).ok_or_else(|| refused("missing".to_owned()))?;
        let column = cast(column, data_type).map_err(|error| refused(error.to_string()))?;
        if column.null_count() > 0 { Err(refused("a null".to_owned())) } else { Ok(column) }
    };
    let text = |name: &str| Ok::<_, StoreError>(column(name, &DataType::Utf8)?.as_string::<i32>().clone());
    let time = |name: &str| {
        Ok::<_, StoreError>(column(name, &time_type())?.as_primitive::<TimestampNanosecondType>().clone())
    };
    let flag = |name: &str| Ok::<_, StoreError>(column(name, &DataType::Boolean)?.as_boolean().clone());

    let (id, status, rule, severity) = (text("id")?, text("status")?, text("rule")?, text("severity")?);
    let (fingerprint, values, summary, record) =
        (text("fingerprint")?, text("values")?, text("summary")?, text("record")?);
    let (starts_at, ends_at) = (time("starts_at")?, time("ends_at")?);
    let (ongoing, partial) = (flag("ongoing")?, flag("partial")?);
    let revision = column("revision", &DataType::Int32)?;
    let revision = revision.as_primitive::<Int32Type>();
    let group = column("group", &map_type())?;
    let group = group.as_map();
    let rows = (0..batch.num_rows()).map(|row| ViolationRow {
        starts_at_ns: starts_at.value(row),
        id: id.value(row).to_owned(),
        revision: revision.value(row),
        status: status.value(row).to_owned(),
        rule: rule.value(row).to_owned(),
        severity: severity.value(row).to_owned(),
        fingerprint: fingerprint.value(row).to_owned(),
        group: pairs(group, row),
        ends_at_ns: ends_at.value(row),
        ongoing: ongoing.value(row),
        partial: partial.value(row),
        values: values.value(row).to_owned(),
        summary: summary.value(row).to_owned(),
        record: record.value(row).to_owned(),
    });
    Ok(rows.collect())
}

fn pairs(group: &MapArray, row: usize) -> Vec<(String, Option<String>)> {
    let entries = group.value(row);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    keys.iter()
        .zip(values)
        .filter_map(|(key, value)| Some((key?.to_owned(), value.map(str::to_owned))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T11:04:51.2Z
    const START: i64 = 1_795_345_491_200_000_000;

    fn row(id: &str, revision: i32, starts_at_ns: i64) -> ViolationRow {
        ViolationRow {
            starts_at_ns,
            id: id.to_owned(),
            revision,
            status: if revision == 0 { "firing" } else { "resolved" }.to_owned(),
            rule: "AuthFailuresRule".to_owned(),
            severity: "warning".to_owned(),
            fingerprint: "9f2c".to_owned(),
            group: vec![
                ("service".to_owned(), Some("auth \"x\"\n\u{1b}[31m".to_owned())),
                ("http.route".to_owned(), None),
                ("a".to_owned(), Some(String::new())),
            ],
            ends_at_ns: starts_at_ns + 1,
            ongoing: revision == 0,
            partial: revision == 1,
            values: r#"{"count":6}"#.to_owned(),
            summary: "count = 6".to_owned(),
            record: r#"{"schema":"fluo.violation/v1"}"#.to_owned(),
        }
    }

    fn rows() -> Vec<ViolationRow> {
        let ungrouped = ViolationRow { group: Vec::new(), ..row("b", 0, START) };
        vec![row("c", 0, START + 3_600_000_000_000), row("a", 1, START), ungrouped, row("a", 0, START)]
    }

    #[test]
    fn violations_are_read_as_they_are_written() {
        let objects = violation_objects(&rows(), START + 68_800_000_000, 42).unwrap();
        let paths: Vec<&str> = objects.iter().map(|(path, _)| path.as_ref()).collect();
        assert_eq!(
            paths,
            [
                "violations/date=2026-11-22/hour=11/1795345560000-42.parquet",
                "violations/date=2026-11-22/hour=12/1795345560000-42.parquet",
            ]
        );
        let mut expected = rows();
        expected.sort();
        let read: Vec<Vec<ViolationRow>> =
            objects.into_iter().map(|(_, bytes)| read_violations(bytes).unwrap()).collect();
        assert_eq!(read, [&expected[..3], &expected[3..]]);
    }

    #[test]
    fn equal_violations_give_equal_bytes_whatever_their_order() {
        let mut reversed = rows();
        reversed.reverse();
        assert_eq!(violation_objects(&rows(), 1, 2).unwrap(), violation_objects(&reversed, 1, 2).unwrap());
        assert_eq!(violation_objects(&[], 1, 2).unwrap(), []);
    }

    #[test]
    fn more_violations_than_fit_into_a_batch() {
        let many: Vec<ViolationRow> = (0..20_000).map(|n| row(&format!("{n:05}"), n % 3, START)).collect();
        let objects = violation_objects(&many, START, 1).unwrap();
        assert_eq!(objects.len(), 1);
        assert_eq!(read_violations(objects[0].1.clone()).unwrap(), many);
    }

    #[test]
    fn columns_are_as_documented() {
        let objects = violation_objects(&rows(), START, 1).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(objects[0].1.clone()).unwrap();
        assert_eq!(builder.schema().fields(), schema().fields());
    }

    #[test]
    fn what_is_no_file_of_violations_is_told() {
        let (_, bytes) = violation_objects(&rows(), START, 1).unwrap().remove(0);
        let spans = crate::parquet_write::to_parquet(&[], 1, &fluo_spans::layout::Layout::builtin());
        let mut damaged = bytes.to_vec();
        damaged[10..bytes.len() / 2].fill(0xff);
        let cases = [
            ("nothing", Bytes::new()),
            ("text", Bytes::from_static(b"no parquet at all")),
            ("half of one", bytes.slice(..bytes.len() / 2)),
            ("damaged pages", Bytes::from(damaged)),
            ("spans", Bytes::from(spans.unwrap())),
        ];
        for (scenario, bytes) in cases {
            let error = read_violations(bytes).unwrap_err();
            assert!(matches!(error, StoreError::NotViolations { .. }), "{scenario}: {error}");
        }
    }
}
