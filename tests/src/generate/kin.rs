//! Rules that ask for the parents and children of spans, over traces with parents, orphans and copies.

use fluo_rules::expr::{Arithmetic, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::{GroupKey, Kin, Rule, Selector, Subject};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::Case;
use super::rewrite::Rewrite;
use super::rules::grid_rule;
use super::spans::RASTER_NS;
use super::traces::{range, universe};

/// Any such rule over some traces, over the whole of the data or a part of it.
pub fn case() -> impl Strategy<Value = Case> {
    (rule(), universe(), range()).prop_map(|(rule, spans, range)| Case { rule, spans, range })
}

/// A rule of which some fields are the parent's, or the span's own time.
pub fn rule() -> impl Strategy<Value = Rule> {
    let within = select(vec![900_000_000_000, 4 * RASTER_NS, RASTER_NS, 1]).prop_map(Nanos);
    let all = prop_oneof![1 => Just(false), 1 => Just(true)];
    (grid_rule(), vec(0_u8..4, 12), within, all).prop_map(|(rule, choices, within, all)| {
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

/// Which fields become those of kin, in the order in which they are met.
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
