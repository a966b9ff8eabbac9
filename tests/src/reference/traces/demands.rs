//! Demands on a trace: those that it breaks, and the spans that show it.

use std::collections::BTreeSet;

use fluo_rules::expr::Expr;
use fluo_rules::rule::{Aggregate, Rule};
use fluo_rules::trace::{Demand, Forbidden, Sequence, StepCount};

use super::About;
use super::candidates::{Known, Occasion};
use super::members::Member;
use super::spansets;
use crate::reference::datum::Datum;
use crate::reference::expression::{self, Environment};
use crate::reference::number::Number;
use crate::reference::{evidence, exactness};

/// The faults of a trace.
pub(super) struct Verdict<'a> {
    /// The places of the demands that one of its occasions breaks.
    pub(super) broken: BTreeSet<usize>,
    /// The numbers of spans, as the first occasion that breaks one has them.
    pub(super) counts: Vec<usize>,
    /// The spans of that occasion's steps, in order.
    pub(super) evidence: Vec<&'a Member<'a>>,
}

impl<'a> Known<'a> {
    /// Returns what the spans break; `None` where they break nothing.
    pub(super) fn verdict(&self) -> Option<Verdict<'a>> {
        let of_occasions: Vec<(Occasion<'a>, BTreeSet<usize>)> =
            self.occasions().into_iter().map(|occasion| (occasion, self.broken_by(occasion))).collect();
        let (first, broken_by_first) = of_occasions.iter().find(|(_, broken)| !broken.is_empty())?;
        Some(Verdict {
            broken: of_occasions.iter().flat_map(|(_, broken)| broken).copied().collect(),
            counts: self.about.trace.counts.iter().map(|count| self.number(count, *first)).collect(),
            evidence: self.evidence(*first, broken_by_first),
        })
    }

    fn broken_by(&self, occasion: Occasion<'a>) -> BTreeSet<usize> {
        let demands = self.about.trace.demands().enumerate();
        demands.filter(|(_, demand)| self.breaks(*demand, occasion)).map(|(at, _)| at).collect()
    }

    fn breaks(&self, demand: Demand<'_>, occasion: Occasion<'a>) -> bool {
        let are_there = |step: usize| {
            self.candidates(step, occasion).len() >= self.about.trace.steps[step].at_least as usize
        };
        let occurs = |sequence: &Sequence| !self.ways(sequence, occasion).is_empty();
        match demand {
            Demand::Always(step) => !are_there(step),
            Demand::Never(Forbidden::Step(step)) => are_there(*step),
            Demand::Never(Forbidden::Sequence(sequence)) => occurs(sequence),
            Demand::Sequence(sequence) => !occurs(sequence),
            Demand::Condition(condition) => {
                let value = |name: &str| {
                    let count = self.about.trace.counts.iter().find(|count| count.name == name)?;
                    let number = i128::try_from(self.number(count, occasion)).ok()?;
                    Some(Datum::Number(Number::Int(number)))
                };
                expression::holds(&condition.expr, &Environment::Window(&value))
            }
        }
    }

    fn number(&self, count: &StepCount, occasion: Occasion<'a>) -> usize {
        self.candidates(count.of, occasion).len()
    }

    fn evidence(&self, occasion: Occasion<'a>, broken: &BTreeSet<usize>) -> Vec<&'a Member<'a>> {
        let step = |at: usize| self.candidates(at, occasion);
        let of_demand = |(at, demand): (usize, Demand<'_>)| match demand {
            Demand::Always(at) => step(at),
            _ if !broken.contains(&at) => Vec::new(),
            Demand::Never(Forbidden::Step(at)) => step(*at),
            Demand::Never(Forbidden::Sequence(sequence)) | Demand::Sequence(sequence) => {
                let is_when = |at: &usize| self.about.is_occasion(*at);
                sequence.steps.iter().filter(|at| !is_when(at)).flat_map(|at| step(*at)).collect()
            }
            Demand::Condition(condition) => {
                let named = evidence::names_in(&condition.expr);
                let counts = self.about.trace.counts.iter().filter(|count| named.contains(&count.name));
                counts.flat_map(|count| step(count.of)).collect()
            }
        };
        let mut spans: Vec<&Member<'a>> =
            self.about.trace.demands().enumerate().flat_map(of_demand).chain(occasion).collect();
        if spans.is_empty() {
            spans.extend(self.of_row());
        }
        spans.sort_by_key(|span| span.place());
        spans.dedup_by(|left, right| left.is(right));
        spans
    }

    /// The span whose fields the trace's row has.
    pub(super) fn of_row(&self) -> Option<&'a Member<'a>> {
        match self.about.trace.when {
            Some(_) => self.occasions().into_iter().flatten().next(),
            None => self.root().or_else(|| self.spans().first().copied()),
        }
    }
}

/// Returns whether no later span can mend the demand once it is broken.
pub(super) fn is_final(about: About<'_>, demand: Demand<'_>) -> bool {
    // A span that comes later may be the one that an occasion must not be related to.
    if about.trace.when.as_ref().is_some_and(spansets::negates) {
        return false;
    }
    match demand {
        Demand::Always(_) | Demand::Sequence(_) => false,
        Demand::Never(_) => true,
        Demand::Condition(condition) => only_gains(about, &condition.expr),
    }
}

/// A count of spans of a trace moves as one of a window does.
fn only_gains(about: About<'_>, condition: &Expr) -> bool {
    let counts = about.trace.counts.iter();
    let aggregates = counts.map(|count| Aggregate { name: count.name.clone(), ..Aggregate::implied_count() });
    exactness::only_gains(&Rule { aggregates: aggregates.collect(), ..about.rule.clone() }, condition)
}
