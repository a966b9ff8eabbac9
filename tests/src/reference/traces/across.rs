//! Rules across traces, from the rule language's section 7 and ADR 0025: every occasion is looked at by itself, all
//! spans are compared with it, and all ways in which a sequence can occur are tried.

use std::collections::{BTreeMap, BTreeSet};

use fluo_rules::field::{Field, Scope};
use fluo_rules::rule::{GroupKey, Rule};
use fluo_rules::trace::across::Near;
use fluo_rules::trace::{Demand, Forbidden, Sequence, TraceRule};
use fluo_spans::span::{Attributes, Span};

use super::members::{self, Member};
use super::{About, Row};
use crate::reference::terms::SpanKey;
use crate::reference::{aggregate, copies, selection};

/// The values of the keys of `by`.
type Values = Vec<String>;

/// The order of spans: by end, trace id and span id.
type Place = (i128, [u8; 16], [u8; 8]);

/// An occasion that breaks its rule.
struct Violation<'a> {
    at: i128,
    occasion: &'a Member<'a>,
    values: Values,
    broken: BTreeSet<usize>,
    evidence: Vec<SpanKey>,
}

/// The rows of the occasions that break the rule.
pub(super) fn rows(about: About<'_>, spans: &[&Span], known_to: Option<i128>) -> Vec<Row> {
    let mut members: Vec<Member<'_>> = members::by_trace(spans, about.givens).into_iter().flatten().collect();
    members.sort_by_key(place);
    let Some(when) = about.trace.occasion() else { return Vec::new() };
    let values: BTreeSet<Values> = members.iter().flat_map(|member| values_of(about, when, member)).collect();
    let mut found: Vec<Violation<'_>> = Vec::new();
    for values in &values {
        let key = OfKey { about, members: &members, values, known_to };
        found.extend(key.of_step(when).into_iter().filter_map(|occasion| key.violation(occasion)));
    }
    found.sort_by_key(|violation| {
        let fields = violation.occasion.fields;
        (violation.at, fields.trace_id, fields.span_id, violation.occasion.end, violation.values.clone())
    });
    let mut taken: BTreeSet<SpanKey> = BTreeSet::new();
    found.iter().filter_map(|violation| row(about, violation, &mut taken)).collect()
}

/// The rule as it is over rows: these carry the values of its keys as attributes of their own.
pub(super) fn over_rows(rule: &Rule, trace: &TraceRule) -> Rule {
    // Each is a key of `by`.
    let of_row = |key: &GroupKey| {
        let at = trace.by.iter().position(|by| by.field == key.field)?;
        Some(GroupKey { key: key.key.clone(), field: Field::attribute(Scope::Span, name(at)) })
    };
    Rule { group_by: rule.group_by.iter().filter_map(of_row).collect(), ..rule.clone() }
}

fn name(at: usize) -> String {
    format!("reference: key {at}")
}

/// The row of a violation. Of two that would be one span, the second is given the next free id.
fn row(about: About<'_>, violation: &Violation<'_>, taken: &mut BTreeSet<SpanKey>) -> Option<Row> {
    let fields = violation.occasion.fields;
    let end_ns = i64::try_from(violation.at).ok()?;
    let own = fields.attributes.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    let keys = violation.values.iter().enumerate().map(|(at, value)| (name(at), value.clone()));
    let mut span = Span {
        start_ns: end_ns - (fields.end_ns - fields.start_ns),
        end_ns,
        attributes: Attributes::new(own.chain(keys).collect()),
        ..fields.clone()
    };
    while !taken.insert(copies::key(&span)) {
        span.span_id = u64::from_be_bytes(span.span_id).wrapping_add(1).to_be_bytes();
    }
    Some(Row {
        span,
        counts: Vec::new(),
        failed: violation.broken.iter().map(|at| about.trace.demand_name(*at)).collect(),
        evidence: violation.evidence.clone(),
    })
}

fn place(member: &Member<'_>) -> Place {
    (member.end, member.fields.trace_id, member.fields.span_id)
}

/// The values under which a span can be a step: those of its copies that can.
fn values_of(about: About<'_>, step: usize, member: &Member<'_>) -> BTreeSet<Values> {
    let of = &about.trace.steps[step];
    let of_copy = |copy: &&Span| -> Option<Values> {
        let subject = aggregate::subject(copy, about.rule, about.givens);
        if !selection::selects(&of.selector, subject) {
            return None;
        }
        of.by.iter().map(|key| subject.canonical_text(&key.field)).collect()
    };
    member.copies.iter().filter_map(of_copy).collect()
}

/// The spans that belong together by some values.
struct OfKey<'a> {
    about: About<'a>,
    members: &'a [Member<'a>],
    values: &'a Values,
    known_to: Option<i128>,
}

impl<'a> OfKey<'a> {
    /// The spans that can be a step, in order.
    fn of_step(&self, step: usize) -> Vec<&'a Member<'a>> {
        self.members
            .iter()
            .filter(|member| values_of(self.about, step, member).contains(self.values))
            .collect()
    }

    fn violation(&self, occasion: &'a Member<'a>) -> Option<Violation<'a>> {
        let is_known = self.known_to.is_none_or(|known_to| occasion.end + self.longest_after() <= known_to);
        let mut broken = BTreeSet::new();
        let mut moments = Vec::new();
        // Of what must not be there, and of what is missing.
        let [mut of_there, mut of_missing]: [BTreeMap<Place, SpanKey>; 2] = Default::default();
        for (at, demand) in self.about.trace.demands().enumerate() {
            let (is_broken, shown) = match demand {
                Demand::Always(step) => {
                    let there = self.near(step, occasion);
                    (is_known && there.len() < self.number(step), there)
                }
                Demand::Sequence(sequence) => {
                    let occurs = self.best(sequence, occasion).is_some();
                    (is_known && !occurs, self.near_sequence(sequence, occasion))
                }
                Demand::Never(Forbidden::Step(step)) => {
                    let mut there = self.near(*step, occasion);
                    let is_there = there.len() >= self.number(*step);
                    there.truncate(self.number(*step));
                    (is_there, there)
                }
                Demand::Never(Forbidden::Sequence(sequence)) => match self.best(sequence, occasion) {
                    Some(chain) => (true, chain),
                    None => (false, Vec::new()),
                },
                Demand::Condition(_) => unreachable!("no rule across traces has a condition over counts"),
            };
            if !is_broken {
                continue;
            }
            broken.insert(at);
            let keys = shown.iter().map(|member| (place(member), member.key()));
            if let Demand::Never(_) = demand {
                moments.push(shown.iter().map(|member| member.end).fold(occasion.end, i128::max));
                of_there.extend(keys);
            } else {
                of_missing.extend(keys);
            }
        }
        if broken.is_empty() {
            return None;
        }
        // A punctual evaluator tells of what is there and must not be when it is there, and of what is missing when its
        // time is over: the moment is that of what is told first.
        let must = |at: &usize| {
            let demand = self.about.trace.demands().nth(*at);
            matches!(demand, Some(Demand::Always(_) | Demand::Sequence(_)))
        };
        let told = broken.iter().any(must).then(|| occasion.end + self.longest_after());
        let (at, mut shown) = match (moments.into_iter().min(), told) {
            (Some(moment), Some(told)) if moment <= told => (moment, of_there),
            (Some(moment), None) => (moment, of_there),
            _ => (occasion.end, of_missing),
        };
        shown.remove(&place(occasion));
        let evidence = std::iter::once(occasion.key()).chain(shown.into_values()).collect();
        Some(Violation { at, occasion, values: self.values.clone(), broken, evidence })
    }

    fn number(&self, step: usize) -> usize {
        self.about.trace.steps[step].at_least as usize
    }

    /// The time after an occasion within which a span may end that must be there.
    fn longest_after(&self) -> i128 {
        let trace = self.about.trace;
        let of_step = |step: usize| match trace.steps[step].near {
            Some(Near::After(nanos) | Near::Within(nanos)) => nanos.0,
            Some(Near::Before(_)) | None => 0,
        };
        let after = trace.demands().map(|demand| match demand {
            Demand::Always(step) => of_step(step),
            Demand::Sequence(sequence) => {
                let ends_it = sequence.steps.last().copied() == trace.occasion();
                sequence.within.filter(|_| !ends_it).map_or(0, |within| within.0)
            }
            Demand::Never(_) | Demand::Condition(_) => 0,
        });
        after.max().map_or(0, i128::from)
    }

    /// The spans that can be a step, as near the occasion as the step says.
    fn near(&self, step: usize, occasion: &Member<'a>) -> Vec<&'a Member<'a>> {
        let is_near = |member: &&Member<'a>| {
            let since = member.end - occasion.end;
            let before = |nanos: fluo_time::Nanos| -i128::from(nanos.0) < since && since <= 0;
            let after = |nanos: fluo_time::Nanos| 0 < since && since <= i128::from(nanos.0);
            match self.about.trace.steps[step].near {
                Some(Near::Before(nanos)) => before(nanos),
                Some(Near::After(nanos)) => after(nanos),
                Some(Near::Within(nanos)) => before(nanos) || after(nanos),
                None => false,
            }
        };
        self.of_step(step).into_iter().filter(is_near).collect()
    }

    /// The spans that could stand in a sequence, beside the occasion.
    fn near_sequence(&self, sequence: &Sequence, occasion: &Member<'a>) -> Vec<&'a Member<'a>> {
        let within = sequence.within.map_or(0, |within| i128::from(within.0));
        let (first, last) = (sequence.steps.first().copied(), sequence.steps.last().copied());
        let is_near = |member: &&Member<'a>| {
            let since = member.end - occasion.end;
            let earliest = if first == self.about.trace.occasion() { 0 } else { -within };
            let latest = if last == self.about.trace.occasion() { 0 } else { within };
            earliest <= since && since <= latest
        };
        let others = sequence.steps.iter().filter(|step| Some(**step) != self.about.trace.occasion());
        others.flat_map(|step| self.of_step(*step)).filter(is_near).collect()
    }

    /// Of all chains of a sequence the one that ends first, of these the shortest, and of these the one whose spans stand
    /// nearest the occasion.
    fn best(&self, sequence: &Sequence, occasion: &'a Member<'a>) -> Option<Vec<&'a Member<'a>>> {
        let own = sequence.steps.iter().position(|step| Some(*step) == self.about.trace.occasion())?;
        let before: usize = sequence.steps[..own].iter().map(|step| self.number(*step)).sum();
        let slots: Vec<Vec<&'a Member<'a>>> = sequence
            .steps
            .iter()
            .flat_map(|step| {
                if Some(*step) == self.about.trace.occasion() {
                    vec![vec![occasion]]
                } else {
                    vec![self.of_step(*step); self.number(*step)]
                }
            })
            .collect();
        let mut chains: Vec<Vec<&'a Member<'a>>> = vec![Vec::new()];
        for slot in &slots {
            chains = chains
                .iter()
                .flat_map(|chain| {
                    let follows =
                        |member: &&&Member<'a>| chain.last().is_none_or(|last| place(last) < place(member));
                    let longer = |member: &&'a Member<'a>| [chain.as_slice(), &[*member]].concat();
                    slot.iter().filter(follows).map(longer).collect::<Vec<_>>()
                })
                .collect();
        }
        let within = sequence.within.map_or(0, |within| i128::from(within.0));
        chains.retain(|chain| chain[chain.len() - 1].end - chain[0].end <= within);
        chains.into_iter().min_by_key(|chain| {
            let (earlier, later) = chain.split_at(before);
            let from_occasion: Vec<_> =
                earlier.iter().rev().map(|member| std::cmp::Reverse(place(member))).collect();
            let to_end: Vec<_> = later.iter().map(|member| place(member)).collect();
            (place(chain[chain.len() - 1]), std::cmp::Reverse(place(chain[0])), from_occasion, to_end)
        })
    }
}
