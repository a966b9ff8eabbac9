//! Demands on traces, in words.

use std::fmt::Write as _;

use super::across::Near;
use super::spanset::{Operator, Returned, Spanset};
use super::{Demand, Forbidden, Sequence, TraceRule};
use crate::rule::GroupKey;
use crate::words::selector;

/// Returns a demand in words.
pub fn demand(trace: &TraceRule, demand: Demand<'_>) -> String {
    match demand {
        Demand::Always(at) => format!("{} with {}", number(trace, at, "a span"), step(trace, at)),
        Demand::Never(Forbidden::Step(at)) => {
            format!("{} with {}", number(trace, *at, "no span"), step(trace, *at))
        }
        Demand::Never(Forbidden::Sequence(sequence)) => format!("never {}", in_order(trace, sequence)),
        Demand::Sequence(sequence) => in_order(trace, sequence),
        Demand::Condition(condition) => format!("not ({})", condition.text),
    }
}

fn number(trace: &TraceRule, at: usize, one: &str) -> String {
    match trace.steps[at].at_least {
        1 => one.to_owned(),
        many if one.starts_with("no") => format!("fewer than {many} spans"),
        many => format!("{many} spans"),
    }
}

fn in_order(trace: &TraceRule, sequence: &Sequence) -> String {
    let name = |at: &usize| match (trace.occasion() == Some(*at), trace.steps[*at].at_least) {
        (true, _) => "the occasion".to_owned(),
        (false, 1) => format!("({})", step(trace, *at)),
        (false, many) => format!("{many} × ({})", step(trace, *at)),
    };
    let steps: Vec<String> = sequence.steps.iter().map(name).collect();
    let arrow = if sequence.overlap { ", started no earlier: " } else { ", then " };
    let within = sequence.within.map(|within| format!(", within {within}")).unwrap_or_default();
    format!("{}{within}", steps.join(arrow))
}

/// Returns the occasions in words.
pub fn occasions(trace: &TraceRule) -> String {
    match &trace.when {
        Some(when) => format!("every span with {}", spanset(trace, when)),
        None => "every trace".to_owned(),
    }
}

/// Returns the spans of a spanset in words. Operands that are more than one word stand in parentheses.
fn spanset(trace: &TraceRule, of: &Spanset<usize>) -> String {
    let (operator, left, right) = match of {
        Spanset::Filter(at) => return step(trace, *at),
        Spanset::Pair { operator, left, right } => (operator, spanset(trace, left), spanset(trace, right)),
    };
    match operator {
        Operator::Either => format!("({left}) or ({right})"),
        Operator::Both => format!("({left}) or ({right}), in traces that have both"),
        Operator::Related(kinship, Returned::Right) => {
            format!("({right}), {} of one with ({left})", kinship.as_str())
        }
        Operator::Related(kinship, Returned::Others) => {
            format!("({right}), {} of none with ({left})", kinship.as_str())
        }
        Operator::Related(kinship, Returned::Both) => {
            let kin = kinship.as_str();
            let article = if kin.starts_with('a') { "an" } else { "a" };
            format!("({left}) that has {article} {kin} with ({right}), and this {kin}")
        }
    }
}

/// Returns the spans of a step in words, with their relations to others.
pub fn step(trace: &TraceRule, at: usize) -> String {
    let step = &trace.steps[at];
    let mut text = selector(&step.selector);
    for tie in &step.ties {
        let other = &trace.steps[tie.to];
        let name = match (&other.name, trace.occasion() == Some(tie.to)) {
            (Some(name), _) => name.clone(),
            (None, true) => "the occasion".to_owned(),
            (None, false) => selector(&other.selector),
        };
        // Writing to a String does not fail.
        let _ = write!(text, ", {} {name}", tie.kind.as_str().replace('_', " "));
    }
    if let Some(within) = step.within {
        let _ = write!(text, ", at most {within} after the occasion");
    }
    match step.near {
        Some(Near::Before(nanos)) => {
            let _ = write!(text, ", ended with the occasion or less than {nanos} before it");
        }
        Some(Near::After(nanos)) => {
            let _ = write!(text, ", ended at most {nanos} after the occasion");
        }
        Some(Near::Within(nanos)) => {
            let _ = write!(text, ", ended less than {nanos} before the occasion or at most {nanos} after it");
        }
        None => {}
    }
    if step.by != trace.by {
        let _ = write!(text, ", by {}", keys(&step.by));
    }
    text
}

/// Returns keys as they are listed.
pub fn keys(keys: &[GroupKey]) -> String {
    keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>().join(", ")
}
