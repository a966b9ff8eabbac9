//! Rules about service level objectives, over hours and days with bursts in which much fails.

use fluo_rules::rule::Rule;
use fluo_rules::{SourceFile, load};
use fluo_spans::span::Span;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::Case;
use super::spans::{moved_to, span};
use crate::reference::Range;

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;

/// 2026-11-22T12:00:00Z: what happens now. The past of a case lies before it, of up to 90 hours.
const NOW_NS: i64 = 1_795_348_800 * 1_000_000_000;

/// Any such rule over some days, judged over the last hours of them.
pub fn case() -> impl Strategy<Value = Case> {
    (rule(), universe(), range()).prop_map(|(rule, spans, range)| Case { rule, spans, range })
}

/// One of the two rules of an objective.
///
/// # Panics
///
/// If what is generated does not load.
pub fn rule() -> impl Strategy<Value = Rule> {
    let objective = select(vec!["99.9%", "99%", "90%", "0.5", "20%", "10%"]);
    let good = select(vec!["status != error", "duration < 1s", "not (name = \"login\" and status = error)"]);
    let period = select(vec!["30d", "7d", "28d", "90d"]);
    let span = prop_oneof![2 => Just("{}"), 1 => Just("{name: login}")];
    let group_by = select(vec!["[]", "[service_name]", "[service_name, name]"]);
    (objective, good, period, 1_u32..8, (span, group_by), 0_usize..2).prop_map(
        |(objective, good, period, min_events, (span, group_by), of)| {
            let text = format!(
                "- {{name: slo, span: {span}, group_by: {group_by}, slo: {{objective: {objective}, good: '{good}', \
                 period: {period}, min_events: {min_events}}}}}"
            );
            let mut loaded = load(&[SourceFile::new("slo.yml", text)]);
            assert!(!loaded.is_partial(), "{:?}", loaded.findings);
            loaded.rules.swap_remove(of)
        },
    )
}

/// Up to 70 spans: few over the last days, more in the last hours, and bursts; some of them twice.
pub fn universe() -> impl Strategy<Value = Vec<Span>> {
    let jitter = || prop_oneof![3 => Just(0_i64), 1 => Just(-1), 1 => Just(1), 1 => Just(17 * MINUTE / 3)];
    let long_ago = (0_i64..90, jitter()).prop_map(|(hours, jitter)| hours * HOUR + jitter);
    let lately = (0_i64..14, jitter()).prop_map(|(halves, jitter)| halves * HOUR / 2 + jitter);
    let just_now = (0_i64..75, jitter()).prop_map(|(minutes, jitter)| minutes * MINUTE + jitter);
    let scattered = vec((span(), prop_oneof![2 => long_ago, 2 => lately, 3 => just_now.clone()]), 0..40);
    let burst = (just_now, vec((span(), 0_i64..5), 0..30)).prop_map(|(at, spans)| {
        spans.into_iter().map(move |(span, minutes)| (span, at + minutes * MINUTE)).collect::<Vec<_>>()
    });
    (scattered, burst, vec(0_usize..40, 0..4))
        .prop_map(|(scattered, burst, again)| {
            let before = scattered.into_iter().chain(burst);
            let mut spans: Vec<Span> = before.map(|(span, before)| moved_to(span, NOW_NS - before)).collect();
            let copies: Vec<Span> = again.into_iter().filter_map(|at| spans.get(at).cloned()).collect();
            spans.extend(copies);
            spans
        })
        .prop_shuffle()
}

/// The last hours, and a little more.
pub fn range() -> impl Strategy<Value = Range> {
    let to = prop_oneof![3 => Just(0), 1 => Just(31 * MINUTE), 1 => Just(-20 * MINUTE)];
    let length = select(vec![30 * MINUTE, 90 * MINUTE, 3 * HOUR]);
    (to, length).prop_map(|(to, length)| Range { from: Some(NOW_NS + to - length), to: Some(NOW_NS + to) })
}
