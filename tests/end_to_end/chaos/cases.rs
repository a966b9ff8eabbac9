//! The cases in the services that are watched: known beforehand, so that what must be told is known too.

use fluo_tests::otlp::{Encoding, Span};

/// Rules over the same failures: one that is judged at every span, one on a grid, one about the traces of which each failure
/// is one, and one across them.
pub(crate) const RULES: &str = "
- name: every-span
  span: {service_name: auth, attributes: {outcome: failed}}
  window: 5s
  group_by: [case]
  condition: count > 5
- name: on-the-grid
  span: {service_name: auth}
  window: 5s
  every: 1s
  group_by: [case]
  aggregation:
    total: count
    errors: {count: {where: 'span.outcome = \"failed\"'}}
  condition: errors / total > 0.5 and total >= 6
- name: in-its-trace
  settle: 1s
  trace: {when: {name: login, attributes: {outcome: failed}}, always: [{name: audit}]}
  window: 5s
  group_by: [case]
  aggregation: {unaudited: count}
  condition: unaudited > 5
- name: across-traces
  window: 5s
  trace:
    by: [case]
    when: {name: login, attributes: {outcome: failed}, as: last}
    never: [{sequence: [{name: login, at_least: 5}, last], within: 5s}]
";

/// The names of these rules.
pub(crate) const NAMES: [&str; 4] = ["every-span", "on-the-grid", "in-its-trace", "across-traces"];

const SECOND: u64 = 1_000_000_000;

/// One object of OTLP: six failures that are one case, or one login that went well.
pub(crate) fn object(number: u64, now_ns: u64, failed: bool) -> Vec<u8> {
    let (outcome, count) = if failed { ("failed", 6) } else { ("fine", 1) };
    let case = if failed { name(number) } else { "none".to_owned() };
    let spans: Vec<Span> = (0..count)
        .map(|at| {
            let end = now_ns - SECOND / 2 + at * 1_000_000;
            Span::new(number * 10 + at + 1, "auth", "login", end)
                .with("outcome", outcome)
                .with("case", case.as_str())
        })
        .collect();
    Encoding::Protobuf.write(&spans)
}

/// The group of a case.
pub(crate) fn name(number: u64) -> String {
    format!("case-{number}")
}
