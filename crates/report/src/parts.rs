//! Parts that several sections have: a severity, the name of a rule, the head of a table.

use fluo_rules::rule::Severity;
use maud::{Markup, Render, html};

use crate::order::{FULL, anchor};
use crate::text::Short;

/// A severity.
pub(crate) struct Badge(pub(crate) Severity);

impl Render for Badge {
    fn render(&self) -> Markup {
        let word = self.0.as_str();
        html! { span class=(format!("badge {word}")) { (word) } }
    }
}

/// The name of the rule at a place: a link, where it is shown in full.
pub(crate) fn linked(name: &str, place: Option<usize>) -> Markup {
    html! {
        @match place.filter(|place| *place < FULL) {
            Some(place) => a href=(format!("#{}", anchor(place))) { (Short(name)) },
            None => (Short(name)),
        }
    }
}

/// The head of a table, by the names of its columns, each with `true` if it is of numbers. Where there is no room for
/// columns, rows are stacked, and each cell says its column itself: roles keep it a table then.
pub(crate) fn head(columns: &[(&str, bool)]) -> Markup {
    html! {
        thead role="rowgroup" {
            tr role="row" {
                @for (name, is_number) in columns {
                    th scope="col" role="columnheader" class=[is_number.then_some("number")] { (name) }
                }
            }
        }
    }
}
