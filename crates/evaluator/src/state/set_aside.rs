//! Spans that ingest could not place or had to mend, as the state remembers them and people are told of them.

use std::collections::BTreeMap;
use std::fmt;

use fluo_alerts::escape::plain;
use fluo_store::FileCounts;
use fluo_time::moment;
use serde::{Deserialize, Serialize};

/// Reasons that a notification names, the most frequent ones.
const NAMED: usize = 5;

/// Spans that ingest could not place or had to mend, since the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetAside {
    /// The evaluation that saw the first of them; 0 where there is none.
    pub since: i64,
    /// The evaluation that saw the last of them.
    pub last: i64,
    /// The last evaluation in which they were more than a share of what arrived; 0 where none was.
    pub exceeded: i64,
    /// Spans that arrived since then.
    pub spans: u64,
    /// The numbers, by reason.
    pub counts: FileCounts,
}

/// Tells their numbers in a sentence.
impl fmt::Display for SetAside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { since, spans, counts, .. } = self;
        let set_aside = counts.set_aside_total();
        let mut parts = Vec::new();
        if set_aside > 0 {
            parts.push(format!("{set_aside} could not be placed ({})", in_words(&counts.set_aside)));
        }
        if counts.mended_spans > 0 {
            parts.push(format!("{} were mended ({})", counts.mended_spans, in_words(&counts.mended)));
        }
        let came = spans.saturating_add(set_aside);
        let since = moment::human(*since);
        write!(formatter, "of {came} spans that came since {since}, {}", parts.join(", and "))
    }
}

/// The most frequent reasons: `41 × text that is not UTF-8, 2 × malformed link`
fn in_words(reasons: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<(&String, &u64)> = reasons.iter().collect();
    // Of equal counts in the order of their words.
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut words: Vec<String> =
        sorted.iter().take(NAMED).map(|(reason, count)| format!("{count} × {}", plain(reason))).collect();
    if sorted.len() > NAMED {
        words.push(format!("{} more reasons", sorted.len() - NAMED));
    }
    words.join(", ")
}
