//! Spans that ingest could not place or had to mend: how large a part of what arrives, and why.
//!
//! Ingest writes its counts into the data files ([`fluo_store::counts`]). An evaluation reads those of the files that
//! it sees for the first time; a file that cannot be read now is asked for again by the next ones.

use std::collections::BTreeSet;
use std::time::Duration;

use fluo_alerts::trouble::{Subject, Wrong};
use fluo_store::{FileCounts, FileFault};
use fluo_time::Nanos;

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::Inputs;
use crate::report::Report;
use crate::state::{SetAside, State};

/// The share was not exceeded for this long: that is over. Nothing at all was wrong for this long: counting begins
/// anew.
const QUIET: i64 = Nanos::HOUR.0;

/// Of the files that the first evaluation finds, the newest so many are looked at: nobody waits for the others'
/// footers.
const MOST_AT_FIRST: usize = 1_000;

impl Evaluator {
    /// Counts what ingest set aside and mended of what has just arrived, and says so while it is more than a share of
    /// it.
    pub(super) async fn set_aside(
        &self,
        state: &mut State,
        inputs: Inputs<'_>,
        files: &Files,
        first: bool,
        report: &mut Report,
    ) -> Option<Wrong> {
        if self.settings.always_alive {
            return None;
        }
        let from = if first { files.uncounted.len().saturating_sub(MOST_AT_FIRST) } else { 0 };
        let wanted = &files.uncounted[from..];
        let mut arrived = Counted::default();
        // A store that does not answer holds up no rule: what is not known in time is counted by a later evaluation.
        let budget = Duration::from_nanos(self.settings.rule_time.0.unsigned_abs());
        let opened = tokio::time::timeout(budget, self.data.counts(wanted)).await;
        let places = || wanted.iter().map(|file| file.location.to_string()).collect();
        state.pipeline.uncounted = if opened.is_err() { places() } else { BTreeSet::new() };
        for (file, opened) in wanted.iter().zip(opened.unwrap_or_default()) {
            match opened {
                Ok((rows, counts)) => arrived.add(rows, &counts),
                Err(FileFault::Unavailable { .. }) => {
                    state.pipeline.uncounted.insert(file.location.to_string());
                }
                // Whoever reads its spans tells of it. One without any is read here alone.
                Err(fault) if file.is_without_rows() => self.data.not_opened(&fault, file, state),
                Err(_) => {}
            }
        }
        report.spans_set_aside = arrived.counts.set_aside_total();
        report.spans_mended = arrived.counts.mended_spans;
        let exceeds = arrived.wrong() * 100 > u128::from(self.settings.set_aside_percent) * arrived.all();
        let known = &mut state.pipeline.set_aside;
        known.add(&arrived, exceeds, inputs.eval_time);
        if inputs.eval_time.saturating_sub(known.last) >= QUIET {
            *known = SetAside::default();
        }
        let lasts = known.exceeded > 0 && inputs.eval_time.saturating_sub(known.exceeded) < QUIET;
        lasts.then(|| wrong(known))
    }
}

/// The counts of one evaluation.
#[derive(Default)]
struct Counted {
    rows: u64,
    counts: FileCounts,
}

impl Counted {
    fn add(&mut self, rows: u64, counts: &FileCounts) {
        self.rows = self.rows.saturating_add(rows);
        self.counts.merge(counts);
    }

    /// Spans of which something was wrong.
    fn wrong(&self) -> u128 {
        u128::from(self.counts.set_aside_total()) + u128::from(self.counts.mended_spans)
    }

    /// Spans that came.
    fn all(&self) -> u128 {
        u128::from(self.rows) + u128::from(self.counts.set_aside_total())
    }
}

impl SetAside {
    fn add(&mut self, arrived: &Counted, exceeds: bool, at: i64) {
        if arrived.wrong() > 0 {
            if self.since == 0 {
                self.since = at;
            }
            self.last = at;
        }
        if exceeds {
            self.exceeded = at;
        }
        if self.since > 0 {
            self.spans = self.spans.saturating_add(arrived.rows);
            self.counts.merge(&arrived.counts);
        }
    }
}

fn wrong(known: &SetAside) -> Wrong {
    let amount = known.counts.set_aside_total().saturating_add(known.counts.mended_spans);
    Wrong::new(Subject::SetAside, known.to_string()).of(amount)
}
