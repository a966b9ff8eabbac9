//! Rules that are a query: asked at every moment of the grid, of the spans of its window.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionContext;
use fluo_plan::RulePlan;
use fluo_spans::identity::SpanKey;
use fluo_time::range::joined;
use fluo_time::{Nanos, TimeRange};
use hashbrown::HashMap;

use super::held::{Held, exact, last_before};
use super::{Asked, Observed, Traced, found, grid};
use crate::copies::spans_of;
use crate::episodes::Episode;
use crate::error::EngineError;
use crate::evidence::sample;
use crate::queries::ask::{ask, session_of};
use crate::queries::rows::{OfGroup, Row, by_group};
use crate::queries::spans::Spans;
use crate::rows::Group;
use crate::source::SpanSource;
use crate::summary::Values;
use crate::work::Budget;

/// Spans are read for so long at a time, where the window is shorter.
const AT_ONCE: Nanos = Nanos(10 * Nanos::MINUTE.0);

/// A look at the rules that are a query, among some rules.
pub struct Querying<'a> {
    /// With their places among all rules.
    questions: Vec<(usize, &'a Asked<'a>)>,
    /// The number of all rules.
    rules: usize,
}

impl<'a> Querying<'a> {
    /// A look at those of the rules that are a query.
    pub fn new(asked: &'a [Asked<'a>]) -> Self {
        let is_query = |(_, asked): &(usize, &Asked<'_>)| asked.plan.query().is_some();
        Self { questions: asked.iter().enumerate().filter(is_query).collect(), rules: asked.len() }
    }

    /// The times in which spans ended that they ask about; in order, and apart.
    pub fn reads(&self) -> Vec<TimeRange> {
        let moments = self.questions.iter().flat_map(|(_, asked)| {
            asked
                .stretches
                .iter()
                .filter_map(|stretch| Some(reads(asked.plan, grid::within(asked.plan, *stretch)?)))
        });
        joined(moments)
    }

    /// Asks them. What is wrong with one of them ends no other.
    ///
    /// # Errors
    ///
    /// As of [`crate::judge()`].
    pub async fn over(self, session: &SessionContext, source: &SpanSource) -> Result<Traced, EngineError> {
        let mut told: Traced = (0..self.rules).map(|_| None).collect();
        if self.questions.is_empty() {
            return Ok(told);
        }
        let own = session_of(session)?;
        for (place, asked) in &self.questions {
            told[*place] = Some(match judged(session, &own, source, asked).await {
                Err(error) if !error.is_of_rule() => return Err(error),
                told => told,
            });
        }
        Ok(told)
    }
}

/// The times in which the spans ended of the windows that end in some moments.
fn reads(plan: &RulePlan, moments: TimeRange) -> TimeRange {
    let window = plan.rule().window.0;
    TimeRange { from: moments.from.saturating_sub(window).saturating_add(1), to: moments.to }
}

/// The violations of one rule.
async fn judged(
    session: &SessionContext,
    own: &SessionState,
    source: &SpanSource,
    asked: &Asked<'_>,
) -> Result<Vec<Observed>, EngineError> {
    let mut observed = Vec::new();
    for stretch in &asked.stretches {
        found::check_moments(asked.plan, *stretch)?;
        let Some(moments) = grid::within(asked.plan, *stretch) else { continue };
        let budget = Arc::new(Budget::new(session, &asked.plan.rule().name));
        let mut groups = Groups { asked, stretch: *stretch, places: HashMap::new(), all: Vec::new() };
        for some in portions(asked.plan, moments) {
            let range = reads(asked.plan, some);
            // What is read of one portion is gone with it.
            let of_spans = Arc::new(Budget::new(session, &asked.plan.rule().name));
            let spans = Spans::read(session, source, asked.plan, range, &of_spans).await?;
            let step = usize::try_from(asked.plan.rule().grid_step().0).unwrap_or(usize::MAX);
            for moment in (some.from..=some.to).step_by(step) {
                let window =
                    TimeRange { from: moment.saturating_sub(asked.plan.rule().window.0), to: moment };
                let rows = ask(own, asked.plan, &spans, window).await?;
                groups.at(moment, by_group(asked.plan, &rows)?, &spans, window, &budget)?;
            }
        }
        observed.extend(groups.observed(session, source).await?);
    }
    Ok(observed)
}

/// Moments of a grid in portions, each of which ends on the grid.
fn portions(plan: &RulePlan, moments: TimeRange) -> impl Iterator<Item = TimeRange> {
    let step = plan.rule().grid_step().0;
    let length = plan.rule().window.0.max(AT_ONCE.0) / step * step;
    let mut next = moments.from;
    std::iter::from_fn(move || {
        if next > moments.to {
            return None;
        }
        let portion = TimeRange { from: next, to: next.saturating_add(length).min(moments.to) };
        next = portion.to.saturating_add(step);
        Some(portion)
    })
}

/// The groups of a stretch that were seen so far.
struct Groups<'a> {
    asked: &'a Asked<'a>,
    stretch: TimeRange,
    places: HashMap<Group, usize>,
    all: Vec<OneGroup<'a>>,
}

struct OneGroup<'a> {
    group: Group,
    held: Held<'a>,
    /// The moments that are part of a violation.
    told: BTreeMap<i64, At>,
}

/// A group at a moment.
struct At {
    values: Values,
    evidence: Vec<SpanKey>,
}

impl Groups<'_> {
    /// Judges the groups that a query gives at a moment.
    fn at(
        &mut self,
        moment: i64,
        groups: Vec<(Group, OfGroup)>,
        spans: &Spans,
        window: TimeRange,
        budget: &Budget,
    ) -> Result<(), EngineError> {
        let plan = self.asked.plan;
        for (group, OfGroup { rows }) in groups {
            let worst = worst(plan, &rows);
            let Some(row) = worst.first() else { continue };
            let at = *self.places.entry(group).or_insert_with_key(|group| {
                let last = last_before(plan, &self.asked.before, group, self.stretch.from);
                let held = Held::new(plan, self.all.len(), last);
                self.all.push(OneGroup { group: group.clone(), held, told: BTreeMap::new() });
                self.all.len() - 1
            });
            let of_group = &mut self.all[at];
            of_group.held.at(moment, &row.values, None);
            if !of_group.held.is_in_one() {
                continue;
            }
            let evidence = evidence(&worst, spans, window, plan.rule().evidence_limit as usize);
            let values = row.values.clone();
            let names: usize = values.iter().map(|(name, _)| name.len() + size_of::<(String, i128)>()).sum();
            budget.grow(names + evidence.len() * size_of::<SpanKey>() + size_of::<At>())?;
            of_group.told.insert(moment, At { values, evidence });
        }
        let limit = plan.rule().group_limit;
        if !plan.rule().group_by.is_empty() && self.all.len() > limit as usize {
            return Err(EngineError::GroupOverflow { limit });
        }
        Ok(())
    }

    /// The violations of the stretch, by start and group.
    async fn observed(
        self,
        session: &SessionContext,
        source: &SpanSource,
    ) -> Result<Vec<Observed>, EngineError> {
        let Self { asked, stretch, all, .. } = self;
        let plan = asked.plan;
        let mut held = Vec::new();
        let mut told = Vec::with_capacity(all.len());
        for OneGroup { group, held: of_group, told: moments } in all {
            held.extend(of_group.found());
            told.push((group, moments));
        }
        let mut episodes = asked.joined(held);
        episodes.sort_by(|one, other| {
            (one.starts_at, &told[one.group].0).cmp(&(other.starts_at, &told[other.group].0))
        });
        let at = |episode: &Episode, moment: i64| {
            told[episode.group].1.get(&moment).ok_or(EngineError::Changed("rows of a query"))
        };
        let mut keys = Vec::new();
        for episode in &episodes {
            keys.extend_from_slice(&at(episode, episode.starts_at)?.evidence);
        }
        keys.sort_unstable();
        keys.dedup();
        let spans = if keys.is_empty() { HashMap::new() } else { spans_of(session, source, &keys).await? };
        let gap = plan.gap().0;
        let mut observed = Vec::with_capacity(episodes.len());
        for episode in &episodes {
            let whole = |key: &SpanKey| spans.get(key).cloned().ok_or(EngineError::Changed("evidence"));
            let first = at(episode, episode.starts_at)?;
            observed.push(Observed {
                group: told[episode.group].0.clone(),
                starts_at: episode.starts_at,
                ends_at: episode.ends_at,
                ongoing: stretch.to < episode.ends_at.saturating_add(gap),
                values: first.values.clone(),
                peak_at: episode.peak_at,
                worst: episode.worst,
                severity: episode.severity,
                kept: episode.kept,
                peak: at(episode, episode.peak_at)?.values.clone(),
                latest: at(episode, episode.ends_at)?.values.clone(),
                traces: sample(&first.evidence),
                evidence: first.evidence.iter().map(whole).collect::<Result<_, _>>()?,
                top: Vec::new(),
                partial: source.is_partial(TimeRange { from: episode.starts_at, to: episode.ends_at }, plan),
                failed: Vec::new(),
                origin: None,
                rows: [Vec::new(), Vec::new(), Vec::new()],
                seen_at: None,
            });
        }
        Ok(observed)
    }
}

/// The rows of a group of which the highest level holds, in order; where none does of any, all of them.
fn worst<'r>(plan: &RulePlan, rows: &'r [Row]) -> Vec<&'r Row> {
    let condition = &plan.rule().condition;
    let level = |row: &Row| {
        let holds = condition.held_exactly(&|name| exact(&row.values, name))?;
        condition.levels().position(|level| std::ptr::eq(level, holds))
    };
    let levels: Vec<Option<usize>> = rows.iter().map(level).collect();
    let highest = levels.iter().copied().max().flatten();
    rows.iter().zip(levels).filter(|(_, level)| *level == highest).map(|(row, _)| row).collect()
}

/// The spans that some rows name, each once, and as many as are shown.
fn evidence(rows: &[&Row], spans: &Spans, window: TimeRange, limit: usize) -> Vec<SpanKey> {
    let mut keys: Vec<SpanKey> = Vec::new();
    for (trace, span) in rows.iter().filter_map(|row| row.shown.as_ref()) {
        if keys.len() == limit {
            break;
        }
        if let Some(key) = spans.key(window, trace, span.as_deref())
            && !keys.contains(&key)
        {
            keys.push(key);
        }
    }
    keys
}
