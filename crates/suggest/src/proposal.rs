//! Everything that was learned → rules for people to review, few of them.

use std::collections::BTreeSet;

use fluo_time::moment;

use crate::attributes;
use crate::callers;
use crate::invariants::{Demand, Invariants};
use crate::measured::Measured;
use crate::operation::Operation;
use crate::profile::OperationProfile;
use crate::requests;
use crate::tables;
use crate::traces::Example;

/// Most rules about requests: the best supported are proposed, and the others are counted.
const MOST_REQUESTS: usize = 20;

/// All that is known of the past.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// The operations, by number, in order.
    pub operations: &'a [Operation],
    /// The attributes that their spans carry.
    pub profiles: &'a [OperationProfile],
    /// The demands that hold in traces, and who calls whom.
    pub invariants: &'a Invariants,
    /// The results of their windows.
    pub measured: &'a Measured,
    /// The end of the first span that was looked at.
    pub from: i64,
    /// The end of the last.
    pub to: i64,
}

/// Alerts over the past that proposals were learned from, by rule and group: these are left out, or allowed.
pub type Fired = BTreeSet<(String, Vec<Option<String>>)>;

/// A rule that is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its name.
    pub rule: String,
    /// The name of its file, without `.yml`.
    pub file: String,
    /// The text of its file.
    pub text: String,
    /// Its test.
    pub test: TestOf,
    /// Its meaning, in a line.
    pub says: String,
}

/// The test of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestOf {
    /// The tests of its file, as they are written.
    Written(String),
    /// They are made of the spans of this trace.
    Trace(Example, Demand),
}

/// All proposals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proposals {
    /// The rules, those about many operations first.
    pub rules: Vec<Proposal>,
    /// Demands on traces that hold as well, and are not proposed.
    pub more: usize,
}

impl Proposals {
    /// Proposes rules. A group that `fired` is left out, or allowed.
    pub fn of(past: &Past<'_>, fired: &Fired) -> Self {
        let mut rules: Vec<Proposal> = [
            tables::errors(past, fired),
            tables::latency(past, fired),
            tables::busy(past, fired),
            tables::quiet(past, fired),
            callers::calls(past, fired),
            callers::callers(past, fired),
            attributes::attributes(past, fired),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut requests = requests::requests(past);
        requests.retain(|proposal| !fired.iter().any(|(rule, _)| *rule == proposal.rule));
        let more = requests.len().saturating_sub(MOST_REQUESTS);
        requests.truncate(MOST_REQUESTS);
        rules.extend(requests);
        Self { rules, more }
    }
}

impl Proposal {
    /// A rule whose tests are written.
    pub(crate) fn written(rule: &str, file: &str, text: String, tests: String, says: String) -> Self {
        Self { rule: rule.to_owned(), file: file.to_owned(), text, test: TestOf::Written(tests), says }
    }
}

/// Returns whether a rule whose groups are operations fired for this one.
pub(crate) fn has_fired(fired: &Fired, rule: &str, operation: &Operation) -> bool {
    let Operation { service, name, kind } = operation;
    fired.contains(&(rule.to_owned(), vec![service.clone(), Some(name.clone()), Some(kind.clone())]))
}

impl Past<'_> {
    /// The comment on top of a file.
    pub(crate) fn learned_from(&self) -> String {
        format!(
            "# Learned from spans that ended from {} to {}.\n",
            moment::format(self.from),
            moment::format(self.to)
        )
    }

    /// The number of spans of an operation.
    pub(crate) fn spans_of(&self, operation: &Operation) -> u64 {
        let number = self.operations.binary_search(operation).ok();
        number.and_then(|number| self.profiles.get(number)).map_or(0, |profile| profile.spans)
    }

    /// An operation by its number.
    pub(crate) fn operation(&self, number: u32) -> &Operation {
        &self.operations[number as usize]
    }
}

/// `12,403`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (12_403, "12,403"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }
}
