//! The beginning of an evaluation: which files have arrived, and which of them are new.

use std::ops::RangeInclusive;

use fluo_alerts::trouble::{Subject, Wrong};
use fluo_rules::rule::Rule;
use fluo_store::{DataFile, Hour, Listing, StoreError};
use fluo_time::range::joined;
use fluo_time::{TimeRange, moment};

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::Inputs;
use super::missing::{hour_of, touches};
use crate::arrivals::By;
use crate::report::Report;
use crate::span_data::{Holes, ends_of};
use crate::state::{Pipeline, State};

/// A state that knows what has arrived, and of which nothing has been judged yet.
pub(super) struct Arrived {
    pub(super) state: State,
    /// No evaluation was before.
    pub(super) first: bool,
    pub(super) files: Files,
    pub(super) report: Report,
}

impl Evaluator {
    /// Lists the files, and puts down in the state what has arrived.
    pub(super) async fn arrived(&self, before: State, inputs: Inputs<'_>) -> Result<Arrived, StoreError> {
        let first = before.is_new();
        let mut state = before;
        state.unread.clear();
        let mut report = Report { eval_time: inputs.eval_time, ..Report::default() };
        let files = self.arrive(&mut state, inputs, first, &mut report).await?;
        Ok(Arrived { state, first, files, report })
    }

    /// The partitions in which files still arrive.
    fn arriving(&self, state: &State, inputs: Inputs<'_>) -> RangeInclusive<Hour> {
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
    async fn arrive(
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
        let arrived: Vec<TimeRange> = new.iter().map(|file| ends_of(file)).collect();
        if !first {
            let delay = self.settings.eval_delay.0;
            let judged_to = state.eval_time.saturating_sub(delay);
            let watermark = inputs.eval_time.saturating_sub(delay);
            let late = TimeRange { from: watermark.saturating_sub(self.lateness(None)), to: judged_to };
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
        let arrived = joined(arrived);
        let changed = arrived.clone();
        Ok(Files { hours, arrived, changed, first: None, all, new, uncounted, older: Vec::new() })
    }

    /// Finds out when the store's first span ended. Windows that it had no spans in may have had nothing: where it turns out
    /// to begin earlier, they are looked at again.
    pub(super) async fn begin_of_store(
        &self,
        state: &mut State,
        files: &mut Files,
        inputs: Inputs<'_>,
    ) -> Result<(), StoreError> {
        let listed = self.older.first(inputs).await?;
        let new = files.new.iter().map(|file| ends_of(file).from).filter(|&from| from > i64::MIN);
        let first = listed.into_iter().chain(new).min();
        let before = state.pipeline.first_end;
        // While nobody knew of a span, no window had a value.
        let known_to = before.unwrap_or(i64::MAX).min(inputs.eval_time);
        let revealed = first.filter(|first| *first < known_to);
        let revealed = revealed.map(|first| TimeRange { from: first, to: known_to });
        files.changed = joined(files.arrived.iter().copied().chain(revealed));
        files.first = first;
        state.pipeline.first_end = first.or(before);
        Ok(())
    }

    /// Returns the trouble that nothing arrives, where that is so.
    pub(super) fn stale(&self, state: &State, eval_time: i64) -> Option<Wrong> {
        let Pipeline { arrived_at, began_at, newest_end, .. } = state.pipeline;
        let since = arrived_at.max(began_at);
        if self.settings.always_alive || eval_time.saturating_sub(since) < self.settings.stale_after.0 {
            return None;
        }
        let reason = if arrived_at == 0 {
            format!("no data file has come since the first evaluation, at {}", moment::human(since))
        } else {
            let newest = if newest_end == 0 {
                String::new()
            } else {
                format!("; its newest span ended at {}", moment::human(newest_end))
            };
            format!("the last new data file was seen by the evaluation of {}{newest}", moment::human(since))
        };
        Some(Wrong::new(Subject::Pipeline, reason))
    }
}
