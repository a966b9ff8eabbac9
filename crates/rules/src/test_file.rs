//! Test files: what must and must not be told about spans that are written down, beside the rules.
//!
//! | stage | from | to | where |
//! | --- | --- | --- | --- |
//! | read | bytes | checked [`TestFile`]s and findings | [`load()`], `check/test_file`, `check/test_span`, `check/expectation` |
//! | compare | a file, its rules | findings | [`TestFile::against`] |
//! | expand | a [`Test`]'s templates | [`TestSpan`]s with their ids | [`Test::spans`] |
//!
//! Nothing here evaluates: whoever runs a test turns spans into rows and expectations into a verdict. Times are
//! absolute in these types; offsets from a test's `start` are resolved when it is read.

mod against;
mod expand;
mod ids;
mod load;

use std::sync::Arc;

pub use expand::TestSpan;
pub use ids::{Id, SpanId, TraceId};
pub use load::{Loaded, load};

use fluo_time::Nanos;

use crate::diagnostic::Place;
use crate::matcher::Number;
use crate::rule::Severity;

/// The moment that offsets count from if a test does not say: 2026-01-01T00:00:00Z, which is a multiple since the epoch
/// of every `every` that divides a day.
pub const DEFAULT_START: i64 = 1_767_225_600_000_000_000;

/// A test file.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFile {
    /// As named to the loader.
    pub file: Arc<str>,
    /// The rule files under test, at least one: paths relative to the folder of `file`, with `/`, as written.
    pub rules: Vec<String>,
    /// The sound tests in their order.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The test's name: what must happen, in words. Unique in its file; its generated ids derive from it.
    pub name: String,
    /// The place of the name.
    pub place: Place,
    /// The moment that offsets count from; ns since the epoch.
    pub start: i64,
    /// The end of the evaluation, where the test says; ns since the epoch.
    pub until: Option<i64>,
    /// The state of the pipeline after the last span: files go on arriving, or not.
    pub pipeline: Pipeline,
    /// The templates in their order; [`Test::spans`] are the spans.
    pub templates: Vec<Template>,
    /// Files with spans.
    pub span_files: Vec<SpanFile>,
    /// The expectations. A rule of the files under test that is in none of these must have no alert.
    pub expect: Vec<Expectation>,
}

/// The state of the pipeline after the last span: it decides whether silence is an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pipeline {
    /// Files go on arriving: where there are no spans, nothing happened.
    #[default]
    Alive,
    /// Nothing arrives any more: what happened is not known.
    Stops,
}

/// A file with spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanFile {
    /// Relative to the folder of the test file, as written.
    pub path: String,
    /// The delay of each span's arrival after its end.
    pub late: Nanos,
    /// The place of the path.
    pub place: Place,
}

/// One entry of `spans`: one span, or many that differ in time and id.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The times at which the spans end, in the order of the file; at least one.
    pub times: Vec<Times>,
    /// The number of spans at each time, at least one.
    pub count: u32,
    /// The delay of each span's arrival after its end.
    pub late: Nanos,
    /// End − start.
    pub duration: Nanos,
    /// The resource attribute `service.name`.
    pub service_name: Option<String>,
    /// The span's name.
    pub name: String,
    /// The span's kind.
    pub kind: Kind,
    /// The span's status.
    pub status: Status,
    /// The status's message; empty where there is none.
    pub status_message: String,
    /// As it is propagated.
    pub trace_state: String,
    /// The trace, where the template says.
    pub trace_id: Option<Id<TraceId>>,
    /// The span, where the template says; then it stands for one span.
    pub span_id: Option<Id<SpanId>>,
    /// The parent; none of a root.
    pub parent: Option<Id<SpanId>>,
    /// Attributes of the span, keys unique.
    pub attributes: Vec<(String, Literal)>,
    /// Attributes of the resource besides `service.name`, keys unique.
    pub resource: Vec<(String, Literal)>,
    /// Name of the instrumentation scope; empty where there is none.
    pub scope_name: String,
    /// Version of the instrumentation scope; empty where there is none.
    pub scope_version: String,
    /// Attributes of the instrumentation scope, keys unique.
    pub scope: Vec<(String, Literal)>,
    /// Events.
    pub events: Vec<Event>,
    /// Links to other spans.
    pub links: Vec<Link>,
    /// The place of the template.
    pub place: Place,
}

/// A link to another span.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The other span.
    pub span_id: Id<SpanId>,
    /// Its trace, where the link says; else that of the span in the test, or the trace of the span that has the link.
    pub trace_id: Option<Id<TraceId>>,
    /// Attributes of the link, keys unique.
    pub attributes: Vec<(String, Literal)>,
}

/// Moments; ns since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The first.
    pub first: i64,
    /// None is after this one; not before `first`.
    pub last: i64,
    /// Distance from one to the next; above zero.
    pub every: Nanos,
}

/// A span's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Not said.
    Unspecified,
    /// The kind that SDKs take where nothing is said.
    #[default]
    Internal,
    /// Serves a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Takes a message.
    Consumer,
}

/// A span's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Nothing is said.
    #[default]
    Unset,
    /// All is well.
    Ok,
    /// It failed.
    Error,
}

/// An attribute's value, as written. Its canonical text is that of the OTLP value of the same type.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `string_value`
    Text(String),
    /// `bool_value`
    Bool(bool),
    /// `int_value`
    Int(i64),
    /// `double_value`, finite.
    Float(f64),
    /// `array_value`
    List(Vec<Literal>),
    /// `kvlist_value`, keys unique.
    Map(Vec<(String, Literal)>),
}

/// An event of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// The time after the span's start; where nothing is said, its end.
    pub at: Option<Nanos>,
    /// Its attributes, keys unique.
    pub attributes: Vec<(String, Literal)>,
}

/// A demand on an alert at a moment, once everything has arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The rule.
    pub rule: String,
    /// Event time; ns since the epoch.
    pub at: i64,
    /// The alert's state.
    pub state: State,
    /// The group of the alert, by some or all of the rule's group keys; none stands for a missing value.
    pub group: Vec<Placed<Option<String>>>,
    /// Values of the rule's aggregates.
    pub values: Vec<Placed<Expected>>,
    /// The alert's severity, and the place where that stands.
    pub severity: Option<(Severity, Place)>,
    /// A message that was told about the alert: `firing`, `escalated`, `renotify`, `resolved`, `fired_late`, `withdrawn`
    /// or `reopened`.
    pub event: Option<&'static str>,
    /// The reason that the message gives.
    pub reason: Option<String>,
    /// The annotation `summary` as rendered.
    pub summary: Option<String>,
    /// The place of the rule's name.
    pub rule_place: Place,
    /// The place of the expectation.
    pub place: Place,
}

/// An entry of a mapping, and where its key stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    /// The key.
    pub key: String,
    /// The value.
    pub value: T,
    /// The place of the key.
    pub place: Place,
}

/// The state of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Inactive,
    /// The condition holds, not yet for as long as `for` says.
    Pending,
    /// It fires.
    Firing,
    /// It fired, and is over.
    Resolved,
}

/// The value that an aggregate must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expected {
    /// This number.
    Number(Number),
    /// This duration.
    Duration(Nanos),
    /// The aggregate has no value.
    Missing,
}

impl Kind {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    pub(crate) const ALL: [Self; 6] =
        [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];
}

impl Status {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }

    pub(crate) const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];
}

impl State {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::Inactive, Self::Pending, Self::Firing, Self::Resolved];
}

impl Times {
    /// One moment.
    pub fn once(at: i64) -> Self {
        Self { first: at, last: at, every: Nanos(1) }
    }

    /// Returns the number of moments.
    pub fn count(self) -> u64 {
        let steps = self.last.abs_diff(self.first) / self.every.0.unsigned_abs().max(1);
        steps.saturating_add(1)
    }

    /// The moments in their order.
    pub fn iter(self) -> impl Iterator<Item = i64> {
        std::iter::successors(Some(self.first), move |at| at.checked_add(self.every.0.max(1)))
            .take_while(move |at| *at <= self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_both_their_ends() {
        let range = |first, last, every| Times { first, last, every: Nanos(every) };
        for (scenario, times, moments) in [
            ("one moment", Times::once(5), vec![5]),
            ("both ends", range(0, 50, 10), vec![0, 10, 20, 30, 40, 50]),
            ("a step that does not reach the end", range(0, 55, 20), vec![0, 20, 40]),
            (
                "up to the last moment that there is",
                range(i64::MAX - 3, i64::MAX, 2),
                vec![i64::MAX - 3, i64::MAX - 1],
            ),
        ] {
            assert_eq!(times.iter().collect::<Vec<_>>(), moments, "{scenario}");
            assert_eq!(times.count(), moments.len() as u64, "{scenario}");
        }
        assert_eq!(range(i64::MIN, i64::MAX, 1).count(), u64::MAX);
    }
}
