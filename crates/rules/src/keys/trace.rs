//! The keys of `trace:`.

use super::SELECTOR;
use super::key::{Key, MANY, Shape, Table, key};

pub(super) const TRACE: &[Key] = &[
    key(
        "by",
        Shape::Texts,
        None,
        "Spans with equal values of these fields belong together, whatever their trace. Left out: those of a trace do.",
    ),
    key(
        "when",
        Shape::Step,
        None,
        "The spans that are occasions: the rest must hold for each. As a text, TraceQL filters with its operators between them: `'{ name = \"a\" } > { status = error }'`. Left out: every trace is one occasion.",
    ),
    key("always", Shape::Steps, None, "Steps that must be in the trace."),
    key("never", Shape::Forbidden, None, "Steps, and sequences of steps, that must not be in the trace."),
    key(
        "sequence",
        Shape::Steps,
        None,
        "Steps that must occur in this order, each by a span of its own. The name of a step stands for that step.",
    ),
    key(
        "within",
        Shape::Duration { zero: false },
        None,
        "Longest time from the first step's start to the last one's end; with `by`, from the first one's end. Without a sequence: from the end of the occasion to the start of each `always` step; with `by`, to its end, either way.",
    ),
    key(
        "overlap",
        Shape::Bool,
        Some("false"),
        "Whether a step of the sequence may start once the one before has started, and not only once it has ended.",
    ),
    key("count", Shape::OneOrList(Table::StepCount), None, "Numbers of spans in the trace, by name."),
    key(
        "condition",
        Shape::Expression,
        None,
        "An expression over these numbers: a trace violates the rule where it holds.",
    ),
];

pub(super) const STEP_COUNT: &[Key] = &[
    key("of", Shape::Step, None, "The spans that are counted."),
    key("as", Shape::Text, None, "The name of their number, in conditions, templates and messages."),
];

pub(super) const FORBIDDEN_SEQUENCE: &[Key] = &[
    key("sequence", Shape::Steps, None, "Steps that must not occur in this order."),
    key(
        "within",
        Shape::Duration { zero: false },
        None,
        "Longest time from the first step's start to the last one's end; with `by`, from the first one's end.",
    ),
    key(
        "overlap",
        Shape::Bool,
        Some("false"),
        "Whether a step may start once the one before has started, and not only once it has ended.",
    ),
];

const OWN: [Key; 10] = [
    key("as", Shape::Text, None, "The name by which other steps refer to this one."),
    key("at_least", Shape::Integer { min: 1, max: MANY }, Some("1"), "So many different spans."),
    key(
        "within",
        Shape::Duration { zero: false },
        None,
        "Longest time from the end of the occasion to the start of this step; with `by`, to its end, either way.",
    ),
    key(
        "before",
        Shape::Duration { zero: false },
        None,
        "With `by`: the step ended with its occasion, or less than this before it.",
    ),
    key(
        "after",
        Shape::Duration { zero: false },
        None,
        "With `by`: the step ended later than its occasion, by this at most.",
    ),
    key(
        "by",
        Shape::Texts,
        None,
        "The fields under which this step carries the values of the rule's `by`, in the same order.",
    ),
    key("child_of", Shape::Text, None, "The name of the step whose span is the parent."),
    key("descendant_of", Shape::Text, None, "The name of the step whose span is an ancestor."),
    key("sibling_of", Shape::Text, None, "The name of the step whose span has the same parent."),
    key("follows", Shape::Text, None, "The name of the step whose span a link points to."),
];

/// A selector's keys, and those of a step.
pub(super) const STEP: &[Key] = &{
    let mut keys = [OWN[0]; SELECTOR.len() + OWN.len()];
    let mut at = 0;
    while at < keys.len() {
        keys[at] = if at < SELECTOR.len() { SELECTOR[at] } else { OWN[at - SELECTOR.len()] };
        at += 1;
    }
    keys
};

/// Returns whether a key is one of a step's own, and not of the selector of its spans.
pub(crate) fn is_of_step(name: &str) -> bool {
    OWN.iter().any(|key| key.name == name)
}
