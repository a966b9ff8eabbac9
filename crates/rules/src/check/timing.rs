//! Reminders, and how windows and steps go together.

use fluo_time::Nanos;

use super::{Report, shape};
use crate::diagnostic::Code;
use crate::keys::Table;
use crate::rule::Realert;
use crate::yaml::{Entry, Yaml};

/// Reminders where the rule does not say.
pub(super) const DEFAULT_REALERT: Realert =
    Realert { every: Nanos(4 * Nanos::HOUR.0), backoff: 1.0, max: Nanos(24 * Nanos::HOUR.0) };

/// The value of `realert`: a duration, or `{every, backoff, max}`.
pub(super) fn realert(report: &mut Report, entry: &Entry) -> Option<Realert> {
    let Yaml::Map(entries) = &entry.value.value else {
        let every = shape::positive_duration(report, entry)?;
        return Some(Realert { every, max: every.max(DEFAULT_REALERT.max), ..DEFAULT_REALERT });
    };
    let errors = report.errors();
    shape::known_keys(report, entries, Table::Realert, "`realert`");
    let part = |key| entry.value.get(key);
    let every = part("every").and_then(|part| shape::positive_duration(report, part));
    let backoff = part("backoff").and_then(|part| {
        let backoff = shape::number(report, part)?;
        if backoff < 1.0 {
            report
                .value(Code::BadNumber, part, "`backoff` must be at least 1")
                .hint("1 keeps the distance, 2 doubles it from one reminder to the next");
        }
        Some(backoff)
    });
    let max = part("max").and_then(|part| shape::positive_duration(report, part).map(|max| (part, max)));
    let every = every.unwrap_or(DEFAULT_REALERT.every);
    if let Some((part, max)) = max.filter(|(_, max)| *max < every) {
        report.value(Code::InvalidValue, part, format!("`max` ({max}) is shorter than `every` ({every})"));
    }
    let max = max.map_or(every.max(DEFAULT_REALERT.max), |(_, max)| max);
    (report.errors() == errors).then_some(Realert {
        every,
        backoff: backoff.unwrap_or(DEFAULT_REALERT.backoff),
        max,
    })
}

/// Warns of steps that leave spans unjudged between them.
pub(super) fn warn_of_gaps(report: &mut Report, entry: &Entry, every: Nanos, window: Nanos) {
    if every > window {
        let message = format!(
            "`every` ({every}) is longer than the window ({window}): spans in between are never judged"
        );
        report
            .value(Code::EveryBeyondWindow, entry, message)
            .hint(format!("write `every: {window}`, or a longer `window`"));
    }
}
