//! Rules with a table of limits: one rule, and a row for each operation or caller.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fluo_time::Nanos;

use crate::invariants::SUPPORT;
use crate::measured::{EVERY, Windows};
use crate::operation::Operation;
use crate::proposal::{Fired, Past, Proposal, TestOf, grouped};
use crate::yaml::{comment, folded, scalar};

/// So many windows with enough spans must have been seen.
const FEW_WINDOWS: u64 = 3;

/// Of an operation that ever had fewer spans in a window nothing is said where it has less.
const LEAST: u64 = 20;

/// Fewer failures than these are never told.
const FEW_ERRORS: u64 = 3;

/// A share of failures that is never told.
const SMALL_SHARE: f64 = 0.05;

/// A test may have so many spans; of busier operations none is made.
const MOST_SPANS: u64 = 90_000;

/// The beginning of a rule with a table.
struct Head<'a> {
    rule: &'a str,
    description: &'a str,
    severity: &'a str,
    summary: &'a str,
    window: Nanos,
    group_by: &'a str,
}

impl Head<'_> {
    fn text(&self, past: &Past<'_>, span: &str, every: bool) -> String {
        let Self { rule, description, severity, summary, window, group_by } = self;
        let every = if every { format!("  every: {EVERY}\n") } else { String::new() };
        format!(
            "{}- name: {rule}\n  description: >-\n{}\n  severity: {severity}\n  \
             labels: {{source: fluo-suggest}}\n  annotations:\n    summary: \"{summary}\"\n  span: {span}\n  \
             window: {window}\n{every}  group_by: [{group_by}]\n",
            past.learned_from(),
            folded(description)
        )
    }
}

/// `{service_name: a, name: b, kind: server}`, with what comes after.
pub(crate) fn of_operation(operation: &Operation, more: &str) -> String {
    let Operation { service, name, kind } = operation;
    let service = service.as_deref().map_or("null".to_owned(), scalar);
    format!("{{service_name: {service}, name: {}, kind: {}{more}}}", scalar(name), scalar(kind))
}

/// The operations that a table may have rows for, with their windows.
fn measured<'a>(
    past: &'a Past<'_>,
    fired: &'a Fired,
    rule: &'a str,
) -> impl Iterator<Item = (&'a Operation, &'a Windows)> {
    past.measured.windows.iter().filter(move |(operation, _)| {
        let group =
            vec![operation.service.clone(), Some(operation.name.clone()), Some(operation.kind.clone())];
        !fired.contains(&(rule.to_owned(), group))
    })
}

/// Two tests of a rule: spans over which it fires, and spans over which it does not.
fn tests(rule: &str, fires: &str, at: &str, group: &str, quiet: &str) -> String {
    format!(
        "  - name: what never was is told\n    spans:\n      - {fires}\n    expect:\n      \
         - {{rule: {rule}, at: {at}, state: firing, group: {group}}}\n\n  \
         - name: what was is not\n    spans:\n      - {quiet}\n    expect: []\n"
    )
}

/// A limit for the share of failed spans, by operation.
pub(crate) fn errors(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let (rule, enough) = ("suggested-errors", past.measured.enough());
    let rows: Vec<(&Operation, f64, &Windows)> = measured(past, fired, rule)
        .filter(|(_, windows)| windows.enough >= FEW_WINDOWS)
        .map(|(operation, windows)| (operation, share_limit(windows.worst_share), windows))
        .filter(|(_, limit, _)| *limit < 1.0)
        .collect();
    let (first, ..) = rows.first()?;
    let head = Head {
        rule,
        description: "More of the spans of an operation failed than ever did in a window of the past that this was learned \
                      from, by the factor that each row names.",
        severity: "warning",
        summary: "{{ (value.errors / value.count) | percent }} of {{ group.name }} of {{ group.service_name }} failed; \
                  in the past it was {{ limit.error_ratio | percent }} at most, with a margin",
        window: past.measured.window,
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", true) + "  limits:\n";
    for (operation, limit, windows) in &rows {
        let worst = format!(
            "at worst {} of {} spans in {}, of {} windows; the limit is {} more",
            percent(windows.worst_share),
            grouped(windows.worst_of),
            past.measured.window,
            grouped(windows.enough),
            percent(limit - windows.worst_share)
        );
        let row = of_operation(operation, &format!(", error_ratio: {}", percent(*limit)));
        let _ = writeln!(text, "    # {worst}\n    - {row}");
    }
    let _ = write!(
        text,
        "  aggregation:\n    errors: {{count: {{where: status = error}}}}\n  \
         condition: errors / count > limit.error_ratio and errors >= {FEW_ERRORS} and count >= {enough}\n"
    );
    let spans = |status: &str| {
        let more = format!(", at: 30s, count: {enough}, status: {status}");
        of_operation(first, &more)
    };
    let tests = tests(rule, &spans("error"), "1m", &of_operation(first, ""), &spans("ok"));
    let says = format!("limits for the share of failed spans of {} operations", grouped(rows.len() as u64));
    Some(Proposal {
        rule: rule.to_owned(),
        file: "errors".to_owned(),
        text,
        test: TestOf::Written(tests),
        says,
    })
}

/// The limit for a share of failures that was at worst so large.
fn share_limit(worst: f64) -> f64 {
    let limit = (2.0 * worst).max(SMALL_SHARE).min(f64::midpoint(worst, 1.0));
    (limit * 1_000.0).ceil() / 1_000.0
}

/// `4.2%`
fn percent(share: f64) -> String {
    let tenths = (share * 1_000.0).round() / 10.0;
    format!("{tenths}%")
}

/// A limit for the 99th percentile of durations, by operation.
pub(crate) fn latency(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let (rule, enough) = ("suggested-latency", past.measured.enough());
    let rows: Vec<(&Operation, Nanos, &Windows)> = measured(past, fired, rule)
        .filter(|(_, windows)| windows.enough >= FEW_WINDOWS)
        .map(|(operation, windows)| (operation, duration_limit(windows.slowest), windows))
        .collect();
    let (first, limit, of_first) = rows.first()?;
    let head = Head {
        rule,
        description: "The slowest spans of an operation took longer than ever in a window of the past that this was learned \
                      from, and longer by half.",
        severity: "warning",
        summary: "{{ group.name }} of {{ group.service_name }} takes {{ value.p99 | duration }} at the 99th percentile; \
                  in the past it was {{ limit.p99 | duration }} at most, with a margin",
        window: past.measured.window,
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", true) + "  limits:\n";
    for (operation, limit, windows) in &rows {
        let row = of_operation(operation, &format!(", p99: {limit}"));
        let _ = writeln!(
            text,
            "    # at worst {} in {}, of {} windows; the limit is half as much again\n    - {row}",
            Nanos(windows.slowest),
            past.measured.window,
            grouped(windows.enough)
        );
    }
    let _ = write!(
        text,
        "  aggregation:\n    p99: {{p99: duration}}\n  condition: p99 > limit.p99 and count >= {enough}\n"
    );
    let spans = |nanos: i64| {
        let more = format!(", at: 30s, count: {enough}, duration: {}", Nanos(nanos));
        of_operation(first, &more)
    };
    let slow = limit.0.saturating_add(Nanos::SECOND.0 / 1_000);
    let tests = tests(rule, &spans(slow), "1m", &of_operation(first, ""), &spans(of_first.slowest));
    let says =
        format!("limits for the 99th percentile of durations of {} operations", grouped(rows.len() as u64));
    Some(Proposal {
        rule: rule.to_owned(),
        file: "latency".to_owned(),
        text,
        test: TestOf::Written(tests),
        says,
    })
}

/// Half as much again as the slowest, rounded up to two digits; a millisecond at least.
fn duration_limit(slowest: i64) -> Nanos {
    let limit = slowest.saturating_add(slowest / 2).max(Nanos::SECOND.0 / 1_000);
    let mut unit = 1_i64;
    while limit / unit >= 100 {
        unit = unit.saturating_mul(10);
    }
    Nanos((limit / unit + i64::from(limit % unit > 0)).saturating_mul(unit))
}

/// A limit for the number of spans, by operation.
pub(crate) fn busy(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let (rule, enough) = ("suggested-traffic-high", past.measured.enough());
    let rows: Vec<(&Operation, u64, &Windows)> = measured(past, fired, rule)
        .filter(|(_, windows)| windows.enough >= FEW_WINDOWS)
        .map(|(operation, windows)| (operation, 2 * windows.most, windows))
        .collect();
    let (least, limit, _) = rows.iter().min_by_key(|(operation, limit, _)| (*limit, *operation))?;
    let head = Head {
        rule,
        description: "An operation has more than twice the spans that it ever had in a window of the past that this was \
                      learned from: retries, a loop, a crowd.",
        severity: "info",
        summary: "{{ value.count }} spans of {{ group.name }} of {{ group.service_name }}, more than twice as many as ever",
        window: past.measured.window,
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", false) + "  limits:\n";
    for (operation, limit, windows) in &rows {
        let row = of_operation(operation, &format!(", spans: {limit}"));
        let _ = writeln!(
            text,
            "    # {} at most in {}; the limit is twice as many\n    - {row}",
            grouped(windows.most),
            past.measured.window
        );
    }
    text += "  condition: count > limit.spans\n";
    let spans = |count: u64| of_operation(least, &format!(", at: 30s, count: {count}"));
    // Of a test with fewer spans than the limit only that it is quiet can be said.
    let tests = if *limit < MOST_SPANS {
        tests(rule, &spans(limit + 1), "30s", &of_operation(least, ""), &spans(*limit))
    } else {
        format!("  - name: what was is not told\n    spans:\n      - {}\n    expect: []\n", spans(enough))
    };
    let says = format!("limits for the traffic of {} operations", grouped(rows.len() as u64));
    let file = "traffic-high".to_owned();
    Some(Proposal { rule: rule.to_owned(), file, text, test: TestOf::Written(tests), says })
}

/// The traffic that each operation always had, by operation.
pub(crate) fn quiet(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let rule = "suggested-traffic-low";
    let rows: Vec<(&Operation, u64, &Windows)> = measured(past, fired, rule)
        .filter(|(_, windows)| windows.seen == past.measured.moments && windows.seen >= FEW_WINDOWS)
        .filter(|(_, windows)| windows.least >= LEAST)
        .map(|(operation, windows)| (operation, windows.least / 2, windows))
        .collect();
    let (first, limit, _) = rows.iter().min_by_key(|(operation, limit, _)| (*limit, *operation))?;
    let head = Head {
        rule,
        description: "An operation has less than half the spans that it always had in a window of the past that this was \
                      learned from, or none.",
        severity: "warning",
        summary: "{{ value.count }} spans of {{ group.name }} of {{ group.service_name }}, less than half as many as ever",
        window: past.measured.window,
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", true) + "  limits:\n";
    for (operation, limit, windows) in &rows {
        let row = of_operation(operation, &format!(", spans: {limit}"));
        let _ = writeln!(
            text,
            "    # {} at least in {}, in all {} windows; the limit is half as many\n    - {row}",
            grouped(windows.least),
            past.measured.window,
            grouped(windows.seen)
        );
    }
    text += "  expect:\n";
    for (operation, ..) in &rows {
        let _ = writeln!(text, "    - {}", of_operation(operation, ""));
    }
    text += "  condition: count < limit.spans\n";
    // The windows of the last minutes have a span a minute, and those before as many as ever.
    let minutes = u64::try_from(past.measured.window.0 / Nanos::MINUTE.0).unwrap_or(1).max(1);
    let (many, group) = (limit.div_ceil(minutes).min(10_000), of_operation(first, ""));
    let (busy, few) = (
        of_operation(first, &format!(", at: -9m30s..4m30s, every: 1m, count: {many}")),
        of_operation(first, ", at: 5m30s..14m30s, every: 1m"),
    );
    let busy_on = of_operation(first, &format!(", at: -9m30s..14m30s, every: 1m, count: {many}"));
    let tests = format!(
        "  - name: what never was is told\n    until: 15m\n    spans:\n      - {busy}\n      - {few}\n    expect:\n      \
         - {{rule: {rule}, at: 5m, state: inactive, group: {group}}}\n      \
         - {{rule: {rule}, at: 15m, state: firing, group: {group}}}\n\n  \
         - name: what was is not\n    until: 15m\n    spans:\n      - {busy_on}\n    expect: []\n"
    );
    let says = format!("the least traffic of {} operations", grouped(rows.len() as u64));
    let file = "traffic-low".to_owned();
    Some(Proposal { rule: rule.to_owned(), file, text, test: TestOf::Written(tests), says })
}

/// Which service calls which.
pub(crate) fn calls(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let rule = "suggested-calls";
    let mut known: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for callers in &past.invariants.callers {
        for (by, times) in &callers.by {
            let of = |number: u32| past.operation(number).service.as_deref();
            if let (Some(by), Some(called)) = (of(*by), of(callers.operation))
                && by != called
            {
                *known.entry((by, called)).or_default() += times;
            }
        }
    }
    for (_, group) in fired.iter().filter(|(of, _)| of == rule) {
        if let [Some(by), Some(called)] = group.as_slice() {
            known.entry((by, called)).or_default();
        }
    }
    let ((by, called), _) = known.iter().max_by_key(|(pair, times)| (**times, std::cmp::Reverse(**pair)))?;
    let head = Head {
        rule,
        description: "A service was called by another that never called it in the past that this was learned from: a new \
                      dependency, or somebody who should not be there.",
        severity: "warning",
        summary: "{{ group['parent.service_name'] }} called {{ group.service_name }} {{ value.count }} times, and never did before",
        window: past.measured.window,
        group_by: "parent.service_name, service_name",
    };
    let pair = |by: &str, called: &str, more: &str| {
        format!("{{parent.service_name: {}, service_name: {}{more}}}", scalar(by), scalar(called))
    };
    let mut text = head.text(past, "{where: parent.service_name != service_name}", false) + "  limits:\n";
    text += "    # Who may call whom: nothing limits these.\n";
    for ((by, called), times) in &known {
        let _ = writeln!(text, "    - {}  # {} calls", pair(by, called, ""), grouped(*times));
    }
    text += "    # All others may not.\n    - {calls: 0}\n  condition: count > limit.calls\n";
    let spans = |by: &str| {
        format!(
            "{{at: 30s, span_id: caller, service_name: {}, kind: client, duration: 100ms}}\n      \
             - {{at: 29s990ms, parent: caller, service_name: {}, kind: server}}",
            scalar(by),
            scalar(called)
        )
    };
    let stranger = "a service that never called it";
    let tests = tests(rule, &spans(stranger), "1m", &pair(stranger, called, ""), &spans(by));
    let says = format!("the {} pairs of services of which one calls the other", grouped(known.len() as u64));
    Some(Proposal {
        rule: rule.to_owned(),
        file: "calls".to_owned(),
        text,
        test: TestOf::Written(tests),
        says,
    })
}

/// An operation by service and name, as callers are told.
type Called<'a> = (&'a str, &'a str);

/// Operations that one other operation calls, and nothing else.
pub(crate) fn callers<'a>(past: &'a Past<'_>, fired: &'a Fired) -> Option<Proposal> {
    let rule = "suggested-callers";
    let of = |number: u32| -> Option<Called<'_>> {
        let operation = past.operation(number);
        Some((operation.service.as_deref()?, operation.name.as_str()))
    };
    let mut by: BTreeMap<Called<'_>, BTreeMap<Called<'_>, u64>> = BTreeMap::new();
    let mut unknown: BTreeSet<Called<'_>> = BTreeSet::new();
    for callers in &past.invariants.callers {
        let Some(called) = of(callers.operation) else { continue };
        for (caller, times) in &callers.by {
            match of(*caller) {
                Some(caller) => *by.entry(called).or_default().entry(caller).or_default() += times,
                None => _ = unknown.insert(called),
            }
        }
    }
    for (_, group) in fired.iter().filter(|(of, _)| of == rule) {
        if let [_, _, Some(service), Some(name)] = group.as_slice() {
            unknown.insert((service, name));
        }
    }
    let only =
        |(called, by): (&Called<'a>, &BTreeMap<Called<'a>, u64>)| -> Option<(Called<'a>, Called<'a>, u64)> {
            let [(caller, times)] = by.iter().collect::<Vec<_>>()[..] else { return None };
            (*times >= SUPPORT && !unknown.contains(called)).then_some((*called, *caller, *times))
        };
    let rows: Vec<(Called<'_>, Called<'_>, u64)> = by.iter().filter_map(only).collect();
    let ((service, name), (by_service, by_name), _) = *rows.first()?;
    let head = Head {
        rule,
        description: "An operation was called by another than the one that always called it in the past that this was \
                      learned from.",
        severity: "info",
        summary: "{{ group['parent.name'] }} of {{ group['parent.service_name'] }} called {{ group.name }} of \
                  {{ group.service_name }}, and never did before",
        window: past.measured.window,
        group_by: "parent.service_name, parent.name, service_name, name",
    };
    let group = |caller: Called<'_>, called: Called<'_>| {
        format!(
            "{{parent.service_name: {}, parent.name: {}, service_name: {}, name: {}}}",
            scalar(caller.0),
            scalar(caller.1),
            scalar(called.0),
            scalar(called.1)
        )
    };
    // A span without a parent that is stored has none that would be the wrong one.
    let mut text = head.text(past, "{where: parent.duration >= 0s}", false) + "  limits:\n";
    text += "    # Who may call what: nothing limits these.\n";
    for (called, caller, times) in &rows {
        let _ = writeln!(text, "    - {}  # {n} of {n} calls", group(*caller, *called), n = grouped(*times));
    }
    text += "    # All others may not; of operations that are not listed nothing is known.\n";
    for ((service, name), ..) in &rows {
        let _ =
            writeln!(text, "    - {{service_name: {}, name: {}, calls: 0}}", scalar(service), scalar(name));
    }
    text += "  condition: count > limit.calls\n";
    let spans = |caller: &str| {
        format!(
            "{{at: 30s, span_id: caller, service_name: {}, name: {}, duration: 100ms}}\n      \
             - {{at: 29s990ms, parent: caller, service_name: {}, name: {}}}",
            scalar(by_service),
            scalar(caller),
            scalar(service),
            scalar(name)
        )
    };
    let stranger = "what never called it";
    let told = group((by_service, stranger), (service, name));
    let tests = tests(rule, &spans(stranger), "1m", &told, &spans(by_name));
    let says = format!("the only callers of {} operations", grouped(rows.len() as u64));
    Some(Proposal {
        rule: rule.to_owned(),
        file: "callers".to_owned(),
        text,
        test: TestOf::Written(tests),
        says,
    })
}

/// An operation in the words of a comment.
pub(crate) fn in_words(operation: &Operation) -> String {
    comment(&operation.to_string())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn limits_are_beyond_what_was() {
        for worst in [0.0, 0.01, 0.024, 0.1, 0.5, 0.9] {
            let limit = share_limit(worst);
            assert!(limit > worst && limit < 1.0, "{worst}: {limit}");
        }
        let cases = [(0, "1ms"), (8_000_000, "12ms"), (123_456_789, "190ms"), (2_000_000_001, "3s100ms")];
        for (slowest, limit) in cases {
            assert_eq!(duration_limit(slowest).to_string(), limit);
        }
    }
}
