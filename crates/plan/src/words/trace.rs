//! A rule about traces in words.

use fluo_rules::trace::TraceRule;
use fluo_rules::trace::words::{demand, step};

use crate::direction::is_final;

/// The occasion, the demands, and the time of judgement, a line each.
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
