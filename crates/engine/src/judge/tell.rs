//! Makes what is told of a rule: its episodes with their values, and the spans that show them.

use datafusion::prelude::SessionContext;
use fluo_alerts::sample::Sample;
use fluo_spans::identity::SpanKey;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use hashbrown::HashMap;

use super::found::{Found, Stretch};
use super::seen::last_seen;
use super::{Observed, values_of};
use crate::copies::spans_of;
use crate::episodes::Episode;
use crate::error::EngineError;
use crate::evidence::Parts;
use crate::inputs::{Weights, inputs};
use crate::rows::{Group, Id, Rows};
use crate::source::SpanSource;
use crate::summary::Summary;
use crate::summary::Values;
use crate::top::Commonest;

/// All that is told of a rule, before the spans that show it are there.
pub(super) struct Told<'a> {
    found: Found<'a>,
    /// The spans and traces that show each episode, by stretch and episode.
    shown: Vec<Vec<Shown>>,
}

/// The spans and traces that show an episode.
#[derive(Default)]
struct Shown {
    /// The spans that are told, the guiltiest first.
    evidence: Vec<Id>,
    /// Traces by which it is found to be related to others.
    traces: Sample,
}

impl<'a> Told<'a> {
    pub(super) fn of(mut found: Found<'a>) -> Result<Self, EngineError> {
        for Stretch { groups, episodes, .. } in &mut found.stretches {
            episodes.sort_by(|left, right| {
                (left.starts_at, &groups[left.group]).cmp(&(right.starts_at, &groups[right.group]))
            });
        }
        let of_stretch = |stretch: &Stretch| {
            stretch.episodes.iter().map(|episode| found.shown(stretch, episode)).collect()
        };
        let shown = found.stretches.iter().map(of_stretch).collect::<Result<_, _>>()?;
        Ok(Self { found, shown })
    }
}

/// The violations of all rules, with the spans that show them.
pub(super) async fn observed(
    session: &SessionContext,
    source: &SpanSource,
    contested: &[Span],
    told: Vec<Result<Told<'_>, EngineError>>,
) -> Result<Vec<Result<Vec<Observed>, EngineError>>, EngineError> {
    let shown = told.iter().flatten().flat_map(|told| told.shown.iter().flatten());
    let shown = shown.flat_map(|shown| &shown.evidence);
    let mut keys: Vec<SpanKey> = shown.filter(|id| id.copy == 0).map(|id| id.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let spans = if keys.is_empty() { HashMap::new() } else { spans_of(session, source, &keys).await? };
    let observed = |told: Told<'_>| told.observed(source, contested, &spans);
    Ok(told.into_iter().map(|told| told.and_then(observed)).collect())
}

impl Told<'_> {
    fn observed(
        &self,
        source: &SpanSource,
        contested: &[Span],
        spans: &HashMap<SpanKey, Span>,
    ) -> Result<Vec<Observed>, EngineError> {
        let Self { found, shown } = self;
        let plan = found.asked.plan;
        let gap = plan.gap().0;
        let commonest =
            found.rows.as_ref().map(|rows| Commonest::of(plan.rule(), &rows.batch)).transpose()?;
        let mut observed = Vec::new();
        for (stretch, shown) in found.stretches.iter().zip(shown) {
            for (episode, Shown { evidence, traces }) in stretch.episodes.iter().zip(shown) {
                let group = &stretch.groups[episode.group];
                let whole = |id: &Id| {
                    let copy = (id.copy as usize).checked_sub(1);
                    let span = copy.map_or_else(|| spans.get(&id.key), |at| contested.get(at));
                    span.cloned().ok_or(EngineError::Changed("evidence"))
                };
                let top = match (&commonest, &found.rows) {
                    (Some(commonest), Some(rows)) => found
                        .window(rows, group, episode.peak_at)?
                        .map_or_else(Vec::new, |window| commonest.of_window(&window)),
                    _ => Vec::new(),
                };
                observed.push(Observed {
                    failed: Vec::new(),
                    origin: None,
                    rows: found.rows_at(group, episode.told_moments())?,
                    group: group.clone(),
                    starts_at: episode.starts_at,
                    ends_at: episode.ends_at,
                    ongoing: stretch.moments.to < episode.ends_at.saturating_add(gap),
                    values: found.values(group, episode.starts_at)?,
                    peak_at: episode.peak_at,
                    worst: episode.worst,
                    severity: episode.severity,
                    kept: episode.kept,
                    peak: found.values(group, episode.peak_at)?,
                    latest: found.values(group, episode.ends_at)?,
                    evidence: evidence.iter().map(whole).collect::<Result<_, _>>()?,
                    traces: traces.clone(),
                    top,
                    partial: source
                        .is_partial(TimeRange { from: episode.starts_at, to: episode.ends_at }, plan),
                    seen_at: found.seen_at(group, episode.ends_at),
                });
            }
        }
        Ok(observed)
    }
}

impl Found<'_> {
    /// The rows of a group's window.
    fn window(
        &self,
        rows: &Rows,
        group: &Group,
        moment: i64,
    ) -> Result<Option<std::ops::Range<usize>>, EngineError> {
        let window = self.asked.plan.rule().window.0;
        rows.group(group).map(|place| rows.window(place, moment, window)).transpose()
    }

    /// Of a rule about traces, the first rows of the windows that end at some moments: of the first enough to show.
    fn rows_at(&self, group: &Group, moments: [i64; 3]) -> Result<[Vec<SpanKey>; 3], EngineError> {
        let rule = self.asked.plan.rule();
        let mut all: [Vec<SpanKey>; 3] = Default::default();
        let Some(rows) = self.rows.as_ref().filter(|_| rule.trace().is_some()) else { return Ok(all) };
        for (at, (keys, moment)) in all.iter_mut().zip(moments).enumerate() {
            // Two rows may be of one trace, and show the same spans.
            let most = if at == 0 { 16 * rule.evidence_limit.max(1) as usize } else { 1 };
            let window = self.window(rows, group, moment)?.unwrap_or_default();
            for row in window.take(most) {
                keys.push(rows.id(row)?.key);
            }
        }
        Ok(all)
    }

    /// Of a group that stays without spans: the end of its last span before a moment.
    fn seen_at(&self, group: &Group, moment: i64) -> Option<i64> {
        let plan = self.asked.plan;
        let after = moment.saturating_sub(plan.stays()?);
        let stands = plan.standing_groups().contains(group);
        let seen = self.seen.as_ref().filter(|_| !stands)?;
        last_seen(&seen.windows, group, after, moment)
    }

    /// The values at a moment.
    fn values(&self, group: &Group, moment: i64) -> Result<Values, EngineError> {
        let plan = self.asked.plan;
        if !plan.judging().is_exact() {
            return Ok(self.grid().values(group, moment));
        }
        let rows = self.rows.as_ref().ok_or(EngineError::Changed("rows"))?;
        let window = self.window(rows, group, moment)?.unwrap_or_default();
        let mut sums: Vec<Summary> =
            plan.aggregates().map(|aggregate| Summary::of_rule(plan.rule(), &aggregate.function)).collect();
        let weights = Weights::of(&rows.batch);
        for (input, sum) in inputs(plan, &rows.batch)?.iter().zip(&mut sums) {
            input.add(window.clone(), weights, sum);
        }
        Ok(values_of(plan, group, &mut sums))
    }

    /// Returns what shows an episode: spans at its start; and traces, of exact rules those at its end, too, of which
    /// the rows are known.
    fn shown(&self, stretch: &Stretch, episode: &Episode) -> Result<Shown, EngineError> {
        let group = &stretch.groups[episode.group];
        let Some(rows) = &self.rows else { return Ok(Shown::default()) };
        let parts = Parts::of(self.asked.plan, rows)?;
        let ranked = |moment| {
            let window = self.window(rows, group, moment)?.unwrap_or_default();
            Ok::<_, EngineError>(parts.ranked(window, &self.values(group, moment)?))
        };
        let at_start = ranked(episode.starts_at)?;
        let mut traces = parts.sample(&at_start)?;
        if self.asked.plan.judging().is_exact() && episode.ends_at != episode.starts_at {
            traces = Sample::merged([&traces, &parts.sample(&ranked(episode.ends_at)?)?]);
        }
        Ok(Shown { evidence: parts.guiltiest(&at_start)?, traces })
    }
}
