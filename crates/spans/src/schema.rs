//! The Arrow schema of stored spans, version 1, and how a file says which layout it was written with.
//!
//! ```text
//! schema metadata   fluo.schema = "1"   fluo.layout = "<number>"   fluo.keys = {"attr_": ["<key>", …], "res_": ["<key>", …]}
//! field metadata    fluo.key = "<key>"                              (promoted columns only)
//! ```
//!
//! The key is stored because a column name cannot be turned back into it: `attr_a_b` may be `a.b` or `a_b`. Files that fluo
//! wrote before it wrote small ones say `{"<column>": "<key>", …}`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use crate::layout::{AttributeScope, Layout};

/// The version of the span schema that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Schema metadata key of [`SCHEMA_VERSION`].
pub const META_SCHEMA: &str = "fluo.schema";
/// Schema metadata key of the layout's number.
pub const META_LAYOUT: &str = "fluo.layout";
/// Schema metadata key of a JSON object: the keys of promoted columns, by the prefix of their names.
pub const META_KEYS: &str = "fluo.keys";
/// Field metadata key of a promoted column's attribute key.
pub const META_KEY: &str = "fluo.key";

/// Names of the columns that every layout has.
pub mod columns {
    /// The trace's id.
    pub const TRACE_ID: &str = "trace_id";
    /// The span's id.
    pub const SPAN_ID: &str = "span_id";
    /// The parent's id; null at the root.
    pub const PARENT_SPAN_ID: &str = "parent_span_id";
    /// W3C trace state; null where it is empty.
    pub const TRACE_STATE: &str = "trace_state";
    /// OTLP flags, the unsigned 32 bits of OTLP in a signed column.
    pub const FLAGS: &str = "flags";
    /// Name of the operation.
    pub const NAME: &str = "name";
    /// Resource attribute `service.name`; null where it is missing.
    pub const SERVICE_NAME: &str = "service_name";
    /// Role of the span, in lower case.
    pub const KIND: &str = "kind";
    /// Status code, in lower case.
    pub const STATUS: &str = "status";
    /// Status message; null where it is empty.
    pub const STATUS_MESSAGE: &str = "status_message";
    /// Start, UTC.
    pub const START_TIME: &str = "start_time";
    /// End, UTC: event time.
    pub const END_TIME: &str = "end_time";
    /// End − start in nanoseconds.
    pub const DURATION_NS: &str = "duration_ns";
    /// The time at which the raw object was written, UTC.
    pub const INGESTED_AT: &str = "ingested_at";
    /// Name of the instrumentation scope; null where it is empty.
    pub const SCOPE_NAME: &str = "scope_name";
    /// Version of the instrumentation scope; null where it is empty.
    pub const SCOPE_VERSION: &str = "scope_version";
    /// The span's attributes without a column.
    pub const ATTRIBUTES: &str = "attributes";
    /// The resource's attributes without a column.
    pub const RESOURCE_ATTRIBUTES: &str = "resource_attributes";
    /// The instrumentation scope's attributes.
    pub const SCOPE_ATTRIBUTES: &str = "scope_attributes";
    /// Events, in the order received.
    pub const EVENTS: &str = "events";
    /// Links, in the order received.
    pub const LINKS: &str = "links";
    /// Attributes that the SDK dropped, unsigned 32 bits in a signed column.
    pub const DROPPED_ATTRIBUTES: &str = "dropped_attributes";
    /// Events that the SDK dropped, unsigned 32 bits in a signed column.
    pub const DROPPED_EVENTS: &str = "dropped_events";
    /// Links that the SDK dropped, unsigned 32 bits in a signed column.
    pub const DROPPED_LINKS: &str = "dropped_links";
}

/// Bytes of a trace id.
pub const TRACE_ID_BYTES: i32 = 16;
/// Bytes of a span id.
pub const SPAN_ID_BYTES: i32 = 8;

/// The type of an id column of that many bytes (ADR 0001 says why it is binary).
pub fn id_type(bytes: i32) -> DataType {
    DataType::FixedSizeBinary(bytes)
}

/// The type of dictionary text.
pub fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The type of event times.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// The type of an attribute map. The names inside are those that the Parquet format prescribes, so that
/// every reader knows it for a map.
pub fn map_type() -> DataType {
    let entry = DataType::Struct(map_entry_fields());
    DataType::Map(Arc::new(Field::new("key_value", entry, false)), false)
}

/// Key and value of an attribute map. The value is nullable because readers expect that of a map from text
/// to text, and none is ever null.
pub(crate) fn map_entry_fields() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)])
}

/// Fields of an event.
pub(crate) fn event_fields() -> Fields {
    Fields::from(vec![
        Field::new("time", time_type(), false),
        Field::new("name", DataType::Utf8, false),
        Field::new("attributes", map_type(), false),
    ])
}

/// Fields of a link.
pub(crate) fn link_fields() -> Fields {
    Fields::from(vec![
        Field::new("trace_id", id_type(TRACE_ID_BYTES), false),
        Field::new("span_id", id_type(SPAN_ID_BYTES), false),
        Field::new("trace_state", DataType::Utf8, true),
        Field::new("attributes", map_type(), false),
    ])
}

/// The element of a list of structs, named as the Parquet format prescribes.
pub(crate) fn element(fields: Fields) -> FieldRef {
    Arc::new(Field::new("element", DataType::Struct(fields), false))
}

/// The layout of this version with its schema: nearly every file has it.
static BUILTIN: LazyLock<(Layout, SchemaRef)> = LazyLock::new(|| {
    let layout = Layout::builtin();
    let schema = schema_of(&layout);
    (layout, schema)
});

/// The Arrow schema of spans in a layout: the columns that every layout has, then the promoted ones in the
/// layout's order.
pub fn span_schema(layout: &Layout) -> SchemaRef {
    let (builtin, schema) = &*BUILTIN;
    if layout == builtin { Arc::clone(schema) } else { schema_of(layout) }
}

fn schema_of(layout: &Layout) -> SchemaRef {
    use columns as c;
    let ingested_at = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new(c::TRACE_ID, id_type(TRACE_ID_BYTES), false),
        Field::new(c::SPAN_ID, id_type(SPAN_ID_BYTES), false),
        Field::new(c::PARENT_SPAN_ID, id_type(SPAN_ID_BYTES), true),
        Field::new(c::TRACE_STATE, DataType::Utf8, true),
        Field::new(c::FLAGS, DataType::Int32, false),
        Field::new(c::NAME, dictionary_type(), false),
        Field::new(c::SERVICE_NAME, dictionary_type(), true),
        Field::new(c::KIND, dictionary_type(), false),
        Field::new(c::STATUS, dictionary_type(), false),
        Field::new(c::STATUS_MESSAGE, dictionary_type(), true),
        Field::new(c::START_TIME, time_type(), false),
        Field::new(c::END_TIME, time_type(), false),
        Field::new(c::DURATION_NS, DataType::Int64, false),
        Field::new(c::INGESTED_AT, ingested_at, false),
        Field::new(c::SCOPE_NAME, dictionary_type(), true),
        Field::new(c::SCOPE_VERSION, dictionary_type(), true),
        Field::new(c::ATTRIBUTES, map_type(), false),
        Field::new(c::RESOURCE_ATTRIBUTES, map_type(), false),
        Field::new(c::SCOPE_ATTRIBUTES, map_type(), false),
        Field::new(c::EVENTS, DataType::List(element(event_fields())), false),
        Field::new(c::LINKS, DataType::List(element(link_fields())), false),
        Field::new(c::DROPPED_ATTRIBUTES, DataType::Int32, false),
        Field::new(c::DROPPED_EVENTS, DataType::Int32, false),
        Field::new(c::DROPPED_LINKS, DataType::Int32, false),
    ];
    fields.extend(layout.columns.iter().map(|promoted| {
        let metadata = HashMap::from([(META_KEY.to_owned(), promoted.key.clone())]);
        Field::new(&promoted.column, dictionary_type(), true).with_metadata(metadata)
    }));
    Arc::new(Schema::new_with_metadata(fields, layout_metadata(layout).into_iter().collect()))
}

/// The schema metadata of a layout, sorted by key.
pub fn layout_metadata(layout: &Layout) -> BTreeMap<String, String> {
    let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for promoted in layout.columns.iter() {
        keys.entry(promoted.scope.column_prefix()).or_default().push(&promoted.key);
    }
    BTreeMap::from([
        (META_SCHEMA.to_owned(), SCHEMA_VERSION.to_string()),
        (META_LAYOUT.to_owned(), layout.number.to_string()),
        (META_KEYS.to_owned(), serde_json::json!(keys).to_string()),
    ])
}

impl Layout {
    /// The layout that a file's or batch's schema declares in its metadata, or `None` where it was not
    /// written by fluo or in another version of the schema.
    ///
    /// It is what was written: a projected schema may have lost some of the columns it names.
    pub fn from_schema(schema: &Schema) -> Option<Self> {
        Self::from_metadata(|key| schema.metadata().get(key).map(String::as_str))
    }

    /// The layout that key-value metadata declares: `value` of each of the keys that [`layout_metadata`] has.
    pub fn from_metadata<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        if value(META_SCHEMA)? != SCHEMA_VERSION.to_string() {
            return None;
        }
        // A layout that cannot be read back is none: the caller treats the file as foreign and says so.
        let number = value(META_LAYOUT)?.parse().ok()?;
        Some(Self::new(number, keys(value(META_KEYS)?)?))
    }
}

/// The promoted keys that the value of [`META_KEYS`] tells of, or `None` where it is neither in today's form nor in that of
/// before.
fn keys(json: &str) -> Option<Vec<(AttributeScope, String)>> {
    if let Ok(by_prefix) = serde_json::from_str::<BTreeMap<String, Vec<String>>>(json) {
        let mut all = Vec::new();
        for (prefix, keys) in by_prefix {
            let scope = AttributeScope::of_column(&prefix).filter(|scope| scope.column_prefix() == prefix)?;
            all.extend(keys.into_iter().map(|key| (scope, key)));
        }
        return Some(all);
    }
    let by_column: BTreeMap<String, String> = serde_json::from_str(json).ok()?;
    let of = |(column, key): (String, String)| Some((AttributeScope::of_column(&column)?, key));
    by_column.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_read_back_from_the_schema_it_made() {
        let odd = [
            (AttributeScope::Span, "weird \"key\"!"),
            (AttributeScope::Span, "a.b"),
            (AttributeScope::Resource, "a.b"),
            (AttributeScope::Span, ""),
        ];
        for layout in [Layout::builtin(), Layout::new(7, odd), Layout::new(2, [] as [(_, &str); 0])] {
            assert_eq!(Layout::from_schema(&span_schema(&layout)), Some(layout));
        }
    }

    #[test]
    fn a_layout_is_read_as_files_of_before_say_it() {
        let layout = Layout::new(
            7,
            [
                (AttributeScope::Span, "a.b"),
                (AttributeScope::Span, "App.User"),
                (AttributeScope::Resource, "a_b"),
            ],
        );
        let before = |key: &str| match key {
            META_SCHEMA => Some("1"),
            META_LAYOUT => Some("7"),
            META_KEYS => Some(r#"{"attr_a_b":"a.b","attr_app_user":"App.User","res_a_b":"a_b"}"#),
            _ => None,
        };
        assert_eq!(Layout::from_metadata(before), Some(layout.clone()));
        let keys = &layout_metadata(&layout)[META_KEYS];
        assert_eq!(keys, r#"{"attr_":["App.User","a.b"],"res_":["a_b"]}"#);
    }

    #[test]
    fn foreign_and_future_schemas_have_no_layout() {
        assert_eq!(Layout::from_schema(&Schema::empty()), None);
        for (key, value) in [
            (META_SCHEMA, "2"),
            (META_LAYOUT, "one"),
            (META_KEYS, "[]"),
            (META_KEYS, "{\"x\":\"y\"}"),
            (META_KEYS, "{\"attr_x\":[\"y\"]}"),
        ] {
            let mut metadata: HashMap<String, String> =
                layout_metadata(&Layout::builtin()).into_iter().collect();
            metadata.insert(key.to_owned(), value.to_owned());
            let schema = Schema::new_with_metadata(Vec::<Field>::new(), metadata);
            assert_eq!(Layout::from_schema(&schema), None, "{key} = {value}");
        }
    }

    #[test]
    fn no_column_of_every_layout_is_taken_for_a_promoted_one() {
        for field in span_schema(&Layout::new(1, [] as [(_, &str); 0])).fields() {
            assert_eq!(AttributeScope::of_column(field.name()), None, "{}", field.name());
        }
    }

    #[test]
    fn promoted_columns_carry_their_key() {
        let schema = span_schema(&Layout::builtin());
        let field = schema.field_with_name("attr_http_status_code").unwrap();
        assert_eq!(field.metadata().get(META_KEY).map(String::as_str), Some("http.status_code"));
        assert!(field.is_nullable());
    }
}
