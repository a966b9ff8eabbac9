//! Notifications to people: one event in the life of an alert, one thing that is wrong with fluo itself or over, or an
//! alarm about fluo.
//!
//! The JSON form (`fluo.notification/v1`) is what machines receive and what `fluo verify` reads back; every sink makes
//! its own form from the same fields. Texts are [`plain`](crate::escape::plain) already; markup is each sink's own
//! matter.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use fluo_rules::rule::Severity;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::fingerprint::Fingerprint;
use crate::reading::Reading;
use crate::value::Value;
use crate::violation::{Top, Violation};
use crate::wire;

mod together;

pub use together::{Related, Together};

/// Name and version of the payload's format.
pub const SCHEMA: &str = "fluo.notification/v1";

/// The event that a notification tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An alert began to fire.
    Firing,
    /// It fires, and a higher level of its condition holds than people were told.
    Escalated,
    /// It still fires, and `realert` has passed.
    Renotify,
    /// It does not fire any more.
    Resolved,
    /// Late spans showed that it fired, and it is over already.
    FiredLate,
    /// Late spans took it back.
    Withdrawn,
    /// Late spans showed that it goes on, after it was told to be resolved.
    Reopened,
    /// Several alerts of one rule at once, in one message.
    Summary,
    /// A rule could not be judged, or its file could not be loaded or lost its rules.
    RuleError,
    /// That is over.
    RuleErrorOver,
    /// Data files could not be read: windows that they touch are partial, or owed.
    FileError,
    /// That is over.
    FileErrorOver,
    /// A sink refused three times.
    SinkError,
    /// That is over.
    SinkErrorOver,
    /// No span file has arrived for `stale_after`.
    PipelineStale,
    /// That is over.
    PipelineStaleOver,
    /// Ingest could not place, or had to mend, a large part of what arrives.
    SpansSetAside,
    /// That is over.
    SpansSetAsideOver,
    /// Spans ended longer before they came than `allowed_lateness`.
    SpansTooLate,
    /// That is over.
    SpansTooLateOver,
    /// The state holds an evaluation of a time that has not come: nothing is evaluated until it comes.
    FutureState,
    /// That is over.
    FutureStateOver,
    /// Part of the past was not judged: it lies further back than `max_catch_up`.
    Unjudged,
    /// A monitor of fluo itself raised an alarm.
    Alarm,
    /// That alarm is over.
    AlarmOver,
}

impl Event {
    /// The events that tell of fluo's own troubles.
    pub const TROUBLES: [Self; 7] = [
        Self::RuleError,
        Self::FileError,
        Self::SinkError,
        Self::PipelineStale,
        Self::SpansSetAside,
        Self::SpansTooLate,
        Self::FutureState,
    ];

    /// As in payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Escalated => "escalated",
            Self::Renotify => "renotify",
            Self::Resolved => "resolved",
            Self::FiredLate => "fired_late",
            Self::Withdrawn => "withdrawn",
            Self::Reopened => "reopened",
            Self::Summary => "summary",
            Self::RuleError => "rule_error",
            Self::RuleErrorOver => "rule_error_over",
            Self::FileError => "file_error",
            Self::FileErrorOver => "file_error_over",
            Self::SinkError => "sink_error",
            Self::SinkErrorOver => "sink_error_over",
            Self::PipelineStale => "pipeline_stale",
            Self::PipelineStaleOver => "pipeline_stale_over",
            Self::SpansSetAside => "spans_set_aside",
            Self::SpansSetAsideOver => "spans_set_aside_over",
            Self::SpansTooLate => "spans_too_late",
            Self::SpansTooLateOver => "spans_too_late_over",
            Self::FutureState => "future_state",
            Self::FutureStateOver => "future_state_over",
            Self::Unjudged => "unjudged",
            Self::Alarm => "alarm",
            Self::AlarmOver => "alarm_over",
        }
    }

    /// Returns whether the alert that it tells of is open afterwards.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Firing | Self::Escalated | Self::Renotify | Self::Reopened)
    }

    /// Returns whether it opens what it is about, or keeps it open: an alert, a trouble or an alarm.
    pub fn opens(self) -> bool {
        self.is_open() || self == Self::Alarm || self.all_clear().is_some()
    }

    /// Returns whether it closes the alert, the trouble or the alarm, or tells of one that is over.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Resolved | Self::FiredLate | Self::Withdrawn | Self::AlarmOver)
            || Self::TROUBLES.iter().any(|trouble| trouble.all_clear() == Some(self))
    }

    /// The event that says that a trouble of fluo's own is over; none for events of other things.
    pub fn all_clear(self) -> Option<Self> {
        match self {
            Self::RuleError => Some(Self::RuleErrorOver),
            Self::FileError => Some(Self::FileErrorOver),
            Self::SinkError => Some(Self::SinkErrorOver),
            Self::PipelineStale => Some(Self::PipelineStaleOver),
            Self::SpansSetAside => Some(Self::SpansSetAsideOver),
            Self::SpansTooLate => Some(Self::SpansTooLateOver),
            Self::FutureState => Some(Self::FutureStateOver),
            _ => None,
        }
    }

    /// Returns the severity of a trouble of fluo's own unless that is set: critical where alerts may be missed.
    pub fn default_severity(self) -> Severity {
        match self {
            Self::RuleError | Self::PipelineStale | Self::FutureState => Severity::Critical,
            _ => Severity::Warning,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 32 bytes, shown and stored as 64 lower-case hexadecimal digits: an episode's id, an alarm's, a notification's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id([u8; 32]);

impl Id {
    /// Any hash.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The id of the episode of `fingerprint` that was first seen to start at `starts_at` (ns since the epoch).
    ///
    /// SHA-256 over `fluo.episode`, a zero byte, the fingerprint, and the start as a signed 64-bit big-endian number.
    pub fn of_episode(fingerprint: &Fingerprint, starts_at: i64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"fluo.episode\0");
        hash.update(fingerprint.as_bytes());
        hash.update(starts_at.to_be_bytes());
        Self(hash.finalize().into())
    }

    /// The id of the alarm that `name` stands for, the same whatever state it is in.
    ///
    /// SHA-256 over `fluo.alarm`, a zero byte, and the name.
    pub fn of_alarm(name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"fluo.alarm\0");
        hash.update(name);
        Self(hash.finalize().into())
    }

    /// The id of a trouble of fluo's own, the same from its first word to its all-clear: what is wrong (`kind` and
    /// `name`), and since when (ns since the epoch).
    ///
    /// SHA-256 over `fluo.trouble`, a zero byte, the kind, a zero byte, the name's length as an unsigned 64-bit
    /// big-endian number, the name, and `since` as a signed one.
    pub fn of_trouble(kind: &str, name: &str, since: i64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"fluo.trouble\0");
        hash.update(kind);
        hash.update([0]);
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
        hash.update(since.to_be_bytes());
        Self(hash.finalize().into())
    }

    /// The id of the `nth` event of a kind about `subject` (an episode's id, or the name of what it is about).
    ///
    /// Receivers de-duplicate by it: SHA-256 over `fluo.notification`, a zero byte, the subject's length as an unsigned
    /// 64-bit big-endian number, the subject, the event's name, a zero byte, and `nth` as the length is.
    pub fn of_notification(subject: &str, event: Event, nth: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"fluo.notification\0");
        hash.update((subject.len() as u64).to_be_bytes());
        hash.update(subject);
        hash.update(event.as_str());
        hash.update([0]);
        hash.update(nth.to_be_bytes());
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl FromStr for Id {
    type Err = crate::fingerprint::NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Both are 32 bytes in the same spelling.
        text.parse::<Fingerprint>().map(|bytes| Self(*bytes.as_bytes()))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// One thing that people are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// [`SCHEMA`].
    pub schema: String,
    /// The same for every delivery of the same thing: receivers de-duplicate by it.
    pub id: Id,
    /// The event.
    pub event: Event,
    /// The `eval_time` at which it was decided; of an alarm, when its state changed. Nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub at: i64,
    /// The severity.
    #[serde(with = "wire::severity")]
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// The same in a few lines.
    pub text: String,
    /// The rule it is about; none where it is about the pipeline or a sink.
    pub rule: Option<String>,
    /// The rule's labels.
    pub labels: BTreeMap<String, String>,
    /// The reason, where there is more to say: `rule_removed`, the text of an error.
    pub reason: Option<String>,
    /// The alert, where it is about one.
    pub alert: Option<Told>,
    /// The alerts, where it is about several.
    pub summary: Option<Summary>,
    /// The alerts to which the alert is related. In a payload it is there only of alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
    /// The alarm, where it is about one. In a payload it is there only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// The trouble of fluo's own, where it is about one. In a payload it is there only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleRef>,
}

impl Notification {
    /// Returns what receivers group it by: the key of the alerts to which its alert is related, or what it is about.
    pub fn grouping_key(&self) -> Id {
        self.together.as_ref().map_or_else(|| self.about(), |together| together.key)
    }

    /// Returns the id of what it is about, the same for every event of it: the alert, the trouble, or the alarm. A
    /// notification about none of them is about itself.
    pub fn about(&self) -> Id {
        let alert = self.alert.as_ref().map(|alert| alert.id);
        let trouble = self.trouble.as_ref().map(|trouble| trouble.id);
        let alarm = self.alarm.as_ref().map(|alarm| alarm.id);
        alert.or(trouble).or(alarm).unwrap_or(self.id)
    }
}

/// The content of messages about an alert. Its identity and the values of its first moment never change; its course
/// does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The episode's id: fingerprint and `starts_at` as first committed.
    pub id: Id,
    /// The violation as it was then.
    pub violation: Violation,
    /// The first moment at which the alert did not fire any more; none where it is not over.
    #[serde(with = "wire::optional_moment")]
    pub resolved_at: Option<i64>,
    /// The declared aggregates' names and values as people read them (`1.2s`).
    #[serde(with = "wire::pairs")]
    pub values: Vec<(String, String)>,
    /// Its state at the time of the notification. Only in notifications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Now>,
    /// The rule's annotations, rendered when the notification was decided.
    pub annotations: BTreeMap<String, String>,
    /// A link to each trace of the evidence, in its order; empty where no `trace_url` is configured.
    pub trace_urls: Vec<String>,
    /// SHA-256 of the rule's text, which is kept as `state/rules/<hash>.yml`.
    pub rule_hash: String,
    /// The data files that held the window.
    pub files: Vec<FileRef>,
}

impl Told {
    /// Returns the compared values for a line among many: those of now, or the worst ones of what is over.
    pub fn compared(&self, event: Event) -> Vec<(String, String)> {
        let Some(now) = &self.now else { return self.values.clone() };
        let value =
            |reading: &Reading| if event.is_closed() { &reading.peak } else { &reading.value }.clone();
        now.readings.iter().map(|reading| (reading.what.clone(), value(reading))).collect()
    }
}

/// The state of an alert when people are told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Now {
    /// Its first moment as it is known now; nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub starts_at: i64,
    /// The newest judged moment at which the condition held.
    #[serde(with = "wire::moment")]
    pub at: i64,
    /// The severity then; only of rules with levels.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_severity")]
    pub severity: Option<Severity>,
    /// The severities that people were told before, the least severe first; only of rules with levels. Who was told of it
    /// as of one of these is told of its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "wire::severities")]
    pub told_as: Vec<Severity>,
    /// The rule's `resolve_condition`, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_condition: Option<String>,
    /// The declared aggregates then.
    #[serde(with = "wire::pairs")]
    pub values: Vec<(String, Value)>,
    /// The same as people read them.
    #[serde(with = "wire::pairs")]
    pub shown: Vec<(String, String)>,
    /// The moment that was worst: of the highest level, the one at which the condition was exceeded most.
    #[serde(with = "wire::moment")]
    pub peak_at: i64,
    /// The declared aggregates then.
    #[serde(with = "wire::pairs")]
    pub peak: Vec<(String, Value)>,
    /// The rule's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values that the condition compares, as people read them.
    pub readings: Vec<Reading>,
    /// Of a rule about traces: the demands that the first trace breaks, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// The commonest values at the peak.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Top>,
    /// Of what is over: the alerts that it inhibited, and that were over before anybody was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Untold>,
    /// Notes about the message itself: an annotation that could not be rendered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An alert that nobody was told of, because another inhibited it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untold {
    /// The episode's id, under which it is recorded.
    pub id: Id,
    /// Its rule.
    pub rule: String,
    /// Group keys and values.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// The first moment at which its condition held; nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub starts_at: i64,
    /// The last such moment.
    #[serde(with = "wire::moment")]
    pub ends_at: i64,
}

/// An alarm of the cloud that fluo runs in, such as the one which says that the evaluator does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// [`Id::of_alarm`] of what the cloud calls it.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// The state that it is in, as the cloud calls it: `ALARM`, `OK`, `INSUFFICIENT_DATA`.
    pub state: String,
}

/// Something that is, or was, wrong with fluo itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleRef {
    /// [`Id::of_trouble`]: the same from its first word to its all-clear.
    pub id: Id,
    /// The kind of thing it is wrong with: `rule`, `rule_file`, `data_files` …
    pub kind: String,
    /// The name of the rule, the file or the sink.
    pub name: Option<String>,
    /// The time at which it was found; nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub since: i64,
}

/// A data file as it was when it was judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileRef {
    /// Its place below the root of the store: `spans/date=…/hour=…/….parquet`.
    pub name: String,
    /// Its version, as the store calls it; on a folder `sha256:` and the hash of its bytes.
    pub etag: String,
}

/// Several alerts of one rule in one message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Their number.
    pub alerts: u64,
    /// The labels that are not the same in all of them; those that are are the notification's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differing: Vec<String>,
    /// The facts that are the same in all of them, by name: limits, the rule's description, the runbook.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "wire::pairs")]
    pub common: Vec<(String, String)>,
    /// The largest of them, largest first.
    pub largest: Vec<SummaryLine>,
}

/// One of several alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryLine {
    /// The episode's id.
    pub id: Id,
    /// Group keys and values.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// Names and values as people read them.
    #[serde(with = "wire::pairs")]
    pub values: Vec<(String, String)>,
    /// First moment; nanoseconds since the epoch.
    #[serde(with = "wire::moment")]
    pub starts_at: i64,
    /// Last moment.
    #[serde(with = "wire::moment")]
    pub ends_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::tests::violation;

    pub(crate) fn firing() -> Notification {
        let violation = violation();
        let id = Id::of_episode(&violation.fingerprint, violation.starts_at);
        Notification {
            schema: SCHEMA.to_owned(),
            id: Id::of_notification(&id.to_string(), Event::Firing, 0),
            event: Event::Firing,
            at: violation.ends_at,
            severity: violation.severity,
            title: violation.summary.clone(),
            text: violation.summary.clone(),
            rule: Some(violation.rule.clone()),
            labels: violation.labels.clone(),
            reason: None,
            alert: Some(Told {
                id,
                resolved_at: None,
                values: vec![("p99".to_owned(), "1.2s".to_owned()), ("count".to_owned(), "6".to_owned())],
                now: None,
                annotations: BTreeMap::new(),
                trace_urls: Vec::new(),
                rule_hash: "00".repeat(32),
                files: vec![FileRef { name: "spans/a.parquet".to_owned(), etag: "x".to_owned() }],
                violation,
            }),
            summary: None,
            together: None,
            alarm: None,
            trouble: None,
        }
    }

    #[test]
    fn payloads_read_back_to_the_same_bytes() {
        let text = serde_json::to_string(&firing()).unwrap();
        let read: Notification = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(text.contains(r#""values":{"p99":"1.2s","count":"6"}"#), "pairs keep their order: {text}");
    }

    #[test]
    fn an_alarm_is_in_the_payload_of_its_own_events_only() {
        let text = serde_json::to_string(&firing()).unwrap();
        assert!(!text.contains("alarm"), "{text}");
        let id = Id::of_alarm("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:fluo-stale");
        let alarm = Alarm { id, name: "fluo-stale".to_owned(), state: "ALARM".to_owned() };
        let told = Notification { event: Event::Alarm, alert: None, alarm: Some(alarm), ..firing() };
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<Notification>(&text).unwrap(), told);
    }

    #[test]
    fn every_trouble_has_an_end_of_its_own_and_nothing_else_has() {
        let all_clears: std::collections::BTreeSet<Event> =
            Event::TROUBLES.iter().map(|event| event.all_clear().unwrap()).collect();
        assert_eq!(all_clears.len(), Event::TROUBLES.len());
        for event in Event::TROUBLES {
            let over = event.all_clear().unwrap();
            assert_eq!(over.as_str(), format!("{event}_over"));
            assert!(event.opens() && !event.is_closed() && over.is_closed() && !over.opens(), "{event}");
        }
        assert!(Event::Resolved.all_clear().is_none() && Event::Alarm.opens());
    }

    #[test]
    fn what_a_notification_is_about_outlives_it() {
        let told = firing();
        assert_eq!(told.about(), told.alert.as_ref().unwrap().id);
        let alone = Notification { alert: None, ..firing() };
        assert_eq!(alone.about(), alone.id);
        let id = Id::of_alarm("fluo-stale");
        let alarm = Some(Alarm { id, name: "fluo-stale".to_owned(), state: "OK".to_owned() });
        assert_eq!(Notification { alarm, ..alone.clone() }.about(), id);
        let id = Id::of_trouble("rule", "r", 5);
        let trouble = Some(TroubleRef { id, kind: "rule".to_owned(), name: Some("r".to_owned()), since: 5 });
        assert_eq!(Notification { trouble, ..alone }.about(), id);
    }

    /// The expected hashes were computed from the documented bytes by another program (Python's `hashlib`).
    #[test]
    fn golden_ids() {
        let print = crate::fingerprint::fingerprint("AuthFailuresRule", &[]);
        let episode = Id::of_episode(&print, 1_795_345_491_200_000_000);
        assert_eq!(episode.to_string(), "90672749c6034a8f0f124cf87c7187e166a0d0d23d9492904c7fe59e07a9e663");
        let notification = Id::of_notification(&episode.to_string(), Event::Firing, 0);
        assert_eq!(
            notification.to_string(),
            "0ab8831b4f0a2ba1b54b2bb5a845b9450aa8ff76a9cc8772fb4a05db7cfe9ca2"
        );
        assert_ne!(notification, Id::of_notification(&episode.to_string(), Event::Firing, 1));
        let alarm = Id::of_alarm("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:fluo-stale");
        assert_eq!(alarm.to_string(), "4419a3f7d3b79c71898a7bd68ef7906bab3dc427f2b448423065778493fe432f");
    }
}
