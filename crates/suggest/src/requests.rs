//! Rules about what happens in one request.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::invariants::{Demand, Invariant};
use crate::operation::Operation;
use crate::proposal::{Past, Proposal, TestOf, grouped};
use crate::tables::in_words;
use crate::yaml::{folded, matcher};

/// Most steps of one rule.
const MOST_STEPS: usize = 32;

/// Most letters of a name that is made of an operation.
const LONGEST_NAME: usize = 60;

/// The rules about requests, the best supported first.
pub(crate) fn requests(past: &Past<'_>) -> Vec<Proposal> {
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let known = |demand: &Demand| {
        demand.operations().iter().all(|operation| past.operation(*operation).service.is_some())
    };
    past.invariants
        .always
        .iter()
        .filter(|invariant| known(&invariant.demand))
        .map(|invariant| proposal(past, invariant, &mut names))
        .collect()
}

fn proposal(past: &Past<'_>, invariant: &Invariant, names: &mut BTreeMap<String, u32>) -> Proposal {
    let Invariant { demand, support, example } = invariant;
    let operations = demand.operations();
    let when = past.operation(operations[0]);
    let kind = match demand {
        Demand::Together(..) => "always",
        Demand::InOrder(_) => "order",
    };
    let base = format!("{kind}-{}", slug(when));
    let number = names.entry(base.clone()).or_default();
    *number += 1;
    let file = if *number == 1 { base } else { format!("{base}-{number}") };
    let rule = format!("suggested-{file}");
    let support = grouped(*support);
    let words = |numbers: &[u32]| {
        numbers.iter().map(|number| in_words(past.operation(*number))).collect::<Vec<_>>().join(", ")
    };
    let (says, body, description) = match demand {
        Demand::Together(_, always) => {
            let says =
                format!("{} is always with {}: {support} of {support} traces", in_words(when), words(always));
            let mut body = format!("    when: {}\n    always:\n", step(when, ""));
            for number in always.iter().take(MOST_STEPS) {
                let _ = writeln!(body, "      - {}", step(past.operation(*number), ""));
            }
            (
                says,
                body,
                "A request did not do what every such request did in the past that this was learned from.",
            )
        }
        Demand::InOrder(steps) => {
            let says = format!("{} come in this order: {support} of {support} traces", words(steps));
            let mut body = format!("    when: {}\n    sequence:\n", step(when, ", as: last"));
            for number in &steps[..steps.len() - 1] {
                let _ = writeln!(body, "      - {}", step(past.operation(*number), ""));
            }
            body += "      - last\n";
            (
                says,
                body,
                "A request did things in another order than every such request in the past that this was learned from.",
            )
        }
    };
    let text = format!(
        "{}# {says}.\n- name: {rule}\n  description: >-\n{}\n  severity: warning\n  \
         labels: {{source: fluo-suggest}}\n  trace:\n{body}",
        past.learned_from(),
        folded(description)
    );
    Proposal { rule, file, text, test: TestOf::Trace(*example, demand.clone()), says }
}

/// A step of spans of an operation.
pub(crate) fn step(operation: &Operation, more: &str) -> String {
    let Operation { service, name, kind } = operation;
    let service = service.as_deref().unwrap_or_default();
    format!("{{service_name: {}, name: {}, kind: {}{more}}}", matcher(service), matcher(name), matcher(kind))
}

/// `checkout-post-pay`
fn slug(operation: &Operation) -> String {
    let text = format!("{} {}", operation.service.as_deref().unwrap_or_default(), operation.name);
    let mut slug = String::new();
    for c in text.chars().take(LONGEST_NAME) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}
