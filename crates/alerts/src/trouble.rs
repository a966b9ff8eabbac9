//! The troubles of fluo itself: told at once, again while they last, and told to be over to whom they were told.
//!
//! ```text
//! all that is wrong at an evaluation ─settle─▶ what is open ─┬─▶ new, or due again: its event
//!                                                           └─▶ not wrong any more: its all-clear
//! ```
//!
//! A trouble is one thing from its first word to its all-clear: every notification of it is about the same id, so that
//! a pager opens one incident and closes it. Whoever finds something wrong says so at every evaluation that finds it,
//! and never says that it is over: what is not said any more is.

use std::collections::{BTreeMap, BTreeSet};

use fluo_rules::rule::Severity;
use serde::{Deserialize, Serialize};

use crate::notification::{Event, Notification};

mod subject;
mod words;

pub use subject::{Subject, Trouble};

/// Something that is wrong, as an evaluation finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The subject that is wrong.
    pub subject: Subject,
    /// The reason, in a sentence or more for people, without a full stop at its end.
    pub reason: String,
    /// The amount of it, where that can be counted. A trouble that has become twice as much is told again.
    pub amount: u64,
}

impl Wrong {
    /// Something that is there or is not.
    pub fn new(subject: Subject, reason: impl Into<String>) -> Self {
        Self { subject, reason: reason.into(), amount: 0 }
    }

    /// So much of it.
    #[must_use]
    pub fn of(self, amount: u64) -> Self {
        Self { amount, ..self }
    }
}

/// The way in which troubles are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The distance at which something that stays wrong is told again, in nanoseconds.
    pub repeat: i64,
    /// The severities of events, where they are set; else [`Event::default_severity`].
    pub severities: BTreeMap<Event, Severity>,
}

/// Everything that is wrong, and what has just ceased to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Troubles {
    open: BTreeMap<Subject, Trouble>,
    /// Those whose all-clear nobody has addressed yet.
    over: Vec<Trouble>,
}

/// As they are stored: a subject is no key of a JSON object.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    open: Vec<Trouble>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    over: Vec<Trouble>,
}

impl From<Stored> for Troubles {
    fn from(Stored { open, over }: Stored) -> Self {
        Self { open: open.into_iter().map(|trouble| (trouble.subject.clone(), trouble)).collect(), over }
    }
}

impl From<Troubles> for Stored {
    fn from(Troubles { open, over }: Troubles) -> Self {
        Self { open: open.into_values().collect(), over }
    }
}

impl FromIterator<Trouble> for Troubles {
    fn from_iter<T: IntoIterator<Item = Trouble>>(troubles: T) -> Self {
        Stored { open: troubles.into_iter().collect(), over: Vec::new() }.into()
    }
}

impl Troubles {
    /// Returns the open troubles, by subject.
    pub fn open(&self) -> impl Iterator<Item = &Trouble> {
        self.open.values()
    }

    /// Returns the open trouble of a subject.
    pub fn of(&self, subject: &Subject) -> Option<&Trouble> {
        self.open.get(subject)
    }

    /// Takes `wrong` for all that is wrong at `at` with the subjects that `settles` says yes to, and returns what is
    /// told of it. Of a subject that is named twice, the last word counts.
    pub fn settle(
        &mut self,
        wrong: Vec<Wrong>,
        settles: impl Fn(&Subject) -> bool,
        at: i64,
        telling: &Telling,
    ) -> Vec<Notification> {
        let wrong: BTreeMap<Subject, Wrong> =
            wrong.into_iter().map(|wrong| (wrong.subject.clone(), wrong)).collect();
        let gone: Vec<Subject> = self
            .open
            .keys()
            .filter(|subject| settles(subject) && !wrong.contains_key(*subject))
            .cloned()
            .collect();
        let mut told: Vec<Notification> =
            wrong.into_values().filter_map(|wrong| self.found(wrong, at, telling)).collect();
        told.extend(gone.iter().filter_map(|subject| self.ended(subject, at)));
        told
    }

    /// Something is wrong: returns what is told of it now, if anything.
    pub fn found(&mut self, wrong: Wrong, at: i64, telling: &Telling) -> Option<Notification> {
        let Wrong { subject, reason, amount } = wrong;
        let trouble = self.open.entry(subject).or_insert_with_key(|subject| {
            let event = subject.event();
            Trouble {
                subject: subject.clone(),
                reason: String::new(),
                severity: telling.severities.get(&event).copied().unwrap_or(event.default_severity()),
                since: at,
                told_at: at,
                told: 0,
                amount: 0,
                told_to: None,
            }
        });
        let lasts = trouble.subject.repeats() && at.saturating_sub(trouble.told_at) >= telling.repeat;
        let another = matches!(trouble.subject, Subject::RuleFile(_)) && trouble.reason != reason;
        let more = trouble.amount > 0 && amount >= trouble.amount.saturating_mul(2);
        trouble.reason = reason;
        if trouble.told > 0 && !lasts && !another && !more {
            return None;
        }
        let notification = words::notification(trouble, trouble.subject.event(), at);
        trouble.told += 1;
        trouble.told_at = at;
        trouble.amount = amount;
        Some(notification)
    }

    /// Nothing is wrong with a subject: returns the all-clear, where something was.
    pub fn ended(&mut self, subject: &Subject, at: i64) -> Option<Notification> {
        let trouble = self.open.remove(subject).filter(|trouble| trouble.told > 0)?;
        let event = trouble.subject.event().all_clear()?;
        let notification = words::notification(&trouble, event, at);
        self.over.push(trouble);
        Some(notification)
    }

    /// Returns which of the sinks that want a notification are sent it, and remembers that they were told: an all-clear
    /// is for those alone that were told what is over.
    pub fn address(&mut self, notification: &Notification, wanting: BTreeSet<String>) -> BTreeSet<String> {
        let Some(about) = notification.trouble.as_ref().map(|trouble| trouble.id) else { return wanting };
        if notification.event.is_closed() {
            let place = self.over.iter().position(|trouble| trouble.id() == about);
            return match place.and_then(|place| self.over.remove(place).told_to) {
                Some(told) => wanting.intersection(&told).cloned().collect(),
                None => wanting,
            };
        }
        let known = self.open.values_mut().chain(&mut self.over);
        if let Some(trouble) = known.into_iter().find(|trouble| trouble.id() == about) {
            trouble.told_to.get_or_insert_default().extend(wanting.iter().cloned());
        }
        wanting
    }

    /// Moves the times at which troubles were told to `to` at the latest. A trouble keeps its id, and so its beginning.
    pub fn set_back(&mut self, to: i64) {
        for trouble in self.open.values_mut() {
            trouble.told_at = trouble.told_at.min(to);
        }
    }

    /// Forgets what is over, whose all-clears nobody is to be sent.
    pub fn forget_over(&mut self) {
        self.over.clear();
    }
}

#[cfg(test)]
mod tests;
