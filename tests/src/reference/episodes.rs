//! From holding moments to episodes, each with its first values, its peak and its evidence.

use fluo_rules::rule::Rule;

use fluo_spans::span::Span;

use super::earlier::Calls;
use super::moments::{self, Held, History, Judged};
use super::terms::{Episode, SpanKey};

/// The spans that show what is wrong with a window, and the demands that are broken in it.
pub(super) type Shown<'a> = &'a dyn Fn(&[&Span], &Calls) -> (Vec<SpanKey>, Vec<String>);

/// The group's episodes, in order of time.
pub(super) fn of_group(rule: &Rule, history: &History<'_>, judged: Judged, shown: Shown<'_>) -> Vec<Episode> {
    let gap = moments::gap(rule);
    let mut runs: Vec<Vec<&Held>> = Vec::new();
    for held in &history.held {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| i128::from(held.at) - i128::from(last.at) <= gap) => {
                run.push(held);
            }
            _ => runs.push(vec![held]),
        }
    }
    runs.iter()
        .filter_map(|run| {
            let (first, last) = (run.first()?, run.last()?);
            let (evidence, failed) = shown(&moments::window(rule, &history.spans, first.at), &first.calls);
            Some(Episode {
                group: history.group.clone(),
                starts_at: first.at,
                ends_at: last.at,
                ongoing: judged.to < i128::from(last.at) + gap,
                values: first.values.clone(),
                worst: run.iter().filter_map(|held| held.severity).max(),
                severity: last.severity,
                peak: peak(run).unwrap_or(first).values.clone(),
                latest: last.values.clone(),
                evidence,
                failed,
            })
        })
        .collect()
}

/// The moment of the worst level that exceeds most, the earliest of equals; having no value is less than any value.
fn peak<'a>(run: &[&'a Held]) -> Option<&'a Held> {
    let mut peak: Option<&Held> = None;
    for held in run {
        // `None` is less than every `Some`, and no excess is NaN.
        let is_worse = |peak: &Held| {
            held.severity > peak.severity || held.severity == peak.severity && held.excess > peak.excess
        };
        if peak.is_none_or(is_worse) {
            peak = Some(held);
        }
    }
    peak
}
