//! A violation in full: its values, the demands that failed, the commonest values, and its evidence.

use fluo_alerts::template::NO_VALUE;
use fluo_alerts::violation::Top;
use maud::{Markup, html};

use crate::evidence::Shown;
use crate::model::{Episode, Standing};
use crate::parts::Badge;
use crate::text::{Group, Moment, Short, Text, clock, number};

pub(crate) fn episode(episode: &Episode, evidence: Option<&Shown<'_>>, is_open: bool) -> Markup {
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
            @if let Some(evidence) = evidence { (evidence.markup()) }
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
