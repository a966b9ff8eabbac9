//! The subjects of fluo's own troubles, and since when each is wrong.

use std::collections::BTreeSet;

use fluo_rules::rule::Severity;
use serde::{Deserialize, Serialize};

use crate::notification::{Event, Id};

/// The part of fluo, or of its input, that something is wrong with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The state, which holds an evaluation of a time that has not come.
    FutureState,
    /// The stream of data files: nothing arrives.
    Pipeline,
    /// A rule, by its name: it could not be judged.
    Rule(String),
    /// A rule that was edited, by its name: its former text could not judge spans that came late.
    FormerRule(String),
    /// A rule file, by its name: it does not load, or cannot be read.
    RuleFile(String),
    /// A rule file, by its name: it had rules and has none.
    EmptiedFile(String),
    /// Data files, or entries of the store, that cannot be what they should be.
    DataFiles,
    /// The store: what is asked of it fails, and is asked again.
    Outage,
    /// A sink, by its name: it refuses.
    Sink(String),
    /// Spans that ingest could not place or had to mend.
    SetAside,
    /// Spans that ended longer before they came than `allowed_lateness`.
    TooLate,
}

impl Subject {
    /// The event that tells of it.
    pub fn event(&self) -> Event {
        match self {
            Self::FutureState => Event::FutureState,
            Self::Pipeline => Event::PipelineStale,
            Self::Rule(_) | Self::FormerRule(_) | Self::RuleFile(_) | Self::EmptiedFile(_) => {
                Event::RuleError
            }
            Self::DataFiles | Self::Outage => Event::FileError,
            Self::Sink(_) => Event::SinkError,
            Self::SetAside => Event::SpansSetAside,
            Self::TooLate => Event::SpansTooLate,
        }
    }

    /// The name of the rule, the file or the sink.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Rule(name)
            | Self::FormerRule(name)
            | Self::RuleFile(name)
            | Self::EmptiedFile(name)
            | Self::Sink(name) => Some(name),
            Self::FutureState
            | Self::Pipeline
            | Self::DataFiles
            | Self::Outage
            | Self::SetAside
            | Self::TooLate => None,
        }
    }

    /// Its kind: as in payloads, and a part of its id.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FutureState => "future_state",
            Self::Pipeline => "pipeline",
            Self::Rule(_) => "rule",
            Self::FormerRule(_) => "former_rule",
            Self::RuleFile(_) => "rule_file",
            Self::EmptiedFile(_) => "emptied_file",
            Self::DataFiles => "data_files",
            Self::Outage => "outage",
            Self::Sink(_) => "sink",
            Self::SetAside => "set_aside",
            Self::TooLate => "too_late",
        }
    }

    /// Returns whether it is told again while it lasts. The others are told once.
    pub(super) fn repeats(&self) -> bool {
        !matches!(self, Self::Pipeline | Self::EmptiedFile(_))
    }
}

/// Something that is wrong, since when, and who was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// With what.
    pub subject: Subject,
    /// The reason, as it was found last.
    pub reason: String,
    /// The severity, from its first word to its last.
    #[serde(with = "crate::wire::severity")]
    pub severity: Severity,
    /// The moment at which it was found; nanoseconds since the epoch.
    pub since: i64,
    /// The moment at which people were told last; nanoseconds since the epoch.
    pub told_at: i64,
    /// The number of times that they were told.
    pub told: u64,
    /// The amount of it when they were told last.
    #[serde(default)]
    pub amount: u64,
    /// The sinks that were told; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_to: Option<BTreeSet<String>>,
}

impl Trouble {
    /// The same from its first word to its last.
    pub fn id(&self) -> Id {
        let Self { subject, since, .. } = self;
        Id::of_trouble(subject.kind(), subject.name().unwrap_or_default(), *since)
    }
}
