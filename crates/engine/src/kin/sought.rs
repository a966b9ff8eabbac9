//! The keys of the spans whose parents or children rules may ask for.

use std::hash::{BuildHasher as _, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, FixedSizeBinaryArray, RecordBatch};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::prelude::SessionContext;
use fluo_plan::Projection;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use fluo_time::range::{contain, joined};
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::column::{id, ids};
use crate::error::EngineError;
use crate::pages::{Sought, services};
use crate::pass::Want;
use crate::pass::frame::{Frame, Memory};
use crate::pass::program::Program;
use crate::readers::Readers;
use crate::row_test::RowTest;
use crate::rows::index;
use crate::source::SpanSource;
use crate::truth::Truth;
use crate::work::each;

/// A span, by its trace and its own id: as words, which take less room than bytes of the same number and a place beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u64; 3]);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Words, not the bytes of an array.
        self.0.iter().for_each(|word| state.write_u64(*word));
    }
}

/// Keys are parted in so many, so that the parts can be looked at side by side.
pub(super) const PARTS: usize = 64;

impl Key {
    pub(super) fn of(trace: [u8; 16], span: [u8; 8]) -> Self {
        let trace = u128::from_be_bytes(trace);
        #[expect(clippy::cast_possible_truncation, reason = "one half after the other")]
        let [first, last] = [(trace >> 64) as u64, trace as u64];
        Self([first, last, u64::from_be_bytes(span)])
    }

    pub(super) fn trace(&self) -> [u8; 16] {
        let [first, last, _] = self.0.map(u128::from);
        (first << 64 | last).to_be_bytes()
    }

    pub(super) fn span(&self) -> [u8; 8] {
        self.0[2].to_be_bytes()
    }

    /// The part that it belongs to: the last byte of a trace's id is random in all formats that there are.
    pub(super) fn part(&self) -> usize {
        let [first, last, _] = self.0;
        usize::from((first ^ last).to_be_bytes()[7]) % PARTS
    }
}

/// Keys by part, each with a place of its own among those of the part.
///
/// A table has the places alone: the keys stand in the order in which they were read, and so do the spans that ask for
/// them later, so that looking at the key at a place costs little.
#[derive(Default)]
pub(super) struct Places {
    hasher: DefaultHashBuilder,
    parts: Vec<OfPart>,
}

/// The keys of one part.
#[derive(Default)]
struct OfPart {
    /// By place.
    keys: Vec<Key>,
    places: HashTable<u32>,
}

impl OfPart {
    fn of(lists: Vec<Vec<Key>>, hasher: &DefaultHashBuilder) -> Self {
        let mut part = Self::default();
        for key in lists.into_iter().flatten() {
            let is_it = |place: &u32| part.keys[*place as usize] == key;
            let of_place = |place: &u32| hasher.hash_one(part.keys[*place as usize]);
            if let Entry::Vacant(vacant) = part.places.entry(hasher.hash_one(key), is_it, of_place) {
                vacant.insert(index(part.keys.len()));
                part.keys.push(key);
            }
        }
        part.keys.shrink_to_fit();
        part
    }
}

impl Places {
    /// `threads`: by thread and part, keys as they were read.
    pub(super) async fn of(threads: Vec<Vec<Vec<Key>>>) -> Self {
        let mut by_part: Vec<Vec<Vec<Key>>> = (0..PARTS).map(|_| Vec::new()).collect();
        for parts in threads {
            by_part.iter_mut().zip(parts).for_each(|(all, part)| all.push(part));
        }
        let hasher = DefaultHashBuilder::default();
        let parts = each(by_part, |lists| OfPart::of(lists, &hasher)).await;
        Self { hasher, parts }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.keys.len()).sum()
    }

    /// By part, the keys by their places.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[Key]> {
        self.parts.iter().map(|part| part.keys.as_slice())
    }

    /// The part and the place in it of a key.
    pub(super) fn get(&self, key: &Key) -> Option<(usize, u32)> {
        let at = key.part();
        let part = self.parts.get(at)?;
        let place =
            part.places.find(self.hasher.hash_one(key), |place| part.keys[*place as usize] == *key)?;
        Some((at, *place))
    }
}

/// By part, the place that is likely to be asked for next. Whoever asks for the keys of spans that lie one after the other
/// asks for them as they were put down, mostly.
pub(super) struct Likely([u32; PARTS]);

impl Default for Likely {
    fn default() -> Self {
        Self([0; PARTS])
    }
}

impl Likely {
    /// The part and the place in it of a key, as of [`Places::get`].
    pub(super) fn get(&mut self, key: &Key, places: &Places) -> Option<(usize, u32)> {
        let (at, next) = (key.part(), self.0[key.part()]);
        let keys = &places.parts.get(at)?.keys;
        // Siblings ask for the same key.
        let likely =
            [next, next.wrapping_sub(1)].into_iter().find(|place| keys.get(*place as usize) == Some(key));
        let (_, place) = likely.map(|place| (at, place)).or_else(|| places.get(key))?;
        self.0[at] = place.saturating_add(1);
        Some((at, place))
    }
}

/// So many keys stay near the processor.
const FEW: usize = 1 << 15;

/// The keys that are sought.
#[derive(Default)]
pub(super) struct Keys {
    /// Of parents.
    pub(super) parents: Places,
    /// Of spans whose children are sought.
    pub(super) spans: Places,
}

impl Keys {
    /// Of the spans that rules may select.
    pub(super) async fn of(
        session: &SessionContext,
        source: &SpanSource,
        wants: &[&Want<'_>],
        asks_parents: bool,
        asks_children: bool,
    ) -> Result<Self, EngineError> {
        let own = |layout: &Layout| -> Result<Vec<Projection>, EngineError> {
            wants.iter().map(|want| Ok(want.plan.projection(layout)?.own())).collect()
        };
        let sought = Sought {
            ranges: joined(wants.iter().flat_map(|want| want.ranges.iter().copied())),
            services: services(&own(&Layout::builtin())?),
        };
        let ranges: Arc<Vec<Vec<TimeRange>>> =
            Arc::new(wants.iter().map(|want| want.ranges.clone()).collect());
        let mut readers = Readers::new();
        for part in source.parts() {
            let projections = own(&part.layout)?;
            let test = RowTest::selected(session, &part.layout, &projections, &sought.ranges)?;
            let ids = [columns::TRACE_ID, columns::PARENT_SPAN_ID, columns::SPAN_ID];
            let ids = if asks_children { &ids[..] } else { &ids[..2] };
            let program = Arc::new(Program::of(session, &part.layout, projections.iter(), ids)?);
            for batches in part.scan(session, &program.columns, &sought, test)? {
                let thread = Thread {
                    program: Arc::clone(&program),
                    memory: Memory::default(),
                    ranges: Arc::clone(&ranges),
                    parents: asks_parents.then(parts),
                    spans: asks_children.then(parts),
                    reservation: MemoryConsumer::new("keys of parents and children")
                        .register(&session.runtime_env().memory_pool),
                };
                readers.read(batches, thread, Thread::batch, |thread| {
                    (thread.parents.unwrap_or_default(), thread.spans.unwrap_or_default())
                });
            }
        }
        let (parents, spans) = readers.ended().await?.into_iter().unzip();
        Ok(Self { parents: Places::of(parents).await, spans: Places::of(spans).await })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.spans.is_empty()
    }

    /// Returns whether it costs less to look a span up among them than to read more of it.
    pub(super) fn are_few(&self) -> bool {
        self.parents.len() + self.spans.len() <= FEW
    }
}

fn parts() -> Vec<Vec<Key>> {
    (0..PARTS).map(|_| Vec::new()).collect()
}

struct Thread {
    program: Arc<Program>,
    memory: Memory,
    /// By rule.
    ranges: Arc<Vec<Vec<TimeRange>>>,
    parents: Option<Vec<Vec<Key>>>,
    spans: Option<Vec<Vec<Key>>>,
    reservation: MemoryReservation,
}

impl Thread {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let program = Arc::clone(&self.program);
        let ends = program.ends(batch)?;
        let mut frame = Frame::new(&program, batch, &mut self.memory);
        let mut asks = vec![false; ends.len()];
        for (rule, ranges) in program.rules.iter().zip(self.ranges.iter()) {
            let among = Truth::by_row(ends.len(), |row| contain(ranges, ends[row]));
            for row in frame.all(&rule.selector, among)?.rows(0, ends.len()) {
                asks[row] = true;
            }
        }
        if !asks.contains(&true) {
            return Ok(());
        }
        let traces = Ids::of(batch, columns::TRACE_ID)?;
        let mut added = 0;
        for (keys, name) in
            [(&mut self.parents, columns::PARENT_SPAN_ID), (&mut self.spans, columns::SPAN_ID)]
        {
            let Some(keys) = keys else { continue };
            let ids = Ids::of(batch, name)?;
            let mut last = None;
            for row in (0..asks.len()).filter(|row| asks[*row]) {
                let Some(id) = ids.span(row)? else { continue };
                let key = Key::of(traces.trace(row)?, id);
                // Siblings tend to lie together.
                if last.replace(key) != Some(key) {
                    keys[key.part()].push(key);
                    added += 2 * size_of::<(Key, u32)>();
                }
            }
        }
        Ok(self.reservation.try_grow(added)?)
    }
}

/// A column of ids.
pub(super) struct Ids<'a> {
    ids: &'a FixedSizeBinaryArray,
    name: &'a str,
}

impl<'a> Ids<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &'a str) -> Result<Self, EngineError> {
        Ok(Self { ids: ids(batch, name)?, name })
    }

    pub(super) fn trace(&self, row: usize) -> Result<[u8; 16], EngineError> {
        id(self.ids, row, self.name)
    }

    /// The span's id; `None` where there is none.
    pub(super) fn span(&self, row: usize) -> Result<Option<[u8; 8]>, EngineError> {
        (!self.ids.is_null(row)).then(|| id(self.ids, row, self.name)).transpose()
    }
}
