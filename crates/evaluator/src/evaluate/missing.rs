//! Files whose spans are missing to an evaluation: damaged, gone, or not readable now.
//!
//! A missing span proves nothing: no alert is taken back or resolved by it. A file that is damaged or gone is missing
//! for good, unless other bytes come in its place; the moments that need one which cannot be read now are owed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use fluo_alerts::escape::plain;
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_store::names::Content;
use fluo_store::{DataFile, DataFileName, Foreign, Hour, StoreError};
use fluo_time::range::without;
use fluo_time::{Nanos, TimeRange, moment};
use object_store::path::Path;

use super::evaluator::Evaluator;
use super::inputs::Inputs;
use crate::arrivals::By;
use crate::span_data::{GONE, Holes, tag_of};
use crate::state::{Damaged, Loss, State, Unread};

/// The most files that a notification names.
const NAMED: usize = 10;

/// The most hours, older than those in which files arrive, that are looked at for files which were damaged.
const MOST_HOURS: usize = 24;

/// The tag of what is no file: that of any file is another.
const NO_FILE: &str = "";

impl Evaluator {
    /// Puts down what lies among the data files and may hide some: a folder that may not be read, a link that leads
    /// nowhere.
    pub(super) fn hidden(&self, state: &mut State, hours: &RangeInclusive<Hour>, foreign: &[Foreign]) {
        for it in foreign.iter().filter(|it| it.may_hide_spans) {
            let among_files = Hour::of_partition(&it.location);
            let folder = || Hour::of_partition(&it.location.clone().join("_"));
            let all = || *hours.start().ends_ns().start()..=*hours.end().ends_ns().end();
            let ends = among_files.or_else(folder).map_or_else(all, Hour::ends_ns);
            let (name, ends, reason) =
                (self.data.name_of(&it.location), TimeRange::from(ends), it.reason.to_owned());
            if it.may_pass || among_files.is_none() {
                state.unread.push(Unread { name, ends, reason });
            } else if state.damaged.iter().all(|known| known.name != name) {
                let tag = Some(NO_FILE.to_owned());
                state.damaged.push(Damaged { name, ends, reason, loss: Loss::Damaged, tag });
            }
        }
    }

    /// Finds out what became of files that were seen: those that are not listed any more are gone, and a damaged one of
    /// which there are other bytes now is forgotten, so that it arrives anew.
    pub(super) async fn missing(
        &self,
        state: &mut State,
        inputs: Inputs<'_>,
        hours: &RangeInclusive<Hour>,
        all: &[DataFile],
        foreign: &[Foreign],
    ) -> Result<(), StoreError> {
        let foreign: BTreeSet<&str> = foreign.iter().map(|it| it.location.as_ref()).collect();
        let unread = Holes::of(state).unread;
        let hour = |damaged: &Damaged| Hour::of_ns(damaged.ends.from);
        let older: BTreeSet<Hour> = state
            .damaged
            .iter()
            .filter(|damaged| damaged.loss == Loss::Damaged)
            .map(hour)
            .filter(|hour| hour < hours.start())
            .collect();
        let looked: BTreeSet<Hour> = older.into_iter().rev().take(MOST_HOURS).collect();
        let mut of_older = Vec::new();
        for &hour in &looked {
            of_older.extend(inputs.arrivals.files(hour..=hour, By::Now).await?);
        }
        let all = || of_older.iter().chain(all);
        // A compacted file is there, too, if it was found to be damaged.
        let listed: BTreeMap<&str, &DataFile> =
            all().flat_map(|file| [file.stored(), file]).map(|file| (file.location.as_ref(), file)).collect();
        let current: BTreeSet<(Hour, Content)> =
            listed.values().filter_map(|file| file.name.as_ref()).map(content).collect();
        let is_replaced = |place: &str| name_of(place).is_some_and(|name| current.contains(&content(&name)));
        let root = self.data.root();

        let mut damaged = std::mem::take(&mut state.damaged);
        damaged.retain_mut(|known| {
            let place = root.at(&Path::from(known.name.as_str())).to_string();
            let again = match listed.get(place.as_str()) {
                Some(file) if known.loss == Loss::Damaged => {
                    known.tag.as_ref().is_some_and(|tag| *tag != tag_of(file))
                }
                Some(_) => true,
                None => is_replaced(&place),
            };
            if again {
                for file in all().filter(|file| file.stored().location.as_ref() == place) {
                    state.seen.remove(file.location.as_ref());
                }
                state.seen.remove(&place);
                self.older.forget(hour(known));
                return false;
            }
            let is_looked_at = hours.contains(&hour(known)) || looked.contains(&hour(known));
            let is_there = listed.contains_key(place.as_str()) || foreign.contains(place.as_str());
            if known.loss == Loss::Damaged && is_looked_at && !is_there {
                known.loss = Loss::Removed;
                // What never was a file took no spans with it.
                return known.tag.as_deref() != Some(NO_FILE);
            }
            true
        });
        let known = names(&damaged);
        for place in &state.seen {
            // What hides in a folder that cannot be read is not gone.
            let is_listed = |hour: &Hour| hours.contains(hour) && !touches(*hour, &unread);
            let Some(hour) = hour_of(place).filter(is_listed) else { continue };
            let name = self.data.name_of(&Path::from(place.as_str()));
            if listed.contains_key(place.as_str()) || is_replaced(place) || known.contains(&name) {
                continue;
            }
            let of_name = name_of(place);
            if of_name.as_ref().is_some_and(|name| name.rows == 0) {
                continue;
            }
            let ends = of_name.map_or_else(|| hour.ends_ns(), |name| name.ends_ns()).into();
            let reason = GONE.to_owned();
            damaged.push(Damaged { name, ends, reason, loss: Loss::Gone, tag: None });
        }
        state.damaged = damaged;
        Ok(())
    }

    /// Drops what is missing where nothing reaches any more: a file that is older than what is looked at. `reach`: how far
    /// back rules look.
    pub(super) fn forget(&self, state: &mut State, eval_time: i64, reach: i64) {
        let looked_at = self.settings.max_catch_up.0.max(reach);
        let horizon = eval_time.saturating_sub(looked_at).saturating_sub(self.lateness(None));
        state.damaged.retain(|damaged| damaged.ends.to >= horizon);
    }
}

/// Gives up the moments that have been owed for longer than `most`, and returns them. An hour at a time: each is told.
pub(super) fn give_up(owed: &mut Vec<TimeRange>, eval_time: i64, most: i64) -> Option<TimeRange> {
    let limit = eval_time.saturating_sub(most);
    let first = owed.first().copied().filter(|first| first.from < limit.saturating_sub(Nanos::HOUR.0))?;
    let past = TimeRange { from: i64::MIN, to: limit };
    let last = owed.iter().take_while(|owed| owed.from <= limit).last().map_or(first.to, |owed| owed.to);
    *owed = without(owed, &[past]);
    Some(TimeRange { from: first.from, to: last.min(limit) })
}

/// The hour of a data file, by its place.
pub(super) fn hour_of(place: &str) -> Option<Hour> {
    let of_name = name_of(place).map(|name| name.hour());
    of_name.or_else(|| Hour::of_partition(&Path::from(place)))
}

/// Returns whether stretches meet an hour.
pub(super) fn touches(hour: Hour, stretches: &[TimeRange]) -> bool {
    let ends = TimeRange::from(hour.ends_ns());
    stretches.iter().any(|stretch| stretch.meets(ends))
}

fn name_of(place: &str) -> Option<DataFileName> {
    place.rsplit('/').next().and_then(DataFileName::parse)
}

/// Returns hour and content, which two files share of which one replaces the other.
fn content(name: &DataFileName) -> (Hour, Content) {
    (name.hour(), name.content)
}

/// The names of files.
pub(super) fn names(damaged: &[Damaged]) -> BTreeSet<String> {
    damaged.iter().map(|damaged| damaged.name.clone()).collect()
}

/// Returns the trouble with data files, if there is one that somebody may do something about.
pub(super) fn data_files(damaged: &[Damaged]) -> Option<Wrong> {
    let open: Vec<&Damaged> = damaged.iter().filter(|damaged| damaged.loss != Loss::Removed).collect();
    let last = open.iter().map(|damaged| damaged.ends.to).max()?;
    let lines = open.iter().map(|damaged| (damaged.name.as_str(), damaged.reason.as_str()));
    let until = if last == i64::MAX { String::new() } else { format!(" until {}", moment::human(last)) };
    let reason = format!("{} file(s){until}; {}", open.len(), named(lines));
    Some(Wrong::new(Subject::DataFiles, reason).of(open.len() as u64))
}

/// Returns the trouble with the store, if files cannot be read now.
pub(super) fn outage(unread: &[Unread]) -> Option<Wrong> {
    let first = unread.first()?;
    let lines = unread.iter().map(|unread| (unread.name.as_str(), unread.reason.as_str()));
    let from = unread.iter().map(|unread| unread.ends.from).min().unwrap_or(first.ends.from);
    let from = if from == i64::MIN { String::new() } else { format!(" since {}", moment::human(from)) };
    let reason = format!("{} file(s) with spans{from} cannot be read now; {}", unread.len(), named(lines));
    Some(Wrong::new(Subject::Outage, reason))
}

/// The first of some files, each with what is wrong with it.
fn named<'a>(files: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> String {
    let more = files.len().saturating_sub(NAMED);
    let mut lines: Vec<String> =
        files.take(NAMED).map(|(name, reason)| format!("{}: {}", plain(name), plain(reason))).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("; ")
}
