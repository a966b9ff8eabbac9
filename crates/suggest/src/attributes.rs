//! A rule about attributes that spans always carry.

use std::collections::{BTreeMap, BTreeSet};
// Writing to a `String` cannot fail, here and below.
use std::fmt::Write as _;

use fluo_rules::as_scalar;
use fluo_rules::field::Scope;
use fluo_time::Nanos;

use crate::invariants::{SUPPORT, is_nearly};
use crate::operation::Operation;
use crate::profile::OperationProfile;
use crate::proposal::{Fired, Past, Proposal, grouped, has_fired};
use crate::tables::of_operation;
use crate::traces::NAMED;
use crate::yaml::{folded, matcher};

/// Most attributes of a rule: those of the operations with most spans are demanded.
const MOST: usize = 500;

/// Most attributes of one operation.
const MOST_OF_ONE: usize = 40;

/// The attributes of some spans that are always there.
struct Demanded<'a> {
    service: &'a str,
    /// None: of all its operations.
    operation: Option<&'a Operation>,
    scope: Scope,
    keys: Vec<&'a str>,
    spans: u64,
}

/// The attributes that are always there: of resources by service, of spans by operation.
pub(crate) fn attributes(past: &Past<'_>, fired: &Fired) -> Option<Proposal> {
    let rule = "suggested-attributes";
    let all = demanded(past, fired, rule);
    let of = number(&all);
    let demanded = busiest(all);
    let (first, key) = demanded.iter().find_map(|demanded| {
        let of_service = |operation: &&Operation| operation.service.as_deref() == Some(demanded.service);
        let operation = demanded.operation.or_else(|| past.operations.iter().find(of_service))?;
        Some((operation, (demanded.scope, *demanded.keys.first()?)))
    })?;
    let mut text = past.learned_from();
    let _ = write!(
        text,
        "- name: {rule}\n  description: >-\n{}\n  severity: info\n  \
         labels: {{source: fluo-suggest}}\n  annotations:\n    summary: \"{{{{ value.count }}}} spans of \
         {{{{ group.name }}}} of {{{{ group.service_name }}}} lack an attribute that they always had\"\n  span:\n    any:\n",
        folded(
            "A span lacks an attribute that all spans of its operation had in the past that this was learned from: rules and \
             people that look for it find nothing."
        )
    );
    for demanded in &demanded {
        let Demanded { service, operation, scope, keys, spans } = demanded;
        let _ = writeln!(text, "      # on {n} of {n} spans", n = grouped(*spans));
        let _ = writeln!(text, "      - service_name: {}", matcher(service));
        if let Some(Operation { name, kind, .. }) = operation {
            let _ = writeln!(text, "        name: {}\n        kind: {}", matcher(name), matcher(kind));
        }
        text += "        any:\n";
        for key in keys {
            let _ =
                writeln!(text, "          - {}: {{{}: {{exists: false}}}}", of_rules(*scope), as_scalar(key));
        }
    }
    let _ = write!(
        text,
        "  window: {}\n  group_by: [service_name, name, kind]\n  condition: count > 0\n",
        past.measured.window
    );
    let test = tests(rule, &demanded, first, key);
    let kept = grouped(number(&demanded) as u64);
    let says = if number(&demanded) < of {
        format!("{kept} of {} attributes that spans always carry, those of the busiest", grouped(of as u64))
    } else {
        format!("{kept} attributes that spans always carry")
    };
    Some(Proposal::written(rule, "attributes", text, test, says))
}

/// The key of rules and tests for attributes of an owner.
fn of_rules(scope: Scope) -> &'static str {
    if scope == Scope::Resource { "resource" } else { "attributes" }
}

/// Tests of one operation: with all that is demanded, and without one of it. No value is that of the past.
fn tests(rule: &str, demanded: &[Demanded<'_>], of: &Operation, missing: (Scope, &str)) -> String {
    let is_of = |demanded: &&Demanded<'_>| {
        of.service.as_deref() == Some(demanded.service) && demanded.operation.is_none_or(|it| it == of)
    };
    let keys: BTreeSet<(Scope, &str)> = demanded
        .iter()
        .filter(is_of)
        .flat_map(|demanded| demanded.keys.iter().map(|key| (demanded.scope, *key)))
        .collect();
    let span = |without: Option<(Scope, &str)>| {
        let of_scope = |scope: Scope| {
            let own = keys.iter().filter(|key| key.0 == scope && Some(**key) != without);
            own.map(|(_, key)| format!("{}: replaced", as_scalar(key))).collect::<Vec<_>>().join(", ")
        };
        let more = format!(
            ", at: 30s, attributes: {{{}}}, resource: {{{}}}",
            of_scope(Scope::Span),
            of_scope(Scope::Resource)
        );
        of_operation(of, &more)
    };
    format!(
        "  - name: a span without one of them is told\n    spans:\n      - {}\n    expect:\n      \
         - {{rule: {rule}, at: 30s, state: firing, group: {}}}\n\n  \
         - name: a span with all of them is not\n    spans:\n      - {}\n    expect: []\n",
        span(Some(missing)),
        of_operation(of, ""),
        span(None)
    )
}

/// An attribute that nearly all spans of an operation carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearAttribute<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The owner of the attribute: the span, or its resource.
    pub scope: Scope,
    /// Its key.
    pub key: &'a str,
    /// The number of spans.
    pub of: u64,
    /// Those of them that lack it.
    pub lacking: u64,
}

impl NearAttribute<'_> {
    /// A rule that finds the spans without it.
    pub fn rule(&self, name: &str, past: &Past<'_>) -> String {
        let Operation { service, name: of, kind } = self.operation;
        format!(
            "- name: {name}\n  semantic_conventions: exact\n  span: {{service_name: {}, name: {}, kind: {}, {}: \
             {{{}: {{exists: false}}}}}}\n  window: {}\n  aggregation: {{count: {NAMED}}}\n  condition: count > 0\n",
            matcher(service.as_deref().unwrap_or_default()),
            matcher(of),
            matcher(kind),
            of_rules(self.scope),
            as_scalar(self.key),
            Nanos((past.to - past.from).max(Nanos::MINUTE.0))
        )
    }
}

/// The attributes that nearly all spans of an operation carry, those with fewest exceptions first.
pub fn nearly<'a>(past: &Past<'a>) -> Vec<NearAttribute<'a>> {
    let mut nearly = Vec::new();
    for (operation, profile) in past.operations.iter().zip(past.profiles) {
        if operation.service.is_none() {
            continue;
        }
        for ((scope, key), attribute) in &profile.attributes {
            let lacking = profile.spans.saturating_sub(attribute.spans);
            if matches!(scope, Scope::Span | Scope::Resource) && is_nearly(lacking, profile.spans) {
                nearly.push(NearAttribute { operation, scope: *scope, key, of: profile.spans, lacking });
            }
        }
    }
    nearly.sort_by_key(|nearly| (nearly.lacking, nearly.operation, nearly.scope, nearly.key));
    nearly
}

fn demanded<'a>(past: &Past<'a>, fired: &Fired, rule: &str) -> Vec<Demanded<'a>> {
    let all = past.operations.iter().zip(past.profiles);
    let mut by_service: BTreeMap<&str, Vec<(&Operation, &OperationProfile)>> = BTreeMap::new();
    for (operation, profile) in all {
        let is_looked_at = profile.spans > 0 && !has_fired(fired, rule, operation);
        if let Some(service) = operation.service.as_deref().filter(|_| is_looked_at) {
            by_service.entry(service).or_default().push((operation, profile));
        }
    }
    let has_any_fired = |service: &str| {
        let of_service =
            |group: &[Option<String>]| group.first().is_some_and(|of| of.as_deref() == Some(service));
        fired.iter().any(|(of, group)| of == rule && of_service(group))
    };
    let mut demanded: Vec<Demanded<'_>> = Vec::new();
    for (service, operations) in by_service {
        let spans: u64 = operations.iter().map(|(_, profile)| profile.spans).sum();
        if spans >= SUPPORT && !has_any_fired(service) {
            let mut keys: BTreeSet<&str> = always(operations[0].1, Scope::Resource).collect();
            for (_, profile) in &operations {
                let own: BTreeSet<&str> = always(profile, Scope::Resource).collect();
                keys.retain(|key| own.contains(key));
            }
            let keys = keys.into_iter().take(MOST_OF_ONE).collect();
            demanded.push(Demanded { service, operation: None, scope: Scope::Resource, keys, spans });
        }
        for (operation, profile) in operations.into_iter().filter(|(_, profile)| profile.spans >= SUPPORT) {
            let keys = always(profile, Scope::Span).take(MOST_OF_ONE).collect();
            let (operation, spans) = (Some(operation), profile.spans);
            demanded.push(Demanded { service, operation, scope: Scope::Span, keys, spans });
        }
    }
    demanded.retain(|demanded| !demanded.keys.is_empty());
    demanded.sort_by_key(|demanded| (demanded.service, demanded.operation));
    demanded
}

fn number(demanded: &[Demanded<'_>]) -> usize {
    demanded.iter().map(|demanded| demanded.keys.len()).sum()
}

/// Keeps those with most spans until there are enough, of as many the first.
fn busiest(mut demanded: Vec<Demanded<'_>>) -> Vec<Demanded<'_>> {
    demanded.sort_by_key(|demanded| std::cmp::Reverse(demanded.spans));
    let mut number = 0;
    demanded.retain(|demanded| {
        number += demanded.keys.len();
        number <= MOST
    });
    demanded.sort_by_key(|demanded| (demanded.service, demanded.operation));
    demanded
}

/// The keys that all spans of an operation have.
fn always(profile: &OperationProfile, scope: Scope) -> impl Iterator<Item = &str> {
    profile
        .attributes
        .iter()
        .filter(move |((of, _), attribute)| *of == scope && attribute.spans >= profile.spans)
        .map(|((_, key), _)| key.as_str())
}
