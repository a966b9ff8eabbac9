//! The values of a rule's aggregates at the moments that are told of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Decimal128Type, Field, Float64Type, Int64Type, Schema, SchemaRef};
use fluo_alerts::value::Value;
use fluo_plan::{TimeRange, row};
use fluo_rules::field::{Field as RuleField, Intrinsic};
use fluo_rules::rule::AggregateFunction;

use crate::episodes::Episode;
use crate::error::EngineError;
use crate::evaluate::{Evaluation, Values, column, in_memory};
use crate::rows::{Group, Rows, groups_of, index};

impl Evaluation<'_> {
    /// The aggregates at each episode's first, highest and last moment.
    pub(crate) async fn values(
        &self,
        rows: &Rows,
        groups: &[&Group],
        episodes: &[Episode],
    ) -> Result<BTreeMap<(Group, i64), Values>, EngineError> {
        /// Rows that are put before the aggregates at once.
        const ROWS_AT_ONCE: usize = 1 << 20;
        let mut values = BTreeMap::new();
        let mut wanted: BTreeSet<(&Group, i64)> = BTreeSet::new();
        for (group, episode) in groups.iter().zip(episodes) {
            wanted.extend(episode.told_moments().map(|moment| (*group, moment)));
        }
        let (mut indices, mut moments): (Vec<u32>, Vec<i64>) = (Vec::new(), Vec::new());
        let mut nothing: Option<Values> = None;
        for (group, moment) in wanted {
            let range = match rows.group(group) {
                Some(place) => rows.window(place, moment, self.window())?,
                None => 0..0,
            };
            if range.is_empty() {
                let of_nothing = match nothing.take() {
                    Some(known) => known,
                    None => self.values_of_nothing().await?,
                };
                values.insert((group.clone(), moment), of_nothing.clone());
                nothing = Some(of_nothing);
                continue;
            }
            moments.extend(std::iter::repeat_n(moment, range.len()));
            indices.extend(range.map(index));
            if indices.len() >= ROWS_AT_ONCE {
                let (indices, moments) = (std::mem::take(&mut indices), std::mem::take(&mut moments));
                values.extend(self.values_at(rows, indices, moments).await?);
            }
        }
        if !indices.is_empty() {
            values.extend(self.values_at(rows, indices, moments).await?);
        }
        Ok(values)
    }

    async fn values_at(
        &self,
        rows: &Rows,
        indices: Vec<u32>,
        moments: Vec<i64>,
    ) -> Result<BTreeMap<(Group, i64), Values>, EngineError> {
        let taken = take_record_batch(&rows.batch, &UInt32Array::from(indices))?;
        let pane = Field::new(row::PANE, DataType::Int64, false);
        let fields: Vec<_> = taken.schema().fields().iter().cloned().chain([Arc::new(pane)]).collect();
        let columns: Vec<_> =
            taken.columns().iter().cloned().chain([Arc::new(Int64Array::from(moments)) as _]).collect();
        let asked = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        let plan = self.plan.at_moments(in_memory(&asked)?)?;
        let mut values = BTreeMap::new();
        for batch in self.session.execute_logical_plan(plan).await?.collect().await? {
            let (groups, places) = groups_of(&batch, self.keys())?;
            let moments = column(&batch, row::MOMENT)?.as_primitive::<Int64Type>();
            for at in 0..batch.num_rows() {
                values.insert((groups[places[at]].clone(), moments.value(at)), self.values_in(&batch, at)?);
            }
        }
        Ok(values)
    }

    /// The values of a window without spans: a grid rule without `group_by` is judged there too.
    async fn values_of_nothing(&self) -> Result<Values, EngineError> {
        let nothing = self.source.matched(self.plan, &[], true)?;
        let schema: SchemaRef = Arc::new(nothing.schema().as_arrow().clone());
        let moment = TimeRange { from: 0, to: 0 };
        let windows =
            self.plan.windows(self.plan.into_panes(in_memory(&RecordBatch::new_empty(schema))?)?, moment)?;
        let batches = self.session.execute_logical_plan(windows).await?.collect().await?;
        match batches.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) => self.values_in(batch, 0),
            None => Ok(Values::new()),
        }
    }

    fn values_in(&self, batch: &RecordBatch, at: usize) -> Result<Values, EngineError> {
        self.plan
            .computed()
            .map(|(aggregate, _, output)| {
                let function = &aggregate.function;
                let duration = function.field() == Some(&RuleField::Intrinsic(Intrinsic::Duration))
                    && !matches!(function, AggregateFunction::CountDistinct(_));
                Ok((aggregate.name.clone(), value(column(batch, output)?, at, duration)?))
            })
            .collect()
    }
}

fn value(column: &dyn Array, at: usize, duration: bool) -> Result<Value, EngineError> {
    if column.is_null(at) {
        return Ok(Value::None);
    }
    let integer = match column.data_type() {
        DataType::Int64 => i128::from(column.as_primitive::<Int64Type>().value(at)),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value(at),
        DataType::Float64 => return Ok(Value::Float(column.as_primitive::<Float64Type>().value(at))),
        other => return Err(EngineError::Column(format!("an aggregate of type {other}"))),
    };
    Ok(if duration { Value::Duration(integer) } else { Value::Int(integer) })
}
