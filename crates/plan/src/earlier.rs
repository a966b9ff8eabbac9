//! The past that a rule looks back to: the windows of which its functions over earlier windows are made.
//!
//! ```text
//!  sums     (──────┤ offset ├──────]     (───┤ avg_over ├───](─ present ─]
//!  seen  (────────────────────────── lookback, before the earliest of them ──────────────────────]
//! ```
//!
//! All windows end a whole number of panes before the present one.

use fluo_rules::expr::{EarlierCall, EarlierFunction, Expr};
use fluo_rules::rule::Rule;

/// A stretch of the past of a moment t, in nanoseconds: the spans that ended in `(t − begin, t − end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Behind {
    /// Its beginning.
    pub begin: i64,
    /// Its end, not further back.
    pub end: i64,
}

/// The past of each moment that a rule looks at.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    /// The calls in its condition, each once.
    pub(crate) calls: Vec<EarlierCall>,
    /// The stretches that are summed up, the latest first, and apart.
    pub(crate) behind: Vec<Behind>,
    /// The beginnings and ends of windows within these, in order.
    pub(crate) edges: Vec<i64>,
    /// The distance back to which it matters that a group was seen.
    pub(crate) seen: Option<i64>,
}

impl Earlier {
    /// Of a rule.
    pub(crate) fn of(rule: &Rule) -> Self {
        let window = rule.window.0;
        let calls: Vec<EarlierCall> = rule.condition.earlier().into_iter().cloned().collect();
        let mut behind = vec![Behind { begin: window, end: 0 }];
        let mut edges = vec![0, window];
        let mut seen: Option<i64> = None;
        for call in &calls {
            let ends = ends(call, window);
            for end in ends.clone() {
                let begin = end.saturating_add(window);
                behind.push(Behind { begin, end });
                edges.extend([end, begin]);
            }
            if let EarlierFunction::Absent { past } = call.function {
                behind.push(Behind { begin: past.0, end: 0 });
                edges.push(past.0);
            }
            if let EarlierFunction::Burn { value, objective } = &call.function {
                for length in objective.lengths(*value) {
                    behind.push(Behind { begin: length.0, end: 0 });
                    edges.push(length.0);
                }
            }
            let earliest = match call.function {
                EarlierFunction::IsNew => Some(window),
                EarlierFunction::Absent { .. } => (!rule.group_by.is_empty()).then_some(0),
                _ => ends.max().filter(|_| !rule.group_by.is_empty() && has_value_of_nothing(rule, call)),
            };
            seen = seen.max(earliest.map(|end| end.saturating_add(rule.lookback.0)));
        }
        behind.sort_unstable_by_key(|behind| (behind.end, behind.begin));
        behind.dedup_by(|later, earlier| {
            let joins = later.end <= earlier.begin;
            if joins {
                earlier.begin = earlier.begin.max(later.begin);
            }
            joins
        });
        edges.sort_unstable();
        edges.dedup();
        Self { calls, behind, edges, seen }
    }
}

/// The distances from the present window's end at which the windows end that a call is made of.
fn ends(call: &EarlierCall, window: i64) -> impl Iterator<Item = i64> + Clone {
    let (first, last, step) = match &call.function {
        EarlierFunction::Previous { windows, .. } => (i64::from(*windows), i64::from(*windows), window),
        EarlierFunction::Over { past, .. } | EarlierFunction::ZScore { past, .. } => {
            (1, past.0 / window, window)
        }
        EarlierFunction::PredictLinear { past, .. } => (1, past.0 / window - 1, window),
        EarlierFunction::Offset { by, .. } => (1, 1, by.0),
        EarlierFunction::IsNew | EarlierFunction::Absent { .. } | EarlierFunction::Burn { .. } => {
            (1, 0, window)
        }
    };
    (first..=last).map(move |times| times.saturating_mul(step))
}

/// Returns whether what a call is of has a value over a window without spans.
fn has_value_of_nothing(rule: &Rule, call: &EarlierCall) -> bool {
    let of_nothing = |name: &str| match rule.limits.as_ref().and_then(|limits| limits.place(name)) {
        // Whatever the limit of the group is.
        Some(_) => Some(1.0),
        None => rule.aggregate(name)?.function.counts().then_some(0.0),
    };
    call.of().and_then(|of: &Expr| of.number(&of_nothing)).is_some()
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};
    use fluo_time::Nanos;

    use super::*;

    const MINUTE: i64 = Nanos::MINUTE.0;

    fn earlier(keys: &str, condition: &str) -> Earlier {
        let text = format!(
            "- {{name: r, span: {{}}, window: 5m, lookback: 1d, aggregation: {{p95: {{p95: duration}}}}, \
             condition: '{condition}'{keys}}}"
        );
        let loaded = load(&[SourceFile::new("r.yml", text)]);
        assert!(!loaded.is_partial(), "{condition}: {:?}", loaded.findings);
        Earlier::of(&loaded.rules[0])
    }

    #[test]
    fn what_is_summed_up_of_the_past() {
        for (condition, expected, edges) in [
            ("count > 5", vec![(5, 0)], vec![0, 5]),
            ("count > previous(count)", vec![(10, 0)], vec![0, 5, 10]),
            ("count > previous(count, 3)", vec![(5, 0), (20, 15)], vec![0, 5, 15, 20]),
            ("count > avg_over(count, 20m)", vec![(25, 0)], vec![0, 5, 10, 15, 20, 25]),
            ("predict_linear(count, 20m, 1h) > 5", vec![(20, 0)], vec![0, 5, 10, 15, 20]),
            ("count > offset(count, 1h)", vec![(5, 0), (65, 60)], vec![0, 5, 60, 65]),
            ("count > offset(count, 3m)", vec![(8, 0)], vec![0, 3, 5, 8]),
            ("absent(15m)", vec![(15, 0)], vec![0, 5, 15]),
            ("is_new()", vec![(5, 0)], vec![0, 5]),
        ] {
            let found = earlier("", condition);
            let behind: Vec<(i64, i64)> =
                found.behind.iter().map(|it| (it.begin / MINUTE, it.end / MINUTE)).collect();
            let found_edges: Vec<i64> = found.edges.iter().map(|edge| edge / MINUTE).collect();
            assert_eq!((behind, found_edges), (expected, edges), "{condition}");
        }
    }

    #[test]
    fn what_must_be_known_of_when_groups_were_seen() {
        let day = 24 * 60;
        for (condition, alone, grouped) in [
            ("count > 5", None, None),
            ("count > previous(count)", None, Some(day + 5)),
            ("p95 > 2 * avg_over(p95, 1h)", None, None),
            ("p95 > 2 * avg_over(coalesce(p95, 1s), 1h)", None, Some(day + 60)),
            ("predict_linear(count, 20m, 1h) > 5 or count > offset(count, 1h)", None, Some(day + 60)),
            ("is_new()", Some(day + 5), Some(day + 5)),
            ("absent(15m)", None, Some(day)),
        ] {
            let seen = |keys| earlier(keys, condition).seen.map(|behind| behind / MINUTE);
            assert_eq!((seen(""), seen(", group_by: [name]")), (alone, grouped), "{condition}");
        }
    }
}
