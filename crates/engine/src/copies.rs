//! One span, once: which spans lie more than once in a source, and which of their copies count.
//!
//! ```text
//! ends     of files that may hold a copy ─▶ those that come more than once         one column, of overlapping files
//! ids      of rows of such ends          ─▶ spans that lie there more than once    mostly none
//! spans    of these, whole               ─▶ alike: any counts · different: contested
//! ```
//!
//! Of a contested span, a rule sees the copies that it selects, and of these the one whose content hash is smallest
//! counts: a copy that is sent on purpose hides no other from a rule that looks for it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{AsArray, BooleanArray, FixedSizeBinaryArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::prelude::SessionContext;
use fluo_plan::TimeRange;
use fluo_spans::batch::from_batch;
use fluo_spans::identity::SpanKey;
use fluo_spans::schema::columns;
use fluo_spans::span::Span;
use futures::TryStreamExt;
use futures::future::try_join_all;
use hashbrown::{HashMap, HashSet};

use crate::error::EngineError;
use crate::pass::Truth;
use crate::ranges::{contain, few, joined};
use crate::scan::{Batches, Columns};
use crate::source::SpanSource;

/// Spans of which there are copies.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    spans: HashMap<SpanKey, Fate>,
    /// When they ended, in order.
    ends: Vec<i64>,
}

/// What becomes of the rows of a span of which there are copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They are alike: one of them counts.
    One,
    /// They differ: none counts, and all are given apart.
    Contested,
}

/// A source in which no span counts twice.
pub(crate) struct Unique {
    /// With a part that holds the contested spans.
    pub(crate) source: SpanSource,
    pub(crate) copies: Arc<Copies>,
    /// Different copies of spans, by key, and of each the one with the smallest content hash first.
    pub(crate) contested: Vec<Span>,
    /// Rows that are one too many.
    pub(crate) duplicates: u64,
    /// Those of them that differ from the one that counts.
    pub(crate) conflicts: u64,
}

/// Which spans of [`Copies`] a pass has met.
#[derive(Debug)]
pub(crate) struct Met {
    copies: Arc<Copies>,
    spans: Mutex<HashSet<SpanKey>>,
}

/// The most spans that are compared at once.
const AT_ONCE: usize = 50_000;

/// Finds copies among the spans that ended in these ranges, which are in order and apart.
pub(crate) async fn without_copies(
    session: &SessionContext,
    source: &SpanSource,
    ranges: &[TimeRange],
) -> Result<Unique, EngineError> {
    let mut unique = Unique {
        source: source.clone(),
        copies: Arc::default(),
        contested: Vec::new(),
        duplicates: 0,
        conflicts: 0,
    };
    let keys = repeated_keys(session, source, ranges).await?;
    let mut copies = Copies::default();
    for some in keys.chunks(AT_ONCE) {
        let mut spans = spans(session, source, some).await?;
        spans.sort_by_key(Span::key);
        for same in spans.chunk_by(|one, other| one.key() == other.key()) {
            let Some(first) = same.first() else { continue };
            unique.duplicates += same.len() as u64 - 1;
            let is_contested = same.iter().any(|copy| copy != first);
            copies.spans.insert(first.key(), if is_contested { Fate::Contested } else { Fate::One });
            copies.ends.push(first.end_ns);
            if is_contested {
                let mut different: Vec<_> = same.iter().map(|copy| (copy.content_hash(), copy)).collect();
                different.sort_by_key(|(hash, _)| *hash);
                let first = different[0].0;
                unique.conflicts += different.iter().filter(|(hash, _)| *hash != first).count() as u64;
                different.dedup_by_key(|(hash, _)| *hash);
                unique.contested.extend(different.into_iter().map(|(_, copy)| copy.clone()));
            }
        }
    }
    copies.ends.sort_unstable();
    unique.source.add_contested(&unique.contested)?;
    unique.copies = Arc::new(copies);
    Ok(unique)
}

/// The spans that lie more than once in a source, in order.
async fn repeated_keys(
    session: &SessionContext,
    source: &SpanSource,
    ranges: &[TimeRange],
) -> Result<Vec<SpanKey>, EngineError> {
    let areas = source.where_copies_may_be(ranges);
    if areas.is_empty() {
        return Ok(Vec::new());
    }
    let areas = Arc::new(areas);
    let inside = Arc::clone(&areas);
    let mut all_ends: Vec<i64> = over(session, source, &areas, &[columns::END_TIME], move |batch, found| {
        found.extend(ends_of(batch)?.iter().filter(|end| contain(&inside, **end)));
        Ok(())
    })
    .await?;
    all_ends.sort_unstable();
    let repeated = |ends: &[i64]| {
        ends.chunk_by(|one, other| one == other).filter(|same| same.len() > 1).map(|same| same[0]).collect()
    };
    let ends: Vec<i64> = repeated(&all_ends);
    drop(all_ends);
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let at: Vec<TimeRange> = ends.iter().map(|end| TimeRange { from: *end, to: *end }).collect();
    let ends: Arc<HashSet<i64>> = Arc::new(ends.into_iter().collect());
    let names = [columns::END_TIME, columns::TRACE_ID, columns::SPAN_ID];
    let mut keys: Vec<SpanKey> = over(session, source, &few(at), &names, move |batch, found| {
        let keys = Keys::of(batch)?;
        for (row, end) in keys.ends.iter().enumerate() {
            if ends.contains(end) {
                found.push(keys.key(row)?);
            }
        }
        Ok(())
    })
    .await?;
    keys.sort_unstable();
    Ok(keys.chunk_by(|one, other| one == other).filter(|same| same.len() > 1).map(|same| same[0]).collect())
}

/// The whole spans of some keys, which are in order: all copies of each.
pub(crate) async fn spans(
    session: &SessionContext,
    source: &SpanSource,
    keys: &[SpanKey],
) -> Result<Vec<Span>, EngineError> {
    let ranges = few(keys.iter().map(|(_, _, end)| TimeRange { from: *end, to: *end }));
    let wanted: Arc<HashSet<SpanKey>> = Arc::new(keys.iter().copied().collect());
    over(session, source, &ranges, &[], move |batch, found| {
        let keys = Keys::of(batch)?;
        let is_wanted = (0..batch.num_rows()).map(|row| Ok(Some(wanted.contains(&keys.key(row)?))));
        let is_wanted: BooleanArray = is_wanted.collect::<Result<_, EngineError>>()?;
        if is_wanted.true_count() > 0 {
            found.extend(from_batch(&filter_record_batch(batch, &is_wanted)?)?);
        }
        Ok(())
    })
    .await
}

/// Collects something of all batches in which spans of these ranges may be. No names: all columns.
async fn over<T: Send + 'static>(
    session: &SessionContext,
    source: &SpanSource,
    ranges: &[TimeRange],
    names: &[&str],
    of_batch: impl Fn(&RecordBatch, &mut Vec<T>) -> Result<(), EngineError> + Clone + Send + 'static,
) -> Result<Vec<T>, EngineError> {
    let names: BTreeSet<&str> = names.iter().copied().collect();
    let mut threads = Vec::new();
    for part in source.parts() {
        let columns =
            if names.is_empty() { Columns::all(&part.layout) } else { Columns::named(&part.layout, &names)? };
        for batches in part.scan(session, &columns, ranges, None)? {
            let pool = Arc::clone(&session.runtime_env().memory_pool);
            let reservation = MemoryConsumer::new("copies of spans").register(&pool);
            let of_batch = of_batch.clone();
            threads.push(SpawnedTask::spawn(async move {
                let mut batches: Batches = batches;
                let mut found = Vec::new();
                while let Some(batch) = batches.try_next().await? {
                    let before = found.capacity();
                    of_batch(&batch, &mut found)?;
                    reservation.try_grow((found.capacity() - before) * size_of::<T>())?;
                }
                Ok::<_, EngineError>(found)
            }));
        }
    }
    let found = try_join_all(
        threads
            .into_iter()
            .map(|thread| async { thread.await.map_err(|error| EngineError::Thread(Box::new(error)))? }),
    );
    Ok(found.await?.into_iter().flatten().collect())
}

impl Copies {
    /// Returns whether no span lies there twice.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

impl Met {
    /// Of a pass that has met none.
    pub(crate) fn none(copies: &Arc<Copies>) -> Self {
        Self { copies: Arc::clone(copies), spans: Mutex::default() }
    }

    /// Which rows of a batch count; their ends lie between `first` and `last`.
    pub(crate) fn that_count(
        &self,
        batch: &RecordBatch,
        ends: &[i64],
        first: i64,
        last: i64,
    ) -> Result<Truth, EngineError> {
        let copies = &self.copies;
        let after = copies.ends.partition_point(|end| *end < first);
        if copies.ends.get(after).is_none_or(|end| *end > last) {
            return Ok(Truth::All);
        }
        let keys = Keys::of(batch)?;
        let mut met = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = vec![true; ends.len()];
        for (row, end) in ends.iter().enumerate() {
            if copies.ends.binary_search(end).is_err() {
                continue;
            }
            let key = keys.key(row)?;
            counts[row] = match copies.spans.get(&key) {
                None => true,
                Some(Fate::One) => met.insert(key),
                Some(Fate::Contested) => false,
            };
        }
        Ok(Truth::by_row(ends.len(), |row| counts[row]))
    }
}

/// Of contested spans, the selected copies that count: of each span the first.
pub(crate) fn first_of_each(batch: &RecordBatch, selected: &Truth) -> Result<Truth, EngineError> {
    let keys = Keys::of(batch)?;
    let mut counts = vec![false; batch.num_rows()];
    let mut last: Option<SpanKey> = None;
    for row in selected.rows(0, batch.num_rows()) {
        let key = keys.key(row)?;
        counts[row] = last.replace(key) != Some(key);
    }
    Ok(Truth::by_row(counts.len(), |row| counts[row]))
}

/// What identifies the spans of a batch.
struct Keys<'a> {
    trace: &'a FixedSizeBinaryArray,
    span: &'a FixedSizeBinaryArray,
    ends: &'a [i64],
}

impl<'a> Keys<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, EngineError> {
        let ids = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_fixed_size_binary_opt());
            column.ok_or_else(|| EngineError::Column(name.to_owned()))
        };
        Ok(Self { trace: ids(columns::TRACE_ID)?, span: ids(columns::SPAN_ID)?, ends: ends_of(batch)? })
    }

    fn key(&self, row: usize) -> Result<SpanKey, EngineError> {
        let bad = |name: &str| EngineError::Column(name.to_owned());
        Ok((
            self.trace.value(row).try_into().map_err(|_| bad(columns::TRACE_ID))?,
            self.span.value(row).try_into().map_err(|_| bad(columns::SPAN_ID))?,
            self.ends[row],
        ))
    }
}

fn ends_of(batch: &RecordBatch) -> Result<&[i64], EngineError> {
    let column = batch
        .column_by_name(columns::END_TIME)
        .and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    Ok(column.ok_or_else(|| EngineError::Column(columns::END_TIME.to_owned()))?.values())
}

impl SpanSource {
    /// Stretches of the ranges in which a span may lie twice: in two files whose times overlap, or in one of which nobody
    /// says that it holds no span twice.
    fn where_copies_may_be(&self, ranges: &[TimeRange]) -> Vec<TimeRange> {
        let meet = |one: TimeRange, other: TimeRange| {
            let both = TimeRange { from: one.from.max(other.from), to: one.to.min(other.to) };
            (both.from <= both.to).then_some(both)
        };
        let mut pieces: Vec<_> = self.pieces().collect();
        pieces.sort_by_key(|piece| (piece.ends.from, piece.ends.to));
        let mut areas: Vec<TimeRange> =
            pieces.iter().filter(|piece| !piece.unique).map(|piece| piece.ends).collect();
        let mut last: Option<i64> = None;
        for piece in &pieces {
            if let Some(last) = last {
                areas.extend(meet(piece.ends, TimeRange { from: i64::MIN, to: last }));
            }
            last = Some(last.map_or(piece.ends.to, |last| last.max(piece.ends.to)));
        }
        let areas = joined(areas);
        joined(areas.iter().flat_map(|area| ranges.iter().filter_map(move |range| meet(*area, *range))))
    }
}
