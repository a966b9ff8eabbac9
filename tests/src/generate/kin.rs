//! Rules that ask for the parents and children of spans, over traces with parents, orphans and copies. Half of them are any
//! rule of which some fields are those of kin, which seldom decide; the other half asks for little else.

use fluo_rules::expr::{Arithmetic, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::{GroupKey, Kin, Rule, Selector, Subject};
use fluo_rules::{SourceFile, load};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::Case;
use super::rewrite::Rewrite;
use super::rules::grid_rule;
use super::spans::RASTER_NS;
use super::traces::{STEP_NAMES, range, universe};

/// Any such rule over some traces, over the whole of the data or a part of it.
pub fn case() -> impl Strategy<Value = Case> {
    (rule(), universe(), range()).prop_map(|(rule, spans, range)| Case { rule, spans, range })
}

/// Such a rule.
pub fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![1 => rewritten(), 1 => deciding()]
}

fn within() -> impl Strategy<Value = Nanos> {
    select(vec![900_000_000_000, 4 * RASTER_NS, RASTER_NS, 1]).prop_map(Nanos)
}

/// Questions about parents and children that spans of a few traces answer now and then. `@` is a name of spans.
const QUESTIONS: [&str; 11] = [
    "span: {where: 'parent.name = \"@\"'}, condition: count >= 1",
    "span: {where: 'not (parent.name = \"@\")'}, group_by: [name], condition: count >= 2",
    "span: {name: '@', where: 'parent.duration > 2 * duration'}, condition: count >= 1",
    "span: {}, group_by: [parent.name], condition: count >= 2",
    "span: {name: '@'}, group_by: [parent.name, parent.service_name], condition: count = 1",
    "span: {}, aggregation: {gap: {max: parent.duration - duration}}, condition: gap > 0s",
    "span: {}, group_by: [name], aggregation: {gap: {min: parent.duration - duration}}, condition: gap < 0s or gap > 10s",
    "span: {where: 'self_time < duration'}, group_by: [name], condition: count >= 1",
    "span: {}, aggregation: {own: {sum: self_time}, whole: {sum: duration}}, condition: own < 60% * whole",
    "span: {}, aggregation: {called: {count: {where: 'parent.status = error'}}}, condition: called >= 1 and count < 5",
    "span: {where: 'parent.duration > self_time'}, aggregation: {names: {count_distinct: parent.name}}, condition: names >= 1",
];

/// A rule that is about parents or children, and nothing else.
///
/// # Panics
///
/// If what is generated does not load.
fn deciding() -> impl Strategy<Value = Rule> {
    let window = select(vec![10, 20, 30, 60]);
    (select(QUESTIONS.to_vec()), select(STEP_NAMES.to_vec()), window, within()).prop_map(
        |(question, name, window, within)| {
            let keys = question.replace('@', name);
            let text = format!("- {{name: kin, window: {window}s, every: 10s, {keys}}}");
            let mut loaded = load(&[SourceFile::new("kin.yml", text.clone())]);
            assert!(!loaded.is_partial(), "{text}: {:?}", loaded.findings);
            let rule = loaded.rules.remove(0);
            Rule { kin: rule.kin.map(|kin| Kin { within, ..kin }), ..rule }
        },
    )
}

/// A rule of which some fields are the parent's, or the span's own time.
fn rewritten() -> impl Strategy<Value = Rule> {
    let all = prop_oneof![1 => Just(false), 1 => Just(true)];
    (grid_rule(), vec(0_u8..4, 12), within(), all).prop_map(|(rule, choices, within, all)| {
        let Subject::Spans(selector) = rule.subject.clone() else { return rule };
        let mut choices = Choices { choices, next: 0 };
        let selector = if all { Selector::All(Vec::new()) } else { choices.selector(selector) };
        let group_by: Vec<GroupKey> = rule
            .group_by
            .iter()
            .map(|key| {
                let field = choices.field(key.field.clone());
                GroupKey { key: field.to_string(), field }
            })
            .collect();
        let aggregates =
            rule.aggregates.iter().cloned().map(|aggregate| choices.aggregate(aggregate)).collect();
        let kin = Some(Kin { settle: Nanos(30 * Nanos::SECOND.0), within });
        Rule { subject: Subject::Spans(selector), group_by, aggregates, kin, ..rule }
    })
}

/// The fields that become those of kin, by a choice for each in the order in which they are met.
struct Choices {
    choices: Vec<u8>,
    next: usize,
}

impl Choices {
    fn one(&mut self) -> u8 {
        self.next += 1;
        self.choices[self.next % self.choices.len()]
    }
}

impl Rewrite for Choices {
    fn replaced(&mut self, kind: ExprKind) -> Result<ExprKind, ExprKind> {
        match kind {
            ExprKind::Field(field) => Ok(ExprKind::Field(self.field(field))),
            kind => Err(kind),
        }
    }

    fn field(&mut self, field: Field) -> Field {
        let is_duration = field == Field::Intrinsic(Intrinsic::Duration);
        match self.one() {
            _ if field.many().is_some() => field,
            1 if is_duration => Field::Intrinsic(Intrinsic::SelfTime),
            0 | 1 => Field::Parent(Box::new(field)),
            _ => field,
        }
    }

    /// The value that an aggregate takes: now and then the difference to the parent's duration.
    fn measure(&mut self, of: Expr) -> Expr {
        let duration = || Expr::field(Field::Intrinsic(Intrinsic::Duration));
        if of == duration() && self.one() == 3 {
            let parents = Expr::field(Field::Parent(Box::new(Field::Intrinsic(Intrinsic::Duration))));
            let kind = ExprKind::Arithmetic(Arithmetic::Subtract, Box::new(parents), Box::new(duration()));
            return Expr { kind, at: 0..0 };
        }
        self.expr(of)
    }
}
