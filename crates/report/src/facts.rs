//! The data behind a page, how far evaluation is, and what is missing or owed.

use maud::{Markup, html};

use crate::model::{Fact, Origin, Owed, Page};
use crate::order::LISTED;
use crate::text::{Moment, Short, Text, number};

pub(crate) fn facts(page: &Page) -> Markup {
    html! {
        section aria-labelledby="data" {
            h2 id="data" { "What this is made of" }
            div class="columns-2" {
                div { h3 { "Evaluation" } (list(&page.evaluation)) }
                div { h3 { "Spans" } (list(&page.data)) }
            }
            h3 { "Missing data" }
            @if page.missing.is_empty() {
                p class="quiet" { "No data is known to be missing." }
            } @else {
                p class="warn" { "Values of windows that these files are of may be too low." }
                (list(&page.missing[..page.missing.len().min(LISTED)]))
                (more(page.missing.len(), "file", "files"))
            }
            @if page.origin == Origin::Kept {
                h3 { "Owed" }
                @if page.owed.is_empty() {
                    p class="quiet" { "No moment is owed: all that was due has been judged." }
                } @else { (owed(&page.owed)) }
            }
        }
    }
}

fn list(facts: &[Fact]) -> Markup {
    html! {
        dl { @for fact in facts { dt { (Short(&fact.name)) } dd { (Text(&fact.text)) } } }
    }
}

fn owed(owed: &[Owed]) -> Markup {
    html! {
        p class="faint" { "Moments that were due and not reached. The next evaluations judge them first." }
        ul {
            @for Owed { rule, moments } in owed.iter().take(LISTED) {
                li { (Short(rule)) ": " (Moment(moments.from)) " to " (Moment(moments.to)) " UTC" }
            }
        }
        (more(owed.len(), "stretch", "stretches"))
    }
}

fn more(count: usize, one: &str, many: &str) -> Markup {
    html! {
        @if count > LISTED {
            p class="more" { (number(count - LISTED, one, many)) " more are left out here. " code { "fluo status" } " tells of them." }
        }
    }
}
