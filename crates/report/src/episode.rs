//! A violation in full: its values, the demands that failed, the commonest values, and the spans that show it.

use std::collections::BTreeMap;

use fluo_alerts::template::NO_VALUE;
use fluo_alerts::value::human_duration;
use fluo_alerts::violation::{Evidence, Top};
use maud::{Markup, html};

use crate::model::{Episode, Page, Standing, Trace};
use crate::order::Drawn;
use crate::parts::{Badge, head};
use crate::text::{Group, Moment, Short, Text, clock, link, number};
use crate::waterfall::waterfall;

/// Traces of one violation that are drawn.
const TRACES: usize = 4;
/// Spans of one violation that are listed.
const SPANS: usize = 20;

pub(crate) fn episode<'a>(episode: &'a Episode, page: &Page, drawn: &mut Drawn<'a>, is_open: bool) -> Markup {
    let violation = &episode.violation;
    let standing = match (&episode.standing, &episode.muted_by) {
        (Standing::Firing, Some(_)) => "silenced",
        (Standing::Firing, None) => "goes on",
        (Standing::Pending { .. }, _) => "pending",
        (Standing::Over, _) => "over",
    };
    html! {
        details class=(format!("episode {}", episode.severity.as_str())) open[is_open] {
            summary {
                (Badge(episode.severity)) " "
                (Moment(violation.starts_at)) " to " (clock(violation.ends_at)) ", " (standing)
                @if !violation.group.is_empty() { ": " (Group(&violation.group)) }
            }
            div class="summary" { (Text(&violation.summary)) }
            @if violation.partial {
                p class="warn" { "Data of its windows could not be read: its values may be too low." }
            }
            dl {
                @for reading in &episode.readings {
                    dt { (Short(&reading.what)) }
                    dd { (Text(&reading.against())) "; " (reading.worst()) " " (Text(&reading.peak)) }
                }
                @if !violation.failed.is_empty() {
                    dt { "failed" }
                    dd { @for (at, failed) in violation.failed.iter().enumerate() {
                        @if at > 0 { ", " } code { (Short(failed)) }
                    } }
                }
                dt { "fingerprint" } dd { code class="id" { (violation.fingerprint.to_string()) } }
            }
            @for top in &violation.top { (commonest(top)) }
            (evidence(episode, page, drawn))
        }
    }
}

fn commonest(top: &Top) -> Markup {
    html! {
        table class="top" {
            caption { "Commonest " (Short(&top.key)) " of " (number(usize::try_from(top.spans).unwrap_or(usize::MAX), "span", "spans")) }
            thead { tr { th scope="col" { "value" } th scope="col" class="number" { "spans" } th scope="col" class="number" { "share" } } }
            tbody {
                @for value in &top.values {
                    tr {
                        th scope="row" {
                            @match &value.value { Some(text) => (Text(text)), None => span class="faint" { (NO_VALUE) } }
                        }
                        td class="number" { (value.spans) }
                        td class="number" { (format!("{:.0} %", value.share(top) * 100.0)) }
                    }
                }
            }
        }
    }
}

fn evidence<'a>(episode: &'a Episode, page: &Page, drawn: &mut Drawn<'a>) -> Markup {
    let spans = &episode.violation.evidence;
    if spans.is_empty() {
        return html! {};
    }
    let mut traces: Vec<&'a str> = Vec::new();
    for span in spans {
        if !traces.contains(&span.trace_id.as_str()) {
            traces.push(&span.trace_id);
        }
    }
    let urls: BTreeMap<&str, &str> = spans
        .iter()
        .zip(&episode.trace_urls)
        .map(|(span, url)| (span.trace_id.as_str(), url.as_str()))
        .collect();
    let none = Trace::default();
    html! {
        h4 { "Evidence: " (number(spans.len(), "span", "spans")) " of " (number(traces.len(), "trace", "traces")) }
        (table(spans))
        @for (at, trace) in traces.iter().take(TRACES).enumerate() {
            @let shown = page.traces.get(*trace).unwrap_or(&none);
            @if drawn.contains(trace) {
                p class="more" { a href=(format!("#trace-{trace}")) { "The waterfall of trace " code class="id" { (Short(trace)) } } " is drawn above." }
            } @else if !shown.spans.is_empty() {
                @let _ = drawn.insert(trace);
                details class="trace" id=(format!("trace-{trace}")) open[at == 0] {
                    summary { "Trace " code class="id" { (Short(trace)) } }
                    @if let Some(url) = urls.get(trace).and_then(|url| link(url)) {
                        div { a href=(url) rel="noreferrer" { "Open the trace in its own viewer" } }
                    }
                    (waterfall(shown, spans))
                }
            }
        }
        @if traces.len() > TRACES {
            p class="more" { "The waterfalls of " (number(traces.len() - TRACES, "more trace", "more traces")) " are left out." }
        }
    }
}

fn row(span: &Evidence) -> Markup {
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                (Text(&span.name))
                div class="faint" { (Text(span.service_name.as_deref().unwrap_or("(no service)"))) }
            }
            td role="cell" class="when" data-label="ended" { (clock(span.end_time)) }
            td role="cell" class="number" data-label="took" { (human_duration(span.duration_ns.into())) }
            td role="cell" data-label="trace" { code class="id" { (Short(&span.trace_id)) } }
            td role="cell" data-label="attributes" {
                @if let Some(message) = &span.status_message { div { "status: " (Text(message)) } }
                @for (key, value) in &span.attributes {
                    div { span class="faint" { (Short(key)) "=" } (Text(value)) }
                }
            }
        }
    }
}

fn table(spans: &[Evidence]) -> Markup {
    html! {
        details class="spans" {
            summary { "The spans and their attributes" }
            table class="stack" role="table" {
                caption { "The attributes that the rule reads or asks for, and no others" }
                (head(&[("span", false), ("ended", false), ("took", true), ("trace", false), ("attributes", false)]))
                tbody role="rowgroup" { @for span in spans.iter().take(SPANS) { (row(span)) } }
            }
            @if spans.len() > SPANS { p class="more" { (number(spans.len() - SPANS, "span", "spans")) " more are left out." } }
        }
    }
}
