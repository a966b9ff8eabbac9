//! Rules about traces, checked.

use fluo_rules::condition::{Condition, Written};
use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::{Matcher, Number, Test, Value};
use fluo_rules::rule::{Aggregate, Rule, Selector, Subject};
use fluo_rules::trace::spanset::{Operator, Spanset};
use fluo_rules::trace::{Forbidden, Sequence, Step, StepCount, Tie, TieKind, TraceRule};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::STEP_NAMES;
use crate::generate::expressions::{compare, literal, of};
use crate::generate::rules;
use crate::generate::selectors::selector;
use crate::generate::spans::RASTER_NS;
use crate::generate::writing::written;

/// Names of counts.
const COUNTS: [&str; 2] = ["m", "n"];

/// A rule about traces: half of them as one that says nothing of windows, the others with groups, aggregates and windows as
/// rules about spans have them.
pub fn rule() -> impl Strategy<Value = Rule> {
    (trace(), of_windows())
        .prop_map(|(trace, rule)| Rule { subject: Subject::Traces(Box::new(trace)), ..rule })
}

/// The part of a rule that is about windows: half of them say nothing.
pub(super) fn of_windows() -> impl Strategy<Value = Rule> {
    prop_oneof![
        1 => rules::rule().prop_map(usual).boxed(),
        1 => rules::rule().boxed(),
    ]
}

/// The rule as if it had neither aggregates nor condition: in a window, there is a trace.
fn usual(rule: Rule) -> Rule {
    let traces = Aggregate { name: fluo_rules::trace::TRACES.to_owned(), ..Aggregate::implied_count() };
    let expr = more_than(&traces.name, 0);
    let (text, expr) = written(&expr);
    Rule {
        aggregates: vec![traces],
        condition: Condition::of(text, expr),
        every: None,
        hold_for: Nanos(0),
        ..rule
    }
}

fn more_than(name: &str, bound: i64) -> Expr {
    let name = of(ExprKind::Aggregate(name.to_owned()));
    compare(Comparison::Gt, name, literal(Value::Number(Number::Int(bound))))
}

/// A rule's demands, their steps not numbered yet.
#[derive(Debug, Clone)]
struct Drafts {
    when: Option<Spanset<Step>>,
    always: Vec<Step>,
    never: Vec<Step>,
    sequence: Option<Draft>,
    forbidden: Option<Draft>,
    counts: Vec<Step>,
    condition: Option<Written>,
    settle: Nanos,
    max_duration: Nanos,
}

/// A sequence: steps of its own, and places of those that stand elsewhere, modulo their number.
#[derive(Debug, Clone)]
struct Draft {
    steps: Vec<InOrder>,
    within: Option<Nanos>,
    overlap: bool,
}

#[derive(Debug, Clone)]
enum InOrder {
    Own(Step),
    Occasion,
    Other(usize),
}

/// Any demands: at least one of them.
pub fn trace() -> impl Strategy<Value = TraceRule> {
    let late = || option::weighted(0.2, within());
    let late_step = move || (step(), late()).prop_map(|(step, within)| Step { within, ..step });
    let drafts = (
        (
            option::weighted(0.65, occasions()),
            vec(late_step(), 0..3),
            prop_oneof![2 => Just(vec![]), 1 => vec(late_step(), 1..3)],
            option::weighted(0.3, sequence()),
            option::weighted(0.25, sequence()),
        ),
        counts(),
        select(vec![0, 1, RASTER_NS, RASTER_NS, 2 * RASTER_NS, 4 * RASTER_NS]),
        select(vec![RASTER_NS, 3 * RASTER_NS, 6 * RASTER_NS, 12 * RASTER_NS, 60 * RASTER_NS]),
    )
        .prop_map(|((when, always, never, sequence, forbidden), (counts, condition), settle, max)| Drafts {
            when,
            always,
            never,
            sequence,
            forbidden,
            counts,
            condition,
            settle: Nanos(settle),
            max_duration: Nanos(max),
        });
    let ties = vec((0_usize..32, select(TieKind::ALL.to_vec()), 0_usize..32), 0..4);
    (drafts, prop_oneof![1 => Just(vec![]), 1 => ties])
        .prop_map(|(drafts, ties)| tied(drafts.numbered(), ties))
        .prop_filter("demands nothing", |trace| trace.demands().next().is_some())
}

/// Ties steps to each other, but none to itself, in whatever way.
fn tied(mut trace: TraceRule, ties: Vec<(usize, TieKind, usize)>) -> TraceRule {
    let number = trace.steps.len();
    // Filters with operators between them stand first, and have no names.
    let unnamed = match &trace.when {
        Some(when @ Spanset::Pair { .. }) => when.filters().len(),
        _ => 0,
    };
    for (of, kind, to) in ties {
        // There is a step: something is demanded, or the rule is left out.
        let (of, to) = (of % number.max(1), to % number.max(1));
        let has_key = trace.steps.get(of).is_none_or(|step| step.ties.iter().any(|tie| tie.kind == kind));
        if of.min(to) >= unnamed && of != to && !has_key && !trace.is_tied(to, of) {
            trace.steps[of].ties.push(Tie { kind, to });
        }
    }
    trace
}

impl Drafts {
    fn numbered(self) -> TraceRule {
        let mut steps: Vec<Step> = Vec::new();
        let mut place = |step: Step| {
            steps.push(step);
            steps.len() - 1
        };
        let is_whole = self.when.is_none();
        let in_time = |step: Step| if is_whole { Step { within: None, ..step } } else { step };
        let when = self.when.map(|when| when.map(&mut place));
        let occasion = when.as_ref().and_then(Spanset::filter).copied();
        let always: Vec<usize> = self.always.into_iter().map(in_time).map(&mut place).collect();
        let never: Vec<usize> = self.never.into_iter().map(in_time).map(&mut place).collect();
        let others: Vec<usize> = always.iter().chain(&never).copied().collect();
        let mut in_order = |draft: Draft| {
            let steps = draft.steps.into_iter().map(|step| match (step, occasion) {
                (InOrder::Own(step), _) => place(step),
                (InOrder::Occasion, Some(when)) => when,
                (InOrder::Other(at), _) if !others.is_empty() => others[at % others.len()],
                (InOrder::Occasion | InOrder::Other(_), _) => place(any_span()),
            });
            Sequence { steps: steps.collect(), within: draft.within, overlap: draft.overlap }
        };
        let sequence = self.sequence.map(&mut in_order);
        let forbidden = self.forbidden.map(&mut in_order);
        let never =
            never.into_iter().map(Forbidden::Step).chain(forbidden.map(Forbidden::Sequence)).collect();
        let counts = COUNTS
            .iter()
            .zip(self.counts)
            .map(|(name, step)| StepCount { name: (*name).to_owned(), of: place(step) });
        let counts = counts.collect();
        TraceRule {
            when,
            always,
            never,
            sequence,
            counts,
            condition: self.condition,
            by: Vec::new(),
            settle: self.settle,
            max_duration: self.max_duration,
            steps,
        }
    }
}

fn any_span() -> Step {
    Step::of(Selector::All(Vec::new()))
}

/// Mostly one step, else several with operators between them.
fn occasions() -> impl Strategy<Value = Spanset<Step>> {
    prop_oneof![3 => filter(), 2 => spansets()]
}

fn filter() -> impl Strategy<Value = Spanset<Step>> {
    step().prop_map(|step| Spanset::Filter(Step { at_least: 1, ..step }))
}

/// Filters with operators between them: one at least.
pub fn spansets() -> impl Strategy<Value = Spanset<Step>> {
    let operator = || select(Operator::ALL.map(|(_, operator)| operator).to_vec());
    let pair = move |left: BoxedStrategy<Spanset<Step>>, right: BoxedStrategy<Spanset<Step>>| {
        (operator(), left, right).prop_map(|(operator, left, right)| Spanset::pair(operator, left, right))
    };
    let inner = || prop_oneof![3 => filter(), 1 => pair(filter().boxed(), filter().boxed())].boxed();
    pair(inner(), inner())
}

/// A step that is not tied: mostly the spans of a name.
fn step() -> impl Strategy<Value = Step> {
    let named = select(STEP_NAMES.to_vec()).prop_map(|name| {
        let matcher = Matcher { tests: vec![Test::Eq(Value::Text(name.to_owned()))] };
        Selector::Match(Field::Intrinsic(Intrinsic::Name), matcher)
    });
    let selector = prop_oneof![8 => named, 1 => Just(Selector::All(Vec::new())), 2 => selector()];
    (selector, prop_oneof![4 => Just(1), 1 => 2_u32..4]).prop_map(|(selector, at_least)| Step {
        selector,
        at_least,
        ..any_span()
    })
}

fn within() -> impl Strategy<Value = Nanos> {
    select(vec![1, RASTER_NS, 2 * RASTER_NS, 4 * RASTER_NS + 1]).prop_map(Nanos)
}

fn sequence() -> impl Strategy<Value = Draft> {
    let step = prop_oneof![
        3 => step().prop_map(InOrder::Own),
        1 => Just(InOrder::Occasion),
        1 => (0_usize..8).prop_map(InOrder::Other),
    ]
    .boxed();
    let length = prop_oneof![3 => vec(step.clone(), 2), 1 => vec(step, 3)];
    (length, option::weighted(0.3, within()), proptest::bool::weighted(0.4))
        .prop_map(|(steps, within, overlap)| Draft { steps, within, overlap })
}

/// Up to two counts, and mostly a condition over them: one that more spans make truer, or any.
fn counts() -> impl Strategy<Value = (Vec<Step>, Option<Written>)> {
    let counted = step().prop_map(|step| Step { at_least: 1, ..step }).boxed();
    let numbers =
        prop_oneof![2 => vec(counted.clone(), 0), 1 => vec(counted.clone(), 1), 1 => vec(counted, 2)];
    numbers.prop_flat_map(|steps| {
        let condition = match steps.len() {
            0 => Just(None).boxed(),
            number => option::weighted(0.8, condition(number)).boxed(),
        };
        (Just(steps), condition)
    })
}

fn condition(counts: usize) -> BoxedStrategy<Written> {
    let name = move || select(COUNTS[..counts].to_vec());
    let count = move || name().prop_map(|name| of(ExprKind::Aggregate(name.to_owned())));
    let bound = || (0_i64..4).prop_map(|bound| literal(Value::Number(Number::Int(bound))));
    let operator = select(vec![
        Comparison::Gt,
        Comparison::Gte,
        Comparison::Eq,
        Comparison::Ne,
        Comparison::Lt,
        Comparison::Lte,
    ]);
    let sum = (count(), count())
        .prop_map(|(left, right)| of(ExprKind::Arithmetic(Arithmetic::Add, Box::new(left), Box::new(right))));
    let leaf = prop_oneof![
        3 => (name(), 0_i64..3).prop_map(|(name, bound)| more_than(name, bound)),
        2 => (count(), operator.clone(), bound()).prop_map(|(left, op, right)| compare(op, left, right)),
        1 => (count(), operator, prop_oneof![count(), sum]).prop_map(|(left, op, right)| compare(op, left, right)),
    ];
    leaf.prop_recursive(1, 3, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(left, right)| of(ExprKind::And(Box::new(left), Box::new(right)))),
            pair.prop_map(|(left, right)| of(ExprKind::Or(Box::new(left), Box::new(right)))),
            inner.prop_map(|inner| of(ExprKind::Not(Box::new(inner)))),
        ]
    })
    .prop_map(|expr| {
        let (text, expr) = written(&expr);
        Written { text, expr }
    })
    .boxed()
}
