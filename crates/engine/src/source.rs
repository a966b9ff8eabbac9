//! The spans that an evaluation reads: data files of any layouts, or spans decoded a moment ago.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use fluo_plan::{RulePlan, TimeRange};
use fluo_spans::batch::to_batch;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use fluo_spans::span::Span;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::error::EngineError;
use crate::footers::Footers;
use crate::span_files::SpanFiles;

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
struct Part {
    layout: Layout,
    spans: Stored,
}

#[derive(Debug, Clone)]
enum Stored {
    Memory(Arc<MemTable>),
    Files { store: StoreOf, files: Vec<FileOf> },
}

/// The store that holds data files.
#[derive(Debug, Clone)]
pub(crate) struct StoreOf {
    /// As the query engine knows it.
    pub(crate) url: ObjectStoreUrl,
    pub(crate) footers: Arc<Footers>,
}

/// A data file, and when its first and its last span ended.
#[derive(Debug, Clone)]
pub(crate) struct FileOf {
    pub(crate) object: ObjectMeta,
    pub(crate) ends: TimeRange,
}

/// Spans of a batch: enough to be fast, few enough to spread over cores.
const SPANS_A_BATCH: usize = 8192;

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
        let table = MemTable::try_new(span_schema(layout), vec![batches])?;
        self.parts.push(Part { layout: layout.clone(), spans: Stored::Memory(Arc::new(table)) });
        let ends = spans.iter().map(|span| span.end_ns);
        if let (Some(from), Some(to)) = (ends.clone().min(), ends.max()) {
            self.widen(TimeRange { from, to });
        }
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
    pub(crate) fn add_files(&mut self, store: StoreOf, files: Vec<FileOf>, layout: Layout) {
        for file in &files {
            self.widen(file.ends);
        }
        self.parts.push(Part { layout, spans: Stored::Files { store, files } });
    }

    /// Leaves out a file, whose spans may be missing from then on. Returns when they ended; none where it is not there.
    pub(crate) fn leave_out(&mut self, location: &Path) -> Option<TimeRange> {
        let files = self.parts.iter_mut().filter_map(|part| match &mut part.spans {
            Stored::Files { files, .. } => Some(files),
            Stored::Memory(_) => None,
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

    /// The data files, and where they lie.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&StoreOf, &FileOf)> {
        self.parts
            .iter()
            .filter_map(|part| match &part.spans {
                Stored::Files { store, files } => Some(files.iter().map(move |file| (store, file))),
                Stored::Memory(_) => None,
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

    fn widen(&mut self, ends: TimeRange) {
        let known = self.ends.get_or_insert(ends);
        known.from = known.from.min(ends.from);
        known.to = known.to.max(ends.to);
    }

    /// Ends of the first and the last span; `None` where there is no span.
    pub fn ends(&self) -> Option<TimeRange> {
        self.ends
    }

    /// Returns whether spans may be missing from a window that ends within `moments`. `window`: its duration in
    /// nanoseconds.
    pub(crate) fn is_partial(&self, moments: TimeRange, window: i64) -> bool {
        let first = moments.from.saturating_sub(window);
        self.damaged.iter().any(|range| range.to > first && range.from <= moments.to)
    }

    /// A rule's matching rows over all layouts (see [`RulePlan::matched`]).
    pub(crate) fn matched(
        &self,
        plan: &RulePlan,
        ranges: &[TimeRange],
        ids: bool,
    ) -> Result<LogicalPlan, EngineError> {
        self.over_parts(ranges, |part, scan| Ok(plan.matched(scan, &part.layout, ranges, ids)?))
    }

    /// A rule's judged moments over all layouts as one plan, copies of spans included: for people to read. The
    /// evaluation removes copies between the plan's two halves.
    pub fn judged(&self, plan: &RulePlan, moments: TimeRange) -> Result<LogicalPlan, EngineError> {
        if plan.judging().is_exact() {
            return Ok(plan.sliding(self.matched(plan, &[moments], false)?)?);
        }
        let rows = self.matched(plan, &[moments], true)?;
        Ok(plan.windows(plan.into_panes(rows)?, moments)?)
    }

    fn over_parts(
        &self,
        ranges: &[TimeRange],
        plan: impl Fn(&Part, LogicalPlan) -> Result<LogicalPlan, EngineError>,
    ) -> Result<LogicalPlan, EngineError> {
        let mut all: Option<LogicalPlanBuilder> = None;
        let nothing = [Self::nothing()?];
        let parts = if self.parts.is_empty() { &nothing[..] } else { &self.parts };
        for part in parts {
            let one = plan(part, part.scan(ranges)?)?;
            all = Some(match all {
                None => LogicalPlanBuilder::from(one),
                Some(all) => all.union(one)?,
            });
        }
        let all = all.map_or_else(|| LogicalPlanBuilder::empty(false).build(), LogicalPlanBuilder::build);
        Ok(all?)
    }

    fn nothing() -> Result<Part, EngineError> {
        let layout = Layout::builtin();
        let table = MemTable::try_new(span_schema(&layout), vec![Vec::new()])?;
        Ok(Part { layout, spans: Stored::Memory(Arc::new(table)) })
    }

    /// Whole selected spans, one plan a layout.
    pub(crate) fn whole_spans(
        &self,
        plan: &RulePlan,
        ranges: &[TimeRange],
    ) -> Result<Vec<(Layout, LogicalPlan)>, EngineError> {
        self.parts
            .iter()
            .map(|part| {
                let predicate = plan.predicate(&part.layout, ranges)?;
                let filtered = LogicalPlanBuilder::from(part.scan(ranges)?).filter(predicate)?.build()?;
                Ok((part.layout.clone(), filtered))
            })
            .collect()
    }
}

impl Part {
    /// The spans that may have ended within one of the ranges: of files, only those that can hold such.
    fn scan(&self, ranges: &[TimeRange]) -> Result<LogicalPlan, EngineError> {
        let needed = |file: &&FileOf| {
            ranges.iter().any(|range| range.from <= file.ends.to && file.ends.from <= range.to)
        };
        let table: Arc<dyn TableProvider> = match &self.spans {
            Stored::Memory(table) => Arc::clone(table) as Arc<dyn TableProvider>,
            Stored::Files { store, files } => {
                let files: Vec<ObjectMeta> =
                    files.iter().filter(needed).map(|file| file.object.clone()).collect();
                let schema = span_schema(&self.layout);
                if files.is_empty() {
                    Arc::new(MemTable::try_new(schema, vec![Vec::new()])?)
                } else {
                    let StoreOf { url, footers } = store.clone();
                    Arc::new(SpanFiles { schema, url, footers, files })
                }
            }
        };
        Ok(LogicalPlanBuilder::scan("spans", provider_as_source(table), None)?.build()?)
    }
}
