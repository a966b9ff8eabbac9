//! Nodes → checked rules, every mistake reported at its place.
//!
//! Each file reads one part of a rule. All of them go on after a mistake: they report it and return `None`
//! for the value that could not be read, and the rule is given up only at its end, so that one run shows
//! everything that is wrong.
//!
//! | file | reads |
//! | --- | --- |
//! | `report` | collects findings of one file |
//! | `shape` | texts, durations, numbers, lists; unknown keys |
//! | `rule` | a rule, from all of the below |
//! | `selector`, `matcher`, `pattern` | `span:` |
//! | `aggregation` | `aggregation:` |
//! | `groups` | `group_by`, `expect` |
//! | `condition`, `expression` | `condition`, and expressions in general |
//! | `timing` | windows, delays, reminders |
//! | `annotations` | `labels`, `annotations` |
//! | `unsupported` | what this version refuses |

mod aggregation;
mod annotations;
mod condition;
mod expression;
mod groups;
mod matcher;
mod pattern;
mod report;
mod rule;
mod selector;
mod shape;
mod timing;
mod unsupported;

pub(crate) use report::Report;
pub(crate) use rule::{Checked, defaults, rule};
pub(crate) use shape::known_keys;
