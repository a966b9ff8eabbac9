//! One trace against one rule: which demands it breaks, and from when on that can be told. Pure.

use std::cell::{LazyCell, OnceCell};
use std::collections::VecDeque;

use fluo_alerts::value::Value;
use fluo_plan::direction::is_final;
use fluo_rules::condition::Written;
use fluo_rules::expr::Exact;
use fluo_rules::trace::spanset::Spanset;
use fluo_rules::trace::{Demand, Forbidden, Sequence, TraceRule};
use fluo_time::TimeRange;
use smallvec::{SmallVec, smallvec};

use super::chain::{Few, Fits, OfSlots, Order, Slot, Undecided, chain};
use super::light::{Family, Light};
use super::spanset::selected;

/// A violation of a rule by a trace. Spans are given by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// The moment of the violation: the end of the trace's last span when it could first be told.
    pub(super) at: i64,
    /// The places of the broken demands, among those of the rule.
    pub(super) demands: Vec<usize>,
    /// The counts, in the order of the rule.
    pub(super) counts: Vec<u64>,
    /// The span whose fields the violation has: the first occasion, else the root, else the first.
    pub(super) subject: usize,
    pub(super) root: Option<usize>,
    /// The parent of the span whose fields the violation has.
    pub(super) parent: Option<[u8; 8]>,
    /// Duration of the trace, in nanoseconds.
    pub(super) duration: i64,
    /// The spans of steps, found and broken, by start.
    pub(super) evidence: Vec<usize>,
}

/// The part of traces that is known.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// All spans that ended up to then are there.
    pub(super) settled_to: i64,
    /// Returns whether spans that ended in a range may be missing for good.
    pub(super) is_damaged: &'a dyn Fn(TimeRange) -> bool,
}

/// Finds the violations of a trace: its spans, by end and id.
pub(super) fn violations(
    rule: &TraceRule,
    spans: &[Light],
    known: Known<'_>,
) -> Result<Vec<Broken>, Undecided> {
    let mut found: Vec<Broken> = Vec::new();
    for stop in stops(rule, spans, known.settled_to)? {
        if found.last().is_some_and(|last| stop.end <= last.at.saturating_add(rule.max_duration.0)) {
            continue;
        }
        let before = scope(rule, spans, stop.end, stop.end);
        let then = look(rule, before, stop.end)?;
        // Where spans are missing, only what none of them could mend is broken.
        let around = TimeRange {
            from: stop.end.saturating_sub(rule.max_duration.0).saturating_add(1),
            to: stop.end.saturating_add(rule.max_duration.0),
        };
        let finally = (known.is_damaged)(around);
        if !then.is_broken(stop.at_once || finally) {
            continue;
        }
        // What came later may have mended it.
        let all = scope(rule, spans, stop.end, stop.end.saturating_add(rule.max_duration.0));
        let now = if all.len() == before.len() { then } else { look(rule, all, stop.end)? };
        if now.is_broken(finally) {
            found.push(now.told(stop.end, offset(spans, all), finally));
        }
    }
    Ok(found)
}

/// Returns whether a trace may break a rule, by the steps that its spans can be: `present`, all of them together;
/// `number`, by step, how many spans can be it, where that is known.
pub(super) fn may_break(rule: &TraceRule, present: u64, number: &dyn Fn(usize) -> Option<u64>) -> bool {
    let is_there = |step: usize| present >> step & 1 == 1;
    let can_be = |step: usize| is_there(step) && rule.steps[step].ties.iter().all(|tie| is_there(tie.to));
    // Each span that can be the step is one, for every occasion.
    let is_free = |step: usize| rule.steps[step].within.is_none() && rule.steps[step].ties.is_empty();
    let of_free = |step: usize| if is_free(step) { number(step) } else { None };
    let breaks = |demand: Demand<'_>| match demand {
        Demand::Always(at) => {
            let least = u64::from(rule.steps[at].at_least);
            !is_there(at) || !is_free(at) || of_free(at).map_or(least > 1, |number| number < least)
        }
        Demand::Never(Forbidden::Step(at)) => {
            let least = u64::from(rule.steps[*at].at_least);
            can_be(*at) && of_free(*at).is_none_or(|number| number >= least)
        }
        Demand::Never(Forbidden::Sequence(sequence)) => sequence.steps.iter().all(|step| can_be(*step)),
        Demand::Sequence(_) => true,
        Demand::Condition(condition) => {
            let numbers: Option<Vec<u64>> = rule.counts.iter().map(|count| of_free(count.of)).collect();
            numbers.is_none_or(|numbers| holds(rule, condition, &numbers))
        }
    };
    rule.when.as_ref().is_none_or(|when| when.may_have(&|step: &usize| is_there(*step)))
        && rule.demands().any(breaks)
}

/// Returns whether a condition over counts holds, of the counts in the order of the rule.
fn holds(rule: &TraceRule, condition: &Written, counts: &[u64]) -> bool {
    condition.expr.holds_exactly(&|name| {
        let at = rule.counts.iter().position(|count| count.name == name)?;
        Some(Exact::Int(i128::from(counts[at])))
    })
}

/// Returns whether spans of which no other is known break a rule.
pub(super) fn breaks(rule: &TraceRule, spans: &[Light]) -> Result<bool, Undecided> {
    Ok(look(rule, spans, i64::MAX)?.is_broken(false))
}

/// Returns whether a trace without a span of any step breaks a rule.
pub(super) fn concerns_every_trace(rule: &TraceRule) -> bool {
    !matches!(breaks(rule, &[]), Ok(false))
}

/// A moment at which a trace can be judged, by all of its spans up to then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stop {
    /// The end of the last of these spans.
    end: i64,
    /// The watermark at which it can be told.
    told_at: i64,
    /// For what no later span can mend; that can be told before the watermark.
    at_once: bool,
}

/// The moments at which a trace can be judged, in order. A trace is judged when it is quiet, if its root is there; else
/// when its first span started long ago; and with every span of a step, for what no later span can mend.
fn stops(rule: &TraceRule, spans: &[Light], settled_to: i64) -> Result<Vec<Stop>, Undecided> {
    let mut stops = Vec::new();
    let mut at_once = Vec::new();
    // The end of the last span without a parent; and those that started before all that came after them.
    let mut root: Option<i64> = None;
    let mut earliest: VecDeque<&Light> = VecDeque::new();
    for (at, span) in spans.iter().enumerate() {
        let next = spans.get(at + 1).map(|next| next.end);
        let from = span.end.saturating_sub(rule.max_duration.0);
        if span.parent.is_none() {
            root = Some(span.end);
        }
        while earliest.back().is_some_and(|last| last.start >= span.start) {
            earliest.pop_back();
        }
        earliest.push_back(span);
        while earliest.front().is_some_and(|first| first.end <= from) {
            earliest.pop_front();
        }
        if next == Some(span.end) {
            continue;
        }
        let told_at = if root.is_some_and(|root| root > from) {
            span.end.saturating_add(rule.settle.0)
        } else {
            let start = earliest.front().map_or(span.start, |first| first.start);
            start.saturating_add(rule.max_duration.0).max(span.end)
        };
        if next.is_none_or(|next| next > told_at) {
            stops.push(Stop { end: span.end, told_at, at_once: false });
        }
        let of_this_end = spans[..=at].iter().rev().take_while(|other| other.end == span.end);
        if of_this_end.clone().any(|span| span.steps != 0) {
            at_once.push(Stop { end: span.end, told_at: span.end, at_once: true });
        }
    }
    stops.retain(|stop: &Stop| stop.told_at <= settled_to);
    if asks_at_once(rule) {
        stops.extend(first_of(rule, spans, at_once)?);
        stops.sort_unstable();
    }
    Ok(stops)
}

/// Of stops for what no later span can mend, those that matter: of a trace that does not last too long, the first at which
/// a demand is broken.
fn first_of(rule: &TraceRule, spans: &[Light], at_once: Vec<Stop>) -> Result<Vec<Stop>, Undecided> {
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(at_once) };
    if last.end.saturating_sub(first.end) >= rule.max_duration.0 {
        return Ok(at_once);
    }
    let is_broken =
        |stop: &Stop| Ok(look(rule, scope(rule, spans, stop.end, stop.end), stop.end)?.is_broken(true));
    let (mut from, mut to) = (0, at_once.len());
    while from < to {
        let middle = from.midpoint(to);
        if is_broken(&at_once[middle])? {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    Ok(at_once.get(from).copied().into_iter().collect())
}

fn asks_at_once(rule: &TraceRule) -> bool {
    rule.demands().any(|demand| is_final(rule, demand))
}

/// The spans that are looked at together with an occasion that ended at most the longest duration before a moment: those
/// that ended less than that before it, and none after `to`.
fn scope<'a>(rule: &TraceRule, spans: &'a [Light], moment: i64, to: i64) -> &'a [Light] {
    let from = moment.saturating_sub(rule.max_duration.0).saturating_sub(rule.max_duration.0);
    let first = spans.partition_point(|span| span.end <= from);
    let last = spans.partition_point(|span| span.end <= to);
    &spans[first..last]
}

/// The place of the first span of a part.
fn offset(spans: &[Light], part: &[Light]) -> usize {
    part.first().map_or(0, |first| spans.partition_point(|span| (span.end, span.id) < (first.end, first.id)))
}

/// The outcome of a look at some spans.
struct Looked<'a> {
    rule: &'a TraceRule,
    spans: &'a [Light],
    /// The first occasion.
    occasion: Option<usize>,
    /// By demand: whether it is broken.
    broken: SmallVec<[bool; 8]>,
    /// Of the first occasion that breaks a demand.
    counts: Vec<u64>,
    evidence: Vec<usize>,
}

impl Looked<'_> {
    /// Returns whether a demand is broken; `finally`: one that no later span can mend.
    fn is_broken(&self, finally: bool) -> bool {
        let mut demands = self.rule.demands().zip(&self.broken);
        demands.any(|(demand, broken)| *broken && (!finally || is_final(self.rule, demand)))
    }

    /// From the first start to the last end.
    fn duration(&self) -> i64 {
        let start = self.spans.iter().map(|span| span.start).min();
        let end = self.spans.last().map(|span| span.end);
        start.zip(end).map_or(0, |(start, end)| end.saturating_sub(start))
    }

    /// The violation that it is, of spans that begin at a place. `finally`: of what no span could mend.
    fn told(&self, at: i64, offset: usize, finally: bool) -> Broken {
        let by_start = |of: &mut dyn Iterator<Item = usize>| {
            of.min_by_key(|at| (self.spans[*at].start, self.spans[*at].end, self.spans[*at].id))
        };
        let all = 0..self.spans.len();
        let root = by_start(&mut all.clone().filter(|at| self.spans[*at].parent.is_none()));
        let subject = self.occasion.or(root).or_else(|| by_start(&mut all.clone())).unwrap_or(0);
        let demands = self
            .rule
            .demands()
            .enumerate()
            .filter(|(at, demand)| self.broken[*at] && (!finally || is_final(self.rule, *demand)));
        let mut evidence = self.evidence.clone();
        if evidence.is_empty() {
            evidence.push(subject);
        }
        evidence.sort_unstable_by_key(|at| (self.spans[*at].start, self.spans[*at].end, self.spans[*at].id));
        evidence.dedup();
        Broken {
            at,
            demands: demands.map(|(at, _)| at).collect(),
            counts: self.counts.clone(),
            subject: subject + offset,
            root: root.map(|root| root + offset),
            parent: self.spans.get(subject).and_then(|subject| subject.parent),
            duration: self.duration(),
            evidence: evidence.into_iter().map(|at| at + offset).collect(),
        }
    }
}

/// Looks at the occasions among some spans that ended at most the longest duration before a moment, and not after it.
fn look<'a>(rule: &'a TraceRule, spans: &'a [Light], moment: i64) -> Result<Looked<'a>, Undecided> {
    let mut looked = Looked {
        rule,
        spans,
        occasion: None,
        broken: smallvec![false; rule.demands().count()],
        counts: Vec::new(),
        evidence: Vec::new(),
    };
    let eye = Eye { rule, spans, family: OnceCell::new() };
    let Some(when) = &rule.when else {
        eye.occasion(None, &mut looked)?;
        return Ok(looked);
    };
    let mut occasions = eye.occasions(when);
    if moment < i64::MAX {
        let from = moment.saturating_sub(rule.max_duration.0);
        occasions.retain(|at| from < spans[*at].end && spans[*at].end <= moment);
    }
    occasions.sort_by_key(|at| (spans[*at].start, spans[*at].end, spans[*at].id));
    looked.occasion = occasions.first().copied();
    // A demand that is not about the occasion itself is the same for each.
    let own: LazyCell<Vec<bool>, _> =
        LazyCell::new(|| rule.demands().map(|demand| depends(rule, demand)).collect());
    for (number, occasion) in occasions.into_iter().enumerate() {
        if number > 0 && own.iter().zip(&looked.broken).all(|(own, broken)| !own || *broken) {
            break;
        }
        eye.occasion(Some((occasion, number > 0)), &mut looked)?;
    }
    Ok(looked)
}

/// Returns whether a demand is looked at once per occasion.
fn depends(rule: &TraceRule, demand: Demand<'_>) -> bool {
    let occasion = rule.occasion();
    let of_step = |step: usize| {
        occasion.is_some_and(|when| rule.is_tied(step, when))
            || rule.leads_to(step, |_, step| step.within.is_some())
    };
    let in_order =
        |sequence: &Sequence| sequence.steps.iter().any(|step| Some(*step) == occasion || of_step(*step));
    match demand {
        Demand::Always(step) => of_step(step),
        Demand::Never(Forbidden::Step(step)) => of_step(*step),
        Demand::Never(Forbidden::Sequence(sequence)) | Demand::Sequence(sequence) => in_order(sequence),
        Demand::Condition(_) => rule.counts.iter().any(|count| of_step(count.of)),
    }
}

/// A look at some spans.
struct Eye<'a> {
    rule: &'a TraceRule,
    spans: &'a [Light],
    family: OnceCell<Family<'a>>,
}

impl<'a> Eye<'a> {
    fn family(&self) -> &Family<'a> {
        self.family.get_or_init(|| Family::of(self.spans))
    }

    /// Looks at one occasion: its span, and whether another was looked at before; none where the trace is the occasion.
    fn occasion(&self, occasion: Option<(usize, bool)>, looked: &mut Looked<'a>) -> Result<(), Undecided> {
        let rule = self.rule;
        let (span, again) = occasion.map_or((None, false), |(span, again)| (Some(span), again));
        let was_whole = !looked.is_broken(false);
        let counts: Vec<u64> =
            rule.counts.iter().map(|count| self.candidates(count.of, span).len() as u64).collect();
        for (at, demand) in rule.demands().enumerate() {
            if looked.broken[at] || (again && !depends(rule, demand)) {
                continue;
            }
            looked.broken[at] = self.is_broken(demand, span, &counts)?;
        }
        // What is told is of the first occasion that breaks something.
        if was_whole && (looked.is_broken(false) || !again) {
            looked.counts = counts;
        }
        if was_whole && looked.is_broken(false) {
            let demands = rule.demands().enumerate();
            let shown = demands.flat_map(|(at, demand)| self.evidence(demand, looked.broken[at], span));
            looked.evidence = shown.chain(span).collect();
        }
        Ok(())
    }

    fn is_broken(
        &self,
        demand: Demand<'_>,
        occasion: Option<usize>,
        counts: &[u64],
    ) -> Result<bool, Undecided> {
        let are_there =
            |step: usize| self.candidates(step, occasion).len() >= self.rule.steps[step].at_least as usize;
        Ok(match demand {
            Demand::Always(step) => !are_there(step),
            Demand::Never(Forbidden::Step(step)) => are_there(*step),
            Demand::Never(Forbidden::Sequence(sequence)) => self.in_order(sequence, occasion)?.is_some(),
            Demand::Sequence(sequence) => self.in_order(sequence, occasion)?.is_none(),
            Demand::Condition(condition) => holds(self.rule, condition, counts),
        })
    }

    /// The spans that show what became of a demand: of one that is broken, and the steps that had to be there.
    fn evidence(&self, demand: Demand<'_>, is_broken: bool, occasion: Option<usize>) -> Few {
        match demand {
            Demand::Always(step) => self.candidates(step, occasion),
            _ if !is_broken => Few::new(),
            Demand::Never(Forbidden::Step(step)) => self.candidates(*step, occasion),
            Demand::Never(Forbidden::Sequence(sequence)) | Demand::Sequence(sequence) => {
                let steps = sequence.steps.iter().filter(|step| self.rule.occasion() != Some(**step));
                steps.flat_map(|step| self.candidates(*step, occasion)).collect()
            }
            Demand::Condition(condition) => {
                let named = condition.expr.aggregates();
                let counts = self.rule.counts.iter().filter(|count| named.contains(&count.name.as_str()));
                counts.flat_map(|count| self.candidates(count.of, occasion)).collect()
            }
        }
    }

    /// The spans that are occasions.
    fn occasions(&self, when: &Spanset<usize>) -> Few {
        if let Some(step) = when.filter() {
            return self.candidates(*step, None);
        }
        let of_step = |step: usize| places(self.spans.len(), self.candidates(step, None));
        let is_one = selected(when, &of_step, &|| self.family());
        (0..self.spans.len()).filter(|at| is_one[*at]).collect()
    }

    /// The spans that can be a step, for an occasion.
    fn candidates(&self, step: usize, occasion: Option<usize>) -> Few {
        let of_rule = &self.rule.steps[step];
        let mut found: Few = (0..self.spans.len()).filter(|at| self.spans[*at].is(step)).collect();
        if let (Some(within), Some(occasion)) = (of_rule.within, occasion) {
            let latest = self.spans[occasion].end.saturating_add(within.0);
            found.retain(|at| self.spans[*at].start <= latest);
        }
        for tie in &of_rule.ties {
            if found.is_empty() {
                break;
            }
            let to = match occasion.filter(|_| self.rule.occasion() == Some(tie.to)) {
                Some(occasion) => smallvec![occasion],
                None => self.candidates(tie.to, occasion),
            };
            let is_one = places(self.spans.len(), to);
            found.retain(|at| self.family().to_any(tie.kind, *at, &|other| is_one[other]));
        }
        found
    }

    /// Finds spans that stand in order, for an occasion.
    fn in_order(&self, sequence: &Sequence, occasion: Option<usize>) -> Result<Option<OfSlots>, Undecided> {
        let steps = &sequence.steps;
        let slot = |step: &usize| {
            if let Some(occasion) = occasion.filter(|_| self.rule.occasion() == Some(*step)) {
                return Slot { candidates: smallvec![occasion], number: 1 };
            }
            let number = self.rule.steps[*step].at_least;
            Slot { candidates: self.candidates(*step, occasion), number }
        };
        let slots: SmallVec<[Slot; 3]> = steps.iter().map(slot).collect();
        let order = Order { within: sequence.within.map(|within| within.0), overlap: sequence.overlap };
        // Ties between its own steps are between the very spans that stand in it.
        let place = |step: usize| steps.iter().position(|other| *other == step);
        let ties: Vec<(usize, usize, _)> = steps
            .iter()
            .enumerate()
            .flat_map(|(at, step)| self.rule.steps[*step].ties.iter().map(move |tie| (at, tie)))
            .filter(|(_, tie)| self.rule.occasion() != Some(tie.to))
            .filter_map(|(at, tie)| Some((at, place(tie.to)?, tie.kind)))
            .collect();
        if ties.is_empty() {
            return chain(self.spans, &slots, order, None);
        }
        let is_tied = |kind, span: usize, others: &[usize]| {
            others.iter().any(|other| self.family().related(kind, span, *other))
        };
        let fits = Fits {
            one: &|slot, span, chosen| {
                let mut behind = ties.iter().filter(|(from, to, _)| *from == slot && to < from);
                behind.all(|(_, to, kind)| is_tied(*kind, span, &chosen[*to]))
            },
            all: &|chosen| {
                let mut ahead = ties.iter().filter(|(from, to, _)| to > from);
                ahead.all(|(from, to, kind)| {
                    chosen[*from].iter().all(|span| is_tied(*kind, *span, &chosen[*to]))
                })
            },
        };
        chain(self.spans, &slots, order, Some(fits))
    }
}

/// Of so many spans, whether each is one of some.
fn places(number: usize, some: Few) -> Vec<bool> {
    let mut is_one = vec![false; number];
    for at in some {
        is_one[at] = true;
    }
    is_one
}

/// The values of counts, by name.
pub(super) fn values(rule: &TraceRule, counts: &[u64]) -> Vec<(String, Value)> {
    let named = rule.counts.iter().zip(counts);
    named.map(|(count, number)| (count.name.clone(), Value::Int(i128::from(*number)))).collect()
}
