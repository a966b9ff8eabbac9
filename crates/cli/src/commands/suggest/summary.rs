//! `fluo suggest --format json`: the summary as one object, `fluo.suggest/v1`.

use fluo_time::moment;
use serde::Serialize;

use super::Found;
use super::folder::Written;
use super::learn::Learned;
use super::told::{ids, in_words};

/// Everything that the summary in words says, and all of what that cuts short.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    schema: &'static str,
    from: String,
    to: String,
    spans: u64,
    /// Spans without `service.name`: nothing is proposed of them.
    nameless_spans: u64,
    operations: usize,
    traces: TracesSeen,
    windows: WindowsSeen,
    proposals: Vec<ProposedRule<'a>>,
    /// The number of demands on requests that hold as well, and are not proposed.
    more_demands: usize,
    /// The groups that would have fired, and were left out or allowed.
    fired: Vec<FiredGroup<'a>>,
    almost_always: Vec<AlmostAlways>,
    files: Files<'a>,
}

#[derive(Debug, Serialize)]
struct TracesSeen {
    looked_at: u64,
    left_out: u64,
    /// The parts of all traces that were looked at, of so many.
    parts: u16,
    of_parts: u16,
}

#[derive(Debug, Serialize)]
struct WindowsSeen {
    number: u64,
    length: String,
}

#[derive(Debug, Serialize)]
struct ProposedRule<'a> {
    rule: &'a str,
    file: String,
    says: &'a str,
}

#[derive(Debug, Serialize)]
struct FiredGroup<'a> {
    rule: &'a str,
    /// The values of the rule's group keys, in their order.
    group: &'a [Option<String>],
}

/// A demand that nearly always held.
#[derive(Debug, Serialize)]
struct AlmostAlways {
    what: String,
    held: u64,
    of: u64,
    /// Some of the traces in which it did not hold.
    not_in: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Files<'a> {
    written: usize,
    removed: &'a [String],
    /// Those that somebody changed.
    kept: &'a [String],
}

impl<'a> Summary<'a> {
    pub(super) fn of(found: &'a Found, written: &'a Written) -> Self {
        let Learned { pass, traces, measured, within, one_in, looked_at, .. } = &found.learned;
        let rules = found.proposals.rules.iter();
        Self {
            schema: "fluo.suggest/v1",
            from: moment::format(within.from),
            to: moment::format(within.to),
            spans: found.learned.spans(),
            nameless_spans: found.learned.nameless(),
            operations: pass.operations.len(),
            traces: TracesSeen {
                looked_at: traces.traces,
                left_out: traces.cut,
                parts: *looked_at,
                of_parts: *one_in,
            },
            windows: WindowsSeen { number: measured.moments, length: measured.window.to_string() },
            proposals: rules
                .map(|it| ProposedRule { rule: &it.rule, file: format!("{}.yml", it.file), says: &it.says })
                .collect(),
            more_demands: found.proposals.more,
            fired: found.fired.iter().map(|(rule, group)| FiredGroup { rule, group }).collect(),
            almost_always: almost_always(found),
            files: Files { written: written.files, removed: &written.removed, kept: &written.kept },
        }
    }
}

/// The demands that nearly always held, those of traces first.
fn almost_always(found: &Found) -> Vec<AlmostAlways> {
    let past = found.past();
    let of_traces = past.invariants.nearly.iter().map(|nearly| AlmostAlways {
        what: in_words(&past, &nearly.what),
        held: nearly.of - nearly.exceptions.times,
        of: nearly.of,
        not_in: ids(&nearly.exceptions.traces),
    });
    let of_attributes = found.lacking.iter().map(|lacking| AlmostAlways {
        what: lacking.what.clone(),
        held: lacking.has,
        of: lacking.of,
        not_in: ids(&lacking.traces),
    });
    of_traces.chain(of_attributes).collect()
}
