//! The texts of a trouble that people read.

use std::collections::BTreeMap;
use std::fmt;

use fluo_time::moment;

use super::subject::{Subject, Trouble};
use crate::escape::plain;
use crate::notification::{Event, Id, Notification, SCHEMA, TroubleRef};
use crate::value::human_duration;
use crate::words::heading;

impl fmt::Display for Subject {
    /// The fault, in a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&title(self))
    }
}

/// Returns the title: what is wrong, in a line.
fn title(subject: &Subject) -> String {
    match subject {
        Subject::FutureState => "The state is from the future: nothing is evaluated".to_owned(),
        Subject::Pipeline => "No spans arrive".to_owned(),
        Subject::Rule(name) => format!("Rule not judged: {}", plain(name)),
        Subject::FormerRule(name) => format!("Former text of a rule not judged: {}", plain(name)),
        Subject::RuleFile(name) => format!("Rule file does not load: {}", plain(name)),
        Subject::EmptiedFile(name) => format!("Rule file has no rules any more: {}", plain(name)),
        Subject::DataFiles => "Data files cannot be read".to_owned(),
        Subject::Outage => "Data files cannot be read now".to_owned(),
        Subject::Sink(name) => format!("Not delivered to {}", plain(name)),
        Subject::SetAside => "Spans are set aside or mended".to_owned(),
        Subject::TooLate => "Spans arrive too late to be judged".to_owned(),
    }
}

/// Returns the advice: what follows from it, and what to do.
fn advice(subject: &Subject) -> &'static str {
    match subject {
        Subject::FutureState => {
            "Until that time comes nothing is judged, and nobody is told of anything else. `fluo set-back` sets the \
             state right."
        }
        Subject::Pipeline => {
            "Alerts that fire stay as they are: nothing is resolved, and nothing is taken to be absent, until files \
             arrive again. Look at the collector, its exporter, and the ingest function."
        }
        Subject::Rule(_) => {
            "Its alerts stay as they are, and the other rules go on. It is tried again; what is too much for it twice \
             is left out."
        }
        Subject::FormerRule(_) => {
            "What it had found stands: nothing is withdrawn. Spans that came late and ended before the edit are not judged \
             by the rule."
        }
        Subject::RuleFile(_) => {
            "`fluo check` shows the same, with its place and, where there is one, a hint."
        }
        Subject::EmptiedFile(_) => {
            "What its rules had found is resolved with the reason `rule_removed`. A file that is gone on purpose is \
             better deleted."
        }
        Subject::DataFiles => "They are left out; what is told of their time is partial.",
        Subject::Outage => {
            "Nothing is lost: what could not be judged is owed, and the files are asked for at every evaluation."
        }
        Subject::Sink(_) => "The other sinks go on.",
        Subject::SetAside => {
            "What could not be placed is in no data file, and is not judged. What was mended is judged, with a value less or \
             another one. The log of ingest names the objects that it came in."
        }
        Subject::TooLate => {
            "They are stored, `fluo eval` sees them, and no alert was or will be told of them. A larger \
             `allowed_lateness` waits for them."
        }
    }
}

/// The notification of a trouble: its event, or its all-clear.
pub(super) fn notification(trouble: &Trouble, event: Event, at: i64) -> Notification {
    let subject = &trouble.subject;
    let about = trouble.id();
    let reason = plain(&trouble.reason).into_owned();
    let since = moment::human(trouble.since);
    let (title, text) = if event.is_closed() {
        let lasted = human_duration(i128::from(at.saturating_sub(trouble.since).max(0)));
        let text = format!("It was so from {since} to {} ({lasted}): {reason}.", moment::human(at));
        (format!("over: {}", title(subject)), text)
    } else {
        (title(subject), format!("{reason}; since {since}. {}", advice(subject)))
    };
    Notification {
        schema: SCHEMA.to_owned(),
        id: Id::of_notification(&about.to_string(), event, trouble.told),
        event,
        at,
        severity: trouble.severity,
        title: heading(trouble.severity, &title),
        text,
        rule: if let Subject::Rule(name) | Subject::FormerRule(name) = subject {
            Some(name.clone())
        } else {
            None
        },
        labels: BTreeMap::new(),
        reason: Some(reason),
        alert: None,
        summary: None,
        together: None,
        alarm: None,
        trouble: Some(TroubleRef {
            id: about,
            kind: subject.kind().to_owned(),
            name: subject.name().map(|name| plain(name).into_owned()),
            since: trouble.since,
        }),
    }
}
