//! The terms that a selection names: services, names, attributes and values, each with what its absence means.

use fluo_rules::expr::{Comparison, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Matcher, Test, Value};
use fluo_rules::rule::Selector;

/// Something that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Service(String),
    Name(String),
    Key(Scope, String),
    Value(Scope, String, String),
    Event(String),
}

/// The consequence where it does not occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// No span is selected.
    Needed,
    /// It is one of several: nothing follows.
    Other,
    /// It must not be there.
    Not,
}

impl Role {
    /// The role of something that stands beside others of which one will do.
    fn of_several(self) -> Self {
        if self == Self::Needed { Self::Other } else { self }
    }
}

impl What {
    /// The text that is named.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Service(text) | Self::Name(text) | Self::Event(text) => text,
            Self::Key(_, key) => key,
            Self::Value(_, _, value) => value,
        }
    }
}

/// Something that is named, and what follows where it does not occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) what: What,
    pub(super) role: Role,
    /// It is said of a span's parent.
    pub(super) of_parent: bool,
}

/// Everything that a selection names.
pub(super) fn of_selector(selector: &Selector) -> Vec<Term> {
    let mut terms = Vec::new();
    in_selector(selector, Role::Needed, &mut terms);
    terms
}

/// Everything that an expression names.
pub(super) fn of_expr(expr: &Expr, role: Role) -> Vec<Term> {
    let mut terms = Vec::new();
    in_expr(expr, role, &mut terms);
    terms
}

/// A field, as an aggregate or a group key asks for it.
pub(super) fn of_field(field: &Field) -> Vec<Term> {
    let mut terms = Vec::new();
    in_field(field, Role::Needed, false, &mut terms);
    terms
}

fn in_selector(selector: &Selector, role: Role, terms: &mut Vec<Term>) {
    match selector {
        Selector::All(all) => all.iter().for_each(|one| in_selector(one, role, terms)),
        Selector::Any(any) => {
            let role = if any.len() == 1 { role } else { role.of_several() };
            for one in any {
                in_selector(one, role, terms);
            }
        }
        Selector::Not(inner) => in_selector(inner, Role::Not, terms),
        Selector::Match(field, matcher) => in_match(field, matcher, role, false, terms),
        Selector::Event { name, attributes } => {
            for value in name.iter().flat_map(literals) {
                terms.push(Term { what: What::Event(value.0), role, of_parent: false });
            }
            for (key, matcher) in attributes {
                let field = Field::Attribute { scope: Scope::Event, key: key.clone() };
                in_match(&field, matcher, role, false, terms);
            }
        }
        Selector::Where(expr) => in_expr(expr, role, terms),
    }
}

fn in_match(field: &Field, matcher: &Matcher, role: Role, of_parent: bool, terms: &mut Vec<Term>) {
    if let Field::Parent(field) = field {
        return in_match(field, matcher, role, true, terms);
    }
    let asks_for_none = matcher.tests.iter().any(|test| matches!(test, Test::Exists(false)));
    in_field(field, if asks_for_none { Role::Not } else { role }, of_parent, terms);
    for (text, own) in literals(matcher) {
        let role = match own {
            Role::Needed => role,
            Role::Other => role.of_several(),
            Role::Not => Role::Not,
        };
        let what = match field {
            Field::Intrinsic(Intrinsic::ServiceName) => What::Service(text),
            Field::Intrinsic(Intrinsic::Name) => What::Name(text),
            Field::Intrinsic(Intrinsic::EventName) => What::Event(text),
            Field::Attribute { scope, key } => What::Value(*scope, key.clone(), text),
            _ => continue,
        };
        terms.push(Term { what, role, of_parent });
    }
}

fn in_field(field: &Field, role: Role, of_parent: bool, terms: &mut Vec<Term>) {
    match field {
        Field::Parent(field) => in_field(field, role, true, terms),
        Field::Attribute { scope, key } if *scope != Scope::Link => {
            terms.push(Term { what: What::Key(*scope, key.clone()), role, of_parent });
        }
        _ => {}
    }
}

/// The texts that a matcher compares with.
fn literals(matcher: &Matcher) -> Vec<(String, Role)> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let of_test = |test: &Test| -> Vec<(String, Role)> {
        match test {
            Test::Eq(value) => text(value).into_iter().map(|text| (text, Role::Needed)).collect(),
            Test::Ne(value) => text(value).into_iter().map(|text| (text, Role::Not)).collect(),
            Test::In(values) => {
                let role = if values.len() == 1 { Role::Needed } else { Role::Other };
                values.iter().filter_map(text).map(|text| (text, role)).collect()
            }
            Test::NotIn(values) => values.iter().filter_map(text).map(|text| (text, Role::Not)).collect(),
            _ => Vec::new(),
        }
    };
    matcher.tests.iter().flat_map(of_test).collect()
}

fn in_expr(expr: &Expr, role: Role, terms: &mut Vec<Term>) {
    match &expr.kind {
        ExprKind::And(one, other) => {
            in_expr(one, role, terms);
            in_expr(other, role, terms);
        }
        ExprKind::Or(one, other) => {
            in_expr(one, role.of_several(), terms);
            in_expr(other, role.of_several(), terms);
        }
        ExprKind::Not(inner) => in_expr(inner, Role::Not, terms),
        ExprKind::Compare(operator, left, right) => {
            if let (ExprKind::Field(field), ExprKind::Literal(value))
            | (ExprKind::Literal(value), ExprKind::Field(field)) = (&left.kind, &right.kind)
            {
                let test = match operator {
                    Comparison::Eq => Test::Eq(value.clone()),
                    Comparison::Ne => Test::Ne(value.clone()),
                    _ => Test::Exists(true),
                };
                in_match(field, &Matcher { tests: vec![test] }, role, false, terms);
            } else {
                expr.fields().into_iter().for_each(|field| in_field(field, Role::Other, false, terms));
            }
        }
        ExprKind::In(item, values) => {
            if let ExprKind::Field(field) = &item.kind {
                let matcher = Matcher { tests: vec![Test::In(values.clone())] };
                in_match(field, &matcher, role, false, terms);
            }
        }
        _ => expr.fields().into_iter().for_each(|field| in_field(field, Role::Other, false, terms)),
    }
}
