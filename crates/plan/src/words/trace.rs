//! A rule about traces in words.

use fluo_rules::trace::{Demand, Forbidden, Sequence, TraceRule};

use super::selector;
use crate::direction::stays_true;

/// What is an occasion, what is demanded, and when it is judged.
pub(super) fn lines(trace: &TraceRule) -> Vec<String> {
    let mut lines = vec![match trace.when {
        Some(when) => format!("Occasion  every span with {}", step(trace, when)),
        None => "Occasion  every trace".to_owned(),
    }];
    for (at, demand) in trace.demands().enumerate() {
        lines.push(format!("Demands   {}: {}", trace.demand_name(at), self::demand(trace, demand)));
    }
    for count in &trace.counts {
        lines.push(format!("Counts    {} = spans with {}", count.name, step(trace, count.of)));
    }
    let at_once: Vec<String> = trace
        .demands()
        .enumerate()
        .filter(|(_, demand)| is_final(trace, *demand))
        .map(|(at, _)| trace.demand_name(at))
        .collect();
    lines.push(format!("Trace     judged once no span of it has ended for {},", trace.settle));
    lines.push(format!(
        "          without a root {} after its first span started; spans that come later open it again",
        trace.max_duration
    ));
    if !at_once.is_empty() {
        lines.push(format!("At once   {}: no span that arrives later can mend it", at_once.join(", ")));
    }
    lines
}

/// Returns whether more spans cannot mend a demand that is broken.
fn is_final(trace: &TraceRule, demand: Demand<'_>) -> bool {
    match demand {
        Demand::Always(_) | Demand::Sequence(_) => false,
        Demand::Never(_) => true,
        Demand::Condition(condition) => stays_true(trace, condition),
    }
}

fn demand(trace: &TraceRule, demand: Demand<'_>) -> String {
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
    let name = |at: &usize| match (trace.when == Some(*at), trace.steps[*at].at_least) {
        (true, _) => "the occasion".to_owned(),
        (false, 1) => format!("({})", step(trace, *at)),
        (false, many) => format!("{many} × ({})", step(trace, *at)),
    };
    let steps: Vec<String> = sequence.steps.iter().map(name).collect();
    let arrow = if sequence.overlap { ", started no earlier: " } else { ", then " };
    let within = sequence.within.map(|within| format!(", within {within}")).unwrap_or_default();
    format!("{}{within}", steps.join(arrow))
}

/// The spans of a step: what they are, and how they are related to others.
fn step(trace: &TraceRule, at: usize) -> String {
    let step = &trace.steps[at];
    let mut text = selector(&step.selector);
    for tie in &step.ties {
        let other = &trace.steps[tie.to];
        let name = match (&other.name, trace.when == Some(tie.to)) {
            (Some(name), _) => name.clone(),
            (None, true) => "the occasion".to_owned(),
            (None, false) => selector(&other.selector),
        };
        text.push_str(&format!(", {} {name}", tie.kind.as_str().replace('_', " ")));
    }
    if let Some(within) = step.within {
        text.push_str(&format!(", at most {within} after the occasion"));
    }
    text
}
