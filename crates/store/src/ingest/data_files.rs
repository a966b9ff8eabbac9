//! The data files of one object while its spans come in: one an hour of their ends.
//!
//! Spans wait by hour until they are many, or until all have come; then the hour that has most of them turns them into
//! row groups of its file. So an object of any size takes the memory of its files and of a bounded part of its spans.
//! Copies of a span are removed within what waits together, which of nearly every object is the whole hour. A file of
//! which that is not known to have removed all copies does not say that it holds no span twice; whoever reads it tells
//! them apart, as copies in two objects are.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use bytes::Bytes;
use fluo_spans::decode::DECODER_VERSION;
use fluo_spans::identity::dedupe;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_spans::{Batch, Mended, MendedSpans, SetAside};
use fluo_time::Nanos;

use super::written::Written;
use crate::counts::FileCounts;
use crate::error::StoreError;
use crate::names::{Content, DataFileName, Hour};
use crate::parquet_write::{Packing, SpanFileWriter};

/// The most bytes of spans that wait.
const MAX_WAITING: usize = 64 << 20;

/// The memory in use beside bytes and files, in bytes: spans that wait, and columns on their way; before them, the
/// window of a decompressor.
const WORKING: u64 = 128 << 20;

/// Hours that the spans of one object may have ended in: half a year of them. Each is a file.
const MAX_HOURS: usize = 4_096;

/// The data files of an object.
pub(super) struct DataFiles<'l> {
    layout: &'l Layout,
    packing: Packing,
    written: Written,
    late_before_ns: Option<i64>,
    hours: BTreeMap<Hour, HourFile<'l>>,
    /// Bytes of spans that wait.
    waiting: usize,
    /// Bytes of files.
    cost: u64,
    newest_end_ns: i64,
    duplicates: u64,
    conflicts: u64,
    memory: Memory,
}

/// The memory that the files may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// The memory that an object may take as a whole: [`super::IngestOptions::max_memory`].
    pub(super) limit: u64,
    /// Its bytes as they came, which others hold, too.
    pub(super) raw: u64,
    /// The size of the decompressed bytes, until all spans have come.
    pub(super) decompressed: u64,
}

impl Memory {
    /// Without a bound: for spans that are in memory anyway.
    pub(super) const ANY: Self = Self { limit: u64::MAX, raw: 0, decompressed: 0 };

    /// Returns the most bytes that it may be decompressed to.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(WORKING).saturating_sub(self.raw)
    }

    /// Says whether files of this size are too much.
    fn check(&self, files: u64) -> Result<(), StoreError> {
        if files.saturating_add(self.decompressed) > self.left() {
            return Err(StoreError::TooMuchMemory { limit: self.limit });
        }
        Ok(())
    }
}

/// The bytes that an [`Earlier`] takes for a span: eight of its key's hash, and what a table leaves empty.
const EARLIER_COST: usize = 20;

/// Hashes of the keys of spans that are in a file already, so that it is known whether one comes again. Two keys of one
/// hash cost the file what it could have said of itself, and no more.
type Earlier = HashSet<u64, BuildHasherDefault<DefaultHasher>>;

/// The file of an hour.
#[derive(Default)]
struct HourFile<'l> {
    waiting: Vec<Span>,
    mended: MendedSpans,
    /// Bytes of what waits.
    cost: usize,
    file: Option<SpanFileWriter<'l>>,
    /// Of all runs of its spans but the last.
    earlier: Earlier,
    /// True if a span may stand in the file twice.
    copies: bool,
    rows: u64,
    late: u64,
    counts: Mended,
    /// Of the spans in the file.
    ends: Option<(i64, i64)>,
}

/// All files of an object.
pub(super) struct Encoded {
    pub(super) files: Vec<EncodedFile>,
    pub(super) duplicates: u64,
    pub(super) conflicts: u64,
    pub(super) mended: Mended,
}

/// A data file that is not written yet.
pub(super) struct EncodedFile {
    pub(super) name: DataFileName,
    pub(super) late: u64,
    pub(super) mended: Mended,
    pub(super) set_aside: SetAside,
    pub(super) parquet: Bytes,
}

/// The place of a run among those of its hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// One that others may follow.
    OneOfMany,
    /// The one that no other follows.
    Last,
}

impl HourFile<'_> {
    /// Returns whether a span's key may be that of one in an earlier run, and keeps it for the runs that follow.
    fn came_before(&mut self, span: &Span, run: Run) -> bool {
        // One run holds no span twice.
        if run == Run::Last && self.earlier.is_empty() {
            return false;
        }
        let hash = self.earlier.hasher().hash_one(span.key());
        match run {
            Run::OneOfMany => !self.earlier.insert(hash),
            Run::Last => self.earlier.contains(&hash),
        }
    }
}

impl<'l> DataFiles<'l> {
    pub(super) fn new(
        layout: &'l Layout,
        packing: Packing,
        written: Written,
        late_before_ns: Option<i64>,
        memory: Memory,
    ) -> Self {
        Self {
            layout,
            packing,
            written,
            late_before_ns,
            memory,
            cost: 0,
            hours: BTreeMap::new(),
            waiting: 0,
            newest_end_ns: 0,
            duplicates: 0,
            conflicts: 0,
        }
    }

    /// Adds spans.
    pub(super) fn add(&mut self, batch: Batch) -> Result<(), StoreError> {
        for span in batch.spans {
            self.newest_end_ns = self.newest_end_ns.max(span.end_ns);
            let hour = Hour::of_ns(span.end_ns);
            if self.hours.len() == MAX_HOURS && !self.hours.contains_key(&hour) {
                return Err(StoreError::TooManyHours { limit: MAX_HOURS });
            }
            let file = self.hours.entry(hour).or_default();
            let cost = span.cost();
            file.cost += cost;
            self.waiting += cost;
            if !batch.mended.is_empty() {
                file.mended.add(span.key(), batch.mended.get(&span.key()));
            }
            file.waiting.push(span);
        }
        while self.waiting > MAX_WAITING {
            // Of equal ones the first: which one it is must not depend on chance.
            let most = self.hours.iter().max_by_key(|(hour, file)| (file.cost, std::cmp::Reverse(**hour)));
            let Some(hour) = most.map(|(hour, _)| *hour) else { break };
            self.turn(hour, Run::OneOfMany)?;
        }
        Ok(())
    }

    /// Turns what waits of an hour into row groups of its file.
    fn turn(&mut self, hour: Hour, run: Run) -> Result<(), StoreError> {
        let Some(file) = self.hours.get_mut(&hour) else { return Ok(()) };
        self.waiting -= std::mem::take(&mut file.cost);
        let mended = std::mem::take(&mut file.mended);
        let unique = dedupe(std::mem::take(&mut file.waiting));
        self.duplicates += unique.duplicates;
        self.conflicts += unique.conflicts;
        let known = file.earlier.len();
        for span in &unique.spans {
            file.rows += 1;
            file.copies |= file.came_before(span, run);
            file.late += u64::from(self.late_before_ns.is_some_and(|moment| span.end_ns < moment));
            let (first, last) = file.ends.unwrap_or((span.end_ns, span.end_ns));
            file.ends = Some((first.min(span.end_ns), last.max(span.end_ns)));
            if !mended.is_empty() {
                file.counts.add(mended.get(&span.key()));
            }
        }
        let writer = match &mut file.file {
            Some(writer) => writer,
            none => none.insert(SpanFileWriter::new(self.layout, self.packing)),
        };
        // Where all have come, it is known which end is the newest. Before, it may yet be another: a file with spans of
        // two times of ingest was written at the later one.
        let before = writer.cost();
        writer.add(&unique.spans, self.written.at_ms(self.newest_end_ns))?;
        let keys = EARLIER_COST * (file.earlier.len() - known);
        let grown = u64::try_from(writer.cost().saturating_sub(before) + keys).unwrap_or(u64::MAX);
        self.cost = self.cost.saturating_add(grown);
        self.memory.check(self.cost)
    }

    /// All files. What the object held and could not be placed is told in the last of them.
    pub(super) fn finish(mut self, content: Content, set_aside: &SetAside) -> Result<Encoded, StoreError> {
        self.memory.decompressed = 0;
        let (layout, packing) = (self.layout, self.packing);
        let name = |ends: (i64, i64), rows| {
            DataFileName::new(ends.0..=ends.1, rows, content, layout.number, DECODER_VERSION)
        };
        let hours: Vec<Hour> = self.hours.keys().copied().collect();
        let mut files = Vec::with_capacity(hours.len().max(1));
        let mut mended = Mended::default();
        for hour in &hours {
            self.turn(*hour, Run::Last)?;
            let Some(HourFile { file: Some(writer), copies, rows, late, counts, ends: Some(ends), .. }) =
                self.hours.remove(hour)
            else {
                continue;
            };
            let rest = if hours.last() == Some(hour) { set_aside.clone() } else { SetAside::default() };
            let parquet = Bytes::from(writer.finish(&FileCounts::new(&rest, &counts), !copies)?);
            mended.merge(&counts);
            files.push(EncodedFile {
                name: name(ends, rows)?,
                late,
                mended: counts,
                set_aside: rest,
                parquet,
            });
        }
        if files.is_empty() && !set_aside.is_empty() {
            let at_ns = self.written.at_ms(0).saturating_mul(Nanos::MILLISECOND.0);
            let counts = FileCounts::new(set_aside, &Mended::default());
            let parquet = Bytes::from(SpanFileWriter::new(layout, packing).finish(&counts, true)?);
            let (late, mended, set_aside) = (0, Mended::default(), set_aside.clone());
            files.push(EncodedFile { name: name((at_ns, at_ns), 0)?, late, mended, set_aside, parquet });
        }
        Ok(Encoded { files, duplicates: self.duplicates, conflicts: self.conflicts, mended })
    }
}
