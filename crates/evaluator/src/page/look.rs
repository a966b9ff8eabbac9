//! One look at stored spans → a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_alerts::reading::gauge::Track;
use fluo_alerts::reading::readings;
use fluo_alerts::template::Renderer;
use fluo_engine::{
    AsOf, Asked, EngineError, LeftOut, Observed, Range, SessionContext, SoughtTrace, SpanSource, record,
    without_faulty,
};
use fluo_plan::RulePlan;
use fluo_report::Page;
use fluo_report::model::{self, Episode, Fact, Origin, Standing};
use fluo_rules::rule::Rule;
use fluo_time::{Nanos, TimeRange, moment};

use super::rules;
use super::trace::{SPANS, Sought, mask, of_whole};
use crate::chain;

/// Values of a rule that a chart shows.
const MARKS: i64 = 120;
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
            traces = of_whole(whole);
            let rules = plans.iter().map(|plan| plan.rule().as_ref());
            let by_name: BTreeMap<&str, &Rule> = rules.map(|rule| (rule.name.as_str(), rule)).collect();
            mask(&mut traces, &episodes, |name| by_name.get(name).copied());
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
    let mut sought = Sought::default();
    for (_, observed) in all {
        let keys = observed.evidence.iter().map(|span| (span.trace_id, span.span_id, span.end_ns));
        sought.add(keys);
    }
    sought.by_id()
}
