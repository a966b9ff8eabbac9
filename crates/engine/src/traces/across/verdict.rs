//! Spans that belong together against a rule: which demands each occasion breaks, and at which moment. Pure.
//!
//! Spans stand in one order, by end, trace and id, and all that is asked is which of them stand before or behind an
//! occasion, and how far. So every demand is a search in the places of a step, and nothing is tried twice.

use std::cell::OnceCell;

use fluo_plan::direction::is_final;
use fluo_rules::trace::across::Around;
use fluo_rules::trace::{Demand, Forbidden, Sequence, TraceRule};
use fluo_time::TimeRange;

/// A span that can be a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    pub(super) end: i64,
    /// The steps that it can be, by their bits.
    pub(super) steps: u64,
}

impl Point {
    /// The order of spans.
    pub(super) fn place(&self) -> (i64, [u8; 16], [u8; 8]) {
        (self.end, self.trace, self.span)
    }
}

/// The spans that are known.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// All that ended up to then are there.
    pub(super) settled_to: i64,
    /// Returns whether spans that ended in a range may be missing for good.
    pub(super) is_damaged: &'a dyn Fn(TimeRange) -> bool,
}

/// An occasion that breaks a rule. Spans are given by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// The moment: of the demand of which it could be told first.
    pub(super) at: i64,
    /// The places of the broken demands, among those of the rule.
    pub(super) demands: Vec<usize>,
    pub(super) occasion: usize,
    /// The spans that show it: the occasion, then the first of the others.
    pub(super) evidence: Vec<usize>,
}

/// Spans that belong together, in order.
pub(super) struct Together<'a> {
    rule: &'a TraceRule,
    points: &'a [Point],
    /// By step: the places of the spans that can be it.
    of_steps: Vec<Vec<usize>>,
    /// The spans that must be there ended in these times.
    missing: Around,
    /// So many spans are shown of an occasion.
    most: usize,
}

impl<'a> Together<'a> {
    pub(super) fn of(rule: &'a TraceRule, points: &'a [Point], most: usize) -> Self {
        let can_be = |step: usize| (0..points.len()).filter(move |at| points[*at].steps >> step & 1 == 1);
        let of_steps = (0..rule.steps.len()).map(|step| can_be(step).collect()).collect();
        Self { rule, points, of_steps, missing: rule.around_missing(), most }
    }

    /// The demands that the occasions break, by occasion.
    pub(super) fn violations(&self, known: Known<'_>) -> Vec<Broken> {
        let occasions = self.rule.occasion().map_or(&[][..], |when| &self.of_steps[when]);
        occasions.iter().filter_map(|occasion| self.broken(*occasion, known)).collect()
    }

    fn broken(&self, occasion: usize, known: Known<'_>) -> Option<Broken> {
        let end = self.points[occasion].end;
        // What is missing may be still to come, or may have been lost.
        let must = TimeRange {
            from: end.saturating_sub(self.missing.before).saturating_add(1),
            to: end.saturating_add(self.missing.after),
        };
        let is_proof = OnceCell::new();
        let is_proof = || *is_proof.get_or_init(|| must.to <= known.settled_to && !(known.is_damaged)(must));
        // When what must not be there was, and whether something is missing.
        let (mut there, mut is_missing) = (None, false);
        let mut demands = Vec::new();
        let (mut of_there, mut of_missing) = (Vec::new(), Vec::new());
        for (number, demand) in self.rule.demands().enumerate() {
            let Some(shown) = self.breaks(demand, occasion) else { continue };
            if is_final(self.rule, demand) {
                let last = shown.iter().map(|at| self.points[*at].end).fold(end, i64::max);
                there = Some(there.map_or(last, |there: i64| there.min(last)));
                of_there.extend(shown);
            } else if is_proof() {
                is_missing = true;
                of_missing.extend(shown);
            } else {
                continue;
            }
            demands.push(number);
        }
        // What is missing is told once it can come no more, for the moment of the occasion. What is told first is shown.
        let (at, mut evidence) = match there.filter(|there| !is_missing || *there <= must.to) {
            Some(there) => (there, of_there),
            None => (end, of_missing),
        };
        if demands.is_empty() {
            return None;
        }
        evidence.retain(|at| *at != occasion);
        evidence.sort_unstable();
        evidence.dedup();
        evidence.truncate(self.most.saturating_sub(1));
        evidence.insert(0, occasion);
        Some(Broken { at, demands, occasion, evidence })
    }

    /// The spans that show that an occasion breaks a demand; `None` where it does not.
    fn breaks(&self, demand: Demand<'_>, occasion: usize) -> Option<Vec<usize>> {
        match demand {
            Demand::Always(step) => {
                let there = self.near(step, occasion);
                (there.len() < self.rule.steps[step].at_least as usize).then(|| there.to_vec())
            }
            Demand::Never(Forbidden::Step(step)) => {
                // Once there are enough of them, what comes after shows nothing more.
                let enough = self.rule.steps[*step].at_least as usize;
                self.near(*step, occasion).get(..enough).map(<[usize]>::to_vec)
            }
            Demand::Never(Forbidden::Sequence(sequence)) => self.chain(sequence, occasion),
            Demand::Sequence(sequence) => match self.chain(sequence, occasion) {
                Some(_) => None,
                None => Some(self.candidates(sequence, occasion)),
            },
            // There is no whole to count in.
            Demand::Condition(_) => None,
        }
    }

    /// The spans that can be a step, as near an occasion as it must be.
    fn near(&self, step: usize, occasion: usize) -> &[usize] {
        let near = self.rule.steps[step].near;
        let around = near.map_or(Around { before: 0, after: 0 }, |near| Around {
            before: near.before(),
            after: near.after(),
        });
        self.among(step, occasion, around)
    }

    /// The spans that can be a step, and ended in `(e − before, e + after]`.
    fn among(&self, step: usize, occasion: usize, around: Around) -> &[usize] {
        let (places, end) = (&self.of_steps[step], self.points[occasion].end);
        let up_to = |time: i64| places.partition_point(|at| self.points[*at].end <= time);
        let first = up_to(end.saturating_sub(around.before));
        let last = up_to(end.saturating_add(around.after));
        places.get(first..last).unwrap_or_default()
    }

    /// The chain of a sequence that ends first, and of these the shortest: before the occasion the latest spans that can
    /// stand there, behind it the earliest. Every other chain begins no later, or ends no earlier.
    fn chain(&self, sequence: &Sequence, occasion: usize) -> Option<Vec<usize>> {
        let own = sequence.steps.iter().position(|step| Some(*step) == self.rule.occasion())?;
        let (before, behind) = (&sequence.steps[..own], &sequence.steps[own + 1..]);
        let number = |step: usize| self.rule.steps[step].at_least as usize;
        let mut chain = vec![occasion];
        let mut place = occasion;
        for step in before.iter().rev() {
            let places = &self.of_steps[*step];
            let to = places.partition_point(|at| *at < place);
            let taken = &places[to.checked_sub(number(*step))?..to];
            place = *taken.first()?;
            chain.extend(taken);
        }
        let first = place;
        place = occasion;
        for step in behind {
            let places = &self.of_steps[*step];
            let from = places.partition_point(|at| *at <= place);
            let taken = places.get(from..from.checked_add(number(*step))?)?;
            place = *taken.last()?;
            chain.extend(taken);
        }
        let lasts = self.points[place].end.saturating_sub(self.points[first].end);
        sequence.within.is_none_or(|within| lasts <= within.0).then_some(chain)
    }

    /// The spans that can be steps of a sequence with an occasion, beside it.
    fn candidates(&self, sequence: &Sequence, occasion: usize) -> Vec<usize> {
        let around = self.rule.around_sequence(sequence);
        let others = sequence.steps.iter().filter(|step| Some(**step) != self.rule.occasion());
        others.flat_map(|step| self.among(*step, occasion, around).iter().take(self.most)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Spans that end at seconds, each with the steps that it can be, in order.
    fn points(points: &[(i64, u64)]) -> Vec<Point> {
        let point = |(at, (end, steps)): (usize, &(i64, u64))| Point {
            trace: [0; 16],
            span: (at as u64).to_be_bytes(),
            end: end * SECOND,
            steps: *steps,
        };
        points.iter().enumerate().map(point).collect()
    }

    /// Moment in seconds, demands and evidence of what the occasions break, where spans up to a second are known.
    fn broken(trace: &str, spans: &[(i64, u64)], settled_to: i64) -> Vec<(i64, Vec<usize>, Vec<usize>)> {
        let loaded = load(&[SourceFile::new("r.yml", format!("- {{name: r, trace: {trace}}}"))]);
        assert!(!loaded.is_partial(), "{trace}: {:?}", loaded.findings);
        let (rule, points) = (loaded.rules[0].trace().unwrap(), points(spans));
        let known = Known { settled_to: settled_to * SECOND, is_damaged: &|_| false };
        let of = |broken: Broken| (broken.at / SECOND, broken.demands, broken.evidence);
        Together::of(rule, &points, 10).violations(known).into_iter().map(of).collect()
    }

    /// The steps of the rules below, by their bits: the occasion, and one other.
    const OCCASION: u64 = 1;
    const OTHER: u64 = 2;

    #[test]
    fn a_step_is_as_near_as_it_says() {
        for (near, others, is_there) in [
            ("before: 10s", 90, false),
            ("before: 10s", 91, true),
            ("before: 10s", 100, true),
            ("before: 10s", 101, false),
            ("after: 10s", 100, false),
            ("after: 10s", 101, true),
            ("after: 10s", 110, true),
            ("after: 10s", 111, false),
            ("within: 10s", 90, false),
            ("within: 10s", 91, true),
            ("within: 10s", 110, true),
            ("within: 10s", 111, false),
        ] {
            let mut spans = vec![(100, OCCASION), (others, OTHER)];
            spans.sort_unstable();
            let always = format!("{{by: [k], when: {{name: a}}, always: [{{name: b, {near}}}]}}");
            assert_eq!(broken(&always, &spans, 1000).is_empty(), is_there, "always {near} {others}");
            let never = format!("{{by: [k], when: {{name: a}}, never: [{{name: b, {near}}}]}}");
            assert_eq!(!broken(&never, &spans, 0).is_empty(), is_there, "never {near} {others}");
        }
    }

    #[test]
    fn what_is_missing_waits_and_what_is_there_does_not() {
        let always = "{by: [k], when: {name: a}, always: [{name: b, after: 10s}]}";
        assert_eq!(broken(always, &[(100, OCCASION)], 109), []);
        assert_eq!(broken(always, &[(100, OCCASION)], 110), [(100, vec![0], vec![0])]);
        let never = "{by: [k], when: {name: a}, never: [{name: b, after: 10s, at_least: 2}]}";
        let there = [(100, OCCASION), (103, OTHER), (105, OTHER), (107, OTHER)];
        assert_eq!(broken(never, &there, 0), [(105, vec![0], vec![0, 1, 2])]);
        assert_eq!(broken(never, &there[..2], 0), []);
    }

    #[test]
    fn the_moment_is_that_of_what_is_told_first() {
        let both =
            "{by: [k], when: {name: a}, always: [{name: b, after: 10s}], never: [{name: c, after: 30s}]}";
        let forbidden = 4;
        let spans = |at: i64| [(100, OCCASION), (at, forbidden)];
        assert_eq!(broken(both, &spans(110), 109), [(110, vec![1], vec![0, 1])]);
        assert_eq!(broken(both, &spans(110), 110), [(110, vec![0, 1], vec![0, 1])], "it keeps its moment");
        assert_eq!(broken(both, &spans(111), 111), [(100, vec![0, 1], vec![0])], "as it was told at 110");
    }

    #[test]
    fn a_chain_ends_first_and_is_the_shortest_of_these() {
        let trace = "{by: [k], when: {name: a, as: a}, \
                      never: [{sequence: [{name: b, at_least: 2}, a, {name: c}], within: 20s}]}";
        let last = 4;
        let spans =
            [(80, OTHER), (90, OTHER), (95, OTHER), (100, OCCASION | OTHER), (105, last), (106, last)];
        // The occasion is itself, and not one of the two before it.
        assert_eq!(broken(trace, &spans, 0), [(105, vec![0], vec![3, 1, 2, 4])]);
        let longer = [(80, OTHER), (84, OTHER), (100, OCCASION), (105, last)];
        assert_eq!(broken(trace, &longer, 0), [], "it lasts 25 s");
        let too_few = [(95, OTHER), (100, OCCASION), (105, last)];
        assert_eq!(broken(trace, &too_few, 0), []);
    }

    #[test]
    fn of_spans_that_end_together_the_order_is_that_of_their_ids() {
        let trace = "{by: [k], when: {name: a, as: a}, sequence: [{name: b}, a], within: 20s}";
        assert_eq!(broken(trace, &[(100, OTHER), (100, OCCASION)], 1000), []);
        assert_eq!(broken(trace, &[(100, OCCASION), (100, OTHER)], 1000), [(100, vec![0], vec![0, 1])]);
    }

    #[test]
    fn a_sequence_that_the_occasion_ends_waits_for_nothing() {
        let ends = "{by: [k], when: {name: a, as: a}, sequence: [{name: b}, a], within: 20s}";
        assert_eq!(broken(ends, &[(100, OCCASION)], 99), []);
        assert_eq!(broken(ends, &[(100, OCCASION)], 100), [(100, vec![0], vec![0])]);
        let begins = "{by: [k], when: {name: a, as: a}, sequence: [a, {name: b}], within: 20s}";
        assert_eq!(broken(begins, &[(100, OCCASION)], 119), []);
        assert_eq!(broken(begins, &[(100, OCCASION)], 120), [(100, vec![0], vec![0])]);
    }
}
