//! Finds the alerts that are told together, as plainly as possible: every alert is held against every other, span by span.

use fluo_spans::span::Span;

/// An alert.
#[derive(Debug, Clone)]
pub struct Alert<'a> {
    /// Its name.
    pub name: String,
    /// Its first moment.
    pub starts_at: i64,
    /// The spans that show it.
    pub spans: Vec<&'a Span>,
    /// Its group, and its place in it, if it fires and was told before.
    pub told: Option<Place>,
}

/// A place among related alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the alert after which the group is called.
    pub group: String,
    /// The number of those before it.
    pub place: u64,
}

/// The place of every alert that is told for the first time, in their order; of the others as it was. `stored`: all spans.
pub fn places(alerts: &[Alert<'_>], stored: &[Span]) -> Vec<Place> {
    let mut group_of: Vec<usize> = (0..alerts.len()).collect();
    loop {
        let mut changed = false;
        for one in 0..alerts.len() {
            for other in 0..alerts.len() {
                if group_of[one] > group_of[other] && related(&alerts[one], &alerts[other]) {
                    group_of[one] = group_of[other];
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let mut places: Vec<Option<Place>> = alerts.iter().map(|alert| alert.told.clone()).collect();
    for group in 0..alerts.len() {
        let members: Vec<usize> = (0..alerts.len()).filter(|at| group_of[*at] == group).collect();
        let (old, new): (Vec<usize>, Vec<usize>) = members.iter().partition(|at| alerts[**at].told.is_some());
        let new = in_order(alerts, &new, stored);
        let Some(head) = new.first() else { continue };
        let earliest = old.iter().min_by_key(|at| (alerts[**at].starts_at, &alerts[**at].name));
        let of_earliest = earliest.and_then(|at| alerts[*at].told.clone()).map(|told| told.group);
        let name = of_earliest.unwrap_or_else(|| alerts[*head].name.clone());
        let last = old.iter().filter_map(|at| alerts[*at].told.as_ref()).filter(|told| told.group == name);
        let first = last.map(|told| told.place + 1).max().unwrap_or(0);
        for (at, place) in new.into_iter().zip(first..) {
            places[at] = Some(Place { group: name.clone(), place });
        }
    }
    // Every alert is of a group, and has a place in it.
    places.into_iter().flatten().collect()
}

fn related(one: &Alert<'_>, other: &Alert<'_>) -> bool {
    match (&one.told, &other.told) {
        (Some(one), Some(other)) => one.group == other.group,
        _ => one.spans.iter().any(|span| other.spans.iter().any(|other| other.trace_id == span.trace_id)),
    }
}

fn in_order(alerts: &[Alert<'_>], members: &[usize], stored: &[Span]) -> Vec<usize> {
    let lies_below = |one: usize, other: usize| depth_of_one(&alerts[one], &alerts[other], stored) > 0;
    let count = |is: &dyn Fn(usize) -> bool| members.iter().filter(|other| is(**other)).count();
    let mut order = members.to_vec();
    order.sort_by_key(|at| {
        let below_it = count(&|other| lies_below(other, *at));
        let above_it = count(&|other| lies_below(*at, other));
        (below_it, usize::MAX - above_it, alerts[*at].starts_at, alerts[*at].name.clone())
    });
    order
}

/// In how many more of the traces that both have one lies deeper than the other.
fn depth_of_one(one: &Alert<'_>, other: &Alert<'_>, stored: &[Span]) -> i64 {
    let mut traces: Vec<[u8; 16]> = one.spans.iter().map(|span| span.trace_id).collect();
    traces.sort_unstable();
    traces.dedup();
    let mut deeper = 0;
    for trace in traces {
        let (Some(one), Some(other)) = (first_to_end(one, trace), first_to_end(other, trace)) else {
            continue;
        };
        let (one, other) = (above(one, stored), above(other, stored));
        if one.last() == other.last() {
            deeper += i64::from(one.len() > other.len()) - i64::from(one.len() < other.len());
        }
    }
    deeper
}

fn first_to_end<'a>(alert: &Alert<'a>, trace: [u8; 16]) -> Option<&'a Span> {
    let spans = alert.spans.iter().copied().filter(|span| span.trace_id == trace);
    spans.min_by_key(|span| (span.end_ns, span.span_id))
}

/// The span, its parent, the parent of that, and so on, as far as they are known.
fn above(span: &Span, stored: &[Span]) -> Vec<[u8; 8]> {
    let mut chain = vec![span.span_id];
    let mut parent = span.parent_span_id;
    while let Some(found) = parent.and_then(|parent| {
        stored.iter().find(|other| other.trace_id == span.trace_id && other.span_id == parent)
    }) {
        chain.push(found.span_id);
        parent = found.parent_span_id;
    }
    chain
}
