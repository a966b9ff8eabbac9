//! One span, once: which rows of a source may be copies of one another.
//!
//! ```text
//! ends   of files that may hold a copy ─▶ those that come more than once         one column, of overlapping files
//! ids    of rows of such ends          ─▶ spans that lie there more than once    mostly none
//! ```
//!
//! A pass sets the rows of such spans apart, and settles which of them count when it has them all. Where it reads ids
//! anyway, the second step is left to it.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::prelude::SessionContext;
use fluo_spans::batch::from_batch;
use fluo_spans::identity::SpanKey;
use fluo_spans::schema::columns;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use fluo_time::range::{joined, meet};
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};

use crate::column::{Keys, times};
use crate::error::EngineError;
use crate::pages::Sought;
use crate::readers::Readers;
use crate::repeated::{Marks, Seen};
use crate::row_test::RowTest;
use crate::scan::Columns;
use crate::source::SpanSource;
use crate::truth::Truth;

/// Spans of which there may be copies.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    ends: HashMap<i64, AtEnd>,
    /// The ends, in a form that is quick to say no.
    marks: Marks,
    /// Hashes of the spans, at ends at which others end, too; any where this is `None`.
    spans: Option<HashSet<u64>>,
    hasher: DefaultHashBuilder,
}

/// The spans that end at a moment at which copies may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtEnd {
    /// One, of which all rows there are.
    One,
    /// Others, too.
    Several,
}

/// The name that copies of a span share: the end, and a hash of the ids where others end then, too.
pub(crate) type Name = (i64, u64);

/// If fewer rows than one in so many share their end with another, their ids are looked at before the pass, which then
/// reads none: they lie in few pages.
const FEW: usize = 500;

/// If more rows than one in so many do, by a clock that is coarse, ids are looked at before, too: only copies are set
/// apart.
const MANY: usize = 16;

impl Copies {
    /// Finds copies among the spans that are sought.
    pub(crate) async fn find(
        session: &SessionContext,
        source: &SpanSource,
        sought: &Sought,
    ) -> Result<Self, EngineError> {
        let areas = source.where_copies_may_be(&sought.ranges);
        let (Some(first), Some(last)) = (areas.first(), areas.last()) else { return Ok(Self::default()) };
        let rows = source.pieces().filter(|piece| meet(&areas, piece.ends)).map(|piece| piece.rows).sum();
        let seen = Arc::new(Seen::none(rows, first.from.cast_unsigned(), last.to.cast_unsigned()));
        let seeing = Arc::clone(&seen);
        let of_areas = Sought { ranges: areas, services: sought.services.clone() };
        let ends = over(session, source, &of_areas, &[columns::END_TIME], None, move |batch, found| {
            let ends = times(batch, columns::END_TIME)?.iter().map(|end| end.cast_unsigned());
            found.extend(ends.inspect(|end| seeing.see(*end)));
            Ok(())
        });
        let ends = ends.await?;
        let rows: usize = ends.iter().map(Vec::len).sum();
        let ends = seen.repeated(&ends);
        if ends.is_empty() {
            return Ok(Self::default());
        }
        if (rows / FEW..rows / MANY).contains(&ends.len()) {
            return Ok(Self::of(ends.iter().map(|end| (end.cast_signed(), AtEnd::Several)).collect()));
        }
        Self::among(session, source, ends, sought.services.clone()).await
    }

    /// Of the spans that ended at some moments, those of which there are copies.
    async fn among(
        session: &SessionContext,
        source: &SpanSource,
        ends: HashSet<u64>,
        services: Option<Vec<String>>,
    ) -> Result<Self, EngineError> {
        let ranges = joined(ends.iter().map(|end| moment(end.cast_signed())));
        let at = Sought { ranges, services };
        let names = [columns::END_TIME, columns::TRACE_ID, columns::SPAN_ID];
        let seen = Arc::new(Seen::none(2 * ends.len() as u64, 0, u64::MAX));
        let hasher = DefaultHashBuilder::default();
        let (seeing, of_rows) = (Arc::clone(&seen), hasher.clone());
        let ends = Arc::new(ends);
        let of_test = Arc::clone(&ends);
        let test = ends_among(move |end| of_test.contains(&end.cast_unsigned()));
        let rows = over(session, source, &at, &names, Some(test), move |batch, found| {
            let keys = Keys::of(batch, times(batch, columns::END_TIME)?)?;
            for (row, end) in keys.ends.iter().enumerate() {
                if ends.contains(&end.cast_unsigned()) {
                    let hash = of_rows.hash_one(keys.key(row)?);
                    seeing.see(hash);
                    found.push((*end, hash));
                }
            }
            Ok(())
        });
        let rows: Vec<Vec<Name>> = rows.await?;
        let hashes: Vec<Vec<u64>> =
            rows.iter().map(|rows| rows.iter().map(|(_, hash)| *hash).collect()).collect();
        let spans = seen.repeated(&hashes);
        let rows = || rows.iter().flatten();
        let copied = rows().filter(|(_, hash)| spans.contains(hash));
        let first: HashMap<i64, u64> = copied.copied().collect();
        let mut ends: HashMap<i64, AtEnd> = first.keys().map(|end| (*end, AtEnd::One)).collect();
        for (end, _) in rows().filter(|(end, hash)| first.get(end).is_some_and(|first| first != hash)) {
            ends.insert(*end, AtEnd::Several);
        }
        Ok(Self { spans: Some(spans), hasher, ..Self::of(ends) })
    }

    fn of(ends: HashMap<i64, AtEnd>) -> Self {
        let marks = Marks::of(ends.keys().map(|end| end.cast_unsigned()));
        Self { ends, marks, ..Self::default() }
    }

    /// Returns whether only ids can tell copies from other spans.
    pub(crate) fn need_ids(&self) -> bool {
        self.ends.values().any(|at| *at == AtEnd::Several)
    }

    /// The rows of a batch that may be copies.
    pub(crate) fn among_rows(&self, batch: &RecordBatch, ends: &[i64]) -> Result<Truth, EngineError> {
        if !ends.iter().any(|end| self.marks.may_be(end.cast_unsigned())) {
            return Ok(Truth::None);
        }
        let mut keys = None;
        let mut may_be = vec![false; ends.len()];
        for (row, end) in ends.iter().enumerate() {
            if !self.marks.may_be(end.cast_unsigned()) {
                continue;
            }
            may_be[row] = match (self.ends.get(end), &self.spans) {
                (None, _) => false,
                (Some(AtEnd::One), _) | (Some(AtEnd::Several), None) => true,
                (Some(AtEnd::Several), Some(spans)) => {
                    spans.contains(&self.hash_of_row(&mut keys, batch, row)?)
                }
            };
        }
        Ok(Truth::by_row(ends.len(), |row| may_be[row]))
    }

    /// Returns the names of rows that may be copies.
    pub(crate) fn names(&self, batch: &RecordBatch, ends: &[i64]) -> Result<Vec<Name>, EngineError> {
        let mut keys = None;
        let name = |(row, end): (usize, &i64)| {
            let hash = match self.ends.get(end) {
                Some(AtEnd::Several) => self.hash_of_row(&mut keys, batch, row)?,
                _ => 0,
            };
            Ok((*end, hash))
        };
        ends.iter().enumerate().map(name).collect()
    }

    /// The spans that ended at some moments and of which there may be copies, whole and in order.
    pub(crate) async fn whole(
        &self,
        session: &SessionContext,
        source: &SpanSource,
        ends: &HashSet<i64>,
    ) -> Result<Vec<Span>, EngineError> {
        let mut spans = spans(session, source, ends, |_| true).await?;
        spans.retain(|span| match (self.ends.get(&span.end_ns), &self.spans) {
            (Some(AtEnd::Several), Some(spans)) => spans.contains(&self.hash(&span.key())),
            (at, _) => at.is_some(),
        });
        spans.sort_by_key(Span::key);
        Ok(spans)
    }

    /// Returns the hash of a row's span. `keys`: those of its batch, once they were needed.
    fn hash_of_row<'a>(
        &self,
        keys: &mut Option<Keys<'a>>,
        batch: &'a RecordBatch,
        row: usize,
    ) -> Result<u64, EngineError> {
        let keys = match keys {
            Some(keys) => keys,
            None => keys.insert(Keys::of(batch, times(batch, columns::END_TIME)?)?),
        };
        Ok(self.hash(&keys.key(row)?))
    }

    fn hash(&self, key: &SpanKey) -> u64 {
        self.hasher.hash_one(key)
    }
}

fn moment(at: i64) -> TimeRange {
    TimeRange { from: at, to: at }
}

/// The whole spans of some keys: of copies, the one whose content hash is smallest.
pub(crate) async fn spans_of(
    session: &SessionContext,
    source: &SpanSource,
    keys: &[SpanKey],
) -> Result<HashMap<SpanKey, Span>, EngineError> {
    let ends = keys.iter().map(|(_, _, end)| *end).collect();
    let wanted: HashSet<SpanKey> = keys.iter().copied().collect();
    let mut found: HashMap<SpanKey, Span> = HashMap::new();
    for span in spans(session, source, &ends, move |key| wanted.contains(key)).await? {
        let other = found.remove(&span.key());
        let span = match other {
            Some(other) if other.content_hash() < span.content_hash() => other,
            _ => span,
        };
        found.insert(span.key(), span);
    }
    Ok(found)
}

/// The whole spans, and all copies of each, that ended at some moments and are wanted.
async fn spans(
    session: &SessionContext,
    source: &SpanSource,
    ends: &HashSet<i64>,
    wanted: impl Fn(&SpanKey) -> bool + Clone + Send + Sync + 'static,
) -> Result<Vec<Span>, EngineError> {
    let sought = Sought { ranges: joined(ends.iter().map(|end| moment(*end))), services: None };
    let ends = Arc::new(ends.clone());
    let of_ends = Arc::clone(&ends);
    let is_wanted = move |batch: &RecordBatch| {
        let keys = Keys::of(batch, times(batch, columns::END_TIME)?)?;
        let mut is = vec![false; batch.num_rows()];
        for (row, end) in keys.ends.iter().enumerate() {
            is[row] = ends.contains(end) && wanted(&keys.key(row)?);
        }
        Ok::<_, EngineError>(BooleanBuffer::from(is))
    };
    let names = [columns::END_TIME, columns::TRACE_ID, columns::SPAN_ID];
    let of_test = is_wanted.clone();
    // Ids are read of the few rows that end at the right nanosecond.
    let test = ends_among(move |end| of_ends.contains(&end))
        .and(RowTest::of_rows(&names, move |batch| Ok(Truth::of(of_test(batch)?))));
    let found = over(session, source, &sought, &[], Some(test), move |batch, found| {
        let is_wanted = BooleanArray::from(is_wanted(batch)?);
        if is_wanted.true_count() > 0 {
            found.extend(from_batch(&filter_record_batch(batch, &is_wanted)?)?);
        }
        Ok(())
    });
    Ok(found.await?.into_iter().flatten().collect())
}

/// A test of the ends of spans.
fn ends_among(is: impl Fn(i64) -> bool + Clone + Send + Sync + 'static) -> RowTest {
    RowTest::of_rows(&[columns::END_TIME], move |batch| {
        let ends = times(batch, columns::END_TIME)?;
        Ok(Truth::by_row(ends.len(), |row| is(ends[row])))
    })
}

/// Collects something of all batches in which spans that are sought may be, thread by thread. No names: all columns.
pub(crate) async fn over<T: Send + 'static>(
    session: &SessionContext,
    source: &SpanSource,
    sought: &Sought,
    names: &[&str],
    test: Option<RowTest>,
    of_batch: impl Fn(&RecordBatch, &mut Vec<T>) -> Result<(), EngineError> + Clone + Send + 'static,
) -> Result<Vec<Vec<T>>, EngineError> {
    let names: BTreeSet<&str> = names.iter().copied().collect();
    let mut readers = Readers::new();
    for part in source.parts() {
        let columns =
            if names.is_empty() { Columns::all(&part.layout) } else { Columns::named(&part.layout, &names)? };
        for batches in part.scan(session, &columns, sought, test.clone())? {
            let pool = Arc::clone(&session.runtime_env().memory_pool);
            let reservation = MemoryConsumer::new("copies of spans").register(&pool);
            let of_batch = of_batch.clone();
            let each = move |found: &mut Vec<T>, batch: &RecordBatch| {
                let before = found.capacity();
                of_batch(batch, found)?;
                Ok(reservation.try_grow((found.capacity() - before) * size_of::<T>())?)
            };
            readers.read(batches, Vec::new(), each, |found| found);
        }
    }
    readers.ended().await
}

/// Of copies of spans, the selected ones that count: of each span the first.
pub(crate) fn first_of_each(batch: &RecordBatch, selected: &Truth) -> Result<Truth, EngineError> {
    let keys = Keys::of(batch, times(batch, columns::END_TIME)?)?;
    let mut counts = vec![false; batch.num_rows()];
    let mut last: Option<SpanKey> = None;
    for row in selected.rows(0, batch.num_rows()) {
        let key = keys.key(row)?;
        counts[row] = last.replace(key) != Some(key);
    }
    Ok(Truth::by_row(counts.len(), |row| counts[row]))
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
