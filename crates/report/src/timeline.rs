//! Violations over time: a lane for each rule that was violated.

use fluo_rules::rule::Severity;
use maud::{Markup, html};

use crate::chart::{Scale, share};
use crate::model::{Episode, Page};
use crate::order::{LANES, Ordered, Ranked};
use crate::parts::{Badge, linked};
use crate::text::{number, seconds, spoken};

/// Marks of one lane; more of them are drawn as one where they meet.
const MARKS: usize = 200;

pub(crate) fn timeline(page: &Page, ordered: &Ordered<'_>) -> Markup {
    let violated: Vec<&Ranked<'_>> =
        ordered.rules.iter().filter(|ranked| !ranked.episodes.is_empty()).collect();
    let scale = Scale(page.timeline);
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Violations over time" }
            @if violated.is_empty() {
                p class="quiet" { "No rule was violated in the time that this page shows." }
            } @else {
                p class="faint" {
                    (number(page.episodes.len(), "violation", "violations")) " of " (number(violated.len(), "rule", "rules"))
                    ", from " (seconds(page.timeline.from)) " to " (seconds(page.timeline.to)) " UTC. A bar reaches from the first "
                    "moment at which the condition held to the last."
                }
                div class="lanes" {
                    @for ranked in violated.iter().take(LANES) { (lane(ranked, ordered, scale)) }
                    (scale.axis())
                }
                @if violated.len() > LANES {
                    p class="more" {
                        (number(violated.len() - LANES, "rule", "rules")) " more were violated, and are left out here. "
                        code { "fluo eval --format ndjson" } " lists every violation."
                    }
                }
            }
        }
    }
}

fn lane(ranked: &Ranked<'_>, ordered: &Ordered<'_>, scale: Scale) -> Markup {
    let name = &ranked.rule.name;
    let worst = ranked.episodes.iter().map(|episode| episode.severity).max().unwrap_or(Severity::Info);
    let said = format!(
        "{}: {}, the first from {} UTC",
        spoken(name),
        number(ranked.episodes.len(), "violation", "violations"),
        seconds(ranked.episodes.iter().map(|episode| episode.violation.starts_at).min().unwrap_or_default())
    );
    html! {
        div class="lane" {
            div class="lane-name" {
                (linked(name, ordered.place(name))) " " (Badge(worst))
                @if ranked.episodes.len() > 1 { " " span class="faint" { (ranked.episodes.len()) " ×" } }
            }
            svg class="bars" role="img" aria-label=(said) {
                rect class="track" x="0" y="40%" width="100%" height="20%" {}
                @for Bar { begin, length, severity } in bars(&ranked.episodes, scale) {
                    rect class=(severity.as_str()) x=(share(begin)) y="0" width=(share(length)) height="100%" rx="2" {}
                }
            }
        }
    }
}

struct Bar {
    begin: f64,
    length: f64,
    severity: Severity,
}

/// Returns a bar for each violation; where there are many, one for those that meet.
fn bars(episodes: &[&Episode], scale: Scale) -> Vec<Bar> {
    let mut episodes: Vec<&&Episode> = episodes.iter().collect();
    episodes.sort_by_key(|episode| (episode.violation.starts_at, episode.violation.ends_at));
    let mut bars: Vec<Bar> = Vec::new();
    let is_many = episodes.len() > MARKS;
    for episode in episodes {
        let (begin, length) = scale.stretch(episode.violation.starts_at, episode.violation.ends_at);
        match bars.last_mut() {
            Some(last) if is_many && begin <= last.begin + last.length => {
                last.length = last.length.max(begin + length - last.begin);
                last.severity = last.severity.max(episode.severity);
            }
            _ => bars.push(Bar { begin, length, severity: episode.severity }),
        }
    }
    bars
}
