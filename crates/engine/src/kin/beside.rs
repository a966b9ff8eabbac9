//! The kin of a batch's spans, as columns beside those of the batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::{Field, Int32Type, Schema};
use fluo_spans::schema::columns;

use super::parents::Parent;
use super::sought::{Ids, Key, Likely};
use super::{Column, Kin, Of};
use crate::column::times;
use crate::error::EngineError;
use crate::truth::Truth;

impl Kin {
    /// Adds columns to a batch, whose spans ended at `ends`. They are known of those of its spans that ask for them.
    pub(crate) fn beside(
        &self,
        batch: &RecordBatch,
        names: &[Arc<Field>],
        ends: &[i64],
        asks: &Truth,
    ) -> Result<RecordBatch, EngineError> {
        let asking = asks.rows(0, ends.len());
        let mut arrays = batch.columns().to_vec();
        let mut parents: Option<(i64, Vec<Option<Parent<'_>>>)> = None;
        for name in names {
            let column =
                self.columns.get(name.name()).ok_or_else(|| EngineError::Column(name.name().clone()))?;
            if column.of != Of::SelfTime
                && parents.as_ref().is_none_or(|(within, _)| *within != column.within)
            {
                parents = Some((column.within, self.parents_of(batch, ends, &asking, column.within)?));
            }
            let of_rows = parents.as_ref().map(|(_, parents)| parents.as_slice()).unwrap_or_default();
            arrays.push(self.column(*column, batch, ends, &asking, of_rows)?);
        }
        let schema = batch.schema();
        let fields: Vec<Arc<Field>> =
            Schema::fields(&schema).iter().cloned().chain(names.iter().cloned()).collect();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }

    fn column(
        &self,
        column: Column,
        batch: &RecordBatch,
        ends: &[i64],
        asking: &[usize],
        parents: &[Option<Parent<'_>>],
    ) -> Result<ArrayRef, EngineError> {
        Ok(match column.of {
            Of::Text(at) => {
                let keys: Int32Array = parents
                    .iter()
                    .map(|parent| parent.and_then(|parent| Some(parent.texts[at]).filter(|text| *text >= 0)))
                    .collect();
                let values = self.parents.values.get(at).cloned();
                let values = values.unwrap_or_else(|| Arc::new(arrow::array::StringArray::new_null(0)));
                Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?)
            }
            Of::Duration => {
                let durations: Int64Array =
                    parents.iter().map(|parent| parent.map(|parent| parent.duration)).collect();
                Arc::new(durations)
            }
            Of::SelfTime => {
                let (traces, ids) = (Ids::of(batch, columns::TRACE_ID)?, Ids::of(batch, columns::SPAN_ID)?);
                let starts = times(batch, columns::START_TIME)?;
                let (mut times, mut likely) = (vec![None; ends.len()], Likely::default());
                for row in asking {
                    let key = Key::of(traces.trace(*row)?, ids.span(*row)?.unwrap_or_default());
                    let ran = (starts[*row], ends[*row]);
                    times[*row] = Some(self.children.self_time(&key, ran, column.within, &mut likely));
                }
                Arc::new(Int64Array::from(times))
            }
        })
    }

    /// The parents of the spans of a batch that ask for them.
    fn parents_of(
        &self,
        batch: &RecordBatch,
        ends: &[i64],
        asking: &[usize],
        within: i64,
    ) -> Result<Vec<Option<Parent<'_>>>, EngineError> {
        let (traces, ids) = (Ids::of(batch, columns::TRACE_ID)?, Ids::of(batch, columns::PARENT_SPAN_ID)?);
        let (mut parents, mut likely) = (vec![None; ends.len()], Likely::default());
        for row in asking {
            if let Some(id) = ids.span(*row)? {
                let key = Key::of(traces.trace(*row)?, id);
                parents[*row] = self.parents.get(&key, ends[*row], within, &mut likely);
            }
        }
        Ok(parents)
    }
}
