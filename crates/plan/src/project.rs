//! What a rule needs of each span, as expressions over the columns of one layout.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Expr, ident, lit};
use fluo_rules::duration::Nanos;
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::AggregateFunction;
use fluo_spans::layout::Layout;
use fluo_spans::schema::{columns, time_type};

use crate::error::PlanError;
use crate::fields::{Fields, Form};
use crate::rule_plan::{RulePlan, TimeRange};

/// What a rule needs of each span.
#[derive(Debug, Clone)]
pub struct Projection {
    /// Booleans that are all true of a selected span. Null counts as false.
    pub selector: Vec<Expr>,
    /// Texts of the group keys.
    pub groups: Vec<Expr>,
    /// The inputs of the aggregates, in the order of [`RulePlan::aggregates`].
    pub inputs: Vec<Input>,
    /// Texts of the keys of which the commonest values are told.
    pub top: Vec<Expr>,
}

/// The input of an aggregate from each selected span.
#[derive(Debug, Clone)]
pub struct Input {
    /// Booleans that are all true of a span that takes part. Null counts as false.
    pub filter: Vec<Expr>,
    /// Its value, of an aggregate that takes one. A span without one takes no part.
    pub value: Option<Value>,
}

/// The value that an aggregate takes of a span.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nanoseconds (`Int64`).
    Nanos(Expr),
    /// A number (`Float64`).
    Number(Expr),
    /// A text.
    Text(Expr),
}

/// What must all be true for a boolean to be.
fn all(expr: Expr) -> Vec<Expr> {
    split_conjunction_owned(expr).into_iter().filter(|expr| *expr != lit(true)).collect()
}

/// Returns whether the field is the span's duration, which is summed up in whole nanoseconds.
pub fn is_duration(field: &Field) -> bool {
    *field == Field::Intrinsic(Intrinsic::Duration)
}

impl Value {
    fn expr(&self) -> &Expr {
        match self {
            Self::Nanos(expr) | Self::Number(expr) | Self::Text(expr) => expr,
        }
    }
}

impl Projection {
    /// What is read, selected and summed up, line by line, for people.
    pub fn describe(&self, plan: &RulePlan) -> String {
        let mut columns: BTreeSet<String> = self
            .expressions()
            .flat_map(|expr| expr.column_refs().into_iter().map(|column| column.name.clone()))
            .collect();
        columns.insert(columns::END_TIME.to_owned());
        let mut lines = vec![format!("columns: {}", columns.into_iter().collect::<Vec<_>>().join(", "))];
        lines.extend(self.selector.iter().map(|expr| format!("selected: {expr}")));
        let keys = plan.rule().group_by.iter().zip(&self.groups);
        lines.extend(keys.map(|(key, expr)| format!("group {}: {expr}", key.key)));
        for (aggregate, Input { filter, value }) in plan.aggregates().zip(&self.inputs) {
            let value =
                value.as_ref().map_or_else(|| "every span".to_owned(), |value| value.expr().to_string());
            let filter: Vec<String> = filter.iter().map(|expr| format!(", where {expr}")).collect();
            lines.push(format!("sum {}: {value}{}", aggregate.name, filter.concat()));
        }
        let (window, gap) = (plan.rule().window, plan.gap());
        lines.push(if plan.judging().is_exact() {
            format!("windows: of {window}, one that ends with each selected span")
        } else {
            format!("windows: of {window}, one every {gap}, of panes of {}", Nanos(plan.pane()))
        });
        lines.join("\n")
    }

    /// All of its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let inputs = self
            .inputs
            .iter()
            .flat_map(|Input { filter, value }| filter.iter().chain(value.iter().map(Value::expr)));
        self.selector.iter().chain(&self.groups).chain(inputs).chain(&self.top)
    }
}

impl RulePlan {
    /// Returns what the rule needs of each span in files of this layout.
    pub fn projection(&self, layout: &Layout) -> Result<Projection, PlanError> {
        let rule = self.rule();
        let fields = Fields { layout, conventions: rule.conventions, form: Form::Functions };
        let inputs = self.aggregates().map(|aggregate| {
            let filter = aggregate.filter.as_ref().map(|filter| fields.filter(filter)).transpose()?;
            let value = aggregate.function.field().map(|field| match aggregate.function {
                AggregateFunction::CountDistinct(_) => Value::Text(fields.text(field)),
                _ if is_duration(field) => Value::Nanos(ident(columns::DURATION_NS)),
                _ => Value::Number(fields.number(field)),
            });
            Ok(Input { filter: filter.map(all).unwrap_or_default(), value })
        });
        Ok(Projection {
            selector: all(fields.selector(&rule.selector)?),
            groups: rule.group_by.iter().map(|key| fields.text(&key.field)).collect(),
            inputs: inputs.collect::<Result<_, PlanError>>()?,
            top: rule.top.iter().map(|key| fields.text(&key.field)).collect(),
        })
    }
}

/// Returns whether a span ended in one of the ranges, as an expression over the columns of spans.
pub fn ended_within(ranges: &[TimeRange]) -> Expr {
    let DataType::Timestamp(_, zone) = time_type() else { return lit(true) };
    let time = |nanos| lit(ScalarValue::TimestampNanosecond(Some(nanos), zone.clone()));
    let one = |range: &TimeRange| {
        let end = || ident(columns::END_TIME);
        end().gt_eq(time(range.from)).and(end().lt_eq(time(range.to)))
    };
    ranges.iter().map(one).reduce(Expr::or).unwrap_or_else(|| lit(false))
}
