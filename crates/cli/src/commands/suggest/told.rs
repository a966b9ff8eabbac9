//! The text of `fluo suggest`: what it proposes, what it does not, and where to look.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use fluo_rules::printable;
use fluo_suggest::TraceId;
use fluo_suggest::invariants::{NearDemand, Nearly};
use fluo_suggest::proposal::{Past, grouped};
use fluo_time::moment;

use super::folder::Written;
use super::learn::Learned;
use super::{Found, Lacking};

/// Most lines about what nearly always holds.
const MOST_NEARLY: usize = 30;

/// Most lines about the same traces.
const MOST_OF_TRACES: usize = 8;

/// Most groups that are named of what fired.
const MOST_FIRED: usize = 20;

/// Writing to a `String` cannot fail.
macro_rules! say {
    ($text:expr, $($what:tt)*) => { let _ = writeln!($text, "{}", printable::line(&format!($($what)*))); };
}

pub(super) fn human(found: &Found, written: &Written, out: &Path) -> String {
    let mut text = String::new();
    looked_at(&mut text, &found.learned);
    let rules = &found.proposals.rules;
    if rules.is_empty() {
        say!(text, "Nothing was seen often enough to propose a rule.");
    } else {
        text.push('\n');
        say!(text, "Proposed, for review, in {}:", out.display());
        for proposal in rules {
            say!(text, "  {}.yml: {}", proposal.file, proposal.says);
        }
    }
    if found.proposals.more > 0 {
        say!(text, "{} demands on requests hold as well, and are not proposed.", found.proposals.more);
    }
    fired(&mut text, found);
    nearly(&mut text, found);
    for name in &written.kept {
        say!(text, "{name} was changed since it was proposed, and stays as it is.");
    }
    for name in &written.removed {
        say!(text, "{name} was removed: it is proposed no more.");
    }
    if !rules.is_empty() {
        let out = out.display();
        text.push('\n');
        say!(text, "None of them fires over these spans. Read them, then: fluo check {out}; fluo test {out}");
    }
    text
}

fn looked_at(text: &mut String, learned: &Learned) {
    let Learned { pass, traces, measured, within, one_in, looked_at, .. } = learned;
    say!(
        text,
        "Learned from {} spans of {} operations, {} traces and {} windows of {}, from {} to {}.",
        grouped(learned.spans()),
        grouped(pass.operations.len() as u64),
        grouped(traces.traces),
        grouped(measured.moments),
        measured.window,
        moment::format(within.from),
        moment::format(within.to)
    );
    if traces.cut > 0 {
        say!(
            text,
            "{} more traces were left out: they began before, may not have ended, or took longer than rules look at.",
            grouped(traces.cut)
        );
    }
    if looked_at < one_in {
        say!(
            text,
            "These traces are {looked_at} of {one_in} parts of all, chosen by their ids: there are more than are held."
        );
    }
    let nameless = learned.nameless();
    if nameless > 0 {
        say!(text, "{} spans have no service.name: nothing is proposed of them.", grouped(nameless));
    }
}

/// The groups that were proposed and taken back.
fn fired(text: &mut String, found: &Found) {
    for (rule, group) in found.fired.iter().take(MOST_FIRED) {
        let group: Vec<&str> = group.iter().map(|value| value.as_deref().unwrap_or("(none)")).collect();
        let of = if group.is_empty() { String::new() } else { format!(" of {}", group.join(", ")) };
        say!(text, "{rule} would have fired{of}: that was left out of it, or allowed.");
    }
    if found.fired.len() > MOST_FIRED {
        say!(text, "And so would {} more.", found.fired.len() - MOST_FIRED);
    }
}

/// The demands that nearly always hold, with traces in which they did not. Those with the same exceptions stand together.
fn nearly(text: &mut String, found: &Found) {
    let past = &found.past();
    let mut by_traces: BTreeMap<(u64, &[TraceId]), Vec<&Nearly>> = BTreeMap::new();
    for nearly in &past.invariants.nearly {
        by_traces.entry((nearly.exceptions.times, &nearly.exceptions.traces)).or_default().push(nearly);
    }
    if by_traces.is_empty() && found.lacking.is_empty() {
        return;
    }
    text.push('\n');
    say!(text, "Almost always: look at these traces, in which it was not so.");
    for ((times, traces), all) in by_traces.iter().take(MOST_NEARLY) {
        for nearly in all.iter().take(MOST_OF_TRACES) {
            say!(
                text,
                "  {}: {} of {}",
                in_words(past, &nearly.what),
                grouped(nearly.of - times),
                grouped(nearly.of)
            );
        }
        if all.len() > MOST_OF_TRACES {
            say!(text, "  and {} more of the same traces", all.len() - MOST_OF_TRACES);
        }
        say!(text, "    not in {}", ids(traces).join(", "));
    }
    for Lacking { what, has, of, traces } in &found.lacking {
        say!(text, "  {what}: {} of {}", grouped(*has), grouped(*of));
        say!(text, "    not in {}", ids(traces).join(", "));
    }
    if by_traces.len() > MOST_NEARLY {
        say!(text, "  and {} more", by_traces.len() - MOST_NEARLY);
    }
}

/// The ids of traces, as people look them up.
pub(super) fn ids(traces: &[TraceId]) -> Vec<String> {
    traces.iter().map(|id| format!("{:032x}", u128::from_be_bytes(*id))).collect()
}

pub(super) fn in_words(past: &Past<'_>, what: &NearDemand) -> String {
    let of = |number: &u32| past.operations[*number as usize].to_string();
    match what {
        NearDemand::With(when, always) => format!("{} is with {}", of(when), of(always)),
        NearDemand::Before(before, after) => format!("{} comes after {}", of(after), of(before)),
        NearDemand::CalledBy(called, by) => format!("{} is called by {}", of(called), of(by)),
    }
}
