//! Conditions over given aggregates: exact ones, and any.

use fluo_rules::condition::{Condition, Level, Written};
use fluo_rules::expr::{
    Arithmetic, Comparison, EarlierCall, EarlierFunction, Expr, ExprKind, Function, Total,
};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::{Number, Value};
use fluo_rules::rule::{Aggregate, AggregateFunction, Severity};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Union;

use super::expressions::{arithmetic, call, compare, literal, negated, of, operator, rounding};
use super::writing::written;

/// A condition that makes a rule exact: `and` and `or` of comparisons that more spans can only make true.
pub fn exact_condition(aggregates: &[Aggregate]) -> impl Strategy<Value = Written> + use<> {
    let leaves: Vec<BoxedStrategy<Expr>> = with_count(aggregates)
        .iter()
        .filter_map(|aggregate| Some(exact_comparison(aggregate, grows(&aggregate.function)?)))
        .collect();
    combined(Union::new(leaves).boxed(), false)
}

/// A condition that may end a violation of an exact rule: `and` and `or` of comparisons that more spans can only make
/// false.
pub fn ending(aggregates: &[Aggregate]) -> impl Strategy<Value = Written> + use<> {
    let counts = |function: &AggregateFunction| {
        use AggregateFunction::{Count, CountDistinct, Rate};
        matches!(function, Count | CountDistinct(_) | Rate { .. })
    };
    let leaves: Vec<BoxedStrategy<Expr>> = with_count(aggregates)
        .iter()
        .filter(|aggregate| counts(&aggregate.function))
        .map(|aggregate| exact_comparison(aggregate, false))
        .collect();
    combined(Union::new(leaves).boxed(), false)
}

/// A condition of one to three levels, with or without one that ends what it begins.
pub fn with_levels(
    level: BoxedStrategy<Written>,
    end: BoxedStrategy<Written>,
) -> impl Strategy<Value = Condition> {
    let higher =
        prop_oneof![4 => vec(level.clone(), 0), 2 => vec(level.clone(), 1), 1 => vec(level.clone(), 2)];
    let end = prop_oneof![2 => Just(None), 1 => end.prop_map(Some)];
    (level, higher, end).prop_map(|(lowest, higher, resolve)| {
        let all = std::iter::once(&lowest).chain(&higher);
        let text = all.map(|level| level.text.as_str()).collect::<Vec<_>>().join("; ");
        let severity = (!higher.is_empty()).then_some(Severity::Info);
        let of_severity =
            |(condition, severity): (Written, Severity)| Level { severity: Some(severity), condition };
        Condition {
            text,
            lowest: Level { severity, condition: lowest },
            higher: higher
                .into_iter()
                .zip([Severity::Warning, Severity::Critical])
                .map(of_severity)
                .collect(),
            resolve,
            shows: Vec::new(),
        }
    })
}

/// Any condition whose units agree. Some are exact by chance. With `grid`, some look at the windows before.
pub fn any_condition(aggregates: &[Aggregate], grid: Option<Grid>) -> impl Strategy<Value = Written> + use<> {
    let (durations, numbers): (Vec<Aggregate>, Vec<Aggregate>) =
        with_count(aggregates).into_iter().partition(|aggregate| is_duration(&aggregate.function));
    let named = |aggregates: &[Aggregate]| {
        aggregates.iter().map(|aggregate| reference(&aggregate.name)).collect::<Vec<_>>()
    };
    let numbers_now = terms(named(&numbers), &number());
    let of_earlier = grid.map(|grid| {
        let values = earlier(&terms(named(&numbers), &number()), grid);
        let of_numbers = score(terms(named(&numbers), &number()), grid);
        let of_durations =
            (!durations.is_empty()).then(|| (1, score(terms_of_durations(named(&durations)), grid)));
        Union::new_weighted([(6, values), (1, of_numbers)].into_iter().chain(of_durations).collect()).boxed()
    });
    let numbers = || match &of_earlier {
        None => numbers_now.clone(),
        Some(earlier) => {
            let scaled = (arithmetic(), earlier.clone(), numbers_now.clone())
                .prop_map(|(operator, left, right)| binary(operator, left, right));
            prop_oneof![3 => numbers_now.clone(), 3 => earlier.clone(), 1 => scaled].boxed()
        }
    };
    let mut leaves = vec![
        (3, (numbers(), operator(), number().prop_map(literal)).prop_map(comparison).boxed()),
        (1, (number().prop_map(literal), operator(), numbers()).prop_map(comparison).boxed()),
        (1, (numbers(), operator(), numbers()).prop_map(comparison).boxed()),
        (1, between(numbers(), number().prop_map(literal).boxed())),
        (
            1,
            (numbers(), vec(number(), 1..3))
                .prop_map(|(item, values)| of(ExprKind::In(Box::new(item), values)))
                .boxed(),
        ),
    ];
    if let Some(grid) = grid {
        leaves.push((2, truth(grid)));
    }
    if !durations.is_empty() {
        let now = terms_of_durations(named(&durations));
        let durations = || match grid {
            None => now.clone(),
            Some(grid) => prop_oneof![2 => now.clone(), 1 => earlier(&now, grid)].boxed(),
        };
        leaves
            .push((3, (durations(), operator(), duration().prop_map(literal)).prop_map(comparison).boxed()));
        leaves.push((1, (durations(), operator(), durations()).prop_map(comparison).boxed()));
        leaves.push((1, between(durations(), duration().prop_map(literal).boxed())));
    }
    // A condition over constants alone is none.
    combined(Union::new_weighted(leaves).boxed(), true)
        .prop_filter("names no aggregate", |condition| names_an_aggregate(&condition.expr))
}

/// The windows of a rule, whose lengths decide what its condition may look back to.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// The window.
    pub window: Nanos,
    /// The distance of the moments that are judged.
    pub step: Nanos,
}

impl Grid {
    /// Lengths of so many windows at least.
    fn windows(self, least: i64) -> impl Strategy<Value = Nanos> + Clone {
        (least..least + 4).prop_map(move |windows| Nanos(windows * self.window.0))
    }
}

/// A value over earlier windows, in the unit of what it is of.
fn earlier(of: &BoxedStrategy<Expr>, grid: Grid) -> BoxedStrategy<Expr> {
    let of = || of.clone().prop_filter("names no aggregate", names_an_aggregate).prop_map(Box::new);
    let totals = vec![Total::Avg, Total::Min, Total::Max, Total::Sum, Total::Stddev, Total::Median];
    let ahead = select(vec![1, grid.window.0, 3 * grid.window.0, 7_000_000_000]).prop_map(Nanos);
    prop_oneof![
        3 => (of(), 1_u32..4).prop_map(|(of, windows)| EarlierFunction::Previous { of, windows }),
        3 => (select(totals), of(), grid.windows(3))
            .prop_map(|(total, of, past)| EarlierFunction::Over { total, of, past }),
        2 => (of(), 1_i64..9)
            .prop_map(move |(of, steps)| EarlierFunction::Offset { of, by: Nanos(steps * grid.step.0) }),
        1 => (of(), grid.windows(2), ahead)
            .prop_map(|(of, past, ahead)| EarlierFunction::PredictLinear { of, past, ahead }),
    ]
    .prop_map(called)
    .boxed()
}

/// A score, which has no unit.
fn score(of: BoxedStrategy<Expr>, grid: Grid) -> BoxedStrategy<Expr> {
    (of.prop_filter("names no aggregate", names_an_aggregate), grid.windows(3))
        .prop_map(|(of, past)| called(EarlierFunction::ZScore { of: Box::new(of), past }))
        .boxed()
}

/// A truth about a group, and about when it was seen.
fn truth(grid: Grid) -> BoxedStrategy<Expr> {
    let absent = grid.windows(1).prop_map(|past| EarlierFunction::Absent { past });
    prop_oneof![Just(EarlierFunction::IsNew), absent].prop_map(called).boxed()
}

fn called(function: EarlierFunction) -> Expr {
    of(ExprKind::Earlier(Box::new(EarlierCall::new(function))))
}

fn names_an_aggregate(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Aggregate(_) | ExprKind::Earlier(_) => true,
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Limit(_) => false,
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::In(inner, _) => names_an_aggregate(inner),
        ExprKind::Regex { item, .. } => names_an_aggregate(item),
        ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Compare(_, left, right)
        | ExprKind::Arithmetic(_, left, right) => names_an_aggregate(left) || names_an_aggregate(right),
        ExprKind::Between(item, low, high) => {
            [item, low, high].into_iter().any(|expr| names_an_aggregate(expr))
        }
        ExprKind::Call(_, arguments) => arguments.iter().any(names_an_aggregate),
    }
}

/// The declared aggregates, and `count` if it is not among them.
fn with_count(aggregates: &[Aggregate]) -> Vec<Aggregate> {
    let implied = aggregates.iter().all(|aggregate| aggregate.name != Aggregate::COUNT);
    aggregates.iter().cloned().chain(implied.then(Aggregate::implied_count)).collect()
}

fn combined(leaf: BoxedStrategy<Expr>, negations: bool) -> impl Strategy<Value = Written> {
    leaf.prop_recursive(2, 4, 2, move |inner| {
        let pair = (inner.clone(), inner.clone());
        let both = pair.clone().prop_map(|(left, right)| of(ExprKind::And(Box::new(left), Box::new(right))));
        let either = pair.prop_map(|(left, right)| of(ExprKind::Or(Box::new(left), Box::new(right))));
        if negations {
            let not = inner.prop_map(|inner| of(ExprKind::Not(Box::new(inner))));
            prop_oneof![both, either, not].boxed()
        } else {
            prop_oneof![both, either].boxed()
        }
    })
    .prop_map(|expr| {
        let (text, expr) = written(&expr);
        Written { text, expr }
    })
}

/// Returns whether more spans can only raise the value (`true`), only lower it (`false`), or both.
fn grows(function: &AggregateFunction) -> Option<bool> {
    match function {
        AggregateFunction::Count
        | AggregateFunction::CountDistinct(_)
        | AggregateFunction::Max(_)
        | AggregateFunction::Rate { .. } => Some(true),
        AggregateFunction::Sum(of) if *of == Expr::field(Field::Intrinsic(Intrinsic::Duration)) => Some(true),
        AggregateFunction::Min(_) => Some(false),
        _ => None,
    }
}

/// The aggregate, scaled and shifted or not, against a constant, from either side.
fn exact_comparison(aggregate: &Aggregate, grows: bool) -> BoxedStrategy<Expr> {
    let name = reference(&aggregate.name);
    let constant = if is_duration(&aggregate.function) { duration().boxed() } else { number().boxed() };
    let positive = || literal(Value::Number(Number::Float(0.5)));
    let scaled = prop_oneof![
        4 => Just(name.clone()),
        1 => Just(binary(Arithmetic::Multiply, name.clone(), positive())),
        1 => Just(binary(Arithmetic::Multiply, positive(), name.clone())),
        1 => Just(binary(Arithmetic::Divide, name.clone(), positive())),
        1 => constant.clone().prop_map(move |shift| binary(Arithmetic::Add, name.clone(), literal(shift))),
    ];
    (scaled, constant, proptest::bool::ANY, proptest::bool::ANY)
        .prop_map(move |(term, constant, strict, mirrored)| {
            let operator = match (grows != mirrored, strict) {
                (true, true) => Comparison::Gt,
                (true, false) => Comparison::Gte,
                (false, true) => Comparison::Lt,
                (false, false) => Comparison::Lte,
            };
            let constant = literal(constant);
            if mirrored { compare(operator, constant, term) } else { compare(operator, term, constant) }
        })
        .boxed()
}

/// Arithmetic over numbers: names, constants, ratios of names.
fn terms(
    names: Vec<Expr>,
    constant: &(impl Strategy<Value = Value> + Clone + 'static),
) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![4 => select(names), 1 => constant.clone().prop_map(literal)];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            4 => (arithmetic(), inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| binary(operator, left, right)),
            1 => inner.clone().prop_map(negated),
            1 => (rounding(), inner.clone()).prop_map(|(function, inner)| call(function, vec![inner])),
            1 => (select(vec![Function::Min, Function::Max, Function::Coalesce]), inner.clone(), inner)
                .prop_map(|(function, left, right)| call(function, vec![left, right])),
        ]
    })
    .boxed()
}

fn terms_of_durations(names: Vec<Expr>) -> BoxedStrategy<Expr> {
    let name = select(names);
    prop_oneof![
        3 => name.clone(),
        1 => (select(vec![Arithmetic::Add, Arithmetic::Subtract]), name.clone(), duration().prop_map(literal))
            .prop_map(|(operator, left, right)| binary(operator, left, right)),
        1 => (select(vec![Arithmetic::Multiply, Arithmetic::Divide]), name.clone(), number().prop_map(literal))
            .prop_map(|(operator, left, right)| binary(operator, left, right)),
        1 => (name, duration().prop_map(literal))
            .prop_map(|(name, other)| call(Function::Coalesce, vec![name, other])),
    ]
    .boxed()
}

fn between(item: BoxedStrategy<Expr>, bound: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    (item, bound.clone(), bound)
        .prop_map(|(item, low, high)| of(ExprKind::Between(Box::new(item), Box::new(low), Box::new(high))))
        .boxed()
}

fn comparison((left, operator, right): (Expr, Comparison, Expr)) -> Expr {
    compare(operator, left, right)
}

fn binary(operator: Arithmetic, left: Expr, right: Expr) -> Expr {
    of(ExprKind::Arithmetic(operator, Box::new(left), Box::new(right)))
}

fn reference(name: &str) -> Expr {
    of(ExprKind::Aggregate(name.to_owned()))
}

fn is_duration(function: &AggregateFunction) -> bool {
    function.is_of_durations()
}

/// Thresholds that small counts, and now and then sums of statuses, come to lie around.
fn number() -> impl Strategy<Value = Value> + Clone {
    prop_oneof![
        5 => (0_i64..6).prop_map(|int| Value::Number(Number::Int(int))),
        1 => select(vec![0.05, 0.5, 1.5, 401.0]).prop_map(|float| Value::Number(Number::Float(float))),
        1 => select(vec![-1, 10, 401, 802]).prop_map(|int| Value::Number(Number::Int(int))),
    ]
}

fn duration() -> impl Strategy<Value = Value> + Clone {
    select(vec![0, 1, 500_000_000, 1_500_000_000, 3_000_000_000])
        .prop_map(|nanos| Value::Duration(Nanos(nanos)))
}
