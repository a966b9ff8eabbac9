//! The moments at which a trace is judged, and at which it violates its rule.

use std::collections::BTreeSet;

use super::About;
use super::candidates::{Known, is_selected};
use super::demands::{Verdict, is_final};
use super::members::Member;

/// A trace that violates its rule.
pub(super) struct Violation<'a> {
    /// The end of the span by which it is told.
    pub(super) at: i64,
    /// The spans that decide.
    pub(super) known: Known<'a>,
    /// The demands that they break.
    pub(super) verdict: Verdict<'a>,
}

/// The violations of one trace, in order of time. Without a watermark, all of its spans are there.
pub(super) fn violations<'a>(
    about: About<'a>,
    members: &'a [Member<'a>],
    watermark: Option<i128>,
) -> Vec<Violation<'a>> {
    let trace = Trace { about, members, watermark };
    let ends: BTreeSet<i64> = members.iter().map(|span| span.fields.end_ns).collect();
    let mut found: Vec<Violation<'a>> = Vec::new();
    for end in ends {
        let is_of_last =
            found.last().is_some_and(|last| i128::from(end) <= i128::from(last.at) + trace.longest());
        if !is_of_last {
            found.extend(trace.violation(end));
        }
    }
    found
}

struct Trace<'a> {
    about: About<'a>,
    members: &'a [Member<'a>],
    watermark: Option<i128>,
}

impl<'a> Trace<'a> {
    fn longest(&self) -> i128 {
        i128::from(self.about.trace.max_duration.0)
    }

    /// The spans that ended in `(after, to]`.
    fn ended(&self, after: i128, to: i128) -> Vec<&'a Member<'a>> {
        self.members.iter().filter(|span| after < span.end && span.end <= to).collect()
    }

    fn violation(&self, at: i64) -> Option<Violation<'a>> {
        let end = i128::from(at);
        let so_far = self.ended(end - self.longest(), end);
        let waited_for = self.is_quiet(end, &so_far) || self.is_timed_out(end, &so_far);
        let at_once = so_far.iter().any(|span| span.end == end && self.can_be_a_step(span));
        let of_occasions = (end - self.longest(), end);
        let before = self.ended(end - 2 * self.longest(), end);
        let broken = Known::new(self.about, before, of_occasions).verdict()?.broken;
        let demands = self.about.trace.demands().enumerate();
        let cannot_be_mended =
            demands.into_iter().any(|(at, demand)| broken.contains(&at) && is_final(self.about, demand));
        if !(waited_for || at_once && cannot_be_mended) {
            return None;
        }
        let all = self.ended(end - 2 * self.longest(), end + self.longest());
        let known = Known::new(self.about, all, of_occasions);
        let verdict = known.verdict()?;
        Some(Violation { at, known, verdict })
    }

    /// There is a root, and no span ends for a while.
    fn is_quiet(&self, end: i128, so_far: &[&Member<'a>]) -> bool {
        let settled = end + i128::from(self.about.trace.settle.0);
        so_far.iter().any(|span| span.parent.is_none()) && self.is_silent(end, settled)
    }

    /// There is no root, and none can come.
    fn is_timed_out(&self, end: i128, so_far: &[&Member<'a>]) -> bool {
        let Some(start) = so_far.iter().map(|span| span.start).min() else { return false };
        let told = end.max(start + self.longest());
        so_far.iter().all(|span| span.parent.is_some()) && self.is_silent(end, told)
    }

    /// No span ends in `(end, to]`, and all that ended up to then are there.
    fn is_silent(&self, end: i128, to: i128) -> bool {
        self.ended(end, to).is_empty() && self.watermark.is_none_or(|watermark| to <= watermark)
    }

    fn can_be_a_step(&self, span: &Member<'a>) -> bool {
        (0..self.about.trace.steps.len()).any(|step| is_selected(self.about, step, span))
    }
}
