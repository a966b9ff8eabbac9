//! From holding moments to episodes, each with its first values, its peak and its evidence.

use fluo_rules::rule::Rule;

use super::evidence;
use super::moments::{self, Held, History, Judged};
use super::terms::{Episode, Givens};

/// The group's episodes, in order of time.
pub(super) fn of_group(
    rule: &Rule,
    history: &History<'_>,
    judged: Judged,
    givens: Givens<'_>,
) -> Vec<Episode> {
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
            Some(Episode {
                group: history.group.clone(),
                starts_at: first.at,
                ends_at: last.at,
                ongoing: judged.to < i128::from(last.at) + gap,
                values: first.values.clone(),
                peak: peak(run).unwrap_or(first).values.clone(),
                latest: last.values.clone(),
                evidence: evidence::of_window(
                    rule,
                    &moments::window(rule, &history.spans, first.at),
                    &first.calls,
                    givens,
                ),
            })
        })
        .collect()
}

/// The moment that exceeds most, the earliest of equals; having no value is less than any value.
fn peak<'a>(run: &[&'a Held]) -> Option<&'a Held> {
    let mut peak: Option<&Held> = None;
    for held in run {
        // `None` is less than every `Some`, and no excess is NaN.
        if peak.is_none_or(|peak| held.excess > peak.excess) {
            peak = Some(held);
        }
    }
    peak
}
