//! The record of a violation: one episode of one rule and group, as `fluo eval --format ndjson` writes it.
//!
//! The field names and their order are a published format (`fluo.violation/v1`), and equal violations have
//! equal bytes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use fluo_rules::rule::{Rule, Severity};
use fluo_time::{Nanos, moment};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::fingerprint::Fingerprint;
use crate::value::Value;
use crate::wire;

/// Name and version of the record's format.
pub const SCHEMA: &str = "fluo.violation/v1";

/// The moments at which a rule's condition held for one group, at most `gap` apart.
///
/// Read back, durations among the values are plain numbers: the record does not tell them apart.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Violation {
    /// The rule's name.
    pub rule: String,
    /// The rule's severity.
    #[serde(with = "wire::severity")]
    pub severity: Severity,
    /// The rule's labels.
    pub labels: BTreeMap<String, String>,
    /// Key (as the rule writes it) and value of each `group_by` entry, in its order; `None` where spans have no
    /// value.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// Of rule and group.
    pub fingerprint: Fingerprint,
    /// The condition as written.
    pub condition: String,
    /// The first moment at which the condition held; nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub starts_at: i64,
    /// The last such moment.
    #[serde(with = "wire::moment")]
    pub ends_at: i64,
    /// `true` where it may go on behind what was looked at.
    pub ongoing: bool,
    /// The rule's window.
    #[serde(with = "wire::duration")]
    pub window: Nanos,
    /// The declared aggregates at the first moment, in the order of their declaration.
    #[serde(with = "wire::pairs")]
    pub values: Vec<(String, Value)>,
    /// The same at the moment at which the condition was exceeded most.
    #[serde(with = "wire::pairs")]
    pub peak: Vec<(String, Value)>,
    /// Spans that show it.
    pub evidence: Vec<Evidence>,
    /// The commonest values of the keys that the rule asks for, in the window at which it was exceeded most.
    #[serde(default)]
    pub top: Vec<Top>,
    /// Of a rule about traces: the demands that the first trace breaks.
    #[serde(default)]
    pub failed: Vec<String>,
    /// One line for people.
    pub summary: String,
    /// `true` where data of the window could not be read.
    pub partial: bool,
}

impl Violation {
    /// The order of records: by `starts_at`, then the rule's name, then the group's keys and values entry by
    /// entry. Texts are ordered by their UTF-8 bytes, and a missing value is before any text. Two violations of
    /// one evaluation are never equal in it.
    pub fn in_order(&self, other: &Self) -> Ordering {
        let key = |violation: &Self| violation.starts_at;
        key(self)
            .cmp(&key(other))
            .then_with(|| self.rule.cmp(&other.rule))
            .then_with(|| self.group.cmp(&other.group))
    }
}

/// The values of a declared aggregate each, of values among which there is `count` besides.
pub fn declared(rule: &Rule, values: &[(String, Value)]) -> Vec<(String, Value)> {
    values.iter().filter(|(name, _)| rule.declares(name)).cloned().collect()
}

/// The counts of one key's values among the matching spans of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// The key as the rule writes it.
    pub key: String,
    /// The number of spans.
    pub spans: u64,
    /// The commonest values, the commonest first.
    pub values: Vec<TopValue>,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopValue {
    /// `None` where spans have no value.
    pub value: Option<String>,
    /// In how many spans.
    pub spans: u64,
}

impl TopValue {
    /// The share of the spans that have it.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn share(&self, of: &Top) -> f64 {
        self.spans as f64 / of.spans.max(1) as f64
    }
}

/// A span that shows a violation. It carries only the attributes that the rule reads or asks for, and a few harmless
/// ones that say what failed: nothing else leaves the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// 32 lower-case hexadecimal digits.
    pub trace_id: String,
    /// 16 lower-case hexadecimal digits.
    pub span_id: String,
    /// `None` where the resource has none.
    pub service_name: Option<String>,
    /// The span's name.
    pub name: String,
    /// Nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub end_time: i64,
    /// End − start.
    pub duration_ns: i64,
    /// `unset`, `ok` or `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The span's status message, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// Key and canonical text.
    pub attributes: BTreeMap<String, String>,
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("Violation", 18)?;
        record.serialize_field("schema", SCHEMA)?;
        record.serialize_field("rule", &self.rule)?;
        record.serialize_field("severity", self.severity.as_str())?;
        record.serialize_field("labels", &self.labels)?;
        record.serialize_field("group", &wire::Object(&self.group))?;
        record.serialize_field("fingerprint", &self.fingerprint)?;
        record.serialize_field("condition", &self.condition)?;
        record.serialize_field("starts_at", &moment::format(self.starts_at))?;
        record.serialize_field("ends_at", &moment::format(self.ends_at))?;
        record.serialize_field("ongoing", &self.ongoing)?;
        record.serialize_field("window", &self.window.to_string())?;
        record.serialize_field("values", &wire::Object(&self.values))?;
        record.serialize_field("peak", &wire::Object(&self.peak))?;
        record.serialize_field("evidence", &self.evidence)?;
        if self.top.is_empty() {
            record.skip_field("top")?;
        } else {
            record.serialize_field("top", &self.top)?;
        }
        if self.failed.is_empty() {
            record.skip_field("failed")?;
        } else {
            record.serialize_field("failed", &self.failed)?;
        }
        record.serialize_field("summary", &self.summary)?;
        record.serialize_field("partial", &self.partial)?;
        record.end()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fingerprint::fingerprint;

    /// The violation of the command line's documentation, with a group.
    pub(crate) fn violation() -> Violation {
        let group = vec![
            ("deployment.environment".to_owned(), Some("prod".to_owned())),
            ("cloud.region".to_owned(), None),
        ];
        let key: Vec<_> = group.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        Violation {
            rule: "AuthFailuresRule".to_owned(),
            severity: Severity::Warning,
            labels: [("team", "payments"), ("area", "login")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            fingerprint: fingerprint("AuthFailuresRule", &key),
            group,
            condition: "gt(count, 5)".to_owned(),
            starts_at: 1_795_345_491_200_000_000,
            ends_at: 1_795_345_572_000_000_000,
            ongoing: false,
            window: Nanos::MINUTE,
            values: vec![
                ("count".to_owned(), Value::Int(6)),
                ("p99".to_owned(), Value::Duration(1_200_000_000)),
            ],
            peak: vec![("count".to_owned(), Value::Int(41)), ("p99".to_owned(), Value::None)],
            evidence: vec![Evidence {
                trace_id: "5b8efff798038103d269b633813fc60c".to_owned(),
                span_id: "eee19b7ec3c1b174".to_owned(),
                service_name: Some("auth-service".to_owned()),
                name: "auth_user".to_owned(),
                end_time: 1_795_345_491_200_000_001,
                duration_ns: 12_000_000,
                status: Some("error".to_owned()),
                status_message: Some("bad token".to_owned()),
                attributes: [("http.status_code", "401"), ("error.type", "AuthenticationError")]
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .into(),
            }],
            top: Vec::new(),
            failed: Vec::new(),
            summary: "AuthFailuresRule: count = 6 (gt(count, 5)) in 1m".to_owned(),
            partial: false,
        }
    }

    #[test]
    fn golden_line() {
        let expected = concat!(
            r#"{"schema":"fluo.violation/v1","rule":"AuthFailuresRule","severity":"warning","#,
            r#""labels":{"area":"login","team":"payments"},"#,
            r#""group":{"deployment.environment":"prod","cloud.region":null},"#,
            r#""fingerprint":"d808beaf770a69bb27b6368b523075643ad253f5fa510b352c84ef52a0c5c01c","#,
            r#""condition":"gt(count, 5)","starts_at":"2026-11-22T11:04:51.200Z","ends_at":"2026-11-22T11:06:12.000Z","#,
            r#""ongoing":false,"window":"1m","values":{"count":6,"p99":1200000000},"peak":{"count":41,"p99":null},"#,
            r#""evidence":[{"trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174","#,
            r#""service_name":"auth-service","name":"auth_user","end_time":"2026-11-22T11:04:51.200000001Z","#,
            r#""duration_ns":12000000,"status":"error","status_message":"bad token","attributes":{"error.type":"AuthenticationError","http.status_code":"401"}}],"#,
            r#""summary":"AuthFailuresRule: count = 6 (gt(count, 5)) in 1m","partial":false}"#,
        );
        assert_eq!(serde_json::to_string(&violation()).unwrap(), expected);
    }

    #[test]
    fn records_are_in_a_total_order() {
        let at = |starts_at, rule: &str, value: Option<&str>| Violation {
            starts_at,
            rule: rule.to_owned(),
            group: vec![("g".to_owned(), value.map(str::to_owned))],
            ..violation()
        };
        let ordered = [
            at(-1, "z", Some("z")),
            at(0, "B", Some("a")),
            at(0, "a", None),
            at(0, "a", Some("")),
            at(0, "a", Some("a")),
            at(0, "a", Some("é")),
            at(0, "b", None),
        ];
        for pair in ordered.windows(2) {
            assert_eq!(pair[0].in_order(&pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(pair[1].in_order(&pair[0]), Ordering::Greater, "{pair:?}");
        }
    }
}
