//! A rule's rows in memory, by group and time.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{Int64Type, UInt32Type};
use fluo_spans::identity::SpanKey;
use fluo_time::TimeRange;
use fluo_time::range::contain;

use crate::column::{Keys, values};
use crate::error::EngineError;

/// Columns of rows.
pub(crate) mod row {
    /// End of the span in nanoseconds since the epoch (`Int64`).
    pub(crate) const END: &str = "end_ns";

    /// Text of the group key's `at`th entry.
    pub(crate) fn group(at: usize) -> String {
        format!("group_{at}")
    }

    /// The input of the `at`th aggregate: null where the span takes no part; no column where every span is counted.
    pub(crate) fn input(at: usize) -> String {
        format!("input_{at}")
    }

    /// The number of spans that the span stands for (`Float64`); no column where each counts once.
    pub(crate) const WEIGHT: &str = "weight";

    /// Of a contested span, the place of the copy among the contested ones plus 1; else 0 (`UInt32`).
    pub(crate) const COPY: &str = "copy";

    /// Text of the `at`th key of which the commonest values are told.
    pub(crate) fn top(at: usize) -> String {
        format!("top_{at}")
    }
}

/// A group key's values, in the order of `group_by`.
pub(crate) type Group = Vec<Option<String>>;

/// A span, and which of its copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) key: SpanKey,
    /// Of a contested span, the place of the copy among the contested ones plus 1; else 0.
    pub(crate) copy: u32,
}

/// Matched rows with ids, no span twice, sorted by group and end.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) batch: RecordBatch,
    /// The groups that occur, sorted.
    pub(crate) groups: Vec<Group>,
    /// Rows of each group.
    bounds: Vec<Range<usize>>,
}

fn ends(batch: &RecordBatch) -> Result<&[i64], EngineError> {
    values::<Int64Type>(batch, row::END)
}

/// The rows that ended in one of the ranges, which are in order and apart.
pub(crate) fn within(batch: &RecordBatch, ranges: &[TimeRange]) -> Result<RecordBatch, EngineError> {
    let kept: BooleanArray = ends(batch)?.iter().map(|end| Some(contain(ranges, *end))).collect();
    Ok(filter_record_batch(batch, &kept)?)
}

/// Row numbers of a batch fit 32 bits: Arrow's own offsets do.
pub(crate) fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The groups of each row of a batch, and each row's place among them (sorted, `None` before any text).
fn groups_of(batch: &RecordBatch, keys: usize) -> Result<(Vec<Group>, Vec<usize>), EngineError> {
    if keys == 0 {
        return Ok((vec![Vec::new()], vec![0; batch.num_rows()]));
    }
    let columns = (0..keys)
        .map(|at| {
            let name = row::group(at);
            let texts = batch.column_by_name(&name).and_then(|column| column.as_string_opt::<i32>());
            texts.ok_or_else(|| EngineError::Column(name.clone()))
        })
        .collect::<Result<Vec<&StringArray>, EngineError>>()?;
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
        let ids = Keys::of(batch, ends(batch)?)?;
        let mut order: Vec<u32> = (0..index(batch.num_rows())).collect();
        order.sort_unstable_by(|&left, &right| {
            let (left, right) = (left as usize, right as usize);
            (numbers[left], ids.ends[left], ids.trace.value(left), ids.span.value(left)).cmp(&(
                numbers[right],
                ids.ends[right],
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

    /// Returns the ends of the rows of each group, and their places.
    pub(crate) fn by_group(&self) -> Result<impl Iterator<Item = (&[i64], Range<usize>)>, EngineError> {
        let ends = ends(&self.batch)?;
        Ok(self.bounds.iter().map(|bounds| (&ends[bounds.clone()], bounds.clone())))
    }

    /// The place of a group.
    pub(crate) fn group(&self, group: &Group) -> Option<usize> {
        self.groups.binary_search(group).ok()
    }

    /// The rows of a group that ended in `(moment − window, moment]`, oldest first.
    pub(crate) fn window(&self, group: usize, moment: i64, window: i64) -> Result<Range<usize>, EngineError> {
        let bounds = self.bounds[group].clone();
        let ends = &ends(&self.batch)?[bounds.clone()];
        let after = |limit: i64| bounds.start + ends.partition_point(|&end| end <= limit);
        Ok(after(moment.saturating_sub(window))..after(moment))
    }

    /// Returns the keys of the spans that rows are.
    pub(crate) fn keys(&self) -> Result<Keys<'_>, EngineError> {
        Keys::of(&self.batch, ends(&self.batch)?)
    }

    /// Returns the span that a row is, and the copy of it.
    pub(crate) fn id(&self, row: usize) -> Result<Id, EngineError> {
        let copies =
            self.batch.column_by_name(row::COPY).and_then(|column| column.as_primitive_opt::<UInt32Type>());
        let copies = copies.ok_or_else(|| EngineError::Column(row::COPY.to_owned()))?;
        Ok(Id { key: self.keys()?.key(row)?, copy: copies.value(row) })
    }
}
