//! The spans that show violations: as a list with their attributes, and as waterfalls of their traces.
//!
//! They may take so many bytes of a page: where they are more, the largest spans are left out, and the page says how many.
//!
//! ```text
//! violations in full ─▶ rows of spans, rows of waterfalls ─▶ as many as there is room for ─▶ markup
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::value::human_duration;
use fluo_alerts::violation::Evidence;
use maud::{Markup, html};

use crate::model::{Episode, Page, Trace};
use crate::order::{FULL, Ordered};
use crate::parts::head;
use crate::text::{Short, Text, clock, link, number};
use crate::waterfall::{notes, rows};

/// Traces of one violation that are drawn.
const TRACES: usize = 4;
/// Spans of one violation that are listed.
const SPANS: usize = 20;
/// The bytes that all rows take together, at most.
const ROOM: usize = 1_000_000;

/// The rows of spans, each where there is room for it.
type Rows = Vec<Option<Markup>>;

/// The evidence of a violation, ready to be shown.
pub(crate) struct Shown<'a> {
    episode: &'a Episode,
    /// Of the first spans.
    rows: Rows,
    traces: Vec<ShownTrace<'a>>,
    /// The number of traces.
    trace_total: usize,
}

/// A trace of a violation.
struct ShownTrace<'a> {
    id: &'a str,
    /// Its waterfall; none where another violation has it, or where nothing of it is known.
    waterfall: Option<(&'a Trace, Rows)>,
    /// True if another violation has it.
    is_above: bool,
}

/// Returns the evidence of the violations that are shown in full, by the place of their rule and their own.
pub(crate) fn shown<'a>(page: &'a Page, ordered: &Ordered<'a>) -> Vec<Vec<Shown<'a>>> {
    let mut drawn = BTreeSet::new();
    let mut all: Vec<Vec<Shown<'a>>> = Vec::new();
    for ranked in ordered.rules.iter().take(FULL) {
        let episodes = ranked.episodes.iter().take(ranked.shown);
        all.push(episodes.map(|episode| Shown::of(episode, page, &mut drawn)).collect());
    }
    fit(all.iter_mut().flatten().flat_map(Shown::all_rows), ROOM);
    all
}

/// Leaves the largest rows out until all take at most `room` bytes; of equal ones, those that stand last.
fn fit<'r>(rows: impl Iterator<Item = &'r mut Option<Markup>>, room: usize) {
    let size = |row: &Option<Markup>| row.as_ref().map_or(0, |markup| markup.0.len());
    let mut rows: Vec<(Reverse<usize>, Reverse<usize>, &mut Option<Markup>)> =
        rows.enumerate().map(|(at, row)| (Reverse(size(row)), Reverse(at), row)).collect();
    let mut bytes: usize = rows.iter().map(|(size, ..)| size.0).sum();
    rows.sort_by_key(|(size, at, _)| (*size, *at));
    for (size, _, row) in rows {
        if bytes <= room {
            return;
        }
        bytes -= size.0;
        *row = None;
    }
}

impl<'a> Shown<'a> {
    fn of(episode: &'a Episode, page: &'a Page, drawn: &mut BTreeSet<&'a str>) -> Self {
        let spans = &episode.violation.evidence;
        let mut ids: Vec<&str> = Vec::new();
        for span in spans {
            if !ids.contains(&span.trace_id.as_str()) {
                ids.push(&span.trace_id);
            }
        }
        let trace = |id: &'a str| {
            let is_above = drawn.contains(id);
            let known = page.traces.get(id).filter(|trace| !is_above && !trace.spans.is_empty());
            if known.is_some() {
                drawn.insert(id);
            }
            let waterfall = known.map(|trace| (trace, rows(trace, spans).into_iter().map(Some).collect()));
            ShownTrace { id, waterfall, is_above }
        };
        Self {
            episode,
            rows: spans.iter().take(SPANS).map(|span| Some(row(span))).collect(),
            trace_total: ids.len(),
            traces: ids.into_iter().take(TRACES).map(trace).collect(),
        }
    }

    fn all_rows(&mut self) -> impl Iterator<Item = &mut Option<Markup>> {
        let traces = self.traces.iter_mut().filter_map(|trace| trace.waterfall.as_mut());
        self.rows.iter_mut().chain(traces.flat_map(|(_, rows)| rows))
    }

    /// Returns it as it stands below its violation.
    pub(crate) fn markup(&self) -> Markup {
        let spans = &self.episode.violation.evidence;
        if spans.is_empty() {
            return html! {};
        }
        let urls: BTreeMap<&str, &str> = spans
            .iter()
            .zip(&self.episode.trace_urls)
            .map(|(span, url)| (span.trace_id.as_str(), url.as_str()))
            .collect();
        html! {
            h4 { "Evidence: " (number(spans.len(), "span", "spans")) " of " (number(self.trace_total, "trace", "traces")) }
            (self.table())
            @for (at, trace) in self.traces.iter().enumerate() { (trace.markup(at == 0, &urls)) }
            @if self.trace_total > TRACES {
                p class="more" { "The waterfalls of " (number(self.trace_total - TRACES, "more trace", "more traces")) " are left out." }
            }
        }
    }

    fn table(&self) -> Markup {
        let spans = self.episode.violation.evidence.len();
        let left_out = spans - self.rows.iter().flatten().count();
        html! {
            details class="spans" {
                summary { "The spans and their attributes" }
                table class="stack" role="table" {
                    caption { "The attributes that the rule reads or asks for, and no others" }
                    (head(&[("span", false), ("ended", false), ("took", true), ("trace", false), ("attributes", false)]))
                    tbody role="rowgroup" { @for row in self.rows.iter().flatten() { (row) } }
                }
                @if left_out > 0 { p class="more" { (number(left_out, "span", "spans")) " more are left out." } }
            }
        }
    }
}

impl ShownTrace<'_> {
    fn markup(&self, is_open: bool, urls: &BTreeMap<&str, &str>) -> Markup {
        let id = self.id;
        html! {
            @if self.is_above {
                p class="more" { a href=(format!("#trace-{id}")) { "The waterfall of trace " code class="id" { (Short(id)) } } " is drawn above." }
            } @else if let Some((trace, rows)) = &self.waterfall {
                details class="trace" id=(format!("trace-{id}")) open[is_open] {
                    summary { "Trace " code class="id" { (Short(id)) } }
                    @if let Some(url) = urls.get(id).and_then(|url| link(url)) {
                        div { a href=(url) rel="noreferrer" { "Open the trace in its own viewer" } }
                    }
                    ol class="waterfall" { @for row in rows.iter().flatten() { (row) } }
                    (notes(trace, rows.len() - rows.iter().flatten().count()))
                }
            }
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

#[cfg(test)]
mod tests {
    use maud::PreEscaped;

    use super::*;

    #[test]
    fn the_largest_rows_are_left_out_and_of_equal_ones_the_last() {
        for (scenario, sizes, room, expected) in [
            ("there is room for all", vec![1, 2, 3], 6, vec![true, true, true]),
            ("the largest goes", vec![1, 9, 3], 6, vec![true, false, true]),
            ("of equal ones the last", vec![3, 3, 3], 6, vec![true, true, false]),
            ("all are too large", vec![9, 9], 6, vec![false, false]),
        ] {
            let mut rows: Rows = sizes.into_iter().map(|size| Some(PreEscaped("x".repeat(size)))).collect();
            fit(rows.iter_mut(), room);
            assert_eq!(rows.iter().map(Option::is_some).collect::<Vec<_>>(), expected, "{scenario}");
        }
    }
}
