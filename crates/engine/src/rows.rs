//! Matched rows in memory: one span once, by group and time.
//!
//! "One span, once" holds here: rows with the same trace id, span id and end are one. Copies that agree in all that
//! the rule reads are interchangeable. Where they differ, the caller finds out which copy counts and calls
//! [`Unique::without`].

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{
    Array, AsArray, BooleanArray, FixedSizeBinaryArray, Int64Array, RecordBatch, UInt32Array,
};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::row::{RowConverter, SortField};
use fluo_plan::{TimeRange, row};
use fluo_spans::identity::SpanKey;
use fluo_spans::schema::columns;

use crate::error::EngineError;

/// A group key's values, in the order of `group_by`.
pub(crate) type Group = Vec<Option<String>>;

/// Matched rows with ids, no span twice, sorted by group and end.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) batch: RecordBatch,
    /// The groups that occur, sorted.
    pub(crate) groups: Vec<Group>,
    /// Rows of each group.
    bounds: Vec<Range<usize>>,
}

/// Rows without repeated spans, not yet sorted.
pub(crate) struct Unique {
    pub(crate) batch: RecordBatch,
    /// Copies that were dropped.
    pub(crate) duplicates: u64,
    /// Spans whose copies differ in what the rule reads: all of them are still there.
    pub(crate) conflicts: Vec<SpanKey>,
}

/// The ids of a batch of rows.
struct Ids<'a> {
    trace: &'a FixedSizeBinaryArray,
    span: &'a FixedSizeBinaryArray,
    end: &'a Int64Array,
}

impl<'a> Ids<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, EngineError> {
        Ok(Self {
            trace: ids(batch, columns::TRACE_ID)?,
            span: ids(batch, columns::SPAN_ID)?,
            end: ends(batch)?,
        })
    }

    fn get(&self, at: usize) -> (&'a [u8], &'a [u8], i64) {
        (self.trace.value(at), self.span.value(at), self.end.value(at))
    }

    fn key(&self, at: usize) -> Result<SpanKey, EngineError> {
        let (trace, span, end) = self.get(at);
        let bad = |name: &str| EngineError::Column(name.to_owned());
        Ok((
            trace.try_into().map_err(|_| bad(columns::TRACE_ID))?,
            span.try_into().map_err(|_| bad(columns::SPAN_ID))?,
            end,
        ))
    }
}

fn ids<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a FixedSizeBinaryArray, EngineError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_fixed_size_binary_opt())
        .ok_or_else(|| EngineError::Column(name.to_owned()))
}

fn ends(batch: &RecordBatch) -> Result<&Int64Array, EngineError> {
    batch
        .column_by_name(row::END)
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| EngineError::Column(row::END.to_owned()))
}

/// Drops copies of the same span.
///
/// Copies end at the same nanosecond, and little else does: rows are sorted by their end, which is cheap because they
/// come in long sorted runs, and ids are compared among rows of one end alone.
pub(crate) fn unique(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Unique, EngineError> {
    let batch = concat_batches(schema, batches)?;
    let copies = copies(&Ids::of(&batch)?);
    if copies.is_empty() {
        return Ok(Unique { batch, duplicates: 0, conflicts: Vec::new() });
    }
    let all: UInt32Array = copies.iter().flatten().copied().collect();
    let suspected = take_record_batch(&batch, &all)?;
    let fields = suspected.columns().iter().map(|column| SortField::new(column.data_type().clone()));
    let rows = RowConverter::new(fields.collect())?.convert_columns(suspected.columns())?;
    let ids = Ids::of(&batch)?;
    let mut kept = vec![true; batch.num_rows()];
    let (mut duplicates, mut conflicts) = (0, Vec::new());
    let mut first = 0;
    for span in &copies {
        if (first + 1..first + span.len()).any(|at| rows.row(at) != rows.row(first)) {
            conflicts.push(ids.key(span[0] as usize)?);
        } else {
            for &again in &span[1..] {
                kept[again as usize] = false;
                duplicates += 1;
            }
        }
        first += span.len();
    }
    let batch = filter_record_batch(&batch, &BooleanArray::from(kept))?;
    Ok(Unique { batch, duplicates, conflicts })
}

/// Rows of spans that stand more than once: one list a span, the first row first.
fn copies(ids: &Ids<'_>) -> Vec<Vec<u32>> {
    let mut by_end: Vec<(i64, u32)> = ids.end.values().iter().copied().zip(0..).collect();
    by_end.sort_by_key(|(end, _)| *end);
    let mut copies = Vec::new();
    for same_end in by_end.chunk_by(|(left, _), (right, _)| left == right) {
        if same_end.len() == 1 {
            continue;
        }
        let mut rows: Vec<u32> = same_end.iter().map(|(_, row)| *row).collect();
        rows.sort_by_key(|&row| ids.get(row as usize));
        let same = |left: &u32, right: &u32| ids.get(*left as usize) == ids.get(*right as usize);
        copies.extend(rows.chunk_by(same).filter(|span| span.len() > 1).map(<[u32]>::to_vec));
    }
    copies
}

/// The rows that ended in one of the ranges.
pub(crate) fn within(batch: &RecordBatch, ranges: &[TimeRange]) -> Result<RecordBatch, EngineError> {
    let inside = |end: &i64| ranges.iter().any(|range| (range.from..=range.to).contains(end));
    let kept: BooleanArray = ends(batch)?.values().iter().map(|end| Some(inside(end))).collect();
    Ok(filter_record_batch(batch, &kept)?)
}

impl Unique {
    /// Without any copy of these spans, which the caller puts back as they count.
    pub(crate) fn without(&self, spans: &[SpanKey]) -> Result<RecordBatch, EngineError> {
        let ids = Ids::of(&self.batch)?;
        let mut kept = Vec::with_capacity(self.batch.num_rows());
        for at in 0..self.batch.num_rows() {
            if spans.binary_search(&ids.key(at)?).is_err() {
                kept.push(index(at));
            }
        }
        Ok(take_record_batch(&self.batch, &UInt32Array::from(kept))?)
    }
}

/// Row numbers of a batch fit 32 bits: Arrow's own offsets do.
pub(crate) fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The groups of each row of a batch, and each row's place among them (sorted, `None` before any text).
pub(crate) fn groups_of(batch: &RecordBatch, keys: usize) -> Result<(Vec<Group>, Vec<usize>), EngineError> {
    if keys == 0 {
        return Ok((vec![Vec::new()], vec![0; batch.num_rows()]));
    }
    let columns = (0..keys)
        .map(|at| {
            let name = row::group(at);
            let column = batch.column_by_name(&name).ok_or_else(|| EngineError::Column(name.clone()))?;
            let text = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8)?;
            Ok(text.as_string::<i32>().clone())
        })
        .collect::<Result<Vec<_>, EngineError>>()?;
    let value = |key: usize, at: usize| columns[key].is_valid(at).then(|| columns[key].value(at));
    let mut numbers: HashMap<Vec<Option<&str>>, usize> = HashMap::new();
    let mut found: Vec<Vec<Option<&str>>> = Vec::new();
    let mut numbered: Vec<usize> = Vec::with_capacity(batch.num_rows());
    for at in 0..batch.num_rows() {
        // Rows of one group tend to lie together: look at the last before hashing.
        if let Some(&last) = numbered.last()
            && let group = &found[last]
            && (0..keys).all(|key| group[key] == value(key, at))
        {
            numbered.push(last);
            continue;
        }
        let group: Vec<Option<&str>> = (0..keys).map(|key| value(key, at)).collect();
        let number = *numbers.entry(group).or_insert_with_key(|group| {
            found.push(group.clone());
            found.len() - 1
        });
        numbered.push(number);
    }
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by(|&left, &right| found[left].cmp(&found[right]));
    let mut places = vec![0; found.len()];
    for (place, &number) in order.iter().enumerate() {
        places[number] = place;
    }
    let groups = order
        .iter()
        .map(|&number| found[number].iter().map(|text| text.map(str::to_owned)).collect())
        .collect();
    Ok((groups, numbered.into_iter().map(|number| places[number]).collect()))
}

impl Rows {
    /// Sorts rows in which no span stands twice.
    pub(crate) fn new(batch: &RecordBatch, keys: usize) -> Result<Self, EngineError> {
        let (groups, numbers) = groups_of(batch, keys)?;
        let ids = Ids::of(batch)?;
        let mut order: Vec<u32> = (0..index(batch.num_rows())).collect();
        order.sort_unstable_by(|&left, &right| {
            let (left, right) = (left as usize, right as usize);
            (numbers[left], ids.end.value(left), ids.trace.value(left), ids.span.value(left)).cmp(&(
                numbers[right],
                ids.end.value(right),
                ids.trace.value(right),
                ids.span.value(right),
            ))
        });
        let mut bounds = Vec::with_capacity(groups.len());
        let mut start = 0;
        for group in 0..groups.len() {
            let count = order[start..].partition_point(|&at| numbers[at as usize] == group);
            bounds.push(start..start + count);
            start += count;
        }
        let batch = take_record_batch(batch, &UInt32Array::from(order))?;
        Ok(Self { batch, groups, bounds })
    }

    /// The place of a group.
    pub(crate) fn group(&self, group: &Group) -> Option<usize> {
        self.groups.binary_search(group).ok()
    }

    /// The rows of a group that ended in `(moment − window, moment]`, oldest first.
    pub(crate) fn window(&self, group: usize, moment: i64, window: i64) -> Result<Range<usize>, EngineError> {
        let bounds = self.bounds[group].clone();
        let ends = &ends(&self.batch)?.values()[bounds.clone()];
        let after = |limit: i64| bounds.start + ends.partition_point(|&end| end <= limit);
        Ok(after(moment.saturating_sub(window))..after(moment))
    }

    /// Which span a row is.
    pub(crate) fn key(&self, row: usize) -> Result<SpanKey, EngineError> {
        Ids::of(&self.batch)?.key(row)
    }
}
