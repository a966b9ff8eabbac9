//! The places of a rule's fields in the span files of one layout.
//!
//! An attribute is a column in one layout and a map entry in another; it has one spelling in the rule and may have
//! others in the data. Both are decided here, so that nothing behind this file knows of layouts.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::logical_expr::{Expr, cast, ident, lit};
use fluo_rules::expr::Comparison;
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::limits::{Limit, Limits};
use fluo_rules::rule::{Conventions, Kin, Rule};
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_spans::schema::columns;
use fluo_spans::semconv;

use crate::error::PlanError;
use crate::form::Form;
use crate::functions::{
    Compared, ItemValue, ValueTest, compare_values, has_row, item_test, item_values, limit_of, number_of,
};
use crate::operators::literal;
use crate::spelled;

/// Finds fields in the files of one layout.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// The layout of the files, which says of attributes that have columns.
    pub layout: &'a Layout,
    /// The rule for other spellings of an attribute: they count or they do not.
    pub conventions: Conventions,
    /// In what the tests of values are spelled.
    pub form: Form,
    /// Of a rule that asks for the parents or children of spans.
    pub kin: Option<Kin>,
    /// Of a rule with limits by group.
    pub(crate) limits: Option<ByGroup<'a>>,
}

/// Limits, and the fields that spans are grouped by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByGroup<'a> {
    pub(crate) limits: &'a Arc<Limits>,
    pub(crate) keys: &'a [Field],
}

/// A field's value as an expression over the columns.
#[derive(Debug, Clone)]
pub(crate) enum Located {
    /// Attribute text: the first of these that is not null. May be a JSON array.
    Attribute(Vec<Expr>),
    /// A value of each of the span's events or links.
    Items(Items),
    /// Text that is never read as an array.
    Text(Expr),
    /// Nanoseconds.
    Duration(Expr),
    /// A boolean.
    Bool(Expr),
}

/// A value of each of a span's events or links.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    /// The column that holds them.
    pub(crate) column: &'static str,
    pub(crate) value: ItemValue,
}

/// The input of a test of a field's value.
#[derive(Debug, Clone)]
pub(crate) enum Tested {
    /// The first of these texts that is not null; whether it may be an array.
    Text(Vec<Expr>, bool),
    /// A value of each event or link, of which one must do.
    Items(Items),
}

impl<'a> Fields<'a> {
    /// Those of a rule, in files of a layout. `keys`: what its rows are grouped by.
    pub(crate) fn of(rule: &'a Rule, keys: &'a [Field], layout: &'a Layout, form: Form) -> Self {
        let limits = rule.limits.as_ref().map(|limits| ByGroup { limits, keys });
        Self { layout, conventions: rule.conventions, form, kin: rule.kin, limits }
    }
}

impl Fields<'_> {
    /// The limit called `name` of the group that a span is in.
    pub(crate) fn limit(&self, limit: &Limit) -> Result<Expr, PlanError> {
        let misplaced = || PlanError::Misplaced(limit.name.clone());
        let ByGroup { limits, keys } = self.limits.ok_or_else(misplaced)?;
        let place = limits.place(&limit.name).ok_or_else(misplaced)?;
        Ok(match self.form {
            Form::Functions if keys.is_empty() => {
                let value = limits.row_of(&[]).and_then(|row| row.values.get(place)?.as_ref());
                value.map_or(lit(ScalarValue::Int64(None)), literal)
            }
            Form::Functions => limit_of(limits, place, self.group_texts()),
            // Printed SQL looks limits up once, under their names.
            Form::Sql => ident(&limit.name),
        })
    }

    /// Returns an expression that says whether the group that a span is in has limits; none where every group has.
    pub(crate) fn has_limits(&self) -> Option<Expr> {
        let ByGroup { limits, .. } = self.limits?;
        (!limits.is_for_all()).then(|| has_row(limits, self.group_texts()))
    }

    /// The texts of the keys by which limits are looked up. Dictionaries stay dictionaries.
    fn group_texts(&self) -> Vec<Expr> {
        let text = |field: &Field| match self.locate(field) {
            Located::Attribute(mut candidates) if candidates.len() == 1 => candidates.swap_remove(0),
            Located::Text(text) => text,
            _ => self.text(field),
        };
        self.limits.map_or(&[][..], |limits| limits.keys).iter().map(text).collect()
    }

    /// The spellings under which an attribute of the rule is looked up: its own, then others, newest first.
    pub fn spellings(&self, scope: Scope, key: &str) -> Vec<String> {
        match (self.conventions, scope) {
            // The conventions rename attributes of spans, resources and events, not of links and instrumentation scopes.
            (Conventions::Exact, _) | (_, Scope::Scope | Scope::Link) => vec![key.to_owned()],
            (Conventions::Renamed, _) => semconv::spellings(key),
        }
    }

    /// The field's value over the columns of the span files.
    pub(crate) fn look_up(&self, field: &Field) -> Located {
        let text = |column: &str| Located::Text(ident(column));
        let items = |column, value| Located::Items(Items { column, value });
        match field {
            Field::Intrinsic(intrinsic) => match intrinsic {
                Intrinsic::Name => text(columns::NAME),
                Intrinsic::Kind => text(columns::KIND),
                Intrinsic::Status => text(columns::STATUS),
                Intrinsic::StatusMessage => text(columns::STATUS_MESSAGE),
                Intrinsic::ServiceName => text(columns::SERVICE_NAME),
                Intrinsic::ScopeName => text(columns::SCOPE_NAME),
                Intrinsic::ScopeVersion => text(columns::SCOPE_VERSION),
                Intrinsic::TraceId => Located::Text(hex(ident(columns::TRACE_ID))),
                Intrinsic::SpanId => Located::Text(hex(ident(columns::SPAN_ID))),
                Intrinsic::Duration => Located::Duration(ident(columns::DURATION_NS)),
                Intrinsic::SelfTime => self.self_time(),
                Intrinsic::Root => Located::Bool(ident(columns::PARENT_SPAN_ID).is_null()),
                Intrinsic::EventName => items(columns::EVENTS, ItemValue::Text("name")),
                Intrinsic::LinkTraceId => items(columns::LINKS, ItemValue::Id("trace_id")),
                Intrinsic::LinkSpanId => items(columns::LINKS, ItemValue::Id("span_id")),
            },
            Field::Attribute { scope: scope @ (Scope::Event | Scope::Link), key } => {
                let column = if *scope == Scope::Event { columns::EVENTS } else { columns::LINKS };
                items(column, ItemValue::Attribute(self.spellings(*scope, key)))
            }
            Field::Attribute { scope, key } => {
                let candidates = self.candidates(*scope, key);
                Located::Attribute(
                    candidates.iter().map(|(scope, key)| self.attribute(*scope, key)).collect(),
                )
            }
            Field::Parent(field) => self.of_parent(field),
        }
    }

    /// The places of an attribute, one after the other.
    pub(crate) fn candidates(&self, scope: Scope, key: &str) -> Vec<(Scope, String)> {
        let spellings = self.spellings(scope, key);
        let scopes: &[Scope] = match scope {
            Scope::Either => &[Scope::Span, Scope::Resource],
            _ => std::slice::from_ref(&scope),
        };
        scopes.iter().flat_map(|scope| spellings.iter().map(|key| (*scope, key.clone()))).collect()
    }

    /// The field's value in this form: printed SQL looks attributes up once, under the field's name.
    pub(crate) fn locate(&self, field: &Field) -> Located {
        match (self.form, self.look_up(field)) {
            (Form::Sql, Located::Attribute(_)) => Located::Attribute(vec![ident(field.to_string())]),
            (_, located) => located,
        }
    }

    /// The field's canonical text: group keys and distinct values.
    pub(crate) fn text(&self, field: &Field) -> Expr {
        match self.locate(field) {
            Located::Attribute(candidates) if self.form == Form::Sql => spelled::first(candidates),
            Located::Attribute(candidates) => first(candidates),
            Located::Items(items) => self.item_values(&items),
            Located::Text(text) => cast(text, DataType::Utf8),
            Located::Duration(nanos) => cast(nanos, DataType::Utf8),
            Located::Bool(bool) => cast(bool, DataType::Utf8),
        }
    }

    /// The test of what `tested` reads; `of` makes it, given whether a value may be an array.
    pub(crate) fn value_test(
        &self,
        tested: Tested,
        of: impl FnOnce(bool) -> Result<ValueTest, PlanError>,
    ) -> Result<Expr, PlanError> {
        Ok(match (tested, self.form) {
            (Tested::Text(candidates, arrays), Form::Functions) => of(arrays)?.call(candidates),
            (Tested::Text(candidates, arrays), Form::Sql) => spelled::value_test(&of(arrays)?, candidates),
            (Tested::Items(Items { column, value }), _) => {
                let test = of(value.may_be_array())?;
                // Missing is what no item has; an item without the value has no part in any other test.
                if test.missing {
                    Expr::Not(Box::new(self.item_test(column, vec![(value, ValueTest::presence())])))
                } else {
                    self.item_test(column, vec![(value, test)])
                }
            }
        })
    }

    /// The number that a text stands for.
    pub(crate) fn number_of(&self, text: Expr) -> Expr {
        match self.form {
            Form::Functions => number_of(text),
            Form::Sql => spelled::number_of(text),
        }
    }

    /// `left op right` by meaning.
    pub(crate) fn compare_values(&self, op: Comparison, left: Compared, right: Compared) -> Expr {
        match self.form {
            Form::Functions => compare_values(op, left, right),
            Form::Sql => spelled::compare_values(op, left, right),
        }
    }

    /// Returns whether one item of the column satisfies all tests.
    pub(crate) fn item_test(&self, column: &'static str, tests: Vec<(ItemValue, ValueTest)>) -> Expr {
        match self.form {
            Form::Functions => item_test(ident(column), tests),
            Form::Sql => spelled::item_test(column, &tests),
        }
    }

    /// The values of all items, as the text of an array.
    pub(crate) fn item_values(&self, items: &Items) -> Expr {
        match self.form {
            Form::Functions => item_values(ident(items.column), items.value.clone()),
            Form::Sql => spelled::item_values(items.column, &items.value),
        }
    }

    pub(crate) fn attribute(&self, scope: Scope, key: &str) -> Expr {
        let (promoted, map) = match scope {
            Scope::Resource => {
                (self.layout.column(AttributeScope::Resource, key), columns::RESOURCE_ATTRIBUTES)
            }
            Scope::Scope => (None, columns::SCOPE_ATTRIBUTES),
            Scope::Span | Scope::Either | Scope::Event | Scope::Link => {
                (self.layout.column(AttributeScope::Span, key), columns::ATTRIBUTES)
            }
        };
        match promoted {
            Some(column) => ident(column),
            None if key == "service.name" && scope == Scope::Resource => ident(columns::SERVICE_NAME),
            None => get_field(ident(map), key),
        }
    }
}

/// The first value that is not null, as plain text.
pub(crate) fn first(mut candidates: Vec<Expr>) -> Expr {
    for candidate in &mut candidates {
        let text = std::mem::take(candidate);
        *candidate = cast(text, DataType::Utf8);
    }
    if candidates.len() == 1 { candidates.swap_remove(0) } else { coalesce(candidates) }
}

/// An id column as people see it.
fn hex(id: Expr) -> Expr {
    datafusion::functions::encoding::expr_fn::encode(id, lit("hex"))
}
