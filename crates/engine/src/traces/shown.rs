//! Traces as people look at them: all spans of some, as far as there are not too many.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::prelude::SessionContext;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use fluo_time::range::joined;
use hashbrown::HashSet;

use super::whole::whole;
use crate::copies::spans_of;
use crate::error::EngineError;
use crate::source::SpanSource;

/// A trace that is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoughtTrace {
    /// The times in which its spans are looked for, by their ends.
    pub ends: TimeRange,
    /// The spans that are shown, however many others there are.
    pub spans: BTreeSet<[u8; 8]>,
}

/// A trace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WholeTrace {
    /// Its spans by start, end and id, each once.
    pub spans: Vec<Span>,
    /// The number of those that were left out.
    pub left_out: usize,
}

/// Returns the spans of some traces: of each at most `most`, those that are sought and then the earliest.
///
/// # Errors
///
/// As of [`crate::judge()`].
pub async fn whole_traces(
    session: &SessionContext,
    source: &SpanSource,
    sought: &BTreeMap<[u8; 16], SoughtTrace>,
    most: usize,
) -> Result<BTreeMap<[u8; 16], WholeTrace>, EngineError> {
    if sought.is_empty() {
        return Ok(BTreeMap::new());
    }
    let traces: HashSet<[u8; 16]> = sought.keys().copied().collect();
    let ranges = joined(sought.values().map(|sought| sought.ends));
    let mut all = whole(session, source, traces, &ranges, false).await?;
    let mut shown: BTreeMap<[u8; 16], WholeTrace> = BTreeMap::new();
    let mut keys = Vec::new();
    for (trace, sought) in sought {
        let mut spans = all.remove(trace).unwrap_or_default();
        spans.sort_by_key(|span| (!sought.spans.contains(&span.id), span.start, span.end, span.id));
        let left_out = spans.len().saturating_sub(most);
        spans.truncate(most);
        keys.extend(spans.iter().map(|span| (*trace, span.id, span.end)));
        shown.insert(*trace, WholeTrace { spans: Vec::new(), left_out });
    }
    let mut found = spans_of(session, source, &keys).await?;
    for key in keys {
        let span = found.remove(&key).ok_or(EngineError::Changed("a trace"))?;
        if let Some(trace) = shown.get_mut(&span.trace_id) {
            trace.spans.push(span);
        }
    }
    for trace in shown.values_mut() {
        trace.spans.sort_by_key(|span| (span.start_ns, span.end_ns, span.span_id));
    }
    Ok(shown)
}
