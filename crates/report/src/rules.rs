//! All rules by how close they came to their limit, and those that matter most in full.

use fluo_alerts::reading::gauge::{Mark, Track};
use maud::{Markup, html};

use crate::chart::{chart, share};
use crate::episode::episode;
use crate::evidence::{Shown, shown};
use crate::model::{Page, Rule, Standing, Subject};
use crate::order::{FULL, Ordered, ROWS, Ranked, UNFOLDED, anchor};
use crate::parts::{Badge, head, linked};
use crate::text::{Group, Moment, Short, Text, number, percent};

/// Groups of a rule that are listed.
const GROUPS: usize = 10;

pub(crate) fn overview(ordered: &Ordered<'_>) -> Markup {
    let rules = &ordered.rules;
    html! {
        section aria-labelledby="rules" {
            h2 id="rules" { "How close each rule came" }
            @if rules.is_empty() { p class="quiet" { "There is no rule." } } @else {
                p class="faint" {
                    "In percent of the limit: at 100 % the value is at it. Of a rule with groups, the closest group counts; of "
                    "conditions joined by " code { "and" } ", the one that is furthest from its limit."
                }
                div class="box" {
                    table class="stack rules" role="table" {
                        caption { (number(rules.len(), "rule", "rules")) ", those that fire and those that came closest first" }
                        (head(&[("rule", false), ("severity", false), ("closest", false), ("violations", true), ("condition", false)]))
                        tbody role="rowgroup" { @for (place, ranked) in rules.iter().take(ROWS).enumerate() { (row(place, ranked)) } }
                    }
                }
                @if rules.len() > ROWS {
                    p class="more" {
                        (number(rules.len() - ROWS, "rule", "rules")) " more came less close, and are left out. Name fewer rule "
                        "files with " code { "fluo report --rules" } " to see them."
                    }
                }
            }
        }
    }
}

fn row(place: usize, ranked: &Ranked<'_>) -> Markup {
    let Rule { name, severity, condition, error, .. } = ranked.rule;
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                (linked(name, Some(place)))
            }
            td role="cell" { (Badge(*severity)) }
            td role="cell" class="closest" data-label="closest" {
                @match (error, ranked.closest) {
                    (Some(_), _) => span class="warn" { "not judged" },
                    (None, Some(mark)) => { (percent(mark.reading.closeness)) (meter(mark)) },
                    (None, None) => span class="faint" { "no value" },
                }
            }
            td role="cell" class="number" data-label="violations" { (ranked.episodes.len()) }
            td role="cell" class="condition" data-label="condition" { code { (Short(condition)) } }
        }
    }
}

/// A bar as long as the closeness; the number stands beside it.
fn meter(mark: &Mark) -> Markup {
    let closeness = mark.reading.closeness.unwrap_or_default().clamp(0.0, 1.0);
    html! {
        svg class="meter" aria-hidden="true" {
            rect class="track" x="0" y="0" width="100%" height="100%" rx="2" {}
            rect class=(if mark.reading.holds { "over" } else { "under" }) x="0" y="0" width=(share(closeness)) height="100%" rx="2" {}
        }
    }
}

pub(crate) fn in_full(page: &Page, ordered: &Ordered<'_>) -> Markup {
    let evidence = shown(page, ordered);
    html! {
        section aria-labelledby="values" {
            h2 id="values" { "Values against their limits" }
            @for (place, ranked) in ordered.rules.iter().take(FULL).enumerate() {
                (rule(place, ranked, page, evidence.get(place).map_or(&[], Vec::as_slice)))
            }
            @if ordered.rules.len() > FULL {
                p class="more" {
                    (number(ordered.rules.len() - FULL, "rule", "rules"))
                    " more came less close, and stand in the table above only. Name fewer rule files with "
                    code { "fluo report --rules" } " to see their values."
                }
            }
        }
    }
}

fn rule(place: usize, ranked: &Ranked<'_>, page: &Page, evidence: &[Shown<'_>]) -> Markup {
    let (rule, is_open) = (ranked.rule, place < UNFOLDED);
    html! {
        article class="rule" aria-labelledby=(anchor(place)) {
            h3 id=(anchor(place)) { (Short(&rule.name)) " " (Badge(rule.severity)) }
            @if let Some(description) = &rule.description { div { (Text(description)) } }
            div class="condition" {
                code { (Text(&rule.condition)) } span class="faint" { " in " (Short(&rule.window)) }
            }
            @if let Some(error) = &rule.error { div class="warn" { "It was not judged: " (Text(error)) } }
            details open[is_open] {
                summary { (heading(ranked)) }
                (values(ranked, page))
            }
            (episodes(ranked, evidence, is_open))
        }
    }
}

/// Returns the closeness of a rule, in a line.
fn heading(ranked: &Ranked<'_>) -> Markup {
    let Some(mark) = ranked.closest else {
        return html! { @match ranked.rule.subject {
            Subject::Spans => "No value was read",
            Subject::Traces => "No trace broke it",
            Subject::Query => "The query gave no row",
        } };
    };
    let unit = ranked.rule.track.as_ref().map(|track| track.unit).unwrap_or_default();
    html! {
        "Closest: " strong { (percent(mark.reading.closeness)) } " of the limit"
        @if let Some(value) = mark.reading.value { ", " (unit.text(value)) }
        @if let Some(limit) = mark.reading.limit { " against " (unit.text(limit)) }
        ", at " (Moment(mark.at))
        @if !mark.group.is_empty() { ", " (Group(&mark.group)) }
    }
}

fn values(ranked: &Ranked<'_>, page: &Page) -> Markup {
    let Some(track) = ranked.rule.track.as_ref().filter(|track| !track.points.is_empty()) else {
        return html! {};
    };
    let is_whole = ranked.rule.subject == Subject::Spans;
    html! {
        @if track.points.iter().any(|mark| mark.reading.value.is_some()) {
            figure {
                figcaption {
                    (Short(&track.what)) @if track.falls { ", worse the less it is" }
                    @if track.group_total > 1 { ", of " (track.group_total) " groups the closest" }
                    @if !is_whole { ", where it is violated" }
                }
                (chart(track, page.shows, &ranked.episodes))
            }
        }
        @if track.groups.iter().any(|mark| !mark.group.is_empty()) { (groups(track)) }
    }
}

fn groups(track: &Track) -> Markup {
    let unit = track.unit;
    html! {
        details class="groups" {
            summary { "The groups that came closest, of " (track.group_total) }
            table class="stack" role="table" {
                caption { "The closest moment of each group" }
                (head(&[("group", false), ("closest", true), ("value", true), ("limit", true), ("at", false)]))
                tbody role="rowgroup" {
                    @for mark in track.groups.iter().take(GROUPS) {
                        tr role="row" {
                            th scope="row" role="rowheader" { (Group(&mark.group)) }
                            td role="cell" class="number" data-label="closest" { (percent(mark.reading.closeness)) }
                            td role="cell" class="number" data-label="value" { @if let Some(value) = mark.reading.value { (unit.text(value)) } }
                            td role="cell" class="number" data-label="limit" { @if let Some(limit) = mark.reading.limit { (unit.text(limit)) } }
                            td role="cell" class="when" data-label="at" { (Moment(mark.at)) }
                        }
                    }
                }
            }
            @if track.group_total > GROUPS {
                p class="more" { (number(track.group_total.saturating_sub(GROUPS), "group", "groups")) " came less close, and are left out." }
            }
        }
    }
}

fn episodes(ranked: &Ranked<'_>, evidence: &[Shown<'_>], is_open: bool) -> Markup {
    html! {
        @for (at, found) in ranked.episodes.iter().take(ranked.shown).enumerate() {
            (episode(found, evidence.get(at), is_open && at == 0 && (found.standing == Standing::Firing || ranked.episodes.len() == 1)))
        }
        @if ranked.episodes.len() > ranked.shown {
            p class="more" {
                (number(ranked.episodes.len() - ranked.shown, "violation", "violations")) " more are left out here, the older ones. "
                code { "fluo eval --format ndjson" } " lists every one."
            }
        }
    }
}
