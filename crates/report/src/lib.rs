//! The page that shows how things stand: what fires, how close every rule came to its limit, and the spans that show it.
//!
//! A [`Page`] goes in, one HTML document comes out ([`html()`]). The document needs nothing else: no script, no font, no
//! picture, and its content security policy allows none. The same page gives the same bytes.
//!
//! | module | shows |
//! | --- | --- |
//! | [`model`] | nothing: all that a page says |
//! | `text` | texts of others, as text |
//! | `document` | the frame: head, policy, headings, what there is to jump to |
//! | `now` | what fires, is pending, is wrong with fluo itself |
//! | `timeline` | violations over time, a lane for each rule |
//! | `rules` | all rules by how close they came, and some of them in full |
//! | `chart` | a rule's value against its limit over time |
//! | `episode` | a violation: values, demands that failed, commonest values |
//! | `evidence` | the spans that show violations, as many as there is room for |
//! | `waterfall` | a trace |
//! | `facts` | the data behind it, and what is missing of it |
//! | `parts` | a severity, the name of a rule, the head of a table, wherever they stand |
//! | `order` | what comes first, and what is left out of a page that would be too long |
//!
//! No I/O and no clock: the time of a page is part of it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod chart;
mod document;
mod episode;
mod evidence;
mod facts;
pub mod model;
mod now;
mod order;
mod parts;
mod rules;
#[cfg(test)]
mod samples;
mod text;
mod timeline;
mod waterfall;

pub use document::html;
pub use model::Page;

/// The media type of a page.
pub const MEDIA_TYPE: &str = "text/html; charset=utf-8";
