//! The evaluator's minutes: what arrives, what the rules make of it, and whom it tells.
//!
//! The evaluator is the real one, in a replay of evaluations that are a minute apart.

use datafusion::prelude::SessionContext;
use fluo_alerts::notification::{Event, Together};
use fluo_alerts::template::Renderer;
use fluo_alerts::violation::Violation;
use fluo_engine::{Range, SpanSource, evaluate, record};
use fluo_evaluator::arrivals::{Live, Scheduled};
use fluo_evaluator::replay::replay;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Evaluator, RuleSet, Settings};
use fluo_plan::RulePlan;
use fluo_rules::SourceFile;
use fluo_store::open_root;
use fluo_time::Nanos;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::bucket::Bucket;
use super::collector::Object;
use crate::error::DemoError;

/// One evaluation.
#[derive(Debug)]
pub(crate) struct Minute {
    /// Its moment, in nanoseconds since the epoch.
    pub(crate) at: i64,
    /// Objects and spans that arrived since the one before.
    pub(crate) objects: usize,
    pub(crate) spans: u64,
}

/// The message that people get, once.
#[derive(Debug)]
pub(crate) struct Alert {
    /// As it was first seen.
    pub(crate) violation: Violation,
    pub(crate) told_at: i64,
    pub(crate) resolved_at: Option<i64>,
    /// The related alerts that it names, a line each.
    pub(crate) related: Vec<String>,
}

/// Everything that was seen.
pub(crate) struct Watched {
    pub(crate) minutes: Vec<Minute>,
    /// In the order in which they were told.
    pub(crate) alerts: Vec<Alert>,
}

/// Lets the minutes go by: `objects` arrive in `folder` as they were written, and every rule is evaluated.
pub(crate) async fn watch(
    folder: &FilePath,
    rules: &[SourceFile],
    bucket: &mut Bucket,
    objects: &[Object],
    (start, minutes): (i64, i64),
) -> Result<Watched, DemoError> {
    let mut seen = Vec::new();
    let mut left = objects;
    for minute in 1..=minutes {
        let at = start + minute * Nanos::MINUTE.0;
        let (arrived, later) = left.split_at(left.partition_point(|object| object.written() <= at));
        left = later;
        seen.push(Minute { at, objects: arrived.len(), spans: bucket.receive(arrived).await? });
    }
    let root = open_root(&folder.to_string_lossy(), &|_| None)
        .map_err(|error| DemoError::because(format!("could not open `{}`", folder.display()), error))?;
    let live = Live { store: root.store.clone(), spans: root.at(&Path::from("spans")) };
    let arrivals = Scheduled { live, arrival: bucket.arrival() };
    let set = RuleSet::load(rules, &BTreeMap::new());
    let times = std::iter::once(start).chain(seen.iter().map(|minute| minute.at));
    let data = SpanData::new(root);
    let evaluator = Evaluator::new(Settings::default(), data);
    let replayed = replay(&evaluator, &set, &arrivals, times)
        .await
        .map_err(|error| DemoError::because("could not evaluate the rules", error))?;
    let mut alerts: Vec<Alert> = Vec::new();
    let mut places = BTreeMap::new();
    for notification in replayed.notifications {
        let (at, event) = (notification.at, notification.event);
        let Some(told) = notification.alert else { continue };
        let together = notification.together.as_ref();
        if together.is_some_and(|together| together.before().next().is_some()) {
            // The message of another names it.
            continue;
        }
        if event == Event::Firing {
            places.insert(told.id, alerts.len());
            let related = together.map(Together::lines).unwrap_or_default();
            alerts.push(Alert { violation: told.violation, told_at: at, resolved_at: None, related });
        } else if event == Event::Resolved
            && let Some(&place) = places.get(&told.id)
        {
            alerts[place].resolved_at = Some(at);
        }
    }
    Ok(Watched { minutes: seen, alerts })
}

/// All violations of a rule in a range.
pub(crate) async fn violations(
    session: &SessionContext,
    plan: &RulePlan,
    source: &SpanSource,
    range: Range,
) -> Result<Vec<Violation>, DemoError> {
    let rule = plan.rule();
    let outcome = evaluate(session, plan, source, range)
        .await
        .map_err(|error| DemoError::because(format!("could not judge `{}`", rule.name), error))?;
    let renderer = Renderer::new(None);
    outcome
        .violations
        .iter()
        .map(|observed| match record::violation(rule, observed, &renderer) {
            (violation, None) => Ok(violation),
            (_, Some(reason)) => Err(DemoError::because(
                format!("the summary of `{}` could not be rendered", rule.name),
                reason,
            )),
        })
        .collect()
}
