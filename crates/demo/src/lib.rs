//! `fluo demo`: the whole story of the product in one go, offline. Only the shop, its collectors and their clocks are
//! simulated; ingest, rules and evaluator are the real ones.
//!
//! | stage | input → output |
//! | --- | --- |
//! | `shop`, `incident` | who there is; what goes wrong, and when |
//! | `requests`, `trace`, `traffic` | customers → spans |
//! | `otlp`, `collector` | spans → objects in the bucket, with the moments at which they are there |
//! | `bucket` | objects → span files |
//! | `rules`, `watch` | span files → alerts, minute by minute |
//! | `series` | span files → a rule's value over time |
//! | `story` | all of it together |
//! | `telling`, `readme` | the story → a terminal, a note beside the files |
//!
//! The same start gives the same bytes. No clock and no environment: when the story begins is an argument.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod bucket;
mod collector;
mod error;
pub mod folder;
mod incident;
mod otlp;
mod random;
mod readme;
mod requests;
mod rules;
mod series;
mod shop;
mod story;
mod telling;
mod trace;
mod traffic;
mod watch;

use std::path::Path;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use fluo_alerts::violation::Violation;
use fluo_engine::{Range, SpanSource, session};
use fluo_evaluator::page::look::{ReadSpans, look};
use fluo_plan::RulePlan;
use fluo_spans::layout::Layout;
use fluo_store::duckdb_view::duckdb_view;
use fluo_time::{Nanos, TimeRange};

use self::bucket::Bucket;
use self::collector::{Object, collect};
use self::incident::{Incident, MINUTES};
use self::random::Random;
use self::rules::{ALARMS, LIMIT, RULES, RuleFile, planned, sources};
use self::series::series;
use self::story::{Alarm, RuleAtWork};
use self::traffic::traffic;
use self::watch::{Watched, violations, watch};

pub use self::error::DemoError;
pub use self::story::Story;
pub use self::telling::tell;

/// Every run draws the same numbers.
const SEED: u64 = 20;

/// The distance between two points of the rule's chart.
const CHART_STEP: Nanos = Nanos(5_000_000_000);

/// The length of the story.
pub const LENGTH: Nanos = Nanos(MINUTES * Nanos::MINUTE.0);

/// Lets the story happen in `folder`, beginning at `start`, a whole minute in nanoseconds since the epoch.
///
/// # Errors
///
/// [`DemoError::Failed`].
pub async fn play(folder: &Path, start: i64) -> Result<Story, DemoError> {
    let end = start + LENGTH.0;
    let incident = Incident::new(start);
    let mut random = Random::new(SEED);
    let spans = traffic(start, incident, &mut random);
    let objects = collect(&spans, end, &mut random)
        .map_err(|error| DemoError::because("could not compress an object", error))?;
    drop(spans);

    for file in RULES.iter().chain(&ALARMS).chain(&LIMIT) {
        folder::write(folder, file.path, file.text)?;
    }
    folder::write(folder, "spans.sql", &duckdb_view(&Layout::builtin(), "spans"))?;
    let rules = planned(&RULES)?;
    let session = session();
    let mut bucket = Bucket::open(folder)?;
    let watched = watch(folder, &sources(&RULES), &mut bucket, &objects, (start, MINUTES)).await?;

    let (source, read) = bucket.source().await?;
    let found = leave_violations(folder, &session, &rules, &source).await?;
    let moments = TimeRange { from: start, to: end };
    let subject = rules
        .first()
        .map(RulePlan::rule)
        .ok_or_else(|| DemoError::because("could not find a rule", "the demo has none"))?;
    let rule = RuleAtWork {
        name: subject.name.clone(),
        condition: subject.condition.text.clone(),
        window: subject.window.to_string(),
        series: series(&session, subject, CHART_STEP, &source, moments).await?,
    };
    let alarms = alarms_of(&session, &source, moments, &ALARMS).await?;
    let limit = alarms_of(&session, &source, moments, &LIMIT).await?.pop();
    let story = put_together(start, incident, watched, rule, alarms, &objects);
    let whole = found.into_iter().find(|violation| violation.rule == story.rule.name);
    let story = Story { span_files: bucket.files(), rules: rules.len(), whole, limit, ..story };
    folder::write(folder, "report.html", &page(&session, &rules, source, read).await?)?;
    folder::write(folder, "README.md", &readme::readme(&story))?;
    Ok(story)
}

/// Returns the page that `fluo report` makes of the whole folder.
async fn page(
    session: &SessionContext,
    rules: &[RulePlan],
    mut source: SpanSource,
    read: ReadSpans,
) -> Result<String, DemoError> {
    let rules = rules.iter().map(|plan| Arc::clone(plan.rule())).collect();
    let looked = look(session, rules, &mut source, Range::default(), read).await;
    if let Some((rule, reason)) = looked.failed.into_iter().next() {
        return Err(DemoError::because(format!("could not judge `{rule}`"), reason));
    }
    Ok(fluo_report::html(&looked.page))
}

/// Writes `violations.ndjson`: what `fluo eval --format ndjson` finds in the whole folder.
async fn leave_violations(
    folder: &Path,
    session: &SessionContext,
    rules: &[RulePlan],
    source: &SpanSource,
) -> Result<Vec<Violation>, DemoError> {
    let mut all = Vec::new();
    for plan in rules {
        all.extend(violations(session, plan, source, Range::default()).await?);
    }
    all.sort_by(Violation::in_order);
    let mut text = String::new();
    for violation in &all {
        let line = fluo_rules::json::to_string(violation)
            .map_err(|error| DemoError::because("could not write JSON", error))?;
        text.push_str(&line);
        text.push('\n');
    }
    folder::write(folder, "violations.ndjson", &text)?;
    Ok(all)
}

/// The alarms that rules are compared with. They know of every request the moment it ends: no delay counts against them.
async fn alarms_of(
    session: &SessionContext,
    source: &SpanSource,
    moments: TimeRange,
    files: &[RuleFile],
) -> Result<Vec<Alarm>, DemoError> {
    let mut alarms = Vec::new();
    for plan in planned(files)? {
        let rule = plan.rule();
        let series = series(session, rule, rule.grid_step(), source, moments).await?;
        alarms.push(Alarm {
            name: rule.name.clone(),
            description: rule.description.clone().unwrap_or_default(),
            condition: format!("{} in {}", rule.condition.text, rule.window),
            told_at: series.first_holding(),
            series,
        });
    }
    Ok(alarms)
}

fn put_together(
    start: i64,
    incident: Incident,
    watched: Watched,
    rule: RuleAtWork,
    alarms: Vec<Alarm>,
    objects: &[Object],
) -> Story {
    let Watched { minutes, mut alerts } = watched;
    let of_rule = alerts.iter().position(|alert| alert.violation.rule == rule.name);
    let alert = of_rule.map(|at| alerts.remove(at));
    // The newest span of the evidence is the one with which the condition began to hold.
    let decisive = alert.as_ref().and_then(|alert| alert.violation.evidence.first());
    let in_bucket_at = decisive.and_then(|span| {
        let holds = |object: &&Object| object.span_ids.iter().any(|id| hex::encode(id) == span.span_id);
        objects.iter().find(holds).map(Object::written)
    });
    Story {
        start,
        incident,
        minutes,
        rule,
        alert,
        others: alerts,
        whole: None,
        in_bucket_at,
        alarms,
        limit: None,
        span_files: 0,
        rules: 0,
    }
}
