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
//! | `elsewhere` | what other tools call otherwise |
//! | `rule` | a rule, from all of the below |
//! | `selector`, `matcher`, `meant`, `pattern` | `span:` |
//! | `attribute` | attributes against OpenTelemetry's conventions |
//! | `subject`, `values` | what a rule is about; the keys that stand for themselves |
//! | `bounds` | conditions that hold always, or never |
//! | `aggregation` | `aggregation:` |
//! | `groups` | `group_by`, `expect`, `evidence`, `top` |
//! | `condition`, `expression` | `condition`, and expressions in general |
//! | `trace`, `trace_text` | `trace:`, and conditions that speak of traces by themselves |
//! | `across` | what `by:` of `trace:` asks of the rest of it |
//! | `earlier` | functions over earlier windows, against the window |
//! | `limits` | `limits:`, in the rule or in a file beside it |
//! | `timing` | windows, delays, reminders |
//! | `templates` | `labels`, `annotations` |
//! | `test_file` | a test file, from `test_span`, `expectation` and the two below |
//! | `moment` | moments, offsets and ranges of them |
//! | `literal` | values of attributes |
//! | `slo` | service level objectives, and the rules that they stand for |
//! | `silence` | `silences.yml` |
//! | `config` | `fluo.yml` |

mod across;
mod aggregation;
mod attribute;
mod bounds;
mod condition;
mod config;
mod earlier;
mod elsewhere;
mod expectation;
mod expression;
mod groups;
mod inhibit;
mod limits;
mod literal;
mod matcher;
mod meant;
mod moment;
mod occasions;
mod pattern;
mod report;
mod rule;
mod selector;
mod shape;
mod silence;
mod slo;
mod sql;
mod subject;
mod templates;
mod test_file;
mod test_span;
mod timing;
mod trace;
mod trace_text;
mod values;

pub(crate) use aggregation::can_be_name;
pub(crate) use config::{Read as ReadConfig, config, sinks};
pub(crate) use inhibit::Inhibits;
pub(crate) use pattern::{beyond as beyond_patterns, describe as describe_pattern};
pub(crate) use report::Report;
pub(crate) use rule::{Checked, defaults, rule};
pub(crate) use shape::known_keys;
pub(crate) use silence::silences;
pub(crate) use sql::refusal as sql_refusal;
pub(crate) use test_file::test_file;
