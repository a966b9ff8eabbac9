//! Rules about who calls whom: a table of those who may, and a row for all others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
// Writing to a `String` cannot fail, here and below.
use std::fmt::Write as _;

use fluo_rules::as_scalar;

use crate::busiest::{Busiest, Room};
use crate::invariants::SUPPORT;
use crate::proposal::{Fired, Past, Proposal, grouped};
use crate::tables::{Head, tests};

/// A service, and those that call it.
struct CalledService<'a> {
    service: &'a str,
    /// The number of calls of each caller.
    by: BTreeMap<&'a str, u64>,
}

impl CalledService<'_> {
    fn calls(&self) -> u64 {
        self.by.values().sum()
    }

    /// The rows of those that may call it, each with its caller.
    fn rows(&self) -> impl Iterator<Item = (&str, String)> {
        self.by.iter().map(|(by, times)| {
            let row = format!("    - {}  # {} calls\n", pair(by, self.service, ""), grouped(*times));
            (*by, row)
        })
    }

    /// The row of all others.
    fn row_of_others(&self) -> String {
        format!("    - {{service_name: {}, calls: 0}}\n", as_scalar(self.service))
    }

    fn room(&self) -> Room {
        let text: String = self.rows().map(|(_, row)| row).chain([self.row_of_others()]).collect();
        Room::of(self.by.len() + 1, &text)
    }
}

/// A group of the rule about pairs of services.
fn pair(by: &str, called: &str, more: &str) -> String {
    format!("{{parent.service_name: {}, service_name: {}{more}}}", as_scalar(by), as_scalar(called))
}

/// The services that others call.
fn called_services<'a>(past: &'a Past<'_>, fired: &'a Fired, rule: &str) -> Vec<CalledService<'a>> {
    let mut known: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for callers in &past.invariants.callers {
        for (by, times) in &callers.by {
            let of = |number: u32| past.operation(number).service.as_deref();
            if let (Some(by), Some(called)) = (of(*by), of(callers.operation))
                && by != called
            {
                *known.entry(called).or_default().entry(by).or_default() += times;
            }
        }
    }
    for (_, group) in fired.iter().filter(|(of, _)| of == rule) {
        if let [Some(by), Some(called)] = group.as_slice() {
            known.entry(called).or_default().entry(by).or_default();
        }
    }
    known.into_iter().map(|(service, by)| CalledService { service, by }).collect()
}

/// The rule about pairs of services of which one calls the other.
pub(crate) fn calls(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let rule = "suggested-calls";
    let services = Busiest::of(called_services(past, fired, rule), CalledService::calls, CalledService::room);
    let each = services.kept.iter().flat_map(|called| called.by.iter().map(move |by| (called.service, by)));
    let (called, (by, _)) = each.max_by_key(|(called, (by, times))| (**times, Reverse((**by, *called))))?;
    let head = Head {
        rule,
        description: "A service was called by another that never called it in the past that this was learned from: a new \
                      dependency, or somebody who should not be there.",
        severity: "warning",
        summary: "{{ group['parent.service_name'] }} called {{ group.service_name }} {{ value.count }} times, and never did before",
        group_by: "parent.service_name, service_name",
    };
    let mut text = head.text(past, "{where: parent.service_name != service_name}", false) + "  limits:\n";
    text += "    # Who may call whom: nothing limits these.\n";
    let mut rows: Vec<(&str, String)> = services.kept.iter().flat_map(CalledService::rows).collect();
    let pairs = grouped(rows.len() as u64);
    rows.sort_by_key(|(by, _)| *by);
    text.extend(rows.into_iter().map(|(_, row)| row));
    text += "    # All others may not.\n";
    if services.is_cut() {
        text += &services.comment("services that are called");
        text.extend(services.kept.iter().map(CalledService::row_of_others));
    } else {
        text += "    - {calls: 0}\n";
    }
    text += "  condition: count > limit.calls\n";
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
    let mut says = format!("the {pairs} pairs of services of which one calls the other");
    if services.is_cut() {
        let _ = write!(says, ", of {}", services.in_words("services that are called"));
    }
    Some(Proposal::written(rule, "calls", text, tests, says))
}

/// An operation by service and name, as callers are told.
type Called<'a> = (&'a str, &'a str);

/// An operation that one other calls, and nothing else.
#[derive(Clone, Copy)]
struct OnlyCaller<'a> {
    called: Called<'a>,
    by: Called<'a>,
    times: u64,
}

impl OnlyCaller<'_> {
    /// The row of the one that may call it.
    fn row(&self) -> String {
        format!("    - {}  # {n} of {n} calls\n", calling(self.by, self.called), n = grouped(self.times))
    }

    /// The row of all others.
    fn row_of_others(&self) -> String {
        let (service, name) = self.called;
        format!("    - {{service_name: {}, name: {}, calls: 0}}\n", as_scalar(service), as_scalar(name))
    }

    fn room(&self) -> Room {
        Room::of(2, &(self.row() + &self.row_of_others()))
    }
}

/// A group of the rule about only callers.
fn calling(by: Called<'_>, called: Called<'_>) -> String {
    format!(
        "{{parent.service_name: {}, parent.name: {}, service_name: {}, name: {}}}",
        as_scalar(by.0),
        as_scalar(by.1),
        as_scalar(called.0),
        as_scalar(called.1)
    )
}

/// The rule about operations that one other calls, and nothing else.
pub(crate) fn callers(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let rule = "suggested-callers";
    let only = Busiest::of(only_callers(past, fired, rule), |only| only.times, OnlyCaller::room);
    let OnlyCaller { called: (service, name), by: (by_service, by_name), .. } = *only.kept.first()?;
    let head = Head {
        rule,
        description: "An operation was called by another than the one that always called it in the past that this was \
                      learned from.",
        severity: "info",
        summary: "{{ group['parent.name'] }} of {{ group['parent.service_name'] }} called {{ group.name }} of \
                  {{ group.service_name }}, and never did before",
        group_by: "parent.service_name, parent.name, service_name, name",
    };
    // A span without a parent that is stored has none that would be the wrong one.
    let mut text = head.text(past, "{where: parent.duration >= 0s}", false) + "  limits:\n";
    text += "    # Who may call what: nothing limits these.\n";
    text += &only.comment("operations");
    text.extend(only.kept.iter().map(OnlyCaller::row));
    text += "    # All others may not; of operations that are not listed nothing is known.\n";
    text.extend(only.kept.iter().map(OnlyCaller::row_of_others));
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
    let told = calling((by_service, stranger), (service, name));
    let tests = tests(rule, &spans(stranger), "1m", &told, &spans(by_name));
    let says = format!("the only callers of {}", only.in_words("operations"));
    Some(Proposal::written(rule, "callers", text, tests, says))
}

fn only_callers<'a>(past: &'a Past<'_>, fired: &'a Fired, rule: &str) -> Vec<OnlyCaller<'a>> {
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
    let only = |(called, by): (&Called<'a>, &BTreeMap<Called<'a>, u64>)| {
        let [(by, times)] = by.iter().collect::<Vec<_>>()[..] else { return None };
        let (called, by, times) = (*called, *by, *times);
        (times >= SUPPORT && !unknown.contains(&called)).then_some(OnlyCaller { called, by, times })
    };
    by.iter().filter_map(only).collect()
}
