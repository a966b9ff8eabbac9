//! Matched rows in memory: one span once, by group and time.
//!
//! "One span, once" holds here: rows with the same trace id, span id and end are one. Copies that agree in all that
//! the rule reads are interchangeable. Where they differ, the caller finds out which copy counts and calls
//! [`Unique::without`].

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use arrow::array::{Array, AsArray, FixedSizeBinaryArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::row::{RowConverter, SortField};
use fluo_plan::row;
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
pub(crate) fn unique(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Unique, EngineError> {
    let batch = concat_batches(schema, batches)?;
    let ids = Ids::of(&batch)?;
    // Ids are random in all but hostile data; against that, the hash has a random key.
    let hasher = RandomState::new();
    let mut first_by_hash: HashMap<u64, u32, BuildIdentity> =
        HashMap::with_capacity_and_hasher(batch.num_rows(), BuildIdentity);
    // Rows whose hash was seen before. Almost always none: then nothing more is to be done.
    let mut again: Vec<(u32, u32)> = Vec::new();
    for at in 0..batch.num_rows() {
        let hash = hasher.hash_one(ids.get(at));
        let index = index(at);
        match first_by_hash.entry(hash) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(index);
            }
            std::collections::hash_map::Entry::Occupied(entry) => again.push((index, *entry.get())),
        }
    }
    drop(first_by_hash);
    if again.is_empty() {
        return Ok(Unique { batch, duplicates: 0, conflicts: Vec::new() });
    }
    // All rows that share a hash with another, sorted so that copies lie together.
    let mut suspects: Vec<u32> = again.into_iter().flat_map(|(one, other)| [one, other]).collect();
    suspects.sort_unstable();
    suspects.dedup();
    suspects.sort_by_key(|&at| ids.get(at as usize));
    let suspected = take_record_batch(&batch, &UInt32Array::from(suspects.clone()))?;
    let fields = suspected.columns().iter().map(|column| SortField::new(column.data_type().clone()));
    let rows = RowConverter::new(fields.collect())?.convert_columns(suspected.columns())?;
    let mut dropped: Vec<u32> = Vec::new();
    let mut conflicts = Vec::new();
    let mut start = 0;
    for end in 1..=suspects.len() {
        let same =
            end < suspects.len() && ids.get(suspects[start] as usize) == ids.get(suspects[end] as usize);
        if same {
            continue;
        }
        if (start + 1..end).any(|at| rows.row(at) != rows.row(start)) {
            conflicts.push(ids.key(suspects[start] as usize)?);
        } else {
            dropped.extend(&suspects[start + 1..end]);
        }
        start = end;
    }
    dropped.sort_unstable();
    let mut gone = dropped.iter().copied().peekable();
    let kept: UInt32Array = (0..index(batch.num_rows())).filter(|at| gone.next_if_eq(at).is_none()).collect();
    let duplicates = dropped.len() as u64;
    Ok(Unique { batch: take_record_batch(&batch, &kept)?, duplicates, conflicts })
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
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Keys that are hashes already.
#[derive(Clone, Copy)]
struct BuildIdentity;

struct Identity(u64);

impl BuildHasher for BuildIdentity {
    type Hasher = Identity;

    fn build_hasher(&self) -> Identity {
        Identity(0)
    }
}

impl std::hash::Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
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

    /// The newest rows of a range that may stand as evidence, newest first.
    pub(crate) fn evidence(&self, range: Range<usize>, limit: usize) -> Result<Vec<SpanKey>, EngineError> {
        let may = self.batch.column_by_name(row::EVIDENCE).and_then(|column| column.as_boolean_opt());
        let may = may.ok_or_else(|| EngineError::Column(row::EVIDENCE.to_owned()))?;
        let ids = Ids::of(&self.batch)?;
        let newest = range.rev().filter(|&at| may.is_valid(at) && may.value(at));
        newest.take(limit).map(|at| ids.key(at)).collect()
    }
}
