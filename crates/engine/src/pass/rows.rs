//! Selected spans in memory: what a rule needs of each, with its id.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{nullif, take};
use arrow::datatypes::{Field, Schema};
use fluo_spans::schema::columns;

use super::frame::Frame;
use super::program::{InputProgram, Kind, RuleProgram};
use crate::error::EngineError;
use crate::rows::{index, row};
use crate::truth::Truth;

/// Returns the columns that the rule needs of the selected rows.
pub(super) fn taken(
    frame: &mut Frame<'_>,
    rule: &RuleProgram,
    selected: &Truth,
    contested: bool,
) -> Result<RecordBatch, EngineError> {
    let rows = selected.rows(0, frame.rows());
    let places: UInt32Array = rows.iter().map(|row| index(*row)).collect();
    let ends = frame.ends()?;
    let ends: Int64Array = rows.iter().map(|row| ends[*row]).collect();
    let mut columns: Vec<(String, ArrayRef)> = vec![(row::END.to_owned(), Arc::new(ends))];
    let keys = frame.program.groupings[rule.grouping].clone();
    for (at, key) in keys.into_iter().enumerate() {
        columns.push((row::group(at), texts(frame, key, &rows)?));
    }
    for (at, InputProgram { filter, value }) in rule.inputs.iter().enumerate() {
        if filter.is_empty() && value.is_none() {
            continue;
        }
        let among = frame.all(filter, selected.clone())?;
        let is_out: BooleanArray = rows.iter().map(|row| Some(!among.is(*row))).collect();
        let values = match value {
            None => Arc::new(BooleanArray::from(vec![true; rows.len()])),
            Some((Kind::Nanos | Kind::Number, expression)) => {
                take(&frame.array(*expression)?, &places, None)?
            }
            Some((Kind::Text, expression)) => texts(frame, *expression, &rows)?,
        };
        columns.push((row::input(at), nullif(&values, &is_out)?));
    }
    if let Some(weight) = rule.weight {
        columns.push((row::WEIGHT.to_owned(), take(&frame.array(weight)?, &places, None)?));
    }
    for name in [columns::TRACE_ID, columns::SPAN_ID] {
        let ids = frame.batch.column_by_name(name).ok_or_else(|| EngineError::Column(name.to_owned()))?;
        columns.push((name.to_owned(), take(ids, &places, None)?));
    }
    let copies: UInt32Array = rows.iter().map(|row| if contested { index(*row) + 1 } else { 0 }).collect();
    columns.push((row::COPY.to_owned(), Arc::new(copies)));
    for (at, key) in rule.top.iter().enumerate() {
        columns.push((row::top(at), texts(frame, *key, &rows)?));
    }
    // Whatever a batch holds: they are put together.
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn texts(frame: &mut Frame<'_>, expression: usize, rows: &[usize]) -> Result<ArrayRef, EngineError> {
    let ids = frame.text(expression)?;
    let texts = frame.texts();
    let texts: StringArray = rows.iter().map(|row| texts.text(ids.of(*row))).collect();
    Ok(Arc::new(texts))
}
