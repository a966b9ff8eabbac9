//! Columns to spans.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, Int32Array, ListArray, MapArray, PrimitiveArray,
    RecordBatch, StringArray, StructArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Int32Type, Schema, TimestampNanosecondType};

use super::BatchError;
use crate::layout::{AttributeScope, Layout, Promoted};
use crate::schema::{META_KEY, SPAN_ID_BYTES, TRACE_ID_BYTES, columns as c, id_type, time_type};
use crate::span::{Attributes, Event, InstrumentationScope, Kind, Link, Resource, Span, Status};

/// The spans of a batch, in its order. Other columns beside those of the schema are not looked at; a key
/// that is both in its column and in the map has the column's value.
///
/// Readers of Parquet keep the metadata of fields and drop the schema's; some engines do the opposite.
/// Either says of which keys the promoted columns are. Where the schema's is there, none of the layout's
/// columns may be missing.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<Span>, BatchError> {
    let promoted = promoted_columns(batch.schema_ref())?;
    let column = |name: &str| column(batch.column_by_name(name), name);

    let trace_ids = Ids::<16>::new(&column(c::TRACE_ID)?, c::TRACE_ID, TRACE_ID_BYTES)?;
    let span_ids = Ids::<8>::new(&column(c::SPAN_ID)?, c::SPAN_ID, SPAN_ID_BYTES)?;
    let parents = Ids::<8>::new(&column(c::PARENT_SPAN_ID)?, c::PARENT_SPAN_ID, SPAN_ID_BYTES)?;
    let trace_states = Text::new(&column(c::TRACE_STATE)?, c::TRACE_STATE)?;
    let flags = integers(&column(c::FLAGS)?, c::FLAGS)?;
    let names = Text::new(&column(c::NAME)?, c::NAME)?;
    let service_names = Text::new(&column(c::SERVICE_NAME)?, c::SERVICE_NAME)?;
    let kinds = Text::new(&column(c::KIND)?, c::KIND)?;
    let statuses = Text::new(&column(c::STATUS)?, c::STATUS)?;
    let status_messages = Text::new(&column(c::STATUS_MESSAGE)?, c::STATUS_MESSAGE)?;
    let starts = times(&column(c::START_TIME)?, c::START_TIME)?;
    let ends = times(&column(c::END_TIME)?, c::END_TIME)?;
    let scope_names = Text::new(&column(c::SCOPE_NAME)?, c::SCOPE_NAME)?;
    let scope_versions = Text::new(&column(c::SCOPE_VERSION)?, c::SCOPE_VERSION)?;
    let scope_attributes = Maps::new(&column(c::SCOPE_ATTRIBUTES)?, c::SCOPE_ATTRIBUTES)?;
    let attributes = AttributeColumns::new(batch, &promoted, AttributeScope::Span, c::ATTRIBUTES)?;
    let resource_attributes =
        AttributeColumns::new(batch, &promoted, AttributeScope::Resource, c::RESOURCE_ATTRIBUTES)?;
    let events = Events::new(&column(c::EVENTS)?)?;
    let links = Links::new(&column(c::LINKS)?)?;
    let dropped_attributes = integers(&column(c::DROPPED_ATTRIBUTES)?, c::DROPPED_ATTRIBUTES)?;
    let dropped_events = integers(&column(c::DROPPED_EVENTS)?, c::DROPPED_EVENTS)?;
    let dropped_links = integers(&column(c::DROPPED_LINKS)?, c::DROPPED_LINKS)?;

    // Thousands of spans share a resource: one allocation for each distinct one.
    let mut resources = Interned::default();
    let mut scopes = Interned::default();
    (0..batch.num_rows())
        .map(|row| {
            Ok(Span {
                trace_id: trace_ids.required(row)?,
                span_id: span_ids.required(row)?,
                parent_span_id: parents.get(row)?,
                trace_state: trace_states.or_empty(row),
                flags: required(&flags, c::FLAGS, row)?.cast_unsigned(),
                name: names.required(row)?.to_owned(),
                kind: enum_word(Kind::ALL, Kind::as_str, c::KIND, kinds.required(row)?)?,
                status: enum_word(Status::ALL, Status::as_str, c::STATUS, statuses.required(row)?)?,
                status_message: status_messages.or_empty(row),
                start_ns: required(&starts, c::START_TIME, row)?,
                end_ns: required(&ends, c::END_TIME, row)?,
                attributes: attributes.row(row),
                resource: resources.intern(Resource {
                    service_name: service_names.get(row).map(str::to_owned),
                    attributes: resource_attributes.row(row),
                }),
                scope: scopes.intern(InstrumentationScope {
                    name: scope_names.or_empty(row),
                    version: scope_versions.or_empty(row),
                    attributes: Attributes::new(scope_attributes.pairs(row)),
                }),
                events: events.row(row)?,
                links: links.row(row)?,
                dropped_attributes: required(&dropped_attributes, c::DROPPED_ATTRIBUTES, row)?
                    .cast_unsigned(),
                dropped_events: required(&dropped_events, c::DROPPED_EVENTS, row)?.cast_unsigned(),
                dropped_links: required(&dropped_links, c::DROPPED_LINKS, row)?.cast_unsigned(),
            })
        })
        .collect()
}

fn promoted_columns(schema: &Schema) -> Result<Vec<Promoted>, BatchError> {
    let mut promoted = Layout::from_schema(schema).map_or_else(Vec::new, |layout| layout.columns.to_vec());
    for field in schema.fields() {
        let column = field.name();
        let Some(scope) = AttributeScope::of_column(column) else { continue };
        if promoted.iter().any(|known| known.column == *column) {
            continue;
        }
        let key = field.metadata().get(META_KEY);
        let key = key.ok_or_else(|| BatchError::UnknownKey { column: column.clone() })?.clone();
        promoted.push(Promoted { scope, key, column: column.clone() });
    }
    Ok(promoted)
}

fn column(found: Option<&ArrayRef>, name: &str) -> Result<ArrayRef, BatchError> {
    found.cloned().ok_or_else(|| BatchError::MissingColumn { column: name.to_owned() })
}

fn unexpected(array: &dyn Array, name: &str) -> BatchError {
    BatchError::UnexpectedType { column: name.to_owned(), found: array.data_type().to_string() }
}

fn null(column: &str, row: usize) -> BatchError {
    BatchError::Null { column: column.to_owned(), row }
}

/// An array in the type that is read here, whatever equivalent type a query engine made of it.
fn typed(array: &ArrayRef, expected: &DataType, name: &str) -> Result<ArrayRef, BatchError> {
    if array.data_type() == expected {
        return Ok(Arc::clone(array));
    }
    cast(array, expected).map_err(|_| unexpected(array, name))
}

fn integers(array: &ArrayRef, name: &str) -> Result<Int32Array, BatchError> {
    Ok(typed(array, &DataType::Int32, name)?.as_primitive::<Int32Type>().clone())
}

fn times(array: &ArrayRef, name: &str) -> Result<TimestampNanosecondArray, BatchError> {
    Ok(typed(array, &time_type(), name)?.as_primitive::<TimestampNanosecondType>().clone())
}

fn required<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    name: &str,
    row: usize,
) -> Result<T::Native, BatchError> {
    if array.is_null(row) { Err(null(name, row)) } else { Ok(array.value(row)) }
}

fn enum_word<T: Copy, const N: usize>(
    all: [T; N],
    word: fn(T) -> &'static str,
    column: &str,
    value: &str,
) -> Result<T, BatchError> {
    all.into_iter()
        .find(|candidate| word(*candidate) == value)
        .ok_or_else(|| BatchError::UnknownValue { column: column.to_owned(), value: value.to_owned() })
}

/// Equal values behind one pointer.
struct Interned<T>(HashMap<T, Arc<T>>);

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone + Eq + Hash> Interned<T> {
    fn intern(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.0.get(&value) {
            return Arc::clone(known);
        }
        let shared = Arc::new(value.clone());
        self.0.insert(value, Arc::clone(&shared));
        shared
    }
}

/// A column of text.
struct Text<'n> {
    array: StringArray,
    name: &'n str,
}

impl<'n> Text<'n> {
    fn new(array: &ArrayRef, name: &'n str) -> Result<Self, BatchError> {
        Ok(Self { array: typed(array, &DataType::Utf8, name)?.as_string::<i32>().clone(), name })
    }

    fn get(&self, row: usize) -> Option<&str> {
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    fn required(&self, row: usize) -> Result<&str, BatchError> {
        self.get(row).ok_or_else(|| null(self.name, row))
    }

    fn or_empty(&self, row: usize) -> String {
        self.get(row).unwrap_or("").to_owned()
    }
}

/// A column of ids of `N` bytes.
struct Ids<'n, const N: usize> {
    array: FixedSizeBinaryArray,
    name: &'n str,
}

impl<'n, const N: usize> Ids<'n, N> {
    fn new(array: &ArrayRef, name: &'n str, bytes: i32) -> Result<Self, BatchError> {
        Ok(Self { array: typed(array, &id_type(bytes), name)?.as_fixed_size_binary().clone(), name })
    }

    fn get(&self, row: usize) -> Result<Option<[u8; N]>, BatchError> {
        if self.array.is_null(row) {
            return Ok(None);
        }
        let id = self.array.value(row).try_into().map_err(|_| unexpected(&self.array, self.name))?;
        Ok(Some(id))
    }

    fn required(&self, row: usize) -> Result<[u8; N], BatchError> {
        self.get(row)?.ok_or_else(|| null(self.name, row))
    }
}

/// A column of attribute maps. A null map is an empty one, a null value an empty text.
struct Maps {
    array: MapArray,
    keys: StringArray,
    values: StringArray,
}

impl Maps {
    fn new(array: &ArrayRef, name: &str) -> Result<Self, BatchError> {
        let map = array.as_map_opt().ok_or_else(|| unexpected(array, name))?;
        let text =
            |part: &ArrayRef| typed(part, &DataType::Utf8, name).map(|part| part.as_string::<i32>().clone());
        Ok(Self { array: map.clone(), keys: text(map.keys())?, values: text(map.values())? })
    }

    fn pairs(&self, row: usize) -> Vec<(String, String)> {
        if self.array.is_null(row) {
            return Vec::new();
        }
        let offsets = self.array.offsets();
        // Arrow guarantees offsets that are ascending, not negative and within the keys.
        let entries = offsets[row].unsigned_abs() as usize..offsets[row + 1].unsigned_abs() as usize;
        entries
            .map(|entry| {
                let value = if self.values.is_null(entry) { "" } else { self.values.value(entry) };
                (self.keys.value(entry).to_owned(), value.to_owned())
            })
            .collect()
    }
}

/// The attributes of one scope: promoted columns and the map of the rest.
struct AttributeColumns {
    promoted: Vec<(String, StringArray)>,
    rest: Maps,
}

impl AttributeColumns {
    fn new(
        batch: &RecordBatch,
        promoted: &[Promoted],
        scope: AttributeScope,
        rest: &str,
    ) -> Result<Self, BatchError> {
        let promoted = promoted
            .iter()
            .filter(|promoted| promoted.scope == scope)
            .map(|promoted| {
                let found = column(batch.column_by_name(&promoted.column), &promoted.column)?;
                let text = typed(&found, &DataType::Utf8, &promoted.column)?;
                Ok((promoted.key.clone(), text.as_string::<i32>().clone()))
            })
            .collect::<Result<_, BatchError>>()?;
        Ok(Self { promoted, rest: Maps::new(&column(batch.column_by_name(rest), rest)?, rest)? })
    }

    fn row(&self, row: usize) -> Attributes {
        let mut pairs = self.rest.pairs(row);
        let present = self.promoted.iter().filter(|(_, values)| values.is_valid(row));
        pairs.extend(present.map(|(key, values)| (key.clone(), values.value(row).to_owned())));
        Attributes::new(pairs)
    }
}

/// The rows of a list of structs: which elements belong to a row, and the columns of the elements.
struct Elements<'a> {
    list: &'a ListArray,
    structs: &'a StructArray,
    name: &'static str,
}

impl<'a> Elements<'a> {
    fn new(array: &'a ArrayRef, name: &'static str) -> Result<Self, BatchError> {
        let list = array.as_list_opt::<i32>().ok_or_else(|| unexpected(array, name))?;
        let structs = list.values().as_struct_opt().ok_or_else(|| unexpected(array, name))?;
        Ok(Self { list, structs, name })
    }

    fn column(&self, field: &str) -> Result<ArrayRef, BatchError> {
        column(self.structs.column_by_name(field), &format!("{}.{field}", self.name))
    }
}

fn elements_of(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    if list.is_null(row) {
        return 0..0;
    }
    // As for maps: ascending, not negative and within the elements.
    let offsets = list.offsets();
    offsets[row].unsigned_abs() as usize..offsets[row + 1].unsigned_abs() as usize
}

struct Events {
    list: ListArray,
    times: TimestampNanosecondArray,
    names: Text<'static>,
    attributes: Maps,
}

impl Events {
    fn new(array: &ArrayRef) -> Result<Self, BatchError> {
        let elements = Elements::new(array, c::EVENTS)?;
        Ok(Self {
            list: elements.list.clone(),
            times: times(&elements.column("time")?, c::EVENTS)?,
            names: Text::new(&elements.column("name")?, c::EVENTS)?,
            attributes: Maps::new(&elements.column("attributes")?, c::EVENTS)?,
        })
    }

    fn row(&self, row: usize) -> Result<Vec<Event>, BatchError> {
        elements_of(&self.list, row)
            .map(|element| {
                Ok(Event {
                    time_ns: required(&self.times, c::EVENTS, element)?,
                    name: self.names.required(element)?.to_owned(),
                    attributes: Attributes::new(self.attributes.pairs(element)),
                })
            })
            .collect()
    }
}

struct Links {
    list: ListArray,
    trace_ids: Ids<'static, 16>,
    span_ids: Ids<'static, 8>,
    trace_states: Text<'static>,
    attributes: Maps,
}

impl Links {
    fn new(array: &ArrayRef) -> Result<Self, BatchError> {
        let elements = Elements::new(array, c::LINKS)?;
        Ok(Self {
            list: elements.list.clone(),
            trace_ids: Ids::new(&elements.column("trace_id")?, c::LINKS, TRACE_ID_BYTES)?,
            span_ids: Ids::new(&elements.column("span_id")?, c::LINKS, SPAN_ID_BYTES)?,
            trace_states: Text::new(&elements.column("trace_state")?, c::LINKS)?,
            attributes: Maps::new(&elements.column("attributes")?, c::LINKS)?,
        })
    }

    fn row(&self, row: usize) -> Result<Vec<Link>, BatchError> {
        elements_of(&self.list, row)
            .map(|element| {
                Ok(Link {
                    trace_id: self.trace_ids.required(element)?,
                    span_id: self.span_ids.required(element)?,
                    trace_state: self.trace_states.or_empty(element),
                    attributes: Attributes::new(self.attributes.pairs(element)),
                })
            })
            .collect()
    }
}
