//! Silences: which alerts nobody is told about, and when.
//!
//! The same type is read from `silences.yml` beside the rules ([`load()`]), where every mistake gets its place, and
//! from and to JSON (`state/silences.json`, for those set at run time), where the first mistake is an error. Both
//! forms have the same keys, and both go through [`Silence::new`].
//!
//! | part | is |
//! | --- | --- |
//! | `matcher` | what is asked of one label, and how it is written |
//! | `matchers` | all of a silence, and which make no sense |
//! | `reach` | which rules they are about |
//! | `weekly` | times of the week |
//!
//! A silence mutes notifications only: the alert keeps its state, and is recorded.

mod error;
mod load;
mod matcher;
mod matchers;
mod reach;
mod weekly;
mod written;

use fluo_time::moment;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use error::SilenceError;
pub use load::{Loaded, load};
pub(crate) use matcher::joined;
pub use matcher::{Matcher, NoMatcher};
pub use matchers::{Matchers, Refusal};
pub use reach::{Doubt, Reach};
pub use weekly::{Day, TimeOfDay, Weekly, WeeklyError, Zone};
pub(crate) use written::{Part, Written};

/// Alerts that nobody is told about for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Silence {
    id: Option<String>,
    comment: String,
    matchers: Matchers,
    from: Option<i64>,
    until: Option<i64>,
    weekly: Option<Weekly>,
}

impl Silence {
    /// A silence of the alerts that all `matchers` match, from `from` (or ever) until before `until` (or ever), at the
    /// times of the week that `weekly` says (or always). Moments are ns since the epoch.
    pub fn new(
        id: Option<String>,
        comment: impl Into<String>,
        matchers: Matchers,
        (from, until): (Option<i64>, Option<i64>),
        weekly: Option<Weekly>,
    ) -> Result<Self, SilenceError> {
        let comment = comment.into();
        if comment.trim().is_empty() {
            return Err(SilenceError::NoComment);
        }
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            return Err(SilenceError::Backwards);
        }
        Ok(Self { id, comment, matchers, from, until, weekly })
    }

    /// Returns its id, which it is called by.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the reason for it.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Returns its matchers, by rule, severity, label or group key.
    pub fn matchers(&self) -> &Matchers {
        &self.matchers
    }

    /// The moment it is over, where there is one; ns since the epoch.
    pub fn until(&self) -> Option<i64> {
        self.until
    }

    /// The same silence, over from `at` on (ns since the epoch), or earlier where it was. None where it would not
    /// have begun by then: there is nothing left of it.
    pub fn ended(self, at: i64) -> Option<Self> {
        let until = self.until.map_or(at, |until| until.min(at));
        let begun = self.from.is_none_or(|from| from < until);
        begun.then_some(Self { until: Some(until), ..self })
    }

    /// Returns whether it is in force at this moment, ns since the epoch.
    pub fn active(&self, at_ns: i64) -> bool {
        self.from.is_none_or(|from| from <= at_ns)
            && self.until.is_none_or(|until| at_ns < until)
            && self.weekly.as_ref().is_none_or(|weekly| weekly.active(at_ns))
    }

    /// Returns whether it is about an alert with these labels: `rule`, `severity`, the rule's labels, and the group
    /// keys that have a value. Every matcher must match; a label that is not there is the empty text.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matchers.match_all(labels)
    }
}

/// A silence as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    comment: String,
    matchers: Matchers,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weekly: Option<Weekly>,
}

impl TryFrom<Stored> for Silence {
    type Error = SilenceError;

    fn try_from(stored: Stored) -> Result<Self, SilenceError> {
        let Stored { id, comment, matchers, from, until, weekly } = stored;
        let moment = |text: Option<String>| {
            let read = text.map(|text| moment::parse_rfc3339(&text)).transpose();
            read.map_err(|error| SilenceError::Unreadable(error.to_string()))
        };
        Self::new(id, comment, matchers, (moment(from)?, moment(until)?), weekly)
    }
}

impl From<Silence> for Stored {
    fn from(silence: Silence) -> Self {
        let Silence { id, comment, matchers, from, until, weekly } = silence;
        Self {
            id,
            comment,
            matchers,
            from: from.map(moment::format_short),
            until: until.map(moment::format_short),
            weekly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceFile;

    fn silence(json: &str) -> Silence {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    fn at(text: &str) -> i64 {
        moment::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn json_reads_back_and_is_the_same_as_yaml() {
        let json = r#"{"id":"m1","comment":"moving","matchers":["rule=\"r\"","service_name=~\"a.*\"","team!=\"b\""],"from":"2026-11-22T22:00:00Z","until":"2026-11-23T06:00:00.5Z","weekly":{"days":["mon","sun"],"from":"22:00","to":"06:00","timezone":"Europe/Berlin"}}"#;
        let read = silence(json);
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        let loaded = load(&[SourceFile::new("silences.yml", format!("silences: [{json}]"))]);
        assert_eq!((loaded.findings, loaded.silences), (vec![], vec![read]));
    }

    #[test]
    fn json_that_is_no_silence_is_refused_with_the_reason() {
        let matchers = r#""matchers":{"rule":"r"}"#;
        for (scenario, json, reason) in [
            ("no matcher", r#"{"comment":"c","matchers":{}}"#.to_owned(), "needs a matcher"),
            ("no value", r#"{"comment":"c","matchers":{"rule":[]}}"#.to_owned(), "lists no value"),
            (
                "no matcher that is one",
                r#"{"comment":"c","matchers":["rule"]}"#.to_owned(),
                "there is no operator",
            ),
            ("none in a list", r#"{"comment":"c","matchers":[]}"#.to_owned(), "needs a matcher"),
            ("no comment", format!(r#"{{"comment":" ",{matchers}}}"#), "says why"),
            (
                "a pattern that is none",
                r#"{"comment":"c","matchers":{"rule":{"matches":"("}}}"#.to_owned(),
                "unclosed group",
            ),
            (
                "an end before its beginning",
                format!(
                    r#"{{"comment":"c",{matchers},"from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}}"#
                ),
                "must come after",
            ),
            (
                "a time that is none",
                format!(r#"{{"comment":"c",{matchers},"from":"now"}}"#),
                "`now` is not a moment",
            ),
            (
                "a zone that is none",
                format!(
                    r#"{{"comment":"c",{matchers},"weekly":{{"from":"1:00","to":"2:00","timezone":"Mars/Base"}}}}"#
                ),
                "Mars/Base",
            ),
            (
                "a day that is none",
                format!(
                    r#"{{"comment":"c",{matchers},"weekly":{{"days":["someday"],"from":"1:00","to":"2:00"}}}}"#
                ),
                "someday",
            ),
            ("a key that is none", format!(r#"{{"comment":"c",{matchers},"til":"x"}}"#), "unknown field"),
        ] {
            let error = serde_json::from_str::<Silence>(&json).unwrap_err().to_string();
            assert!(error.contains(reason), "{scenario}: {error}");
        }
    }

    #[test]
    fn it_is_in_force_from_its_beginning_until_before_its_end() {
        let bounded = silence(
            r#"{"comment":"c","matchers":{"rule":"r"},"from":"2026-11-22T22:00:00Z","until":"2026-11-23T06:00:00Z"}"#,
        );
        for (moment, active) in [
            ("2026-11-22T21:59:59.999999999Z", false),
            ("2026-11-22T22:00:00Z", true),
            ("2026-11-23T05:59:59.999999999Z", true),
            ("2026-11-23T06:00:00Z", false),
        ] {
            assert_eq!(bounded.active(at(moment)), active, "{moment}");
        }
        let open = silence(r#"{"comment":"c","matchers":{"rule":"r"}}"#);
        assert!(open.active(i64::MIN) && open.active(i64::MAX));
        let ended = open.ended(at("2026-11-22T22:00:00Z")).unwrap();
        assert!(ended.active(at("2026-11-22T21:59:59Z")) && !ended.active(at("2026-11-22T22:00:00Z")));
        assert_eq!(bounded.ended(at("2026-11-22T22:00:00Z")), None);
    }

    #[test]
    fn what_earlier_versions_stored_means_what_it_meant() {
        for (scenario, matchers, labels, matched) in [
            ("a text", r#"{"rule":"a"}"#, &[("rule", "a")][..], true),
            ("another text", r#"{"rule":"a"}"#, &[("rule", "ab")], false),
            ("one of several", r#"{"rule":["a","b.c"]}"#, &[("rule", "b.c")], true),
            ("none of several", r#"{"rule":["a","b.c"]}"#, &[("rule", "bxc")], false),
            ("a pattern that is found", r#"{"rule":{"matches":"-b-"}}"#, &[("rule", "a-b-c")], true),
            ("a pattern that is not", r#"{"rule":{"matches":"^b"}}"#, &[("rule", "ab")], false),
            ("alternatives", r#"{"rule":{"matches":"^a|z$"}}"#, &[("rule", "xyz")], true),
            ("several lines", r#"{"rule":{"matches":"b"}}"#, &[("rule", "a\nb\nc")], true),
            ("an empty pattern", r#"{"rule":{"matches":""}}"#, &[("rule", "a")], true),
            ("of a label that is not there", r#"{"team":{"matches":".*"}}"#, &[("rule", "a")], false),
            ("an empty text", r#"{"team":""}"#, &[("rule", "a")], false),
            ("all must match", r#"{"rule":"a","team":"b"}"#, &[("rule", "a")], false),
        ] {
            let read = silence(&format!(r#"{{"comment":"c","matchers":{matchers}}}"#));
            // As it is stored from now on.
            let again = silence(&serde_json::to_string(&read).unwrap());
            assert_eq!(again, read, "{scenario}");
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!((read.matches(&labels), again.matches(&labels)), (matched, matched), "{scenario}");
        }
    }
}
