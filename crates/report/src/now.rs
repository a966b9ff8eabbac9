//! The alerts that fire or are pending, and the troubles of fluo itself.

use maud::{Markup, html};

use crate::model::{Episode, Origin, Page, Standing};
use crate::order::{CARDS, LISTED, Ordered};
use crate::parts::{Badge, linked};
use crate::text::{Group, Moment, Short, Text, link, number};

/// Returns how things stand, in a few words.
pub(crate) fn headline(ordered: &Ordered<'_>, page: &Page) -> String {
    let firing = |muted: bool| {
        let is_wanted =
            |episode: &&&Episode| episode.standing == Standing::Firing && episode.muted_by.is_some() == muted;
        ordered.standing.iter().filter(is_wanted).count()
    };
    let (firing, silenced) = (firing(false), firing(true));
    let pending = ordered.standing.len() - firing - silenced;
    let mut parts = vec![match (firing, page.origin) {
        (0, Origin::Kept) => "Nothing fires".to_owned(),
        (0, Origin::Look) => "Nothing is violated now".to_owned(),
        (some, Origin::Kept) => number(some, "alert fires", "alerts fire"),
        (some, Origin::Look) => {
            format!("{} at the end", number(some, "violation goes on", "violations go on"))
        }
    }];
    parts.extend((pending > 0).then(|| format!("{pending} pending")));
    parts.extend((silenced > 0).then(|| format!("{silenced} silenced")));
    parts.extend((!page.troubles.is_empty()).then(|| number(page.troubles.len(), "trouble", "troubles")));
    parts.join(", ")
}

pub(crate) fn now(page: &Page, ordered: &Ordered<'_>) -> Markup {
    html! {
        section aria-labelledby="now" {
            h2 id="now" { @match page.origin { Origin::Kept => "What fires now", Origin::Look => "What is violated at the end" } }
            @if ordered.standing.is_empty() {
                p class="quiet" {
                    @match page.origin {
                        Origin::Kept => "No alert fires, and none is pending.",
                        Origin::Look => "No violation goes on at the end of what was looked at.",
                    }
                }
            }
            @for episode in ordered.standing.iter().take(CARDS) { (card(episode, ordered)) }
            @if ordered.standing.len() > CARDS {
                p class="more" {
                    (number(ordered.standing.len() - CARDS, "alert", "alerts")) " more are left out here, the less severe ones. "
                    @match page.origin {
                        Origin::Kept => { code { "fluo status --format json" } " lists all that fire." },
                        Origin::Look => { code { "fluo eval --format ndjson" } " lists every violation." },
                    }
                }
            }
        }
        @if !page.troubles.is_empty() { (troubles(page)) }
    }
}

fn card(episode: &Episode, ordered: &Ordered<'_>) -> Markup {
    let Episode { violation, severity, standing, .. } = episode;
    let state = match (standing, &episode.muted_by) {
        (Standing::Pending { .. }, _) => "pending",
        (_, Some(_)) => "silenced",
        _ => "firing",
    };
    html! {
        article class=(format!("card {} {state}", severity.as_str())) {
            h3 {
                (Badge(*severity)) " "
                @if state != "firing" { span class="badge plain" { (state) } " " }
                (linked(&violation.rule, ordered.place(&violation.rule)))
            }
            @if !violation.group.is_empty() { div class="group" { (Group(&violation.group)) } }
            div class="summary" { (Text(&violation.summary)) }
            dl {
                dt { "since" } dd { (Moment(violation.starts_at)) " UTC" }
                @if let Standing::Pending { fires_at } = standing {
                    dt { "fires at" } dd { (Moment(*fires_at)) " UTC, if it goes on" }
                }
                @for reading in &episode.readings {
                    dt { (Short(&reading.what)) }
                    dd {
                        strong { (Text(&reading.value)) }
                        @if !reading.limit.is_empty() { ", " (Text(&reading.limit)) }
                        @if reading.peak != reading.value { "; " (reading.worst()) " " (Text(&reading.peak)) }
                    }
                }
                @if let Some(by) = &episode.muted_by { dt { "muted by" } dd { (Text(by)) } }
                @if let Some(head) = &episode.related_to { dt { "together with" } dd { (Text(head)) } }
                @if let Some(url) = episode.runbook.as_deref().and_then(link) {
                    dt { "what to do" } dd { a href=(url) rel="noreferrer" { (Short(url)) } }
                }
            }
        }
    }
}

fn troubles(page: &Page) -> Markup {
    html! {
        section aria-labelledby="troubles" {
            h2 id="troubles" { "What is wrong with fluo itself" }
            @for trouble in page.troubles.iter().take(LISTED) {
                article class=(format!("card {}", trouble.severity.as_str())) {
                    h3 {
                        (Badge(trouble.severity)) " "
                        (Short(&trouble.title))
                    }
                    div class="summary" { (Text(&trouble.reason)) }
                    dl { dt { "since" } dd { (Moment(trouble.since)) " UTC" } }
                }
            }
            @if page.troubles.len() > LISTED {
                p class="more" {
                    (number(page.troubles.len() - LISTED, "trouble", "troubles")) " more are left out here. "
                    code { "fluo status" } " lists all."
                }
            }
        }
    }
}
