//! Spans that came too late for any judgement: how many, and how late.
//!
//! A file of the partitions that every evaluation lists is new where it was not seen before. Older partitions are listed
//! one at a time, in turn: what arrived there since the last look is too late by definition. So a span that is late by
//! less than a day is told of, at the cost of one listing of an hour an evaluation, and a minute where evaluations are
//! closer to each other.

use fluo_alerts::trouble::{Subject, Wrong};
use fluo_alerts::value::human_duration;
use fluo_store::{DataFile, Hour, StoreError};
use fluo_time::{Nanos, moment};

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::Inputs;
use crate::span_data::ends_of;
use crate::state::{State, TooLate};

/// The number of older partitions that are looked at in turn.
const OLDER_HOURS: i64 = 24;

/// The time without a span that comes too late after which the trouble is over.
const QUIET: i64 = Nanos::HOUR.0;

impl Evaluator {
    /// Counts the spans that came too late since the last evaluation, and says so while more come.
    pub(super) async fn too_late(
        &self,
        state: &mut State,
        inputs: Inputs<'_>,
        files: &Files,
        first: bool,
    ) -> Result<Option<Wrong>, StoreError> {
        if self.settings.always_alive {
            return Ok(None);
        }
        let lateness = self.most_lateness(inputs);
        let mut late = TooLate::default();
        if !first {
            // What lies further back than is caught up is told to be unjudged.
            for file in files.new.iter().filter(|_| inputs.skip_to.is_none()) {
                late.count(file, inputs.eval_time.saturating_sub(lateness));
            }
            if let Some(hour) = next_look(state, *files.hours.start(), inputs.eval_time) {
                let looked = state.pipeline.looked_at.insert(hour.0, inputs.eval_time);
                let since = looked.unwrap_or(state.pipeline.began_at);
                for file in inputs.arrivals.files(hour..=hour, inputs.by).await? {
                    let arrived = inputs.arrivals.arrived_at(&file);
                    if since < arrived && arrived <= inputs.eval_time {
                        late.count(&file, arrived.saturating_sub(lateness));
                    }
                }
            }
        }
        // What is late in these is counted as new. Once they are older, only what comes from then on counts.
        let arriving = files.hours.start().0..=files.hours.end().0;
        state.pipeline.looked_at.extend(arriving.map(|hour| (hour, inputs.eval_time)));
        let oldest = files.hours.start().0 - OLDER_HOURS;
        state.pipeline.looked_at.retain(|hour, _| *hour >= oldest);
        let known = &mut state.pipeline.too_late;
        known.add(late, inputs.eval_time);
        if known.spans > 0 && inputs.eval_time.saturating_sub(known.last) >= QUIET {
            *known = TooLate::default();
        }
        Ok((known.spans > 0).then(|| wrong(known)))
    }

    /// Returns how far behind an evaluation's time a span may end and still be judged: as the settings say; where every
    /// rule has times of its own, as the most patient of them says.
    fn most_lateness(&self, inputs: Inputs<'_>) -> i64 {
        let of = |rule: Option<&fluo_rules::rule::Rule>| {
            let delay = rule.and_then(|rule| rule.eval_delay).unwrap_or(self.settings.eval_delay).0;
            delay.saturating_add(self.lateness(rule))
        };
        let rules = || inputs.rules.rules.values().map(|known| known.rule.as_ref());
        if rules().any(|rule| rule.allowed_lateness.is_none()) {
            return of(None);
        }
        rules().map(|rule| of(Some(rule))).max().unwrap_or_else(|| of(None))
    }
}

/// Returns the hour before `start` that was looked at longest ago; `None` where an evaluation of the same minute was
/// before.
fn next_look(state: &State, start: Hour, eval_time: i64) -> Option<Hour> {
    let minute = |time: i64| time.div_euclid(Nanos::MINUTE.0);
    if minute(state.eval_time) == minute(eval_time) {
        return None;
    }
    let looked_at = |hour: &Hour| state.pipeline.looked_at.get(&hour.0).copied();
    (1..=OLDER_HOURS).map(|back| Hour(start.0 - back)).min_by_key(looked_at)
}

impl TooLate {
    /// Counts the spans of a file that ended before `line`.
    fn count(&mut self, file: &DataFile, line: i64) {
        let Some(name) = file.name.as_ref().filter(|name| name.rows > 0) else { return };
        let ends = ends_of(file);
        if ends.from >= line {
            return;
        }
        self.files += 1;
        self.spans += name.rows;
        self.at_most |= ends.to >= line;
        self.by = self.by.max(line.saturating_sub(ends.from));
    }

    fn add(&mut self, more: Self, at: i64) {
        if more.spans > 0 {
            self.last = at;
        }
        self.files += more.files;
        self.spans += more.spans;
        self.at_most |= more.at_most;
        self.by = self.by.max(more.by);
    }
}

fn wrong(late: &TooLate) -> Wrong {
    let at_most = if late.at_most { "up to " } else { "" };
    // To the second: names of files say no more than milliseconds.
    let by = human_duration(i128::from(late.by.div_euclid(1_000_000_000)) * 1_000_000_000);
    let reason = format!(
        "{at_most}{} spans in {} file(s) ended up to {by} before the earliest moment that is still judged; the last of \
         them were seen at {}",
        late.spans,
        late.files,
        moment::human(late.last)
    );
    Wrong::new(Subject::TooLate, reason).of(late.spans)
}
