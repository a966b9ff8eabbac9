//! Finds what sampling does to rules: whether they count spans that stand for others, and whether they look at traces
//! of which parts are missing.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;
use fluo_plan::{Projection, RulePlan};
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use hashbrown::{HashMap, HashSet};

use crate::column::{id, ids};
use crate::copies::over;
use crate::error::EngineError;
use crate::pages::Sought;
use crate::pass::frame::{Frame, Memory};
use crate::pass::program::Program;
use crate::readers::Readers;
use crate::source::SpanSource;
use crate::truth::Truth;

/// The counts that are found of a rule. Copies of spans count, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Spans that it is about; of a rule about traces, those that can be steps.
    pub spans: u64,
    /// Those of them that stand for others.
    pub standing: u64,
    /// Of a rule about traces, those that have such steps, as far as they were looked at.
    pub traces: u64,
    /// Those of them of which a span has a parent that is not there.
    pub incomplete: u64,
}

/// Most traces of a rule that are looked at.
const MOST_TRACES: usize = 10_000;

type TraceId = [u8; 16];

/// The counts that a thread finds of each rule.
#[derive(Default)]
struct Found {
    sampled: Sampled,
    /// The traces of a rule about traces.
    traces: HashSet<TraceId>,
}

/// Looks at all spans of a source for rules. What cannot be known of a span by itself, as its parent, is taken to hold.
///
/// # Errors
///
/// Those that are not of one rule: a file cannot be read ([`EngineError::File`]), or an expression fails.
pub async fn sampled(
    session: &SessionContext,
    source: &SpanSource,
    plans: &[&RulePlan],
) -> Result<Vec<Sampled>, EngineError> {
    let Some(ends) = source.ends() else { return Ok(vec![Sampled::default(); plans.len()]) };
    let sought = Sought { ranges: vec![ends], services: None };
    let mut readers = Readers::new();
    for part in source.parts() {
        let mut asked: Vec<Projection> = Vec::new();
        let mut of_rules: Vec<(bool, std::ops::Range<usize>)> = Vec::new();
        for plan in plans {
            let projection = plan.projection(&part.layout)?;
            let first = asked.len();
            let is_of_traces = plan.rule().trace().is_some();
            if is_of_traces {
                asked.extend(projection.steps.iter().map(|step| step.standing()));
            } else {
                asked.push(projection.standing());
            }
            of_rules.push((is_of_traces, first..asked.len()));
        }
        let program = Arc::new(Program::of(session, &part.layout, asked.iter(), &[columns::TRACE_ID])?);
        let of_rules = Arc::new(of_rules);
        for batches in part.scan(session, &program.columns, &sought, None)? {
            let (program, of_rules) = (Arc::clone(&program), Arc::clone(&of_rules));
            let found: Vec<Found> = of_rules.iter().map(|_| Found::default()).collect();
            let take = move |(found, memory): &mut (Vec<Found>, Memory), batch: &RecordBatch| {
                let mut frame = Frame::new(&program, batch, memory);
                for ((is_of_traces, asked), found) in of_rules.iter().zip(found) {
                    found.take(&mut frame, &program, asked.clone(), *is_of_traces)?;
                }
                Ok(())
            };
            readers.read(batches, (found, Memory::default()), take, |(found, _)| found);
        }
    }
    let mut all: Vec<Found> = plans.iter().map(|_| Found::default()).collect();
    for of_thread in readers.ended().await? {
        for (all, found) in all.iter_mut().zip(of_thread) {
            all.sampled.spans += found.sampled.spans;
            all.sampled.standing += found.sampled.standing;
            all.traces.extend(found.traces);
        }
    }
    complete(session, source, ends, all).await
}

impl Found {
    /// Takes in the rows of a batch that any of the rule's projections selects.
    fn take(
        &mut self,
        frame: &mut Frame<'_>,
        program: &Program,
        asked: std::ops::Range<usize>,
        is_of_traces: bool,
    ) -> Result<(), EngineError> {
        let rows = frame.rows();
        let mut selected = Truth::None;
        let mut weight = None;
        for rule in &program.rules[asked] {
            selected = selected.or(&frame.all(&rule.selector, Truth::All)?);
            weight = weight.or(rule.weight);
        }
        let selected = selected.rows(0, rows);
        let Some(weight) = weight.filter(|_| !selected.is_empty()) else { return Ok(()) };
        let weights = frame.array(weight)?;
        let weights = weights.as_primitive::<Float64Type>();
        self.sampled.spans += selected.len() as u64;
        self.sampled.standing += selected.iter().filter(|row| weights.value(**row) > 1.0).count() as u64;
        if is_of_traces {
            let traces = ids(frame.batch, columns::TRACE_ID)?;
            for row in selected {
                self.traces.insert(id(traces, row, columns::TRACE_ID)?);
            }
        }
        Ok(())
    }
}

/// A span by its ids.
struct Named {
    trace: TraceId,
    span: [u8; 8],
    parent: Option<[u8; 8]>,
}

/// Adds the spans of a batch that are of some traces.
fn spans(batch: &RecordBatch, wanted: &HashSet<TraceId>, found: &mut Vec<Named>) -> Result<(), EngineError> {
    let (traces, spans) = (ids(batch, columns::TRACE_ID)?, ids(batch, columns::SPAN_ID)?);
    let parents = ids(batch, columns::PARENT_SPAN_ID)?;
    for row in 0..batch.num_rows() {
        let trace: TraceId = id(traces, row, columns::TRACE_ID)?;
        if wanted.contains(&trace) {
            let is_named = parents.is_valid(row);
            let parent = is_named.then(|| id(parents, row, columns::PARENT_SPAN_ID)).transpose()?;
            found.push(Named { trace, span: id(spans, row, columns::SPAN_ID)?, parent });
        }
    }
    Ok(())
}

/// The spans of a trace, and the parents that they name.
#[derive(Default)]
struct Ids {
    spans: HashSet<[u8; 8]>,
    parents: HashSet<[u8; 8]>,
}

/// Finds out which of the traces that were found have all the parents that their spans name.
async fn complete(
    session: &SessionContext,
    source: &SpanSource,
    ends: TimeRange,
    mut all: Vec<Found>,
) -> Result<Vec<Sampled>, EngineError> {
    for found in &mut all {
        // Any so many: the smallest ids, so that the same are looked at again.
        let mut traces: Vec<TraceId> = found.traces.drain().collect();
        traces.sort_unstable();
        traces.truncate(MOST_TRACES);
        found.traces.extend(traces);
    }
    let wanted = all.iter().flat_map(|found| found.traces.iter().copied());
    let wanted: Arc<HashSet<TraceId>> = Arc::new(wanted.collect());
    let mut by_trace: HashMap<TraceId, Ids> = HashMap::new();
    if !wanted.is_empty() {
        let sought = Sought { ranges: vec![ends], services: None };
        let names = [columns::TRACE_ID, columns::SPAN_ID, columns::PARENT_SPAN_ID, columns::END_TIME];
        let of_batch = move |batch: &RecordBatch, found: &mut Vec<Named>| spans(batch, &wanted, found);
        let read = over(session, source, &sought, &names, None, of_batch).await?;
        for Named { trace, span, parent } in read.into_iter().flatten() {
            let ids = by_trace.entry(trace).or_default();
            ids.spans.insert(span);
            if let Some(parent) = parent {
                ids.parents.insert(parent);
            }
        }
    }
    let is_incomplete =
        |trace: &&TraceId| by_trace.get(*trace).is_some_and(|ids| !ids.parents.is_subset(&ids.spans));
    let of_rule = |found: Found| Sampled {
        traces: found.traces.len() as u64,
        incomplete: found.traces.iter().filter(is_incomplete).count() as u64,
        ..found.sampled
    };
    Ok(all.into_iter().map(of_rule).collect())
}
