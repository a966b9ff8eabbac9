//! A rule about traces in words.

use fluo_rules::trace::TraceRule;
use fluo_rules::trace::words::{demand, keys, occasions, step};
use fluo_time::Nanos;

use crate::direction::is_final;
use crate::missing::missing_can_break;

/// The occasion, the demands, and the time of judgement, a line each.
pub(super) fn lines(trace: &TraceRule) -> Vec<String> {
    let mut lines = vec![format!("Occasion  {}", occasions(trace))];
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
    if trace.is_across() {
        lines.push(format!("Together  spans with equal values of {}, whatever their trace", keys(&trace.by)));
        lines.extend(of_occasions(trace));
    } else {
        lines.push(format!("Trace     judged once no span of it has ended for {},", trace.settle));
        lines.push(format!(
            "          without a root {} after its first span started; spans that come later open it again",
            trace.max_duration
        ));
    }
    if !at_once.is_empty() {
        lines.push(format!("At once   {}: no span that arrives later can mend it", at_once.join(", ")));
    }
    lines
}

/// Returns lines about the time at which occasions are judged, and the distance of the spans that are looked at from them.
fn of_occasions(trace: &TraceRule) -> Vec<String> {
    let around = trace.around();
    let mut lines = Vec::new();
    if missing_can_break(trace) {
        let waits = trace.waits();
        let when =
            if waits.0 > 0 { format!("{waits} after the occasion") } else { "with the occasion".to_owned() };
        lines.push(format!("Judged    {when}, at the watermark; spans that come later open it again"));
    }
    // A sequence may begin just so long before, and a step less than that.
    let before = Nanos(around.before - around.before % Nanos::MILLISECOND.0);
    lines.push(format!("Looks     {before} before an occasion, and {} after it", Nanos(around.after)));
    lines
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};

    use super::*;

    fn of(trace: &str) -> Vec<String> {
        let text = format!("- {{name: r, trace: {trace}}}");
        let loaded = load(&[SourceFile::new("r.yml", text)]);
        assert_eq!(loaded.findings, [], "{trace}");
        lines(loaded.rules[0].trace().unwrap())
    }

    #[test]
    fn occasions_say_how_they_are_related() {
        let occasion = |when: &str| of(&format!("{{when: '{when}', never: [{{name: n}}]}}")).swap_remove(0);
        for (when, expected) in [
            ("{ .a = 1 }", ".a = 1"),
            ("{ .a } > { .b }", "(.b = true), child of one with (.a = true)"),
            ("{ .a } !<< { .b }", "(.b = true), ancestor of none with (.a = true)"),
            ("{ .a } &> { .b }", "(.a = true) that has a child with (.b = true), and this child"),
            ("{ .a } &<< { .b }", "(.a = true) that has an ancestor with (.b = true), and this ancestor"),
            ("{ .a } ~ ({ .b } || { .c })", "((.b = true) or (.c = true)), sibling of one with (.a = true)"),
            ("{ .a } && { .b }", "(.a = true) or (.b = true), in traces that have both"),
        ] {
            assert_eq!(occasion(when), format!("Occasion  every span with {expected}"));
        }
    }

    #[test]
    fn what_later_spans_may_undo_is_not_told_at_once() {
        let at_once = "At once   never[0]: no span that arrives later can mend it".to_owned();
        for (operator, is_final) in
            [(">", true), ("&<<", true), ("&&", true), ("||", true), ("!>", false), ("!~", false)]
        {
            let lines =
                of(&format!("{{when: '({{ .c }} {operator} {{ .d }}) > {{ .e }}', never: [{{name: n}}]}}"));
            assert_eq!(lines.contains(&at_once), is_final, "{operator}");
        }
    }

    #[test]
    fn rules_across_traces_say_what_belongs_together_and_how_far_they_look() {
        let guessed = "{by: [user.id], when: {name: ok, as: ok}, \
                       never: [{sequence: [{name: failed, at_least: 5}, ok], within: 45m}]}";
        assert_eq!(
            of(guessed),
            [
                "Occasion  every span with name = \"ok\"",
                "Demands   never[0]: never 5 × (name = \"failed\"), then the occasion, within 45m",
                "Together  spans with equal values of user.id, whatever their trace",
                "Looks     45m before an occasion, and 0s after it",
                "At once   never[0]: no span that arrives later can mend it",
            ]
        );
        let ordered = "{by: [order.id, shop], when: {name: paid, by: [id, shop]}, \
                       always: [{name: sent, after: 2h}, {name: checked, within: 1m}], never: [{name: lost, before: 3h}]}";
        assert_eq!(
            of(ordered),
            [
                "Occasion  every span with name = \"paid\", by id, shop",
                "Demands   always[0]: a span with name = \"sent\", ended at most 2h after the occasion",
                "Demands   always[1]: a span with name = \"checked\", ended less than 1m before the occasion or at most 1m \
                 after it",
                "Demands   never[0]: no span with name = \"lost\", ended with the occasion or less than 3h before it",
                "Together  spans with equal values of order.id, shop, whatever their trace",
                "Judged    2h after the occasion, at the watermark; spans that come later open it again",
                "Looks     3h before an occasion, and 2h after it",
                "At once   never[0]: no span that arrives later can mend it",
            ]
        );
        let before = "{by: [user.id], when: {name: login}, always: [{name: redirect, before: 30h}]}";
        assert!(of(before).contains(
            &"Judged    with the occasion, at the watermark; spans that come later open it again".to_owned()
        ));
    }
}
