//! Finds how deep some spans lie in their traces, by the parents of the spans that are known.

use datafusion::prelude::SessionContext;
use fluo_alerts::life_cycle::Levels;
use fluo_alerts::life_cycle::together::Level;
use fluo_alerts::sample::{SampledSpan, SpanId};
use fluo_time::range::joined;
use fluo_time::{Nanos, TimeRange};
use hashbrown::{HashMap, HashSet};

use super::light::Light;
use super::whole::whole;
use crate::error::EngineError;
use crate::source::SpanSource;

/// The spans above one are looked for from so long before its end on: one that has sent a message, and waits for nothing,
/// ends before what comes of it.
const BEFORE: i64 = 5 * Nanos::MINUTE.0;

/// A look at how deep spans lie.
#[derive(Debug, Clone)]
pub struct Leveling {
    spans: Vec<SampledSpan>,
    reads: Vec<TimeRange>,
}

impl Leveling {
    /// At some spans, by what ended up to `until`.
    pub fn new(spans: Vec<SampledSpan>, until: i64) -> Self {
        let reads = joined(
            spans
                .iter()
                .map(|span| TimeRange { from: span.end.saturating_sub(BEFORE), to: span.end.max(until) }),
        );
        Self { spans, reads }
    }

    /// The times in which spans ended that are looked at; in order, and apart.
    pub fn reads(&self) -> &[TimeRange] {
        &self.reads
    }

    /// Reads their traces.
    ///
    /// # Errors
    ///
    /// As of [`crate::judge()`].
    pub async fn over(&self, session: &SessionContext, source: &SpanSource) -> Result<Levels, EngineError> {
        let traces: HashSet<_> = self.spans.iter().map(|span| span.trace).collect();
        let all = whole(session, source, traces, &self.reads, false).await?;
        let mut parents: HashMap<_, HashMap<SpanId, Option<SpanId>>> = HashMap::with_capacity(all.len());
        for (trace, spans) in &all {
            parents.insert(*trace, parents_of(spans));
        }
        let level = |span: &SampledSpan| {
            let level = level(span.span, parents.get(&span.trace)?)?;
            Some(((span.trace, span.span), level))
        };
        Ok(self.spans.iter().filter_map(level).collect())
    }
}

/// The parents of the spans of a trace. Of two spans with one id, that of the one that ended first counts.
fn parents_of(spans: &[Light]) -> HashMap<SpanId, Option<SpanId>> {
    let mut parents = HashMap::with_capacity(spans.len());
    for span in spans {
        parents.entry(span.id).or_insert(span.parent);
    }
    parents
}

/// Returns how deep a span lies; none where it is not known, or above itself.
fn level(span: SpanId, parents: &HashMap<SpanId, Option<SpanId>>) -> Option<Level> {
    let mut parent = *parents.get(&span)?;
    let (mut top, mut above) = (span, 0);
    while let Some(next) = parent
        && let Some(of_next) = parents.get(&next)
    {
        (top, above, parent) = (next, above + 1, *of_next);
        if above as usize > parents.len() {
            return None;
        }
    }
    Some(Level { top, above })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(u8, Option<u8>)]) -> HashMap<SpanId, Option<SpanId>> {
        pairs.iter().map(|(span, parent)| ([*span; 8], parent.map(|parent| [parent; 8]))).collect()
    }

    #[test]
    fn spans_lie_as_deep_as_there_are_known_spans_above_them() {
        let whole = of(&[(1, None), (2, Some(1)), (3, Some(2)), (7, Some(6)), (8, Some(7))]);
        let circle = of(&[(1, Some(2)), (2, Some(1))]);
        for (scenario, parents, span, expected) in [
            ("the root", &whole, 1, Some((1, 0))),
            ("a leaf", &whole, 3, Some((1, 2))),
            ("below one whose parent is not known", &whole, 8, Some((7, 1))),
            ("not known", &whole, 6, None),
            ("above itself", &circle, 1, None),
        ] {
            let expected = expected.map(|(top, above)| Level { top: [top; 8], above });
            assert_eq!(level([span; 8], parents), expected, "{scenario}");
        }
    }
}
