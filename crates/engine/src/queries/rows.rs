//! The rows that a query gives → groups, values, and the spans that show them.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationNanosecondType, Float64Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    TimeUnit, TimestampNanosecondType, UInt64Type,
};
use fluo_alerts::value::Value;
use fluo_plan::RulePlan;
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule};
use fluo_rules::sql::{Column, Role, SPAN_ID, SqlRule, TRACE_ID, Unit};
use fluo_time::moment;
use hashbrown::HashMap;

use crate::error::EngineError;
use crate::rows::Group;
use crate::summary::Values;

/// The rows of a group, in the order in which the query gives them.
#[derive(Debug, Default)]
pub(crate) struct OfGroup {
    pub(crate) rows: Vec<Row>,
}

/// A row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) values: Values,
    /// The trace that it names, and the span of it.
    pub(crate) shown: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The rows by group; groups as they come.
pub(crate) fn by_group(
    plan: &RulePlan,
    batches: &[RecordBatch],
) -> Result<Vec<(Group, OfGroup)>, EngineError> {
    let rule = plan.rule();
    let Some(sql) = rule.sql() else { return Ok(Vec::new()) };
    let mut places: HashMap<Group, usize> = HashMap::new();
    let mut groups: Vec<(Group, OfGroup)> = Vec::new();
    for batch in batches {
        let texts = texts(sql, rule, batch)?;
        let values = values(sql, batch)?;
        let (traces, spans) = (shown(sql, batch, TRACE_ID)?, shown(sql, batch, SPAN_ID)?);
        for row in 0..batch.num_rows() {
            let group: Group =
                texts.iter().map(|texts| texts.is_valid(row).then(|| texts.value(row).to_owned())).collect();
            let at = *places.entry(group).or_insert_with_key(|group| {
                groups.push((group.clone(), OfGroup::default()));
                groups.len() - 1
            });
            if !rule.group_by.is_empty() && groups.len() > rule.group_limit as usize {
                return Err(EngineError::GroupOverflow { limit: rule.group_limit });
            }
            let id = |ids: &Option<StringArray>| {
                let ids = ids.as_ref().filter(|ids| ids.is_valid(row))?;
                hex::decode(ids.value(row)).ok()
            };
            let shown = id(&traces).map(|trace| (trace, id(&spans)));
            let values = values.iter().map(|(name, values)| ((*name).to_owned(), values[row])).collect();
            groups[at].1.rows.push(Row { values, shown });
        }
    }
    for (_, of_group) in &mut groups {
        of_group.count(plan);
    }
    Ok(groups)
}

impl OfGroup {
    /// Adds the number of rows to the values of each, where no column is called so.
    fn count(&mut self, plan: &RulePlan) {
        let is_number = |aggregate: &&Aggregate| aggregate.function == AggregateFunction::Count;
        let Some(count) = plan.aggregates().find(is_number) else { return };
        let number = i128::try_from(self.rows.len()).unwrap_or(i128::MAX);
        for row in &mut self.rows {
            row.values.push((count.name.clone(), Value::Int(number)));
        }
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, EngineError> {
    batch.column_by_name(name).ok_or_else(|| EngineError::Column(name.to_owned()))
}

/// The group's values, in the order of `group_by`.
fn texts(sql: &SqlRule, rule: &Rule, batch: &RecordBatch) -> Result<Vec<StringArray>, EngineError> {
    let of_key = |key: &str| {
        let values = column(batch, key)?;
        match sql.column(key).map(|column| column.unit) {
            Some(Unit::Moment) => {
                let moments = cast(values, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
                let moments = moments.as_primitive::<TimestampNanosecondType>();
                Ok(moments.iter().map(|at| at.map(moment::format)).collect())
            }
            Some(Unit::Duration) => {
                let nanos = durations(values)?;
                Ok(nanos.iter().map(|value| text_of(*value)).collect())
            }
            _ => Ok(cast(values, &DataType::Utf8)?.as_string::<i32>().clone()),
        }
    };
    rule.group_by.iter().map(|key| of_key(&key.key)).collect()
}

/// A duration as the text of a group: nanoseconds.
fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Duration(nanos) => Some(nanos.to_string()),
        _ => None,
    }
}

/// The columns that are values, by name.
fn values<'a>(sql: &'a SqlRule, batch: &RecordBatch) -> Result<Vec<(&'a str, Vec<Value>)>, EngineError> {
    let of_column = |value: &'a Column| {
        let values = column(batch, &value.name)?;
        let values = match value.unit {
            Unit::Duration => durations(values)?,
            Unit::Moment => {
                let moments = cast(values, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
                let moments = moments.as_primitive::<TimestampNanosecondType>();
                moments.iter().map(|at| at.map_or(Value::None, Value::Moment)).collect()
            }
            Unit::Number | Unit::Text => numbers(values)?,
        };
        Ok((value.name.as_str(), values))
    };
    sql.values().map(of_column).collect()
}

fn numbers(values: &ArrayRef) -> Result<Vec<Value>, EngineError> {
    if values.data_type().is_floating() {
        let floats = cast(values, &DataType::Float64)?;
        let finite = |float: Option<f64>| float.filter(|float| float.is_finite());
        return Ok(floats
            .as_primitive::<Float64Type>()
            .iter()
            .map(|float| finite(float).map_or(Value::None, Value::Float))
            .collect());
    }
    if *values.data_type() == DataType::UInt64 {
        let numbers = values.as_primitive::<UInt64Type>().iter();
        return Ok(numbers.map(|int| int.map_or(Value::None, |int| Value::Int(int.into()))).collect());
    }
    let whole = cast(values, &DataType::Int64)?;
    let numbers = whole.as_primitive::<Int64Type>().iter();
    Ok(numbers.map(|int| int.map_or(Value::None, |int| Value::Int(int.into()))).collect())
}

/// Durations; one of months has no length.
fn durations(values: &ArrayRef) -> Result<Vec<Value>, EngineError> {
    const DAY: i128 = 86_400_000_000_000;
    if matches!(values.data_type(), DataType::Interval(_)) {
        let intervals = cast(values, &DataType::Interval(IntervalUnit::MonthDayNano))?;
        let length = |interval: arrow::datatypes::IntervalMonthDayNano| {
            (interval.months == 0).then(|| i128::from(interval.days) * DAY + i128::from(interval.nanoseconds))
        };
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>().iter();
        return Ok(intervals
            .map(|interval| interval.and_then(length).map_or(Value::None, Value::Duration))
            .collect());
    }
    let nanos = cast(values, &DataType::Duration(TimeUnit::Nanosecond))?;
    let nanos = nanos.as_primitive::<DurationNanosecondType>().iter();
    Ok(nanos.map(|nanos| nanos.map_or(Value::None, |nanos| Value::Duration(nanos.into()))).collect())
}

/// The ids of a column that is evidence, or the group and evidence.
fn shown(sql: &SqlRule, batch: &RecordBatch, name: &str) -> Result<Option<StringArray>, EngineError> {
    let is_shown = |column: &Column| column.unit == Unit::Text && column.role != Role::Value;
    if !sql.column(name).is_some_and(is_shown) {
        return Ok(None);
    }
    Ok(Some(cast(column(batch, name)?, &DataType::Utf8)?.as_string::<i32>().clone()))
}
