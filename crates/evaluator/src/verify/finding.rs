//! The findings about an alert that is not as it was told.

use fluo_alerts::escape::plain;
use serde::Serialize;

/// Something that is not as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of thing.
    pub kind: Kind,
    /// The same in a line for people.
    pub detail: String,
}

/// The kinds of things that can be other than they were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A data file is not there any more.
    FileMissing,
    /// A data file is another one now.
    FileAltered,
    /// A data file was not identified when the alert fired, or by another kind of store.
    FileUnproven,
    /// The rule's text is not kept.
    RuleMissing,
    /// The rule's text is another one now.
    RuleAltered,
    /// The condition does not hold for the group at `starts_at`.
    Condition,
    /// It holds with other values.
    Values,
    /// Other spans show it.
    Evidence,
    /// It was taken back, and holds over the files that are there now.
    Withdrawal,
    /// The alert says something of its rule, its group or itself that is not so.
    Told,
}

/// Returns the finding that something was told in one way, and is another.
pub(super) fn differs(kind: Kind, what: &str, told: &str, is: &str) -> Finding {
    Finding { kind, detail: format!("{what}: told `{}`, and is `{}`", plain(told), plain(is)) }
}
