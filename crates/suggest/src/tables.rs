//! Rules with a table of limits: one rule, and a row for each operation or caller.

// Writing to a `String` cannot fail, here and below.
use std::fmt::Write as _;

use fluo_rules::as_scalar;
use fluo_time::Nanos;

use crate::busiest::{Busiest, Room};
use crate::measured::{EVERY, Windows};
use crate::operation::Operation;
use crate::proposal::{Fired, Past, Proposal, grouped, has_fired};
use crate::yaml::{comment, folded};

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
pub(crate) struct Head<'a> {
    pub(crate) rule: &'a str,
    pub(crate) description: &'a str,
    pub(crate) severity: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) group_by: &'a str,
}

impl Head<'_> {
    /// The text of the rule up to its groups. `every`: true if it is judged on the grid for its own sake.
    pub(crate) fn text(&self, past: &Past<'_>, span: &str, every: bool) -> String {
        let Self { rule, description, severity, summary, group_by } = self;
        let window = past.measured.window;
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
    let service = service.as_deref().map_or("null".to_owned(), as_scalar);
    format!("{{service_name: {service}, name: {}, kind: {}{more}}}", as_scalar(name), as_scalar(kind))
}

/// An operation of a table.
struct Row<'a, L> {
    operation: &'a Operation,
    windows: &'a Windows,
    limit: L,
    /// Its lines, with the comment that says what the limit rests on.
    text: String,
}

/// The rows of a table: those of operations that `limit` gives one for, and that did not fire, as `text` writes them.
fn rows<'a, L>(
    past: &'a Past<'_>,
    fired: &Fired,
    rule: &str,
    limit: impl Fn(&Windows) -> Option<L>,
    text: impl Fn(&Operation, &Windows, &L) -> String,
) -> Busiest<Row<'a, L>> {
    let row = |(operation, windows): (&'a Operation, &'a Windows)| {
        let limit = limit(windows)?;
        let text = text(operation, windows, &limit);
        Some(Row { operation, windows, limit, text })
    };
    let measured = past.measured.windows.iter().filter(|(operation, _)| !has_fired(fired, rule, operation));
    let all: Vec<Row<'a, L>> = measured.filter_map(row).collect();
    Busiest::of(all, |row| past.spans_of(row.operation), |row| Room::of(1, &row.text))
}

impl<L> Busiest<Row<'_, L>> {
    /// The table as it stands in a rule.
    fn table(&self) -> String {
        let rows = self.kept.iter().map(|row| row.text.as_str());
        format!("  limits:\n{}{}", self.comment("operations"), rows.collect::<String>())
    }
}

impl<L: Ord> Busiest<Row<'_, L>> {
    /// The row with the smallest limit, of several the first.
    fn least(&self) -> Option<&Row<'_, L>> {
        self.kept.iter().min_by_key(|row| (&row.limit, row.operation))
    }
}

/// Two tests of a rule: spans over which it fires, and spans over which it does not.
pub(crate) fn tests(rule: &str, fires: &str, at: &str, group: &str, quiet: &str) -> String {
    format!(
        "  - name: what never was is told\n    spans:\n      - {fires}\n    expect:\n      \
         - {{rule: {rule}, at: {at}, state: firing, group: {group}}}\n\n  \
         - name: what was is not\n    spans:\n      - {quiet}\n    expect: []\n"
    )
}

/// A limit for the share of failed spans, by operation.
pub(crate) fn errors(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let (rule, enough) = ("suggested-errors", past.measured.enough());
    let limit = |windows: &Windows| {
        let limit = share_limit(windows.worst_share);
        (windows.enough >= FEW_WINDOWS && limit < 1.0).then_some(limit)
    };
    let row = |operation: &Operation, windows: &Windows, limit: &f64| {
        let worst = format!(
            "at worst {} of {} spans in {}, of {} windows; the limit is {} more",
            percent(windows.worst_share),
            grouped(windows.worst_of),
            past.measured.window,
            grouped(windows.enough),
            percent(limit - windows.worst_share)
        );
        let row = of_operation(operation, &format!(", error_ratio: {}", percent(*limit)));
        format!("    # {worst}\n    - {row}\n")
    };
    let rows = rows(past, fired, rule, limit, row);
    let first = rows.kept.first()?.operation;
    let head = Head {
        rule,
        description: "More of the spans of an operation failed than ever did in a window of the past that this was learned \
                      from, by the factor that each row names.",
        severity: "warning",
        summary: "{{ (value.errors / value.count) | percent }} of {{ group.name }} of {{ group.service_name }} failed; \
                  in the past it was {{ limit.error_ratio | percent }} at most, with a margin",
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", true) + &rows.table();
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
    let says = format!("limits for the share of failed spans of {}", rows.in_words("operations"));
    Some(Proposal::written(rule, "errors", text, tests, says))
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
    let limit = |windows: &Windows| (windows.enough >= FEW_WINDOWS).then(|| duration_limit(windows.slowest));
    let row = |operation: &Operation, windows: &Windows, limit: &Nanos| {
        let row = of_operation(operation, &format!(", p99: {limit}"));
        format!(
            "    # at worst {} in {}, of {} windows; the limit is half as much again\n    - {row}\n",
            Nanos(windows.slowest),
            past.measured.window,
            grouped(windows.enough)
        )
    };
    let rows = rows(past, fired, rule, limit, row);
    let first = rows.kept.first()?;
    let head = Head {
        rule,
        description: "The slowest spans of an operation took longer than ever in a window of the past that this was learned \
                      from, and longer by half.",
        severity: "warning",
        summary: "{{ group.name }} of {{ group.service_name }} takes {{ value.p99 | duration }} at the 99th percentile; \
                  in the past it was {{ limit.p99 | duration }} at most, with a margin",
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", true) + &rows.table();
    let _ = write!(
        text,
        "  aggregation:\n    p99: {{p99: duration}}\n  condition: p99 > limit.p99 and count >= {enough}\n"
    );
    let spans = |nanos: i64| {
        let more = format!(", at: 30s, count: {enough}, duration: {}", Nanos(nanos));
        of_operation(first.operation, &more)
    };
    let slow = first.limit.0.saturating_add(Nanos::SECOND.0 / 1_000);
    let group = of_operation(first.operation, "");
    let tests = tests(rule, &spans(slow), "1m", &group, &spans(first.windows.slowest));
    let says = format!("limits for the 99th percentile of durations of {}", rows.in_words("operations"));
    Some(Proposal::written(rule, "latency", text, tests, says))
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
    let limit = |windows: &Windows| (windows.enough >= FEW_WINDOWS).then_some(2 * windows.most);
    let row = |operation: &Operation, windows: &Windows, limit: &u64| {
        let row = of_operation(operation, &format!(", spans: {limit}"));
        format!(
            "    # {} at most in {}; the limit is twice as many\n    - {row}\n",
            grouped(windows.most),
            past.measured.window
        )
    };
    let rows = rows(past, fired, rule, limit, row);
    let Row { operation: least, limit, .. } = rows.least()?;
    let head = Head {
        rule,
        description: "An operation has more than twice the spans that it ever had in a window of the past that this was \
                      learned from: retries, a loop, a crowd.",
        severity: "info",
        summary: "{{ value.count }} spans of {{ group.name }} of {{ group.service_name }}, more than twice as many as ever",
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", false) + &rows.table();
    text += "  condition: count > limit.spans\n";
    let spans = |count: u64| of_operation(least, &format!(", at: 30s, count: {count}"));
    // Of a test with fewer spans than the limit only that it is quiet can be said.
    let tests = if *limit < MOST_SPANS {
        tests(rule, &spans(limit + 1), "30s", &of_operation(least, ""), &spans(*limit))
    } else {
        format!("  - name: what was is not told\n    spans:\n      - {}\n    expect: []\n", spans(enough))
    };
    let says = format!("limits for the traffic of {}", rows.in_words("operations"));
    Some(Proposal::written(rule, "traffic-high", text, tests, says))
}

/// The traffic that each operation always had, by operation.
pub(crate) fn quiet(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let rule = "suggested-traffic-low";
    let limit = |windows: &Windows| {
        let was_always = windows.seen == past.measured.moments && windows.seen >= FEW_WINDOWS;
        (was_always && windows.least >= LEAST).then_some(windows.least / 2)
    };
    let row = |operation: &Operation, windows: &Windows, limit: &u64| {
        let row = of_operation(operation, &format!(", spans: {limit}"));
        format!(
            "    # {} at least in {}, in all {} windows; the limit is half as many\n    - {row}\n",
            grouped(windows.least),
            past.measured.window,
            grouped(windows.seen)
        )
    };
    let rows = rows(past, fired, rule, limit, row);
    let Row { operation: first, limit, .. } = rows.least()?;
    let head = Head {
        rule,
        description: "An operation has less than half the spans that it always had in a window of the past that this was \
                      learned from, or none.",
        severity: "warning",
        summary: "{{ value.count }} spans of {{ group.name }} of {{ group.service_name }}, less than half as many as ever",
        group_by: "service_name, name, kind",
    };
    let mut text = head.text(past, "{}", true) + &rows.table();
    text += "  expect:\n";
    for Row { operation, .. } in &rows.kept {
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
    let says = format!("the least traffic of {}", rows.in_words("operations"));
    Some(Proposal::written(rule, "traffic-low", text, tests, says))
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
