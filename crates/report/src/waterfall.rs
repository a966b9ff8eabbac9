//! A trace as a waterfall: its spans one below the other, each as long as it took.

use std::collections::BTreeSet;

use fluo_alerts::value::human_duration;
use fluo_alerts::violation::Evidence;
use fluo_time::TimeRange;
use maud::{Markup, html};

use crate::chart::{Scale, share};
use crate::model::{Trace, TraceSpan};
use crate::text::{Short, number};

/// Deeper spans are drawn as deep as this.
const DEEPEST: usize = 8;

/// Returns the rows of a trace, one for each of its spans.
pub(crate) fn rows(trace: &Trace, evidence: &[Evidence]) -> Vec<Markup> {
    let evidence: BTreeSet<&str> = evidence.iter().map(|span| span.span_id.as_str()).collect();
    let from = trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
    let to = trace.spans.iter().map(|span| span.end).max().unwrap_or_default();
    let scale = Scale(TimeRange { from, to });
    trace.spans.iter().map(|span| row(span, scale, evidence.contains(span.span_id.as_str()))).collect()
}

/// Returns what there is to say of a trace below its rows, of which so many were left out.
pub(crate) fn notes(trace: &Trace, rows_left_out: usize) -> Markup {
    let left_out = trace.left_out + rows_left_out;
    html! {
        @if left_out > 0 {
            p class="more" { (number(left_out, "more span", "more spans")) " of the trace are left out." }
        }
        @if !trace.is_whole {
            p class="more" {
                "These are the spans that the violation carries: the whole trace was not read. " code { "fluo report" } " reads it."
            }
        }
    }
}

fn row(span: &TraceSpan, scale: Scale, is_evidence: bool) -> Markup {
    let (begin, length) = scale.stretch(span.start, span.end);
    let kind = match (is_evidence, span.is_error) {
        (true, _) => "evidence",
        (false, true) => "error",
        (false, false) => "other",
    };
    let after = span.start.saturating_sub(scale.0.from);
    html! {
        li class=(format!("depth-{}", span.depth.min(DEEPEST))) {
            div class="span" {
                (Short(&span.name)) " " span class="faint" { (Short(span.service_name.as_deref().unwrap_or("(no service)"))) }
                @if is_evidence { " " span class="badge plain" { "evidence" } }
                @if span.is_error { " " span class="badge critical" { "error" } }
            }
            svg class="bar" aria-hidden="true" {
                rect class=(kind) x=(share(begin)) y="0" width=(share(length)) height="100%" rx="2" {}
            }
            div class="took" {
                span class="faint" { "+" (human_duration(after.into())) } " " (human_duration(span.end.saturating_sub(span.start).into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn spans_stand_below_each_other_as_long_as_they_took() {
        let span = |id: &str, depth, start, end, is_error| TraceSpan {
            span_id: id.to_owned(),
            depth,
            service_name: (depth == 0).then(|| "shop".to_owned()),
            name: format!("<{id}>"),
            start,
            end,
            is_error,
        };
        let spans = vec![span("a", 0, 0, 40_000_000, false), span("b", 1, 10_000_000, 20_000_000, true)];
        let trace = Trace { spans, left_out: 2, is_whole: false };
        let markup = html! { @for row in rows(&trace, &[]) { (row) } (notes(&trace, 1)) };
        let markup = markup.into_string().replace("><", ">\n<");
        assert_snapshot!(markup, @r##"
        <li class="depth-0">
        <div class="span">
        <bdi>&lt;a&gt;</bdi> <span class="faint">
        <bdi>shop</bdi>
        </span>
        </div>
        <svg class="bar" aria-hidden="true">
        <rect class="other" x="0.00%" y="0" width="100.00%" height="100%" rx="2">
        </rect>
        </svg>
        <div class="took">
        <span class="faint">+0s</span> 40ms</div>
        </li>
        <li class="depth-1">
        <div class="span">
        <bdi>&lt;b&gt;</bdi> <span class="faint">
        <bdi>(no service)</bdi>
        </span> <span class="badge critical">error</span>
        </div>
        <svg class="bar" aria-hidden="true">
        <rect class="error" x="25.00%" y="0" width="25.00%" height="100%" rx="2">
        </rect>
        </svg>
        <div class="took">
        <span class="faint">+10ms</span> 10ms</div>
        </li>
        <p class="more">3 more spans of the trace are left out.</p>
        <p class="more">These are the spans that the violation carries: the whole trace was not read. <code>fluo report</code> reads it.</p>
        "##);
    }
}
