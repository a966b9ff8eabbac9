//! The places of a silence's matchers in its file, for what is found of them later.

use super::matchers::Matchers;
use super::reach::Doubt;
use crate::diagnostic::{Code, Finding, Place};

/// Matchers, and where they stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub(crate) matchers: Matchers,
    /// All of them.
    pub(crate) place: Place,
    /// Of each matcher: its label, and each of its values or its pattern.
    pub(crate) parts: Vec<Vec<Part>>,
}

/// The places of a matcher's parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) label: Place,
    pub(crate) value: Place,
}

impl Written {
    /// The finding of a doubt, at its place.
    pub(super) fn finding(&self, doubt: Doubt) -> Finding {
        let Doubt { code, matcher, value, message, hint } = doubt;
        let part = matcher.and_then(|number| self.parts.get(number)?.get(value.unwrap_or_default()));
        let place = part
            .map_or(&self.place, |part| if code == Code::UnknownLabel { &part.label } else { &part.value });
        Finding { code, message, place: place.clone(), hint, related: Vec::new() }
    }
}
