//! That what is generated is worth testing with, and that the reference keeps its own promises on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_rules::expr::{Context, Expr, ExprKind, parse};
use fluo_rules::limits::{LimitRow, Limits, RowKey};
use fluo_rules::rule::{Rule, Subject};
use fluo_rules::trace::spanset::{Operator, Spanset};
use fluo_spans::span::Span;
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::expressions::filter;
use super::writing::written;
use super::{Case, arrival, case, exact_case, grid_case};
use crate::reference::{
    Episode, Givens, HoldingMoment, RefValue, SpanKey, evaluate, holding_moments, is_exact,
};

/// Tells spans that differ apart, and no more.
fn hash(span: &Span) -> [u8; 32] {
    let mut hash = [0; 32];
    for (at, byte) in format!("{span:?}").bytes().enumerate() {
        let slot: &mut u8 = &mut hash[at % 32];
        *slot = slot.rotate_left(3) ^ byte;
    }
    hash
}

fn spellings(key: &str) -> Vec<String> {
    let families =
        [["http.response.status_code", "http.status_code"], ["http.request.method", "http.method"]];
    let others =
        families.iter().filter(|family| family.contains(&key)).flatten().filter(|name| **name != key);
    std::iter::once(key).chain(others.copied()).map(str::to_owned).collect()
}

const GIVENS: Givens<'static> = Givens::new(&hash, &spellings);

fn samples<T>(strategy: &impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn a_good_part_of_the_cases_has_violations_and_a_good_part_has_none() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let cases = samples(&case(), 500);
    for Case { rule, spans, range } in &cases {
        let kind = if is_exact(rule) { "exact" } else { "grid" };
        let outcome = match evaluate(rule, spans, *range, GIVENS) {
            Err(_) => "overflow",
            Ok(episodes) if episodes.is_empty() => "quiet",
            Ok(episodes) => {
                if episodes.len() > 1 {
                    *seen.entry("several episodes").or_default() += 1;
                }
                if episodes.iter().any(|episode| episode.starts_at < episode.ends_at) {
                    *seen.entry("long episodes").or_default() += 1;
                }
                if episodes.iter().any(|episode| episode.values != episode.peak) {
                    *seen.entry("peaks after the start").or_default() += 1;
                }
                if episodes.iter().any(|episode| episode.ongoing) {
                    *seen.entry("ongoing").or_default() += 1;
                }
                if episodes.iter().any(|episode| !episode.ongoing) {
                    *seen.entry("over").or_default() += 1;
                }
                "violations"
            }
        };
        *seen.entry(kind).or_default() += 1;
        *seen.entry(outcome).or_default() += 1;
    }
    for (what, at_least) in [
        ("exact", 150),
        ("grid", 150),
        ("quiet", 100),
        ("violations", 100),
        ("overflow", 5),
        ("several episodes", 25),
        ("long episodes", 25),
        ("peaks after the start", 10),
        ("ongoing", 25),
        ("over", 25),
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= at_least), "{what}: {seen:?}");
    }
}

#[test]
fn a_good_part_of_the_cases_across_traces_breaks_each_demand() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for Case { rule, spans, range } in samples(&super::traces::across::case(), 500) {
        let Ok(episodes) = evaluate(&rule, &spans, range, GIVENS) else { continue };
        let outcome = if episodes.is_empty() { "quiet" } else { "violations" };
        *seen.entry(outcome.to_owned()).or_default() += 1;
        if episodes.iter().any(|episode| episode.group.is_empty()) {
            *seen.entry("without groups".to_owned()).or_default() += 1;
        }
        let later = |key: &SpanKey, episode: &Episode| key.2 < episode.starts_at;
        if episodes.iter().any(|episode| episode.evidence.first().is_some_and(|key| later(key, episode))) {
            *seen.entry("told after the occasion".to_owned()).or_default() += 1;
        }
        for failed in episodes.into_iter().flat_map(|episode| episode.failed).collect::<BTreeSet<String>>() {
            *seen.entry(failed).or_default() += 1;
        }
    }
    for (what, at_least) in [
        ("quiet", 100),
        ("violations", 100),
        ("always[0]", 50),
        ("never[0]", 25),
        ("never[1]", 2),
        ("sequence", 25),
        ("without groups", 10),
        ("told after the occasion", 10),
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= at_least), "{what}: {seen:?}");
    }
}

#[test]
fn a_good_part_of_the_objectives_burns_by_either_pair_of_windows() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for Case { rule, spans, range } in samples(&super::slo::case(), 400) {
        let mut add = |what: String| *seen.entry(what).or_default() += 1;
        let Ok(episodes) = evaluate(&rule, &spans, range, GIVENS) else { continue };
        let kind = rule.name.trim_start_matches("slo/");
        if episodes.is_empty() {
            add(format!("{kind} is quiet"));
        }
        let limits = rule.objective().unwrap().pairs.map(|pair| pair.limit(rule.objective().unwrap().period));
        for (at, limit) in limits.into_iter().enumerate() {
            let is_limit = |(name, value): &(String, RefValue)| {
                name == "burn_limit"
                    && matches!(value, RefValue::Float(found) if found.to_bits() == limit.to_bits())
            };
            if episodes.iter().any(|episode| episode.values.iter().any(is_limit)) {
                add(format!("{kind} by pair {at}"));
            }
        }
        if episodes.iter().any(|episode| !episode.ongoing) {
            add(format!("{kind} is over"));
        }
        if episodes.iter().any(|episode| episode.evidence.is_empty()) {
            add(format!("{kind} without a failure in the last minutes"));
        }
    }
    for (what, at_least) in [
        ("page is quiet", 40),
        ("page by pair 0", 20),
        ("page by pair 1", 10),
        ("page is over", 10),
        ("ticket is quiet", 40),
        ("ticket by pair 0", 20),
        ("ticket by pair 1", 10),
        ("ticket is over", 1),
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= at_least), "{what}: {seen:?}");
    }
}

#[test]
fn universes_hold_copies_ties_and_neighbours_a_nanosecond_apart() {
    let (mut copies, mut conflicts, mut ties, mut neighbours) = (0, 0, 0, 0);
    for spans in samples(&super::spans::universe(), 200) {
        assert!(spans.len() <= 40, "{} spans", spans.len());
        let ends: BTreeSet<i64> = spans.iter().map(|span| span.end_ns).collect();
        ties += usize::from(ends.len() < spans.len());
        neighbours += usize::from(ends.iter().any(|end| ends.contains(&(end + 1))));
        let pairs = || {
            spans.iter().enumerate().flat_map(|(at, left)| spans[..at].iter().map(move |right| (left, right)))
        };
        let same = |left: &Span, right: &Span| {
            (left.trace_id, left.span_id, left.end_ns) == (right.trace_id, right.span_id, right.end_ns)
        };
        copies += usize::from(pairs().any(|(left, right)| left == right));
        conflicts += usize::from(pairs().any(|(left, right)| same(left, right) && left != right));
    }
    for (what, count) in
        [("copies", copies), ("conflicts", conflicts), ("ties", ties), ("neighbours", neighbours)]
    {
        assert!(count >= 50, "{what} in {count} of 200 universes");
    }
}

/// Every node lies within its parent, after its left neighbour.
fn is_placed(expr: &Expr, text: &str) -> bool {
    let children: Vec<&Expr> = match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Aggregate(_) | ExprKind::Limit(_) => vec![],
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::In(inner, _) => vec![inner],
        ExprKind::Regex { item, .. } => vec![item],
        ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Compare(_, left, right)
        | ExprKind::Arithmetic(_, left, right) => vec![left, right],
        ExprKind::Between(item, low, high) => vec![item, low, high],
        ExprKind::Call(_, arguments) => arguments.iter().collect(),
        ExprKind::Earlier(call) => call.of().into_iter().collect(),
    };
    !expr.at.is_empty()
        && text.get(expr.at.clone()).is_some()
        && children.iter().all(|child| expr.at.start <= child.at.start && child.at.end <= expr.at.end)
        && children.windows(2).all(|pair| pair[0].at.end < pair[1].at.start)
        && children.iter().all(|child| is_placed(child, text))
}

fn holds_a_huge_number(span: &Span) -> bool {
    let huge =
        |value: &str| value.parse::<f64>().is_ok_and(|number| number.is_finite() && number.abs() >= 1e300);
    span.attributes.iter().chain(span.resource.attributes.iter()).any(|(_, value)| huge(value))
}

/// Returns whether each of `subset` is in `all`, whatever its values.
fn within(subset: &[HoldingMoment], all: &[HoldingMoment]) -> bool {
    subset.iter().all(|moment| all.iter().any(|other| (other.at, &other.group) == (moment.at, &moment.group)))
}

/// The outcome with each operator differs, in several cases, from that with the operator that takes most: `||`.
#[test]
fn every_operator_between_filters_decides_in_several_cases() {
    let mut seen: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for case in samples(&super::traces::related_case(), 1500) {
        let found = |when: Spanset<usize>| {
            let mut rule = case.rule.clone();
            let Subject::Traces(trace) = &mut rule.subject else { panic!("a rule about traces") };
            trace.when = Some(when);
            evaluate(&rule, &case.spans, case.range, GIVENS)
        };
        let when = case.rule.trace().and_then(|trace| trace.when.clone());
        let Some(Spanset::Pair { operator, left, right }) = when else { panic!("several filters") };
        let own = found(Spanset::pair(operator, (*left).clone(), (*right).clone()));
        // Of `||` itself, one side must make the difference.
        let other = match operator {
            Operator::Either => found(*left),
            _ => found(Spanset::pair(Operator::Either, *left, *right)),
        };
        let [decided, violated] = seen.entry(operator.as_str()).or_default();
        *decided += usize::from(own != other);
        *violated += usize::from(own.is_ok_and(|episodes| !episodes.is_empty()));
    }
    for (operator, _) in Operator::ALL {
        let [decided, violated] = seen.get(operator).copied().unwrap_or_default();
        assert!(decided >= 5 && violated >= 5, "{operator}: {seen:?}");
    }
}

/// Rules about traces whose condition is about earlier windows, with a moment at which it holds.
#[test]
fn earlier_windows_of_traces_hold_in_some_cases() {
    let of_traces = samples(&super::traces::case(), 1000);
    let across = samples(&super::traces::across::case(), 1000);
    for (kind, cases) in [("traces", of_traces), ("across", across)] {
        let looks_back = |case: &&Case| !case.rule.condition.earlier().is_empty();
        let (mut asked, mut held) = (0, 0);
        for Case { rule, spans, range } in cases.iter().filter(looks_back) {
            asked += 1;
            let found = evaluate(rule, spans, *range, GIVENS);
            held += usize::from(found.is_ok_and(|episodes| !episodes.is_empty()));
        }
        assert!(asked >= 50 && held >= 10, "{kind}: {held} of {asked}");
    }
}

#[test]
fn parents_and_children_decide_in_many_cases() {
    let cases = samples(&super::kin::case(), 400);
    let found = |case: &Case, spans: &[Span]| evaluate(&case.rule, spans, case.range, GIVENS);
    let decided = cases.iter().filter(|case| {
        let orphans: Vec<Span> =
            case.spans.iter().map(|span| Span { parent_span_id: None, ..span.clone() }).collect();
        found(case, &case.spans).is_ok_and(|all| !all.is_empty())
            && found(case, &case.spans) != found(case, &orphans)
    });
    let decided = decided.count();
    assert!(decided >= 80, "{decided}");
    assert!(cases.iter().all(|case| !is_exact(&case.rule)));
}

#[test]
fn limits_decide_in_many_cases() {
    let cases = samples(&super::limits::case(), 400);
    let found = |rule: &Rule, case: &Case| evaluate(rule, &case.spans, case.range, GIVENS);
    let (mut decided, mut left_out, mut exact) = (0, 0, 0);
    for case in &cases {
        let Ok(own) = found(&case.rule, case) else { continue };
        let limits = case.rule.limits.as_ref().unwrap();
        let with_rows = |rows: Vec<LimitRow>| {
            let limits = Some(Arc::new(Limits::new(limits.names().to_vec(), rows)));
            found(&Rule { limits, ..case.rule.clone() }, case)
        };
        let without_values =
            limits.rows().iter().map(|row| LimitRow { values: vec![None; 2], ..row.clone() });
        decided += usize::from(!own.is_empty() && with_rows(without_values.collect()).as_ref() != Ok(&own));
        let otherwise = LimitRow { keys: vec![RowKey::Any; case.rule.group_by.len()], values: vec![None; 2] };
        let with_otherwise = limits.rows().iter().cloned().chain([otherwise]).collect();
        left_out += usize::from(!limits.is_for_all() && with_rows(with_otherwise).as_ref() != Ok(&own));
        exact += usize::from(is_exact(&case.rule) && case.rule.condition.limits().next().is_some());
    }
    assert!(decided >= 40 && left_out >= 5 && exact >= 20, "{decided} {left_out} {exact}");
}

proptest! {
    #[test]
    fn conditions_have_a_text_and_places_in_it(case in case()) {
        for level in case.rule.condition.levels() {
            prop_assert!(is_placed(&level.condition.expr, &level.condition.text));
        }
    }

    /// The product's checker accepts what is generated, and nothing else is lost on the way.
    #[test]
    fn conditions_and_filters_parse_back_to_themselves(Case { rule, .. } in case(), filter in filter()) {
        let context = Context::Condition { aggregates: &rule.aggregates };
        let levels = rule.condition.levels().map(|level| &level.condition);
        for written in levels.chain(&rule.condition.resolve) {
            prop_assert_eq!(parse(&written.text, context), Ok(written.expr.clone()));
        }
        prop_assert_eq!(parse(&written(&filter).0, Context::Where), Ok(filter));
    }

    #[test]
    fn cases_are_of_the_kind_asked_for(exact in exact_case(), grid in grid_case()) {
        prop_assert!(is_exact(&exact.rule));
        prop_assert!(!is_exact(&grid.rule));
    }

    #[test]
    fn order_files_and_redelivery_change_nothing(
        (case, files) in case().prop_flat_map(|case| {
            let spans = case.spans.clone();
            (proptest::strategy::Just(case), arrival::redelivered_files(spans))
        })
    ) {
        let arrived: Vec<Span> = files.into_iter().flatten().collect();
        prop_assert_eq!(
            evaluate(&case.rule, &case.spans, case.range, GIVENS),
            evaluate(&case.rule, &arrived, case.range, GIVENS)
        );
    }

    #[test]
    fn episodes_are_made_of_the_holding_moments(case in case()) {
        let episodes = evaluate(&case.rule, &case.spans, case.range, GIVENS);
        let moments = holding_moments(&case.rule, &case.spans, case.range, GIVENS);
        prop_assert_eq!(episodes.is_err(), moments.is_err());
        let (Ok(episodes), Ok(moments)) = (episodes, moments) else { return Ok(()) };
        for episode in &episodes {
            for end in [episode.starts_at, episode.ends_at] {
                prop_assert!(moments.iter().any(|moment| moment.at == end && moment.group == episode.group));
            }
        }
        for moment in &moments {
            let covering = episodes.iter().filter(|episode| {
                episode.group == moment.group && (episode.starts_at..=episode.ends_at).contains(&moment.at)
            });
            prop_assert_eq!(covering.count(), 1);
        }
        prop_assert!(episodes.is_sorted_by_key(|episode| (episode.starts_at, episode.group.clone())));
    }

    /// The reason why exact rules may be reported at once: no span that arrives later takes a moment back.
    #[test]
    fn more_spans_take_no_moment_of_an_exact_rule_back(case in exact_case(), later in super::spans::universe()) {
        // A late copy in conflict is not one more span but another version of one, and a number that becomes infinite
        // when it is scaled is no value any more. These two do take moments back.
        let key = |span: &Span| (span.trace_id, span.span_id, span.end_ns);
        let known: BTreeSet<_> = case.spans.iter().map(key).collect();
        let later = later.into_iter().filter(|span| !known.contains(&key(span)) && !holds_a_huge_number(span));
        let all: Vec<Span> = case.spans.iter().cloned().chain(later).collect();
        let ends = || case.spans.iter().map(|span| span.end_ns);
        let range = crate::reference::Range { from: ends().min(), to: ends().max() };
        let before = holding_moments(&case.rule, &case.spans, range, GIVENS);
        let after = holding_moments(&case.rule, &all, range, GIVENS);
        let (Ok(before), Ok(after)) = (before, after) else { return Ok(()) };
        prop_assert!(within(&before, &after), "{before:?}\n{after:?}");
    }
}
