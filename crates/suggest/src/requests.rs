//! Rules about what happens in one request.

use std::collections::BTreeSet;
// Writing to a `String` cannot fail, here and below.
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
    let mut names: BTreeSet<String> = BTreeSet::new();
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

fn proposal(past: &Past<'_>, invariant: &Invariant, names: &mut BTreeSet<String>) -> Proposal {
    let Invariant { demand, support, example } = invariant;
    let operations = demand.operations();
    let when = past.operation(operations[0]);
    let kind = match demand {
        Demand::Together(..) => "always",
        Demand::InOrder(_) => "order",
    };
    let file = named_apart(&format!("{kind}-{}", slug(when)), names);
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

/// Returns a name that is none of others, and adds it to them: with a number behind it where it is taken.
fn named_apart(name: &str, others: &mut BTreeSet<String>) -> String {
    let (mut own, mut number) = (name.to_owned(), 1);
    while !others.insert(own.clone()) {
        number += 1;
        own = format!("{name}-{number}");
    }
    own
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut names = BTreeSet::new();
        let cases =
            [("pay", "pay"), ("pay", "pay-2"), ("pay", "pay-3"), ("pay-2", "pay-2-2"), ("pay-4", "pay-4")];
        for (name, expected) in cases {
            assert_eq!(named_apart(name, &mut names), expected);
        }
        assert_eq!(named_apart("pay", &mut names), "pay-5");
    }
}
