//! The columns that stand beside those of a span for its parent and its children.
//!
//! No file has them. The engine looks the parent up, evaluates over its row what each column is of, and adds the columns to
//! the batch of the child; the rule's expressions read them as they read any other. Texts repeat themselves, so that their
//! columns are dictionaries.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::rule::Kin;
use fluo_rules::trace::MAX_TRACE_DURATION;
use fluo_spans::schema::{columns, dictionary_type};

use crate::fields::{Fields, Located, first};

/// A column of what is known of a span's parent or children.
#[derive(Debug, Clone, PartialEq)]
pub struct KinColumn {
    /// Its name: columns of one name are the same in all rules.
    pub name: String,
    /// Parents and children are looked for among the spans that ended less than this before the span, and at most this
    /// after it; in nanoseconds.
    pub within: i64,
    /// Its value.
    pub of: KinValue,
}

/// The value of such a column.
#[derive(Debug, Clone, PartialEq)]
pub enum KinValue {
    /// A text of the parent, over the columns of the parent's file.
    Text(Expr),
    /// The parent's duration in nanoseconds.
    Duration,
    /// The part of the span's own duration in which none of its children ran, in nanoseconds.
    SelfTime,
}

const PARENT: &str = "parent.";

/// The type of a column that stands beside those of a span; `None` of any other.
pub fn kin_type(name: &str) -> Option<DataType> {
    let is =
        |what: &str| name.strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if is(Intrinsic::SelfTime.as_str()) || is(&format!("{PARENT}{}", columns::DURATION_NS)) {
        return Some(DataType::Int64);
    }
    name.starts_with(PARENT).then(dictionary_type)
}

/// The name of a column: rules that look for parents equally far share it.
fn column(what: &str, within: Kin) -> String {
    if within.within == MAX_TRACE_DURATION {
        what.to_owned()
    } else {
        format!("{what} within {}", within.within)
    }
}

fn of_attribute(scope: Scope, key: &str) -> String {
    format!("{PARENT}{}.{key}", scope.as_str())
}

impl Fields<'_> {
    /// The span's own time.
    pub(crate) fn self_time(&self) -> Located {
        Located::Duration(ident(self.kin_column(Intrinsic::SelfTime.as_str())))
    }

    /// A field of the parent.
    pub(crate) fn of_parent(&self, field: &Field) -> Located {
        if let Field::Attribute { scope, key } = field {
            let candidates = self.candidates(*scope, key);
            let columns =
                candidates.into_iter().map(|(scope, key)| self.kin_column(&of_attribute(scope, &key)));
            return Located::Attribute(columns.map(ident).collect());
        }
        let column = |what: &str| ident(self.kin_column(&format!("{PARENT}{what}")));
        match self.look_up(field) {
            Located::Duration(_) => Located::Duration(column(columns::DURATION_NS)),
            Located::Bool(_) => Located::Bool(column(&field.to_string()).eq(lit("true"))),
            _ => Located::Text(column(&field.to_string())),
        }
    }

    /// The columns that a field needs beside those of the span.
    pub(crate) fn kin_columns(&self, field: &Field) -> Vec<KinColumn> {
        let Some(kin) = self.kin else { return Vec::new() };
        let one = |what: &str, of| KinColumn { name: column(what, kin), within: kin.within.0, of };
        match field {
            Field::Intrinsic(Intrinsic::SelfTime) => {
                vec![one(Intrinsic::SelfTime.as_str(), KinValue::SelfTime)]
            }
            Field::Parent(field) => match (&**field, self.look_up(field)) {
                (Field::Attribute { scope, key }, _) => self
                    .candidates(*scope, key)
                    .into_iter()
                    .map(|(scope, key)| {
                        let value = self.attribute(scope, &key);
                        one(&of_attribute(scope, &key), KinValue::Text(first(vec![value])))
                    })
                    .collect(),
                (_, Located::Duration(_)) => {
                    vec![one(&format!("{PARENT}{}", columns::DURATION_NS), KinValue::Duration)]
                }
                (field, Located::Text(text) | Located::Bool(text)) => {
                    vec![one(&format!("{PARENT}{field}"), KinValue::Text(cast(text, DataType::Utf8)))]
                }
                (_, Located::Attribute(_) | Located::Items(_)) => Vec::new(),
            },
            Field::Attribute { .. } | Field::Intrinsic(_) => Vec::new(),
        }
    }

    fn kin_column(&self, what: &str) -> String {
        self.kin.map_or_else(|| what.to_owned(), |kin| column(what, kin))
    }
}
