//! Where a rule's fields lie in the span files of one layout.
//!
//! An attribute is a column in one layout and a map entry in another; it has one spelling in the rule and may have
//! others in the data. Both are decided here, so that nothing behind this file knows of layouts.

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::logical_expr::{Expr, cast, ident, lit};
use fluo_rules::expr::Comparison;
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::rule::Conventions;
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_spans::schema::columns;
use fluo_spans::semconv;

use crate::functions::{
    Compared, EventValue, ValueTest, compare_values, event_test, event_values, number_of,
};
use crate::sql::spelled;

/// Finds fields in the files of one layout.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// Which attributes have columns.
    pub layout: &'a Layout,
    /// Whether other spellings of an attribute count.
    pub conventions: Conventions,
    /// In what the tests of values are spelled.
    pub form: Form,
}

/// In what a test that SQL has no single word for is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Functions of fluo: precise and fast; what is evaluated.
    Functions,
    /// SQL's own functions: what people read, and can run elsewhere.
    Sql,
}

/// A field's value as an expression over the columns.
#[derive(Debug, Clone)]
pub(crate) enum Located {
    /// Attribute text: the first of these that is not null. May be a JSON array.
    Attribute(Vec<Expr>),
    /// Text that is never read as an array.
    Text(Expr),
    /// Nanoseconds.
    Duration(Expr),
    /// A boolean.
    Bool(Expr),
}

impl Fields<'_> {
    /// The spellings under which an attribute of the rule is looked up: its own, then others, newest first.
    pub fn spellings(&self, key: &str) -> Vec<String> {
        match self.conventions {
            Conventions::Exact => vec![key.to_owned()],
            Conventions::Renamed => semconv::spellings(key),
        }
    }

    /// The field's value over the columns of the span files.
    pub(crate) fn look_up(&self, field: &Field) -> Located {
        let text = |column: &str| Located::Text(ident(column));
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
                Intrinsic::Root => Located::Bool(ident(columns::PARENT_SPAN_ID).is_null()),
                Intrinsic::EventName => Located::Attribute(vec![self.event_values(EventValue::Name)]),
            },
            Field::Attribute { scope: Scope::Event, key } => {
                let value = EventValue::Attribute(self.spellings(key));
                Located::Attribute(vec![self.event_values(value)])
            }
            Field::Attribute { scope, key } => {
                // The conventions rename attributes of spans, resources and events, not of instrumentation scopes.
                let spellings = match scope {
                    Scope::Scope => vec![key.clone()],
                    _ => self.spellings(key),
                };
                let scopes: &[Scope] = match scope {
                    Scope::Either => &[Scope::Span, Scope::Resource],
                    scope => std::slice::from_ref(scope),
                };
                let candidates =
                    scopes.iter().flat_map(|scope| spellings.iter().map(|key| self.attribute(*scope, key)));
                Located::Attribute(candidates.collect())
            }
        }
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
            Located::Text(text) => cast(text, DataType::Utf8),
            Located::Duration(nanos) => cast(nanos, DataType::Utf8),
            Located::Bool(bool) => cast(bool, DataType::Utf8),
        }
    }

    /// The test of the first candidate that has a value.
    pub(crate) fn value_test(&self, test: ValueTest, candidates: Vec<Expr>) -> Expr {
        match self.form {
            Form::Functions => test.call(candidates),
            Form::Sql => spelled::value_test(&test, candidates),
        }
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

    /// Whether one event satisfies all tests.
    pub(crate) fn event_test(&self, tests: Vec<(EventValue, ValueTest)>) -> Expr {
        match self.form {
            Form::Functions => event_test(ident(columns::EVENTS), tests),
            Form::Sql => spelled::event_test(&tests),
        }
    }

    fn event_values(&self, value: EventValue) -> Expr {
        match self.form {
            Form::Functions => event_values(ident(columns::EVENTS), value),
            Form::Sql => spelled::event_values(&value),
        }
    }

    fn attribute(&self, scope: Scope, key: &str) -> Expr {
        let (promoted, map) = match scope {
            Scope::Resource => {
                (self.layout.column(AttributeScope::Resource, key), columns::RESOURCE_ATTRIBUTES)
            }
            Scope::Scope => (None, columns::SCOPE_ATTRIBUTES),
            Scope::Span | Scope::Either | Scope::Event => {
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
    datafusion::functions::encoding::expr_fn::encode(cast(id, DataType::Binary), lit("hex"))
}
