//! Rules about traces: which traces break them, as rows that are judged as spans are.
//!
//! ```text
//! matched   one pass: the spans that can be steps of any rule, by trace
//! may break by the steps that are there, and where structure does not matter by the demands: few traces are left
//! whole     one more pass, where any is: all spans of these, as far as rules look at them
//! verdict   each against its rules: what is broken, and since when that can be told
//!           spanset: the occasions, where they are selected by their relations
//! rows      a violation looks like a span, with the fields of the occasion: windows, groups and values as of spans
//! ```
//!
//! Across traces (`by`) an occasion is what a trace is above, and the spans of steps are all that matters: `across`.
//!
//! The result depends on the spans alone, not on when they arrived: a trace that breaks a rule is told at the end of
//! its last span before it was first quiet, whatever is known of it by now.

mod across;
mod chain;
mod levels;
mod light;
mod matched;
mod rows;
mod shown;
mod spanset;
mod verdict;
mod whole;

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use fluo_plan::RulePlan;
use fluo_rules::trace::{TieKind, TraceRule};
use fluo_spans::identity::SpanKey;
use fluo_spans::span::Span;
use fluo_time::TimeRange;
use fluo_time::range::{contain, joined};
use hashbrown::{HashMap, HashSet};

use crate::copies::spans_of;
use crate::error::EngineError;
use crate::judge::{Asked, Observed, judge_rows};
use crate::source::SpanSource;
use crate::work::each;
use chain::Undecided;
pub use levels::Leveling;
use light::Light;
use matched::{Part, Row, Steps, matched};
pub use shown::{SoughtTrace, WholeTrace, whole_traces};
use verdict::{Broken, Known};
use whole::{Traces, whole};

/// So many traces are looked at whole at a time.
const MOST_WHOLE: usize = 200_000;

/// A look at the rules about traces among some rules.
pub struct Tracing<'a> {
    /// About traces.
    questions: Vec<Question<'a>>,
    /// About spans of any trace that belong together.
    across: Vec<Question<'a>>,
    /// The number of all rules.
    rules: usize,
}

/// One rule about traces.
struct Question<'a> {
    /// Its place among all rules.
    place: usize,
    asked: &'a Asked<'a>,
    rule: &'a TraceRule,
    /// The times in which the spans ended that decide.
    reads: Vec<TimeRange>,
}

/// The violations of rules about traces, by the places of all rules; none of a rule about spans.
pub type Traced = Vec<Option<Result<Vec<Observed>, EngineError>>>;

/// The violations of each of some rules.
type Found = Vec<Result<Vec<Violation>, EngineError>>;

/// Traces that may break rules, with the places of these.
type Suspects = HashMap<[u8; 16], Vec<usize>>;

/// The times in which spans ended that decide; in order, and apart.
fn reads<'a>(questions: impl IntoIterator<Item = &'a Question<'a>>) -> Vec<TimeRange> {
    joined(questions.into_iter().flat_map(|question| question.reads.iter().copied()))
}

/// Puts down what is told of the violations of some rules.
async fn put(
    traced: &mut Traced,
    questions: &[Question<'_>],
    found: Result<Found, EngineError>,
    session: &SessionContext,
    source: &SpanSource,
) -> Result<(), EngineError> {
    let found = match found {
        Ok(found) => found,
        // They share their memory: what is too much for one is too much for all.
        Err(EngineError::Memory(error)) => {
            let error = Arc::new(EngineError::Memory(error));
            for question in questions {
                traced[question.place] = Some(Err(EngineError::Pass(Arc::clone(&error))));
            }
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for (question, found) in questions.iter().zip(found) {
        let told = match found {
            Ok(violations) => question.told(session, source, violations).await,
            Err(error) => Err(error),
        };
        traced[question.place] = Some(match told {
            Err(error) if !error.is_of_rule() => return Err(error),
            told => told,
        });
    }
    Ok(())
}

/// A trace, or across traces an occasion, that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    /// The moment of the violation.
    at: i64,
    /// The places of the broken demands, among those of the rule.
    demands: Vec<usize>,
    /// The counts, in the order of the rule.
    counts: Vec<u64>,
    /// The span whose fields the row has.
    subject: SpanKey,
    /// The span without a parent, of a trace that has one.
    root: Option<SpanKey>,
    /// Of a trace: the fields of its row that are not those of a span.
    own: Option<rows::Own>,
    /// Across traces: the values of the keys of `by`.
    keys: Arc<[String]>,
    /// The spans that show it, in order.
    evidence: Vec<SpanKey>,
}

impl<'a> Tracing<'a> {
    /// A look at those of the rules that are about traces.
    pub fn new(asked: &'a [Asked<'a>]) -> Self {
        let question = |(place, asked): (usize, &'a Asked<'a>)| {
            let rule = asked.plan.rule().trace()?;
            Some(Question { place, asked, rule, reads: asked.of_traces() })
        };
        let questions = asked.iter().enumerate().filter_map(question);
        let (across, questions) = questions.partition(|question| question.rule.is_across());
        Self { questions, across, rules: asked.len() }
    }

    /// The times in which spans ended that decide; in order, and apart.
    pub fn reads(&self) -> Vec<TimeRange> {
        reads(self.questions.iter().chain(&self.across))
    }

    /// Judges them.
    ///
    /// # Errors
    ///
    /// As of [`crate::judge()`].
    pub async fn over(self, session: &SessionContext, source: &SpanSource) -> Result<Traced, EngineError> {
        let mut traced: Traced = (0..self.rules).map(|_| None).collect();
        let of_traces = self.violations(session, source).await;
        put(&mut traced, &self.questions, of_traces, session, source).await?;
        let of_keys = across::violations(&self.across, session, source).await;
        put(&mut traced, &self.across, of_keys, session, source).await?;
        Ok(traced)
    }

    /// The violations of each rule about traces.
    async fn violations(&self, session: &SessionContext, source: &SpanSource) -> Result<Found, EngineError> {
        let reads = reads(&self.questions);
        if reads.is_empty() {
            return Ok(self.questions.iter().map(|_| Ok(Vec::new())).collect());
        }
        let plans: Vec<&RulePlan> = self.questions.iter().map(|question| question.asked.plan).collect();
        let steps = Steps::of(&plans)?;
        let every: Vec<bool> =
            self.questions.iter().map(|question| verdict::concerns_every_trace(question.rule)).collect();
        let any_tied =
            |is: fn(TieKind) -> bool| self.questions.iter().any(|question| question.rule.is_tied_by(is));
        let parents = any_tied(is_of_parents);
        let every_trace = every.contains(&true);
        let mut parts = matched(session, source, &plans, &steps, &reads, every_trace, parents).await?;
        let alike: Vec<bool> = self.questions.iter().map(|question| question.reads == reads).collect();
        // Of each part, the traces that may break rules, with the places of these.
        let suspects = each(parts.iter_mut().collect(), |part| {
            part.sort();
            let suspects = self.suspects(part, &steps, &every, &alike);
            part.retain(|trace| suspects.contains_key(trace));
            suspects
        })
        .await;
        let mut found: Found = self.questions.iter().map(|_| Ok(Vec::new())).collect();
        let links = any_tied(|kind| kind == TieKind::Follows);
        let mut waiting: Vec<(Suspects, &Part)> = Vec::new();
        let last = parts.len() - 1;
        for (at, (suspects, part)) in suspects.into_iter().zip(&parts).enumerate() {
            waiting.push((suspects, part));
            let number: usize = waiting.iter().map(|(suspects, _)| suspects.len()).sum();
            if number == 0 || (number < MOST_WHOLE && at < last) {
                continue;
            }
            let traces: HashSet<[u8; 16]> =
                waiting.iter().flat_map(|(suspects, _)| suspects.keys().copied()).collect();
            let all = whole(session, source, traces, &reads, links).await?;
            let judged = each(std::mem::take(&mut waiting), |(suspects, part)| {
                self.judged(&suspects, part, &steps, &all, source)
            })
            .await;
            for (question, broken) in judged.into_iter().flatten() {
                match (&mut found[question], broken) {
                    (Ok(all), Ok(violation)) => all.push(violation),
                    (all @ Ok(_), Err(Undecided)) => *all = Err(EngineError::Entangled),
                    (Err(_), _) => {}
                }
            }
        }
        for violations in found.iter_mut().flatten() {
            violations.sort_by_key(|violation| (violation.at, violation.subject.0));
        }
        Ok(found)
    }

    /// The traces of a part that may break rules, with the places of these. By rule, `every`: whether traces matter of which
    /// no span can be a step; `alike`: whether it reads the same times as all of them together.
    fn suspects(&self, part: &Part, steps: &Steps, every: &[bool], alike: &[bool]) -> Suspects {
        let mut suspects = Suspects::new();
        let mut spans = Vec::new();
        let mut seen: HashSet<[u8; 16]> = HashSet::new();
        let all: Vec<usize> = (0..self.questions.len()).collect();
        let shortest = self.questions.iter().map(|question| question.rule.max_duration.0).min();
        // By the steps that are there, which are the same of most traces: the rules that these do not clear them of.
        let mut by_steps: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
        let mut present = Vec::new();
        for rows in part.by_trace() {
            let trace = rows[0].trace;
            part.present(rows, &mut present);
            let likely = by_steps.entry_ref(present.as_slice()).or_insert_with(|| {
                let may_break = |at: &usize| {
                    let rule = self.questions[*at].rule;
                    !alike[*at] || verdict::may_break(rule, steps.of_rule(*at, &present), &|_| None)
                };
                all.iter().copied().filter(may_break).collect()
            });
            let lasts = part.lasted(&trace, ends_of(rows, |row| row.end)) >= shortest;
            let likely = if lasts { &all } else { &*likely };
            let may_break = |at: &usize| {
                let question = &self.questions[*at];
                question.may_break((*at, alike[*at]), rows, part, steps, &mut spans)
            };
            let may: Vec<usize> = likely.iter().copied().filter(may_break).collect();
            if !may.is_empty() {
                suspects.insert(trace, may);
            }
            if !part.traces.is_empty() {
                seen.insert(trace);
            }
        }
        let of_every: Vec<usize> = (0..every.len()).filter(|at| every[*at]).collect();
        for trace in part.traces.keys().filter(|trace| !seen.contains(*trace)) {
            suspects.insert(*trace, of_every.clone());
        }
        suspects
    }

    /// The violations of some traces, with the places of their rules.
    fn judged(
        &self,
        suspects: &Suspects,
        part: &Part,
        steps: &Steps,
        all: &Traces,
        source: &SpanSource,
    ) -> Vec<(usize, Result<Violation, Undecided>)> {
        let rows: HashMap<[u8; 16], &[Row]> = part.by_trace().map(|rows| (rows[0].trace, rows)).collect();
        let mut judged = Vec::new();
        for (trace, questions) in suspects {
            let Some(spans) = all.get(trace) else { continue };
            let of_trace = rows.get(trace).copied().unwrap_or_default();
            let bits: HashMap<(i64, [u8; 8]), &[u64]> =
                of_trace.iter().map(|row| ((row.end, row.span), part.bits(row))).collect();
            for at in questions {
                let question = &self.questions[*at];
                let own = |span: &Light| contain(&question.reads, span.end);
                let spans: Vec<Light> = spans
                    .iter()
                    .filter(|span| own(span))
                    .map(|span| {
                        let bits = bits.get(&(span.end, span.id));
                        let steps = bits.map_or(0, |bits| steps.of_rule(*at, bits));
                        Light { steps, ..span.clone() }
                    })
                    .collect();
                let known = Known {
                    settled_to: question.asked.as_of.settled_to,
                    is_damaged: &|ends| source.is_damaged(ends),
                };
                match verdict::violations(question.rule, &spans, known) {
                    Ok(broken) => judged.extend(
                        broken.into_iter().map(|broken| (*at, Ok(Violation::new(*trace, broken, &spans)))),
                    ),
                    Err(undecided) => judged.push((*at, Err(undecided))),
                }
            }
        }
        judged
    }
}

/// The ends of the first and the last of some spans, which are in order.
fn ends_of<T>(spans: &[T], end: impl Fn(&T) -> i64) -> Option<(i64, i64)> {
    Some((end(spans.first()?), end(spans.last()?)))
}

/// Returns whether it shows in the ids of two spans and of their parents whether they are so related.
fn is_of_parents(kind: TieKind) -> bool {
    matches!(kind, TieKind::ChildOf | TieKind::SiblingOf)
}

impl Question<'_> {
    /// Returns whether a trace may break the rule, by its spans that can be steps. `at`: the place of the rule. `all`: it
    /// reads all of these spans. `spans`: room for them.
    fn may_break(
        &self,
        (at, all): (usize, bool),
        rows: &[Row],
        part: &Part,
        steps: &Steps,
        spans: &mut Vec<Light>,
    ) -> bool {
        spans.clear();
        let mut present = 0;
        for row in rows.iter().filter(|row| all || contain(&self.reads, row.end)) {
            let steps = steps.of_rule(at, part.bits(row));
            present |= steps;
            if steps != 0 {
                let Row { span: id, parent, start, end, .. } = *row;
                spans.push(Light { id, parent, start, end, steps, links: Vec::new() });
            }
        }
        // Of a trace that lasts too long, parts are judged.
        let lasted = part.lasted(&rows[0].trace, ends_of(spans, |span| span.end));
        let lasts = lasted.is_some_and(|lasted| lasted >= self.rule.max_duration.0);
        let number = |step: usize| Some(spans.iter().filter(|span| span.is(step)).count() as u64);
        if !lasts && !verdict::may_break(self.rule, present, &number) {
            return false;
        }
        // Where spans between them or links matter, more must be known than these.
        let needs_more =
            lasts || self.rule.has_related_occasions() || self.rule.is_tied_by(|kind| !is_of_parents(kind));
        needs_more || !matches!(verdict::breaks(self.rule, spans), Ok(false))
    }

    /// Judges the rule's violations as spans are judged, and returns what is told of them.
    async fn told(
        &self,
        session: &SessionContext,
        source: &SpanSource,
        violations: Vec<Violation>,
    ) -> Result<Vec<Observed>, EngineError> {
        let plan = self.asked.plan;
        let fields = if rows::needs_fields(plan) {
            let mut keys: Vec<SpanKey> = violations.iter().flat_map(Violation::of_fields).collect();
            keys.sort_unstable();
            keys.dedup();
            spans_of(session, source, &keys).await?
        } else {
            HashMap::new()
        };
        let row = |violation: &Violation| -> Result<Span, EngineError> {
            let Violation { at, subject, own, .. } = *violation;
            if !rows::needs_fields(plan) {
                return Ok(rows::bare(subject, own.unwrap_or_else(|| rows::Own::bare(at))));
            }
            let root = violation.root.and_then(|root| fields.get(&root));
            let subject = fields.get(&subject).ok_or(EngineError::Changed("spans of traces"))?;
            let own = own.unwrap_or_else(|| rows::Own::of(subject, at));
            Ok(rows::with_fields(subject, root, own, plan.rule().conventions))
        };
        let rows = violations.iter().map(|violation| Ok(rows::with_keys(row(violation)?, &violation.keys)));
        let mut rows: Vec<Span> = rows.collect::<Result<_, EngineError>>()?;
        rows::tell_apart(&mut rows);
        let by_row: HashMap<SpanKey, &Violation> = rows.iter().map(Span::key).zip(&violations).collect();
        let of_rows = SpanSource::from_spans(&rows)?;
        let mut observed = judge_rows(session, &of_rows, self.asked, source).await?;
        let shown: Vec<Vec<SpanKey>> =
            observed.iter().map(|observed| self.evidence(&observed.rows[0], &by_row)).collect();
        let mut keys: Vec<SpanKey> = shown.iter().flatten().copied().collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| !fields.contains_key(key));
        let spans = if keys.is_empty() { HashMap::new() } else { spans_of(session, source, &keys).await? };
        for (observed, keys) in observed.iter_mut().zip(shown) {
            self.add_counts(observed, &by_row);
            let whole = |key| {
                let span = fields.get(&key).or_else(|| spans.get(&key));
                span.cloned().ok_or(EngineError::Changed("evidence"))
            };
            observed.evidence = keys.into_iter().map(whole).collect::<Result<_, _>>()?;
            let moments = TimeRange { from: observed.starts_at, to: observed.ends_at };
            observed.partial |= source.is_partial(moments, plan);
        }
        Ok(observed)
    }

    /// The spans that show some violations, given by their rows.
    fn evidence(&self, rows: &[SpanKey], by_row: &HashMap<SpanKey, &Violation>) -> Vec<SpanKey> {
        let violations = rows.iter().filter_map(|row| by_row.get(row));
        let spans = violations.flat_map(|violation| violation.evidence.iter().copied());
        let mut seen = HashSet::new();
        spans.filter(|span| seen.insert(*span)).take(self.asked.plan.rule().evidence_limit as usize).collect()
    }

    /// Adds what the first trace of a violation breaks, and the counts of the first ones to its values.
    fn add_counts(&self, observed: &mut Observed, by_row: &HashMap<SpanKey, &Violation>) {
        let [first, peak, latest] =
            observed.rows.each_ref().map(|rows| rows.first().and_then(|row| by_row.get(row)));
        let demands = first.map_or(&[][..], |violation| &violation.demands);
        observed.failed = demands.iter().map(|demand| self.rule.demand_name(*demand)).collect();
        observed.origin = first.map(|violation| violation.origin(self.rule));
        let values = [&mut observed.values, &mut observed.peak, &mut observed.latest];
        for (values, violation) in values.into_iter().zip([first, peak, latest]) {
            values
                .extend(violation.iter().flat_map(|violation| verdict::values(self.rule, &violation.counts)));
        }
    }
}

impl Violation {
    /// Of a trace with these spans.
    fn new(trace: [u8; 16], broken: Broken, spans: &[Light]) -> Self {
        let key = |at: usize| (trace, spans[at].id, spans[at].end);
        let Broken { at, demands, counts, subject, root, parent, duration, evidence } = broken;
        Self {
            at,
            demands,
            counts,
            subject: key(subject),
            root: root.map(key),
            own: Some(rows::Own { at, duration, parent }),
            keys: [].into(),
            evidence: evidence.into_iter().map(key).collect(),
        }
    }

    /// Tells it from others of its group: by the trace, or across traces by the occasion, and not by when it is.
    fn origin(&self, rule: &TraceRule) -> String {
        let (trace, span, end) = self.subject;
        let trace = hex::encode(trace);
        if rule.is_across() { format!("{trace}/{}/{end}", hex::encode(span)) } else { trace }
    }

    /// The spans whose fields its row has.
    fn of_fields(&self) -> impl Iterator<Item = SpanKey> {
        [Some(self.subject), self.root].into_iter().flatten()
    }
}
