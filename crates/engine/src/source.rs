//! The spans that an evaluation reads: data files of any layouts, or spans decoded a moment ago.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use fluo_plan::RulePlan;
use fluo_spans::batch::to_batch;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::error::EngineError;
use crate::file_cache::FileCache;

/// Spans in one or more layouts.
#[derive(Debug, Clone, Default)]
pub struct SpanSource {
    parts: Vec<Part>,
    ends: Option<TimeRange>,
    /// Event times in which spans may be missing because a file could not be read.
    damaged: Vec<TimeRange>,
}

/// Spans of one layout.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) layout: Layout,
    pub(crate) spans: Stored,
}

#[derive(Debug, Clone)]
pub(crate) enum Stored {
    Memory { batches: Vec<RecordBatch>, ends: TimeRange },
    Files { cache: Arc<FileCache>, files: Vec<FileOf> },
}

/// A data file, and when its first and its last span ended.
#[derive(Debug, Clone)]
pub(crate) struct FileOf {
    pub(crate) object: ObjectMeta,
    pub(crate) ends: TimeRange,
    pub(crate) rows: u64,
    /// It holds no span twice.
    pub(crate) unique: bool,
    /// The rows that are read, in order and apart; all where this is `None`.
    pub(crate) only: Option<Arc<[Range<u64>]>>,
}

/// Spans of a batch: enough to be fast, few enough to spread over cores.
const SPANS_A_BATCH: usize = 8192;

/// A file of a source, or spans in memory.
pub(crate) struct Piece {
    pub(crate) ends: TimeRange,
    pub(crate) rows: u64,
    /// It holds no span twice.
    pub(crate) unique: bool,
}

impl SpanSource {
    /// Spans in memory.
    pub fn from_spans(spans: &[Span]) -> Result<Self, EngineError> {
        let mut source = Self::default();
        source.add_spans(spans, &Layout::builtin())?;
        Ok(source)
    }

    /// Adds spans, laid out as given.
    pub fn add_spans(&mut self, spans: &[Span], layout: &Layout) -> Result<(), EngineError> {
        let batches = spans
            .chunks(SPANS_A_BATCH)
            .map(|chunk| to_batch(chunk, 0, layout))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(ends) = ends_of(spans) else { return Ok(()) };
        self.widen(ends);
        let spans = Stored::Memory { batches, ends };
        self.parts.push(Part { layout: layout.clone(), spans });
        Ok(())
    }

    /// Adds all that another has.
    pub fn extend(&mut self, other: Self) {
        let Self { parts, ends, damaged } = other;
        self.parts.extend(parts);
        self.damaged.extend(damaged);
        if let Some(ends) = ends {
            self.widen(ends);
        }
    }

    /// Adds data files that were written in `layout`.
    pub(crate) fn add_files(&mut self, cache: &Arc<FileCache>, files: Vec<FileOf>, layout: Layout) {
        for file in &files {
            self.widen(file.ends);
        }
        self.parts.push(Part { layout, spans: Stored::Files { cache: Arc::clone(cache), files } });
    }

    /// Leaves out a file, whose spans may be missing from then on. Returns when they ended; none where it is not there.
    pub(crate) fn leave_out(&mut self, location: &Path) -> Option<TimeRange> {
        let files = self.parts.iter_mut().filter_map(|part| match &mut part.spans {
            Stored::Files { files, .. } => Some(files),
            Stored::Memory { .. } => None,
        });
        for files in files {
            if let Some(at) = files.iter().position(|file| file.object.location == *location) {
                let ends = files.remove(at).ends;
                self.add_damage(ends);
                return Some(ends);
            }
        }
        None
    }

    /// The data files, and what is known of those of their store.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&FileCache, &FileOf)> {
        self.parts
            .iter()
            .filter_map(|part| match &part.spans {
                Stored::Files { cache, files } => Some(files.iter().map(move |file| (cache.as_ref(), file))),
                Stored::Memory { .. } => None,
            })
            .flatten()
    }

    /// Returns whether nothing was added, not even a file without spans.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Says that spans which ended within `range` may be missing.
    pub fn add_damage(&mut self, range: TimeRange) {
        self.damaged.push(range);
    }

    /// Says that spans may be missing at any time.
    pub fn add_unknown_damage(&mut self) {
        self.add_damage(TimeRange { from: i64::MIN, to: i64::MAX });
    }

    /// Event times in which spans may be missing.
    pub(crate) fn damaged(&self) -> impl Iterator<Item = TimeRange> {
        self.damaged.iter().copied()
    }

    fn widen(&mut self, ends: TimeRange) {
        let known = self.ends.get_or_insert(ends);
        known.from = known.from.min(ends.from);
        known.to = known.to.max(ends.to);
    }

    /// Ends of the first and the last span; `None` where there is no span.
    pub fn ends(&self) -> Option<TimeRange> {
        self.ends
    }

    /// Returns whether spans may be missing that ended within `ends`.
    pub(crate) fn is_damaged(&self, ends: TimeRange) -> bool {
        self.damaged.iter().any(|range| range.meets(ends))
    }

    /// Returns whether spans may be missing that matter to some moments of a rule.
    pub(crate) fn is_partial(&self, moments: TimeRange, plan: &RulePlan) -> bool {
        plan.times_of(moments).into_iter().any(|ends| self.is_damaged(ends))
    }

    /// The number of rows of the files that may hold spans which ended within a range; copies count.
    pub fn rows_within(&self, ends: TimeRange) -> u64 {
        self.pieces().filter(|piece| piece.ends.meets(ends)).map(|piece| piece.rows).sum()
    }

    /// Its files, and what lies in memory.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.parts.iter().flat_map(|part| -> Vec<Piece> {
            match &part.spans {
                Stored::Memory { batches, ends } => {
                    let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
                    vec![Piece { ends: *ends, rows, unique: false }]
                }
                Stored::Files { files, .. } => {
                    let piece =
                        |file: &FileOf| Piece { ends: file.ends, rows: file.rows, unique: file.unique };
                    files.iter().map(piece).collect()
                }
            }
        })
    }

    /// The spans, by layout.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// Returns the ends of the first and the last of the spans.
fn ends_of(spans: &[Span]) -> Option<TimeRange> {
    let ends = spans.iter().map(|span| span.end_ns);
    Some(TimeRange { from: ends.clone().min()?, to: ends.max()? })
}
