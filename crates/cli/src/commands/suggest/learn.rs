//! Reads the past: one pass over all that spans carry, as few as are needed over traces, and one over windows.

use std::sync::Arc;

use fluo_alerts::value::Value;
use fluo_engine::{EngineError, SessionContext, SpanSource, each_point, visit};
use fluo_plan::RulePlan;
use fluo_rules::trace::{MAX_TRACE_DURATION, SETTLE};
use fluo_rules::{SourceFile, load};
use fluo_suggest::invariants::Invariants;
use fluo_suggest::measured::{EVERY, Measured, probe, window};
use fluo_suggest::proposal::Past;
use fluo_suggest::{Depth, LearnError, Learner, Look, Pass, Slice, Traces, Whole};
use fluo_time::TimeRange;

use crate::exit::Failure;

/// The spans of so many are held at a time to see traces: 56 bytes each, and what vectors keep free.
const SPANS_AT_A_TIME: u64 = 6_000_000;

/// Most passes over traces: of more spans, some traces are learned from.
const MOST_PASSES: u16 = 4;

/// So many groups at so many moments are measured at a time.
const POINTS_AT_A_TIME: i64 = 400_000;

/// Fewest moments that are measured at a time.
const FEW_MOMENTS: i64 = 60;

/// Everything that was learned.
pub(in crate::commands) struct Learned {
    pub(super) pass: Pass,
    pub(super) traces: Traces,
    pub(super) invariants: Invariants,
    pub(super) measured: Measured,
    pub(super) within: TimeRange,
    /// The number of parts of all traces.
    pub(super) one_in: u16,
    /// The number of these that were looked at.
    pub(super) looked_at: u16,
}

impl Learned {
    /// The number of spans that were looked at.
    pub(super) fn spans(&self) -> u64 {
        self.pass.profiles.iter().map(|profile| profile.spans).sum()
    }

    /// The number of those without a service, of which nothing is proposed.
    pub(super) fn nameless(&self) -> u64 {
        let all = self.pass.operations.iter().zip(&self.pass.profiles);
        let nameless = all.filter(|(operation, _)| operation.service.is_none());
        nameless.map(|(_, profile)| profile.spans).sum()
    }

    pub(super) fn past(&self) -> Past<'_> {
        Past {
            operations: &self.pass.operations,
            profiles: &self.pass.profiles,
            invariants: &self.invariants,
            measured: &self.measured,
            from: self.within.from,
            to: self.within.to,
        }
    }
}

/// Learns from the spans that ended in a range.
pub(super) async fn learn(
    session: &SessionContext,
    source: &SpanSource,
    within: TimeRange,
) -> Result<Result<Learned, Failure>, EngineError> {
    let slices = slices(source.rows_within(within));
    let looked_at = slices.min(MOST_PASSES);
    let whole = Whole { settle: SETTLE.0, longest: MAX_TRACE_DURATION.0 };
    let first =
        Look { attributes: Some(Depth::Presence), traces: Some(Slice { nth: 0, of: slices }), within };
    let mut pass = match Pass::of(visited(session, source, first).await?, None) {
        Ok(pass) => pass,
        Err(error) => return Ok(Err(unlearned(COULD_NOT_LEARN, &error))),
    };
    let mut traces = Traces::default();
    traces.take(&mut pass, within, whole);
    for nth in 1..looked_at {
        let look = Look { attributes: None, traces: Some(Slice { nth, of: slices }), within };
        let learners = visited(session, source, look).await?;
        match Pass::of(learners, Some(&pass.operations)) {
            Ok(mut more) => traces.take(&mut more, within, whole),
            Err(error) => return Ok(Err(unlearned(COULD_NOT_LEARN, &error))),
        }
    }
    traces.finish();
    let invariants = Invariants::of(&traces);
    let measured = measure(session, source, within, pass.operations.len()).await?;
    Ok(Ok(Learned { pass, traces, invariants, measured, within, one_in: slices, looked_at }))
}

/// The number of parts that traces are looked at in.
fn slices(rows: u64) -> u16 {
    u16::try_from(rows.div_ceil(SPANS_AT_A_TIME).max(1)).unwrap_or(u16::MAX)
}

const COULD_NOT_LEARN: &str = "could not learn from these spans";

/// The failure of something that was `tried`, and that needs to know what operations there are.
pub(in crate::commands) fn unlearned(tried: &str, error: &LearnError) -> Failure {
    let failure = Failure::because(tried, error.to_string());
    match error {
        LearnError::TooManyOperations { .. } => failure.hint(
            "a span's name is that of its operation (`GET /orders/{id}`, not `GET /orders/4711`): have them renamed where they \
             are made, or by the collector's transform processor",
        ),
        LearnError::Column(_) => failure,
    }
}

/// Returns what each thread learns in a pass.
pub(in crate::commands) async fn visited(
    session: &SessionContext,
    source: &SpanSource,
    look: Look,
) -> Result<Vec<Learner>, EngineError> {
    let each = |learner: &mut Learner, batch: &_| {
        learner.batch(batch).map_err(|error| match error {
            LearnError::Column(name) => EngineError::Column(name),
            error @ LearnError::TooManyOperations { .. } => EngineError::Thread(Box::new(error)),
        })
    };
    visit(session, source, look.within, |layout| look.columns(layout), || Learner::new(look), each).await
}

/// Measures the windows of each operation, some moments at a time.
async fn measure(
    session: &SessionContext,
    source: &SpanSource,
    within: TimeRange,
    operations: usize,
) -> Result<Measured, EngineError> {
    let window = window(within.to - within.from);
    let mut measured = Measured::new(window);
    let loaded = load(&[SourceFile::new("probe.yml", probe(window).as_str())]);
    let Some(rule) = loaded.rules.into_iter().next() else { return Ok(measured) };
    let plan = RulePlan::new(Arc::new(rule))?;
    let every = EVERY.0;
    // The first window lies within the range, so that its edge is not taken for silence.
    let first = within.from.saturating_add(window.0).div_euclid(every) + 1;
    let last = within.to.div_euclid(every);
    let groups = i64::try_from(operations.max(1)).unwrap_or(i64::MAX);
    let at_a_time = (POINTS_AT_A_TIME / groups).max(FEW_MOMENTS);
    let mut tick = first;
    while tick <= last {
        let end = (tick + at_a_time - 1).min(last);
        let stretch = TimeRange { from: tick * every, to: end * every };
        each_point(session, &plan, source, stretch, |group, _, values| {
            let value = |name: &str| values.iter().find(|(of, _)| of == name).map(|(_, value)| value);
            let number = |name: &str| match value(name) {
                Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
                _ => 0,
            };
            let p99 = match value("p99") {
                Some(Value::Duration(nanos)) => i64::try_from(*nanos).unwrap_or(i64::MAX),
                _ => 0,
            };
            measured.add(group, number("count"), number("errors"), p99);
        })
        .await?;
        measured.moments += u64::try_from(end - tick + 1).unwrap_or(0);
        tick = end + 1;
    }
    Ok(measured)
}
