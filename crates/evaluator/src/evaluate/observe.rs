//! Looks at the spans of all windows that are asked for: the only part of an evaluation that reads them.
//!
//! All rules share one pass. A clock may only postpone: rules that were not reached are judged by the next evaluation, and
//! the others commit what they found. Where a pass takes too long, the rules of it are tried in smaller portions, until
//! the slow ones are alone; what a portion finds is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fluo_alerts::life_cycle::{Observation, RuleState};
use fluo_alerts::reading::gauge::Track;
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_engine::{
    AsOf, Before, Contents, EngineError, Judged, Known, Observed, Querying, SpanSource, Summing, Tracing,
    Tried, record, tried,
};
use fluo_plan::{RulePlan, missing_can_break};
use fluo_store::DataFile;
use fluo_time::range::joined;
use fluo_time::{Nanos, TimeRange, moment};
use object_store::path::Path;

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::{Inputs, Patience};
use crate::due::{Due, Moments};
use crate::page::MARK_STEP;
use crate::rule_set;
use crate::span_data::{Holes, ends_of};
use crate::state::State;

/// An evaluation may look at spans for this many times the time of one pass.
const PASSES: i64 = 4;

/// Time that the first pass of an evaluation has at least: what is begun before a deadline ends before all is over.
const FIRST_TRY: Nanos = Nanos(5 * Nanos::SECOND.0);

/// A question about one rule.
pub(super) struct Asked<'a> {
    pub(super) known: &'a rule_set::Known,
    pub(super) plan: &'a RulePlan,
    /// Of a former text: the last moment that it judges.
    pub(super) until: Option<i64>,
    pub(super) cell: i64,
    pub(super) before: RuleState,
    pub(super) moments: Moments,
    pub(super) as_of: AsOf,
    /// The holes that were known.
    pub(super) holes: Holes,
    /// The times of the spans in its windows.
    pub(super) reads: Option<TimeRange>,
    /// The number of files with spans of those times.
    pub(super) files: usize,
    /// The end of the store's first span.
    first: Option<i64>,
    /// The most of the past that is read at once.
    most: Option<i64>,
    /// Its values are told, of each stretch of this length the closest one; nanoseconds.
    near: Option<i64>,
}

/// Sums begin so much earlier than what is asked for, at most: of exact rules with a minute, and what is known of when
/// groups were seen with an hour.
const EARLIER_CELL: Nanos = Nanos::HOUR;

/// Files that were read, by location.
pub(super) type Read = BTreeMap<Path, DataFile>;

/// The outcome of a look at a rule.
pub(super) enum Seen {
    Observations {
        observations: Vec<Observation>,
        /// Its values, where a page tells of them.
        track: Option<Track>,
    },
    /// There was no time; `alone`: not even for this rule alone.
    Nothing { alone: bool },
}

impl Evaluator {
    /// Returns what is due of a rule: the moments to judge, and the files of their windows. `until`: of a former text, the last
    /// moment that it judges.
    #[expect(clippy::too_many_arguments, reason = "a rule, what is known of it, and where it is judged")]
    pub(super) fn ask<'a>(
        &self,
        state: &State,
        before: RuleState,
        known: &'a rule_set::Known,
        plan: &'a RulePlan,
        until: Option<i64>,
        files: &Files,
        inputs: Inputs<'_>,
    ) -> Asked<'a> {
        let holes = Holes::of(state);
        let due = Due { until, ..self.due(state, &known.rule, plan, files, &holes, inputs.eval_time) };
        let moments = due.moments(&before);
        let ends = moments.stretches.first().zip(moments.stretches.last());
        let earlier = due.reach.before.saturating_add(EARLIER_CELL.0);
        let reads = ends.map(|(first, last)| TimeRange {
            from: first.from.saturating_sub(earlier),
            to: last.to.saturating_add(due.reach.after),
        });
        let is_met = |file: &&DataFile| reads.is_some_and(|reads| ends_of(file).meets(reads));
        let number = files.of_windows().filter(is_met).count();
        // Spans that are missing may be what must be there: that waits for a file that comes after them.
        let trace = known.rule.trace();
        let settled_to = due.watermark.saturating_add(known.rule.waits().0);
        let settled_to = if trace.is_some_and(missing_can_break) {
            settled_to.min(due.alive_to.saturating_sub(1))
        } else {
            settled_to
        };
        let as_of = AsOf { settled_to, until: inputs.eval_time };
        // Where nobody waits, all of the past is read at once.
        let most = inputs.patience.map(|_| self.settings.max_catch_up.0);
        let (first, cell) = (files.first, due.cell());
        // What a former text found is over.
        let near = (until.is_none() && self.page.is_open()).then_some(MARK_STEP);
        Asked {
            known,
            plan,
            until,
            cell,
            before,
            moments,
            as_of,
            holes,
            reads,
            files: number,
            first,
            most,
            near,
        }
    }

    /// Looks at the spans. Files that cannot be read are put down in `state`, and left out.
    pub(super) async fn observe(
        &self,
        state: &mut State,
        asked: &[Asked<'_>],
        files: &Files,
        inputs: Inputs<'_>,
        read: &mut Read,
    ) -> Vec<Result<Seen, EngineError>> {
        let mut seen: Vec<Result<Seen, EngineError>> =
            asked.iter().map(|_| Ok(Seen::Nothing { alone: false })).collect();
        let one_pass = self.settings.rule_time.0;
        let until = inputs.patience.map(|Patience { clock, deadline }| {
            let most = clock().saturating_add(one_pass.saturating_mul(PASSES));
            deadline.map_or(most, |deadline| deadline.min(most))
        });
        let tries: Vec<u8> = asked.iter().map(|asked| asked.before.tries).collect();
        for (number, portion) in portions(&tries).into_iter().enumerate() {
            let least = if number == 0 { FIRST_TRY.0 } else { 0 };
            let left = inputs.patience.zip(until).map(|(Patience { clock, .. }, until)| {
                let left = until.saturating_sub(clock()).max(least).min(one_pass);
                Duration::from_nanos(left.max(0).unsigned_abs())
            });
            if number > 0 && left.is_some_and(|left| left.is_zero()) {
                break;
            }
            let some: Vec<&Asked<'_>> = portion.iter().map(|at| &asked[*at]).collect();
            let alone = portion.len() == 1;
            match self.look(state, &some, files, left, read).await {
                Some(Ok(judged)) => {
                    let of_rules = judged.rules.into_iter().zip(judged.tracks);
                    for (at, (found, track)) in portion.into_iter().zip(of_rules) {
                        seen[at] = match found {
                            // What was read is kept: the next evaluation goes on from there.
                            Err(EngineError::Behind) => Ok(Seen::Nothing { alone: false }),
                            found => found.map(|found| asked[at].seen(found, track)),
                        };
                    }
                }
                Some(Err(error)) => {
                    let error = Arc::new(error);
                    for at in portion {
                        seen[at] = Err(EngineError::Pass(Arc::clone(&error)));
                    }
                }
                None => {
                    for at in portion {
                        seen[at] = Ok(Seen::Nothing { alone });
                        if let Some(of_rule) = state.rules.get_mut(&asked[at].known.rule.name) {
                            of_rule.tries = of_rule.tries.saturating_add(1);
                        }
                    }
                }
            }
        }
        seen
    }

    /// One look at some rules; `None` where it took too long.
    async fn look(
        &self,
        state: &mut State,
        asked: &[&Asked<'_>],
        files: &Files,
        patience: Option<Duration>,
        read: &mut Read,
    ) -> Option<Result<Judged, EngineError>> {
        let questions: Vec<_> = asked.iter().map(|asked| asked.question()).collect();
        if questions.iter().all(|question| question.stretches.is_empty()) {
            return Some(Ok(Judged::of_nothing(questions.len())));
        }
        let reads = joined(asked.iter().filter_map(|asked| asked.reads));
        // Of a compacted file, all files or none: then no row of it need be told apart.
        let is_met = |file: &&DataFile| reads.iter().any(|reads| ends_of(file.stored()).meets(*reads));
        let needed: Vec<DataFile> = files.of_windows().filter(is_met).cloned().collect();
        loop {
            let looking = async {
                // Each time, at least one file less.
                loop {
                    if let Some(judged) = self.once(state, &questions, &needed, read).await {
                        return judged;
                    }
                }
            };
            let Some(patience) = patience else { return Some(looking.await) };
            if let Ok(judged) = tokio::time::timeout(patience, looking).await {
                return Some(judged);
            }
            // A store that does not answer is no fault of the rules.
            let unanswered = self.data.unanswered(&needed).await;
            if unanswered.is_empty() {
                return None;
            }
            self.data.unreachable(&unanswered, state);
        }
    }

    /// One look over those of the files that can be read; `None` where it finds that another cannot be.
    async fn once(
        &self,
        state: &mut State,
        questions: &[fluo_engine::Asked<'_>],
        needed: &[DataFile],
        read: &mut Read,
    ) -> Option<Result<Judged, EngineError>> {
        let needed = self.data.not_missing(needed, state);
        let contents = Contents::of(&needed);
        let known = Some(Known { panes: self.panes.known(), contents: &contents });
        let tracing = Tracing::new(questions);
        let mut source = self.opened(state, &needed, &tracing.reads(), read).await?;
        let traced = tried(&mut source, async |source| tracing.over(&self.session, source).await).await;
        let traced = match self.ended(state, traced, &needed)? {
            Ok(traced) => traced,
            Err(error) => return Some(Err(error)),
        };
        let querying = Querying::new(questions);
        let mut source = self.opened(state, &needed, &querying.reads(), read).await?;
        let queried = tried(&mut source, async |source| querying.over(&self.session, source).await).await;
        let queried = match self.ended(state, queried, &needed)? {
            Ok(queried) => queried,
            Err(error) => return Some(Err(error)),
        };
        let mut summing = Summing::new(questions, known);
        if self.panes.fetch(self.data.root(), summing.unknown_hours()).await {
            summing = Summing::new(questions, known);
        }
        let mut source = self.opened(state, &needed, &summing.reads(), read).await?;
        let sums = tried(&mut source, async |source| summing.over(&self.session, source).await).await;
        let telling = match self.ended(state, sums, &needed)? {
            Ok(telling) => telling,
            Err(error) => return Some(Err(error)),
        };
        let mut source = self.opened(state, &needed, &telling.reads(), read).await?;
        let judged = tried(&mut source, async |source| telling.over(&self.session, source).await).await;
        Some(self.ended(state, judged, &needed)?.map(|mut judged| {
            judged.take(questions, traced);
            judged.take(questions, queried);
            judged
        }))
    }

    /// Opens those of the files in which spans of some times are. What cannot be opened is put down in `state`, and then
    /// there is nothing to read.
    pub(super) async fn opened(
        &self,
        state: &mut State,
        files: &[DataFile],
        reads: &[TimeRange],
        read: &mut Read,
    ) -> Option<SpanSource> {
        let is_met = |file: &&DataFile| reads.iter().any(|reads| ends_of(file.stored()).meets(*reads));
        let met: Vec<DataFile> = files.iter().filter(is_met).cloned().collect();
        let source = Box::pin(self.data.source(&met, state)).await?;
        let stored = met.iter().map(DataFile::stored);
        read.extend(stored.map(|file| (file.location.clone(), file.clone())));
        Some(source)
    }

    /// Puts down the files that were at fault, if any were.
    pub(super) fn ended<T>(
        &self,
        state: &mut State,
        tried: Tried<T>,
        files: &[DataFile],
    ) -> Option<Result<T, EngineError>> {
        match tried {
            Tried::Ended(result) => Some(result),
            Tried::Faulty(faulty) => {
                self.data.left_out(faulty, files, state);
                None
            }
        }
    }

    /// Keeps for the next evaluation what a rule has yet to judge: moments that late files reach back to, too, since no
    /// file arrives twice. Returns what is told where the rule is too slow by itself.
    pub(super) fn postpone(
        &self,
        state: &mut State,
        known: &rule_set::Known,
        plan: &RulePlan,
        files: &Files,
        alone: bool,
        eval_time: i64,
    ) -> Option<Wrong> {
        self.reopen(state, known, plan, files, eval_time);
        let of_rule = state.rules.get(&known.rule.name)?;
        alone.then(|| {
            let judged = of_rule.judged_to.max(of_rule.from);
            let reason = format!(
                "it needs more than {} for one look at its spans, and is judged late: up to {}. Narrow `window`, group by \
                 fewer keys, or raise `rule_time`",
                self.settings.rule_time,
                moment::human(judged)
            );
            Wrong::new(Subject::Rule(known.rule.name.clone()), reason)
        })
    }
}

impl<'a> Asked<'a> {
    /// The same, as the engine is asked.
    fn question(&self) -> fluo_engine::Asked<'a> {
        let rule = &self.known.rule;
        // Without a span there is no group, unless one is expected or stays, and no moment of an exact rule.
        // A query may give rows of no spans.
        let stands = rule.group_by.is_empty()
            || !rule.expect.is_empty()
            || self.plan.stays().is_some()
            || rule.sql().is_some();
        let standing = !self.plan.judging().is_exact() && stands;
        let stretches: &[TimeRange] = if standing || self.files > 0 { &self.moments.stretches } else { &[] };
        fluo_engine::Asked {
            plan: self.plan,
            stretches: stretches.to_vec(),
            cell: Some(self.cell),
            hash: Some(&self.known.hash),
            as_of: self.as_of,
            before: self.before_stretches(),
            // Of a store without spans, nothing is known.
            first: Some(self.first.unwrap_or(i64::MAX)),
            most: self.most,
            near: self.near,
        }
    }

    /// The moments at which violations are known to have been: what was found there may go on in the stretches.
    fn before_stretches(&self) -> Before {
        if self.known.rule.condition.resolve.is_none() {
            return Before::new();
        }
        let groups = self.before.groups.iter();
        let last =
            groups.map(|(of, group)| (*of, group.segments.iter().map(|segment| segment.last).collect()));
        last.filter(|(_, last): &(_, Vec<i64>)| !last.is_empty()).collect()
    }

    fn seen(&self, found: Vec<Observed>, track: Option<Track>) -> Seen {
        let rule = &self.known.rule;
        let observations = found.into_iter().map(|observed| record::observation(rule, observed)).collect();
        Seen::Observations { observations, track }
    }
}

/// Returns the rules that are looked at together: those that were never too slow first, and of the others the
/// fewer, the more often they were part of what was too slow. Rules are given by their places, with that number.
fn portions(tries: &[u8]) -> Vec<Vec<usize>> {
    let mut by_tries: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    for (at, tries) in tries.iter().enumerate() {
        by_tries.entry(*tries).or_default().push(at);
    }
    let portions = by_tries.into_iter().flat_map(|(tries, rules)| {
        let size = (self::size(rules.len(), tries)).max(1);
        rules.chunks(size).map(<[usize]>::to_vec).collect::<Vec<_>>()
    });
    portions.collect()
}

/// Half as many with each try.
fn size(rules: usize, tries: u8) -> usize {
    if tries == 0 { rules } else { rules.div_ceil(2) >> (tries - 1).min(63) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_rules_end_up_alone_behind_all_others() {
        for (scenario, tries, expected) in [
            ("all are fine", vec![0, 0, 0], vec![vec![0, 1, 2]]),
            ("all together were too slow", vec![1, 1, 1, 1], vec![vec![0, 1], vec![2, 3]]),
            ("half of them again", vec![0, 0, 2, 2], vec![vec![0, 1], vec![2], vec![3]]),
            ("one for ever", vec![0, 255, 0], vec![vec![0, 2], vec![1]]),
            ("none", vec![], vec![]),
        ] {
            assert_eq!(portions(&tries), expected, "{scenario}");
        }
    }
}
