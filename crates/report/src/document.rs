//! The frame of a page: its head, the policy that forbids it to load or run anything, headings, and what there is to jump
//! to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::facts::facts;
use crate::model::{Origin, Page};
use crate::now::{headline, now};
use crate::order::Ordered;
use crate::rules::{in_full, overview};
use crate::text::Moment;
use crate::timeline::timeline;

const STYLE: &str = include_str!("page.css");

/// Returns a page as one HTML document.
pub fn html(page: &Page) -> String {
    let ordered = Ordered::of(page);
    let headline = headline(&ordered, page);
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                title { (headline) " – fluo" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#now" { "Skip to what fires" }
                header {
                    p class="brand" { "fluo" }
                    h1 { (headline) }
                    p { (subtitle(page)) }
                    nav aria-label="Sections" {
                        ul { @for (anchor, name) in sections(page) { li { a href=(format!("#{anchor}")) { (name) } } } }
                    }
                }
                main {
                    (now(page, &ordered))
                    (timeline(page, &ordered))
                    (overview(&ordered))
                    (in_full(page, &ordered))
                    (facts(page))
                }
                footer { p { (footer(page)) } }
            }
        }
    };
    let mut text = document.into_string();
    text.push('\n');
    text
}

fn subtitle(page: &Page) -> Markup {
    html! {
        @match page.origin {
            Origin::Kept => { "As of the evaluation of " (Moment(page.at)) " UTC. " },
            Origin::Look => { "One look at stored spans, up to " (Moment(page.at)) " UTC. " },
        }
        "All times are UTC."
    }
}

fn sections(page: &Page) -> Vec<(&'static str, &'static str)> {
    let troubles = (!page.troubles.is_empty()).then_some(("troubles", "Troubles"));
    [("now", "Now")]
        .into_iter()
        .chain(troubles)
        .chain([("timeline", "Timeline"), ("rules", "Rules"), ("values", "Values"), ("data", "Data")])
        .collect()
}

fn footer(page: &Page) -> &'static str {
    match page.origin {
        Origin::Kept => {
            "The evaluator renews this page with every evaluation that changes something on it. It holds nothing that \
             evaluation needs: it may be deleted at any time."
        }
        Origin::Look => {
            "Made by one look at stored spans. It knows nothing of silences, of who was told, or of for how long an alert \
             keeps firing: the page that the evaluator keeps beside its state does."
        }
    }
}

/// Returns the policy: nothing is loaded and nothing runs, and the one style is the page's own.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

#[cfg(test)]
mod tests;
