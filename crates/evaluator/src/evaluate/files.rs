//! The files of an evaluation: which are new, which older ones windows reach back to, which prove an alert.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{MutexGuard, PoisonError};

use fluo_alerts::fingerprint::Fingerprint;
use fluo_alerts::life_cycle::{RuleState, Stretch, joined};
use fluo_alerts::notification::{FileRef, Id};
use fluo_alerts::time;
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_plan::RulePlan;
use fluo_rules::duration::Nanos;
use fluo_rules::rule::Rule;
use fluo_store::{DataFile, DataFileName, Hour, Listing, StoreError};

use super::former::FormerText;
use super::missing::{hour_of, touches};
use super::{Evaluator, Inputs};
use crate::arrivals::By;
use crate::chain;
use crate::report::Report;
use crate::rule_set::Known;
use crate::span_data::{Holes, ends_of};
use crate::state::{Pipeline, State};

/// The most listings of older partitions that are kept: three months.
const MOST_OLDER: usize = 24 * 92;

/// A listing of an older partition is good for this long: what it names may be compacted, and deleted an hour later.
const LISTING_AGE: i64 = Nanos::HOUR.0 / 2;

/// The files of an older partition.
#[derive(Debug)]
pub(super) struct Older {
    /// The time of the evaluation that listed it.
    at: i64,
    files: Vec<DataFile>,
}

/// The files of the partitions in which files still arrive.
pub(super) struct Files {
    pub(super) hours: RangeInclusive<Hour>,
    /// Those with spans.
    pub(super) all: Vec<DataFile>,
    /// Those of them that no evaluation has seen before.
    pub(super) new: Vec<DataFile>,
    /// All of which it is not known what ingest counted, those without spans too.
    pub(super) uncounted: Vec<DataFile>,
    /// Ends of the spans of new ones.
    pub(super) arrived: Vec<Stretch>,
    /// Those of older partitions that windows reach back to.
    pub(super) older: Vec<DataFile>,
}

impl Files {
    /// All that windows reach back to.
    pub(super) fn of_windows(&self) -> impl Iterator<Item = &DataFile> {
        self.older.iter().chain(&self.all)
    }
}

impl Evaluator {
    /// The partitions in which files still arrive.
    pub(super) fn arriving(&self, state: &State, inputs: Inputs<'_>) -> RangeInclusive<Hour> {
        let rules = inputs.rules.rules.values().map(|known| Some(known.rule.as_ref()));
        let reach = rules.chain([None]).map(|rule| {
            let delay = rule.and_then(|rule: &Rule| rule.eval_delay).unwrap_or(self.settings.eval_delay).0;
            delay.saturating_add(self.lateness(rule))
        });
        let former = state.former.values().flatten().map(|former| former.reach);
        let from = inputs.eval_time.saturating_sub(reach.chain(former).max().unwrap_or_default());
        let to = inputs.eval_time.saturating_add(self.settings.max_future.0);
        Hour::of_ns(from)..=Hour::of_ns(to)
    }

    /// Finds out which files are new.
    pub(super) async fn arrive(
        &self,
        state: &mut State,
        inputs: Inputs<'_>,
        first: bool,
        report: &mut Report,
    ) -> Result<Files, StoreError> {
        let hours = self.arriving(state, inputs);
        let Listing { files: all, foreign } = inputs.arrivals.listing(hours.clone(), inputs.by).await?;
        self.hidden(state, &hours, &foreign);
        if inputs.by == By::Now {
            self.missing(state, inputs, &hours, &all, &foreign).await?;
        }
        let seen: Vec<String> = all.iter().map(|file| file.location.to_string()).collect();
        let is_unseen = |file: &&DataFile| !state.seen.contains(file.location.as_ref());
        report.new_files = all.iter().filter(is_unseen).map(|file| self.data.name(file)).collect();
        let is_owed = |file: &&DataFile| state.pipeline.uncounted.contains(file.location.as_ref());
        let uncounted = all.iter().filter(|file| is_unseen(file) || is_owed(file)).cloned().collect();
        // A file without rows is no sign that spans arrive.
        let all: Vec<DataFile> = all.into_iter().filter(|file| !file.is_without_rows()).collect();
        let new: Vec<&DataFile> = all.iter().filter(is_unseen).collect();
        report.files_listed = all.len() as u64;
        let arrived: Vec<Stretch> = new.iter().map(|file| ends_of(file)).collect();
        if !first {
            let delay = self.settings.eval_delay.0;
            let judged_to = state.eval_time.saturating_sub(delay);
            let watermark = inputs.eval_time.saturating_sub(delay);
            let late = Stretch { from: watermark.saturating_sub(self.lateness(None)), to: judged_to };
            new.iter().filter(|file| ends_of(file).meets(late)).for_each(|file| report.late(file));
        }
        if first {
            state.pipeline.began_at = inputs.eval_time;
        }
        if !new.is_empty() {
            state.pipeline.arrived_at = inputs.eval_time;
        }
        let newest = arrived.iter().map(|ends| ends.to).filter(|&to| to < i64::MAX).max();
        let newest = newest.unwrap_or_default();
        state.pipeline.newest_end = state.pipeline.newest_end.max(newest);
        if first {
            state.pipeline.alive_to = inputs.eval_time;
        } else if !new.is_empty() {
            // A file that the evaluation before did not see has arrived after it, and after its own spans ended. In the
            // chunks of a catch-up that may be long before this evaluation.
            let alive_to = newest.max(state.eval_time).min(inputs.eval_time);
            state.pipeline.alive_to = state.pipeline.alive_to.max(alive_to);
        }
        let new: Vec<DataFile> = new.into_iter().cloned().collect();
        // On the way through an outage, files may have been seen that came later than this evaluation's time, and what
        // hides in a folder that cannot be read is still there.
        let unread = Holes::of(state).unread;
        let hides = |place: &str| hour_of(place).is_some_and(|hour| touches(hour, &unread));
        let keeps = |place: &str| inputs.by != By::Now || hides(place);
        state.seen.retain(|place| keeps(place) && hour_of(place).is_some_and(|it| hours.contains(&it)));
        state.seen.extend(seen);
        Ok(Files { hours, arrived: joined(arrived), all, new, uncounted, older: Vec::new() })
    }

    /// Returns whether nothing arrives.
    pub(super) fn stale(&self, state: &State, eval_time: i64) -> Option<Wrong> {
        let Pipeline { arrived_at, began_at, newest_end, .. } = state.pipeline;
        let since = arrived_at.max(began_at);
        if self.settings.always_alive || eval_time.saturating_sub(since) < self.settings.stale_after.0 {
            return None;
        }
        let reason = if arrived_at == 0 {
            format!("no data file has come since the first evaluation, at {}", time::human(since))
        } else {
            let newest = if newest_end == 0 {
                String::new()
            } else {
                format!("; its newest span ended at {}", time::human(newest_end))
            };
            format!("the last new data file was seen by the evaluation of {}{newest}", time::human(since))
        };
        Some(Wrong::new(Subject::Pipeline, reason))
    }

    /// Files of older partitions that windows reach back to.
    pub(super) async fn older_files(
        &self,
        state: &State,
        rules: &[(&Known, RulePlan)],
        former: &[FormerText],
        files: &Files,
        inputs: Inputs<'_>,
    ) -> Result<Vec<DataFile>, StoreError> {
        let holes = Holes::of(state);
        let mut earliest: Option<i64> = None;
        for (known, plan) in rules {
            let Some(of_rule) = state.rules.get(&known.rule.name) else { continue };
            let due = self.due(state, &known.rule, plan, &files.arrived, &holes, inputs.eval_time);
            if let Some(first) = due.moments(of_rule).stretches.first() {
                let from = first.from.saturating_sub(known.rule.window.0);
                earliest = Some(earliest.map_or(from, |earliest| earliest.min(from)));
            }
        }
        for text in former {
            let rule = &text.known.rule;
            let due = self.due_until(state, text, files, &holes, inputs.eval_time);
            if let Some(first) = text.state(state).and_then(|of| due.moments(of).stretches.first().copied()) {
                let from = first.from.saturating_sub(rule.window.0);
                earliest = Some(earliest.map_or(from, |earliest| earliest.min(from)));
            }
        }
        let Some(earliest) = earliest else { return Ok(Vec::new()) };
        let (from, before) = (Hour::of_ns(earliest), *files.hours.start());
        if from >= before {
            return Ok(Vec::new());
        }
        if inputs.by != By::Now {
            return self.with_rows(from..=Hour(before.0 - 1), inputs).await;
        }
        let hours = || (from.0..before.0).map(Hour);
        let unknown: Vec<Hour> = {
            let mut known = self.older();
            if known.len() > MOST_OLDER {
                known.clear();
            }
            known.retain(|_, older| (0..LISTING_AGE).contains(&inputs.eval_time.saturating_sub(older.at)));
            hours().filter(|hour| !known.contains_key(hour)).collect()
        };
        if let (Some(&first), Some(&last)) = (unknown.first(), unknown.last()) {
            let listed = self.with_rows(first..=last, inputs).await?;
            let mut known = self.older();
            let none = || Older { at: inputs.eval_time, files: Vec::new() };
            known.extend((first.0..=last.0).map(|hour| (Hour(hour), none())));
            for file in listed {
                // What another program named lies in the hour of its folder, or somewhere among them.
                let named = file.name.as_ref().map(DataFileName::hour);
                let hour = named.or_else(|| Hour::of_partition(&file.location)).unwrap_or(first);
                known.entry(hour).or_insert_with(none).files.push(file);
            }
        }
        let known = self.older();
        Ok(hours().filter_map(|hour| known.get(&hour)).flat_map(|older| &older.files).cloned().collect())
    }

    /// The files of these hours that hold spans.
    async fn with_rows(
        &self,
        hours: RangeInclusive<Hour>,
        inputs: Inputs<'_>,
    ) -> Result<Vec<DataFile>, StoreError> {
        let mut files = inputs.arrivals.files(hours, inputs.by).await?;
        files.retain(|file| !file.is_without_rows());
        Ok(files)
    }

    pub(super) fn older(&self) -> MutexGuard<'_, BTreeMap<Hour, Older>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the files of its window to what is told of an alert that has just fired.
    pub(super) async fn name_files(
        &self,
        state: &State,
        of_rule: &mut RuleState,
        fired: &[(Fingerprint, Id)],
        all: &Files,
    ) {
        let mut etags: BTreeMap<String, String> = BTreeMap::new();
        let damaged: BTreeSet<&str> = state.damaged.iter().map(|damaged| damaged.name.as_str()).collect();
        for (fingerprint, id) in fired {
            let alerts = of_rule.groups.get_mut(fingerprint).map(|group| &mut group.alerts);
            let Some(alert) = alerts.into_iter().flatten().find(|alert| alert.told.id == *id) else {
                continue;
            };
            let violation = &alert.told.violation;
            let window = Stretch {
                from: violation.starts_at.saturating_sub(violation.window.0).saturating_add(1),
                to: violation.starts_at,
            };
            let mut files = Vec::new();
            for file in all.of_windows().filter(|file| ends_of(file).meets(window)) {
                let name = self.data.name(file);
                if damaged.contains(self.data.name(file.stored()).as_str()) {
                    continue;
                }
                let etag = if let Some(etag) = etags.get(&name) {
                    etag.clone()
                } else {
                    // An alert is not held up by a file that has gone meanwhile: verifying will say that it has.
                    let read = fluo_store::etag(self.data.root(), file).await;
                    let etag = read.unwrap_or_else(|error| format!("unknown: {}", chain(&error)));
                    etags.insert(name.clone(), etag.clone());
                    etag
                };
                files.push(FileRef { name, etag });
            }
            alert.told.files = files;
        }
    }
}
