//! The naive reference evaluator: what a rule means, written down a second time, as plainly as possible.
//!
//! It is the program that the engine is held to. It knows no plans, no columns and no clock: for every moment
//! it looks at every span. It was written from the manual's definitions and shares no code with the engine; only
//! what the product alone can define comes from outside ([`Givens`]).
//!
//! ```text
//! spans ─ selection ─▶ matching spans ─ copies ─▶ one of each ─ moments ─▶ holding moments ─ episodes, evidence ─▶ Episode
//!            │                                                      │
//!         lookup, expression ◀──────────────────────────── aggregate, earlier
//! ```
//!
//! Of a rule about traces the matching spans are rows, one of each violation of a trace (`traces`).

mod aggregate;
mod arithmetic;
mod copies;
mod datum;
mod earlier;
mod episodes;
mod evidence;
mod exactness;
mod expression;
mod kin;
mod limits;
mod lookup;
mod moments;
mod number;
mod pattern;
mod sampling;
#[cfg(test)]
mod scenarios;
mod selection;
mod slo;
mod terms;
mod text;
pub mod together;
mod traces;

use fluo_rules::rule::Rule;
use fluo_spans::span::Span;

use episodes::Shown;
use moments::History;

pub use exactness::is_exact;
pub use terms::{Episode, Givens, Group, HoldingMoment, Overflow, Range, RefValue, SpanKey, Values};

/// Every violation of the rule, by start and group.
///
/// # Panics
///
/// If the rule is not a checked one: it holds an invalid regular expression.
pub fn evaluate(
    rule: &Rule,
    spans: &[Span],
    range: Range,
    givens: Givens<'_>,
) -> Result<Vec<Episode>, Overflow> {
    let Some(judged) = moments::Judged::new(rule, spans, range) else { return Ok(Vec::new()) };
    let givens = Givens { stored: spans, ..givens };
    let episodes = |histories: &[History<'_>], shown: Shown<'_>| {
        let of_group = |history| episodes::of_group(rule, history, judged, shown);
        let mut episodes: Vec<Episode> = histories.iter().flat_map(of_group).collect();
        episodes.sort_by(|left, right| {
            left.starts_at.cmp(&right.starts_at).then_with(|| left.group.cmp(&right.group))
        });
        episodes
    };
    let Some(trace) = rule.trace() else {
        let histories = moments::judge(rule, spans, judged, givens)?;
        return Ok(episodes(&histories, &|window, calls| {
            (evidence::of_window(rule, window, calls, givens), Vec::new())
        }));
    };
    let rows = traces::rows(rule, trace, spans, judged, range.to, givens);
    let spans = traces::spans(&rows);
    let rule = &traces::over_rows(rule, trace);
    let mut histories = moments::judge(rule, &spans, judged, givens)?;
    traces::add_counts(rule, &mut histories, &rows);
    Ok(episodes(&histories, &|window, _| traces::shown(rule, window, &rows)))
}

/// Every moment at which the rule's condition holds, or what held before goes on, by group and time: what `fluo explain --format sql` must
/// give.
///
/// # Panics
///
/// As [`evaluate`].
pub fn holding_moments(
    rule: &Rule,
    spans: &[Span],
    range: Range,
    givens: Givens<'_>,
) -> Result<Vec<HoldingMoment>, Overflow> {
    let Some(judged) = moments::Judged::new(rule, spans, range) else { return Ok(Vec::new()) };
    let givens = Givens { stored: spans, ..givens };
    let rows =
        rule.trace().map(|trace| traces::spans(&traces::rows(rule, trace, spans, judged, range.to, givens)));
    let of_rows = rule.trace().map(|trace| traces::over_rows(rule, trace));
    let rule = of_rows.as_ref().unwrap_or(rule);
    let histories = moments::judge(rule, rows.as_deref().unwrap_or(spans), judged, givens)?;
    Ok(histories
        .into_iter()
        .flat_map(|history| {
            let group = history.group;
            history.held.into_iter().map(move |held| HoldingMoment {
                group: group.clone(),
                at: held.at,
                values: held.values,
            })
        })
        .collect())
}
