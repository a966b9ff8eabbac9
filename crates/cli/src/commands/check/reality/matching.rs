//! Tells whether a span of an operation may be selected. Everything that is not known may be so.

use fluo_rules::expr::{Comparison, Expr, ExprKind, compile_pattern};
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Matcher, Test, Value};
use fluo_rules::rule::{Conventions, Selector};
use fluo_suggest::{FewValues, Operation, OperationProfile};

use super::known::{owners, spelled};

/// An operation, as a selection sees it.
#[derive(Clone, Copy)]
pub(super) struct Spans<'a> {
    pub(super) operation: &'a Operation,
    pub(super) profile: &'a OperationProfile,
    pub(super) conventions: Conventions,
}

impl<'a> Spans<'a> {
    /// Returns whether one of the spans may be selected.
    pub(super) fn may_be(self, selector: &Selector) -> bool {
        match selector {
            Selector::All(all) => all.iter().all(|one| self.may_be(one)),
            Selector::Any(any) => any.iter().any(|one| self.may_be(one)),
            Selector::Not(inner) => !self.must_be(inner),
            Selector::Match(field, matcher) => self.may_match(field, matcher),
            Selector::Event { name, attributes } => {
                let names = name
                    .as_ref()
                    .is_none_or(|name| may(&self.profile.events, |text| holds(name, Some(text))));
                let of_event = |(key, matcher): &(String, Matcher)| {
                    self.may_match(&Field::Attribute { scope: Scope::Event, key: key.clone() }, matcher)
                };
                !matches!(&self.profile.events, FewValues::Few(few) if few.is_empty())
                    && names
                    && attributes.iter().all(of_event)
            }
            Selector::Where(expr) => self.may_hold(expr),
        }
    }

    /// Returns whether all of them are selected, as far as service, name and kind tell.
    fn must_be(self, selector: &Selector) -> bool {
        match selector {
            Selector::All(all) => all.iter().all(|one| self.must_be(one)),
            Selector::Any(any) => any.iter().any(|one| self.must_be(one)),
            Selector::Match(Field::Intrinsic(field), matcher) => self.own(*field, matcher) == Some(true),
            _ => false,
        }
    }

    /// Returns whether a matcher holds of a field that all its spans have alike; none for other fields.
    fn own(&self, field: Intrinsic, matcher: &Matcher) -> Option<bool> {
        let text = match field {
            Intrinsic::ServiceName => self.operation.service.as_deref(),
            Intrinsic::Name => Some(self.operation.name.as_str()),
            Intrinsic::Kind => Some(self.operation.kind.as_str()),
            _ => return None,
        };
        Some(holds(matcher, text))
    }

    fn may_match(self, field: &Field, matcher: &Matcher) -> bool {
        match field {
            Field::Intrinsic(Intrinsic::Status) => {
                self.profile.statuses.keys().any(|status| holds(matcher, Some(status)))
            }
            Field::Intrinsic(Intrinsic::EventName) => {
                may(&self.profile.events, |text| holds(matcher, Some(text)))
            }
            Field::Intrinsic(field) => self.own(*field, matcher).unwrap_or(true),
            Field::Attribute { scope: Scope::Link, .. } | Field::Parent(_) => true,
            Field::Attribute { scope, key } => {
                let found = self.attributes(*scope, key);
                let lacks =
                    found.iter().map(|(spans, _)| spans).max().is_none_or(|most| *most < self.profile.spans);
                (lacks && holds(matcher, None))
                    || found.iter().any(|(_, values)| may(values, |text| holds(matcher, Some(text))))
            }
        }
    }

    /// The number of spans that have an attribute, and its values; under each name that stands for it.
    pub(super) fn attributes(self, scope: Scope, key: &str) -> Vec<(u64, &'a FewValues)> {
        let mut found = Vec::new();
        for key in spelled(key, self.conventions) {
            for owner in owners(scope) {
                if let Some(attribute) = self.profile.attributes.get(&(*owner, key.clone())) {
                    found.push((attribute.spans, &attribute.values));
                }
            }
        }
        found
    }

    /// Returns whether an expression may hold of a span.
    fn may_hold(self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::And(one, other) => self.may_hold(one) && self.may_hold(other),
            ExprKind::Or(one, other) => self.may_hold(one) || self.may_hold(other),
            ExprKind::Compare(operator, left, right) => match (&left.kind, &right.kind) {
                (ExprKind::Field(field), ExprKind::Literal(value))
                | (ExprKind::Literal(value), ExprKind::Field(field)) => match operator {
                    Comparison::Eq => self.may_be_one_of(field, std::slice::from_ref(value)),
                    _ => self.may_have(field),
                },
                _ => self.may_have_all(expr),
            },
            ExprKind::In(item, values) => match &item.kind {
                ExprKind::Field(field) => self.may_be_one_of(field, values),
                _ => self.may_have_all(expr),
            },
            ExprKind::Regex { .. } | ExprKind::Between(..) => self.may_have_all(expr),
            _ => true,
        }
    }

    fn may_be_one_of(self, field: &Field, values: &[Value]) -> bool {
        self.may_match(field, &Matcher { tests: vec![Test::In(values.to_vec())] })
    }

    fn may_have(self, field: &Field) -> bool {
        self.may_match(field, &Matcher { tests: vec![Test::Exists(true)] })
    }

    fn may_have_all(self, expr: &Expr) -> bool {
        // Of several fields one may do: `coalesce` takes the first that is there.
        let fields = expr.fields();
        fields.is_empty() || fields.into_iter().any(|field| self.may_have(field))
    }
}

/// Returns whether one of some values may be so; those that are too many may.
pub(super) fn may(values: &FewValues, is: impl Fn(&str) -> bool) -> bool {
    match values {
        // The text of a list is not taken apart here.
        FewValues::Few(few) => few.keys().any(|text| text.starts_with('[') || is(text)),
        FewValues::Many => true,
    }
}

/// Returns whether a matcher holds of a text, or of none.
fn holds(matcher: &Matcher, text: Option<&str>) -> bool {
    matcher.tests.iter().all(|test| test_holds(test, text))
}

fn test_holds(test: &Test, text: Option<&str>) -> bool {
    let Some(text) = text else { return *test == Test::Exists(false) };
    let number = |value: &Value, is: fn(f64, f64) -> bool| match (value, text.trim().parse::<f64>()) {
        (Value::Number(number), Ok(own)) => is(own, number.as_f64()),
        // Durations are of what is not known here.
        (Value::Duration(_), _) => true,
        _ => false,
    };
    match test {
        Test::Eq(value) => is_equal(value, text),
        Test::Ne(value) => !is_equal(value, text),
        Test::Gt(value) => number(value, |own, other| own > other),
        Test::Gte(value) => number(value, |own, other| own >= other),
        Test::Lt(value) => number(value, |own, other| own < other),
        Test::Lte(value) => number(value, |own, other| own <= other),
        Test::In(values) => values.iter().any(|value| is_equal(value, text)),
        Test::NotIn(values) => !values.iter().any(|value| is_equal(value, text)),
        Test::Contains(part) => text.contains(part.as_str()),
        Test::StartsWith(part) => text.starts_with(part.as_str()),
        Test::EndsWith(part) => text.ends_with(part.as_str()),
        Test::Matches(pattern) => compile_pattern(pattern).is_ok_and(|pattern| pattern.is_match(text)),
        Test::Exists(is_there) => *is_there,
    }
}

fn is_equal(value: &Value, text: &str) -> bool {
    match value {
        Value::Text(own) => own == text,
        Value::Bool(own) => own.to_string() == text,
        #[expect(clippy::float_cmp, reason = "numbers are compared as rules compare them")]
        Value::Number(own) => text.trim().parse::<f64>().is_ok_and(|number| number == own.as_f64()),
        Value::Duration(_) => true,
    }
}
