//! Rules about who calls whom: a table of those who may, and a row for all others.

use std::collections::{BTreeMap, BTreeSet};
// Writing to a `String` cannot fail, here and below.
use std::fmt::Write as _;

use fluo_rules::as_scalar;

use crate::invariants::SUPPORT;
use crate::proposal::{Fired, Past, Proposal, grouped};
use crate::tables::{Head, tests};

/// The rule about pairs of services of which one calls the other.
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
        group_by: "parent.service_name, service_name",
    };
    let pair = |by: &str, called: &str, more: &str| {
        format!("{{parent.service_name: {}, service_name: {}{more}}}", as_scalar(by), as_scalar(called))
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
            as_scalar(by),
            as_scalar(called)
        )
    };
    let stranger = "a service that never called it";
    let tests = tests(rule, &spans(stranger), "1m", &pair(stranger, called, ""), &spans(by));
    let says = format!("the {} pairs of services of which one calls the other", grouped(known.len() as u64));
    Some(Proposal::written(rule, "calls", text, tests, says))
}

/// An operation by service and name, as callers are told.
type Called<'a> = (&'a str, &'a str);

/// Operations that one other operation calls, and nothing else.
pub(crate) fn callers(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let rule = "suggested-callers";
    let rows = only_callers(past, fired, rule);
    let ((service, name), (by_service, by_name), _) = *rows.first()?;
    let head = Head {
        rule,
        description: "An operation was called by another than the one that always called it in the past that this was \
                      learned from.",
        severity: "info",
        summary: "{{ group['parent.name'] }} of {{ group['parent.service_name'] }} called {{ group.name }} of \
                  {{ group.service_name }}, and never did before",
        group_by: "parent.service_name, parent.name, service_name, name",
    };
    let group = |caller: Called<'_>, called: Called<'_>| {
        format!(
            "{{parent.service_name: {}, parent.name: {}, service_name: {}, name: {}}}",
            as_scalar(caller.0),
            as_scalar(caller.1),
            as_scalar(called.0),
            as_scalar(called.1)
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
            writeln!(text, "    - {{service_name: {}, name: {}, calls: 0}}", as_scalar(service), as_scalar(name));
    }
    text += "  condition: count > limit.calls\n";
    let spans = |caller: &str| {
        format!(
            "{{at: 30s, span_id: caller, service_name: {}, name: {}, duration: 100ms}}\n      \
             - {{at: 29s990ms, parent: caller, service_name: {}, name: {}}}",
            as_scalar(by_service),
            as_scalar(caller),
            as_scalar(service),
            as_scalar(name)
        )
    };
    let stranger = "what never called it";
    let told = group((by_service, stranger), (service, name));
    let tests = tests(rule, &spans(stranger), "1m", &told, &spans(by_name));
    let says = format!("the only callers of {} operations", grouped(rows.len() as u64));
    Some(Proposal::written(rule, "callers", text, tests, says))
}

/// The operations that one other calls, this one, and how often.
fn only_callers<'a>(past: &'a Past<'_>, fired: &'a Fired, rule: &str) -> Vec<(Called<'a>, Called<'a>, u64)> {
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
    by.iter().filter_map(only).collect()
}
