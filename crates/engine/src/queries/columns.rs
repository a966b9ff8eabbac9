//! Stored spans → the columns of the table `spans`.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DurationNanosecondArray, Int64Array, MapArray, RecordBatch, RecordBatchOptions,
    StringArray, StringBuilder, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type, Schema, SchemaRef};
use fluo_plan::RulePlan;
use fluo_plan::query::table_schema;
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::rule::Rule;
use fluo_spans::layout::AttributeScope;
use fluo_spans::schema::{META_KEY, columns};
use fluo_spans::semconv::SERVICE_NAME;

use crate::column::ids;
use crate::error::EngineError;

/// The columns that a query reads, in the order of the table.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) schema: SchemaRef,
    /// The keys of attributes that it asks for, by scope: all others stay where they are.
    keys: Arc<Vec<(Scope, String)>>,
}

impl View {
    pub(super) fn of(plan: &RulePlan) -> Self {
        let reads = reads(plan);
        let is_read = |field: &&FieldRef| reads.contains(field.name());
        let table = table_schema();
        let fields: Vec<FieldRef> = table.fields().iter().filter(is_read).cloned().collect();
        Self { schema: Arc::new(Schema::new(fields)), keys: Arc::new(keys(plan.rule())) }
    }

    /// These columns of a batch of stored spans.
    pub(super) fn batch(&self, stored: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let columns: Vec<ArrayRef> =
            self.schema.fields().iter().map(|field| self.column(stored, field)).collect::<Result<_, _>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(stored.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows)?)
    }

    fn column(&self, stored: &RecordBatch, field: &FieldRef) -> Result<ArrayRef, EngineError> {
        match field.name().as_str() {
            name @ (columns::TRACE_ID | columns::SPAN_ID | columns::PARENT_SPAN_ID) => {
                hexadecimal(stored, name)
            }
            columns::ATTRIBUTES => self.attributes(stored, Scope::Span),
            columns::RESOURCE_ATTRIBUTES => self.attributes(stored, Scope::Resource),
            columns::SCOPE_ATTRIBUTES => self.attributes(stored, Scope::Scope),
            "duration" => {
                let nanos: &Int64Array = named(stored, columns::DURATION_NS)?
                    .as_primitive_opt::<Int64Type>()
                    .ok_or_else(|| EngineError::Column(columns::DURATION_NS.to_owned()))?;
                Ok(Arc::new(DurationNanosecondArray::new(nanos.values().clone(), nanos.nulls().cloned())))
            }
            name => Ok(cast(named(stored, name)?, field.data_type())?),
        }
    }

    /// The attributes of a scope that are asked for.
    fn attributes(&self, stored: &RecordBatch, scope: Scope) -> Result<ArrayRef, EngineError> {
        let keys: Vec<&str> =
            self.keys.iter().filter(|(of, _)| *of == scope).map(|(_, key)| key.as_str()).collect();
        let sources = keys.iter().map(|key| Source::of(stored, scope, key)).collect::<Result<Vec<_>, _>>()?;
        let (mut names, mut values) = (StringBuilder::new(), StringBuilder::new());
        let mut ends: Vec<i32> = vec![0];
        let mut count = 0;
        for row in 0..stored.num_rows() {
            for (key, source) in keys.iter().zip(&sources) {
                if let Some(value) = source.value(key, row) {
                    names.append_value(key);
                    values.append_value(value);
                    count += 1;
                }
            }
            ends.push(count);
        }
        let DataType::Map(entry, _) = fluo_spans::schema::map_type() else {
            return Err(EngineError::Column(columns::ATTRIBUTES.to_owned()));
        };
        let DataType::Struct(fields) = entry.data_type() else {
            return Err(EngineError::Column(columns::ATTRIBUTES.to_owned()));
        };
        let entries: [ArrayRef; 2] = [Arc::new(names.finish()), Arc::new(values.finish())];
        let entries = StructArray::try_new(fields.clone(), entries.to_vec(), None)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        Ok(Arc::new(MapArray::try_new(Arc::clone(&entry), offsets, entries, None, false)?))
    }
}

/// The columns of the table that a query reads; of one that only counts rows, some column.
pub(super) fn reads(plan: &RulePlan) -> BTreeSet<String> {
    let reads = plan.query().map(fluo_plan::Query::reads).cloned().unwrap_or_default();
    if reads.is_empty() { BTreeSet::from([columns::DURATION_NS.to_owned()]) } else { reads }
}

/// The keys of attributes that a rule's query asks for.
fn keys(rule: &Rule) -> Vec<(Scope, String)> {
    let key = |field: &Field| match field {
        Field::Attribute { scope, key } => Some((*scope, key.clone())),
        // `resource_attributes['service.name']` is this field.
        Field::Intrinsic(Intrinsic::ServiceName) => Some((Scope::Resource, SERVICE_NAME.to_owned())),
        Field::Intrinsic(_) | Field::Parent(_) => None,
    };
    rule.sql().into_iter().flat_map(|sql| sql.reads.iter().filter_map(key)).collect()
}

/// The places of an attribute's values in a batch.
struct Source<'a> {
    /// Its own column, which wins.
    column: Option<StringArray>,
    map: Option<&'a MapArray>,
}

impl<'a> Source<'a> {
    fn of(stored: &'a RecordBatch, scope: Scope, key: &str) -> Result<Self, EngineError> {
        let (prefix, map) = match scope {
            Scope::Resource => (Some(AttributeScope::Resource), columns::RESOURCE_ATTRIBUTES),
            Scope::Scope => (None, columns::SCOPE_ATTRIBUTES),
            _ => (Some(AttributeScope::Span), columns::ATTRIBUTES),
        };
        let schema = stored.schema_ref();
        let is_it = |field: &&FieldRef| {
            prefix.is_some()
                && AttributeScope::of_column(field.name()) == prefix
                && field.metadata().get(META_KEY).is_some_and(|of| of == key)
        };
        let promoted = schema.fields().iter().find(is_it).map(|field| field.name().as_str());
        let of_service = (scope == Scope::Resource && key == SERVICE_NAME).then_some(columns::SERVICE_NAME);
        let column = promoted.or(of_service).map(|name| texts(named(stored, name)?)).transpose()?;
        let map = stored.column_by_name(map).and_then(|column| column.as_map_opt());
        Ok(Self { column, map })
    }

    fn value(&self, key: &str, row: usize) -> Option<&str> {
        let of_column = self.column.as_ref().filter(|column| column.is_valid(row));
        if let Some(column) = of_column {
            return Some(column.value(row));
        }
        let map = self.map.filter(|map| map.is_valid(row))?;
        let keys = map.keys().as_string_opt::<i32>()?;
        let values = map.values().as_string_opt::<i32>()?;
        let offsets = map.value_offsets();
        let range = usize::try_from(offsets[row]).ok()?..usize::try_from(offsets[row + 1]).ok()?;
        let at = range.into_iter().find(|at| keys.value(*at) == key)?;
        values.is_valid(at).then(|| values.value(at))
    }
}

fn named<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, EngineError> {
    batch.column_by_name(name).ok_or_else(|| EngineError::Column(name.to_owned()))
}

fn texts(column: &ArrayRef) -> Result<StringArray, EngineError> {
    let texts = cast(column, &DataType::Utf8)?;
    Ok(texts.as_string::<i32>().clone())
}

/// Ids as people see them.
fn hexadecimal(stored: &RecordBatch, name: &str) -> Result<ArrayRef, EngineError> {
    let ids = ids(stored, name)?;
    let texts: StringArray =
        (0..ids.len()).map(|row| ids.is_valid(row).then(|| hex::encode(ids.value(row)))).collect();
    Ok(Arc::new(texts))
}
