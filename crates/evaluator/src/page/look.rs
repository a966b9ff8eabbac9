//! One look at stored spans → a page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_alerts::reading::gauge::Track;
use fluo_alerts::reading::readings;
use fluo_alerts::template::Renderer;
use fluo_engine::{
    AsOf, Asked, EngineError, LeftOut, Observed, Range, SessionContext, SoughtTrace, SpanSource, WholeTrace,
    record, without_faulty,
};
use fluo_plan::RulePlan;
use fluo_report::Page;
use fluo_report::model::{self, Episode, Fact, Origin, Standing, Trace, TraceSpan};
use fluo_rules::rule::Rule;
use fluo_spans::span::{Span, Status};
use fluo_time::{Nanos, TimeRange, moment};

use super::rules;
use super::trace::{Related, waterfall};
use crate::chain;

/// Values of a rule that a chart shows.
const MARKS: i64 = 120;
/// Traces that are shown, of the violations that stand and then of the newest.
const TRACES: usize = 40;
/// Traces of one violation that are shown.
const OF_ONE: usize = 4;
/// Spans of one trace that are shown.
const SPANS: usize = 50;
/// Spans of a trace are looked for so long before and after those that are evidence.
const AROUND: i64 = 5 * Nanos::MINUTE.0;

/// The result of a look.
#[derive(Debug)]
pub struct Looked {
    /// The page.
    pub page: Page,
    /// Files that could not be read.
    pub left_out: Vec<LeftOut>,
    /// Rules that could not be judged, and why.
    pub failed: Vec<(String, String)>,
}

/// The spans of a look, as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSpans {
    /// Their number, copies included.
    pub spans: u64,
    /// The bytes of their files.
    pub bytes: u64,
    /// Those that could not be placed when OTLP files were read, in words; none where there were none.
    pub set_aside: Option<String>,
    /// Those that were mended.
    pub mended: Option<String>,
}

impl ReadSpans {
    /// `id_conflicts`: the number of spans whose ids were used twice, as far as rules looked at them.
    fn facts(self, source: &SpanSource, id_conflicts: u64) -> Vec<Fact> {
        let none = || "none while this was read; of stored spans, ingest counted them".to_owned();
        let mut facts = vec![Fact::new("spans", self.spans.to_string())];
        facts.extend(source.ends().map(|ends| {
            Fact::new("they ended", format!("{} to {}", moment::human(ends.from), moment::human(ends.to)))
        }));
        facts.push(Fact::new("bytes of their files", self.bytes.to_string()));
        facts.push(Fact::new("set aside", self.set_aside.unwrap_or_else(none)));
        facts.push(Fact::new("mended", self.mended.unwrap_or_else(none)));
        facts.extend((id_conflicts > 0).then(|| {
            let text =
                format!("{id_conflicts} spans are copies that differ from another, and one of each counts");
            Fact::new("ids used twice", text)
        }));
        facts
    }
}

/// Judges rules over all spans of a source in a range, and shows what was found. Files that cannot be read are left out of
/// the source.
pub async fn look(
    session: &SessionContext,
    rules: Vec<Arc<Rule>>,
    source: &mut SpanSource,
    range: Range,
    read: ReadSpans,
) -> Looked {
    let mut plans: Vec<RulePlan> = Vec::new();
    let mut shown: Vec<model::Rule> = Vec::new();
    let failed = |rule: &Rule, reason: String| model::Rule { error: Some(reason), ..rules::rule(rule, None) };
    for rule in rules.into_iter().filter(|rule| rule.enabled) {
        match RulePlan::new(Arc::clone(&rule)) {
            Ok(plan) => plans.push(plan),
            Err(error) => shown.push(failed(&rule, chain(&error))),
        }
    }
    let mut left_out = Vec::new();
    let outcome = without_faulty(source, &mut left_out, async |source: &SpanSource| {
        let shows = shows(source, range);
        let asked: Vec<Asked<'_>> = plans
            .iter()
            .map(|plan| {
                let stretches = fluo_engine::moments(plan, source, range).into_iter().collect();
                let as_of = range.to.map_or(AsOf::ALL, AsOf::of);
                Asked { as_of, near: Some(step(shows)), ..Asked::new(plan, stretches) }
            })
            .collect();
        let judged = fluo_engine::judge(session, source, &asked).await?;
        let of_rules = plans.iter().zip(judged.rules).zip(judged.tracks);
        let found: Vec<OfRule<'_>> =
            of_rules.map(|((plan, observed), track)| OfRule { plan, observed, track }).collect();
        let sought = sought(&found);
        let traces = fluo_engine::whole_traces(session, source, &sought, SPANS).await?;
        Ok((found, traces, judged.id_conflicts))
    })
    .await;
    let shows = shows(source, range);
    let mut episodes = Vec::new();
    let (mut traces, mut id_conflicts) = (BTreeMap::new(), 0);
    match outcome {
        Ok((found, whole, conflicts)) => {
            id_conflicts = conflicts;
            for OfRule { plan, observed, track } in found {
                match observed {
                    Ok(observed) => {
                        shown.push(rules::rule(plan.rule(), track));
                        episodes.extend(observed.iter().map(|observed| episode(plan.rule(), observed)));
                    }
                    Err(error) => shown.push(failed(plan.rule(), chain(&error))),
                }
            }
            traces = shown_traces(whole, &episodes, &plans);
        }
        Err(error) => shown.extend(plans.iter().map(|plan| failed(plan.rule(), chain(&error)))),
    }
    let failed = shown.iter().filter_map(|rule| Some((rule.name.clone(), rule.error.clone()?))).collect();
    let missing = left_out
        .iter()
        .map(|LeftOut { fault, .. }| Fact::new(fault.location().to_string(), chain(fault.reason())));
    let page = Page {
        origin: Origin::Look,
        at: shows.to,
        shows,
        timeline: shows,
        episodes,
        evaluation: vec![
            Fact::new("looked at", format!("{} to {}", moment::human(shows.from), moment::human(shows.to))),
            Fact::new("rules", shown.len().to_string()),
        ],
        rules: shown,
        owed: Vec::new(),
        troubles: Vec::new(),
        data: read.facts(source, id_conflicts),
        missing: missing.collect(),
        traces,
    };
    Looked { page, left_out, failed }
}

/// All that was found of a rule.
struct OfRule<'a> {
    plan: &'a RulePlan,
    observed: Result<Vec<Observed>, EngineError>,
    track: Option<Track>,
}

/// Returns the times that the page shows.
fn shows(source: &SpanSource, range: Range) -> TimeRange {
    let ends = source.ends();
    let from = range.from.or(ends.map(|ends| ends.from)).or(range.to).unwrap_or_default();
    let to = range.to.or(ends.map(|ends| ends.to)).unwrap_or(from);
    TimeRange { from: from.min(to), to }
}

/// Returns the length of time of which one value is shown: in whole seconds, where it is longer.
fn step(shows: TimeRange) -> i64 {
    let step = shows.to.saturating_sub(shows.from) / MARKS;
    (step - step.rem_euclid(Nanos::SECOND.0)).max(Nanos::SECOND.0)
}

fn episode(rule: &Rule, observed: &Observed) -> Episode {
    let renderer = Renderer::new(None);
    // A template that fails leaves the default text, and `fluo eval` says why.
    let (violation, _) = record::violation(rule, observed, &renderer);
    let fires_at = violation.starts_at.saturating_add(rule.hold_for.0);
    let standing = match violation.ongoing {
        false => Standing::Over,
        true if violation.ends_at < fires_at => Standing::Pending { fires_at },
        true => Standing::Firing,
    };
    let (values, severity) = if standing == Standing::Over {
        (&observed.values, violation.severity)
    } else {
        (&observed.latest, observed.severity.unwrap_or(violation.severity))
    };
    Episode {
        standing,
        severity,
        readings: readings(rule, &observed.peak, values, &observed.peak),
        runbook: rule.annotations.get("runbook_url").filter(|url| !url.contains("{{")).cloned(),
        violation,
        muted_by: None,
        related_to: None,
        trace_urls: Vec::new(),
    }
}

/// Returns the traces to show: of violations that go on and then of the newest, the first few of each.
fn sought(found: &[OfRule<'_>]) -> BTreeMap<[u8; 16], SoughtTrace> {
    let mut all: Vec<(&Rule, &Observed)> = Vec::new();
    for OfRule { plan, observed, .. } in found {
        all.extend(observed.iter().flatten().map(|observed| (plan.rule().as_ref(), observed)));
    }
    all.sort_by(|(one_rule, one), (other_rule, other)| {
        let key = |observed: &Observed| (!observed.ongoing, std::cmp::Reverse(observed.starts_at));
        key(one)
            .cmp(&key(other))
            .then_with(|| (&one_rule.name, &one.group).cmp(&(&other_rule.name, &other.group)))
    });
    let mut sought: BTreeMap<[u8; 16], SoughtTrace> = BTreeMap::new();
    for (_, observed) in all {
        let mut traces: Vec<[u8; 16]> = Vec::new();
        for Span { trace_id, span_id, end_ns, .. } in &observed.evidence {
            if !traces.contains(trace_id) {
                traces.push(*trace_id);
            }
            if traces.len() > OF_ONE || (sought.len() >= TRACES && !sought.contains_key(trace_id)) {
                continue;
            }
            let ends = TimeRange { from: end_ns.saturating_sub(AROUND), to: end_ns.saturating_add(AROUND) };
            let trace =
                sought.entry(*trace_id).or_insert_with(|| SoughtTrace { ends, spans: BTreeSet::new() });
            trace.ends = TimeRange { from: trace.ends.from.min(ends.from), to: trace.ends.to.max(ends.to) };
            trace.spans.insert(*span_id);
        }
    }
    sought
}

/// Returns traces as waterfalls. What a rule redacts is shown of no trace that is its evidence.
fn shown_traces(
    whole: BTreeMap<[u8; 16], WholeTrace>,
    episodes: &[Episode],
    plans: &[RulePlan],
) -> BTreeMap<String, Trace> {
    let by_name: BTreeMap<&str, &Rule> =
        plans.iter().map(|plan| (plan.rule().name.as_str(), plan.rule().as_ref())).collect();
    let mut rules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for episode in episodes {
        for span in &episode.violation.evidence {
            rules.entry(&span.trace_id).or_default().insert(&episode.violation.rule);
        }
    }
    let of_trace = |(id, WholeTrace { spans, left_out }): ([u8; 16], WholeTrace)| {
        let id = hex::encode(id);
        let of_rules: Vec<&Rule> = rules
            .get(id.as_str())
            .into_iter()
            .flatten()
            .filter_map(|name| by_name.get(name).copied())
            .collect();
        let spans = spans.iter().map(|span| related(span, &of_rules)).collect();
        (id, waterfall(spans, left_out))
    };
    whole.into_iter().map(of_trace).collect()
}

fn related(span: &Span, rules: &[&Rule]) -> Related {
    let (service_name, name) = record::shown_names(rules, span);
    Related {
        span: TraceSpan {
            span_id: hex::encode(span.span_id),
            depth: 0,
            service_name,
            name,
            start: span.start_ns,
            end: span.end_ns,
            is_error: span.status == Status::Error,
        },
        parent: span.parent_span_id.map(hex::encode),
    }
}
