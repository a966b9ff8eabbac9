//! Rules made of generated ones, in which some parts of expressions are replaced by others.

use fluo_rules::expr::{Expr, ExprKind};
use fluo_rules::field::Field;
use fluo_rules::rule::{Aggregate, AggregateFunction, Selector};

/// A way to rewrite selectors, aggregates and expressions. Parts are met in the order of the text.
pub(super) trait Rewrite {
    /// The part in place of another; as an error the part itself, whose own parts are rewritten.
    fn replaced(&mut self, kind: ExprKind) -> Result<ExprKind, ExprKind>;

    /// The field in place of one that a selector matches, or whose values are counted.
    fn field(&mut self, field: Field) -> Field {
        field
    }

    /// The value that an aggregate takes.
    fn measure(&mut self, of: Expr) -> Expr {
        self.expr(of)
    }

    /// The filter of an aggregate.
    fn filter(&mut self, filter: Expr) -> Expr {
        self.expr(filter)
    }

    fn selector(&mut self, selector: Selector) -> Selector {
        match selector {
            Selector::All(parts) => {
                Selector::All(parts.into_iter().map(|part| self.selector(part)).collect())
            }
            Selector::Any(parts) => {
                Selector::Any(parts.into_iter().map(|part| self.selector(part)).collect())
            }
            Selector::Not(inner) => Selector::Not(Box::new(self.selector(*inner))),
            Selector::Match(field, matcher) => Selector::Match(self.field(field), matcher),
            Selector::Event { .. } => selector,
            Selector::Where(expr) => Selector::Where(self.expr(expr)),
        }
    }

    fn aggregate(&mut self, aggregate: Aggregate) -> Aggregate {
        use AggregateFunction::{Avg, Column, Count, CountDistinct, Max, Min, Percentile, Rate, Stddev, Sum};
        let function = match aggregate.function {
            function @ (Count | Rate { .. } | Column(_)) => function,
            CountDistinct(field) => CountDistinct(self.field(field)),
            Sum(of) => Sum(self.measure(of)),
            Avg(of) => Avg(self.measure(of)),
            Min(of) => Min(self.measure(of)),
            Max(of) => Max(self.measure(of)),
            Stddev(of) => Stddev(self.measure(of)),
            Percentile { of, p } => Percentile { of: self.measure(of), p },
        };
        let filter = aggregate.filter.map(|filter| self.filter(filter));
        Aggregate { function, filter, ..aggregate }
    }

    fn expr(&mut self, Expr { kind, at }: Expr) -> Expr {
        let kind = self.replaced(kind).unwrap_or_else(|kind| self.parts(kind));
        Expr { kind, at }
    }

    /// The same with its parts rewritten.
    fn parts(&mut self, kind: ExprKind) -> ExprKind {
        let mut boxed = |expr: Box<Expr>| Box::new(self.expr(*expr));
        match kind {
            ExprKind::Not(inner) => ExprKind::Not(boxed(inner)),
            ExprKind::Negate(inner) => ExprKind::Negate(boxed(inner)),
            ExprKind::And(left, right) => ExprKind::And(boxed(left), boxed(right)),
            ExprKind::Or(left, right) => ExprKind::Or(boxed(left), boxed(right)),
            ExprKind::Compare(operator, left, right) => {
                ExprKind::Compare(operator, boxed(left), boxed(right))
            }
            ExprKind::Arithmetic(operator, left, right) => {
                ExprKind::Arithmetic(operator, boxed(left), boxed(right))
            }
            ExprKind::In(item, values) => ExprKind::In(boxed(item), values),
            ExprKind::Regex { item, pattern, negated } => {
                ExprKind::Regex { item: boxed(item), pattern, negated }
            }
            ExprKind::Between(item, low, high) => ExprKind::Between(boxed(item), low, high),
            ExprKind::Call(function, arguments) => {
                ExprKind::Call(function, arguments.into_iter().map(|argument| self.expr(argument)).collect())
            }
            kind @ (ExprKind::Literal(_)
            | ExprKind::Field(_)
            | ExprKind::Aggregate(_)
            | ExprKind::Limit(_)
            | ExprKind::Earlier(_)) => kind,
        }
    }
}
