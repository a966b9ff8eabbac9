//! The checked form of `trace:`: what a whole request must do, and must not.
//!
//! Every span that a rule asks for is a [`Step`]. Steps stand in one list; all else refers to them by their places.
//! With `by`, the same words are about spans that belong together without sharing a trace.

pub mod across;
pub mod spanset;
pub mod words;

use fluo_time::Nanos;

use crate::condition::Written;
use crate::rule::{Aggregate, GroupKey, Selector};
use across::Near;
use spanset::Spanset;

/// A trace must be quiet for this long before it is judged, if the rule does not say.
pub const SETTLE: Nanos = Nanos(30 * Nanos::SECOND.0);

/// The longest time from a trace's first span to its last, where the rule does not say.
pub const MAX_TRACE_DURATION: Nanos = Nanos(15 * Nanos::MINUTE.0);

/// The most steps of a rule.
pub const MAX_STEPS: usize = 64;

/// The name of the aggregate that a rule about traces has where it declares none.
pub const TRACES: &str = "traces";

/// The demands on each trace. At least one of `always`, `never`, `sequence` and `condition` says something.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceRule {
    /// All steps, in the order of the file; at most [`MAX_STEPS`].
    pub steps: Vec<Step>,
    /// The spans that are occasions, by steps; where there are none, every trace is one occasion.
    pub when: Option<Spanset<usize>>,
    /// The steps that must be there.
    pub always: Vec<usize>,
    /// Steps and sequences that must not be there.
    pub never: Vec<Forbidden>,
    /// Steps that must occur in order.
    pub sequence: Option<Sequence>,
    /// Numbers of spans, by name.
    pub counts: Vec<StepCount>,
    /// A condition over `counts`: a trace violates the rule where it holds.
    pub condition: Option<Written>,
    /// Spans with equal values of these belong together, whatever their trace; where there are none, those of a trace do.
    pub by: Vec<GroupKey>,
    /// A trace must be quiet for this long before it is judged. With `by` there is none: zero.
    pub settle: Nanos,
    /// An occasion that ended longer than this before a violation is not part of it, nor is a span that ended longer
    /// after it. A trace in which every span has a parent is judged this long after its first span started. With `by`
    /// there is none: zero.
    pub max_duration: Nanos,
}

/// Spans that a rule about traces asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The name that others refer to it by.
    pub name: Option<String>,
    /// The spans that can be the step.
    pub selector: Selector,
    /// Their relations to spans of other steps.
    pub ties: Vec<Tie>,
    /// So many different spans, one at least.
    pub at_least: u32,
    /// It must start at most this long after its occasion ended.
    pub within: Option<Nanos>,
    /// With `by`: how near the occasion it must end.
    pub near: Option<Near>,
    /// With `by`: the keys under which its spans carry the values of the rule's, one for each.
    pub by: Vec<GroupKey>,
}

impl Step {
    /// A step of any spans that a selector selects.
    pub fn of(selector: Selector) -> Self {
        Self { name: None, selector, ties: Vec::new(), at_least: 1, within: None, near: None, by: Vec::new() }
    }
}

/// A relation to a span of another step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tie {
    /// The relation.
    pub kind: TieKind,
    /// The place of the other step.
    pub to: usize,
}

/// A relation of a span to another of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TieKind {
    /// The other is its parent.
    ChildOf,
    /// The other is its parent, or an ancestor of its parent.
    DescendantOf,
    /// The other has the same parent id, and is another span.
    SiblingOf,
    /// It has a link to the other.
    Follows,
}

impl TieKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ChildOf, Self::DescendantOf, Self::SiblingOf, Self::Follows];

    /// The key in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChildOf => "child_of",
            Self::DescendantOf => "descendant_of",
            Self::SiblingOf => "sibling_of",
            Self::Follows => "follows",
        }
    }
}

/// A step or a sequence that must not be in a trace.
#[derive(Debug, Clone, PartialEq)]
pub enum Forbidden {
    /// A step.
    Step(usize),
    /// Steps in order.
    Sequence(Sequence),
}

/// Steps in order, each by a span of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Their places, two at least. The place of [`TraceRule::occasion`] stands for the occasion itself.
    pub steps: Vec<usize>,
    /// Longest time from the first step's start to the last one's end; with `by`, from the first one's end.
    pub within: Option<Nanos>,
    /// A step may start once the one before has started, and not only once it has ended.
    pub overlap: bool,
}

/// The number of a step's spans in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCount {
    /// Its name.
    pub name: String,
    /// The place of the step.
    pub of: usize,
}

impl StepCount {
    /// Returns it as a condition sees it: a number that more spans make larger.
    pub fn as_aggregate(&self) -> Aggregate {
        Aggregate { name: self.name.clone(), ..Aggregate::implied_count() }
    }
}

impl TraceRule {
    /// Everything that can be broken, as `failed` names it, in the order in which it is told.
    pub fn demands(&self) -> impl Iterator<Item = Demand<'_>> {
        let always = self.always.iter().map(|step| Demand::Always(*step));
        let never = self.never.iter().map(Demand::Never);
        let sequence = self.sequence.iter().map(Demand::Sequence);
        let condition = self.condition.iter().map(Demand::Condition);
        always.chain(never).chain(sequence).chain(condition)
    }

    /// The name of a demand, by its place among [`Self::demands`]: `always[0]`, `never[1]`, `sequence`, `condition`.
    pub fn demand_name(&self, at: usize) -> String {
        let (always, never) = (self.always.len(), self.never.len());
        if at < always {
            format!("always[{at}]")
        } else if at < always + never {
            format!("never[{}]", at - always)
        } else if at == always + never && self.sequence.is_some() {
            "sequence".to_owned()
        } else {
            "condition".to_owned()
        }
    }

    /// The step of which every span is an occasion; none where occasions are selected by their relations, or are traces.
    pub fn occasion(&self) -> Option<usize> {
        self.when.as_ref().and_then(Spanset::filter).copied()
    }

    /// Returns whether `when` relates spans to one another.
    pub fn has_related_occasions(&self) -> bool {
        self.when.as_ref().is_some_and(Spanset::is_structural)
    }

    /// Returns whether steps are related by structure in some way.
    pub fn is_tied_by(&self, is: impl Fn(TieKind) -> bool) -> bool {
        self.steps.iter().flat_map(|step| &step.ties).any(|tie| is(tie.kind))
    }

    /// Returns whether a step leads, by its ties and those of the steps that it is tied to, to the step at `to`.
    pub fn is_tied(&self, step: usize, to: usize) -> bool {
        self.steps[step].ties.iter().any(|tie| self.leads_to(tie.to, |at, _| at == to))
    }

    /// Returns whether a step, or one that it leads to by ties, is one that is sought.
    pub fn leads_to(&self, step: usize, is_sought: impl Fn(usize, &Step) -> bool) -> bool {
        let mut seen = vec![false; self.steps.len()];
        let mut ahead = vec![step];
        while let Some(at) = ahead.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            if is_sought(at, &self.steps[at]) {
                return true;
            }
            ahead.extend(self.steps[at].ties.iter().map(|tie| tie.to));
        }
        false
    }
}

/// One thing that a trace must do, or must not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand<'a> {
    /// This step is there.
    Always(usize),
    /// This is not there.
    Never(&'a Forbidden),
    /// This occurs in order.
    Sequence(&'a Sequence),
    /// This does not hold of the counts.
    Condition(&'a Written),
}
