//! Sequences: all choices of spans are tried.

use fluo_rules::trace::Sequence;

use super::candidates::{Known, Occasion};
use super::members::Member;

/// The spans of each step, in the order of the sequence.
type Way<'a> = Vec<Vec<&'a Member<'a>>>;

impl<'a> Known<'a> {
    /// Every way in which the sequence occurs.
    pub(super) fn ways(&self, sequence: &Sequence, occasion: Occasion<'a>) -> Vec<Way<'a>> {
        let mut ways: Vec<Way<'a>> = vec![Vec::new()];
        for at in &sequence.steps {
            let (candidates, number) = match occasion {
                Some(occasion) if self.about.is_occasion(*at) => (vec![occasion], 1),
                _ => (self.candidates(*at, occasion), self.about.trace.steps[*at].at_least as usize),
            };
            let choices = choices(&candidates, number);
            ways = ways
                .iter()
                .flat_map(|way| {
                    choices.iter().map(move |choice| [way.as_slice(), std::slice::from_ref(choice)].concat())
                })
                .filter(|way| is_in_order(way, sequence.overlap) && no_span_stands_twice(way))
                .collect();
        }
        ways.retain(|way| is_within(way, sequence) && self.is_tied_in_itself(way, sequence));
        ways
    }

    /// Returns whether steps of the sequence that are tied to each other are so by the spans that stand in it.
    fn is_tied_in_itself(&self, way: &Way<'a>, sequence: &Sequence) -> bool {
        sequence.steps.iter().zip(way).all(|(at, spans)| {
            self.about.trace.steps[*at].ties.iter().all(|tie| {
                let others: Vec<_> = sequence
                    .steps
                    .iter()
                    .zip(way)
                    .filter(|(other, _)| **other == tie.to)
                    .flat_map(|(_, others)| others)
                    .collect();
                others.is_empty()
                    || spans
                        .iter()
                        .all(|span| others.iter().any(|other| self.is_related(tie.kind, span, other)))
            })
        })
    }
}

/// Every choice of so many different spans.
fn choices<'a>(spans: &[&'a Member<'a>], number: usize) -> Vec<Vec<&'a Member<'a>>> {
    match (number, spans) {
        (0, _) => vec![Vec::new()],
        (_, []) => Vec::new(),
        (_, [first, rest @ ..]) => {
            let with_first = choices(rest, number - 1).into_iter().map(|mut choice| {
                choice.insert(0, *first);
                choice
            });
            with_first.chain(choices(rest, number)).collect()
        }
    }
}

fn is_in_order(way: &Way<'_>, overlap: bool) -> bool {
    way.windows(2).all(|pair| {
        pair[1].iter().all(|span| {
            pair[0].iter().all(|before| span.start >= if overlap { before.start } else { before.end })
        })
    })
}

fn no_span_stands_twice(way: &Way<'_>) -> bool {
    let spans: Vec<_> = way.iter().flatten().collect();
    spans.iter().enumerate().all(|(at, span)| spans[..at].iter().all(|before| !before.is(span)))
}

fn is_within(way: &Way<'_>, sequence: &Sequence) -> bool {
    let Some(within) = sequence.within else { return true };
    let start = way.first().into_iter().flatten().map(|span| span.start).min();
    let end = way.last().into_iter().flatten().map(|span| span.end).max();
    start.zip(end).is_none_or(|(start, end)| end - start <= i128::from(within.0))
}
